/* work: a task run interval after interval in a folder, so that a process that is killed goes on where it was.
 *
 *   FOLDER/trace        the salt, and the root of each state at an interval's end so far (PROTOCOL M4.8)
 *   FOLDER/state-I      the state after interval I; every k-th is kept, k as the disk allows, and the last
 *
 * The salt is on the disk before anything else is: a trace root that was committed to can be opened after any crash.
 * States are believed only if they hash to their root, so one that was cut short is computed again. Uses: material,
 * commit/trace, training/file. */
#ifndef AGENT_WORK_H
#define AGENT_WORK_H
#include "agent/material.h"
#include "commit/trace/trace.h"

struct work_plan {
  const char *folder; /* made if missing */
  uint32_t first_step, steps;
  uint16_t interval_steps;
  uint8_t start_root[32];
  bool runs_on;        /* goes on behind a state that diverged: a seat has to follow the solver */
  uint64_t disk_bytes; /* for states */
  /* For tests: the end of this interval is altered in one weight; WORK_EVERY: of all. 0: honest */
  uint16_t lie;
};
enum { WORK_EVERY = 65535 };

struct work;
enum material_status work_open(struct work **out, const struct material *m, struct agent *a,
                               const struct material_options *options, const struct work_plan *plan, struct why *why);
void work_shut(struct work *w);

/* work_next runs on until slice_ms() comes to until_ms, one step at least and one interval at most; *done once there is
 * nothing left (all steps, or diverged) and the trace has its outcome. What is done of an interval that has not ended
 * is in memory alone. */
enum material_status work_next(struct work *w, uint64_t until_ms, bool *done, struct why *why);
const struct trace *work_trace(const struct work *w);

/* work_state fills in the state after interval i, 0 .. intervals: from the disk, or run again from the nearest. */
enum material_status work_state(struct work *w, uint16_t i, uint8_t *state, struct why *why);

/* work_every: every how many intervals a state is kept, so that all that are kept fit into the disk that may be used.
 */
uint16_t work_every(uint16_t intervals, uint64_t state_bytes, uint64_t disk_bytes);

/* work_alter is the lie: the first word behind `diverged` gets its lowest bit turned. */
void work_alter(const struct material *m, uint8_t *state);

#endif
