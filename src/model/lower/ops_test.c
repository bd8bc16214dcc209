/* Every operator, forward and backward, on small random shapes against plain loops in binary64: outputs directly,
 * gradients against central differences of the twin. Both executors give the same bits, and a second lowering the same
 * tapes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"
#include "model/lower/twin.h"

static struct sketch s;
static struct twin t;
static float samples[TWIN_ELEMENTS], targets[TWIN_ELEMENTS], gradient[TWIN_ELEMENTS];
static const char *label;
static bool in_training_only;

static void near(double have, double want, double scale, const char *what, uint64_t n) {
  if (!(fabs(have - want) <= 3e-6 * (fabs(want) + scale)))
    fail_msg("%s: %s[%llu] is %.9g, not %.9g", label, what, (unsigned long long)n, have, want);
}

static double largest(const double *x, uint64_t count) {
  double most = 1e-3;
  for (uint64_t n = 0; n < count; n++) most = fmax(most, fabs(x[n]));
  return most;
}

/* Mean squared difference of output and targets, with what is set in the twin. */
static double loss_of(void) {
  assert_true(twin_run(&t, &s.model));
  const struct twin_tensor *y = twin_find(&t, s.output[0].name);
  double sum = 0;
  for (uint64_t n = 0; n < y->count; n++)
    sum += (y->value[n] - (double)targets[n]) * (y->value[n] - (double)targets[n]);
  return sum / (double)y->count;
}

static void check_output(const uint32_t *dim, uint32_t rank) {
  struct arena arena;
  struct lowered_infer l;
  struct infer_shape shape = {.dtype = TAPE_F32, .rank = rank};
  struct execute *x;
  struct why why;
  const struct twin_tensor *y = twin_find(&t, s.output[0].name);
  memcpy(shape.dim, dim, rank * sizeof *dim);
  assert_true(arena_open(&arena, (size_t)1 << 28));
  if (lower_infer(&s.model, &shape, &arena, &l, &why) != LOWER_OK) fail_msg("%s: %s", label, why.text);
  const void *data[2] = {samples, l.weights};
  struct execute_options how = {.plain = true};
  assert_int_equal(execute_open(&x, &l.tape, data, &how, &why), EXECUTE_OK);
  uint8_t *state = aligned_alloc(64, (size_t)l.tape.state_leaves * TAPE_LEAF_BYTES);
  memset(state, 0, (size_t)l.tape.state_leaves * TAPE_LEAF_BYTES);
  execute_step(x, state, 0, 1);
  const struct layout_entry *entry = &l.tape.layout.entry[1];
  assert_int_equal(layout_entry_elements(entry), y->count);
  for (uint32_t a = 0; a < y->rank; a++) assert_int_equal(entry->dim[a], y->dim[a]);
  double scale = largest(y->value, y->count);
  for (uint64_t n = 0; n < y->count; n++) {
    float have;
    memcpy(&have, state + entry->first_leaf * TAPE_LEAF_BYTES + 4 * n, 4);
    near(have, y->value[n], scale, "output", n);
  }
  free(state);
  execute_shut(x);
  arena_shut(&arena);
}

static void check_gradient(const struct trial *run, const char *name) {
  struct twin_tensor *p = twin_find(&t, name);
  uint64_t count = trial_parameter(run, name, 1, gradient);
  double want[TWIN_ELEMENTS], step = 1e-5;
  assert_int_equal(count, p->count);
  for (uint64_t n = 0; n < count; n++) {
    double before = p->value[n];
    p->value[n] = before + step;
    want[n] = loss_of();
    p->value[n] = before - step;
    want[n] = (want[n] - loss_of()) / (2 * step);
    p->value[n] = before;
  }
  double scale = largest(want, count);
  for (uint64_t n = 0; n < count; n++) near(gradient[n], want[n], 4 * scale, name, n);
}

/* The sketch has input x [-1, ..] and its first output; dim is x's shape with the batch. */
static void check(const uint32_t *dim, uint32_t rank) {
  struct lower_options o = trial_defaults(dim[0]);
  struct trial plain, fast;
  int64_t wide[TAPE_RANK_MAX];
  for (uint32_t a = 0; a < rank; a++) wide[a] = dim[a];
  twin_open(&t, &s.model);
  struct twin_tensor *x = twin_set(&t, "x", rank, wide);
  for (uint64_t n = 0; n < x->count; n++) x->value[n] = samples[n] = sketch_draw(&s);
  assert_true(twin_run(&t, &s.model));
  if (!in_training_only) check_output(dim, rank);

  const struct twin_tensor *y = twin_find(&t, s.output[0].name);
  for (uint64_t n = 0; n < y->count; n++) targets[n] = sketch_draw(&s);
  o.loss.name = LOSS_MSE;
  o.optimizer.momentum = 0.5f;
  o.train = (struct sample_shape){.samples = dim[0], .input_rank = rank - 1, .target_rank = y->rank - 1, .scale = 1};
  memcpy(o.train.input_dim, dim + 1, (rank - 1) * sizeof *dim);
  for (uint32_t a = 1; a < y->rank; a++) o.train.target_dim[a - 1] = (uint32_t)y->dim[a];
  const void *const content[4] = {samples, targets};
  if (!trial_open(&plain, &s.model, &o, content, true)) fail_msg("%s: %s", label, plain.why.text);
  if (!trial_open(&fast, &s.model, &o, content, false)) fail_msg("%s: %s", label, fast.why.text);
  for (uint32_t n = 0; n < 2; n++) {
    uint8_t root[2][32];
    tape_root(&plain.l.tape[n], root[0]);
    tape_root(&fast.l.tape[n], root[1]);
    assert_memory_equal(root[0], root[1], 32);
  }
  trial_train(&plain, 1);
  trial_train(&fast, 1);
  assert_memory_equal(plain.state, fast.state, (size_t)plain.l.tape[0].state_leaves * TAPE_LEAF_BYTES);
  near(trial_scalar(&plain, plain.l.entry_loss), loss_of(), 1, "loss", 0);
  for (uint32_t n = 0; n < plain.l.parameters_count; n++)
    if (plain.l.parameter[n].trains) check_gradient(&plain, plain.l.parameter[n].onnx_name);
  trial_shut(&plain);
  trial_shut(&fast);
}

/* x of the given shape plus a parameter p alike, as z: what follows has a gradient to its input. */
static void begin(uint64_t seed, const uint32_t *dim, uint32_t rank) {
  int64_t open[TAPE_RANK_MAX + 1] = {-1}, whole[TAPE_RANK_MAX + 1] = {dim[0]};
  for (uint32_t a = 1; a < rank; a++) open[a] = whole[a] = dim[a];
  sketch_begin(&s, seed);
  sketch_input(&s, "x", open);
  sketch_weight(&s, "p", whole, 1);
  sketch_node(&s, "Add", "x p", "z");
  sketch_output(&s, "y");
}

static void test_unary(void **state) {
  static const char *const ops[] = {"Relu", "LeakyRelu", "Sigmoid",     "Tanh",      "Exp",      "Neg",
                                    "Gelu", "Identity",  "Abs",         "Erf",       "Softsign", "Softplus",
                                    "Mish", "Elu",       "HardSigmoid", "HardSwish", "Sin",      "Cos",
                                    "Tan",  "Atan",      "Sinh",        "Cosh",      "Asinh"};
  (void)state;
  for (uint32_t n = 0; n < sizeof ops / sizeof ops[0]; n++) {
    label = ops[n];
    begin(n, (uint32_t[]){3, 5, 2}, 3);
    sketch_node(&s, label, "z", "y");
    check((uint32_t[]){3, 5, 2}, 3);
  }
  label = "Gelu tanh";
  begin(9, (uint32_t[]){4, 7}, 2);
  sketch_text(&s, sketch_node(&s, "Gelu", "z", "y"), "approximate", "tanh");
  check((uint32_t[]){4, 7}, 2);
  label = "Log of Sqrt of Exp"; /* of something positive */
  begin(10, (uint32_t[]){4, 7}, 2);
  sketch_node(&s, "Exp", "z", "a");
  sketch_node(&s, "Sqrt", "a", "b");
  sketch_node(&s, "Log", "b", "c");
  sketch_node(&s, "Mul", "c z", "y");
  check((uint32_t[]){4, 7}, 2);
}

static void test_binary(void **state) {
  static const char *const ops[] = {"Add", "Sub", "Mul", "Div"};
  static const int64_t shapes[][5] = {{5, 2}, {2}, {1}, {3, 1, 2}, {4, 3, 5, 2}, {5, 1}, {4, 1, 1, 1}, {1, 1, 1, 2}};
  (void)state;
  for (uint32_t o = 0; o < 4; o++)
    for (uint32_t n = 0; n < 16; n++) {
      label = ops[o];
      begin(n, (uint32_t[]){4, 3, 5, 2}, 4);
      float *q = sketch_weight(&s, "q", shapes[n % 8], 1);
      for (uint64_t k = 0; k < s.initializer[1].count; k++) q[k] += q[k] < 0 ? -1 : 1; /* a divisor away from 0 */
      if (n < 8) {
        sketch_node(&s, label, "z q", "y");
      } else { /* the parameter on the left, and z away from 0 */
        sketch_node(&s, "Exp", "z", "e");
        sketch_node(&s, label, "q e", "y");
      }
      check((uint32_t[]){4, 3, 5, 2}, 4);
    }
}

static void test_linear(void **state) {
  (void)state;
  label = "Gemm";
  for (uint32_t n = 0; n < 12; n++) {
    uint32_t in = 1 + sketch_below(&s, 9), out = 1 + sketch_below(&s, 7);
    begin(n, (uint32_t[]){5, in}, 2);
    sketch_weight(&s, "w", n & 1 ? (int64_t[]){out, in, 0} : (int64_t[]){in, out, 0}, 1);
    if (n % 3) sketch_weight(&s, "b", n % 3 == 1 ? (int64_t[]){out, 0} : (int64_t[]){5, 1, 0}, 1);
    struct onnx_node *node = sketch_node(&s, "Gemm", n % 3 ? "z w b" : "z w", n & 4 ? "r" : "y");
    sketch_int(&s, node, "transB", n & 1);
    if (n & 2) sketch_float(&s, node, "alpha", 0.5f);
    if (n & 2) sketch_float(&s, node, "beta", -1.5f);
    if (n & 4) sketch_node(&s, "Relu", "r", "y");
    check((uint32_t[]){5, in}, 2);
  }
  label = "MatMul";
  static const int64_t shapes[][5] = {{4, 5}, {3, 4, 5}, {2, 3, 4, 5}, {2, 1, 4, 5}, {1, 4, 1}};
  for (uint32_t n = 0; n < 5; n++) {
    begin(n, (uint32_t[]){2, 3, 6, 4}, 4);
    sketch_weight(&s, "w", shapes[n], 1);
    sketch_node(&s, "MatMul", "z w", "y");
    check((uint32_t[]){2, 3, 6, 4}, 4);
  }
  label = "x times its transpose";
  begin(7, (uint32_t[]){2, 3, 4}, 3);
  struct onnx_node *turn = sketch_node(&s, "Transpose", "z", "zt");
  sketch_ints(&s, turn, "perm", 3, (int64_t[]){0, 2, 1});
  sketch_node(&s, "MatMul", "z zt", "y");
  check((uint32_t[]){2, 3, 4}, 3);
  label = "a transposed weight, a bias apart";
  begin(8, (uint32_t[]){2, 3, 4}, 3);
  sketch_weight(&s, "w", (int64_t[]){5, 4, 0}, 1);
  sketch_weight(&s, "b", (int64_t[]){5, 0}, 1);
  turn = sketch_node(&s, "Transpose", "w", "wt");
  sketch_ints(&s, turn, "perm", 2, (int64_t[]){1, 0});
  sketch_node(&s, "MatMul", "z wt", "m");
  sketch_node(&s, "Add", "b m", "y");
  check((uint32_t[]){2, 3, 4}, 3);
}

static uint32_t draw(uint32_t low, uint32_t high) { return low + sketch_below(&s, high - low + 1); }

/* Attributes of a window drawn at random; false if it would not fit. */
static bool window(struct onnx_node *node, const uint32_t *dim, uint32_t axes, const int64_t *kernel, bool pool) {
  int64_t stride[3], dilation[3], pads[6];
  bool fits = true;
  uint32_t automatic = draw(0, 5);
  for (uint32_t a = 0; a < axes; a++) {
    stride[a] = draw(0, 2) ? draw(1, 3) : kernel[a];
    dilation[a] = automatic >= 4 || draw(0, 2) ? 1 : 2;
    int64_t reach = (kernel[a] - 1) * dilation[a] + 1;
    for (uint32_t e = 0; e < 2; e++) pads[a + e * axes] = draw(0, pool ? (uint32_t)kernel[a] / 2 : 2);
    if (automatic < 4) fits = fits && dim[a + 2] + pads[a] + pads[a + axes] >= reach;
  }
  sketch_ints(&s, node, "kernel_shape", axes, kernel);
  sketch_ints(&s, node, "strides", axes, stride);
  sketch_ints(&s, node, "dilations", axes, dilation);
  if (automatic < 4)
    sketch_ints(&s, node, "pads", 2 * axes, pads);
  else
    sketch_text(&s, node, "auto_pad", automatic == 4 ? "SAME_UPPER" : "SAME_LOWER");
  return fits;
}

static void test_conv(void **state) {
  (void)state;
  label = "Conv";
  for (uint32_t n = 0; n < 60; n++) {
    sketch_begin(&s, n);
    uint32_t axes = n % 10 < 7   ? 2
                    : n % 10 < 9 ? 1
                                 : 3,
             groups = draw(0, 2) ? 1 : draw(1, 3), in = draw(1, 3), out = draw(1, 3), dim[5] = {2, groups * in};
    int64_t weight[6] = {groups * out, in}, kernel[3];
    for (uint32_t a = 0; a < axes; a++) {
      dim[a + 2] = draw(axes == 3 ? 2 : 3, axes == 3 ? 4 : 7);
      weight[a + 2] = kernel[a] = draw(1, 3);
    }
    uint64_t seed = s.random;
    begin(n, dim, axes + 2);
    s.random = seed;
    sketch_weight(&s, "w", weight, 1);
    bool bias = n & 1, relu = n & 2;
    if (bias) sketch_weight(&s, "b", (int64_t[]){groups * out, 0}, 1);
    struct onnx_node *node = sketch_node(&s, "Conv", bias ? "z w b" : "z w", relu ? "r" : "y");
    sketch_int(&s, node, "group", groups);
    if (relu) sketch_node(&s, "Relu", "r", "y");
    if (window(node, dim, axes, kernel, false)) check(dim, axes + 2);
  }
}

static void test_pools(void **state) {
  static const char *const ops[] = {"MaxPool", "AveragePool"};
  (void)state;
  for (uint32_t n = 0; n < 90; n++) {
    sketch_begin(&s, n);
    label = ops[n % 2];
    uint32_t axes = n % 10 < 8 ? 2 : n % 10 < 9 ? 1 : 3, dim[5] = {2, draw(1, 3)};
    int64_t kernel[3];
    for (uint32_t a = 0; a < axes; a++) {
      dim[a + 2] = draw(3, axes == 3 ? 4 : 7);
      kernel[a] = draw(1, 3);
    }
    uint64_t seed = s.random;
    begin(n, dim, axes + 2);
    s.random = seed;
    bool relu = n & 4; /* before: its mask joins the pool's gradient */
    if (relu) sketch_node(&s, "Relu", "z", "r");
    struct onnx_node *node = sketch_node(&s, label, relu ? "r" : "z", "y");
    if (n % 2) sketch_int(&s, node, "count_include_pad", n & 8 ? 1 : 0);
    if (n % 2 == 0 && n & 8) sketch_int(&s, node, "ceil_mode", 1);
    if (relu) /* a tie of zeros has no derivative: keep the input away from it */
      for (uint64_t k = 0; k < s.initializer[0].count; k++) s.floats[k] += 2;
    if (window(node, dim, axes, kernel, true)) check(dim, axes + 2);
  }
  label = "GlobalAveragePool";
  begin(3, (uint32_t[]){2, 3, 4, 5}, 4);
  sketch_node(&s, label, "z", "g");
  sketch_int(&s, sketch_node(&s, "Flatten", "g", "y"), "axis", 1);
  check((uint32_t[]){2, 3, 4, 5}, 4);
}

/* LeNet in small: a convolution, a pool, and a flatten that must copy into ONNX's order. */
static void test_shapes(void **state) {
  (void)state;
  label = "Conv, MaxPool, Flatten, Gemm";
  begin(1, (uint32_t[]){2, 1, 6, 6}, 4);
  sketch_weight(&s, "w", (int64_t[]){2, 1, 3, 3, 0}, 1);
  sketch_weight(&s, "v", (int64_t[]){3, 8, 0}, 1);
  sketch_node(&s, "Conv", "z w", "a");
  sketch_node(&s, "Relu", "a", "b");
  struct onnx_node *pool = sketch_node(&s, "MaxPool", "b", "c");
  sketch_ints(&s, pool, "kernel_shape", 2, (int64_t[]){2, 2});
  sketch_ints(&s, pool, "strides", 2, (int64_t[]){2, 2});
  sketch_node(&s, "Flatten", "c", "d");
  sketch_int(&s, sketch_node(&s, "Gemm", "d v", "y"), "transB", 1);
  check((uint32_t[]){2, 1, 6, 6}, 4);

  label = "Reshape with 0 and -1, Transpose";
  begin(2, (uint32_t[]){2, 3, 4}, 3);
  sketch_integers(&s, "to", 3, (int64_t[]){0, -1, 6});
  sketch_node(&s, "Reshape", "z to", "a");
  sketch_ints(&s, sketch_node(&s, "Transpose", "a", "b"), "perm", 3, (int64_t[]){0, 2, 1});
  sketch_node(&s, "Flatten", "b", "y");
  check((uint32_t[]){2, 3, 4}, 3);

  label = "Pad, also with less than nothing";
  begin(5, (uint32_t[]){2, 2, 3, 4}, 4);
  sketch_integers(&s, "pads", 8, (int64_t[]){0, 1, 2, -1, 0, 0, -1, 3});
  sketch_weight(&s, "fill", (int64_t[]){0}, 1);
  sketch_weight(&s, "w", (int64_t[]){2, 3, 2, 2, 0}, 1);
  sketch_node(&s, "Pad", "z pads fill", "a");
  sketch_node(&s, "Conv", "a w", "y");
  check((uint32_t[]){2, 2, 3, 4}, 4);

  label = "Expand";
  begin(6, (uint32_t[]){2, 1, 3}, 3);
  sketch_integers(&s, "to", 3, (int64_t[]){1, 4, 1});
  sketch_node(&s, "Expand", "z to", "y");
  check((uint32_t[]){2, 1, 3}, 3);

  label = "ReduceSum without its axis, then Transpose";
  begin(7, (uint32_t[]){2, 3, 4, 5}, 4);
  sketch_integers(&s, "axes", 1, (int64_t[]){2});
  sketch_int(&s, sketch_node(&s, "ReduceSum", "z axes", "a"), "keepdims", 0);
  sketch_ints(&s, sketch_node(&s, "Transpose", "a", "b"), "perm", 3, (int64_t[]){0, 2, 1});
  sketch_node(&s, "Exp", "b", "y");
  check((uint32_t[]){2, 3, 4, 5}, 4);

  label = "a tensor read three times";
  begin(3, (uint32_t[]){3, 4}, 2);
  sketch_node(&s, "Tanh", "z", "a");
  sketch_node(&s, "Mul", "a z", "b");
  sketch_node(&s, "Add", "b a", "c");
  sketch_node(&s, "Sub", "c z", "d");
  sketch_node(&s, "Mul", "d d", "y");
  check((uint32_t[]){3, 4}, 2);
}

static void test_softmax(void **state) {
  static const char *const ops[] = {"Softmax", "LogSoftmax"};
  (void)state;
  for (uint32_t n = 0; n < 6; n++) {
    label = ops[n % 2];
    begin(n, (uint32_t[]){2, 3, 4, 5}, 4);
    sketch_int(&s, sketch_node(&s, label, "z", "y"), "axis", n < 2 ? -1 : n < 4 ? 1 : 2);
    check((uint32_t[]){2, 3, 4, 5}, 4);
  }
}

static void test_reduce(void **state) {
  static const char *const ops[] = {"ReduceMean", "ReduceSum"};
  (void)state;
  for (uint32_t n = 0; n < 12; n++) {
    label = ops[n % 2];
    begin(n, (uint32_t[]){2, 3, 4, 5}, 4);
    if (n / 4 == 0) sketch_integers(&s, "axes", 1, (int64_t[]){-1});
    if (n / 4 == 1) sketch_integers(&s, "axes", 2, (int64_t[]){2, -1});
    if (n / 4 == 2) sketch_integers(&s, "axes", 1, (int64_t[]){1});
    sketch_int(&s, sketch_node(&s, label, "z axes", "y"), "keepdims", n & 2 ? 1 : 0);
    check((uint32_t[]){2, 3, 4, 5}, 4);
  }
}

/* Without a batch's statistics there is nothing to compare: an inference uses the running ones. */
static void check_training(const uint32_t *dim, uint32_t rank) {
  in_training_only = true;
  check(dim, rank);
  in_training_only = false;
}

static void test_batch_norm(void **state) {
  (void)state;
  static const uint32_t dims[][5] = {{6, 5}, {3, 4, 5}, {2, 3, 4, 5}, {4, 20, 3, 3}, {2, 3, 2, 3, 2}};
  for (uint32_t n = 0; n < 10; n++) {
    uint32_t rank = n % 5 == 0 ? 2 : n % 5 == 1 ? 3 : n % 5 == 4 ? 5 : 4;
    const uint32_t *dim = dims[n % 5];
    int64_t channels[] = {dim[1], 0};
    label = "BatchNormalization";
    begin(n, dim, rank);
    s.model.opset = 15;
    if (n >= 5 && rank > 2) { /* channels last in memory, after a convolution */
      int64_t kernel[] = {dim[1], dim[1], 1, rank > 3 ? 1 : 0, rank > 4 ? 1 : 0, 0};
      sketch_weight(&s, "k", kernel, 1);
      sketch_node(&s, "Conv", "z k", "c");
    }
    sketch_weight(&s, "w", channels, 1);
    sketch_weight(&s, "b", channels, 1);
    sketch_weight(&s, "mean", channels, 1);
    float *variance = sketch_weight(&s, "var", channels, 1);
    for (uint32_t k = 0; k < dim[1]; k++) variance[k] += 1.5f;
    sketch_node(&s, "BatchNormalization", n >= 5 && rank > 2 ? "c w b mean var" : "z w b mean var", "n");
    sketch_node(&s, "Tanh", "n", "y");
    check_training(dim, rank);
  }
}

static void test_norms(void **state) {
  (void)state;
  for (uint32_t n = 0; n < 8; n++) { /* from each axis on, with and without what may be left out */
    bool rms = n >= 4;
    int64_t tail[5] = {2, 3, 4, 5}, axis = n % 4;
    label = rms ? "RMSNormalization" : "LayerNormalization";
    begin(n, (uint32_t[]){2, 3, 4, 5}, 4);
    s.model.opset = 23;
    sketch_weight(&s, "w", tail + axis, 1);
    sketch_weight(&s, "b", tail + 3, 1);
    struct onnx_node *node = sketch_node(&s, label, rms || n == 1 ? "z w" : "z w b", "h");
    sketch_int(&s, node, "axis", n & 1 ? axis : axis - 4);
    sketch_node(&s, "Tanh", "h", "y");
    check((uint32_t[]){2, 3, 4, 5}, 4);
  }
  for (uint32_t n = 0; n < 8; n++) {
    bool after = n & 1, groups = n >= 4;
    int64_t channels[] = {n < 6 ? 6 : 3, 0};
    uint32_t dim[] = {2, 6, 3, 2};
    label = groups ? "GroupNormalization" : "InstanceNormalization";
    begin(n, dim, 4);
    s.model.opset = n < 6 ? 21 : 18;
    if (after) {
      sketch_weight(&s, "k", (int64_t[]){6, 6, 1, 1, 0}, 1);
      sketch_node(&s, "Conv", "z k", "c");
    }
    sketch_weight(&s, "w", channels, 1);
    sketch_weight(&s, "b", channels, 1);
    struct onnx_node *node = sketch_node(&s, label, after ? "c w b" : "z w b", "h");
    if (groups) sketch_int(&s, node, "num_groups", 3);
    sketch_node(&s, "Tanh", "h", "y");
    check(dim, 4);
  }
  for (uint32_t n = 0; n < 8; n++) {
    label = n < 6 ? "LpNormalization" : "MeanVarianceNormalization";
    begin(n, (uint32_t[]){3, 4, 5, 2}, 4);
    struct onnx_node *node = sketch_node(&s, label, "z", "h");
    if (n < 6) sketch_int(&s, node, "p", 1 + n % 2);
    if (n < 6 && n >= 2) sketch_int(&s, node, "axis", n / 2);
    if (n == 7) sketch_ints(&s, node, "axes", 2, (int64_t[]){1, 3});
    sketch_node(&s, "Tanh", "h", "y");
    check((uint32_t[]){3, 4, 5, 2}, 4);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_unary),      cmocka_unit_test(test_binary),
                                     cmocka_unit_test(test_linear),     cmocka_unit_test(test_conv),
                                     cmocka_unit_test(test_pools),      cmocka_unit_test(test_shapes),
                                     cmocka_unit_test(test_softmax),    cmocka_unit_test(test_reduce),
                                     cmocka_unit_test(test_batch_norm), cmocka_unit_test(test_norms)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
