/* dot: matrix products, batched and transposed, and convolutions in all three directions, by one engine. NUMERICS 3,
 * TAPE 6.
 *
 * The innermost output dim is the vector dim of a tile, the last dim that only the other operand has gives its rows,
 * the rest are loops; k is a list of runs with constant strides, cut at chunks. An operand that can leave its value is
 * copied once a step into a buffer with zero borders, after which every address is affine. Uses: program, halo. */
#ifndef TAPE_DOT_H
#define TAPE_DOT_H
#include "tape/execute/plan.h"

/* dot_fits: can the engine run this record? Otherwise it is a fold of products. */
bool dot_fits(const struct tape_record *r);
bool dot_plan(struct execute *x, struct item *item);
void dot_run(struct execute *x, const struct item *item);

/* dot_mend: NUMERICS 3.8a. Where a tap out of range was taken as +0 and a result is NaN, computes that element exactly.
 */
void dot_mend(struct execute *x, const struct tape_record *r, struct place out);

#endif
