/* Maps and folds of rows as one pass: what joins, what does not, and that the bits are the definition's either way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "tape/execute/plan/plan.h"
#include "tape/execute/stage/stage_agree.h"
#include "tape/record/example.h"

enum { ROWS = 14 }; /* [2, 7, k] */

static struct stage s;

/* A map of all or of the rows alone, with a last dim of 1 or without, or a fold over k. */
enum what { ALL, ROW, FOLD };
static bool with_last = true;
static struct tape_record record(enum what what, uint8_t reducer, uint32_t k) {
  struct tape_record r = {.op = what == FOLD ? TAPE_FOLD : TAPE_MAP,
                          .reducer = reducer,
                          .dtype = TAPE_F32,
                          .out_rank = what == ALL || (what == ROW && with_last) ? 3 : 2,
                          .k_rank = what == FOLD,
                          .dim = {2, ROWS / 2, what == ROW ? 1 : k}};
  return r;
}

static struct tape_operand *reads(struct tape_record *r, struct stage_value v, uint8_t axes) {
  struct tape_operand *o = stage_operand(r, v);
  for (uint8_t d = 0; d < axes; d++) stage_axis(o, r->dim[d], 0, d, 1, 0, 0);
  return o;
}

static uint8_t number(struct tape_record *r, float x) {
  uint32_t word;
  memcpy(&word, &x, 4);
  return example_literal(r, word, false);
}

static struct stage_value scaled(struct stage_value x, uint32_t k, float by) {
  struct tape_record r = record(ALL, TAPE_NONE, k);
  reads(&r, x, 3);
  uint8_t step = example_op(&r, CANON_ITOF, example_op(&r, CANON_STEP, 0, 0, 0), 0, 0);
  example_op(&r, CANON_MUL, 0, example_op(&r, CANON_FMA, step, number(&r, 0.03125f), number(&r, by)), 0);
  return stage_add(&s, &r, NULL);
}

static struct stage_value fold(struct stage_value x, uint32_t k, uint8_t reducer) {
  struct tape_record r = record(FOLD, reducer, k);
  reads(&r, x, 3);
  return stage_add(&s, &r, NULL);
}

/* exp(x - max) / sum. */
static struct stage_value softmax(struct stage_value x, uint32_t k) {
  struct stage_value row[2] = {fold(x, k, TAPE_FMAX)};
  for (int n = 0; n < 2; n++) {
    struct tape_record r = record(n ? ALL : FOLD, n ? TAPE_NONE : TAPE_LANES, k);
    reads(&r, x, 3);
    reads(&r, row[0], 2);
    if (n) reads(&r, row[1], 2);
    uint8_t e = example_op(&r, CANON_EXP, example_op(&r, CANON_SUB, 0, 1, 0), 0, 0);
    if (n) example_op(&r, CANON_DIV, e, 2, 0);
    row[1] = stage_add(&s, &r, NULL);
  }
  return row[1];
}

/* (x - mean) / sqrt(variance + epsilon); *root is the divisor, a word a row. */
static struct stage_value norm(struct stage_value x, uint32_t k, struct stage_value *root) {
  struct tape_record mean = record(ROW, TAPE_NONE, k), squares = record(FOLD, TAPE_LANES, k);
  struct tape_record deviation = record(ROW, TAPE_NONE, k), y = record(ALL, TAPE_NONE, k);
  reads(&mean, fold(x, k, TAPE_LANES), 2);
  example_op(&mean, CANON_MUL, 0, number(&mean, 1.0f / (float)k), 0);
  struct stage_value m = stage_add(&s, &mean, NULL);
  reads(&squares, x, 3);
  reads(&squares, m, 2);
  uint8_t d = example_op(&squares, CANON_SUB, 0, 1, 0);
  example_op(&squares, CANON_MUL, d, d, 0);
  reads(&deviation, stage_add(&s, &squares, NULL), 2);
  uint8_t by = number(&deviation, 1.0f / (float)k), epsilon = number(&deviation, 1e-5f);
  example_op(&deviation, CANON_SQRT, example_op(&deviation, CANON_FMA, 0, by, epsilon), 0, 0);
  *root = stage_add(&s, &deviation, NULL);
  reads(&y, x, 3);
  reads(&y, m, 2);
  reads(&y, *root, 2);
  example_op(&y, CANON_DIV, example_op(&y, CANON_SUB, 0, 1, 0), 2, 0);
  return stage_add(&s, &y, NULL);
}

/* Back to front into a state entry: nothing joins that. */
static void keep(struct stage_value x, uint32_t k, const struct stage_value *entry) {
  struct tape_record r = record(k ? ALL : ROW, TAPE_NONE, k);
  if (!k) r.out_rank = 2;
  uint32_t length = k ? k : 1;
  struct tape_axis *a = example_axis(stage_operand(&r, x), ROWS * length, (int32_t)(ROWS * length) - 1);
  example_term(a, 0, -(int32_t)(ROWS / 2 * length));
  example_term(a, 1, -(int32_t)length);
  if (k) example_term(a, 2, -1);
  stage_add(&s, &r, entry);
}

/* Records of the largest pass with a fold in it, and operations of the plan that take rows' words; then the bits. */
static uint32_t by_row, fused;
static uint32_t look_and_run(void) {
  struct why why = {""};
  struct execute *x;
  uint32_t most = 0;
  stage_seal(&s);
  assert_int_equal(
      execute_open(&x, &s.tape, (const void *const *)s.data, &(struct execute_options){.small_tasks = true}, &why),
      EXECUTE_OK);
  for (uint32_t i = 0; i < x->items_count; i++) {
    bool folds = false;
    for (uint32_t n = 0; n < x->item[i].count; n++) folds |= s.record[x->item[i].first + n].op == TAPE_FOLD;
    if (folds && x->item[i].count > most) most = x->item[i].count;
  }
  by_row = x->by_row;
  fused = x->fused;
  execute_shut(x);
  assert_true(stage_agrees(&s, 1, 16, stage_pool, NULL));
  stage_end(&s);
  return most;
}

/* Whole rows up to a chunk, several of them a block or one, among plain numbers and wild ones. */
static void rows_are_one_pass(void **state) {
  (void)state;
  static const uint32_t widths[] = {31, 32, 33, 128, 200, 257, 511, 512, 513};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
    for (int wild = 0; wild < 2; wild++) {
      uint32_t k = widths[i], whole[3] = {2, ROWS / 2, k};
      bool fits = k >= 32 && k <= 512;
      stage_begin(&s, 3 + i);
      struct stage_value entry = stage_state(&s, TAPE_F32, 3, whole);
      struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)ROWS * k, wild ? STAGE_WILD : STAGE_PLAIN);
      keep(scaled(softmax(scaled(x, k, 0.25f), k), k, 3), k, &entry);
      assert_int_equal(look_and_run(), fits ? 5 : 1);
      assert_int_equal(by_row, fits ? 2 : 0);

      with_last = wild;
      stage_begin(&s, 13 + i);
      struct stage_value of[3] = {stage_state(&s, TAPE_F32, 3, whole), stage_state(&s, TAPE_F32, 2, whole),
                                  stage_state(&s, TAPE_F32, 3, whole)};
      struct stage_value root, before = scaled(stage_data(&s, TAPE_F32, (uint64_t)ROWS * k, wild), k, 0.5f);
      keep(norm(before, k, &root), k, &of[0]);
      keep(root, 0, &of[1]); /* a word a row, and what the pass began with, are read by others too */
      keep(before, k, &of[2]);
      assert_int_equal(look_and_run(), fits ? 6 : 1);
      assert_int_equal(by_row, fits ? 2 : 0);
    }
}

/* A body of numeric/fused takes rows' words too: y (x - sum), softmax's gradient. */
static void bodies_take_words_of_rows(void **state) {
  (void)state;
  static const uint32_t widths[] = {32, 77, 128, 512};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    uint32_t k = widths[i], whole[3] = {2, ROWS / 2, k};
    stage_begin(&s, 43 + i);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, whole);
    struct stage_value x = scaled(stage_data(&s, TAPE_F32, (uint64_t)ROWS * k, STAGE_PLAIN), k, 0.5f);
    struct stage_value y = stage_data(&s, TAPE_F32, (uint64_t)ROWS * k, STAGE_PLAIN), sum = fold(x, k, TAPE_LANES);
    struct tape_record r = record(ALL, TAPE_NONE, k);
    reads(&r, x, 3);
    reads(&r, sum, 2);
    reads(&r, y, 3);
    example_op(&r, CANON_MUL, 2, example_op(&r, CANON_SUB, 0, 1, 0), 0);
    keep(stage_add(&s, &r, NULL), k, &entry);
    assert_int_equal(look_and_run(), 3);
    assert_int_equal(by_row, 1);
    assert_int_equal(fused, 1);
  }
}

/* A pass ends where a fold's order is another, or where a row's word would be read by another row. */
static void rows_that_do_not_join(void **state) {
  (void)state;
  enum { K = 64 };
  static const uint32_t whole[3] = {2, ROWS / 2, K};
  for (int turn = 0; turn < 4; turn++) {
    stage_begin(&s, 23);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, whole);
    struct stage_value x = scaled(stage_data(&s, TAPE_F32, ROWS * K, STAGE_PLAIN), K, 0.5f);
    struct stage_value sum = fold(x, K, turn == 1 ? TAPE_CHAIN : TAPE_LANES);
    struct tape_record r = record(ALL, TAPE_NONE, K);
    reads(&r, x, 3);
    struct tape_operand *o = stage_operand(&r, sum);
    stage_axis(o, 2, turn == 2, 0, turn == 2 ? -1 : 1, 0, 0); /* the row of the other half */
    stage_axis(o, ROWS / 2, 0, 1, 1, 0, 0);
    uint8_t from = turn == 3 ? example_op(&r, CANON_ITOF, example_op(&r, CANON_LIN, 0, 0, 0), 0, 0) : 0;
    example_op(&r, CANON_ADD, from, 1, 0);
    keep(stage_add(&s, &r, NULL), K, &entry);
    assert_int_equal(look_and_run(), turn == 0 ? 3 : turn == 1 ? 1 : 2);
  }
}

/* Rows of data that an index picks, in range or not, are asked for some blocks ahead. */
static void rows_that_an_index_picks(void **state) {
  (void)state;
  enum { PICKED = 61, OF = 23, WIDE = 150 };
  static const uint32_t whole[2] = {PICKED, WIDE};
  for (int bytes = 0; bytes < 2; bytes++) {
    stage_begin(&s, 33);
    struct stage_value entry = stage_state(&s, TAPE_F32, 2, whole),
                       index = stage_data(&s, TAPE_I32, PICKED, STAGE_PLAIN);
    struct stage_value of = stage_data(&s, bytes ? TAPE_U8 : TAPE_F32, OF * WIDE, STAGE_WILD);
    for (int32_t i = 0; i < PICKED; i++) ((int32_t *)s.data[index.number])[i] = i * 37 % (OF + 2) - 1;
    struct tape_record r = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = 2, .dim = {PICKED, WIDE}};
    stage_axis(stage_operand(&r, index), PICKED, 0, 0, 1, 0, 0);
    struct stage_value more = stage_data(&s, TAPE_F32, OF * WIDE, STAGE_PLAIN);
    for (int n = 0; n < 2; n++) { /* two by the same index, which the first must leave as it was */
      struct tape_operand *o = stage_operand(&r, n ? more : of);
      stage_axis(o, OF, 0, 0, 0, 0, 0)->indirect = 0;
      stage_axis(o, WIDE, 0, 1, 1, 0, 0);
    }
    example_op(&r, CANON_ADD, bytes ? example_op(&r, CANON_ITOF, 1, 0, 0) : 1, 2, 0);
    stage_add(&s, &r, &entry);
    struct execute *x;
    struct why why = {""};
    stage_seal(&s);
    assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &(struct execute_options){0}, &why),
                     EXECUTE_OK);
    assert_int_equal(x->gathers, 2);
    execute_shut(x);
    assert_true(stage_agrees(&s, 1, 16, stage_pool, NULL));
    stage_end(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_one_pass), cmocka_unit_test(bodies_take_words_of_rows),
                                     cmocka_unit_test(rows_that_do_not_join),
                                     cmocka_unit_test(rows_that_an_index_picks)};
  return cmocka_run_group_tests(tests, stage_open_3, stage_shut_pool);
}
