#include "tape/execute/plan/plan.h"

#include <string.h>

#include "tape/execute/plan/axis.h"

struct place plan_take(struct execute *x, uint64_t bytes) {
  struct place p = {.base = BASE_BULK, .offset = x->bulk_bytes};
  x->bulk_bytes += plan_room(bytes);
  return p;
}

uint64_t plan_grain(const struct execute *x, uint64_t count, uint64_t picoseconds) {
  const uint64_t task_ps = 80000000, alone_ps = 15000000;
  if (x->options.small_tasks && count < UINT32_MAX) return 1;
  if (picoseconds == 0) picoseconds = 1;
  uint64_t grain = task_ps / picoseconds, threads = x->threads;
  if (count <= alone_ps / picoseconds) return count ? count : 1;
  uint64_t least = (count + 4 * threads - 1) / (4 * threads); /* some slack for a thread that is late */
  if (grain > least) grain = least;
  while (count / (grain ? grain : 1) >= UINT32_MAX) grain = grain * 2 + 1;
  return grain ? grain : 1;
}

/* Temp values lie in record order without gap (TAPE 5.3c), so the producer is found by halving. */
uint32_t plan_producer(const struct execute *x, uint64_t first_leaf) {
  uint32_t low = 0, high = x->temps_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (x->tape->record[x->temp_record[middle]].first_leaf <= first_leaf)
      low = middle;
    else
      high = middle;
  }
  return x->temp_record[low];
}

struct place plan_operand_place(const struct execute *x, const struct tape_operand *o) {
  switch ((enum tape_space)o->space) {
  case TAPE_TEMP: {
    const struct value *v = &x->value[plan_producer(x, o->first_leaf)];
    return x->planned && v->born == x->planned->unit && value_lies_here(v) ? v->here : v->place;
  }
  case TAPE_DATA:
    return (struct place){.base = (uint16_t)(BASE_DATA + o->data_number), .offset = o->first_leaf * TAPE_LEAF_BYTES};
  case TAPE_IN:
  case TAPE_OUT: break;
  }
  return (struct place){.base = BASE_STATE, .offset = o->first_leaf * TAPE_LEAF_BYTES};
}

bool plan_others_write(const struct execute *x, const struct item *item, const struct tape_operand *o) {
  if (x->threads == 1 || !item->group || o->space != TAPE_TEMP) return false;
  const struct value *v = &x->value[plan_producer(x, o->first_leaf)];
  return v->born == item->unit && !v->local && !value_lies_here(v);
}

/* How far each dim moves the operand's address; false: it has an offset or an index, or may leave the value. */
static bool affine_from_start(const struct tape_record *r, const struct tape_operand *o, int64_t *coef) {
  int64_t stride = 1, offset = 0;
  memset(coef, 0, PLAN_DIMS * sizeof *coef);
  for (uint8_t a = o->axes; a-- > 0; stride *= o->axis[a].extent) {
    const struct tape_axis *y = &o->axis[a];
    if (y->indirect != TAPE_INDIRECT_NONE || axis_leaves(r, y)) return false;
    for (uint8_t t = 0; t < y->terms; t++) /* along a dim of 1 a coef means nothing, and may be anything */
      if (r->dim[y->term[t].dim] > 1) coef[y->term[t].dim] += y->term[t].coef * stride;
    offset += y->offset * stride;
  }
  return offset == 0;
}

/* Are these the strides of the first `dims` dims, row major? */
static bool row_major(const struct tape_record *r, const int64_t *coef, uint32_t dims) {
  int64_t stride = 1;
  for (uint32_t d = dims; d-- > 0; stride *= r->dim[d])
    if (r->dim[d] > 1 && coef[d] != stride) return false;
  return true;
}

bool operand_is_identity(const struct tape_record *r, const struct tape_operand *o) {
  int64_t coef[PLAN_DIMS];
  return affine_from_start(r, o, coef) && row_major(r, coef, r->out_rank);
}

bool operand_walks(const struct tape_record *r, const struct tape_operand *o, uint32_t dims) {
  int64_t coef[PLAN_DIMS];
  if (!affine_from_start(r, o, coef)) return false;
  for (uint32_t d = dims; d < axis_rank(r); d++)
    if (coef[d] != 0) return false;
  return row_major(r, coef, dims);
}

uint32_t plan_entry(const struct execute *x, uint64_t first_leaf) {
  const struct layout_entry *e = x->tape->layout.entry;
  uint32_t low = 0, high = x->tape->layout.state_count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (e[middle].first_leaf <= first_leaf)
      low = middle;
    else
      high = middle;
  }
  return low;
}
