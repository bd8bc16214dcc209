#include "tape/execute/execute.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "numeric/canon.h"
#include "numeric/reference/reference.h"
#include "tape/execute/band/band.h"
#include "tape/execute/conv/conv.h"
#include "tape/execute/dot/dot.h"
#include "tape/execute/filter/filter.h"
#include "tape/execute/fold/channel.h"
#include "tape/execute/fold/column.h"
#include "tape/execute/fold/fold.h"
#include "tape/execute/fold/put.h"
#include "tape/execute/map/map.h"
#include "tape/execute/plain.h"
#include "tape/execute/plan/halo.h"
#include "tape/execute/planner.h"
#include "tape/execute/window/window.h"
#include "tape/execute/window/window_back.h"

static const uint64_t notes_bytes_max = (uint64_t)16 << 30; /* address space; touched as far as the plan reaches */

/* An altered value lies in the temp leaf space, where whoever reads it looks. */
static bool alterable(const struct tape *t, const struct execute_options *options) {
  const struct execute_alteration *a = options->alter;
  return (options->plain || options->materialise) && a->record < t->records_count &&
         t->record[a->record].space == TAPE_TEMP && a->element < record_elements(&t->record[a->record]);
}

/* Everything but bulk memory, which is only counted. */
static enum execute_status prepare(struct execute *x, const struct tape *t, const struct execute_options *options,
                                   struct why *why) {
  assert(!options->alter || alterable(t, options));
  *x = (struct execute){.tape = t, .options = *options, .threads = pool_threads(options->pool)};
  x->backend = options->backend ? options->backend : backend_best();
  if (!arena_open(&x->notes, notes_bytes_max)) {
    why_set(why, "no address space for a plan");
    return EXECUTE_ERR_MEMORY;
  }
  if (!options->plain) return planner_make(x, why);
  x->seconds = arena_take(&x->notes, t->records_count, sizeof *x->seconds);
  x->temps = plan_take(x, (uint64_t)t->temp_leaves * TAPE_LEAF_BYTES);
  x->workspace = plan_take(x, (uint64_t)t->state_leaves * TAPE_LEAF_BYTES); /* the state before */
  return x->seconds ? EXECUTE_OK : EXECUTE_ERR_MEMORY;
}

enum execute_status execute_open(struct execute **out, const struct tape *t, const void *const *data,
                                 const struct execute_options *options, struct why *why) {
  *out = NULL;
  struct execute *x = calloc(1, sizeof *x);
  if (!x) {
    why_set(why, "no memory for a plan");
    return EXECUTE_ERR_MEMORY;
  }
  enum execute_status status = prepare(x, t, options, why);
  if (status == EXECUTE_OK && !arena_open_whole(&x->bulk, x->bulk_bytes + 64)) {
    why_set(why, "a step of this tape needs %" PRIu64 " MiB of memory, which the system refuses; use a smaller batch",
            x->bulk_bytes >> 20);
    status = EXECUTE_ERR_MEMORY;
  }
  if (status != EXECUTE_OK) {
    execute_shut(x);
    return status;
  }
  x->base[BASE_BULK] = x->bulk.at; /* zeroed and page-aligned */
  for (uint32_t i = 0; i < t->layout.data_count; i++) {
    uint8_t number = t->layout.entry[t->layout.state_count + i].number;
    const void *from = data[number];
    memcpy(&x->base[BASE_DATA + number], &from, sizeof from); /* read only, though the table of bases is not const */
  }
  *out = x;
  return EXECUTE_OK;
}

void execute_shut(struct execute *x) {
  if (!x) return;
  arena_shut(&x->bulk);
  arena_shut(&x->notes);
  free(x);
}

uint64_t execute_bytes(const struct tape *t, const struct execute_options *options) {
  struct execute x;
  enum execute_status status = prepare(&x, t, options, NULL);
  uint64_t bytes = x.bulk_bytes + x.notes.used_bytes;
  arena_shut(&x.notes);
  return status == EXECUTE_OK ? bytes : UINT64_MAX;
}

bool execute_exact(const struct execute *x) { return !x->options.free_order; }

double plan_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void alter(struct execute *x) {
  const struct execute_alteration *a = x->options.alter;
  const struct tape_record *r = &x->tape->record[a->record];
  uint8_t *at = place_at(x, x->temps) + r->first_leaf * TAPE_LEAF_BYTES + a->element * tape_dtype_bytes(r->dtype);
  if (r->dtype == TAPE_U8)
    *at = (uint8_t)a->word;
  else
    memcpy(at, &a->word, 4);
}

static void step_plain(struct execute *x, uint8_t *state) {
  const struct tape *t = x->tape;
  const void *data[256];
  for (uint32_t d = 0; d < 256; d++) data[d] = x->base[BASE_DATA + d];
  uint8_t *in = place_at(x, x->workspace);
  memcpy(in, state, (size_t)t->state_leaves * TAPE_LEAF_BYTES);
  struct plain_memory memory = {in, state, place_at(x, x->temps), data};
  for (uint32_t n = 0; n < t->records_count; n++) {
    double start = plan_seconds();
    plain_record(&t->record[n], &memory, reference_apply, x->step, x->seed, x->options.pool);
    if (x->options.alter && x->options.alter->record == n) alter(x);
    x->seconds[n] += plan_seconds() - start;
  }
}

static void run(struct execute *x, const struct item *item) {
  switch (item->kind) {
  case ITEM_NOTHING: break;
  case ITEM_MAP: map_run(x, item); break;
  case ITEM_DOT: dot_run(x, item); break;
  case ITEM_CONV: conv_run(x, item); break;
  case ITEM_FILTER: filter_run(x, item); break;
  case ITEM_FOLD: fold_run(x, item); break;
  case ITEM_COLUMN: column_run(x, item); break;
  case ITEM_CHANNEL: channel_run(x, item); break;
  case ITEM_WINDOW: window_run(x, item); break;
  case ITEM_WINDOW_BACK: window_back_run(x, item); break;
  case ITEM_PUT: put_run(x, item); break;
  }
}

/* Entries handed on unchanged: whatever a step stored is canonical, so only a blob from elsewhere is looked through. */
static void canonicalise_passes(struct execute *x, uint8_t *state) {
  if (state == x->last_state && x->step == x->last_step + 1) return;
  for (uint32_t i = 0; i < x->passes_count; i++)
    for (uint64_t w = 0; w < x->pass[i].words; w += BACKEND_BLOCK) {
      uint64_t n = x->pass[i].words - w < BACKEND_BLOCK ? x->pass[i].words - w : BACKEND_BLOCK;
      x->backend->canonical((uint32_t)n, (uint32_t *)(void *)(state + x->pass[i].offset) + w);
    }
}

static void run_items(struct execute *x, uint32_t from, uint32_t to) {
  double start = plan_seconds();
  for (uint32_t i = from; i < to; i++) {
    const struct item *item = &x->item[i];
    if (item->group) {
      const struct group *g = &x->group[item->group - 1];
      band_run(x, g);
      i += g->count - 1;
      start = plan_seconds();
      continue;
    }
    run(x, item);
    double end = plan_seconds();
    x->seconds[item->first + item->count - 1] += end - start;
    start = end;
  }
}

static void step_fast(struct execute *x, uint8_t *state) {
  canonicalise_passes(x, state);
  halo_forget(x);
  uint32_t altered = 0; /* items up to the one that ends with the altered record */
  if (x->options.alter) {
    altered = x->value[x->options.alter->record].born + 1;
    run_items(x, 0, altered);
    alter(x);
  }
  run_items(x, altered, x->items_count);
  for (uint32_t n = 0; n < x->tape->records_count; n++)
    if (x->value[n].shadow)
      memcpy(state + x->tape->record[n].first_leaf * TAPE_LEAF_BYTES, place_at(x, x->value[n].place),
             x->value[n].bytes);
  x->last_state = state;
  x->last_step = x->step;
}

void execute_step(struct execute *x, uint8_t *state, uint32_t step, uint64_t seed) {
  x->base[BASE_STATE] = state;
  x->step = step;
  x->seed = seed;
  backend_thread_enter();
  if (x->options.plain)
    step_plain(x, state);
  else
    step_fast(x, state);
}

void execute_forget(struct execute *x) { x->last_state = NULL; }

const uint8_t *execute_temps(const struct execute *x) {
  return x->options.plain || x->options.materialise ? place_at(x, x->temps) : NULL;
}

void execute_profile(struct execute *x, double *seconds) {
  for (uint32_t n = 0; n < x->tape->records_count; n++) {
    seconds[n] += x->seconds[n];
    x->seconds[n] = 0;
  }
}
