/* Attributes and constant inputs of nodes. */
#include <string.h>

#include "model/lower/rule.h"

const struct onnx_attribute *attribute_find(const struct onnx_node *node, const char *name) {
  for (uint32_t n = 0; n < node->attributes_count; n++)
    if (strcmp(node->attribute[n].name, name) == 0) return &node->attribute[n];
  return NULL;
}

int64_t attribute_int(const struct onnx_node *node, const char *name, int64_t absent) {
  const struct onnx_attribute *a = attribute_find(node, name);
  return a && a->kind == ONNX_ATTR_INT ? a->i : absent;
}

float attribute_float(const struct onnx_node *node, const char *name, float absent) {
  const struct onnx_attribute *a = attribute_find(node, name);
  return a && a->kind == ONNX_ATTR_FLOAT ? a->f : absent;
}

const char *attribute_text(const struct onnx_node *node, const char *name, const char *absent) {
  const struct onnx_attribute *a = attribute_find(node, name);
  return a && a->kind == ONNX_ATTR_TEXT ? a->text : absent;
}

const int64_t *attribute_ints(const struct onnx_node *node, const char *name, uint32_t *count) {
  const struct onnx_attribute *a = attribute_find(node, name);
  *count = 0;
  if (!a || a->kind != ONNX_ATTR_INTS) return NULL;
  *count = a->count;
  return a->ints;
}

bool axis_resolve(int64_t axis, uint32_t rank, uint32_t *out) {
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return false;
  *out = (uint32_t)axis;
  return true;
}

bool input_values(struct graph *g, const struct application *a, struct value **v, uint32_t count) {
  for (uint32_t n = 0; n < count; n++)
    if (!(v[n] = graph_value(g, a, n))) return false;
  return true;
}

struct value *float_value(struct graph *g, const struct application *a, uint32_t n) {
  struct value *v = graph_value(g, a, n);
  if (!v || v->dtype == TAPE_F32) return v;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "input %u, '%s', holds integers, and it computes on floats", n,
               graph_input(g, a, n)->name);
  return NULL;
}

const struct onnx_tensor *input_integers(struct graph *g, const struct application *a, uint32_t n, const char *what) {
  struct tensor *t = graph_input(g, a, n);
  const struct onnx_tensor *c = t && t->content ? t->content : t ? t->peek : NULL;
  if (c && c->i64) return c;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "its %s (input %u%s%s%s) is not a constant of integers", what, n,
               t ? ", '" : "", t ? t->name : "", t ? "'" : "");
  return NULL;
}

bool input_scalar(struct graph *g, const struct application *a, uint32_t n, const char *what, float *out) {
  struct tensor *t = graph_input(g, a, n);
  const struct onnx_tensor *c = t && t->content ? t->content : t ? t->peek : NULL;
  if (c && c->count == 1) {
    if (c->f32)
      *out = c->f32[0];
    else if (c->f64)
      *out = (float)c->f64[0];
    else if (c->i64)
      *out = (float)c->i64[0];
    else
      return false;
    return true;
  }
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "its %s (input %u) is not a constant number", what, n);
  return false;
}
