/* ReduceMean and ReduceSum over given axes. docs/lower.md 4.5. NUMERICS 4.6: mean = div(sum, n). */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"

/* axes: attribute up to opset 17 (ReduceSum: 12), input from then on; none means all. */
static bool reduce_mask(struct graph *g, struct application *a, const struct value *x, uint32_t *mask) {
  uint32_t count = 0;
  const int64_t *axes = attribute_ints(a->node, "axes", &count);
  if (graph_input(g, a, 1)) {
    const struct onnx_tensor *t = input_integers(g, a, 1, "axes");
    if (!t) return false;
    axes = t->i64;
    count = (uint32_t)t->count;
  }
  *mask = 0;
  if (!count && attribute_int(a->node, "noop_with_empty_axes", 0)) return true;
  if (!count) *mask = (1u << x->rank) - 1;
  for (uint32_t n = 0; n < count; n++) {
    uint32_t axis;
    if (!axis_resolve(axes[n], x->rank, &axis)) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", axes[n], shape_text(x->rank, x->dim).text);
      return false;
    }
    *mask |= 1u << axis;
  }
  return true;
}

static float reduced_count(const struct application *a, const struct value *x, uint32_t mask) {
  uint64_t n = 1;
  for (uint32_t axis = 0; axis < x->rank; axis++)
    if (mask >> axis & 1) n *= x->dim[axis];
  return strcmp(a->node->op, "ReduceMean") == 0 ? (float)n : 1;
}

static void reduce_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  uint32_t mask, dim[TAPE_RANK_MAX], rank = 0;
  if (!x || !reduce_mask(g, a, x, &mask)) return;
  if (x->literal) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "reduces a constant");
    return;
  }
  for (uint32_t n = 0; n < x->rank; n++) dim[n] = mask >> n & 1 ? 1 : x->dim[n];
  struct value to = value_shaped(TAPE_F32, x->rank, dim, x->order), y = unbroadcast(g, x, &to);
  float count = reduced_count(a, x, mask);
  if (count != 1) {
    struct build b;
    build_map(&b, g->e, TAPE_F32, &y);
    uint8_t sum = build_use(&b, &y);
    y = build_pending(&b, build_op2(&b, CANON_DIV, sum, build_f32(&b, count)));
  }
  if (!attribute_int(a->node, "keepdims", 1)) {
    value_settle(g->e, &y);
    for (uint32_t n = 0; n < x->rank; n++)
      if (!(mask >> n & 1)) dim[rank++] = x->dim[n];
    if (emit_failed(g->e)) return;
    if (!value_plain(&y)) {
      graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "drops axes of a tensor held channels-last: keepdims=1 lowers");
      return;
    }
    y = value_view(&y, rank, dim);
  }
  graph_result(g, a, y);
}

static void reduce_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  uint32_t mask, dim[TAPE_RANK_MAX];
  struct build b;
  if (!reduce_mask(g, a, x, &mask)) return;
  value_settle(g->e, dy);
  if (emit_failed(g->e)) return;
  for (uint32_t n = 0; n < x->rank; n++) dim[n] = mask >> n & 1 ? 1 : x->dim[n];
  if (dy->rank != x->rank) {
    *dy = straightened(g, dy);
    if (emit_failed(g->e)) return;
    *dy = value_view(dy, x->rank, dim);
  }
  float count = reduced_count(a, x, mask);
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t d = build_use(&b, dy);
  if (count != 1) d = build_op2(&b, CANON_DIV, d, build_f32(&b, count));
  graph_gradient(g, a, 0, build_pending(&b, d));
}

static void reduce_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

#define REDUCE(name)                                                                                                   \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 1, .inputs_max = 2, .outputs_max = 1, .lower = reduce_lower,          \
    .differentiate = reduce_differentiate, .role = reduce_role                                                         \
  }
const struct rule rules_reduce[] = {REDUCE("ReduceMean"), REDUCE("ReduceSum"), {0}};
