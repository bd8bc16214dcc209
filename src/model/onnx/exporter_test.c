/* What PyTorch's exporters did to one module (tests/models/models.py, Merged), read from three files that they wrote.
 */
#include "model/onnx/exporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 << 20, TEXT = 4096 };

static void write_down(void *context, const struct exporter_finding *f) {
  static const char *const deed[] = {"tied", "merged", "untied", "renamed", "scalar", "folded", "gone", "unused"};
  char *text = context;
  size_t length = strlen(text);
  assert_true(!f->tensor || f->tensor->name == f->name);
  snprintf(text + length, TEXT - length, "%s %s%s%s%s%s\n", deed[f->deed], f->name, *f->places ? ": " : "", f->places,
           *f->other ? " of " : "", f->other);
}

static void expect(const char *path, const char *signature, const char *wanted) {
  static uint8_t bytes[1 << 20];
  struct arena arena;
  struct onnx_model m;
  struct why why = {""};
  char text[TEXT] = "";
  assert_true(arena_open(&arena, ARENA_BYTES));
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("cannot open %s", path);
  size_t length = fread(bytes, 1, sizeof bytes, f);
  fclose(f);
  if (onnx_decode(bytes, length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  if (signature) m.signature = signature;
  assert_true(exporter_look(&m, &arena, write_down, text));
  assert_string_equal(text, wanted);
  arena_shut(&arena);
}

static void unoptimised_is_as_the_module(void **state) {
  (void)state;
  expect("../../tests/models/merged.onnx", NULL, "tied there.weight: node_Transpose_17, node_matmul\n");
  expect("../../tests/models/lenet.onnx", NULL, "");
}

/* The gates of a packed weight are slices of it: one tensor, in one place of the module. */
static void pieces_of_a_packed_tensor_are_no_ties(void **state) {
  (void)state;
  expect("../../tests/models/families/lstm.onnx", NULL, "");
  expect("../../tests/models/families/lstm_legacy.onnx", NULL, "");
}

static void newer_exporter(void **state) {
  (void)state;
  expect(
      "../../tests/models/merged_signed.onnx", NULL,
      "merged norm1.weight: node_layer_norm, node_layer_norm_1\n"
      "merged norm1.bias: node_layer_norm, node_layer_norm_1, node_linear_1, node_linear_2\n"
      "untied val_21 of there.weight\nrenamed val_22\nrenamed val_24\nfolded bn\ngone norm2.weight\ngone norm2.bias\n"
      "gone one.weight\ngone one.bias\ngone two.weight\ngone two.bias\n");
}

static void older_exporter(void **state) {
  (void)state;
  expect(
      "../../tests/models/corners_legacy.onnx", NULL,
      "scalar gain\nmerged twice.weight: /twice/Gemm, /twice_1/Gemm\nmerged twice.bias: /twice/Gemm, /twice_1/Gemm\n");
  expect("../../tests/models/merged_aged.onnx", NULL,
         "merged norm1.weight: /norm1/LayerNormalization, /norm2/LayerNormalization\n"
         "merged norm1.bias: /conv/Conv, /norm1/LayerNormalization, /norm2/LayerNormalization, /one/Add, ..\n"
         "renamed onnx::Conv_37\nuntied onnx::MatMul_39 of there.weight\nrenamed onnx::MatMul_40\nrenamed "
         "onnx::MatMul_41\n");
}

static void odd_signatures(void **state) {
  (void)state;
  const char *path = "../../tests/models/lenet.onnx";
  expect(path, "", "");
  expect(path, "\n\n::\n: PARAMETER\nx: PARAMETER target='\ny: PARAMETER target=''\n: BUFFER target='.running_mean'",
         "");
  expect(path, "x: PARAMETER target='a.b'\ny: BUFFER target='a.running_mean'\nz: PARAMETER target='c", "folded a\n");
  expect(path, "x: PARAMETER target='a'\nx: PARAMETERS target='b'\ny: USER_INPUT target='c'", "unused a\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unoptimised_is_as_the_module),
      cmocka_unit_test(pieces_of_a_packed_tensor_are_no_ties),
      cmocka_unit_test(newer_exporter),
      cmocka_unit_test(older_exporter),
      cmocka_unit_test(odd_signatures),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
