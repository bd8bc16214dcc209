/* Evidence of one interval: its roots, some of its states, and one step with all its values. PROTOCOL P4.3 */
#include "training/checkpoint/checkpoint.h"
#include "training/replay/step.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BLOBS = TAPE_DATA, NOWHERE = UINT16_MAX }; /* the spaces before data: temp, out, in */

struct stand {
  struct replay *r;
  uint32_t first;
  uint16_t steps; /* S */
  /* states: S_0 .. S_S. place[n] keeps S_(n * stride), once it has been passed */
  uint32_t places, stride;
  uint8_t *place[REPLAY_PLACES_MAX], *state, *before;
  bool kept[REPLAY_PLACES_MAX];
  uint16_t at; /* `state` is S_at */
  bool moved;  /* .. and was put there, so the next step continues nothing */
  bool has_roots;
  uint8_t root[MOVE_STEPS_MAX][MERKLE_BYTES];
  uint16_t entered; /* the step entered, 0: none */
  uint64_t run;     /* its number among all that were run: another one since, and its values are gone */
  uint8_t *hashes[BLOBS], *data_hashes[JOB_DATA_MAX];
  bool hashed[BLOBS];
  uint8_t last_leaf[TAPE_LEAF_BYTES]; /* of a data tensor, filled up */
  enum training_status status;
};

/* Memory. */

/* S_0 .. S_(S - 1) are what somebody may ask to go on from: nobody enters what follows S_S. */
static uint32_t stride_of(uint32_t places, uint16_t steps) {
  if (!places) places = REPLAY_PLACES_MAX;
  return (steps + places - 1) / places;
}

static uint32_t places_of(uint32_t places, uint16_t steps) {
  uint32_t stride = stride_of(places, steps);
  return stride ? (steps + stride - 1) / stride : 0;
}

uint64_t stand_bytes(const struct replay_job *j, uint32_t places, uint16_t steps) {
  uint64_t states = places_of(places, steps) + 2u, leaves = step_temp_leaves_most(j) + 2 * j->state_leaves;
  for (uint32_t d = 0; d < JOB_DATA_MAX; d++)
    if (j->data[d]) leaves += j->data_bytes[d] / TAPE_LEAF_BYTES + 1;
  return sizeof(struct stand) + states * replay_state_bytes(j) + leaves * MERKLE_BYTES;
}

static bool take(uint8_t **at, uint64_t bytes) {
  if (!*at) *at = aligned_alloc(64, (bytes / 64 + 1) * 64);
  return *at != NULL;
}

/* What an interval before this one has taken serves again. */
static bool take_memory(struct stand *s) {
  const struct replay_job *j = s->r->job;
  uint64_t state_bytes = replay_state_bytes(j);
  bool good = take(&s->state, state_bytes) && take(&s->before, state_bytes);
  for (uint32_t n = 0; n < s->places; n++) good = good && take(&s->place[n], state_bytes);
  for (uint32_t b = 0; b < BLOBS; b++) {
    uint64_t leaves = b == TAPE_TEMP ? step_temp_leaves_most(j) : j->state_leaves;
    good = good && take(&s->hashes[b], leaves * MERKLE_BYTES);
  }
  return good;
}

void stand_shut(struct stand *s) {
  if (!s) return;
  for (uint32_t n = 0; n < REPLAY_PLACES_MAX; n++) free(s->place[n]);
  for (uint32_t b = 0; b < BLOBS; b++) free(s->hashes[b]);
  for (uint32_t d = 0; d < JOB_DATA_MAX; d++) free(s->data_hashes[d]);
  free(s->state);
  free(s->before);
  free(s);
}

/* Steps of the interval. */

static bool fail(struct stand *s, enum training_status status) {
  s->status = status;
  return false;
}

static uint32_t step_at(const struct stand *s) { return s->first + s->at; } /* the one that comes next */

static bool stands_entered(const struct stand *s) { return s->entered && s->run == s->r->runs; }

static void forget_values(struct stand *s) {
  s->entered = 0;
  memset(s->hashed, 0, sizeof s->hashed);
}

static void keep(struct stand *s) {
  uint32_t n = s->at / s->stride;
  if (s->at % s->stride || n >= s->places || s->kept[n]) return;
  memcpy(s->place[n], s->state, replay_state_bytes(s->r->job));
  s->kept[n] = true;
}

/* From S_at to S_(at + 1). */
static bool advance(struct stand *s, bool values, struct why *why) {
  uint16_t next = (uint16_t)(s->at + 1);
  uint32_t step = step_at(s);
  s->at = NOWHERE; /* until the step is done */
  enum training_status status = step_run(s->r, step, s->moved, values, s->state, why);
  if (status != TRAINING_OK) return fail(s, status);
  s->at = next;
  s->moved = false;
  keep(s);
  return true;
}

/* Makes `state` the nearest S_n with n <= j that there is; S_0 is always kept. */
static void back_to(struct stand *s, uint16_t j) {
  uint32_t n = j / s->stride < s->places ? j / s->stride : s->places - 1;
  while (!s->kept[n]) n--;
  if (s->at <= j && s->at >= n * s->stride) return;
  memcpy(s->state, s->place[n], replay_state_bytes(s->r->job));
  s->at = (uint16_t)(n * s->stride);
  s->moved = true;
}

static bool compute_roots(struct stand *s, struct why *why) {
  forget_values(s);
  back_to(s, 0);
  step_tell(s->r, REPLAY_INTERVAL, 0, s->steps);
  while (s->at < s->steps) {
    if (!advance(s, false, why)) return false;
    enum training_status status = step_root(s->r, step_at(s) - 1, s->state, NULL, s->root[s->at - 1], why);
    if (status != TRAINING_OK) return fail(s, status);
    s->r->counts.interval_steps++;
    step_tell(s->r, REPLAY_INTERVAL, s->at, s->steps);
  }
  return s->has_roots = true;
}

/* In place of the state that was computed, the one that a false root is shown with. */
static bool show_lie(struct stand *s, struct why *why) {
  uint64_t bytes = replay_state_bytes(s->r->job);
  uint8_t root[MERKLE_BYTES], *shown = aligned_alloc(64, bytes);
  if (!shown) {
    why_set(why, "not enough memory for a state of %" PRIu64 " MiB", (bytes >> 20) + 1);
    return fail(s, TRAINING_ERR_SYSTEM);
  }
  enum training_status status = step_root(s->r, step_at(s) - 1, s->state, shown, root, why);
  if (status == TRAINING_OK) memcpy(s->state, shown, bytes);
  s->at = NOWHERE; /* what is shown is not what was computed */
  free(shown);
  return status == TRAINING_OK || fail(s, status);
}

/* The step itself, when `state` is the one before it. */
static bool materialise(struct stand *s, struct why *why) {
  memcpy(s->before, s->state, replay_state_bytes(s->r->job));
  if (!advance(s, true, why)) return false;
  s->run = s->r->runs;
  s->r->counts.materialised++;
  return !step_root_lies(s->r, step_at(s) - 1) || show_lie(s, why);
}

/* What evidence asks. */

static bool give_steps(void *context, uint16_t steps, uint8_t (*roots)[MERKLE_BYTES], struct why *why) {
  struct stand *s = context;
  assert(steps == s->steps);
  if (!s->has_roots && !compute_roots(s, why)) return false;
  memcpy(roots, s->root, (size_t)steps * MERKLE_BYTES);
  return true;
}

static bool enter(void *context, uint16_t j, struct why *why) {
  struct stand *s = context;
  assert(j >= 1 && j <= s->steps);
  if (stands_entered(s) && s->entered == j) return true;
  forget_values(s);
  back_to(s, (uint16_t)(j - 1));
  uint32_t further = j - 1u - s->at;
  step_tell(s->r, REPLAY_VALUES, 0, further + 1);
  while (s->at < j - 1) {
    if (!advance(s, false, why)) return false;
    s->r->counts.again_steps++;
    step_tell(s->r, REPLAY_VALUES, s->at - (j - 1u - further), further + 1);
  }
  if (!materialise(s, why)) return false;
  s->entered = j;
  step_tell(s->r, REPLAY_VALUES, further + 1, further + 1);
  return true;
}

/* The bytes behind a space. NULL: not there. */
static const uint8_t *blob(const struct stand *s, uint8_t space, uint8_t number, uint64_t *length) {
  const struct replay_job *j = s->r->job;
  *length = replay_state_bytes(j);
  switch ((enum tape_space)space) {
  case TAPE_TEMP:
    if (!stands_entered(s)) return NULL;
    *length = (uint64_t)step_tape(j, s->first + s->entered - 1)->temp_leaves * TAPE_LEAF_BYTES;
    return step_values(s->r);
  case TAPE_OUT: return stands_entered(s) ? s->state : NULL;
  case TAPE_IN: return stands_entered(s) ? s->before : NULL;
  case TAPE_DATA:
    if (number >= JOB_DATA_MAX) return NULL;
    *length = j->data_bytes[number];
    return j->data[number];
  }
  return NULL;
}

static const uint8_t *hash_data(struct stand *s, uint8_t number, const uint8_t *bytes, uint64_t length) {
  if (s->data_hashes[number]) return s->data_hashes[number];
  uint8_t *hashes = malloc((length / TAPE_LEAF_BYTES + 1) * MERKLE_BYTES);
  if (!hashes) return NULL;
  checkpoint_leaves(s->r->options.pool, bytes, length, hashes);
  return s->data_hashes[number] = hashes;
}

static const uint8_t *hashes(void *context, uint8_t space, uint8_t number) {
  struct stand *s = context;
  uint64_t length;
  const uint8_t *bytes = blob(s, space, number, &length);
  if (!bytes) return NULL;
  if (space == TAPE_DATA) return hash_data(s, number, bytes, length);
  if (!s->hashed[space]) checkpoint_leaves(s->r->options.pool, bytes, length, s->hashes[space]);
  s->hashed[space] = true;
  return s->hashes[space];
}

static const uint8_t *leaf(void *context, uint8_t space, uint8_t number, uint64_t index) {
  struct stand *s = context;
  uint64_t length;
  const uint8_t *bytes = blob(s, space, number, &length);
  if (!bytes || index > length / TAPE_LEAF_BYTES || index * TAPE_LEAF_BYTES >= length) return NULL;
  uint64_t left = length - index * TAPE_LEAF_BYTES;
  if (left >= TAPE_LEAF_BYTES) return bytes + index * TAPE_LEAF_BYTES;
  memset(s->last_leaf, 0, sizeof s->last_leaf);
  memcpy(s->last_leaf, bytes + index * TAPE_LEAF_BYTES, left);
  return s->last_leaf;
}

/* Standing in an interval. */

static void stand_in(struct stand *s, uint32_t first, uint16_t count, const uint8_t *start) {
  forget_values(s);
  memset(s->kept, 0, sizeof s->kept);
  s->has_roots = false;
  s->at = NOWHERE;
  s->first = first;
  s->steps = count;
  memcpy(s->place[0], start, replay_state_bytes(s->r->job));
  s->kept[0] = true;
}

static enum training_status no_memory(struct replay *r, uint32_t states, struct why *why) {
  stand_shut(r->stand);
  r->stand = NULL;
  why_set(why, "not enough memory for %" PRIu32 " states of %" PRIu64 " MiB", states,
          (replay_state_bytes(r->job) >> 20) + 1);
  return TRAINING_ERR_SYSTEM;
}

enum training_status replay_evidence(struct replay *r, uint32_t first, uint16_t count, const uint8_t *start,
                                     struct evidence *out, struct why *why) {
  if (count < 1 || count > MOVE_STEPS_MAX) {
    why_set(why, "an interval has 1 to %d steps, not %u", MOVE_STEPS_MAX, count);
    return TRAINING_ERR_INPUT;
  }
  enum training_status status = step_check(r, first, count, why);
  if (status != TRAINING_OK) return status;
  uint32_t places = places_of(r->options.places, count);
  if (!r->stand && !(r->stand = calloc(1, sizeof *r->stand))) return no_memory(r, places + 2, why);
  struct stand *s = r->stand;
  s->r = r;
  s->places = places;
  s->stride = stride_of(r->options.places, count);
  if (!take_memory(s)) return no_memory(r, places + 2, why);
  stand_in(s, first, count, start);
  *out = (struct evidence){.context = s, .steps = give_steps, .enter = enter, .hashes = hashes, .leaf = leaf};
  for (uint32_t t = 0; t < JOB_TAPES_MAX; t++) out->tape[t] = r->job->tape[t];
  return TRAINING_OK;
}

enum training_status replay_status(const struct replay *r) { return r->stand ? r->stand->status : TRAINING_OK; }
