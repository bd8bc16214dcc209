/* Convolutions with few columns: a vector of channels would be mostly empty, so the places of a line are the columns of
 * a tile and the filters its rows. The images are read from a copy with one plane a channel, zeros around it; the tile
 * turns on its way to the value. */
#include "tape/execute/conv/conv_plan.h"
#include "tape/execute/dot/dot.h"
#include "tape/execute/sum/mend.h"

enum { COLS_FEW = 8, LANES = 16 /* tiles are whole vectors of columns */, BYTES_MAX = 1 << 17 };

static int64_t tap_coef(const struct conv_axis *y) { return y->tap == CONV_NO_DIM ? 0 : axis_coef(y->of, y->tap); }

/* The lowest number that the axis takes, and what follows the highest. */
static void span(const struct conv_axis *y, int64_t *low, int64_t *end) {
  int64_t far = tap_coef(y) * ((int64_t)y->taps - 1);
  *low = y->of->offset + (far < 0 ? far : 0);
  *end = y->of->offset + (int64_t)y->places + (far > 0 ? far : 0);
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* false: far too large. A line begins so far behind the one before that what both see beyond their ends are the same
 * zeros. */
static bool lay_out(const struct conv *c, struct conv_thin *n) {
  const struct conv_axis *y = c->axis;
  int64_t end[2];
  for (int i = 0; i < 2; i++) {
    span(&y[i], &n->low[i], &end[i]);
    n->from[i] = most(n->low[i], 0);
    n->to[i] = least(end[i], y[i].of->extent);
    if (n->to[i] < n->from[i]) n->to[i] = n->from[i];
  }
  for (int i = 0; i < 2; i++)
    if (end[i] - n->low[i] > BYTES_MAX) return false; /* which bounds all that follows */
  n->line = (uint64_t)most(most(n->to[1] - n->low[1], end[1] - n->from[1]), y[1].places);
  n->plane = (uint64_t)(end[0] - n->low[0] - 1) * n->line + (uint64_t)(end[1] - n->low[1]);
  n->vectors = ((y[0].places - 1) * n->line + y[1].places + LANES - 1) / LANES;
  return n->plane <= BYTES_MAX && n->depth <= BYTES_MAX && n->vectors <= BYTES_MAX;
}

/* Everything that needs no memory; false: tiles of channels do better, or something moves in another way. */
static bool choose(const struct execute *x, const struct conv *c, struct conv_thin *n) {
  const struct tape_record *r = c->record;
  const struct conv_axis *y = c->axis;
  if (c->cols > COLS_FEW || c->groups > 1 || c->axes != 2) return false;
  for (int i = 0; i < 2; i++)
    if (y[i].out == CONV_NO_DIM || y[i].of->div != 1 || axis_coef(y[i].of, y[i].out) != 1) return false;
  *n = (struct conv_thin){.depth = 1, .channel = CONV_NO_DIM, .rows = (uint32_t)c->cols};
  n->wide = x->backend->flat_cols[c->cols];
  if (n->wide == 0) n->wide = x->backend->dot_cols, n->rows = (uint32_t)least(n->rows, x->backend->dot_rows);
  if (n->wide % LANES != 0) return false;
  uint32_t after = 0; /* the taps of the lines, of the places, then channels */
  for (uint8_t d = r->out_rank; d < axis_rank(r); d++) {
    if (r->dim[d] == 1) continue;
    uint32_t turn = d == y[0].tap ? 1 : d == y[1].tap ? 2 : 3;
    if (turn <= after) return false;
    after = turn;
    if (turn == 3) n->channel = d, n->depth = r->dim[d];
  }
  if ((n->channel != CONV_NO_DIM && c->coef_a[n->channel] != 1) || y[1].stride != (int64_t)n->depth) return false;
  if (!lay_out(c, n)) return false;
  n->tiles = (uint32_t)((n->vectors * LANES + n->wide - 1) / n->wide);
  n->planes_floats = n->plane * n->depth + n->wide;
  n->sums_floats = c->cols * n->vectors * LANES;
  if ((n->planes_floats + n->sums_floats) * 4 > BYTES_MAX) return false;
  return 2 * (uint64_t)y[0].places * y[1].places >= n->vectors * LANES;
}

/* Vectors first .. end - 1 of columns are those of tile t. */
static uint64_t first_of(const struct conv_thin *n, uint32_t t) { return n->vectors * t / n->tiles; }

/* Is the tap in range for some of the lines that these columns belong to? */
static bool sees(const struct conv_axis *y, const struct conv_thin *n, uint32_t tile, uint32_t tap) {
  uint64_t first = first_of(n, tile) * LANES / n->line, last = (first_of(n, tile + 1) * LANES - 1) / n->line;
  if (last >= y->places) last = y->places - 1;
  int64_t low = y->of->offset + tap_coef(y) * tap;
  return low + (int64_t)last >= 0 && low + (int64_t)first < (int64_t)y->of->extent;
}

/* The runs of one tile; run NULL: counts. */
static uint32_t list_runs(const struct conv *c, const struct conv_thin *n, uint32_t tile, uint64_t cut,
                          struct dot_run *run, uint32_t *chunk, uint32_t runs) {
  const struct conv_axis *y = c->axis;
  const bool along = n->depth == 1; /* a run goes from tap to tap */
  const uint64_t inner = along ? y[1].taps : n->depth;
  uint32_t next = 0;
  for (uint64_t k = 0, some; k < c->k; k += some) {
    const uint64_t at = k % inner, tap = along ? at : k / inner % y[1].taps, tap0 = k / inner / (along ? 1 : y[1].taps);
    some = inner - at < cut - k % cut ? inner - at : cut - k % cut;
    if (k % cut == 0) chunk[next++] = runs;
    if (!sees(y, n, tile, (uint32_t)tap0)) continue;
    if (run) {
      int64_t line = y->of->offset + tap_coef(y) * (int64_t)tap0 - n->low[0];
      int64_t place = y[1].of->offset + tap_coef(&y[1]) * (int64_t)tap - n->low[1];
      struct dot_run *q = &run[runs];
      *q = (struct dot_run){0, line * (int64_t)n->line + place, (uint32_t)some};
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
  n.chunk = arena_take(&x->notes, n.tiles * (n.chunks + 1ull), sizeof *n.chunk);
  if (!n.chunk) return false;
  for (int pass = 0; pass < 2; pass++) {
    if (pass && !(n.run = arena_take(&x->notes, runs + 1u, sizeof *n.run))) return false;
    runs = 0;
    for (uint32_t t = 0; t < n.tiles; t++) runs = list_runs(c, &n, t, cut, n.run, n.chunk + t * (n.chunks + 1u), runs);
  }
  plan_need_accumulators(x, n.planes_floats + n.sums_floats);
  n.grain = plan_grain(x, c->images, n.vectors * (2000 + c->k * c->cols * 250));
  if (!(c->thin = arena_take(&x->notes, 1, sizeof n))) return false;
  *c->thin = n;
  return true;
}

/* One image as planes; what lies around stays as it is. */
static void lay_planes(const struct execute *x, const struct conv *c, const float *a, float *to) {
  const struct conv_thin *n = c->thin;
  if (n->from[1] == n->to[1]) return;
  for (int64_t line = n->from[0]; line < n->to[0]; line++) {
    const float *from = a + line * c->axis[0].stride + n->from[1] * c->axis[1].stride;
    float *row = to + (line - n->low[0]) * (int64_t)n->line + n->from[1] - n->low[1];
    x->backend->dot_pack(n->depth, (uint32_t)(n->to[1] - n->from[1]), from, 1, n->depth, row, (ptrdiff_t)n->plane);
  }
}

/* All sums of one image, a row for each filter. */
static bool tiles(const struct execute *x, const struct conv *c, const float *planes, const float *b, float *sums) {
  const struct conv_thin *n = c->thin;
  const uint64_t all = n->vectors * LANES;
  struct dot_tile t = {.a_row = n->a_row, .a_k = n->a_k, .b_k = n->b_k, .c_row = (ptrdiff_t)all};
  bool nan = false;
  for (uint32_t i = 0; i < n->tiles; i++) {
    const uint32_t *cut = n->chunk + i * (n->chunks + 1u);
    const uint64_t from = first_of(n, i) * LANES;
    t.cols = (uint32_t)(first_of(n, i + 1) * LANES - from);
    t.b = planes + from;
    for (uint32_t row = 0; row < c->cols; row += t.rows) {
      t.rows = c->cols - row < n->rows ? (uint32_t)c->cols - row : n->rows;
      t.a = b + (int64_t)row * n->a_row;
      t.c = sums + row * all + from;
      for (uint32_t k = 0; k < n->chunks; k++) {
        t.runs = n->run + cut[k];
        t.runs_count = cut[k + 1] - cut[k];
        t.store = k ? DOT_NEXT : DOT_FIRST;
        nan |= x->backend->dot(&t);
      }
    }
  }
  return nan;
}

void conv_thin_images(struct execute *x, const struct conv *c, const float *a, const float *b, float *to,
                      uint64_t first, uint64_t end, uint32_t thread) {
  const struct conv_thin *n = c->thin;
  const uint32_t places = c->axis[1].places, cols = (uint32_t)c->cols;
  float *planes = (float *)(void *)plan_accumulators(x, thread), *sums = planes + n->planes_floats;
  uint32_t lines = c->axis[0].places, length = places;
  if (n->line == places) length *= lines, lines = 1; /* nothing between them */
  memset(planes, 0, n->planes_floats * sizeof *planes);
  for (uint64_t i = first; i < end; i++) {
    float *image = to + i * c->image_c;
    lay_planes(x, c, a + (int64_t)i * c->image_a, planes);
    bool nan = tiles(x, c, planes, b, sums);
    for (uint32_t l = 0; l < lines; l++)
      x->backend->dot_pack(length, cols, sums + l * n->line, 1, (ptrdiff_t)(n->vectors * LANES),
                           image + (uint64_t)l * places * cols, cols);
    if (nan && !x->options.free_order) mend_dot_part(x, c->record, c->c, i * c->image_c, (i + 1) * c->image_c, thread);
  }
}
