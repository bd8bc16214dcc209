#include <string.h>

#include "tape/execute/dot/dot_blank.h"
#include "tape/execute/dot/dot_tail.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/sum/mend.h"

enum { COMMON_BYTES = 1 << 19 };

/* One tile of rows, columns [low, high), +0 in panels from column `wanted` on. t holds all but columns; tail: of the
 * columns of b, or NULL. */
static bool tile_row(const struct dot_call *call, struct dot_tile *t, struct dot_ask *ask, const float *b,
                     const uint32_t *tail, uint32_t chunk, uint64_t low, uint64_t wanted, uint64_t high, float *c) {
  const struct dot *d = call->dot;
  const struct dot_run *run = t->runs;
  const uint32_t runs = t->runs_count;
  struct dot_run cut;
  uint64_t depth = dot_depth_of(call->x, d, chunk);
  bool nan = false;
  for (uint64_t j = low; j < high; j += d->panel_cols) {
    t->cols = (uint32_t)(high - j < d->panel_cols ? high - j : d->panel_cols);
    t->b = b + (d->from_b == DOT_IN_PLACE ? j : (j - low) * depth);
    t->c = c + j;
    if (tail) cut = dot_tail_run(call, tail, run, chunk, j, t->cols), t->runs = &cut;
    if (j >= wanted) t->runs_count = 0;
    t->later = d->asks ? dot_ask_next(ask, depth) : NULL;
    nan |= call->x->backend->dot(t);
  }
  t->runs = run, t->runs_count = runs;
  return nan;
}

static uint64_t row_of(const struct dot_call *call, uint64_t tile) {
  return call->row_low + call->rows * tile / call->tiles;
}

/* Rows of a that this task reads after so many more tiles; a: of this combination of the loops. */
static void ask_rows(const struct dot_call *call, struct dot_ask *ask, const float *a, uint32_t chunk, uint64_t tile,
                     uint64_t end, uint64_t tiles) {
  const struct dot *d = call->dot;
  ask->piece[ASK_NEAR].rows = 0;
  if (tile >= end || !d->straight_a) return;
  uint64_t first = row_of(call, tile), rows = row_of(call, end) - first, depth = dot_depth_of(call->x, d, chunk);
  const float *at = a + (int64_t)first * d->row.a + (int64_t)(chunk * dot_cut(call->x, d)) * d->straight_a;
  if (d->row.a == 1) dot_ask_piece(ask, ASK_NEAR, at, d->straight_a, depth, rows, tiles, depth);
  if (d->straight_a == 1) dot_ask_piece(ask, ASK_NEAR, at, d->row.a, rows, depth, tiles, depth);
}

/* The places of c that tiles [tile, end) of columns [low, high) write, while one row of tiles computes. */
static void ask_c(const struct dot_call *call, struct dot_ask *ask, const float *c, uint64_t tile, uint64_t end,
                  uint64_t low, uint64_t high, uint64_t depth) {
  const struct dot *d = call->dot;
  ask->piece[ASK_C].rows = 0;
  if (tile >= end) return;
  uint64_t first = row_of(call, tile), panels = (high - low + d->panel_cols - 1) / d->panel_cols;
  dot_ask_piece(ask, ASK_C, c + low + (int64_t)first * d->row.c, d->row.c, row_of(call, end) - first, high - low,
                (panels + 2) / 3, depth);
}

/* What the combination of the loops to which an item belongs reads in place: its b, and its a where every tile reads a
 * piece of each line. */
static void ask_combination(const struct dot_call *call, struct dot_ask *ask, uint64_t item) {
  const struct dot *d = call->dot;
  if (d->loops == 0 || item >= call->items) return;
  const float *a = call->a, *b = call->b;
  uint64_t rest = item / call->tiles, depth = dot_depth_of(call->x, d, 0), turns = call->tiles * d->panels / 2;
  for (uint32_t l = d->loops; l-- > 0; rest /= d->loop[l].extent) {
    a += (int64_t)(rest % d->loop[l].extent) * d->loop[l].a;
    b += (int64_t)(rest % d->loop[l].extent) * d->loop[l].b;
  }
  if (d->from_a == DOT_IN_PLACE && d->row.a == 1 && d->straight_a)
    dot_ask_piece(ask, ASK_OWN, a, d->straight_a, depth, call->rows, turns, depth);
  if (d->from_b == DOT_IN_PLACE && d->straight_b)
    dot_ask_piece(ask, ASK_COMMON, b, d->straight_b, depth, d->col.extent, turns, depth);
}

/* Items [first, last) of columns [low, high), one chunk. */
static bool tiles_of(const struct dot_call *call, uint32_t thread, struct dot_ask *ask, const float *own_b,
                     uint32_t chunk, uint64_t first, uint64_t last, uint64_t low, uint64_t high, float *c,
                     enum dot_store store) {
  const struct dot *d = call->dot;
  uint64_t at[TAPE_RANK_MAX] = {0}, tile = first % call->tiles, rest = first / call->tiles;
  uint64_t depth = dot_depth_of(call->x, d, chunk), k = dot_slot(d, chunk) * dot_cut(call->x, d),
           tile_a = depth * call->x->backend->dot_rows, panels = (high - low + d->panel_cols - 1) / d->panel_cols;
  for (uint32_t l = d->loops; l-- > 0; rest /= d->loop[l].extent) at[l] = rest % d->loop[l].extent;
  struct dot_tile t = {.a_row = d->a_row, .a_k = d->a_k, .b_k = d->b_k, .c_row = d->row.c, .store = store};
  bool nan = false;
  for (uint64_t left = last - first; left > 0; tile = 0, dot_advance(d->loop, d->loops, at)) {
    int64_t from_a = 0, from_b = 0, to = 0;
    uint64_t list = 0, end = call->tiles - tile < left ? call->tiles : tile + left; /* list: of runs */
    for (uint32_t l = 0; l < d->loops; l++) {
      from_a += (int64_t)at[l] * d->loop[l].a;
      from_b += (int64_t)at[l] * (d->from_b == DOT_SHARED ? d->pack_loop[l] : d->loop[l].b);
      to += (int64_t)at[l] * d->loop[l].c;
      list += at[l] * d->combination[l];
    }
    const uint32_t *cut = d->chunk + list * (d->chunks + 1u) + chunk;
    const struct dot_run *whole = t.runs = d->run + cut[0];
    t.runs_count = cut[1] - cut[0];
    const uint32_t *blank = NULL;
    if (d->blank)
      blank = dot_blank_ends(call, thread, at, left == last - first, call->raw_a + from_a, call->raw_b + from_b);
    const uint32_t *tail =
        d->tail ? dot_tail_ends(call, thread, call->raw_a + from_a, call->raw_b + from_b, chunk) : NULL;
    const float *a = call->a + from_a, *b = d->from_b == DOT_OWN ? own_b : call->b + from_b;
    if (d->from_b == DOT_SHARED) b += d->panels * d->panel_cols * k + low * depth;
    if (d->from_a == DOT_SHARED) a += call->tiles * call->x->backend->dot_rows * k;
    left -= end - tile;
    if (d->asks) ask_combination(call, ask, last - left);
    for (uint64_t group = tile; group < end; group += d->group) {
      uint64_t stop = end - group < d->group ? end : group + d->group;
      if (d->asks && d->from_a == DOT_OWN)
        ask_rows(call, ask, a, chunk, stop, stop + d->group < end ? stop + d->group : end, (stop - group) * panels);
      const float *own = d->from_a == DOT_OWN ? dot_own_a(call, thread, a, chunk, group, stop - group) : NULL;
      for (uint64_t i = group; i < stop; i++) {
        uint64_t row = row_of(call, i);
        struct dot_run part;
        t.rows = (uint32_t)(row_of(call, i + 1) - row);
        if (tail && d->tail != DOT_TAIL_B_COLS)
          part = dot_tail_run(call, tail, whole, chunk, row, t.rows), t.runs = &part;
        if (d->from_a == DOT_OWN)
          t.a = own + (i - group) * tile_a;
        else
          t.a = a + (d->from_a == DOT_SHARED ? (int64_t)(i * tile_a) : (int64_t)row * d->row.a);
        if (d->asks && d->from_a == DOT_IN_PLACE && (d->loops == 0 || d->straight_a == 1))
          ask_rows(call, ask, a, chunk, i + 1, i + 2 < end ? i + 2 : end, (panels * 2 + 2) / 3);
        t.c_far = d->c_far && (!d->asks || i == tile);
        if (d->asks && d->c_far) ask_c(call, ask, c + to, i + 1, i + 2 < end ? i + 2 : end, low, high, depth);
        uint64_t wanted = blank ? dot_lines_most(blank, row, t.rows) : high;
        nan |= tile_row(call, &t, ask, b, d->tail == DOT_TAIL_B_COLS ? tail : NULL, chunk, low, wanted, high,
                        c + to + (int64_t)row * d->row.c);
      }
    }
  }
  return nan;
}

/* Where b of the batch begins to which an item belongs. */
static const float *batch_of(const struct dot_call *call, uint64_t item) {
  const struct dot *d = call->dot;
  uint64_t rest = item / call->tiles;
  const float *b = call->b;
  for (uint32_t l = d->loops; l-- > 0; rest /= d->loop[l].extent)
    b += (int64_t)(rest % d->loop[l].extent) * d->loop[l].b;
  return b;
}

/* Items [first, last) of columns [low, high), all chunks or that of the phase, batch by batch where this thread copies
 * b. */
static bool block_of(const struct dot_call *call, uint32_t thread, struct dot_ask *ask, uint32_t phase, uint64_t first,
                     uint64_t last, uint64_t low, uint64_t high) {
  const struct dot *d = call->dot;
  uint64_t batch = d->from_b == DOT_OWN ? call->items / d->batches : call->items;
  uint32_t from = d->phased ? phase : 0, to = d->phased ? phase + 1 : d->chunks;
  bool nan = false;
  while (first < last) {
    uint64_t end = (first / batch + 1) * batch < last ? (first / batch + 1) * batch : last;
    for (uint32_t c = from; c < to; c++) {
      const float *own = d->from_b == DOT_OWN ? dot_own_b(call, thread, batch_of(call, first), c, low, high) : NULL;
      nan |= tiles_of(call, thread, ask, own, c, first, end, low, high, call->c, c == 0 ? DOT_FIRST : DOT_NEXT);
    }
    first = end;
  }
  return nan;
}

/* What the task that this thread is likely to take next has for itself, and a share of what all tasks of the next chunk
 * read: every thread asks for all of that. */
static void ask_phase(const struct dot_call *call, struct dot_ask *ask, uint64_t task, uint64_t phase) {
  const struct dot *d = call->dot;
  uint64_t threads = call->x->threads, cut = dot_cut(call->x, d), next = task + threads, chunk = phase;
  uint64_t turns = d->by_cols ? d->tiles * (d->cols_block / d->panel_cols) : d->items_task * d->panels;
  turns = turns * 3 / 8; /* for either of the two pieces: a last task may be smaller */
  if (next >= d->tasks) next -= d->tasks, chunk++;
  if (next < d->tasks && chunk < d->chunks && d->straight_a && d->straight_b) {
    uint64_t depth = dot_depth_of(call->x, d, (uint32_t)chunk), low = next * d->cols_block;
    uint64_t high = low + d->cols_block < d->col.extent ? low + d->cols_block : d->col.extent;
    uint64_t tile = next * d->items_task, end = tile + d->group < d->tiles ? tile + d->group : d->tiles;
    if (d->by_cols && d->col.b == 1)
      dot_ask_piece(ask, ASK_OWN, call->raw_b + low + (int64_t)(chunk * cut) * d->straight_b, d->straight_b, depth,
                    high - low, turns, depth);
    if (!d->by_cols)
      dot_ask_piece(ask, ASK_OWN, call->raw_a + row_of(call, tile) + (int64_t)(chunk * cut) * d->straight_a,
                    d->straight_a, depth, row_of(call, end) - row_of(call, tile), turns, depth);
  }
  if (phase + 1 >= d->chunks) return;
  uint64_t depth = dot_depth_of(call->x, d, (uint32_t)phase + 1), turn = task / threads * threads;
  uint64_t first = depth * turn / d->tasks,
           last = turn + threads < d->tasks ? depth * (turn + threads) / d->tasks : depth;
  uint64_t wide = d->by_cols ? d->row.extent : d->col.extent;
  int64_t step = d->by_cols ? d->straight_a : d->straight_b;
  if (!step || (!d->by_cols && d->col.b != 1) || 4 * wide * depth > COMMON_BYTES) return;
  const float *at = (d->by_cols ? call->raw_a : call->raw_b) + (int64_t)((phase + 1) * cut + first) * step;
  dot_ask_piece(ask, ASK_COMMON, at, step, last - first, wide, turns, depth);
}

/* Tasks of a phase that fill the shared copies. */
static uint64_t copies_of(const struct dot *d) { return (d->copies_a + d->copies_b) * (d->chunks / d->phases); }

/* Task i of the tiles, chunks from `phase` on. */
static void tile_task(const struct dot_call *call, uint64_t i, uint64_t phase, uint32_t thread) {
  struct dot *d = call->dot;
  struct dot_ask ask = {.piece[0].rows = 0};
  if (d->asks && d->phased) ask_phase(call, &ask, i, phase);
  bool nan = false;
  if (d->split) {
    uint64_t elements = record_elements(d->record), end = (i + 1) * d->items_task;
    uint64_t batch = d->from_b == DOT_OWN ? d->items / d->batches : d->items;
    for (uint64_t c = i * d->items_task; c < end && c < d->chunks; c++)
      for (uint64_t first = 0; first < d->items; first += batch) {
        const float *own = NULL;
        if (d->from_b == DOT_OWN) own = dot_own_b(call, thread, batch_of(call, first), (uint32_t)c, 0, d->col.extent);
        nan |= tiles_of(call, thread, &ask, own, (uint32_t)c, first, first + batch, 0, d->col.extent,
                        call->c + c * elements, DOT_RAW);
      }
  } else {
    uint64_t groups = (d->items + d->items_task - 1) / d->items_task;
    uint64_t low = i / groups * d->cols_block,
             high = low + d->cols_block < d->col.extent ? low + d->cols_block : d->col.extent;
    uint64_t first = i % groups * d->items_task, size = d->items_task;
    if (d->items_short && i >= d->long_tasks) {
      low = 0, high = d->col.extent;
      first = d->long_tasks * size + (i - d->long_tasks) * d->items_short;
      size = d->items_short;
    }
    uint64_t last = first + size < d->items ? first + size : d->items;
    for (uint64_t j = low; j < high; j += d->cols_inner)
      nan |= block_of(call, thread, &ask, (uint32_t)phase, first, last, j,
                      j + d->cols_inner < high ? j + d->cols_inner : high);
  }
  if (nan) atomic_store_explicit(&d->nan, true, memory_order_relaxed);
}

/* Copies of phase 0, copies of phase 1, tiles of phase 0, copies of phase 2, and so on: nobody who comes in this order
 * has to wait, but for a thread that is late. */
static void dot_task(void *context, uint32_t i, uint32_t thread) {
  const struct dot_call *call = context;
  struct dot *d = call->dot;
  uint64_t copies = copies_of(d), each = copies + d->tasks, phase = i < copies ? 0 : 1 + (i - copies) / each,
           at = i < copies ? i : (i - copies) % each;
  if (phase < d->phases && at < copies) {
    uint64_t chunk = d->phased ? phase : at / (d->copies_a + d->copies_b);
    if (phase >= DOT_SLOTS) pool_wait(&d->tiled[phase - DOT_SLOTS], (uint32_t)d->tasks);
    dot_copy(call->x, d, (uint32_t)chunk, at % (d->copies_a + d->copies_b));
    atomic_fetch_add_explicit(&d->copied[phase], 1, memory_order_release);
    return;
  }
  if (phase < d->phases) at -= copies;
  phase--;
  pool_wait(&d->copied[phase], (uint32_t)copies);
  pool_wait(&d->turn[at], (uint32_t)phase);
  tile_task(call, at, phase, thread);
  atomic_store_explicit(&d->turn[at], (uint32_t)phase + 1, memory_order_release);
  atomic_fetch_add_explicit(&d->tiled[phase], 1, memory_order_release);
}

static struct dot_call call_of(struct execute *x, struct dot *d, uint32_t thread) {
  struct dot_call call = {.x = x, .dot = d, .rows = d->row.extent, .tiles = d->tiles, .items = d->items};
  call.raw_a = (const float *)(const void *)place_at_thread(x, d->a, thread) + d->a_base;
  call.raw_b = (const float *)(const void *)place_at_thread(x, d->b, thread) + d->b_base;
  call.a = d->from_a == DOT_SHARED ? (const float *)(const void *)plan_copy(x, d->share_a) : call.raw_a;
  call.b = d->from_b == DOT_SHARED ? (const float *)(const void *)plan_copy(x, d->share_b) : call.raw_b;
  call.c = (float *)(void *)place_at_thread(x, d->c, thread);
  return call;
}

static void copy_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct dot_call *call = context;
  uint64_t copies = call->dot->copies_a + call->dot->copies_b;
  dot_copy(call->x, call->dot, (uint32_t)(i / copies), i % copies);
}

static void fill_halos(struct execute *x, struct dot *d) {
  if (d->halo_a) halo_fill(x, d->halo_a);
  if (d->halo_b) halo_fill(x, d->halo_b);
}

void dot_begin(struct execute *x, const struct item *item) {
  struct dot *d = item->plan;
  struct dot_call call = {.x = x, .dot = d};
  fill_halos(x, d);
  pool_run(x->options.pool, (uint32_t)((d->copies_a + d->copies_b) * d->chunks), copy_task, &call);
}

void dot_run(struct execute *x, const struct item *item) {
  struct dot *d = item->plan;
  fill_halos(x, d);
  struct dot_call call = call_of(x, d, 0);
  if (d->split) call.c = (float *)(void *)place_at(x, x->workspace);
  atomic_store_explicit(&d->nan, false, memory_order_relaxed);
  for (uint64_t p = 0; p < d->phases; p++) {
    atomic_store_explicit(&d->copied[p], 0, memory_order_relaxed);
    atomic_store_explicit(&d->tiled[p], 0, memory_order_relaxed);
  }
  for (uint64_t t = 0; t < d->tasks; t++) atomic_store_explicit(&d->turn[t], 0, memory_order_relaxed);
  pool_run(x->options.pool, (uint32_t)(d->phases * (copies_of(d) + d->tasks)), dot_task, &call);
  if (d->split) fold_join(x, d->record, call.c, d->c, d->chunks);
  if (atomic_load_explicit(&d->nan, memory_order_relaxed) && !x->options.free_order) mend_dot(x, d->record, d->c);
}

uint64_t dot_parts(const struct item *item) {
  const struct dot *d = item->plan;
  return d->parts;
}

/* Of `parts` parts those from low to high, line by line, which is where they lie. */
static void mend_apart(struct execute *x, const struct dot *d, uint64_t low, uint64_t high, uint64_t parts,
                       uint32_t thread) {
  uint64_t each = d->items / d->tiles / parts;
  for (uint64_t i = low * each; i < high * each; i++) {
    uint64_t rest = i, at = 0;
    for (uint32_t l = d->loops; l-- > 0; rest /= d->loop[l].extent)
      at += rest % d->loop[l].extent * (uint64_t)d->loop[l].c;
    for (uint64_t row = 0; row < d->row.extent; row++, at += (uint64_t)d->row.c)
      mend_dot_part(x, d->record, d->c, at, at + d->col.extent, thread);
  }
}

void dot_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
              uint32_t thread) {
  struct dot *d = item->plan;
  struct dot_call call = call_of(x, d, thread);
  struct dot_ask ask = {.piece[0].rows = 0};
  uint64_t first = 0, last, elements = record_elements(d->record), rows = x->backend->dot_rows;
  if (d->part_rows) {
    call.row_low = d->row.extent / parts * low;
    call.rows = d->row.extent / parts * (high - low);
    call.tiles = (call.rows + rows - 1) / rows;
    call.items = d->items / d->tiles * call.tiles;
    last = call.items;
  } else {
    first = d->items / parts * low;
    last = d->items / parts * high;
  }
  bool nan = false;
  for (uint64_t j = 0, n = d->col.extent; j < n; j += d->cols_inner)
    nan |= block_of(&call, thread, &ask, 0, first, last, j, j + d->cols_inner < n ? j + d->cols_inner : n);
  if (!nan || x->options.free_order) return;
  if (d->apart)
    mend_apart(x, d, low, high, parts, thread);
  else
    mend_dot_part(x, d->record, d->c, elements / parts * low, elements / parts * high, thread);
}
