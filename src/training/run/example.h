/* example: small worlds for the tests of this room: a folder with a job file, made-up data and a model of tests/models.
 */
#ifndef TRAINING_EXAMPLE_H
#define TRAINING_EXAMPLE_H
#include "training/run/run.h"

struct example {
  char folder[64]; /* .../assay-example-XXXXXX */
};

/* example_make: a regression (8 inputs, 2 outputs, npy, mean squared error). `more` is appended to the job file, as
 * "lr: ..." cannot be: the optimizer's line is `optimizer`. */
void example_make(struct example *e, const char *optimizer, const char *more);
void example_remove(struct example *e);

/* A path inside; valid until four calls later. */
const char *example_path(const struct example *e, const char *name);

/* example_train prepares and runs the job into folder/name; options' folder is set here. */
enum training_status example_train(const struct example *e, const char *name, struct run_options options,
                                   struct run_result *result, struct why *why);

/* Whole files, on the heap. */
uint8_t *example_read(const char *path, size_t *length);
void example_write(const char *path, const void *bytes, size_t length);
void example_copy(const struct example *e, const char *from, const char *to); /* cp -r */

#endif
