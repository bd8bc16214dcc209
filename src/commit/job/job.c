#include "commit/job/job.h"

#include "base/bytes.h"
#include "base/checked.h"
#include "crypto/sha256.h"

enum { STEPS_MAX = 0x7fffffff, INTERVAL_STEPS_MAX = 256, STATE_WORTH = 8000 };

/* Where the pieces go: into a hash, or into bytes. */
struct target {
  struct sha256_stream *hash;
  struct writer *bytes;
};

static void add_bytes(struct target t, const void *bytes, size_t length) {
  if (t.hash)
    sha256_add(t.hash, bytes, length);
  else
    put_bytes(t.bytes, bytes, length);
}

static void add_little(struct target t, uint64_t x, size_t length) {
  uint8_t bytes[8];
  struct writer w = writer_over(bytes, sizeof bytes);
  put_little(&w, x, length);
  add_bytes(t, bytes, length);
}

static void add_schedule(struct target t, const struct job *j) {
  add_little(t, j->sections, 1);
  for (uint8_t i = 0; i < j->sections; i++) {
    const struct job_section *section = &j->section[i];
    add_little(t, section->repeat, 4);
    add_little(t, section->entries, 1);
    for (uint8_t n = 0; n < section->entries; n++) {
      add_little(t, section->entry[n].tape, 1);
      add_little(t, section->entry[n].repeat, 4);
    }
  }
}

/* PROTOCOL M3.1 */
static void add_job(struct target t, const struct job *j) {
  static const char domain[] = "assay/job-root/1";
  add_bytes(t, domain, sizeof domain - 1);
  add_little(t, j->canon, 2);
  add_little(t, j->lower, 2);
  add_little(t, j->seed_mode, 1);
  add_little(t, j->seed_mode ? 0 : j->seed, 8);
  add_little(t, j->first_step, 4);
  add_little(t, j->level, 1);
  add_little(t, j->tapes, 1);
  add_bytes(t, j->tape_root, (size_t)j->tapes * MERKLE_BYTES);
  add_schedule(t, j);
  add_little(t, j->tasks, 2);
  for (uint16_t i = 0; i < j->tasks; i++) {
    add_little(t, j->task[i].steps, 4);
    add_little(t, j->task[i].interval_steps, 2);
    add_little(t, j->task[i].time_class, 1);
  }
  add_bytes(t, j->layout_hash, MERKLE_BYTES);
  add_bytes(t, j->start_root, MERKLE_BYTES);
  add_little(t, j->data, 1);
  add_bytes(t, j->data_root, (size_t)j->data * MERKLE_BYTES);
}

void job_root(const struct job *j, uint8_t root[MERKLE_BYTES]) {
  struct sha256_stream s;
  sha256_begin(&s);
  add_job((struct target){.hash = &s}, j);
  sha256_end(&s, root);
}

size_t job_encode(const struct job *j, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  add_job((struct target){.bytes = &w}, j);
  return w.full ? 0 : bytes_written(&w);
}

/* At most 8 * 2^32, so it cannot wrap. */
static uint64_t pass_steps(const struct job_section *section) {
  uint64_t steps = 0;
  for (uint8_t n = 0; n < section->entries; n++) steps += section->entry[n].repeat;
  return steps;
}

/* At most 2^67 in theory: a section beyond STEPS_MAX is cut there, where job_steps refuses it anyway. */
static uint64_t section_steps(const struct job_section *section) {
  uint64_t steps;
  bool fits = checked_mul_u64(pass_steps(section), section->repeat, &steps);
  return fits && steps <= STEPS_MAX ? steps : (uint64_t)STEPS_MAX + 1;
}

uint32_t job_steps(const struct job *j) {
  uint64_t steps = 0;
  for (uint8_t i = 0; i < j->sections; i++) steps += section_steps(&j->section[i]);
  return steps <= STEPS_MAX ? (uint32_t)steps : 0;
}

uint8_t job_tape(const struct job *j, uint32_t position) {
  uint64_t left = position;
  for (uint8_t i = 0; i < j->sections; i++) {
    const struct job_section *section = &j->section[i];
    uint64_t steps = section_steps(section);
    if (left >= steps) {
      left -= steps;
      continue;
    }
    left %= pass_steps(section);
    for (uint8_t n = 0; n < section->entries; n++) {
      if (left < section->entry[n].repeat) return section->entry[n].tape;
      left -= section->entry[n].repeat;
    }
  }
  return JOB_TAPE_NONE;
}

uint16_t job_interval(uint64_t state_bytes, uint64_t dot_flops_per_update) {
  uint64_t worth;
  if (!dot_flops_per_update || !checked_mul_u64(state_bytes, STATE_WORTH, &worth)) return INTERVAL_STEPS_MAX;
  uint64_t steps = worth / dot_flops_per_update + (worth % dot_flops_per_update != 0);
  return (uint16_t)(steps < 1 ? 1 : steps > INTERVAL_STEPS_MAX ? INTERVAL_STEPS_MAX : steps);
}
