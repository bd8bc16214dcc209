/* step: what replay_steps and evidence share: one step, honest or not, and the root behind it. Internal to this folder.
 */
#ifndef TRAINING_REPLAY_STEP_H
#define TRAINING_REPLAY_STEP_H
#include "training/replay/replay.h"

struct stand; /* evidence.c: what stands in an interval */

struct replay {
  const struct replay_job *job;
  struct replay_options options;
  struct replay_lies lies; /* all NULL: honest */
  struct replay_counts counts;
  /* one executor at a time, since a large job has room for no more */
  struct execute *x;
  uint8_t x_tape;
  bool x_values;
  uint8_t *lied_temps; /* of the last step, where that was a lie with its values; else NULL */
  uint64_t runs;       /* steps run so far: values live until the next one */
  struct stand *stand; /* NULL: in no interval yet */
};

uint32_t step_temp_leaves_most(const struct replay_job *j); /* of all tapes in the schedule */

/* step_check: are these steps in the job, with all that they need? ERR_INPUT otherwise. */
enum training_status step_check(const struct replay *r, uint32_t first, uint32_t count, struct why *why);

/* step_run does one step that step_check accepted. fresh: the state is not what the last step left. step_values then
 * lends the temp leaf space of the step, and step_tape is its tape. */
enum training_status step_run(struct replay *r, uint32_t step, bool fresh, bool values, uint8_t *state,
                              struct why *why);
const uint8_t *step_values(const struct replay *r);
const struct tape *step_tape(const struct replay_job *j, uint32_t step);

/* step_root: the root after a step, as it is shown; shown, unless NULL, gets the state that goes with a false one. */
bool step_root_lies(const struct replay *r, uint32_t step);
enum training_status step_root(struct replay *r, uint32_t step, const uint8_t *state, uint8_t *shown,
                               uint8_t root[MERKLE_BYTES], struct why *why);

void step_tell(const struct replay *r, enum replay_work work, uint32_t done, uint32_t planned);

uint64_t stand_bytes(const struct replay_job *j, uint32_t places, uint16_t steps);
void stand_shut(struct stand *s);

static inline uint64_t replay_state_bytes(const struct replay_job *j) { return j->state_leaves * TAPE_LEAF_BYTES; }

#endif
