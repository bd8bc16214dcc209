#include "cli/dispute/words.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void words_put(struct words *w, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(w->text + w->used, sizeof w->text - w->used, format, args);
  va_end(args);
  if (n > 0) w->used += (size_t)n;
  if (w->used >= sizeof w->text) w->used = sizeof w->text - 1;
}

const char *words_opcode(uint8_t op) {
  static const char *const names[] = {"?", "map", "dot", "fold", "put"};
  return op <= TAPE_PUT ? names[op] : "?";
}

/* Names. */

static const struct layout_entry *entry_at(const struct prepared *p, uint64_t leaf) {
  const struct layout *l = &p->lowered.layout;
  for (uint32_t n = 0; n < l->state_count; n++)
    if (leaf >= l->entry[n].first_leaf && leaf - l->entry[n].first_leaf < layout_entry_leaves(&l->entry[n]))
      return &l->entry[n];
  return NULL;
}

static uint8_t tape_of(const struct dispute_names *n, const struct dispute *d) {
  return n->frame->step_tape[d->j ? d->j - 1 : 0];
}

/* Number from 1 of the record whose value has a leaf; 0: not known. */
uint32_t words_record_at(const struct dispute_names *n, const struct dispute *d, uint8_t space, uint64_t leaf) {
  if (!n->p) return 0;
  const struct tape *tape = &n->p->lowered.tape[tape_of(n, d)];
  for (uint32_t i = 0; i < tape->records_count; i++) {
    const struct tape_record *r = &tape->record[i];
    if (r->space == space && leaf >= r->first_leaf && leaf - r->first_leaf < record_leaves(r)) return i + 1;
  }
  return 0;
}

/* The parameter whose update, or sum of gradients, reads this value of the backward pass as it is: then the value is
 * its gradient. */
static const char *gradient_of(const struct prepared *p, uint32_t tape, const struct tape_record *value) {
  const struct lowered *l = &p->lowered;
  for (uint32_t n = 0; n < l->tape[tape].records_count; n++) {
    const struct tape_record *r = &l->tape[tape].record[n];
    if (r->space != TAPE_OUT || record_elements(r) != record_elements(value)) continue;
    bool reads = false;
    for (uint32_t o = 0; o < r->operands; o++)
      reads = reads || (r->operand[o].space == TAPE_TEMP && r->operand[o].first_leaf == value->first_leaf);
    for (uint32_t i = 0; reads && i < l->parameters_count; i++)
      if (l->layout.entry[l->parameter[i].entry].first_leaf == r->first_leaf ||
          (l->parameter[i].sum && l->layout.entry[l->parameter[i].sum].first_leaf == r->first_leaf))
        return l->parameter[i].onnx_name;
  }
  return NULL;
}

const struct lower_origin *words_origin_of(const struct dispute_names *n, const struct dispute *d, uint32_t record) {
  return n->p && record ? &n->p->lowered.origin[tape_of(n, d)][record - 1] : NULL;
}

void words_origin(struct words *w, const struct lower_origin *o) {
  words_put(w, "%s%s%s, %s", o->op, *o->node ? " " : "", o->node, o->part);
}

/* What the value of a record is called: the state's tensor, the gradient of one, or node and part. "" without names. */
void words_tensor(struct words *w, const struct dispute_names *n, const struct dispute *d, uint32_t record) {
  const struct lower_origin *o = words_origin_of(n, d, record);
  if (!o) return;
  const struct tape_record *r = &n->p->lowered.tape[tape_of(n, d)].record[record - 1];
  const struct layout_entry *e = r->space == TAPE_OUT ? entry_at(n->p, r->first_leaf) : NULL;
  const char *parameter = !e && strcmp(o->part, "backward") == 0 ? gradient_of(n->p, tape_of(n, d), r) : NULL;
  if (e)
    words_put(w, "%s", e->name);
  else if (parameter)
    words_put(w, "gradient of %s", parameter);
  else
    words_put(w, "%s %s", *o->node ? o->node : o->op, o->part);
}

const char *words_space(uint8_t space) {
  switch ((enum tape_space)space) {
  case TAPE_TEMP: return "the step's values";
  case TAPE_OUT: return "the state after it";
  case TAPE_IN: return "the state before it";
  case TAPE_DATA: return "the data";
  }
  return "";
}

void words_operand(struct words *w, const struct dispute_names *n, const struct dispute *d,
                   const struct referee_operand *o) {
  const struct layout_entry *e = NULL;
  words_put(w, "element %" PRIu64 " of ", o->index);
  if (n->p && o->space == TAPE_IN) e = entry_at(n->p, o->leaf);
  if (n->p && o->space == TAPE_DATA) e = layout_data(&n->p->lowered.layout, o->number);
  if (e)
    words_put(w, o->space == TAPE_IN ? "%s before the step" : "data %s", e->name);
  else if (o->space == TAPE_TEMP && n->p)
    words_tensor(w, n, d, words_record_at(n, d, TAPE_TEMP, o->leaf));
  else
    words_put(w, "%s", words_space(o->space));
}

/* Values. */

static void put_number(struct words *w, uint8_t dtype, uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  if (dtype == TAPE_F32)
    words_put(w, "%.9g", (double)f);
  else if (dtype == TAPE_I32)
    words_put(w, "%" PRId32, (int32_t)bits);
  else
    words_put(w, "%" PRIu32, bits);
}

void words_value(struct words *w, uint8_t dtype, uint32_t bits) {
  words_put(w, "%08" PRIx32 " (", bits);
  put_number(w, dtype, bits);
  words_put(w, ")");
}

/* Row-major coordinates of an element; nothing for a scalar. */
uint32_t words_place(const struct tape_record *r, uint64_t index, uint32_t at[TAPE_RANK_MAX]) {
  for (uint32_t i = r->out_rank; i-- > 0;) {
    at[i] = (uint32_t)(index % r->dim[i]);
    index /= r->dim[i];
  }
  return r->out_rank;
}

void words_coordinates(struct words *w, const struct tape_record *r, uint64_t index) {
  uint32_t at[TAPE_RANK_MAX], rank = words_place(r, index, at);
  if (rank < 2) return;
  for (uint32_t i = 0; i < rank; i++) words_put(w, i ? ", %" PRIu32 : " (%" PRIu32, at[i]);
  words_put(w, ")");
}

/* Tapes behind init and train are for evaluation and for micro-batches, and no step evaluates. */
static bool in_parts(const struct dispute_names *n) {
  if (n->p) return lower_micro_batches(&n->p->options) > 1;
  for (uint32_t j = 0; j < n->frame->steps; j++)
    if (n->frame->step_tape[j] > TAPE_OF_TRAIN) return true;
  return false;
}

bool words_update_of(const struct dispute_names *n, uint32_t step, uint32_t *update) {
  if (in_parts(n) && !n->p) return false;
  uint32_t micro = n->p ? lower_micro_batches(&n->p->options) : 1;
  *update = step ? (step - 1) / micro + 1 : 0;
  return true;
}

void words_update(struct words *w, const struct dispute_names *n, uint16_t j) {
  uint32_t step = n->frame->first_step + j - 1, update;
  if (!step)
    words_put(w, "the initial state");
  else if (!words_update_of(n, step, &update))
    words_put(w, "step %" PRIu32, step);
  else if (in_parts(n))
    words_put(w, "step %" PRIu32 " in update %" PRIu32, step, update);
  else
    words_put(w, "update %" PRIu32, update);
}
