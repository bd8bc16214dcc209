#include "dispute/evidence/evidence.h"

#include <string.h>

#include "dispute/referee/referee.h"
#include "numeric/soft/soft.h"
#include "tape/element/element.h"

uint32_t evidence_word(const struct evidence *e, const struct tape_operand *o, uint64_t index) {
  uint64_t at = index * tape_dtype_bytes(o->dtype);
  const uint8_t *leaf = e->leaf(e->context, o->space, o->data_number, o->first_leaf + at / TAPE_LEAF_BYTES);
  return leaf ? referee_load(o->dtype, leaf + at % TAPE_LEAF_BYTES) : 0;
}

struct reading {
  const struct evidence *evidence;
  const struct tape_record *record;
  uint8_t *words;
};

static uint32_t load(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
  const struct reading *x = context;
  return evidence_word(x->evidence, &x->record->operand[o], index);
}

uint32_t evidence_chunk(const struct evidence *e, const struct tape_record *r, uint32_t step, uint64_t seed,
                        uint64_t index, uint32_t c) {
  struct reading x = {.evidence = e, .record = r};
  struct element_world world = {.apply = soft_apply, .load = load, .context = &x, .step = step, .seed = seed};
  uint32_t result = element_chunk(r, &world, index, c);
  return element_chunks(r) == 1 ? element_combine(r, soft_apply, &result, 1) : result;
}

static uint32_t post(void *context, const struct element_word *at) {
  const struct reading *x = context;
  uint32_t word = at->in_range ? evidence_word(x->evidence, &x->record->operand[at->o], at->index) : 0;
  for (uint32_t i = 0; i < 4; i++) x->words[4 * at->n + i] = (uint8_t)(word >> 8 * i);
  return word;
}

uint32_t evidence_words(const struct evidence *e, const struct tape_record *r, uint64_t index, uint32_t c,
                        uint8_t *words) {
  struct reading x = {.evidence = e, .record = r, .words = words};
  return element_visit(r, index, c, post, &x);
}

static const char *tree_name(uint8_t space) {
  switch (space) {
  case TAPE_TEMP: return "the step's values";
  case TAPE_OUT: return "the state after the step";
  case TAPE_IN: return "the state before the step";
  default: return "a data tensor";
  }
}

const uint8_t *evidence_tree(const struct evidence *e, uint8_t space, uint8_t number, uint32_t leaves,
                             struct why *why) {
  static const uint8_t nothing[MERKLE_BYTES];
  if (!leaves) return nothing;
  const uint8_t *hashes = e->hashes(e->context, space, number);
  if (!hashes) why_set(why, "the leaf hashes of %s are not there", tree_name(space));
  return hashes;
}

void evidence_row(const uint8_t *hashes, uint32_t leaves, uint32_t level, uint64_t first, uint32_t count,
                  uint8_t *nodes) {
  for (uint32_t i = 0; i < count; i++) merkle_node(hashes, leaves, level, first + i, nodes + (size_t)i * MERKLE_BYTES);
}
