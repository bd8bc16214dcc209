/* challenger: finds the first difference and makes the case: step, tree node, leaf, element. PROTOCOL P4.1, P4.4.
 *
 * Keeps nothing between calls. Uses: dispute, evidence. */
#ifndef DISPUTE_CHALLENGER_H
#define DISPUTE_CHALLENGER_H
#include "dispute/dispute.h"
#include "dispute/evidence/evidence.h"

/* The claimant's leaf hashes, where it serves them: TAPE_TEMP or TAPE_OUT of the step in dispute; NULL if not. */
struct challenger_hints {
  const uint8_t *temp_hashes, *out_hashes;
};

/* challenger_interval is the first interval (1..count) in which two traces differ, 0 if none; roots[0] is the start. */
uint32_t challenger_interval(const uint8_t (*mine)[MERKLE_BYTES], const uint8_t (*theirs)[MERKLE_BYTES],
                             uint32_t count);

/* challenger_open writes the CHALLENGE of the frame's target. */
void challenger_open(const struct dispute_frame *f, struct move *out);

/* challenger_next gives the challenger's next move. hints: NULL, or the way of P2.2, used if they hash up to the roots
 * that the claimant showed. NOTHING: it sees no difference, or its own values do not follow from its own inputs; why
 * says. */
enum evidence_answer challenger_next(const struct dispute *d, const struct dispute_frame *f, const struct evidence *e,
                                     const struct challenger_hints *hints, struct move *out, struct why *why);

#endif
