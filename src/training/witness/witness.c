#include "training/witness/witness.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include "training/sabotage/sabotage.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SPACES = TAPE_IN + 1, NOWHERE = UINT16_MAX };

struct witness {
  const char *folder;
  const struct prepared *p;
  struct sabotage sabotage; /* NONE: an honest run */
  struct witness_options options;
  uint32_t interval, first_step;
  uint16_t steps; /* S */
  /* states: S_0 .. S_S. place[n] keeps S_(n * stride), once it has been passed */
  uint32_t places, stride;
  uint8_t *place[WITNESS_PLACES_MAX], *state, *before;
  bool kept[WITNESS_PLACES_MAX];
  uint16_t at; /* `state` is S_at */
  bool has_roots;
  uint8_t root[MOVE_STEPS_MAX][MERKLE_BYTES];
  /* one executor at a time, since a large job has room for no more */
  struct execute *x;
  uint8_t x_tape;
  bool x_values;
  /* the step entered, 0: none */
  uint16_t entered;
  uint8_t *hashes[SPACES], *data_hashes[DATA_COUNT];
  bool hashed[SPACES];
  uint8_t *lied_temps;                /* of the step that was sabotaged, while it is the one entered; else NULL */
  uint8_t last_leaf[TAPE_LEAF_BYTES]; /* of a data tensor, filled up */
  enum training_status status;
  struct witness_counts counts;
};

/* Memory. */

static uint8_t step_tape(const struct prepared *p, uint32_t step) {
  return job_tape(&p->job, step - p->job.first_step);
}

static bool runs_init(const struct prepared *p, uint32_t interval) {
  return step_tape(p, frame_first_step(p, interval)) == TAPE_OF_INIT;
}

static uint32_t temp_leaves_most(const struct prepared *p) {
  uint32_t init = p->lowered.tape[TAPE_OF_INIT].temp_leaves, train = p->lowered.tape[TAPE_OF_TRAIN].temp_leaves;
  return init > train ? init : train;
}

/* Of one witness, but for the states it keeps. */
static uint64_t memory(const struct prepared *p, uint32_t interval, const struct execute_options *execute) {
  struct execute_options values = *execute;
  values.materialise = true;
  uint64_t most = execute_bytes(&p->lowered.tape[TAPE_OF_TRAIN], &values);
  uint64_t init = runs_init(p, interval) ? execute_bytes(&p->lowered.tape[TAPE_OF_INIT], &values) : 0;
  uint64_t leaves = temp_leaves_most(p) + 2 * p->state_leaves;
  for (uint32_t d = 0; d < DATA_COUNT; d++) leaves += p->data_bytes[d] / TAPE_LEAF_BYTES + 1;
  return (init > most ? init : most) + 2 * p->state_bytes + leaves * MERKLE_BYTES;
}

static uint64_t mebibytes(uint64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

enum training_status witness_fits(const struct prepared *p, uint32_t interval, uint32_t witnesses,
                                  struct witness_options *options, struct why *why) {
  uint64_t left = machine_memory_available(), each = memory(p, interval, &options->execute);
  uint64_t needed = witnesses * (each + p->state_bytes), data = 0;
  const struct data_part *parts[] = {&p->train.inputs, &p->train.targets};
  for (int i = 0; i < 2; i++)
    if (!parts[i]->converted && parts[i]->file.mapping) data += parts[i]->bytes;
  if (needed + data > left) {
    why_set(why,
            "does not fit in memory: a step with all its values and its states, %" PRIu32 " times, need %" PRIu64
            " MiB more, this machine has %" PRIu64 " MiB left; use a larger machine",
            witnesses, mebibytes(needed + data), mebibytes(left));
    return TRAINING_ERR_SYSTEM;
  }
  uint64_t places = 1 + (left - needed - data) / 2 / (witnesses * p->state_bytes); /* half of what is left over */
  options->places = places < WITNESS_PLACES_MAX ? (uint32_t)places : WITNESS_PLACES_MAX;
  return TRAINING_OK;
}

static bool take_memory(struct witness *w) {
  const struct prepared *p = w->p;
  bool good = true;
  for (uint32_t n = 0; n < w->places; n++) good = (w->place[n] = aligned_alloc(64, p->state_bytes)) && good;
  for (uint8_t space = 0; space < SPACES; space++) {
    uint64_t leaves = space == TAPE_TEMP ? temp_leaves_most(p) : p->state_leaves;
    good = (w->hashes[space] = malloc(leaves * MERKLE_BYTES + 1)) && good;
  }
  w->state = aligned_alloc(64, p->state_bytes);
  w->before = aligned_alloc(64, p->state_bytes);
  return good && w->state && w->before;
}

/* Steps. */

static bool fail(struct witness *w, enum training_status status) {
  w->status = status;
  return false;
}

/* An executor that keeps values serves where none are asked for. */
static bool ready(struct witness *w, uint8_t tape, bool values, struct why *why) {
  if (w->x && w->x_tape == tape && (w->x_values || !values)) return true;
  execute_shut(w->x);
  w->x = NULL;
  struct execute_options execute = w->options.execute;
  execute.pool = w->options.pool;
  execute.materialise = values;
  enum training_status status = prepare_execute(w->p, tape, &execute, &w->x, why);
  if (status != TRAINING_OK) return fail(w, status);
  w->x_tape = tape;
  w->x_values = values;
  return true;
}

static bool go_on(struct witness *w, struct why *why) {
  if (!w->options.stop || !*w->options.stop) return true;
  why_set(why, "stopped");
  return fail(w, TRAINING_INTERRUPTED);
}

static void forget_values(struct witness *w) {
  w->entered = 0;
  memset(w->hashed, 0, sizeof w->hashed);
  free(w->lied_temps);
  w->lied_temps = NULL;
}

/* The step as the run did it, by the same function. */
static bool run_lie(struct witness *w, uint8_t tape, bool values, struct why *why) {
  struct execute_options execute = w->options.execute;
  size_t bytes = (size_t)w->p->lowered.tape[tape].temp_leaves * TAPE_LEAF_BYTES;
  execute.pool = w->options.pool;
  execute_shut(w->x); /* the lie has an executor of its own */
  w->x = NULL;
  if (values && !(w->lied_temps = aligned_alloc(64, bytes + 64))) {
    why_set(why, "not enough memory for the values of a step (%" PRIu64 " MiB)", mebibytes(bytes));
    return fail(w, TRAINING_ERR_SYSTEM);
  }
  enum training_status status = sabotage_step(w->p, &w->sabotage, &execute, w->state, w->lied_temps, why);
  return status == TRAINING_OK || fail(w, status);
}

static bool run_step(struct witness *w, uint32_t step, bool values, struct why *why) {
  uint8_t tape = step_tape(w->p, step);
  if (!go_on(w, why)) return false;
  if (sabotage_of_step(&w->sabotage, step)) return run_lie(w, tape, values, why);
  if (!ready(w, tape, values, why)) return false;
  execute_step(w->x, w->state, step, w->p->job.seed);
  return true;
}

static void tell(struct witness *w, enum witness_work work, uint32_t done, uint32_t steps) {
  if (w->options.progress) w->options.progress(w->options.context, work, done, steps);
}

static void keep(struct witness *w) {
  uint32_t n = w->at / w->stride;
  if (w->at % w->stride || n >= w->places || w->kept[n]) return;
  memcpy(w->place[n], w->state, w->p->state_bytes);
  w->kept[n] = true;
}

/* From S_at to S_(at + 1). */
static bool advance(struct witness *w, bool values, struct why *why) {
  uint32_t step = w->first_step + w->at;
  w->at = NOWHERE; /* until the step is done */
  if (!run_step(w, step, values, why)) return false;
  w->at = (uint16_t)(step - w->first_step + 1);
  keep(w);
  return true;
}

/* The root of `state` as the run committed to it; shown, unless NULL, gets the state that goes with a false one. */
static bool root_of_state(struct witness *w, uint8_t *shown, uint8_t root[MERKLE_BYTES], struct why *why) {
  enum training_status status = w->at == w->steps && sabotage_of_root(w->p, &w->sabotage, w->interval)
                                    ? sabotage_root(w->p, &w->sabotage, w->options.pool, w->state, shown, root, why)
                                    : checkpoint_root(w->options.pool, w->state, w->p->state_bytes, root, why);
  return status == TRAINING_OK || fail(w, status);
}

/* Makes `state` the nearest S_n with n <= j that there is; S_0 is always kept. */
static void back_to(struct witness *w, uint16_t j) {
  uint32_t n = j / w->stride < w->places ? j / w->stride : w->places - 1;
  while (!w->kept[n]) n--;
  if (w->at <= j && w->at >= n * w->stride) return;
  memcpy(w->state, w->place[n], w->p->state_bytes);
  w->at = (uint16_t)(n * w->stride);
}

/* The state before the interval. */

static enum training_status load_base(struct witness *w, const struct frame_roots *roots, uint32_t *base,
                                      struct why *why) {
  char path[FILE_PATH_MAX];
  uint8_t root[MERKLE_BYTES];
  for (uint32_t n = w->interval - 1; n > 0; n--) {
    if (!checkpoint_path(path, w->folder, n) || checkpoint_read(path, w->p->state_bytes, w->state, NULL) != TRAINING_OK)
      continue;
    enum training_status status = checkpoint_root(w->options.pool, w->state, w->p->state_bytes, root, why);
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
  if (first < w->first_step) tell(w, WITNESS_START, 0, w->first_step - first);
  for (uint32_t step = first; step < w->first_step; step++) {
    if (!run_step(w, step, false, why)) return w->status;
    w->counts.start_steps++;
    tell(w, WITNESS_START, step + 1 - first, w->first_step - first);
  }
  w->at = 0;
  keep(w);
  status = checkpoint_root(w->options.pool, w->state, w->p->state_bytes, root, why);
  if (status != TRAINING_OK || memcmp(root, roots->root[w->interval - 1], MERKLE_BYTES) == 0) return status;
  why_set(why,
          "%s: nothing in it leads to the state that interval %" PRIu32
          " starts from: no checkpoint has the root, and running the job again gives another; assay verify says more",
          w->folder, w->interval);
  return TRAINING_ERR_INPUT;
}

/* Evidence. */

static bool give_steps(void *context, uint16_t steps, uint8_t (*roots)[MERKLE_BYTES], struct why *why) {
  struct witness *w = context;
  assert(steps == w->steps);
  if (!w->has_roots) {
    forget_values(w);
    back_to(w, 0);
    tell(w, WITNESS_STEPS, 0, w->steps);
    while (w->at < w->steps) {
      if (!advance(w, false, why) || !root_of_state(w, NULL, w->root[w->at - 1], why)) return false;
      w->counts.interval_steps++;
      tell(w, WITNESS_STEPS, w->at, w->steps);
    }
    w->has_roots = true;
  }
  memcpy(roots, w->root, (size_t)steps * MERKLE_BYTES);
  return true;
}

/* The step itself, when `state` is the one before it. */
static bool materialise(struct witness *w, struct why *why) {
  uint8_t root[MERKLE_BYTES];
  memcpy(w->before, w->state, w->p->state_bytes);
  if (!advance(w, true, why)) return false;
  w->counts.materialised++;
  if (w->at < w->steps || !sabotage_of_root(w->p, &w->sabotage, w->interval)) return true;
  uint8_t *shown = aligned_alloc(64, w->p->state_bytes);
  if (!shown) {
    why_set(why, "not enough memory for a state of %" PRIu64 " MiB", mebibytes(w->p->state_bytes));
    return fail(w, TRAINING_ERR_SYSTEM);
  }
  bool good = root_of_state(w, shown, root, why);
  if (good) memcpy(w->state, shown, w->p->state_bytes);
  w->at = NOWHERE; /* what is shown is not what was computed */
  free(shown);
  return good;
}

static bool enter(void *context, uint16_t j, struct why *why) {
  struct witness *w = context;
  assert(j >= 1 && j <= w->steps);
  if (w->entered == j) return true;
  forget_values(w);
  back_to(w, (uint16_t)(j - 1));
  uint32_t further = j - 1u - w->at;
  tell(w, WITNESS_VALUES, 0, further + 1);
  while (w->at < j - 1) {
    if (!advance(w, false, why)) return false;
    w->counts.again_steps++;
    tell(w, WITNESS_VALUES, w->at - (j - 1u - further), further + 1);
  }
  if (!materialise(w, why)) return false;
  w->entered = j;
  tell(w, WITNESS_VALUES, further + 1, further + 1);
  return true;
}

static uint8_t entered_tape(const struct witness *w) { return step_tape(w->p, w->first_step + w->entered - 1); }

/* The bytes behind a space. NULL: not there. */
static const uint8_t *blob(const struct witness *w, uint8_t space, uint8_t number, uint64_t *length) {
  *length = w->p->state_bytes;
  switch ((enum tape_space)space) {
  case TAPE_TEMP:
    if (!w->entered) return NULL;
    *length = (uint64_t)w->p->lowered.tape[entered_tape(w)].temp_leaves * TAPE_LEAF_BYTES;
    return w->lied_temps ? w->lied_temps : execute_temps(w->x);
  case TAPE_OUT: return w->entered ? w->state : NULL;
  case TAPE_IN: return w->entered ? w->before : NULL;
  case TAPE_DATA:
    if (number >= DATA_COUNT) return NULL;
    *length = w->p->data_bytes[number];
    return w->p->data[number];
  }
  return NULL;
}

static const uint8_t *hash_data(struct witness *w, uint8_t number, const uint8_t *bytes, uint64_t length) {
  if (w->data_hashes[number]) return w->data_hashes[number];
  uint8_t *hashes = malloc((length / TAPE_LEAF_BYTES + 1) * MERKLE_BYTES);
  if (!hashes) return NULL;
  checkpoint_leaves(w->options.pool, bytes, length, hashes);
  return w->data_hashes[number] = hashes;
}

static const uint8_t *hashes(void *context, uint8_t space, uint8_t number) {
  struct witness *w = context;
  uint64_t length;
  const uint8_t *bytes = blob(w, space, number, &length);
  if (!bytes) return NULL;
  if (space == TAPE_DATA) return hash_data(w, number, bytes, length);
  if (!w->hashed[space]) checkpoint_leaves(w->options.pool, bytes, length, w->hashes[space]);
  w->hashed[space] = true;
  return w->hashes[space];
}

static const uint8_t *leaf(void *context, uint8_t space, uint8_t number, uint64_t index) {
  struct witness *w = context;
  uint64_t length;
  const uint8_t *bytes = blob(w, space, number, &length);
  if (!bytes || index > length / TAPE_LEAF_BYTES || index * TAPE_LEAF_BYTES >= length) return NULL;
  uint64_t left = length - index * TAPE_LEAF_BYTES;
  if (left >= TAPE_LEAF_BYTES) return bytes + index * TAPE_LEAF_BYTES;
  memset(w->last_leaf, 0, sizeof w->last_leaf);
  memcpy(w->last_leaf, bytes + index * TAPE_LEAF_BYTES, left);
  return w->last_leaf;
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
  w->places = options->places ? options->places : WITNESS_PLACES_MAX;
  if (w->places > w->steps) w->places = w->steps;
  w->stride = (w->steps + w->places - 1) / w->places;
  w->places = (w->steps + w->stride - 1) / w->stride; /* S_0 .. S_(S - 1): nobody enters what follows S_S */
  w->at = NOWHERE;
  enum training_status status = read_sabotage(w, info, why);
  if (status == TRAINING_OK && !take_memory(w)) {
    why_set(why, "not enough memory for %" PRIu32 " states of %" PRIu64 " MiB", w->places + 2,
            mebibytes(p->state_bytes));
    status = TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK) status = find_start(w, roots, why);
  if (status == TRAINING_OK)
    *out = w;
  else
    witness_shut(w);
  return status;
}

void witness_shut(struct witness *w) {
  if (!w) return;
  execute_shut(w->x);
  for (uint32_t n = 0; n < WITNESS_PLACES_MAX; n++) free(w->place[n]);
  for (uint32_t n = 0; n < SPACES; n++) free(w->hashes[n]);
  for (uint32_t n = 0; n < DATA_COUNT; n++) free(w->data_hashes[n]);
  free(w->lied_temps);
  free(w->state);
  free(w->before);
  free(w);
}

void witness_evidence(struct witness *w, struct evidence *out) {
  *out = (struct evidence){.context = w, .steps = give_steps, .enter = enter, .hashes = hashes, .leaf = leaf};
  for (uint32_t t = 0; t < w->p->lowered.tapes_count; t++) out->tape[t] = &w->p->lowered.tape[t];
}

enum training_status witness_status(const struct witness *w) { return w->status; }
const struct witness_counts *witness_counts(const struct witness *w) { return &w->counts; }
