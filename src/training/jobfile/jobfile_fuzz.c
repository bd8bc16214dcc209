/* Any bytes as a job file: refused in words or read; nothing else. What is read has values inside their limits. */
#include "training/jobfile/jobfile.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static uint8_t memory[1 << 21];
  struct arena arena = arena_over(memory, sizeof memory);
  struct jobfile j;
  struct why why = {""};
  if (jobfile_read(data, length, &arena, &j, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return 0;
  }
  if (!j.model || j.batch == 0 || !j.epochs == !j.updates || j.interval > 256) abort();
  if (!(j.optimizer.lr >= 0) || !(j.loss.label_smoothing < 1)) abort();
  return 0;
}
