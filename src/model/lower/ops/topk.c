/* TopK by counting: the place of an element is how many come before it. docs/lower.md 4.34. */
#include <inttypes.h>

#include "model/lower/ops/axes.h"
#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"

static bool count_of(struct graph *g, struct application *a, const struct value *x, uint32_t axis, uint32_t *count) {
  const struct onnx_tensor *t = input_integers(g, a, 1, "K");
  if (!t) return false;
  if (t->count == 1 && t->i64[0] >= 1 && t->i64[0] <= x->dim[axis]) {
    *count = (uint32_t)t->i64[0];
    return true;
  }
  graph_refuse(g, a, LOWER_ERR_SHAPE, "takes the first %" PRId64 " of %" PRIu32 " elements",
               t->count == 1 ? t->i64[0] : -1, x->dim[axis]);
  return false;
}

/* Every place of x, element by element, and one k dim as long as the axis. */
static void build_pairs(struct build *b, struct graph *g, const struct value *x, uint32_t axis) {
  uint32_t out[TAPE_RANK_MAX];
  struct value like = value_shaped(TAPE_I32, x->rank, x->dim, x->order);
  for (uint8_t p = 0; p < x->rank; p++) out[p] = x->dim[x->order[p]];
  build_free(b, g->e, TAPE_FOLD, TAPE_ISUM, TAPE_I32, x->rank, out, 1, &x->dim[axis], &like);
  for (uint8_t p = 0; p < x->rank; p++) b->at[x->order[p]] = p;
}

/* Reads v at the place of the iteration, but along the axis at record dim `along`. */
static uint8_t read_pair(struct build *b, struct value *v, uint32_t axis, uint8_t along) {
  struct index index[TAPE_RANK_MAX];
  for (uint32_t n = 0; n < v->rank; n++) index[n] = v->dim[n] == 1 ? index_fixed(0) : index_dim(b->at[n]);
  if (v->dim[axis] != 1) index[axis] = index_dim(along);
  return build_read(b, v, index, 0);
}

/* How many elements come before each: greater (less) ones, and equal ones in front of it. A NaN is the greatest. */
static struct value places(struct graph *g, struct value *x, uint32_t axis, bool largest) {
  struct formula_name name[4];
  struct build b;
  build_pairs(&b, g, x, axis);
  uint8_t reg = read_pair(&b, x, axis, b.at[axis]);
  name[0] = formula_register("x", reg);
  reg = read_pair(&b, x, axis, x->rank);
  name[1] = formula_register("y", reg);
  reg = build_op(&b, CANON_COORD, b.at[axis], 0, 0);
  name[2] = formula_register("i", reg);
  reg = build_op(&b, CANON_COORD, x->rank, 0, 0);
  name[3] = formula_register("j", reg);
  if (x->dtype != TAPE_F32)
    reg = formula(&b,
                  largest ? "ior(ilt(x, y), iand(ieq(x, y), ilt(j, i)))" : "ior(ilt(y, x), iand(ieq(x, y), ilt(j, i)))",
                  name, 4);
  else
    reg = formula(&b,
                  largest ? "p = feq(x, x); q = feq(y, y); ior(ior(flt(x, y), ilt(q, p)), "
                            "iand(ior(feq(x, y), ieq(ior(p, q), 0)), ilt(j, i)))"
                          : "p = feq(x, x); q = feq(y, y); ior(ior(flt(y, x), ilt(p, q)), "
                            "iand(ior(feq(x, y), ieq(ior(p, q), 0)), ilt(j, i)))",
                  name, 4);
  return build_end(&b, reg);
}

/* Which element has each of the first places: the sum of the only one's number. */
static struct value holders(struct graph *g, struct value *place, uint32_t axis, uint32_t count) {
  struct value few = value_shaped(TAPE_I32, place->rank, place->dim, place->order);
  uint32_t out[TAPE_RANK_MAX], length = place->dim[axis];
  struct build b;
  few.dim[axis] = count;
  for (uint8_t p = 0; p < few.rank; p++) out[p] = few.dim[few.order[p]];
  build_free(&b, g->e, TAPE_FOLD, TAPE_ISUM, TAPE_I32, few.rank, out, 1, &length, &few);
  for (uint8_t p = 0; p < few.rank; p++) b.at[few.order[p]] = p;
  uint8_t at = read_pair(&b, place, axis, few.rank);
  uint8_t zero = build_i32(&b, 0);
  uint8_t slot = build_op(&b, CANON_COORD, b.at[axis], 0, 0);
  uint8_t number = build_op(&b, CANON_COORD, few.rank, 0, 0);
  uint8_t hit = build_op2(&b, CANON_IEQ, at, slot);
  return build_end(&b, build_op(&b, CANON_SEL, hit, number, zero));
}

/* v along the axis at the numbers that `from` has there; 0 where it has none. */
static struct value picked(struct graph *g, struct value *v, struct value *from, uint32_t axis) {
  struct value like = value_shaped(v->dtype == TAPE_F32 ? TAPE_F32 : TAPE_I32, from->rank, from->dim, from->order);
  struct index index[TAPE_RANK_MAX];
  struct build b;
  value_settle(g->e, v);
  build_map(&b, g->e, like.dtype, &like);
  b.v.type = v->type;
  uint8_t number = build_use(&b, from);
  for (uint32_t n = 0; n < v->rank; n++) index[n] = v->dim[n] == 1 ? index_fixed(0) : index_dim(b.at[n]);
  index[axis] = index_indirect(number);
  uint8_t x = build_read(&b, v, index, 0);
  return build_end(&b, x);
}

static void topk_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  uint32_t axis, count;
  if (!x || !axes_one(g, a, x, -1, &axis) || !count_of(g, a, x, axis, &count)) return;
  struct value *saved = graph_save(g, a, 1);
  if (!saved) return;
  value_settle(g->e, x);
  *saved = places(g, x, axis, attribute_int(a->node, "largest", 1) != 0);
  struct value numbers = holders(g, saved, axis, count);
  if (emit_failed(g->e)) return;
  if (graph_output(g, a, 0)) graph_result(g, a, picked(g, x, &numbers, axis));
  graph_result_at(g, a, 1, numbers);
}

/* Each element takes the gradient of its place, if it has one of the first. */
static void topk_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  uint32_t axis;
  if (!axes_one(g, a, x, -1, &axis)) return;
  graph_gradient(g, a, 0, picked(g, &dy[0], a->saved, axis));
}

static void topk_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

const struct rule rules_topk[] = {{.op = "TopK",
                                   .opset_first = 11,
                                   .inputs_min = 2,
                                   .inputs_max = 2,
                                   .outputs_max = 2,
                                   .lower = topk_lower,
                                   .differentiate = topk_differentiate,
                                   .role = topk_role},
                                  {0}};
