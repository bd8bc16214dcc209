/* lower_check: what lowers and what does not, node by node. */
#include <stdio.h>
#include <string.h>

#include "model/lower/batch.h"
#include "model/lower/parameter.h"
#include "model/lower/rule.h"

/* Symbolic dims get a size, since shapes are followed through the graph: the first (the batch) 2, others 64. */
static bool set_input(struct graph *g, const struct onnx_value *input) {
  uint32_t dim[TAPE_RANK_MAX], at = graph_find(g, input->name);
  if (at == GRAPH_NONE || input->rank > TAPE_RANK_MAX) return false;
  for (uint32_t a = 0; a < input->rank; a++) {
    if (input->dim[a] > INT32_MAX) return false;
    dim[a] = input->dim[a] < 1 ? (a ? 64 : 2) : (uint32_t)input->dim[a];
  }
  struct value v = value_shaped(input->type == ONNX_FLOAT ? TAPE_F32 : TAPE_I32, input->rank, dim,
                                batch_input_order(g, input->name, input->rank));
  v.space = TAPE_DATA;
  v.type = (uint8_t)input->type;
  graph_set(g, at, v);
  return true;
}

static bool inputs_known(const struct graph *g, const struct application *a) {
  for (uint32_t n = 0; n < a->inputs_count; n++) {
    const struct tensor *t = a->input[n] == GRAPH_NONE ? NULL : &g->tensor[a->input[n]];
    if (t && !t->known && !t->content) return false;
  }
  return true;
}

static bool judge(struct graph *g, struct emit *e, struct application *a, const char **reason) {
  *reason = "";
  if (!a->live) {
    *reason = "no output needs it";
    return true;
  }
  if (!inputs_known(g, a)) {
    if (!a->rule)
      rule_find(a->node->op, g->model->opset, reason);
    else
      *reason = "follows a node that does not lower; not looked at further";
    return a->rule != NULL;
  }
  if (graph_apply(g, a)) return true;
  *reason = e->why->text;
  e->status = LOWER_OK;
  return false;
}

uint32_t lower_check(const struct onnx_model *model, lower_report *report, void *context, struct arena *arena) {
  struct graph g;
  struct emit e;
  struct why why;
  uint32_t failures = 0;
  if (graph_open(&g, model, true, NULL, 0, arena, &why) != LOWER_OK) {
    report(context, NULL, UINT32_MAX, false, why.text);
    return 1;
  }
  parameter_place(&g, DATA_INITIAL);
  emit_begin(&e, arena, &why);
  graph_begin(&g, &e, GRAPH_TRAIN);
  for (uint32_t n = 0; n < g.parameters_count; n++) {
    graph_set(&g, g.parameter[n].tensor_id, parameter_value(&g.parameter[n]));
    g.tensor[g.parameter[n].tensor_id].wants = g.parameter[n].trains;
  }
  for (uint32_t n = 0; n < model->inputs_count; n++) {
    if (!batch_single_precision(&g, &model->input[n], "input")) {
      report(context, NULL, UINT32_MAX, false, why.text);
      return 1;
    }
    set_input(&g, &model->input[n]);
  }
  for (uint32_t n = 0; n < model->nodes_count; n++) {
    const char *reason;
    bool lowers = judge(&g, &e, &g.application[n], &reason);
    failures += !lowers;
    report(context, &model->node[n], n, lowers, reason);
  }
  return failures;
}

bool lower_tensors(const struct onnx_model *model, lower_tensor_report *report, void *context, struct arena *arena) {
  struct graph g;
  struct why why;
  if (graph_open(&g, model, false, NULL, 0, arena, &why) != LOWER_OK) return false;
  for (uint32_t n = 0; n < g.parameters_count; n++) report(context, g.parameter[n].tensor, g.parameter[n].trains);
  return true;
}
