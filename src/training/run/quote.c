#define _DEFAULT_SOURCE
#include "training/run/quote.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include "training/run/plans.h"
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 1000 };

static uint64_t work_of(const struct tape *t) { return t->counts.dot_flops + t->counts.body_ops; }

static void count(const struct prepared *p, const struct execute_options *execute, struct quote *q) {
  const struct tape *tape = p->lowered.tape;
  uint64_t evaluations = p->evaluate_every ? p->updates / p->evaluate_every + (p->updates % p->evaluate_every != 0) : 0;
  q->updates = p->updates;
  q->steps = p->steps;
  q->interval_steps = p->interval_steps;
  q->intervals = p->intervals;
  const struct lowered *l = &p->lowered;
  q->flops_per_update = work_of(&tape[TAPE_OF_TRAIN]);
  if (l->accumulate)
    q->flops_per_update += (lower_micro_batches(&p->options) - 1) * (uint64_t)work_of(&tape[l->accumulate]);
  q->flops = work_of(&tape[TAPE_OF_INIT]) + p->updates * q->flops_per_update;
  if (evaluations) q->flops += evaluations * p->evaluate_steps * work_of(&tape[TAPE_OF_EVALUATE]);
  q->memory_bytes = prepare_memory(p, execute);
  q->state_bytes = p->state_bytes;
  q->temp_bytes = execute_bytes(&tape[TAPE_OF_TRAIN], execute);
  if (l->accumulate && !prepare_alone(p, execute)) q->temp_bytes += execute_bytes(&tape[l->accumulate], execute);
  for (uint32_t d = 0; d < DATA_COUNT; d++) q->data_bytes += p->data_bytes[d];
  uint32_t every = checkpoint_every(p->intervals, p->state_bytes, checkpoint_budget(p->state_bytes)), kept = 0;
  for (uint32_t n = 1; n <= p->intervals; n++) kept += checkpoint_kept(n, p->intervals, every);
  q->checkpoint_bytes = kept * p->state_bytes;
}

static enum training_status one_update(struct plans *plans, uint32_t update, uint8_t *state, struct why *why) {
  const struct prepared *p = plans->p;
  uint32_t micro = lower_micro_batches(&p->options), step = (update - 1) * micro + 1;
  enum training_status status = TRAINING_OK;
  for (; step <= update * micro && status == TRAINING_OK; step++) {
    struct execute *x;
    status = plans_take(plans, prepare_tape(p, step), &x, why);
    if (status == TRAINING_OK) execute_step(x, state, step, p->job.seed);
  }
  return status;
}

/* Real steps from the real start, the first one thrown away: it warms caches and touches memory. */
static enum training_status time_steps(const struct prepared *p, const struct execute_options *o, double seconds,
                                       uint8_t *state, struct quote *q, struct why *why) {
  struct execute *x = NULL;
  enum training_status status = prepare_execute(p, TAPE_OF_INIT, o, &x, why);
  if (status != TRAINING_OK) return status;
  execute_step(x, state, 0, p->job.seed);
  execute_shut(x);
  struct plans plans;
  uint32_t update = 1, timed = 0;
  plans_begin(&plans, p, o);
  double first = machine_seconds();
  status = one_update(&plans, update, state, why);
  double start = machine_seconds(), best = start - first;
  while (status == TRAINING_OK && update < p->updates && timed < STEPS_MAX && machine_seconds() - start < seconds) {
    status = one_update(&plans, ++update, state, why);
    timed++;
  }
  q->seconds_per_update = timed ? (machine_seconds() - start) / timed : best;
  plans_shut(&plans);
  return status;
}

static enum training_status time_evaluation(const struct prepared *p, const struct execute_options *o,
                                            const uint8_t *state, uint8_t *scratch, struct quote *q, struct why *why) {
  struct execute *x = NULL;
  enum training_status status = prepare_execute(p, TAPE_OF_EVALUATE, o, &x, why);
  if (status != TRAINING_OK) return status;
  memcpy(scratch, state, p->state_bytes);
  execute_step(x, scratch, 0, p->job.seed);
  double start = machine_seconds();
  execute_step(x, scratch, 0, p->job.seed);
  q->evaluation_seconds = (machine_seconds() - start) * p->evaluate_steps;
  execute_shut(x);
  return TRAINING_OK;
}

/* What a committed state costs: one copy and one pass of SHA-256, as a share of the interval it ends. */
static enum training_status time_commit(const struct prepared *p, const uint8_t *state, uint8_t *scratch,
                                        struct quote *q, struct why *why) {
  uint8_t root[MERKLE_BYTES];
  double start = machine_seconds(), hashed;
  uint32_t rounds = 0;
  memcpy(scratch, state, p->state_bytes);
  double copied = machine_seconds() - start;
  do {
    enum training_status status = checkpoint_root(NULL, scratch, p->state_bytes, root, why);
    if (status != TRAINING_OK) return status;
    rounds++;
  } while ((hashed = machine_seconds() - start - copied) < 0.05);
  hashed /= rounds;
  q->hash_bytes_per_s = (double)p->state_bytes / hashed;
  q->commit_share = (copied + hashed) / (q->seconds_per_update * p->interval_steps / lower_micro_batches(&p->options));
  return TRAINING_OK;
}

enum training_status quote_job(const struct prepared *p, const struct execute_options *execute, double seconds,
                               struct quote *out, struct why *why) {
  struct quote q = {0};
  enum training_status status = prepare_fits(p, execute, why);
  if (status != TRAINING_OK) return status;
  uint8_t *state = aligned_alloc(64, p->state_bytes), *scratch = aligned_alloc(64, p->state_bytes);
  struct execute_options here = *execute;
  struct pool *pool = here.pool ? NULL : pool_open(machine_threads());
  if (pool) here.pool = pool;
  count(p, &here, &q);
  if (state && scratch) {
    memset(state, 0, p->state_bytes);
    status = time_steps(p, &here, seconds, state, &q, why);
    if (status == TRAINING_OK && p->evaluate_every) status = time_evaluation(p, &here, state, scratch, &q, why);
    if (status == TRAINING_OK) status = time_commit(p, state, scratch, &q, why);
  } else {
    why_set(why, "not enough memory for the state");
    status = TRAINING_ERR_SYSTEM;
  }
  if (pool) pool_shut(pool);
  free(state);
  free(scratch);
  if (status != TRAINING_OK) return status;
  double evaluations =
      p->evaluate_every ? (double)(p->updates / p->evaluate_every + (p->updates % p->evaluate_every != 0)) : 0;
  q.seconds = q.seconds_per_update * p->updates + q.evaluation_seconds * evaluations;
  uint64_t dots = p->lowered.tape[TAPE_OF_TRAIN].counts.dot_flops;
  if (p->lowered.accumulate)
    dots += (lower_micro_batches(&p->options) - 1) * p->lowered.tape[p->lowered.accumulate].counts.dot_flops;
  q.gflops = (double)dots / q.seconds_per_update * 1e-9;
  *out = q;
  return TRAINING_OK;
}
