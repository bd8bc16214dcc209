/* What operators refuse, and that the words say what is wrong. Attributes and shapes are a stranger's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

static struct sketch s;
static struct arena arena;

/* x f32 [2, 3, 4] is there, and i, whole numbers of the same shape. */
static void begin(void) {
  sketch_begin(&s, 1);
  s.model.opset = 23;
  sketch_input(&s, "x", (int64_t[]){2, 3, 4, 0});
  sketch_input(&s, "i", (int64_t[]){2, 3, 4, 0});
  s.input[1].type = ONNX_INT64;
  sketch_output(&s, "y");
}

static void refused(const char *words) {
  struct infer_shape shape[] = {{.dtype = TAPE_F32, .rank = 3, .dim = {2, 3, 4}},
                                {.dtype = TAPE_I32, .rank = 3, .dim = {2, 3, 4}}};
  struct lowered_infer l;
  struct why why = {""};
  size_t mark = arena_mark(&arena);
  enum lower_status status = lower_infer(&s.model, shape, &arena, &l, &why);
  arena_reset(&arena, mark);
  if (status == LOWER_OK) fail_msg("no refusal with '%s'", words);
  if (status == LOWER_ERR_MEMORY || !strstr(why.text, words)) fail_msg("'%s' lacks '%s'", why.text, words);
}

static struct onnx_node *with(const char *op, const char *inputs) {
  begin();
  return sketch_node(&s, op, inputs, "y");
}

static void test_types(void **state) {
  (void)state;
  with("Softplus", "i");
  refused("(Softplus): input 0, 'i', holds integers, and it computes on floats");
  with("Add", "x i");
  refused("mixes floats and whole numbers");
  with("And", "x x");
  refused("takes whole numbers");
  with("IsNaN", "i");
  refused("takes floats");
  with("Where", "x x x");
  refused("its condition holds floats");
  with("Mean", "i i");
  refused("mean of whole numbers");
  with("ReduceLogSumExp", "i");
  refused("holds integers");
  sketch_int(&s, with("Cast", "x"), "to", 10);
  refused("type number 10");
  sketch_int(&s, with("Cast", "x"), "to", INT64_MIN);
  refused("export in float32");
}

static void test_axes(void **state) {
  static const char *const one[] = {"ArgMax", "ArgMin", "Softmax", "LogSoftmax", "Hardmax"};
  static const int64_t far[] = {3, -4, INT64_MAX, INT64_MIN};
  (void)state;
  for (uint32_t n = 0; n < 4; n++) {
    for (size_t k = 0; k < sizeof one / sizeof *one; k++) {
      sketch_int(&s, with(one[k], "x"), "axis", far[n]);
      refused("of [2, 3, 4]");
    }
    sketch_ints(&s, with("ReduceProd", "x"), "axes", 1, &far[n]);
    refused("of [2, 3, 4]");
    with("CumSum", "x a");
    sketch_integers(&s, "a", 1, &far[n]);
    refused("none of [2, 3, 4]");
    with("TopK", "x a");
    sketch_integers(&s, "a", 1, n == 1 ? (int64_t[]){0} : n ? &far[n] : (int64_t[]){5});
    refused("of 4 elements");
  }
}

static void test_shapes(void **state) {
  (void)state;
  with("Add", "x w");
  sketch_weight(&s, "w", (int64_t[]){5, 0}, 1);
  refused("shapes [2, 3, 4] and [5] do not broadcast");
  with("Max", "x x w");
  sketch_weight(&s, "w", (int64_t[]){2, 4, 4, 0}, 1);
  refused("do not broadcast");
  with("Clip", "x w");
  sketch_weight(&s, "w", (int64_t[]){4, 0}, 1);
  refused("no single number");
  with("SoftmaxCrossEntropyLoss", "x i");
  refused("labels of [2, 3, 4] do not go with scores of [2, 3, 4]");
  with("NegativeLogLikelihoodLoss", "x x");
  refused("do not go with");
}

/* A derivative that is not there is not made up. */
static void test_gradients(void **state) {
  struct lower_options o = trial_defaults(2);
  struct trial t;
  float zero[24] = {0};
  (void)state;
  sketch_begin(&s, 2);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 0});
  sketch_weight(&s, "w", (int64_t[]){1, 0}, 1);
  sketch_weight(&s, "v", (int64_t[]){1, 0}, 1);
  sketch_node(&s, "Mul", "v w", "b");
  sketch_node(&s, "Clip", "x b", "y");
  sketch_output(&s, "y");
  o.loss.name = LOSS_MSE;
  o.train = (struct sample_shape){
      .samples = 2, .input_rank = 1, .input_dim = {3}, .target_rank = 1, .target_dim = {3}, .scale = 1};
  if (trial_open(&t, &s.model, &o, (const void *[4]){zero, zero}, true)) fail_msg("no refusal");
  if (!strstr(t.why.text, "its bounds depend on parameters")) fail_msg("%s", t.why.text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_types), cmocka_unit_test(test_axes),
                                     cmocka_unit_test(test_shapes), cmocka_unit_test(test_gradients)};
  if (!arena_open(&arena, (size_t)1 << 26)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  arena_shut(&arena);
  return failed;
}
