#include <string.h>

#include "tape/execute/band.h"
#include "tape/execute/conv.h"
#include "tape/execute/dot.h"
#include "tape/execute/fold.h"
#include "tape/execute/map.h"
#include "tape/execute/window.h"
#include "tape/execute/window_back.h"

static void begin(struct execute *x, const struct item *item) {
  if (item->kind == ITEM_MAP) map_begin(x, item);
  if (item->kind == ITEM_FOLD) fold_begin(x, item);
  if (item->kind == ITEM_DOT) dot_begin(x, item);
  if (item->kind == ITEM_CONV) conv_begin(x, item);
}

static void part(struct execute *x, const struct item *item, uint32_t band, uint32_t thread) {
  switch (item->kind) {
  case ITEM_MAP: map_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_FOLD: fold_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_WINDOW: window_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_WINDOW_BACK: window_back_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_DOT: dot_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_CONV: conv_part(x, item, band, band + 1u, item->bands, thread); break;
  case ITEM_NOTHING:
  case ITEM_FILTER:
  case ITEM_COLUMN:
  case ITEM_CHANNEL:
  case ITEM_PUT: break; /* in no group */
  }
}

struct band_call {
  struct execute *x;
  const struct group *group;
};

static void band_task(void *context, uint32_t band, uint32_t thread) {
  const struct band_call *call = context;
  struct execute *x = call->x;
  const struct group *g = call->group;
  struct seat *seat = &x->seat[thread];
  seat->buffer = place_at(x, x->buffers) + thread * x->buffer_bytes;
  seat->band = band;
  double start = plan_seconds();
  for (uint32_t i = 0; i < g->count; i++) {
    part(x, &x->item[g->first + i], band, thread);
    double end = plan_seconds();
    seat->seconds[i] += end - start;
    start = end;
  }
}

/* The group's time is shared out by what its items took on all threads. */
void band_run(struct execute *x, const struct group *g) {
  double start = plan_seconds(), all = 0;
  for (uint32_t i = 0; i < g->count; i++) begin(x, &x->item[g->first + i]);
  struct band_call call = {x, g};
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
}
