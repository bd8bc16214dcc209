/* Bytes as a receipt (first byte 0) or as a list of payments (1): what decodes is encoded as the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "ledger/receipt/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

static void as_receipt(const uint8_t *data, size_t length) {
  struct receipt r;
  uint8_t again[RECEIPT_BYTES];
  if (!receipt_decode(data, length, &r)) return;
  receipt_encode(&r, again);
  CHECK(length == sizeof again && memcmp(again, data, length) == 0);
}

static void as_payments(const uint8_t *data, size_t length) {
  static struct payments list;
  struct payment p;
  size_t at = 0;
  payments_begin(&list);
  while (payments_next(data, length, &at, &p)) payments_add(&list, &p);
  CHECK(at <= length);
  CHECK(list.full || (list.used == at && memcmp(list.bytes, data, at) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  if (!length) return 0;
  if (data[0] == 0)
    as_receipt(data + 1, length - 1);
  else
    as_payments(data + 1, length - 1);
  return 0;
}
