/* Any bytes as a safetensors file. What is found lies inside the bytes given, and converts. */
#include "training/data/archive.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct tensor_source s;
  struct why why = {""};
  if (safetensors_find(data, length, "x", &s, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return 0;
  }
  if (s.at < data || s.elements > (uint64_t)(data + length - s.at)) abort();
  void *out = malloc(s.elements * tape_dtype_bytes(tensor_dtype(s.form)));
  if (!out) return 0;
  (void)tensor_convert(&s, out, &why);
  free(out);
  return 0;
}
