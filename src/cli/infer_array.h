/* infer_array: NumPy files as the inputs and outputs of a graph. Uses: model/onnx, training/data. */
#ifndef CLI_INFER_ARRAY_H
#define CLI_INFER_ARRAY_H
#include "cli/command.h"
#include "model/lower/lower.h"
#include "training/data/data.h"

/* infer_array_take fits an array to an input: floats for FLOAT; whole numbers of any width that the input's type holds
 * for the others, 0 and 1 for BOOL; the input's fixed dims. Gives the shape, with contents where they are small, and
 * the words that the executor reads: the array's own, or copies in the arena. why names the array's file. */
enum outcome infer_array_take(const struct data_part *p, const struct onnx_value *input, struct arena *arena,
                              struct infer_shape *shape, const void **words, struct why *why);

/* infer_array_save writes an output in its ONNX type. at: f32 words, i32 words or bytes, as the tape's dtype says.
 * A whole number that the type does not hold is OUTCOME_INPUT. */
enum outcome infer_array_save(const char *path, const struct infer_output *output, uint8_t dtype, const void *at,
                              struct why *why);

#endif
