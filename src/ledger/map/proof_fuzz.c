/* Bytes as a proof: what decodes is encoded as the same bytes, and only proofs that are true pass against a map. */
#include <stdlib.h>
#include <string.h>

#include "ledger/map/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

#define CHECK(x) ((x) ? (void)0 : abort())
enum { KEYS = 20 };

static struct map *known_map(uint8_t root[MAP_ROOT_BYTES]) {
  static struct map *m;
  static uint8_t known[MAP_ROOT_BYTES];
  if (!m) {
    m = map_open();
    for (uint8_t i = 0; i < KEYS; i++) {
      struct map_key key = map_key(1, &i, 1);
      map_put(m, &key, &i, 1);
    }
    map_commit(m);
    map_root(m, known);
  }
  memcpy(root, known, sizeof known);
  return m;
}

/* The first byte is the key, the rest the proof. proof_corpus writes such files. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct map_proof proof;
  static uint8_t again[MAP_PROOF_BYTES_MAX];
  uint8_t root[MAP_ROOT_BYTES];
  struct map *m = known_map(root);
  if (length < 1) return 0;
  struct map_key key = map_key(1, data, 1);
  struct map_value value, wrong = {data, 1};
  bool there = map_get(m, &key, &value);
  if (there) {
    CHECK(!map_proof_check(root, &key, NULL, data + 1, length - 1));
    wrong = (struct map_value){(const uint8_t *)"wrong", 5};
  }
  CHECK(!map_proof_check(root, &key, &wrong, data + 1, length - 1));
  bool proves = map_proof_check(root, &key, there ? &value : NULL, data + 1, length - 1);
  if (!map_proof_decode(data + 1, length - 1, &proof)) {
    CHECK(!proves);
    return 0;
  }
  CHECK(map_proof_encode(&proof, again, sizeof again) == length - 1);
  CHECK(memcmp(again, data + 1, length - 1) == 0);
  map_prove(m, &key, &proof); /* there is one true proof of a key */
  size_t true_length = map_proof_encode(&proof, again, sizeof again);
  CHECK(proves == (true_length == length - 1 && memcmp(again, data + 1, true_length) == 0));
  return 0;
}
