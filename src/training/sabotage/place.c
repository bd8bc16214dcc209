#include "training/sabotage/place.h"
#include "numeric/canon.h"
#include <string.h>

/* The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t place_pick(uint32_t step, uint64_t count) {
  uint64_t z = ((uint64_t)step + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) % count;
}

static const struct layout_entry *entry_of(const struct prepared *p, uint32_t parameter) {
  return &p->lowered.layout.entry[p->lowered.parameter[parameter].entry];
}

uint64_t place_weight(const struct prepared *p, uint32_t step) {
  const struct layout_entry *largest = NULL;
  for (uint32_t i = 0; i < p->lowered.parameters_count; i++) {
    const struct layout_entry *e = entry_of(p, i);
    if (!p->lowered.parameter[i].trains) continue;
    if (!largest || layout_entry_elements(e) > layout_entry_elements(largest)) largest = e;
  }
  return largest->first_leaf * TAPE_LEAF_BYTES + 4 * place_pick(step, layout_entry_elements(largest));
}

static uint64_t operand_elements(const struct tape_operand *o) {
  uint64_t elements = 1;
  for (uint8_t a = 0; a < o->axes; a++) elements *= o->axis[a].extent;
  return elements;
}

/* Temp values lie where records say, and an operand begins where its value does (TAPE 5.3). */
static bool producer_of(const struct tape *t, const struct tape_operand *o, uint32_t *record) {
  for (uint32_t n = 0; n < t->records_count; n++)
    if (t->record[n].space == TAPE_TEMP && t->record[n].first_leaf == o->first_leaf) {
      *record = n;
      return true;
    }
  return false;
}

static bool reads_data(const struct tape_record *r, uint8_t number) {
  for (uint8_t o = 0; o < r->operands; o++)
    if (r->operand[o].space == TAPE_DATA && r->operand[o].data_number == number) return true;
  return false;
}

/* Among what a weight's update, or the sum of its gradients, reads the gradient is the value of the weight's own size;
 * the schedule's row may have that size too, and comes out of its tensor. */
static bool gradient_of(const struct tape *t, const struct layout_entry *e, uint32_t *record) {
  for (uint32_t n = 0; n < t->records_count; n++) {
    const struct tape_record *r = &t->record[n];
    if (r->space != TAPE_OUT || r->first_leaf != e->first_leaf) continue;
    for (uint8_t o = 0; o < r->operands; o++) {
      const struct tape_operand *x = &r->operand[o];
      bool fits = x->space == TAPE_TEMP && x->dtype == TAPE_F32 && operand_elements(x) == layout_entry_elements(e);
      if (fits && producer_of(t, x, record) && !reads_data(&t->record[*record], DATA_SCHEDULE)) return true;
    }
  }
  return false;
}

bool place_gradient(const struct prepared *p, uint32_t tape, uint32_t *record) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < p->lowered.parameters_count; i++) {
    const struct lower_parameter *q = &p->lowered.parameter[i];
    const struct layout_entry *e = &p->lowered.layout.entry[tape == TAPE_OF_TRAIN ? q->entry : q->sum];
    uint32_t found;
    if (!q->trains || layout_entry_elements(e) <= most) continue;
    if (!gradient_of(&p->lowered.tape[tape], e, &found)) continue;
    most = layout_entry_elements(e);
    *record = found;
  }
  return most > 0;
}

/* The first record that the lowering made for the batch; the inputs and targets are read through it. */
bool place_index(const struct prepared *p, uint32_t tape, uint32_t *record) {
  const struct tape *t = &p->lowered.tape[tape];
  for (uint32_t n = 0; n < t->records_count; n++) {
    const struct tape_record *r = &t->record[n];
    const char *op = p->lowered.origin[tape][n].op;
    if (!op || strcmp(op, "batch") != 0 || r->dtype != TAPE_I32) continue;
    if (r->space != TAPE_TEMP || record_elements(r) != lower_step_batch(&p->options)) continue;
    *record = n;
    return true;
  }
  return false;
}

bool place_draws(const struct prepared *p, uint32_t tape) {
  const struct tape *t = &p->lowered.tape[tape];
  for (uint32_t n = 0; n < t->records_count; n++)
    for (uint8_t b = 0; b < t->record[n].body_ops; b++) {
      uint8_t code = t->record[n].body[b].code;
      if (code == CANON_RAND || code == CANON_PERM) return true;
    }
  return false;
}
