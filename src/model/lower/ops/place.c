/* Trilu, EyeLike, OneHot: what an element is depends on where it lies. docs/lower.md 4.21. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/move.h"
#include "model/lower/ops/tables.h"

/* The diagonal that is not taken away, in 32 bits. */
static bool diagonal(struct graph *g, struct application *a, int32_t *k) {
  *k = 0;
  if (!graph_input(g, a, 1)) return true;
  const struct onnx_tensor *t = input_integers(g, a, 1, "diagonal");
  if (!t || t->count != 1) {
    if (t) graph_refuse(g, a, LOWER_ERR_SHAPE, "takes one diagonal");
    return false;
  }
  *k = (int32_t)(t->i64[0] < -(1 << 30) ? -(1 << 30) : t->i64[0] > 1 << 30 ? 1 << 30 : t->i64[0]);
  return true;
}

/* x where the column is at least row + k (upper) or at most that, else 0. */
static struct value triangle(struct graph *g, struct application *a, struct value *x, int32_t k) {
  bool upper = attribute_int(a->node, "upper", 1) != 0;
  struct value shape = *x;
  struct build b;
  build_map(&b, g->e, x->dtype, &shape);
  uint8_t v = build_use(&b, x), zero = x->dtype == TAPE_F32 ? build_f32(&b, 0) : build_i32(&b, 0);
  uint8_t shift = build_i32(&b, k);
  uint8_t row = build_op(&b, CANON_COORD, b.at[x->rank - 2], 0, 0);
  uint8_t column = build_op(&b, CANON_COORD, b.at[x->rank - 1], 0, 0);
  uint8_t edge = build_op2(&b, CANON_IADD, row, shift);
  uint8_t out = upper ? build_op2(&b, CANON_ILT, column, edge) : build_op2(&b, CANON_ILT, edge, column);
  return build_pending(&b, build_op(&b, CANON_SEL, out, zero, v));
}

static void trilu_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  int32_t k;
  if (!x || !diagonal(g, a, &k)) return;
  if (x->rank < 2)
    graph_refuse(g, a, LOWER_ERR_SHAPE, "takes a matrix, not %s", shape_text(x->rank, x->dim).text);
  else
    graph_result(g, a, triangle(g, a, x, k));
}

static void trilu_differentiate(struct graph *g, struct application *a, struct value *dy) {
  int32_t k;
  if (diagonal(g, a, &k)) graph_gradient(g, a, 0, triangle(g, a, dy, k));
}

static bool lowers_as(int64_t type, uint8_t *dtype) {
  bool whole = type == ONNX_INT64 || type == ONNX_INT32 || type == ONNX_BOOL || type == ONNX_UINT8 || type == ONNX_INT8;
  *dtype = whole ? TAPE_I32 : TAPE_F32;
  return whole || type == ONNX_FLOAT;
}

static void eye_lower(struct graph *g, struct application *a) {
  const struct tensor *t = graph_input(g, a, 0);
  int64_t k = attribute_int(a->node, "k", 0), type;
  uint32_t dim[2];
  uint8_t dtype;
  struct build b;
  if (!t || (!t->known && !t->content) || (t->known ? t->v.rank : t->content->rank) != 2) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "takes the shape of a matrix");
    return;
  }
  for (int n = 0; n < 2; n++) dim[n] = t->known ? t->v.dim[n] : (uint32_t)t->content->dim[n];
  type = attribute_int(a->node, "dtype", t->known ? t->v.type : (int64_t)t->content->type);
  if (!lowers_as(type, &dtype)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "makes elements of type %" PRId64 ", which do not lower", type);
    return;
  }
  struct value shape = value_shaped(dtype, 2, dim, NULL);
  shape.type = (uint8_t)type;
  build_map(&b, g->e, dtype, &shape);
  uint8_t shift = build_i32(&b, (int32_t)(k < -(1 << 30) ? -(1 << 30) : k > 1 << 30 ? 1 << 30 : k));
  uint8_t one = dtype == TAPE_F32 ? build_f32(&b, 1) : build_i32(&b, 1);
  uint8_t zero = dtype == TAPE_F32 ? build_f32(&b, 0) : build_i32(&b, 0);
  uint8_t row = build_op(&b, CANON_COORD, 0, 0, 0), column = build_op(&b, CANON_COORD, 1, 0, 0);
  uint8_t edge = build_op2(&b, CANON_IADD, row, shift), here = build_op2(&b, CANON_IEQ, column, edge);
  graph_result(g, a, build_pending(&b, build_op(&b, CANON_SEL, here, one, zero)));
}

/* on where the class is the place along the new axis, else off; classes below 0 count from the end. */
static void one_hot_lower(struct graph *g, struct application *a) {
  struct value *index = graph_value(g, a, 0), *values = index ? graph_value(g, a, 2) : NULL;
  float depth;
  uint64_t wide[TAPE_RANK_MAX + 1];
  uint32_t axis, dim[TAPE_RANK_MAX];
  struct build b;
  if (!index || !values || !input_scalar(g, a, 1, "depth", &depth)) return;
  uint32_t rank = index->rank + 1u;
  if (!axis_resolve(attribute_int(a->node, "axis", -1), rank, &axis) || !(depth >= 1 && depth <= 1 << 24) ||
      values->rank != 1 || values->dim[0] != 2) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "a depth of %g, values of %s, or an axis outside %s", (double)depth,
                 shape_text(values->rank, values->dim).text, shape_text(index->rank, index->dim).text);
    return;
  }
  for (uint32_t n = 0; n < rank; n++)
    wide[n] = n < axis ? index->dim[n] : n == axis ? (uint64_t)depth : index->dim[n - 1];
  if (!move_fits(g, rank, wide)) return;
  for (uint32_t n = 0; n < rank; n++) dim[n] = (uint32_t)wide[n];
  struct value shape = value_shaped(values->dtype, rank, dim, NULL), i = move_unsqueezed(g, index, axis);
  struct index off_at = index_fixed(0), on_at = index_fixed(1);
  shape.type = values->type;
  move_stored(g, values);
  build_map(&b, g->e, values->dtype, &shape);
  uint8_t k = build_use(&b, &i), off = build_read(&b, values, &off_at, 0), on = build_read(&b, values, &on_at, 0);
  uint8_t zero = build_i32(&b, 0), size = build_i32(&b, (int32_t)dim[axis]);
  if (index->dtype == TAPE_F32) k = build_op1(&b, CANON_FTOI, k);
  uint8_t below = build_op2(&b, CANON_ILT, k, zero), moved = build_op2(&b, CANON_IADD, k, size);
  uint8_t at = build_op(&b, CANON_SEL, below, moved, k), place = build_op(&b, CANON_COORD, (uint8_t)axis, 0, 0);
  uint8_t here = build_op2(&b, CANON_IEQ, at, place);
  graph_result(g, a, build_pending(&b, build_op(&b, CANON_SEL, here, on, off)));
}

static void all_numbers(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  (void)n;
  role->kind = ROLE_CONSTANT;
}

const struct rule rules_place[] = {{.op = "Trilu",
                                    .opset_first = 14,
                                    .inputs_min = 1,
                                    .inputs_max = 2,
                                    .outputs_max = 1,
                                    .lower = trilu_lower,
                                    .differentiate = trilu_differentiate,
                                    .role = move_first_only},
                                   {.op = "EyeLike",
                                    .opset_first = 13,
                                    .inputs_min = 1,
                                    .inputs_max = 1,
                                    .outputs_max = 1,
                                    .lower = eye_lower,
                                    .role = all_numbers},
                                   {.op = "OneHot",
                                    .opset_first = 13,
                                    .inputs_min = 3,
                                    .inputs_max = 3,
                                    .outputs_max = 1,
                                    .lower = one_hot_lower,
                                    .role = all_numbers},
                                   {0}};
