/* run: trains a prepared job into a folder, committing to every interval on the way. Blueprint section 6; PROTOCOL M3,
 * M4.
 *
 *   DIR/job.yaml job.json README.md metrics.jsonl model.onnx model.safetensors
 *   DIR/SABOTAGED, of a run that lies on purpose
 *   DIR/tapes/{init,train,evaluate,accumulate}.tape *.names.json   DIR/traces/0000.bin   DIR/checkpoints/000001.state
 * DIR/tensorboard/ while it runs, or after an interruption: DIR/.lock DIR/resume.state DIR/resume.json
 *
 * At the end of an interval the state is copied; a background thread hashes the copy and writes it beside the next
 * steps. Uses: prepare, checkpoint, metrics. */
#ifndef TRAINING_RUN_H
#define TRAINING_RUN_H
#include "training/run/prepare.h"
#include "training/sabotage/sabotage.h"
#include <signal.h>

struct run_progress {
  enum { RUN_STARTED, RUN_RESUMED, RUN_STEP, RUN_UPDATE, RUN_EVALUATED, RUN_SAVING } kind; /* STEP: ends no update */
  uint32_t update, updates, epoch, epochs;                                                 /* epoch counts from 1 */
  uint32_t interval, intervals;                                                            /* ended so far, and all */
  float loss, rate;
  struct evaluation evaluation; /* of the last one; count 0: none yet */
  double seconds, seconds_left, samples_per_s;
};

/* Where the time of the steps of a run_train went, by tape (TAPE_OF_TRAIN, TAPE_OF_EVALUATE, the tape `accumulate`):
 * seconds of each record as execute_profile books them, of the steps from end to end, and how many steps. All begin at
 * 0; record[tape] has the tape's records_count places, or is NULL where nobody asks. Init is not in it. */
struct run_profile {
  double *record[LOWER_TAPES_MAX], seconds[LOWER_TAPES_MAX];
  uint32_t steps[LOWER_TAPES_MAX];
};

struct run_options {
  const char *folder;                /* made if missing; its parent exists */
  bool resume, force;                /* force: what an earlier run left in the folder is removed first */
  struct sabotage sabotage;          /* NONE: an honest run, or, resuming, what the folder's mark says */
  struct execute_options execute;    /* backend and plain; the pool is the run's own */
  uint32_t threads;                  /* 0: one per CPU */
  uint64_t checkpoint_bytes_max;     /* disk budget of checkpoints/; 0: checkpoint_budget */
  const volatile sig_atomic_t *stop; /* set by a signal handler: finish the step, save, return TRAINING_INTERRUPTED */
  uint32_t stop_after_update;        /* tests: as if stop were set after this update; 0: never */
  bool one_plan;                     /* tests: as if memory had room for one step's plan at a time */
  void (*progress)(void *context, const struct run_progress *p); /* NULL: silent; after every step */
  void *context;
  struct run_profile *profile; /* NULL: none; filled as the run goes, whatever its end */
};

struct run_result {
  uint8_t outcome;          /* enum trace_outcome */
  struct sabotage sabotage; /* the run lied so */
  uint8_t final_root[MERKLE_BYTES], job_root[MERKLE_BYTES];
  uint32_t update, updates;    /* done, planned */
  uint32_t diverged_step;      /* first step after which `diverged` is set; with TRACE_DIVERGED */
  uint32_t last_good_interval; /* its checkpoint is kept; with TRACE_DIVERGED */
  float loss;
  struct evaluation evaluation; /* count 0: none */
  double seconds, samples_per_s,
      commit_seconds; /* commit_seconds: copying, hashing, waiting on the main thread and beside it */
};

/* run_train returns TRAINING_OK, TRAINING_NO (diverged; everything is written), TRAINING_INTERRUPTED (saved; why says
 * how to go on), ERR_INPUT (folder in use or not empty, another job's folder or another sabotage's, damaged resume
 * point) or ERR_SYSTEM (disk
 * full, memory). */
enum training_status run_train(struct prepared *p, const struct run_options *options, struct run_result *out,
                               struct why *why);

#endif
