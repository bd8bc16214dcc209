/* Convolutions with few columns: a vector of channels would be mostly empty, so the places of a line are the columns of
 * a tile and the filters its rows. The images are read from a copy with one plane a channel, zeros around it; the tile
 * turns on its way to the value. */
#include "tape/execute/axis.h"
#include "tape/execute/conv_plan.h"
#include "tape/execute/dot.h"

enum { COLS_FEW = 8, TILE_MAX = 64, BYTES_MAX = 1 << 17 };

static int64_t tap_coef(const struct conv_axis *y) { return y->tap == CONV_NO_DIM ? 0 : axis_coef(y->of, y->tap); }

/* Numbers that the axis takes at a place of 0 or more, from the lowest on. */
static void span(const struct conv_axis *y, int64_t *low, uint32_t *extent) {
  int64_t far = tap_coef(y) * ((int64_t)y->taps - 1), high = y->of->offset + (int64_t)y->places - 1;
  *low = y->of->offset + (far < 0 ? far : 0);
  *extent = (uint32_t)(high + (far > 0 ? far : 0) - *low + 1);
}

/* Everything that needs no memory; false: tiles of channels do better, or something moves in another way. */
static bool choose(const struct execute *x, const struct conv *c, struct conv_thin *n) {
  const struct tape_record *r = c->record;
  const struct conv_axis *y = c->axis;
  const uint64_t wide = x->backend->dot_cols;
  if (c->cols > COLS_FEW || c->groups > 1 || c->axes != 2 || wide < 8 || wide > TILE_MAX) return false;
  for (int i = 0; i < 2; i++)
    if (y[i].out == CONV_NO_DIM || y[i].of->div != 1 || axis_coef(y[i].of, y[i].out) != 1) return false;
  *n = (struct conv_thin){.depth = 1, .channel = CONV_NO_DIM};
  uint32_t after = 0; /* the taps of the lines, of the places, then channels */
  for (uint8_t d = r->out_rank; d < axis_rank(r); d++) {
    if (r->dim[d] == 1) continue;
    uint32_t turn = d == y[0].tap ? 1 : d == y[1].tap ? 2 : 3;
    if (turn <= after) return false;
    after = turn;
    if (turn == 3) n->channel = d, n->depth = r->dim[d];
  }
  if ((n->channel != CONV_NO_DIM && c->coef_a[n->channel] != 1) || y[1].stride != (int64_t)n->depth) return false;
  for (int i = 0; i < 2; i++) span(&y[i], &n->low[i], &n->extent[i]);
  n->plane = (uint64_t)n->extent[0] * n->extent[1];
  n->floats = n->plane * n->depth + TILE_MAX;
  if (n->floats * 4 > BYTES_MAX) return false;
  n->lines = y[1].places < wide ? (uint32_t)((wide - y[1].places) / n->extent[1]) + 1 : 1;
  if (n->lines > y[0].places) n->lines = y[0].places;
  n->steps = (y[0].places + n->lines - 1) / n->lines;
  n->widths = (uint32_t)((y[1].places + wide - 1) / wide);
  return 2 * (uint64_t)y[0].places * y[1].places >= n->steps * n->widths * wide;
}

/* Is the tap in range for some of these lines? */
static bool sees(const struct conv_axis *y, uint32_t first, uint32_t end, uint32_t tap) {
  int64_t low = y->of->offset + tap_coef(y) * tap + first, high = low + end - first - 1;
  return high >= 0 && low < (int64_t)y->of->extent;
}

/* The runs of one step of lines; run NULL: counts. */
static uint32_t list_runs(const struct conv *c, const struct conv_thin *n, uint32_t step, uint64_t cut,
                          struct dot_run *run, uint32_t *chunk, uint32_t runs) {
  const struct conv_axis *y = c->axis;
  const uint32_t first = step * n->lines, end = first + n->lines < y->places ? first + n->lines : y->places;
  const bool along = n->depth == 1; /* a run goes from tap to tap */
  const uint64_t inner = along ? y[1].taps : n->depth;
  uint32_t next = 0;
  for (uint64_t k = 0, some; k < c->k; k += some) {
    const uint64_t at = k % inner, tap = along ? at : k / inner % y[1].taps, tap0 = k / inner / (along ? 1 : y[1].taps);
    some = inner - at < cut - k % cut ? inner - at : cut - k % cut;
    if (k % cut == 0) chunk[next++] = runs;
    if (!sees(y, first, end, (uint32_t)tap0)) continue;
    if (run) {
      int64_t line = (int64_t)first + y->of->offset + tap_coef(y) * (int64_t)tap0 - n->low[0];
      int64_t place = y[1].of->offset + tap_coef(&y[1]) * (int64_t)tap - n->low[1];
      struct dot_run *q = &run[runs];
      *q = (struct dot_run){0, line * n->extent[1] + place, (uint32_t)some};
      if (y->tap != CONV_NO_DIM) q->a += (int64_t)tap0 * c->coef_b[y->tap];
      if (y[1].tap != CONV_NO_DIM) q->a += (int64_t)tap * c->coef_b[y[1].tap];
      if (!along) q->a += (int64_t)at * c->coef_b[n->channel], q->b += (int64_t)(at * n->plane);
    }
    runs++;
  }
  chunk[next] = runs;
  return runs;
}

bool conv_thin_plan(struct execute *x, struct conv *c) {
  struct conv_thin n;
  if (!choose(x, c, &n)) return true;
  uint64_t cut = x->options.free_order && c->k <= 4 * CANON_CHUNK ? c->k : CANON_CHUNK;
  uint32_t runs = 0;
  n.chunks = (uint32_t)((c->k + cut - 1) / cut);
  n.a_row = c->coef_b[c->col];
  n.b_k = n.depth > 1 ? (int64_t)n.plane : tap_coef(&c->axis[1]);
  if (n.depth > 1 || c->axis[1].tap != CONV_NO_DIM) n.a_k = c->coef_b[n.depth > 1 ? n.channel : c->axis[1].tap];
  n.chunk = arena_take(&x->notes, n.steps * (n.chunks + 1ull), sizeof *n.chunk);
  if (!n.chunk) return false;
  for (int pass = 0; pass < 2; pass++) {
    if (pass && !(n.run = arena_take(&x->notes, runs + 1u, sizeof *n.run))) return false;
    runs = 0;
    for (uint32_t s = 0; s < n.steps; s++) runs = list_runs(c, &n, s, cut, n.run, n.chunk + s * (n.chunks + 1u), runs);
  }
  plan_need_accumulators(x, n.floats);
  n.grain = plan_grain(x, c->images, n.steps * n.widths * (10000 + c->k * c->cols * 400));
  if (!(c->thin = arena_take(&x->notes, 1, sizeof n))) return false;
  *c->thin = n;
  return true;
}

/* One image as planes; what lies around stays as it is. */
static void lay_planes(const struct execute *x, const struct conv *c, const float *a, float *to) {
  const struct conv_thin *n = c->thin;
  int64_t low[2], high[2];
  for (int i = 0; i < 2; i++) {
    low[i] = n->low[i] > 0 ? n->low[i] : 0;
    high[i] = n->low[i] + n->extent[i];
    if (high[i] > (int64_t)c->axis[i].of->extent) high[i] = c->axis[i].of->extent;
  }
  if (low[1] >= high[1]) return;
  for (int64_t line = low[0]; line < high[0]; line++) {
    const float *from = a + line * c->axis[0].stride + low[1] * c->axis[1].stride;
    float *row = to + (line - n->low[0]) * n->extent[1] + low[1] - n->low[1];
    x->backend->dot_pack(n->depth, (uint32_t)(high[1] - low[1]), from, 1, n->depth, row, (ptrdiff_t)n->plane);
  }
}

/* All lines of one image from its planes. */
static bool lines(const struct execute *x, const struct conv *c, const float *planes, const float *b, float *to) {
  const struct conv_thin *n = c->thin;
  const uint32_t wide = x->backend->dot_cols, places = c->axis[1].places, cols = (uint32_t)c->cols;
  float sums[COLS_FEW * TILE_MAX];
  struct dot_tile t = {.cols = wide, .a_row = n->a_row, .a_k = n->a_k, .b_k = n->b_k, .c_row = wide};
  bool nan = false;
  for (uint32_t s = 0; s < n->steps; s++)
    for (uint32_t v = 0; v < n->widths; v++) {
      const uint32_t *cut = n->chunk + s * (n->chunks + 1u), from = v * wide;
      for (uint32_t row = 0; row < cols; row += t.rows) {
        t.rows = cols - row < x->backend->dot_rows ? cols - row : x->backend->dot_rows;
        t.a = b + (int64_t)row * n->a_row;
        t.b = planes + from;
        t.c = sums + row * wide;
        for (uint32_t k = 0; k < n->chunks; k++) {
          t.runs = n->run + cut[k];
          t.runs_count = cut[k + 1] - cut[k];
          t.store = k ? DOT_NEXT : DOT_FIRST;
          nan |= x->backend->dot(&t);
        }
      }
      for (uint32_t l = 0; l < n->lines && s * n->lines + l < c->axis[0].places; l++)
        x->backend->dot_pack(places - from < wide ? places - from : wide, cols, sums + l * n->extent[1], 1, wide,
                             to + ((uint64_t)(s * n->lines + l) * places + from) * cols, cols);
    }
  return nan;
}

void conv_thin_images(struct execute *x, const struct conv *c, const float *a, const float *b, float *to,
                      uint64_t first, uint64_t end, uint32_t thread) {
  float *planes = (float *)(void *)plan_accumulators(x, thread);
  memset(planes, 0, c->thin->floats * sizeof *planes);
  for (uint64_t i = first; i < end; i++) {
    lay_planes(x, c, a + (int64_t)i * c->image_a, planes);
    bool nan = lines(x, c, planes, b, to + i * c->image_c);
    if (nan && !x->options.free_order) dot_mend_part(x, c->record, c->c, i * c->image_c, (i + 1) * c->image_c, thread);
  }
}
