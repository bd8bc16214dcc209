/* data: the part of a job file that says what to train on and what to test with. docs/job.md "Data". Uses: fields,
 * training/data. */
#ifndef TRAINING_JOBFILE_DATA_H
#define TRAINING_JOBFILE_DATA_H
#include "training/data/data.h"
#include "training/jobfile/fields.h"

/* jobfile_data reads one data specification; split is the part of a named set that it means where it does not say, and
 * whether it is trained on. */
bool jobfile_data(struct fields *f, const struct yaml_node *n, struct data_spec *d, enum data_split split);

#endif
