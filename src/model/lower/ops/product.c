/* ReduceProd: the canon has no product of many, so pairs are multiplied until one is left. docs/lower.md 4.33. */
#include "model/lower/ops/axes.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

/* Halvings until an axis of n elements has one. */
static uint32_t halvings(uint32_t n) {
  uint32_t count = 0;
  for (; n > 1; n = n / 2 + n % 2) count++;
  return count;
}

static uint32_t levels(const struct value *x, uint32_t mask) {
  uint32_t count = 0;
  for (uint32_t n = 0; n < x->rank; n++)
    if (mask >> n & 1) count += halvings(x->dim[n]);
  return count;
}

/* Reads v along the axis by `along`, elsewhere at the place of the iteration; 1 outside. */
static uint8_t read_along(struct build *b, struct value *v, uint32_t axis, struct index along) {
  struct index index[TAPE_RANK_MAX];
  uint32_t one = v->dtype == TAPE_F32 ? 0x3f800000u : 1u;
  for (uint32_t n = 0; n < v->rank; n++) index[n] = v->dim[n] == 1 ? index_fixed(0) : index_dim(b->at[n]);
  index[axis] = along;
  return build_read(b, v, index, one);
}

/* Neighbours 2 i and 2 i + 1 multiplied. */
static struct value halved(struct graph *g, struct value *v, uint32_t axis, uint8_t type) {
  struct value like = value_shaped(v->dtype == TAPE_F32 ? TAPE_F32 : TAPE_I32, v->rank, v->dim, v->order);
  struct build b;
  like.dim[axis] = v->dim[axis] / 2 + v->dim[axis] % 2;
  build_map(&b, g->e, like.dtype, &like);
  b.v.type = type;
  uint8_t left = read_along(&b, v, axis, index_add(index_fixed(0), b.at[axis], 2));
  uint8_t right = read_along(&b, v, axis, index_add(index_fixed(1), b.at[axis], 2));
  if (like.dtype == TAPE_F32) return build_end(&b, build_op2(&b, CANON_MUL, left, right));
  uint8_t product = build_op2(&b, CANON_IMUL, left, right);
  return build_end(&b, whole_wrapped(&b, type, product));
}

static void product_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  uint32_t mask, level = 0;
  if (!x || !axes_given(g, a, x, &mask)) return;
  struct value *saved = graph_save(g, a, levels(x, mask) + 1);
  if (!saved) return;
  value_settle(g->e, x);
  saved[0] = *x;
  for (uint32_t n = 0; n < x->rank; n++)
    while (mask >> n & 1 && saved[level].dim[n] > 1) {
      if (emit_failed(g->e)) return;
      saved[level + 1] = halved(g, &saved[level], n, x->type);
      level++;
    }
  struct value y = saved[level];
  axes_result(g, a, &y, mask);
}

/* Of v = left * right: dleft = d right, dright = d left, each read beside its own place. */
static struct value spread(struct graph *g, struct value *d, struct value *v, uint32_t axis) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, v);
  uint8_t dim = b.at[axis];
  uint8_t above = read_along(&b, d, axis, index_div(index_dim(dim), 2, TAPE_FLOOR));
  uint8_t before = read_along(&b, v, axis, index_add(index_fixed(-1), dim, 1));
  uint8_t after = read_along(&b, v, axis, index_add(index_fixed(1), dim, 1));
  uint8_t one = build_i32(&b, 1);
  uint8_t place = build_op(&b, CANON_COORD, dim, 0, 0);
  uint8_t odd = build_op2(&b, CANON_IAND, place, one);
  uint8_t other = build_op(&b, CANON_SEL, odd, before, after);
  return build_end(&b, build_op2(&b, CANON_MUL, above, other));
}

static void product_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, d;
  uint32_t mask, level;
  if (!axes_given(g, a, x, &mask) || !axes_back(g, x, mask, dy)) return;
  level = levels(x, mask);
  d = *dy;
  for (uint32_t n = x->rank; n-- > 0;)
    for (uint32_t k = mask >> n & 1 ? halvings(x->dim[n]) : 0; k-- > 0 && !emit_failed(g->e);)
      d = spread(g, &d, &a->saved[--level], n);
  graph_gradient(g, a, 0, d);
}

static void product_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

const struct rule rules_product[] = {{.op = "ReduceProd",
                                      .opset_first = 13,
                                      .inputs_min = 1,
                                      .inputs_max = 2,
                                      .outputs_max = 1,
                                      .lower = product_lower,
                                      .differentiate = product_differentiate,
                                      .keep_inputs = 1,
                                      .role = product_role},
                                     {0}};
