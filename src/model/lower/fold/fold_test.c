/* Folding: one node over constants at a time, against answers worked out by hand (numpy's for movement). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/fold/fold.h"

enum { INPUTS = 4, ELEMENTS = 64 };
static struct arena arena;
static struct onnx_tensor tensors[INPUTS];
static int64_t wholes[INPUTS][ELEMENTS];
static float floats[INPUTS][ELEMENTS];
static double doubles[INPUTS][ELEMENTS];
static struct onnx_attribute attributes[4];
static struct onnx_node node;
static struct onnx_model model;
static struct graph g;
static struct emit e;
static struct why why;
static const char *const names[INPUTS] = {"a", "b", "c", "d"};
static const char *inputs[INPUTS], *outputs[3] = {"y", "y1", "y2"};

static void begin(const char *op) {
  node =
      (struct onnx_node){.name = "n", .op = op, .domain = "", .input = inputs, .output = outputs, .outputs_count = 1};
  node.attribute = attributes;
  model = (struct onnx_model){.opset = 18, .initializer = tensors, .node = &node, .nodes_count = 1};
  static struct onnx_value y[3] = {{.name = "y"}, {.name = "y1"}, {.name = "y2"}};
  model.output = y;
  model.outputs_count = 1;
}

static struct onnx_tensor *add(enum onnx_type type, uint32_t rank, const int64_t *dim) {
  uint32_t n = model.initializers_count++;
  struct onnx_tensor *t = &tensors[n];
  *t = (struct onnx_tensor){.name = names[n], .type = type, .rank = rank, .count = 1};
  for (uint32_t a = 0; a < rank; a++) t->count *= (uint64_t)(t->dim[a] = dim[a]);
  if (type == ONNX_FLOAT)
    t->f32 = floats[n];
  else if (type == ONNX_DOUBLE)
    t->f64 = doubles[n];
  else
    t->i64 = wholes[n];
  inputs[node.inputs_count++] = names[n];
  return t;
}

#define LIST(...) ((const int64_t[]){__VA_ARGS__}), (sizeof((const int64_t[]){__VA_ARGS__}) / 8)

/* A tensor of rank 1 (or the dims set afterwards). */
static struct onnx_tensor *take(enum onnx_type type, const int64_t *value, size_t count) {
  int64_t dim = (int64_t)count;
  struct onnx_tensor *t = add(type, 1, &dim);
  for (size_t k = 0; k < count; k++) {
    wholes[t - tensors][k] = value[k];
    floats[t - tensors][k] = (float)value[k];
    doubles[t - tensors][k] = (double)value[k];
  }
  return t;
}

static struct onnx_tensor *shaped(struct onnx_tensor *t, const int64_t *dim, size_t rank) {
  t->rank = (uint32_t)rank;
  for (size_t a = 0; a < rank; a++) t->dim[a] = dim[a];
  return t;
}

static void attribute(const char *name, int64_t value) {
  attributes[node.attributes_count++] = (struct onnx_attribute){.name = name, .kind = ONNX_ATTR_INT, .i = value};
}

/* Lowers the one node; its output n, or NULL where it did not fold. Float initializers of rank 1 and more would be
 * parameters, as in a model; the tests here say that they are none. */
static const struct onnx_tensor *run(uint32_t n) {
  arena_reset(&arena, 0);
  model.outputs_count = node.outputs_count;
  why = (struct why){{0}};
  assert_int_equal(graph_open(&g, &model, true, NULL, 0, &arena, &why), LOWER_OK);
  for (uint32_t k = 0; k < g.tensors_count; k++) g.tensor[k].parameter = GRAPH_NONE;
  emit_begin(&e, &arena, &why);
  graph_begin(&g, &e, GRAPH_INFER);
  graph_forward(&g);
  assert_int_equal(e.count, 0);
  if (emit_failed(&e)) return NULL;
  return g.tensor[graph_find(&g, outputs[n])].content;
}

static void expect_at(uint32_t n, enum onnx_type type, const int64_t *dim, size_t rank, const int64_t *value,
                      size_t count) {
  const struct onnx_tensor *y = run(n);
  if (!y) fail_msg("%s: %s", node.op, why.text);
  assert_int_equal(y->type, type);
  assert_int_equal(y->rank, rank);
  assert_int_equal(y->count, count);
  for (size_t a = 0; a < rank; a++) assert_int_equal(y->dim[a], dim[a]);
  for (size_t k = 0; k < count; k++)
    if (y->i64)
      assert_int_equal(y->i64[k], value[k]);
    else
      assert_true((y->f32 ? (double)y->f32[k] : y->f64[k]) == (double)value[k]);
}

static void expect(enum onnx_type type, const int64_t *dim, size_t rank, const int64_t *value, size_t count) {
  expect_at(0, type, dim, rank, value, count);
}

static void refused(const char *part) {
  if (run(0)) fail_msg("%s folded", node.op);
  if (!strstr(why.text, part)) fail_msg("%s: \"%s\" says nothing of \"%s\"", node.op, why.text, part);
}

static void test_arithmetic(void **state) {
  (void)state;
  static const struct {
    const char *op;
    int64_t x, y, want;
    bool truth;
  } rows[] = {{"Add", 5, -7, -2, false},         {"Sub", 5, 7, -2, false},   {"Mul", -3, 7, -21, false},
              {"Div", -7, 2, -3, false},         {"Mod", -7, 3, 2, false},   {"Mod", 7, -3, -2, false},
              {"Pow", 3, 4, 81, false},          {"Min", 2, -1, -1, false},  {"Max", 2, -1, 2, false},
              {"Less", 1, 2, 1, true},           {"Less", 2, 2, 0, true},    {"LessOrEqual", 2, 2, 1, true},
              {"Greater", 1, 2, 0, true},        {"Greater", 3, 2, 1, true}, {"GreaterOrEqual", 2, 2, 1, true},
              {"GreaterOrEqual", 1, 2, 0, true}, {"Equal", 2, 2, 1, true},   {"Equal", 2, 3, 0, true}};
  for (size_t n = 0; n < sizeof rows / sizeof rows[0]; n++) {
    begin(rows[n].op);
    shaped(take(ONNX_INT64, LIST(rows[n].x)), NULL, 0);
    shaped(take(ONNX_INT64, LIST(rows[n].y)), NULL, 0);
    expect(rows[n].truth ? ONNX_BOOL : ONNX_INT64, NULL, 0, &rows[n].want, 1);
  }
  begin("Mod");
  take(ONNX_INT64, LIST(-7, 7));
  take(ONNX_INT64, LIST(3, -3));
  attribute("fmod", 1);
  expect(ONNX_INT64, LIST(2), LIST(-1, 1));
  begin("Add"); /* shapes [2, 1] and [3] meet; a narrow type wraps */
  shaped(take(ONNX_UINT8, LIST(250, 10)), LIST(2, 1));
  take(ONNX_UINT8, LIST(1, 5, 6));
  expect(ONNX_UINT8, LIST(2, 3), LIST(251, 255, 0, 11, 15, 16));
  begin("Add");
  take(ONNX_INT64, LIST(INT64_MAX));
  take(ONNX_INT64, LIST(1));
  refused("leave 64 bits");
  begin("Div");
  take(ONNX_INT64, LIST(1));
  take(ONNX_INT64, LIST(0));
  refused("divided by zero");
  begin("Sum");
  take(ONNX_INT32, LIST(1, 2));
  take(ONNX_INT32, LIST(10));
  take(ONNX_INT32, LIST(100, 200));
  expect(ONNX_INT32, LIST(2), LIST(111, 212));
}

static void test_floats(void **state) {
  (void)state;
  begin("Div");
  shaped(take(ONNX_FLOAT, LIST(1)), NULL, 0);
  shaped(take(ONNX_FLOAT, LIST(3)), NULL, 0);
  assert_true(run(0)->f32[0] == 0x1.555556p-2f);
  begin("Sqrt");
  take(ONNX_FLOAT, LIST(2, 0, 16));
  const struct onnx_tensor *y = run(0);
  assert_true(y->f32[0] == 0x1.6a09e6p+0f && y->f32[1] == 0 && y->f32[2] == 4);
  begin("Sqrt"); /* rounded to nearest, up to the ends of the range */
  static const double root[][2] = {{2, 0x1.6a09e667f3bcdp+0},
                                   {0x1p-1074, 0x1p-537},
                                   {0x1.fffffffffffffp+1023, 0x1.fffffffffffffp+511},
                                   {3, 0x1.bb67ae8584caap+0},
                                   {0x1.0000000000001p+0, 1},
                                   {0x1.0000000000003p+0, 0x1.0000000000001p+0},
                                   {49, 7}};
  take(ONNX_DOUBLE, LIST(0, 0, 0, 0, 0, 0, 0));
  for (int n = 0; n < 7; n++) doubles[0][n] = root[n][0];
  y = run(0);
  for (int n = 0; n < 7; n++) assert_true(y->f64[n] == root[n][1]);
  begin("Floor");
  take(ONNX_DOUBLE, LIST(0, 0, 0));
  doubles[0][0] = -1.5, doubles[0][1] = 1.5, doubles[0][2] = -2;
  expect(ONNX_DOUBLE, LIST(3), LIST(-2, 1, -2));
  begin("Pow");
  take(ONNX_FLOAT, LIST(3, 2));
  shaped(take(ONNX_FLOAT, LIST(2)), NULL, 0);
  expect(ONNX_FLOAT, LIST(2), LIST(9, 4));
  begin("Cast"); /* toward zero, and what is not zero is true */
  take(ONNX_FLOAT, LIST(0, 0, 0));
  floats[0][0] = -1.75f, floats[0][1] = 0.5f, floats[0][2] = 3e38f;
  attribute("to", ONNX_INT64);
  expect(ONNX_INT64, LIST(3), LIST(-1, 0, INT64_MAX));
  begin("Cast");
  take(ONNX_FLOAT, LIST(0, 0));
  floats[0][0] = 0.5f, floats[0][1] = -0.0f;
  attribute("to", ONNX_BOOL);
  expect(ONNX_BOOL, LIST(2), LIST(1, 0));
  begin("Cast");
  take(ONNX_INT64, LIST(16777217, -1));
  attribute("to", ONNX_FLOAT);
  expect(ONNX_FLOAT, LIST(2), LIST(16777216, -1));
}

static void test_logic(void **state) {
  (void)state;
  begin("And");
  take(ONNX_BOOL, LIST(0, 0, 1, 1));
  take(ONNX_BOOL, LIST(0, 1, 0, 1));
  expect(ONNX_BOOL, LIST(4), LIST(0, 0, 0, 1));
  begin("Xor");
  take(ONNX_BOOL, LIST(0, 0, 1, 1));
  take(ONNX_BOOL, LIST(0, 1, 0, 1));
  expect(ONNX_BOOL, LIST(4), LIST(0, 1, 1, 0));
  begin("Not");
  take(ONNX_BOOL, LIST(0, 1));
  expect(ONNX_BOOL, LIST(2), LIST(1, 0));
  begin("Where");
  take(ONNX_BOOL, LIST(0, 1));
  shaped(take(ONNX_FLOAT, LIST(5, 6)), LIST(2, 1));
  shaped(take(ONNX_FLOAT, LIST(-1)), NULL, 0);
  expect(ONNX_FLOAT, LIST(2, 2), LIST(-1, 5, -1, 6));
}

static void test_movement(void **state) {
  (void)state;
  static const int64_t six[] = {0, 1, 2, 3, 4, 5};
  begin("Transpose");
  shaped(take(ONNX_INT64, six, 6), LIST(2, 3));
  expect(ONNX_INT64, LIST(3, 2), LIST(0, 3, 1, 4, 2, 5));
  begin("Reshape");
  shaped(take(ONNX_FLOAT, six, 6), LIST(2, 3));
  take(ONNX_INT64, LIST(0, -1, 1));
  expect(ONNX_FLOAT, LIST(2, 3, 1), six, 6);
  begin("Unsqueeze");
  take(ONNX_INT64, LIST(7, 8));
  take(ONNX_INT64, LIST(-1, 0));
  expect(ONNX_INT64, LIST(1, 2, 1), LIST(7, 8));
  begin("Squeeze");
  shaped(take(ONNX_INT64, LIST(7)), LIST(1, 1));
  take(ONNX_INT64, LIST(1));
  expect(ONNX_INT64, LIST(1), LIST(7));
  begin("Expand");
  shaped(take(ONNX_BOOL, LIST(1, 0)), LIST(2, 1));
  take(ONNX_INT64, LIST(2, 1, 2));
  expect(ONNX_BOOL, LIST(2, 2, 2), LIST(1, 1, 0, 0, 1, 1, 0, 0));
  begin("Slice"); /* backwards to the front, every second */
  shaped(take(ONNX_INT64, six, 6), LIST(2, 3));
  take(ONNX_INT64, LIST(-1));
  take(ONNX_INT64, LIST(INT64_MIN));
  node.inputs_count = 3;
  expect(ONNX_INT64, LIST(0, 3), six, 0);
  take(ONNX_INT64, LIST(1));
  inputs[4 - 1] = names[3];
  expect(ONNX_INT64, LIST(2, 0), six, 0);
  begin("Gather");
  shaped(take(ONNX_INT64, six, 6), LIST(2, 3));
  shaped(take(ONNX_INT64, LIST(-1, 0)), LIST(2, 1));
  attribute("axis", 1);
  expect(ONNX_INT64, LIST(2, 2, 1), LIST(2, 0, 5, 3));
  begin("Gather");
  take(ONNX_INT64, six, 6);
  take(ONNX_INT64, LIST(6));
  refused("index 6 of 6");
  begin("Concat");
  shaped(take(ONNX_INT64, six, 2), LIST(2, 1));
  shaped(take(ONNX_INT64, LIST(8, 9, 10, 11)), LIST(2, 2));
  attribute("axis", -1);
  expect(ONNX_INT64, LIST(2, 3), LIST(0, 8, 9, 1, 10, 11));
  begin("Split");
  shaped(take(ONNX_INT64, six, 5), LIST(1, 5));
  attribute("axis", 1);
  attribute("num_outputs", 3);
  node.outputs_count = 3;
  expect_at(0, ONNX_INT64, LIST(1, 2), LIST(0, 1));
  expect_at(2, ONNX_INT64, LIST(1, 1), LIST(4));
  begin("Tile");
  shaped(take(ONNX_INT64, LIST(1, 2)), LIST(1, 2));
  take(ONNX_INT64, LIST(2, 2));
  expect(ONNX_INT64, LIST(2, 4), LIST(1, 2, 1, 2, 1, 2, 1, 2));
  begin("Trilu");
  shaped(take(ONNX_FLOAT, LIST(1, 2, 3, 4, 5, 6)), LIST(2, 3));
  shaped(take(ONNX_INT64, LIST(1)), NULL, 0);
  expect(ONNX_FLOAT, LIST(2, 3), LIST(0, 2, 3, 0, 0, 6));
  attribute("upper", 0);
  expect(ONNX_FLOAT, LIST(2, 3), LIST(1, 2, 0, 4, 5, 6));
}

static void test_made(void **state) {
  (void)state;
  begin("Range");
  for (int n = 0; n < 3; n++) shaped(take(ONNX_INT64, LIST(n == 0 ? 10 : n == 1 ? 3 : -3)), NULL, 0);
  expect(ONNX_INT64, LIST(3), LIST(10, 7, 4));
  begin("Range");
  for (int n = 0; n < 3; n++) shaped(take(ONNX_INT64, LIST(n == 0 ? INT64_MIN : n == 1 ? INT64_MAX : 1)), NULL, 0);
  refused("2^31");
  begin("Range");
  for (int n = 0; n < 3; n++) shaped(take(ONNX_FLOAT, LIST(n == 0 ? 1 : n == 1 ? 4 : 2)), NULL, 0);
  expect(ONNX_FLOAT, LIST(2), LIST(1, 3));
  begin("ConstantOfShape");
  take(ONNX_INT64, LIST(2, 0, 3));
  expect(ONNX_FLOAT, LIST(2, 0, 3), NULL, 0);
  begin("Size");
  shaped(take(ONNX_INT64, LIST(1, 2, 3, 4)), LIST(2, 2));
  expect(ONNX_INT64, NULL, 0, LIST(4));
  begin("Shape");
  shaped(take(ONNX_INT64, LIST(1, 2, 3, 4)), LIST(2, 1, 2));
  attribute("start", -2);
  expect(ONNX_INT64, LIST(2), LIST(1, 2));
  begin("ReduceProd");
  shaped(take(ONNX_INT64, LIST(2, 3, 4, 5)), LIST(2, 2));
  attribute("keepdims", 0);
  expect(ONNX_INT64, NULL, 0, LIST(120));
  begin("ReduceMax");
  shaped(take(ONNX_INT64, LIST(2, 3, 4, 1)), LIST(2, 2));
  take(ONNX_INT64, LIST(0));
  expect(ONNX_INT64, LIST(1, 2), LIST(4, 3));
}

/* Equal masks of two layers are one content; equal elements are one literal. */
static void test_shared(void **state) {
  (void)state;
  static struct onnx_node two[2];
  static const char *other[] = {"z"};
  begin("Trilu");
  shaped(take(ONNX_FLOAT, LIST(1, 2, 3, 4)), LIST(2, 2));
  two[0] = two[1] = node;
  two[1].output = other;
  two[0].outputs_count = two[1].outputs_count = 1;
  model.node = two;
  model.nodes_count = 2;
  static struct onnx_value y[2] = {{.name = "y"}, {.name = "z"}};
  model.output = y;
  node.outputs_count = 2;
  const struct onnx_tensor *first = run(0);
  assert_non_null(first);
  assert_ptr_equal(first, g.tensor[graph_find(&g, "z")].content);
  begin("Expand");
  shaped(take(ONNX_FLOAT, LIST(3)), NULL, 0);
  take(ONNX_INT64, LIST(2, 2));
  assert_non_null(run(0));
  const struct tensor *t = &g.tensor[graph_find(&g, "y")];
  assert_true(t->known && t->v.literal && t->v.rank == 2 && t->v.dim[1] == 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_floats),
                                     cmocka_unit_test(test_logic),      cmocka_unit_test(test_movement),
                                     cmocka_unit_test(test_made),       cmocka_unit_test(test_shared)};
  if (!arena_open(&arena, 1 << 26)) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
