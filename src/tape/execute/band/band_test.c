/* Groups: what joins, what does not, and that the bits are the definition's either way. */
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
#include "tape/execute/plan/plan.h"
#include "tape/execute/stage/stage_agree.h"
#include "tape/execute/stage/stage_layers.h"
#include "tape/record/example.h"

static struct stage s;

/* Operand of r: all of v, [dim 0, dim 1, ..] read along the first `axes` dims of r. */
static struct tape_operand *whole(struct tape_record *r, struct stage_value v, uint8_t axes) {
  struct tape_operand *o = stage_operand(r, v);
  for (uint8_t d = 0; d < axes; d++) stage_axis(o, r->dim[d], 0, d, 1, 0, 0);
  return o;
}

static struct tape_record record(uint8_t op, uint8_t reducer, uint8_t out_rank, uint8_t k_rank, const uint32_t *dim) {
  struct tape_record r = {.op = op, .reducer = reducer, .dtype = TAPE_F32, .out_rank = out_rank, .k_rank = k_rank};
  memcpy(r.dim, dim, (out_rank + k_rank) * sizeof *dim);
  return r;
}

/* y = exp(x - max) / sum over the last dim, of x [a, b, c]. */
static struct stage_value softmax(struct stage_value x, const uint32_t dim[3]) {
  struct tape_record max = record(TAPE_FOLD, TAPE_FMAX, 2, 1, dim);
  whole(&max, x, 3);
  struct stage_value m = stage_add(&s, &max, NULL);
  struct tape_record sum = record(TAPE_FOLD, TAPE_LANES, 2, 1, dim), quotient = record(TAPE_MAP, TAPE_NONE, 3, 0, dim);
  whole(&sum, x, 3);
  whole(&sum, m, 2);
  uint8_t d = example_op(&sum, CANON_SUB, 0, 1, 0);
  example_op(&sum, CANON_EXP, d, 0, 0);
  struct stage_value z = stage_add(&s, &sum, NULL);
  whole(&quotient, x, 3);
  whole(&quotient, m, 2);
  whole(&quotient, z, 2);
  d = example_op(&quotient, CANON_SUB, 0, 1, 0);
  uint8_t e = example_op(&quotient, CANON_EXP, d, 0, 0);
  example_op(&quotient, CANON_DIV, e, 2, 0);
  return stage_add(&s, &quotient, NULL);
}

static struct stage_value scaled(struct stage_value x, const uint32_t dim[3], float by) {
  struct tape_record r = record(TAPE_MAP, TAPE_NONE, 3, 0, dim);
  uint32_t word;
  memcpy(&word, &by, 4);
  whole(&r, x, 3);
  example_op(&r, CANON_MUL, 0, example_literal(&r, word, false), 0);
  return stage_add(&s, &r, NULL);
}

/* Writes x into a state entry, so that it is read outside of what it was made in. */
static void keep(struct stage_value x, const uint32_t dim[3], const struct stage_value *entry) {
  struct tape_record r = record(TAPE_MAP, TAPE_NONE, 3, 0, dim);
  struct tape_operand *o = stage_operand(&r, x);
  struct tape_axis *a = example_axis(o, dim[0] * dim[1] * dim[2], (int32_t)(dim[0] * dim[1] * dim[2]) - 1);
  example_term(a, 0, -(int32_t)(dim[1] * dim[2])); /* back to front */
  example_term(a, 1, -(int32_t)dim[2]);
  example_term(a, 2, -1);
  stage_add(&s, &r, entry);
}

/* Writes x + x into a state entry. */
static void keep_twice(struct stage_value x, uint8_t rank, const uint32_t *dim, const struct stage_value *entry) {
  struct tape_record r = record(TAPE_MAP, TAPE_NONE, rank, 0, dim);
  whole(&r, x, rank);
  example_op(&r, CANON_ADD, 0, 0, 0);
  stage_add(&s, &r, entry);
}

struct seen {
  uint32_t groups, joined, bands, apart, local, here, far; /* here: written twice; far: past the caches */
};

/* What a plan for small tasks makes of the tape; then the bits. */
static struct seen look_and_run(void) {
  struct seen seen = {0};
  struct why why = {""};
  struct arena scratch;
  stage_seal(&s);
  assert_true(tape_count(&s.tape, &s.tape.counts));
  assert_true(arena_open(&scratch, 1 << 20));
  assert_int_equal(tape_check(&s.tape, &scratch, &why), TAPE_OK);
  arena_shut(&scratch);
  struct execute *x;
  struct execute_options o = {.small_tasks = true};
  assert_int_equal(execute_open(&x, &s.tape, (const void *const *)s.data, &o, &why), EXECUTE_OK);
  seen.groups = x->groups_count;
  for (uint32_t g = 0; g < x->groups_count; g++) seen.joined += x->group[g].count, seen.bands = x->group[g].bands;
  for (uint32_t n = 0; n < s.tape.records_count; n++)
    seen.local += x->value[n].local, seen.here += value_lies_here(&x->value[n]), seen.far += x->value[n].far;
  for (uint32_t i = 0; i < x->items_count; i++) seen.apart += x->item[i].apart;
  execute_shut(x);
  assert_true(stage_agrees(&s, 1, 8, stage_pool, NULL));
  stage_end(&s);
  return seen;
}

/* A softmax between two maps, of rows too short or too long for one pass, is one group, and all but its last value lie
 * in the thread's buffer. */
static void rows_of_a_softmax(void **state) {
  (void)state;
  static const uint32_t shapes[][3] = {{6, 4, 24}, {8, 3, 31}, {4, 2, 700}, {5, 7, 1}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const uint32_t *dim = shapes[i];
    stage_begin(&s, 11 + i);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, dim);
    struct stage_value x = stage_data(&s, TAPE_F32, dim[0] * dim[1] * dim[2], i % 2 ? STAGE_WILD : STAGE_PLAIN);
    struct stage_value y = scaled(softmax(scaled(x, dim, 0.25f), dim), dim, 3);
    keep(y, dim, &entry);
    struct seen seen = look_and_run();
    assert_int_equal(seen.groups, 1);
    assert_int_equal(seen.joined, 4); /* the quotient and what follows are one pass */
    assert_int_equal(dim[0] * dim[1] % seen.bands, 0);
    assert_int_equal(seen.local, 4);
    assert_int_equal(seen.far, 1); /* what comes last is read by nobody here */
  }
}

/* Rows that are read by their neighbours do not join: they may not be there yet. */
static void rows_of_neighbours(void **state) {
  (void)state;
  static const uint32_t dim[3] = {8, 2, 40};
  for (int shift = 0; shift < 2; shift++) {
    stage_begin(&s, 21);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, dim);
    struct stage_value x = stage_data(&s, TAPE_F32, 8 * 2 * 40, STAGE_PLAIN);
    struct stage_value a = scaled(x, dim, 2);
    struct tape_record r = record(TAPE_FOLD, TAPE_CHAIN, 3, 0, dim);
    r.k_rank = 1;
    r.dim[3] = 1 + (uint32_t)shift;
    struct tape_operand *o = stage_operand(&r, a);
    stage_axis(o, 8, 0, 0, 1, 3, 1); /* row i, and row i + 1 where there is one */
    stage_axis(o, 2, 0, 1, 1, 0, 0);
    stage_axis(o, 40, 0, 2, 1, 0, 0);
    keep(stage_add(&s, &r, NULL), dim, &entry);
    assert_int_equal(look_and_run().groups, shift ? 0 : 1);
  }
}

/* a, its column sum and its reader b join; what reads the sum comes behind, and what nobody in the group makes comes
 * before. */
static void what_does_not_join(void **state) {
  (void)state;
  static const uint32_t dim[3] = {8, 4, 36}, column[1] = {36};
  stage_begin(&s, 31);
  struct stage_value entry[2] = {stage_state(&s, TAPE_F32, 3, dim), stage_state(&s, TAPE_F32, 3, dim)};
  struct stage_value x = stage_data(&s, TAPE_F32, 8 * 4 * 36, STAGE_PLAIN);
  struct stage_value vector = stage_data(&s, TAPE_F32, 36, STAGE_PLAIN);
  struct stage_value a = scaled(x, dim, 0.5f);
  struct tape_record sum = record(TAPE_FOLD, TAPE_CHAIN, 1, 2, (const uint32_t[]){36, 8, 4});
  struct tape_operand *o = stage_operand(&sum, a);
  stage_axis(o, 8, 0, 1, 1, 0, 0);
  stage_axis(o, 4, 0, 2, 1, 0, 0);
  stage_axis(o, 36, 0, 0, 1, 0, 0);
  struct stage_value total = stage_add(&s, &sum, NULL);
  struct tape_record twice = record(TAPE_MAP, TAPE_NONE, 1, 0, column);
  whole(&twice, vector, 1);
  example_op(&twice, CANON_ADD, 0, 0, 0);
  struct stage_value doubled = stage_add(&s, &twice, NULL);
  struct stage_value b[2];
  for (int i = 0; i < 2; i++) { /* a + doubled joins, a + total comes behind */
    struct tape_record r = record(TAPE_MAP, TAPE_NONE, 3, 0, dim);
    whole(&r, a, 3);
    stage_axis(stage_operand(&r, i ? total : doubled), 36, 0, 2, 1, 0, 0);
    example_op(&r, CANON_ADD, 0, 1, 0);
    b[i] = stage_add(&s, &r, NULL);
    if (i == 0) keep(b[0] = softmax(b[0], dim), dim, &entry[0]);
  }
  keep(b[1], dim, &entry[1]);
  struct seen seen = look_and_run();
  assert_int_equal(seen.groups, 1);
  assert_int_equal(seen.joined, 3); /* with the softmax, b is one pass */
  assert_int_equal(seen.local, 3);  /* not a, which the sum and what comes behind read, nor the softmax */
  assert_int_equal(seen.here, 1);   /* a: for b and the sum, and for what comes behind */
}

/* x times the step's number: what is left of the step before is wrong. */
static struct stage_value moving(struct stage_value x, const uint32_t dim[3]) {
  struct tape_record r = record(TAPE_MAP, TAPE_NONE, 3, 0, dim);
  whole(&r, x, 3);
  uint8_t step = example_op(&r, CANON_STEP, 0, 0, 0);
  step = example_op(&r, CANON_ITOF, step, 0, 0);
  example_op(&r, CANON_MUL, 0, step, 0);
  return stage_add(&s, &r, NULL);
}

/* Column sums and products of what bands make, where a chunk of 512 rows is part of a band, a whole number of bands, or
 * begins in the middle of one. */
static void sums_over_bands(void **state) {
  (void)state;
  static const uint32_t shapes[][3] = {{16, 100, 16}, {8, 128, 33}, {3, 700, 8}, {4, 512, 5}, {64, 24, 1}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const uint32_t *dim = shapes[i];
    stage_begin(&s, 61 + i);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, dim), sum[2];
    for (int n = 0; n < 2; n++) sum[n] = stage_state(&s, TAPE_F32, 1, &dim[2]);
    struct stage_value x = stage_data(&s, TAPE_F32, dim[0] * dim[1] * dim[2], i % 2 ? STAGE_WILD : STAGE_PLAIN);
    struct stage_value y = moving(x, dim);
    for (int squares = 0; squares < 2; squares++) {
      struct tape_record r =
          record(squares ? TAPE_DOT : TAPE_FOLD, TAPE_CHAIN, 1, 2, (const uint32_t[]){dim[2], dim[0], dim[1]});
      for (int n = 0; n < 1 + squares; n++) {
        struct tape_operand *o = stage_operand(&r, n ? x : y);
        for (uint8_t d = 0; d < 3; d++) stage_axis(o, dim[d], 0, (uint8_t)((d + 1) % 3), 1, 0, 0);
      }
      keep_twice(stage_add(&s, &r, NULL), 1, &dim[2], &sum[squares]);
    }
    keep(y, dim, &entry);
    struct seen seen = look_and_run();
    assert_int_equal(seen.groups, 1);
    assert_int_equal(seen.joined, 3);
    assert_int_equal(seen.local, 0);
    assert_true(seen.bands > 2);
  }
}

/* A filter's gradient over places that bands make: tap by tap, with the taps of a line abreast, and by patches that lie
 * turned until a chunk is whole. */
static void filters_over_bands(void **state) {
  (void)state;
  static const struct layer_shape layers[] = {{4, 13, 11, 16, 8, 3, 3, 1, 1, 1},
                                              {16, 7, 7, 10, 12, 3, 3, 1, 1, 1},
                                              {4, 13, 11, 16, 16, 3, 3, 1, 1, 1},
                                              {8, 10, 9, 6, 16, 3, 3, 1, 1, 1},
                                              {4, 12, 13, 1, 10, 5, 5, 2, 1, 1}};
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    const struct layer_shape *l = &layers[i];
    const uint32_t dim[3] = {l->n, layer_out_h(l) * layer_out_w(l), l->co}, filter[4] = {l->kh, l->kw, l->ci, l->co};
    stage_begin(&s, 71 + i);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, dim), sum = stage_state(&s, TAPE_F32, 4, filter);
    struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)l->n * l->h * l->w * l->ci, STAGE_PLAIN);
    struct stage_value dy =
        stage_data(&s, TAPE_F32, (uint64_t)dim[0] * dim[1] * dim[2], i % 2 ? STAGE_WILD : STAGE_PLAIN);
    dy = moving(dy, dim);
    keep_twice(layer_filter_gradient(&s, l, x, dy), 4, filter, &sum);
    keep(dy, dim, &entry);
    struct seen seen = look_and_run();
    assert_int_equal(seen.groups, 1);
    assert_int_equal(seen.joined, 2);
    assert_int_equal(seen.local, 0);
    assert_true(seen.bands >= l->n);
  }
}

/* A dot over dims [out.., k..]; an operand's axes are whole dims of the record, in the order of `axes` (255 ends it).
 */
static struct stage_value product(uint8_t out_rank, uint8_t k_rank, const uint32_t *dim, struct stage_value a,
                                  const uint8_t *a_axes, struct stage_value b, const uint8_t *b_axes) {
  struct tape_record r = record(TAPE_DOT, TAPE_CHAIN, out_rank, k_rank, dim);
  for (int n = 0; n < 2; n++) {
    struct tape_operand *o = stage_operand(&r, n ? b : a);
    for (const uint8_t *d = n ? b_axes : a_axes; *d != 255; d++) stage_axis(o, r.dim[*d], 0, *d, 1, 0, 0);
  }
  return stage_add(&s, &r, NULL);
}

/* Heads of sequences: q k^T, softmax, by v, then a matrix that all sequences share. One group, a sequence or some a
 * band, in which the products read what the thread has just made, turned and in place. */
static void attention(void **state) {
  (void)state;
  enum { BATCH = 4, HEADS = 2, PLACES = 40, WIDE = 24, OUT = 20 };
  static const uint32_t in[3] = {BATCH, PLACES, HEADS * WIDE}, rows[3] = {BATCH * HEADS, PLACES, PLACES};
  static const uint32_t scores[5] = {BATCH, HEADS, PLACES, PLACES, WIDE}, out[3] = {BATCH, PLACES, OUT};
  static const uint32_t values[5] = {BATCH, HEADS, PLACES, WIDE, PLACES}, outs[5] = {BATCH, PLACES, OUT, HEADS, WIDE};
  for (int wild = 0; wild < 2; wild++) {
    stage_begin(&s, 41);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, out), part[3];
    for (int n = 0; n < 3; n++)
      part[n] =
          scaled(stage_data(&s, TAPE_F32, BATCH * PLACES * HEADS * WIDE, wild ? STAGE_WILD : STAGE_PLAIN), in, 0.5f);
    struct stage_value w = stage_data(&s, TAPE_F32, HEADS * WIDE * OUT, STAGE_PLAIN);
    struct stage_value x =
        product(4, 1, scores, part[0], (const uint8_t[]){0, 2, 1, 4, 255}, part[1], (const uint8_t[]){0, 3, 1, 4, 255});
    x = softmax(x, rows);
    x = product(4, 1, values, x, (const uint8_t[]){0, 1, 2, 4, 255}, part[2], (const uint8_t[]){0, 4, 1, 3, 255});
    x = product(3, 2, outs, x, (const uint8_t[]){0, 3, 1, 4, 255}, w, (const uint8_t[]){3, 4, 2, 255});
    keep(x, out, &entry);
    struct seen seen = look_and_run();
    assert_int_equal(seen.groups, 1);
    assert_int_equal(seen.joined, 5); /* one map for all three, three products, one pass for the softmax */
    assert_int_equal(BATCH % seen.bands, 0);
    assert_int_equal(seen.local, 8); /* all but the last */
  }
}

/* Two layers by turned weights, of each of which the group's threads read a copy: both copies are there at once. */
static void turned_weights(void **state) {
  (void)state;
  enum { BATCH = 4, PLACES = 40, IN = 24, HIDDEN = 36, OUT = 28 };
  static const uint32_t first[4] = {BATCH, PLACES, HIDDEN, IN}, second[4] = {BATCH, PLACES, OUT, HIDDEN};
  static const uint8_t rows[] = {0, 1, 3, 255}, turned[] = {2, 3, 255};
  stage_begin(&s, 51);
  struct stage_value entry = stage_state(&s, TAPE_F32, 3, second);
  struct stage_value x =
      scaled(stage_data(&s, TAPE_F32, BATCH * PLACES * IN, STAGE_PLAIN), (const uint32_t[]){BATCH, PLACES, IN}, 0.5f);
  struct stage_value w[2];
  w[0] = stage_data(&s, TAPE_F32, HIDDEN * IN, STAGE_PLAIN);
  w[1] = stage_data(&s, TAPE_F32, OUT * HIDDEN, STAGE_PLAIN);
  x = product(3, 1, first, x, rows, w[0], turned);
  x = product(3, 1, second, x, rows, w[1], turned);
  keep(x, second, &entry);
  struct seen seen = look_and_run();
  assert_int_equal(seen.groups, 1);
  assert_int_equal(seen.joined, 3);
}

/* Rows of sequences: a band is a piece of one. A product that reads nothing of the group's, and that nobody in it waits
 * for, stays outside. */
static void rows_of_sequences(void **state) {
  (void)state;
  enum { BATCH = 2, PLACES = 192, IN = 40, OUT = 24 };
  static const uint32_t in[3] = {BATCH, PLACES, IN}, out[3] = {BATCH, PLACES, OUT}, alone[3] = {512, 8, 8};
  static const uint32_t dim[4] = {BATCH, PLACES, OUT, IN};
  for (int wild = 0; wild < 2; wild++) {
    stage_begin(&s, 81);
    struct stage_value entry[2] = {stage_state(&s, TAPE_F32, 3, out), stage_state(&s, TAPE_F32, 2, alone)};
    struct stage_value x = moving(stage_data(&s, TAPE_F32, BATCH * PLACES * IN, wild ? STAGE_WILD : STAGE_PLAIN), in);
    struct stage_value w = stage_data(&s, TAPE_F32, IN * OUT, STAGE_PLAIN);
    struct stage_value other = stage_data(&s, TAPE_F32, 512 * 8, STAGE_PLAIN);
    struct stage_value aside =
        product(2, 1, alone, other, (const uint8_t[]){0, 2, 255}, other, (const uint8_t[]){1, 2, 255});
    struct stage_value y = product(3, 1, dim, x, (const uint8_t[]){0, 1, 3, 255}, w, (const uint8_t[]){3, 2, 255});
    keep(scaled(y, out, 0.5f), out, &entry[0]);
    keep_twice(aside, 2, alone, &entry[1]);
    struct seen seen = look_and_run();
    assert_int_equal(seen.groups, 1);
    assert_int_equal(seen.joined, 3);
    assert_int_equal(seen.bands, 4); /* 6 would be parts of sequences of different lengths, 8 too few rows */
    assert_int_equal(seen.apart, 0);
  }
}

/* Heads of [sequence, place, head, ..]: each band writes its own columns of all places, and who reads them comes
 * behind. */
static void heads_apart(void **state) {
  (void)state;
  enum { HEADS = 2, PLACES = 40, WIDE = 24 };
  for (uint32_t turn = 0; turn < 6; turn++) {
    uint32_t batch = 1 + turn / 2;
    const uint32_t in[3] = {PLACES, batch, HEADS * WIDE}, rows[3] = {batch * HEADS, PLACES, PLACES};
    const uint32_t scores[5] = {batch, HEADS, PLACES, PLACES, WIDE}, values[5] = {batch, PLACES, HEADS, WIDE, PLACES};
    const uint32_t out[3] = {batch, PLACES, HEADS * WIDE};
    stage_begin(&s, 91 + turn);
    struct stage_value entry = stage_state(&s, TAPE_F32, 3, out), part[3];
    for (int n = 0; n < 3; n++)
      part[n] =
          moving(stage_data(&s, TAPE_F32, batch * PLACES * HEADS * WIDE, n == 2 && turn % 2 ? STAGE_WILD : STAGE_PLAIN),
                 in); /* infinities by zeros are NaN that want mending */
    struct stage_value x =
        product(4, 1, scores, part[0], (const uint8_t[]){2, 0, 1, 4, 255}, part[1], (const uint8_t[]){3, 0, 1, 4, 255});
    x = softmax(x, rows);
    x = product(4, 1, values, x, (const uint8_t[]){0, 2, 1, 4, 255}, part[2], (const uint8_t[]){4, 0, 2, 3, 255});
    if (batch == 1) x = scaled(x, out, 0.5f); /* whose bands would be places of all heads */
    keep(x, out, &entry);
    struct seen seen = look_and_run();
    assert_int_equal(seen.groups, 1);
    assert_int_equal(seen.joined, 3);
    assert_int_equal(seen.bands, batch * HEADS);
    assert_int_equal(seen.apart, 1);
    assert_int_equal(seen.local, 4); /* scores and softmax */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_of_a_softmax), cmocka_unit_test(rows_of_neighbours), cmocka_unit_test(what_does_not_join),
      cmocka_unit_test(sums_over_bands),   cmocka_unit_test(filters_over_bands), cmocka_unit_test(attention),
      cmocka_unit_test(turned_weights),    cmocka_unit_test(rows_of_sequences),  cmocka_unit_test(heads_apart)};
  return cmocka_run_group_tests_name("bands", tests, stage_open_3, stage_shut_pool);
}
