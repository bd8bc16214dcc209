/* ArgMax, ArgMin, Hardmax and CumSum: what depends on places along one axis. docs/lower.md 4.34. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/axes.h"
#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

static uint8_t extreme(const struct value *x, bool least) {
  if (x->dtype == TAPE_F32) return least ? TAPE_FMIN : TAPE_FMAX;
  return least ? TAPE_IMIN : TAPE_IMAX;
}

/* Places of the greatest (least) elements along the axis: the first or the last of them. A NaN is greater and less than
 * everything, as in numpy. */
static struct value place_of(struct graph *g, struct value *x, uint32_t axis, bool least, bool last) {
  bool floats = x->dtype == TAPE_F32;
  struct build b;
  value_settle(g->e, x);
  build_fold(&b, g->e, extreme(x, least), floats ? TAPE_F32 : TAPE_I32, x, 1u << axis);
  uint8_t in = build_use(&b, x);
  struct value m = build_end(&b, in);
  build_fold(&b, g->e, last ? TAPE_IMAX : TAPE_IMIN, TAPE_I32, x, 1u << axis);
  b.v.type = ONNX_INT64;
  struct formula_name name[3];
  in = build_use(&b, x);
  name[0] = formula_register("x", in);
  in = build_use(&b, &m);
  name[1] = formula_register("m", in);
  uint8_t none = build_i32(&b, last ? -1 : INT32_MAX);
  in = build_op(&b, CANON_COORD, b.at[axis], 0, 0);
  name[2] = formula_register("k", in);
  in = formula(&b, floats ? "ior(feq(x, m), ieq(feq(x, x), 0))" : "ieq(x, m)", name, 2);
  return build_end(&b, build_op(&b, CANON_SEL, in, name[2].reg, none));
}

static void arg_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  uint32_t axis;
  if (!x || !axes_one(g, a, x, 0, &axis)) return;
  bool least = strcmp(a->node->op, "ArgMin") == 0;
  struct value y = place_of(g, x, axis, least, attribute_int(a->node, "select_last_index", 0) != 0);
  axes_result(g, a, &y, 1u << axis);
}

static void hardmax_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  uint32_t axis;
  struct build b;
  if (!x || !axes_one(g, a, x, -1, &axis)) return;
  struct value first = place_of(g, x, axis, false, false);
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t place = build_use(&b, &first);
  uint8_t k = build_op(&b, CANON_COORD, b.at[axis], 0, 0);
  graph_result(g, a, build_pending(&b, formula_of_xy(&b, "itof(ieq(x, y))", place, k)));
}

/* Constant wherever it has a derivative. */
static void no_gradient(struct graph *g, struct application *a, struct value *dy) {
  (void)g;
  (void)a;
  (void)dy;
}

/* Sums over what lies before (behind, in reverse) each place: a window as long as the axis, zeros outside. */
static struct value running(struct graph *g, struct value *x, uint32_t axis, bool exclusive, bool reverse) {
  uint8_t dtype = x->dtype == TAPE_F32 ? TAPE_F32 : TAPE_I32;
  struct value like = value_shaped(dtype, x->rank, x->dim, x->order);
  uint32_t out[TAPE_RANK_MAX], length = x->dim[axis];
  struct index index[TAPE_RANK_MAX];
  struct build b;
  like.type = x->type;
  for (uint8_t p = 0; p < x->rank; p++) {
    uint8_t n = x->order[p];
    int32_t first = reverse ? exclusive : -(int32_t)(length - 1) - exclusive;
    out[p] = x->dim[n];
    index[n] = n == axis ? index_add(index_fixed(first), p, 1) : x->dim[n] == 1 ? index_fixed(0) : index_dim(p);
  }
  index[axis] = index_add(index[axis], x->rank, 1);
  build_free(&b, g->e, TAPE_FOLD, dtype == TAPE_F32 ? TAPE_CHAIN : TAPE_ISUM, dtype, x->rank, out, 1, &length, &like);
  b.v.type = x->type;
  uint8_t in = build_read(&b, x, index, 0);
  return build_end(&b, in);
}

static bool cumsum_axis(struct graph *g, struct application *a, const struct value *x, uint32_t *axis) {
  const struct onnx_tensor *t = input_integers(g, a, 1, "axis");
  if (!t) return false;
  if (t->count == 1 && axis_resolve(t->i64[0], x->rank, axis)) return true;
  graph_refuse(g, a, LOWER_ERR_SHAPE, "its axis is none of %s", shape_text(x->rank, x->dim).text);
  return false;
}

static void cumsum_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  uint32_t axis;
  if (!x || !cumsum_axis(g, a, x, &axis)) return;
  bool exclusive = attribute_int(a->node, "exclusive", 0) != 0, reverse = attribute_int(a->node, "reverse", 0) != 0;
  graph_result(g, a, running(g, x, axis, exclusive, reverse));
}

static void cumsum_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  uint32_t axis;
  if (!cumsum_axis(g, a, x, &axis)) return;
  bool exclusive = attribute_int(a->node, "exclusive", 0) != 0, reverse = attribute_int(a->node, "reverse", 0) != 0;
  graph_gradient(g, a, 0, running(g, dy, axis, exclusive, !reverse));
}

static void cumsum_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

#define ALONG(name, forward, backward)                                                                                 \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .lower = forward,               \
    .differentiate = backward                                                                                          \
  }
const struct rule rules_order[] = {ALONG("ArgMax", arg_lower, NULL),
                                   ALONG("ArgMin", arg_lower, NULL),
                                   ALONG("Hardmax", hardmax_lower, no_gradient),
                                   {.op = "CumSum",
                                    .opset_first = 11,
                                    .inputs_min = 2,
                                    .inputs_max = 2,
                                    .outputs_max = 1,
                                    .lower = cumsum_lower,
                                    .differentiate = cumsum_differentiate,
                                    .role = cumsum_role},
                                   {0}};
