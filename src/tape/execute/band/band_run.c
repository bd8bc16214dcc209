#include <stdatomic.h>
#include <string.h>

#include "tape/execute/band/band.h"
#include "tape/execute/conv/conv.h"
#include "tape/execute/dot/dot.h"
#include "tape/execute/filter/filter.h"
#include "tape/execute/fold/column.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/map/map.h"
#include "tape/execute/window/window.h"
#include "tape/execute/window/window_back.h"

static void begin(struct execute *x, const struct item *item) {
  if (item->kind == ITEM_MAP) map_begin(x, item);
  if (item->kind == ITEM_FOLD) fold_begin(x, item);
  if (item->kind == ITEM_DOT) dot_begin(x, item);
  if (item->kind == ITEM_CONV) conv_begin(x, item);
  if (item->kind == ITEM_COLUMN) column_begin(x, item);
  if (item->kind == ITEM_FILTER) filter_begin(x, item);
}

static void part(struct execute *x, const struct item *item, uint32_t band, uint32_t thread) {
  switch (item->kind) {
  case ITEM_MAP: map_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_FOLD: fold_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_WINDOW: window_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_WINDOW_BACK: window_back_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_DOT: dot_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_CONV: conv_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_COLUMN: column_part(x, item, band, thread); break;
  case ITEM_FILTER: filter_part(x, item, band, thread); break;
  case ITEM_NOTHING:
  case ITEM_CHANNEL:
  case ITEM_PUT: break; /* in no group */
  }
}

static void end(struct execute *x, const struct item *item) {
  if (item->kind == ITEM_COLUMN) column_end(x, item);
  if (item->kind == ITEM_FILTER) filter_end(x, item);
}

struct band_call {
  struct execute *x;
  const struct group *group;
  atomic_bool taken[BANDS_MAX];
};

/* The next band of this thread: each begins at a place of its own and goes on from there, so that neighbouring bands,
 * whose rows meet in a chunk, are mostly one thread's. There is one for every call. */
static uint32_t take_band(struct band_call *call, uint32_t thread) {
  uint32_t bands = call->group->bands, *next = &call->x->seat[thread].next;
  while (atomic_exchange_explicit(&call->taken[*next], true, memory_order_relaxed)) *next = (*next + 1) % bands;
  return *next;
}

static void band_task(void *context, uint32_t i, uint32_t thread) {
  (void)i;
  struct band_call *call = context;
  uint32_t band = take_band(call, thread);
  struct execute *x = call->x;
  const struct group *g = call->group;
  struct seat *seat = &x->seat[thread];
  seat->buffer = place_at(x, x->buffers) + thread * x->buffer_bytes;
  seat->band = band;
  double start = plan_seconds();
  for (uint32_t n = 0; n < g->count; n++) {
    part(x, &x->item[g->first + n], band, thread);
    double now = plan_seconds();
    seat->seconds[n] += now - start;
    start = now;
  }
}

/* The group's time is shared out by what its items took on all threads. */
void band_run(struct execute *x, const struct group *g) {
  double start = plan_seconds(), all = 0;
  for (uint32_t i = 0; i < g->count; i++) begin(x, &x->item[g->first + i]);
  struct band_call call = {.x = x, .group = g};
  for (uint32_t t = 0; t < x->threads; t++) x->seat[t].next = (uint32_t)((uint64_t)g->bands * t / x->threads);
  pool_run(x->options.pool, g->bands, band_task, &call);
  double took = plan_seconds() - start;
  for (uint32_t t = 0; t < x->threads; t++)
    for (uint32_t i = 0; i < g->count; i++) all += x->seat[t].seconds[i];
  for (uint32_t t = 0; t < x->threads; t++) {
    for (uint32_t i = 0; i < g->count && all > 0; i++) {
      const struct item *item = &x->item[g->first + i];
      x->seconds[item->first + item->count - 1] += took * x->seat[t].seconds[i] / all;
    }
    memset(x->seat[t].seconds, 0, g->count * sizeof x->seat[t].seconds[0]);
  }
  start = plan_seconds();
  for (uint32_t i = 0; i < g->count; i++) {
    const struct item *item = &x->item[g->first + i];
    end(x, item);
    double now = plan_seconds();
    x->seconds[item->first + item->count - 1] += now - start;
    start = now;
  }
}
