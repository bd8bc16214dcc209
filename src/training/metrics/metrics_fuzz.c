/* Any bytes as a line of metrics.jsonl: what is read prints to a line that reads back the same. */
#include "training/metrics/metrics.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct metrics_line line, again;
  struct why why = {""};
  char text[METRICS_LINE_MAX], second[METRICS_LINE_MAX];
  if (metrics_parse((const char *)data, length, &line, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return 0;
  }
  if (line.samples_per_s > 1e100 || line.samples_per_s < -1e100)
    return 0; /* not what a clock gives; printed it is too long */
  size_t n = metrics_print(&line, text);
  if (n >= sizeof text || metrics_parse(text, n - 1, &again, &why) != TRAINING_OK) abort();
  size_t m = metrics_print(&again, second);
  if (n != m || memcmp(text, second, n) != 0) abort();
  return 0;
}
