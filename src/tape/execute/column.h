/* column: `fold chain` of one operand as it is, or a `dot` of two, the outputs contiguous in each: bias gradients, sums
 * of batch norm and what its scale gets. One task a chunk. */
#ifndef TAPE_COLUMN_H
#define TAPE_COLUMN_H
#include "tape/execute/plan.h"

bool column_fits(const struct tape_record *r);
bool column_plan(struct execute *x, struct item *item);
void column_run(struct execute *x, const struct item *item);

#endif
