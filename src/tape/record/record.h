/* record: one instruction of a tape, decoded, and its one encoding. TAPE 4.
 *
 * Everything here is integers and bounded arrays: the referee links it. Uses: base. */
#ifndef TAPE_RECORD_H
#define TAPE_RECORD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum tape_op { TAPE_MAP = 1, TAPE_DOT, TAPE_FOLD, TAPE_PUT };
enum tape_dtype { TAPE_F32, TAPE_I32, TAPE_U8 };
enum tape_space { TAPE_TEMP, TAPE_OUT, TAPE_IN, TAPE_DATA };
enum tape_reducer { TAPE_NONE, TAPE_CHAIN, TAPE_LANES, TAPE_FMIN, TAPE_FMAX, TAPE_ISUM, TAPE_IMIN, TAPE_IMAX };
enum tape_mode { TAPE_EXACT, TAPE_FLOOR };

enum {
  TAPE_RANK_MAX = 6,
  TAPE_OPERANDS_MAX = 12,
  TAPE_FOLD_OPERANDS_MAX = 8,
  TAPE_FOLD_K_OPERANDS_MAX = 4,
  TAPE_LITERALS_MAX = 16,
  TAPE_BODY_MAX = 64,
  TAPE_TERMS_MAX = 4,
  TAPE_RECORD_BYTES_MAX = 2048,
  TAPE_RECORDS_MAX = 16383,
  TAPE_K_MAX = 1 << 20,
  TAPE_LEAF_BYTES = 4096,
  TAPE_LEAVES_MAX = 1 << 23,
  TAPE_INDIRECT_NONE = 255,
  TAPE_REGISTER_LITERAL = 12,
  TAPE_REGISTER_BODY = 28 /* registers: 0-11 operands, 12-27 literals, 28-91 body results */
};

struct tape_term {
  uint8_t dim;
  int32_t coef;
};

/* One axis of an operand's index map: num = offset + sum of coef * coordinate(dim) [+ word of operand `indirect`].
 * TAPE 4.4 */
struct tape_axis {
  uint32_t extent;
  int32_t offset;
  uint16_t div;
  uint8_t mode, indirect, terms;
  struct tape_term term[TAPE_TERMS_MAX];
};

struct tape_operand {
  uint8_t space, dtype, data_number, axes;
  uint32_t fill;
  uint64_t first_leaf;
  struct tape_axis axis[TAPE_RANK_MAX];
};

struct tape_body_op {
  uint8_t code, a, b, c;
};

struct tape_record {
  uint8_t op, dtype, space, reducer, out_rank, k_rank, operands, literals, body_ops;
  uint16_t literal_i32; /* bit n: literal n is i32 */
  uint64_t first_leaf;
  uint32_t dim[2 * TAPE_RANK_MAX]; /* out dims, then k dims */
  struct tape_operand operand[TAPE_OPERANDS_MAX];
  uint32_t literal[TAPE_LITERALS_MAX];
  struct tape_body_op body[TAPE_BODY_MAX];
};

enum record_status { RECORD_OK, RECORD_ERR_BYTES, RECORD_ERR_RULE };

/* record_decode reads exactly length bytes. RECORD_ERR_BYTES: cut, too long, non-zero unused bytes, counts out of
 * range. RECORD_ERR_RULE: decodes but breaks what TAPE 4 asks of one record alone (limits of its opcode, registers
 * defined before use, types, klin and k coordinates only with k dims, perm's n a literal >= 1, indirect slots, index
 * sums within i64, body cost of a fold, NaN literals canonical). out is written only on RECORD_OK. */
enum record_status record_decode(const uint8_t *bytes, size_t length, struct tape_record *out, struct why *why);

/* record_encode writes the record's one encoding and returns its length, or 0 if bytes_max is too small or a count is
 * out of range. record_bytes is that length without writing. */
size_t record_bytes(const struct tape_record *r);
size_t record_encode(const struct tape_record *r, uint8_t *bytes, size_t bytes_max);

/* record_check is the RULE part of record_decode, for records that were built and not decoded. */
enum record_status record_check(const struct tape_record *r, struct why *why);

/* Elements, K and leaves of a record's value; all fit because record_check held. */
uint64_t record_elements(const struct tape_record *r);
uint32_t record_k(const struct tape_record *r);
uint64_t record_leaves(const struct tape_record *r);

/* record_depends_on_k: TAPE 4.6, for operand slot o. record_body_cost: TAPE 4.7. */
bool record_depends_on_k(const struct tape_record *r, uint8_t o);
uint32_t record_body_cost(const struct tape_record *r);

/* Bytes of one element: 4, 4, 1. Leaves of `elements` of a dtype, at least 1. */
uint32_t tape_dtype_bytes(uint8_t dtype);
uint64_t tape_leaves(uint8_t dtype, uint64_t elements);

#endif
