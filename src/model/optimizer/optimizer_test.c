/* Schedules against their closed forms, updates against torch.optim's definitions in binary64, clipping. */
#include "model/optimizer/optimizer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

static void near(double have, double want, double relative) {
  if (!(fabs(have - want) <= relative * fabs(want) + 1e-12)) fail_msg("%.9g, not %.9g", have, want);
}

static const float *schedule(struct arena *a, struct lower_options *o) {
  struct why why;
  if (optimizer_check(o, &why) != LOWER_OK) fail_msg("%s", why.text);
  const float *rows = optimizer_schedule(o, a);
  assert_non_null(rows);
  return rows;
}

static void test_schedule(void **state) {
  struct arena a;
  struct lower_options o = trial_defaults(1);
  (void)state;
  assert_true(arena_open(&a, 1 << 20));
  o.updates = 20;
  const float *rows = schedule(&a, &o);
  for (uint32_t u = 1; u <= 20; u++) {
    near(rows[(u - 1) * SGD_COLUMNS + SCHEDULE_LR], 0.1f, 0);
    near(rows[(u - 1) * SGD_COLUMNS + SGD_STEP], -0.1f, 0);
    near(rows[(u - 1) * SGD_COLUMNS + SGD_FRESH], 1, 0);
  }
  o.schedule = (struct schedule_options){.name = SCHEDULE_COSINE, .warmup = 4, .end = 0.1f};
  o.optimizer.dampening = 0.25f;
  o.optimizer.momentum = 0.5f;
  rows = schedule(&a, &o);
  for (uint32_t u = 1; u <= 20; u++) {
    double t = u <= 4 ? u / 4.0 : 0.1 + 0.9 * 0.5 * (1 + cos(acos(-1.0) * (u - 5) / 16));
    near(rows[(u - 1) * SGD_COLUMNS], 0.1 * t, 1e-6);
    near(rows[(u - 1) * SGD_COLUMNS + SGD_FRESH], u == 1 ? 1 : 0.75, 0);
  }
  near(rows[4 * SGD_COLUMNS], 0.1f, 0); /* full rate where the cosine starts */
  arena_shut(&a);
}

static void test_corrections(void **state) {
  struct arena a;
  struct lower_options o = trial_defaults(1);
  (void)state;
  assert_true(arena_open(&a, 1 << 22));
  o.updates = 30000;
  o.optimizer = (struct optimizer_options){
      .name = OPTIMIZER_ADAMW, .lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.999f, .weight_decay = 0.1f, .eps = 1e-8f};
  const float *rows = schedule(&a, &o);
  for (uint32_t u = 1; u <= 30000; u += u < 20 ? 1 : 997) {
    const float *row = rows + (u - 1) * ADAM_COLUMNS;
    near(row[SCHEDULE_LR], 0.01, 1e-6);
    near(row[ADAM_DECAY], -0.001, 1e-6);
    near(row[ADAM_STEP], -0.01 / (1 - pow((double)0.9f, u)), 1e-6);
    near(row[ADAM_CORRECTION], 1 / (1 - pow((double)0.999f, u)), 1e-6);
  }
  arena_shut(&a);
}

static void refused(struct lower_options *o, const char *word) {
  struct why why;
  assert_int_equal(optimizer_check(o, &why), LOWER_ERR_OPTION);
  if (!strstr(why.text, word)) fail_msg("'%s' does not speak of %s", why.text, word);
}

static void test_refusals(void **state) {
  struct lower_options o = trial_defaults(1);
  (void)state;
  o.optimizer.nesterov = true;
  refused(&o, "nesterov");
  o = trial_defaults(1);
  o.optimizer.lr = NAN;
  refused(&o, "lr");
  o = trial_defaults(1);
  o.optimizer.lr = -1;
  refused(&o, "lr");
  o = trial_defaults(1);
  o.optimizer.momentum = INFINITY;
  refused(&o, "momentum");
  o = trial_defaults(1);
  o.optimizer.name = OPTIMIZER_ADAMW;
  o.optimizer.beta1 = 1;
  refused(&o, "betas");
  o = trial_defaults(1);
  o.schedule.warmup = 5;
  refused(&o, "warm-up");
  o = trial_defaults(1);
  o.clip_norm = -1;
  refused(&o, "clip_norm");
}

/* Two parameters under y = x w + b and the mean of (y - t)^2, followed by hand for five updates. */
enum { W = 3, UPDATES = 5 };
struct twin {
  double w[W + 1], m[W + 1], v[W + 1], lr[UPDATES + 1];
};

static void gradients(const struct twin *t, const float *x, const float *target, uint32_t rows, double *g) {
  memset(g, 0, (W + 1) * sizeof *g);
  for (uint32_t r = 0; r < rows; r++) {
    double d = t->w[W] - (double)target[r];
    for (int k = 0; k < W; k++) d += (double)x[r * W + k] * t->w[k];
    for (int k = 0; k < W; k++) g[k] += 2 * d * (double)x[r * W + k] / rows;
    g[W] += 2 * d / rows;
  }
}

static void update(struct twin *t, const struct lower_options *o, double *g, int u) {
  const struct optimizer_options *p = &o->optimizer;
  double norm = 0;
  for (int k = 0; k <= W; k++) norm += g[k] * g[k];
  norm = sqrt(norm);
  double clip = o->clip_norm > 0 && norm > (double)o->clip_norm ? (double)o->clip_norm / (norm + 1e-6) : 1;
  for (int k = 0; k <= W; k++) {
    double d = g[k] * clip;
    if (p->name == OPTIMIZER_ADAMW) {
      t->w[k] -= t->lr[u] * (double)p->weight_decay * t->w[k];
      t->m[k] = (double)p->beta1 * t->m[k] + (1 - (double)p->beta1) * d;
      t->v[k] = (double)p->beta2 * t->v[k] + (1 - (double)p->beta2) * d * d;
      double m = t->m[k] / (1 - pow((double)p->beta1, u)), v = t->v[k] / (1 - pow((double)p->beta2, u));
      t->w[k] -= t->lr[u] * m / (sqrt(v) + (double)p->eps);
      continue;
    }
    d += (double)p->weight_decay * t->w[k];
    if (p->momentum != 0) {
      t->m[k] = u == 1 ? d : (double)p->momentum * t->m[k] + (1 - (double)p->dampening) * d;
      d = p->nesterov ? d + (double)p->momentum * t->m[k] : t->m[k];
    }
    t->w[k] -= t->lr[u] * d;
  }
}

static void follow(struct lower_options o) {
  static struct sketch s;
  struct trial t;
  struct twin twin = {{0}, {0}, {0}, {0}};
  float x[4 * W], target[4], have[W];
  double g[W + 1];
  sketch_begin(&s, 3);
  sketch_input(&s, "x", (int64_t[]){-1, W, 0});
  const float *w = sketch_weight(&s, "w", (int64_t[]){W, 1, 0}, 1), *b = sketch_weight(&s, "b", (int64_t[]){1, 0}, 1);
  sketch_node(&s, "Gemm", "x w b", "y");
  sketch_output(&s, "y");
  for (int k = 0; k < 4 * W; k++) x[k] = sketch_draw(&s);
  for (int k = 0; k < 4; k++) target[k] = 3 * sketch_draw(&s);
  for (int k = 0; k < W; k++) twin.w[k] = (double)w[k];
  twin.w[W] = (double)b[0];
  o.loss.name = LOSS_MSE;
  o.train = (struct sample_shape){
      .samples = 4, .input_rank = 1, .input_dim = {W}, .target_rank = 1, .target_dim = {1}, .scale = 1};
  o.updates = UPDATES;
  if (!trial_open(&t, &s.model, &o, (const void *[4]){x, target}, true)) fail_msg("%s", t.why.text);
  for (int u = 1; u <= UPDATES; u++) {
    twin.lr[u] = (double)((const float *)t.l.data[DATA_SCHEDULE])[(u - 1) * (int)optimizer_columns(&o.optimizer)];
    gradients(&twin, x, target, 4, g);
    double norm = 0;
    for (int k = 0; k <= W; k++) norm += g[k] * g[k];
    update(&twin, &o, g, u);
    trial_train(&t, (uint32_t)u);
    near(trial_scalar(&t, t.l.entry_norm), norm, 3e-6);
    assert_int_equal(trial_parameter(&t, "w", 0, have), W);
    for (int k = 0; k < W; k++) assert_true(fabs((double)have[k] - twin.w[k]) <= 1e-6);
    trial_parameter(&t, "b", 0, have);
    assert_true(fabs((double)have[0] - twin.w[W]) <= 1e-6);
  }
  trial_shut(&t);
}

static void test_updates(void **state) {
  struct lower_options o = trial_defaults(4);
  (void)state;
  follow(o);
  o.optimizer.weight_decay = 0.1f;
  follow(o);
  o.optimizer.momentum = 0.9f;
  follow(o);
  o.optimizer.nesterov = true;
  follow(o);
  o.optimizer.nesterov = false;
  o.optimizer.dampening = 0.5f;
  follow(o);
  o.clip_norm = 1.5f;
  o.schedule = (struct schedule_options){.name = SCHEDULE_COSINE, .warmup = 2};
  follow(o);
  o.optimizer =
      (struct optimizer_options){.name = OPTIMIZER_ADAMW, .lr = 0.05f, .beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-6f};
  follow(o);
  o.optimizer.weight_decay = 0.3f;
  o.clip_norm = 0;
  follow(o);
}

/* The average begins as the weights do, drawn or given; what does not train has none. */
static void test_average(void **state) {
  (void)state;
  static struct sketch s;
  struct trial t;
  float x[4 * W] = {0}, target[4] = {0}, weight[W], average[W];
  for (int seeded = 0; seeded < 2; seeded++) {
    struct lower_options o = trial_defaults(4);
    const char *const freeze[] = {"b"};
    sketch_begin(&s, 3);
    sketch_input(&s, "x", (int64_t[]){-1, W, 0});
    sketch_weight(&s, "w", (int64_t[]){W, 1, 0}, 1), sketch_weight(&s, "b", (int64_t[]){1, 0}, 1);
    sketch_node(&s, "Gemm", "x w b", "y");
    sketch_output(&s, "y");
    o.loss.name = LOSS_MSE;
    o.init = seeded ? INIT_SEED : INIT_MODEL;
    o.ema = 0.75f;
    o.optimizer.momentum = 0.5f;
    o.freeze = freeze;
    o.freeze_count = 1;
    o.train = (struct sample_shape){
        .samples = 4, .input_rank = 1, .input_dim = {W}, .target_rank = 1, .target_dim = {1}, .scale = 1};
    if (!trial_open(&t, &s.model, &o, (const void *[4]){x, target}, true)) fail_msg("%s", t.why.text);
    assert_int_equal(trial_parameter(&t, "w", 0, weight), W);
    assert_int_equal(trial_parameter(&t, "w", 2, average), W); /* behind the moment */
    assert_memory_equal(weight, average, sizeof weight);
    assert_true(weight[0] != 0);
    for (uint32_t n = 0; n < t.l.parameters_count; n++) {
      const struct lower_parameter *p = &t.l.parameter[n];
      assert_int_equal(p->delivered, p->trains ? p->entry + 2 : p->entry);
    }
    trial_shut(&t);
  }
}

static void test_groups(void **state) {
  (void)state;
  static const char *const first[] = {"a*z", "b?"}, *const second[] = {"*"};
  const struct optimizer_group group[] = {{first, 2, -1, 0.25f}, {second, 1, 2, -1}};
  struct optimizer_options o = {
      .lr = 1, .weight_decay = 0.5f, .decay_matrices = true, .group = group, .groups_count = 1};
  static const struct {
    const char *name;
    uint32_t group;
  } names[] = {{"az", 1}, {"abcz", 1}, {"azz", 1}, {"azb", 0}, {"b", 0}, {"bc", 1}, {"bcd", 0}, {"", 0}, {"a*z", 1}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    assert_int_equal(optimizer_group(&o, names[i].name), names[i].group);
  o.groups_count = 2;
  assert_int_equal(optimizer_group(&o, ""), 2);
  assert_int_equal(optimizer_group(&o, "bc"), 1);
  assert_true(optimizer_own(&o, 0, 2).weight_decay == 0.5f && optimizer_own(&o, 0, 1).weight_decay == 0);
  assert_true(optimizer_own(&o, 1, 1).weight_decay == 0.25f && optimizer_own(&o, 1, 1).lr == 1);
  assert_true(optimizer_own(&o, 2, 1).weight_decay == 0 && optimizer_own(&o, 2, 2).weight_decay == 0.5f);
  assert_true(optimizer_own(&o, 2, 2).lr == 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_schedule), cmocka_unit_test(test_corrections),
                                     cmocka_unit_test(test_refusals), cmocka_unit_test(test_updates),
                                     cmocka_unit_test(test_average),  cmocka_unit_test(test_groups)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
