/* A record and its bytes: one encoding, exact lengths, and every rule of TAPE 4 broken once with the reason it is
 * given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "numeric/canon.h"
#include "tape/record/example.h"

/* Written out by hand from the table of TAPE 4.1: map, f32 [2], temp leaf 3; one operand, in leaf 1, one axis of extent
 * 4, offset -1, coef 2 in dim 0, fill 1.0; literal 2.0; body mul r0 r12. */
static const char golden[] = "010000000100010101"
                             "00000000000000"
                             "0300000000000000"
                             "02000000"
                             "020000010000803f0100000000000000"
                             "04000000ffffffff010000ff01000000"
                             "0000000002000000"
                             "00000040"
                             "02000c00";
enum { GOLDEN_BYTES = (sizeof golden - 1) / 2 };

static void make_golden(struct tape_record *r) {
  *r = example_record(TAPE_MAP, TAPE_F32, TAPE_TEMP, 3);
  example_dims(r, 1, 0, (uint32_t[]){2});
  struct tape_operand *x = example_operand(r, TAPE_IN, TAPE_F32, 1);
  x->fill = 0x3f800000;
  example_term(example_axis(x, 4, -1), 0, 2);
  example_op(r, CANON_MUL, 0, example_literal(r, 0x40000000, false), 0);
}

static void a_record_is_the_bytes_of_the_table(void **state) {
  (void)state;
  struct tape_record r, back;
  uint8_t bytes[TAPE_RECORD_BYTES_MAX], expected[GOLDEN_BYTES];
  make_golden(&r);
  assert_true(hex_decode(golden, expected, sizeof expected));
  assert_int_equal(record_encode(&r, bytes, sizeof bytes), GOLDEN_BYTES);
  assert_memory_equal(bytes, expected, GOLDEN_BYTES);
  assert_int_equal(record_bytes(&r), GOLDEN_BYTES);
  assert_int_equal(record_decode(expected, GOLDEN_BYTES, &back, NULL), RECORD_OK);
  assert_int_equal(back.operand[0].axis[0].offset, -1);
  assert_int_equal(back.operand[0].axis[0].term[0].coef, 2);
  assert_int_equal(back.operand[0].fill, 0x3f800000);
  assert_int_equal(back.literal[0], 0x40000000);
  assert_int_equal(record_encode(&r, bytes, GOLDEN_BYTES - 1), 0);
}

static void random_records_come_back(void **state) {
  (void)state;
  uint64_t seed = 3;
  uint8_t bytes[TAPE_RECORD_BYTES_MAX], again[TAPE_RECORD_BYTES_MAX];
  for (uint32_t n = 0; n < 5000; n++) {
    struct tape_record r, back;
    example_random(&r, &seed);
    size_t length = record_encode(&r, bytes, sizeof bytes);
    assert_int_equal(length, record_bytes(&r));
    assert_int_equal(record_decode(bytes, length, &back, NULL), RECORD_OK);
    assert_int_equal(record_encode(&back, again, sizeof again), length);
    assert_memory_equal(bytes, again, length);
    assert_int_equal(record_elements(&r), record_elements(&back));
  }
}

static void every_cut_and_every_byte_too_many_is_refused(void **state) {
  (void)state;
  struct example e;
  example_tape(&e);
  for (uint32_t n = 0; n < EXAMPLE_RECORDS; n++) {
    uint8_t bytes[TAPE_RECORD_BYTES_MAX + 1] = {0};
    struct tape_record out;
    struct why why;
    size_t length = record_encode(&e.record[n], bytes, TAPE_RECORD_BYTES_MAX);
    for (size_t cut = 0; cut < length; cut++) assert_int_equal(record_decode(bytes, cut, &out, &why), RECORD_ERR_BYTES);
    assert_int_equal(record_decode(bytes, length, &out, &why), RECORD_OK);
    assert_int_equal(record_decode(bytes, length + 1, &out, &why), RECORD_ERR_BYTES);
    assert_int_equal(record_decode(bytes, sizeof bytes, &out, &why), RECORD_ERR_BYTES);
  }
}

/* Bytes that have to be zero, and counts beyond what the arrays hold. */
static void bad_bytes_are_refused(void **state) {
  (void)state;
  static const struct {
    uint32_t at;
    uint8_t value;
  } bad[] = {{4, 7},  {5, 7},  {6, 13}, {7, 17}, {8, 65}, {11, 1}, {15, 1},
             {31, 7}, {56, 5}, {57, 1}, {59, 1}, {61, 1}, {63, 1}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint8_t bytes[GOLDEN_BYTES];
    struct tape_record out;
    hex_decode(golden, bytes, sizeof bytes);
    assert_int_not_equal(bytes[bad[i].at], bad[i].value);
    bytes[bad[i].at] = bad[i].value;
    assert_int_equal(record_decode(bytes, sizeof bytes, &out, NULL), RECORD_ERR_BYTES);
  }
}

/* Records of each kind to break. */
static void make_fold(struct tape_record *r) {
  *r = example_record(TAPE_FOLD, TAPE_F32, TAPE_TEMP, 0);
  example_dims(r, 1, 1, (uint32_t[]){2, 8});
  for (int o = 0; o < 4; o++) example_term(example_axis(example_operand(r, TAPE_TEMP, TAPE_F32, 0), 8, 0), 1, 1);
  example_op(r, CANON_ADD, 0, 1, 0);
}

static void make_dot(struct tape_record *r) {
  *r = example_record(TAPE_DOT, TAPE_F32, TAPE_OUT, 0);
  example_dims(r, 1, 1, (uint32_t[]){2, 8});
  for (int o = 0; o < 2; o++) example_term(example_axis(example_operand(r, TAPE_IN, TAPE_F32, 0), 8, 0), 1, 1);
}

static void make_put(struct tape_record *r) {
  *r = example_record(TAPE_PUT, TAPE_F32, TAPE_TEMP, 0);
  example_dims(r, 2, 1, (uint32_t[]){4, 2, 8});
  example_term(example_axis(example_operand(r, TAPE_DATA, TAPE_I32, 0), 8, 0), 2, 1);
  struct tape_operand *x = example_operand(r, TAPE_TEMP, TAPE_F32, 0);
  example_term(example_axis(x, 8, 0), 2, 1);
  example_term(example_axis(x, 2, 0), 1, 1);
}

/* Two operands, i32 then f32, the second read through the first. */
static void make_gather(struct tape_record *r) {
  *r = example_record(TAPE_MAP, TAPE_F32, TAPE_TEMP, 0);
  example_dims(r, 1, 0, (uint32_t[]){2});
  example_term(example_axis(example_operand(r, TAPE_TEMP, TAPE_I32, 0), 2, 0), 0, 1);
  example_axis(example_operand(r, TAPE_DATA, TAPE_F32, 0), 4, 0)->indirect = 0;
}

/* perm 0 n 0, its n from a literal, or from the same literal through a register where that is the fault. */
static void add_perm(struct tape_record *r, uint32_t n, bool through_register) {
  uint8_t zero = example_literal(r, 0, true), count = example_literal(r, n, true);
  if (through_register) count = example_op(r, CANON_IADD, count, zero, 0);
  example_op(r, CANON_PERM, zero, count, zero);
}

/* X(name, record to break, words of the reason, how it is broken) */
#define BROKEN(X)                                                                                                      \
  X(op_0, make_golden, "opcode 0", r->op = 0)                                                                          \
  X(op_5, make_golden, "opcode 5", r->op = 5)                                                                          \
  X(dtype_3, make_golden, "dtype 3", r->dtype = 3)                                                                     \
  X(space_in, make_golden, "space temp 0 or out 1, not 2", r->space = TAPE_IN)                                         \
  X(rank_0, make_golden, "out rank 0", r->out_rank = 0)                                                                \
  X(map_with_k, make_golden, "a map has no k dims", r->k_rank = 1; r->dim[1] = 1)                                      \
  X(fold_without_k, make_fold, "k rank 0", r->k_rank = 0)                                                              \
  X(dim_0, make_golden, "dim 0 is 0", r->dim[0] = 0)                                                                   \
  X(dim_high, make_golden, "dim 0 is 2147483648", r->dim[0] = 0x80000000)                                              \
  X(elements_high, make_golden, "2^32 elements or more", r->out_rank = 2; r->dim[0] = r->dim[1] = 65536)               \
  X(k_high, make_fold, "K is 1048577", r->dim[1] = 1048577)                                                            \
  X(k_high_product, make_fold, "K is 1048578", r->k_rank = 2; r->dim[1] = 2; r->dim[2] = 524289)                       \
  X(leaf_high, make_golden, "pass the end of a space", r->first_leaf = 1 << 23)                                        \
  X(leaf_wraps, make_golden, "pass the end of a space", r->first_leaf = UINT64_MAX)                                    \
  X(reads_out, make_golden, "reads out", r->operand[0].space = TAPE_OUT)                                               \
  X(operand_space, make_golden, "space 4", r->operand[0].space = 4)                                                    \
  X(operand_dtype, make_golden, "dtype 3", r->operand[0].dtype = 3)                                                    \
  X(number_outside, make_golden, "data number 1 outside data", r->operand[0].data_number = 1)                          \
  X(no_axes, make_golden, "0 axes", r->operand[0].axes = 0)                                                            \
  X(fill_nan, make_golden, "a NaN fill is 7fc00000", r->operand[0].fill = 0x7fc00001)                                  \
  X(operand_leaf, make_golden, "operand 0: 1 leaves at leaf 8388608", r->operand[0].first_leaf = 1 << 23)              \
  X(operand_elements, make_golden, "operand 0 has 2^32 elements", example_axis(&r->operand[0], 0x7fffffff, 0),         \
    r->operand[0].axis[0].extent = 3)                                                                                  \
  X(extent_0, make_golden, "extent 0", r->operand[0].axis[0].extent = 0)                                               \
  X(extent_high, make_golden, "extent 2147483648", r->operand[0].axis[0].extent = 0x80000000)                          \
  X(div_0, make_golden, "div 0", r->operand[0].axis[0].div = 0)                                                        \
  X(mode_2, make_golden, "mode 2", r->operand[0].axis[0].mode = 2)                                                     \
  X(floor_1, make_golden, "floor with div 1", r->operand[0].axis[0].mode = TAPE_FLOOR)                                 \
  X(term_dim, make_golden, "a term in dim 1, there are 1", r->operand[0].axis[0].term[0].dim = 1)                      \
  X(coef_0, make_golden, "coef 0", r->operand[0].axis[0].term[0].coef = 0)                                             \
  X(terms_order, make_fold, "terms ascend", example_term(&r->operand[0].axis[0], 0, 1))                                \
  X(terms_twice, make_fold, "terms ascend", example_term(&r->operand[0].axis[0], 1, 1))                                \
  X(indirect_self, make_gather, "no lower slot", r->operand[1].axis[0].indirect = 1)                                   \
  X(indirect_float, make_gather, "which is f32", r->operand[0].dtype = TAPE_F32)                                       \
  X(body_code, make_golden, "no code 70", r->body[0].code = 0x70)                                                      \
  X(body_hole, make_golden, "no code 0e", r->body[0].code = 0x0e)                                                      \
  X(body_unused, make_golden, "unused argument 2 is not 0", r->body[0].c = 12)                                         \
  X(body_operand, make_golden, "register 1 is not defined", r->body[0].a = 1)                                          \
  X(body_literal, make_golden, "register 13 is not defined", r->body[0].b = 13)                                        \
  X(body_itself, make_golden, "register 28 is not defined", r->body[0].b = 28)                                         \
  X(body_register, make_golden, "register 92 is not defined", r->body[0].b = 92)                                       \
  X(body_type, make_golden, "argument 0 is f32", r->operand[0].dtype = TAPE_I32)                                       \
  X(sel_condition, make_golden, "argument 0 is i32", example_op(r, CANON_SEL, 0, 0, 0))                                \
  X(sel_mixed, make_golden, "argument 2 is f32", example_op(r, CANON_SEL, example_literal(r, 1, true), 0, 13))         \
  X(coord_dim, make_golden, "coord 1, there are 1", example_op(r, CANON_COORD, 1, 0, 0))                               \
  X(klin_map, make_golden, "klin without k dims", example_op(r, CANON_KLIN, 0, 0, 0))                                  \
  X(perm_literal, make_golden, "a literal of at least 1", add_perm(r, 5, true))                                        \
  X(perm_zero, make_golden, "a literal of at least 1", add_perm(r, 0, false))                                          \
  X(perm_negative, make_golden, "a literal of at least 1", add_perm(r, UINT32_MAX, false))                             \
  X(perm_fold, make_fold, "perm only in a map", add_perm(r, 5, false))                                                 \
  X(literal_nan, make_golden, "NaN is 7fc00000", r->literal[0] = 0xffc00000)                                           \
  X(literal_bit, make_golden, "names a literal beyond", r->literal_i32 = 2)                                            \
  X(no_result, make_golden, "nothing to store", r->operands = r->literals = r->body_ops = 0)                           \
  X(stored_float, make_golden, "not stored as i32 or u8", r->dtype = TAPE_I32)                                         \
  X(stored_int, make_golden, "not stored as f32", example_op(r, CANON_BITS, 0, 0, 0))                                  \
  X(map_reducer, make_golden, "a map has reducer 0", r->reducer = TAPE_CHAIN)                                          \
  X(fold_reducer_0, make_fold, "a reducer of 1 to 7, not 0", r->reducer = 0)                                           \
  X(fold_reducer_8, make_fold, "a reducer of 1 to 7, not 8", r->reducer = 8)                                           \
  X(fold_reducer_type, make_fold, "reducer 5 takes i32", r->reducer = TAPE_ISUM)                                       \
  X(fold_operands, make_fold, "a fold of 9 operands",                                                                  \
    for (int i = 0; i < 5; i++) example_axis(example_operand(r, TAPE_TEMP, TAPE_F32, 0), 1, 0))                        \
  X(fold_depending, make_fold, "5 operands of a fold depend on k",                                                     \
    example_term(example_axis(example_operand(r, TAPE_TEMP, TAPE_F32, 0), 8, 0), 1, 1))                                \
  X(fold_depending_indirect, make_fold, "5 operands of a fold depend on k", r->operand[0].dtype = TAPE_I32;            \
    r->body[0] = (struct tape_body_op){.code = CANON_ADD, .a = 1, .b = 2};                                             \
    example_axis(example_operand(r, TAPE_TEMP, TAPE_F32, 0), 8, 0)->indirect = 0)                                      \
  X(fold_cost, make_fold, "body cost 97", for (int i = 0; i < 3; i++) example_op(r, CANON_EXP, 0, 0, 0))               \
  X(dot_operands, make_dot, "a dot has 2 operands", r->operands = 1)                                                   \
  X(dot_literals, make_dot, "no body and no literals", example_literal(r, 0, false))                                   \
  X(dot_body, make_dot, "no body and no literals", example_op(r, CANON_MUL, 0, 1, 0))                                  \
  X(dot_reducer, make_dot, "reducer 1", r->reducer = TAPE_LANES)                                                       \
  X(dot_dtype, make_dot, "gives f32", r->dtype = TAPE_I32)                                                             \
  X(dot_left, make_dot, "operand 0 of a dot", r->operand[0].dtype = TAPE_I32)                                          \
  X(dot_right, make_dot, "operand 1 of a dot", r->operand[1].dtype = TAPE_I32)                                         \
  X(dot_fill, make_dot, "its fills are 0", r->operand[1].fill = 0x80000000)                                            \
  X(dot_literal_bits, make_dot, "literal_i32 without", r->literal_i32 = 1)                                             \
  X(put_index, make_put, "its index, is i32", r->operand[0].dtype = TAPE_U8)                                           \
  X(put_source, make_put, "operand 1 of a put is f32", r->operand[1].dtype = TAPE_I32)                                 \
  X(put_index_dim, make_put, "k dims only", r->operand[0].axis[0].term[0].dim = 1)                                     \
  X(put_source_dim, make_put, "output dim 0", r->operand[1].axis[1].term[0].dim = 0)                                   \
  X(put_indirect, make_put, "no indirect axis", r->operand[1].axis[1].indirect = 0)

#define BREAK(NAME, MAKE, REASON, ...)                                                                                 \
  static void NAME(struct tape_record *r) {                                                                            \
    MAKE(r);                                                                                                           \
    __VA_ARGS__;                                                                                                       \
  }
BROKEN(BREAK)

#define ROW(NAME, MAKE, REASON, ...) {#NAME, NAME, REASON},
static const struct {
  const char *name;
  void (*make)(struct tape_record *r);
  const char *reason;
} broken[] = {BROKEN(ROW)};

static void every_rule_has_its_reason(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    struct tape_record r, out;
    struct why why = {""};
    uint8_t bytes[TAPE_RECORD_BYTES_MAX];
    broken[i].make(&r);
    if (record_check(&r, &why) != RECORD_ERR_RULE) fail_msg("%s is accepted", broken[i].name);
    if (!strstr(why.text, broken[i].reason)) fail_msg("%s: %s", broken[i].name, why.text);
    size_t length = record_encode(&r, bytes, sizeof bytes); /* the same verdict over its bytes, where it has some */
    if (length) assert_int_equal(record_decode(bytes, length, &out, NULL), RECORD_ERR_RULE);
  }
}

static void what_they_break_was_whole(void **state) {
  (void)state;
  void (*const makes[])(struct tape_record *) = {make_golden, make_fold, make_dot, make_put, make_gather};
  for (size_t i = 0; i < sizeof makes / sizeof makes[0]; i++) {
    struct tape_record r;
    struct why why;
    makes[i](&r);
    if (record_check(&r, &why) != RECORD_OK) fail_msg("%zu: %s", i, why.text);
  }
}

/* Counts that do not fit their arrays: a built record must be refused before anything reads past them. */
static void counts_of_built_records_are_bounded(void **state) {
  (void)state;
  for (uint32_t n = 0; n < 7; n++) {
    struct tape_record r;
    uint8_t bytes[TAPE_RECORD_BYTES_MAX];
    make_golden(&r);
    uint8_t *const field[] = {
        &r.out_rank, &r.k_rank, &r.operands, &r.literals, &r.body_ops, &r.operand[0].axes, &r.operand[0].axis[0].terms};
    *field[n] = 255;
    assert_int_equal(record_check(&r, NULL), RECORD_ERR_RULE);
    assert_int_equal(record_encode(&r, bytes, sizeof bytes), 0);
    assert_int_equal(record_bytes(&r), 0);
  }
}

/* 12 operands of 6 axes with 4 terms would be 3,648 bytes. */
static void a_record_of_more_than_2048_bytes_is_refused(void **state) {
  (void)state;
  struct tape_record r = example_record(TAPE_MAP, TAPE_F32, TAPE_TEMP, 0);
  struct why why = {""};
  uint8_t bytes[4096];
  example_dims(&r, 4, 0, (uint32_t[]){2, 2, 2, 2});
  for (int o = 0; o < TAPE_OPERANDS_MAX; o++) {
    struct tape_operand *x = example_operand(&r, TAPE_IN, TAPE_F32, 0);
    for (int a = 0; a < TAPE_RANK_MAX; a++) {
      struct tape_axis *axis = example_axis(x, 2, 0);
      for (uint8_t t = 0; t < TAPE_TERMS_MAX; t++) example_term(axis, t, 1);
    }
  }
  assert_int_equal(record_check(&r, &why), RECORD_ERR_RULE);
  assert_non_null(strstr(why.text, "at most 2048"));
  size_t length = record_encode(&r, bytes, sizeof bytes);
  assert_true(length > TAPE_RECORD_BYTES_MAX);
  assert_int_equal(record_decode(bytes, length, &r, NULL), RECORD_ERR_BYTES);
}

static void dependence_on_k_goes_through_indices(void **state) {
  (void)state;
  struct tape_record r;
  make_fold(&r);
  r.operand[0].dtype = TAPE_I32;
  r.operand[1].axis[0].terms = 0;
  r.operand[2].axis[0].terms = 0;
  r.operand[2].axis[0].indirect = 1;
  assert_true(record_depends_on_k(&r, 0));
  assert_false(record_depends_on_k(&r, 1));
  assert_false(record_depends_on_k(&r, 2));
  r.operand[1].dtype = TAPE_I32;
  r.operand[1].axis[0].indirect = 0;
  assert_true(record_depends_on_k(&r, 1));
  assert_true(record_depends_on_k(&r, 2));
}

static void leaves_and_costs(void **state) {
  (void)state;
  assert_int_equal(tape_leaves(TAPE_F32, 0), 1);
  assert_int_equal(tape_leaves(TAPE_F32, 1024), 1);
  assert_int_equal(tape_leaves(TAPE_I32, 1025), 2);
  assert_int_equal(tape_leaves(TAPE_U8, 4096), 1);
  assert_int_equal(tape_leaves(TAPE_U8, 4097), 2);
  assert_int_equal(tape_leaves(TAPE_F32, 0xffffffff), 1 << 22);
  struct tape_record r;
  make_golden(&r);
  example_op(&r, CANON_DIV, 0, 0, 0);
  example_op(&r, CANON_SQRT, 0, 0, 0);
  example_op(&r, CANON_ERF, 0, 0, 0);
  example_op(&r, CANON_RAND, 0, 0, 0);
  example_op(&r, CANON_PERM, 0, 0, 0);
  example_op(&r, CANON_COORD, 0, 0, 0);
  assert_int_equal(record_body_cost(&r), 1 + 4 + 4 + 32 + 32 + 256 + 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_record_is_the_bytes_of_the_table),
      cmocka_unit_test(random_records_come_back),
      cmocka_unit_test(every_cut_and_every_byte_too_many_is_refused),
      cmocka_unit_test(bad_bytes_are_refused),
      cmocka_unit_test(every_rule_has_its_reason),
      cmocka_unit_test(what_they_break_was_whole),
      cmocka_unit_test(counts_of_built_records_are_bounded),
      cmocka_unit_test(a_record_of_more_than_2048_bytes_is_refused),
      cmocka_unit_test(dependence_on_k_goes_through_indices),
      cmocka_unit_test(leaves_and_costs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
