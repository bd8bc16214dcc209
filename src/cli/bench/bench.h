/* bench: what the benchmarks share: options, one line a measurement, the median. Uses: output. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H
#include "base/why.h"
#include "cli/command.h"
#include "cli/output.h"

struct bench_options {
  const char *row;           /* a row's name or its model's, NULL: all whose models are there */
  const char *job;           /* step: the user's own job file instead of a row */
  const char *models, *data; /* folders: --models, --data (NULL: where the package puts them) */
  const char *only, *peers;  /* gemm, conv: shapes by name; folder of the peer programs */
  uint32_t threads, steps;
  const char *folder;                       /* ledger: where chains are made */
  uint32_t rounds, seconds;                 /* ledger */
  bool made_up;                             /* made-up data even where Fashion-MNIST or a text is */
  bool threads_given, json, quick, profile; /* quick: leaves out the comparison with the reference bits */
};

/* Each prints its lines; DONE, or a status with why. */
enum outcome bench_step(const struct bench_options *o, struct why *why);
enum outcome bench_commit(const struct bench_options *o, struct why *why);
enum outcome bench_guard(const struct bench_options *o, struct why *why);
enum outcome bench_exact(const struct bench_options *o, struct why *why);
enum outcome bench_ledger(const struct bench_options *o, struct why *why);

/* bench_stopped: has Ctrl-C asked to leave off? The first call begins to listen. What runs until then ends first. */
bool bench_stopped(void);

/* bench_median sorts x and returns its middle; count >= 1. */
double bench_median(double *x, uint32_t count);

#endif
