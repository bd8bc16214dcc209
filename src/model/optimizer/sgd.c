/* torch.optim.SGD. docs/lower.md 7.2. d = g + weight_decay w; m' = momentum m + f d; w' = w - lr (m', or with nesterov
 * d + momentum m'). f = 1 - dampening, 1 in the first update. */
#include "model/optimizer/optimizer.h"

static uint8_t moment(struct build *b, const struct optimizer_options *o, struct update *u, uint8_t d) {
  struct value m = update_moment(u, 0);
  uint8_t before = build_use(b, &m);
  uint8_t keep = build_f32(b, o->momentum);
  if (o->dampening != 0) {
    uint8_t fresh = update_column(b, u, SGD_FRESH);
    d = build_op2(b, CANON_MUL, fresh, d);
  }
  return build_op(b, CANON_FMA, keep, before, d);
}

uint8_t sgd_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m) {
  (void)m; /* there is only one */
  struct update_terms t = update_terms(b, o, u);
  return moment(b, o, u, t.d);
}

uint8_t sgd_weight(struct build *b, const struct optimizer_options *o, struct update *u) {
  struct update_terms t = update_terms(b, o, u);
  uint8_t by = t.d;
  if (o->momentum != 0) {
    by = moment(b, o, u, t.d);
    if (o->nesterov) {
      uint8_t keep = build_f32(b, o->momentum);
      by = build_op(b, CANON_FMA, keep, by, t.d);
    }
  }
  uint8_t step = update_column(b, u, SGD_STEP);
  return build_op(b, CANON_FMA, step, by, t.w);
}
