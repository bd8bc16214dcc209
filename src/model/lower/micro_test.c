/* Gradients over micro-batches: whoever computes each from a zero sum and adds them in order has the same bits, and the
 * update is the optimizer's on their mean. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

enum { MICRO = 4, BATCH = 8, SAMPLES = 16, WIDTH = 3, HIDDEN = 5, WEIGHTS = WIDTH * HIDDEN };
static const float lr = 0.125f;

struct world {
  struct sketch s;
  float x[SAMPLES * WIDTH], target[SAMPLES];
  struct trial t;
};

static void open_world(struct world *w, bool plain) {
  struct lower_options o = trial_defaults(BATCH);
  sketch_begin(&w->s, 11);
  sketch_input(&w->s, "x", (int64_t[]){-1, WIDTH, 0});
  sketch_weight(&w->s, "w", (int64_t[]){WIDTH, HIDDEN, 0}, 1);
  sketch_weight(&w->s, "v", (int64_t[]){HIDDEN, 1, 0}, 1);
  sketch_node(&w->s, "MatMul", "x w", "h");
  sketch_node(&w->s, "Tanh", "h", "a");
  sketch_node(&w->s, "MatMul", "a v", "y");
  sketch_output(&w->s, "y");
  for (int k = 0; k < SAMPLES * WIDTH; k++) w->x[k] = sketch_draw(&w->s);
  for (int k = 0; k < SAMPLES; k++) w->target[k] = sketch_draw(&w->s);
  o.loss.name = LOSS_MSE;
  o.optimizer.lr = lr;
  o.shuffle = true;
  o.micro_batches = MICRO;
  o.train = (struct sample_shape){
      .samples = SAMPLES, .input_rank = 1, .input_dim = {WIDTH}, .target_rank = 1, .target_dim = {1}, .scale = 1};
  if (!trial_open(&w->t, &w->s.model, &o, (const void *[4]){w->x, w->target}, plain)) fail_msg("%s", w->t.why.text);
}

static void accumulate(struct world *w, uint32_t step) {
  execute_step(w->t.run[w->t.l.accumulate], w->t.state, step, w->t.seed);
}

static void sum_of(const struct world *w, float out[WEIGHTS]) {
  assert_int_equal(trial_parameter(&w->t, "w", 1, out), WEIGHTS);
}

static void micro_batches_add_up(bool plain) {
  static struct world w;
  float before[WEIGHTS], after[WEIGHTS], total[WEIGHTS], sum[WEIGHTS] = {0}, one[WEIGHTS], last[WEIGHTS];
  memset(&w, 0, sizeof w);
  open_world(&w, plain);
  assert_int_equal(w.t.l.tapes_count, 3);
  assert_int_equal(w.t.l.accumulate, 2); /* the last, and there is no evaluation */
  assert_false(w.t.l.evaluates);
  size_t bytes = (size_t)w.t.l.tape[0].state_leaves * TAPE_LEAF_BYTES;
  uint8_t *start = malloc(bytes);
  assert_non_null(start);
  for (uint32_t update = 1; update <= 3; update++) {
    memcpy(start, w.t.state, bytes);
    trial_parameter(&w.t, "w", 0, before);
    /* alone, each from a zero sum */
    memset(sum, 0, sizeof sum);
    for (uint32_t m = 1; m <= MICRO; m++) {
      memcpy(w.t.state, start, bytes);
      accumulate(&w, (update - 1) * MICRO + m);
      sum_of(&w, one);
      trial_parameter(&w.t, "w", 0, after);
      assert_memory_equal(before, after, sizeof before); /* weights stay */
      if (m < MICRO)
        for (int k = 0; k < WEIGHTS; k++) sum[k] += one[k];
      else
        memcpy(last, one, sizeof last);
    }
    /* one after another */
    memcpy(w.t.state, start, bytes);
    for (uint32_t m = 1; m < MICRO; m++) accumulate(&w, (update - 1) * MICRO + m);
    sum_of(&w, total);
    assert_memory_equal(total, sum, sizeof sum);
    trial_train(&w.t, update * MICRO);
    trial_parameter(&w.t, "w", 0, after);
    for (int k = 0; k < WEIGHTS; k++) {
      float mean = (total[k] + last[k]) * (1.0f / MICRO), want = fmaf(-lr, mean, before[k]);
      assert_memory_equal(&after[k], &want, sizeof want);
    }
    sum_of(&w, total);
    for (int k = 0; k < WEIGHTS; k++) assert_true(total[k] == 0 && !signbit(total[k])); /* ready for the next */
  }
  free(start);
  trial_shut(&w.t);
}

static void whoever_adds(void **state) {
  (void)state;
  micro_batches_add_up(true);
  micro_batches_add_up(false);
}

/* A loss that is no number in the first micro-batch is seen when the update is made. */
static void divergence_waits_for_the_update(void **state) {
  (void)state;
  static struct world w;
  memset(&w, 0, sizeof w);
  open_world(&w, true);
  for (int k = 0; k < SAMPLES; k++) w.target[k] = INFINITY;
  for (uint32_t step = 1; step < MICRO; step++) accumulate(&w, step);
  assert_int_equal(trial_integer(&w.t, 0), 0);
  for (int k = 0; k < SAMPLES; k++) w.target[k] = 0;
  trial_train(&w.t, MICRO);
  assert_int_equal(trial_integer(&w.t, 0), 1);
  trial_shut(&w.t);
}

/* Batch normalization sees a micro-batch, not the batch, and so do its running statistics, as in PyTorch. */
static void statistics_are_of_each_part(void **state) {
  (void)state;
  static struct sketch s;
  struct trial t;
  struct lower_options o = trial_defaults(BATCH);
  float x[SAMPLES * WIDTH], target[SAMPLES], have[WIDTH], want[WIDTH];
  sketch_begin(&s, 5);
  sketch_input(&s, "x", (int64_t[]){-1, WIDTH, 0});
  sketch_weight(&s, "scale", (int64_t[]){WIDTH, 0}, 1);
  sketch_weight(&s, "shift", (int64_t[]){WIDTH, 0}, 1);
  const float *mean = sketch_weight(&s, "mean", (int64_t[]){WIDTH, 0}, 1);
  float *variance = sketch_weight(&s, "variance", (int64_t[]){WIDTH, 0}, 1);
  sketch_weight(&s, "v", (int64_t[]){WIDTH, 1, 0}, 1);
  struct onnx_node *norm = sketch_node(&s, "BatchNormalization", "x scale shift mean variance", "n");
  sketch_float(&s, norm, "momentum", 0.75f);
  sketch_node(&s, "MatMul", "n v", "y");
  sketch_output(&s, "y");
  for (int k = 0; k < WIDTH; k++) variance[k] = 1, want[k] = mean[k];
  for (int k = 0; k < SAMPLES * WIDTH; k++) x[k] = sketch_draw(&s);
  for (int k = 0; k < SAMPLES; k++) target[k] = sketch_draw(&s);
  o.loss.name = LOSS_MSE;
  o.micro_batches = MICRO;
  o.ema = 0.5f;
  o.train = (struct sample_shape){
      .samples = SAMPLES, .input_rank = 1, .input_dim = {WIDTH}, .target_rank = 1, .target_dim = {1}, .scale = 1};
  if (!trial_open(&t, &s.model, &o, (const void *[4]){x, target}, true)) fail_msg("%s", t.why.text);
  for (uint32_t step = 1; step <= MICRO; step++) {
    execute_step(t.run[step < MICRO ? t.l.accumulate : TAPE_OF_TRAIN], t.state, step, t.seed);
    assert_int_equal(trial_parameter(&t, "mean", 0, have), WIDTH);
    for (int k = 0; k < WIDTH; k++) { /* of two samples */
      const float *rows = x + (step - 1) * 2 * WIDTH;
      want[k] = 0.75f * want[k] + 0.25f * 0.5f * (rows[k] + rows[WIDTH + k]);
      assert_true(fabsf(have[k] - want[k]) < 1e-6f);
    }
  }
  trial_shut(&t);
}

static void uneven_parts_are_refused(void **state) {
  (void)state;
  static struct world w;
  struct lower_options o = trial_defaults(BATCH);
  struct lowered out;
  struct why why;
  struct arena arena;
  memset(&w, 0, sizeof w);
  open_world(&w, true);
  assert_true(arena_open(&arena, 1 << 26));
  o.loss.name = LOSS_MSE;
  o.micro_batches = 3;
  o.train = (struct sample_shape){
      .samples = SAMPLES, .input_rank = 1, .input_dim = {WIDTH}, .target_rank = 1, .target_dim = {1}, .scale = 1};
  assert_int_equal(lower_job(&w.s.model, &o, &arena, &out, &why), LOWER_ERR_OPTION);
  assert_non_null(strstr(why.text, "3 micro-batches"));
  arena_shut(&arena);
  trial_shut(&w.t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(whoever_adds), cmocka_unit_test(divergence_waits_for_the_update),
                                     cmocka_unit_test(statistics_are_of_each_part),
                                     cmocka_unit_test(uneven_parts_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
