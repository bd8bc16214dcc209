/* axis: what an operand's axis does over all coordinates of its record. TAPE 4.4, 4.5. Uses: tape/record. */
#ifndef TAPE_AXIS_H
#define TAPE_AXIS_H
#include "tape/record/tape.h"

/* Dims of outputs and of k. */
static inline uint32_t axis_rank(const struct tape_record *r) { return (uint32_t)r->out_rank + r->k_rank; }

/* axis_inner: of dims first .. end - 1 the innermost that is longer than 1; end if there is none. */
uint32_t axis_inner(const struct tape_record *r, uint32_t first, uint32_t end);

/* axis_dims: bits of the dims longer than 1 that move the axis. Along a dim of 1 a coef means nothing, and may be
 * anything. axis_coef: the sum of the axis' coefs of one dim. */
uint32_t axis_dims(const struct tape_record *r, const struct tape_axis *y);
int64_t axis_coef(const struct tape_axis *y, uint32_t dim);

/* axis_at: coordinates of dims first .. end - 1 at a row-major index. axis_next: those of the index after it; behind
 * the last comes the first. */
void axis_at(const struct tape_record *r, uint32_t first, uint32_t end, uint64_t index, uint32_t *coord);
void axis_next(const struct tape_record *r, uint32_t first, uint32_t end, uint32_t *coord);

/* axis_range: the lowest and highest number it takes, before its divisor and without its index. axis_leaves: may it be
 * out of range, or is there a divisor? */
void axis_range(const struct tape_record *r, const struct tape_axis *y, int64_t *low, int64_t *high);
bool axis_leaves(const struct tape_record *r, const struct tape_axis *y);

#endif
