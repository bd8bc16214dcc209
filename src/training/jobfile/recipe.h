/* recipe: the parts of a job file that say how gradients become weights. docs/job.md, docs/lower.md 6, 7.
 * Uses: fields, model/lower's option structs. */
#ifndef TRAINING_RECIPE_H
#define TRAINING_RECIPE_H
#include "training/jobfile/fields.h"
#include "training/jobfile/jobfile.h"

/* Lists lie in the arena of `f`. False: f has failed and says why. */
bool recipe_loss(struct fields *f, const struct yaml_node *node, struct loss_options *out);
bool recipe_optimizer(struct fields *f, const struct yaml_node *node, struct optimizer_options *out);
bool recipe_schedule(struct fields *f, const struct yaml_node *node, struct schedule_options *out,
                     struct schedule_epochs *epochs);

#endif
