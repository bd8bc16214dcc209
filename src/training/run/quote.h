/* quote: what a job will cost here, before it runs. Uses: prepare. */
#ifndef TRAINING_QUOTE_H
#define TRAINING_QUOTE_H
#include "training/run/prepare.h"

struct quote {
  uint64_t flops; /* dot flops and body operations of all steps (TAPE 5.4) */
  uint64_t flops_per_update;
  uint64_t memory_bytes, state_bytes, temp_bytes, data_bytes; /* memory_bytes is all a run holds */
  uint64_t checkpoint_bytes;                                  /* disk, all kept checkpoints under the default budget */
  uint32_t updates, steps, interval_steps, intervals;
  double seconds, seconds_per_update, evaluation_seconds; /* on this machine: a few real steps timed */
  double hash_bytes_per_s;
  double commit_share; /* seconds of hashing and copying states / seconds of training */
  double gflops;       /* reached in the timed steps */
};

/* quote_job times real steps for about `seconds` (at least one update) after prepare_fits. */
enum training_status quote_job(const struct prepared *p, const struct execute_options *execute, double seconds,
                               struct quote *out, struct why *why);

#endif
