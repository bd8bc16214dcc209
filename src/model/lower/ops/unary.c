/* One float in, one float out. docs/lower.md 4.4: each function and its derivative, operation by operation. */
#include <string.h>

#include "model/lower/ops/tables.h"

/* A body's y = f(x), and dx from dy and what the rule keeps of x or y. */
struct unary {
  const char *op;
  uint8_t (*forward)(struct build *b, const struct onnx_node *node, uint8_t x);
  uint8_t (*backward)(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t kept);
  bool keeps_output;
};

static uint8_t op1(struct build *b, uint8_t code, uint8_t x) { return build_op1(b, code, x); }
static uint8_t op2(struct build *b, uint8_t code, uint8_t x, uint8_t y) { return build_op2(b, code, x, y); }

/* Every call below adds to the body, so each stands in a statement of its own: the order is part of the tape. */

/* NUMERICS 4.6: sel(flt(x, 0), 0, x) keeps NaN and -0. */
static uint8_t relu(struct build *b, const struct onnx_node *node, uint8_t x) {
  uint8_t zero = build_f32(b, 0);
  uint8_t below = op2(b, CANON_FLT, x, zero);
  (void)node;
  return build_op(b, CANON_SEL, below, zero, x);
}
static uint8_t relu_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t y) {
  uint8_t zero = build_f32(b, 0);
  uint8_t off = op2(b, CANON_FLE, y, zero);
  (void)node;
  return build_op(b, CANON_SEL, off, zero, dy);
}

static uint8_t leaky(struct build *b, const struct onnx_node *node, uint8_t x) {
  uint8_t zero = build_f32(b, 0);
  uint8_t slope = build_f32(b, attribute_float(node, "alpha", 0.01f));
  uint8_t below = op2(b, CANON_FLT, x, zero);
  uint8_t scaled = op2(b, CANON_MUL, x, slope);
  return build_op(b, CANON_SEL, below, scaled, x);
}
static uint8_t leaky_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t x) {
  uint8_t zero = build_f32(b, 0);
  uint8_t slope = build_f32(b, attribute_float(node, "alpha", 0.01f));
  uint8_t off = op2(b, CANON_FLE, x, zero);
  uint8_t scaled = op2(b, CANON_MUL, dy, slope);
  return build_op(b, CANON_SEL, off, scaled, dy);
}

/* 1 / (1 + e^-x) */
static uint8_t sigmoid(struct build *b, const struct onnx_node *node, uint8_t x) {
  uint8_t one = build_f32(b, 1);
  uint8_t power = op1(b, CANON_NEG, x);
  power = op1(b, CANON_EXP, power);
  uint8_t sum = op2(b, CANON_ADD, one, power);
  (void)node;
  return op2(b, CANON_DIV, one, sum);
}
/* dy (y (1 - y)) */
static uint8_t sigmoid_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t y) {
  uint8_t one = build_f32(b, 1);
  uint8_t rest = op2(b, CANON_SUB, one, y);
  uint8_t slope = op2(b, CANON_MUL, y, rest);
  (void)node;
  return op2(b, CANON_MUL, dy, slope);
}

static uint8_t tanh_of(struct build *b, const struct onnx_node *node, uint8_t x) {
  (void)node;
  return op1(b, CANON_TANH, x);
}
/* dy (1 - y y) */
static uint8_t tanh_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t y) {
  uint8_t one = build_f32(b, 1);
  uint8_t square = op2(b, CANON_MUL, y, y);
  uint8_t slope = op2(b, CANON_SUB, one, square);
  (void)node;
  return op2(b, CANON_MUL, dy, slope);
}

/* GELU, Hendrycks and Gimpel 2016. none: (0.5 x) (1 + erf(x sqrt(1/2))). tanh: (0.5 x) (1 + tanh(u)) with
 * u = c fma(d, (x x) x, x). */
static const float root_half = 0.70710678f, root_two_over_pi = 0.7978845608f, cubic = 0.044715f,
                   bell_height = 0.3989422804f;
static bool is_tanh(const struct onnx_node *node) {
  return strcmp(attribute_text(node, "approximate", "none"), "tanh") == 0;
}
static uint8_t gelu_inner(struct build *b, const struct onnx_node *node, uint8_t x) {
  if (!is_tanh(node)) {
    uint8_t scale = build_f32(b, root_half);
    uint8_t u = op2(b, CANON_MUL, x, scale);
    return op1(b, CANON_ERF, u);
  }
  uint8_t c = build_f32(b, root_two_over_pi);
  uint8_t d = build_f32(b, cubic);
  uint8_t power = op2(b, CANON_MUL, x, x);
  power = op2(b, CANON_MUL, power, x);
  uint8_t u = build_op(b, CANON_FMA, d, power, x);
  u = op2(b, CANON_MUL, c, u);
  return op1(b, CANON_TANH, u);
}
static uint8_t gelu(struct build *b, const struct onnx_node *node, uint8_t x) {
  uint8_t half = build_f32(b, 0.5f);
  uint8_t one = build_f32(b, 1);
  uint8_t t = gelu_inner(b, node, x);
  uint8_t left = op2(b, CANON_MUL, half, x);
  uint8_t right = op2(b, CANON_ADD, one, t);
  return op2(b, CANON_MUL, left, right);
}
/* none: dy (0.5 (1 + erf) + x e^(-x x / 2) / sqrt(2 pi)).
 * tanh: dy (0.5 (1 + t) + ((0.5 x) (1 - t t)) (c fma(3 d, x x, 1))). */
static uint8_t gelu_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t x) {
  uint8_t half = build_f32(b, 0.5f);
  uint8_t one = build_f32(b, 1);
  uint8_t t = gelu_inner(b, node, x);
  uint8_t square = op2(b, CANON_MUL, x, x), slope;
  if (is_tanh(node)) {
    uint8_t c = build_f32(b, root_two_over_pi);
    uint8_t d = build_f32(b, 3 * cubic);
    uint8_t inner = build_op(b, CANON_FMA, d, square, one);
    inner = op2(b, CANON_MUL, c, inner);
    uint8_t outer = op2(b, CANON_MUL, t, t);
    outer = op2(b, CANON_SUB, one, outer);
    slope = op2(b, CANON_MUL, half, x);
    slope = op2(b, CANON_MUL, slope, outer);
    slope = op2(b, CANON_MUL, slope, inner);
  } else {
    uint8_t minus_half = build_f32(b, -0.5f);
    uint8_t height = build_f32(b, bell_height);
    slope = op2(b, CANON_MUL, minus_half, square);
    slope = op1(b, CANON_EXP, slope);
    slope = op2(b, CANON_MUL, x, slope);
    slope = op2(b, CANON_MUL, slope, height);
  }
  uint8_t sum = op2(b, CANON_ADD, one, t);
  sum = op2(b, CANON_MUL, half, sum);
  sum = op2(b, CANON_ADD, sum, slope);
  return op2(b, CANON_MUL, dy, sum);
}

static uint8_t exp_of(struct build *b, const struct onnx_node *node, uint8_t x) {
  (void)node;
  return op1(b, CANON_EXP, x);
}
static uint8_t exp_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t y) {
  (void)node;
  return op2(b, CANON_MUL, dy, y);
}
static uint8_t log_of(struct build *b, const struct onnx_node *node, uint8_t x) {
  (void)node;
  return op1(b, CANON_LOG, x);
}
static uint8_t log_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t x) {
  (void)node;
  return op2(b, CANON_DIV, dy, x);
}
static uint8_t neg_of(struct build *b, const struct onnx_node *node, uint8_t x) {
  (void)node;
  return op1(b, CANON_NEG, x);
}
static uint8_t neg_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t y) {
  (void)node;
  (void)y;
  return op1(b, CANON_NEG, dy);
}
static uint8_t sqrt_of(struct build *b, const struct onnx_node *node, uint8_t x) {
  (void)node;
  return op1(b, CANON_SQRT, x);
}
/* dy / (y + y) */
static uint8_t sqrt_back(struct build *b, const struct onnx_node *node, uint8_t dy, uint8_t y) {
  uint8_t twice = op2(b, CANON_ADD, y, y);
  (void)node;
  return op2(b, CANON_DIV, dy, twice);
}

static const struct unary functions[] = {
    {"Relu", relu, relu_back, true},  {"Sigmoid", sigmoid, sigmoid_back, true}, {"Tanh", tanh_of, tanh_back, true},
    {"Gelu", gelu, gelu_back, false}, {"LeakyRelu", leaky, leaky_back, false},  {"Exp", exp_of, exp_back, true},
    {"Log", log_of, log_back, false}, {"Neg", neg_of, neg_back, true},          {"Sqrt", sqrt_of, sqrt_back, true},
};

static const struct unary *unary_of(const struct application *a) {
  for (size_t n = 0; n < sizeof functions / sizeof functions[0]; n++)
    if (strcmp(functions[n].op, a->node->op) == 0) return &functions[n];
  return NULL;
}

static void unary_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  struct build b;
  if (!x) return;
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t in = build_use(&b, x);
  graph_result(g, a, build_pending(&b, unary_of(a)->forward(&b, a->node, in)));
}

static void unary_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct unary *f = unary_of(a);
  struct value *kept = f->keeps_output ? &graph_output(g, a, 0)->v : &graph_input(g, a, 0)->v;
  struct build b;
  build_map(&b, g->e, TAPE_F32, kept);
  uint8_t d = build_use(&b, dy);
  uint8_t k = f->backward == neg_back ? 0 : build_use(&b, kept);
  graph_gradient(g, a, 0, build_pending(&b, f->backward(&b, a->node, d, k)));
}

#define UNARY(name, first, inputs, output)                                                                             \
  {                                                                                                                    \
    .op = name, .opset_first = first, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .lower = unary_lower,        \
    .differentiate = unary_differentiate, .keep_inputs = inputs, .keep_output = output                                 \
  }
const struct rule rules_unary[] = {UNARY("Relu", 13, 0, true),      UNARY("Sigmoid", 13, 0, true),
                                   UNARY("Tanh", 13, 0, true),      UNARY("Gelu", 20, 1, false),
                                   UNARY("LeakyRelu", 6, 1, false), UNARY("Exp", 13, 0, true),
                                   UNARY("Log", 13, 1, false),      UNARY("Neg", 13, 0, false),
                                   UNARY("Sqrt", 13, 0, true),      {0}};
