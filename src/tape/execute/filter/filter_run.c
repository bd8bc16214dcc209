#include <string.h>

#include "tape/execute/dot/dot.h"
#include "tape/execute/filter/filter_plan.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/plan/axis.h"
#include "tape/execute/sum/mend.h"

uint32_t filter_lines(const struct filter *f, uint64_t first, uint64_t end, struct filter_line *line) {
  const struct tape_record *r = f->record;
  uint32_t coord[PLAN_DIMS] = {0}, lines = 0;
  uint64_t rest = first / f->line_length, low = first % f->line_length;
  for (uint32_t d = f->line; d-- > r->out_rank; rest /= r->dim[d]) coord[d] = (uint32_t)(rest % r->dim[d]);
  while (first < end) {
    struct filter_line *l = &line[lines++];
    *l = (struct filter_line){.low = low, .high = low + (end - first)};
    if (l->high > f->line_length) l->high = f->line_length;
    for (uint32_t d = r->out_rank; d < f->line; d++)
      l->a += (int64_t)coord[d] * f->coef_a[d], l->b += (int64_t)coord[d] * f->coef_b[d];
    for (uint32_t i = 0; i < f->axes; i++) {
      const struct filter_axis *x = &f->axis[i];
      l->number[i] = x->number;
      if (x->of_place != FILTER_NO_DIM && x->of_place != f->line) l->number[i] += x->place * coord[x->of_place];
      l->a += l->number[i] * x->stride;
    }
    first += l->high - l->low;
    low = 0;
    axis_next(r, r->out_rank, f->line, coord);
  }
  return lines;
}

/* Requests for so many floats side by side, `step` floats apart. */
static struct ask_piece ask_for(const float *at, uint64_t floats, uint64_t step) {
  enum { TURN = 16 }; /* requests that a tile makes at least */
  return (struct ask_piece){.at = at,
                            .row = (ptrdiff_t)(TURN * step),
                            .step = (ptrdiff_t)step,
                            .rows = (floats + TURN * step - 1) / (TURN * step),
                            .lines = TURN};
}

void filter_ask(const struct filter_call *call, struct dot_ask *ask, const struct filter_line *last, uint64_t next,
                uint64_t tiles) {
  enum { STEP_LEAST = 4, STEP_MOST = 32 /* lines of memory come in pairs */ };
  const struct filter *f = call->filter;
  const uint64_t depth = f->k - next < f->depth ? f->k - next : f->depth, requests = tiles * f->depth * 3 / 4;
  const uint64_t floats_a = depth * f->place_a, floats_b = depth * f->place_b;
  uint64_t step = STEP_MOST;
  while (step > STEP_LEAST && (floats_a + floats_b) * 2 / step <= requests) step /= 2;
  ask->piece[ASK_OWN] = ask_for(call->b + last->b + (int64_t)last->high * f->coef_b[f->line], floats_b, step);
  struct ask_piece *a = &ask->piece[ASK_NEAR];
  *a = ask_for(call->a + last->a + (int64_t)last->high * f->a_k, floats_a, step);
  if (f->taps == 1 && f->place_a > f->rows * f->groups) { /* the places in between are never read: line by line */
    struct filter_line line[2];
    const uint64_t begin = next / f->line_length * f->line_length, end = begin + f->line_length + 1;
    const uint32_t lines = filter_lines(f, begin, end < f->k ? end : f->k, line);
    a->at = call->a + line[0].a;
    a->row = lines > 1 ? line[1].a - line[0].a : 0;
    a->step = f->a_k;
    a->lines = f->line_length;
    a->rows = (next + depth - begin + f->line_length - 1) / f->line_length;
  }
}

/* What one combination of taps sees of the lines, as runs. */
static uint32_t lay_runs(const struct filter *f, const uint32_t *tap, const struct filter_line *line, uint32_t lines,
                         struct dot_run *run) {
  uint32_t runs = 0, outer = f->axes - f->line_moves, of = f->line_moves ? tap[f->axes - 1] : 0;
  int64_t from = filter_tap_at(f, f->axes, tap);
  for (uint32_t n = 0; n < lines; n++) {
    const struct filter_line *l = &line[n];
    uint64_t low = l->low > f->first_low[of] ? l->low : f->first_low[of];
    uint64_t high = l->high < f->first_high[of] ? l->high : f->first_high[of];
    if (low >= high || !filter_sees(f, outer, tap, l)) continue;
    run[runs++] = (struct dot_run){l->a + from + (int64_t)low * f->a_k, l->b + (int64_t)low * f->coef_b[f->line],
                                   (uint32_t)(high - low)};
  }
  return runs;
}

/* rows x cols of one block of k as tiles; sums are raw, and go on from those of the block before. */
static bool tiles(const struct filter_call *call, struct dot_tile *t, struct dot_ask *ask, uint64_t rows,
                  uint64_t cols) {
  const struct filter *f = call->filter;
  const float *a = t->a, *b = t->b;
  float *c = t->c;
  uint64_t count = (rows + f->tile_rows - 1) / f->tile_rows;
  bool nan = false;
  for (uint64_t j = 0; j < cols; j += f->tile_cols)
    for (uint64_t i = 0; i < count; i++) {
      uint64_t row = rows * i / count;
      t->rows = (uint32_t)(rows * (i + 1) / count - row);
      t->cols = (uint32_t)(cols - j < f->tile_cols ? cols - j : f->tile_cols);
      t->a = a + (int64_t)row * t->a_row;
      t->b = b + j;
      t->c = c + (int64_t)row * t->c_row + j;
      t->later = dot_ask_next(ask, f->depth);
      nan |= call->x->backend->dot(t);
    }
  t->a = a, t->b = b, t->c = c;
  return nan;
}

/* One block of k, the taps of `splits` that are this unit's. */
static bool block_of_taps(const struct filter_call *call, const struct filter_line *line, uint32_t lines, float *sum,
                          uint64_t part, enum dot_store store, uint64_t next, bool asks) {
  const struct filter *f = call->filter;
  uint32_t tap[FILTER_AXES] = {0};
  struct dot_run run[CANON_CHUNK];
  struct dot_ask ask = {.piece[0].rows = 0};
  bool nan = false;
  if (asks)
    filter_ask(call, &ask, &line[lines - 1], next,
               f->taps / f->splits * f->groups * ((f->rows + f->tile_rows - 1) / f->tile_rows) *
                   ((f->cols + f->tile_cols - 1) / f->tile_cols));
  if (f->splits > 1) tap[0] = (uint32_t)part;
  for (uint64_t n = 0; n < f->taps / f->splits; n++) {
    struct dot_tile t = {.runs = run, .a_row = f->a_row, .a_k = f->a_k, .c_row = f->c_row, .store = store};
    t.b_k = f->coef_b[f->line];
    t.runs_count = lay_runs(f, tap, line, lines, run);
    float *c = sum;
    for (uint32_t i = 0; i < f->axes; i++)
      if (f->axis[i].of_tap != FILTER_NO_DIM) c += (int64_t)tap[i] * f->coef_c[f->axis[i].of_tap];
    if (t.runs_count || store == DOT_RAW)
      for (uint64_t g = 0; g < f->groups; g++) {
        t.a = call->a, t.b = call->b, t.c = c;
        if (g) {
          t.a += (int64_t)g * f->coef_a[f->group];
          t.b += (int64_t)g * f->coef_b[f->group];
          t.c += (int64_t)g * f->coef_c[f->group];
        }
        nan |= tiles(call, &t, &ask, f->rows, f->cols);
      }
    filter_next_tap(f, f->splits > 1, f->axes, tap);
  }
  return nan;
}

/* One block of k from patches; `sum` is turned if they are the columns. */
static bool block_of_patches(const struct filter_call *call, const struct filter_line *line, uint32_t lines, float *sum,
                             float *patch, enum dot_store store) {
  const struct filter *f = call->filter;
  struct dot_run run[CANON_CHUNK];
  int64_t k = 0;
  uint32_t runs = 0;
  if (f->in_rows) {
    struct patch_line at[CANON_CHUNK];
    struct patch_tile t = {.lines = at, .lines_count = lines, .cols = (uint32_t)f->cols, .c = sum, .store = store};
    t.span = (uint32_t)f->span, t.pieces = (uint32_t)(f->patch / f->span);
    t.step = (ptrdiff_t)((uint64_t)f->axis[f->axes - 1].place * f->rows);
    t.b_k = f->coef_b[f->line], t.c_row = (ptrdiff_t)f->cols;
    filter_patch_rows(f, call->a, call->b, line, lines, at, patch);
    return call->x->backend->patch(&t);
  }
  filter_patch(f, call->a, line, lines, patch, patch + f->patch_floats);
  for (uint32_t n = 0; n < lines; n++) { /* a: the patches */
    int64_t from = line[n].b + (int64_t)line[n].low * f->coef_b[f->line];
    uint32_t length = (uint32_t)(line[n].high - line[n].low);
    if (runs && run[runs - 1].b + (int64_t)run[runs - 1].length * f->coef_b[f->line] == from)
      run[runs - 1].length += length;
    else
      run[runs++] = (struct dot_run){k * (int64_t)f->patch_k, from, length};
    k += length;
  }
  struct dot_tile t = {.runs = run, .runs_count = runs, .a_row = 1, .c = sum, .store = store};
  t.a = f->turned ? call->b : patch;
  t.b = f->turned ? patch : call->b;
  t.a_k = f->turned ? f->coef_b[f->line] : (int64_t)f->patch_k;
  t.b_k = f->turned ? (int64_t)f->patch_k : f->coef_b[f->line];
  t.c_row = f->turned ? (int64_t)f->patch : (int64_t)f->cols;
  for (uint32_t n = 0; n < runs && f->turned; n++) {
    ptrdiff_t swap = run[n].a;
    run[n].a = run[n].b;
    run[n].b = swap;
  }
  struct dot_ask ask = {.piece[0].rows = 0};
  return tiles(call, &t, &ask, f->turned ? f->cols : f->patch, f->turned ? f->patch : f->cols);
}

/* Positions [low, high) of k, all of one chunk, of which those in front have been added. more: those behind come next.
 */
static bool add_of(const struct filter_call *call, uint64_t chunk, uint64_t split, uint64_t low, uint64_t high,
                   bool more, uint32_t thread) {
  const struct filter *f = call->filter;
  float *sum = call->sums + chunk * f->elements, *patch = NULL, *turned = sum;
  const bool asks = f->chunks.bands == 0; /* else it lies in this thread's cache */
  if (f->abreast) return filter_abreast_add(call, low, high, sum, more, thread);
  if (f->patches) {
    patch = (float *)(void *)plan_accumulators(call->x, thread);
    if (f->turned) turned = patch + f->patch_floats + f->rows_floats;
  }
  bool nan = false;
  for (uint64_t k = low; k < high; k += f->depth) {
    struct filter_line line[CANON_CHUNK];
    const uint64_t next = k + f->depth < high ? k + f->depth : high;
    uint32_t lines = filter_lines(f, k, next, line);
    enum dot_store store = k % CANON_CHUNK == 0 ? DOT_RAW : DOT_MORE;
    nan |= f->patches
               ? block_of_patches(call, line, lines, turned, patch, store)
               : block_of_taps(call, line, lines, sum, split, store, next, asks && (next < high ? split == 0 : more));
  }
  if (f->turned)
    for (uint64_t row = 0; row < f->patch; row++)
      for (uint64_t col = 0; col < f->cols; col++) sum[row * f->cols + col] = turned[col * f->patch + row];
  return nan;
}

static void filter_task(void *context, uint32_t i, uint32_t thread) {
  const struct filter_call *call = context;
  struct filter *f = call->filter;
  uint64_t end = (i + 1) * f->grain < f->units ? (i + 1) * f->grain : f->units;
  bool nan = false;
  for (uint64_t unit = i * f->grain; unit < end; unit++) {
    uint64_t chunk = unit / f->splits, low = chunk * CANON_CHUNK;
    nan |= add_of(call, chunk, unit % f->splits, low, f->k - low < CANON_CHUNK ? f->k : low + CANON_CHUNK,
                  unit + 1 < end && (unit + 1) % f->splits == 0, thread);
  }
  if (nan) atomic_store_explicit(&f->nan, true, memory_order_relaxed);
}

static struct filter_call call_at(struct execute *x, struct filter *f, uint64_t k, uint32_t thread) {
  return (struct filter_call){.x = x,
                              .filter = f,
                              .sums = chunks_sums(x, &f->chunks),
                              .a = chunks_read(x, &f->chunks, &f->a, k, thread) + f->a_base,
                              .b = chunks_read(x, &f->chunks, &f->b, k, thread) + f->b_base};
}

struct filter_of {
  struct execute *x;
  struct filter *filter;
};

static void add_rows(void *context, uint32_t chunk, uint64_t low, uint64_t high, uint32_t thread) {
  const struct filter_of *of = context;
  struct filter *f = of->filter;
  struct filter_call call = call_at(of->x, f, low, thread);
  bool nan = false;
  for (uint64_t split = 0; split < f->splits; split++) nan |= add_of(&call, chunk, split, low, high, false, thread);
  if (nan) atomic_store_explicit(&f->nan, true, memory_order_relaxed);
}

void filter_begin(struct execute *x, const struct item *item) {
  (void)x;
  struct filter *f = item->plan;
  atomic_store_explicit(&f->nan, false, memory_order_relaxed);
  chunks_begin(&f->chunks);
}

void filter_part(struct execute *x, const struct item *item, uint32_t band, uint32_t thread) {
  struct filter *f = item->plan;
  struct filter_of of = {x, f};
  chunks_bring(&f->chunks, band, thread, add_rows, &of);
}

void filter_end(struct execute *x, const struct item *item) {
  struct filter *f = item->plan;
  fold_join(x, f->record, chunks_sums(x, &f->chunks), f->c, f->chunks.count);
  if (atomic_load_explicit(&f->nan, memory_order_relaxed) && !x->options.free_order) mend_dot(x, f->record, f->c);
}

void filter_run(struct execute *x, const struct item *item) {
  struct filter *f = item->plan;
  struct filter_call call = call_at(x, f, 0, 0);
  atomic_store_explicit(&f->nan, false, memory_order_relaxed);
  pool_run(x->options.pool, (uint32_t)((f->units + f->grain - 1) / f->grain), filter_task, &call);
  filter_end(x, item);
}
