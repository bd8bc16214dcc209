#include "model/loss/loss.h"

void loss_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_result *out) {
  switch (o->name) {
  case LOSS_CROSS_ENTROPY: cross_entropy_train(e, o, batch, out); return;
  case LOSS_MSE: mse_train(e, batch, out); return;
  }
  emit_fail(e, LOWER_ERR_OPTION, "the loss is none that lower 1 knows");
}

void loss_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_tally *out) {
  switch (o->name) {
  case LOSS_CROSS_ENTROPY: cross_entropy_evaluate(e, o, batch, out); return;
  case LOSS_MSE: mse_evaluate(e, batch, out); return;
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
