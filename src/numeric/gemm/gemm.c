#include "numeric/gemm/gemm.h"
#include "numeric/canon.h"

#include <assert.h>

/* A panel of a stays in the first cache while panels of b stream from the second, where a chunk of the tile's b lies.
 */
enum { TILE_COLS = 512, A_STEP = 16 };

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
  p.tile_rows = even_piece(g->m, 144 * backend->dot_rows, backend->dot_rows);
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
  p.pack_b = g->b_col != 1 || p.tile_rows > 8 * backend->dot_rows;
  p.pack_a = g->a_k != 1;
  p.scratch_bytes = sizeof(float) * CANON_CHUNK * ((p.pack_b ? p.tile_cols : 0) + (p.pack_a ? A_STEP : 0));
  *plan = p;
  return GEMM_OK;
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
  float *b_panels = scratch, *a_panel = b_panels + (plan->pack_b ? (size_t)plan->tile_cols * CANON_CHUNK : 0);
  const uint32_t panels = ceil_div(rows, backend->dot_rows), width = backend->dot_cols;
  bool nan = false;

  for (uint32_t k = 0; k < g->k; k += CANON_CHUNK) {
    uint32_t depth = least(g->k - k, CANON_CHUNK);
    struct dot_run run = {0, 0, depth};
    struct dot_tile t = {.runs = &run, .runs_count = 1, .c_row = g->c_row, .store = k == 0 ? DOT_FIRST : DOT_NEXT};
    const float *a_chunk = a + (ptrdiff_t)k * g->a_k, *b_chunk = b + (ptrdiff_t)k * g->b_k;
    if (plan->pack_b)
      for (uint32_t j = 0; j < cols; j += width)
        backend->dot_pack(depth, least(cols - j, width), b_chunk + (ptrdiff_t)j * g->b_col, g->b_k, g->b_col,
                          b_panels + (size_t)j * depth, width);
    /* Rows are shared out evenly: a last panel of two rows would cost as much as one of fourteen. */
    for (uint32_t p = 0; p < panels; p++) {
      uint32_t r0 = (uint32_t)((uint64_t)rows * p / panels), r1 = (uint32_t)((uint64_t)rows * (p + 1) / panels);
      t.rows = r1 - r0;
      t.a = a_chunk + (ptrdiff_t)r0 * g->a_row;
      t.a_row = g->a_row;
      t.a_k = g->a_k;
      if (plan->pack_a) {
        backend->dot_pack(depth, t.rows, t.a, g->a_k, g->a_row, a_panel, A_STEP);
        t.a = a_panel, t.a_row = 1, t.a_k = A_STEP;
      }
      for (uint32_t j = 0; j < cols; j += width) {
        t.cols = least(cols - j, width);
        t.b = plan->pack_b ? b_panels + (size_t)j * depth : b_chunk + j;
        t.b_k = plan->pack_b ? (ptrdiff_t)width : g->b_k;
        t.c = c + (ptrdiff_t)r0 * g->c_row + j;
        nan |= backend->dot(&t);
      }
    }
  }
  return nan;
}
