/* bench: what a role has open while it works: a job's material, a task's work, one side of a dispute, each until
 * another is asked for. And how acts are named and sent, alike for both roles.
 *
 * Nothing here has to outlive the process: all of it is had again from the chain, the blob stores and the folder. Uses:
 * material, work, side. */
#ifndef AGENT_BENCH_H
#define AGENT_BENCH_H
#include "agent/side.h"
#include "agent/slice.h"
#include "agent/work.h"

enum { BENCH_ONCE_BYTES = 128 };

struct bench {
  struct agent *a;
  struct material_options options;
  uint64_t disk_bytes;
  struct material *material;
  uint16_t interval_steps; /* that the material was weighed for */
  struct replay *replay;   /* of the material, for single intervals */
  bool measured;           /* step_us is what a step of the material takes here */
  uint64_t step_us;
  struct work *work;
  uint8_t work_id[TASK_ID_BYTES + 1];
  struct side *side;
  uint8_t side_id[TASK_ID_BYTES + 1 + 2];
  char told[WHY_MAX];
  uint32_t turns;
};

void bench_begin(struct bench *b, struct agent *a, const struct material_options *options, uint64_t disk_bytes);
void bench_end(struct bench *b);

/* bench_material: of a task's job. bench_replay: a replay of it, for steps here and there. bench_work: of a task's
 * attempt, in its folder; the plan's folder is filled in here. bench_side: asks `start` for the state that the interval
 * starts from, if the side is not the one that is open. What is lent lives until the next call for another. */
enum material_status bench_material(struct bench *b, const struct task_record *t, struct why *why);
enum material_status bench_replay(struct bench *b, struct why *why);
enum material_status bench_work(struct bench *b, const struct task_record *t, const struct work_plan *plan,
                                struct why *why);
typedef enum material_status bench_start(void *context, const struct task_record *t, uint16_t interval, uint8_t *state,
                                         struct why *why);
enum material_status bench_side(struct bench *b, const struct task_record *t, uint16_t interval, bool lies,
                                bench_start *start, void *context, struct why *why);

/* bench_folder: of a task's attempt, made if missing. bench_sweep removes the folders of attempts that are over. */
bool bench_folder(const struct bench *b, const struct task_record *t, char path[], struct why *why);
void bench_sweep(struct bench *b);

/* bench_once names an act of an attempt: "seal/TASK/ATTEMPT/n". bench_send sends it; bench_sent: it is on its way, or
 * in a block. */
void bench_once(const struct task_record *t, const char *verb, uint64_t n, char once[BENCH_ONCE_BYTES]);
bool bench_send(struct bench *b, const struct task_record *t, uint8_t type, const uint8_t *body, size_t length,
                const char *verb, uint64_t n, struct why *why);
bool bench_sent(const struct bench *b, const struct task_record *t, const char *verb, uint64_t n);

/* bench_move makes the next move of a dispute in which the account is to move; false if it makes none, with why. */
bool bench_move(struct bench *b, const struct task_record *t, uint64_t dispute, bool lies, bench_start *start,
                void *context, struct why *why);

/* bench_tell says why something that is due was not done, if it was not said just before. */
void bench_tell(struct bench *b, const struct task_record *t, const char *what, enum material_status status,
                const struct why *why);

/* The tasks that are in one of `states` (1 << enum task_state), at most BENCH_TASKS_MAX, by id. */
enum { BENCH_TASKS_MAX = 256 };
struct bench_tasks {
  uint32_t count;
  uint8_t id[BENCH_TASKS_MAX][TASK_ID_BYTES];
};
/* bench_list also looks at our own account and provider record, for account_get and provider_find of the view's chain.
 */
bool bench_list(struct bench *b, uint32_t states, struct bench_tasks *out, struct why *why);

#endif
