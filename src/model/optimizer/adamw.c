/* torch.optim.AdamW (Loshchilov and Hutter 2019). docs/lower.md 7.3. m' = b1 m + (1 - b1) g; v' = b2 v + (1 - b2) g g;
 * w' = w - lr wd w - lr / (1 - b1^u) * m' / (sqrt(v' / (1 - b2^u)) + eps). */
#include "model/optimizer/optimizer.h"

static float rest(float beta) { return (float)(1.0 - (double)beta); }

static uint8_t first(struct build *b, const struct optimizer_options *o, struct update *u, uint8_t g) {
  struct value m = update_moment(u, 0);
  uint8_t before = build_use(b, &m);
  uint8_t keep = build_f32(b, o->beta1);
  uint8_t fresh = build_f32(b, rest(o->beta1));
  fresh = build_op2(b, CANON_MUL, fresh, g);
  return build_op(b, CANON_FMA, keep, before, fresh);
}

static uint8_t second(struct build *b, const struct optimizer_options *o, struct update *u, uint8_t g) {
  struct value v = update_moment(u, 1);
  uint8_t before = build_use(b, &v);
  uint8_t keep = build_f32(b, o->beta2);
  uint8_t fresh = build_f32(b, rest(o->beta2));
  uint8_t square = build_op2(b, CANON_MUL, g, g);
  fresh = build_op2(b, CANON_MUL, fresh, square);
  return build_op(b, CANON_FMA, keep, before, fresh);
}

void adamw_update(struct emit *e, const struct optimizer_options *o, struct update *u) {
  struct build b;
  build_map(&b, e, TAPE_F32, &u->weight);
  uint8_t g = update_gradient(&b, u);
  build_store(&b, first(&b, o, u, g), &u->entry[1]);
  build_map(&b, e, TAPE_F32, &u->weight);
  g = update_gradient(&b, u);
  build_store(&b, second(&b, o, u, g), &u->entry[2]);

  build_map(&b, e, TAPE_F32, &u->weight);
  g = update_gradient(&b, u);
  uint8_t m = first(&b, o, u, g);
  uint8_t v = second(&b, o, u, g);
  uint8_t w = build_use(&b, &u->weight);
  uint8_t eps = build_f32(&b, o->eps);
  uint8_t correction = update_column(&b, u, ADAMW_CORRECTION);
  uint8_t root = build_op2(&b, CANON_MUL, v, correction);
  root = build_op1(&b, CANON_SQRT, root);
  root = build_op2(&b, CANON_ADD, root, eps);
  uint8_t by = build_op2(&b, CANON_DIV, m, root);
  if (o->weight_decay != 0) {
    uint8_t decay = update_column(&b, u, ADAMW_DECAY);
    w = build_op(&b, CANON_FMA, decay, w, w);
  }
  uint8_t step = update_column(&b, u, ADAMW_STEP);
  build_store(&b, build_op(&b, CANON_FMA, step, by, w), &u->entry[0]);
}
