/* The price of exactness: our step beside one that may add in any order. */
#include "cli/bench/job.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WARM_STEPS = 5 };

static struct bench_job job; /* large */

/* Steps of the exact plan and of one that may add in any order, one after the other in turn. */
static enum outcome exact_of(const struct bench_row *row, const struct bench_options *o, struct pool *pool,
                             double *ratio, struct why *why) {
  enum outcome outcome = bench_job_open(&job, row, WARM_STEPS + o->steps, o, why);
  if (outcome != OUTCOME_DONE) return outcome;
  struct execute_options exact = {.pool = pool}, any = {.pool = pool, .free_order = true};
  struct bench_seat seat[2] = {{0}, {0}};
  double *seconds = calloc(2 * (size_t)o->steps, sizeof *seconds);
  if (!seconds) outcome = OUTCOME_ENVIRONMENT, why_set(why, "no memory for %" PRIu32 " times", o->steps);
  if (outcome == OUTCOME_DONE) outcome = bench_seat_open(&seat[0], &job, &exact, why);
  if (outcome == OUTCOME_DONE) outcome = bench_seat_open(&seat[1], &job, &any, why);
  if (outcome == OUTCOME_DONE) {
    for (uint32_t i = 0; i < WARM_STEPS + o->steps && !bench_stopped(); i++)
      for (uint32_t which = 0; which < 2; which++) {
        uint32_t turn = (which + i) % 2; /* who goes first changes too */
        double t = bench_seat_step(&seat[turn], &job);
        if (i >= WARM_STEPS) seconds[turn * (size_t)o->steps + i - WARM_STEPS] = t;
      }
    if (bench_stopped()) outcome = OUTCOME_INTERRUPTED;
  }
  if (outcome == OUTCOME_DONE) {
    double ours = bench_median(seconds, o->steps), theirs = bench_median(seconds + o->steps, o->steps);
    *ratio = theirs / ours;
    if (o->json)
      output_json(json_pack("{s:s, s:s, s:f, s:{s:f}, s:{s:f}, s:o}", "name", "exact", "size", row->name, "ms",
                            ours * 1e3, "peer", "free_order_ms", theirs * 1e3, "ratio", "free_order", *ratio,
                            "same_bits", json_null()));
    else
      printf("exact  %-12s %8.3f ms, in free order %8.3f ms: exactness costs %+.1f %%\n", row->name, ours * 1e3,
             theirs * 1e3, 100 * (1 / *ratio - 1));
  }
  bench_seat_shut(&seat[0]);
  bench_seat_shut(&seat[1]);
  free(seconds);
  bench_job_shut(&job);
  return outcome;
}

enum outcome bench_exact(const struct bench_options *o, struct why *why) {
  const struct bench_row *chosen[BENCH_ROWS];
  uint32_t n = bench_choose(o, chosen, why);
  if (n == 0) return OUTCOME_INPUT;
  struct pool *pool = pool_open(o->threads);
  double sum = 0, ratio = 1;
  enum outcome outcome = OUTCOME_DONE;
  for (uint32_t i = 0; i < n && outcome == OUTCOME_DONE; i++) {
    outcome = exact_of(chosen[i], o, pool, &ratio, why);
    sum += log(ratio);
  }
  double mean = exp(sum / n);
  if (outcome == OUTCOME_DONE && o->json)
    output_json(json_pack("{s:{s:f}}", "summary", "free_order", mean));
  else if (outcome == OUTCOME_DONE && n > 1)
    printf("exact  %-12s exactness costs %+.1f %% (geometric mean)\n", "all", 100 * (1 / mean - 1));
  if (pool) pool_shut(pool);
  return outcome;
}
