/* BatchNormalization over several steps: its running statistics live in the state, evaluation reads them, a frozen one
 * is used while training too; and what it refuses. Numbers are computed here in binary64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

enum { N = 4, C = 3, P = 5, SAMPLES = 2 * N }; /* batch, channels, places */
static struct sketch s;
static float x[SAMPLES][C][P], y[SAMPLES][C][P];
static const float epsilon = 0.01f;

/* y = BatchNormalization(x + p); p is zero and its gradient the input's. */
static void begin(float momentum) {
  sketch_begin(&s, 5);
  s.model.opset = 15;
  sketch_input(&s, "x", (int64_t[]){-1, C, P, 0});
  float *p = sketch_weight(&s, "p", (int64_t[]){C, P, 0}, 0);
  memset(p, 0, C * P * sizeof *p);
  for (int n = 0; n < 2; n++) sketch_weight(&s, n ? "bias" : "scale", (int64_t[]){C, 0}, 1);
  float *mean = sketch_weight(&s, "mean", (int64_t[]){C, 0}, 1),
        *variance = sketch_weight(&s, "var", (int64_t[]){C, 0}, 0);
  for (int c = 0; c < C; c++) {
    mean[c] = 0.25f * (float)c;
    variance[c] = 1 + 0.5f * (float)c;
  }
  sketch_node(&s, "Add", "x p", "z");
  struct onnx_node *node = sketch_node(&s, "BatchNormalization", "z scale bias mean var", "y");
  sketch_float(&s, node, "momentum", momentum);
  sketch_float(&s, node, "epsilon", epsilon);
  sketch_output(&s, "y");
  for (int n = 0; n < SAMPLES; n++)
    for (int c = 0; c < C; c++)
      for (int k = 0; k < P; k++) {
        x[n][c][k] = sketch_draw(&s) * (float)(c + 1) + 0.5f;
        y[n][c][k] = sketch_draw(&s);
      }
}

static const float *initial(const char *name) {
  for (uint32_t n = 0; n < s.model.initializers_count; n++)
    if (strcmp(s.model.initializer[n].name, name) == 0) return s.model.initializer[n].f32;
  fail();
  return NULL;
}

static void open(struct trial *t, struct lower_options *o) {
  const void *const content[4] = {x, y, x, y};
  o->loss.name = LOSS_MSE;
  o->train = (struct sample_shape){
      .samples = SAMPLES, .input_rank = 2, .input_dim = {C, P}, .target_rank = 2, .target_dim = {C, P}, .scale = 1};
  o->test = o->train;
  if (!trial_open(t, &s.model, o, content, false)) fail_msg("%s", t->why.text);
}

/* Mean and squared deviations of channel c in batch b. */
static void batch_of(int b, int c, double *mean, double *squares) {
  *mean = *squares = 0;
  for (int n = b * N; n < b * N + N; n++)
    for (int k = 0; k < P; k++) *mean += (double)x[n][c][k] / (N * P);
  for (int n = b * N; n < b * N + N; n++)
    for (int k = 0; k < P; k++) *squares += ((double)x[n][c][k] - *mean) * ((double)x[n][c][k] - *mean);
}

static void near(double have, double want) {
  if (!(fabs(have - want) <= 2e-6 * (1 + fabs(want)))) fail_msg("%.9g, not %.9g", have, want);
}

/* Two updates that move nothing but the statistics (the learning rate is nought), over both batches. */
static void test_running(void **state) {
  (void)state;
  for (int biased = 0; biased < 2; biased++) {
    struct trial t;
    struct lower_options o = trial_defaults(N);
    float mean[C], variance[C];
    o.biased_variance = biased;
    o.optimizer.lr = 1e-30f;
    begin(0.7f);
    open(&t, &o);
    for (uint32_t u = 1; u <= 2; u++) trial_train(&t, u);
    assert_int_equal(trial_parameter(&t, "mean", 0, mean), C);
    assert_int_equal(trial_parameter(&t, "var", 0, variance), C);
    for (int c = 0; c < C; c++) {
      double m = (double)initial("mean")[c], v = (double)initial("var")[c], bm, bs;
      for (int b = 0; b < 2; b++) {
        batch_of(b, c, &bm, &bs);
        m = 0.7 * m + 0.3 * bm;
        v = 0.7 * v + 0.3 * bs / (N * P - !biased);
      }
      near((double)mean[c], m);
      near((double)variance[c], v);
    }
    trial_shut(&t);
  }
}

/* The loss of evaluation is that of the running statistics, whatever its batches hold. */
static void test_evaluation(void **state) {
  (void)state;
  struct trial t;
  struct lower_options o = trial_defaults(N);
  float mean[C], variance[C];
  o.evaluate_batch = 3; /* the last batch reaches beyond the data */
  o.optimizer.lr = 1e-30f;
  begin(0.9f);
  open(&t, &o);
  trial_train(&t, 1);
  trial_parameter(&t, "mean", 0, mean);
  trial_parameter(&t, "var", 0, variance);
  double want = 0;
  for (int n = 0; n < SAMPLES; n++)
    for (int c = 0; c < C; c++)
      for (int k = 0; k < P; k++) {
        double h = ((double)x[n][c][k] - (double)mean[c]) / sqrt((double)variance[c] + (double)epsilon);
        double d = h * (double)initial("scale")[c] + (double)initial("bias")[c] - (double)y[n][c][k];
        want += d * d / (C * P);
      }
  for (uint32_t step = 0; step < 3; step++) execute_step(t.run[TAPE_OF_EVALUATE], t.state, step, t.seed);
  near((double)trial_scalar(&t, t.l.entry_eval_loss), want);
  trial_shut(&t);
}

/* A frozen running mean: the statistics decide while training and stay as they are; scale and input get the derivatives
 * of that. */
static void test_frozen(void **state) {
  (void)state;
  static const char *const names[] = {"mean", "var"};
  struct trial t;
  struct lower_options o = trial_defaults(N);
  float after[C], shift[C * P];
  o.freeze = names;
  o.freeze_count = 2;
  o.optimizer.lr = 1;
  begin(0.9f);
  open(&t, &o);
  trial_train(&t, 1);
  trial_parameter(&t, "mean", 0, after);
  assert_memory_equal(after, initial("mean"), sizeof after);
  trial_parameter(&t, "var", 0, after);
  assert_memory_equal(after, initial("var"), sizeof after);
  trial_parameter(&t, "scale", 0, after);
  trial_parameter(&t, "p", 0, shift);
  for (int c = 0; c < C; c++) {
    double scale = (double)initial("scale")[c], inverse = 1 / sqrt((double)initial("var")[c] + (double)epsilon);
    double change = 0;
    for (int k = 0; k < P; k++) {
      double down = 0;
      for (int n = 0; n < N; n++) {
        double h = ((double)x[n][c][k] - (double)initial("mean")[c]) * inverse;
        double g = 2 * (h * scale + (double)initial("bias")[c] - (double)y[n][c][k]) / (N * C * P);
        change += g * h;
        down += g * scale * inverse;
      }
      near((double)shift[c * P + k], -down);
    }
    near((double)after[c], scale - change);
  }
  trial_shut(&t);
}

static void refused(const struct lower_options *o, const char *words) {
  struct arena arena;
  struct lowered l;
  struct why why = {{0}};
  assert_true(arena_open(&arena, (size_t)1 << 26));
  assert_int_not_equal(lower_job(&s.model, o, &arena, &l, &why), LOWER_OK);
  if (!strstr(why.text, words)) fail_msg("'%s' does not say '%s'", why.text, words);
  arena_shut(&arena);
}

static void test_refusals(void **state) {
  (void)state;
  struct lower_options o = trial_defaults(1);
  o.loss.name = LOSS_MSE;
  o.train = (struct sample_shape){
      .samples = 4, .input_rank = 1, .input_dim = {C}, .target_rank = 1, .target_dim = {C}, .scale = 1};
  for (int n = 0; n < 3; n++) {
    sketch_begin(&s, 6);
    s.model.opset = 15;
    sketch_input(&s, "x", (int64_t[]){-1, C, 0});
    static const char *const names[] = {"scale", "bias", "mean", "var"};
    for (int k = 0; k < 4; k++) sketch_weight(&s, names[k], (int64_t[]){n == 1 && k == 3 ? C + 1 : C, 0}, 1);
    if (n == 2) sketch_node(&s, "Mul", "x mean", "z");
    sketch_node(&s, "BatchNormalization", n == 2 ? "z scale bias mean var" : "x scale bias mean var", "y");
    sketch_output(&s, "y");
    refused(&o, n == 0 ? "larger batch" : n == 1 ? "channels" : "as a weight");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_running), cmocka_unit_test(test_evaluation),
                                     cmocka_unit_test(test_frozen), cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
