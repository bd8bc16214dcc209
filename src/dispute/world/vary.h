/* vary: what a liar could send instead of a move: every field of it changed a little, one after the other. For tests.
 * Uses: evidence, tape/element. */
#ifndef DISPUTE_VARY_H
#define DISPUTE_VARY_H
#include "dispute/dispute.h"
#include "dispute/evidence/evidence.h"

typedef void vary_take(void *context, const struct move *m, const char *what);

/* vary_move hands out variations of the move that is next in a game: another number or kind, a byte more or less, each
 * field next to what it was and at its ends, bits in every region of the payload, words exchanged, rows whose root was
 * made to fit, other records of the tape. e: the evidence of whoever makes the move. Each differs from the move. *count
 * is how many. */
void vary_move(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e, const struct move *m,
               vary_take *take, void *context, uint32_t *count);

#endif
