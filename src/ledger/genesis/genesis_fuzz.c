/* Bytes as a genesis, and as parameters: what decodes is encoded as the same bytes, and a chain begins with it. */
#include <stdlib.h>
#include <string.h>

#include "crypto/sign.h"
#include "ledger/genesis/genesis.h"
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())

enum { MEMORY_BYTES = 1 << 20, AGAIN_BYTES = 1 << 16 };

static void as_parameters(const uint8_t *data, size_t length) {
  struct parameters p;
  uint8_t again[PARAMETERS_BYTES_MAX];
  if (!parameters_decode(data, length, &p, NULL)) return;
  CHECK(parameters_check(&p, NULL));
  CHECK(parameters_encode(&p, again) == length && memcmp(again, data, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static uint8_t memory[MEMORY_BYTES], again[AGAIN_BYTES];
  struct arena arena = arena_over(memory, sizeof memory);
  struct genesis g;
  struct ledger *l;
  struct why why;
  as_parameters(data, length);
  CHECK(sign_open(NULL) == SIGN_OK);
  if (!genesis_decode(data, length, &arena, &g, &why)) {
    CHECK(strlen(why.text) > 0);
    return 0;
  }
  CHECK(genesis_encode(&g, again, sizeof again) == length && memcmp(again, data, length) == 0);
  CHECK(ledger_open(&l, data, length, NULL, NULL, NULL, &why));
  ledger_commit(l);
  ledger_shut(l);
  return 0;
}
