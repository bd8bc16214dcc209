#include "tape/record/record.h"

#include "base/bytes.h"

/* The encoding, TAPE 4.1. Little endian, field after field, nothing optional:
 *
 *  0 op | 1 dtype | 2 space | 3 reducer | 4 out_rank | 5 k_rank | 6 operands | 7 literals | 8 body_ops
 *  9 literal_i32 (2) | 11 zero (5) | 16 first_leaf (8) | 24 dims (4 each), operands, literals (4 each), body (4 each)
 *
 * operand: space | dtype | data_number | axes | fill (4) | first_leaf (8) | axes
 * axis:    extent (4) | offset (4) | div (2) | mode | indirect | terms | zero (3) | terms of: dim | zero (3) | coef (4)
 */
enum { HEAD_BYTES = 24, OPERAND_BYTES = 16, AXIS_BYTES = 16, TERM_BYTES = 8 };

uint32_t tape_dtype_bytes(uint8_t dtype) { return dtype == TAPE_U8 ? 1 : 4; }

uint64_t tape_leaves(uint8_t dtype, uint64_t elements) {
  uint64_t per_leaf = TAPE_LEAF_BYTES / tape_dtype_bytes(dtype);
  uint64_t leaves = elements / per_leaf + (elements % per_leaf != 0);
  return leaves ? leaves : 1;
}

uint64_t record_elements(const struct tape_record *r) {
  uint64_t elements = 1;
  for (uint32_t d = 0; d < r->out_rank; d++) elements *= r->dim[d];
  return elements;
}

uint32_t record_k(const struct tape_record *r) {
  uint32_t k = 1;
  for (uint32_t d = 0; d < r->k_rank; d++) k *= r->dim[r->out_rank + d];
  return k;
}

uint64_t record_leaves(const struct tape_record *r) { return tape_leaves(r->dtype, record_elements(r)); }

bool record_depends_on_k(const struct tape_record *r, uint8_t o) {
  bool depends[TAPE_OPERANDS_MAX] = {false};
  for (uint8_t n = 0; n <= o; n++)
    for (uint8_t a = 0; a < r->operand[n].axes; a++) {
      const struct tape_axis *axis = &r->operand[n].axis[a];
      if (axis->indirect < n && depends[axis->indirect]) depends[n] = true; /* lower slots only: one pass is enough */
      for (uint8_t t = 0; t < axis->terms; t++)
        if (axis->term[t].dim >= r->out_rank) depends[n] = true;
    }
  return depends[o];
}

static size_t encoded_bytes(const struct tape_record *r) {
  size_t bytes = HEAD_BYTES + 4u * (r->out_rank + r->k_rank + r->literals + r->body_ops);
  for (uint8_t o = 0; o < r->operands; o++) {
    bytes += OPERAND_BYTES;
    for (uint8_t a = 0; a < r->operand[o].axes; a++)
      bytes += AXIS_BYTES + (size_t)TERM_BYTES * r->operand[o].axis[a].terms;
  }
  return bytes;
}

static bool counts_in_range(const struct tape_record *r) {
  if (r->out_rank > TAPE_RANK_MAX || r->k_rank > TAPE_RANK_MAX || r->operands > TAPE_OPERANDS_MAX ||
      r->literals > TAPE_LITERALS_MAX || r->body_ops > TAPE_BODY_MAX)
    return false;
  for (uint8_t o = 0; o < r->operands; o++) {
    if (r->operand[o].axes > TAPE_RANK_MAX) return false;
    for (uint8_t a = 0; a < r->operand[o].axes; a++)
      if (r->operand[o].axis[a].terms > TAPE_TERMS_MAX) return false;
  }
  return true;
}

size_t record_encode(const struct tape_record *r, uint8_t *bytes, size_t bytes_max) {
  if (!counts_in_range(r)) return 0;
  struct writer w = writer_over(bytes, bytes_max);
  put_u8(&w, r->op);
  put_u8(&w, r->dtype);
  put_u8(&w, r->space);
  put_u8(&w, r->reducer);
  put_u8(&w, r->out_rank);
  put_u8(&w, r->k_rank);
  put_u8(&w, r->operands);
  put_u8(&w, r->literals);
  put_u8(&w, r->body_ops);
  put_u16(&w, r->literal_i32);
  put_little(&w, 0, 5);
  put_u64(&w, r->first_leaf);
  for (uint32_t d = 0; d < (uint32_t)r->out_rank + r->k_rank; d++) put_u32(&w, r->dim[d]);
  for (uint8_t o = 0; o < r->operands; o++) {
    const struct tape_operand *x = &r->operand[o];
    put_u8(&w, x->space);
    put_u8(&w, x->dtype);
    put_u8(&w, x->data_number);
    put_u8(&w, x->axes);
    put_u32(&w, x->fill);
    put_u64(&w, x->first_leaf);
    for (uint8_t a = 0; a < x->axes; a++) {
      const struct tape_axis *axis = &x->axis[a];
      put_u32(&w, axis->extent);
      put_u32(&w, (uint32_t)axis->offset);
      put_u16(&w, axis->div);
      put_u8(&w, axis->mode);
      put_u8(&w, axis->indirect);
      put_u8(&w, axis->terms);
      put_little(&w, 0, 3);
      for (uint8_t t = 0; t < axis->terms; t++) {
        put_u8(&w, axis->term[t].dim);
        put_little(&w, 0, 3);
        put_u32(&w, (uint32_t)axis->term[t].coef);
      }
    }
  }
  for (uint8_t n = 0; n < r->literals; n++) put_u32(&w, r->literal[n]);
  for (uint8_t n = 0; n < r->body_ops; n++) {
    put_u8(&w, r->body[n].code);
    put_u8(&w, r->body[n].a);
    put_u8(&w, r->body[n].b);
    put_u8(&w, r->body[n].c);
  }
  return w.full ? 0 : bytes_written(&w);
}

/* Counts come before what they count, so each is bounded before it is used as one. */
static bool decode_operand(struct reader *in, struct tape_operand *x) {
  x->space = take_u8(in);
  x->dtype = take_u8(in);
  x->data_number = take_u8(in);
  x->axes = take_u8(in);
  x->fill = take_u32(in);
  x->first_leaf = take_u64(in);
  if (x->axes > TAPE_RANK_MAX) return false;
  for (uint8_t a = 0; a < x->axes; a++) {
    struct tape_axis *axis = &x->axis[a];
    axis->extent = take_u32(in);
    axis->offset = (int32_t)take_u32(in);
    axis->div = take_u16(in);
    axis->mode = take_u8(in);
    axis->indirect = take_u8(in);
    axis->terms = take_u8(in);
    if (take_little(in, 3) || axis->terms > TAPE_TERMS_MAX) return false;
    for (uint8_t t = 0; t < axis->terms; t++) {
      axis->term[t].dim = take_u8(in);
      if (take_little(in, 3)) return false;
      axis->term[t].coef = (int32_t)take_u32(in);
    }
  }
  return true;
}

static bool decode_fields(struct reader *in, struct tape_record *r, struct why *why) {
  r->op = take_u8(in);
  r->dtype = take_u8(in);
  r->space = take_u8(in);
  r->reducer = take_u8(in);
  r->out_rank = take_u8(in);
  r->k_rank = take_u8(in);
  r->operands = take_u8(in);
  r->literals = take_u8(in);
  r->body_ops = take_u8(in);
  r->literal_i32 = take_u16(in);
  bool clean = take_little(in, 5) == 0;
  r->first_leaf = take_u64(in);
  if (!clean) {
    why_set(why, "bytes 11 to 15 of a record are zero");
    return false;
  }
  if (!counts_in_range(r)) {
    why_set(why, "%u + %u dims, %u operands, %u literals, %u body operations: at most %d + %d, %d, %d, %d", r->out_rank,
            r->k_rank, r->operands, r->literals, r->body_ops, TAPE_RANK_MAX, TAPE_RANK_MAX, TAPE_OPERANDS_MAX,
            TAPE_LITERALS_MAX, TAPE_BODY_MAX);
    return false;
  }
  for (uint32_t d = 0; d < (uint32_t)r->out_rank + r->k_rank; d++) r->dim[d] = take_u32(in);
  for (uint8_t o = 0; o < r->operands; o++)
    if (!decode_operand(in, &r->operand[o])) {
      why_set(why, "operand %u: more than %d axes or %d terms, or a byte that has to be zero is not", o, TAPE_RANK_MAX,
              TAPE_TERMS_MAX);
      return false;
    }
  for (uint8_t n = 0; n < r->literals; n++) r->literal[n] = take_u32(in);
  for (uint8_t n = 0; n < r->body_ops; n++) {
    r->body[n].code = take_u8(in);
    r->body[n].a = take_u8(in);
    r->body[n].b = take_u8(in);
    r->body[n].c = take_u8(in);
  }
  return true;
}

enum record_status record_decode(const uint8_t *bytes, size_t length, struct tape_record *out, struct why *why) {
  if (length > TAPE_RECORD_BYTES_MAX) {
    why_set(why, "a record has at most %d bytes, this one %zu", TAPE_RECORD_BYTES_MAX, length);
    return RECORD_ERR_BYTES;
  }
  struct reader in = reader_over(bytes, length);
  struct tape_record r = {0};
  if (!decode_fields(&in, &r, why)) return RECORD_ERR_BYTES;
  if (!bytes_done(&in)) {
    why_set(why, in.short_of ? "a record is cut short at %zu bytes" : "a record of %zu bytes is longer than its fields",
            length);
    return RECORD_ERR_BYTES;
  }
  enum record_status status = record_check(&r, why);
  if (status == RECORD_OK) *out = r;
  return status;
}

size_t record_bytes(const struct tape_record *r) { return counts_in_range(r) ? encoded_bytes(r) : 0; }
