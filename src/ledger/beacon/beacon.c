#include "ledger/beacon/beacon.h"

#include <assert.h>

#include "base/bytes.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"

static const char input_tag[] = "assay/vrf/block/1", beacon_tag[] = "assay/beacon/1"; /* with their zero bytes */
_Static_assert(sizeof input_tag + 32 + 8 + 32 == BEACON_INPUT_BYTES, "LEDGER 6.3, what is proven");

void beacon_input(const uint8_t genesis[32], uint64_t height, const uint8_t before[32],
                  uint8_t bytes[BEACON_INPUT_BYTES]) {
  struct writer w = writer_over(bytes, BEACON_INPUT_BYTES);
  put_bytes(&w, input_tag, sizeof input_tag);
  put_bytes(&w, genesis, 32);
  put_u64(&w, height);
  put_bytes(&w, before, 32);
  assert(!w.full);
}

void beacon_next(const uint8_t before[32], const uint8_t beta[64], uint8_t beacon[32]) {
  const struct sha256_part parts[] = {{beacon_tag, sizeof beacon_tag}, {before, 32}, {beta, 64}};
  sha256_parts(parts, 3, beacon);
}

void beacon_first(const uint8_t genesis[32], uint8_t beacon[32]) {
  const struct sha256_part parts[] = {{beacon_tag, sizeof beacon_tag}, {genesis, 32}};
  sha256_parts(parts, 2, beacon);
}

bool beacon_check(const struct chain *c, uint64_t height, const uint8_t proposer[32], const uint8_t *bytes,
                  size_t length, uint8_t beacon[32], struct why *why) {
  struct transaction t;
  struct body_beacon b;
  struct sign_public key;
  uint8_t before[32], beta[VRF_OUTPUT_BYTES], input[BEACON_INPUT_BYTES];
  if (!transaction_decode(bytes, length, &t, why) || !body_beacon_take(&t, &b, why)) return false;
  if (!validator_key(c, proposer, key.bytes)) return why_set(why, "the block's proposer is no validator"), false;
  bool kept = chain_beacon(c, height - 1, before);
  assert(kept); /* the last block's */
  (void)kept;
  beacon_input(c->genesis, height, before, input);
  if (!vrf_check(&key, input, sizeof input, b.proof, beta))
    return why_set(why, "the proof is not the proposer's for height %llu", (unsigned long long)height), false;
  beacon_next(before, beta, beacon);
  return true;
}
