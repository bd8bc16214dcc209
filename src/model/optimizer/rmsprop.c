/* torch.optim.RMSprop (Hinton 2012; centered: Graves 2013). docs/lower.md 7.8. d = g + wd w; v' = alpha v + (1 - alpha)
 * d d; centered, a' = a + (1 - alpha) (d - a) and v' - a' a' in place of v'; q = d / (sqrt(v') + eps); w' = w - lr q,
 * or with momentum m' = momentum m + q and w' = w - lr m'. Moments: v, then m, then a. */
#include "model/optimizer/optimizer.h"

static uint8_t centre(struct build *b, const struct optimizer_options *o, struct update *u, uint8_t d) {
  struct value a = update_moment(u, o->momentum != 0 ? 2 : 1);
  uint8_t before = build_use(b, &a);
  uint8_t fresh = build_f32(b, update_rest(o->alpha));
  uint8_t way = build_op2(b, CANON_SUB, d, before);
  return build_op(b, CANON_FMA, fresh, way, before);
}

static uint8_t quotient(struct build *b, const struct optimizer_options *o, struct update *u, uint8_t d) {
  uint8_t v = update_squares(b, u, 0, o->alpha, d);
  if (o->centered) {
    uint8_t a = centre(b, o, u, d);
    uint8_t less = build_op1(b, CANON_NEG, a);
    v = build_op(b, CANON_FMA, less, a, v);
  }
  uint8_t eps = build_f32(b, o->eps);
  uint8_t root = build_op1(b, CANON_SQRT, v);
  root = build_op2(b, CANON_ADD, root, eps);
  return build_op2(b, CANON_DIV, d, root);
}

static uint8_t velocity(struct build *b, const struct optimizer_options *o, struct update *u, uint8_t d) {
  uint8_t by = quotient(b, o, u, d);
  struct value m = update_moment(u, 1);
  uint8_t before = build_use(b, &m);
  uint8_t keep = build_f32(b, o->momentum);
  return build_op(b, CANON_FMA, keep, before, by);
}

uint8_t rmsprop_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m) {
  struct update_terms t = update_terms(b, o, u);
  if (m == 0) return update_squares(b, u, 0, o->alpha, t.d);
  return m == 1 && o->momentum != 0 ? velocity(b, o, u, t.d) : centre(b, o, u, t.d);
}

uint8_t rmsprop_weight(struct build *b, const struct optimizer_options *o, struct update *u) {
  struct update_terms t = update_terms(b, o, u);
  uint8_t by = o->momentum != 0 ? velocity(b, o, u, t.d) : quotient(b, o, u, t.d);
  uint8_t step = update_column(b, u, RMSPROP_STEP);
  return build_op(b, CANON_FMA, step, by, t.w);
}
