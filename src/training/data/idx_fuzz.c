/* Any bytes as an IDX file. What is accepted lies inside the bytes given, and its announced length is the file's. */
#include "training/data/tensor.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct tensor_source s;
  struct why why = {""};
  if (idx_parse(data, length, &s, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return 0;
  }
  if (idx_expect(data, length < 64 ? length : 64) != length || s.at < data || s.at > data + length) abort();
  void *out = malloc(s.elements * tape_dtype_bytes(tensor_dtype(s.form)));
  if (!out) return 0;
  (void)tensor_convert(&s, out, &why);
  free(out);
  return 0;
}
