/* torch.optim.Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019). docs/lower.md 7.3, 7.6.
 * m' = b1 m + (1 - b1) g; v' = b2 v + (1 - b2) g g; w' = w - lr wd w - lr / (1 - b1^u) * m' / (sqrt(v' / (1 - b2^u)) +
 * eps). AdamW takes wd w from the weight, Adam adds it to the gradient. */
#include "model/optimizer/optimizer.h"

static uint8_t gradient(struct build *b, const struct optimizer_options *o, struct update *u) {
  uint8_t g = update_gradient(b, u);
  if (o->name != OPTIMIZER_ADAM || o->weight_decay == 0) return g;
  uint8_t w = build_use(b, &u->weight);
  uint8_t decay = build_f32(b, o->weight_decay);
  return build_op(b, CANON_FMA, decay, w, g);
}

static uint8_t first(struct build *b, const struct optimizer_options *o, struct update *u, uint8_t g) {
  struct value m = update_moment(u, 0);
  uint8_t before = build_use(b, &m);
  return update_blend(b, o->beta1, before, g);
}

uint8_t adam_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m) {
  uint8_t g = gradient(b, o, u);
  return m ? update_squares(b, u, 1, o->beta2, g) : first(b, o, u, g);
}

uint8_t adam_weight(struct build *b, const struct optimizer_options *o, struct update *u) {
  uint8_t g = gradient(b, o, u);
  uint8_t m = first(b, o, u, g);
  uint8_t v = update_squares(b, u, 1, o->beta2, g);
  uint8_t w = build_use(b, &u->weight);
  uint8_t eps = build_f32(b, o->eps);
  uint8_t correction = update_column(b, u, ADAM_CORRECTION);
  uint8_t root = build_op2(b, CANON_MUL, v, correction);
  root = build_op1(b, CANON_SQRT, root);
  root = build_op2(b, CANON_ADD, root, eps);
  uint8_t by = build_op2(b, CANON_DIV, m, root);
  if (o->name == OPTIMIZER_ADAMW && o->weight_decay != 0) {
    uint8_t decay = update_column(b, u, ADAM_DECAY);
    w = build_op(b, CANON_FMA, decay, w, w);
  }
  uint8_t step = update_column(b, u, ADAM_STEP);
  return build_op(b, CANON_FMA, step, by, w);
}
