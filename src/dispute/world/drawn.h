/* drawn: tapes and lies at random. The same seed gives the same. For tests and the campaign. Uses: world/{tapes,party}.
 */
#ifndef DISPUTE_DRAWN_H
#define DISPUTE_DRAWN_H
#include "dispute/world/party.h"
#include "dispute/world/tapes.h"

/* drawn_tape draws a tape of 2 to 8 temps and 2 to 4 state entries that passes tape_check: records of every opcode that
 * read earlier temps, the state and windows of nine data tensors, through indices that miss now and then; K around 512
 * and 1,024, values of more than one leaf. */
void drawn_tape(struct built_tape *b, uint64_t *seed);

/* drawn_sibling draws another tape with the same state and data. */
void drawn_sibling(struct built_tape *b, const struct built_tape *of, uint64_t *seed);

/* drawn_lies draws 1 to lies_max lies for a world, which it has to be told with party_lie; returns how many. */
uint32_t drawn_lies(const struct world *w, struct lie *lies, uint32_t lies_max, uint64_t *seed);

#endif
