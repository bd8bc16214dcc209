#include "training/witness/witness.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include "training/replay/replay.h"
#include "training/sabotage/sabotage.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct witness {
  const char *folder;
  const struct prepared *p;
  struct sabotage sabotage; /* NONE: an honest run */
  struct witness_options options;
  uint32_t interval, first_step;
  uint16_t steps;
  struct replay_job job;
  struct replay *replay;
  uint8_t *state; /* before the interval, until evidence has it */
  struct evidence evidence;
  struct witness_counts counts;
};

/* The job as a replay needs it. */
static void job_of(const struct prepared *p, struct replay_job *out) {
  *out = (struct replay_job){.job = &p->job, .seed = p->job.seed, .state_leaves = p->state_leaves};
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) out->tape[t] = &p->lowered.tape[t];
  memcpy(out->data, p->data, sizeof p->data);
  memcpy(out->data_bytes, p->data_bytes, sizeof p->data_bytes);
}

static uint64_t mebibytes(uint64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

enum training_status witness_fits(const struct prepared *p, uint32_t interval, uint32_t witnesses,
                                  struct witness_options *options, struct why *why) {
  struct replay_job job;
  struct replay_options replay = {.pool = options->pool, .execute = options->execute, .places = 1};
  job_of(p, &job);
  uint64_t each = replay_bytes(&job, &replay, frame_steps(p, interval)) + p->state_bytes; /* and the start */
  uint64_t left = machine_memory_available(), needed = witnesses * each;
  if (needed > left) {
    why_set(why,
            "does not fit in memory: a step with all its values and its states, %" PRIu32 " times, need %" PRIu64
            " MiB more, this machine has %" PRIu64 " MiB left; use a larger machine",
            witnesses, mebibytes(needed), mebibytes(left));
    return TRAINING_ERR_SYSTEM;
  }
  uint64_t places = 1 + (left - needed) / 2 / (witnesses * p->state_bytes); /* half of what is left over */
  options->places = places < WITNESS_PLACES_MAX ? (uint32_t)places : WITNESS_PLACES_MAX;
  return TRAINING_OK;
}

/* The counts are lent, so they have to be right whenever a step is done. */
static void tell(void *context, enum replay_work work, uint32_t done, uint32_t planned) {
  static const enum witness_work works[] = {
      [REPLAY_STEPS] = WITNESS_START, [REPLAY_INTERVAL] = WITNESS_STEPS, [REPLAY_VALUES] = WITNESS_VALUES};
  struct witness *w = context;
  const struct replay_counts *c = replay_counts(w->replay);
  w->counts = (struct witness_counts){.start_steps = c->steps,
                                      .interval_steps = c->interval_steps,
                                      .again_steps = c->again_steps,
                                      .materialised = c->materialised};
  if (w->options.progress) w->options.progress(w->options.context, works[work], done, planned);
}

/* The lie of a sabotaged run, by the functions that the run called. */

static bool lies_in_step(void *context, uint32_t step) {
  const struct witness *w = context;
  return sabotage_of_step(&w->sabotage, step);
}

static enum training_status lie_in_step(void *context, uint32_t step, uint8_t *state, uint8_t *temps, struct why *why) {
  const struct witness *w = context;
  struct execute_options execute = w->options.execute;
  assert(step == w->sabotage.step);
  execute.pool = w->options.pool;
  return sabotage_step(w->p, &w->sabotage, &execute, state, temps, why);
}

static bool lies_in_root(void *context, uint32_t step) {
  const struct witness *w = context;
  return step == w->first_step + w->steps - 1 && sabotage_of_root(w->p, &w->sabotage, w->interval);
}

static enum training_status lie_in_root(void *context, const uint8_t *state, uint8_t *shown, uint8_t root[MERKLE_BYTES],
                                        struct why *why) {
  const struct witness *w = context;
  return sabotage_root(w->p, &w->sabotage, w->options.pool, state, shown, root, why);
}

static enum training_status open_replay(struct witness *w, struct why *why) {
  const struct replay_lies lies = {w, lies_in_step, lie_in_step, lies_in_root, lie_in_root};
  const struct replay_options options = {.pool = w->options.pool,
                                         .execute = w->options.execute,
                                         .places = w->options.places,
                                         .stop = w->options.stop,
                                         .progress = tell,
                                         .context = w};
  job_of(w->p, &w->job);
  w->state = aligned_alloc(64, w->p->state_bytes);
  if (!w->state) {
    why_set(why, "not enough memory for a state of %" PRIu64 " MiB", mebibytes(w->p->state_bytes));
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = replay_open(&w->replay, &w->job, &options, why);
  if (status == TRAINING_OK && w->sabotage.kind != SABOTAGE_NONE) replay_sabotage(w->replay, &lies);
  return status;
}

/* The state before the interval. */

static enum training_status load_base(struct witness *w, const struct frame_roots *roots, uint32_t *base,
                                      struct why *why) {
  char path[FILE_PATH_MAX];
  uint8_t root[MERKLE_BYTES];
  for (uint32_t n = w->interval - 1; n > 0; n--) {
    if (!checkpoint_path(path, w->folder, n) || checkpoint_read(path, w->p->state_bytes, w->state, NULL) != TRAINING_OK)
      continue;
    enum training_status status = replay_root(w->replay, w->state, root, why);
    if (status != TRAINING_OK) return status;
    if (memcmp(root, roots->root[n], MERKLE_BYTES) != 0) continue;
    *base = n;
    return TRAINING_OK;
  }
  memset(w->state, 0, w->p->state_bytes);
  *base = 0;
  return TRAINING_OK;
}

static enum training_status find_start(struct witness *w, const struct frame_roots *roots, struct why *why) {
  uint32_t base = 0;
  uint8_t root[MERKLE_BYTES];
  enum training_status status = load_base(w, roots, &base, why);
  if (status != TRAINING_OK) return status;
  uint32_t first = base ? frame_first_step(w->p, base + 1) : 0;
  if (first < w->first_step) status = replay_steps(w->replay, first, w->first_step - first, w->state, NULL, NULL, why);
  if (status == TRAINING_OK) status = replay_root(w->replay, w->state, root, why);
  if (status != TRAINING_OK || memcmp(root, roots->root[w->interval - 1], MERKLE_BYTES) == 0) return status;
  why_set(why,
          "%s: nothing in it leads to the state that interval %" PRIu32
          " starts from: no checkpoint has the root, and running the job again gives another; assay verify says more",
          w->folder, w->interval);
  return TRAINING_ERR_INPUT;
}

/* Opening and closing. */

/* The folder is perhaps a stranger's, so what it says of its sabotage may be nothing that its job could have. */
static enum training_status read_sabotage(struct witness *w, const struct folder_info *info, struct why *why) {
  if (!*info->sabotage) return TRAINING_OK;
  enum training_status status = sabotage_parse(info->sabotage, &w->sabotage, why);
  if (status == TRAINING_OK) status = sabotage_possible(w->p, &w->sabotage, why);
  if (status != TRAINING_OK) why_before(why, "%s: job.json or " SABOTAGE_MARK " is damaged: ", w->folder);
  return status;
}

enum training_status witness_open(struct witness **out, const char *folder, const struct folder_info *info,
                                  const struct prepared *p, const struct frame_roots *roots, uint32_t interval,
                                  const struct witness_options *options, struct why *why) {
  struct witness *w = calloc(1, sizeof *w);
  *out = NULL;
  assert(interval >= 1 && interval <= roots->intervals && options->places <= WITNESS_PLACES_MAX);
  if (!w) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  w->folder = folder;
  w->p = p;
  w->options = *options;
  w->interval = interval;
  w->first_step = frame_first_step(p, interval);
  w->steps = frame_steps(p, interval);
  enum training_status status = read_sabotage(w, info, why);
  if (status == TRAINING_OK) status = open_replay(w, why);
  if (status == TRAINING_OK) status = find_start(w, roots, why);
  if (status == TRAINING_OK) status = replay_evidence(w->replay, w->first_step, w->steps, w->state, &w->evidence, why);
  free(w->state);
  w->state = NULL;
  if (status == TRAINING_OK)
    *out = w;
  else
    witness_shut(w);
  return status;
}

void witness_shut(struct witness *w) {
  if (!w) return;
  replay_shut(w->replay);
  free(w);
}

void witness_evidence(struct witness *w, struct evidence *out) { *out = w->evidence; }

enum training_status witness_status(const struct witness *w) { return replay_status(w->replay); }
const struct witness_counts *witness_counts(const struct witness *w) { return &w->counts; }
