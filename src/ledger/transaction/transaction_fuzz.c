/* Bytes as a transaction: its envelope, its body, what both signers sign. Whatever decodes has one encoding. */
#include <stdlib.h>

#include "ledger/transaction/example.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static const uint8_t genesis[32] = {7};
  static uint8_t again[TRANSACTION_TAPE_BYTES_MAX + TRANSACTION_SIGN_DOMAIN_BYTES];
  static struct example e;
  struct transaction t;
  struct why why;
  if (!transaction_decode(data, length, &t, &why)) return 0;
  CHECK(t.length == length && transaction_encode(&t, again, sizeof again) == length);
  CHECK(memcmp(again, data, length) == 0);
  size_t unsigned_length = length - (t.payer ? 2 : 1) * (size_t)SIGNATURE_BYTES;
  CHECK(transaction_sign_bytes(&t, genesis, again, sizeof again) == TRANSACTION_SIGN_DOMAIN_BYTES + unsigned_length);
  CHECK(memcmp(again + TRANSACTION_SIGN_DOMAIN_BYTES, data, unsigned_length) == 0);
  bool good = body_check(&t, &why);
  CHECK(example_take(&t, &e) == good);
  if (!good) return 0;
  CHECK(example_put(&e, again, sizeof again) == t.body_length && memcmp(again, t.body, t.body_length) == 0);
  return 0;
}
