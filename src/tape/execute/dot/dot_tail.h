/* dot_tail: operands whose lines end in zeros, as those of masked attention do: k whose products are all zeros are left
 * out. Internal to dot*.c.
 *
 * A chain begins at +0, and a product with a zero changes it in nothing but the sign of a zero, which the sum of chunks
 * takes away, as long as the other factor is finite (NUMERICS 3.8a). So whoever leaves them out looks at the other
 * operand first: an infinity or NaN anywhere, and nothing is left out. */
#ifndef TAPE_DOT_TAIL_H
#define TAPE_DOT_TAIL_H
#include "tape/execute/dot/dot_plan.h"

/* Words of an operand, for one combination of the loops: `lines` of them, each of `length` side by side. */
struct dot_lines {
  const uint32_t *at;
  uint64_t lines, length;
  int64_t line;
};

enum { INFINITY_WORD = 0x7f800000 };

/* dot_may_hide: may k or outputs of this product be left out (dot_tail, dot_blank)? To be asked once the product is cut
 * into tasks and parts, since whoever leaves out looks at whole operands of a combination of the loops, where they lie.
 * So it must be
 *   without taps: a list of runs for each combination leaves k out already, and no stride goes along all of k;
 *   without halos: the buffer is not the value, and its borders are zeros that nobody multiplies;
 *   without shared copies: a is then not where its rows say, and b's panels are another combination's as well;
 *   straight along k in both factors, and each with lines, along k or along its rows or columns: that is what is
 *     looked at;
 *   batched: some loop moves both operands. What all combinations share (weights) hides nothing;
 *   not by bands of rows: in a group, of all rows that would be looked at, only a part may be there. */
bool dot_may_hide(const struct dot *d, bool taps);

/* dot_lines_of gives the lines of `extent` rows or columns, `step` apart, by depth k. */
struct dot_lines dot_lines_of(const float *at, int64_t step, uint64_t extent, int64_t step_k, uint64_t depth,
                              bool along_k);

/* dot_lines_largest: the largest word, without sign. dot_lines_end: backend.tails of all lines, where the first or the
 * last has one; false: neither has, as with most operands. dot_lines_most: of lines [first, first + count), the end of
 * the longest. */
uint32_t dot_lines_largest(const struct execute *x, const struct dot_lines *l);
bool dot_lines_end(const struct execute *x, const struct dot_lines *l, uint32_t low, uint32_t span, uint32_t *end);
static inline uint32_t dot_lines_most(const uint32_t *end, uint64_t first, uint64_t count) {
  uint32_t most = 0;
  for (uint64_t i = first; i < first + count; i++)
    if (end[i] > most) most = end[i];
  return most;
}

/* dot_tail_find chooses d->tail of a product that may hide. */
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
