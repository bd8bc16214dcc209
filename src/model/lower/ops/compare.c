/* Comparisons, truth values and bits: maps without a derivative. docs/lower.md 4.28. */
#include <string.h>

#include "model/lower/ops/formula.h"
#include "model/lower/ops/tables.h"
#include "model/lower/ops/whole.h"

/* Texts in x and y, of floats and of whole numbers; NULL: the operator has no such operands. `truth`: the result is a
 * truth value, else it has x's type. */
struct comparison {
  const char *op, *floats, *whole;
  bool truth;
};

static const struct comparison comparisons[] = {
    {"Equal", "feq(x, y)", "ieq(x, y)", true},
    {"Less", "flt(x, y)", "ilt(x, y)", true},
    {"Greater", "flt(y, x)", "ilt(y, x)", true},
    {"LessOrEqual", "fle(x, y)", "ieq(ilt(y, x), 0)", true},
    {"GreaterOrEqual", "fle(y, x)", "ieq(ilt(x, y), 0)", true},
    {"And", NULL, "iand(x, y)", true},
    {"Or", NULL, "ior(x, y)", true},
    {"Xor", NULL, "ixor(x, y)", true},
    {"Not", NULL, "ieq(x, 0)", true},
    {"IsNaN", "ieq(feq(x, x), 0)", NULL, true},
    {"IsInf", "feq(abs(x), inf)", NULL, true},
    {"IsInf +", "feq(x, inf)", NULL, true},
    {"IsInf -", "feq(x, -inf)", NULL, true},
    {"BitwiseAnd", NULL, "iand(x, y)", false},
    {"BitwiseOr", NULL, "ior(x, y)", false},
    {"BitwiseXor", NULL, "ixor(x, y)", false},
    {"BitwiseNot", NULL, "ixor(x, 0xffffffff)", false},
    {"BitShift left", NULL, "sel(ult(y, 32), shl(x, y), 0)", false},
    {"BitShift right", NULL, "sel(ult(y, 32), ushr(x, y), 0)", false},
    {"BitShift signed right", NULL, "shr(x, sel(ult(y, 32), y, 31))", false},
};

/* The row of a node on values of this type; NULL: IsInf that looks for neither, whose result is 0. */
static const struct comparison *row_of(const struct application *a, uint8_t type) {
  const char *op = a->node->op;
  if (strcmp(op, "IsInf") == 0) {
    bool above = attribute_int(a->node, "detect_positive", 1) != 0;
    bool below = attribute_int(a->node, "detect_negative", 1) != 0;
    op = above && below ? "IsInf" : above ? "IsInf +" : below ? "IsInf -" : "";
  }
  if (strcmp(op, "BitShift") == 0) {
    bool left = strcmp(attribute_text(a->node, "direction", ""), "LEFT") == 0;
    op = left ? "BitShift left" : whole_signed(type) ? "BitShift signed right" : "BitShift right";
  }
  for (size_t n = 0; n < sizeof comparisons / sizeof comparisons[0]; n++)
    if (strcmp(comparisons[n].op, op) == 0) return &comparisons[n];
  return NULL;
}

static void compare_lower(struct graph *g, struct application *a) {
  uint32_t count = a->rule->inputs_max;
  struct value *v[2], shape;
  struct build b;
  if (!input_values(g, a, v, count)) return;
  if (!whole_alike(g, a, v, count) || !broadcast_all(g, a, v, count, &shape)) return;
  const struct comparison *row = row_of(a, v[0]->type);
  const char *text = !row ? "0" : v[0]->dtype == TAPE_F32 ? row->floats : row->whole;
  if (!text) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "takes %s", v[0]->dtype == TAPE_F32 ? "whole numbers" : "floats");
    return;
  }
  build_map(&b, g->e, TAPE_I32, &shape);
  b.v.type = !row || row->truth ? ONNX_BOOL : v[0]->type;
  uint8_t x = build_use(&b, v[0]);
  uint8_t y = count > 1 ? build_use(&b, v[1]) : 0;
  uint8_t out = formula_of_xy(&b, text, x, y);
  graph_result(g, a, build_pending(&b, whole_wrapped(&b, b.v.type, out)));
}

#define COMPARE(name, first, inputs)                                                                                   \
  {                                                                                                                    \
    .op = name, .opset_first = first, .inputs_min = inputs, .inputs_max = inputs, .outputs_max = 1,                    \
    .lower = compare_lower                                                                                             \
  }
const struct rule rules_compare[] = {COMPARE("Equal", 13, 2),
                                     COMPARE("Less", 13, 2),
                                     COMPARE("Greater", 13, 2),
                                     COMPARE("LessOrEqual", 12, 2),
                                     COMPARE("GreaterOrEqual", 12, 2),
                                     COMPARE("And", 7, 2),
                                     COMPARE("Or", 7, 2),
                                     COMPARE("Xor", 7, 2),
                                     COMPARE("Not", 1, 1),
                                     COMPARE("IsNaN", 13, 1),
                                     COMPARE("IsInf", 10, 1),
                                     COMPARE("BitwiseAnd", 18, 2),
                                     COMPARE("BitwiseOr", 18, 2),
                                     COMPARE("BitwiseXor", 18, 2),
                                     COMPARE("BitwiseNot", 18, 1),
                                     COMPARE("BitShift", 11, 2),
                                     {0}};
