#include "training/run/plans.h"

void plans_begin(struct plans *s, const struct prepared *p, const struct execute_options *options) {
  *s = (struct plans){.p = p, .options = *options, .one = prepare_alone(p, options)};
}

void plans_drop(struct plans *s, uint32_t tape) {
  if (s->x[tape]) execute_shut(s->x[tape]);
  s->x[tape] = NULL;
}

enum training_status plans_take(struct plans *s, uint32_t tape, struct execute **out, struct why *why) {
  enum training_status status = TRAINING_OK;
  uint32_t accumulate = s->p->lowered.accumulate;
  if (!s->x[tape]) {
    if (s->one && tape == TAPE_OF_TRAIN) plans_drop(s, accumulate);
    if (s->one && tape == accumulate) plans_drop(s, TAPE_OF_TRAIN);
    status = prepare_execute(s->p, tape, &s->options, &s->x[tape], why);
  }
  *out = s->x[tape];
  return status;
}

void plans_shut(struct plans *s) {
  for (uint32_t t = 0; t < LOWER_TAPES_MAX; t++) plans_drop(s, t);
}
