/* Products by lines that end in zeros: the definition's bits, and how many fma they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tape/execute/dot/dot_tail.h"
#include "tape/execute/stage/stage.h"
#include "tape/execute/stage/stage_layers.h"

enum { BATCH = 3, DIMS = 4 };

/* out [BATCH, rows, cols], k: both operands' axes, outermost first, as the record's dims counted from 1. */
static const struct shape {
  uint32_t rows, cols, k;
  uint8_t a[DIMS], b[DIMS];
  enum dot_tail tail;
} shapes[] = {
    {70, 40, 90, {1, 2, 4}, {1, 4, 3}, DOT_TAIL_A_K},
    {70, 40, 90, {1, 2, 4}, {1, 3, 4}, DOT_TAIL_A_K}, /* b turned, and so copied */
    {50, 33, 600, {1, 2, 4}, {1, 4, 3}, DOT_TAIL_A_K},
    {70, 40, 90, {1, 4, 2}, {1, 4, 3}, DOT_TAIL_A_ROWS},
    {40, 12, 1100, {1, 4, 2}, {1, 3, 4}, DOT_TAIL_A_ROWS},
    {150, 20, 70, {4, 1, 2}, {1, 4, 3}, DOT_TAIL_A_ROWS}, /* rows of k far apart */
    {30, 90, 70, {1, 2, 4}, {1, 4, 3}, DOT_TAIL_B_COLS},
    {20, 70, 600, {1, 4, 2}, {1, 4, 3}, DOT_TAIL_B_COLS},
    {30, 90, 70, {1, 2, 4}, {1, 3, 4}, DOT_TAIL_NONE}, /* b's lines are its columns */
    {70, 40, 90, {1, 2, 4}, {4, 3}, DOT_TAIL_NONE},    /* one b for all */
    {7, 20, 40, {1, 2, 4}, {1, 4, 3}, DOT_TAIL_NONE},  /* too little of it */
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* What the lines of the operand with the tails end in, and what else lies in the other one. */
enum lines { FULL, TRIANGLE, SOME, NOTHING, LINES };
enum other { PLAIN, INFINITE, NOT_A_NUMBER, OTHERS };

static uint32_t extent_of(const struct shape *h, uint8_t dim) {
  return (const uint32_t[]){BATCH, h->rows, h->cols, h->k}[dim - 1];
}

static uint32_t elements_of(const struct shape *h, const uint8_t *lies) {
  uint32_t elements = 1;
  for (uint32_t i = 0; i < DIMS && lies[i]; i++) elements *= extent_of(h, lies[i]);
  return elements;
}

/* Zeros of both signs. outside: k stands outside of the batches. */
static void cut_lines(uint32_t *word, uint32_t words, uint32_t length, bool outside, enum lines lines) {
  for (uint32_t i = 0; i < words / length; i++) {
    uint32_t end = length, lines_there = words / length / BATCH, n = outside ? i / BATCH : i % lines_there;
    if (lines == TRIANGLE) end = n * length / lines_there + 1;
    if (lines == SOME && n % 3 == 0) end = n % 2 ? length / 2 : 0;
    if (lines == NOTHING) end = 0;
    for (uint32_t j = end; j < length; j++) word[i * length + j] = (i + j) % 3 ? 0 : 0x80000000;
  }
}

static void stage_shape(struct stage *s, const struct shape *h, enum lines lines, enum other other) {
  static const uint32_t odd[OTHERS] = {0, 0xff800000, 0x7fc00000};
  struct tape_record r = {.op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 3, .k_rank = 1};
  const uint8_t *lie[2] = {h->a, h->b};
  uint32_t with = h->tail == DOT_TAIL_B_COLS, last = 0;
  for (uint32_t d = 0; d < DIMS; d++) r.dim[d] = extent_of(h, (uint8_t)(d + 1));
  for (uint32_t o = 0; o < 2; o++) {
    uint32_t elements = elements_of(h, lie[o]);
    struct stage_value v = stage_data(s, TAPE_F32, elements, STAGE_PLAIN);
    struct tape_operand *at = stage_operand(&r, v);
    for (uint32_t i = 0; i < DIMS && lie[o][i]; last = lie[o][i++])
      stage_axis(at, extent_of(h, lie[o][i]), 0, (uint8_t)(lie[o][i] - 1), 1, 0, 0);
    uint32_t *word = s->data[o];
    if (o == with) cut_lines(word, elements, extent_of(h, last), lie[o][0] == DIMS, lines);
    for (uint32_t i = 0; i < BATCH && o != with && other; i++) word[(2 * i + 1) * elements / (2 * BATCH)] = odd[other];
  }
  stage_add(s, &r, NULL);
  stage_seal(s);
}

static uint64_t step(struct execute *x, uint8_t *state) {
  stage_products = 0;
  execute_step(x, state, 1, 1);
  return stage_products;
}

static void compare(const struct stage *s, const struct shape *h, enum lines lines, enum other other,
                    const struct backend *backend, uint8_t *state, const uint8_t *want) {
  struct execute *x;
  struct why why;
  uint64_t bytes = 4ull * BATCH * h->rows * h->cols, all = bytes / 4 * h->k;
  struct backend counting = stage_counting(backend);
  struct execute_options o = {.backend = &counting, .materialise = true};
  assert_int_equal(execute_open(&x, &s->tape, (const void *const *)s->data, &o, &why), EXECUTE_OK);
  uint64_t done = step(x, state);
  const struct dot *d = x->item[0].plan;
  assert_int_equal(x->item[0].kind, ITEM_DOT);
  assert_int_equal(d->tail, h->tail);
  if (memcmp(want, execute_temps(x), bytes) != 0)
    fail_msg("%s: shape %d, lines %d, other %d differ", backend->name, (int)(h - shapes), lines, other);
  bool less = h->tail && (lines == TRIANGLE || lines == NOTHING) && !other;
  if (less ? done > all * 9 / 10 : done < all && h->k <= CANON_CHUNK && (other || lines != SOME))
    fail_msg("%s: shape %d, lines %d, other %d: %llu of %llu fma", backend->name, (int)(h - shapes), lines, other,
             (unsigned long long)done, (unsigned long long)all);
  if (less && lines == NOTHING) assert_int_equal(done, 0);
  execute_shut(x);
}

static void products_by_tails(void **state) {
  (void)state;
  static const char *const backends[] = {"avx2", "avx512", "neon"};
  static struct stage s;
  struct execute_options plain = {.plain = !STAGE_SANITIZED, .materialise = true};
  uint8_t *blob = aligned_alloc(64, 4096);
  for (const struct shape *h = shapes; h < shapes + SHAPES; h++)
    for (enum lines l = 0; l < LINES; l++)
      for (enum other o = 0; o < (l == TRIANGLE ? OTHERS : 1); o++) {
        struct execute *x;
        struct why why;
        stage_begin(&s, 7 + (uint64_t)(h - shapes));
        stage_shape(&s, h, l, o);
        assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &plain, &why), EXECUTE_OK);
        step(x, blob);
        for (int b = 0; b < 3; b++)
          if (backend_named(backends[b])) compare(&s, h, l, o, backend_named(backends[b]), blob, execute_temps(x));
        execute_shut(x);
        stage_end(&s);
      }
  free(blob);
}

/* Rows in front of the batches: a group's band holds some rows of every batch, so nobody may look at all of them. */
static void rows_in_front(void **state) {
  (void)state;
  enum { ROWS = 128, HEADS = 2, COLS = 8, K = 32 };
  static struct stage s;
  struct execute *x;
  struct why why;
  stage_begin(&s, 3);
  struct stage_value a = stage_data(&s, TAPE_F32, ROWS * HEADS * K, STAGE_PLAIN);
  struct stage_value b = stage_data(&s, TAPE_F32, HEADS * K * COLS, STAGE_PLAIN);
  a = stage_made(&s, a, ROWS * HEADS * K);
  struct tape_record r = {
      .op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 3, .k_rank = 1, .dim = {ROWS, HEADS, COLS, K}};
  struct tape_operand *o = stage_operand(&r, a);
  stage_axis(o, ROWS, 0, 0, 1, 0, 0), stage_axis(o, HEADS, 0, 1, 1, 0, 0), stage_axis(o, K, 0, 3, 1, 0, 0);
  o = stage_operand(&r, b);
  stage_axis(o, HEADS, 0, 1, 1, 0, 0), stage_axis(o, K, 0, 3, 1, 0, 0), stage_axis(o, COLS, 0, 2, 1, 0, 0);
  stage_add(&s, &r, NULL);
  stage_seal(&s);
  struct execute_options small = {.small_tasks = true};
  assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &small, &why), EXECUTE_OK);
  const struct dot *d = x->item[1].plan;
  assert_int_equal(x->item[1].kind, ITEM_DOT);
  assert_true(x->item[1].group && d->part_rows && !d->asks);
  assert_int_equal(d->tail, DOT_TAIL_NONE);
  execute_shut(x);
  stage_end(&s);
}

/* Of a product that may hide, each thing by itself that forbids it. */
static void what_forbids(void **state) {
  (void)state;
  static struct stage s;
  struct execute *x;
  struct why why;
  struct execute_options fast = {.backend = NULL};
  struct halo halo;
  stage_begin(&s, 5);
  stage_shape(&s, &shapes[0], TRIANGLE, PLAIN);
  assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &fast, &why), EXECUTE_OK);
  const struct dot *d = x->item[0].plan;
  assert_true(dot_may_hide(d, false) && !dot_may_hide(d, true));
  struct dot with[] = {*d, *d, *d, *d, *d, *d, *d, *d, *d, *d};
  with[0].halo_a = &halo, with[1].halo_b = &halo;
  with[2].from_a = DOT_SHARED, with[3].from_b = DOT_SHARED;
  with[4].straight_a = 0, with[5].straight_b = 0;
  with[6].straight_a = 2, with[6].row.a = 180;
  with[7].straight_b = 80, with[7].col.b = 2;
  with[8].loop[0].b = 0;
  with[9].part_rows = true;
  for (size_t i = 0; i < sizeof with / sizeof with[0]; i++)
    if (dot_may_hide(&with[i], false)) fail_msg("%d forbids nothing", (int)i);
  execute_shut(x);
  stage_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(products_by_tails), cmocka_unit_test(rows_in_front),
                                     cmocka_unit_test(what_forbids)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
