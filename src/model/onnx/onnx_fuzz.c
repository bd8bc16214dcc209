/* Any bytes as an ONNX file: no access outside them, no memory beyond the arena; and what decodes can be written again
 * and decodes to the same graph. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/onnx/exporter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(truth)                                                                                                   \
  do {                                                                                                                 \
    if (!(truth)) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth), abort();                                 \
  } while (0)

static const uint8_t *beside(void *context, const char *name, uint64_t *length) {
  static const uint8_t bytes[64];
  (void)context;
  *length = sizeof bytes;
  CHECK(name[0] != '/' && strncmp(name, "../", 3) && !strstr(name, "/../") && strcmp(name, ".."));
  return bytes;
}

static void look(void *context, const struct exporter_finding *f) {
  const struct onnx_model *m = context;
  CHECK(f->name && f->places && f->other);
  CHECK(!f->tensor || (f->tensor >= m->initializer && f->tensor < m->initializer + m->initializers_count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct arena arena;
  if (!arena.at) CHECK(arena_open(&arena, 64 << 20));
  arena_reset(&arena, 0);
  struct onnx_model m, again;
  struct why why = {""};
  if (onnx_decode(data, length, beside, NULL, &arena, &m, &why) != ONNX_OK) {
    CHECK(why.text[0]);
    return 0;
  }
  exporter_look(&m, &arena, look, &m);
  const uint8_t *out, *twice;
  size_t out_length, twice_length;
  if (onnx_replace(data, length, beside, NULL, NULL, 0, &arena, &out, &out_length, &why) != ONNX_OK)
    return 0; /* memory */
  if (onnx_decode(out, out_length, NULL, NULL, &arena, &again, &why) != ONNX_OK) {
    CHECK(strstr(why.text, "memory"));
    return 0;
  }
  CHECK(m.nodes_count >= again.nodes_count && m.initializers_count == again.initializers_count);
  CHECK(m.inputs_count == again.inputs_count && m.outputs_count == again.outputs_count && m.opset == again.opset);
  for (uint32_t i = 0; i < m.initializers_count; i++) {
    const struct onnx_tensor *a = m.initializer + i, *b = again.initializer + i;
    CHECK(!strcmp(a->name, b->name) && a->type == b->type && a->count == b->count);
    if (a->type == ONNX_FLOAT && a->count) CHECK(!memcmp(a->f32, b->f32, a->count * sizeof *a->f32));
  }
  if (onnx_replace(out, out_length, NULL, NULL, NULL, 0, &arena, &twice, &twice_length, &why) != ONNX_OK) return 0;
  CHECK(twice_length == out_length && !memcmp(twice, out, out_length));
  return 0;
}
