#include "tape/check/check.h"

#include <inttypes.h>

#include "base/checked.h"

/* Records are numbered from 1 in messages: the number is the record's leaf in the tape tree. */
#define REFUSE(...) return why_set(why, __VA_ARGS__), false

static uint64_t operand_elements(const struct tape_operand *x) {
  uint64_t elements = 1;
  for (uint8_t a = 0; a < x->axes; a++) elements *= x->axis[a].extent;
  return elements;
}

static bool same_value(const struct tape_operand *a, const struct tape_operand *b) {
  return a->space == b->space && a->data_number == b->data_number && a->first_leaf == b->first_leaf &&
         a->dtype == b->dtype && operand_elements(a) == operand_elements(b);
}

static uint64_t record_traffic(const struct tape_record *r) {
  uint64_t bytes = record_elements(r) * tape_dtype_bytes(r->dtype);
  for (uint8_t o = 0; o < r->operands; o++) {
    bool seen = false;
    for (uint8_t p = 0; p < o && !seen; p++) seen = same_value(&r->operand[p], &r->operand[o]);
    if (!seen) bytes += operand_elements(&r->operand[o]) * tape_dtype_bytes(r->operand[o].dtype);
  }
  return bytes;
}

/* TAPE 5.4. Within one record nothing can wrap: elements < 2^32, K <= 2^20, and body cost <= 96 wherever there is a K.
 */
bool tape_count(const struct tape *t, struct tape_counts *counts) {
  struct tape_counts sum = {0};
  for (uint32_t i = 0; i < t->records_count; i++) {
    const struct tape_record *r = &t->record[i];
    uint64_t elements = record_elements(r), k = record_k(r), flops = 0, ops = 0;
    switch (r->op) {
    case TAPE_MAP: ops = elements * record_body_cost(r); break;
    case TAPE_DOT: flops = 2 * elements * k; break;
    case TAPE_FOLD: ops = elements * k * (record_body_cost(r) + 1); break;
    case TAPE_PUT: ops = elements + k * (elements / r->dim[0]); break;
    }
    if (!checked_add_u64(sum.dot_flops, flops, &sum.dot_flops) || !checked_add_u64(sum.body_ops, ops, &sum.body_ops) ||
        !checked_add_u64(sum.bytes, record_traffic(r), &sum.bytes))
      return false;
  }
  *counts = sum;
  return true;
}

/* What the pass knows so far. Temps are placed in record order, so `temp` is sorted by first leaf. */
struct pass {
  const struct tape *tape;
  uint32_t *temp; /* indices of the temp records so far */
  uint32_t temps;
  uint64_t temp_leaves;
  bool *written; /* one a state entry */
};

static const struct tape_record *find_temp(const struct pass *p, uint64_t first_leaf) {
  uint32_t low = 0, high = p->temps;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const struct tape_record *r = &p->tape->record[p->temp[middle]];
    if (r->first_leaf == first_leaf) return r;
    if (r->first_leaf < first_leaf)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* Index of the state entry that starts there, or state_count. */
static uint32_t find_state(const struct layout *l, uint64_t first_leaf) {
  uint32_t low = 0, high = l->state_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (l->entry[middle].first_leaf == first_leaf) return middle;
    if (l->entry[middle].first_leaf < first_leaf)
      low = middle + 1;
    else
      high = middle;
  }
  return l->state_count;
}

/* TAPE 5.3 (b) */
static bool operand_resolves(const struct pass *p, const struct tape_record *r, uint8_t o, struct why *why) {
  const struct tape_operand *x = &r->operand[o];
  const struct layout *l = &p->tape->layout;
  uint64_t elements = operand_elements(x);
  if (x->space == TAPE_TEMP) {
    const struct tape_record *from = find_temp(p, x->first_leaf);
    if (!from) REFUSE("operand %u: no earlier record has its value at temp leaf %" PRIu64, o, x->first_leaf);
    if (from->dtype != x->dtype || record_elements(from) != elements)
      REFUSE("operand %u: the value at temp leaf %" PRIu64 " has another dtype, or %" PRIu64
             " elements and not %" PRIu64,
             o, x->first_leaf, record_elements(from), elements);
  } else if (x->space == TAPE_IN) {
    uint32_t i = find_state(l, x->first_leaf);
    if (i == l->state_count) REFUSE("operand %u: no state entry starts at leaf %" PRIu64, o, x->first_leaf);
    if (l->entry[i].dtype != x->dtype || layout_entry_elements(&l->entry[i]) != elements)
      REFUSE("operand %u: state entry %s has another dtype, or %" PRIu64 " elements and not %" PRIu64, o,
             l->entry[i].name, layout_entry_elements(&l->entry[i]), elements);
  } else {
    const struct layout_entry *e = layout_data(l, x->data_number);
    if (!e) REFUSE("operand %u: the layout has no data tensor number %u", o, x->data_number);
    uint64_t end = x->first_leaf * TAPE_LEAF_BYTES + elements * tape_dtype_bytes(x->dtype); /* below 2^36 */
    uint64_t bytes = layout_entry_elements(e) * tape_dtype_bytes(e->dtype);
    if (end > bytes)
      REFUSE("operand %u: a window up to byte %" PRIu64 " of data tensor %s, which has %" PRIu64, o, end, e->name,
             bytes);
  }
  return true;
}

/* TAPE 5.3 (c) and (d) */
static bool result_placed(struct pass *p, uint32_t index, struct why *why) {
  const struct tape_record *r = &p->tape->record[index];
  const struct layout *l = &p->tape->layout;
  if (r->space == TAPE_TEMP) {
    if (r->first_leaf != p->temp_leaves)
      REFUSE("its value is at temp leaf %" PRIu64 ", the next free one is %" PRIu64, r->first_leaf, p->temp_leaves);
    p->temp_leaves += record_leaves(r);
    p->temp[p->temps++] = index;
    return true;
  }
  uint32_t i = find_state(l, r->first_leaf);
  if (i == l->state_count) REFUSE("no state entry starts at leaf %" PRIu64, r->first_leaf);
  const struct layout_entry *e = &l->entry[i];
  if (p->written[i]) REFUSE("state entry %s is written a second time", e->name);
  bool same = e->dtype == r->dtype && e->rank == r->out_rank;
  for (uint8_t d = 0; same && d < e->rank; d++) same = e->dim[d] == r->dim[d];
  if (!same) REFUSE("state entry %s has another dtype or shape", e->name);
  p->written[i] = true;
  return true;
}

/* TAPE 5.3 (c), (d), (f): what can only be said at the end. */
static bool whole_holds(const struct pass *p, struct why *why) {
  const struct tape *t = p->tape;
  struct tape_counts counts;
  for (uint32_t i = 0; i < t->layout.state_count; i++)
    if (!p->written[i])
      REFUSE("state entry %s is not written: copy it with an identity map if it does not change",
             t->layout.entry[i].name);
  if (p->temp_leaves > TAPE_LEAVES_MAX) REFUSE("%" PRIu64 " temp leaves, at most 2^23: cut the batch", p->temp_leaves);
  if (p->temp_leaves != t->temp_leaves)
    REFUSE("the header says %" PRIu32 " temp leaves, the records fill %" PRIu64, t->temp_leaves, p->temp_leaves);
  if (layout_state_leaves(&t->layout) != t->state_leaves)
    REFUSE("the header says %" PRIu32 " state leaves, the layout has %" PRIu64, t->state_leaves,
           layout_state_leaves(&t->layout));
  if (!tape_count(t, &counts)) REFUSE("the counts of the step do not fit in 64 bits");
  if (counts.dot_flops != t->counts.dot_flops || counts.body_ops != t->counts.body_ops ||
      counts.bytes != t->counts.bytes)
    REFUSE("the header counts %" PRIu64 " dot flops, %" PRIu64 " body operations, %" PRIu64
           " bytes; the records %" PRIu64 ", %" PRIu64 ", %" PRIu64,
           t->counts.dot_flops, t->counts.body_ops, t->counts.bytes, counts.dot_flops, counts.body_ops, counts.bytes);
  return true;
}

static bool record_holds(struct pass *p, uint32_t index, struct why *why) {
  const struct tape_record *r = &p->tape->record[index];
  if (record_check(r, why) != RECORD_OK) return false;
  for (uint8_t o = 0; o < r->operands; o++)
    if (!operand_resolves(p, r, o, why)) return false;
  return result_placed(p, index, why);
}

enum tape_status tape_check(const struct tape *t, struct arena *scratch, struct why *why) {
  if (t->records_count > TAPE_RECORDS_MAX) {
    why_set(why, "%" PRIu32 " records, at most %d", t->records_count, TAPE_RECORDS_MAX);
    return TAPE_ERR_RULE;
  }
  size_t mark = arena_mark(scratch);
  struct pass p = {.tape = t,
                   .temp = arena_take(scratch, t->records_count, sizeof *p.temp),
                   .written = arena_take(scratch, t->layout.state_count, sizeof *p.written)};
  enum tape_status status = TAPE_OK;
  if (!p.temp || !p.written) {
    why_set(why, "no memory to check %" PRIu32 " records", t->records_count);
    status = TAPE_ERR_MEMORY;
  }
  for (uint32_t i = 0; status == TAPE_OK && i < t->records_count; i++)
    if (!record_holds(&p, i, why)) {
      why_before(why, "record %" PRIu32 ": ", i + 1);
      status = TAPE_ERR_RULE;
    }
  if (status == TAPE_OK && !whole_holds(&p, why)) status = TAPE_ERR_RULE;
  arena_reset(scratch, mark);
  return status;
}
