/* column: `fold chain` of one operand as it is, or a `dot` of two, the outputs contiguous in each: bias gradients, sums
 * of batch norm and what its scale gets. Chunk by chunk, in a group as its bands bring the rows. */
#ifndef TAPE_COLUMN_H
#define TAPE_COLUMN_H
#include "tape/execute/plan/plan.h"

bool column_fits(const struct tape_record *r);
bool column_plan(struct execute *x, struct item *item);
void column_run(struct execute *x, const struct item *item);

/* In a group: column_begin once a step, column_part for every band, column_end after all of them. */
void column_begin(struct execute *x, const struct item *item);
void column_part(struct execute *x, const struct item *item, uint32_t band, uint32_t thread);
void column_end(struct execute *x, const struct item *item);

#endif
