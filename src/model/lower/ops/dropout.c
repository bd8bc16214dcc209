/* Dropout: in training a keyed draw for every element, elsewhere nothing. docs/lower.md 4.8. */
#include "model/lower/ops/tables.h"

/* Probability of dropping: the job's where it has one, else input 1, else ONNX's 0.5. */
static bool dropout_ratio(struct graph *g, struct application *a, float *ratio) {
  *ratio = 0.5f;
  if (g->dropout >= 0)
    *ratio = g->dropout;
  else if (graph_input(g, a, 1) && !input_scalar(g, a, 1, "ratio", ratio))
    return false;
  if (*ratio >= 0 && *ratio < 1) return true;
  graph_refuse(g, a, LOWER_ERR_OPTION, "drops with a probability outside [0, 1)");
  return false;
}

/* sel(ult(rand(lin, stream), T), mul(x, scale), 0): T = floor((1 - ratio) 2^32), scale = 1 / (1 - ratio), both computed
 * in binary64 (the scale rounded once more). */
static uint32_t threshold(float ratio) {
  double t = (1.0 - (double)ratio) * 4294967296.0; /* 2^32 where a tiny ratio above 0 is lost in the rounding */
  return t < 4294967296.0 ? (uint32_t)t : UINT32_MAX;
}

static uint8_t dropped(struct build *b, uint8_t x, float ratio, uint32_t stream) {
  double keep = 1.0 - (double)ratio;
  uint8_t number = build_i32(b, (int32_t)stream);
  uint8_t limit = build_i32(b, (int32_t)threshold(ratio));
  uint8_t scale = build_f32(b, (float)(1.0 / keep));
  uint8_t zero = build_f32(b, 0);
  uint8_t place = build_op0(b, CANON_LIN);
  uint8_t draw = build_op2(b, CANON_RAND, place, number);
  uint8_t kept = build_op2(b, CANON_ULT, draw, limit);
  uint8_t scaled = build_op2(b, CANON_MUL, x, scale);
  return build_op(b, CANON_SEL, kept, scaled, zero);
}

/* Output 1: what was kept, as truth values. */
static void give_mask(struct graph *g, struct application *a, const struct value *x, float ratio, bool drops) {
  struct value all = value_shaped(TAPE_I32, x->rank, x->dim, x->order);
  struct build b;
  if (!graph_output(g, a, 1)) return;
  build_map(&b, g->e, TAPE_I32, &all);
  b.v.type = ONNX_BOOL;
  if (!drops) {
    graph_result_at(g, a, 1, build_pending(&b, build_i32(&b, 1)));
    return;
  }
  uint8_t number = build_i32(&b, (int32_t)a->ordinal);
  uint8_t limit = build_i32(&b, (int32_t)threshold(ratio));
  uint8_t place = build_op0(&b, CANON_LIN);
  uint8_t draw = build_op2(&b, CANON_RAND, place, number);
  graph_result_at(g, a, 1, build_pending(&b, build_op2(&b, CANON_ULT, draw, limit)));
}

/* A pending x has no other reader, so it may wait on behind this node. */
static void dropout_lower(struct graph *g, struct application *a) {
  struct value *x = float_value(g, a, 0);
  float ratio;
  struct build b;
  if (!x || !dropout_ratio(g, a, &ratio)) return;
  if (g->mode != GRAPH_TRAIN || ratio == 0) {
    graph_result(g, a, *x);
    give_mask(g, a, x, ratio, false);
    return;
  }
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t in = build_use(&b, x);
  graph_result(g, a, build_pending(&b, dropped(&b, in, ratio, a->ordinal)));
  give_mask(g, a, x, ratio, true);
}

static void dropout_differentiate(struct graph *g, struct application *a, struct value *dy) {
  struct value *x = &graph_input(g, a, 0)->v;
  float ratio;
  struct build b;
  if (!dropout_ratio(g, a, &ratio)) return;
  if (ratio == 0) {
    graph_gradient(g, a, 0, *dy);
    return;
  }
  build_map(&b, g->e, TAPE_F32, x);
  uint8_t d = build_use(&b, dy);
  graph_gradient(g, a, 0, build_pending(&b, dropped(&b, d, ratio, a->ordinal)));
}

static void dropout_role(const struct graph *g, const struct application *a, uint32_t n, struct role *role) {
  (void)g;
  (void)a;
  if (n) role->kind = ROLE_CONSTANT;
}

const struct rule rules_dropout[] = {{.op = "Dropout",
                                      .opset_first = 13,
                                      .inputs_min = 1,
                                      .inputs_max = 3,
                                      .outputs_max = 2,
                                      .lower = dropout_lower,
                                      .differentiate = dropout_differentiate,
                                      .draws = true,
                                      .role = dropout_role},
                                     {0}};
