#include "model/lower/parameter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/lower/constant.h"
#include "model/lower/rule.h"

static bool listed(const char *name, const char *const *list, uint32_t count) {
  for (uint32_t n = 0; n < count; n++)
    if (strcmp(list[n], name) == 0) return true;
  return false;
}

static bool initializer(const struct graph *g, const char *name) {
  for (uint32_t n = 0; n < g->model->initializers_count; n++)
    if (strcmp(g->model->initializer[n].name, name) == 0) return true;
  return false;
}

static bool shape_fits(const struct onnx_tensor *t) {
  uint64_t n = 1;
  if (t->rank > TAPE_RANK_MAX) return false;
  for (uint32_t a = 0; a < t->rank; a++) {
    if (t->dim[a] < 1 || t->dim[a] > INT32_MAX || (uint64_t)t->dim[a] * n > UINT32_MAX) return false;
    n *= (uint64_t)t->dim[a];
  }
  return true;
}

static bool marked(const struct onnx_model *m) {
  for (uint32_t n = 0; n < m->initializers_count; n++)
    if (m->initializer[n].role == ONNX_ROLE_PARAMETER) return true;
  return false;
}

/* One number without a mark is a literal if it has no axis, and with axes too where the file marks its parameters: an
 * exporter that computed an attention's scale beforehand writes it so. */
static bool number_in_place(const struct graph *g, const struct onnx_tensor *t) {
  if (t->role == ONNX_ROLE_PARAMETER) return false;
  return !t->rank || (t->count == 1 && g->marked && t->role == ONNX_ROLE_UNKNOWN);
}

/* A mask is told from a weight by what no weight is: infinite, or as large as what stands for it. */
static bool weighs(const struct onnx_tensor *t) {
  for (uint64_t n = 0; n < t->count; n++)
    if (!(t->f32[n] > -0x1p30f && t->f32[n] < 0x1p30f)) return false;
  return true;
}

static enum lower_status add(struct graph *g, const struct application *a, uint32_t n, const char *const *freeze,
                             uint32_t freeze_count) {
  struct tensor *t = &g->tensor[a->input[n]];
  const struct onnx_tensor *content = t->given;
  struct parameter p = {.tensor = content, .tensor_id = a->input[n]};
  if (!content || !content->f32 || t->parameter != GRAPH_NONE || !a->rule) return LOWER_OK;
  if (number_in_place(g, content)) return LOWER_OK;
  for (uint8_t x = 0; x < TAPE_RANK_MAX; x++) p.role.order[x] = x;
  if (a->rule->role) a->rule->role(g, a, n, &p.role);
  if (p.role.kind == ROLE_CONSTANT) return LOWER_OK;
  if (!shape_fits(content)) {
    why_set(g->why, "'%s' has a rank above %d, a dimension of 0, or 2^32 elements", t->name, TAPE_RANK_MAX);
    return LOWER_ERR_SHAPE;
  }
  p.frozen = listed(t->name, freeze, freeze_count);
  p.trains = t->producer == GRAPH_NONE && content->role != ONNX_ROLE_BUFFER && p.role.kind == ROLE_TENSOR &&
             !p.frozen && weighs(content);
  t->parameter = g->parameters_count;
  g->parameter[g->parameters_count++] = p;
  return LOWER_OK;
}

enum lower_status parameter_find(struct graph *g, const char *const *freeze, uint32_t freeze_count) {
  for (uint32_t n = 0; n < freeze_count; n++)
    if (!initializer(g, freeze[n])) {
      why_set(g->why, "freeze names '%s', and the model has no such initializer", freeze[n]);
      return LOWER_ERR_OPTION;
    }
  g->marked = marked(g->model);
  g->parameter = arena_take(g->arena, g->tensors_count + 1, sizeof *g->parameter);
  if (!g->parameter) {
    why_set(g->why, "the model needs more memory than lowering was given");
    return LOWER_ERR_MEMORY;
  }
  for (uint32_t n = 0; n < g->model->nodes_count; n++) {
    const struct application *a = &g->application[n];
    for (uint32_t i = 0; a->live && i < a->inputs_count; i++) {
      enum lower_status status = a->input[i] == GRAPH_NONE ? LOWER_OK : add(g, a, i, freeze, freeze_count);
      if (status != LOWER_OK) return status;
    }
  }
  return LOWER_OK;
}

uint32_t parameter_dims(const struct parameter *p, uint32_t dim[TAPE_RANK_MAX]) {
  dim[0] = 1;
  for (uint32_t x = 0; x < p->tensor->rank; x++) dim[x] = (uint32_t)p->tensor->dim[p->role.order[x]];
  return p->tensor->rank ? p->tensor->rank : 1;
}

struct value parameter_value(const struct parameter *p) {
  uint32_t dim[TAPE_RANK_MAX] = {0};
  for (uint32_t a = 0; a < p->tensor->rank; a++) dim[a] = (uint32_t)p->tensor->dim[a];
  struct value v = value_shaped(TAPE_F32, p->tensor->rank, dim, p->role.order);
  if (p->entry) {
    v.space = TAPE_IN;
    v.first_leaf = p->entry->first_leaf;
  }
  return v;
}

/* Row-major over memory's axes, reading ONNX's. */
static void pack(const struct parameter *p, uint8_t *out) {
  const struct onnx_tensor *t = p->tensor;
  uint64_t stride[TAPE_RANK_MAX], step = 1, at[TAPE_RANK_MAX] = {0}, from = 0;
  for (uint32_t a = t->rank; a-- > 0; step *= (uint64_t)t->dim[a]) stride[a] = step;
  for (uint64_t n = 0; n < t->count; n++) {
    uint32_t word;
    memcpy(&word, &t->f32[from], sizeof word);
    for (int byte = 0; byte < 4; byte++) out[4 * n + (uint64_t)byte] = (uint8_t)(word >> (8 * byte));
    for (uint32_t x = t->rank; x-- > 0;) {
      uint8_t a = p->role.order[x];
      from += stride[a];
      if (++at[x] < (uint64_t)t->dim[a]) break;
      from -= stride[a] * (uint64_t)t->dim[a];
      at[x] = 0;
    }
  }
}

void parameter_place(struct graph *g, uint8_t initial) {
  uint64_t leaves = 0;
  for (uint32_t n = 0; n < g->parameters_count; n++) {
    struct parameter *p = &g->parameter[n];
    if (p->seeded) continue;
    p->window = leaves;
    leaves += tape_leaves(TAPE_F32, p->tensor->count);
  }
  g->initial = initial;
  g->initial_leaves = leaves;
}

const void *parameter_pack(struct graph *g, struct arena *arena, uint64_t *bytes) {
  uint64_t leaves = g->initial_leaves ? g->initial_leaves : 1;
  uint8_t *out = arena_take(arena, leaves, TAPE_LEAF_BYTES);
  if (!out) return NULL;
  for (uint32_t n = 0; n < g->parameters_count; n++)
    if (!g->parameter[n].seeded) pack(&g->parameter[n], out + g->parameter[n].window * TAPE_LEAF_BYTES);
  constant_pack(g, out);
  *bytes = leaves * TAPE_LEAF_BYTES;
  return out;
}

static bool taken(const struct layout *before, const char *name) {
  for (uint32_t n = 0; n < (uint32_t)before->state_count + before->data_count; n++)
    if (strcmp(before->entry[n].name, name) == 0) return true;
  return false;
}

void parameter_name(const struct layout *before, const char *onnx_name, const char *suffix,
                    char name[LAYOUT_NAME_MAX + 1]) {
  char clean[LAYOUT_NAME_MAX + 1], tail[24];
  snprintf(clean, sizeof clean, "%s", *onnx_name ? onnx_name : "_");
  for (char *c = clean; *c; c++)
    if (*c < 0x20 || *c > 0x7e) *c = '_';
  for (uint32_t try = 1;; try++) {
    snprintf(tail, sizeof tail, try > 1 ? "~%" PRIu32 "%s" : "%.0" PRIu32 "%s", try > 1 ? try : 0, suffix);
    snprintf(name, LAYOUT_NAME_MAX + 1, "%.*s%s", (int)(LAYOUT_NAME_MAX - strlen(tail)), clean, tail);
    if (!taken(before, name)) return;
  }
}
