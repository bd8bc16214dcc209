/* material: what a job is made of, brought to this machine: tapes from the chain, data from blob stores, each checked
 * by its root, and the memory that working on them takes, known before any stake is locked.
 *
 * Uses: agent, training/replay. */
#ifndef AGENT_MATERIAL_H
#define AGENT_MATERIAL_H
#include "agent/agent.h"
#include "training/replay/replay.h"

enum material_status {
  MATERIAL_OK = 0,
  MATERIAL_LATER,     /* somebody does not answer, a blob is nowhere now, or the seed is not drawn: another turn */
  MATERIAL_NEVER,     /* this machine cannot do this job: why, with figures */
  MATERIAL_ERR_SYSTEM /* memory or disk fails */
};

struct material_options {
  uint64_t memory_bytes; /* that a role may take for one job */
  struct pool *pool;     /* NULL: this thread alone */
  const volatile int *stop;
};

struct material {
  uint8_t job[32];
  struct job_stored stored;
  struct arena arena;
  struct tape tape[JOB_TAPES_MAX];
  struct replay_job replay;
  uint8_t *data[JOB_DATA_MAX];
  uint64_t state_leaves, bytes; /* bytes: memory that it takes with two replays of it */
};

/* material_open reads tapes first and refuses with figures (NEVER) before it fetches data. `steps`: of the longest
 * interval. The view knows the job (view_task). *out is the caller's to shut; NULL unless OK. */
enum material_status material_open(struct material **out, struct agent *a, const uint8_t job[32], uint16_t steps,
                                   const struct material_options *options, struct why *why);
void material_shut(struct material *m);

/* material_state takes memory for a state (64-byte aligned; free gives it back); NULL: there is none. material_start
 * fills in a state by its root: that of zeros, or a blob. material_root is a state's root. */
uint8_t *material_state(const struct material *m);
enum material_status material_start(const struct material *m, struct agent *a, const uint8_t root[32], uint8_t *state,
                                    struct why *why);
bool material_root(const struct material *m, const uint8_t *state, uint8_t root[32]);

/* material_replay opens a replay of this job. places: states that evidence keeps, 0: all. */
enum material_status material_replay(const struct material *m, const struct material_options *options, uint32_t places,
                                     struct replay **out, struct why *why);

/* What statuses of other rooms come to. */
enum material_status material_of(enum training_status status);

#endif
