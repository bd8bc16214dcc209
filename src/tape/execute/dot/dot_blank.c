#include "tape/execute/dot/dot_blank.h"

#include <string.h>

#include "numeric/canon.h"
#include "tape/execute/dot/dot_tail.h"

enum { HIDES_FROM = 0x6f800000 /* 2^96 */, BOUND_LOG = 71 };

static bool reads(const struct tape_operand *o, const struct tape_record *of) {
  return o->space == TAPE_TEMP && o->first_leaf == of->first_leaf;
}

/* How often the body takes this register as an argument. */
static uint32_t uses(const struct tape_record *r, uint8_t reg) {
  uint32_t count = 0;
  for (uint8_t b = 0; b < r->body_ops; b++) {
    const struct tape_body_op *op = &r->body[b];
    uint8_t arity = canon_op(op->code)->arity;
    if (op->code > CANON_UNBITS) return UINT32_MAX; /* coordinates and the like have arguments of other kinds */
    count += (op->a == reg) + (arity > 1 && op->b == reg) + (arity > 2 && op->c == reg);
  }
  return count;
}

/* The other argument of op, where it is of this code and one argument is reg; else -1. */
static int other_of(const struct tape_body_op *op, uint8_t code, uint8_t reg) {
  if (op->code != code || (op->a != reg && op->b != reg)) return -1;
  return op->a == reg ? op->b : op->a;
}

/* The operand that hides: add(x, mask), x being operand o of a map, read nowhere else. */
static int mask_of(const struct tape_record *q, uint8_t o) {
  if (q->op != TAPE_MAP || uses(q, o) != 1) return -1;
  for (uint8_t b = 0; b < q->body_ops; b++) {
    int other = other_of(&q->body[b], CANON_ADD, o);
    if (other >= 0 && other < q->operands && other != o) return other;
  }
  return -1;
}

/* The next record, behind q, of the items that run while the value lives, from its own on; false: there is none. */
static bool next_reader(const struct execute *x, const struct value *v, uint32_t *item, uint32_t *q) {
  if (*q + 1 < x->item[*item].first + x->item[*item].count) {
    ++*q;
    return true;
  }
  if (++*item == x->items_count || x->item[*item].unit > v->dies) return false;
  *q = x->item[*item].first;
  return true;
}

static bool products_alone_read(const struct execute *x, uint32_t record) {
  const struct value *v = &x->value[record];
  for (uint32_t i = v->item, q = record; next_reader(x, v, &i, &q);) {
    const struct tape_record *r = &x->tape->record[q];
    for (uint8_t o = 0; o < r->operands; o++)
      if (reads(&r->operand[o], &x->tape->record[record]) && r->op != TAPE_DOT) return false;
  }
  return true;
}

/* The operand that hides in a sum of x p, or in p (x - t) times literals. */
static int chance_of(const struct execute *x, uint32_t record, uint8_t o) {
  const struct tape_record *q = &x->tape->record[record];
  if (q->space != TAPE_TEMP || q->dtype != TAPE_F32 || uses(q, o) != 1) return -1;
  if (q->op == TAPE_FOLD) {
    int other = q->body_ops == 1 && q->reducer == TAPE_LANES ? other_of(&q->body[0], CANON_MUL, o) : -1;
    return other < q->operands && other != o ? other : -1;
  }
  if (q->op != TAPE_MAP || q->body_ops < 2 || q->body[0].code != CANON_SUB || q->body[0].a != o) return -1;
  int p = other_of(&q->body[1], CANON_MUL, TAPE_REGISTER_BODY);
  if (p < 0 || p >= q->operands || p == o || q->body[0].b == p || uses(q, (uint8_t)p) != 1) return -1;
  for (uint8_t b = 2; b < q->body_ops; b++) {
    int literal = other_of(&q->body[b], CANON_MUL, (uint8_t)(TAPE_REGISTER_BODY + b - 1));
    if (literal < TAPE_REGISTER_LITERAL || literal >= TAPE_REGISTER_BODY) return -1;
  }
  return products_alone_read(x, record) ? p : -1;
}

/* Is the guide there when the item runs, and until it is done? Values lie still from their maker to their last reader,
 * and that comes after the item. But what is made in the item's own group may be there for one band, and copies of it
 * in a thread's buffer go with their last reader in the group: so all `readers` must be in it, which read of the guide
 * what their own band made (joins). */
static bool lies_there(const struct execute *x, const struct item *item, const struct tape_operand *o, bool readers) {
  if (o->space == TAPE_DATA) return true;
  if (o->space != TAPE_TEMP) return false;
  const struct item *maker = &x->item[x->value[plan_producer(x, o->first_leaf)].item];
  return maker < item && (maker->unit != item->unit || (readers && !plan_sums(maker)));
}

/* Does the operand lie where its coordinates say, from the value's start? */
static bool starts(const struct tape_operand *o) {
  for (uint8_t a = 0; a < o->axes; a++)
    if (o->axis[a].offset != 0 || o->axis[a].indirect != TAPE_INDIRECT_NONE) return false;
  return true;
}

static bool same_value(const struct tape_operand *a, const struct tape_operand *b) {
  return a->space == b->space && a->first_leaf == b->first_leaf && a->data_number == b->data_number;
}

bool dot_blank_find(struct execute *x, const struct item *item, struct dot *d) {
  const struct tape_record *r = d->record;
  const struct tape_operand *guide = NULL;
  uint32_t rank = r->out_rank, n = item->first, low = 0;
  int64_t coef[PLAN_DIMS], seen[PLAN_DIMS];
  bool readers_here = true;
  if (d->chunks > 1 || r->space != TAPE_TEMP || r->dim[d->row.of] != d->row.extent ||
      r->dim[d->col.of] != d->col.extent || x->options.materialise || x->options.alter)
    return true;
  for (uint32_t i = x->value[n].item, q = n; next_reader(x, &x->value[n], &i, &q);) {
    const struct tape_record *reader = &x->tape->record[q];
    for (uint8_t o = 0; o < reader->operands; o++) {
      if (!reads(&reader->operand[o], r)) continue;
      bool alike = (uint32_t)reader->out_rank + reader->k_rank == rank && reader->op != TAPE_DOT &&
                   memcmp(reader->dim, r->dim, rank * sizeof *r->dim) == 0 &&
                   operand_walks(reader, &reader->operand[o], rank);
      int by = !alike ? -1 : mask_of(reader, o);
      uint32_t from = by >= 0 ? HIDES_FROM : 0;
      if (alike && by < 0) by = chance_of(x, q, o);
      if (by < 0) return true;
      const struct tape_operand *g = &reader->operand[by];
      if (g->dtype != TAPE_F32 || !starts(g) || !halo_linear(reader, g, coef) ||
          (from == 0 && !operand_walks(reader, g, rank)))
        return true;
      if (guide && (from != low || !same_value(g, guide) || memcmp(coef, seen, sizeof coef) != 0)) return true;
      guide = g, low = from;
      readers_here &= x->item[x->value[q].item].unit == item->unit;
      memcpy(seen, coef, sizeof coef);
    }
  }
  if (!guide || coef[d->col.of] != 1 || !lies_there(x, item, guide, readers_here)) return true;
  d->blank = arena_take(&x->notes, 1, sizeof *d->blank);
  if (!d->blank) return false;
  *d->blank = (struct dot_blank){
      .guide = plan_operand_place(x, guide), .row = coef[d->row.of], .low = low, .span = low ? INFINITY_WORD - low : 0};
  for (uint32_t l = 0; l < d->loops; l++) {
    d->blank->loop[l] = coef[d->loop[l].of];
    d->blank->moves |= coef[d->loop[l].of] != 0;
  }
  return true;
}

/* The exponent of a power of two that no word of these lines reaches; more than any sum may have if one is not finite.
 */
static int32_t bound_log(const struct execute *x, struct dot_lines l) {
  uint32_t largest = dot_lines_largest(x, &l);
  return largest < INFINITY_WORD ? (int32_t)(largest >> 23) - 126 : 1000;
}

const uint32_t *dot_blank_ends(const struct dot_call *call, uint32_t thread, const uint64_t *at, bool first,
                               const float *a, const float *b) {
  const struct dot *d = call->dot;
  const struct dot_blank *k = d->blank;
  const float *guide = (const float *)(const void *)place_at_thread(call->x, k->guide, thread);
  uint32_t *end = plan_accumulators(call->x, thread) + d->own_blank, log = 1; /* 1: for what rounding adds */
  for (uint32_t l = 0; l < d->loops; l++) guide += (int64_t)at[l] * k->loop[l];
  struct dot_lines of = {(const uint32_t *)(const void *)guide, d->row.extent, d->col.extent, k->row};
  if ((first || k->moves) && !dot_lines_end(call->x, &of, k->low, k->span, end)) end[0] = (uint32_t)d->col.extent + 1;
  if (end[0] > d->col.extent) return NULL;
  while (1ull << (log - 1) < d->k) log++;
  struct dot_lines of_a = dot_lines_of(a, d->row.a, d->row.extent, d->straight_a, d->k, d->straight_a == 1);
  struct dot_lines of_b = dot_lines_of(b, d->col.b, d->col.extent, d->straight_b, d->k, d->col.b != 1);
  return bound_log(call->x, of_a) + bound_log(call->x, of_b) + (int32_t)log <= BOUND_LOG ? end : NULL;
}
