/* The job of a trial, and what came of it. */
#include <assert.h>
#include <string.h>

#include "ledger/docket/trial_world.h"
#include "numeric/canon.h"

static struct tape_record record(uint8_t op, uint8_t dtype, uint32_t rows, uint32_t k) {
  struct tape_record r = example_record(op, dtype, TAPE_TEMP, 0);
  example_dims(&r, 1, k ? 1 : 0, (uint32_t[]){rows, k});
  return r;
}

/* An operand over a vector that follows dim `dim` of the record. */
static struct tape_operand *vector(struct tape_record *r, uint8_t space, uint8_t dtype, uint64_t leaf, uint32_t extent,
                                   uint8_t dim) {
  struct tape_operand *x = example_operand(r, space, dtype, leaf);
  example_term(example_axis(x, extent, 0), dim, 1);
  return x;
}

/* a = w * x; s = sum of a * x; diverged = (step is `diverges_at`) or was; w = w + a; loss = s[0]. */
void trial_tape(struct built_tape *b, uint32_t diverges_at) {
  struct why why = {""};
  built_begin(b);
  built_entry(b, false, 0, TAPE_F32, TRIAL_FLOATS, 0);
  built_entry(b, false, 0, TAPE_F32, 1, 0);
  built_entry(b, true, 0, TAPE_F32, TRIAL_FLOATS, 0);
  uint64_t w = b->entry[1].first_leaf;
  struct tape_record r = record(TAPE_MAP, TAPE_F32, TRIAL_FLOATS, 0);
  vector(&r, TAPE_IN, TAPE_F32, w, TRIAL_FLOATS, 0);
  vector(&r, TAPE_DATA, TAPE_F32, 0, TRIAL_FLOATS, 0);
  example_op(&r, CANON_MUL, 0, 1, 0);
  uint64_t a = built_temp(b, &r)->first_leaf;
  r = record(TAPE_DOT, TAPE_F32, 1, TRIAL_FLOATS);
  vector(&r, TAPE_DATA, TAPE_F32, 0, TRIAL_FLOATS, 1);
  vector(&r, TAPE_TEMP, TAPE_F32, a, TRIAL_FLOATS, 1);
  uint64_t sum = built_temp(b, &r)->first_leaf;
  r = record(TAPE_MAP, TAPE_I32, 1, 0);
  vector(&r, TAPE_IN, TAPE_I32, 0, 1, 0);
  uint8_t at = example_literal(&r, diverges_at & 0x7fffffff, true);
  uint8_t now = example_op(&r, CANON_IEQ, example_op(&r, CANON_STEP, 0, 0, 0), at, 0);
  example_op(&r, CANON_IADD, 0, now, 0);
  built_out(b, &r, 0);
  r = record(TAPE_MAP, TAPE_F32, TRIAL_FLOATS, 0);
  vector(&r, TAPE_IN, TAPE_F32, w, TRIAL_FLOATS, 0);
  vector(&r, TAPE_TEMP, TAPE_F32, a, TRIAL_FLOATS, 0);
  example_op(&r, CANON_ADD, 0, 1, 0);
  built_out(b, &r, 1);
  r = record(TAPE_MAP, TAPE_F32, 1, 0);
  vector(&r, TAPE_TEMP, TAPE_F32, sum, 1, 0);
  built_out(b, &r, 2);
  bool good = built_end(b, &why);
  if (!good) fprintf(stderr, "%s\n", why.text);
  assert(good);
}

const uint8_t *trial_state(const struct party *p, uint16_t j) {
  return (p->honest && j < p->first ? p->honest : p)->state[j];
}

const uint8_t *trial_hashes(const struct party *p, uint16_t j) {
  return (p->honest && j < p->first ? p->honest : p)->hashes[j];
}

uint16_t trial_interval_steps(const struct trial *t, uint16_t i) {
  return i == t->plan.intervals && t->plan.last_steps ? t->plan.last_steps : t->plan.interval_steps;
}

/* A chain of worlds, each starting where the solver says that the one before ended. */
void trial_run(struct trial *t, struct trial_interval *run, uint16_t lie_interval) {
  for (uint16_t i = 1; i <= t->plan.intervals; i++) {
    struct trial_interval *v = &run[i - 1];
    size_t bytes = (size_t)t->tape.tape.state_leaves * TAPE_LEAF_BYTES;
    world_open(&v->world, t->tapes, 1, trial_interval_steps(t, i), TRIAL_SEED);
    if (i > 1) {
      const struct trial_interval *before = &run[i - 2];
      memcpy(v->world.start, trial_state(&before->solver, before->world.steps), bytes);
      v->world.first_step = before->world.first_step + before->world.steps;
    }
    world_hash(&v->world);
    party_open(&v->honest, &v->world, NULL);
    party_open(&v->solver, &v->world, &v->honest);
    if (i == lie_interval) party_lie(&v->solver, &t->plan.lie, 1);
    party_roots(&v->solver);
    party_roots(&v->honest);
  }
}

void trial_run_shut(struct trial *t, struct trial_interval *run) {
  for (uint16_t i = 0; i < t->plan.intervals; i++) {
    party_shut(&run[i].solver);
    party_shut(&run[i].honest);
    world_shut(&run[i].world);
  }
}
