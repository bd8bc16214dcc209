#include "model/grad/sweep.h"

#include "model/lower/rule.h"

void grad_sweep(struct graph *g) {
  for (uint32_t n = g->model->nodes_count; n-- > 0 && !emit_failed(g->e);) {
    struct application *a = &g->application[n];
    const struct tensor *y = graph_output(g, a, 0);
    struct value dy;
    if (!a->live || !y || !y->wants) continue;
    g->e->at = (struct lower_origin){.node = a->node->name, .op = a->node->op, .part = "backward"};
    if (graph_gradient_take(g, a->output[0], &dy)) a->rule->differentiate(g, a, &dy);
    if (emit_failed(g->e)) graph_name(g, a);
  }
}
