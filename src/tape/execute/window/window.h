/* window: max pooling, `fold fmax` over at most 255 taps of rows of channels, with the record that finds the first tap
 * where it is adjacent (TAPE 7): both from one look at the window. */
#ifndef TAPE_WINDOW_H
#define TAPE_WINDOW_H
#include "tape/execute/plan/plan.h"

bool window_fits(const struct tape_record *r);
bool window_joins(const struct execute *x, uint32_t n); /* is record n + 1 the argmax of record n? */
bool window_plan(struct execute *x, struct item *item);
void window_run(struct execute *x, const struct item *item);
bool window_by_rows(const struct item *item); /* are taps read where they lie? */

/* Parts [low, high) of `parts` equal ones that the outputs fall into (a divisor of their number), on this thread. */
void window_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
                 uint32_t thread);

#endif
