/* ability: can this machine do in time, and on this disk, what it is about to answer for with stake? Measured, not
 * believed: a class is a declaration (LEDGER 5.2), and who declares too much pays for being late.
 *
 * Uses: bench. */
#ifndef AGENT_ABILITY_H
#define AGENT_ABILITY_H
#include "agent/bench.h"

/* ability_time: may `steps` steps of `step_us` microseconds be expected within a window of ticks, a tick being at least
 * tick_ms? A fifth of the window is kept for what is no step. False with figures. */
bool ability_time(uint64_t steps, uint64_t step_us, uint64_t window_ticks, uint32_t tick_ms, struct why *why);

/* ability_window: ticks that the chain gives for a task's work (LEDGER 8.2, rows 6 and 13), and the steps of it: a
 * solver's, or a seat's. */
struct ability_work {
  uint64_t ticks, steps;
};
struct ability_work ability_window(const struct chain *c, const struct task_record *t, bool seat);

/* ability_check runs a few steps of the task's job, once for a job, and looks at the disk under the agent's folder, for
 * `states` states beside what is there. The bench has the material. NEVER with figures. */
enum material_status ability_check(struct bench *b, const struct task_record *t, bool seat, uint32_t states,
                                   struct why *why);

#endif
