/* fold: reductions of a body over k, and dots that no kernel fits. NUMERICS 3, TAPE 4.
 *
 * Two loops: a block of outputs with k outside (columns), or blocks of terms, outputs outside and k inside (rows).
 * Either gives the chunk results of any record; which is faster depends on what is contiguous. */
#ifndef TAPE_FOLD_H
#define TAPE_FOLD_H
#include "tape/execute/program/program.h"

/* fold_along_rows: k is long and what depends on it is contiguous, or there is no other parallel or vector dim. */
bool fold_along_rows(const struct tape_record *r);

bool fold_plan(struct execute *x, struct item *item);
void fold_run(struct execute *x, const struct item *item);

/* fold_begin once a step, then fold_part: parts [low, high) of `parts` equal ones that the outputs fall into (a divisor
 * of their number), on this thread. Not for dots. */
void fold_begin(struct execute *x, const struct item *item);
void fold_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts,
               uint32_t thread);

/* fold_join adds or reduces chunk results, [chunks, elements], into the record's value and stores it. */
void fold_join(struct execute *x, const struct tape_record *r, const void *results, struct place out, uint32_t chunks);

#endif
