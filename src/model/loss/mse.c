/* Mean squared error. docs/lower.md 6.2. */
#include "model/loss/loss.h"
#include "model/lower/graph.h"

/* output - target, 0 beyond the data; the target has the output's elements per sample. */
static bool difference(struct emit *e, struct loss_batch *batch, bool masked, struct value *out) {
  struct value *y = batch->output, *t = batch->target;
  struct build b;
  uint32_t dim[TAPE_RANK_MAX];
  value_settle(e, y);
  value_settle(e, t);
  if (emit_failed(e)) return false;
  if (y->literal || !y->rank || value_elements(y) != value_elements(t) || y->dim[0] != t->dim[0] ||
      y->dtype != TAPE_F32) {
    emit_fail(e, LOWER_ERR_SHAPE, "mse: targets of %s do not go with outputs of %s", shape_text(t->rank, t->dim).text,
              shape_text(y->rank, y->dim).text);
    return false;
  }
  struct value target = value_view(t, y->rank, y->dim);
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

static struct value divided(struct emit *e, struct value *sum, uint64_t by) {
  struct build b;
  build_map(&b, e, TAPE_F32, sum);
  uint8_t x = build_use(&b, sum);
  uint8_t n = build_f32(&b, (float)by);
  return build_end(&b, build_op2(&b, CANON_DIV, x, n));
}

void mse_train(struct emit *e, struct loss_batch *batch, struct loss_result *out) {
  struct value d;
  struct build b;
  if (!difference(e, batch, false, &d)) return;
  struct value sum = emit_sum_of_squares(e, &d);
  out->loss = divided(e, &sum, value_elements(&d));
  build_map(&b, e, TAPE_F32, &d);
  uint8_t x = build_use(&b, &d);
  uint8_t by = build_f32(&b, (float)(2.0 / (double)value_elements(&d)));
  out->gradient = build_pending(&b, build_op2(&b, CANON_MUL, x, by));
}

void mse_evaluate(struct emit *e, struct loss_batch *batch, struct loss_tally *out) {
  struct value d;
  struct build b;
  uint32_t one = 1;
  if (!difference(e, batch, true, &d)) return;
  struct value sum = emit_sum_of_squares(e, &d);
  out->sum = divided(e, &sum, value_elements(&d) / d.dim[0]);
  build_fold(&b, e, TAPE_ISUM, TAPE_I32, batch->index, 1);
  uint8_t from = build_use(&b, batch->index);
  uint8_t no = build_i32(&b, 0);
  uint8_t beyond = build_op2(&b, CANON_ILT, from, no);
  out->count = build_end(&b, build_op2(&b, CANON_IEQ, beyond, no));
  struct value scalar = value_shaped(TAPE_I32, 1, &one, NULL);
  build_map(&b, e, TAPE_I32, &scalar);
  out->correct = build_end(&b, build_i32(&b, 0));
}
