/* Values that are only moved: rows turned into columns in long pieces, tensors taken apart, and NaN that nobody has
 * made canonical before. */
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

static struct stage s;

static struct tape_record map(uint8_t rank, const uint32_t *dim) {
  struct tape_record r = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = rank};
  memcpy(r.dim, dim, rank * sizeof *dim);
  return r;
}

/* x, of these dims, times the step's number: what is left of the step before is wrong. */
static struct stage_value moving(struct stage_value x, uint8_t rank, const uint32_t *dim) {
  struct tape_record r = map(rank, dim);
  struct tape_operand *o = stage_operand(&r, x);
  for (uint8_t d = 0; d < rank; d++) stage_axis(o, dim[d], 0, d, 1, 0, 0);
  uint8_t step = example_op(&r, CANON_ITOF, example_op(&r, CANON_STEP, 0, 0, 0), 0, 0);
  example_op(&r, CANON_MUL, 0, step, 0);
  return stage_add(&s, &r, NULL);
}

/* Back to front, so that nobody can read what it reads where it lies. */
static struct stage_value turned_round(struct stage_value x, uint32_t elements, const struct stage_value *entry) {
  struct tape_record r = map(1, &elements);
  stage_axis(stage_operand(&r, x), elements, (int32_t)elements - 1, 0, -1, 0, 0);
  return stage_add(&s, &r, entry);
}

/* Passes that only move; then the bits. */
static uint32_t look_and_run(void) {
  struct why why = {""};
  struct execute *x;
  stage_seal(&s);
  assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &(struct execute_options){0}, &why),
                   EXECUTE_OK);
  uint32_t moved = x->moved;
  execute_shut(x);
  assert_true(stage_agrees(&s, 1, 16, stage_pool, NULL));
  stage_end(&s);
  return moved;
}

/* [planes, columns, rows] to [planes, rows, columns]. */
static void rows_become_columns(void **state) {
  (void)state;
  static const uint32_t shapes[][3] = {{1, 16, 128}, {2, 32, 128}, {3, 64, 256}, {2, 40, 300}, {5, 7, 64},
                                       {2, 33, 17},  {1, 100, 16}, {9, 16, 31},  {1, 50, 511}, {2, 9, 513}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const uint32_t *dim = shapes[i], from[3] = {dim[0], dim[2], dim[1]}, elements = dim[0] * dim[1] * dim[2];
    stage_begin(&s, 1 + i);
    struct stage_value entry = stage_state(&s, TAPE_F32, 1, &elements);
    struct stage_value x = moving(stage_data(&s, TAPE_F32, elements, i % 2 ? STAGE_WILD : STAGE_PLAIN), 3, from);
    struct tape_record r = map(3, dim);
    struct tape_operand *o = stage_operand(&r, x);
    stage_axis(o, dim[0], 0, 0, 1, 0, 0);
    stage_axis(o, dim[2], 0, 2, 1, 0, 0);
    stage_axis(o, dim[1], 0, 1, 1, 0, 0);
    turned_round(stage_add(&s, &r, NULL), elements, &entry);
    assert_int_equal(look_and_run(), dim[2] > BACKEND_BLOCK ? 0 : 1);
  }
}

/* [rows, 3 * wide] to three of [rows, wide], in one pass. */
static void tensors_are_taken_apart(void **state) {
  (void)state;
  static const uint32_t widths[] = {5, 16, 40, 128, 384};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    enum { ROWS = 44, PARTS = 3 };
    uint32_t wide = widths[i], all[2] = {ROWS, PARTS * wide}, part[2] = {ROWS, wide}, elements = ROWS * wide;
    struct stage_value entry[PARTS], parts[PARTS];
    stage_begin(&s, 21 + i);
    for (int n = 0; n < PARTS; n++) entry[n] = stage_state(&s, TAPE_F32, 1, &elements);
    struct stage_value x = moving(stage_data(&s, TAPE_F32, PARTS * elements, STAGE_WILD), 2, all);
    for (int n = 0; n < PARTS; n++) {
      struct tape_record r = map(2, part);
      struct tape_operand *o = stage_operand(&r, x);
      stage_axis(o, ROWS, 0, 0, 1, 0, 0);
      stage_axis(o, PARTS * wide, n * (int32_t)wide, 1, 1, 0, 0);
      parts[n] = stage_add(&s, &r, NULL);
    }
    for (int n = 0; n < PARTS; n++) turned_round(parts[n], elements, &entry[n]);
    assert_int_equal(look_and_run(), 1);
  }
}

/* NaN of data are whatever they are; of a temp they are canonical. */
static void strange_nan(void **state) {
  (void)state;
  enum { N = 1500 };
  static const uint32_t n = N;
  for (int turn = 0; turn < 2; turn++) {
    stage_begin(&s, 41);
    struct stage_value entry = stage_state(&s, TAPE_F32, 1, &n), x = stage_data(&s, TAPE_F32, N, STAGE_WILD);
    for (uint32_t i = 0; i < N; i += 7) ((uint32_t *)s.data[x.number])[i] = i % 2 ? 0xffc12345u : 0x7f800001u + i;
    if (turn) x = moving(x, 1, &n);
    turned_round(x, N, &entry); /* takes the place of the entry itself, and goes through a block */
    assert_int_equal(look_and_run(), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows_become_columns), cmocka_unit_test(tensors_are_taken_apart),
                                     cmocka_unit_test(strange_nan)};
  return cmocka_run_group_tests(tests, stage_open_3, stage_shut_pool);
}
