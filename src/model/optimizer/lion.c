/* Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2). docs/lower.md 7.7.
 * c = b1 m + (1 - b1) g; w' = w - lr wd w - lr sign(c); m' = b2 m + (1 - b2) g. */
#include "model/optimizer/optimizer.h"

uint8_t lion_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m) {
  struct value moment = update_moment(u, m);
  uint8_t g = update_gradient(b, u);
  uint8_t before = build_use(b, &moment);
  return update_blend(b, o->beta2, before, g);
}

uint8_t lion_weight(struct build *b, const struct optimizer_options *o, struct update *u) {
  struct value moment = update_moment(u, 0);
  uint8_t g = update_gradient(b, u);
  uint8_t before = build_use(b, &moment);
  uint8_t c = update_blend(b, o->beta1, before, g);
  uint8_t w = build_use(b, &u->weight);
  uint8_t zero = build_f32(b, 0);
  uint8_t up = build_f32(b, 1);
  uint8_t down = build_f32(b, -1);
  uint8_t above = build_op2(b, CANON_FLT, zero, c);
  uint8_t below = build_op2(b, CANON_FLT, c, zero);
  uint8_t sign = build_op(b, CANON_SEL, below, down, c); /* zeros and NaN stay what they are */
  sign = build_op(b, CANON_SEL, above, up, sign);
  if (o->weight_decay != 0) {
    uint8_t decay = update_column(b, u, LION_DECAY);
    w = build_op(b, CANON_FMA, decay, w, w);
  }
  uint8_t step = update_column(b, u, LION_STEP);
  return build_op(b, CANON_FMA, step, sign, w);
}
