#include "model/grad/sweep.h"

#include "model/lower/rule.h"

static bool wanted(struct graph *g, const struct application *a) {
  for (uint32_t n = 0; n < a->outputs_count; n++) {
    const struct tensor *y = graph_output(g, a, n);
    if (y && y->wants) return true;
  }
  return false;
}

/* The gradients of all outputs; 0 where nothing came. */
static void differentiate(struct graph *g, struct application *a) {
  struct value *dy = arena_take(g->arena, a->outputs_count, sizeof *dy);
  bool came = false;
  if (!dy) return emit_fail(g->e, LOWER_ERR_MEMORY, "gradients need more memory than lowering was given");
  for (uint32_t n = 0; n < a->outputs_count; n++) {
    dy[n] = value_f32(0);
    if (graph_output(g, a, n) && graph_gradient_take(g, a->output[n], &dy[n])) came = true;
  }
  if (came) a->rule->differentiate(g, a, dy);
}

void grad_sweep(struct graph *g) {
  for (uint32_t n = g->model->nodes_count; n-- > 0 && !emit_failed(g->e);) {
    struct application *a = &g->application[n];
    if (!a->live || !wanted(g, a)) continue;
    g->e->at = (struct lower_origin){.node = a->node->name, .op = a->node->op, .part = "backward"};
    differentiate(g, a);
    if (emit_failed(g->e)) graph_name(g, a);
  }
}
