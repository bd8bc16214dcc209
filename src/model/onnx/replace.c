#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "model/onnx/publish.h"
#include "model/onnx/tensor.h"
#include "model/onnx/wire.h"

static void set_raw(Onnx__TensorProto *t, const void *bytes, uint64_t length) {
  t->n_float_data = t->n_int32_data = t->n_int64_data = t->n_uint64_data = t->n_double_data = t->n_external_data = 0;
  t->has_data_location = 0;
  t->data_location = 0;
  t->has_raw_data = 1;
  t->raw_data = (ProtobufCBinaryData){.len = length, .data = (uint8_t *)(uintptr_t)bytes}; /* packing only reads it */
}

static enum onnx_status take_in(Onnx__TensorProto *t, const char *what, const struct tensor_source *source,
                                struct why *why) {
  const uint8_t *bytes;
  uint64_t length;
  if (!tensor_is_external(t)) return ONNX_OK;
  enum onnx_status status = tensor_external(t, what, source, &bytes, &length, why);
  if (status == ONNX_OK) set_raw(t, bytes, length);
  return status;
}

static enum onnx_status take_in_all(Onnx__GraphProto *g, const struct tensor_source *source, struct why *why) {
  char what[96];
  enum onnx_status status = ONNX_OK;
  for (size_t i = 0; i < g->n_initializer && status == ONNX_OK; i++) {
    snprintf(what, sizeof what, "initializer \"%.60s\"", g->initializer[i]->name);
    status = take_in(g->initializer[i], what, source, why);
  }
  for (size_t i = 0; i < g->n_node; i++)
    for (size_t a = 0; a < g->node[i]->n_attribute && status == ONNX_OK; a++) {
      snprintf(what, sizeof what, "node %zu: attribute %zu", i, a);
      if (g->node[i]->attribute[a]->t) status = take_in(g->node[i]->attribute[a]->t, what, source, why);
    }
  return status;
}

static enum onnx_status replace(Onnx__GraphProto *g, const struct onnx_model *m, const struct onnx_replacement *r,
                                struct why *why) {
  for (uint32_t i = 0; i < m->initializers_count; i++) {
    const struct onnx_tensor *t = m->initializer + i;
    if (strcmp(t->name, r->name)) continue;
    if (t->type != ONNX_FLOAT || t->count != r->count) {
      why_set(why, "initializer \"%.60s\" is %s of %" PRIu64 " values and cannot become FLOAT of %" PRIu64, t->name,
              onnx_type_name((int32_t)t->type), t->count, r->count);
      return ONNX_ERR_BYTES;
    }
    set_raw(g->initializer[i], r->values, r->count * sizeof *r->values);
    return ONNX_OK;
  }
  why_set(why, "the model has no initializer \"%.60s\"", r->name);
  return ONNX_ERR_BYTES;
}

enum onnx_status onnx_replace(const uint8_t *bytes, size_t length, onnx_external *external, void *context,
                              const struct onnx_replacement *replacement, uint32_t count, struct arena *arena,
                              const uint8_t **out, size_t *out_length, struct why *why) {
  struct tensor_source source = {external, context, arena};
  struct onnx_model m;
  ProtobufCMessage *message;
  /* What decodes here also has a graph, names and sound tensors: the code above relies on it. */
  enum onnx_status status = onnx_decode(bytes, length, external, context, arena, &m, why);
  if (status == ONNX_OK) status = wire_unpack(&onnx__model_proto__descriptor, bytes, length, arena, &message, why);
  if (status != ONNX_OK) return status;
  Onnx__ModelProto *model = (Onnx__ModelProto *)message;
  if (!publish_strip(model->graph, arena)) {
    why_set(why, "not enough memory for the names of the model");
    return ONNX_ERR_MEMORY;
  }
  publish_strip_entries(model->metadata_props, &model->n_metadata_props);
  for (uint32_t i = 0; i < count && status == ONNX_OK; i++) status = replace(model->graph, &m, replacement + i, why);
  if (status == ONNX_OK) status = take_in_all(model->graph, &source, why);
  if (status != ONNX_OK) return status;
  size_t packed_bytes = protobuf_c_message_get_packed_size(message);
  if (packed_bytes > INT_MAX) {
    why_set(why, "the model would have %zu bytes, and a protobuf file can have %d", packed_bytes, INT_MAX);
    return ONNX_ERR_LIMIT;
  }
  uint8_t *packed = arena_take(arena, packed_bytes, 1);
  if (!packed) {
    why_set(why, "not enough memory for a model of %zu bytes", packed_bytes);
    return ONNX_ERR_MEMORY;
  }
  *out_length = protobuf_c_message_pack(message, packed);
  *out = packed;
  return ONNX_OK;
}
