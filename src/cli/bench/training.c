/* The benchmarks of training steps: their speed, the price of committing, the price of exactness. */
#include "cli/bench/job.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 5, SUMMARY_MAX = 8 };

static struct bench_job job; /* large */

/* The networks a benchmark runs: the named one, or its own list. */
static uint32_t choose(const struct bench_options *o, const char *const *list, uint32_t count, const char *chosen[3]) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < count; i++)
    if (!o->model || strcmp(o->model, list[i]) == 0) chosen[n++] = list[i];
  return n;
}

static const char *const all_models[] = {"mlp", "lenet", "cnn"};

static enum outcome unknown_model(const struct bench_options *o, struct why *why) {
  why_set(why, "this benchmark has no model '%s'; --model takes mlp, lenet or cnn (commit: mlp, lenet)", o->model);
  return OUTCOME_INPUT;
}

static double step_gflop(void) { return (double)job.prepared.lowered.tape[TAPE_OF_TRAIN].counts.dot_flops * 1e-9; }

/* Two updates on the scalar back end, generic paths only, against the same two on ours. */
static enum outcome same_bits(struct bench_seat *ours, bool *same, struct pool *pool, struct why *why) {
  struct bench_seat twin;
  struct execute_options x = {.backend = &backend_scalar, .pool = pool, .recognise_nothing = true};
  enum outcome outcome = bench_seat_open(&twin, &job, &x, why);
  if (outcome != OUTCOME_DONE) return outcome;
  while (twin.step < ours->step) bench_seat_step(&twin, &job);
  *same = memcmp(twin.state, ours->state, job.prepared.state_bytes) == 0;
  bench_seat_shut(&twin);
  return OUTCOME_DONE;
}

/* The dozen records that took longest since the profile was last read, per step. */
static void print_profile(struct execute *x, uint32_t steps) {
  enum { SHOWN = 12 };
  const struct tape *t = &job.prepared.lowered.tape[TAPE_OF_TRAIN];
  const struct lower_origin *origin = job.prepared.lowered.origin[TAPE_OF_TRAIN];
  double *seconds = calloc(t->records_count, sizeof *seconds);
  if (!seconds) return;
  execute_profile(x, seconds);
  for (int n = 0; n < SHOWN; n++) {
    uint32_t most = 0;
    for (uint32_t r = 1; r < t->records_count; r++)
      if (seconds[r] > seconds[most]) most = r;
    if (seconds[most] <= 0) break;
    const struct lower_origin *o = &origin[most];
    printf("  %8.3f ms  record %-4" PRIu32 " %s %s, %s\n", seconds[most] / steps * 1e3, most + 1, o->op ? o->op : "",
           o->node ? o->node : "", o->part ? o->part : "");
    seconds[most] = 0;
  }
  free(seconds);
}

static enum outcome step_of(const char *name, const struct bench_options *o, struct pool *pool, struct why *why) {
  enum outcome outcome = bench_job_open(&job, name, 2 + WARM_STEPS + o->steps, o, why);
  if (outcome != OUTCOME_DONE) return outcome;
  struct execute_options x = {.pool = pool};
  struct bench_seat seat;
  double *seconds = calloc(o->steps, sizeof *seconds);
  bool same = false;
  if (!seconds) outcome = OUTCOME_ENVIRONMENT, why_set(why, "no memory for %" PRIu32 " times", o->steps);
  if (outcome == OUTCOME_DONE) outcome = bench_seat_open(&seat, &job, &x, why);
  if (outcome == OUTCOME_DONE) {
    for (int i = 0; i < 2; i++) bench_seat_step(&seat, &job);
    if (!o->quick) outcome = same_bits(&seat, &same, pool, why);
    for (int i = 0; i < WARM_STEPS; i++) bench_seat_step(&seat, &job);
    double *unread = calloc(job.prepared.lowered.tape[TAPE_OF_TRAIN].records_count, sizeof *unread);
    if (unread) execute_profile(seat.train, unread); /* starts the profile afresh */
    free(unread);
    for (uint32_t i = 0; i < o->steps; i++) seconds[i] = bench_seat_step(&seat, &job);
    double middle = bench_median(seconds, o->steps), best = seconds[0];
    if (outcome == OUTCOME_DONE && o->json)
      output_json(json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:s, s:o}", "name", "step", "size", name, "ms",
                            middle * 1e3, "best_ms", best * 1e3, "samples_per_s", job.prepared.jobfile.batch / middle,
                            "gflops", step_gflop() / middle, "threads", (json_int_t)o->threads, "steps",
                            (json_int_t)o->steps, "data", job.made_up ? "made up" : "fashion-mnist", "same_bits",
                            o->quick ? json_null() : json_boolean(same)));
    else if (outcome == OUTCOME_DONE)
      printf("step   %-6s %8.3f ms (best %.3f)  %8.0f samples/s  %6.1f GFLOP/s  %" PRIu32 " threads  %s\n", name,
             middle * 1e3, best * 1e3, job.prepared.jobfile.batch / middle, step_gflop() / middle, o->threads,
             o->quick ? "bits not compared"
             : same   ? "same bits as the reference"
                      : "OTHER BITS THAN THE REFERENCE");
    if (o->profile && !o->json) print_profile(seat.train, o->steps);
    bench_seat_shut(&seat);
  }
  free(seconds);
  bench_job_shut(&job);
  return outcome == OUTCOME_DONE && !o->quick && !same ? OUTCOME_NO : outcome;
}

/* One interval's steps, then the state hashed with all threads, again and again: seconds of each kind. */
static enum outcome commit_of(const char *name, const struct bench_options *o, struct pool *pool, double *share,
                              struct why *why) {
  enum { ROUNDS = 7 };
  enum outcome outcome = bench_job_open(&job, name, 60000, o, why);
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
      for (uint32_t i = 0; i < interval; i++) training[r] += bench_seat_step(&seat, &job);
      double start = machine_seconds();
      s = checkpoint_root(pool, seat.state, job.prepared.state_bytes, root, why);
      hashing[r] = machine_seconds() - start;
    }
    outcome = (enum outcome)s;
    if (s == TRAINING_OK) {
      double t = bench_median(training, ROUNDS), h = bench_median(hashing, ROUNDS);
      *share = h / t;
      if (o->json)
        output_json(json_pack("{s:s, s:s, s:f, s:I, s:f, s:f, s:I, s:b}", "name", "commit", "size", name, "share",
                              *share, "interval_steps", (json_int_t)interval, "hash_ms", h * 1e3, "interval_ms",
                              t * 1e3, "state_bytes", (json_int_t)job.prepared.state_bytes, "same_bits", 1));
      else
        printf("commit %-6s every %3" PRIu32 " steps: hashing %.3f ms after %.1f ms of training = %.2f %%\n", name,
               interval, h * 1e3, t * 1e3, 100 * *share);
    }
    bench_seat_shut(&seat);
  }
  bench_job_shut(&job);
  return outcome;
}

/* Steps of the exact plan and of one that may add in any order, one after the other in turn. */
static enum outcome exact_of(const char *name, const struct bench_options *o, struct pool *pool, double *ratio,
                             struct why *why) {
  enum outcome outcome = bench_job_open(&job, name, WARM_STEPS + o->steps, o, why);
  if (outcome != OUTCOME_DONE) return outcome;
  struct execute_options exact = {.pool = pool}, any = {.pool = pool, .free_order = true};
  struct bench_seat seat[2] = {{0}, {0}};
  double *seconds = calloc(2 * (size_t)o->steps, sizeof *seconds);
  if (!seconds) outcome = OUTCOME_ENVIRONMENT, why_set(why, "no memory for %" PRIu32 " times", o->steps);
  if (outcome == OUTCOME_DONE) outcome = bench_seat_open(&seat[0], &job, &exact, why);
  if (outcome == OUTCOME_DONE) outcome = bench_seat_open(&seat[1], &job, &any, why);
  if (outcome == OUTCOME_DONE) {
    for (uint32_t i = 0; i < WARM_STEPS + o->steps; i++)
      for (uint32_t which = 0; which < 2; which++) {
        uint32_t turn = (which + i) % 2; /* who goes first changes too */
        double t = bench_seat_step(&seat[turn], &job);
        if (i >= WARM_STEPS) seconds[turn * (size_t)o->steps + i - WARM_STEPS] = t;
      }
    double ours = bench_median(seconds, o->steps), theirs = bench_median(seconds + o->steps, o->steps);
    *ratio = theirs / ours;
    if (o->json)
      output_json(json_pack("{s:s, s:s, s:f, s:{s:f}, s:{s:f}, s:o}", "name", "exact", "size", name, "ms", ours * 1e3,
                            "peer", "free_order_ms", theirs * 1e3, "ratio", "free_order", *ratio, "same_bits",
                            json_null()));
    else
      printf("exact  %-6s %8.3f ms, in free order %8.3f ms: exactness costs %+.1f %%\n", name, ours * 1e3, theirs * 1e3,
             100 * (1 / *ratio - 1));
  }
  bench_seat_shut(&seat[0]);
  bench_seat_shut(&seat[1]);
  free(seconds);
  bench_job_shut(&job);
  return outcome;
}

enum outcome bench_step(const struct bench_options *o, struct why *why) {
  const char *chosen[3] = {o->job};
  uint32_t n = o->job ? 1 : choose(o, all_models, 3, chosen);
  if (n == 0) return unknown_model(o, why);
  struct pool *pool = pool_open(o->threads);
  enum outcome outcome = OUTCOME_DONE, worst = OUTCOME_DONE;
  for (uint32_t i = 0; i < n && outcome <= OUTCOME_NO; i++) {
    outcome = step_of(chosen[i], o, pool, why);
    if (outcome > worst) worst = outcome;
  }
  if (pool) pool_shut(pool);
  return worst;
}

enum outcome bench_commit(const struct bench_options *o, struct why *why) {
  const char *chosen[3];
  uint32_t n = choose(o, all_models, 2, chosen);
  if (n == 0) return unknown_model(o, why);
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

enum outcome bench_exact(const struct bench_options *o, struct why *why) {
  const char *chosen[3];
  uint32_t n = choose(o, all_models, 3, chosen);
  if (n == 0) return unknown_model(o, why);
  struct pool *pool = pool_open(o->threads);
  double sum = 0, ratio = 1;
  enum outcome outcome = OUTCOME_DONE;
  for (uint32_t i = 0; i < n && outcome == OUTCOME_DONE; i++) {
    outcome = exact_of(chosen[i], o, pool, &ratio, why);
    sum += log(ratio);
  }
  if (outcome == OUTCOME_DONE && o->json)
    output_json(json_pack("{s:{s:f}}", "summary", "free_order", exp(sum / n)));
  else if (outcome == OUTCOME_DONE && n > 1)
    printf("exact  all    exactness costs %+.1f %% (geometric mean)\n", 100 * (exp(-sum / n) - 1));
  if (pool) pool_shut(pool);
  return outcome;
}
