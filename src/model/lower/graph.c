/* Tensors by name, what is live, and one forward pass. docs/lower.md 3.1 to 3.4. */
#include "model/lower/graph.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/lower/constant.h"
#include "model/lower/fold/fold.h"
#include "model/lower/parameter.h"
#include "model/lower/rule.h"

struct shape_text shape_text(uint32_t rank, const uint32_t *dim) {
  struct shape_text s = {"[]"};
  size_t used = 0;
  for (uint32_t a = 0; a < rank && used < sizeof s.text; a++)
    used += (size_t)snprintf(s.text + used, sizeof s.text - used, "%s%" PRIu32 "%s", a ? ", " : "[", dim[a],
                             a + 1 == rank ? "]" : "");
  return s;
}

static uint32_t hash_name(const char *name) { /* FNV-1a; only where a name is found depends on it */
  uint32_t h = 2166136261u;
  for (; *name; name++) h = (h ^ (uint8_t)*name) * 16777619u;
  return h;
}

uint32_t graph_find(const struct graph *g, const char *name) {
  for (uint32_t at = hash_name(name) & (g->buckets - 1);; at = (at + 1) & (g->buckets - 1)) {
    if (!g->bucket[at]) return GRAPH_NONE;
    if (strcmp(g->tensor[g->bucket[at] - 1].name, name) == 0) return g->bucket[at] - 1;
  }
}

static uint32_t number(struct graph *g, const char *name) {
  uint32_t n = graph_find(g, name), at = hash_name(name) & (g->buckets - 1);
  if (n != GRAPH_NONE) return n;
  while (g->bucket[at]) at = (at + 1) & (g->buckets - 1);
  assert(g->tensors_count < g->tensors_room);
  g->tensor[g->tensors_count] = (struct tensor){.name = name, .parameter = GRAPH_NONE, .producer = GRAPH_NONE};
  g->bucket[at] = ++g->tensors_count;
  return g->tensors_count - 1;
}

static enum lower_status memory(struct graph *g) {
  why_set(g->why, "the model needs more memory than lowering was given");
  return LOWER_ERR_MEMORY;
}

static bool take_tables(struct graph *g) {
  const struct onnx_model *m = g->model;
  uint64_t names = (uint64_t)m->initializers_count + m->inputs_count + m->outputs_count;
  for (uint32_t n = 0; n < m->nodes_count; n++) names += (uint64_t)m->node[n].inputs_count + m->node[n].outputs_count;
  if (names > UINT32_MAX / 4) return false;
  for (g->buckets = 16; g->buckets < 2 * names; g->buckets *= 2) continue;
  g->tensors_room = (uint32_t)names + 1;
  g->tensor = arena_take(g->arena, g->tensors_room, sizeof *g->tensor);
  g->bucket = arena_take(g->arena, g->buckets, sizeof *g->bucket);
  g->application = arena_take(g->arena, m->nodes_count + 1, sizeof *g->application);
  return g->tensor && g->bucket && g->application;
}

/* The names of one side of a node, each as a tensor's number. */
static bool number_names(struct graph *g, const char **name, uint32_t count, uint32_t **out) {
  uint32_t *list = arena_take(g->arena, (uint64_t)count + 1, sizeof *list);
  if (!list) return false;
  for (uint32_t n = 0; n < count; n++) list[n] = name[n] && *name[n] ? number(g, name[n]) : GRAPH_NONE;
  *out = list;
  return true;
}

static bool number_node(struct graph *g, uint32_t index) {
  struct application *a = &g->application[index];
  const struct onnx_node *node = a->node = &g->model->node[index];
  const char *reason;
  a->index = index;
  a->inputs_count = node->inputs_count;
  a->outputs_count = node->outputs_count;
  bool ours = !node->domain || !*node->domain || strcmp(node->domain, "ai.onnx") == 0;
  a->rule = ours ? rule_find(node->op, g->model->opset, &reason) : NULL;
  if (!number_names(g, node->input, a->inputs_count, &a->input) ||
      !number_names(g, node->output, a->outputs_count, &a->output))
    return false;
  for (uint32_t n = 0; n < a->outputs_count; n++)
    if (a->output[n] != GRAPH_NONE) g->tensor[a->output[n]].producer = index;
  const struct onnx_attribute *value = strcmp(node->op, "Constant") == 0 ? attribute_find(node, "value") : NULL;
  if (value && value->kind == ONNX_ATTR_TENSOR && a->outputs_count && a->output[0] != GRAPH_NONE)
    g->tensor[a->output[0]].given = value->tensor;
  return true;
}

/* Backwards from the outputs: a node is live if something live reads it. */
static void mark_live(struct graph *g, bool every_output) {
  const struct onnx_model *m = g->model;
  uint32_t outputs = every_output ? m->outputs_count : m->outputs_count ? 1 : 0;
  for (uint32_t n = 0; n < outputs; n++) g->tensor[number(g, m->output[n].name)].uses++;
  for (uint32_t n = m->nodes_count; n-- > 0;) {
    struct application *a = &g->application[n];
    for (uint32_t o = 0; o < a->outputs_count; o++)
      if (a->output[o] != GRAPH_NONE && g->tensor[a->output[o]].uses) a->live = true;
    if (!a->live) continue;
    for (uint32_t i = 0; i < a->inputs_count; i++)
      if (a->input[i] != GRAPH_NONE) g->tensor[a->input[i]].uses++;
  }
  uint32_t draws = 0;
  for (uint32_t n = 0; n < m->nodes_count; n++)
    if (g->application[n].live && g->application[n].rule && g->application[n].rule->draws)
      g->application[n].ordinal = draws++;
}

enum lower_status graph_open(struct graph *g, const struct onnx_model *model, bool every_output,
                             const char *const *freeze, uint32_t freeze_count, struct arena *arena, struct why *why) {
  *g = (struct graph){.model = model, .arena = arena, .why = why, .dropout = -1};
  if (!take_tables(g)) return memory(g);
  if (!model->outputs_count) {
    why_set(why, "the model has no output");
    return LOWER_ERR_UNSUPPORTED;
  }
  for (uint32_t n = 0; n < model->initializers_count; n++)
    g->tensor[number(g, model->initializer[n].name)].given = &model->initializer[n];
  for (uint32_t n = 0; n < model->inputs_count; n++) number(g, model->input[n].name);
  for (uint32_t n = 0; n < model->nodes_count; n++)
    if (!number_node(g, n)) return memory(g);
  mark_live(g, every_output);
  return parameter_find(g, freeze, freeze_count);
}

void graph_begin(struct graph *g, struct emit *e, enum graph_mode mode) {
  g->e = e;
  g->mode = mode;
  for (uint32_t n = 0; n < g->tensors_count; n++) {
    struct tensor *t = &g->tensor[n];
    t->content = t->given;
    t->known = t->wants = false;
    t->v = (struct value){0};
    t->gradient = NULL;
    t->gradients = t->gradients_room = 0;
    if (t->content && t->parameter == GRAPH_NONE) t->known = constant_number(t->content, &t->v);
  }
  for (uint32_t n = 0; n < g->parameters_count; n++) g->parameter[n].written = NULL;
}

void graph_set(struct graph *g, uint32_t tensor, struct value v) {
  g->tensor[tensor].v = v;
  g->tensor[tensor].known = true;
}

struct tensor *graph_input(struct graph *g, const struct application *a, uint32_t n) {
  return n < a->inputs_count && a->input[n] != GRAPH_NONE ? &g->tensor[a->input[n]] : NULL;
}

struct tensor *graph_output(struct graph *g, const struct application *a, uint32_t n) {
  return n < a->outputs_count && a->output[n] != GRAPH_NONE ? &g->tensor[a->output[n]] : NULL;
}

struct value *graph_value(struct graph *g, const struct application *a, uint32_t n) {
  struct tensor *t = graph_input(g, a, n);
  if (t && !t->known && t->content) t->known = graph_constant(g, t->content, &t->v);
  if (t && t->known) return &t->v;
  graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "input %u, '%s', has no %s", n, t ? t->name : "",
               t && t->peek && !t->peek->count ? "elements" : "value");
  return NULL;
}

void graph_result_at(struct graph *g, const struct application *a, uint32_t n, struct value v) {
  struct tensor *t = graph_output(g, a, n);
  if (emit_failed(g->e) || !t) return;
  t->v = v;
  t->known = true;
}

void graph_result(struct graph *g, const struct application *a, struct value v) { graph_result_at(g, a, 0, v); }

/* A float of one element made known is a literal too. */
void graph_content_at(struct graph *g, const struct application *a, uint32_t n, const struct onnx_tensor *content) {
  struct tensor *t = graph_output(g, a, n);
  if (emit_failed(g->e) || !t) return;
  t->content = content;
  t->known = constant_number(content, &t->v);
}

void graph_content(struct graph *g, const struct application *a, const struct onnx_tensor *content) {
  graph_content_at(g, a, 0, content);
}

struct value *graph_save(struct graph *g, struct application *a, uint32_t count) {
  a->saved = arena_take(g->arena, count, sizeof *a->saved);
  if (!a->saved) emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  return a->saved;
}

void graph_write(struct graph *g, const struct application *a, uint32_t n, struct value v) {
  struct tensor *t = graph_input(g, a, n);
  if (g->mode != GRAPH_TRAIN || emit_failed(g->e) || !t || t->parameter == GRAPH_NONE) return;
  struct parameter *p = &g->parameter[t->parameter];
  struct value shape = parameter_value(p);
  assert(!p->trains && v.dtype == TAPE_F32 && value_same_shape(&shape, &v));
  p->written = arena_take(g->arena, 1, sizeof *p->written);
  if (!p->written) return emit_fail(g->e, LOWER_ERR_MEMORY, "lowering needs more memory than it was given");
  *p->written = v;
}

bool graph_frozen(const struct graph *g, const struct application *a, uint32_t n) {
  if (n >= a->inputs_count || a->input[n] == GRAPH_NONE) return false;
  uint32_t p = g->tensor[a->input[n]].parameter;
  return p != GRAPH_NONE && g->parameter[p].frozen;
}

bool graph_wants(const struct graph *g, const struct application *a, uint32_t n) {
  return n < a->inputs_count && a->input[n] != GRAPH_NONE && g->tensor[a->input[n]].wants;
}

void graph_refuse(struct graph *g, const struct application *a, enum lower_status status, const char *format, ...) {
  char text[WHY_MAX];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  emit_fail(g->e, status, "%s", text);
  (void)a;
}

void graph_name(struct graph *g, const struct application *a) {
  const char *name = a->node->name && *a->node->name ? a->node->name : "";
  why_before(g->e->why, "node %" PRIu32 "%s%s%s (%s): ", a->index, *name ? " '" : "", name, *name ? "'" : "",
             a->node->op);
}

/* An output with a value: does a gradient flow to it, and must it be a record of its own? */
static void settle_output(struct graph *g, const struct application *a, uint32_t n, bool wants) {
  struct tensor *y = graph_output(g, a, n);
  const struct rule *r = a->rule;
  if (!y || !y->known) return;
  y->wants = wants && !y->v.literal && y->v.dtype == TAPE_F32;
  if (y->wants && !r->differentiate) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "%s has no gradient here, and parameters lie before it: freeze them",
                 r->op);
    return;
  }
  if (y->uses != 1 || (y->wants && n < 32 && r->keep_output >> n & 1)) value_settle(g->e, &y->v);
}

static void lower_application(struct graph *g, struct application *a) {
  const struct rule *r = a->rule;
  const char *reason = "lower 1 does not know this operator";
  if (fold_node(g, a)) return;
  if (!r) rule_find(a->node->op, g->model->opset, &reason);
  if (!r) {
    const char *instead = lower_advice(a->node->op);
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "%s%s%s", reason, instead ? "; " : "", instead ? instead : "");
    return;
  }
  if (a->node->inputs_count < r->inputs_min || a->node->inputs_count > r->inputs_max) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "has %" PRIu32 " inputs, %s takes %" PRIu32 " to %" PRIu32,
                 a->node->inputs_count, r->op, r->inputs_min, r->inputs_max);
    return;
  }
  for (uint32_t n = r->outputs_max; n < a->outputs_count; n++)
    if (a->output[n] != GRAPH_NONE && g->tensor[a->output[n]].uses) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "output %" PRIu32 ", '%s', is read, and only %" PRIu32 " lower", n,
                   g->tensor[a->output[n]].name, r->outputs_max);
      return;
    }
  bool wants = false;
  for (uint32_t n = 0; n < a->inputs_count; n++) wants |= graph_wants(g, a, n);
  wants = wants && g->mode == GRAPH_TRAIN;
  if (wants && r->differentiate)
    for (uint32_t n = 0; n < a->inputs_count && n < 32; n++) {
      struct tensor *t = graph_input(g, a, n);
      if (t && t->known && r->keep_inputs >> n & 1) value_settle(g->e, &t->v);
    }
  r->lower(g, a);
  for (uint32_t n = 0; n < a->outputs_count && !emit_failed(g->e); n++) settle_output(g, a, n, wants);
}

bool graph_apply(struct graph *g, struct application *a) {
  if (emit_failed(g->e)) return false;
  g->e->at = (struct lower_origin){.node = a->node->name, .op = a->node->op, .part = "forward"};
  lower_application(g, a);
  if (!emit_failed(g->e)) return true;
  graph_name(g, a);
  return false;
}

void graph_forward(struct graph *g) {
  for (uint32_t n = 0; n < g->model->nodes_count; n++)
    if (g->application[n].live && !graph_apply(g, &g->application[n])) return;
}

void graph_gradient_add(struct graph *g, uint32_t tensor, struct value v) {
  struct tensor *t = &g->tensor[tensor];
  if (emit_failed(g->e) || !t->wants) return;
  if (t->gradients == t->gradients_room) {
    uint32_t room = t->gradients_room ? 2 * t->gradients_room : 4;
    struct value **more = arena_take(g->arena, room, sizeof *more);
    if (!more) {
      emit_fail(g->e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
      return;
    }
    if (t->gradients) memcpy(more, t->gradient, t->gradients * sizeof *more);
    t->gradient = more;
    t->gradients_room = room;
  }
  struct value *copy = arena_take(g->arena, 1, sizeof *copy);
  if (!copy) {
    emit_fail(g->e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
    return;
  }
  *copy = v;
  t->gradient[t->gradients++] = copy;
}

void graph_gradient(struct graph *g, const struct application *a, uint32_t n, struct value v) {
  if (graph_wants(g, a, n)) graph_gradient_add(g, a->input[n], v);
}

bool graph_gradient_take(struct graph *g, uint32_t tensor, struct value *sum) {
  struct tensor *t = &g->tensor[tensor];
  if (emit_failed(g->e) || !t->gradients) return false;
  *sum = emit_add(g->e, t->gradient, t->gradients);
  return !emit_failed(g->e);
}
