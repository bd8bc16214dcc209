#include "agent/material.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commit/state/state.h"
#include "tape/check/check.h"
#include "training/file/machine.h"

enum { MIB = 1 << 20 };

enum material_status material_of(enum training_status status) {
  switch (status) {
  case TRAINING_OK:
  case TRAINING_NO: return MATERIAL_OK;
  case TRAINING_ERR_INPUT: return MATERIAL_NEVER;
  case TRAINING_ERR_SYSTEM: return MATERIAL_ERR_SYSTEM;
  case TRAINING_INTERRUPTED: return MATERIAL_LATER;
  }
  return MATERIAL_ERR_SYSTEM;
}

static enum material_status of_client(enum client_status status) {
  return status == CLIENT_OK ? MATERIAL_OK : MATERIAL_LATER;
}

static enum material_status of_transfer(enum transfer_status status) {
  switch (status) {
  case TRANSFER_OK: return MATERIAL_OK;
  case TRANSFER_NONE:
  case TRANSFER_LOST:
  case TRANSFER_WRONG:
  case TRANSFER_REFUSED:
  case TRANSFER_STOPPED: return MATERIAL_LATER;
  case TRANSFER_QUOTA:
  case TRANSFER_DISK: return MATERIAL_ERR_SYSTEM;
  }
  return MATERIAL_LATER;
}

static enum material_status read_tapes(struct material *m, struct agent *a, struct why *why) {
  const struct job *j = &m->stored.record.job;
  for (uint8_t n = 0; n < j->tapes; n++) {
    uint8_t *bytes;
    size_t length;
    enum material_status status = of_client(view_tape(agent_view(a), j->tape_root[n], &bytes, &length, why));
    if (status != MATERIAL_OK) return status;
    status = material_of(replay_tape(bytes, length, j->tape_root[n], &m->arena, &m->tape[n], why));
    free(bytes);
    if (status != MATERIAL_OK) return status;
    m->replay.tape[n] = &m->tape[n];
  }
  m->state_leaves = m->replay.state_leaves = m->tape[0].state_leaves;
  return MATERIAL_OK;
}

static uint64_t dense_bytes(const struct layout_entry *e) {
  return layout_entry_elements(e) * tape_dtype_bytes(e->dtype);
}

/* The entry of a data tensor in whichever tape reads it; NULL: none does. */
static const struct layout_entry *data_entry(const struct material *m, uint8_t number) {
  for (uint8_t n = 0; n < m->stored.record.job.tapes; n++) {
    const struct layout_entry *e = layout_data(&m->tape[n].layout, number);
    if (e) return e;
  }
  return NULL;
}

static uint64_t mib(uint64_t bytes) { return bytes / MIB + (bytes % MIB != 0); }

static enum material_status weigh(struct material *m, uint16_t steps, const struct material_options *options,
                                  struct why *why) {
  const struct replay_options r = {.pool = options->pool};
  /* Two replays: one that runs, one that answers in a dispute. */
  uint64_t one = replay_bytes(&m->replay, &r, steps), replay = one > UINT64_MAX / 2 ? UINT64_MAX : 2 * one, data = 0;
  for (uint32_t n = 0; n < m->stored.record.job.data; n++) {
    const struct layout_entry *e = data_entry(m, (uint8_t)n);
    if (e) data += layout_entry_leaves(e) * TAPE_LEAF_BYTES;
  }
  uint64_t state = 2 * m->state_leaves * TAPE_LEAF_BYTES;
  m->bytes = replay > UINT64_MAX - data - state ? UINT64_MAX : replay + data + state;
  if (m->bytes <= options->memory_bytes) {
    uint64_t there = machine_memory_available();
    if (m->bytes <= there) return MATERIAL_OK;
    why_set(why, "it takes %" PRIu64 " MiB of memory, and this machine has %" PRIu64 " MiB free now", mib(m->bytes),
            there / MIB);
    return MATERIAL_LATER;
  }
  why_set(why,
          "it takes %" PRIu64 " MiB of memory (data %" PRIu64 ", states %" PRIu64 ", steps %" PRIu64
          "); this role may take %" PRIu64,
          mib(m->bytes), mib(data), mib(state), mib(replay), options->memory_bytes / MIB);
  return MATERIAL_NEVER;
}

static enum material_status fetch_blob(struct agent *a, const uint8_t root[32], uint64_t leaves, uint8_t *bytes,
                                       struct why *why) {
  const struct blob_port *blobs = agent_options(a)->blobs;
  return of_transfer(blobs->get(blobs->self, root, leaves, bytes, why));
}

static enum material_status fetch_data(struct material *m, struct agent *a, struct why *why) {
  const struct job *j = &m->stored.record.job;
  for (uint32_t n = 0; n < j->data; n++) {
    const struct layout_entry *e = data_entry(m, (uint8_t)n);
    if (!e) continue;
    uint64_t leaves = layout_entry_leaves(e);
    m->data[n] = aligned_alloc(64, leaves * TAPE_LEAF_BYTES);
    if (!m->data[n]) {
      why_set(why, "no memory for data tensor %" PRIu32 " (%" PRIu64 " MiB)", n, leaves * TAPE_LEAF_BYTES / MIB);
      return MATERIAL_ERR_SYSTEM;
    }
    enum material_status status = fetch_blob(a, j->data_root[n], leaves, m->data[n], why);
    if (status != MATERIAL_OK) return status;
    m->replay.data[n] = m->data[n];
    m->replay.data_bytes[n] = dense_bytes(e);
  }
  return MATERIAL_OK;
}

static enum material_status fill(struct material *m, struct agent *a, uint16_t steps,
                                 const struct material_options *options, struct why *why) {
  enum material_status status = of_client(view_job(agent_view(a), m->job, &m->stored, why));
  if (status != MATERIAL_OK) return status;
  if (!arena_open(&m->arena, (size_t)m->stored.record.job.tapes * JOB_TAPE_MEMORY_BYTES)) {
    why_set(why, "no memory for the tapes");
    return MATERIAL_ERR_SYSTEM;
  }
  m->replay.job = &m->stored.record.job;
  m->replay.seed = m->stored.record.seed;
  status = read_tapes(m, a, why);
  if (status == MATERIAL_OK) status = weigh(m, steps, options, why);
  if (status == MATERIAL_OK) status = fetch_data(m, a, why);
  if (status == MATERIAL_OK && !m->stored.record.seeded) {
    why_set(why, "the job's seed is not drawn yet"); /* LEDGER 7.9; with another one everything would be wrong */
    return MATERIAL_LATER;
  }
  return status;
}

enum material_status material_open(struct material **out, struct agent *a, const uint8_t job[32], uint16_t steps,
                                   const struct material_options *options, struct why *why) {
  struct material *m = calloc(1, sizeof *m);
  *out = NULL;
  if (!m) {
    why_set(why, "no memory");
    return MATERIAL_ERR_SYSTEM;
  }
  memcpy(m->job, job, 32);
  enum material_status status = fill(m, a, steps, options, why);
  if (status != MATERIAL_OK) {
    material_shut(m);
    return status;
  }
  *out = m;
  return MATERIAL_OK;
}

void material_shut(struct material *m) {
  if (!m) return;
  for (uint32_t n = 0; n < JOB_DATA_MAX; n++) free(m->data[n]);
  arena_shut(&m->arena);
  free(m);
}

uint8_t *material_state(const struct material *m) { return aligned_alloc(64, m->state_leaves * TAPE_LEAF_BYTES); }

bool material_root(const struct material *m, const uint8_t *state, uint8_t root[32]) {
  uint8_t *hashes = malloc(m->state_leaves * MERKLE_BYTES);
  if (!hashes) return false;
  state_root(state, m->state_leaves * TAPE_LEAF_BYTES, hashes, root);
  free(hashes);
  return true;
}

enum material_status material_start(const struct material *m, struct agent *a, const uint8_t root[32], uint8_t *state,
                                    struct why *why) {
  uint8_t zeros[32];
  state_zero_root(m->state_leaves, zeros);
  if (memcmp(root, zeros, 32) != 0) return fetch_blob(a, root, m->state_leaves, state, why);
  memset(state, 0, m->state_leaves * TAPE_LEAF_BYTES);
  return MATERIAL_OK;
}

enum material_status material_replay(const struct material *m, const struct material_options *options, uint32_t places,
                                     struct replay **out, struct why *why) {
  const struct replay_options r = {.pool = options->pool, .stop = options->stop, .places = places};
  return material_of(replay_open(out, &m->replay, &r, why));
}
