/* Bytes as a frontier: what decodes is encoded as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "ledger/log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct log l;
  uint8_t again[LOG_FRONTIER_BYTES_MAX], root[LOG_HASH_BYTES];
  if (!log_decode(data, length, &l)) return 0;
  CHECK(log_encode(&l, again) == length && memcmp(again, data, length) == 0);
  log_root(&l, root);
  if (l.size == UINT64_MAX) return 0;
  log_add(&l, root);
  CHECK(log_decode(again, log_encode(&l, again), &l));
  return 0;
}
