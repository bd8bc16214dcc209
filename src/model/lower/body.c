/* Bodies: registers, literals and operands each written once, and a pending map joined to its reader.
 * docs/lower.md 2.5, 2.6. */
#include <assert.h>
#include <string.h>

#include "model/lower/emit.h"
#include "model/lower/pending.h"

static bool same_axis(const struct tape_axis *a, const struct tape_axis *b) {
  if (a->extent != b->extent || a->offset != b->offset || a->div != b->div || a->mode != b->mode ||
      a->indirect != b->indirect || a->terms != b->terms)
    return false;
  for (uint8_t t = 0; t < a->terms; t++)
    if (a->term[t].dim != b->term[t].dim || a->term[t].coef != b->term[t].coef) return false;
  return true;
}

static bool same_operand(const struct tape_operand *a, const struct tape_operand *b) {
  if (a->space != b->space || a->dtype != b->dtype || a->data_number != b->data_number || a->axes != b->axes ||
      a->fill != b->fill || a->first_leaf != b->first_leaf)
    return false;
  for (uint8_t x = 0; x < a->axes; x++)
    if (!same_axis(&a->axis[x], &b->axis[x])) return false;
  return true;
}

enum { FULL = 255 }; /* no register */

/* A dot may well multiply a tensor by itself: its two operands keep their slots. */
static uint8_t take_operand(struct tape_record *r, const struct tape_operand *o) {
  if (r->op != TAPE_DOT && r->op != TAPE_PUT)
    for (uint8_t n = 0; n < r->operands; n++)
      if (same_operand(&r->operand[n], o)) return n;
  uint8_t most = r->op == TAPE_FOLD ? TAPE_FOLD_OPERANDS_MAX : TAPE_OPERANDS_MAX;
  if (r->operands == most) return FULL;
  r->operand[r->operands] = *o;
  return r->operands++;
}

static uint8_t take_literal(struct tape_record *r, uint32_t word, bool integer) {
  for (uint8_t n = 0; n < r->literals; n++)
    if (r->literal[n] == word && (r->literal_i32 >> n & 1) == integer) return TAPE_REGISTER_LITERAL + n;
  if (r->literals == TAPE_LITERALS_MAX) return FULL;
  r->literal[r->literals] = word;
  r->literal_i32 |= (uint16_t)(integer << r->literals);
  return TAPE_REGISTER_LITERAL + r->literals++;
}

static uint8_t take_op(struct tape_record *r, uint8_t code, uint8_t x, uint8_t y, uint8_t z) {
  for (uint8_t n = 0; n < r->body_ops; n++) {
    const struct tape_body_op *p = &r->body[n];
    if (p->code == code && p->a == x && p->b == y && p->c == z) return TAPE_REGISTER_BODY + n;
  }
  if (r->body_ops == TAPE_BODY_MAX) return FULL;
  r->body[r->body_ops] = (struct tape_body_op){code, x, y, z};
  return TAPE_REGISTER_BODY + r->body_ops++;
}

static uint8_t or_fail(struct build *b, uint8_t reg) {
  if (reg != FULL) return reg;
  emit_fail(b->e, LOWER_ERR_UNSUPPORTED, "needs more operands, literals or operations than one record holds");
  return 0;
}

uint8_t build_word(struct build *b, uint32_t word) { return or_fail(b, take_literal(&b->r, word, false)); }
uint8_t build_i32(struct build *b, int32_t x) { return or_fail(b, take_literal(&b->r, (uint32_t)x, true)); }
uint8_t build_f32(struct build *b, float x) { return build_word(b, value_f32(x).word); }
uint8_t build_op(struct build *b, uint8_t code, uint8_t x, uint8_t y, uint8_t z) {
  return or_fail(b, take_op(&b->r, code, x, y, z));
}

/* Adds the body of `from` to r, register by register. */
static uint8_t join(struct tape_record *r, const struct tape_record *from, uint8_t result) {
  uint8_t now[TAPE_REGISTER_BODY + TAPE_BODY_MAX];
  for (uint8_t n = 0; n < from->operands; n++) {
    struct tape_operand o = from->operand[n];
    for (uint8_t a = 0; a < o.axes; a++)
      if (o.axis[a].indirect != TAPE_INDIRECT_NONE) o.axis[a].indirect = now[o.axis[a].indirect];
    if ((now[n] = take_operand(r, &o)) == FULL) return FULL;
  }
  for (uint8_t n = 0; n < from->literals; n++) {
    uint8_t reg = take_literal(r, from->literal[n], from->literal_i32 >> n & 1);
    if (reg == FULL) return FULL;
    now[TAPE_REGISTER_LITERAL + n] = reg;
  }
  for (uint8_t n = 0; n < from->body_ops; n++) {
    const struct tape_body_op *p = &from->body[n];
    uint8_t arity = canon_op(p->code)->arity;
    uint8_t x = p->code == CANON_COORD ? p->a : arity > 0 ? now[p->a] : 0;
    uint8_t reg = take_op(r, p->code, x, arity > 1 ? now[p->b] : 0, arity > 2 ? now[p->c] : 0);
    if (reg == FULL) return FULL;
    now[TAPE_REGISTER_BODY + n] = reg;
  }
  if (r->operands > EMIT_JOIN_OPERANDS || r->body_ops > EMIT_JOIN_OPS || r->literals > EMIT_JOIN_LITERALS) return FULL;
  return now[result];
}

static bool joins(const struct build *b, const struct value *v) {
  if (b->r.op != TAPE_MAP || !v->pending || v->rank != b->rank || v->dtype == TAPE_U8) return false;
  const struct tape_record *from = &v->pending->r;
  if (from->out_rank != b->r.out_rank) return false;
  for (uint8_t d = 0; d < from->out_rank; d++)
    if (from->dim[d] != b->r.dim[d]) return false;
  for (uint8_t a = 0; a < v->rank; a++)
    if (v->dim[a] != b->shape[a] || v->order[b->at[a]] != a) return false;
  return true;
}

uint8_t build_use(struct build *b, struct value *v) {
  struct index axis[TAPE_RANK_MAX];
  if (emit_failed(b->e)) return 0;
  if (v->literal) return v->dtype == TAPE_F32 ? build_word(b, v->word) : build_i32(b, (int32_t)v->word);
  if (joins(b, v)) {
    struct tape_record whole = b->r;
    uint8_t reg = join(&whole, &v->pending->r, v->pending->result);
    if (reg != FULL) {
      b->r = whole;
      return reg;
    }
  }
  uint8_t more = v->rank > b->rank ? (uint8_t)(v->rank - b->rank) : 0; /* [1] over a scalar */
  for (uint8_t a = 0; a < v->rank; a++) {
    axis[a] = index_fixed(0);
    if (v->dim[a] == 1) continue;
    assert(a >= more);
    uint8_t wide = (uint8_t)(a + b->rank - v->rank);
    assert(v->dim[a] == b->shape[wide]);
    axis[a] = index_dim(b->at[wide]);
  }
  return build_read(b, v, axis, 0);
}

static struct tape_axis axis_of(uint32_t extent, const struct index *i) {
  struct tape_axis x = {.extent = extent,
                        .offset = i->offset,
                        .div = i->div,
                        .mode = i->mode,
                        .indirect = i->indirect,
                        .terms = i->terms};
  memcpy(x.term, i->term, i->terms * sizeof x.term[0]);
  return x;
}

static uint8_t read_operand(struct build *b, const struct value *v, struct tape_operand *o, uint32_t fill) {
  o->space = v->space;
  o->dtype = v->dtype;
  o->data_number = v->data_number;
  o->first_leaf = v->first_leaf;
  o->fill = fill;
  if (v->space == TAPE_DATA) b->e->reads[v->data_number] = true;
  return or_fail(b, take_operand(&b->r, o));
}

/* A constant that is read by index needs a place. */
static void store_literal(struct emit *e, struct value *v) {
  struct build b;
  uint32_t word = v->word;
  v->literal = false;
  build_map(&b, e, v->dtype, v);
  *v = build_end(&b, v->dtype == TAPE_F32 ? build_word(&b, word) : build_i32(&b, (int32_t)word));
}

/* An axis of extent 1 that is always read at 0 says nothing and is left out. */
uint8_t build_read(struct build *b, struct value *v, const struct index *axis, uint32_t fill) {
  struct tape_operand o = {0};
  if (v->literal) store_literal(b->e, v);
  value_settle(b->e, v);
  if (emit_failed(b->e)) return 0;
  assert(!v->literal && v->space != TAPE_OUT);
  for (uint8_t p = 0; p < v->rank; p++) {
    uint8_t a = v->order[p];
    const struct index *i = &axis[a];
    if (v->dim[a] == 1 && !i->terms && !i->offset && i->indirect == TAPE_INDIRECT_NONE) continue;
    o.axis[o.axes++] = axis_of(v->dim[a], i);
  }
  struct index zero = index_fixed(0);
  if (!o.axes) o.axis[o.axes++] = axis_of(1, &zero);
  return read_operand(b, v, &o, fill);
}

uint8_t build_flat(struct build *b, struct value *v, struct index i, uint32_t fill) {
  struct tape_operand o = {.axes = 1};
  if (v->literal) store_literal(b->e, v);
  value_settle(b->e, v);
  if (emit_failed(b->e)) return 0;
  if (value_elements(v) > INT32_MAX) emit_fail(b->e, LOWER_ERR_SHAPE, "a tensor of 2^31 elements or more");
  o.axis[0] = axis_of((uint32_t)value_elements(v), &i);
  return read_operand(b, v, &o, fill);
}
