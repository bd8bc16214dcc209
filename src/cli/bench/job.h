/* bench_job: a known network with a known optimizer, ready to take training steps. Uses: training. */
#ifndef CLI_BENCH_JOB_H
#define CLI_BENCH_JOB_H
#include "cli/bench/bench.h"
#include "training/run/prepare.h"

enum { BENCH_BATCH = 128 };

struct bench_job {
  const char *name;
  bool made_up; /* the data are noise of Fashion-MNIST's shape */
  char folder[64];
  char job_path[128];
  struct prepared prepared; /* large: keep a bench_job static */
};

/* bench_job_open writes the job (AdamW, batch 128, Fashion-MNIST) into a temporary folder and prepares it. interval:
 * 0 is auto. bench_job_shut removes the folder. */
enum outcome bench_job_open(struct bench_job *b, const char *name, uint32_t updates, const struct bench_options *o,
                            struct why *why);
void bench_job_shut(struct bench_job *b);

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
