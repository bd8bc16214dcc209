#include <string.h>

#include "tape/execute/dot_plan.h"
#include "tape/execute/fold.h"

struct dot_call {
  struct execute *x;
  struct dot *dot;
  const float *a, *b, *pack_from;
  float *c, *pack;
};

/* One panel of the vector operand, columns side by side for each k. */
static void pack_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct dot_call *call = context;
  const struct dot *d = call->dot;
  uint64_t all = d->panels * d->batches, end = (i + 1) * d->pack_grain < all ? (i + 1) * d->pack_grain : all;
  for (uint64_t p = i * d->pack_grain; p < end; p++) {
    uint64_t panel = p % d->panels, rest = p / d->panels, width = d->col.extent - panel * d->panel_cols;
    const float *from = call->pack_from + (int64_t)(panel * d->panel_cols) * d->col.b;
    float *to = call->pack + panel * d->k * d->panel_cols;
    if (width > d->panel_cols) width = d->panel_cols;
    for (uint32_t l = d->loops; l-- > 0;)
      if (d->loop[l].b) {
        int64_t at = (int64_t)(rest % d->loop[l].extent);
        rest /= d->loop[l].extent;
        from += at * d->loop[l].b;
        to += at * d->pack_loop[l];
      }
    for (uint32_t r = 0; r < d->pack_runs; r++) {
      const struct dot_run *run = &d->pack_run[r];
      if (d->col.b == 1) {
        float *out = to + run->a * (int64_t)d->panel_cols;
        const float *in = from + run->b;
        for (uint64_t k = 0; k < run->length; k++, in += d->pack_k, out += d->panel_cols) memcpy(out, in, 4 * width);
        continue;
      }
      for (uint64_t k0 = 0; k0 < run->length; k0 += 16) { /* short columns, so that both sides stay in cache */
        uint64_t n = run->length - k0 < 16 ? run->length - k0 : 16;
        for (uint64_t j = 0; j < width; j++) {
          const float *column = from + run->b + (int64_t)j * d->col.b + (int64_t)k0 * d->pack_k;
          float *out = to + (run->a + (int64_t)k0) * (int64_t)d->panel_cols + (int64_t)j;
          for (uint64_t k = 0; k < n; k++) out[k * d->panel_cols] = column[(int64_t)k * d->pack_k];
        }
      }
    }
  }
}

/* Tiles items [first, last) of columns [low, high), one chunk. */
static bool chunk_of(const struct dot_call *call, uint32_t chunk, uint64_t first, uint64_t last, uint64_t low,
                     uint64_t high, float *c, enum dot_store store) {
  const struct dot *d = call->dot;
  uint64_t at[TAPE_RANK_MAX] = {0}, tile = first % d->tiles, rest = first / d->tiles, wide = call->x->backend->dot_cols;
  for (uint32_t l = d->loops; l-- > 0; rest /= d->loop[l].extent) at[l] = rest % d->loop[l].extent;
  struct dot_tile t = {.a_row = d->row.a, .a_k = d->a_k, .b_k = d->b_k, .c_row = d->row.c, .store = store};
  bool nan = false;
  for (uint64_t item = first; item < last; item++) {
    int64_t from_a = 0, from_b = 0, to = 0;
    uint64_t list = 0; /* of runs */
    for (uint32_t l = 0; l < d->loops; l++) {
      from_a += (int64_t)at[l] * d->loop[l].a;
      from_b += (int64_t)at[l] * (d->packed ? d->pack_loop[l] : d->loop[l].b);
      to += (int64_t)at[l] * d->loop[l].c;
      list += at[l] * d->combination[l];
    }
    const uint32_t *cut = d->chunk + list * (d->chunks + 1u) + chunk;
    t.runs = d->run + cut[0];
    t.runs_count = cut[1] - cut[0];
    uint64_t row = d->row.extent * tile / d->tiles;
    t.rows = (uint32_t)(d->row.extent * (tile + 1) / d->tiles - row);
    t.a = call->a + from_a + (int64_t)row * d->row.a;
    for (uint64_t j = low; j < high; j += wide) {
      t.cols = (uint32_t)(high - j < wide ? high - j : wide);
      t.b = call->b + from_b + (d->packed ? (int64_t)(j * d->k) : (int64_t)j);
      t.c = c + to + (int64_t)row * d->row.c + (int64_t)j;
      nan |= call->x->backend->dot(&t);
    }
    if (++tile < d->tiles) continue;
    tile = 0;
    for (uint32_t l = d->loops; l-- > 0;) {
      if (++at[l] < d->loop[l].extent) break;
      at[l] = 0;
    }
  }
  return nan;
}

static void dot_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  const struct dot_call *call = context;
  struct dot *d = call->dot;
  bool nan = false;
  if (d->split) {
    uint64_t elements = record_elements(d->record), end = (i + 1) * d->items_task;
    for (uint64_t c = i * d->items_task; c < end && c < d->chunks; c++)
      nan |= chunk_of(call, (uint32_t)c, 0, d->items, 0, d->col.extent, call->c + c * elements, DOT_RAW);
  } else {
    uint64_t groups = (d->items + d->items_task - 1) / d->items_task;
    uint64_t low = i / groups * d->cols_block,
             high = low + d->cols_block < d->col.extent ? low + d->cols_block : d->col.extent;
    uint64_t first = i % groups * d->items_task,
             last = first + d->items_task < d->items ? first + d->items_task : d->items;
    for (uint32_t c = 0; c < d->chunks; c++)
      nan |= chunk_of(call, c, first, last, low, high, call->c, c == 0 ? DOT_FIRST : DOT_NEXT);
  }
  if (nan) atomic_store_explicit(&d->nan, true, memory_order_relaxed);
}

void dot_run(struct execute *x, const struct item *item) {
  struct dot *d = item->plan;
  if (d->halo_a) halo_fill(x, d->halo_a);
  if (d->halo_b) halo_fill(x, d->halo_b);
  struct dot_call call = {.x = x, .dot = d};
  call.a = (const float *)(const void *)place_at(x, d->a) + d->a_base;
  call.b = (const float *)(const void *)place_at(x, d->b) + d->b_base;
  call.c = (float *)(void *)place_at(x, d->split ? x->workspace : d->c);
  if (d->packed) {
    call.pack_from = call.b;
    call.pack = (float *)(void *)place_at(x, d->pack);
    pool_run(x->options.pool, (uint32_t)((d->panels * d->batches + d->pack_grain - 1) / d->pack_grain), pack_task,
             &call);
    call.b = call.pack;
  }
  atomic_store_explicit(&d->nan, false, memory_order_relaxed);
  pool_run(x->options.pool, (uint32_t)d->tasks, dot_task, &call);
  if (d->split) fold_join(x, d->record, d->c, d->chunks);
  if (atomic_load_explicit(&d->nan, memory_order_relaxed) && !x->options.free_order) dot_mend(x, d->record, d->c);
}
