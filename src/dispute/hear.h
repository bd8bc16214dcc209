/* hear: what each move of the table must satisfy, and what it changes. Internal to dispute.c, which keeps the clock. */
#ifndef DISPUTE_HEAR_H
#define DISPUTE_HEAR_H
#include "dispute/dispute.h"

/* hear_apply takes the move that d awaits: checks all of it, then changes d. False, with why, if it is not a move; then
 * d is as it was. */
bool hear_apply(struct dispute *d, const struct dispute_frame *f, const struct move *m, struct why *why);

/* hear_root is the root of the tree that a space of the step in dispute has; NULL if the job has no such tree. */
const uint8_t *hear_root(const struct dispute *d, const struct dispute_frame *f, uint8_t space, uint8_t number);

#endif
