/* Tapes that look like something with a faster way and are not quite it: the definition's bits, however they run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "tape/check/check.h"
#include "tape/execute/conv/conv_plan.h"
#include "tape/execute/filter/filter_plan.h"
#include "tape/execute/plan/plan.h"
#include "tape/execute/stage/stage_agree.h"
#include "tape/record/example.h"

static struct stage s;

static void finish(void) {
  stage_seal(&s);
  assert_true(stage_agrees(&s, 1, 16, stage_pool, NULL));
  stage_end(&s);
}

/* A word a row made of words of the pass's whole value, which stand in other rows. */
static void word_of_another_row(void **state) {
  (void)state;
  enum { A = 40, N = 33 };
  for (uint32_t variant = 0; variant < 4; variant++) {
    bool flat = variant & 1, with_sum = variant & 2;
    stage_begin(&s, 5);
    struct stage_value x = stage_data(&s, TAPE_F32, A * N, STAGE_PLAIN);
    struct tape_record v = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = 2, .dim = {A, N}};
    struct tape_operand *o = stage_operand(&v, x);
    stage_axis(o, A, 0, 0, 1, 0, 0), stage_axis(o, N, 0, 1, 1, 0, 0);
    example_op(&v, CANON_MUL, 0, 0, 0);
    struct stage_value whole = stage_add(&s, &v, NULL);
    struct tape_record f = {
        .op = TAPE_FOLD, .dtype = TAPE_F32, .reducer = TAPE_LANES, .out_rank = 1, .k_rank = 1, .dim = {A, N}};
    o = stage_operand(&f, whole);
    stage_axis(o, A, 0, 0, 1, 0, 0), stage_axis(o, N, 0, 1, 1, 0, 0);
    struct stage_value sum = stage_add(&s, &f, NULL);
    struct tape_record r = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = flat ? 1 : 2, .dim = {A, flat ? 0 : 1}};
    stage_axis(stage_operand(&r, whole), A * N, 0, 0, flat ? 0 : 1, 0, 0); /* words 0 .. A - 1; or always word 0 */
    if (with_sum) {
      stage_axis(stage_operand(&r, sum), A, 0, 0, 1, 0, 0);
      example_op(&r, CANON_ADD, 0, 1, 0);
    }
    stage_show(&s, stage_add(&s, &r, NULL), A);
    stage_show(&s, sum, A);
    finish();
  }
}

/* A fold that reads a temp turned, or a place on for each row, and a map of the same pass with as many bytes: rows not
 * yet read must not be written over. */
static void rows_read_later(void **state) {
  (void)state;
  for (uint32_t along = 0; along < 2; along++) {
    const uint32_t rows = along ? 16 : 4, length = along ? 128 : 512;
    stage_begin(&s, 9);
    struct stage_value x = stage_data(&s, TAPE_F32, rows * length, STAGE_PLAIN);
    struct stage_value z = stage_data(&s, TAPE_F32, rows * length, STAGE_PLAIN);
    x = stage_made(&s, x, rows * length);
    struct tape_record f = {
        .op = TAPE_FOLD, .dtype = TAPE_F32, .reducer = TAPE_LANES, .out_rank = 1, .k_rank = 1, .dim = {rows, length}};
    struct tape_operand *o = stage_operand(&f, x);
    if (along)
      stage_axis(o, rows * length, 0, 0, 1, 1, 1); /* x[row + k] */
    else
      stage_axis(o, length, 0, 1, 1, 0, 0), stage_axis(o, rows, 0, 0, 1, 0, 0); /* x[k, row] */
    struct stage_value sum = stage_add(&s, &f, NULL);
    struct tape_record y = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = 2, .dim = {rows, length}};
    o = stage_operand(&y, z);
    stage_axis(o, rows, 0, 0, 1, 0, 0), stage_axis(o, length, 0, 1, 1, 0, 0);
    stage_axis(stage_operand(&y, sum), rows, 0, 0, 1, 0, 0);
    example_op(&y, CANON_MUL, 0, 1, 0);
    stage_show(&s, stage_add(&s, &y, NULL), rows * length);
    finish();
  }
}

/* A max pool's gradient but for one axis that stays at 0: channel 0, or the first picture, for all. */
static void gradient_of_one_channel(void **state) {
  (void)state;
  static const uint32_t extent[4] = {2, 2, 2, 3};
  for (uint32_t variant = 0; variant < 4; variant++) {
    stage_begin(&s, 6);
    struct stage_value of[2] = {stage_data(&s, TAPE_U8, 24, STAGE_PLAIN), stage_data(&s, TAPE_F32, 24, STAGE_PLAIN)};
    struct tape_record r = {.op = TAPE_MAP, .dtype = TAPE_F32, .out_rank = 4, .dim = {2, 4, 4, 3}};
    for (uint32_t n = 0; n < 2; n++) {
      struct tape_operand *o = stage_operand(&r, of[n]);
      for (uint8_t d = 0; d < 4; d++) {
        bool stays = (d == 3 && variant == (n ? 1 : 2)) || (d == 0 && variant == 3 && n);
        struct tape_axis *a = stage_axis(o, extent[d], 0, d, stays ? 0 : 1, 0, 0);
        if (d == 1 || d == 2) a->div = 2, a->mode = TAPE_FLOOR;
      }
    }
    uint8_t two = example_literal(&r, 2, true), zero = example_literal(&r, 0, false);
    uint8_t h = example_op(&r, CANON_COORD, 1, 0, 0);
    h = example_op(&r, CANON_IMOD, h, two, 0);
    uint8_t w = example_op(&r, CANON_COORD, 2, 0, 0);
    w = example_op(&r, CANON_IMOD, w, two, 0);
    h = example_op(&r, CANON_IMUL, h, two, 0);
    uint8_t tap = example_op(&r, CANON_IADD, h, w, 0);
    uint8_t is = example_op(&r, CANON_IEQ, 0, tap, 0);
    example_op(&r, CANON_SEL, is, 1, zero);
    stage_show(&s, stage_add(&s, &r, NULL), 96);
    finish();
  }
}

/* A filter's gradient without a border: no sum meets a place that it does not see, whatever the image holds there. */
static void filter_without_border(void **state) {
  (void)state;
  enum { IMAGES = 2, H = 6, W = 12, CI = 8, CO = 12, KH = 3, KW = 3, OH = H - KH + 1, OW = W - KW + 1 };
  static const uint32_t infinity = 0x7f800000;
  stage_begin(&s, 7);
  struct stage_value x = stage_data(&s, TAPE_F32, IMAGES * H * W * CI, STAGE_PLAIN);
  struct stage_value dy = stage_data(&s, TAPE_F32, IMAGES * OH * OW * CO, STAGE_PLAIN);
  memcpy(s.data[0], &infinity, sizeof infinity); /* only the first tap sees it */
  struct tape_record r = {.op = TAPE_DOT,
                          .dtype = TAPE_F32,
                          .reducer = TAPE_CHAIN,
                          .out_rank = 4,
                          .k_rank = 3,
                          .dim = {KH, CI, KW, CO, IMAGES, OH, OW}};
  struct tape_operand *o = stage_operand(&r, x);
  stage_axis(o, IMAGES, 0, 4, 1, 0, 0);
  stage_axis(o, H, 0, 0, 1, 5, 1);
  stage_axis(o, W, 0, 2, 1, 6, 1);
  stage_axis(o, CI, 0, 1, 1, 0, 0);
  o = stage_operand(&r, dy);
  stage_axis(o, IMAGES, 0, 4, 1, 0, 0);
  stage_axis(o, OH, 0, 5, 1, 0, 0);
  stage_axis(o, OW, 0, 6, 1, 0, 0);
  stage_axis(o, CO, 0, 3, 1, 0, 0);
  stage_show(&s, stage_add(&s, &r, NULL), KH * KW * CI * CO);
  finish();
}

static struct execute *plan_of(void) {
  struct execute *x;
  struct execute_options o = {.pool = stage_pool};
  stage_seal(&s);
  assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &o, NULL), EXECUTE_OK);
  return x;
}

/* Taps as far apart as an axis can have them: nobody lays out what lies between. */
static void taps_far_apart(void **state) {
  (void)state;
  enum { LINE = 1024, IMAGES = 2, LINES = 2, PLACES = 4096, DEPTH = 1 << 19 };
  stage_begin(&s, 11);
  struct stage_value x = stage_data(&s, TAPE_F32, IMAGES * 4, STAGE_PLAIN);
  struct stage_value dy = stage_data(&s, TAPE_F32, IMAGES * LINE * 16, STAGE_PLAIN);
  struct tape_record r = {
      .op = TAPE_DOT, .dtype = TAPE_F32, .reducer = TAPE_CHAIN, .out_rank = 2, .k_rank = 2, .dim = {3, 16, 2, LINE}};
  struct tape_operand *o = stage_operand(&r, x);
  stage_axis(o, IMAGES, 0, 2, 1, 0, 0), stage_axis(o, 4, 0, 0, 1, 3, INT32_MAX);
  o = stage_operand(&r, dy);
  stage_axis(o, IMAGES, 0, 2, 1, 0, 0), stage_axis(o, LINE, 0, 3, 1, 0, 0), stage_axis(o, 16, 0, 1, 1, 0, 0);
  stage_show(&s, stage_add(&s, &r, NULL), 48);
  struct execute *plan = plan_of();
  assert_true(plan->bulk_bytes < 1 << 24);
  if (plan->item[0].kind == ITEM_FILTER) assert_false(((const struct filter *)plan->item[0].plan)->patches);
  execute_shut(plan);
  assert_true(stage_agrees(&s, 1, 8, stage_pool, NULL));
  stage_end(&s);

  stage_begin(&s, 8);
  x = stage_data(&s, TAPE_F32, LINES * DEPTH, STAGE_PLAIN);
  struct stage_value f = stage_data(&s, TAPE_F32, 2 * 2 * DEPTH, STAGE_PLAIN);
  r = (struct tape_record){.op = TAPE_DOT,
                           .dtype = TAPE_F32,
                           .reducer = TAPE_CHAIN,
                           .out_rank = 4,
                           .k_rank = 2,
                           .dim = {1, LINES, PLACES, 2, 2, DEPTH}};
  o = stage_operand(&r, x);
  stage_axis(o, LINES, 0, 1, 1, 4, INT32_MAX - 1);
  stage_axis(o, 1, 0, 2, 1, 0, 0);
  stage_axis(o, DEPTH, 0, 5, 1, 0, 0);
  o = stage_operand(&r, f);
  stage_axis(o, 2, 0, 3, 1, 0, 0), stage_axis(o, 2, 0, 4, 1, 0, 0), stage_axis(o, DEPTH, 0, 5, 1, 0, 0);
  stage_show(&s, stage_add(&s, &r, NULL), LINES * PLACES * 2);
  plan = plan_of();
  assert_int_equal(plan->item[0].kind, ITEM_CONV);
  assert_null(((const struct conv *)plan->item[0].plan)->thin);
  execute_shut(plan);
  stage_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(word_of_another_row), cmocka_unit_test(rows_read_later),
                                     cmocka_unit_test(gradient_of_one_channel), cmocka_unit_test(filter_without_border),
                                     cmocka_unit_test(taps_far_apart)};
  return cmocka_run_group_tests_name("lookalikes", tests, stage_open_2, stage_shut_pool);
}
