/* Each file of onnx/corpus and what the decoder must say to it; tests/models/hostile.py wrote them. */
#include "model/onnx/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CORPUS "onnx/corpus"
enum { ARENA_BYTES = 16 << 20, FILE_BYTES_MAX = 1 << 20 };

static const struct {
  const char *file;
  enum onnx_status status;
  const char *says; /* a part of the reason */
} table[] = {
    {"good-types", ONNX_OK, ""},
    {"good-everything", ONNX_OK, ""},
    {"good-external", ONNX_OK, ""},
    {"good-old-ir", ONNX_OK, ""},
    {"good-plain", ONNX_OK, ""},
    {"good-unpacked", ONNX_OK, ""},
    {"good-wrong-arity", ONNX_OK, ""},
    {"bad-amplifier", ONNX_ERR_BYTES, "node 0 (): no operator"},
    {"bad-attribute-twice", ONNX_ERR_BYTES, "node 0 (LeakyRelu \"twice\"): attribute \"alpha\" is given twice"},
    {"bad-bool", ONNX_ERR_BYTES, "node 0 (Constant \"k\"): attribute \"value\" holds a number that is no BOOL"},
    {"bad-control-name", ONNX_ERR_BYTES, "node 0: a name with the control character 27 in it"},
    {"bad-cycle", ONNX_ERR_BYTES,
     "node 0 (Add \"first\"): its input \"c\" comes from node 1 (Relu \"second\"): the graph has a cycle or is not in "
     "order"},
    {"bad-defined-twice", ONNX_ERR_BYTES, "the value \"y\" is defined twice, the second time by node 1 (Relu \"two\")"},
    {"bad-depth", ONNX_ERR_UNSUPPORTED, "node 0 (If): attribute \"\" is a graph"},
    {"bad-empty", ONNX_ERR_BYTES, "not an ONNX model: no graph in it"},
    {"bad-external-hidden-up", ONNX_ERR_BYTES,
     "initializer \"w\": external data must name a file in or below the model's folder, without \"..\""},
    {"bad-external-length", ONNX_ERR_BYTES,
     "initializer \"w\": external data has 31 bytes where its shape asks for 32"},
    {"bad-external-missing", ONNX_ERR_BYTES,
     "initializer \"w\": its values lie in \"missing.bin\", which cannot be read: put that file beside the model"},
    {"bad-external-nameless", ONNX_ERR_BYTES,
     "initializer \"w\": external data must name a file in or below the model's folder, without \"..\""},
    {"bad-external-number", ONNX_ERR_BYTES, "initializer \"w\": its external data entry \"offset\" is malformed"},
    {"bad-external-offset", ONNX_ERR_BYTES,
     "initializer \"w\": wants 32 bytes at offset 33 of \"w.bin\", which has 64"},
    {"bad-external-root", ONNX_ERR_BYTES,
     "initializer \"w\": external data must name a file in or below the model's folder, without \"..\""},
    {"bad-external-up", ONNX_ERR_BYTES,
     "initializer \"w\": external data must name a file in or below the model's folder, without \"..\""},
    {"bad-external-wraps", ONNX_ERR_BYTES,
     "initializer \"w\": wants 32 bytes at offset 18446744073709551600 of \"w.bin\", which has 64"},
    {"bad-field-zero", ONNX_ERR_BYTES, "not a sound ONNX file: byte 214, (field number): cut or malformed"},
    {"bad-float-as-varint", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 4, graph.initializer[0].float_data: of another type"},
    {"bad-float16", ONNX_ERR_UNSUPPORTED, "initializer \"w\" is FLOAT16; Assay reads FLOAT,"},
    {"bad-function", ONNX_ERR_UNSUPPORTED, "the model has local functions: inline them with onnx.inliner"},
    {"bad-gigantic", ONNX_ERR_BYTES, "initializer \"w\" holds 32 bytes where its shape asks for 1073741824"},
    {"bad-graph-twice", ONNX_ERR_BYTES, "not a sound ONNX file: byte 214, graph: given twice"},
    {"bad-group", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 214, (a field unknown to Assay): a wire type that ONNX does not use"},
    {"bad-huge-length", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 214, (a field unknown to Assay): cut: says 2147483647 bytes, 0 are left"},
    {"bad-int8", ONNX_ERR_BYTES, "node 0 (Constant \"k\"): attribute \"value\" holds a number that is no INT8"},
    {"bad-ir", ONNX_ERR_UNSUPPORTED,
     "ONNX IR version 99; Assay reads 3 to 14: export again with torch.onnx.export(..., opset_version=20)"},
    {"bad-long-name", ONNX_ERR_LIMIT, "node 0: a name of 513 bytes; Assay reads up to 512"},
    {"bad-long-varint", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 214, (a field unknown to Assay): a number cut or malformed"},
    {"bad-missing-input", ONNX_ERR_BYTES, "node 0 (Relu \"lost\"): its input \"nowhere\" is defined nowhere"},
    {"bad-missing-output", ONNX_ERR_BYTES, "the graph's output \"y\" is defined nowhere"},
    {"bad-negative-dim", ONNX_ERR_BYTES, "initializer \"w\" has -2 as dimension 0"},
    {"bad-negative-input", ONNX_ERR_BYTES, "input \"x\": dimension 0 is negative"},
    {"bad-no-graph", ONNX_ERR_BYTES, "not an ONNX model: no graph in it"},
    {"bad-nul-name", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 80, graph.node[1].name: text that is not UTF-8, or with a NUL in it"},
    {"bad-opset-9", ONNX_ERR_UNSUPPORTED,
     "operator set 9; Assay reads 13 to 28: export again with torch.onnx.export(..., opset_version=20)"},
    {"bad-opset-99", ONNX_ERR_UNSUPPORTED,
     "operator set 99; Assay reads 13 to 28: export again with torch.onnx.export(..., opset_version=20)"},
    {"bad-opset-none", ONNX_ERR_UNSUPPORTED,
     "operator set 0; Assay reads 13 to 28: export again with torch.onnx.export(..., opset_version=20)"},
    {"bad-overflowing-dims", ONNX_ERR_LIMIT,
     "initializer \"w\" has dimensions that multiply to more than 1073741824 bytes"},
    {"bad-packed-cut", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 6, graph.initializer[0].int64_data: an array that ends inside a number"},
    {"bad-packed-odd", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 6, graph.initializer[0].float_data: an array that ends inside a number"},
    {"bad-rank", ONNX_ERR_LIMIT, "initializer \"w\" has 9 dimensions; Assay reads up to 8"},
    {"bad-segment", ONNX_ERR_UNSUPPORTED, "initializer \"w\" is stored in segments, which Assay does not read"},
    {"bad-self", ONNX_ERR_BYTES,
     "node 0 (Add \"eats itself\"): its input \"y\" comes from itself: the graph has a cycle or is not in order"},
    {"bad-sequence-input", ONNX_ERR_UNSUPPORTED, "input \"x\" is no tensor"},
    {"bad-shadows-input", ONNX_ERR_BYTES,
     "the value \"x\" is defined twice, the second time by node 0 (Relu \"shadow\")"},
    {"bad-shapeless-input", ONNX_ERR_UNSUPPORTED, "x is an input without a shape: export with an example input"},
    {"bad-short-floats", ONNX_ERR_BYTES, "initializer \"w\" holds 7 values where its shape asks for 8"},
    {"bad-short-raw", ONNX_ERR_BYTES, "initializer \"w\" holds 31 bytes where its shape asks for 32"},
    {"bad-sparse", ONNX_ERR_UNSUPPORTED, "the graph has sparse initializers: store them dense"},
    {"bad-string-type", ONNX_ERR_UNSUPPORTED, "initializer \"w\" is STRING; Assay reads FLOAT,"},
    {"bad-subgraph", ONNX_ERR_UNSUPPORTED, "node 0 (If \"branch\"): attribute \"else_branch\" is a graph"},
    {"bad-text", ONNX_ERR_BYTES, "not a sound ONNX file: byte 0, metadata_props: of another type"},
    {"bad-uint16", ONNX_ERR_BYTES, "node 0 (Constant \"k\"): attribute \"value\" holds a number that is no UINT16"},
    {"bad-uint64", ONNX_ERR_BYTES,
     "node 0 (Constant \"k\"): attribute \"value\" holds a number that is no UINT64 below 2^63"},
    {"bad-two-initializers", ONNX_ERR_BYTES, "the value \"w\" is defined twice"},
    {"bad-two-sources", ONNX_ERR_BYTES,
     "initializer \"w\" gives its values in more than one place, or in one that is not for FLOAT"},
    {"bad-type-number", ONNX_ERR_UNSUPPORTED, "initializer \"w\" is an unknown type; Assay reads FLOAT,"},
    {"bad-unsorted", ONNX_ERR_BYTES,
     "node 0 (Relu \"late\"): its input \"h\" comes from node 1 (Gemm \"fc\"): the graph has a cycle or is not in "
     "order"},
    {"bad-untyped-attribute", ONNX_ERR_BYTES, "node 0 (LeakyRelu \"untyped\"): attribute \"alpha\": no type"},
    {"bad-utf8", ONNX_ERR_BYTES,
     "not a sound ONNX file: byte 80, graph.node[1].name: text that is not UTF-8, or with a NUL in it"},
    {"bad-wrapping-dims", ONNX_ERR_LIMIT,
     "initializer \"w\" has dimensions that multiply to more than 1073741824 bytes"},
    {"bad-wrong-field", ONNX_ERR_BYTES,
     "initializer \"w\" gives its values in more than one place, or in one that is not for FLOAT"},
};

/* The one external file of the corpus: 64 bytes, values 0 to 15. */
static const uint8_t *beside(void *context, const char *name, uint64_t *length) {
  static float values[16];
  (void)context;
  for (int i = 0; i < 16; i++) values[i] = (float)i;
  *length = sizeof values;
  return strcmp(name, "w.bin") ? NULL : (const uint8_t *)values;
}

/* The file in a block of exactly its size. */
static uint8_t *read_file(const char *name, size_t *length) {
  char path[256];
  snprintf(path, sizeof path, CORPUS "/%s.onnx", name);
  FILE *f = fopen(path, "rb");
  uint8_t *bytes = malloc(FILE_BYTES_MAX);
  if (!f || !bytes) fail_msg("cannot open %s", path);
  *length = fread(bytes, 1, FILE_BYTES_MAX, f);
  fclose(f);
  uint8_t *exact = malloc(*length ? *length : 1);
  assert_non_null(exact);
  memcpy(exact, bytes, *length);
  free(bytes);
  return exact;
}

static void every_file_gets_its_answer(void **state) {
  (void)state;
  struct arena arena;
  assert_true(arena_open(&arena, ARENA_BYTES));
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct onnx_model m = {.opset = -1};
    struct why why = {""};
    size_t length;
    uint8_t *bytes = read_file(table[i].file, &length);
    arena_reset(&arena, 0);
    enum onnx_status status = onnx_decode(bytes, length, beside, NULL, &arena, &m, &why);
    if (status != table[i].status || !strstr(why.text, table[i].says))
      fail_msg("%s: status %d, not %d: %s", table[i].file, (int)status, (int)table[i].status, why.text);
    assert_true((status == ONNX_OK) == (m.opset != -1)); /* the outs are written only on success */
    free(bytes);
  }
  arena_shut(&arena);
}

static void every_file_is_in_the_table(void **state) {
  (void)state;
  DIR *folder = opendir(CORPUS);
  assert_non_null(folder);
  for (struct dirent *e; (e = readdir(folder));) {
    bool found = e->d_name[0] == '.';
    for (size_t i = 0; i < sizeof table / sizeof *table && !found; i++) {
      size_t length = strlen(table[i].file);
      found = !strncmp(e->d_name, table[i].file, length) && !strcmp(e->d_name + length, ".onnx");
    }
    if (!found) fail_msg("%s is not in the table", e->d_name);
  }
  closedir(folder);
}

static const struct onnx_attribute *constant(const struct onnx_model *m, const char *output) {
  for (uint32_t n = 0; n < m->nodes_count; n++)
    if (!strcmp(m->node[n].output[0], output)) return m->node[n].attribute;
  fail_msg("no constant %s", output);
  return NULL;
}

/* Every kind of attribute, every way to store a tensor. */
static void values_are_read(void **state) {
  (void)state;
  struct arena arena;
  struct onnx_model m;
  struct why why = {""};
  size_t length;
  assert_true(arena_open(&arena, ARENA_BYTES));
  uint8_t *bytes = read_file("good-everything", &length);
  if (onnx_decode(bytes, length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  free(bytes);
  const struct onnx_tensor *t = constant(&m, "k0")->tensor;
  assert_true(t->type == ONNX_FLOAT && t->count == 2 && t->f32[0] == 1 && t->f32[1] == 2);
  t = constant(&m, "k1")->tensor;
  assert_true(t->type == ONNX_INT64 && t->count == 3 && t->i64[0] == -1 && t->i64[2] == INT64_C(1) << 40);
  t = constant(&m, "k2")->tensor;
  assert_true(t->type == ONNX_INT32 && t->count == 2 && t->i64[0] == -1 && t->i64[1] == 2);
  t = constant(&m, "k3")->tensor;
  assert_true(t->type == ONNX_BOOL && t->count == 2 && t->i64[0] == 0 && t->i64[1] == 1);
  t = constant(&m, "k4")->tensor;
  assert_true(t->type == ONNX_DOUBLE && t->rank == 0 && t->count == 1 && t->f64[0] == 0.125);
  t = constant(&m, "k5")->tensor;
  assert_true(t->type == ONNX_INT8 && t->i64[0] == -128 && t->i64[1] == 127);
  t = constant(&m, "k6")->tensor;
  assert_true(t->type == ONNX_UINT8 && t->rank == 1 && t->count == 0);
  const struct onnx_attribute *a = constant(&m, "k7");
  assert_true(a->kind == ONNX_ATTR_FLOATS && a->count == 2 && a->floats[1] == 0.25f);
  a = constant(&m, "k8");
  assert_true(a->kind == ONNX_ATTR_TEXT);
  assert_string_equal(a->text, "text");
  a = constant(&m, "k9");
  assert_true(a->kind == ONNX_ATTR_TEXTS && a->count == 2);
  assert_string_equal(a->texts[1], "along");
  assert_int_equal(m.node[11].inputs_count, 3);
  assert_string_equal(m.node[11].input[1], ""); /* omitted */
  assert_int_equal(m.initializer[0].role, ONNX_ROLE_PARAMETER);
  assert_int_equal(m.initializer[1].role, ONNX_ROLE_UNKNOWN);
  assert_true(m.output[0].shaped && m.output[0].dim[0] == -1 && m.output[0].dim[1] == 2);
  arena_shut(&arena);
}

/* Whole numbers of the rarer types, from raw bytes and from the fields that hold them. */
static void types_are_read(void **state) {
  (void)state;
  static const struct {
    enum onnx_type type;
    int64_t last;
  } want[] = {{ONNX_INT16, 32767},       {ONNX_UINT16, 65535},     {ONNX_UINT32, 4294967295},
              {ONNX_UINT32, 4294967295}, {ONNX_UINT64, INT64_MAX}, {ONNX_UINT64, 7}};
  struct arena arena;
  struct onnx_model m;
  struct why why = {""};
  size_t length;
  assert_true(arena_open(&arena, ARENA_BYTES));
  uint8_t *bytes = read_file("good-types", &length);
  if (onnx_decode(bytes, length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  free(bytes);
  for (uint32_t n = 0; n < sizeof want / sizeof *want; n++) {
    const struct onnx_tensor *t = constant(&m, (const char *[]){"k0", "k1", "k2", "k3", "k4", "k5"}[n])->tensor;
    assert_int_equal(t->type, want[n].type);
    assert_true(t->i64[t->count - 1] == want[n].last);
  }
  assert_true(constant(&m, "k0")->tensor->i64[0] == -32768);
  arena_shut(&arena);
}

static void weights_arrive(void **state) {
  (void)state;
  static const char *const files[] = {"good-plain", "good-old-ir", "good-unpacked", "good-external"};
  struct arena arena;
  assert_true(arena_open(&arena, ARENA_BYTES));
  for (size_t n = 0; n < sizeof files / sizeof *files; n++) {
    struct onnx_model m;
    struct why why = {""};
    size_t length;
    uint8_t *bytes = read_file(files[n], &length);
    if (onnx_decode(bytes, length, beside, NULL, &arena, &m, &why)) fail_msg("%s: %s", files[n], why.text);
    free(bytes);
    assert_int_equal(m.inputs_count, 1); /* in the old one w and b are listed as inputs too */
    bool seen = false;
    for (uint32_t i = 0; i < m.initializers_count; i++) {
      const struct onnx_tensor *w = m.initializer + i;
      if (strcmp(w->name, "w")) continue;
      seen = true;
      assert_int_equal(w->count, 8);
      for (int k = 0; k < 8; k++) { /* k / 8, k as it is, and from the fourth float of the file beside */
        float want = n < 2 ? (float)k / 8 : n == 2 ? (float)k : (float)(k + 4);
        assert_true(w->f32[k] == want);
      }
    }
    assert_true(seen);
  }
  arena_shut(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_file_gets_its_answer),
      cmocka_unit_test(every_file_is_in_the_table),
      cmocka_unit_test(values_are_read),
      cmocka_unit_test(types_are_read),
      cmocka_unit_test(weights_arrive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
