/* The lie itself: a step computed honestly, and once more as the liar has it. */
#include "crypto/sha256.h"
#include "training/checkpoint/checkpoint.h"
#include "training/sabotage/place.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What the lying execution is made of; data is what the tapes read, with maybe one tensor of its own. */
struct lie {
  const struct prepared *p;
  const struct sabotage *s;
  struct execute_options options;
  const struct tape *tape;
  const void *data[DATA_COUNT];
  uint8_t *own; /* a tensor that is other than the job's, on the heap */
  uint32_t step;
  uint64_t seed;
  bool altered;
  struct execute_alteration alteration;
  uint32_t sample; /* honest number of the sample that the lie is about */
};

static enum training_status no_memory(const struct lie *l, const char *what, uint64_t bytes, struct why *why) {
  why_set(why, "sabotage: not enough memory for %s of step %" PRIu32 " (%" PRIu64 " bytes)", what, l->s->step, bytes);
  return TRAINING_ERR_SYSTEM;
}

/* Another word that is still a usual number: half the mantissa further, and where that would be next to nothing, 1/8.
 */
static uint32_t other_float(uint32_t word) {
  uint32_t exponent = word >> 23 & 255;
  return exponent < 127 - 10 || exponent == 255 ? (word & 0x80000000u) | 0x3e000000u : word ^ 0x00400000u;
}

static uint32_t word_at(const uint8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static void put_word(uint8_t *bytes, uint32_t word) { memcpy(bytes, &word, sizeof word); }

static const uint8_t *temp_at(const struct lie *l, const uint8_t *temps, uint32_t record, uint64_t element) {
  return temps + l->tape->record[record].first_leaf * TAPE_LEAF_BYTES + 4 * element; /* f32 or i32 */
}

/* One step over `state`; see, unless NULL, looks at its values before they go. */
static enum training_status run(struct lie *l, uint32_t step, uint64_t seed, uint8_t *state, uint8_t *temps,
                                void (*see)(struct lie *l, const uint8_t *temps), struct why *why) {
  struct execute *x;
  switch (execute_open(&x, l->tape, l->data, &l->options, why)) {
  case EXECUTE_OK: break;
  case EXECUTE_ERR_MEMORY: return TRAINING_ERR_SYSTEM;
  case EXECUTE_ERR_UNSUPPORTED: return TRAINING_ERR_INPUT;
  }
  execute_step(x, state, step, seed);
  if (see) see(l, execute_temps(x));
  if (temps) memcpy(temps, execute_temps(x), (size_t)l->tape->temp_leaves * TAPE_LEAF_BYTES);
  execute_shut(x);
  return TRAINING_OK;
}

/* What the lie needs to know of the honest values. place_* found these places in sabotage_possible. */
static void look(struct lie *l, const uint8_t *temps) {
  uint32_t record = 0, step = l->s->step;
  if (l->s->kind == SABOTAGE_GRADIENT && place_gradient(l->p, prepare_tape(l->p, step), &record)) {
    uint64_t element = place_pick(step, record_elements(&l->tape->record[record]));
    l->altered = true;
    l->alteration =
        (struct execute_alteration){record, element, other_float(word_at(temp_at(l, temps, record, element)))};
  } else if ((l->s->kind == SABOTAGE_INDEX || l->s->kind == SABOTAGE_BACKDOOR) &&
             place_index(l->p, prepare_tape(l->p, step), &record)) {
    uint64_t element = place_pick(step, lower_step_batch(&l->p->options));
    l->sample = word_at(temp_at(l, temps, record, element));
    l->altered = l->s->kind == SABOTAGE_INDEX;
    l->alteration = (struct execute_alteration){record, element, (l->sample + 1) % l->p->train.samples};
  }
}

/* A tensor of its own in place of the job's. */
static uint8_t *take_over(struct lie *l, uint32_t data) {
  l->own = malloc(l->p->data_bytes[data]);
  if (!l->own) return NULL;
  memcpy(l->own, l->p->data[data], l->p->data_bytes[data]);
  l->data[data] = l->own;
  return l->own;
}

/* Twice the learning rate of every group, and twice what the schedule derives from it. */
static enum training_status double_rate(struct lie *l, struct why *why) {
  uint64_t columns = l->p->data_bytes[DATA_SCHEDULE] / 4 / l->p->updates;
  uint8_t *rows = take_over(l, DATA_SCHEDULE);
  if (!rows) return no_memory(l, "the schedule", l->p->data_bytes[DATA_SCHEDULE], why);
  for (uint64_t c = 0; c < columns; c++) {
    if (c % l->p->lowered.group_columns >= l->p->lowered.rate_columns) continue;
    uint8_t *at = rows + 4 * ((prepare_ends(l->p, l->step) - 1) * columns + c);
    float x;
    memcpy(&x, at, sizeof x);
    x *= 2;
    memcpy(at, &x, sizeof x);
  }
  return TRAINING_OK;
}

/* A stretch in the middle of the sample: bytes the other way round, floats altered; integers name something, so there
 * the whole sample is its neighbour's. */
static enum training_status alter_sample(struct lie *l, struct why *why) {
  const struct prepared *p = l->p;
  uint64_t sample_bytes = p->data_bytes[DATA_TRAIN_INPUTS] / p->train.samples;
  uint8_t dtype = p->train.input[0].dtype, *inputs = take_over(l, DATA_TRAIN_INPUTS);
  if (!inputs) return no_memory(l, "the altered sample", p->data_bytes[DATA_TRAIN_INPUTS], why);
  uint8_t *at = inputs + l->sample * sample_bytes;
  uint64_t elements = sample_bytes / tape_dtype_bytes(dtype), count = elements / 8 ? elements / 8 : 1;
  if (dtype == TAPE_I32) memcpy(at, inputs + (l->sample + 1) % p->train.samples * sample_bytes, sample_bytes);
  for (uint64_t i = elements / 2; i < elements / 2 + count && dtype != TAPE_I32; i++)
    if (dtype == TAPE_U8)
      at[i] = (uint8_t)(255 - at[i]);
    else
      put_word(at + 4 * i, other_float(word_at(at + 4 * i)));
  return TRAINING_OK;
}

/* What is other than in the honest step. */
static enum training_status prepare_lie(struct lie *l, struct why *why) {
  switch (l->s->kind) {
  case SABOTAGE_NONE:
  case SABOTAGE_WEIGHT:
  case SABOTAGE_SKIP:
  case SABOTAGE_ROOT:
  case SABOTAGE_PREIMAGE: break;
  case SABOTAGE_GRADIENT:
  case SABOTAGE_INDEX: l->options.alter = l->altered ? &l->alteration : NULL; break;
  case SABOTAGE_STALE: l->step--; break;
  case SABOTAGE_SEED: l->seed++; break;
  case SABOTAGE_OPTIMIZER: return double_rate(l, why);
  case SABOTAGE_BACKDOOR: return alter_sample(l, why);
  }
  return TRAINING_OK;
}

/* honest has the state after the honest step already. */
static enum training_status do_lie(struct lie *l, const uint8_t *honest, uint8_t *state, uint8_t *temps,
                                   struct why *why) {
  if (l->s->kind == SABOTAGE_SKIP) return TRAINING_OK;
  if (l->s->kind == SABOTAGE_WEIGHT) {
    uint64_t at = place_weight(l->p, l->s->step);
    memcpy(state, honest, l->p->state_bytes);
    put_word(state + at, other_float(word_at(state + at)));
    return TRAINING_OK;
  }
  enum training_status status = prepare_lie(l, why);
  return status == TRAINING_OK ? run(l, l->step, l->seed, state, temps, NULL, why) : status;
}

enum training_status sabotage_step(const struct prepared *p, const struct sabotage *s,
                                   const struct execute_options *options, uint8_t *state, uint8_t *temps,
                                   struct why *why) {
  struct lie l = {.p = p,
                  .s = s,
                  .options = *options,
                  .tape = &p->lowered.tape[prepare_tape(p, s->step)],
                  .step = s->step,
                  .seed = p->job.seed};
  uint8_t *honest = aligned_alloc(64, p->state_bytes);
  if (!honest) return no_memory(&l, "the state", p->state_bytes, why);
  l.options.materialise = true;
  memcpy(l.data, p->data, sizeof l.data);
  memcpy(honest, state, p->state_bytes);
  bool same_values = s->kind == SABOTAGE_WEIGHT || s->kind == SABOTAGE_SKIP;
  enum training_status status = run(&l, s->step, p->job.seed, honest, same_values ? temps : NULL, look, why);
  if (status == TRAINING_OK) status = do_lie(&l, honest, state, temps, why);
  if (status == TRAINING_OK && memcmp(state, honest, p->state_bytes) == 0) {
    char text[SABOTAGE_TEXT_BYTES];
    sabotage_print(s, text);
    why_set(why, "sabotage: %s changes nothing: the state after the step is the honest one; try another step", text);
    status = TRAINING_ERR_INPUT;
  }
  free(l.own);
  free(honest);
  return status;
}

enum training_status sabotage_root(const struct prepared *p, const struct sabotage *s, struct pool *pool,
                                   const uint8_t *state, uint8_t *shown, uint8_t root[MERKLE_BYTES], struct why *why) {
  static const char nothing[] = "assay: there is no state with this root";
  if (s->kind == SABOTAGE_PREIMAGE) {
    if (shown) memcpy(shown, state, p->state_bytes);
    sha256((const uint8_t *)nothing, sizeof nothing - 1, root);
    return TRAINING_OK;
  }
  uint8_t *blob = shown ? shown : aligned_alloc(64, p->state_bytes);
  if (!blob) {
    why_set(why, "sabotage: not enough memory for a state of %" PRIu64 " bytes", p->state_bytes);
    return TRAINING_ERR_SYSTEM;
  }
  memcpy(blob, state, p->state_bytes);
  blob[place_weight(p, s->step)] ^= 1;
  enum training_status status = checkpoint_root(pool, blob, p->state_bytes, root, why);
  if (!shown) free(blob);
  return status;
}
