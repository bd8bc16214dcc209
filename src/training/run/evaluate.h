/* evaluate: loss and accuracy of a model file over a data set, by the same tapes that training uses. Uses: prepare. */
#ifndef TRAINING_EVALUATE_H
#define TRAINING_EVALUATE_H
#include "training/run/prepare.h"

/* evaluate_model: `data` as in the job file's data.test, read with relative paths from data_folder_of_paths. loss:
 * any but LOSS_OUTPUT, with defaults. */
enum training_status evaluate_model(const char *onnx_path, const char *data_text, enum loss_name loss,
                                    const struct prepare_options *options, const struct execute_options *execute,
                                    struct evaluation *out, struct why *why);

/* evaluate_folder: the last checkpoint of a run; data_text NULL: the job's own test set, else another. */
enum training_status evaluate_folder(const char *folder, const char *data_text, const struct prepare_options *options,
                                     const struct execute_options *execute, struct evaluation *out, struct why *why);

/* evaluate_state: a prepared job's own test set with the weights of a state blob, NULL: the initial ones. The job has a
 * test set. */
enum training_status evaluate_state(const struct prepared *p, const uint8_t *state,
                                    const struct execute_options *execute, struct evaluation *out, struct why *why);

#endif
