/* Whatever reads as a trace has one encoding. */
#include <assert.h>
#include <string.h>

#include "commit/trace/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct trace t;
  static uint8_t again[TRACE_FILE_BYTES_MAX];
  struct why why;
  if (trace_read(data, length, &t, &why) != TRACE_OK) return 0;
  assert(t.intervals <= TRACE_INTERVALS_MAX);
  assert(trace_write(&t, again, sizeof again) == length && memcmp(data, again, length) == 0);
  return 0;
}
