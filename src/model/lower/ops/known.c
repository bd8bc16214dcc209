/* Constant, Shape, Size, Range, ConstantOfShape: folded wherever they can be (lower/fold). What comes here is what
 * folding leaves. docs/lower.md 4.9. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"

static void known_lower(struct graph *g, struct application *a) {
  const char *op = a->node->op;
  if (strcmp(op, "Constant") == 0)
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "has a value of a kind that does not lower");
  else if (strcmp(op, "Range") == 0)
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED,
                 "lowers on numbers that are known once the batch is, and to 2^20 elements at most");
  else
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "asks for the shape of something without a value");
}

/* Too large to be held while lowering: one number with dims. */
static void filled_lower(struct graph *g, struct application *a) {
  const struct onnx_attribute *value = attribute_find(a->node, "value");
  const struct onnx_tensor *shape = input_integers(g, a, 0, "shape");
  const struct onnx_tensor *x = value && value->kind == ONNX_ATTR_TENSOR ? value->tensor : NULL;
  uint32_t dim[TAPE_RANK_MAX];
  struct value number = value_f32(0), v;
  if (!shape) return;
  if (shape->count > TAPE_RANK_MAX || (value && (!x || x->count != 1))) {
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "makes rank %" PRIu64 ", at most %d, of a value of one element",
                 shape->count, TAPE_RANK_MAX);
    return;
  }
  for (uint32_t n = 0; n < shape->count; n++) {
    if (shape->i64[n] < 1 || shape->i64[n] > INT32_MAX) {
      graph_refuse(g, a, LOWER_ERR_SHAPE, "asks for a dimension of %" PRId64, shape->i64[n]);
      return;
    }
    dim[n] = (uint32_t)shape->i64[n];
  }
  if (x && !graph_constant(g, x, &number)) return;
  v = value_shaped(number.dtype, (uint32_t)shape->count, dim, NULL);
  v.type = number.type;
  v.literal = true;
  v.word = number.word;
  graph_result(g, a, v);
}

static void all_constant(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  (void)n;
  role->kind = ROLE_CONSTANT;
}

#define KNOWN(name, count, forward)                                                                                    \
  {                                                                                                                    \
    .op = name, .opset_first = 13, .inputs_min = count, .inputs_max = count, .outputs_max = 1, .lower = forward,       \
    .role = all_constant                                                                                               \
  }
const struct rule rules_known[] = {KNOWN("Constant", 0, known_lower),
                                   KNOWN("Shape", 1, known_lower),
                                   KNOWN("Size", 1, known_lower),
                                   KNOWN("Range", 3, known_lower),
                                   KNOWN("ConstantOfShape", 1, filled_lower),
                                   {0}};
