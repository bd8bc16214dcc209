/* job: everything that decides a result, fixed before work starts, under one root. PROTOCOL M3.
 *
 * Uses: crypto, tape/record. */
#ifndef COMMIT_JOB_H
#define COMMIT_JOB_H
#include "crypto/merkle.h"
#include <stdbool.h>

enum { JOB_TAPES_MAX = 8, JOB_SECTIONS_MAX = 8, JOB_ENTRIES_MAX = 8, JOB_DATA_MAX = 255, JOB_TASKS_MAX = 65535 };

struct job_entry {
  uint8_t tape;
  uint32_t repeat;
};
struct job_section {
  uint32_t repeat;
  uint8_t entries;
  struct job_entry entry[JOB_ENTRIES_MAX];
};
struct job_task {
  uint32_t steps;
  uint16_t interval_steps;
  uint8_t time_class;
};

struct job {
  uint16_t canon, lower;
  uint8_t seed_mode; /* 0 fixed, 1 from the beacon */
  uint64_t seed;
  uint32_t first_step;
  uint8_t level, tapes, sections, data;
  uint8_t tape_root[JOB_TAPES_MAX][MERKLE_BYTES];
  struct job_section section[JOB_SECTIONS_MAX];
  uint16_t tasks;
  const struct job_task *task; /* borrowed */
  uint8_t layout_hash[MERKLE_BYTES], start_root[MERKLE_BYTES];
  uint8_t data_root[JOB_DATA_MAX][MERKLE_BYTES];
};

/* job_root is the SHA-256 of what job_encode writes; that returns the length, 0 if it does not fit. */
void job_root(const struct job *j, uint8_t root[MERKLE_BYTES]);
size_t job_encode(const struct job *j, uint8_t *bytes, size_t bytes_max);

/* job_steps: all steps of the schedule, 0 if they exceed 2^31 - 1 or nothing is scheduled. job_tape: tape of a schedule
 * position, JOB_TAPE_NONE beyond the last. */
enum { JOB_TAPE_NONE = 255 };
uint32_t job_steps(const struct job *j);
uint8_t job_tape(const struct job *j, uint32_t position);

/* job_interval is `auto` of PROTOCOL M5: min(256, ceil(8000 * state_bytes / dot_flops)), at least 1; state_bytes of the
 * elements, below 2^50. Without dot flops it is 256. */
uint16_t job_interval(uint64_t state_bytes, uint64_t dot_flops_per_update);

#endif
