/* Where, Clip and PRelu: one of several values, element by element. docs/lower.md 4.30. */
#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

static void where_lower(struct graph *g, struct application *a) {
  struct value *v[3], shape;
  struct build b;
  if (!input_values(g, a, v, 3)) return;
  if (v[0]->dtype == TAPE_F32) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "its condition holds floats, not truth values");
    return;
  }
  if (!whole_alike(g, a, v + 1, 2) || !broadcast_all(g, a, v, 3, &shape)) return;
  build_map(&b, g->e, v[1]->dtype == TAPE_F32 ? TAPE_F32 : TAPE_I32, &shape);
  b.v.type = v[1]->type;
  uint8_t c = build_use(&b, v[0]);
  uint8_t x = build_use(&b, v[1]);
  uint8_t y = build_use(&b, v[2]);
  graph_result(g, a, build_pending(&b, build_op(&b, CANON_SEL, c, x, y)));
}

static void where_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *c = &graph_input(g, a, 0)->v;
  if (graph_wants(g, a, 1) && graph_wants(g, a, 2)) value_settle(g->e, dy);
  for (uint32_t n = 1; n < 3; n++) {
    struct build b;
    if (!graph_wants(g, a, n)) continue;
    build_map(&b, g->e, TAPE_F32, dy);
    uint8_t d = build_use(&b, dy);
    uint8_t chosen = build_use(&b, c);
    uint8_t zero = build_f32(&b, 0);
    struct value part = build_pending(&b, build_op(&b, CANON_SEL, chosen, n == 1 ? d : zero, n == 1 ? zero : d));
    graph_gradient(g, a, n, unbroadcast(g, &part, &graph_input(g, a, n)->v));
  }
}

/* Registers of the bounds that are given, as names. */
static uint32_t bounds(struct graph *g, struct application *a, struct build *b, struct formula_name *name) {
  uint32_t count = 0;
  for (uint32_t n = 1; n < 3; n++) {
    if (!graph_input(g, a, n)) continue;
    uint8_t reg = build_use(b, &graph_input(g, a, n)->v);
    name[count++] = formula_register(n == 1 ? "low" : "high", reg);
  }
  return count;
}

/* Which bounds there are: 0 none, 1 the lower, 2 the upper, 3 both. */
static uint32_t bounded(struct graph *g, const struct application *a) {
  return (graph_input(g, a, 1) ? 1u : 0u) + (graph_input(g, a, 2) ? 2u : 0u);
}

static void clip_lower(struct graph *g, struct application *a) {
  static const char *const floats[] = {"x", "max(x, low)", "min(x, high)", "min(max(x, low), high)"},
                           *const whole[] = {"x", "imax(x, low)", "imin(x, high)", "imin(imax(x, low), high)"};
  struct value *x = graph_value(g, a, 0), *v[3] = {x};
  struct formula_name name[3];
  struct build b;
  uint32_t count = 1;
  if (!x) return;
  for (uint32_t n = 1; n < 3; n++) {
    if (!graph_input(g, a, n)) continue;
    if (!(v[count] = graph_value(g, a, n))) return;
    if (value_elements(v[count++]) != 1) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "its bound (input %u) is no single number", n);
      return;
    }
  }
  if (!whole_alike(g, a, v, count)) return;
  bool real = x->dtype == TAPE_F32;
  build_map(&b, g->e, real ? TAPE_F32 : TAPE_I32, x);
  b.v.type = x->type;
  uint8_t in = build_use(&b, x);
  name[0] = formula_register("x", in);
  count = 1 + bounds(g, a, &b, name + 1);
  uint8_t out = formula(&b, (real ? floats : whole)[bounded(g, a)], name, count);
  graph_result(g, a, build_pending(&b, out));
}

/* As PyTorch's clamp, relu6 and hardtanh: the gradient passes between the bounds, not on them. */
static void clip_differentiate(struct graph *g, struct application *a, struct value *dy) {
  static const char *const texts[] = {"d", "sel(flt(low, x), d, 0)", "sel(flt(x, high), d, 0)",
                                      "sel(iand(flt(low, x), flt(x, high)), d, 0)"};
  struct value *x = &graph_input(g, a, 0)->v;
  struct formula_name name[4];
  struct build b;
  if (graph_wants(g, a, 1) || graph_wants(g, a, 2)) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "its bounds depend on parameters: Min and Max of tensors lower");
    return;
  }
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t d = build_use(&b, dy);
  uint8_t in = build_use(&b, x);
  name[0] = formula_register("d", d);
  name[1] = formula_register("x", in);
  uint32_t count = 2 + bounds(g, a, &b, name + 2);
  uint8_t out = formula(&b, texts[bounded(g, a)], name, count);
  graph_gradient(g, a, 0, build_pending(&b, out));
}

static void clip_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

static void prelu_lower(struct graph *g, struct application *a) {
  whole_lower_xy(g, a, "sel(flt(x, 0), mul(y, x), x)", "sel(ilt(x, 0), imul(y, x), x)");
}

/* dx = d, or d slope at 0 and below; the slope's part is d x there. */
static void prelu_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *in[] = {&graph_input(g, a, 0)->v, &graph_input(g, a, 1)->v};
  if (graph_wants(g, a, 0) && graph_wants(g, a, 1)) value_settle(g->e, dy);
  for (uint32_t n = 0; n < 2; n++) {
    struct formula_name name[3];
    struct build b;
    if (!graph_wants(g, a, n)) continue;
    build_map(&b, g->e, TAPE_F32, dy);
    uint8_t reg = build_use(&b, dy);
    name[0] = formula_register("d", reg);
    reg = build_use(&b, in[0]);
    name[1] = formula_register("x", reg);
    if (!n) reg = build_use(&b, in[1]);
    name[2] = formula_register("y", reg);
    reg = formula(&b, n ? "sel(flt(0, x), 0, mul(d, x))" : "sel(flt(0, x), d, mul(d, y))", name, 3);
    struct value part = build_pending(&b, reg);
    graph_gradient(g, a, n, unbroadcast(g, &part, in[n]));
  }
}

const struct rule rules_select[] = {{.op = "Where",
                                     .opset_first = 9,
                                     .inputs_min = 3,
                                     .inputs_max = 3,
                                     .outputs_max = 1,
                                     .lower = where_lower,
                                     .differentiate = where_differentiate,
                                     .keep_inputs = 1},
                                    {.op = "Clip",
                                     .opset_first = 13,
                                     .inputs_min = 1,
                                     .inputs_max = 3,
                                     .outputs_max = 1,
                                     .lower = clip_lower,
                                     .differentiate = clip_differentiate,
                                     .keep_inputs = 7,
                                     .role = clip_role},
                                    {.op = "PRelu",
                                     .opset_first = 9,
                                     .inputs_min = 2,
                                     .inputs_max = 2,
                                     .outputs_max = 1,
                                     .lower = prelu_lower,
                                     .differentiate = prelu_differentiate,
                                     .keep_inputs = 3},
                                    {0}};
