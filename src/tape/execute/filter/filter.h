/* filter: gradients of a convolution's filters: sums over all places of all images, for every tap. NUMERICS 3, TAPE 6.
 *
 * A chunk's k is cut into blocks that stay in the first-level cache, and every tap of a block is a product of what the
 * tap sees with the places' gradients, read where they lie; places where it sees nothing are left out. Where an image
 * has few channels, what all taps see of a place is copied side by side first. Chunks are tasks, their sums meet in the
 * workspace. Uses: numeric/backend, fold. */
#ifndef TAPE_FILTER_H
#define TAPE_FILTER_H
#include "tape/execute/plan/plan.h"

/* filter_fits: is it a filter's gradient? A product without places or taps is dot's, and so are some of few columns
 * that this back end has no tiles for. */
bool filter_fits(const struct backend *b, const struct tape_record *r);
bool filter_plan(struct execute *x, struct item *item);
void filter_run(struct execute *x, const struct item *item);

/* In a group: filter_begin once a step, filter_part for every band, filter_end after all of them. */
void filter_begin(struct execute *x, const struct item *item);
void filter_part(struct execute *x, const struct item *item, uint32_t band, uint32_t thread);
void filter_end(struct execute *x, const struct item *item);

#endif
