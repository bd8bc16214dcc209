/* tail: the end of a training step: what becomes of the gradients. docs/lower.md 7.4, 7.5, 7.14 to 7.17.
 * Uses: graph, model/optimizer. */
#ifndef LOWER_TAIL_H
#define LOWER_TAIL_H
#include "model/lower/graph.h"

/* Fixed state entries; evaluation's three are there only with it. */
enum { ENTRY_DIVERGED, ENTRY_LOSS, ENTRY_NORM, ENTRY_EVAL_LOSS, ENTRY_EVAL_CORRECT, ENTRY_EVAL_COUNT };

/* What the records rest on. fixed: entries before the first parameter; loss_sum: the entry of the loss summed over
 * micro-batches, 0 without them. */
struct tail {
  const struct lower_options *o;
  struct graph *g;
  const struct layout *layout;
  uint32_t fixed, loss_sum;
};

/* After the sweep: every state entry, in layout order, from the loss [1] and the gradients. tail_train makes an update;
 * tail_accumulate adds to the sums and leaves everything else but what nodes wrote. Both fail where nothing trains. */
void tail_train(const struct tail *t, struct emit *e, struct value *loss);
void tail_accumulate(const struct tail *t, struct emit *e, struct value *loss);

/* entry + more, of an entry [1]. */
void tail_store_sum(struct emit *e, const struct layout_entry *entry, struct value *more);

#endif
