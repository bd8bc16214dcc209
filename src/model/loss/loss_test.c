/* Losses and their gradients against the formulas in binary64, and what evaluation counts. */
#include "model/loss/loss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

static struct sketch s;
static float samples[4096], p[4096], gradient[4096];
static int32_t labels[4096];

/* y = x + p: the gradient of p is the gradient of the outputs. */
static void begin(uint64_t seed, uint32_t rank, const uint32_t *dim) {
  int64_t open[TAPE_RANK_MAX + 1] = {-1}, whole[TAPE_RANK_MAX + 1] = {dim[0]};
  uint64_t count = 1;
  for (uint32_t a = 0; a < rank; a++) {
    if (a) open[a] = whole[a] = dim[a];
    count *= dim[a];
  }
  sketch_begin(&s, seed);
  sketch_input(&s, "x", open);
  memcpy(p, sketch_weight(&s, "p", whole, 2), count * sizeof *p);
  for (uint64_t n = 0; n < count; n++) samples[n] = sketch_draw(&s);
  sketch_node(&s, "Add", "x p", "y");
  sketch_output(&s, "y");
}

struct want {
  double loss, correct;
  uint32_t count;
  double gradient[4096];
};

/* PyTorch's definition, over a class axis with `inner` elements behind it. rows = outer * inner. */
static struct want cross_entropy(uint32_t outer, uint32_t classes, uint32_t inner, double smoothing, int32_t ignored) {
  static struct want w;
  memset(&w, 0, sizeof w);
  for (uint32_t row = 0; row < outer * inner; row++) w.count += labels[row] != ignored;
  for (uint32_t row = 0; row < outer * inner; row++) {
    uint32_t first = row / inner * classes * inner + row % inner, best = 0;
    double z = 0, x[64], sum = 0;
    for (uint32_t c = 0; c < classes; c++) {
      x[c] = (double)samples[first + c * inner] + (double)p[first + c * inner];
      z += exp(x[c]);
      sum += x[c];
      if (x[c] > x[best]) best = c;
    }
    if (labels[row] == ignored) continue;
    w.correct += (int32_t)best == labels[row];
    w.loss += (1 - smoothing) * (log(z) - x[labels[row]]) + smoothing * (log(z) - sum / classes);
    for (uint32_t c = 0; c < classes; c++)
      w.gradient[first + c * inner] =
          (exp(x[c]) / z - (1 - smoothing) * ((int32_t)c == labels[row]) - smoothing / classes) / fmax(1, w.count);
  }
  return w;
}

static void near(double have, double want) {
  if (!(fabs(have - want) <= 2e-6 * (fabs(want) + 0.1))) fail_msg("%.9g, not %.9g", have, want);
}

static void check(uint32_t rank, const uint32_t *dim, uint32_t axis, float smoothing, int32_t ignored) {
  struct lower_options o = trial_defaults(dim[0]);
  uint32_t outer = 1, inner = 1, count = 0;
  for (uint32_t a = 0; a < rank; a++) {
    if (a < axis) outer *= dim[a];
    if (a > axis) inner *= dim[a];
  }
  count = outer * dim[axis] * inner;
  o.loss.label_smoothing = smoothing;
  o.loss.ignore_index = ignored;
  o.optimizer.momentum = 0.5f;
  o.train = (struct sample_shape){.samples = dim[0], .target_dtype = TAPE_I32, .input_rank = rank - 1, .scale = 1};
  memcpy(o.train.input_dim, dim + 1, (rank - 1) * sizeof *dim);
  for (uint32_t a = 1; a < rank; a++)
    if (a != axis) o.train.target_dim[o.train.target_rank++] = dim[a];
  o.test = o.train;
  struct want w = cross_entropy(outer, dim[axis], inner, (double)smoothing, ignored);
  struct trial t;
  if (!trial_open(&t, &s.model, &o, (const void *[4]){samples, labels, samples, labels}, true))
    fail_msg("%s", t.why.text);
  execute_step(t.run[TAPE_OF_EVALUATE], t.state, 0, 42);
  near(trial_scalar(&t, t.l.entry_eval_loss), w.loss);
  assert_int_equal(trial_integer(&t, t.l.entry_eval_correct), w.correct);
  assert_int_equal(trial_integer(&t, t.l.entry_eval_count), w.count);
  trial_train(&t, 1);
  near(trial_scalar(&t, t.l.entry_loss), w.loss / fmax(1, w.count));
  assert_int_equal(trial_parameter(&t, "p", 1, gradient), count);
  for (uint32_t n = 0; n < count; n++) near(gradient[n], w.gradient[n]);
  trial_shut(&t);
}

static void draw_labels(uint32_t count, uint32_t classes, int32_t ignored) {
  for (uint32_t n = 0; n < count; n++)
    labels[n] = sketch_below(&s, 4) == 0 ? ignored : (int32_t)sketch_below(&s, classes);
}

static void test_classes(void **state) {
  (void)state;
  for (uint32_t n = 0; n < 4; n++) {
    begin(n, 2, (uint32_t[]){6, 7});
    draw_labels(6, 7, n == 2 ? -100 : 3);
    check(2, (uint32_t[]){6, 7}, 1, n & 1 ? 0.2f : 0, n < 3 ? -100 : 3);
  }
}

static void test_class_axis(void **state) {
  (void)state;
  begin(5, 4, (uint32_t[]){2, 5, 3, 4}); /* images: [N, C, H, W] with [N, H, W] */
  draw_labels(24, 5, -1);
  check(4, (uint32_t[]){2, 5, 3, 4}, 1, 0, -1);
  begin(6, 3, (uint32_t[]){2, 3, 5}); /* text: [N, T, V] with [N, T] */
  draw_labels(6, 5, 255);
  check(3, (uint32_t[]){2, 3, 5}, 2, 0.1f, 255);
  begin(7, 3, (uint32_t[]){2, 5, 3}); /* [N, C, L] with [N, L] */
  draw_labels(6, 5, 255);
  check(3, (uint32_t[]){2, 5, 3}, 1, 0.1f, 255);
}

static void test_all_ignored(void **state) {
  (void)state;
  begin(8, 2, (uint32_t[]){3, 4});
  labels[0] = labels[1] = labels[2] = 2;
  check(2, (uint32_t[]){3, 4}, 1, 0, 2);
}

/* Data is anyone's: a label that is no class and not ignored picks 0 and is no target. */
static void test_foreign_label(void **state) {
  struct lower_options o = trial_defaults(1);
  struct trial t;
  double z = 0;
  (void)state;
  begin(12, 2, (uint32_t[]){1, 4});
  labels[0] = 9;
  o.optimizer.momentum = 0.5f;
  o.train =
      (struct sample_shape){.samples = 1, .target_dtype = TAPE_I32, .input_rank = 1, .input_dim = {4}, .scale = 1};
  if (!trial_open(&t, &s.model, &o, (const void *[4]){samples, labels}, true)) fail_msg("%s", t.why.text);
  trial_train(&t, 1);
  for (int c = 0; c < 4; c++) z += exp((double)samples[c] + (double)p[c]);
  near(trial_scalar(&t, t.l.entry_loss), log(z));
  trial_parameter(&t, "p", 1, gradient);
  for (int c = 0; c < 4; c++) near(gradient[c], exp((double)samples[c] + (double)p[c]) / z);
  trial_shut(&t);
}

/* Seven test samples in batches of three: what is masked adds nothing. */
static void test_masked_evaluation(void **state) {
  struct lower_options o = trial_defaults(2);
  struct trial t;
  float x[14], target[7];
  double loss = 0;
  (void)state;
  sketch_begin(&s, 9);
  sketch_input(&s, "x", (int64_t[]){-1, 2, 0});
  float *w = sketch_weight(&s, "w", (int64_t[]){2, 1, 0}, 1), *b = sketch_weight(&s, "b", (int64_t[]){1, 0}, 1);
  sketch_node(&s, "Gemm", "x w b", "y");
  sketch_output(&s, "y");
  b[0] = 5; /* what lies beyond the data would be seen */
  for (int n = 0; n < 14; n++) x[n] = sketch_draw(&s);
  for (int n = 0; n < 7; n++) {
    target[n] = sketch_draw(&s);
    double d = (double)x[2 * n] * (double)w[0] + (double)x[2 * n + 1] * (double)w[1] + (double)b[0] - (double)target[n];
    loss += d * d;
  }
  o.loss.name = LOSS_MSE;
  o.train = (struct sample_shape){.samples = 7, .input_rank = 1, .input_dim = {2}, .scale = 1};
  o.test = o.train;
  o.evaluate_batch = 3;
  if (!trial_open(&t, &s.model, &o, (const void *[4]){x, target, x, target}, true)) fail_msg("%s", t.why.text);
  for (uint32_t step = 0; step < 3; step++) execute_step(t.run[TAPE_OF_EVALUATE], t.state, step, 42);
  near(trial_scalar(&t, t.l.entry_eval_loss), loss);
  assert_int_equal(trial_integer(&t, t.l.entry_eval_count), 7);
  assert_int_equal(trial_integer(&t, t.l.entry_eval_correct), 0);
  trial_shut(&t);
}

static void test_masked_classes(void **state) {
  struct lower_options o = trial_defaults(2);
  struct trial t;
  (void)state;
  begin(11, 2, (uint32_t[]){1, 4}); /* p is one row for all samples */
  for (uint32_t n = 0; n < 20; n++) samples[n] = sketch_draw(&s);
  for (uint32_t n = 1; n < 5; n++) memcpy(p + 4 * n, p, 4 * sizeof *p);
  draw_labels(5, 4, 1);
  struct want w = cross_entropy(5, 4, 1, 0, -100);
  o.train =
      (struct sample_shape){.samples = 5, .target_dtype = TAPE_I32, .input_rank = 1, .input_dim = {4}, .scale = 1};
  o.test = o.train;
  o.evaluate_batch = 4;
  if (!trial_open(&t, &s.model, &o, (const void *[4]){samples, labels, samples, labels}, true))
    fail_msg("%s", t.why.text);
  for (uint32_t step = 0; step < 2; step++) execute_step(t.run[TAPE_OF_EVALUATE], t.state, step, 42);
  near(trial_scalar(&t, t.l.entry_eval_loss), w.loss);
  assert_int_equal(trial_integer(&t, t.l.entry_eval_count), 5);
  assert_int_equal(trial_integer(&t, t.l.entry_eval_correct), w.correct);
  trial_shut(&t);
}

/* PyTorch's formulas in binary64: the loss of one element, and its derivative. */
static double element(enum loss_name name, double delta, double x, double target, double *slope) {
  double d = x - target, sign = (d > 0) - (d < 0);
  switch (name) {
  case LOSS_BCE_WITH_LOGITS: *slope = 1 / (1 + exp(-x)) - target; return fmax(x, 0) - x * target + log1p(exp(-fabs(x)));
  case LOSS_HUBER:
    *slope = fabs(d) < delta ? d : delta * sign;
    return fabs(d) < delta ? d * d / 2 : delta * (fabs(d) - delta / 2);
  case LOSS_SMOOTH_L1:
    *slope = fabs(d) < delta ? d / delta : sign;
    return fabs(d) < delta ? d * d / 2 / delta : fabs(d) - delta / 2;
  default: *slope = sign; return fabs(d);
  }
}

/* Five test samples in batches of three: the mean over those that are there. */
static void test_elements(void **state) {
  static const struct {
    enum loss_name name;
    float delta;
  } cases[] = {{LOSS_L1, 0},        {LOSS_HUBER, 1},     {LOSS_HUBER, 0.3f},
               {LOSS_SMOOTH_L1, 1}, {LOSS_SMOOTH_L1, 0}, {LOSS_BCE_WITH_LOGITS, 0}};
  (void)state;
  for (uint64_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    struct lower_options o = trial_defaults(5);
    struct trial t;
    float target[20];
    double loss = 0, slope[20];
    begin(20 + c, 2, (uint32_t[]){5, 4});
    for (int n = 0; n < 20; n++) {
      samples[n] *= n % 5 == 4 ? 30 : 2; /* far out too */
      target[n] = cases[c].name == LOSS_BCE_WITH_LOGITS ? (float)(n % 3) / 2 : sketch_draw(&s);
      loss += element(cases[c].name, (double)cases[c].delta, (double)samples[n] + (double)p[n], (double)target[n],
                      &slope[n]);
    }
    o.loss.name = cases[c].name;
    o.loss.delta = cases[c].delta;
    o.optimizer.momentum = 0.5f;
    o.train = (struct sample_shape){
        .samples = 5, .input_rank = 1, .input_dim = {4}, .target_rank = 1, .target_dim = {4}, .scale = 1};
    if (!trial_open(&t, &s.model, &o, (const void *[4]){samples, target, samples, target}, true))
      fail_msg("%s", t.why.text);
    trial_train(&t, 1);
    near(trial_scalar(&t, t.l.entry_loss), loss / 20);
    trial_parameter(&t, "p", 1, gradient);
    for (int n = 0; n < 20; n++) near(gradient[n], slope[n] / 20);
    trial_shut(&t);
  }
}

/* Evaluation in batches of three of seven samples: two batches lie in the data wholly, and the seventh sample is masked
 * by a loss that can, and left out by the model's own. */
static void test_evaluations(void **state) {
  (void)state;
  for (int own = 0; own < 2; own++) {
    struct lower_options o = trial_defaults(3);
    struct trial t;
    float x[7], target[7];
    double loss = 0;
    sketch_begin(&s, 30);
    sketch_input(&s, "x", (int64_t[]){-1, 1, 0});
    float *w = sketch_weight(&s, "w", (int64_t[]){1, 1, 0}, 1);
    if (own) {
      sketch_node(&s, "Mul", "x w", "z");
      sketch_node(&s, "Abs", "z", "a");
      sketch_int(&s, sketch_node(&s, "ReduceMean", "a", "l"), "keepdims", 0);
      sketch_output(&s, "z"); /* the model's first output is not its loss */
      sketch_output(&s, "l");
    } else {
      sketch_node(&s, "Mul", "x w", "y");
      sketch_output(&s, "y");
    }
    for (int n = 0; n < 7; n++) {
      x[n] = sketch_draw(&s);
      target[n] = 0;
      if (n < 6 || !own) loss += fabs((double)x[n] * (double)w[0]);
    }
    o.loss = (struct loss_options){.name = own ? LOSS_OUTPUT : LOSS_L1, .output = "l"};
    o.optimizer.momentum = 0.5f;
    o.train = (struct sample_shape){.samples = 7, .input_rank = 1, .input_dim = {1}, .scale = 1};
    o.train.no_targets = own;
    if (!own) o.train.target_rank = 1, o.train.target_dim[0] = 1;
    o.test = o.train;
    o.evaluate_batch = 3;
    if (!trial_open(&t, &s.model, &o, (const void *[4]){x, target, x, target}, true)) fail_msg("%s", t.why.text);
    for (uint32_t step = 0; step < 3; step++) execute_step(t.run[TAPE_OF_EVALUATE], t.state, step, 42);
    near(trial_scalar(&t, t.l.entry_eval_loss), loss);
    assert_int_equal(trial_integer(&t, t.l.entry_eval_count), own ? 6 : 7);
    trial_train(&t, 1);
    if (own) { /* the derivative of mean |x w| over the first batch */
      double want = 0;
      for (int n = 0; n < 3; n++) want += fabs((double)x[n]) / 3 * ((double)w[0] < 0 ? -1 : 1);
      trial_parameter(&t, "w", 1, gradient);
      near(gradient[0], want);
    }
    trial_shut(&t);
  }
}

static void refused(struct lower_options *o, const char *word) {
  struct trial t;
  float zero[64] = {0};
  if (trial_open(&t, &s.model, o, (const void *[4]){zero, zero}, true)) fail_msg("no refusal with '%s'", word);
  if (!strstr(t.why.text, word)) fail_msg("'%s' lacks '%s'", t.why.text, word);
}

static void test_refusals(void **state) {
  struct lower_options o = trial_defaults(2);
  (void)state;
  begin(40, 2, (uint32_t[]){2, 4});
  o.train = (struct sample_shape){
      .samples = 2, .input_rank = 1, .input_dim = {4}, .target_rank = 1, .target_dim = {4}, .scale = 1};
  o.loss = (struct loss_options){.name = LOSS_OUTPUT, .output = "nothing"};
  refused(&o, "no output 'nothing'; its first is 'y'");
  o.loss.output = "y";
  refused(&o, "one float");
  o.loss = (struct loss_options){.name = LOSS_HUBER, .delta = 0};
  refused(&o, "above 0");
  o.loss = (struct loss_options){.name = LOSS_L1};
  o.train.target_dim[0] = 3;
  refused(&o, "l1: targets of [2, 3] do not go with outputs of [2, 4]");
  o.loss = (struct loss_options){.name = LOSS_CROSS_ENTROPY, .class_axis = -2};
  o.train.target_dtype = TAPE_I32;
  refused(&o, "class_axis -2");
}

/* Where shapes leave it open, the job says which axis the classes lie on. */
static void test_named_axis(void **state) {
  struct lower_options o = trial_defaults(2);
  struct trial t;
  double loss = 0;
  (void)state;
  begin(41, 3, (uint32_t[]){2, 3, 3});
  o.loss.class_axis = 1;
  o.optimizer.momentum = 0.5f;
  o.train = (struct sample_shape){.samples = 2,
                                  .input_rank = 2,
                                  .input_dim = {3, 3},
                                  .target_dtype = TAPE_I32,
                                  .target_rank = 1,
                                  .target_dim = {3},
                                  .scale = 1};
  draw_labels(6, 3, -100);
  struct want w = cross_entropy(2, 3, 3, 0, -100);
  loss = w.loss / fmax(1, w.count);
  if (!trial_open(&t, &s.model, &o, (const void *[4]){samples, labels}, true)) fail_msg("%s", t.why.text);
  trial_train(&t, 1);
  near(trial_scalar(&t, t.l.entry_loss), loss);
  trial_shut(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_classes),           cmocka_unit_test(test_class_axis),
                                     cmocka_unit_test(test_all_ignored),       cmocka_unit_test(test_foreign_label),
                                     cmocka_unit_test(test_masked_evaluation), cmocka_unit_test(test_masked_classes),
                                     cmocka_unit_test(test_elements),          cmocka_unit_test(test_evaluations),
                                     cmocka_unit_test(test_refusals),          cmocka_unit_test(test_named_axis)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
