/* tall: both sides of a dispute over a tape whose values nobody could hold in a test: 40,000 leaves that are all alike.
 *
 * Leaves are made when they are asked for, one at a time. For tests. Uses: evidence, world/{party,tapes}. */
#ifndef DISPUTE_TALL_H
#define DISPUTE_TALL_H
#include "dispute/evidence/evidence.h"
#include "dispute/world/party.h"
#include "dispute/world/tapes.h"

enum { TALL_STEPS = 2 };

struct tall {
  struct evidence evidence;
  struct lie lie; /* BYTE; j == 0: none. What comes later follows from it */
  uint32_t pick[TALL_STEPS + 1][TALL_PICKS];
  uint8_t roots[TALL_STEPS + 1][MERKLE_BYTES];
  uint8_t *hashes[TALL_STEPS + 1], *temp_hashes; /* of the states, and of the values of the step entered */
  uint16_t entered;
  uint8_t leaf[TAPE_LEAF_BYTES];
};

/* tall_open computes all states of a party that lies, or with NULL does not; tall_frame is the frame of a dispute about
 * what it claims. */
void tall_open(struct tall *t, const struct built_tape *tape, const struct lie *lie);
void tall_shut(struct tall *t);
void tall_frame(const struct tall *claimant, const struct built_tape *tape, struct dispute_frame *f);

#endif
