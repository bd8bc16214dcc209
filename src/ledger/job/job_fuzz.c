/* Bytes as a record of this folder or of ledger/task: the first byte says of which kind. What decodes is encoded as the
 * same bytes. */
#include <stdlib.h>

#include "ledger/task/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static const struct stored_kind *const kinds[] = {&posted_tape_kind, &posted_table_kind, &job_kind, &task_kind};
  static union {
    struct posted_tape tape;
    struct posted_table table;
    struct job_stored job;
    struct task_record task;
  } record;
  static uint8_t again[STORED_BYTES_MAX];
  if (!length || data[0] >= sizeof kinds / sizeof *kinds) return 0;
  const struct stored_kind *kind = kinds[data[0]];
  data++;
  length--;
  if (!stored_decode(kind, data, length, &record)) return 0;
  CHECK(length <= kind->value_bytes_max);
  CHECK(stored_encode(kind, &record, again, kind->value_bytes_max) == length && memcmp(again, data, length) == 0);
  if (kind == &job_kind) CHECK(job_steps(&record.job.record.job) <= 0x7fffffff);
  return 0;
}
