/* batch: which samples a step reads, and how they enter the graph. docs/lower.md 8. Uses: graph. */
#ifndef LOWER_BATCH_H
#define LOWER_BATCH_H
#include "model/lower/graph.h"

struct batch {
  struct value index;                   /* i32 [batch]: sample numbers, -1 beyond the data */
  struct value input[LOWER_INPUTS_MAX]; /* in the model's dims, floats or i32 as the model asks */
  struct value target; /* [batch, target dims]: i32 classes, or f32; nothing where there are no targets */
};

/* Training: step u takes position (u - 1) mod B * batch + j of epoch (u - 1) div B, B batches an epoch, and with
 * shuffle the permutation of that position; with micro-batches these take the batch's place, B times M an epoch.
 * Evaluation: position step * batch + j, in order, masked beyond the end. */
void batch_train(struct graph *g, const struct lower_options *o, struct batch *out);
void batch_evaluate(struct graph *g, const struct lower_options *o, struct batch *out);

/* An input of the model as a tensor of `batch` samples of these dims; false and failed if they do not fit. Its memory
 * is channels last where a window slides over it. */
bool batch_input_shape(struct graph *g, const struct onnx_value *input, uint32_t batch, uint32_t rank,
                       const uint32_t *sample, struct value *out);
/* Nothing here has 64 bits of a float, so none are promised: false and failed for a DOUBLE; what: "input" or "output".
 */
bool batch_single_precision(struct graph *g, const struct onnx_value *v, const char *what);
/* A data tensor as a value; x of it as the iteration wants it: integers become floats, times scale (0: as they are). */
struct value batch_data(uint8_t number, uint8_t dtype, uint32_t rank, const uint32_t *dim);
uint8_t batch_convert(struct build *b, uint8_t x, uint8_t dtype, float scale);
/* The order in which memory holds an input of this rank. */
const uint8_t *batch_input_order(const struct graph *g, const char *name, uint32_t rank);

#endif
