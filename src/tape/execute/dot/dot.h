/* dot: matrix products, batched and transposed, and convolutions in all three directions, by one engine. NUMERICS 3,
 * TAPE 6.
 *
 * The innermost output dim is the vector dim of a tile, the last dim that only the other operand has gives its rows,
 * the rest are loops; k is a list of runs with constant strides, cut at chunks. An operand that can leave its value is
 * copied once a step into a buffer with zero borders, after which every address is affine. Uses: program, halo. */
#ifndef TAPE_DOT_H
#define TAPE_DOT_H
#include "tape/execute/plan/plan.h"

/* dot_fits: can the engine run this record? Otherwise it is a fold of products. */
bool dot_fits(const struct tape_record *r);
bool dot_plan(struct execute *x, struct item *item);
void dot_run(struct execute *x, const struct item *item);

/* A dot's outputs fall apart along their leading dims. dot_parts says into how many equal parts at most: combinations
 * of the outermost output dims longer than 1 (sequences; heads of sequences), as long as every part reads whole
 * operands or its own piece of them, or rows where those are the outermost dims; 1: none, and then there is only
 * dot_run. dot_parts_fit asks it of a record that nobody planned: can it be run in so many parts, with rows enough in
 * each? */
uint64_t dot_parts(const struct item *item);
bool dot_parts_fit(const struct tape_record *r, uint64_t parts);

/* dot_parts_apart: can it be run in so many parts that do not lie side by side, the heads of [sequence, place, head,
 * ..], each a combination of dims that are neither rows nor columns of its tiles? Returns how many such dims there are,
 * and which, outermost first; 0: no. Whoever runs it so says it to dot_plan by item.apart. */
uint32_t dot_parts_apart(const struct tape_record *r, uint64_t parts, uint8_t *dim);

/* dot_begin, before the parts, by all threads: copies of operands that lie outside the group. dot_part computes parts
 * [low, high) of `parts` (a divisor of dot_parts) on this thread, NaN mended: what has to be copied part by part goes
 * into memory of this thread. dot_run is dot_begin and then all parts, by all threads. */
void dot_begin(struct execute *x, const struct item *item);
void dot_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts, uint32_t thread);

#endif
