/* optimizer: from a gradient to new state, with the learning rate of each update from the schedule tensor.
 * docs/lower.md 7. TAPE 7 "AdamW", "clip by norm". Uses: model/lower. */
#ifndef MODEL_OPTIMIZER_H
#define MODEL_OPTIMIZER_H
#include "model/lower/emit.h"

enum { OPTIMIZER_MOMENTS_MAX = 2 };

/* Columns of the schedule tensor; one row for each update, column 0 always its learning rate.
 * SGD    lr | -lr | 1 - dampening, but 1 in row 0, where PyTorch's buffer starts as the gradient
 * AdamW  lr | -lr weight_decay | -lr / (1 - beta1^u) | 1 / (1 - beta2^u) */
enum {
  SCHEDULE_LR,
  SGD_STEP = 1,
  SGD_FRESH,
  SGD_COLUMNS,
  ADAMW_DECAY = 1,
  ADAMW_STEP,
  ADAMW_CORRECTION,
  ADAMW_COLUMNS
};

/* What one parameter's update reads and writes. entry[0] the parameter, entry[1 ..] its moments; clip NULL: as it is.
 */
struct update {
  const struct layout_entry *entry;
  struct value weight, *gradient, *row, *clip;
};

/* optimizer_check refuses what torch.optim refuses. */
enum lower_status optimizer_check(const struct lower_options *o, struct why *why);
uint32_t optimizer_moments(const struct optimizer_options *o);
const char *optimizer_suffix(uint32_t moment); /* ".m", ".v" */
uint32_t optimizer_columns(const struct optimizer_options *o);

/* optimizer_schedule makes the schedule tensor, [updates, columns] of f32. In binary64 with + - * / alone, cosines by
 * the canon's cospi, each word rounded once: the same on every machine. NULL: no memory. */
float *optimizer_schedule(const struct lower_options *o, struct arena *arena);

/* optimizer_update emits the out records of a parameter: moments first, the parameter last. */
void optimizer_update(struct emit *e, const struct optimizer_options *o, struct update *u);
void sgd_update(struct emit *e, const struct optimizer_options *o, struct update *u);
void adamw_update(struct emit *e, const struct optimizer_options *o, struct update *u);

/* Parts of an update's body: the gradient, clipped; a column of the row; moment n of the parameter. */
uint8_t update_gradient(struct build *b, struct update *u);
uint8_t update_column(struct build *b, struct update *u, int32_t column);
struct value update_moment(const struct update *u, uint32_t n);

/* Squared norm over all gradients, f32 [1]: one fold lanes each, then sums in order. clip_factor is
 * sel(flt(limit, n), div(limit, add(n, 1e-6)), 1), n = sqrt of the squared norm. count >= 1. */
struct value gradient_norm(struct emit *e, struct value **gradient, uint32_t count);
struct value clip_factor(struct emit *e, float limit, struct value *norm);

#endif
