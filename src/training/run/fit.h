/* fit: a job's data opened and held against its model: which file feeds which input, in which shape. Uses: data,
 * jobfile, model/onnx. */
#ifndef TRAINING_FIT_H
#define TRAINING_FIT_H
#include "training/run/prepare.h"

/* fit_open opens p->train and p->test, puts their inputs into the model's order, and fills the shapes in p->options.
 * ERR_INPUT: inputs that the model lacks or nobody feeds, samples of other sizes, axes in another order, labels and
 * rows of tables out of range; ERR_SYSTEM: memory. */
enum training_status fit_open(struct prepared *p, const struct prepare_options *options, struct why *why);

/* fit_place fills p->data once the job is lowered, and holds each tensor against what the layout says of it. */
enum training_status fit_place(struct prepared *p, struct why *why);

#endif
