#include "training/replay/replay.h"
#include "tape/check/check.h"
#include "training/checkpoint/checkpoint.h"
#include "training/replay/step.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Tapes. */

enum training_status replay_tape(const uint8_t *bytes, size_t length, const uint8_t root[MERKLE_BYTES],
                                 struct arena *arena, struct tape *out, struct why *why) {
  uint8_t found[MERKLE_BYTES];
  struct tape t;
  size_t mark = arena_mark(arena);
  enum tape_status status = tape_read(bytes, length, arena, &t, why);
  if (status == TAPE_OK) status = tape_check(&t, arena, why);
  if (status == TAPE_OK) {
    tape_root(&t, found);
    if (memcmp(found, root, MERKLE_BYTES) == 0) {
      *out = t;
      return TRAINING_OK;
    }
    why_set(why, "the tape is another one: its root is not the job's");
    status = TAPE_ERR_BYTES;
  }
  arena_reset(arena, mark);
  return status == TAPE_ERR_MEMORY ? TRAINING_ERR_SYSTEM : TRAINING_ERR_INPUT;
}

/* Tape of a step of the schedule, JOB_TAPE_NONE where it has none. */
static uint8_t number_of_tape(const struct replay_job *j, uint32_t step) {
  return step < j->job->first_step ? JOB_TAPE_NONE : job_tape(j->job, step - j->job->first_step);
}

const struct tape *step_tape(const struct replay_job *j, uint32_t step) { return j->tape[number_of_tape(j, step)]; }

static bool scheduled(const struct job *j, uint32_t tape) {
  for (uint32_t s = 0; s < j->sections; s++)
    for (uint32_t e = 0; e < j->section[s].entries; e++)
      if (j->section[s].entry[e].tape == tape) return true;
  return false;
}

uint32_t step_temp_leaves_most(const struct replay_job *j) {
  uint32_t most = 0;
  for (uint32_t t = 0; t < JOB_TAPES_MAX; t++)
    if (j->tape[t] && scheduled(j->job, t) && j->tape[t]->temp_leaves > most) most = j->tape[t]->temp_leaves;
  return most;
}

static enum training_status check_tape(const struct replay_job *j, uint32_t number, struct why *why) {
  const struct tape *t = number < JOB_TAPES_MAX ? j->tape[number] : NULL;
  if (!t || t->state_leaves != j->state_leaves) {
    why_set(why, "tape %" PRIu32 " %s", number, t ? "is for a state of another size" : "is not there");
    return TRAINING_ERR_INPUT;
  }
  const struct layout *l = &t->layout;
  for (uint32_t i = l->state_count; i < (uint32_t)l->state_count + l->data_count; i++) {
    const struct layout_entry *e = &l->entry[i];
    uint64_t wanted = layout_entry_elements(e) * tape_dtype_bytes(e->dtype);
    bool there = e->number < JOB_DATA_MAX && j->data[e->number];
    if (there && j->data_bytes[e->number] == wanted) continue;
    why_set(why, "data tensor %u, which tape %" PRIu32 " reads, %s: %" PRIu64 " bytes are needed", e->number, number,
            there ? "has another size" : "is not there", wanted);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

enum training_status step_check(const struct replay *r, uint32_t first, uint32_t count, struct why *why) {
  const struct replay_job *j = r->job;
  uint32_t begin = j->job->first_step, all = job_steps(j->job);
  bool good[JOB_TAPES_MAX] = {false};
  if (first < begin || first - begin > all || count > all - (first - begin)) {
    why_set(why, "the job has no %" PRIu32 " steps from step %" PRIu32 " on", count, first);
    return TRAINING_ERR_INPUT;
  }
  for (uint32_t step = first; step - first < count; step++) {
    uint8_t tape = number_of_tape(j, step);
    if (tape < JOB_TAPES_MAX && good[tape]) continue;
    enum training_status status = check_tape(j, tape, why);
    if (status != TRAINING_OK) return status;
    good[tape] = true;
  }
  return TRAINING_OK;
}

/* Opening and closing. */

static struct execute_options executor(const struct replay_options *options, bool values) {
  return (struct execute_options){.backend = options->execute.backend,
                                  .pool = options->pool,
                                  .plain = options->execute.plain,
                                  .materialise = values};
}

/* Of the largest executor: with all values, or where they take less, without. */
static uint64_t executor_bytes(const struct replay_job *j, const struct replay_options *options) {
  uint64_t most = 0;
  for (uint32_t t = 0; t < JOB_TAPES_MAX; t++)
    for (int values = 0; values < 2 && j->tape[t] && scheduled(j->job, t); values++) {
      struct execute_options execute = executor(options, values);
      uint64_t bytes = execute_bytes(j->tape[t], &execute);
      if (bytes > most) most = bytes;
    }
  return most;
}

uint64_t replay_bytes(const struct replay_job *j, const struct replay_options *options, uint16_t steps) {
  if (j->state_leaves > UINT32_MAX) return UINT64_MAX;
  uint64_t hashing = j->state_leaves * MERKLE_BYTES; /* of a state, while its root is computed */
  return sizeof(struct replay) + executor_bytes(j, options) + hashing + stand_bytes(j, options->places, steps);
}

enum training_status replay_open(struct replay **out, const struct replay_job *j, const struct replay_options *options,
                                 struct why *why) {
  assert(options->places <= REPLAY_PLACES_MAX);
  struct replay *r = calloc(1, sizeof *r);
  *out = r;
  if (!r) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  r->job = j;
  r->options = *options;
  return TRAINING_OK;
}

void replay_shut(struct replay *r) {
  if (!r) return;
  execute_shut(r->x);
  stand_shut(r->stand);
  free(r->lied_temps);
  free(r);
}

void replay_sabotage(struct replay *r, const struct replay_lies *lies) {
  assert(r->runs == 0);
  r->lies = lies ? *lies : (struct replay_lies){0};
}

const struct replay_counts *replay_counts(const struct replay *r) { return &r->counts; }

/* Steps. */

/* An executor that keeps values serves where none are asked for. */
static enum training_status ready(struct replay *r, uint8_t tape, bool values, struct why *why) {
  if (r->x && r->x_tape == tape && (r->x_values || !values)) return TRAINING_OK;
  struct execute_options execute = executor(&r->options, values);
  execute_shut(r->x);
  r->x = NULL;
  r->x_tape = tape;
  r->x_values = values;
  switch (execute_open(&r->x, r->job->tape[tape], r->job->data, &execute, why)) {
  case EXECUTE_OK: return TRAINING_OK;
  case EXECUTE_ERR_MEMORY: return TRAINING_ERR_SYSTEM;
  case EXECUTE_ERR_UNSUPPORTED: return TRAINING_ERR_INPUT;
  }
  return TRAINING_ERR_SYSTEM;
}

static enum training_status run_lie(struct replay *r, uint32_t step, bool values, uint8_t *state, struct why *why) {
  size_t bytes = (size_t)step_tape(r->job, step)->temp_leaves * TAPE_LEAF_BYTES;
  execute_shut(r->x); /* the lie has an executor of its own */
  r->x = NULL;
  if (values && !(r->lied_temps = aligned_alloc(64, bytes + 64))) {
    why_set(why, "not enough memory for the values of a step (%zu MiB)", (bytes >> 20) + 1);
    return TRAINING_ERR_SYSTEM;
  }
  return r->lies.step(r->lies.context, step, state, r->lied_temps, why);
}

enum training_status step_run(struct replay *r, uint32_t step, bool fresh, bool values, uint8_t *state,
                              struct why *why) {
  if (r->options.stop && *r->options.stop) {
    why_set(why, "stopped");
    return TRAINING_INTERRUPTED;
  }
  r->runs++;
  free(r->lied_temps);
  r->lied_temps = NULL;
  if (r->lies.of_step && r->lies.of_step(r->lies.context, step)) return run_lie(r, step, values, state, why);
  enum training_status status = ready(r, number_of_tape(r->job, step), values, why);
  if (status != TRAINING_OK) return status;
  if (fresh) execute_forget(r->x);
  execute_step(r->x, state, step, r->job->seed);
  return TRAINING_OK;
}

const uint8_t *step_values(const struct replay *r) {
  return r->lied_temps ? r->lied_temps : r->x ? execute_temps(r->x) : NULL;
}

bool step_root_lies(const struct replay *r, uint32_t step) {
  return r->lies.of_root && r->lies.of_root(r->lies.context, step);
}

enum training_status step_root(struct replay *r, uint32_t step, const uint8_t *state, uint8_t *shown,
                               uint8_t root[MERKLE_BYTES], struct why *why) {
  if (step_root_lies(r, step)) return r->lies.root(r->lies.context, state, shown, root, why);
  return replay_root(r, state, root, why);
}

void step_tell(const struct replay *r, enum replay_work work, uint32_t done, uint32_t planned) {
  if (r->options.progress) r->options.progress(r->options.context, work, done, planned);
}

enum training_status replay_steps(struct replay *r, uint32_t first, uint32_t count, uint8_t *state,
                                  uint8_t (*roots)[MERKLE_BYTES], uint32_t *done, struct why *why) {
  uint32_t n = 0;
  assert((uintptr_t)state % 64 == 0);
  enum training_status status = step_check(r, first, count, why);
  if (status == TRAINING_OK && count) step_tell(r, REPLAY_STEPS, 0, count);
  while (status == TRAINING_OK && n < count) {
    status = step_run(r, first + n, n == 0, false, state, why);
    if (status != TRAINING_OK) break;
    n++;
    r->counts.steps++;
    if (roots) status = step_root(r, first + n - 1, state, NULL, roots[n - 1], why);
    step_tell(r, REPLAY_STEPS, n, count);
  }
  if (done) *done = n;
  return status;
}

bool replay_diverged(const uint8_t *state) {
  uint32_t word;
  memcpy(&word, state, sizeof word);
  return word != 0;
}

enum training_status replay_root(struct replay *r, const uint8_t *state, uint8_t root[MERKLE_BYTES], struct why *why) {
  return checkpoint_root(r->options.pool, state, replay_state_bytes(r->job), root, why);
}
