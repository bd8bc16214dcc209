/* Mean squared error. docs/lower.md 6.2. */
#include "model/loss/loss.h"

static const struct loss_options mse = {.name = LOSS_MSE};

/* output - target, 0 beyond the data; the target has the output's elements per sample. */
static bool difference(struct emit *e, struct loss_batch *batch, bool masked, struct value *out) {
  struct value *y = batch->output, target;
  struct build b;
  uint32_t dim[TAPE_RANK_MAX];
  if (!loss_pair(e, &mse, batch, &target)) return false;
  build_map(&b, e, TAPE_F32, y);
  uint8_t x = build_use(&b, y);
  uint8_t want = build_use(&b, &target);
  x = build_op2(&b, CANON_SUB, x, want);
  if (masked) {
    for (uint32_t n = 0; n < y->rank; n++) dim[n] = n ? 1 : y->dim[0];
    struct value index = value_view(batch->index, y->rank, dim);
    uint8_t from = build_use(&b, &index);
    uint8_t no = build_i32(&b, 0);
    uint8_t zero = build_f32(&b, 0);
    uint8_t beyond = build_op2(&b, CANON_ILT, from, no);
    x = build_op(&b, CANON_SEL, beyond, zero, x);
  }
  *out = build_end(&b, x);
  return !emit_failed(e);
}

void mse_train(struct emit *e, struct loss_batch *batch, struct loss_result *out) {
  struct value d;
  struct build b;
  if (!difference(e, batch, false, &d)) return;
  struct value sum = emit_sum_of_squares(e, &d);
  out->loss = loss_divided(e, &sum, value_elements(&d));
  build_map(&b, e, TAPE_F32, &d);
  uint8_t x = build_use(&b, &d);
  uint8_t by = build_f32(&b, (float)(2.0 / (double)value_elements(&d)));
  out->gradient = build_pending(&b, build_op2(&b, CANON_MUL, x, by));
}

void mse_evaluate(struct emit *e, struct loss_batch *batch, struct loss_tally *out) {
  struct value d;
  if (!difference(e, batch, true, &d)) return;
  struct value sum = emit_sum_of_squares(e, &d);
  out->sum = loss_divided(e, &sum, value_elements(&d) / d.dim[0]);
  loss_count(e, batch, out);
}
