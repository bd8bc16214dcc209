/* party: what one side says came of a world: its states and values, computed plainly, and its lies.
 *
 * A party computes late, as a player with files and executors would: the interval when it is asked for roots, a step's
 * values when it enters that step; each once, and counted. A liar is measured against an honest party of the same
 * world, whose steps it shares up to its first lie. Uses: world, evidence, tape/element, numeric/reference. */
#ifndef DISPUTE_PARTY_H
#define DISPUTE_PARTY_H
#include "dispute/evidence/evidence.h"
#include "dispute/world/world.h"

enum lie_kind {
  LIE_BYTE,  /* a byte of a leaf of `space` is changed by `mask` */
  LIE_HASH,  /* the hash of a leaf is one that nothing has; the leaf is right */
  LIE_ROOT,  /* the root of the state after step j is one that nothing hashes to */
  LIE_STALE, /* the step's values are those of step `from`, which runs the same tape */
  LIE_SKIP,  /* the state after the step is the one before it */
  LIE_STEP,  /* the step is computed under another number */
  LIE_SEED,  /* and with another seed */
  LIE_DATA   /* byte `offset` of leaf `leaf` of data tensor `from` is changed by `mask`, from step 1 on */
};

struct lie {
  uint8_t kind; /* enum lie_kind */
  uint8_t space, mask;
  bool follow; /* BYTE: what is computed later is computed from the lie; else from what was there */
  uint16_t j, from, offset;
  uint32_t leaf;
};

enum { PARTY_LIES_MAX = 8 };

struct party {
  struct evidence evidence;
  uint32_t executed, materialised; /* intervals, and steps with all their values */
  const struct world *world;
  const struct party *honest; /* NULL: this is the honest one */
  struct lie lie[PARTY_LIES_MAX];
  uint32_t lies;
  uint16_t first; /* step of the first lie, steps + 1 without one; earlier states are the honest party's */
  bool has_steps, has_values[WORLD_STEPS_MAX + 1];
  uint16_t entered;
  uint8_t roots[WORLD_STEPS_MAX + 1][MERKLE_BYTES];
  /* By step, 0: the start. clean: what the next step is computed from; state: what is committed. */
  uint8_t *clean[WORLD_STEPS_MAX + 1], *state[WORLD_STEPS_MAX + 1], *hashes[WORLD_STEPS_MAX + 1];
  uint8_t *temps[WORLD_STEPS_MAX + 1], *temp_hashes[WORLD_STEPS_MAX + 1];
  uint8_t *scratch_temps, *scratch_out;
  struct world_data data; /* the tensor that it lies about */
};

/* party_open takes the memory, party_lie forgets what was computed and takes up lies (none: honest), party_shut gives
 * the memory back. An honest party has to outlive those measured against it. */
void party_open(struct party *p, const struct world *w, struct party *honest);
void party_lie(struct party *p, const struct lie *lies, uint32_t count);
void party_shut(struct party *p);

/* party_roots: the roots of its states 0 .. steps, computed now if they were not. */
const uint8_t (*party_roots(struct party *p))[MERKLE_BYTES];

/* lie_text says what a lie is, for messages of tests. */
void lie_text(const struct lie *l, char *text, size_t bytes);

#endif
