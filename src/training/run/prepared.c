/* What can be asked of a prepared job: memory, executors, numbers out of a state. */
#include "training/file/machine.h"
#include "training/run/prepare.h"
#include <inttypes.h>
#include <string.h>

const char *prepare_tape_name(uint32_t tape, uint32_t accumulate) {
  if (tape && tape == accumulate) return "accumulate";
  switch (tape) {
  case TAPE_OF_INIT: return "init";
  case TAPE_OF_TRAIN: return "train";
  default: return "evaluate";
  }
}

uint32_t prepare_tape(const struct prepared *p, uint32_t step) {
  if (step == 0) return TAPE_OF_INIT;
  return prepare_ends(p, step) ? TAPE_OF_TRAIN : p->lowered.accumulate;
}

uint32_t prepare_updates(const struct prepared *p, uint32_t done) {
  return done ? (done - 1) / lower_micro_batches(&p->options) : 0;
}

uint32_t prepare_ends(const struct prepared *p, uint32_t step) {
  uint32_t micro = lower_micro_batches(&p->options);
  return step % micro == 0 ? step / micro : 0;
}

uint64_t prepare_runs(const struct prepared *p, uint32_t tape, uint32_t first, uint32_t count) {
  uint32_t init = first == 0 && count > 0;
  uint64_t train = prepare_updates(p, first + count) - prepare_updates(p, first);
  if (tape == TAPE_OF_INIT) return init;
  if (tape == TAPE_OF_TRAIN) return train;
  return tape == p->lowered.accumulate ? count - init - train : 0;
}

static uint64_t mebibytes(uint64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

/* What is still to be taken: the executors' memory, the state, two copies that are hashed and written beside the next
 * steps, one that evaluation works on. */
static uint64_t memory_of(const struct prepared *p, const struct execute_options *options, bool alone) {
  const struct lowered *l = &p->lowered;
  uint64_t init = execute_bytes(&l->tape[TAPE_OF_INIT], options);
  uint64_t train = execute_bytes(&l->tape[TAPE_OF_TRAIN], options);
  uint64_t parts = l->accumulate ? execute_bytes(&l->tape[l->accumulate], options) : 0;
  uint64_t states = 3;
  train = !alone ? train + parts : train > parts ? train : parts;
  if (l->evaluates) {
    train += execute_bytes(&l->tape[TAPE_OF_EVALUATE], options);
    states++;
  }
  return states * p->state_bytes + (init > train ? init : train);
}

bool prepare_alone(const struct prepared *p, const struct execute_options *options) {
  return p->lowered.accumulate && memory_of(p, options, false) > machine_memory_available();
}

static uint64_t memory_to_take(const struct prepared *p, const struct execute_options *options) {
  return memory_of(p, options, prepare_alone(p, options));
}

static uint64_t data_held(const struct prepared *p) {
  uint64_t bytes = 0;
  for (uint32_t d = 0; d < DATA_COUNT; d++) bytes += p->data_bytes[d];
  return bytes;
}

uint64_t prepare_memory(const struct prepared *p, const struct execute_options *options) {
  return memory_to_take(p, options) + data_held(p) + p->arena.used_bytes;
}

enum training_status prepare_fits(const struct prepared *p, const struct execute_options *options, struct why *why) {
  /* data that stay mapped are the system's to hold or to read again: a set larger than the memory only waits for the
   * disk */
  uint64_t needed = memory_to_take(p, options), left = machine_memory_available();
  if (needed <= left) return TRAINING_OK;
  why_set(why,
          "does not fit in memory: training needs %" PRIu64 " MiB more (a state of %" PRIu64
          " MiB several times, and the step's "
          "temporaries), this machine has %" PRIu64
          " MiB left; lower the batch, raise micro_batches, or train on a larger machine",
          mebibytes(needed), mebibytes(p->state_bytes), mebibytes(left));
  return TRAINING_ERR_SYSTEM;
}

enum training_status prepare_execute(const struct prepared *p, uint32_t tape, const struct execute_options *options,
                                     struct execute **out, struct why *why) {
  switch (execute_open(out, &p->lowered.tape[tape], p->data, options, why)) {
  case EXECUTE_OK: return TRAINING_OK;
  case EXECUTE_ERR_MEMORY: return TRAINING_ERR_SYSTEM;
  case EXECUTE_ERR_UNSUPPORTED: return TRAINING_ERR_INPUT;
  }
  return TRAINING_ERR_SYSTEM;
}

static const uint8_t *entry_at(const struct prepared *p, const uint8_t *state, uint32_t entry) {
  return state + p->lowered.layout.entry[entry].first_leaf * TAPE_LEAF_BYTES;
}

float prepare_loss(const struct prepared *p, const uint8_t *state) {
  float x;
  memcpy(&x, entry_at(p, state, p->lowered.entry_loss), sizeof x);
  return x;
}

int32_t prepare_diverged(const struct prepared *p, const uint8_t *state) {
  int32_t x;
  memcpy(&x, entry_at(p, state, 0), sizeof x);
  return x;
}

float prepare_rate(const struct prepared *p, uint32_t update) {
  const struct layout_entry *e = layout_data(&p->lowered.layout, DATA_SCHEDULE);
  const float *rows = p->data[DATA_SCHEDULE];
  if (!e || !rows || update < 1 || update > p->updates) return p->options.optimizer.lr;
  uint64_t columns = layout_entry_elements(e) / e->dim[0];
  return rows[(update - 1) * columns];
}

void prepare_evaluate(const struct prepared *p, struct execute *evaluate, const uint8_t *state, uint8_t *scratch,
                      struct evaluation *out) {
  const struct lowered *l = &p->lowered;
  const uint32_t sums[] = {l->entry_eval_loss, l->entry_eval_correct, l->entry_eval_count};
  memcpy(scratch, state, p->state_bytes);
  for (int i = 0; i < 3; i++)
    memset(scratch + l->layout.entry[sums[i]].first_leaf * TAPE_LEAF_BYTES, 0, TAPE_LEAF_BYTES);
  for (uint32_t step = 0; step < p->evaluate_steps; step++) execute_step(evaluate, scratch, step, p->job.seed);
  float loss;
  int32_t correct, count;
  memcpy(&loss, entry_at(p, scratch, l->entry_eval_loss), sizeof loss);
  memcpy(&correct, entry_at(p, scratch, l->entry_eval_correct), sizeof correct);
  memcpy(&count, entry_at(p, scratch, l->entry_eval_count), sizeof count);
  *out = (struct evaluation){
      .classes = p->options.loss.name == LOSS_CROSS_ENTROPY, .count = (uint32_t)count, .correct = (uint32_t)correct};
  out->loss = loss / (float)count;
  out->accuracy = (float)correct / (float)count;
}

void prepare_describe(const struct prepared *p, uint64_t at, uint32_t *entry, uint64_t *index) {
  const struct layout *l = &p->lowered.layout;
  uint64_t leaf = at / TAPE_LEAF_BYTES;
  uint32_t e = l->state_count;
  for (uint32_t i = 0; i < l->state_count; i++)
    if (l->entry[i].first_leaf <= leaf && leaf < l->entry[i].first_leaf + layout_entry_leaves(&l->entry[i])) e = i;
  *entry = e;
  *index =
      e == l->state_count ? at : (at - l->entry[e].first_leaf * TAPE_LEAF_BYTES) / tape_dtype_bytes(l->entry[e].dtype);
}
