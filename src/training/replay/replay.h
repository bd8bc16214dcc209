/* replay: steps of a job from what a chain and blob stores give: tapes, data, a start state. No model, no job file.
 *
 * Who trains for others, and who audits them, has a job's tapes and data by their roots and nothing else. A run's own
 * folder is one more source of the same things: the witness of a folder stands on this. Uses: tape/{check,execute},
 * commit, checkpoint, dispute/evidence. */
#ifndef TRAINING_REPLAY_H
#define TRAINING_REPLAY_H
#include "commit/job/job.h"
#include "dispute/evidence/evidence.h"
#include "tape/execute/execute.h"
#include "training/status.h"
#include <signal.h>

/* replay_tape reads a tape's file bytes (tape_read, tape_check) and holds it against its root in the job; memory of the
 * tape comes from the arena. ERR_INPUT: not a tape, not one that can be disputed, or another; ERR_SYSTEM: memory. */
enum training_status replay_tape(const uint8_t *bytes, size_t length, const uint8_t root[MERKLE_BYTES],
                                 struct arena *arena, struct tape *out, struct why *why);

/* Everything that decides the bits. Borrowed, and outlives the replay. tape[t]: from replay_tape, NULL where no step
 * asked for runs it. data[n]: dense bytes of tensor n, NULL where no tape of the steps asked for reads it. */
struct replay_job {
  const struct job *job; /* schedule, first_step */
  const struct tape *tape[JOB_TAPES_MAX];
  const void *data[JOB_DATA_MAX];
  uint64_t data_bytes[JOB_DATA_MAX];
  uint64_t seed, state_leaves;
};

enum { REPLAY_PLACES_MAX = 16 }; /* states kept of an interval */

/* What it is busy with: replay_steps, all steps of an interval with their roots, one step with its values. */
enum replay_work { REPLAY_STEPS, REPLAY_INTERVAL, REPLAY_VALUES };

struct replay_options {
  struct pool *pool;                 /* borrowed; NULL: this thread alone */
  struct execute_options execute;    /* back end and plain; the rest is replay's own */
  uint32_t places;                   /* states that evidence keeps, 1..REPLAY_PLACES_MAX; 0: all. Fewer are slower */
  const volatile sig_atomic_t *stop; /* looked at between steps; NULL: never */
  void (*progress)(void *context, enum replay_work work, uint32_t done, uint32_t planned); /* NULL: silent */
  void *context;
};

/* What it cost so far. */
struct replay_counts {
  uint32_t steps;          /* by replay_steps */
  uint32_t interval_steps; /* of an interval, with the root of each state */
  uint32_t again_steps;    /* of an interval once more, from a state kept to a step entered */
  uint32_t materialised;   /* steps with all their values */
};

/* replay_bytes: memory that a replay takes at most beside what it borrows, for replay_steps, an interval of `steps`
 * steps and the evidence for any one of them; for refusing before a stake is locked. UINT64_MAX: no machine has it. */
struct replay;
uint64_t replay_bytes(const struct replay_job *j, const struct replay_options *options, uint16_t steps);

/* replay_open takes next to nothing yet: an executor is planned with the first step of its tape, one at a time, and
 * what evidence keeps is taken by replay_evidence. ERR_SYSTEM: memory. replay_shut gives it all back. */
enum training_status replay_open(struct replay **out, const struct replay_job *j, const struct replay_options *options,
                                 struct why *why);
void replay_shut(struct replay *r);

/* replay_steps turns the state before step `first` into the one after `count` steps, in place (64-byte aligned,
 * state_leaves * 4096 bytes). Steps have their numbers in the job, the first is job->first_step. roots, unless NULL,
 * gets the state root after each step. *done, unless NULL, is the number of steps done, whatever is returned.
 * INTERRUPTED: the stop flag; the state then is that of *done steps. ERR_INPUT, before anything is done: no such steps,
 * or tapes or data that they need are missing or do not fit each other. ERR_SYSTEM: memory; the state is that of *done
 * steps. */
enum training_status replay_steps(struct replay *r, uint32_t first, uint32_t count, uint8_t *state,
                                  uint8_t (*roots)[MERKLE_BYTES], uint32_t *done, struct why *why);

/* replay_diverged: element 0 of a state. replay_root: its root, with all threads; ERR_SYSTEM: memory. */
bool replay_diverged(const uint8_t *state);
enum training_status replay_root(struct replay *r, const uint8_t *state, uint8_t root[MERKLE_BYTES], struct why *why);

/* replay_evidence stands in an interval: start is the state before step `first` (copied), count its steps, 1..256. The
 * evidence answers for it until the next call or replay_shut; roots are computed once, a step is materialised once,
 * whoever asks. Entering a step costs at most a sixteenth of the interval again (with all places). Leaf hashes are
 * computed when first asked for, those of the data once for all intervals. replay_steps may be called between, but then
 * nothing is entered any more. ERR_INPUT as replay_steps, and the interval before stays; ERR_SYSTEM: memory, and it
 * does not.
 *
 * replay_status is why evidence last failed: ERR_SYSTEM, INTERRUPTED; OK if it never did. */
enum training_status replay_evidence(struct replay *r, uint32_t first, uint16_t count, const uint8_t *start,
                                     struct evidence *out, struct why *why);
enum training_status replay_status(const struct replay *r);
const struct replay_counts *replay_counts(const struct replay *r);

/* A lie for tests and demonstrations, by callback, because sabotage knows jobs by their model. Asked of every step:
 * of_step whether `step` turns it into the state after, in place, with temps NULL or room for all temp values that are
 * shown; of_root whether `root` gives the root of the state after it, with shown NULL or room for the state that goes
 * with it. NULL lies: honest, as at first. To be said before anything is run. */
struct replay_lies {
  void *context;
  bool (*of_step)(void *context, uint32_t step);
  enum training_status (*step)(void *context, uint32_t step, uint8_t *state, uint8_t *temps, struct why *why);
  bool (*of_root)(void *context, uint32_t step);
  enum training_status (*root)(void *context, const uint8_t *state, uint8_t *shown, uint8_t root[MERKLE_BYTES],
                               struct why *why);
};
void replay_sabotage(struct replay *r, const struct replay_lies *lies);

#endif
