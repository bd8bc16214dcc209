/* Add, Sub, Mul, Div and Mod with numpy broadcasting: one map each. docs/lower.md 4.3, 4.31. */
#include <string.h>

#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

static uint8_t code_of(const struct application *a) {
  switch (a->node->op[0]) {
  case 'A': return CANON_ADD;
  case 'S': return CANON_SUB;
  case 'M': return CANON_MUL;
  }
  return CANON_DIV;
}

/* The bias of a linear layer that the exporter wrote as MatMul and Add starts as that layer's does. */
static void add_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  uint32_t other = n < 2 && a->inputs_count == 2 ? a->input[1 - n] : GRAPH_NONE;
  if (other == GRAPH_NONE || g->tensor[a->input[n]].given->rank != 1) return;
  uint32_t producer = g->tensor[other].producer;
  if (producer == GRAPH_NONE) return;
  const struct application *before = &g->application[producer];
  if (strcmp(before->node->op, "MatMul") != 0 || before->inputs_count != 2 || before->input[1] == GRAPH_NONE) return;
  const struct tensor *weight = &g->tensor[before->input[1]];
  if (weight->given && weight->given->rank == 2) {
    role->fan_in = (uint64_t)weight->given->dim[0];
  } else if (weight->producer != GRAPH_NONE) { /* a Transpose of it */
    const struct application *turn = &g->application[weight->producer];
    const struct onnx_tensor *t =
        turn->inputs_count == 1 && turn->input[0] != GRAPH_NONE ? g->tensor[turn->input[0]].given : NULL;
    if (t && t->rank == 2 && strcmp(turn->node->op, "Transpose") == 0) role->fan_in = (uint64_t)t->dim[1];
  }
}

static const char *float_text(const struct application *a) {
  switch (code_of(a)) {
  case CANON_ADD: return "add(x, y)";
  case CANON_SUB: return "sub(x, y)";
  case CANON_MUL: return "mul(x, y)";
  }
  return "div(x, y)";
}

/* Of whole numbers: division toward zero, where the canon's goes down. */
static const char *whole_text(const struct application *a) {
  switch (code_of(a)) {
  case CANON_ADD: return "iadd(x, y)";
  case CANON_SUB: return "isub(x, y)";
  case CANON_MUL: return "imul(x, y)";
  }
  return "iadd(idiv(x, y), iand(ilt(ixor(x, y), 0), ieq(ieq(imod(x, y), 0), 0)))";
}

static void binary_lower(struct graph *g, struct application *a) { whole_lower_xy(g, a, float_text(a), whole_text(a)); }

/* What is left of |x| when |y| was taken away as often as it goes, with x's sign: v is that without the sign. The first
 * remainder may be off by one y, where the quotient was rounded over a whole number. */
#define REMAINDER                                                                                                      \
  "a = abs(x); c = abs(y); t = fma(neg(trunc(div(a, c))), c, a); "                                                     \
  "u = sel(flt(t, 0), add(t, c), sel(fle(c, t), sub(t, c), t)); v = sel(iand(feq(c, inf), flt(a, inf)), a, u); "       \
  "m = unbits(ior(iand(bits(v), 0x7fffffff), iand(bits(x), 0x80000000))); "

static void mod_lower(struct graph *g, struct application *a) {
  if (attribute_int(a->node, "fmod", 0))
    whole_lower_xy(g, a, REMAINDER "m",
                   "isub(x, imul(y, iadd(idiv(x, y), iand(ilt(ixor(x, y), 0), ieq(ieq(imod(x, y), 0), 0)))))");
  else
    whole_lower_xy(g, a, REMAINDER "sel(iand(ieq(feq(m, 0), 0), ixor(flt(m, 0), flt(y, 0))), add(m, y), m)",
                   "imod(x, y)");
}

/* The quotient is as good as constant: dx = d, dy = -d times it. */
static void mod_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *y = &graph_input(g, a, 1)->v;
  if (graph_wants(g, a, 0) && graph_wants(g, a, 1)) value_settle(g->e, dy);
  if (graph_wants(g, a, 0)) graph_gradient(g, a, 0, unbroadcast(g, dy, x));
  if (graph_wants(g, a, 1)) {
    static const char *const text[] = {"neg(mul(d, floor(div(x, y))))", "neg(mul(d, trunc(div(x, y))))"};
    struct formula_name name[3];
    struct build b;
    build_map(&b, g->e, TAPE_F32, dy);
    formula_use_dxy(&b, dy, x, y, name);
    uint8_t reg = formula(&b, text[attribute_int(a->node, "fmod", 0) != 0], name, 3);
    struct value d = build_pending(&b, reg);
    graph_gradient(g, a, 1, unbroadcast(g, &d, y));
  }
}

/* dy times (or over) the other operand, summed to the shape of `to`. A product that is summed is a dot. */
static struct value times(struct graph *g, struct value *dy, struct value *other, const struct value *to) {
  struct build b;
  uint32_t mask = 0, more = (uint32_t)(dy->rank - to->rank);
  for (uint32_t n = 0; n < dy->rank; n++)
    if (dy->dim[n] > 1 && (n < more || to->dim[n - more] == 1)) mask |= 1u << n;
  if (mask && !other->literal) {
    value_settle(g->e, dy);
    value_settle(g->e, other);
    build_fold(&b, g->e, TAPE_CHAIN, TAPE_F32, dy, mask);
    b.r.op = TAPE_DOT;
    build_use(&b, dy);
    build_use(&b, other);
    struct value sum = build_end(&b, 0);
    return unbroadcast(g, &sum, to);
  }
  build_map(&b, g->e, TAPE_F32, dy);
  uint8_t x = build_use(&b, dy), y = build_use(&b, other);
  struct value v = build_pending(&b, build_op2(&b, CANON_MUL, x, y));
  return unbroadcast(g, &v, to);
}

static struct value negated(struct graph *g, struct value *v) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, v);
  uint8_t x = build_use(&b, v);
  return build_pending(&b, build_op1(&b, CANON_NEG, x));
}

static void add_differentiate(struct graph *g, struct application *a, struct value *dy) {
  if (graph_wants(g, a, 0) && graph_wants(g, a, 1)) value_settle(g->e, dy);
  for (uint32_t n = 0; n < 2; n++) {
    if (!graph_wants(g, a, n)) continue;
    struct value d = unbroadcast(g, dy, &graph_input(g, a, n)->v);
    graph_gradient(g, a, n, n && code_of(a) == CANON_SUB ? negated(g, &d) : d);
  }
}

static void mul_differentiate(struct graph *g, struct application *a, struct value *dy) {
  if (graph_wants(g, a, 0) && graph_wants(g, a, 1)) value_settle(g->e, dy);
  for (uint32_t n = 0; n < 2; n++)
    if (graph_wants(g, a, n))
      graph_gradient(g, a, n, times(g, dy, &graph_input(g, a, 1 - n)->v, &graph_input(g, a, n)->v));
}

/* y = p / q: dp = dy / q, dq = -(dy y) / q */
static void div_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *q = &graph_input(g, a, 1)->v, *y = &graph_output(g, a, 0)->v;
  struct build b;
  if (graph_wants(g, a, 0) && graph_wants(g, a, 1)) value_settle(g->e, dy);
  if (graph_wants(g, a, 0)) {
    build_map(&b, g->e, TAPE_F32, dy);
    uint8_t rd = build_use(&b, dy), rq = build_use(&b, q);
    struct value d = build_pending(&b, build_op2(&b, CANON_DIV, rd, rq));
    graph_gradient(g, a, 0, unbroadcast(g, &d, &graph_input(g, a, 0)->v));
  }
  if (graph_wants(g, a, 1)) {
    build_map(&b, g->e, TAPE_F32, dy);
    uint8_t rd = build_use(&b, dy), ry = build_use(&b, y), rq = build_use(&b, q);
    uint8_t product = build_op2(&b, CANON_MUL, rd, ry);
    struct value d = build_pending(&b, build_op1(&b, CANON_NEG, build_op2(&b, CANON_DIV, product, rq)));
    graph_gradient(g, a, 1, unbroadcast(g, &d, q));
  }
}

#define BINARY(name, derivative, kept_inputs, kept_output, role_of)                                                    \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = 2, .inputs_max = 2, .outputs_max = 1, .lower = binary_lower,          \
    .differentiate = derivative, .keep_inputs = kept_inputs, .keep_output = kept_output, .role = role_of               \
  }
const struct rule rules_binary[] = {BINARY("Add", add_differentiate, 0, false, add_role),
                                    BINARY("Sub", add_differentiate, 0, false, NULL),
                                    BINARY("Mul", mul_differentiate, 3, false, NULL),
                                    BINARY("Div", div_differentiate, 2, true, NULL),
                                    {.op = "Mod",
                                     .opset_first = 13,
                                     .inputs_min = 2,
                                     .inputs_max = 2,
                                     .outputs_max = 1,
                                     .lower = mod_lower,
                                     .differentiate = mod_differentiate,
                                     .keep_inputs = 3},
                                    {0}};
