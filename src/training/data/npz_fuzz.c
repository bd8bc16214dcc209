/* Any bytes as a .npz file. What is found lies inside the bytes given and unpacks within what it announces. */
#include "training/data/archive.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct npz_member m;
  struct why why = {""};
  if (npz_find(data, length, "x", &m, &why) != TRAINING_OK) {
    if (!why.text[0]) abort();
    return 0;
  }
  if (m.at < data || m.packed > (uint64_t)(data + length - m.at)) abort();
  if (m.length / 2000 > length || (!m.deflated && m.length != m.packed)) abort();
  uint8_t *out = malloc(m.length + 1);
  if (!out) return 0;
  struct tensor_source s;
  if (npz_unpack(&m, out, &why) == TRAINING_OK) (void)npy_parse(out, m.length, &s, &why);
  free(out);
  return 0;
}
