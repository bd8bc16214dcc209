/* samples: the data tensors that the model's inputs and targets lie in: their numbers, names and shapes. docs/lower.md
 * 3.9. Uses: lower. */
#ifndef LOWER_SAMPLES_H
#define LOWER_SAMPLES_H
#include "model/lower/lower.h"

/* How input n of the model (0: the first) is fed; dtype and dims are those of the tensor it is read from. */
struct sample_input samples_input(const struct sample_shape *s, uint32_t n);

/* False and why: the sets cannot be fed to a model of `inputs` inputs at all, whatever its shapes are: too many axes,
 * a window without tokens, changes of what is no picture. */
bool samples_check(const struct lower_options *o, uint32_t inputs, struct why *why);

/* Adds data entries to a layout that has room for them, in ascending order of their numbers: samples_add_first the
 * first input and the targets of a set, samples_add_more the tensors of further inputs of both, which come last and
 * bear the names of the model's inputs. */
void samples_add_first(struct layout *l, const struct lower_options *o, bool test);
void samples_add_more(struct layout *l, const struct lower_options *o, const struct onnx_value *input);

/* Content of the tensor that stands for targets where there are none: one byte, zero. NULL where there are some, or
 * where the tensor does not exist. */
const void *samples_stand_in(const struct lower_options *o, bool test, uint64_t *bytes);

#endif
