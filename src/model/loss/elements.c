/* Losses that are a mean over elements. docs/lower.md 6.3 to 6.5. */
#include "model/loss/loss.h"
#include "model/lower/ops/formula.h"

/* Texts in x, the output; t, the target; b, the job's delta; and c, one part of the mean. */
struct element {
  const char *loss, *gradient;
};

static const struct element l1 = {"abs(sub(x, t))", "q = sub(x, t); sel(flt(0, q), c, sel(flt(q, 0), neg(c), 0))"};
static const struct element huber = {
    "z = abs(sub(x, t)); sel(flt(z, b), mul(0.5, mul(z, z)), mul(b, sub(z, mul(0.5, b))))",
    "mul(max(neg(b), min(sub(x, t), b)), c)"};
static const struct element smooth_l1 = {
    "z = abs(sub(x, t)); sel(flt(z, b), div(mul(0.5, mul(z, z)), b), sub(z, mul(0.5, b)))",
    "mul(max(-1, min(div(sub(x, t), b), 1)), c)"};
static const struct element bce = {"e = exp(neg(abs(x))); " FORMULA_LOG1P "add(sub(max(x, 0), mul(x, t)), l)",
                                   "mul(sub(div(1, add(1, exp(neg(x)))), t), c)"};

/* NULL and failed where the option is out of its range. */
static const struct element *element_of(struct emit *e, const struct loss_options *o) {
  switch (o->name) {
  case LOSS_L1: return &l1;
  case LOSS_BCE_WITH_LOGITS: return &bce;
  case LOSS_HUBER:
    if (o->delta > 0) return &huber;
    emit_fail(e, LOWER_ERR_OPTION, "huber: delta is above 0");
    return NULL;
  case LOSS_SMOOTH_L1:
    if (o->delta == 0) return &l1;
    if (o->delta > 0) return &smooth_l1;
    emit_fail(e, LOWER_ERR_OPTION, "smooth_l1: beta is 0 or above");
    return NULL;
  case LOSS_CROSS_ENTROPY:
  case LOSS_MSE:
  case LOSS_OUTPUT:
  case LOSS_COUNT: break;
  }
  return NULL;
}

static uint8_t body(struct build *b, const struct loss_options *o, const char *text, uint8_t x, uint8_t t, float part) {
  struct formula_name name[] = {formula_register("x", x), formula_register("t", t), formula_number("b", o->delta),
                                formula_number("c", part)};
  return formula(b, text, name, 4);
}

/* Sum of the losses of all elements, of those in the data where `masked`. */
static struct value summed(struct emit *e, const struct loss_options *o, const char *text, struct loss_batch *batch,
                           struct value *target, bool masked) {
  struct value *y = batch->output;
  uint32_t dim[TAPE_RANK_MAX], one = 1;
  struct build b;
  build_fold(&b, e, TAPE_LANES, TAPE_F32, y, (1u << y->rank) - 1);
  uint8_t x = build_use(&b, y);
  uint8_t t = build_use(&b, target);
  if (!masked) {
    x = body(&b, o, text, x, t, 0);
  } else {
    for (uint32_t n = 0; n < y->rank; n++) dim[n] = n ? 1 : y->dim[0];
    struct value index = value_view(batch->index, y->rank, dim);
    uint8_t from = build_use(&b, &index);
    x = body(&b, o, text, x, t, 0);
    uint8_t no = build_i32(&b, 0);
    uint8_t zero = build_f32(&b, 0);
    uint8_t beyond = build_op2(&b, CANON_ILT, from, no);
    x = build_op(&b, CANON_SEL, beyond, zero, x);
  }
  struct value sum = build_end(&b, x);
  return emit_failed(e) ? sum : value_view(&sum, 1, &one);
}

void elements_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_result *out) {
  const struct element *how = element_of(e, o);
  struct value target;
  struct build b;
  if (!how || !loss_pair(e, o, batch, &target)) return;
  uint64_t n = value_elements(batch->output);
  struct value sum = summed(e, o, how->loss, batch, &target, false);
  out->loss = loss_divided(e, &sum, n);
  build_map(&b, e, TAPE_F32, batch->output);
  uint8_t x = build_use(&b, batch->output);
  uint8_t t = build_use(&b, &target);
  x = body(&b, o, how->gradient, x, t, (float)(1.0 / (double)n));
  out->gradient = build_pending(&b, x);
}

void elements_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_tally *out) {
  const struct element *how = element_of(e, o);
  struct value target;
  if (!how || !loss_pair(e, o, batch, &target)) return;
  struct value sum = summed(e, o, how->loss, batch, &target, true);
  out->sum = loss_divided(e, &sum, value_elements(batch->output) / batch->output->dim[0]);
  loss_count(e, batch, out);
}
