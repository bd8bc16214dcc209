/* bench_job: a row's network with a known optimizer, ready to take training steps. Uses: rows, training. */
#ifndef CLI_BENCH_JOB_H
#define CLI_BENCH_JOB_H
#include "cli/bench/bench.h"
#include "cli/bench/rows.h"
#include "training/run/prepare.h"

struct bench_job {
  const char *name; /* of the row, or the path of the user's job */
  const char *data; /* what it trains on: "fashion-mnist", "licences", "made up", or "of the job" */
  char folder[64];
  char job_path[128];
  struct prepared prepared; /* large: keep a bench_job static */
};

/* bench_job_open writes the row's job (AdamW, its batch, its data) into a temporary folder and prepares it; row NULL:
 * the job of options->job as it is. bench_job_shut removes the folder. INPUT: the model is missing, or the user's job
 * is wrong. */
enum outcome bench_job_open(struct bench_job *b, const struct bench_row *row, uint32_t updates,
                            const struct bench_options *o, struct why *why);
void bench_job_shut(struct bench_job *b);

/* bench_choose puts the rows to be measured into chosen and returns how many: those that --row names, else all whose
 * models are there, after saying which are left out; 0 with why if there are none. */
uint32_t bench_choose(const struct bench_options *o, const struct bench_row *chosen[BENCH_ROWS], struct why *why);

/* A seat for one executor of the train tape with its own state, after init. */
struct bench_seat {
  struct execute *train;
  uint8_t *state;
  uint32_t step; /* next */
};
enum outcome bench_seat_open(struct bench_seat *s, const struct bench_job *b, const struct execute_options *x,
                             struct why *why);
void bench_seat_shut(struct bench_seat *s);

/* bench_seat_step takes one step and returns its seconds. */
double bench_seat_step(struct bench_seat *s, const struct bench_job *b);

#endif
