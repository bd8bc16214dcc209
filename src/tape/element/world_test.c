/* A whole small world: the example tape, from its file, run for eight steps by asking for every element, beside the
 * same network written as plain loops. Its numbers are small integers and halves, so the loops have no rounding to get
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "numeric/random.h"
#include "numeric/soft/soft.h"
#include "tape/check/check.h"
#include "tape/element/element.h"
#include "tape/record/example.h"

enum { STEPS = 8, STATE_LEAVES = 4, TEMP_LEAVES = 9, BLOB_LEAVES = 3, SEED = 77 };

/* The spaces as bytes, laid out as TAPE 1.2 says. */
struct world {
  uint8_t in[STATE_LEAVES * TAPE_LEAF_BYTES], out[STATE_LEAVES * TAPE_LEAF_BYTES], temp[TEMP_LEAVES * TAPE_LEAF_BYTES];
  uint8_t x[8 * 3 * 4], label[8 * 4], blob[BLOB_LEAVES * TAPE_LEAF_BYTES];
  const struct tape_record *record; /* the one that runs */
};

static uint32_t word_at(const uint8_t *bytes, uint64_t index) {
  struct reader r = reader_over(bytes + 4 * index, 4);
  return take_u32(&r);
}

static void set_word(uint8_t *bytes, uint64_t index, uint32_t word) {
  struct writer w = writer_over(bytes + 4 * index, 4);
  put_u32(&w, word);
}

static uint32_t load(void *context, uint8_t o, uint32_t k, uint64_t index) {
  (void)k;
  const struct world *w = context;
  const struct tape_operand *x = &w->record->operand[o];
  const uint8_t *data[] = {w->x, NULL, w->label, NULL, NULL, w->blob};
  const uint8_t *space[] = {w->temp, NULL, w->in, x->space == TAPE_DATA ? data[x->data_number] : NULL};
  return word_at(space[x->space] + x->first_leaf * TAPE_LEAF_BYTES, index);
}

static void run_step(const struct tape *t, struct world *w, uint32_t step) {
  struct element_world e = {.apply = soft_apply, .load = load, .context = w, .step = step, .seed = SEED};
  for (uint32_t n = 0; n < t->records_count; n++) {
    const struct tape_record *r = w->record = &t->record[n];
    uint8_t *to = (r->space == TAPE_OUT ? w->out : w->temp) + r->first_leaf * TAPE_LEAF_BYTES;
    for (uint64_t i = 0; i < record_elements(r); i++) set_word(to, i, element_value(r, &e, i));
  }
  memcpy(w->in, w->out, sizeof w->in);
}

/* The network as a reader would write it, in halves: all values are multiples of 1/2^9 and far below 2^24 of them. */
struct plain {
  double w[3][4];
  int32_t count;
};

static const int32_t samples[8][3] = {{1, 2, 0},  {0, -1, 1}, {2, 0, 0},  {1, 1, 1},
                                      {0, 0, -2}, {3, 1, 0},  {0, 2, -1}, {-1, 0, 1}};
static const int32_t labels[8] = {0, 1, 2, 1, 7 /* no such row */, 1, 2, 0};

static void plain_step(struct plain *p, uint32_t step) {
  double y[2][4] = {{0}}, scatter[3][4] = {{0}};
  p->count = 0;
  for (int b = 0; b < 2; b++) {
    int32_t pick = random_perm(step / 4, 8, (int32_t)(step % 4) * 2 + b, SEED);
    for (int j = 0; j < 4; j++)
      for (int i = 0; i < 3; i++) y[b][j] += samples[pick][i] * p->w[i][j];
    p->count += labels[pick] == 1;
    for (int j = 0; j < 4 && labels[pick] < 3; j++) scatter[labels[pick]][j] += y[b][j];
  }
  for (uint32_t i = 0; i < 12; i++)
    if (random_word(i, 7, step, SEED) >= 0x20000000) p->w[i / 4][i % 4] -= scatter[i / 4][i % 4] / 2;
}

static uint32_t bits_of(double x) {
  float f = (float)x;
  uint32_t word;
  memcpy(&word, &f, sizeof word);
  return word;
}

static void fill(struct world *w, struct plain *p) {
  memset(w, 0, sizeof *w);
  *p = (struct plain){.count = 0};
  for (uint32_t i = 0; i < 12; i++) {
    p->w[i / 4][i % 4] = (double)(i % 5) - 2;
    set_word(w->in + TAPE_LEAF_BYTES, i, bits_of(p->w[i / 4][i % 4]));
    set_word(w->blob + TAPE_LEAF_BYTES, i, 0x100 + i);
  }
  for (uint32_t i = 0; i < 24; i++) set_word(w->x, i, bits_of(samples[i / 3][i % 3]));
  for (uint32_t i = 0; i < 8; i++) set_word(w->label, i, (uint32_t)labels[i]);
}

/* The tape as a stranger would have it: from bytes, then checked. */
static struct tape tape_from_bytes(void) {
  static uint8_t bytes[8192], memory[1 << 17];
  struct example e;
  struct tape t;
  struct arena arena = arena_over(memory, sizeof memory);
  example_tape(&e);
  size_t length = tape_write(&e.tape, bytes, sizeof bytes);
  assert_int_equal(tape_read(bytes, length, &arena, &t, NULL), TAPE_OK);
  assert_int_equal(tape_check(&t, &arena, NULL), TAPE_OK);
  return t;
}

static void eight_steps_are_what_plain_loops_give(void **state) {
  (void)state;
  static struct world w;
  struct plain p;
  struct tape t = tape_from_bytes();
  uint32_t moved = 0;
  fill(&w, &p);
  for (uint32_t step = 0; step < STEPS; step++) {
    double before = p.w[0][0];
    run_step(&t, &w, step);
    plain_step(&p, step);
    moved += p.w[0][0] != before;
    assert_int_equal(word_at(w.in, 0), 0);
    for (uint32_t i = 0; i < 12; i++) {
      if (p.w[i / 4][i % 4] != 0) /* a plain loop may leave another zero */
        assert_int_equal(word_at(w.in + TAPE_LEAF_BYTES, i), bits_of(p.w[i / 4][i % 4]));
      assert_int_equal(word_at(w.in + 2 * TAPE_LEAF_BYTES, i), 0x100 + i);
    }
    assert_int_equal(word_at(w.in + 3 * TAPE_LEAF_BYTES, 0), p.count);
    for (uint32_t j = 0; j < 8; j++) /* wide: each column of y twice */
      assert_int_equal(word_at(w.temp + 7 * TAPE_LEAF_BYTES, j), word_at(w.temp + 2 * TAPE_LEAF_BYTES, j / 2));
    for (uint32_t j = 0; j < 5; j++) /* narrow: 1 where j + 1 is odd, else wide at (j + 1) / 2 */
      assert_int_equal(word_at(w.temp + 8 * TAPE_LEAF_BYTES, j),
                       j % 2 ? word_at(w.temp + 7 * TAPE_LEAF_BYTES, (j + 1) / 2) : 0x3f800000);
  }
  assert_true(moved > 0);
}

/* A weight that is not finite makes every sum of that step NaN; diverged says so and never takes it back. */
static void diverged_is_sticky(void **state) {
  (void)state;
  static struct world w;
  struct plain p;
  struct tape t = tape_from_bytes();
  fill(&w, &p);
  for (uint32_t i = 0; i < 12; i++) set_word(w.in + TAPE_LEAF_BYTES, i, 0x7f800000);
  run_step(&t, &w, 0);
  assert_int_equal(word_at(w.in, 0), 1);
  for (uint32_t i = 0; i < 12; i++) set_word(w.in + TAPE_LEAF_BYTES, i, 0);
  run_step(&t, &w, 1);
  assert_int_equal(word_at(w.in, 0), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(eight_steps_are_what_plain_loops_give),
      cmocka_unit_test(diverged_is_sticky),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
