/* Filters with few columns: a place of the image meets the outputs' gradient at as many neighbouring places as the line
 * has taps, and these lie side by side. So one element of the image, spread, serves all taps of a line, which are the
 * columns of one tile. The gradient is copied with zeros between its lines, for what lies beyond their
 * ends and for places of other blocks of k. */
#include <string.h>

#include "tape/execute/filter/filter_plan.h"

enum { ABREAST_DEPTH = 128, ROWS_LEAST = 4, LINES_MAX = ABREAST_DEPTH };

/* Does some tap see less than a line? Without a border no sum may meet the zeros: one by an infinity is a NaN, and
 * nobody would compute it again. */
static bool has_border(const struct filter *f) {
  for (uint32_t t = 0; t < f->axis[f->axes - 1].taps; t++)
    if (f->first_low[t] > 0 || f->first_high[t] < f->line_length) return true;
  return false;
}

void filter_abreast_fits(struct execute *x, struct filter *f) {
  const struct filter_axis *last = &f->axis[f->axes ? f->axes - 1 : 0];
  if (f->patches || f->groups > 1 || !f->line_moves || last->taps < 2 || f->rows < ROWS_LEAST) return;
  if (!has_border(f) || last->place != 1 || last->tap != 1 || f->coef_b[f->line] != (int64_t)f->cols) return;
  f->abreast_cols = last->taps * f->cols;
  if (f->abreast_cols <= x->backend->dot_cols || f->abreast_cols > x->backend->flat_cols[BACKEND_FLAT_ROWS]) return;
  f->abreast = true;
  f->depth = ABREAST_DEPTH;
  uint64_t zeros = (last->taps - 1) * f->cols; /* in front of each line, and behind the last */
  uint64_t lines = ABREAST_DEPTH / f->line_length + 2;
  if (lines > ABREAST_DEPTH) lines = ABREAST_DEPTH;
  f->places_floats = ABREAST_DEPTH * f->cols + (lines + 1) * zeros;
  plan_need_accumulators(x, f->places_floats + f->taps / last->taps * f->rows * f->abreast_cols);
}

/* Copies the gradient of these lines; from[n] is where the first place of line n comes to lie. */
static void lay_places(const struct filter *f, const float *b, const struct filter_line *line, uint32_t lines,
                       float *to, int64_t *from) {
  const uint64_t zeros = (f->axis[f->axes - 1].taps - 1) * f->cols;
  float *at = to;
  for (uint32_t n = 0; n < lines; n++) {
    const uint64_t floats = (line[n].high - line[n].low) * f->cols;
    memset(at, 0, zeros * sizeof *at);
    from[n] = at + zeros - to;
    memcpy(at + zeros, b + line[n].b + (int64_t)(line[n].low * f->cols), floats * sizeof *at);
    at += zeros + floats;
  }
  memset(at, 0, zeros * sizeof *at);
}

/* What one combination of the outer taps sees of the lines: places of the image, each with all that it meets. */
static uint32_t lay_runs(const struct filter *f, const uint32_t *tap, const struct filter_line *line, uint32_t lines,
                         const int64_t *from, struct dot_run *run) {
  const struct filter_axis *last = &f->axis[f->axes - 1];
  uint32_t runs = 0;
  const int64_t outer = filter_tap_at(f, f->axes - 1, tap);
  for (uint32_t n = 0; n < lines; n++) {
    const struct filter_line *l = &line[n];
    int64_t low = (int64_t)l->low + last->number, high = (int64_t)l->high + last->number + last->taps - 1;
    if (low < 0) low = 0;
    if (high > last->extent) high = last->extent;
    if (low >= high || !filter_sees(f, f->axes - 1, tap, l)) continue;
    const int64_t first = low - last->number - (last->taps - 1) - (int64_t)l->low; /* place that the last tap meets */
    run[runs++] = (struct dot_run){l->a + outer + (low - last->number) * last->stride,
                                   from[n] + first * (int64_t)f->cols, (uint32_t)(high - low)};
  }
  return runs;
}

/* Sums from their places in the record, [tap, row, column], to those of the tiles, or back. */
static void move(const struct filter *f, float *sum, float *tiles, bool back) {
  const struct filter_axis *last = &f->axis[f->axes - 1];
  uint32_t tap[FILTER_AXES] = {0};
  for (uint64_t o = 0, outer = f->taps / last->taps; o < outer; o++, filter_next_tap(f, 0, f->axes - 1, tap)) {
    float *from = sum;
    for (uint32_t i = 0; i + 1 < f->axes; i++)
      if (f->axis[i].of_tap != FILTER_NO_DIM) from += (int64_t)tap[i] * f->coef_c[f->axis[i].of_tap];
    for (uint64_t row = 0; row < f->rows; row++)
      for (uint32_t t = 0; t < last->taps; t++) {
        float *one = from + (int64_t)row * f->c_row + (int64_t)t * f->coef_c[last->of_tap];
        float *other = tiles + (o * f->rows + row) * f->abreast_cols + (last->taps - 1 - t) * f->cols;
        memcpy(back ? one : other, back ? other : one, f->cols * sizeof *one);
      }
  }
}

bool filter_abreast_add(const struct filter_call *call, uint64_t low, uint64_t high, float *sum, bool more,
                        uint32_t thread) {
  const struct filter *f = call->filter;
  const struct filter_axis *last = &f->axis[f->axes - 1];
  const uint64_t wide = f->abreast_cols, outer = f->taps / last->taps;
  const uint64_t tiles = (f->rows + BACKEND_FLAT_ROWS - 1) / BACKEND_FLAT_ROWS;
  float *places = (float *)(void *)plan_accumulators(call->x, thread), *sums = places + f->places_floats;
  struct filter_line line[LINES_MAX];
  struct dot_run run[LINES_MAX];
  int64_t from[LINES_MAX];
  bool nan = false;
  if (low % CANON_CHUNK) move(f, sum, sums, false);
  for (uint64_t k = low; k < high; k += f->depth) {
    const uint64_t next = k + f->depth < high ? k + f->depth : high;
    uint32_t lines = filter_lines(f, k, next, line), tap[FILTER_AXES] = {0};
    struct dot_ask ask = {.piece[0].rows = 0};
    if (f->chunks.bands == 0 && (next < high || more)) filter_ask(call, &ask, &line[lines - 1], next, outer * tiles);
    lay_places(f, call->b, line, lines, places, from);
    for (uint64_t o = 0; o < outer; o++, filter_next_tap(f, 0, f->axes - 1, tap)) {
      struct dot_tile t = {.runs = run, .cols = (uint32_t)wide, .b = places, .a_row = f->a_row, .a_k = last->stride};
      t.b_k = (int64_t)f->cols;
      t.c_row = (int64_t)wide;
      t.store = k % CANON_CHUNK ? DOT_MORE : DOT_RAW;
      t.runs_count = lay_runs(f, tap, line, lines, from, run);
      for (uint64_t i = 0; i < tiles && (t.runs_count || t.store == DOT_RAW); i++) {
        const uint64_t row = f->rows * i / tiles;
        t.rows = (uint32_t)(f->rows * (i + 1) / tiles - row);
        t.a = call->a + (int64_t)row * f->a_row;
        t.c = sums + (o * f->rows + row) * wide;
        t.later = dot_ask_next(&ask, f->depth);
        nan |= call->x->backend->dot(&t);
      }
    }
  }
  move(f, sum, sums, true);
  return nan;
}
