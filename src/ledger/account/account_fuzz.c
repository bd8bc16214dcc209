/* Bytes as an account: what decodes is encoded as the same bytes and keeps its invariants. */
#include <stdlib.h>

#include "ledger/account/account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct account a;
  uint8_t again[ACCOUNT_BYTES_MAX];
  uint64_t total;
  if (!stored_decode(&account_kind, data, length, &a)) return 0;
  CHECK(stored_encode(&account_kind, &a, again, sizeof again) == length && memcmp(again, data, length) == 0);
  CHECK(account_total(&a, &total) && (total || a.slots_count));
  for (uint8_t r = 0; r < ROLES; r++) CHECK(a.locked[r] <= a.stake[r]);
  return 0;
}
