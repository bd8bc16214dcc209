#include "model/onnx/publish.h"

#include <stdlib.h>
#include <string.h>

/* The exporter notes the source lines that made a node under pkg.torch.onnx.stack_trace; the older one in doc_string,
 * as "file.py(12): forward". They tell a stranger how the submitter's disk is laid out. */
static bool is_source(const char *text) {
  return strstr(text, ".py\", line ") || strstr(text, ".py(") || strstr(text, ".py:");
}

static bool tells_paths(const Onnx__StringStringEntryProto *entry) {
  static const char ending[] = "stack_trace";
  size_t length = entry->key ? strlen(entry->key) : 0;
  return (length >= sizeof ending - 1 && !strcmp(entry->key + length - (sizeof ending - 1), ending)) ||
         (entry->value && is_source(entry->value));
}

void publish_strip_entries(Onnx__StringStringEntryProto **entry, size_t *count) {
  size_t kept = 0;
  for (size_t i = 0; i < *count; i++)
    if (!tells_paths(entry[i])) entry[kept++] = entry[i];
  *count = kept;
}

static void strip_values(Onnx__ValueInfoProto **value, size_t count) {
  for (size_t i = 0; i < count; i++) publish_strip_entries(value[i]->metadata_props, &value[i]->n_metadata_props);
}

static bool is(const Onnx__NodeProto *node, const char *op) {
  return node->op_type && !strcmp(node->op_type, op) &&
         (!node->domain || !*node->domain || !strcmp(node->domain, "ai.onnx"));
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* All names that somebody reads, sorted. */
struct names {
  const char **name;
  size_t count;
};

static bool names_read(const Onnx__GraphProto *g, struct arena *arena, struct names *out) {
  size_t room = g->n_output + 1;
  for (size_t i = 0; i < g->n_node; i++) room += g->node[i]->n_input;
  *out = (struct names){.name = arena_take(arena, room, sizeof *out->name)};
  if (!out->name) return false;
  for (size_t i = 0; i < g->n_output; i++)
    if (g->output[i]->name) out->name[out->count++] = g->output[i]->name;
  for (size_t i = 0; i < g->n_node; i++)
    for (size_t k = 0; k < g->node[i]->n_input; k++) out->name[out->count++] = g->node[i]->input[k];
  qsort(out->name, out->count, sizeof *out->name, by_text);
  return true;
}

static bool is_read(const struct names *names, const char *name) {
  return *name && bsearch(&name, names->name, names->count, sizeof name, by_text);
}

/* Constants that were only there to say "training". */
static void drop_constants(Onnx__GraphProto *g, const struct names *before, const struct names *after) {
  size_t kept = 0;
  for (size_t i = 0; i < g->n_node; i++) {
    const Onnx__NodeProto *node = g->node[i];
    if (!is(node, "Constant") || node->n_output != 1 || !is_read(before, node->output[0]) ||
        is_read(after, node->output[0]))
      g->node[kept++] = g->node[i];
  }
  g->n_node = kept;
}

static void end_training(Onnx__NodeProto *node, const struct names *names) {
  if (is(node, "Dropout") && node->n_input > 2) node->n_input = 2;
  if (!is(node, "BatchNormalization")) return;
  for (size_t i = 1; i < node->n_output; i++)
    if (is_read(names, node->output[i])) return;
  if (node->n_output > 1) node->n_output = 1;
  for (size_t i = 0; i < node->n_attribute; i++)
    if (node->attribute[i]->name && !strcmp(node->attribute[i]->name, "training_mode")) node->attribute[i]->i = 0;
}

bool publish_strip(Onnx__GraphProto *g, struct arena *arena) {
  struct names before, after;
  if (!names_read(g, arena, &before)) return false;
  publish_strip_entries(g->metadata_props, &g->n_metadata_props);
  for (size_t i = 0; i < g->n_initializer; i++)
    publish_strip_entries(g->initializer[i]->metadata_props, &g->initializer[i]->n_metadata_props);
  strip_values(g->input, g->n_input);
  strip_values(g->output, g->n_output);
  strip_values(g->value_info, g->n_value_info);
  for (size_t i = 0; i < g->n_node; i++) {
    Onnx__NodeProto *node = g->node[i];
    publish_strip_entries(node->metadata_props, &node->n_metadata_props);
    if (node->doc_string && is_source(node->doc_string)) node->doc_string = NULL;
    end_training(node, &before);
  }
  if (!names_read(g, arena, &after)) return false;
  drop_constants(g, &before, &after);
  return true;
}
