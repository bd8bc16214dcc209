/* recipe_json: how gradients become weights, as JSON: the same words in job.json and in what the chain is given.
 * Whoever writes it says how a float is written. Uses: model/lower's option structs, jansson. */
#ifndef TRAINING_RECIPE_JSON_H
#define TRAINING_RECIPE_JSON_H
#include "model/lower/lower.h"
#include <jansson.h>

typedef json_t *recipe_number(float x);

/* New objects; NULL without memory or where a name is not UTF-8. */
json_t *recipe_loss_json(const struct loss_options *o, recipe_number *number);
json_t *recipe_optimizer_json(const struct optimizer_options *o, recipe_number *number);
json_t *recipe_schedule_json(const struct schedule_options *s, recipe_number *number);

/* recipe_more adds what a job may leave out: clip_value, ema, micro_batches. False: no memory. */
bool recipe_more(json_t *options, const struct lower_options *o, recipe_number *number);

/* "cross-entropy", "AdamW", for people. */
const char *recipe_loss_title(const struct loss_options *o);
const char *recipe_optimizer_title(const struct optimizer_options *o);

#endif
