/* Which operators fold. docs/lower.md 4.9. */
#include "model/lower/fold/fold.h"

#include <string.h>

#include "model/lower/fold/array.h"
#include "numeric/canon.h"

static const struct folding {
  const char *op;
  uint32_t least, most; /* inputs */
  bool (*fold)(struct fold *f);
  uint8_t code;
  bool turned;
} foldings[] = {
    {"Constant", 0, 0, fold_constant, 0, false},
    {"Shape", 1, 1, fold_shape_of, 0, false},
    {"Size", 1, 1, fold_size, 0, false},
    {"Range", 3, 3, fold_range, 0, false},
    {"ConstantOfShape", 1, 1, fold_filled, 0, false},
    {"Add", 2, 2, fold_binary, CANON_ADD, false},
    {"Sub", 2, 2, fold_binary, CANON_SUB, false},
    {"Mul", 2, 2, fold_binary, CANON_MUL, false},
    {"Div", 2, 2, fold_binary, CANON_DIV, false},
    {"Mod", 2, 2, fold_binary, CANON_IMOD, false},
    {"Pow", 2, 2, fold_power, 0, false},
    {"Less", 2, 2, fold_binary, CANON_FLT, false},
    {"LessOrEqual", 2, 2, fold_binary, CANON_FLE, false},
    {"Greater", 2, 2, fold_binary, CANON_FLT, true},
    {"GreaterOrEqual", 2, 2, fold_binary, CANON_FLE, true},
    {"Equal", 2, 2, fold_binary, CANON_FEQ, false},
    {"Min", 1, UINT32_MAX, fold_variadic, CANON_MIN, false},
    {"Max", 1, UINT32_MAX, fold_variadic, CANON_MAX, false},
    {"Sum", 1, UINT32_MAX, fold_variadic, CANON_ADD, false},
    {"And", 2, 2, fold_logic, CANON_IAND, false},
    {"Or", 2, 2, fold_logic, CANON_IOR, false},
    {"Xor", 2, 2, fold_logic, CANON_IXOR, false},
    {"Not", 1, 1, fold_not, 0, false},
    {"Where", 3, 3, fold_where, 0, false},
    {"Clip", 1, 3, fold_clip, 0, false},
    {"Neg", 1, 1, fold_unary, CANON_NEG, false},
    {"Abs", 1, 1, fold_unary, CANON_ABS, false},
    {"Floor", 1, 1, fold_unary, CANON_FLOOR, false},
    {"Ceil", 1, 1, fold_unary, CANON_CEIL, false},
    {"Sqrt", 1, 1, fold_unary, CANON_SQRT, false},
    {"Round", 1, 1, fold_unary, CANON_RINT, false},
    {"Exp", 1, 1, fold_unary, CANON_EXP, false},
    {"Log", 1, 1, fold_unary, CANON_LOG, false},
    {"Tanh", 1, 1, fold_unary, CANON_TANH, false},
    {"Erf", 1, 1, fold_unary, CANON_ERF, false},
    {"Cast", 1, 1, fold_cast, 0, false},
    {"CastLike", 2, 2, fold_cast, 0, false},
    {"Reshape", 2, 2, fold_reshape, 0, false},
    {"Flatten", 1, 1, fold_flatten, 0, false},
    {"Squeeze", 1, 2, fold_squeeze, 0, false},
    {"Unsqueeze", 2, 2, fold_squeeze, 0, false},
    {"Transpose", 1, 1, fold_transpose, 0, false},
    {"Expand", 2, 2, fold_expand, 0, false},
    {"Slice", 3, 5, fold_slice, 0, false},
    {"Split", 1, 2, fold_split, 0, false},
    {"Concat", 1, UINT32_MAX, fold_concat, 0, false},
    {"Gather", 2, 2, fold_gather, 0, false},
    {"Tile", 2, 2, fold_tile, 0, false},
    {"Trilu", 1, 2, fold_trilu, 0, false},
    {"ReduceSum", 1, 2, fold_reduce, CANON_ADD, false},
    {"ReduceProd", 1, 2, fold_reduce, CANON_MUL, false},
    {"ReduceMin", 1, 2, fold_reduce, CANON_MIN, false},
    {"ReduceMax", 1, 2, fold_reduce, CANON_MAX, false},
};

bool fold_node(struct graph *g, struct application *a) {
  const struct onnx_node *node = a->node;
  if (g->model->opset < 13 || (node->domain && *node->domain && strcmp(node->domain, "ai.onnx") != 0)) return false;
  for (size_t n = 0; n < sizeof foldings / sizeof foldings[0]; n++) {
    const struct folding *p = &foldings[n];
    if (strcmp(p->op, node->op) != 0) continue;
    struct fold f = {.g = g, .a = a, .node = node, .code = p->code, .turned = p->turned};
    return a->inputs_count >= p->least && a->inputs_count <= p->most && p->fold(&f);
  }
  return false;
}
