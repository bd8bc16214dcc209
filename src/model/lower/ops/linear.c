/* Gemm and MatMul: dot, with weights held [in, out]. docs/lower.md 4.1, 4.2. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"

/* A matrix whose ONNX form is [out, in] lies transposed. */
static void turned(const struct onnx_tensor *t, bool turn, struct role *role) {
  if (t->rank != 2) return;
  role->order[0] = turn;
  role->order[1] = !turn;
  role->fan_in = (uint64_t)t->dim[turn];
}

static void gemm_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  bool turn = attribute_int(a->node, "transB", 0) != 0;
  if (n == 1) turned(g->tensor[a->input[1]].given, turn, role);
  const struct onnx_tensor *weight = n == 2 && a->input[1] != GRAPH_NONE ? g->tensor[a->input[1]].given : NULL;
  if (weight && weight->rank == 2) role->fan_in = (uint64_t)weight->dim[turn];
}

static void matmul_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  if (n == 1) turned(g->tensor[a->input[1]].given, false, role);
}

/* out[m, n] = sum over k of x[m, k] w[k, n]. turn_x: x is [k, m] to ONNX; turn_w: w is [n, k]. */
static struct value product(struct graph *g, struct value *x, bool turn_x, struct value *w, bool turn_w) {
  uint32_t out[2] = {x->dim[turn_x], w->dim[!turn_w]}, k[1] = {x->dim[!turn_x]};
  struct value y = value_shaped(TAPE_F32, 2, out, NULL);
  struct build b;
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 2, out, 1, k, &y);
  struct index xi[2] = {index_dim(turn_x ? 2 : 0), index_dim(turn_x ? 0 : 2)};
  struct index wi[2] = {index_dim(turn_w ? 1 : 2), index_dim(turn_w ? 2 : 1)};
  build_read(&b, x, xi, 0);
  build_read(&b, w, wi, 0);
  return build_end(&b, 0);
}

static struct value scaled(struct graph *g, struct value *v, float by) {
  struct build b;
  if (by == 1) return *v;
  build_map(&b, g->e, TAPE_F32, v);
  uint8_t x = build_use(&b, v);
  return build_pending(&b, build_op2(&b, CANON_MUL, x, build_f32(&b, by)));
}

static void gemm_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0), *w = x ? float_value(g, a, 1) : NULL;
  bool turn_x = attribute_int(a->node, "transA", 0) != 0, turn = attribute_int(a->node, "transB", 0) != 0;
  float alpha = attribute_float(a->node, "alpha", 1), beta = attribute_float(a->node, "beta", 1);
  if (!x || !w) return;
  if (x->rank != 2 || w->rank != 2 || x->dim[!turn_x] != w->dim[turn]) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "multiplies %s%s by %s%s", shape_text(x->rank, x->dim).text,
                 turn_x ? " transposed" : "", shape_text(w->rank, w->dim).text, turn ? " transposed" : "");
    return;
  }
  struct value y = product(g, x, turn_x, w, turn);
  struct tensor *c = graph_input(g, a, 2);
  if (alpha != 1) y = scaled(g, &y, alpha);
  if (c) {
    struct value *bias = float_value(g, a, 2), shape;
    if (!bias || !broadcast(g, a, &y, bias, &shape)) return;
    if (!value_same_shape(&shape, &y)) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "C of %s does not broadcast to %s", shape_text(bias->rank, bias->dim).text,
                   shape_text(y.rank, y.dim).text);
      return;
    }
    struct build b;
    build_map(&b, g->e, TAPE_F32, &shape);
    uint8_t sum = build_use(&b, &y), more = build_use(&b, bias);
    if (beta != 1) more = build_op2(&b, CANON_MUL, more, build_f32(&b, beta));
    y = build_pending(&b, build_op2(&b, CANON_ADD, sum, more));
  }
  graph_result(g, a, y);
}

static void gemm_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *w = &graph_input(g, a, 1)->v;
  bool turn_x = attribute_int(a->node, "transA", 0) != 0, turn = attribute_int(a->node, "transB", 0) != 0;
  float alpha = attribute_float(a->node, "alpha", 1), beta = attribute_float(a->node, "beta", 1);
  value_settle(g->e, dy);
  if (graph_wants(g, a, 2)) {
    struct value dc = unbroadcast(g, dy, &graph_input(g, a, 2)->v);
    graph_gradient(g, a, 2, scaled(g, &dc, beta));
  }
  struct value d = scaled(g, dy, alpha);
  value_settle(g->e, &d);
  if (graph_wants(g, a, 1)) { /* dw[k, n] = sum over m of x[m, k] d[m, n] */
    struct build b;
    struct value dw = value_shaped(TAPE_F32, 2, w->dim, turn ? (const uint8_t[]){1, 0} : NULL);
    uint32_t out[2] = {x->dim[!turn_x], d.dim[1]}, k[1] = {x->dim[turn_x]};
    build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, 2, out, 1, k, &dw);
    struct index xi[2] = {index_dim(turn_x ? 0 : 2), index_dim(turn_x ? 2 : 0)};
    build_read(&b, x, xi, 0);
    build_read(&b, &d, (struct index[]){index_dim(2), index_dim(1)}, 0);
    graph_gradient(g, a, 1, build_end(&b, 0));
  }
  if (!graph_wants(g, a, 0)) return;
  if (turn_x) /* dx[k, m] = sum over n of w[k, n] d[m, n] */
    graph_gradient(g, a, 0, product(g, w, turn, &d, true));
  else
    graph_gradient(g, a, 0, product(g, &d, false, w, !turn));
}

/* MatMul as numpy has it: batch axes broadcast. The iteration is (batch.., m, n) and k. */
struct matmul {
  uint32_t rank, dim[TAPE_RANK_MAX]; /* of the result, m and n last */
  uint32_t k;
};

/* v with one more axis of 1 in front of ONNX axis `axis`, and without that axis. Memory does not notice. */
static struct value more_axis(const struct value *v, uint32_t axis) {
  struct value w = *v;
  for (uint32_t p = 0; p < v->rank; p++) w.order[p] = (uint8_t)(v->order[p] + (v->order[p] >= axis));
  for (uint32_t n = v->rank; n > axis; n--) w.dim[n] = v->dim[n - 1];
  w.dim[axis] = 1;
  w.order[w.rank++] = (uint8_t)axis;
  return w;
}

static struct value less_axis(const struct value *v, uint32_t axis) {
  struct value w = *v;
  w.rank = 0;
  for (uint32_t p = 0; p < v->rank; p++)
    if (v->order[p] != axis) w.order[w.rank++] = (uint8_t)(v->order[p] - (v->order[p] > axis));
  for (uint32_t n = axis; n < w.rank; n++) w.dim[n] = v->dim[n + 1];
  return w;
}

/* A vector is a row on the left and a column on the right. */
static struct value matrix(struct graph *g, struct value *v, uint32_t side) {
  if (v->rank != 1) return *v;
  value_settle(g->e, v);
  return more_axis(v, side);
}

static bool matmul_shape(struct graph *g, const struct application *a, const struct value *x, const struct value *y,
                         struct matmul *out) {
  if (x->rank < 2 || y->rank < 2) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "multiplies a scalar; Mul does that");
    return false;
  }
  bool fits = x->dim[x->rank - 1] == y->dim[y->rank - 2];
  out->rank = x->rank > y->rank ? x->rank : y->rank;
  out->k = x->dim[x->rank - 1];
  for (uint32_t n = 0; n + 2 < out->rank; n++) {
    uint32_t dx = n + x->rank < out->rank ? 1 : x->dim[n + x->rank - out->rank];
    uint32_t dy = n + y->rank < out->rank ? 1 : y->dim[n + y->rank - out->rank];
    fits = fits && (dx == dy || dx == 1 || dy == 1);
    out->dim[n] = dx == 1 ? dy : dx;
  }
  out->dim[out->rank - 2] = x->dim[x->rank - 2];
  out->dim[out->rank - 1] = y->dim[y->rank - 1];
  if (!fits)
    graph_refuse(g, a, LOWER_ERR_SHAPE, "multiplies %s by %s", shape_text(x->rank, x->dim).text,
                 shape_text(y->rank, y->dim).text);
  return fits;
}

/* `number[i]`: record dim of iteration axis i (batch.., m, n, then k at [rank]); reads v, whose last two axes are
 * iteration axes r and c. */
static void matmul_read(struct build *b, struct value *v, const struct matmul *m, const uint8_t *number, uint32_t r,
                        uint32_t c) {
  struct index axis[TAPE_RANK_MAX];
  for (uint32_t a = 0; a + 2 < v->rank; a++)
    axis[a] = v->dim[a] == 1 ? index_fixed(0) : index_dim(number[a + m->rank - v->rank]);
  axis[v->rank - 2] = index_dim(number[r]);
  axis[v->rank - 1] = index_dim(number[c]);
  build_read(b, v, axis, 0);
}

static void matmul_lower(struct graph *g, struct application *a) {
  struct value *left = float_value(g, a, 0), *right = left ? float_value(g, a, 1) : NULL;
  struct matmul m;
  struct build b;
  uint8_t number[TAPE_RANK_MAX + 1];
  if (!left || !right) return;
  struct value x = matrix(g, left, 0), y = matrix(g, right, 1);
  if (!matmul_shape(g, a, &x, &y, &m)) return;
  struct value out = value_shaped(TAPE_F32, m.rank, m.dim, NULL);
  for (uint8_t n = 0; n <= TAPE_RANK_MAX; n++) number[n] = n;
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, m.rank, m.dim, 1, &m.k, &out);
  matmul_read(&b, &x, &m, number, m.rank - 2, m.rank);
  matmul_read(&b, &y, &m, number, m.rank, m.rank - 1);
  out = build_end(&b, 0);
  if (right->rank == 1) out = less_axis(&out, m.rank - 1);
  if (left->rank == 1) out = less_axis(&out, m.rank - 2);
  graph_result(g, a, out);
}

/* Gradient of one side: out dims are its own, everything else of the iteration is summed over, in the iteration's
 * order. */
static void matmul_side(struct graph *g, struct application *a, const struct matmul *m, struct value *dy, uint32_t side,
                        struct value *to, struct value *other) {
  uint32_t rows = side ? m->rank : m->rank - 2, cols = side ? m->rank - 1 : m->rank; /* iteration axes of `to` */
  uint32_t out[TAPE_RANK_MAX], k[TAPE_RANK_MAX + 1], out_rank = 0, k_rank = 0, more = m->rank - to->rank;
  uint8_t number[TAPE_RANK_MAX + 1] = {0};
  uint32_t extent[TAPE_RANK_MAX + 1];
  memcpy(extent, m->dim, sizeof m->dim);
  extent[m->rank] = m->k;
  bool own[TAPE_RANK_MAX + 1] = {false};
  for (uint32_t n = 0; n + 2 < m->rank; n++) own[n] = n >= more && (to->dim[n - more] > 1 || m->dim[n] == 1);
  own[rows] = own[cols] = true;
  for (uint8_t p = 0; p < to->rank; p++) { /* memory order of `to` */
    uint32_t axis = to->order[p] + more;
    uint32_t i = to->order[p] == to->rank - 2u ? rows : to->order[p] == to->rank - 1u ? cols : axis;
    if (!own[i]) continue;
    number[i] = (uint8_t)out_rank;
    out[out_rank++] = extent[i];
  }
  for (uint32_t n = 0; n <= m->rank; n++)
    if (!own[n]) {
      number[n] = (uint8_t)(out_rank + k_rank);
      k[k_rank++] = extent[n];
    }
  struct value d = value_shaped(TAPE_F32, to->rank, to->dim, to->order);
  struct build b;
  build_free(&b, g->e, TAPE_DOT, TAPE_CHAIN, TAPE_F32, out_rank, out, k_rank, k, &d);
  if (side) matmul_read(&b, other, m, number, m->rank - 2, m->rank);
  matmul_read(&b, dy, m, number, m->rank - 2, m->rank - 1);
  if (!side) matmul_read(&b, other, m, number, m->rank, m->rank - 1);
  d = build_end(&b, 0);
  graph_gradient(g, a, side, graph_input(g, a, side)->v.rank == 1 ? less_axis(&d, side) : d);
}

static void matmul_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *left = &graph_input(g, a, 0)->v, *right = &graph_input(g, a, 1)->v;
  struct value x = matrix(g, left, 0), y = matrix(g, right, 1);
  struct matmul m;
  if (!matmul_shape(g, a, &x, &y, &m)) return;
  value_settle(g->e, dy);
  struct value d = *dy;
  if (left->rank == 1) d = more_axis(&d, right->rank == 1 ? d.rank : d.rank - 1);
  if (right->rank == 1) d = more_axis(&d, d.rank);
  if (graph_wants(g, a, 1)) matmul_side(g, a, &m, &d, 1, &y, &x);
  if (graph_wants(g, a, 0)) matmul_side(g, a, &m, &d, 0, &x, &y);
}

const struct rule rules_linear[] = {{.op = "Gemm",
                                     .opset_first = 13,
                                     .inputs_min = 2,
                                     .inputs_max = 3,
                                     .outputs_max = 1,
                                     .lower = gemm_lower,
                                     .differentiate = gemm_differentiate,
                                     .keep_inputs = 3,
                                     .role = gemm_role},
                                    {.op = "MatMul",
                                     .opset_first = 13,
                                     .inputs_min = 2,
                                     .inputs_max = 2,
                                     .outputs_max = 1,
                                     .lower = matmul_lower,
                                     .differentiate = matmul_differentiate,
                                     .keep_inputs = 3,
                                     .role = matmul_role},
                                    {0}};
