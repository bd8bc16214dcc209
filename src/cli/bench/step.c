/* The speed of a training step, alone. tests/peers/compare.py sets it beside PyTorch's. */
#include "cli/bench/job.h"
#include "cli/bench/memory.h"
#include "cli/profile.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 5, COMPARED_STEPS = 2, COMPARED_GFLOP = 10 };

static struct bench_job job; /* large */

struct figures {
  double middle, best; /* seconds a step */
  bool compared, same; /* with the reference's bits */
  uint64_t peak_bytes, training_bytes;
};

static double step_gflop(void) { return (double)job.prepared.lowered.tape[TAPE_OF_TRAIN].counts.dot_flops * 1e-9; }

/* The updates that ours has taken, on the scalar back end, generic paths only. */
static enum outcome same_bits(struct bench_seat *ours, bool *same, struct pool *pool, struct why *why) {
  struct bench_seat twin;
  struct execute_options x = {.backend = &backend_scalar, .pool = pool, .recognise_nothing = true};
  enum outcome outcome = bench_seat_open(&twin, &job, &x, why);
  if (outcome != OUTCOME_DONE) return outcome;
  while (twin.step < ours->step && !bench_stopped()) bench_seat_step(&twin, &job);
  *same = memcmp(twin.state, ours->state, job.prepared.state_bytes) == 0;
  bench_seat_shut(&twin);
  return OUTCOME_DONE;
}

static void print_json(const struct figures *f, const struct bench_options *o) {
  uint32_t batch = job.prepared.jobfile.batch;
  output_json(json_pack("{s:s, s:o, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "name", "step",
                        "size", output_text(job.name), "ms", f->middle * 1e3, "best_ms", f->best * 1e3, "samples_per_s",
                        batch / f->middle, "gflops", step_gflop() / f->middle, "gflop", step_gflop(), "batch",
                        (json_int_t)batch, "threads", (json_int_t)o->threads, "steps", (json_int_t)o->steps,
                        "peak_bytes", (json_int_t)f->peak_bytes, "training_bytes", (json_int_t)f->training_bytes,
                        "data", job.data, "same_bits", f->compared ? json_boolean(f->same) : json_null()));
}

static void print(const struct figures *f, const struct bench_options *o) {
  char peak[SHORT_TEXT];
  printf("step   %-12s %8.3f ms (best %.3f)  %8.0f samples/s  %6.1f GFLOP/s  %" PRIu32 " threads  peak %s  %s\n",
         job.name, f->middle * 1e3, f->best * 1e3, job.prepared.jobfile.batch / f->middle, step_gflop() / f->middle,
         o->threads, text_bytes((double)f->peak_bytes, peak),
         !f->compared ? "bits not compared"
         : f->same    ? "same bits as the reference"
                      : "OTHER BITS THAN THE REFERENCE");
}

/* The steps that count. What they spent in each record is in `spent`. */
static enum outcome measure(struct bench_seat *seat, uint32_t steps, double *seconds, double *spent,
                            struct figures *f) {
  uint32_t records = job.prepared.lowered.tape[TAPE_OF_TRAIN].records_count;
  for (int i = 0; i < WARM_STEPS; i++) bench_seat_step(seat, &job);
  execute_profile(seat->train, spent); /* starts the profile afresh */
  memset(spent, 0, records * sizeof *spent);
  for (uint32_t i = 0; i < steps; i++) {
    if (bench_stopped()) return OUTCOME_INTERRUPTED;
    seconds[i] = bench_seat_step(seat, &job);
  }
  execute_profile(seat->train, spent);
  f->middle = bench_median(seconds, steps);
  f->best = seconds[0];
  return OUTCOME_DONE;
}

static bool profile(const struct bench_options *o, const double *seconds, const double *spent) {
  struct profiled tape = {.name = "train",
                          .tape = &job.prepared.lowered.tape[TAPE_OF_TRAIN],
                          .origin = job.prepared.lowered.origin[TAPE_OF_TRAIN],
                          .record_seconds = spent,
                          .steps = o->steps};
  for (uint32_t i = 0; i < o->steps; i++) tape.seconds += seconds[i];
  return profile_print(&tape, o->json);
}

static enum outcome step_with(const struct bench_options *o, struct pool *pool, double *seconds, double *spent,
                              struct why *why) {
  struct figures f = {.compared = !o->quick};
  struct execute_options x = {.pool = pool};
  struct bench_seat seat;
  uint64_t before = memory_now(), most = memory_most();
  memory_mark(); /* reading the data may have taken more for a moment than training will */
  enum outcome outcome = bench_seat_open(&seat, &job, &x, why);
  if (outcome != OUTCOME_DONE) return outcome;
  /* Beyond this size the reference takes minutes a step. */
  uint32_t compared = step_gflop() > COMPARED_GFLOP ? 1 : COMPARED_STEPS;
  for (uint32_t i = 0; i < compared; i++) bench_seat_step(&seat, &job);
  f.training_bytes = memory_most() > before ? memory_most() - before : 0;
  f.peak_bytes = memory_most() > most ? memory_most() : most;
  if (f.compared) outcome = same_bits(&seat, &f.same, pool, why);
  if (outcome == OUTCOME_DONE) outcome = measure(&seat, o->steps, seconds, spent, &f);
  if (outcome == OUTCOME_DONE) (o->json ? print_json : print)(&f, o);
  if (outcome == OUTCOME_DONE && o->profile && !profile(o, seconds, spent)) {
    outcome = OUTCOME_ENVIRONMENT;
    why_set(why, "no memory for the profile");
  }
  bench_seat_shut(&seat);
  return outcome == OUTCOME_DONE && f.compared && !f.same ? OUTCOME_NO : outcome;
}

static enum outcome step_of(const struct bench_row *row, const struct bench_options *o, struct pool *pool,
                            struct why *why) {
  enum outcome outcome = bench_job_open(&job, row, COMPARED_STEPS + WARM_STEPS + o->steps, o, why);
  if (outcome != OUTCOME_DONE) return outcome;
  double *seconds = calloc(o->steps, sizeof *seconds);
  double *spent = calloc(job.prepared.lowered.tape[TAPE_OF_TRAIN].records_count, sizeof *spent);
  if (seconds && spent) {
    outcome = step_with(o, pool, seconds, spent, why);
  } else {
    outcome = OUTCOME_ENVIRONMENT;
    why_set(why, "no memory for %" PRIu32 " times", o->steps);
  }
  free(seconds);
  free(spent);
  bench_job_shut(&job);
  return outcome;
}

enum outcome bench_step(const struct bench_options *o, struct why *why) {
  const struct bench_row *chosen[BENCH_ROWS] = {NULL};
  uint32_t n = o->job ? 1 : bench_choose(o, chosen, why);
  if (n == 0) return OUTCOME_INPUT;
  struct pool *pool = pool_open(o->threads);
  enum outcome outcome = OUTCOME_DONE, worst = OUTCOME_DONE;
  for (uint32_t i = 0; i < n && outcome <= OUTCOME_NO; i++) {
    outcome = step_of(chosen[i], o, pool, why);
    if (outcome > worst) worst = outcome;
  }
  if (pool) pool_shut(pool);
  return worst;
}
