/* prepare: from a job file to everything a step needs: model, data, tapes, commitments, counts, before anything runs.
 *
 * Lowering is redone by everyone who checks a run, so preparing is a pure function of the files it reads. Uses:
 * jobfile, data, model/lower, tape/check, commit. */
#ifndef TRAINING_PREPARE_H
#define TRAINING_PREPARE_H
#include "commit/job/job.h"
#include "commit/trace/trace.h"
#include "numeric/canon.h"
#include "tape/execute/execute.h"
#include "training/data/data.h"
#include "training/file/onnx_file.h"
#include "training/jobfile/jobfile.h"

struct prepare_options {
  const char *data_folder; /* --data: where named sets lie; NULL: /usr/share/datasets */
  const char *job_folder;  /* NULL: the folder of the job file; else where its relative paths start */
  uint32_t threads;        /* for hashing the data; 0: all */
};

struct prepared {
  struct arena arena;
  struct file_bytes text;         /* the job file, as given */
  char job_folder[FILE_PATH_MAX]; /* where its paths start */
  const char *job_name;           /* what messages call the job: its path, as given; in the arena */
  struct jobfile jobfile;
  struct onnx_file onnx;
  struct data_set train, test; /* test.samples 0: none */
  struct lower_options options;
  struct lowered lowered;
  uint32_t updates, updates_per_epoch, evaluate_every; /* evaluate_every in updates; 0: never */
  uint32_t evaluate_steps;                             /* steps of one evaluation */
  /* commitments */
  struct job job;
  struct job_task *task;
  uint8_t job_root[MERKLE_BYTES];
  uint32_t steps, interval_steps, intervals; /* steps = updates * micro_batches + 1: step 0 is init */
  /* memory of the executor */
  const void *data[DATA_COUNT];
  uint64_t data_bytes[DATA_COUNT];
  uint64_t state_leaves, state_bytes; /* state_bytes = leaves * 4096 */
};

/* prepare_open reads and checks everything. `p` is filled in place (it is large; keep it static or on the heap).
 * ERR_INPUT: job file, model or data; ERR_SYSTEM: memory. prepare_shut gives everything back; a second call does
 * nothing. */
enum training_status prepare_open(struct prepared *p, const char *job_path, const struct prepare_options *options,
                                  struct why *why);
void prepare_shut(struct prepared *p);

/* Steps and updates: step u M is the end of update u where it has M micro-batches (M = 1: every step after 0 is an
 * update). prepare_tape: tape of a step. prepare_updates: whole updates among the steps 0 .. done - 1. prepare_ends:
 * the update that this step ends, 0 if none. prepare_runs: how many of the steps first .. first + count - 1 run the
 * tape. */
uint32_t prepare_tape(const struct prepared *p, uint32_t step);
uint32_t prepare_updates(const struct prepared *p, uint32_t done);
uint32_t prepare_ends(const struct prepared *p, uint32_t step);
uint64_t prepare_runs(const struct prepared *p, uint32_t tape, uint32_t first, uint32_t count);

/* What a chain may want otherwise than one machine does; job_root follows. prepare_seed: mode 1 leaves the seed to the
 * chain (LEDGER 7.9). prepare_start: from a state instead of from init, as if the steps before `first_step` (1 ..
 * the last) had been run; ERR_INPUT when none are left. */
void prepare_seed(struct prepared *p, uint8_t mode, uint64_t seed);
enum training_status prepare_start(struct prepared *p, const uint8_t root[MERKLE_BYTES], uint32_t first_step,
                                   struct why *why);

/* prepare_jobfile is the same for a job that was put together in memory (evaluate does): after prepare_begin, which
 * clears p and opens its arena, the caller sets p->jobfile, p->job_folder and p->job_name. On error the caller shuts p.
 */
bool prepare_begin(struct prepared *p);
enum training_status prepare_jobfile(struct prepared *p, const struct prepare_options *options, struct why *why);

/* prepare_alone: is there room for the executor of only one step of an update at a time (plans.h)? False without
 * micro-batches. prepare_memory: bytes a run will hold (executors, state and its copies, data). prepare_fits refuses,
 * with both numbers, what is more than machine_memory_available. */
bool prepare_alone(const struct prepared *p, const struct execute_options *options);
uint64_t prepare_memory(const struct prepared *p, const struct execute_options *options);
enum training_status prepare_fits(const struct prepared *p, const struct execute_options *options, struct why *why);

/* prepare_execute opens the executor of a tape (TAPE_OF_*) over p's data. */
enum training_status prepare_execute(const struct prepared *p, uint32_t tape, const struct execute_options *options,
                                     struct execute **out, struct why *why);

/* The last update's loss and the `diverged` entry in a state blob; learning rate of update u (1..updates). */
float prepare_loss(const struct prepared *p, const uint8_t *state);
int32_t prepare_diverged(const struct prepared *p, const uint8_t *state);
float prepare_rate(const struct prepared *p, uint32_t update);

/* prepare_evaluate copies `state` into `scratch` (state_bytes, 64-byte aligned), runs the evaluation tape over the test
 * set and divides: loss = sum / count, accuracy = correct / count, each one f32 division. Without classes (mse) nothing
 * can be correct: accuracy and correct are then 0 and mean nothing. */
struct evaluation {
  bool classes;
  float loss, accuracy;
  uint32_t count, correct;
};
void prepare_evaluate(const struct prepared *p, struct execute *evaluate, const uint8_t *state, uint8_t *scratch,
                      struct evaluation *out);

/* prepare_describe names the state entry and element of byte `at` of a state blob: entry is layout.state_count when
 * outside. */
void prepare_describe(const struct prepared *p, uint64_t at, uint32_t *entry, uint64_t *index);

/* Names of the tapes in files: init, train, evaluate, accumulate; `accumulate` is that tape's number, 0 if there is
 * none. */
const char *prepare_tape_name(uint32_t tape, uint32_t accumulate);

#endif
