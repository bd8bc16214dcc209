/* dot_tail: operands whose lines end in zeros, as those of masked attention do: k whose products are all zeros are left
 * out. Internal to dot*.c.
 *
 * A chain begins at +0, and a product with a zero changes it in nothing but the sign of a zero, which the sum of chunks
 * takes away, as long as the other factor is finite (NUMERICS 3.8a). So whoever leaves them out looks at the other
 * operand first: an infinity or NaN anywhere, and nothing is left out. */
#ifndef TAPE_DOT_TAIL_H
#define TAPE_DOT_TAIL_H
#include "tape/execute/dot_plan.h"

/* Words of an operand, for one combination of the loops: `lines` of them, each of `length` side by side. */
struct dot_lines {
  const uint32_t *at;
  uint64_t lines, length;
  int64_t line;
};

/* dot_tail_batched: does some loop move both operands? What all combinations share (weights) hides nothing.
 * dot_tail_lines: are there lines, along one of its dims, `step` or `step_k`? dot_lines_of gives those of `extent` rows
 * or columns by depth k. */
bool dot_tail_batched(const struct dot *d);
static inline bool dot_tail_lines(int64_t step, int64_t step_k) { return step == 1 || step_k == 1; }
struct dot_lines dot_lines_of(const float *at, int64_t step, uint64_t extent, int64_t step_k, uint64_t depth,
                              bool along_k);

/* dot_lines_largest: the largest word, without sign. dot_lines_end: backend.tails of all lines, where the first or the
 * last has one; false: neither has, as with most operands. */
uint32_t dot_lines_largest(const struct execute *x, const struct dot_lines *l);
bool dot_lines_end(const struct execute *x, const struct dot_lines *l, uint32_t low, uint32_t span, uint32_t *end);

/* dot_tail_find chooses d->tail once operands and loops are laid out. */
void dot_tail_find(struct dot *d);

/* Words of the thread's memory that dot_tail_ends fills. */
uint64_t dot_tail_words(const struct execute *x, const struct dot *d);

/* Where the lines of one chunk end, for one combination of the loops, whose operands begin at a and b in their values;
 * NULL: all k count. It lasts until the thread's next call. */
const uint32_t *dot_tail_ends(const struct dot_call *call, uint32_t thread, const float *a, const float *b,
                              uint32_t chunk);

/* What a tile walks of a chunk's run: the tile of rows or columns, whichever d->tail says, [first, first + count). */
struct dot_run dot_tail_run(const struct dot_call *call, const uint32_t *end, const struct dot_run *run, uint32_t chunk,
                            uint64_t first, uint64_t count);

#endif
