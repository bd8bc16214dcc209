/* Single tapes on which a plan once gave other bits than the definition, or might. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "tape/check/check.h"
#include "tape/execute/stage/stage_agree.h"
#include "tape/record/example.h"

/* The same sum as f32 and, after it, as i32: the f32's NaN is 7fc00000, the i32 keeps its bits. Both are read back to
 * front, so that they lie in memory. */
static void one_word_two_dtypes(void **state) {
  (void)state;
  static struct stage s;
  stage_begin(&s, 1);
  uint32_t dim = 600;
  struct stage_value entry[2] = {stage_state(&s, TAPE_F32, 1, &dim), stage_state(&s, TAPE_I32, 1, &dim)};
  struct stage_value x = stage_data(&s, TAPE_I32, dim, STAGE_PLAIN);
  for (int n = 0; n < 2; n++) {
    struct tape_record r = {.op = TAPE_MAP, .dtype = n ? TAPE_I32 : TAPE_F32, .out_rank = 1, .dim = {dim}};
    stage_axis(stage_operand(&r, x), dim, 0, 0, 1, 0, 0);
    uint8_t nan = example_literal(&r, 0x7f900000, true), sum = example_op(&r, CANON_IADD, 0, nan, 0);
    if (!n) example_op(&r, CANON_UNBITS, sum, 0, 0);
    stage_add(&s, &r, NULL);
  }
  for (int n = 0; n < 2; n++) {
    struct tape_record r = {.op = TAPE_MAP, .dtype = n ? TAPE_I32 : TAPE_F32, .out_rank = 1, .dim = {dim}};
    struct stage_value v = {.space = TAPE_TEMP, .dtype = r.dtype, .first_leaf = (uint64_t)n};
    stage_axis(stage_operand(&r, v), dim, (int32_t)dim - 1, 0, -1, 0, 0);
    stage_add(&s, &r, &entry[n]);
  }
  stage_seal(&s);
  assert_true(stage_agrees(&s, 1, 6, stage_pool, NULL));
  stage_end(&s);
}

/* y[r, p, j] = sum over t, c of x[p - t, r, c] * w[t, c, p, j]: which taps lie inside depends on p, and w moves with p.
 */
static void locally_connected(void **state) {
  (void)state;
  static struct stage s;
  for (int turn = 0; turn < 2; turn++) {
    stage_begin(&s, 2);
    enum { ROWS = 16, PLACES = 6, WIDE = 8, TAPS = 5, CHANNELS = 4, INSIDE = 3 };
    struct stage_value x = stage_data(&s, TAPE_F32, (turn ? PLACES : 1) * INSIDE * ROWS * CHANNELS, STAGE_PLAIN);
    struct stage_value w = stage_data(&s, TAPE_F32, TAPS * CHANNELS * (turn ? 1 : PLACES) * WIDE, STAGE_PLAIN);
    struct tape_record r = {
        .op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 3, .k_rank = 2, .dim = {ROWS, PLACES, WIDE, TAPS, CHANNELS}};
    struct tape_operand *o = stage_operand(&r, x);
    if (turn) stage_axis(o, PLACES, 0, 1, 1, 0, 0);
    stage_axis(o, INSIDE, 0, 1, 1, 3, -1);
    stage_axis(o, ROWS, 0, 0, 1, 0, 0);
    stage_axis(o, CHANNELS, 0, 4, 1, 0, 0);
    o = stage_operand(&r, w);
    stage_axis(o, TAPS, 0, 3, 1, 0, 0);
    stage_axis(o, CHANNELS, 0, 4, 1, 0, 0);
    if (!turn) stage_axis(o, PLACES, 0, 1, 1, 0, 0);
    stage_axis(o, WIDE, 0, 2, 1, 0, 0);
    stage_add(&s, &r, NULL);
    stage_seal(&s);
    assert_true(stage_agrees(&s, 1, 6, stage_pool, NULL));
    stage_end(&s);
  }
}

/* Coefs of a dim of 1 may be anything, and here their addresses would leave 64 bits: a plan has no use for them.
 * Nothing is run, the values would be 16 GiB. */
static void coefs_of_a_dim_of_one(void **state) {
  (void)state;
  static struct stage s;
  struct why why;
  struct arena scratch;
  for (uint8_t op = TAPE_MAP; op <= TAPE_FOLD; op++) {
    uint32_t tall = 65535, wide = 65536;
    stage_begin(&s, 3);
    struct tape_record big = {.op = TAPE_MAP, .out_rank = 2, .dim = {tall, wide}};
    example_literal(&big, 0, false);
    struct stage_value v = stage_add(&s, &big, NULL);
    struct tape_record r = {.op = op, .reducer = op == TAPE_MAP ? TAPE_NONE : TAPE_CHAIN, .dim = {1, 8, 1}};
    r.out_rank = 2;
    r.k_rank = op != TAPE_MAP;
    for (uint8_t o = 0; o < 2; o++) {
      struct tape_operand *x = stage_operand(&r, v);
      for (int i = 0; i < 3; i++) stage_axis(x, 1, 0, 0, INT32_MIN, 0, 0);
      stage_axis(x, tall, 0, 0, INT32_MIN, 1, o);
      stage_axis(x, wide, 0, 0, 0, 0, 0);
    }
    stage_add(&s, &r, NULL);
    stage_seal(&s);
    assert_true(arena_open(&scratch, 1 << 20));
    assert_true(tape_count(&s.tape, &s.tape.counts));
    assert_int_equal(tape_check(&s.tape, &scratch, &why), TAPE_OK);
    arena_shut(&scratch);
    for (int plain = 0; plain < 2; plain++) {
      struct execute_options options = {.recognise_nothing = plain};
      assert_true(execute_bytes(&s.tape, &options) < UINT64_MAX);
    }
    stage_end(&s);
  }
}

/* Heads of attention change places with positions, as f32 and as i32 whose bits would be a NaN's. */
static void rows_change_places(void **state) {
  (void)state;
  static struct stage s;
  enum { BATCH = 3, PLACES = 9, HEADS = 4 };
  static const uint32_t wides[] = {15, 16, 17, 32, 40, 130};
  for (uint32_t turn = 0; turn < 2 * sizeof wides / sizeof *wides; turn++) {
    uint32_t wide = wides[turn / 2], dim[] = {BATCH, HEADS, PLACES, wide};
    uint8_t dtype = turn % 2 ? TAPE_I32 : TAPE_F32;
    stage_begin(&s, turn);
    struct stage_value entry = stage_state(&s, dtype, 4, dim);
    struct stage_value x = stage_data(&s, dtype, (uint64_t)BATCH * HEADS * PLACES * wide, STAGE_WILD);
    struct tape_record r = {.op = TAPE_MAP, .dtype = dtype, .out_rank = 4, .dim = {BATCH, HEADS, PLACES, wide}};
    struct tape_operand *o = stage_operand(&r, x);
    stage_axis(o, BATCH, 0, 0, 1, 0, 0);
    stage_axis(o, PLACES, 0, 2, 1, 0, 0);
    stage_axis(o, HEADS, 0, 1, 1, 0, 0);
    stage_axis(o, wide, 0, 3, 1, 0, 0);
    if (dtype == TAPE_I32 && turn % 4 == 1) {
      uint8_t nan = example_literal(&r, 0x7f900000, true);
      example_op(&r, CANON_IOR, 0, nan, 0);
    }
    struct stage_value moved = stage_add(&s, &r, NULL);
    r = (struct tape_record){.op = TAPE_MAP, .dtype = dtype, .out_rank = 4, .dim = {BATCH, HEADS, PLACES, wide}};
    o = stage_operand(&r, moved); /* from the last to the first, so that it lies in memory */
    for (uint8_t d = 0; d < 4; d++) stage_axis(o, dim[d], (int32_t)dim[d] - 1, d, -1, 0, 0);
    stage_add(&s, &r, &entry);
    stage_seal(&s);
    assert_true(stage_agrees(&s, turn, 6, stage_pool, NULL));
    stage_end(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_word_two_dtypes), cmocka_unit_test(locally_connected),
                                     cmocka_unit_test(coefs_of_a_dim_of_one), cmocka_unit_test(rows_change_places)};
  return cmocka_run_group_tests_name("plans", tests, stage_open_3, stage_shut_pool);
}
