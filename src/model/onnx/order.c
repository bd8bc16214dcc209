#include "model/onnx/order.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name and where it is defined: 0 for inputs and initializers, n + 1 for node n. */
struct definition {
  const char *name;
  uint32_t at;
};

static int by_name(const void *a, const void *b) {
  const struct definition *x = a, *y = b;
  int names = strcmp(x->name, y->name);
  return names ? names : (x->at > y->at) - (x->at < y->at);
}

static const struct definition *find(const struct definition *d, size_t count, const char *name) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int side = strcmp(d[middle].name, name);
    if (side == 0) return d + middle;
    if (side < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

const char *order_node(const struct onnx_node *node, uint32_t index, char text[ORDER_NODE_MAX]) {
  snprintf(text, ORDER_NODE_MAX, node->name[0] ? "node %" PRIu32 " (%.60s \"%.60s\")" : "node %" PRIu32 " (%.60s%s)",
           index, node->op, node->name);
  return text;
}

static enum onnx_status check(const struct onnx_model *m, struct definition *d, struct why *why) {
  size_t count = 0;
  char text[ORDER_NODE_MAX];
  for (uint32_t i = 0; i < m->inputs_count; i++) d[count++] = (struct definition){m->input[i].name, 0};
  for (uint32_t i = 0; i < m->initializers_count; i++) d[count++] = (struct definition){m->initializer[i].name, 0};
  for (uint32_t n = 0; n < m->nodes_count; n++)
    for (uint32_t o = 0; o < m->node[n].outputs_count; o++)
      if (m->node[n].output[o][0]) d[count++] = (struct definition){m->node[n].output[o], n + 1};
  qsort(d, count, sizeof *d, by_name);
  for (size_t i = 1; i < count; i++) {
    if (strcmp(d[i - 1].name, d[i].name)) continue;
    uint32_t at = d[i].at;
    why_set(why, "the value \"%.60s\" is defined twice%s%s", d[i].name, at ? ", the second time by " : "",
            at ? order_node(m->node + at - 1, at - 1, text) : "");
    return ONNX_ERR_BYTES;
  }
  for (uint32_t n = 0; n < m->nodes_count; n++) {
    for (uint32_t i = 0; i < m->node[n].inputs_count; i++) {
      const char *name = m->node[n].input[i];
      if (!name[0]) continue;
      const struct definition *found = find(d, count, name);
      order_node(m->node + n, n, text);
      if (!found) {
        why_set(why, "%s: its input \"%.60s\" is defined nowhere", text, name);
        return ONNX_ERR_BYTES;
      }
      if (found->at > n) { /* node n itself is n + 1 */
        char later[ORDER_NODE_MAX];
        why_set(why, "%s: its input \"%.60s\" comes from %s: the graph has a cycle or is not in order", text, name,
                found->at == n + 1 ? "itself" : order_node(m->node + found->at - 1, found->at - 1, later));
        return ONNX_ERR_BYTES;
      }
    }
  }
  for (uint32_t i = 0; i < m->outputs_count; i++) {
    if (find(d, count, m->output[i].name)) continue;
    why_set(why, "the graph's output \"%.60s\" is defined nowhere", m->output[i].name);
    return ONNX_ERR_BYTES;
  }
  return ONNX_OK;
}

enum onnx_status order_check(const struct onnx_model *model, struct arena *scratch, struct why *why) {
  size_t count = (size_t)model->inputs_count + model->initializers_count, mark = arena_mark(scratch);
  for (uint32_t n = 0; n < model->nodes_count; n++) count += model->node[n].outputs_count;
  struct definition *definition = arena_take(scratch, count, sizeof *definition);
  if (!definition) {
    why_set(why, "not enough memory to check the order of %zu values", count);
    return ONNX_ERR_MEMORY;
  }
  enum onnx_status status = check(model, definition, why);
  arena_reset(scratch, mark);
  return status;
}
