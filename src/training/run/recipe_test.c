/* Every way of training that a job file can name, from its lines to weights, against what PyTorch computes in binary64
 * (tests/models/recipes.py). */
#define _DEFAULT_SOURCE
#include "training/run/prepare.h"
#include "training/run/recipe_json.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { UPDATES = 51 };

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static void near(double have, double want, double relative, double absolute, const char *recipe, const char *what) {
  if (!(fabs(have - want) <= relative * fabs(want) + absolute))
    fail_msg("%s: %s: %.9g, not %.9g", recipe, what, have, want);
}

/* A job of these lines over the regression network and its one batch. */
static void open_job(struct prepared *p, const char *lines, const char *recipe) {
  char folder[] = "/tmp/assay-recipe-XXXXXX", path[64];
  struct prepare_options options = {.threads = 1};
  struct why why = {""};
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/job.yaml", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  const char *data =
      "{format: npy, inputs: " ASSAY_MODELS "/reference/vectors8.npy, targets: " ASSAY_MODELS "/reference/targets.npy}";
  fprintf(f,
          "assay: 1\nmodel: " ASSAY_MODELS "/regression.onnx\ndata:\n  train: %s\n  test: %s\nloss: mse\nbatch: 16\n"
          "updates: %d\nshuffle: false\n%s",
          data, data, UPDATES, lines);
  assert_int_equal(fclose(f), 0);
  enum training_status status = prepare_open(p, path, &options, &why);
  unlink(path);
  rmdir(folder);
  if (status != TRAINING_OK) fail_msg("%s: %s", recipe, why.text);
}

static void check_weights(const struct prepared *p, const uint8_t *state, const json_t *want, const char *recipe) {
  const json_t *index = json_object_get(want, "index"), *values = json_object_get(want, "weights");
  for (uint32_t n = 0; n < p->lowered.parameters_count; n++) {
    const struct lower_parameter *q = &p->lowered.parameter[n];
    const json_t *at = json_object_get(index, q->onnx_name), *value = json_object_get(values, q->onnx_name);
    const float *have =
        (const float *)(const void *)(state + p->lowered.layout.entry[q->entry].first_leaf * TAPE_LEAF_BYTES);
    assert_true(json_array_size(at) > 0);
    for (size_t i = 0; i < json_array_size(at); i++) {
      uint64_t place = (uint64_t)json_integer_value(json_array_get(at, i));
      bool turned = q->rank == 2 && q->from[0] == 1; /* weights lie [in, out] */
      if (turned) place = place % q->dim[1] * q->dim[0] + place / q->dim[1];
      near((double)have[place], json_number_value(json_array_get(value, i)), 2e-5, 2e-6, recipe, q->onnx_name);
    }
  }
}

static struct execute *open_tape(const struct prepared *p, uint32_t tape) {
  struct execute *x = NULL;
  struct execute_options options = {0};
  struct why why = {""};
  if (prepare_execute(p, tape, &options, &x, &why) != TRAINING_OK) fail_msg("%s", why.text);
  return x;
}

static void follow(const struct prepared *p, const json_t *want, const char *recipe) {
  struct execute *tape[LOWER_TAPES_MAX] = {NULL};
  uint8_t *state = aligned_alloc(64, p->state_bytes), *scratch = aligned_alloc(64, p->state_bytes);
  const json_t *losses = json_object_get(want, "losses"), *rates = json_object_get(want, "rate");
  double most = 0;
  char key[16];
  assert_true(state && scratch);
  memset(state, 0, p->state_bytes);
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) tape[t] = open_tape(p, t);
  for (size_t u = 0; u < UPDATES; u++) most = fmax(most, json_number_value(json_array_get(rates, u)));
  uint32_t update = 0;
  for (uint32_t step = 0; step < p->steps; step++) {
    uint8_t t = job_tape(&p->job, step);
    if (t == TAPE_OF_TRAIN && update == UPDATES - 1) {
      check_weights(p, state, want, recipe);
      struct evaluation e;
      prepare_evaluate(p, tape[TAPE_OF_EVALUATE], state, scratch, &e);
      const char *seen = json_object_get(want, "ema") ? "ema" : NULL;
      if (seen) near((double)e.loss, number(want, seen), 2e-5, 1e-7, recipe, seen);
    }
    execute_step(tape[t], state, step, p->job.seed);
    if (t != TAPE_OF_TRAIN) continue;
    near((double)prepare_rate(p, update + 1), json_number_value(json_array_get(rates, update)), 1e-6, 2e-7 * most,
         recipe, "rate");
    snprintf(key, sizeof key, "%u", update++);
    if (json_object_get(losses, key))
      near((double)prepare_loss(p, state), number(losses, key), 2e-5, 1e-7, recipe, key);
  }
  assert_int_equal(update, UPDATES);
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) execute_shut(tape[t]);
  free(state);
  free(scratch);
}

static void recipes_give_what_pytorch_gives(void **state) {
  (void)state;
  json_error_t error;
  json_t *all = json_load_file(ASSAY_MODELS "/reference/recipes.json", 0, &error), *want;
  const char *recipe;
  size_t count = 0;
  if (!all) fail_msg("%s", error.text);
  json_object_foreach(all, recipe, want) {
    struct prepared *p = calloc(1, sizeof *p);
    assert_non_null(p);
    open_job(p, json_string_value(json_object_get(want, "job")), recipe);
    follow(p, want, recipe);
    prepare_shut(p);
    free(p);
    count++;
  }
  assert_true(count > 20);
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(recipes_give_what_pytorch_gives)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
