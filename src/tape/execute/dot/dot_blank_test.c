/* Masked attention, forward and backward, and what looks like it: the definition's bits, and which products leave
 * something out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "tape/execute/dot/dot_blank.h"
#include "tape/execute/dot/dot_tail.h"
#include "tape/execute/stage/stage_agree.h"
#include "tape/record/example.h"

enum { B = 4, T = 50, D = 24, SCORES = B * T * T, HEADS = B * T * D };

static struct stage s;

/* What differs from masked attention. */
struct twist {
  const char *name;
  uint32_t mask, key; /* words: of what hides; of one element of a key that few see, 0: as drawn */
  bool own_masks;     /* one for each of B */
  bool made, late;    /* the mask is made by a record, behind the scores */
  bool shows_scores, shows_chances_gradient, shows_scores_gradient;
  bool turned; /* t - dp instead of dp - t */
  bool twice;  /* the scores are in the sum twice */
  bool scores_blank, gradients_blank, less;
  uint32_t queries; /* all of them, small, with bit 31; 0: as drawn */
};

static const struct twist twists[] = {
    {"plain", 0xff800000, 0, .scores_blank = true, .gradients_blank = true, .less = true},
    {"finite mask", 0xff7fffff, 0, .scores_blank = true, .gradients_blank = true, .less = true},
    {"least mask", 0xef800000, 0, .scores_blank = true, .gradients_blank = true, .less = true},
    {"mask too small", 0xef7fffff, 0, .scores_blank = true, .gradients_blank = true, .less = true /* the gradients */},
    {"masks of their own", 0xff800000, 0, .own_masks = true, .scores_blank = true, .gradients_blank = true,
     .less = true},
    {"mask made", 0xff800000, 0, .made = true, .scores_blank = true, .gradients_blank = true, .less = true},
    {"mask made late", 0xff800000, 0, .made = true, .late = true, .gradients_blank = true, .less = true},
    {"large key", 0xef800000, 0x74000000, .scores_blank = true, .gradients_blank = true},
    {"infinite key", 0xff800000, 0x7f800000, .scores_blank = true, .gradients_blank = true},
    {"key that is none", 0xff800000, 0x7fc00000, .scores_blank = true, .gradients_blank = true},
    {"infinite key by zeros", 0xff800000, 0x7f800000, .scores_blank = true, .gradients_blank = true,
     .queries = 1u << 31},
    {"infinite key by little", 0xff800000, 0x7f800000, .scores_blank = true, .gradients_blank = true,
     .queries = 0x9c800000},
    {"key that is none by zeros", 0xff800000, 0x7fc00000, .scores_blank = true, .gradients_blank = true,
     .queries = 1u << 31},
    {"scores seen", 0xff800000, 0, .shows_scores = true, .gradients_blank = true, .less = true},
    {"scores twice", 0xff800000, 0, .twice = true, .gradients_blank = true, .less = true},
    {"gradient of chances seen", 0xff800000, 0, .shows_chances_gradient = true, .scores_blank = true, .less = true},
    {"gradient of scores seen", 0xff800000, 0, .shows_scores_gradient = true, .scores_blank = true, .less = true},
    {"turned", 0xff800000, 0, .turned = true, .scores_blank = true, .less = true},
};
enum { TWISTS = sizeof twists / sizeof twists[0] };

/* Operand of a record over [B, rows, cols] (k among them): axes for the dims named, B first. */
static void reads(struct tape_record *r, struct stage_value v, uint32_t rows, uint8_t row, uint32_t cols, uint8_t col) {
  struct tape_operand *o = stage_operand(r, v);
  stage_axis(o, B, 0, 0, 1, 0, 0);
  if (rows) stage_axis(o, rows, 0, row, 1, 0, 0);
  if (cols) stage_axis(o, cols, 0, col, 1, 0, 0);
}

/* out[b, i, j] over k: x[b, i, k] or, turned, x[b, k, i], by y[b, k, j] or y[b, j, k]. */
static struct stage_value product(struct stage_value x, bool x_turned, struct stage_value y, bool y_turned,
                                  uint32_t rows, uint32_t cols, uint32_t k) {
  struct tape_record r = {.op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 3, .k_rank = 1, .dim = {B, rows, cols, k}};
  if (x_turned)
    reads(&r, x, k, 3, rows, 1);
  else
    reads(&r, x, rows, 1, k, 3);
  if (y_turned)
    reads(&r, y, cols, 2, k, 3);
  else
    reads(&r, y, k, 3, cols, 2);
  return stage_add(&s, &r, NULL);
}

static struct stage_value mask_of(const struct twist *w, uint32_t *data) {
  uint32_t count = w->own_masks ? B : 1;
  struct stage_value mask = stage_data(&s, TAPE_F32, count * T * T, STAGE_PLAIN);
  uint32_t *word = s.data[(*data)++];
  for (uint32_t b = 0; b < count; b++)
    for (uint32_t i = 0; i < T; i++)
      for (uint32_t j = 0; j < T; j++)
        word[(b * T + i) * T + j] = j > (w->made ? T - 1 - i : (i + 9 * b) % T) ? w->mask : 0;
  return mask;
}

/* The mask in odd steps and none in even ones, made by a record: whoever looks before it is there finds the last
 * step's. */
static struct stage_value made(struct stage_value mask) {
  struct tape_record r = {.op = TAPE_MAP, .out_rank = 1, .dim = {T * T}};
  stage_axis(stage_operand(&r, mask), T * T, 0, 0, 1, 0, 0);
  uint8_t one = example_literal(&r, 1, true), none = example_literal(&r, 0, false);
  uint8_t odd = example_op(&r, CANON_IAND, example_op(&r, CANON_STEP, 0, 0, 0), one, 0);
  example_op(&r, CANON_SEL, odd, 0, none);
  return stage_add(&s, &r, NULL);
}

/* Records of the tape's two products that may be blank. */
static uint32_t scores_record, gradient_record;

static void attention(const struct twist *w) {
  uint32_t data = 0;
  struct stage_value in[4]; /* queries, keys, values, and what is wanted of the result: [B, T, D] */
  for (int i = 0; i < 4; i++) {
    in[i] = stage_data(&s, TAPE_F32, HEADS, STAGE_PLAIN);
    uint32_t *word = s.data[data++];
    for (uint32_t e = 0; e < HEADS && i == 0 && w->queries; e++) word[e] = w->queries;
    for (uint32_t b = 0; b < B && i == 1 && w->key; b++) word[(b * T + T - 5) * D + 3] = w->key;
  }
  struct stage_value mask = mask_of(w, &data), p, m, z, x, t, d;
  if (w->made && !w->late) mask = made(mask);
  scores_record = s.tape.records_count;
  struct stage_value scores = product(in[0], false, in[1], true, T, T, D);
  if (w->late) mask = made(mask);

  struct tape_record add = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, T, T}};
  reads(&add, scores, T, 1, T, 2);
  if (w->own_masks) {
    reads(&add, mask, T, 1, T, 2);
  } else {
    struct tape_operand *o = stage_operand(&add, mask);
    stage_axis(o, T, 0, 1, 1, 0, 0), stage_axis(o, T, 0, 2, 1, 0, 0);
  }
  uint8_t sum = example_op(&add, CANON_ADD, 0, 1, 0);
  if (w->twice) example_op(&add, CANON_ADD, sum, 0, 0);
  x = stage_add(&s, &add, NULL);

  struct tape_record most = {.op = TAPE_FOLD, .reducer = TAPE_FMAX, .out_rank = 2, .k_rank = 1, .dim = {B, T, T}};
  reads(&most, x, T, 1, T, 2);
  m = stage_add(&s, &most, NULL);
  struct tape_record total = {.op = TAPE_FOLD, .reducer = TAPE_LANES, .out_rank = 2, .k_rank = 1, .dim = {B, T, T}};
  reads(&total, x, T, 1, T, 2), reads(&total, m, T, 1, 0, 0);
  example_op(&total, CANON_EXP, example_op(&total, CANON_SUB, 0, 1, 0), 0, 0);
  z = stage_add(&s, &total, NULL);
  struct tape_record chance = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, T, T}};
  reads(&chance, x, T, 1, T, 2), reads(&chance, m, T, 1, 0, 0), reads(&chance, z, T, 1, 0, 0);
  example_op(&chance, CANON_DIV, example_op(&chance, CANON_EXP, example_op(&chance, CANON_SUB, 0, 1, 0), 0, 0), 2, 0);
  p = stage_add(&s, &chance, NULL);
  struct stage_value y = product(p, false, in[2], false, T, D, T);
  stage_show(&s, y, HEADS);
  struct tape_record loss = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, T, D}};
  reads(&loss, y, T, 1, D, 2), reads(&loss, in[3], T, 1, D, 2);
  example_op(&loss, CANON_ADD, 0, 1, 0);
  struct stage_value dy = stage_add(&s, &loss, NULL);
  if (w->shows_scores) stage_show(&s, scores, SCORES);

  stage_show(&s, product(p, true, dy, false, T, D, T), HEADS);
  gradient_record = s.tape.records_count;
  struct stage_value dp = product(dy, false, in[2], true, T, T, D);
  struct tape_record by = {.op = TAPE_FOLD, .reducer = TAPE_LANES, .out_rank = 2, .k_rank = 1, .dim = {B, T, T}};
  reads(&by, dp, T, 1, T, 2), reads(&by, p, T, 1, T, 2);
  example_op(&by, CANON_MUL, 0, 1, 0);
  t = stage_add(&s, &by, NULL);
  struct tape_record back = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, T, T}};
  reads(&back, dp, T, 1, T, 2), reads(&back, p, T, 1, T, 2), reads(&back, t, T, 1, 0, 0);
  example_op(&back, CANON_MUL, 1,
             w->turned ? example_op(&back, CANON_SUB, 2, 0, 0) : example_op(&back, CANON_SUB, 0, 2, 0), 0);
  d = stage_add(&s, &back, NULL);
  if (w->shows_chances_gradient) stage_show(&s, dp, SCORES);
  if (w->shows_scores_gradient) stage_show(&s, d, SCORES);
  stage_show(&s, product(d, false, in[1], false, T, D, T), HEADS);
  stage_show(&s, product(in[0], true, d, false, D, T, T), HEADS);
  stage_seal(&s);
}

static const struct dot *plan_of(const struct execute *x, uint32_t record) {
  for (uint32_t i = 0; i < x->items_count; i++)
    if (x->item[i].kind == ITEM_DOT && x->item[i].first == record) return x->item[i].plan;
  fail_msg("record %u is no product", record);
  return NULL;
}

static bool is_blank(const struct execute *x, uint32_t record) { return plan_of(x, record)->blank; }

static void hidden_scores(void **state) {
  (void)state;
  struct backend counting = stage_counting(backend_best());
  struct why why;
  uint64_t square = 2 * (uint64_t)SCORES * D,
           all = 3 * square; /* two products each that are blank, that are by p, by d */
  for (uint32_t i = 0; i < TWISTS; i++) {
    const struct twist *w = &twists[i];
    stage_begin(&s, 40 + i);
    attention(w);
    size_t bytes = (size_t)s.tape.state_leaves * TAPE_LEAF_BYTES;
    uint8_t *want = stage_blob(&s, STAGE_PLAIN), *blob = stage_blob(&s, STAGE_PLAIN);
    struct execute *plain;
    struct execute_options definition = {.plain = !STAGE_SANITIZED, .materialise = true};
    assert_int_equal(execute_open(&plain, &s.tape, (const void *const *)s.data, &definition, &why), EXECUTE_OK);
    for (uint32_t step = 1; step <= 2; step++) execute_step(plain, want, step, 1);
    for (uint32_t alone = 0; alone < 2; alone++) {
      struct execute_options o = {.backend = &counting, .small_tasks = alone};
      struct execute *x;
      assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &o, &why), EXECUTE_OK);
      /* in small tasks, a mask that is made falls into bands of a group with the scores: there in pieces only */
      bool scores_blank = w->scores_blank && !(w->made && alone);
      if (is_blank(x, scores_record) != scores_blank || is_blank(x, gradient_record) != w->gradients_blank)
        fail_msg("%s: scores %s, gradients %s", w->name, is_blank(x, scores_record) ? "blank" : "not",
                 is_blank(x, gradient_record) ? "blank" : "not");
      const struct dot *far = plan_of(x, scores_record); /* its queries are data */
      if (alone) assert_true(far->in_group && far->asks);
      stage_products = 0;
      execute_step(x, blob, 1, 1);
      uint32_t both = (uint32_t)scores_blank + w->gradients_blank;
      /* products by p and d leave out a fifth or more, blank ones as well */
      if (w->less ? stage_products > all - square / 8 * (4 + both) / 2 : stage_products < all - square * 3 / 4)
        fail_msg("%s: %llu of %llu fma", w->name, (unsigned long long)stage_products, (unsigned long long)all);
      execute_step(x, blob, 2, 1);
      if (memcmp(blob, want, bytes) != 0) fail_msg("%s: %s, alone", w->name, o.small_tasks ? "in groups" : "whole");
      execute_shut(x);
    }
    execute_shut(plain);
    free(blob), free(want);
    if (!stage_agrees(&s, 1, 8, stage_pool, NULL)) fail_msg("%s", w->name);
    stage_end(&s);
  }
}

/* A mask made in the scores' group, kept there as a copy that its last reader in the group lets go; who adds it to the
 * scores comes behind the group, since it needs all of another sum. The copy's place is the queries' by then. */
static void mask_let_go(void **state) {
  (void)state;
  enum { WIDE = 64, N = 32, ALL = B * N * N };
  stage_begin(&s, 7);
  struct stage_value in[3]; /* mask, queries, keys */
  for (int i = 0; i < 3; i++) in[i] = stage_data(&s, TAPE_F32, i ? B * N * WIDE : ALL, STAGE_PLAIN);
  for (uint32_t i = 0; i < ALL; i++) ((uint32_t *)s.data[0])[i] = i % N > i / N % N ? 0xff800000 : 0;
  for (uint32_t i = 0; i < B * N * WIDE; i++) /* queries that hide, for who takes them for a mask; small scores */
    ((uint32_t *)s.data[1])[i] = 0x70000000 | (i * 7919 & 0x7fffff),
               ((uint32_t *)s.data[2])[i] = 0x2a000000 | (i & 0x7fffff);
  struct tape_record mask = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, N, N}};
  reads(&mask, in[0], N, 1, N, 2);
  example_op(&mask, CANON_ADD, 0, 0, 0);
  struct stage_value m = stage_add(&s, &mask, NULL);
  struct tape_record sum = {.op = TAPE_FOLD, .reducer = TAPE_CHAIN, .out_rank = 2, .k_rank = 1, .dim = {B, N, N}};
  reads(&sum, m, N, 1, N, 2);
  struct stage_value sums = stage_add(&s, &sum, NULL);
  struct tape_record twice = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, N, WIDE}};
  reads(&twice, in[1], N, 1, WIDE, 2);
  example_op(&twice, CANON_ADD, 0, 0, 0);
  struct stage_value queries = stage_add(&s, &twice, NULL), scores = product(queries, false, in[2], true, N, N, WIDE);
  struct tape_record add = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, N, N}};
  reads(&add, scores, N, 1, N, 2), reads(&add, m, N, 1, N, 2);
  struct tape_operand *o = stage_operand(&add, sums); /* of the other batches */
  stage_axis(o, B, B - 1, 0, -1, 0, 0), stage_axis(o, N, 0, 1, 1, 0, 0);
  example_op(&add, CANON_MAX, example_op(&add, CANON_ADD, 0, 1, 0), 2, 0);
  stage_show(&s, stage_add(&s, &add, NULL), ALL);
  stage_seal(&s);
  assert_true(stage_agrees(&s, 1, 8, stage_pool, NULL));
  stage_end(&s);
}

/* Keys that several batches share, with heads inside of them: copied once for all, so they lie in no combination's
 * place. */
static void shared_keys(void **state) {
  (void)state;
  enum { MANY = 3, H = 2, N = 40, WIDE = 24, ALL = MANY * H * N * N };
  static const uint32_t elements[] = {MANY * H * N * WIDE, H * N * WIDE, N * N};
  stage_begin(&s, 9);
  struct stage_value in[3]; /* queries, keys, mask */
  for (int i = 0; i < 3; i++) in[i] = stage_data(&s, TAPE_F32, elements[i], STAGE_PLAIN);
  for (uint32_t i = 0; i < N * N; i++) ((uint32_t *)s.data[2])[i] = i % N > i / N ? 0xff800000 : 0;
  struct tape_record r = {
      .op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 4, .k_rank = 1, .dim = {MANY, H, N, N, WIDE}};
  struct tape_operand *o = stage_operand(&r, in[0]);
  stage_axis(o, MANY, 0, 0, 1, 0, 0), stage_axis(o, H, 0, 1, 1, 0, 0);
  stage_axis(o, N, 0, 2, 1, 0, 0), stage_axis(o, WIDE, 0, 4, 1, 0, 0);
  o = stage_operand(&r, in[1]);
  stage_axis(o, H, 0, 1, 1, 0, 0), stage_axis(o, N, 0, 3, 1, 0, 0), stage_axis(o, WIDE, 0, 4, 1, 0, 0);
  struct stage_value scores = stage_add(&s, &r, NULL);
  struct tape_record add = {.op = TAPE_MAP, .out_rank = 4, .dim = {MANY, H, N, N}};
  o = stage_operand(&add, scores);
  for (uint8_t d = 0; d < 4; d++) stage_axis(o, add.dim[d], 0, d, 1, 0, 0);
  o = stage_operand(&add, in[2]);
  stage_axis(o, N, 0, 2, 1, 0, 0), stage_axis(o, N, 0, 3, 1, 0, 0);
  example_op(&add, CANON_ADD, 0, 1, 0);
  stage_show(&s, stage_add(&s, &add, NULL), ALL);
  stage_seal(&s);
  struct execute *x;
  struct why why;
  struct execute_options alone = {.backend = NULL};
  assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &alone, &why), EXECUTE_OK);
  assert_int_equal(x->item[0].kind, ITEM_DOT);
  const struct dot *d = x->item[0].plan;
  struct dot own = *d;
  own.from_b = DOT_OWN;
  assert_true(d->from_b == DOT_SHARED && !dot_may_hide(d, false) && dot_may_hide(&own, false));
  assert_null(d->blank);
  execute_shut(x);
  assert_true(stage_agrees(&s, 1, 8, stage_pool, NULL));
  stage_end(&s);
}

/* k of two dims that do not merge: what lies beyond the first of its pieces bounds the scores too. */
static void pieces_of_k(void **state) {
  (void)state;
  enum { N = 40, PIECES = 2, LONG = 12, ALL = B * N * N, EACH = PIECES * B * LONG * N };
  stage_begin(&s, 11);
  struct stage_value in[3]; /* queries, keys: [PIECES, B, LONG, N]; mask */
  for (int i = 0; i < 3; i++) in[i] = stage_data(&s, TAPE_F32, i < 2 ? EACH : N * N, STAGE_PLAIN);
  for (uint32_t i = 0; i < N * N; i++) ((uint32_t *)s.data[2])[i] = i % N > i / N ? 0xef800000 : 0;
  for (uint32_t i = EACH / 2; i < EACH; i++) ((uint32_t *)s.data[1])[i] = 0x74000000;
  struct tape_record r = {
      .op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 3, .k_rank = 2, .dim = {B, N, N, PIECES, LONG}};
  for (uint8_t i = 0; i < 2; i++) {
    struct tape_operand *o = stage_operand(&r, in[i]);
    stage_axis(o, PIECES, 0, 3, 1, 0, 0), stage_axis(o, B, 0, 0, 1, 0, 0);
    stage_axis(o, LONG, 0, 4, 1, 0, 0), stage_axis(o, N, 0, (uint8_t)(1 + i), 1, 0, 0);
  }
  struct stage_value scores = stage_add(&s, &r, NULL);
  struct tape_record add = {.op = TAPE_MAP, .out_rank = 3, .dim = {B, N, N}};
  reads(&add, scores, N, 1, N, 2);
  struct tape_operand *o = stage_operand(&add, in[2]);
  stage_axis(o, N, 0, 1, 1, 0, 0), stage_axis(o, N, 0, 2, 1, 0, 0);
  example_op(&add, CANON_ADD, 0, 1, 0);
  stage_show(&s, stage_add(&s, &add, NULL), ALL);
  stage_seal(&s);
  assert_true(stage_agrees(&s, 1, 8, stage_pool, NULL));
  stage_end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(hidden_scores), cmocka_unit_test(mask_let_go),
                                     cmocka_unit_test(shared_keys), cmocka_unit_test(pieces_of_k)};
  return cmocka_run_group_tests(tests, stage_open_2, stage_shut_pool);
}
