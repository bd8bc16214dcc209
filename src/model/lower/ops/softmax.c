/* Softmax and LogSoftmax along one axis. docs/lower.md 4.7. NUMERICS 4.6: div(exp(x - m), z). */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"

static bool is_log(const struct application *a) { return strcmp(a->node->op, "LogSoftmax") == 0; }

static bool softmax_axis(struct graph *g, struct application *a, const struct value *x, uint32_t *axis) {
  int64_t given = attribute_int(a->node, "axis", -1);
  if (axis_resolve(given, x->rank, axis)) return true;
  graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", given, shape_text(x->rank, x->dim).text);
  return false;
}

static void softmax_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  uint32_t axis;
  struct build b;
  if (!x || !softmax_axis(g, a, x, &axis)) return;
  build_fold(&b, g->e, TAPE_FMAX, TAPE_F32, x, 1u << axis);
  uint8_t in = build_use(&b, x);
  struct value m = build_end(&b, in);
  build_fold(&b, g->e, TAPE_LANES, TAPE_F32, x, 1u << axis);
  in = build_use(&b, x);
  uint8_t most = build_use(&b, &m);
  uint8_t shifted = build_op2(&b, CANON_SUB, in, most);
  struct value z = build_end(&b, build_op1(&b, CANON_EXP, shifted));
  build_map(&b, g->e, TAPE_F32, x);
  in = build_use(&b, x);
  most = build_use(&b, &m);
  uint8_t sum = build_use(&b, &z), y;
  shifted = build_op2(&b, CANON_SUB, in, most);
  if (is_log(a)) {
    y = build_op1(&b, CANON_LOG, sum);
    y = build_op2(&b, CANON_SUB, shifted, y);
  } else {
    y = build_op1(&b, CANON_EXP, shifted);
    y = build_op2(&b, CANON_DIV, y, sum);
  }
  graph_result(g, a, build_pending(&b, y));
}

/* dx = y (dy - sum dy y), and for the logarithm dx = dy - e^y sum dy. */
static void softmax_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *y = &graph_output(g, a, 0)->v;
  uint32_t axis;
  struct build b;
  value_settle(g->e, dy);
  if (emit_failed(g->e) || !softmax_axis(g, a, y, &axis)) return;
  build_fold(&b, g->e, TAPE_LANES, TAPE_F32, y, 1u << axis);
  uint8_t d = build_use(&b, dy), out;
  if (!is_log(a)) {
    out = build_use(&b, y);
    d = build_op2(&b, CANON_MUL, d, out);
  }
  struct value s = build_end(&b, d);
  build_map(&b, g->e, TAPE_F32, y);
  d = build_use(&b, dy);
  out = build_use(&b, y);
  uint8_t sum = build_use(&b, &s), dx;
  if (is_log(a)) {
    dx = build_op1(&b, CANON_EXP, out);
    dx = build_op2(&b, CANON_MUL, dx, sum);
    dx = build_op2(&b, CANON_SUB, d, dx);
  } else {
    dx = build_op2(&b, CANON_SUB, d, sum);
    dx = build_op2(&b, CANON_MUL, out, dx);
  }
  graph_gradient(g, a, 0, build_pending(&b, dx));
}

#define SOFTMAX(name)                                                                                                  \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .lower = softmax_lower,         \
    .differentiate = softmax_differentiate, .keep_output = true                                                        \
  }
const struct rule rules_softmax[] = {SOFTMAX("Softmax"), SOFTMAX("LogSoftmax"), {0}};
