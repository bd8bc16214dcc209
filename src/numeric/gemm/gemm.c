#include "numeric/gemm/gemm.h"
#include "numeric/canon.h"

#include <string.h>

/* A panel of a stays in the first cache while panels of b stream from the second, where a chunk of the tile's b lies.
 *
 * Reading in place is best until the caches say otherwise. A row of a is walked in place always: nothing gained by
 * packing it was ever worth the 5 to 8 % that packing costs. Rows of a side by side whose k are AWAY apart meet in a
 * few places of the first cache. b is packed where its columns are apart; where enough panels of rows repay it; and,
 * with a few, where each k lies on another page. */
enum { TILE_COLS = 512, TILE_PANELS = 144, A_STEP = 16, A_PANELS = 8, PACK_DEPTH = 16 };
enum { AWAY = 128, B_PANELS_MIN = 40, B_PANELS_MIN_FAR = 30, B_PANELS_MIN_PAGED = 4, PAGE_FLOATS = 1024 };

/* What does not fit the second cache together with what is in use is asked for early, half a line a k. */
enum { NEAR_FLOATS = 1 << 18, C_NEAR_FLOATS = 6 << 20, HALF_LINE = 8, SMALL_WORK = 1 << 27, SMALL_C = 1 << 17 };

static uint32_t ceil_div(uint32_t a, uint32_t b) { return a / b + (a % b != 0); }
static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* A length cut into equal pieces of whole `unit`s, none longer than `most` (a multiple of unit). */
static uint32_t even_piece(uint32_t length, uint32_t most, uint32_t unit) {
  uint32_t pieces = ceil_div(length, most);
  return ceil_div(ceil_div(length, pieces), unit) * unit;
}

static bool pays(const struct gemm *g, uint32_t rows, const struct backend *backend) {
  uint32_t panels = ceil_div(rows, backend->dot_rows);
  bool paged = g->b_k % PAGE_FLOATS == 0 || g->b_k > 2 * PAGE_FLOATS;
  bool far = (uint64_t)g->k * g->n > NEAR_FLOATS;
  return g->b_col != 1 || panels >= (paged ? B_PANELS_MIN_PAGED : far ? B_PANELS_MIN_FAR : B_PANELS_MIN);
}

/* Tiles for several threads: an operand that is packed is packed by every tile that reads it, so it is the other one
 * that several tiles should read. Small products get a tile a thread; of large ones there are more, since a thread may
 * be held up by a neighbour. */
static void share(struct gemm_plan *p, uint32_t threads) {
  const struct gemm *g = &p->product;
  const uint32_t unit_rows = p->backend->dot_rows, unit_cols = p->backend->dot_cols;
  bool small = (uint64_t)g->m * g->n * g->k < SMALL_WORK || (uint64_t)g->m * g->n < SMALL_C;
  uint32_t want = small ? threads : 2 * threads,
           cols_least = p->pack_b && g->b_col == 1 ? 16 * unit_cols : 4 * unit_cols;
  for (;;) {
    if ((uint64_t)p->tiles_down * p->tiles_across * g->batch >= want) return;
    bool rows = p->tile_rows > 4 * unit_rows, cols = p->tile_cols >= cols_least;
    if (!rows && !cols) cols = p->tile_cols > unit_cols;
    if (!rows && !cols) return;
    if (rows && cols) { /* halving one makes the other's packs twice as many */
      uint64_t more_b = p->pack_b ? p->tile_cols : 0, more_a = p->pack_a ? p->tile_rows : 0;
      rows = more_b == more_a ? p->tile_rows > p->tile_cols : more_b < more_a;
    }
    if (rows) {
      p->tile_rows = even_piece(g->m, p->tile_rows / 2 / unit_rows * unit_rows, unit_rows);
      p->tiles_down = ceil_div(g->m, p->tile_rows);
    } else {
      p->tile_cols = even_piece(g->n, p->tile_cols / 2 / unit_cols * unit_cols, unit_cols);
      p->tiles_across = ceil_div(g->n, p->tile_cols);
    }
  }
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
  p.pack_a = g->a_k != 1 && (g->a_row != 1 || g->a_k >= AWAY);
  p.pack_b = pays(g, p.tile_rows, backend);
  if (threads > 1) share(&p, threads);
  p.tiles_count = (uint64_t)p.tiles_down * p.tiles_across * g->batch;
  p.pack_b = pays(g, p.tile_rows, backend);
  p.ask_chunks = g->b_col == 1 && g->a_row == 1 && (uint64_t)g->k * (g->m + g->n) > 4 * NEAR_FLOATS;
  p.ask_panels = g->a_k == 1 && (uint64_t)g->m * g->k > NEAR_FLOATS;
  p.c_far = (uint64_t)g->m * g->n * g->batch > C_NEAR_FLOATS;
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

/* Turn `turn` of a chunk asks for its share of what comes next, in the order of memory: rows of `length` half lines,
 * `rows` of them. False when all has been asked for. */
static bool ask_rows(struct dot_later *later, const float *from, ptrdiff_t row, uint32_t rows, uint32_t length,
                     uint64_t turn, uint32_t depth) {
  uint64_t first = turn * depth / length;
  if (first >= rows) return false;
  *later = (struct dot_later){from + (ptrdiff_t)first * row, HALF_LINE, row - (ptrdiff_t)length * HALF_LINE, length};
  return true;
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
    struct dot_tile t = {
        .runs = &run, .runs_count = 1, .c_row = g->c_row, .store = k == 0 ? DOT_FIRST : DOT_NEXT, .c_far = plan->c_far};
    struct dot_later later;
    uint32_t deep_next = k + depth < g->k ? least(g->k - k - depth, CANON_CHUNK) : 0;
    uint64_t turn = 0, turns_b = ceil_div(deep_next * ceil_div(cols, HALF_LINE), depth);
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
      for (uint32_t j = 0; j < cols; j += width, turn++) {
        t.cols = least(cols - j, width);
        t.later = NULL;
        if (plan->ask_chunks && plan->pack_a) { /* the panels that are packed next, then what packs b next */
          uint32_t next = panel_row(rows, panels, least(p / A_PANELS * A_PANELS + A_PANELS, panels));
          uint32_t end = panel_row(rows, panels, least(p / A_PANELS * A_PANELS + 2 * A_PANELS, panels));
          uint64_t now = turn - (uint64_t)(p / A_PANELS * A_PANELS) * ceil_div(cols, width);
          bool asks = next < rows ? ask_rows(&later, a_chunk + (ptrdiff_t)next * g->a_row, g->a_k, depth,
                                             ceil_div(end - next, HALF_LINE), now, depth)
                                  : deep_next && ask_rows(&later, b_chunk + (ptrdiff_t)depth * g->b_k, g->b_k,
                                                          deep_next, ceil_div(cols, HALF_LINE), now, depth);
          if (asks) t.later = &later;
        } else if (plan->ask_chunks && deep_next) {
          bool asks = turn < turns_b ? ask_rows(&later, b_chunk + (ptrdiff_t)depth * g->b_k, g->b_k, deep_next,
                                                ceil_div(cols, HALF_LINE), turn, depth)
                                     : ask_rows(&later, a_chunk + (ptrdiff_t)depth * g->a_k, g->a_k, deep_next,
                                                ceil_div(rows, HALF_LINE), turn - turns_b, depth);
          if (asks) t.later = &later;
        } else if (plan->ask_panels && p + 1 < panels) {
          uint32_t next = first + t.rows;
          if (ask_rows(&later, a_chunk + (ptrdiff_t)next * g->a_row, g->a_row, panel_row(rows, panels, p + 2) - next,
                       ceil_div(depth, HALF_LINE), j / width, depth))
            t.later = &later;
        }
        t.b = plan->pack_b ? b_panels + (size_t)j * depth : b_chunk + j;
        t.b_k = plan->pack_b ? (ptrdiff_t)width : g->b_k;
        t.c = c + (ptrdiff_t)first * g->c_row + j;
        nan |= backend->dot(&t);
      }
    }
  }
  return nan;
}
