/* vrf: a draw that only the key's holder can make and anyone can check. LEDGER 6.1.
 *
 * ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381 (suite 3): for a key and an input there is exactly one output, and the
 * proof shows that it is that one. Constant time in the secret; the input is public. The rule does not depend on the
 * version of the library: libsodium before 2026 takes some points outside the subgroup of prime order for points of it,
 * and vrf_check does not ask it. Call sign_open first. No state. Uses: sign, libsodium. */
#ifndef CRYPTO_VRF_H
#define CRYPTO_VRF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/sign.h"

/*  the proof:  offset 0 Gamma, a point (32) | 32 c (16) | 48 s < L, little endian (32) | 80 end */
enum { VRF_PROOF_BYTES = 80, VRF_OUTPUT_BYTES = 64 };

/* vrf_prove: RFC 9381 5.1. The same input gives the same proof. A key of its own for this, not one that signs. */
void vrf_prove(const struct sign_secret *secret, const void *input, size_t length, uint8_t proof[VRF_PROOF_BYTES]);

/* vrf_check: RFC 9381 5.3 with validate_key, and more strictly: the key and Gamma have to be points of prime order, so
 * that what differs by a point of small order is no second proof. Writes the output only when true. */
bool vrf_check(const struct sign_public *key, const void *input, size_t length, const uint8_t proof[VRF_PROOF_BYTES],
               uint8_t output[VRF_OUTPUT_BYTES]);

/* vrf_output is the output of a proof that is known to be right (one's own, one checked before): RFC 9381 5.2. False if
 * the bytes are no proof at all. It says nothing about a stranger's proof. */
bool vrf_output(const uint8_t proof[VRF_PROOF_BYTES], uint8_t output[VRF_OUTPUT_BYTES]);

/* vrf_key says whether a key may be registered: what vrf_check asks of it. */
bool vrf_key(const struct sign_public *key);

#endif
