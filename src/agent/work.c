#include "agent/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/slice.h"
#include "crypto/sign.h"
#include "training/file/file.h"

struct work {
  const struct material *m;
  struct agent *a;
  struct work_plan plan;
  char folder[FILE_PATH_MAX];
  struct trace trace;
  struct replay *replay;
  uint8_t *state; /* after interval `at`, and `ahead` steps more */
  uint16_t at;
  uint32_t ahead;
  bool has_state;
  uint16_t every;
};

const struct trace *work_trace(const struct work *w) { return &w->trace; }

uint16_t work_every(uint16_t intervals, uint64_t state_bytes, uint64_t disk_bytes) {
  uint64_t room = disk_bytes / state_bytes;
  if (room < 2) return intervals; /* the last one alone */
  return (uint16_t)((intervals + room - 2) / (room - 1));
}

/* The lowest bit of the first word behind `diverged`. */
void work_alter(const struct material *m, uint8_t *state) {
  const struct layout *l = &m->tape[0].layout;
  if (l->state_count > 1) state[l->entry[1].first_leaf * TAPE_LEAF_BYTES] ^= 1;
}

static bool path_of(const struct work *w, const char *name, char path[FILE_PATH_MAX]) {
  return file_join(path, w->folder, name);
}

static bool state_path(const struct work *w, uint16_t i, char path[FILE_PATH_MAX]) {
  char name[32];
  snprintf(name, sizeof name, "state-%u", i);
  return path_of(w, name, path);
}

static enum material_status keep_trace(const struct work *w, struct why *why) {
  uint8_t *bytes = malloc(TRACE_FILE_BYTES_MAX);
  char path[FILE_PATH_MAX];
  size_t length = bytes ? trace_write(&w->trace, bytes, TRACE_FILE_BYTES_MAX) : 0;
  enum training_status status = TRAINING_ERR_SYSTEM;
  why_set(why, "no memory for the trace");
  if (length && path_of(w, "trace", path)) status = file_replace(path, bytes, length, why);
  free(bytes);
  return material_of(status);
}

/* A trace from before, of this very task; false: there is none. */
static bool take_up(struct work *w) {
  char path[FILE_PATH_MAX];
  struct file_bytes f;
  struct trace t;
  if (!path_of(w, "trace", path) || file_map(path, TRACE_FILE_BYTES_MAX, &f, NULL) != TRAINING_OK) return false;
  bool good = trace_read(f.bytes, f.length, &t, NULL) == TRACE_OK && t.first_step == w->plan.first_step &&
              t.interval_steps == w->plan.interval_steps && t.steps <= w->plan.steps &&
              memcmp(t.roots[0], w->plan.start_root, 32) == 0;
  if (good) w->trace = t;
  file_unmap(&f);
  return good;
}

static enum material_status begin(struct work *w, struct why *why) {
  struct sign_secret *random;
  if (take_up(w)) return MATERIAL_OK;
  w->trace =
      (struct trace){.first_step = w->plan.first_step, .interval_steps = w->plan.interval_steps, .outcome = TRACE_OPEN};
  memcpy(w->trace.roots[0], w->plan.start_root, 32);
  if (sign_secret_random(&random) != SIGN_OK) {
    why_set(why, "no randomness");
    return MATERIAL_ERR_SYSTEM;
  }
  memcpy(w->trace.salt, sign_secret_seed(random), sizeof w->trace.salt);
  sign_secret_shut(&random);
  return keep_trace(w, why);
}

enum material_status work_open(struct work **out, const struct material *m, struct agent *a,
                               const struct material_options *options, const struct work_plan *plan, struct why *why) {
  struct work *w = calloc(1, sizeof *w);
  *out = NULL;
  why_set(why, "no memory");
  enum material_status status = MATERIAL_ERR_SYSTEM;
  if (!w) return status;
  w->m = m;
  w->a = a;
  w->plan = *plan;
  w->state = material_state(m);
  uint16_t intervals = (uint16_t)((plan->steps + plan->interval_steps - 1) / plan->interval_steps);
  w->every = work_every(intervals, m->state_leaves * TAPE_LEAF_BYTES, plan->disk_bytes);
  if (w->state && file_join(w->folder, "", plan->folder)) status = material_of(file_folder(plan->folder, why));
  if (status == MATERIAL_OK) status = begin(w, why);
  if (status == MATERIAL_OK) status = material_replay(m, options, 0, &w->replay, why);
  if (status != MATERIAL_OK) {
    work_shut(w);
    return status;
  }
  *out = w;
  return MATERIAL_OK;
}

void work_shut(struct work *w) {
  if (!w) return;
  if (w->replay) replay_shut(w->replay);
  free(w->state);
  free(w);
}

/* A state from the disk, if it is there and right. */
static bool load(const struct work *w, uint16_t i, uint8_t *state) {
  char path[FILE_PATH_MAX];
  struct file_bytes f;
  uint8_t root[32];
  uint64_t bytes = w->m->state_leaves * TAPE_LEAF_BYTES;
  if (!state_path(w, i, path) || file_map(path, bytes, &f, NULL) != TRAINING_OK) return false;
  bool good = f.length == bytes;
  if (good) memcpy(state, f.bytes, bytes);
  file_unmap(&f);
  return good && material_root(w->m, state, root) && memcmp(root, w->trace.roots[i], 32) == 0;
}

static uint32_t steps_in(const struct work *w, uint16_t interval) {
  uint32_t left = w->plan.steps - (uint32_t)(interval - 1) * w->plan.interval_steps;
  return left < w->plan.interval_steps ? left : w->plan.interval_steps;
}

static uint32_t first_of(const struct work *w, uint16_t interval) {
  return w->plan.first_step + (uint32_t)(interval - 1) * w->plan.interval_steps;
}

static enum material_status end_of(struct work *w, uint16_t interval, uint8_t *state, uint8_t root[32],
                                   struct why *why) {
  if (w->plan.lie == WORK_EVERY || w->plan.lie == interval) work_alter(w->m, state);
  return material_of(replay_root(w->replay, state, root, why));
}

/* One interval, in place. */
static enum material_status run(struct work *w, uint16_t interval, uint8_t *state, uint8_t root[32], struct why *why) {
  enum training_status status =
      replay_steps(w->replay, first_of(w, interval), steps_in(w, interval), state, NULL, NULL, why);
  return status == TRAINING_OK ? end_of(w, interval, state, root, why) : material_of(status);
}

enum material_status work_state(struct work *w, uint16_t i, uint8_t *state, struct why *why) {
  uint16_t from = i;
  uint8_t root[32];
  while (from > 0 && !load(w, from, state)) from--;
  if (from == 0) {
    enum material_status status = material_start(w->m, w->a, w->plan.start_root, state, why);
    if (status != MATERIAL_OK) return status;
  }
  for (; from < i; from++) {
    enum material_status status = run(w, (uint16_t)(from + 1), state, root, why);
    if (status != MATERIAL_OK) return status;
    if (memcmp(root, w->trace.roots[from + 1], 32) != 0) {
      why_set(why, "interval %u ends in another state than before: this machine is not sound", from + 1u);
      return MATERIAL_NEVER;
    }
  }
  return MATERIAL_OK;
}

static bool ended(const struct work *w, const uint8_t *state) {
  return w->trace.steps == w->plan.steps || (!w->plan.runs_on && replay_diverged(state));
}

static enum material_status keep_state(const struct work *w, uint16_t i, const uint8_t *state, struct why *why) {
  char path[FILE_PATH_MAX];
  if (!state_path(w, i, path)) return MATERIAL_ERR_SYSTEM;
  return material_of(file_replace_soon(path, state, w->m->state_leaves * TAPE_LEAF_BYTES, why));
}

/* The state at the end of the last interval, or further on. */
static enum material_status have_state(struct work *w, struct why *why) {
  if (w->has_state && w->at == w->trace.intervals) return MATERIAL_OK;
  w->has_state = false;
  enum material_status status = work_state(w, w->trace.intervals, w->state, why);
  if (status != MATERIAL_OK) return status;
  w->has_state = true;
  w->at = w->trace.intervals;
  w->ahead = 0;
  return status;
}

enum material_status work_next(struct work *w, uint64_t until_ms, bool *done, struct why *why) {
  struct trace *t = &w->trace;
  uint32_t did;
  *done = t->outcome != TRACE_OPEN;
  if (*done) return MATERIAL_OK;
  enum material_status status = have_state(w, why);
  if (status != MATERIAL_OK) return status;
  uint16_t next = (uint16_t)(t->intervals + 1);
  uint32_t steps = steps_in(w, next);
  status = slice_steps(w->replay, first_of(w, next) + w->ahead, steps - w->ahead, until_ms, w->state, &did, why);
  w->ahead += did;
  if (status != MATERIAL_OK || w->ahead < steps) return status;
  w->has_state = false; /* an end may be altered, and fail to be hashed */
  status = end_of(w, next, w->state, t->roots[next], why);
  if (status != MATERIAL_OK) return status;
  w->has_state = true;
  w->ahead = 0;
  w->at = t->intervals = next;
  t->steps += steps_in(w, next);
  if (ended(w, w->state)) t->outcome = replay_diverged(w->state) ? TRACE_DIVERGED : TRACE_DONE;
  *done = t->outcome != TRACE_OPEN;
  if (*done || next % w->every == 0) status = keep_state(w, next, w->state, why);
  return status == MATERIAL_OK ? keep_trace(w, why) : status;
}
