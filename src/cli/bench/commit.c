/* The price of committing: how long hashing the state takes beside the steps of an interval. */
#include "cli/bench/job.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <stdio.h>

enum { WARM_STEPS = 5 };

static struct bench_job job; /* large */

/* One interval's steps, then the state hashed with all threads, again and again: seconds of each kind. */
static enum outcome commit_of(const struct bench_row *row, const struct bench_options *o, struct pool *pool,
                              double *share, struct why *why) {
  enum { ROUNDS = 7 };
  enum outcome outcome = bench_job_open(&job, row, 60000, o, why);
  if (outcome != OUTCOME_DONE) return outcome;
  struct execute_options x = {.pool = pool};
  struct bench_seat seat;
  outcome = bench_seat_open(&seat, &job, &x, why);
  if (outcome == OUTCOME_DONE) {
    uint8_t root[MERKLE_BYTES];
    uint32_t interval = job.prepared.interval_steps;
    double training[ROUNDS], hashing[ROUNDS];
    enum training_status s = TRAINING_OK;
    for (int i = 0; i < WARM_STEPS; i++) bench_seat_step(&seat, &job);
    for (int r = 0; r < ROUNDS && s == TRAINING_OK; r++) {
      training[r] = 0;
      for (uint32_t i = 0; i < interval && !bench_stopped(); i++) training[r] += bench_seat_step(&seat, &job);
      double start = machine_seconds();
      s = checkpoint_root(pool, seat.state, job.prepared.state_bytes, root, why);
      hashing[r] = machine_seconds() - start;
    }
    outcome = bench_stopped() ? OUTCOME_INTERRUPTED : (enum outcome)s;
    if (outcome == OUTCOME_DONE) {
      double t = bench_median(training, ROUNDS), h = bench_median(hashing, ROUNDS);
      *share = h / t;
      if (o->json)
        output_json(json_pack("{s:s, s:s, s:f, s:I, s:f, s:f, s:I, s:b}", "name", "commit", "size", row->name, "share",
                              *share, "interval_steps", (json_int_t)interval, "hash_ms", h * 1e3, "interval_ms",
                              t * 1e3, "state_bytes", (json_int_t)job.prepared.state_bytes, "same_bits", 1));
      else
        printf("commit %-12s every %3" PRIu32 " steps: hashing %.3f ms after %.1f ms of training = %.2f %%\n",
               row->name, interval, h * 1e3, t * 1e3, 100 * *share);
    }
    bench_seat_shut(&seat);
  }
  bench_job_shut(&job);
  return outcome;
}

enum outcome bench_commit(const struct bench_options *o, struct why *why) {
  const struct bench_row *chosen[BENCH_ROWS];
  uint32_t n = bench_choose(o, chosen, why);
  if (n == 0) return OUTCOME_INPUT;
  struct pool *pool = pool_open(o->threads);
  double worst = 0, share = 0;
  enum outcome outcome = OUTCOME_DONE;
  for (uint32_t i = 0; i < n && outcome == OUTCOME_DONE; i++) {
    outcome = commit_of(chosen[i], o, pool, &share, why);
    if (share > worst) worst = share;
  }
  if (outcome == OUTCOME_DONE && o->json) output_json(json_pack("{s:{s:f}}", "summary", "worst_share", worst));
  if (pool) pool_shut(pool);
  return outcome;
}
