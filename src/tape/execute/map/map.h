/* map: adjacent maps of one shape, and folds over their rows, as one pass over blocks of elements or of whole rows.
 *
 * A softmax or a layer norm is such a pass: what its records have in common (the exp of the sum and of the quotient) is
 * computed once and stays in the first cache. TAPE 4, rule `map`. */
#ifndef TAPE_MAP_H
#define TAPE_MAP_H
#include "tape/execute/program/program.h"

/* map_joins: may `next` run in one pass with the records before it (from `from` on)? A fold of at most 512 terms a row
 * joins if its sum is a tree or an extreme, with maps of its results behind it. Reads of their values must be
 * identity. */
bool map_joins(const struct execute *x, uint32_t from, uint32_t next);
bool map_by_rows(const struct tape_record *first, const struct tape_record *r); /* a word a row of first's pass? */
bool map_plan(struct execute *x, struct item *item);
void map_run(struct execute *x, const struct item *item);

/* map_begin once a step, then map_part: parts [low, high) of `parts` equal ones that the outputs fall into (a divisor
 * of their number), on this thread. */
void map_begin(struct execute *x, const struct item *item);
void map_part(struct execute *x, const struct item *item, uint64_t low, uint64_t high, uint64_t parts, uint32_t thread);

#endif
