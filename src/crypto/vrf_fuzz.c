/* Proofs from strangers under a fixed key and input: whatever is accepted has the one output there is. */
#include <assert.h>
#include <string.h>

#include "crypto/vrf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static const uint8_t seed[SIGN_SEED_BYTES] = {1}, input[] = "assay";
  static uint8_t right[VRF_OUTPUT_BYTES];
  static struct sign_public key;
  static bool ready;
  uint8_t output[VRF_OUTPUT_BYTES], again[VRF_OUTPUT_BYTES];
  if (!ready) {
    struct sign_secret *secret;
    uint8_t proof[VRF_PROOF_BYTES];
    bool made = sign_open(NULL) == SIGN_OK && sign_secret_open(seed, &secret) == SIGN_OK;
    assert(made);
    key = sign_secret_public(secret);
    vrf_prove(secret, input, sizeof input, proof);
    bool right_output = vrf_output(proof, right);
    assert(right_output);
    sign_secret_shut(&secret);
    ready = true;
  }
  if (length >= SIGN_PUBLIC_BYTES) {
    struct sign_public other;
    memcpy(other.bytes, data, sizeof other.bytes);
    vrf_key(&other);
  }
  if (length != VRF_PROOF_BYTES) return 0;
  bool decoded = vrf_output(data, output);
  if (!vrf_check(&key, input, sizeof input, data, again)) return 0;
  assert(decoded && memcmp(output, again, sizeof output) == 0 && memcmp(output, right, sizeof output) == 0);
  return 0;
}
