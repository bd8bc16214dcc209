/* claimant: defends committed values: shows what it committed to, names the lowest wrong chunk and the first wrong
 * word; where none is wrong, the first that it may name. PROTOCOL P4.2.
 *
 * It keeps nothing between calls: the game's state and the evidence say everything, so one piece of evidence serves any
 * number of challengers, and a restart goes on. Uses: dispute, evidence. */
#ifndef DISPUTE_CLAIMANT_H
#define DISPUTE_CLAIMANT_H
#include "dispute/dispute.h"
#include "dispute/evidence/evidence.h"

/* claimant_next gives the claimant's next move. NOTHING: its evidence does not lead to what it committed to; why
 * says where. */
enum evidence_answer claimant_next(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e,
                                   struct move *out, struct why *why);

#endif
