/* What TAPE 1.3 and TAPE 4 ask of one record alone. Counts are checked before anything they count is read, so a record
 * that was built by hand is as safe here as a decoded one. */
#include <inttypes.h>

#include "numeric/canon.h"
#include "tape/record/record.h"

#define REFUSE(...) return why_set(why, __VA_ARGS__), RECORD_ERR_RULE

enum { DIM_MAX = 0x7fffffff, FOLD_COST_MAX = 96 };

uint32_t record_body_cost(const struct tape_record *r) {
  uint32_t cost = 0;
  for (uint8_t n = 0; n < r->body_ops; n++) {
    const struct canon_op *op = canon_op(r->body[n].code);
    if (op) cost += op->cost;
  }
  return cost;
}

static bool is_nan(uint32_t word) { return (word & 0x7fffffff) > 0x7f800000; }

static enum record_status check_shape(const struct tape_record *r, struct why *why) {
  uint64_t elements = 1, k = 1;
  if (r->op < TAPE_MAP || r->op > TAPE_PUT) REFUSE("opcode %u: there are map 1, dot 2, fold 3, put 4", r->op);
  if (r->dtype > TAPE_U8) REFUSE("dtype %u: there are f32 0, i32 1, u8 2", r->dtype);
  if (r->space > TAPE_OUT) REFUSE("a result goes to space temp 0 or out 1, not %u", r->space);
  if (r->out_rank < 1 || r->out_rank > TAPE_RANK_MAX) REFUSE("out rank %u: 1 to %d", r->out_rank, TAPE_RANK_MAX);
  if (r->op == TAPE_MAP && r->k_rank) REFUSE("a map has no k dims, this one has %u", r->k_rank);
  if (r->op != TAPE_MAP && (r->k_rank < 1 || r->k_rank > TAPE_RANK_MAX))
    REFUSE("k rank %u: 1 to %d for a dot, fold or put", r->k_rank, TAPE_RANK_MAX);
  for (uint32_t d = 0; d < (uint32_t)r->out_rank + r->k_rank; d++) {
    if (r->dim[d] < 1 || r->dim[d] > DIM_MAX) REFUSE("dim %" PRIu32 " is %" PRIu32 ": 1 to 2^31 - 1", d, r->dim[d]);
    uint64_t *product = d < r->out_rank ? &elements : &k;
    *product *= r->dim[d]; /* cannot wrap: below 2^32 before, below 2^31 more */
    if (elements > UINT32_MAX) REFUSE("the result has 2^32 elements or more");
    if (k > TAPE_K_MAX) REFUSE("K is %" PRIu64 ", at most 2^20: split the reduction over an extra output dim", k);
  }
  uint64_t leaves = tape_leaves(r->dtype, elements);
  if (r->first_leaf > TAPE_LEAVES_MAX || leaves > TAPE_LEAVES_MAX - r->first_leaf)
    REFUSE("%" PRIu64 " leaves at leaf %" PRIu64 " pass the end of a space, 2^23", leaves, r->first_leaf);
  return RECORD_OK;
}

/* TAPE 4.4 asks that num stay within i64, and these limits see to it: the at most four dims of the terms differ, the
 * output dims among them have a product below 2^32 and the k dims one of at most 2^20, so the sum of dim - 1 is below
 * 2^31 + 2^20; each is multiplied by at most 2^31, and offset and index word add 2^31 each. The sum is below 2^63. */
static enum record_status check_axis(const struct tape_record *r, uint8_t o, uint8_t a, struct why *why) {
  const struct tape_axis *axis = &r->operand[o].axis[a];
  if (axis->extent < 1 || axis->extent > DIM_MAX)
    REFUSE("operand %u axis %u: extent %" PRIu32 ", 1 to 2^31 - 1", o, a, axis->extent);
  if (axis->div < 1) REFUSE("operand %u axis %u: div 0", o, a);
  if (axis->mode > TAPE_FLOOR) REFUSE("operand %u axis %u: mode %u, exact 0 or floor 1", o, a, axis->mode);
  if (axis->mode == TAPE_FLOOR && axis->div == 1) REFUSE("operand %u axis %u: floor with div 1 is exact", o, a);
  if (axis->terms > TAPE_TERMS_MAX)
    REFUSE("operand %u axis %u: %u terms, at most %d", o, a, axis->terms, TAPE_TERMS_MAX);
  for (uint8_t t = 0; t < axis->terms; t++) {
    const struct tape_term *term = &axis->term[t];
    if (term->dim >= r->out_rank + r->k_rank)
      REFUSE("operand %u axis %u: a term in dim %u, there are %u", o, a, term->dim, r->out_rank + r->k_rank);
    if (!term->coef) REFUSE("operand %u axis %u: a term with coef 0", o, a);
    if (t && term->dim <= term[-1].dim) REFUSE("operand %u axis %u: terms ascend by dim", o, a);
  }
  if (axis->indirect != TAPE_INDIRECT_NONE) {
    if (axis->indirect >= o)
      REFUSE("operand %u axis %u: index from slot %u, which is no lower slot", o, a, axis->indirect);
    if (r->operand[axis->indirect].dtype == TAPE_F32)
      REFUSE("operand %u axis %u: index from slot %u, which is f32", o, a, axis->indirect);
  }
  return RECORD_OK;
}

static enum record_status check_operand(const struct tape_record *r, uint8_t o, struct why *why) {
  const struct tape_operand *x = &r->operand[o];
  if (x->space == TAPE_OUT) REFUSE("operand %u reads out: nothing does", o);
  if (x->space > TAPE_DATA) REFUSE("operand %u: space %u, temp 0, in 2 or data 3", o, x->space);
  if (x->dtype > TAPE_U8) REFUSE("operand %u: dtype %u: there are f32 0, i32 1, u8 2", o, x->dtype);
  if (x->data_number && x->space != TAPE_DATA) REFUSE("operand %u: data number %u outside data", o, x->data_number);
  if (x->axes < 1 || x->axes > TAPE_RANK_MAX) REFUSE("operand %u: %u axes, 1 to %d", o, x->axes, TAPE_RANK_MAX);
  if (x->dtype == TAPE_F32 && is_nan(x->fill) && x->fill != CANON_NAN)
    REFUSE("operand %u: a NaN fill is 7fc00000, not %08" PRIx32, o, x->fill);
  uint64_t elements = 1;
  for (uint8_t a = 0; a < x->axes; a++) {
    enum record_status status = check_axis(r, o, a, why);
    if (status != RECORD_OK) return status;
    elements *= x->axis[a].extent;
    if (elements > UINT32_MAX) REFUSE("operand %u has 2^32 elements or more", o);
  }
  uint64_t leaves = tape_leaves(x->dtype, elements);
  if (x->first_leaf > TAPE_LEAVES_MAX || leaves > TAPE_LEAVES_MAX - x->first_leaf)
    REFUSE("operand %u: %" PRIu64 " leaves at leaf %" PRIu64 " pass the end of a space, 2^23", o, leaves,
           x->first_leaf);
  return RECORD_OK;
}

/* 'f', 'i', or 0 if nothing is there yet: a register of the first `ops` body operations. */
static char register_type(const struct tape_record *r, uint8_t reg, uint8_t ops, const char *types) {
  if (reg < TAPE_REGISTER_LITERAL) {
    if (reg >= r->operands) return 0;
    return r->operand[reg].dtype == TAPE_F32 ? 'f' : 'i';
  }
  if (reg < TAPE_REGISTER_BODY) {
    uint8_t n = reg - TAPE_REGISTER_LITERAL;
    if (n >= r->literals) return 0;
    return r->literal_i32 >> n & 1 ? 'i' : 'f';
  }
  return reg - TAPE_REGISTER_BODY < ops ? types[reg - TAPE_REGISTER_BODY] : 0;
}

static enum record_status check_body_op(const struct tape_record *r, uint8_t n, char *types, struct why *why) {
  const struct tape_body_op *b = &r->body[n];
  const struct canon_op *op = canon_op(b->code);
  const uint8_t given[3] = {b->a, b->b, b->c};
  if (!op) REFUSE("body operation %u: the canon has no code %02x", n, b->code);
  uint8_t used = b->code == CANON_COORD ? 1 : op->arity;
  for (uint8_t i = used; i < 3; i++)
    if (given[i]) REFUSE("body operation %u, %s: unused argument %u is not 0", n, op->name, i);
  if (b->code == CANON_COORD && b->a >= r->out_rank + r->k_rank)
    REFUSE("body operation %u: coord %u, there are %u dims", n, b->a, r->out_rank + r->k_rank);
  if (b->code == CANON_KLIN && !r->k_rank) REFUSE("body operation %u: klin without k dims", n);
  char common = 0, result = op->result;
  for (uint8_t i = 0; i < op->arity; i++) {
    char want = op->argument[i], have = register_type(r, given[i], n, types);
    if (!have) REFUSE("body operation %u, %s: register %u is not defined there", n, op->name, given[i]);
    if (want == 't') want = common ? common : (common = have);
    if (have != want)
      REFUSE("body operation %u, %s: argument %u is %s, register %u is not", n, op->name, i,
             want == 'f' ? "f32" : "i32", given[i]);
  }
  if (b->code == CANON_PERM) {
    if (r->op != TAPE_MAP) REFUSE("body operation %u: perm only in a map", n);
    uint8_t slot = b->b - TAPE_REGISTER_LITERAL;
    if (b->b < TAPE_REGISTER_LITERAL || b->b >= TAPE_REGISTER_BODY || r->literal[slot] < 1 ||
        r->literal[slot] > DIM_MAX)
      REFUSE("body operation %u: the n of perm is a literal of at least 1", n);
  }
  types[n] = result == 't' ? common : result;
  return RECORD_OK;
}

/* *result is the type of TAPE 4.2. */
static enum record_status check_body(const struct tape_record *r, char *result, struct why *why) {
  char types[TAPE_BODY_MAX];
  if (r->literals < TAPE_LITERALS_MAX && r->literal_i32 >> r->literals)
    REFUSE("literal_i32 %04x names a literal beyond the %u there are", r->literal_i32, r->literals);
  for (uint8_t n = 0; n < r->literals; n++)
    if (!(r->literal_i32 >> n & 1) && is_nan(r->literal[n]) && r->literal[n] != CANON_NAN)
      REFUSE("literal %u: NaN is 7fc00000, not %08" PRIx32, n, r->literal[n]);
  for (uint8_t n = 0; n < r->body_ops; n++) {
    enum record_status status = check_body_op(r, n, types, why);
    if (status != RECORD_OK) return status;
  }
  if (r->body_ops)
    *result = types[r->body_ops - 1];
  else
    *result = register_type(r, r->operands ? r->operands - 1 : TAPE_REGISTER_LITERAL, 0, types);
  if (!*result) REFUSE("no body, no operand and no literal: nothing to store");
  return RECORD_OK;
}

static enum record_status check_result(const struct tape_record *r, char type, struct why *why) {
  if ((type == 'f') != (r->dtype == TAPE_F32))
    REFUSE("the body gives %s, which is not stored as %s", type == 'f' ? "f32" : "i32",
           r->dtype == TAPE_F32 ? "f32" : "i32 or u8");
  return RECORD_OK;
}

static enum record_status check_fold(const struct tape_record *r, char type, struct why *why) {
  if (r->reducer < TAPE_CHAIN || r->reducer > TAPE_IMAX) REFUSE("a fold has a reducer of 1 to 7, not %u", r->reducer);
  if ((r->reducer <= TAPE_FMAX) != (type == 'f'))
    REFUSE("reducer %u takes %s, the body gives the other", r->reducer, r->reducer <= TAPE_FMAX ? "f32" : "i32");
  if (r->operands > TAPE_FOLD_OPERANDS_MAX)
    REFUSE("a fold of %u operands, at most %d", r->operands, TAPE_FOLD_OPERANDS_MAX);
  uint32_t depending = 0, cost = record_body_cost(r);
  for (uint8_t o = 0; o < r->operands; o++) depending += record_depends_on_k(r, o);
  if (depending > TAPE_FOLD_K_OPERANDS_MAX)
    REFUSE("%" PRIu32 " operands of a fold depend on k, at most %d", depending, TAPE_FOLD_K_OPERANDS_MAX);
  if (cost > FOLD_COST_MAX) REFUSE("body cost %" PRIu32 " of a fold, at most %d", cost, FOLD_COST_MAX);
  return RECORD_OK;
}

/* Dot and put: two operands, a sum, no body, and nothing that would leave a second way to write the same thing. */
static enum record_status check_bodiless(const struct tape_record *r, struct why *why) {
  const char *name = r->op == TAPE_DOT ? "dot" : "put";
  if (r->operands != 2) REFUSE("a %s has 2 operands, not %u", name, r->operands);
  if (r->body_ops || r->literals) REFUSE("a %s has no body and no literals", name);
  if (r->reducer != TAPE_CHAIN || r->dtype != TAPE_F32) REFUSE("a %s has reducer 1 and gives f32", name);
  if (r->operand[1].dtype != TAPE_F32) REFUSE("operand 1 of a %s is f32", name);
  if (r->op == TAPE_DOT) {
    if (r->operand[0].dtype != TAPE_F32) REFUSE("operand 0 of a dot is f32");
    if (r->operand[0].fill || r->operand[1].fill) REFUSE("a dot skips what is out of range: its fills are 0");
    return RECORD_OK;
  }
  if (r->operand[0].dtype != TAPE_I32) REFUSE("operand 0 of a put, its index, is i32");
  for (uint8_t o = 0; o < 2; o++)
    for (uint8_t a = 0; a < r->operand[o].axes; a++) {
      const struct tape_axis *axis = &r->operand[o].axis[a];
      if (axis->indirect != TAPE_INDIRECT_NONE) REFUSE("operand %u of a put: no indirect axis", o);
      for (uint8_t t = 0; t < axis->terms; t++)
        if (o ? axis->term[t].dim == 0 : axis->term[t].dim < r->out_rank)
          REFUSE(o ? "operand 1 of a put does not depend on output dim 0"
                   : "operand 0 of a put depends on k dims only");
    }
  return RECORD_OK;
}

enum record_status record_check(const struct tape_record *r, struct why *why) {
  enum record_status status = check_shape(r, why);
  if (status != RECORD_OK) return status;
  if (r->operands > TAPE_OPERANDS_MAX) REFUSE("%u operands, at most %d", r->operands, TAPE_OPERANDS_MAX);
  if (r->literals > TAPE_LITERALS_MAX) REFUSE("%u literals, at most %d", r->literals, TAPE_LITERALS_MAX);
  if (r->body_ops > TAPE_BODY_MAX) REFUSE("%u body operations, at most %d", r->body_ops, TAPE_BODY_MAX);
  for (uint8_t o = 0; o < r->operands; o++) {
    status = check_operand(r, o, why);
    if (status != RECORD_OK) return status;
  }
  if (record_bytes(r) > TAPE_RECORD_BYTES_MAX)
    REFUSE("%zu bytes encoded, at most %d", record_bytes(r), TAPE_RECORD_BYTES_MAX);
  if (r->op == TAPE_DOT || r->op == TAPE_PUT) {
    status = check_bodiless(r, why);
    return status != RECORD_OK || !r->literal_i32 ? status
                                                  : (why_set(why, "literal_i32 without literals"), RECORD_ERR_RULE);
  }
  char type;
  status = check_body(r, &type, why);
  if (status == RECORD_OK) status = check_result(r, type, why);
  if (status != RECORD_OK) return status;
  if (r->op == TAPE_FOLD) return check_fold(r, type, why);
  if (r->reducer != TAPE_NONE) REFUSE("a map has reducer 0, not %u", r->reducer);
  return RECORD_OK;
}
