/* One number in, one number out. docs/lower.md 4.4 and 4.25: each function and its derivative, operation by operation.
 */
#include <string.h>

#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

/* Texts in x, the input; y, the output; d, the gradient of the output; and the attributes by name. `whole` is the
 * function of whole numbers, where it has one. A derivative of "" is 0 wherever there is one. */
struct unary {
  const char *op, *forward, *backward, *whole;
  char keeps; /* 'x', 'y' or 0: what backward reads */
  struct {
    const char *name;
    float absent;
  } attribute[2];
};

#define GELU_NONE "h = 0.5; o = 1; t = erf(mul(x, 0.70710678)); "
#define GELU_TANH "h = 0.5; o = 1; c = 0.79788456; w = 0.044715; t = tanh(mul(c, fma(w, mul(mul(x, x), x), x))); "
#define GELU_LAST "mul(d, add(mul(h, add(o, t)), s))"
/* e^v - 1 for v <= 0, as m: 2 t / (1 - t), t = tanh(v / 2). */
#define EXPM1 "t = tanh(mul(0.5, v)); m = div(add(t, t), sub(1, t)); "
/* log(1 + e^x), as p. */
#define SOFTPLUS "e = exp(neg(abs(x))); " FORMULA_LOG1P "p = add(max(x, 0), l); "
#define LOGISTIC(x) "div(1, add(1, exp(neg(" x "))))"
/* x = n pi + r, |r| <= pi / 2 and a little, pi in three parts; s = sin r. lower.md 4.26. */
#define REMAINDER                                                                                                      \
  "r = fma(n, 0x1.ee59dap-49, fma(n, 0x1.777a5cp-24, fma(n, -0x1.921fb6p+1, x))); s = sinpi(mul(r, 0.31830987)); "
#define SINE "n = rint(mul(x, 0.31830987)); " REMAINDER "a = sel(iand(ftoi(n), 1), neg(s), s); "
#define COSINE                                                                                                         \
  "m = rint(sub(mul(x, 0.31830987), 0.5)); n = add(m, 0.5); " REMAINDER "b = sel(iand(ftoi(m), 1), s, neg(s)); "
/* atan q, as w. lower.md 4.26. */
#define ATAN                                                                                                           \
  "a = abs(q); f = flt(2.4142135, a); g = flt(0.41421357, a); "                                                        \
  "r = sel(f, div(-1, a), sel(g, div(sub(a, 1), add(a, 1)), a)); z = mul(r, r); "                                      \
  "p = fma(fma(fma(fma(-0x1.03a9b4p-4, z, 0x1.b6a92p-4), z, -0x1.240f8cp-3), z, 0x1.9996b6p-3), z, -0x1.555554p-2); "  \
  "v = add(sel(f, 1.5707964, sel(g, 0.7853982, 0)), fma(p, mul(r, z), r)); "                                           \
  "w = unbits(ior(bits(v), iand(bits(q), 0x80000000))); "
/* v with x's sign. */
#define SIGNED "unbits(ior(iand(bits(v), 0x7fffffff), iand(bits(x), 0x80000000)))"
/* h h = e^|x| */
#define HALVES "a = abs(x); h = exp(mul(0.5, a)); "

static const struct unary functions[] = {
    {"Relu", "sel(flt(x, 0), 0, x)", "sel(fle(y, 0), 0, d)", "imax(x, 0)", 'y', {{0}}},
    {"LeakyRelu",
     "sel(flt(x, 0), mul(x, alpha), x)",
     "sel(fle(x, 0), mul(d, alpha), d)",
     NULL,
     'x',
     {{"alpha", 0.01f}}},
    {"Sigmoid", LOGISTIC("x"), "mul(d, mul(y, sub(1, y)))", NULL, 'y', {{0}}},
    {"Tanh", "tanh(x)", "mul(d, sub(1, mul(y, y)))", NULL, 'y', {{0}}},
    {"Gelu",
     GELU_NONE "mul(mul(h, x), add(o, t))",
     GELU_NONE "s = mul(mul(x, exp(mul(-0.5, mul(x, x)))), 0.39894228); " GELU_LAST,
     NULL,
     'x',
     {{0}}},
    {"Gelu tanh",
     GELU_TANH "mul(mul(h, x), add(o, t))",
     GELU_TANH
     "i = mul(c, fma(0x1.12ba9cp-3, mul(x, x), o)); p = sub(o, mul(t, t)); s = mul(mul(mul(h, x), p), i); " GELU_LAST,
     NULL,
     'x',
     {{0}}},
    {"Exp", "exp(x)", "mul(d, y)", NULL, 'y', {{0}}},
    {"Log", "log(x)", "div(d, x)", NULL, 'x', {{0}}},
    {"Neg", "neg(x)", "neg(d)", "isub(0, x)", 0, {{0}}},
    {"Sqrt", "sqrt(x)", "div(d, add(y, y))", NULL, 'y', {{0}}},
    {"Abs", "abs(x)", "sel(flt(0, x), d, sel(flt(x, 0), neg(d), 0))", "sel(ilt(x, 0), isub(0, x), x)", 'x', {{0}}},
    {"Sign", "sel(flt(0, x), 1, sel(flt(x, 0), -1, x))", "", "isub(ilt(0, x), ilt(x, 0))", 0, {{0}}},
    {"Floor", "floor(x)", "", "x", 0, {{0}}},
    {"Ceil", "ceil(x)", "", "x", 0, {{0}}},
    {"Round", "rint(x)", "", "x", 0, {{0}}},
    {"Reciprocal", "div(1, x)", "neg(mul(mul(d, y), y))", NULL, 'y', {{0}}},
    {"Erf", "erf(x)", "mul(d, mul(1.1283792, exp(neg(mul(x, x)))))", NULL, 'x', {{0}}},
    {"Softsign", "div(x, add(1, abs(x)))", "u = add(1, abs(x)); div(d, mul(u, u))", NULL, 'x', {{0}}},
    {"Softplus", SOFTPLUS "p", "mul(d, " LOGISTIC("x") ")", NULL, 'x', {{0}}},
    {"Elu",
     "v = x; " EXPM1 "sel(flt(x, 0), mul(alpha, m), x)",
     "sel(fle(x, 0), mul(d, mul(alpha, exp(x))), d)",
     NULL,
     'x',
     {{"alpha", 1}}},
    {"Selu",
     "v = x; " EXPM1 "mul(gamma, sel(flt(x, 0), mul(alpha, m), x))",
     "mul(d, mul(gamma, sel(fle(x, 0), mul(alpha, exp(x)), 1)))",
     NULL,
     'x',
     {{"alpha", 1.6732632f}, {"gamma", 1.0507010f}}},
    {"Celu",
     "v = div(x, alpha); " EXPM1 "sel(flt(x, 0), mul(alpha, m), x)",
     "sel(fle(x, 0), mul(d, exp(div(x, alpha))), d)",
     NULL,
     'x',
     {{"alpha", 1}}},
    {"Mish",
     SOFTPLUS "mul(x, tanh(p))",
     SOFTPLUS "t = tanh(p); g = " LOGISTIC("x") "; mul(d, fma(mul(x, g), sub(1, mul(t, t)), t))",
     NULL,
     'x',
     {{0}}},
    {"HardSigmoid",
     "max(0, min(1, fma(alpha, x, beta)))",
     "sel(iand(flt(0, y), flt(y, 1)), mul(d, alpha), 0)",
     NULL,
     'y',
     {{"alpha", 0.2f}, {"beta", 0.5f}}},
    {"HardSwish",
     "mul(x, max(0, min(1, fma(0.16666667, x, 0.5))))",
     "sel(fle(x, -3), 0, sel(flt(x, 3), mul(d, fma(0.33333334, x, 0.5)), d))",
     NULL,
     'x',
     {{0}}},
    {"Swish",
     "mul(x, " LOGISTIC("mul(alpha, x)") ")",
     "v = mul(alpha, x); g = " LOGISTIC("v") "; mul(d, mul(g, fma(v, sub(1, g), 1)))",
     NULL,
     'x',
     {{"alpha", 1}}},
    {"ThresholdedRelu", "sel(fle(x, alpha), 0, x)", "sel(fle(x, alpha), 0, d)", NULL, 'x', {{"alpha", 1}}},
    {"Shrink",
     "sel(flt(x, neg(lambd)), add(x, bias), sel(flt(lambd, x), sub(x, bias), 0))",
     "sel(ior(flt(x, neg(lambd)), flt(lambd, x)), d, 0)",
     NULL,
     'x',
     {{"lambd", 0.5f}, {"bias", 0}}},
    {"Sin", SINE "a", COSINE "mul(d, b)", NULL, 'x', {{0}}},
    {"Cos", COSINE "b", SINE "neg(mul(d, a))", NULL, 'x', {{0}}},
    {"Tan", SINE COSINE "div(a, b)", "mul(d, fma(y, y, 1))", NULL, 'y', {{0}}},
    {"Atan", "q = x; " ATAN "w", "div(d, fma(x, x, 1))", NULL, 'x', {{0}}},
    {"Asin",
     "q = div(x, sqrt(mul(sub(1, x), add(1, x)))); " ATAN "w",
     "div(d, sqrt(mul(sub(1, x), add(1, x))))",
     NULL,
     'x',
     {{0}}},
    {"Acos",
     "q = sqrt(div(sub(1, x), add(1, x))); " ATAN "mul(2, w)",
     "neg(div(d, sqrt(mul(sub(1, x), add(1, x)))))",
     NULL,
     'x',
     {{0}}},
    {"Sinh",
     HALVES
     "t = tanh(mul(0.5, a)); v = sel(flt(a, 1), div(add(t, t), mul(sub(1, t), add(1, t))), sub(mul(mul(0.5, h), h), "
     "div(0.5, mul(h, h)))); " SIGNED,
     HALVES "mul(d, add(mul(mul(0.5, h), h), div(0.5, mul(h, h))))",
     NULL,
     'x',
     {{0}}},
    {"Cosh",
     HALVES "add(mul(mul(0.5, h), h), div(0.5, mul(h, h)))",
     HALVES
     "t = tanh(mul(0.5, a)); v = sel(flt(a, 1), div(add(t, t), mul(sub(1, t), add(1, t))), sub(mul(mul(0.5, h), h), "
     "div(0.5, mul(h, h)))); mul(d, " SIGNED ")",
     NULL,
     'x',
     {{0}}},
    {"Asinh",
     "a = abs(x); s = mul(a, a); e = add(a, div(s, add(1, sqrt(add(s, 1))))); " FORMULA_LOG1P
     "v = sel(flt(4096, a), add(log(a), 0.6931472), l); " SIGNED,
     "div(d, sqrt(fma(x, x, 1)))",
     NULL,
     'x',
     {{0}}},
    {"Acosh",
     "t = sub(x, 1); e = add(t, sqrt(fma(t, t, add(t, t)))); " FORMULA_LOG1P
     "sel(flt(4096, x), add(log(x), 0.6931472), l)",
     "div(d, sqrt(mul(sub(x, 1), add(x, 1))))",
     NULL,
     'x',
     {{0}}},
    {"Atanh",
     "a = abs(x); e = div(add(a, a), sub(1, a)); " FORMULA_LOG1P "v = mul(0.5, l); " SIGNED,
     "div(d, mul(sub(1, x), add(1, x)))",
     NULL,
     'x',
     {{0}}},
};

static const struct unary *unary_of(const struct application *a) {
  const char *op = a->node->op;
  if (strcmp(op, "Gelu") == 0 && strcmp(attribute_text(a->node, "approximate", "none"), "tanh") == 0) op = "Gelu tanh";
  for (size_t n = 0; n < sizeof functions / sizeof functions[0]; n++)
    if (strcmp(functions[n].op, op) == 0) return &functions[n];
  return NULL;
}

static uint8_t body(struct build *b, const struct application *a, const char *text, struct formula_name *name,
                    uint32_t count) {
  const struct unary *f = unary_of(a);
  for (uint32_t n = 0; n < 2 && f->attribute[n].name; n++)
    name[count++] =
        formula_number(f->attribute[n].name, attribute_float(a->node, f->attribute[n].name, f->attribute[n].absent));
  return formula(b, text, name, count);
}

static void unary_lower(struct graph *g, struct application *a) {
  struct value *x = graph_value(g, a, 0);
  const struct unary *f = unary_of(a);
  struct formula_name name[4];
  struct build b;
  if (!x) return;
  bool whole = x->dtype != TAPE_F32;
  if (whole && (!f->whole || x->type == ONNX_BOOL)) {
    float_value(g, a, 0);
    return;
  }
  build_map(&b, g->e, whole ? TAPE_I32 : TAPE_F32, x);
  b.v.type = x->type;
  uint8_t in = build_use(&b, x);
  name[0] = formula_register("x", in);
  uint8_t y = body(&b, a, whole ? f->whole : f->forward, name, 1);
  graph_result(g, a, build_pending(&b, whole ? whole_wrapped(&b, x->type, y) : y));
}

static void unary_differentiate(struct graph *g, struct application *a, struct value *dy) {
  const struct unary *f = unary_of(a);
  struct value *kept = f->keeps == 'y' ? &graph_output(g, a, 0)->v : &graph_input(g, a, 0)->v;
  struct formula_name name[4];
  struct build b;
  if (!*f->backward) return;
  build_map(&b, g->e, TAPE_F32, kept);
  uint8_t d = build_use(&b, dy);
  uint8_t k = f->keeps ? build_use(&b, kept) : 0;
  name[0] = formula_register("d", d);
  name[1] = formula_register(f->keeps == 'y' ? "y" : "x", k);
  graph_gradient(g, a, 0, build_pending(&b, body(&b, a, f->backward, name, 2)));
}

#define UNARY(name, first, inputs, output)                                                                             \
  {                                                                                                                    \
    .op = name, .opset_first = first, .inputs_min = 1, .inputs_max = 1, .outputs_max = 1, .lower = unary_lower,        \
    .differentiate = unary_differentiate, .keep_inputs = inputs, .keep_output = output                                 \
  }
const struct rule rules_unary[] = {UNARY("Relu", 13, 0, 1),
                                   UNARY("Sigmoid", 13, 0, 1),
                                   UNARY("Tanh", 13, 0, 1),
                                   UNARY("Gelu", 20, 1, 0),
                                   UNARY("LeakyRelu", 6, 1, 0),
                                   UNARY("Exp", 13, 0, 1),
                                   UNARY("Log", 13, 1, 0),
                                   UNARY("Neg", 13, 0, 0),
                                   UNARY("Sqrt", 13, 0, 1),
                                   UNARY("Abs", 13, 1, 0),
                                   UNARY("Sign", 13, 0, 0),
                                   UNARY("Floor", 13, 0, 0),
                                   UNARY("Ceil", 13, 0, 0),
                                   UNARY("Round", 11, 0, 0),
                                   UNARY("Reciprocal", 13, 0, 1),
                                   UNARY("Erf", 13, 1, 0),
                                   UNARY("Softsign", 1, 1, 0),
                                   UNARY("Softplus", 1, 1, 0),
                                   UNARY("Elu", 6, 1, 0),
                                   UNARY("Selu", 6, 1, 0),
                                   UNARY("Celu", 12, 1, 0),
                                   UNARY("Mish", 18, 1, 0),
                                   UNARY("HardSigmoid", 6, 0, 1),
                                   UNARY("HardSwish", 14, 1, 0),
                                   UNARY("Swish", 24, 1, 0),
                                   UNARY("ThresholdedRelu", 10, 1, 0),
                                   UNARY("Shrink", 9, 1, 0),
                                   UNARY("Sin", 7, 1, 0),
                                   UNARY("Cos", 7, 1, 0),
                                   UNARY("Tan", 7, 0, 1),
                                   UNARY("Atan", 7, 1, 0),
                                   UNARY("Asin", 7, 1, 0),
                                   UNARY("Acos", 7, 1, 0),
                                   UNARY("Sinh", 9, 1, 0),
                                   UNARY("Cosh", 9, 1, 0),
                                   UNARY("Asinh", 9, 1, 0),
                                   UNARY("Acosh", 9, 1, 0),
                                   UNARY("Atanh", 9, 1, 0),
                                   {0}};
