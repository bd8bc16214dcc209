/* Constant, Shape, Size, Range, ConstantOfShape: folded wherever they can be (lower/fold). What comes here is what
 * folding leaves. docs/lower.md 4.9. */
#include <inttypes.h>
#include <string.h>

#include "model/lower/ops/tables.h"
#include "numeric/reference/reference.h"

static void known_lower(struct graph *g, struct application *a) {
  const char *op = a->node->op;
  if (strcmp(op, "Constant") == 0)
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "has a value of a kind that does not lower");
  else
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "asks for the shape of something without a value");
}

/* ceil((limit - start) / by), of floats by the canon's operations; 0: not that many, or none. */
static uint32_t range_count(const struct onnx_tensor *start, const struct onnx_tensor *limit,
                            const struct onnx_tensor *by) {
  if (start->i64) {
    __int128 span = (__int128)limit->i64[0] - start->i64[0], step = by->i64[0];
    if (!step || (span > 0) != (step > 0) || !span) return 0;
    __int128 count = (span + step - (step > 0 ? 1 : -1)) / step;
    return count > INT32_MAX ? 0 : (uint32_t)count;
  }
  uint32_t s, l, b, count;
  memcpy(&s, start->f32, sizeof s);
  memcpy(&l, limit->f32, sizeof l);
  memcpy(&b, by->f32, sizeof b);
  count = reference_apply(CANON_DIV, reference_apply(CANON_SUB, l, s, 0), b, 0);
  int32_t whole = (int32_t)reference_apply(CANON_FTOI, reference_apply(CANON_CEIL, count, 0, 0), 0, 0);
  return whole < 1 || whole == INT32_MAX ? 0 : (uint32_t)whole;
}

/* Only how many there are must be known: start + place * by. */
static void range_lower(struct graph *g, struct application *a) {
  static const char *const what[] = {"start", "limit", "delta"};
  const struct onnx_tensor *in[3];
  for (uint32_t n = 0; n < 3; n++) {
    const struct tensor *t = graph_input(g, a, n);
    in[n] = !t ? NULL : t->content ? t->content : t->peek;
    if (in[n] && in[n]->count == 1 && (in[n]->f32 || in[n]->i64) && in[n]->type == in[0]->type) continue;
    graph_refuse(g, a, LOWER_ERR_UNSUPPORTED, "its %s is no number that is known once the batch is", what[n]);
    return;
  }
  uint32_t count = range_count(in[0], in[1], in[2]);
  if (!count) {
    graph_refuse(g, a, LOWER_ERR_SHAPE, "makes no elements, or 2^31 and more");
    return;
  }
  struct value *start = graph_value(g, a, 0), *by = start ? graph_value(g, a, 2) : NULL;
  struct build b;
  if (!by) return;
  bool floats = start->dtype == TAPE_F32;
  struct value shape = value_shaped(floats ? TAPE_F32 : TAPE_I32, 1, &count, NULL);
  shape.type = (uint8_t)in[0]->type;
  build_map(&b, g->e, shape.dtype, &shape);
  uint8_t first = build_use(&b, start), step = build_use(&b, by), place = build_op(&b, CANON_COORD, 0, 0, 0);
  if (floats) place = build_op1(&b, CANON_ITOF, place);
  uint8_t more = build_op2(&b, floats ? CANON_MUL : CANON_IMUL, place, step);
  graph_result(g, a, build_pending(&b, build_op2(&b, floats ? CANON_ADD : CANON_IADD, first, more)));
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
                                   KNOWN("Range", 3, range_lower),
                                   KNOWN("ConstantOfShape", 1, filled_lower),
                                   {0}};
