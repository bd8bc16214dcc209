/* window_back: the gradient of a max pool whose windows lie apart, as a map: each place asks the one window over it
 * whether it was the first greatest (u8), and, where a relu follows, whether it was not at most zero (TAPE 7).
 *
 * Window by window instead: what lies above is read once for all taps. Uses: numeric/backend. */
#ifndef TAPE_WINDOW_BACK_H
#define TAPE_WINDOW_BACK_H
#include "tape/execute/plan/plan.h"

/* window_back_fits: is the record such a gradient? Cost: up to 65,536 places of its windows times the body, which are
 * counted this once; the others below are for records that fit, and cheap. */
bool window_back_fits(const struct tape_record *r);
bool window_back_plan(struct execute *x, struct item *item);
void window_back_run(struct execute *x, const struct item *item);

/* window_back_parts_fit: is each of so many equal parts of the outputs whole rows? window_back_part computes parts
 * [low, high) of them on this thread. */
bool window_back_parts_fit(const struct tape_record *r, uint64_t parts);
void window_back_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
                      uint32_t thread);

#endif
