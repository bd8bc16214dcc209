/* One element: known answers worked out by hand for each opcode and mode, then random records against a twin that
 * follows TAPE 4 and NUMERICS 3 word for word and recomputes everything at every k. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/soft/soft.h"
#include "tape/element/element.h"
#include "tape/record/example.h"

enum { ONE = 0x3f800000, TWO = 0x40000000, THREE = 0x40400000, BIG = 0x4b800000 /* 2^24 */, INFINITE = 0x7f800000 };

/* Operands as arrays of words, and a count of loads. */
struct memory {
  const uint32_t *words[TAPE_OPERANDS_MAX];
  uint32_t loads;
};

static uint32_t load_array(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
  struct memory *m = context;
  m->loads++;
  return m->words[o][index];
}

static struct element_world world_over(struct memory *m) {
  return (struct element_world){.apply = soft_apply, .load = load_array, .context = m, .step = 5, .seed = 9};
}

static uint32_t value_at(const struct tape_record *r, const uint32_t *a, const uint32_t *b, uint64_t index) {
  struct memory m = {.words = {a, b}};
  struct element_world w = world_over(&m);
  assert_int_equal(record_check(r, NULL), RECORD_OK);
  return element_value(r, &w, index);
}

/* A record over operands of one axis, extent n, that follow `dim`. */
static struct tape_record record_over(uint8_t op, uint8_t dtype, uint8_t out_rank, uint8_t k_rank,
                                      const uint32_t *dim) {
  struct tape_record r = example_record(op, dtype, TAPE_TEMP, 0);
  example_dims(&r, out_rank, k_rank, dim);
  return r;
}

static struct tape_axis *line(struct tape_record *r, uint8_t dtype, uint32_t extent, uint8_t dim, int32_t coef) {
  struct tape_axis *a = example_axis(example_operand(r, TAPE_DATA, dtype, 0), extent, 0);
  example_term(a, dim, coef);
  return a;
}

static void a_map_reads_where_its_axes_say(void **state) {
  (void)state;
  const uint32_t x[6] = {10, 11, 12, 13, 14, 15};
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 2, 0, (uint32_t[]){3, 2});
  struct tape_operand *o = example_operand(&r, TAPE_IN, TAPE_I32, 0);
  example_term(example_axis(o, 2, 0), 1, 1); /* the transpose of [2, 3] */
  example_term(example_axis(o, 3, 0), 0, 1);
  static const uint32_t expected[6] = {10, 13, 11, 14, 12, 15};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), expected[i]);
}

static void out_of_range_reads_the_fill(void **state) {
  (void)state;
  const uint32_t x[3] = {10, 11, 12};
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 1, 0, (uint32_t[]){6});
  struct tape_axis *a = line(&r, TAPE_I32, 3, 0, -1); /* 4 - i: 4 3 2 1 0 -1 */
  a->offset = 4;
  r.operand[0].fill = 99;
  static const uint32_t backward[6] = {99, 99, 12, 11, 10, 99};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), backward[i]);
  a->offset = -1; /* i - 1, by 2 exact: -1 0 1 2 3 4 */
  a->term[0].coef = 1;
  a->div = 2;
  static const uint32_t exact[6] = {99, 10, 99, 11, 99, 12};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), exact[i]);
  a->mode = TAPE_FLOOR; /* floor(-1 / 2) = -1 */
  static const uint32_t floored[6] = {99, 10, 10, 11, 11, 12};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, x, NULL, i), floored[i]);
}

static void an_index_may_come_from_a_lower_slot(void **state) {
  (void)state;
  const uint32_t index[4] = {2, 0, (uint32_t)-1, 3}, table[3] = {70, 71, 72};
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 1, 0, (uint32_t[]){4});
  line(&r, TAPE_I32, 4, 0, 1);
  struct tape_operand *x = example_operand(&r, TAPE_DATA, TAPE_I32, 0);
  example_axis(x, 3, 0)->indirect = 0;
  x->fill = 5;
  static const uint32_t expected[4] = {72, 70, 5, 5}; /* no body: the last operand is the result, TAPE 4.2 */
  for (uint64_t i = 0; i < 4; i++) assert_int_equal(value_at(&r, index, table, i), expected[i]);
}

static void a_map_without_operands_is_its_literal(void **state) {
  (void)state;
  struct tape_record r = record_over(TAPE_MAP, TAPE_F32, 1, 0, (uint32_t[]){2});
  example_literal(&r, THREE, false);
  assert_int_equal(value_at(&r, NULL, NULL, 1), THREE);
}

static void a_u8_keeps_the_low_byte(void **state) {
  (void)state;
  const uint32_t x[1] = {0xfffffe42};
  struct tape_record r = record_over(TAPE_MAP, TAPE_U8, 1, 0, (uint32_t[]){1});
  example_axis(example_operand(&r, TAPE_IN, TAPE_I32, 0), 1, 0);
  assert_int_equal(value_at(&r, x, NULL, 0), 0x42);
}

/* Position, step and random words. The Philox word is Random123's known answer for counter 0, key 0. */
static void a_body_knows_where_it_is(void **state) {
  (void)state;
  struct memory m = {0};
  struct element_world w = world_over(&m);
  struct tape_record r = record_over(TAPE_MAP, TAPE_I32, 2, 0, (uint32_t[]){3, 4});
  uint8_t zero = example_literal(&r, 0, true), seven = example_literal(&r, 7, true);
  example_op(&r, CANON_COORD, 1, 0, 0);
  assert_int_equal(element_value(&r, &w, 7), 3);
  r.body[0] = (struct tape_body_op){.code = CANON_COORD};
  assert_int_equal(element_value(&r, &w, 7), 1);
  r.body[0].code = CANON_LIN;
  assert_int_equal(element_value(&r, &w, 7), 7);
  r.body[0].code = CANON_STEP;
  assert_int_equal(element_value(&r, &w, 7), 5);
  r.body[0] = (struct tape_body_op){.code = CANON_RAND, .a = zero, .b = zero};
  w.step = 0;
  w.seed = 0;
  assert_int_equal(element_value(&r, &w, 0), 0x6627e8d5);
  r.body[0] = (struct tape_body_op){.code = CANON_PERM, .a = zero, .b = seven, .c = seven};
  assert_int_equal(element_value(&r, &w, 0), 0xffffffff); /* 7 lies outside 0..6 */
  r.body[0].c = zero;
  assert_int_equal(element_value(&r, &w, 0), (uint32_t)random_perm(0, 7, 0, 0));
}

static void klin_counts_over_the_k_dims(void **state) {
  (void)state;
  struct tape_record r = record_over(TAPE_FOLD, TAPE_I32, 1, 2, (uint32_t[]){1, 3, 4});
  r.reducer = TAPE_IMAX;
  uint8_t klin = example_op(&r, CANON_KLIN, 0, 0, 0);
  assert_int_equal(value_at(&r, NULL, NULL, 0), 11);
  r.reducer =
      TAPE_ISUM; /* 0 + .. + 11, plus twice the coordinates 0 + 1 + 2 and once 0 + .. + 3 summed over the rest */
  uint8_t row = example_op(&r, CANON_COORD, 1, 0, 0), column = example_op(&r, CANON_COORD, 2, 0, 0);
  example_op(&r, CANON_IADD, klin, example_op(&r, CANON_IADD, row, column, 0), 0);
  assert_int_equal(value_at(&r, NULL, NULL, 0), 66 + 4 * 3 + 3 * 6);
}

static void a_dot_is_a_chain_of_fma(void **state) {
  (void)state;
  const uint32_t a[3] = {ONE, TWO, THREE}, b[3] = {THREE, TWO, ONE};
  struct tape_record r = record_over(TAPE_DOT, TAPE_F32, 1, 1, (uint32_t[]){1, 3});
  line(&r, TAPE_F32, 3, 1, 1);
  line(&r, TAPE_F32, 3, 1, 1);
  assert_int_equal(value_at(&r, a, b, 0), 0x41200000); /* 10 */
}

/* NUMERICS 3.6: at k = 0 the first operand is out of range, and infinity times nothing is nothing. */
static void a_dot_skips_what_is_out_of_range(void **state) {
  (void)state;
  const uint32_t a[2] = {ONE, TWO}, b[3] = {INFINITE, ONE, ONE};
  struct tape_record r = record_over(TAPE_DOT, TAPE_F32, 1, 1, (uint32_t[]){1, 3});
  line(&r, TAPE_F32, 2, 1, 1)->offset = -1;
  line(&r, TAPE_F32, 3, 1, 1);
  assert_int_equal(value_at(&r, a, b, 0), THREE);
}

/* 2^24 and 1,023 ones: a chain of 512 loses 511 ones one by one, the second chunk sums its 512 first. */
static void chunks_are_summed_apart(void **state) {
  (void)state;
  uint32_t x[1024];
  for (uint32_t i = 0; i < 1024; i++) x[i] = i ? ONE : BIG;
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 1024});
  line(&r, TAPE_F32, 1024, 1, 1);
  assert_int_equal(value_at(&r, x, NULL, 0), BIG + 256); /* 2^24 + 512: the spacing is 2 */
  struct memory m = {.words = {x}};
  struct element_world w = world_over(&m);
  uint32_t chunk[2] = {element_chunk(&r, &w, 0, 0), element_chunk(&r, &w, 0, 1)};
  assert_int_equal(chunk[0], BIG);
  assert_int_equal(chunk[1], 0x44000000); /* 512 */
  assert_int_equal(element_combine(&r, soft_apply, chunk, 2), BIG + 256);
}

/* 2^24 in lane 0 and a one in the other 31: the tree adds 1 (lost), 2, 4, 8 and 16. */
static void lanes_are_summed_in_a_tree(void **state) {
  (void)state;
  uint32_t x[32];
  for (uint32_t i = 0; i < 32; i++) x[i] = i ? ONE : BIG;
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 32});
  line(&r, TAPE_F32, 32, 1, 1);
  assert_int_equal(value_at(&r, x, NULL, 0), BIG);
  r.reducer = TAPE_LANES;
  assert_int_equal(value_at(&r, x, NULL, 0), BIG + 15);
}

static void sums_start_at_plus_zero(void **state) {
  (void)state;
  const uint32_t x[1] = {0x80000000};
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 1});
  line(&r, TAPE_F32, 1, 1, 1);
  assert_int_equal(value_at(&r, x, NULL, 0), 0);
  struct memory m = {.words = {x}};
  struct element_world w = world_over(&m);
  assert_int_equal(element_chunk(&r, &w, 0, 0), 0); /* each chunk does, not their sum alone */
  r.reducer = TAPE_LANES;
  assert_int_equal(value_at(&r, x, NULL, 0), 0);
  r.reducer = TAPE_FMAX; /* not a sum: -0 stays */
  assert_int_equal(value_at(&r, x, NULL, 0), 0x80000000);
}

static void the_other_reducers(void **state) {
  (void)state;
  const uint32_t f[4] = {TWO, 0x80000000, 0, THREE}, nan[4] = {TWO, CANON_NAN, ONE, ONE},
                 i[4] = {5, (uint32_t)-7, 3, 4};
  const uint32_t high[4] = {0x7fffffff, 1, 0, 0};
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 4});
  line(&r, TAPE_F32, 4, 1, 1);
  r.reducer = TAPE_FMIN;
  assert_int_equal(value_at(&r, f, NULL, 0), 0x80000000); /* -0 is below +0 */
  assert_int_equal(value_at(&r, nan, NULL, 0), CANON_NAN);
  r.reducer = TAPE_FMAX;
  assert_int_equal(value_at(&r, f, NULL, 0), THREE);
  assert_int_equal(value_at(&r, nan, NULL, 0), CANON_NAN);
  r.dtype = r.operand[0].dtype = TAPE_I32;
  r.reducer = TAPE_IMIN;
  assert_int_equal(value_at(&r, i, NULL, 0), (uint32_t)-7);
  r.reducer = TAPE_IMAX;
  assert_int_equal(value_at(&r, i, NULL, 0), 5);
  r.reducer = TAPE_ISUM;
  assert_int_equal(value_at(&r, i, NULL, 0), 5);
  assert_int_equal(value_at(&r, high, NULL, 0), 0x80000000);
}

/* Row v of the result sums the sources whose index is v; an index outside adds nothing anywhere. */
static void a_put_scatters_in_order(void **state) {
  (void)state;
  const uint32_t index[5] = {2, 0, 2, (uint32_t)-1, 9},
                 source[10] = {ONE, TWO, ONE, ONE, TWO, THREE, BIG, BIG, BIG, BIG};
  struct tape_record r = record_over(TAPE_PUT, TAPE_F32, 2, 1, (uint32_t[]){3, 2, 5});
  line(&r, TAPE_I32, 5, 2, 1);
  struct tape_operand *x = example_operand(&r, TAPE_DATA, TAPE_F32, 0);
  example_term(example_axis(x, 5, 0), 2, 1);
  example_term(example_axis(x, 2, 0), 1, 1);
  static const uint32_t expected[6] = {ONE, ONE, 0, 0, THREE, 0x40a00000 /* 5 */};
  for (uint64_t i = 0; i < 6; i++) assert_int_equal(value_at(&r, index, source, i), expected[i]);
}

/* The plain executor asks for every element, so what stays the same along k is read once. */
static void what_does_not_depend_on_k_is_loaded_once(void **state) {
  (void)state;
  const uint32_t x[8] = {ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE}, scale[1] = {TWO};
  struct tape_record r = record_over(TAPE_FOLD, TAPE_F32, 1, 1, (uint32_t[]){1, 8});
  line(&r, TAPE_F32, 8, 1, 1);
  example_axis(example_operand(&r, TAPE_DATA, TAPE_F32, 0), 1, 0);
  example_op(&r, CANON_MUL, 0, 1, 0);
  struct memory m = {.words = {x, scale}};
  struct element_world w = world_over(&m);
  assert_int_equal(element_value(&r, &w, 0), 0x41800000); /* 16 */
  assert_int_equal(m.loads, 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_map_reads_where_its_axes_say),
      cmocka_unit_test(out_of_range_reads_the_fill),
      cmocka_unit_test(an_index_may_come_from_a_lower_slot),
      cmocka_unit_test(a_map_without_operands_is_its_literal),
      cmocka_unit_test(a_u8_keeps_the_low_byte),
      cmocka_unit_test(a_body_knows_where_it_is),
      cmocka_unit_test(klin_counts_over_the_k_dims),
      cmocka_unit_test(a_dot_is_a_chain_of_fma),
      cmocka_unit_test(a_dot_skips_what_is_out_of_range),
      cmocka_unit_test(chunks_are_summed_apart),
      cmocka_unit_test(lanes_are_summed_in_a_tree),
      cmocka_unit_test(sums_start_at_plus_zero),
      cmocka_unit_test(the_other_reducers),
      cmocka_unit_test(a_put_scatters_in_order),
      cmocka_unit_test(what_does_not_depend_on_k_is_loaded_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
