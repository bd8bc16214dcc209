/* optimizer: from a gradient to new state, with the learning rate of each update from the schedule tensor.
 * docs/lower.md 7. TAPE 7 "AdamW", "clip by norm". Uses: model/lower. */
#ifndef MODEL_OPTIMIZER_H
#define MODEL_OPTIMIZER_H
#include "model/lower/emit.h"

/* Columns of the schedule tensor: one row for each update, in it these for every group, first those of the tensors that
 * no group has. Column 0 is the group's learning rate.
 * SGD         lr | -lr | 1 - dampening, but 1 in row 0, where PyTorch's buffer starts as the gradient
 * Adam, AdamW lr | -lr weight_decay | -lr / (1 - beta1^u) | 1 / (1 - beta2^u)
 * Lion        lr | -lr weight_decay | -lr
 * RMSprop     lr | -lr */
enum {
  SCHEDULE_LR,
  SGD_STEP = 1,
  SGD_FRESH,
  SGD_COLUMNS,
  ADAM_DECAY = 1,
  ADAM_STEP,
  ADAM_CORRECTION,
  ADAM_COLUMNS,
  LION_DECAY = 1,
  LION_STEP,
  LION_COLUMNS,
  RMSPROP_STEP = 1,
  RMSPROP_COLUMNS
};

/* What one parameter's update reads and writes. entry[0] the parameter, entry[1 ..] its moments; average NULL: none is
 * kept; clip NULL and clip_value 0: the gradient as it is; column: where its group's columns begin. */
struct update {
  const struct layout_entry *entry, *average;
  struct value weight, *gradient, *row, *clip;
  float clip_value, ema;
  uint32_t column;
};

/* optimizer_check refuses what torch.optim refuses. */
enum lower_status optimizer_check(const struct lower_options *o, struct why *why);

/* What a training tensor has behind it in the state: its moments from 1 on, then the moving average, then the sum over
 * micro-batches; 0 where there is none. */
struct companions {
  uint32_t moments, average, sum, count;
};
struct companions optimizer_companions(const struct lower_options *o);
const char *optimizer_suffix(const struct lower_options *o,
                             uint32_t companion); /* 1 ..: ".m", ".v", ".a", ".ema", ".g" */

/* optimizer_group says which group has a tensor: 0 none, n the n-th. optimizer_own is what the optimizer then does to
 * it: lr (for messages; records read the schedule) and weight_decay are the group's. */
uint32_t optimizer_group(const struct optimizer_options *o, const char *onnx_name);
struct optimizer_options optimizer_own(const struct optimizer_options *o, uint32_t group, uint32_t rank);

/* Columns of one group and of all; the first optimizer_rate_columns of a group are multiples of its learning rate. */
uint32_t optimizer_group_columns(const struct optimizer_options *o);
uint32_t optimizer_rate_columns(const struct optimizer_options *o);
uint32_t optimizer_columns(const struct optimizer_options *o);

/* optimizer_schedule makes the schedule tensor, [updates, columns] of f32. In binary64 with + - * / alone, cosines by
 * the canon's cospi, each word rounded once: the same on every machine. NULL: no memory. */
float *optimizer_schedule(const struct lower_options *o, struct arena *arena);

/* optimizer_update emits the out records of a parameter: moments, the parameter, its moving average. `o` is the
 * parameter's own (optimizer_own). */
void optimizer_update(struct emit *e, const struct optimizer_options *o, struct update *u);

/* What the rules give: the register of moment m's new content, and of the weight's. */
uint8_t sgd_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m);
uint8_t sgd_weight(struct build *b, const struct optimizer_options *o, struct update *u);
uint8_t adam_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m);
uint8_t adam_weight(struct build *b, const struct optimizer_options *o, struct update *u);
uint8_t lion_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m);
uint8_t lion_weight(struct build *b, const struct optimizer_options *o, struct update *u);
uint8_t rmsprop_moment(struct build *b, const struct optimizer_options *o, struct update *u, uint32_t m);
uint8_t rmsprop_weight(struct build *b, const struct optimizer_options *o, struct update *u);

/* The weight, and d: its gradient, clipped, and where weight decay is not 0 fma(weight_decay, w, gradient). */
struct update_terms {
  uint8_t w, d;
};
struct update_terms update_terms(struct build *b, const struct optimizer_options *o, struct update *u);

/* Running means: fma(beta, before, mul(1 - beta, x)); and that of squares, which moment n holds:
 * fma(beta, before, mul(1 - beta, mul(d, d))). */
uint8_t update_blend(struct build *b, float beta, uint8_t before, uint8_t x);
uint8_t update_squares(struct build *b, struct update *u, uint32_t n, float beta, uint8_t d);

/* Parts of an update's body: the gradient, clipped; a column of the group's row; moment n before the update; 1 - x in
 * binary64, rounded once. */
uint8_t update_gradient(struct build *b, struct update *u);
uint8_t update_column(struct build *b, struct update *u, int32_t column);
struct value update_moment(const struct update *u, uint32_t n);
float update_rest(float x);

/* Squared norm over all gradients, f32 [1]: one fold lanes each, then sums in order. clip_factor is
 * sel(flt(limit, n), div(limit, add(n, 1e-6)), 1), n = sqrt of the squared norm. count >= 1. */
struct value gradient_norm(struct emit *e, struct value **gradient, uint32_t count);
struct value clip_factor(struct emit *e, float limit, struct value *norm);

#endif
