#include "numeric/gemm/gemm.h"
#include "numeric/canon.h"

#include <string.h>

/* A panel of a stays in the first cache while panels of b stream from the second, where a chunk of the tile's b lies.
 * Columns enough to repay packing a panel of a; rows enough to repay packing b where it could be walked. A stride that
 * is a multiple of the page puts all rows of a panel into the same few places of every cache. */
enum { TILE_COLS = 512, TILE_PANELS = 144, A_STEP = 16, A_PANELS = 8, PACK_DEPTH = 16 };
enum { A_COLS_MIN = 128, B_PANELS_MIN = 30, B_PANELS_MIN_PAGED = 4, PAGE_FLOATS = 1024 };

static uint32_t ceil_div(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }
static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* A length cut into equal pieces of whole `unit`s, none longer than `most` (a multiple of unit). */
static uint32_t even_piece(uint32_t length, uint32_t most, uint32_t unit) {
  uint32_t pieces = ceil_div(length, most);
  return ceil_div(ceil_div(length, pieces), unit) * unit;
}

enum gemm_status gemm_plan(struct gemm_plan *plan, const struct backend *backend, const struct gemm *product,
                           uint32_t threads) {
  const struct gemm *g = product;
  if (!g->m || !g->n || !g->k || !g->batch || !threads || g->k > GEMM_K_MAX) return GEMM_ERR_SHAPE;
  struct gemm_plan p = {.backend = backend, .product = *g};
  p.tile_cols = even_piece(g->n, TILE_COLS, backend->dot_cols);
  p.tile_rows = even_piece(g->m, TILE_PANELS * backend->dot_rows, backend->dot_rows);
  p.tiles_across = ceil_div(g->n, p.tile_cols);
  p.tiles_down = ceil_div(g->m, p.tile_rows);
  if (threads > 1) {
    uint32_t want = 4 * threads;
    while ((uint64_t)p.tiles_down * p.tiles_across * g->batch < want && p.tile_rows > 4 * backend->dot_rows) {
      p.tile_rows = even_piece(g->m, p.tile_rows / 2 / backend->dot_rows * backend->dot_rows, backend->dot_rows);
      p.tiles_down = ceil_div(g->m, p.tile_rows);
    }
  }
  p.tiles_count = (uint64_t)p.tiles_down * p.tiles_across * g->batch;
  uint32_t panels = ceil_div(p.tile_rows, backend->dot_rows);
  p.pack_a = g->a_k != 1 || p.tile_cols >= A_COLS_MIN;
  p.pack_b = g->b_col != 1 || panels >= (g->b_k % PAGE_FLOATS ? B_PANELS_MIN : B_PANELS_MIN_PAGED);
  p.scratch_bytes = sizeof(float) * CANON_CHUNK * ((p.pack_b ? p.tile_cols : 0) + (p.pack_a ? A_STEP * A_PANELS : 0));
  *plan = p;
  return GEMM_OK;
}

/* A row of b in pieces of `width`, each to its panel. The sizes are spelled out so that a copy is a few instructions.
 */
static inline __attribute__((always_inline)) void spread_row(uint32_t cols, uint32_t width, const float *row, float *to,
                                                             size_t panel) {
  uint32_t j = 0;
  for (; j + width <= cols; j += width, to += panel) memcpy(to, row + j, width * sizeof *row);
  if (j < cols) memcpy(to, row + j, (cols - j) * sizeof *row);
}

/* Where columns lie side by side, memory is read row by row in long pieces, which is what prefetchers follow. */
static void pack_b(const struct gemm_plan *plan, uint32_t depth, uint32_t cols, const float *b, float *panels) {
  const struct gemm *g = &plan->product;
  const uint32_t width = plan->backend->dot_cols;
  const size_t panel = (size_t)width * depth;
  if (g->b_col == 1) {
    for (uint32_t p = 0; p < depth; p++, b += g->b_k, panels += width) {
      if (width == 32)
        spread_row(cols, 32, b, panels, panel);
      else if (width == 16)
        spread_row(cols, 16, b, panels, panel);
      else
        spread_row(cols, width, b, panels, panel);
    }
    return;
  }
  for (uint32_t j = 0; j < cols; j += width)
    plan->backend->dot_pack(depth, least(cols - j, width), b + (ptrdiff_t)j * g->b_col, g->b_k, g->b_col,
                            panels + (size_t)j * depth, width);
}

/* First row of a panel: rows are shared out evenly, since a last panel of two would cost as much as one of fourteen. */
static uint32_t panel_row(uint32_t rows, uint32_t panels, uint32_t p) {
  return (uint32_t)((uint64_t)rows * p / panels);
}

/* Panels `first` up to `end` of a chunk, some k of all of them before the next k, so that a row of memory that reaches
 * over several panels is read while it is near. */
static void pack_a(const struct gemm_plan *plan, uint32_t depth, uint32_t rows, uint32_t panels, uint32_t first,
                   uint32_t end, const float *a, float *to) {
  const struct gemm *g = &plan->product;
  uint32_t step = g->a_k == 1 ? depth : PACK_DEPTH;
  for (uint32_t k = 0; k < depth; k += step)
    for (uint32_t p = first; p < end; p++) {
      uint32_t row = panel_row(rows, panels, p);
      plan->backend->dot_pack(least(depth - k, step), panel_row(rows, panels, p + 1) - row,
                              a + (ptrdiff_t)row * g->a_row + (ptrdiff_t)k * g->a_k, g->a_k, g->a_row,
                              to + ((size_t)(p - first) * CANON_CHUNK + k) * A_STEP, A_STEP);
    }
}

bool gemm_tile(const struct gemm_plan *plan, uint64_t i, void *scratch) {
  const struct backend *backend = plan->backend;
  const struct gemm *g = &plan->product;
  uint32_t across = (uint32_t)(i % plan->tiles_across), down = (uint32_t)(i / plan->tiles_across % plan->tiles_down);
  ptrdiff_t x = (ptrdiff_t)(i / plan->tiles_across / plan->tiles_down);
  uint32_t row = down * plan->tile_rows, col = across * plan->tile_cols;
  uint32_t rows = least(g->m - row, plan->tile_rows), cols = least(g->n - col, plan->tile_cols);
  const float *a = g->a + x * g->a_batch + (ptrdiff_t)row * g->a_row;
  const float *b = g->b + x * g->b_batch + (ptrdiff_t)col * g->b_col;
  float *c = g->c + x * g->c_batch + (ptrdiff_t)row * g->c_row + col;
  float *b_panels = scratch, *a_panels = b_panels + (plan->pack_b ? (size_t)plan->tile_cols * CANON_CHUNK : 0);
  const uint32_t panels = ceil_div(rows, backend->dot_rows), width = backend->dot_cols;
  bool nan = false;

  for (uint32_t k = 0; k < g->k; k += CANON_CHUNK) {
    uint32_t depth = least(g->k - k, CANON_CHUNK);
    struct dot_run run = {0, 0, depth};
    struct dot_tile t = {.runs = &run, .runs_count = 1, .c_row = g->c_row, .store = k == 0 ? DOT_FIRST : DOT_NEXT};
    const float *a_chunk = a + (ptrdiff_t)k * g->a_k, *b_chunk = b + (ptrdiff_t)k * g->b_k;
    if (plan->pack_b) pack_b(plan, depth, cols, b_chunk, b_panels);
    for (uint32_t p = 0; p < panels; p++) {
      if (plan->pack_a && p % A_PANELS == 0)
        pack_a(plan, depth, rows, panels, p, least(p + A_PANELS, panels), a_chunk, a_panels);
      uint32_t first = panel_row(rows, panels, p);
      t.rows = panel_row(rows, panels, p + 1) - first;
      t.a = plan->pack_a ? a_panels + (size_t)(p % A_PANELS) * CANON_CHUNK * A_STEP
                         : a_chunk + (ptrdiff_t)first * g->a_row;
      t.a_row = plan->pack_a ? 1 : g->a_row;
      t.a_k = plan->pack_a ? A_STEP : g->a_k;
      for (uint32_t j = 0; j < cols; j += width) {
        t.cols = least(cols - j, width);
        t.b = plan->pack_b ? b_panels + (size_t)j * depth : b_chunk + j;
        t.b_k = plan->pack_b ? (ptrdiff_t)width : g->b_k;
        t.c = c + (ptrdiff_t)first * g->c_row + j;
        nan |= backend->dot(&t);
      }
    }
  }
  return nan;
}
