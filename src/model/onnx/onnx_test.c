/* What onnx_decode makes of files that PyTorch wrote, of files that a script made hostile, and of every cut of a file;
 * and what onnx_replace gives back. Files: tests/models (export.py), onnx/hostile (hostile.py). */
#include "model/onnx/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those four first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODELS "../../tests/models/"
enum { ARENA_BYTES = 64 << 20 };

struct bytes {
  uint8_t *at;
  size_t length;
};

static struct bytes read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("cannot open %s", path);
  struct bytes b = {malloc(4 << 20), 0};
  assert_non_null(b.at);
  b.length = fread(b.at, 1, 4 << 20, f);
  fclose(f);
  b.at = realloc(b.at, b.length ? b.length : 1); /* exact, so that a sanitizer sees one byte too far */
  return b;
}

static const uint8_t *beside(void *context, const char *name, uint64_t *length) {
  struct bytes *file = context;
  char path[256];
  snprintf(path, sizeof path, MODELS "%s", name);
  if (!file->at) *file = read_file(path);
  *length = file->length;
  return file->at;
}

static const struct onnx_tensor *initializer(const struct onnx_model *m, const char *name) {
  for (uint32_t i = 0; i < m->initializers_count; i++)
    if (!strcmp(m->initializer[i].name, name)) return m->initializer + i;
  fail_msg("no initializer %s", name);
  return NULL;
}

static void lenet_is_read(void **state) {
  (void)state;
  struct arena arena;
  struct onnx_model m;
  struct why why = {""};
  assert_true(arena_open(&arena, ARENA_BYTES));
  struct bytes file = read_file(MODELS "lenet_small.onnx");
  if (onnx_decode(file.at, file.length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  assert_int_equal(m.opset, 20);
  assert_int_equal(m.ir_version, 10);
  assert_string_equal(m.producer, "pytorch");
  assert_int_equal(m.inputs_count, 1);
  assert_string_equal(m.input[0].name, "input");
  assert_int_equal(m.input[0].rank, 4);
  assert_int_equal(m.input[0].dim[0], -1);
  assert_string_equal(m.input[0].symbol[0], "batch");
  assert_int_equal(m.input[0].dim[3], 28);
  assert_int_equal(m.outputs_count, 1);
  assert_int_equal(m.output[0].dim[1], 10);
  assert_int_equal(m.initializers_count, 10);
  const struct onnx_tensor *w = initializer(&m, "conv2.weight");
  assert_int_equal(w->rank, 4);
  assert_int_equal(w->dim[0], 3);
  assert_int_equal(w->count, 3 * 2 * 5 * 5);
  assert_int_equal(w->role, ONNX_ROLE_PARAMETER);
  float most = 0; /* PyTorch draws from +-1/sqrt(fan_in) */
  for (uint64_t i = 0; i < w->count; i++) most = fabsf(w->f32[i]) > most ? fabsf(w->f32[i]) : most;
  assert_true(most > 0.1f && most <= 0.1414214f);
  const struct onnx_node *conv = NULL;
  for (uint32_t n = 0; n < m.nodes_count; n++)
    if (!conv && !strcmp(m.node[n].op, "Conv")) conv = m.node + n;
  assert_non_null(conv);
  assert_string_equal(conv->input[1], "conv1.weight");
  bool pads = false;
  for (uint32_t a = 0; a < conv->attributes_count; a++) {
    const struct onnx_attribute *at = conv->attribute + a;
    if (strcmp(at->name, "pads")) continue;
    pads = at->kind == ONNX_ATTR_INTS && at->count == 4 && at->ints[0] == 2 && at->ints[3] == 2;
  }
  assert_true(pads);
  free(file.at);
  arena_shut(&arena);
}

/* The three exporters hold the same weights, the default one in a file beside. */
static void exporters_agree(void **state) {
  (void)state;
  static const char *const models[] = {"mixed", "pools"};
  for (size_t i = 0; i < 2; i++) {
    struct arena arena;
    struct onnx_model m[3];
    struct why why = {""};
    struct bytes data = {0};
    assert_true(arena_open(&arena, ARENA_BYTES));
    for (int variant = 0; variant < 3; variant++) {
      char path[128];
      snprintf(path, sizeof path, MODELS "%s%s.onnx", models[i], (const char *[]){"", "_legacy", "_default"}[variant]);
      struct bytes file = read_file(path);
      if (onnx_decode(file.at, file.length, beside, &data, &arena, m + variant, &why))
        fail_msg("%s: %s", path, why.text);
      free(file.at); /* nothing points into it */
    }
    for (uint32_t n = 0; n < m[0].initializers_count; n++) {
      const struct onnx_tensor *t = m[0].initializer + n;
      for (int variant = 1; variant < 3; variant++) {
        const struct onnx_tensor *u = initializer(m + variant, t->name);
        assert_int_equal(t->count, u->count);
        assert_memory_equal(t->f32, u->f32, t->count * sizeof *t->f32);
      }
    }
    free(data.at);
    arena_shut(&arena);
  }
}

/* PyTorch says which initializers are parameters and which are buffers, even of rank 0; its older exporter says
 * nothing. */
static void roles_are_read(void **state) {
  (void)state;
  struct arena arena;
  struct onnx_model m;
  struct why why = {""};
  assert_true(arena_open(&arena, ARENA_BYTES));
  struct bytes file = read_file(MODELS "corners.onnx");
  if (onnx_decode(file.at, file.length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  assert_int_equal(initializer(&m, "mean")->role, ONNX_ROLE_BUFFER);
  assert_int_equal(initializer(&m, "std")->role, ONNX_ROLE_BUFFER);
  assert_int_equal(initializer(&m, "twice.weight")->role, ONNX_ROLE_PARAMETER);
  assert_int_equal(initializer(&m, "gain")->role, ONNX_ROLE_PARAMETER);
  assert_int_equal(initializer(&m, "gain")->rank, 0);
  free(file.at);
  file = read_file(MODELS "corners_legacy.onnx");
  if (onnx_decode(file.at, file.length, NULL, NULL, &arena, &m, &why)) fail_msg("%s", why.text);
  assert_int_equal(initializer(&m, "mean")->role, ONNX_ROLE_UNKNOWN);
  free(file.at);
  arena_shut(&arena);
}

/* Every cut is refused and named; one that falls between fields of the model's outermost message may still be sound. */
static void cuts_are_refused(void **state) {
  (void)state;
  struct arena arena;
  struct onnx_model m;
  assert_true(arena_open(&arena, ARENA_BYTES));
  struct bytes file = read_file(MODELS "pools_legacy.onnx");
  uint32_t whole = 0;
  for (size_t length = 0; length < file.length; length++) {
    struct why why = {""};
    uint8_t *cut = malloc(length ? length : 1);
    assert_non_null(cut);
    memcpy(cut, file.at, length);
    arena_reset(&arena, 0);
    enum onnx_status status = onnx_decode(cut, length, NULL, NULL, &arena, &m, &why);
    whole += status == ONNX_OK;
    if (status && !why.text[0]) fail_msg("no reason for a cut at %zu", length);
    free(cut);
  }
  assert_int_equal(whole, 0);
  struct why why = {""};
  assert_int_equal(onnx_decode(file.at, file.length / 2, NULL, NULL, &arena, &m, &why), ONNX_ERR_BYTES);
  assert_non_null(strstr(why.text, "graph: cut: says"));
  free(file.at);
  arena_shut(&arena);
}

/* A file needs what it needs: less memory is said before any is touched, and never a crash. */
static void small_arenas_are_refused(void **state) {
  (void)state;
  struct bytes file = read_file(MODELS "pools_legacy.onnx");
  bool done = false;
  for (size_t size = 0; size < 1 << 20 && !done; size += 512) {
    struct why why = {""};
    struct onnx_model m;
    uint8_t *memory = malloc(size ? size : 1);
    assert_non_null(memory);
    struct arena arena = arena_over(memory, size);
    enum onnx_status status = onnx_decode(file.at, file.length, NULL, NULL, &arena, &m, &why);
    if (status) assert_int_equal(status, ONNX_ERR_MEMORY);
    done = status == ONNX_OK;
    free(memory);
  }
  assert_true(done);
  free(file.at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lenet_is_read),    cmocka_unit_test(exporters_agree),          cmocka_unit_test(roles_are_read),
      cmocka_unit_test(cuts_are_refused), cmocka_unit_test(small_arenas_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
