/* emit: builds the records of one tape: values, index maps, bodies, places. docs/lower.md 2.
 *
 * A value is a tensor as records see it: dims in ONNX's order, and the order in which memory holds them. Errors are
 * sticky: the first one stays in struct emit, later calls do nothing that could hurt, and the caller asks once.
 * Uses: tape/record, numeric/canon, base. */
#ifndef LOWER_EMIT_H
#define LOWER_EMIT_H
#include "model/lower/lower.h"
#include "numeric/canon.h"

/* A map's body is joined to the map that reads it, up to these sizes of the joined record (lower.md 2.6). */
enum { EMIT_JOIN_OPERANDS = 8, EMIT_JOIN_OPS = 40, EMIT_JOIN_LITERALS = 10 };

struct emit {
  struct arena *arena;
  struct why *why;
  enum lower_status status;
  struct tape_record **record;
  struct lower_origin *origin;
  uint32_t count, room;
  uint64_t temp_leaves;
  bool reads[LAYOUT_DATA_MAX];
  struct lower_origin at; /* where records made now come from */
};

struct pending;

/* rank 0 is a scalar. Memory axis p holds ONNX axis order[p]. type: what ONNX calls its elements; whole numbers and
 * truth values of every type are i32 here (u8 where a record stores them so), in the range of their type. literal:
 * every element is the `word`, in no memory. pending: a map that no record computes yet. */
struct value {
  uint8_t dtype, type, space, data_number, rank;
  uint8_t order[TAPE_RANK_MAX];
  uint32_t dim[TAPE_RANK_MAX];
  uint64_t first_leaf;
  bool literal;
  uint32_t word;
  struct pending *pending;
};

/* How one axis of an operand is reached: a tape_axis without its extent. */
struct index {
  int32_t offset;
  uint16_t div;
  uint8_t mode, indirect, terms;
  struct tape_term term[TAPE_TERMS_MAX];
};

/* A record under construction. Its iteration space has ONNX-ordered dims shape[] of which axis a is record dim at[a].
 */
struct build {
  struct emit *e;
  struct tape_record r;
  uint8_t rank, at[TAPE_RANK_MAX];
  uint32_t shape[TAPE_RANK_MAX];
  struct value v; /* what comes out */
};

void emit_begin(struct emit *e, struct arena *arena, struct why *why);
__attribute__((format(printf, 3, 4))) void emit_fail(struct emit *e, enum lower_status status, const char *format, ...);
bool emit_failed(const struct emit *e);

/* Values. value_shaped: no place yet, `order` NULL for ONNX's own; type FLOAT or INT64. value_plain: memory is in
 * ONNX's order (dims of 1 do not matter). value_view gives a plain value other dims of the same product. value_split
 * cuts ONNX axis `axis` into (outer, rest); value_merge joins axis and axis + 1, which lie side by side in memory. */
struct value value_shaped(uint8_t dtype, uint32_t rank, const uint32_t *dim, const uint8_t *order);
struct value value_literal(uint32_t word);
struct value value_f32(float x);
struct value value_i32(int32_t x);
struct value value_entry(const struct layout_entry *entry);
uint64_t value_elements(const struct value *v);
bool value_plain(const struct value *v);
bool value_same_shape(const struct value *a, const struct value *b);
struct value value_view(const struct value *v, uint32_t rank, const uint32_t *dim);
struct value value_split(const struct value *v, uint32_t axis, uint32_t outer);
struct value value_merge(const struct value *v, uint32_t axis);
/* Channels-last order of a rank: batch, spatial.., channels. NULL order below rank 3. */
const uint8_t *value_channels_last(uint32_t rank);

/* value_settle makes a pending value a record (once); literals stay. */
void value_settle(struct emit *e, struct value *v);

struct index index_fixed(int32_t offset);
struct index index_dim(uint8_t dim);
struct index index_add(struct index i, uint8_t dim, int32_t coef);  /* ascending dims; coef 0 adds nothing */
struct index index_div(struct index i, uint32_t div, uint8_t mode); /* div 1: unchanged */
struct index index_indirect(uint8_t slot);

/* build_map iterates over a value's shape, in its memory order; its ONNX type is `like`'s where the dtype is.
 * build_fold alike, axes of `mask` (bit a: ONNX axis a) are reduced in memory order and have dim 1 in the result.
 * build_free is for the rest: dims given, no ONNX axes behind them. */
void build_map(struct build *b, struct emit *e, uint8_t dtype, const struct value *like);
void build_fold(struct build *b, struct emit *e, uint8_t reducer, uint8_t dtype, const struct value *like,
                uint32_t mask);
void build_free(struct build *b, struct emit *e, uint8_t op, uint8_t reducer, uint8_t dtype, uint32_t out_rank,
                const uint32_t *out, uint32_t k_rank, const uint32_t *k, const struct value *result);

/* Registers of the body. build_use reads a value at the place of the iteration (numpy broadcasting), joining a pending
 * map where it can; build_read reads at given indices, one for each ONNX axis, `fill` outside. */
uint8_t build_use(struct build *b, struct value *v);
uint8_t build_read(struct build *b, struct value *v, const struct index *axis, uint32_t fill);
uint8_t build_flat(struct build *b, struct value *v, struct index i, uint32_t fill); /* memory as one axis */
uint8_t build_f32(struct build *b, float x);
uint8_t build_word(struct build *b, uint32_t word); /* an f32 literal by its bits */
uint8_t build_i32(struct build *b, int32_t x);
uint8_t build_op(struct build *b, uint8_t code, uint8_t x, uint8_t y, uint8_t z);
static inline uint8_t build_op1(struct build *b, uint8_t code, uint8_t x) { return build_op(b, code, x, 0, 0); }
static inline uint8_t build_op2(struct build *b, uint8_t code, uint8_t x, uint8_t y) {
  return build_op(b, code, x, y, 0);
}
static inline uint8_t build_op0(struct build *b, uint8_t code) { return build_op(b, code, 0, 0, 0); }
/* u8, i32 or f32 register of an f32 result: itof where needed is the caller's business. */

/* build_pending leaves a map for its reader to join. build_end makes the record now; long reductions are split
 * (NUMERICS 3.9). build_store writes a state entry of the record's dims. */
struct value build_pending(struct build *b, uint8_t result);
struct value build_end(struct build *b, uint8_t result);
void build_store(struct build *b, uint8_t result, const struct layout_entry *entry);

/* Sum over all elements of v * v as f32 [1]: fold lanes. Sum of a value's elements alike. */
struct value emit_sum_of_squares(struct emit *e, struct value *v);
/* Left-to-right sum of f32 values of one shape; at most 12 in a map. count >= 1. */
struct value emit_add(struct emit *e, struct value **part, uint32_t count);
/* out entry = in entry, or a scalar f32/i32 value; zero. */
void emit_keep(struct emit *e, const struct layout_entry *entry);
void emit_zero(struct emit *e, const struct layout_entry *entry);
void emit_copy(struct emit *e, const struct layout_entry *entry, struct value *v);

/* emit_tape closes the tape: cuts the layout to what is read, counts, and checks the whole with tape_check. */
void emit_tape(struct emit *e, const struct layout *whole, struct tape *out, struct lower_origin **origin);

#endif
