#include "tape/execute/plain.h"

#include <string.h>

#include "numeric/canon.h"

uint32_t plain_load(const struct plain_memory *m, const struct tape_operand *o, uint64_t index) {
  const uint8_t *base = o->space == TAPE_TEMP ? m->temps : o->space == TAPE_IN ? m->in : m->data[o->data_number];
  const uint8_t *at = base + o->first_leaf * TAPE_LEAF_BYTES + index * tape_dtype_bytes(o->dtype);
  if (o->dtype == TAPE_U8) return *at;
  uint32_t word;
  memcpy(&word, at, 4);
  if (o->dtype == TAPE_F32 && (word & 0x7fffffff) > 0x7f800000) word = CANON_NAN;
  return word;
}

struct plain_call {
  const struct tape_record *record;
  const struct plain_memory *memory;
  element_arithmetic *apply;
  uint32_t step;
  uint64_t seed, grain, elements;
};

static uint32_t load(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
  const struct plain_call *c = context;
  return plain_load(c->memory, &c->record->operand[o], index);
}

static void plain_task(void *context, uint32_t i, uint32_t thread) {
  (void)thread;
  struct plain_call *c = context;
  struct element_world world = {c->apply, load, c, c->step, c->seed};
  uint8_t *to =
      (c->record->space == TAPE_OUT ? c->memory->out : c->memory->temps) + c->record->first_leaf * TAPE_LEAF_BYTES;
  uint64_t end = (i + 1) * c->grain < c->elements ? (i + 1) * c->grain : c->elements;
  for (uint64_t e = i * c->grain; e < end; e++) {
    uint32_t word = element_value(c->record, &world, e);
    if (c->record->dtype == TAPE_U8)
      to[e] = (uint8_t)word;
    else
      memcpy(to + 4 * e, &word, 4);
  }
}

void plain_record(const struct tape_record *r, const struct plain_memory *m, element_arithmetic *apply, uint32_t step,
                  uint64_t seed, struct pool *pool) {
  struct plain_call c = {r, m, apply, step, seed, 1, record_elements(r)};
  uint64_t terms = (uint64_t)record_k(r) * (1u + record_body_cost(r));
  c.grain = terms < 4096 ? 4096 / terms : 1;
  while (c.elements / c.grain > 1 << 20) c.grain *= 2;
  pool_run(pool, (uint32_t)((c.elements + c.grain - 1) / c.grain), plain_task, &c);
}
