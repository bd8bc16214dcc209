/* plans: the executors of a job's tapes, opened as steps ask for them. Those of an update's micro-batches stay side by
 * side while memory has room for both; else one makes place for the other, which costs a plan twice an update.
 * The bits are the same. Uses: prepare. */
#ifndef TRAINING_PLANS_H
#define TRAINING_PLANS_H
#include "training/run/prepare.h"

struct plans {
  const struct prepared *p;
  struct execute_options options;
  bool one; /* of train and accumulate */
  struct execute *x[LOWER_TAPES_MAX];
};

/* plans_begin looks at the memory there is (prepare_alone); nothing is opened yet. */
void plans_begin(struct plans *s, const struct prepared *p, const struct execute_options *options);

/* plans_take lends the executor of a tape until the next call. ERR_SYSTEM: memory. plans_drop gives its memory back. */
enum training_status plans_take(struct plans *s, uint32_t tape, struct execute **out, struct why *why);
void plans_drop(struct plans *s, uint32_t tape);
void plans_shut(struct plans *s);

#endif
