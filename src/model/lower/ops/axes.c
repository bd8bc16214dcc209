#include "model/lower/ops/axes.h"

#include <inttypes.h>

#include "model/lower/ops/formula.h"

bool axes_given(struct graph *g, const struct application *a, const struct value *x, uint32_t *mask) {
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

bool axes_one(struct graph *g, const struct application *a, const struct value *x, int64_t absent, uint32_t *axis) {
  int64_t given = attribute_int(a->node, "axis", absent);
  if (axis_resolve(given, x->rank, axis)) return true;
  graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", given, shape_text(x->rank, x->dim).text);
  return false;
}

uint64_t axes_count(const struct value *x, uint32_t mask) {
  uint64_t n = 1;
  for (uint32_t axis = 0; axis < x->rank; axis++)
    if (mask >> axis & 1) n *= x->dim[axis];
  return n;
}

struct value axes_fold(struct graph *g, struct value *x, uint32_t mask, uint8_t reducer, const char *text) {
  uint8_t dtype = reducer > TAPE_FMAX ? TAPE_I32 : TAPE_F32;
  struct build b;
  for (uint32_t axis = 0; axis < x->rank; axis++)
    if (x->dim[axis] == 1) mask &= ~(1u << axis);
  if (mask)
    build_fold(&b, g->e, reducer, dtype, x, mask);
  else
    build_map(&b, g->e, dtype, x);
  if (dtype == TAPE_I32) b.v.type = x->type;
  uint8_t in = build_use(&b, x);
  uint8_t out = formula_of_x(&b, text, in);
  return mask ? build_end(&b, out) : build_pending(&b, out);
}

void axes_result(struct graph *g, const struct application *a, struct value *v, uint32_t mask) {
  if (emit_failed(g->e)) return;
  graph_result(g, a, attribute_int(a->node, "keepdims", 1) ? *v : without_axes(g, v, mask));
}

bool axes_back(struct graph *g, const struct value *x, uint32_t mask, struct value *dy) {
  uint32_t dim[TAPE_RANK_MAX];
  value_settle(g->e, dy);
  if (emit_failed(g->e)) return false;
  for (uint32_t n = 0; n < x->rank; n++) dim[n] = mask >> n & 1 ? 1 : x->dim[n];
  if (dy->rank == x->rank) return true;
  *dy = straightened(g, dy);
  if (emit_failed(g->e)) return false;
  *dy = value_view(dy, x->rank, dim);
  return true;
}
