#include <string.h>

#include "tape/execute/dot_plan.h"
#include "tape/execute/fold.h"

/* One tile of rows, columns [low, high). t holds all but rows and columns. */
static bool tile_row(const struct dot_call *call, struct dot_tile *t, const float *b, uint64_t depth, uint64_t low,
                     uint64_t high, float *c) {
  const struct dot *d = call->dot;
  bool nan = false;
  for (uint64_t j = low; j < high; j += d->panel_cols) {
    t->cols = (uint32_t)(high - j < d->panel_cols ? high - j : d->panel_cols);
    t->b = b + (d->from_b == DOT_IN_PLACE ? j : (j - low) * depth);
    t->c = c + j;
    nan |= call->x->backend->dot(t);
  }
  return nan;
}

/* Items [first, last) of columns [low, high), one chunk. */
static bool tiles_of(const struct dot_call *call, uint32_t thread, const float *own_b, uint32_t chunk, uint64_t first,
                     uint64_t last, uint64_t low, uint64_t high, float *c, enum dot_store store) {
  const struct dot *d = call->dot;
  uint64_t at[TAPE_RANK_MAX] = {0}, tile = first % call->tiles, rest = first / call->tiles;
  uint64_t depth = dot_depth_of(call->x, d, chunk), k = d->phased ? 0 : chunk * dot_cut(call->x, d),
           tile_a = depth * call->x->backend->dot_rows;
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
    t.runs = d->run + cut[0];
    t.runs_count = cut[1] - cut[0];
    const float *a = call->a + from_a, *b = d->from_b == DOT_OWN ? own_b : call->b + from_b;
    if (d->from_b == DOT_SHARED) b += d->panels * d->panel_cols * k + low * depth;
    if (d->from_a == DOT_SHARED) a += call->tiles * call->x->backend->dot_rows * k;
    left -= end - tile;
    for (uint64_t group = tile; group < end; group += d->group) {
      uint64_t stop = end - group < d->group ? end : group + d->group;
      const float *own = d->from_a == DOT_OWN ? dot_own_a(call, thread, a, chunk, group, stop - group) : NULL;
      for (uint64_t i = group; i < stop; i++) {
        uint64_t row = call->row_low + call->rows * i / call->tiles;
        t.rows = (uint32_t)(call->row_low + call->rows * (i + 1) / call->tiles - row);
        if (d->from_a == DOT_OWN)
          t.a = own + (i - group) * tile_a;
        else
          t.a = a + (d->from_a == DOT_SHARED ? (int64_t)(i * tile_a) : (int64_t)row * d->row.a);
        nan |= tile_row(call, &t, b, depth, low, high, c + to + (int64_t)row * d->row.c);
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

/* Items [first, last) of columns [low, high), all chunks, batch by batch where this thread copies b. */
static bool block_of(const struct dot_call *call, uint32_t thread, uint64_t first, uint64_t last, uint64_t low,
                     uint64_t high) {
  const struct dot *d = call->dot;
  uint64_t batch = d->from_b == DOT_OWN ? call->items / d->batches : call->items;
  bool nan = false;
  while (first < last) {
    uint64_t end = (first / batch + 1) * batch < last ? (first / batch + 1) * batch : last;
    for (uint32_t c = call->chunk_low; c < call->chunk_high; c++) {
      const float *own = d->from_b == DOT_OWN ? dot_own_b(call, thread, batch_of(call, first), c, low, high) : NULL;
      nan |= tiles_of(call, thread, own, c, first, end, low, high, call->c, c == 0 ? DOT_FIRST : DOT_NEXT);
    }
    first = end;
  }
  return nan;
}

static void dot_task(void *context, uint32_t i, uint32_t thread) {
  const struct dot_call *call = context;
  struct dot *d = call->dot;
  bool nan = false;
  if (d->split) {
    uint64_t elements = record_elements(d->record), end = (i + 1) * d->items_task;
    uint64_t batch = d->from_b == DOT_OWN ? d->items / d->batches : d->items;
    for (uint64_t c = i * d->items_task; c < end && c < d->chunks; c++)
      for (uint64_t first = 0; first < d->items; first += batch) {
        const float *own = NULL;
        if (d->from_b == DOT_OWN) own = dot_own_b(call, thread, batch_of(call, first), (uint32_t)c, 0, d->col.extent);
        nan |= tiles_of(call, thread, own, (uint32_t)c, first, first + batch, 0, d->col.extent, call->c + c * elements,
                        DOT_RAW);
      }
  } else {
    uint64_t groups = (d->items + d->items_task - 1) / d->items_task;
    uint64_t low = i / groups * d->cols_block,
             high = low + d->cols_block < d->col.extent ? low + d->cols_block : d->col.extent;
    uint64_t first = i % groups * d->items_task,
             last = first + d->items_task < d->items ? first + d->items_task : d->items;
    for (uint64_t j = low; j < high; j += d->cols_inner)
      nan |= block_of(call, thread, first, last, j, j + d->cols_inner < high ? j + d->cols_inner : high);
  }
  if (nan) atomic_store_explicit(&d->nan, true, memory_order_relaxed);
}

static struct dot_call call_of(struct execute *x, struct dot *d, uint32_t thread) {
  struct dot_call call = {
      .x = x, .dot = d, .rows = d->row.extent, .tiles = d->tiles, .items = d->items, .chunk_high = d->chunks};
  call.a = d->from_a == DOT_SHARED ? (const float *)(const void *)place_at(x, d->share_a)
                                   : (const float *)(const void *)place_at_thread(x, d->a, thread) + d->a_base;
  call.b = d->from_b == DOT_SHARED ? (const float *)(const void *)place_at(x, d->share_b)
                                   : (const float *)(const void *)place_at_thread(x, d->b, thread) + d->b_base;
  call.c = (float *)(void *)place_at_thread(x, d->c, thread);
  return call;
}

void dot_begin(struct execute *x, const struct item *item) {
  struct dot *d = item->plan;
  if (d->halo_a) halo_fill(x, d->halo_a);
  if (d->halo_b) halo_fill(x, d->halo_b);
  if (!d->phased) dot_share(x, d, 0, d->chunks);
}

void dot_run(struct execute *x, const struct item *item) {
  struct dot *d = item->plan;
  dot_begin(x, item);
  struct dot_call call = call_of(x, d, 0);
  if (d->split) call.c = (float *)(void *)place_at(x, x->workspace);
  atomic_store_explicit(&d->nan, false, memory_order_relaxed);
  for (uint32_t c = 0; d->phased && c < d->chunks; c++) {
    dot_share(x, d, c, c + 1);
    call.chunk_low = c, call.chunk_high = c + 1;
    pool_run(x->options.pool, (uint32_t)d->tasks, dot_task, &call);
  }
  if (!d->phased) pool_run(x->options.pool, (uint32_t)d->tasks, dot_task, &call);
  if (d->split) fold_join(x, d->record, d->c, d->chunks);
  if (atomic_load_explicit(&d->nan, memory_order_relaxed) && !x->options.free_order) dot_mend(x, d->record, d->c);
}

uint64_t dot_parts(const struct item *item) {
  const struct dot *d = item->plan;
  return d->parts;
}

bool dot_inside(const struct item *item, uint32_t operand) {
  const struct dot *d = item->plan;
  const struct tape_record *r = d->record;
  const struct tape_operand *o = &r->operand[operand];
  if (d->parts == 1 || (operand == d->operand_a ? d->halo_a : d->halo_b)) return false;
  uint32_t lead = 0, axis = 0;
  while (r->dim[lead] == 1) lead++;
  while (axis < o->axes && o->axis[axis].extent == 1) axis++;
  if (axis == o->axes) return false;
  const struct tape_axis *y = &o->axis[axis];
  return y->terms == 1 && y->term[0].dim == lead && y->term[0].coef == 1 && y->offset == 0 && y->div == 1 &&
         y->extent == r->dim[lead];
}

void dot_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
              uint32_t thread) {
  struct dot *d = item->plan;
  struct dot_call call = call_of(x, d, thread);
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
    nan |= block_of(&call, thread, first, last, j, j + d->cols_inner < n ? j + d->cols_inner : n);
  if (nan && !x->options.free_order)
    dot_mend_part(x, d->record, d->c, elements / parts * low, elements / parts * high, thread);
}
