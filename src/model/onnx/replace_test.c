/* onnx_replace puts trained weights back and changes nothing else, except source paths and where values lie. */
#include "model/onnx/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 16 << 20, FILE_BYTES_MAX = 1 << 20 };

static const uint8_t *beside(void *context, const char *name, uint64_t *length) {
  static const uint8_t bytes[64] = {1, 2, 3};
  (void)context;
  *length = sizeof bytes;
  return strcmp(name, "w.bin") ? NULL : bytes;
}

static const uint8_t *read_file(const char *path, size_t *length) {
  static uint8_t bytes[FILE_BYTES_MAX];
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("cannot open %s", path);
  *length = fread(bytes, 1, sizeof bytes, f);
  fclose(f);
  return bytes;
}

static bool holds(const uint8_t *bytes, size_t length, const char *text) {
  for (size_t n = strlen(text), i = 0; i + n <= length; i++)
    if (!memcmp(bytes + i, text, n)) return true;
  return false;
}

static const float trained[8] = {8, 7, 6, 5, 4, 3, 2, 1};

static void replaced_and_kept(void **state) {
  (void)state;
  struct arena arena;
  struct why why = {""};
  struct onnx_model m;
  const uint8_t *out;
  size_t length, out_length;
  assert_true(arena_open(&arena, ARENA_BYTES));
  const uint8_t *file = read_file("onnx/corpus/good-everything.onnx", &length);
  struct onnx_replacement r = {"w", trained, 8};
  if (onnx_replace(file, length, NULL, NULL, &r, 1, &arena, &out, &out_length, &why)) fail_msg("%s", why.text);
  if (onnx_decode(out, out_length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  assert_memory_equal(m.initializer[0].f32, trained, sizeof trained);
  assert_true(m.initializer[1].f32[0] == 0.5f);
  assert_int_equal(m.nodes_count, 12);
  static const char *const kept[] = {"words about the model",
                                     "org.example",
                                     "words about the graph",
                                     "words about w",
                                     "words about transB",
                                     "words about a type",
                                     "carried",
                                     "along",
                                     "a person's own words",
                                     "kept too",
                                     "com.example",
                                     "namespace"};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    if (!holds(out, out_length, kept[i])) fail_msg("lost: %s", kept[i]);
  assert_true(holds(file, length, "/home/someone"));
  assert_false(holds(out, out_length, "/home/someone"));
  assert_false(holds(out, out_length, "stack_trace"));
  /* Again with nothing to replace: the same bytes, so the form is a fixed point. */
  const uint8_t *again;
  size_t again_length;
  assert_int_equal(onnx_replace(out, out_length, NULL, NULL, NULL, 0, &arena, &again, &again_length, &why), ONNX_OK);
  assert_int_equal(again_length, out_length);
  assert_memory_equal(again, out, out_length);
  arena_shut(&arena);
}

static void external_values_come_in(void **state) {
  (void)state;
  struct arena arena;
  struct why why = {""};
  struct onnx_model m;
  const uint8_t *out;
  size_t length, out_length;
  assert_true(arena_open(&arena, ARENA_BYTES));
  const uint8_t *file = read_file("onnx/corpus/good-external.onnx", &length);
  if (onnx_replace(file, length, beside, NULL, NULL, 0, &arena, &out, &out_length, &why)) fail_msg("%s", why.text);
  assert_false(holds(out, out_length, "w.bin"));
  if (onnx_decode(out, out_length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  assert_int_equal(onnx_replace(file, length, NULL, NULL, NULL, 0, &arena, &out, &out_length, &why), ONNX_ERR_BYTES);
  assert_non_null(strstr(why.text, "w.bin"));
  arena_shut(&arena);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  static const struct {
    struct onnx_replacement r;
    const char *says;
  } table[] = {
      {{"w", trained, 7}, "\"w\" is FLOAT of 8 values and cannot become FLOAT of 7"},
      {{"v", trained, 8}, "no initializer \"v\""},
      {{"y", trained, 8}, "no initializer \"y\""},
  };
  struct arena arena;
  assert_true(arena_open(&arena, ARENA_BYTES));
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct why why = {""};
    const uint8_t *out = NULL;
    size_t length, out_length = 0;
    const uint8_t *file = read_file("onnx/corpus/good-plain.onnx", &length);
    assert_int_equal(onnx_replace(file, length, NULL, NULL, &table[i].r, 1, &arena, &out, &out_length, &why),
                     ONNX_ERR_BYTES);
    if (!strstr(why.text, table[i].says)) fail_msg("%s", why.text);
    assert_true(out == NULL && out_length == 0);
  }
  arena_shut(&arena);
}

static const struct onnx_attribute *attribute(const struct onnx_node *node, const char *name) {
  for (uint32_t i = 0; i < node->attributes_count; i++)
    if (!strcmp(node->attribute[i].name, name)) return &node->attribute[i];
  return NULL;
}

/* What a training-mode export of the older exporter would do in a runtime: draw, and look at the other samples. */
static void training_modes_end(void **state) {
  (void)state;
  struct arena arena;
  struct why why = {""};
  struct onnx_model before, after;
  const uint8_t *out;
  size_t length, out_length;
  uint32_t seen = 0;
  assert_true(arena_open(&arena, ARENA_BYTES));
  const uint8_t *file = read_file("../../tests/models/training_legacy.onnx", &length);
  if (onnx_decode(file, length, NULL, NULL, &arena, &before, &why)) fail_msg("%s", why.text);
  if (onnx_replace(file, length, NULL, NULL, NULL, 0, &arena, &out, &out_length, &why)) fail_msg("%s", why.text);
  if (onnx_decode(out, out_length, NULL, NULL, &arena, &after, &why)) fail_msg("%s", why.text);
  assert_int_equal(before.nodes_count, after.nodes_count + 1); /* the Constant that said "training" */
  for (uint32_t i = 0, k = 0; i < before.nodes_count; i++) {
    const struct onnx_node *b = &before.node[i], *a = &after.node[k];
    if (strcmp(a->output[0], b->output[0])) {
      assert_string_equal(b->op, "Constant");
      continue;
    }
    k++;
    if (!strcmp(b->op, "Dropout")) {
      assert_int_equal(b->inputs_count, 3);
      assert_int_equal(a->inputs_count, 2);
    } else if (!strcmp(b->op, "BatchNormalization")) {
      assert_true(attribute(b, "training_mode")->i == 1 && b->outputs_count == 3);
      assert_true(attribute(a, "training_mode")->i == 0 && a->outputs_count == 1);
    } else {
      assert_int_equal(a->inputs_count, b->inputs_count);
      continue;
    }
    seen++;
  }
  assert_int_equal(seen, 2);
  arena_shut(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replaced_and_kept),
      cmocka_unit_test(external_values_come_in),
      cmocka_unit_test(training_modes_end),
      cmocka_unit_test(what_does_not_fit_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
