#include "dispute/world/tall.h"

#include <stdlib.h>
#include <string.h>

enum { LEAVES = TALL_LEAVES + 1 }; /* of temp: grid, then pick; of the state: diverged, then tower */

/* Word `column` of a leaf of the values of step j, or of the state after it. */
static uint32_t word_at(const struct tall *t, uint8_t space, uint16_t j, uint32_t leaf, uint32_t column) {
  uint32_t word;
  if (space == TAPE_TEMP)
    word = leaf < TALL_LEAVES ? column : column < TALL_PICKS ? t->pick[j][column] : 0;
  else
    word = leaf == 0 || j == 0 ? 0 : column + word_at(t, TAPE_TEMP, j, TALL_LEAVES, 0);
  const struct lie *l = &t->lie;
  if (j && l->j == j && l->space == space && l->leaf == leaf && l->offset / 4u == column)
    word ^= (uint32_t)l->mask << 8 * (l->offset % 4);
  return word;
}

static void make_leaf(struct tall *t, uint8_t space, uint16_t j, uint32_t leaf) {
  for (uint32_t column = 0; column < TALL_COLUMNS; column++) {
    uint32_t word = word_at(t, space, j, leaf, column);
    for (uint32_t b = 0; b < 4; b++) t->leaf[4 * column + b] = (uint8_t)(word >> 8 * b);
  }
}

/* Leaves that no lie touches are alike but for the one at the end that stands alone. */
static void hash_all(struct tall *t, uint8_t space, uint16_t j, uint8_t *hashes) {
  const uint32_t alone = space == TAPE_TEMP ? TALL_LEAVES : 0, like = space == TAPE_TEMP ? 0 : 1;
  const uint32_t others[3] = {alone, like, t->lie.j == j && t->lie.space == space ? t->lie.leaf : alone};
  uint8_t hash[MERKLE_BYTES];
  make_leaf(t, space, j, t->lie.leaf == like ? like + 1 : like);
  merkle_leaf(t->leaf, sizeof t->leaf, hash);
  for (uint32_t i = 0; i < LEAVES; i++) memcpy(hashes + (size_t)i * MERKLE_BYTES, hash, MERKLE_BYTES);
  for (uint32_t i = 0; i < 3; i++) {
    make_leaf(t, space, j, others[i]);
    merkle_leaf(t->leaf, sizeof t->leaf, hashes + (size_t)others[i] * MERKLE_BYTES);
  }
}

/* The fold of the tape as plain loops; word_at adds the lie, and the tower follows from what is shown. */
static void compute(struct tall *t, uint16_t j) {
  for (uint32_t e = 0; e < TALL_PICKS; e++) {
    uint32_t sum = 0;
    for (uint32_t k = 0; k < TALL_K; k++) {
      uint32_t row = 9000 * e + 20 * k;
      sum += word_at(t, TAPE_TEMP, j, row, k) + word_at(t, TAPE_OUT, (uint16_t)(j - 1), 1 + row + 1, k);
    }
    t->pick[j][e] = sum;
  }
}

static bool give_steps(void *context, uint16_t steps, uint8_t (*roots)[MERKLE_BYTES], struct why *why) {
  const struct tall *t = context;
  (void)why;
  memcpy(roots, t->roots[1], (size_t)steps * MERKLE_BYTES);
  return true;
}

static bool enter(void *context, uint16_t j, struct why *why) {
  struct tall *t = context;
  (void)why;
  if (t->entered != j) hash_all(t, TAPE_TEMP, j, t->temp_hashes);
  t->entered = j;
  return true;
}

static const uint8_t *give_hashes(void *context, uint8_t space, uint8_t number) {
  const struct tall *t = context;
  (void)number;
  if (space == TAPE_TEMP) return t->temp_hashes;
  return space == TAPE_DATA ? NULL : t->hashes[space == TAPE_IN ? t->entered - 1 : t->entered];
}

static const uint8_t *give_leaf(void *context, uint8_t space, uint8_t number, uint64_t index) {
  struct tall *t = context;
  (void)number;
  uint16_t j = space == TAPE_IN ? (uint16_t)(t->entered - 1) : t->entered;
  make_leaf(t, space == TAPE_IN ? TAPE_OUT : space, j, (uint32_t)index);
  return t->leaf;
}

void tall_open(struct tall *t, const struct built_tape *tape, const struct lie *lie) {
  memset(t, 0, sizeof *t);
  if (lie) t->lie = *lie;
  t->evidence = (struct evidence){.context = t,
                                  .tape = {&tape->tape},
                                  .steps = give_steps,
                                  .enter = enter,
                                  .hashes = give_hashes,
                                  .leaf = give_leaf};
  t->temp_hashes = world_take((size_t)LEAVES * MERKLE_BYTES);
  for (uint16_t j = 0; j <= TALL_STEPS; j++) {
    t->hashes[j] = world_take((size_t)LEAVES * MERKLE_BYTES);
    if (j) compute(t, j);
    hash_all(t, TAPE_OUT, j, t->hashes[j]);
    world_root(t->hashes[j], LEAVES, t->roots[j]);
  }
}

void tall_shut(struct tall *t) {
  for (uint16_t j = 0; j <= TALL_STEPS; j++) free(t->hashes[j]);
  free(t->temp_hashes);
}

void tall_frame(const struct tall *claimant, const struct built_tape *tape, struct dispute_frame *f) {
  memset(f, 0, sizeof *f);
  f->target = (struct move_challenge){.job_root = {7}, .task = 1, .interval = 1};
  memcpy(f->start_root, claimant->roots[0], MERKLE_BYTES);
  memcpy(f->end_root, claimant->roots[TALL_STEPS], MERKLE_BYTES);
  f->steps = TALL_STEPS;
  f->state_leaves = LEAVES;
  f->tapes = 1;
  f->tape[0] = (struct dispute_tape){.records = tape->tape.records_count, .temp_leaves = LEAVES, .values_ticks = 40};
  tape_root(&tape->tape, f->tape[0].root);
  f->window_ticks = DISPUTE_WINDOW_TICKS;
  f->slack_ticks = DISPUTE_SLACK_TICKS;
}
