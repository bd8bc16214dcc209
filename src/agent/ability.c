#include "agent/ability.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "training/file/machine.h"

enum { MEASURE_STEPS = 8, MEASURE_MS = 100, MIB = 1 << 20 };

bool ability_time(uint64_t steps, uint64_t step_us, uint64_t window_ticks, uint32_t tick_ms, struct why *why) {
  uint64_t window_ms = window_ticks * tick_ms; /* 2^17 * 5 ticks of a minute, at most */
  uint64_t needs_ms = step_us > UINT64_MAX / (steps + 1) ? UINT64_MAX : steps * step_us / 1000;
  if (needs_ms <= window_ms / 5 * 4) return true;
  why_set(why,
          "%" PRIu64 " steps take about %" PRIu64 " s on this machine (%" PRIu64
          " us each, measured); the chain gives %" PRIu64 " ticks, which may be as short as %" PRIu64
          " s. Declare a smaller --class, or give it more --threads",
          steps, needs_ms / 1000, step_us, window_ticks, window_ms / 1000);
  return false;
}

struct ability_work ability_window(const struct chain *c, const struct task_record *t, bool seat) {
  struct parameters p;
  chain_parameters(c, t->parameters, &p);
  if (!seat) return (struct ability_work){4 * t->est + p.window_work, t->steps};
  uint64_t drawn = (uint64_t)t->draws * t->interval_steps;
  return (struct ability_work){4 * t->est_seat + p.window_seal,
                               t->level == AUDIT_LEVEL_FULL || drawn > t->steps_run ? t->steps_run : drawn};
}

/* The first step plans, so it counts only where it is all there is. */
static enum material_status measure(struct bench *b, const struct task_record *t, uint64_t *step_us, struct why *why) {
  bool had = b->replay != NULL;
  uint8_t *state = material_state(b->material);
  why_set(why, "no memory for a state");
  enum material_status status = state ? bench_replay(b, why) : MATERIAL_ERR_SYSTEM;
  uint32_t steps = t->steps < MEASURE_STEPS ? t->steps : MEASURE_STEPS, counted = 0;
  double first = 0, rest = 0;
  if (state) memset(state, 0, b->material->state_leaves * TAPE_LEAF_BYTES);
  for (uint32_t i = 0; i < steps && status == MATERIAL_OK && (first + rest) * 1000 < MEASURE_MS; i++) {
    double from = machine_seconds();
    status = material_of(replay_steps(b->replay, t->first_step + i, 1, state, NULL, NULL, why));
    if (i == 0)
      first = machine_seconds() - from;
    else
      rest += machine_seconds() - from, counted++;
  }
  free(state);
  if (!had && b->replay) { /* memory was weighed for another one */
    replay_shut(b->replay);
    b->replay = NULL;
  }
  *step_us = (uint64_t)((counted ? rest / counted : first) * 1e6);
  return status;
}

static bool disk_holds(const struct bench *b, uint32_t states, struct why *why) {
  struct statvfs disk;
  uint64_t state = b->material->state_leaves * TAPE_LEAF_BYTES, wanted = states * state;
  if (statvfs(agent_options(b->a)->folder, &disk) != 0) return true; /* writing will say what is wrong */
  uint64_t there = (uint64_t)disk.f_bavail * disk.f_frsize;
  if (wanted <= b->disk_bytes && wanted <= there) return true;
  why_set(why,
          "%" PRIu32 " states of %" PRIu64 " MiB have to fit on the disk; this role may take %" PRIu64
          " MiB (--disk), and %" PRIu64 " MiB are free at %s",
          states, state / MIB + 1, b->disk_bytes / MIB, there / MIB, agent_options(b->a)->folder);
  return false;
}

enum material_status ability_check(struct bench *b, const struct task_record *t, bool seat, uint32_t states,
                                   struct why *why) {
  const struct chain *c = view_chain(agent_view(b->a));
  if (!disk_holds(b, states, why)) return MATERIAL_NEVER;
  if (!b->measured) {
    enum material_status status = measure(b, t, &b->step_us, why);
    if (status != MATERIAL_OK) return status;
    b->measured = true;
  }
  struct ability_work w = ability_window(c, t, seat);
  struct parameters p;
  chain_parameters(c, t->parameters, &p);
  return ability_time(w.steps, b->step_us, w.ticks, p.tick_ms, why) ? MATERIAL_OK : MATERIAL_NEVER;
}
