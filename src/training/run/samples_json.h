/* samples_json: how samples become what a step reads, as JSON: what the layout table and the roots of the data do not
 * say. Whoever writes it says how a float is written. Uses: model/lower's option structs, jansson. */
#ifndef TRAINING_SAMPLES_JSON_H
#define TRAINING_SAMPLES_JSON_H
#include "model/lower/lower.h"
#include "training/run/recipe_json.h"

/* samples_more adds "train" and "test" where a set is more than one input as it lies: further inputs, windows of text,
 * normalising, augmenting. input: the model's inputs. False: no memory, or a name that is not UTF-8. */
bool samples_more(json_t *options, const struct lower_options *o, const struct onnx_value *input,
                  recipe_number *number);

#endif
