/* Any bytes as a .npy file. What is accepted converts, and written again with npy_header it reads back with the same
 * shape. */
#include "training/data/tensor.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct tensor_source s, again;
  struct why why = {""};
  if (npy_parse(data, length, &s, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return 0;
  }
  uint8_t dtype = tensor_dtype(s.form);
  size_t bytes = s.elements * tape_dtype_bytes(dtype);
  uint8_t *out = malloc(512 + bytes);
  if (!out) return 0;
  size_t head = npy_header(dtype, s.rank, s.dim, out, 512);
  if (head == 0 || head % 64 != 0) abort();
  if (tensor_convert(&s, out + head, &why) == TRAINING_OK) {
    if (npy_parse(out, head + bytes, &again, &why) != TRAINING_OK) abort();
    if (again.rank != s.rank || memcmp(again.dim, s.dim, s.rank * sizeof *s.dim) != 0) abort();
    if (tensor_dtype(again.form) != dtype) abort();
  }
  free(out);
  return 0;
}
