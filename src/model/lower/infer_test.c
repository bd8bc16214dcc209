/* Graphs for inference, shape arithmetic, and what lower_check says about whole files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"

#define FOLDER "../../tests/models/"

static struct sketch s;

struct run {
  struct arena arena;
  struct lowered_infer l;
  uint8_t *state;
};

static void run(struct run *r, const struct infer_shape *input, const void *const *content) {
  const void *data[8] = {NULL};
  struct execute_options how = {.plain = true};
  struct execute *x;
  struct why why;
  assert_true(arena_open(&r->arena, (size_t)1 << 28));
  if (lower_infer(&s.model, input, &r->arena, &r->l, &why) != LOWER_OK) fail_msg("%s", why.text);
  for (uint32_t n = 0; n < s.model.inputs_count; n++) data[n] = content[n];
  data[s.model.inputs_count] = r->l.weights;
  assert_int_equal(execute_open(&x, &r->l.tape, data, &how, &why), EXECUTE_OK);
  size_t bytes = (size_t)r->l.tape.state_leaves * TAPE_LEAF_BYTES;
  r->state = aligned_alloc(64, bytes);
  memset(r->state, 0, bytes);
  execute_step(x, r->state, 0, 1);
  execute_shut(x);
}

static void end(struct run *r) {
  free(r->state);
  arena_shut(&r->arena);
}

static const float *output(const struct run *r, uint32_t n) {
  return (const float *)(r->state + r->l.tape.layout.entry[1 + n].first_leaf * TAPE_LEAF_BYTES);
}

/* Two inputs (one of bytes), two outputs, one of them an input's own sum with itself. */
static void test_several(void **state) {
  float x[6] = {1, 2, 3, 4, 5, 6};
  uint8_t y[3] = {10, 20, 30};
  struct run r;
  (void)state;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 0});
  sketch_input(&s, "y", (int64_t[]){3, 0});
  sketch_weight(&s, "w", (int64_t[]){3, 0}, 0)[1] = 100;
  sketch_node(&s, "Add", "x y", "a");
  sketch_node(&s, "Add", "a w", "b");
  sketch_node(&s, "Add", "x x", "c");
  sketch_output(&s, "b");
  sketch_output(&s, "c");
  const struct infer_shape shape[2] = {{.dtype = TAPE_F32, .rank = 2, .dim = {2, 3}},
                                       {.dtype = TAPE_U8, .rank = 1, .dim = {3}}};
  run(&r, shape, (const void *[]){x, y});
  assert_int_equal(r.l.outputs_count, 2);
  assert_string_equal(r.l.tape.layout.entry[1].name, "b");
  assert_string_equal(r.l.tape.layout.entry[2].name, "c");
  for (int n = 0; n < 6; n++) {
    assert_true(output(&r, 0)[n] == x[n] + y[n % 3] + (n % 3 == 1 ? 100 : 0));
    assert_true(output(&r, 1)[n] == 2 * x[n]);
  }
  end(&r);
}

/* The shape of a Reshape as exporters write it: [Shape(x)[0], -1], and a slice of a shape times a constant. */
static void test_shape_arithmetic(void **state) {
  float x[24];
  struct run r;
  (void)state;
  for (int n = 0; n < 24; n++) x[n] = (float)n;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 4, 0});
  sketch_integers(&s, "zero", 1, (int64_t[]){0});
  sketch_integers(&s, "one", 1, (int64_t[]){1});
  sketch_integers(&s, "three", 1, (int64_t[]){3});
  sketch_integers(&s, "minus", 1, (int64_t[]){-1});
  sketch_node(&s, "Shape", "x", "shape"); /* 2 3 4 */
  sketch_node(&s, "Gather", "shape zero", "batch");
  sketch_node(&s, "Concat", "batch minus", "flat");    /* 2 -1 */
  sketch_node(&s, "Reshape", "x flat", "y");           /* [2, 12] */
  sketch_node(&s, "Slice", "shape one three", "tail"); /* 3 4 */
  sketch_node(&s, "Mul", "tail batch", "double");      /* 6 8 */
  sketch_node(&s, "Slice", "double zero one", "six");
  struct onnx_node *node = sketch_node(&s, "Constant", "", "four");
  node->inputs_count = 0;
  sketch_ints(&s, node, "value_ints", 1, (int64_t[]){4});
  sketch_int(&s, sketch_node(&s, "Cast", "four", "cast"), "to", ONNX_INT64);
  sketch_node(&s, "Concat", "six cast", "wide"); /* 6 4 */
  sketch_node(&s, "Reshape", "y wide", "z");
  sketch_node(&s, "Unsqueeze", "z one", "u");
  sketch_node(&s, "Squeeze", "u", "v");
  sketch_output(&s, "v");
  sketch_output(&s, "u");
  run(&r, (struct infer_shape[]){{.dtype = TAPE_F32, .rank = 3, .dim = {2, 3, 4}}}, (const void *[]){x});
  const struct layout_entry *v = &r.l.tape.layout.entry[1], *u = &r.l.tape.layout.entry[2];
  assert_int_equal(v->rank, 2);
  assert_int_equal(v->dim[0], 6);
  assert_int_equal(v->dim[1], 4);
  assert_int_equal(u->rank, 3);
  assert_int_equal(u->dim[1], 1);
  assert_memory_equal(output(&r, 0), x, sizeof x);
  end(&r);
}

static void refused(const struct infer_shape *shape, const char *words) {
  struct arena arena;
  struct lowered_infer l;
  struct why why = {{0}};
  assert_true(arena_open(&arena, (size_t)1 << 26));
  assert_int_not_equal(lower_infer(&s.model, shape, &arena, &l, &why), LOWER_OK);
  if (!strstr(why.text, words)) fail_msg("\"%s\" does not speak of \"%s\"", why.text, words);
  arena_shut(&arena);
}

/* Outputs that no node computes: an input, a constant; of rank 0; and types that are declared otherwise. */
static void test_bare_outputs(void **state) {
  float x[1] = {7};
  int32_t k[2] = {-3, 4};
  struct run r;
  (void)state;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){0});
  sketch_input(&s, "k", (int64_t[]){2, 0});
  s.model.input[1].type = ONNX_INT8;
  sketch_integers(&s, "c", 2, (int64_t[]){5, -6});
  sketch_node(&s, "Add", "x x", "y");
  sketch_output(&s, "y");
  sketch_output(&s, "k");
  sketch_output(&s, "c");
  s.model.output[1].type = ONNX_INT8;
  s.model.output[2].type = ONNX_INT64;
  const struct infer_shape shape[2] = {{.dtype = TAPE_F32}, {.dtype = TAPE_I32, .rank = 1, .dim = {2}}};
  run(&r, shape, (const void *[]){x, k});
  assert_int_equal(r.l.output[0].rank, 0);
  assert_true(output(&r, 0)[0] == 14);
  assert_int_equal(r.l.output[1].type, ONNX_INT8);
  assert_memory_equal(output(&r, 1), k, sizeof k);
  assert_int_equal(r.l.output[2].dim[0], 2);
  assert_memory_equal(output(&r, 2), ((int32_t[]){5, -6}), 8);
  end(&r);
  s.model.output[0].type = ONNX_INT32;
  refused(shape, "output 'y' is declared INT32, and the graph computes FLOAT");
  s.model.output[0].type = ONNX_DOUBLE;
  refused(shape, "output 'y' is DOUBLE");
  s.model.input[0].type = ONNX_DOUBLE;
  refused(shape, "input 'x' is DOUBLE");
}

static void test_refusals(void **state) {
  (void)state;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 4, 0});
  sketch_integers(&s, "five", 1, (int64_t[]){5});
  sketch_node(&s, "Reshape", "x five", "y");
  sketch_output(&s, "y");
  refused((struct infer_shape[]){{.dtype = TAPE_F32, .rank = 3, .dim = {2, 3, 5}}}, "'x'");
  refused((struct infer_shape[]){{.dtype = TAPE_F32, .rank = 2, .dim = {2, 3}}}, "rank 3");
  refused((struct infer_shape[]){{.dtype = TAPE_F32, .rank = 3, .dim = {2, 3, 4}}}, "elements of");
  s.node[0].op = "Transpose";
  s.node[0].inputs_count = 1;
  sketch_ints(&s, &s.node[0], "perm", 3, (int64_t[]){0, 1, 1});
  refused((struct infer_shape[]){{.dtype = TAPE_F32, .rank = 3, .dim = {2, 3, 4}}}, "perm");
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 4, 4, 0});
  sketch_weight(&s, "w", (int64_t[]){2, 3, 9, 9, 0}, 1);
  sketch_node(&s, "Conv", "x w", "y")->name = "wide";
  sketch_output(&s, "y");
  refused((struct infer_shape[]){{.dtype = TAPE_F32, .rank = 4, .dim = {2, 3, 4, 4}}},
          "node 0 'wide' (Conv): a window of 9 places");
  sketch_ints(&s, &s.node[0], "pads", 3, (int64_t[]){1, 1, 1});
  refused((struct infer_shape[]){{.dtype = TAPE_F32, .rank = 4, .dim = {2, 3, 4, 4}}}, "pads has 3 numbers, not 4");
}

struct said {
  uint32_t calls, nodes_after;
  char reason[3][200];
  bool lowers[3];
};

static void hear(void *context, const struct onnx_node *node, uint32_t index, bool lowers, const char *reason) {
  struct said *said = context;
  assert_int_equal(index, said->calls);
  assert_non_null(node);
  if (said->calls < 3) {
    snprintf(said->reason[said->calls], sizeof said->reason[0], "%s", reason);
    said->lowers[said->calls] = lowers;
  }
  said->calls++;
}

static void test_check(void **state) {
  struct arena arena;
  struct said said = {0};
  (void)state;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 0});
  sketch_node(&s, "Relu", "x", "a");
  sketch_node(&s, "NonZero", "a", "b");
  sketch_node(&s, "Relu", "b", "c");
  sketch_output(&s, "c");
  assert_true(arena_open(&arena, (size_t)1 << 26));
  assert_int_equal(lower_check(&s.model, hear, &said, &arena), 1);
  assert_int_equal(said.calls, 3);
  assert_true(said.lowers[0] && !said.lowers[1] && said.lowers[2]);
  assert_non_null(strstr(said.reason[1], "node 1 (NonZero)"));
  assert_non_null(strstr(said.reason[2], "follows a node"));
  arena_shut(&arena);
}

static uint8_t *file(const char *name, uint64_t *length) {
  char path[256];
  snprintf(path, sizeof path, FOLDER "%s", name);
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  uint8_t *bytes = malloc(1 << 24);
  *length = fread(bytes, 1, 1 << 24, f);
  fclose(f);
  return bytes;
}

static uint8_t *outside;
static const uint8_t *external(void *context, const char *name, uint64_t *length) {
  (void)context;
  free(outside);
  return outside = file(name, length);
}

/* What both of PyTorch's exporters wrote for the networks of tests/models lowers, every node of it. */
static void test_exports(void **state) {
  static const char *const names[] = {
      "mlp",          "lenet",         "mlp_small",     "mlp_small_legacy", "lenet_small",        "lenet_small_legacy",
      "mixed",        "mixed_legacy",  "mixed_default", "mlp_dropout",      "mlp_dropout_legacy", "pools",
      "pools_legacy", "pools_default", "regression",    "corners",          "corners_legacy"};
  (void)state;
  for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
    char path[64];
    uint64_t length = 0;
    struct arena arena;
    struct onnx_model model;
    struct said said = {0};
    struct why why;
    snprintf(path, sizeof path, "%s.onnx", names[n]);
    uint8_t *bytes = file(path, &length);
    if (!bytes) fail_msg("%s is not there", path);
    assert_true(arena_open(&arena, (size_t)1 << 30));
    if (onnx_decode(bytes, length, external, NULL, &arena, &model, &why) != ONNX_OK) fail_msg("%s: %s", path, why.text);
    if (lower_check(&model, hear, &said, &arena))
      fail_msg("%s: %s | %s | %s", path, said.reason[0], said.reason[1], said.reason[2]);
    assert_int_equal(said.calls, model.nodes_count);
    free(bytes);
    arena_shut(&arena);
  }
  free(outside);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_several),      cmocka_unit_test(test_shape_arithmetic),
                                     cmocka_unit_test(test_bare_outputs), cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_check),        cmocka_unit_test(test_exports)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
