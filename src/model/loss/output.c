/* A model that computes its own loss. docs/lower.md 6.6. */
#include "model/loss/loss.h"
#include "model/lower/graph.h"

/* The loss as [1]. */
static bool number_of(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct value *loss) {
  struct value *y = batch->output;
  uint32_t one = 1;
  value_settle(e, y);
  if (emit_failed(e)) return false;
  if (y->literal || y->dtype != TAPE_F32 || value_elements(y) != 1) {
    emit_fail(
        e, LOWER_ERR_SHAPE,
        "loss: the output '%s' is %s%s, and a loss is one float that depends on the data: its mean over the batch",
        o->output,
        y->literal             ? "a constant of "
        : y->dtype != TAPE_F32 ? "whole numbers of "
                               : "",
        shape_text(y->rank, y->dim).text);
    return false;
  }
  *loss = value_view(y, 1, &one);
  return true;
}

void output_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_result *out) {
  struct build b;
  if (!number_of(e, o, batch, &out->loss)) return;
  build_map(&b, e, TAPE_F32, batch->output);
  out->gradient = build_end(&b, build_f32(&b, 1));
}

/* A batch that reaches beyond the data has a loss that says nothing: it is left out. */
void output_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_tally *out) {
  struct value loss, scalar;
  uint32_t one = 1;
  struct build b;
  if (!number_of(e, o, batch, &loss)) return;
  build_fold(&b, e, TAPE_IMIN, TAPE_I32, batch->index, 1);
  uint8_t x = build_use(&b, batch->index);
  struct value least = build_end(&b, x);
  build_map(&b, e, TAPE_F32, &loss);
  x = build_use(&b, &least);
  uint8_t y = build_use(&b, &loss);
  uint8_t no = build_i32(&b, 0);
  uint8_t zero = build_f32(&b, 0);
  uint8_t samples = build_f32(&b, (float)batch->index->dim[0]);
  uint8_t beyond = build_op2(&b, CANON_ILT, x, no);
  y = build_op2(&b, CANON_MUL, y, samples);
  out->sum = build_end(&b, build_op(&b, CANON_SEL, beyond, zero, y));
  scalar = value_shaped(TAPE_I32, 1, &one, NULL);
  build_map(&b, e, TAPE_I32, &scalar);
  x = build_use(&b, &least);
  no = build_i32(&b, 0);
  samples = build_i32(&b, (int32_t)batch->index->dim[0]);
  beyond = build_op2(&b, CANON_ILT, x, no);
  out->count = build_end(&b, build_op(&b, CANON_SEL, beyond, no, samples));
  build_map(&b, e, TAPE_I32, &scalar);
  out->correct = build_end(&b, build_i32(&b, 0));
}
