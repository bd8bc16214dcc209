/* loss: from outputs and targets to one number and the gradient of the outputs. docs/lower.md 6. Uses: model/lower. */
#ifndef MODEL_LOSS_H
#define MODEL_LOSS_H
#include "model/lower/emit.h"

/* What one batch has: the model's output, its targets (i32 classes or f32 values; none for LOSS_OUTPUT), and where each
 * sample came from (i32, -1: beyond the data). */
struct loss_batch {
  struct value *output, *target, *index;
};

/* Training: loss f32 [1] is the mean PyTorch takes; gradient has the output's shape. */
struct loss_result {
  struct value loss, gradient;
};

/* Evaluation over a batch: sum f32 [1], correct i32 [1] and count i32 [1]; the mean loss is sum over count. What lies
 * beyond the data adds nothing. */
struct loss_tally {
  struct value sum, correct, count;
};

void loss_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_result *out);
void loss_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_tally *out);

/* PyTorch's cross_entropy of logits: mean over the targets that are not ignore_index. Class axis: the one that targets
 * lack, last for rank 3 if it fits, else 1. A model that ends in Softmax or LogSoftmax is still taken at its word: its
 * outputs are the logits, as in PyTorch. correct counts targets equal to the lowest class of the greatest logit. */
void cross_entropy_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch,
                         struct loss_result *out);
void cross_entropy_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch,
                            struct loss_tally *out);

/* PyTorch's mse_loss: mean over all elements. In evaluation sum adds each sample's mean, count samples, correct is 0.
 */
void mse_train(struct emit *e, struct loss_batch *batch, struct loss_result *out);
void mse_evaluate(struct emit *e, struct loss_batch *batch, struct loss_tally *out);

/* l1, huber, smooth_l1 and bce_with_logits as PyTorch has them, mean over all elements; evaluation as for mse. */
void elements_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_result *out);
void elements_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_tally *out);

/* The model's own loss: its gradient is 1. In evaluation a batch that lies in the data wholly adds its loss times its
 * samples, and these to count; what is left at the end of the data is left out. */
void output_train(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_result *out);
void output_evaluate(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct loss_tally *out);

/* The job file's word for a loss; "output" for LOSS_OUTPUT. */
const char *loss_word(enum loss_name name);

/* Parts that losses share. loss_sum: over all elements, as [1]. loss_pair: output and target emitted and of as many
 * elements per sample, the target seen with the output's dims; false and failed otherwise. loss_divided: f32 [1] by a
 * number. loss_count: the samples of the batch that are there, and 0 for correct. */
struct value loss_sum(struct emit *e, uint8_t reducer, uint8_t dtype, struct value *v);
bool loss_pair(struct emit *e, const struct loss_options *o, struct loss_batch *batch, struct value *target);
struct value loss_divided(struct emit *e, struct value *sum, uint64_t by);
void loss_count(struct emit *e, struct loss_batch *batch, struct loss_tally *out);

#endif
