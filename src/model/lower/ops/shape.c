/* Other dims over the same elements: views where memory allows, else one map that copies into ONNX's order.
 * docs/lower.md 4.6. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"

static void reshape_to(struct graph *g, struct application *a, struct value *v, uint32_t rank, const uint32_t *dim) {
  struct value plain = straightened(g, v);
  if (!emit_failed(g->e)) graph_result(g, a, value_view(&plain, rank, dim));
}

/* dy, seen with x's dims, in x's memory order (the copy waits for its reader). */
static void reshape_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct value *x = &graph_input(g, a, 0)->v;
  struct value plain = straightened(g, dy), shape = value_shaped(TAPE_F32, x->rank, x->dim, x->order);
  struct build b;
  if (emit_failed(g->e)) return;
  plain = value_view(&plain, x->rank, x->dim);
  if (value_plain(x)) {
    graph_gradient(g, a, 0, plain);
    return;
  }
  build_map(&b, g->e, TAPE_F32, &shape);
  uint8_t d = build_use(&b, &plain);
  graph_gradient(g, a, 0, build_pending(&b, d));
}

static void flatten_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  int64_t axis = attribute_int(a->node, "axis", 1);
  if (!x) return;
  if (axis < 0) axis += x->rank;
  if (axis < 0 || axis > x->rank) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of a tensor of rank %u", axis, x->rank);
    return;
  }
  uint32_t dim[2] = {1, 1};
  for (uint32_t n = 0; n < x->rank; n++) dim[n >= (uint32_t)axis] *= x->dim[n];
  reshape_to(g, a, x, 2, dim);
}

/* Dims of a Reshape: 0 copies (unless allowzero), one -1 takes what is left. */
static bool reshape_dims(struct graph *g, struct application *a, const uint32_t *from, uint32_t from_rank,
                         const struct onnx_tensor *shape, uint32_t *dim) {
  uint64_t elements = 1, product = 1;
  int64_t open = -1;
  for (uint32_t n = 0; n < from_rank; n++) elements *= from[n];
  if (shape->rank > 1 || shape->count > TAPE_RANK_MAX) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "asks for rank %" PRIu64 ", the most is %d", shape->count, TAPE_RANK_MAX);
    return false;
  }
  for (uint32_t n = 0; n < shape->count; n++) {
    int64_t d = shape->i64[n];
    if (d == 0 && !attribute_int(a->node, "allowzero", 0) && n < from_rank) d = from[n];
    if (d == -1 && open < 0) {
      open = n;
      continue;
    }
    if (d < 1 || d > INT32_MAX || product * (uint64_t)d > UINT32_MAX) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "asks for a dimension of %" PRId64, d);
      return false;
    }
    dim[n] = (uint32_t)d;
    product *= (uint64_t)d;
  }
  if (open >= 0 && elements % product == 0) {
    dim[open] = (uint32_t)(elements / product);
    product = elements;
  }
  if (product == elements) return true;
  graph_refuse(g, a, LOWER_ERR_SHAPE, "makes %" PRIu64 " elements of %s", product, shape_text(from_rank, from).text);
  return false;
}

static void reshape_lower(struct graph *g, struct application *a) {
  uint32_t dim[TAPE_RANK_MAX];
  struct value *x = graph_value(g, a, 0);
  const struct onnx_tensor *shape = x ? input_integers(g, a, 1, "shape") : NULL;
  if (!x || !shape || !reshape_dims(g, a, x->dim, x->rank, shape, dim)) return;
  reshape_to(g, a, x, (uint32_t)shape->count, dim);
}

/* Squeeze and Unsqueeze: `axes` is input 1. Dims of 1 come and go; memory does not notice. */
static void squeeze_lower(struct graph *g, struct application *a) {
  bool adds = strcmp(a->node->op, "Unsqueeze") == 0;
  struct value *x = graph_value(g, a, 0);
  const struct onnx_tensor *axes = NULL;
  if (!x) return;
  if (adds || graph_input(g, a, 1)) {
    axes = input_integers(g, a, 1, "axes");
    if (!axes) return;
  }
  uint32_t rank = adds ? x->rank + (uint32_t)axes->count : x->rank, mask = 0, dim[TAPE_RANK_MAX], kept = 0;
  if (rank > TAPE_RANK_MAX) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "makes rank %" PRIu32 ", the most is %d", rank, TAPE_RANK_MAX);
    return;
  }
  for (uint64_t n = 0; axes && n < axes->count; n++) {
    uint32_t axis;
    if (!axis_resolve(axes->i64[n], rank, &axis) || mask >> axis & 1 || (!adds && x->dim[axis] != 1)) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "axis %" PRId64 " of %s", axes->i64[n], shape_text(x->rank, x->dim).text);
      return;
    }
    mask |= 1u << axis;
  }
  if (!axes)
    for (uint32_t n = 0; n < x->rank; n++) mask |= (uint32_t)(x->dim[n] == 1) << n;
  if (adds) {
    for (uint32_t n = 0; n < rank; n++) dim[n] = mask >> n & 1 ? 1 : x->dim[kept++];
    reshape_to(g, a, x, rank, dim);
  } else {
    for (uint32_t n = 0; n < rank; n++)
      if (!(mask >> n & 1)) dim[kept++] = x->dim[n];
    reshape_to(g, a, x, kept, dim);
  }
}

/* Transpose names axes anew over the same memory: no record. */
static bool transpose_order(struct graph *g, struct application *a, uint32_t rank, uint32_t *perm) {
  uint32_t count, seen = 0;
  const int64_t *given = attribute_ints(a->node, "perm", &count);
  bool fits = !given || count == rank;
  for (uint32_t n = 0; fits && n < rank; n++) {
    int64_t axis = given ? given[n] : (int64_t)(rank - 1 - n);
    fits = axis >= 0 && axis < rank && !(seen >> axis & 1);
    if (!fits) break;
    perm[n] = (uint32_t)axis;
    seen |= 1u << axis;
  }
  if (!fits) graph_refuse(g, a, LOWER_ERR_SHAPE, "perm is no order of the %" PRIu32 " axes", rank);
  return fits;
}

/* w's axis n is v's axis perm[n]. */
static struct value transposed(const struct value *v, const uint32_t *perm) {
  struct value w = *v;
  for (uint32_t n = 0; n < v->rank; n++) {
    w.dim[n] = v->dim[perm[n]];
    for (uint32_t p = 0; p < v->rank; p++)
      if (v->order[p] == perm[n]) w.order[p] = (uint8_t)n;
  }
  return w;
}

static void transpose_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  uint32_t perm[TAPE_RANK_MAX];
  if (!x || !transpose_order(g, a, x->rank, perm)) return;
  value_settle(g->e, x);
  graph_result(g, a, transposed(x, perm));
}

static void transpose_differentiate(struct graph *g, struct application *a, struct value *dy) {
  uint32_t perm[TAPE_RANK_MAX], back[TAPE_RANK_MAX];
  if (!transpose_order(g, a, dy->rank, perm)) return;
  value_settle(g->e, dy);
  for (uint32_t n = 0; n < dy->rank; n++) back[perm[n]] = n;
  graph_gradient(g, a, 0, transposed(dy, back));
}

/* A weight that the exporter holds [out, in] and turns before use lies [in, out]. */
static void transpose_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  const struct onnx_tensor *t = g->tensor[a->input[n]].given;
  uint32_t count;
  const int64_t *perm = attribute_ints(a->node, "perm", &count);
  if (t->rank != 2 || (perm && (count != 2 || perm[0] != 1))) return;
  role->order[0] = 1;
  role->order[1] = 0;
  role->fan_in = (uint64_t)t->dim[1];
}

static void identity_lower(struct graph *g, struct application *a) {
  struct tensor *t = graph_input(g, a, 0);
  if (t && t->content && t->parameter == GRAPH_NONE) {
    graph_content(g, a, t->content);
    return;
  }
  struct value *x = graph_value(g, a, 0);
  if (x) graph_result(g, a, *x); /* a pending x has no other reader and waits on behind this node */
}

static void identity_differentiate(struct graph *g, struct application *a, struct value *dy) {
  graph_gradient(g, a, 0, *dy);
}

static void shape_constant_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

#define SHAPE(name, most, forward, backward, role_of)                                                                  \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 1, .inputs_max = most, .outputs_max = 1, .lower = forward,            \
    .differentiate = backward, .role = role_of                                                                         \
  }
const struct rule rules_shape[] = {SHAPE("Flatten", 1, flatten_lower, reshape_differentiate, NULL),
                                   SHAPE("Reshape", 2, reshape_lower, reshape_differentiate, shape_constant_role),
                                   SHAPE("Squeeze", 2, squeeze_lower, reshape_differentiate, shape_constant_role),
                                   SHAPE("Unsqueeze", 2, squeeze_lower, reshape_differentiate, shape_constant_role),
                                   SHAPE("Transpose", 1, transpose_lower, transpose_differentiate, transpose_role),
                                   SHAPE("Identity", 1, identity_lower, identity_differentiate, NULL),
                                   {0}};
