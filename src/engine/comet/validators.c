#include <string.h>

#include "crypto/sha256.h"
#include "engine/comet/commit.h"
#include "engine/comet/proto.h"
#include "ledger/log/log.h"

/* pub_key = 1 { ed25519 = 1 }, voting_power = 2 */
enum { KEY_MESSAGE_BYTES = 2 + SIGN_PUBLIC_BYTES, VALIDATOR_BYTES_MAX = 2 + KEY_MESSAGE_BYTES + 1 + PROTO_VARINT_MAX };

void comet_address(const struct sign_public *key, uint8_t address[COMET_ADDRESS_BYTES]) {
  uint8_t hash[SHA256_BYTES];
  sha256(key->bytes, sizeof key->bytes, hash);
  memcpy(address, hash, COMET_ADDRESS_BYTES);
}

static void validator_leaf(const struct comet_validator *v, uint8_t leaf[COMET_HASH_BYTES]) {
  uint8_t key_bytes[KEY_MESSAGE_BYTES], bytes[VALIDATOR_BYTES_MAX];
  struct writer key = writer_over(key_bytes, sizeof key_bytes), w = writer_over(bytes, sizeof bytes);
  proto_put_message(&key, 1, v->key.bytes, sizeof v->key.bytes);
  proto_put_message(&w, 1, key_bytes, bytes_written(&key));
  proto_put_number(&w, 2, v->power);
  comet_leaf(bytes, bytes_written(&w), leaf);
}

/* Does b stand behind a? */
static bool in_order(const struct comet_validator *a, const struct comet_validator *b) {
  uint8_t of_a[COMET_ADDRESS_BYTES], of_b[COMET_ADDRESS_BYTES];
  if (a->power != b->power) return a->power > b->power;
  comet_address(&a->key, of_a);
  comet_address(&b->key, of_b);
  return memcmp(of_a, of_b, sizeof of_a) < 0;
}

bool comet_validators_hash(const struct comet_validator *validators, uint32_t count, uint8_t hash[COMET_HASH_BYTES]) {
  struct log tree = {0};
  uint64_t power = 0;
  if (!count || count > COMET_VALIDATORS_MAX) return false;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t leaf[COMET_HASH_BYTES];
    if (!validators[i].power || validators[i].power > COMET_POWER_MAX - power) return false;
    if (i && !in_order(&validators[i - 1], &validators[i])) return false;
    power += validators[i].power;
    validator_leaf(&validators[i], leaf);
    log_add(&tree, leaf);
  }
  log_root(&tree, hash);
  return true;
}
