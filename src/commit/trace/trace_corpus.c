/* trace_corpus FOLDER: writes the seeds of trace_fuzz, traces of 0, 1, 3 and 17 intervals. */
#include <stdio.h>
#include <string.h>

#include "commit/trace/trace.h"

int main(int argc, char **argv) {
  static const uint16_t intervals[] = {0, 1, 3, 17};
  static uint8_t bytes[TRACE_FILE_BYTES_MAX];
  if (argc != 2) return fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
    struct trace t = {.steps = intervals[i] * 7u, .interval_steps = 7, .intervals = intervals[i]};
    char path[4096];
    t.outcome = intervals[i] ? TRACE_DONE : TRACE_OPEN;
    for (uint32_t n = 0; n <= intervals[i]; n++) memset(t.roots[n], (int)n + 1, MERKLE_BYTES);
    size_t length = trace_write(&t, bytes, sizeof bytes);
    snprintf(path, sizeof path, "%s/intervals-%02u", argv[1], intervals[i]);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, length, f) != length || fclose(f)) return perror(path), 1;
  }
  return 0;
}
