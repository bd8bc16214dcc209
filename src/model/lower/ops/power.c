/* Pow. docs/lower.md 4.29: by multiplication where the exponent is a small whole number known while lowering. */
#include <string.h>

#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

enum { WHOLE_MAX = 64 }; /* greater exponents go through the logarithm */

/* x to the power n >= 1: bits of n from the second highest down, each a square and where it is set a product. */
static uint8_t multiplied(struct build *b, uint8_t code, uint8_t x, uint32_t n) {
  uint8_t y = x;
  uint32_t bit = 1;
  while (bit <= n / 2) bit *= 2;
  for (bit /= 2; bit; bit /= 2) {
    y = build_op2(b, code, y, y);
    if (n & bit) y = build_op2(b, code, y, x);
  }
  return y;
}

static bool small_whole(float p) { return p >= -WHOLE_MAX && p <= WHOLE_MAX && p == (float)(int)p; }

/* f32 x to a power known while lowering. */
static uint8_t to_constant(struct build *b, uint8_t x, float p) {
  if (p == 0) return build_f32(b, 1);
  if (p == 0.5f) return build_op1(b, CANON_SQRT, x);
  if (p == -0.5f) return formula_of_x(b, "div(1, sqrt(x))", x);
  if (small_whole(p) && p > 0) return multiplied(b, CANON_MUL, x, (uint32_t)p);
  if (small_whole(p)) return formula_of_x(b, "div(1, x)", multiplied(b, CANON_MUL, x, (uint32_t)-p));
  return formula_of_xy(b, FORMULA_POWER, x, build_f32(b, p));
}

/* The exponent where it is one number known while lowering. */
static bool constant_of(const struct value *y, float *p) {
  if (!y->literal) return false;
  if (y->dtype == TAPE_F32)
    memcpy(p, &y->word, sizeof *p);
  else
    *p = (float)(int32_t)y->word;
  return true;
}

/* i32 to an i32 power: its lowest eight bits from below, as nothing above says more within 32 bits. */
static uint8_t whole_power(struct build *b, uint8_t x, uint8_t y) {
  uint8_t one = build_i32(b, 1);
  uint8_t result = one, square = x;
  for (int32_t bit = 0; bit < 8; bit++) {
    uint8_t place = build_i32(b, bit);
    uint8_t shifted = build_op2(b, CANON_USHR, y, place);
    uint8_t set = build_op2(b, CANON_IAND, shifted, one);
    uint8_t product = build_op2(b, CANON_IMUL, result, square);
    result = build_op(b, CANON_SEL, set, product, result);
    square = build_op2(b, CANON_IMUL, square, square);
  }
  return result;
}

static uint8_t power_of_whole(struct build *b, struct value *x, struct value *y) {
  float p;
  uint8_t in = build_use(b, x);
  if (constant_of(y, &p) && small_whole(p) && p > 0) return multiplied(b, CANON_IMUL, in, (uint32_t)p);
  uint8_t exponent = build_use(b, y);
  if (y->dtype != TAPE_F32) return whole_power(b, in, exponent);
  in = build_op1(b, CANON_ITOF, in);
  struct formula_name name[] = {formula_register("x", in), formula_register("y", exponent)};
  return formula(b,
                 "a = abs(x); v = exp(mul(y, log(a))); i = feq(rint(y), y); h = mul(0.5, y); "
                 "o = iand(i, ieq(feq(rint(h), h), 0)); w = sel(i, rint(v), v); "
                 "ftoi(sel(ior(feq(y, 0), feq(x, 1)), 1, sel(iand(flt(x, 0), o), neg(w), w)))",
                 name, 2);
}

static void power_lower(struct graph *g, struct application *a) {
  struct value *v[2], shape;
  struct build b;
  float p;
  if (!input_values(g, a, v, 2) || !broadcast_all(g, a, v, 2, &shape)) return;
  bool floats = v[0]->dtype == TAPE_F32;
  build_map(&b, g->e, floats ? TAPE_F32 : TAPE_I32, &shape);
  b.v.type = v[0]->type;
  uint8_t out;
  if (!floats) {
    out = power_of_whole(&b, v[0], v[1]);
    out = whole_wrapped(&b, v[0]->type, out);
  } else {
    uint8_t x = build_use(&b, v[0]);
    if (constant_of(v[1], &p)) {
      out = to_constant(&b, x, p);
    } else {
      uint8_t y = build_use(&b, v[1]);
      y = whole_as_float(&b, v[1], y);
      out = formula_of_xy(&b, FORMULA_POWER, x, y);
    }
  }
  graph_result(g, a, build_pending(&b, out));
}

/* dx = d p x^(p - 1) */
static struct value of_base(struct graph *g, struct value *dy, struct value *x, struct value *y) {
  struct build b;
  float p;
  build_map(&b, g->e, TAPE_F32, dy);
  uint8_t d = build_use(&b, dy);
  uint8_t in = build_use(&b, x);
  uint8_t factor, power;
  if (constant_of(y, &p)) {
    factor = build_f32(&b, p);
    power = to_constant(&b, in, p - 1);
  } else {
    factor = build_use(&b, y);
    factor = whole_as_float(&b, y, factor);
    uint8_t less = formula_of_x(&b, "sub(x, 1)", factor);
    power = formula_of_xy(&b, FORMULA_POWER, in, less);
  }
  factor = build_op2(&b, CANON_MUL, factor, power);
  return build_pending(&b, build_op2(&b, CANON_MUL, d, factor));
}

/* dy = d out log x; 0 where x is 0 and the exponent is none below 0. */
static struct value of_exponent(struct graph *g, struct value *dy, struct value *x, struct value *y,
                                struct value *out) {
  struct build b;
  build_map(&b, g->e, TAPE_F32, dy);
  struct formula_name name[4];
  formula_use_dxy(&b, dy, x, y, name);
  uint8_t reg = build_use(&b, out);
  name[3] = formula_register("p", reg);
  reg = formula(&b, "sel(iand(feq(x, 0), fle(0, y)), 0, mul(d, mul(p, log(x))))", name, 4);
  return build_pending(&b, reg);
}

static void power_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v, *y = &graph_input(g, a, 1)->v, *out = &graph_output(g, a, 0)->v;
  float p;
  if (graph_wants(g, a, 0) && graph_wants(g, a, 1)) value_settle(g->e, dy);
  if (graph_wants(g, a, 0) && !(constant_of(y, &p) && p == 0)) {
    struct value d = of_base(g, dy, x, y);
    graph_gradient(g, a, 0, unbroadcast(g, &d, x));
  }
  if (graph_wants(g, a, 1)) {
    struct value d = of_exponent(g, dy, x, y, out);
    graph_gradient(g, a, 1, unbroadcast(g, &d, y));
  }
}

const struct rule rules_power[] = {{.op = "Pow",
                                    .opset_first = 13,
                                    .inputs_min = 2,
                                    .inputs_max = 2,
                                    .outputs_max = 1,
                                    .lower = power_lower,
                                    .differentiate = power_differentiate,
                                    .keep_inputs = 3,
                                    .keep_output = 1},
                                   {0}};
