#include "model/loss/loss.h"

#include "model/lower/graph.h"

const char *loss_word(enum loss_name name) {
  static const char *const words[] = {"cross_entropy", "mse", "l1", "huber", "smooth_l1", "bce_with_logits", "output"};
  return name < LOSS_COUNT ? words[name] : "unknown";
}

void loss_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_result *out) {
  switch (o->name) {
  case LOSS_CROSS_ENTROPY: cross_entropy_train(e, o, batch, out); return;
  case LOSS_MSE: mse_train(e, batch, out); return;
  case LOSS_L1:
  case LOSS_HUBER:
  case LOSS_SMOOTH_L1:
  case LOSS_BCE_WITH_LOGITS: elements_train(e, o, batch, out); return;
  case LOSS_OUTPUT: output_train(e, o, batch, out); return;
  case LOSS_COUNT: break;
  }
  emit_fail(e, LOWER_ERR_OPTION, "the loss is none that lower 1 knows");
}

void loss_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_tally *out) {
  switch (o->name) {
  case LOSS_CROSS_ENTROPY: cross_entropy_evaluate(e, o, batch, out); return;
  case LOSS_MSE: mse_evaluate(e, batch, out); return;
  case LOSS_L1:
  case LOSS_HUBER:
  case LOSS_SMOOTH_L1:
  case LOSS_BCE_WITH_LOGITS: elements_evaluate(e, o, batch, out); return;
  case LOSS_OUTPUT: output_evaluate(e, o, batch, out); return;
  case LOSS_COUNT: break;
  }
  emit_fail(e, LOWER_ERR_OPTION, "the loss is none that lower 1 knows");
}

struct value loss_sum(struct emit *e, uint8_t reducer, uint8_t dtype, struct value *v) {
  struct build b;
  uint32_t one = 1;
  build_fold(&b, e, reducer, dtype, v, (1u << v->rank) - 1);
  uint8_t x = build_use(&b, v);
  struct value sum = build_end(&b, x);
  return emit_failed(e) ? sum : value_view(&sum, 1, &one);
}

bool loss_pair(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct value *target) {
  struct value *y = batch->output, *t = batch->target;
  value_settle(e, y);
  value_settle(e, t);
  if (emit_failed(e)) return false;
  if (y->literal || !y->rank || value_elements(y) != value_elements(t) || y->dim[0] != t->dim[0] ||
      y->dtype != TAPE_F32) {
    emit_fail(e, LOWER_ERR_SHAPE, "%s: targets of %s do not go with outputs of %s", loss_word(o->name),
              shape_text(t->rank, t->dim).text, shape_text(y->rank, y->dim).text);
    return false;
  }
  *target = value_view(t, y->rank, y->dim);
  return true;
}

struct value loss_divided(struct emit *e, struct value *sum, uint64_t by) {
  struct build b;
  build_map(&b, e, TAPE_F32, sum);
  uint8_t x = build_use(&b, sum);
  uint8_t n = build_f32(&b, (float)by);
  return build_end(&b, build_op2(&b, CANON_DIV, x, n));
}

void loss_count(struct emit *e, struct loss_batch *batch, struct loss_tally *out) {
  struct build b;
  uint32_t one = 1;
  build_fold(&b, e, TAPE_ISUM, TAPE_I32, batch->index, 1);
  uint8_t from = build_use(&b, batch->index);
  uint8_t no = build_i32(&b, 0);
  uint8_t beyond = build_op2(&b, CANON_ILT, from, no);
  out->count = build_end(&b, build_op2(&b, CANON_IEQ, beyond, no));
  struct value scalar = value_shaped(TAPE_I32, 1, &one, NULL);
  build_map(&b, e, TAPE_I32, &scalar);
  out->correct = build_end(&b, build_i32(&b, 0));
}
