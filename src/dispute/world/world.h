/* world: a small job in memory, for tests: tapes, data, a start state, 1 to 8 steps. Not part of any program that
 * ships.
 *
 * A world is what both sides of a dispute agree on; what each side says came of it is a party (party.h). Uses: dispute,
 * tape/record, heap. */
#ifndef DISPUTE_WORLD_H
#define DISPUTE_WORLD_H
#include "dispute/dispute.h"
#include "tape/record/tape.h"

enum { WORLD_STEPS_MAX = 8, WORLD_DATA_MAX = 16 };

struct world_data {
  uint8_t *bytes, *hashes; /* leaves of 4,096 bytes, and MERKLE_BYTES each */
  uint32_t leaves;         /* 0: the job has no tensor of this number */
  uint8_t root[MERKLE_BYTES];
};

struct world {
  const struct tape *tape[DISPUTE_TAPES_MAX]; /* borrowed; all have one state layout */
  struct dispute_tape known[DISPUTE_TAPES_MAX];
  uint8_t tapes;
  uint16_t steps;
  uint8_t step_tape[WORLD_STEPS_MAX]; /* of step j at j - 1: tapes take turns */
  uint32_t first_step;
  uint64_t seed;
  struct world_data data[WORLD_DATA_MAX];
  uint8_t *start, *start_hashes;
  uint8_t start_root[MERKLE_BYTES];
};

/* world_open fills a world over checked tapes whose data numbers are below WORLD_DATA_MAX. Start state and data are
 * drawn from the seed: small halves, small integers, and bytes as they come. It aborts when memory runs out.
 * world_hash computes roots again after somebody wrote into start or data. */
void world_open(struct world *w, const struct tape *const *tape, uint8_t tapes, uint16_t steps, uint64_t seed);
void world_hash(struct world *w);
void world_shut(struct world *w);

/* world_frame is the frame of a dispute about this world's only interval, or, with inner s >= 1, about the state after
 * its first s steps; end_root: what the claimant says comes after them. */
void world_frame(const struct world *w, uint16_t inner, const uint8_t end_root[MERKLE_BYTES], struct dispute_frame *f);

/* Leaf hashes of leaves of 4,096 bytes, and their root. */
void world_leaves(const uint8_t *bytes, uint32_t leaves, uint8_t *hashes);
void world_root(const uint8_t *hashes, uint32_t leaves, uint8_t root[MERKLE_BYTES]);

/* world_take is zeroed memory, or the end of the program. */
void *world_take(size_t bytes);

#endif
