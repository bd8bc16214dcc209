/* resume: where an interrupted or killed run can go on. Uses: prepare, committer, metrics.
 *
 * Two kinds of points: resume.state with resume.json, written when a run was asked to stop, and checkpoints whose root
 * is in the trace. The later one that is sound wins. A point also needs the metrics of every update before it. */
#ifndef TRAINING_RESUME_H
#define TRAINING_RESUME_H
#include "training/checkpoint/committer.h"
#include "training/run/prepare.h"

struct resume_point {
  uint32_t steps;     /* done; 0: from the start */
  uint32_t intervals; /* whole ones among them */
  bool has_trace, diverged;
  uint32_t diverged_step;
  struct trace trace;     /* of the task that goes on, cut to those intervals */
  uint64_t metrics_bytes; /* to keep */
};

/* resume_find reads the state into `state` (state_bytes, zero if from the start) and removes what the folder holds
 * beyond the point. ERR_INPUT never: in the worst case the run starts again. ERR_SYSTEM: memory. */
enum training_status resume_find(const struct prepared *p, const char *folder, struct pool *pool, uint8_t *state,
                                 struct resume_point *out, struct why *why);

/* resume_save writes the point for a state after `steps` steps; resume_forget removes it. */
enum training_status resume_save(const struct prepared *p, const char *folder, struct pool *pool, const uint8_t *state,
                                 uint32_t steps, bool diverged, uint32_t diverged_step, struct why *why);
void resume_forget(const char *folder);

#endif
