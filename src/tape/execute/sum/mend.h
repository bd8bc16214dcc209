/* mend: NUMERICS 3.8a. Where a tap out of range was taken as +0 and a result is NaN, that element is computed exactly.
 */
#ifndef TAPE_MEND_H
#define TAPE_MEND_H
#include "tape/execute/plan/plan.h"

/* mend_dot: all elements of the record's value, by all threads; mend_dot_part: elements [first, end) alone, on this
 * thread. */
void mend_dot(struct execute *x, const struct tape_record *r, struct place out);
void mend_dot_part(struct execute *x, const struct tape_record *r, struct place out, uint64_t first, uint64_t end,
                   uint32_t thread);

#endif
