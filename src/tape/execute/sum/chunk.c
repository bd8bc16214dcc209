#include "tape/execute/sum/chunk.h"

#include "numeric/canon.h"

static const uint32_t held = 1u << 31;

bool chunks_plan(struct execute *x, const struct item *item, struct chunks *c) {
  const struct tape_record *r = &x->tape->record[item->first];
  *c = (struct chunks){.k = record_k(r), .bands = item->bands};
  c->count = (uint32_t)((c->k + CANON_CHUNK - 1) / CANON_CHUNK);
  uint64_t bytes = c->count * record_elements(r) * 4;
  if (item->group) {
    struct group *g = &x->group[item->group - 1];
    c->sums = g->sums_bytes;
    g->sums_bytes += plan_room(bytes);
    c->added = arena_take(&x->notes, c->count, sizeof *c->added);
    c->brought = arena_take(&x->notes, c->bands, sizeof *c->brought);
    if (!c->added || !c->brought) return false;
  }
  plan_need_workspace(x, c->sums + bytes);
  return true;
}

struct chunks_operand chunks_operand(const struct execute *x, const struct tape_operand *o) {
  struct place own = plan_operand_place(x, o);
  return (struct chunks_operand){own, own.base == BASE_BAND ? x->value[plan_producer(x, o->first_leaf)].place : own};
}

void chunks_begin(struct chunks *c) {
  for (uint32_t i = 0; i < c->count; i++) atomic_store_explicit(&c->added[i], 0, memory_order_relaxed);
  for (uint32_t i = 0; i < c->bands; i++) atomic_store_explicit(&c->brought[i], false, memory_order_relaxed);
}

/* How far rows have been brought from position `from` of k on, at most to `end`. */
static uint64_t brought_until(const struct chunks *c, uint64_t from, uint64_t end) {
  uint64_t rows = c->k / c->bands;
  while (from < end && atomic_load(&c->brought[from / rows])) from = (from / rows + 1) * rows;
  return from < end ? from : end;
}

/* Adds what can be added. Who finds the chunk held leaves its rows to the holder, who looks again after letting go. */
static void go_on(struct chunks *c, uint32_t chunk, uint32_t thread, chunks_add *add, void *context) {
  uint64_t first = (uint64_t)chunk * CANON_CHUNK, end = first + CANON_CHUNK < c->k ? first + CANON_CHUNK : c->k;
  for (;;) {
    uint32_t added = atomic_load(&c->added[chunk]);
    if (added & held) return;
    uint64_t low = first + added, high = brought_until(c, low, end);
    if (high == low || (c->at_once && high < end)) return;
    if (!atomic_compare_exchange_strong(&c->added[chunk], &added, added | held)) return;
    for (uint64_t rows = c->k / c->bands, next; low < high; low = next) {
      next = (low / rows + 1) * rows < high && !c->at_once ? (low / rows + 1) * rows : high;
      add(context, chunk, low, next, thread);
    }
    atomic_store(&c->added[chunk], (uint32_t)(high - first));
  }
}

void chunks_bring(struct chunks *c, uint32_t band, uint32_t thread, chunks_add *add, void *context) {
  uint64_t rows = c->k / c->bands, low = band * rows / CANON_CHUNK, high = ((band + 1u) * rows - 1) / CANON_CHUNK;
  atomic_store(&c->brought[band], true);
  for (uint64_t chunk = low; chunk <= high; chunk++) go_on(c, (uint32_t)chunk, thread, add, context);
}
