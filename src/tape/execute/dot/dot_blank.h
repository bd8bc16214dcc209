/* dot_blank: outputs of a product that nobody can tell from +0: scores that a mask hides, and their gradients. Internal
 * to dot*.c.
 *
 * Two kinds of readers cannot tell. (a) `x + mask`: where |mask| is at least 2^96 and |x| below 2^71, the sum is the
 * mask (NUMERICS 3.8c). (b) softmax backward, t = sum of x p, d = p (x - t), of which d is read by products alone:
 * where p is a zero and x finite, x p is a zero and changes no sum by `add` that began at +0 (NUMERICS 3.8b); d
 * is a zero or a NaN with any finite x, and the sign of a zero factor is nothing to a product (3.8a). The mask, or p,
 * is the product's guide. What x can be is bounded by its factors: k of them, each below a power of two. */
#ifndef TAPE_DOT_BLANK_H
#define TAPE_DOT_BLANK_H
#include "tape/execute/dot/dot_plan.h"

struct dot_blank {
  struct place guide;               /* a value with a line of words for each row, one a column */
  int64_t loop[TAPE_RANK_MAX], row; /* floats from line to line */
  bool moves;                       /* with a loop */
  uint32_t low, span;               /* its words that hide, without sign: low .. low + span */
};

/* dot_blank_find, of a product that may hide (dot_tail.h): is k one chunk, are rows and columns whole dims of the
 * record, and all readers of its value of one kind, with one guide that is there when the item runs? Then it sets
 * d->blank. false: out of memory. Cost: the records that run while the value lives. */
bool dot_blank_find(struct execute *x, const struct item *item, struct dot *d);

/* dot_blank_ends: where the lines of the guide begin to hide, one a row of the combination at `at`, whose operands
 * begin at a and b; NULL: all outputs count. They last until the thread's next call, and a guide that does not move is
 * looked at in a `first` call alone. A tile of rows is blank from the column on where most of them end. */
const uint32_t *dot_blank_ends(const struct dot_call *call, uint32_t thread, const uint64_t *at, bool first,
                               const float *a, const float *b);

#endif
