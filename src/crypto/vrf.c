#include "crypto/vrf.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "crypto/secret.h"

enum { POINT = 32, SCALAR = 32, CHALLENGE = 16 };

static const uint8_t suite = 3, zero[SCALAR], neutral[POINT] = {1};

/* L, the order of the base point, and 1/2 mod L. */
static const uint8_t order[SCALAR] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                      0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
static const uint8_t half[SCALAR] = {0xf7, 0xe9, 0x7a, 0x2e, 0x8d, 0x31, 0x09, 0x2c, 0x6b, 0xce, 0x7b,
                                     0x51, 0xef, 0x7c, 0x6f, 0x0a, 0,    0,    0,    0,    0,    0,
                                     0,    0,    0,    0,    0,    0,    0,    0,    0,    0x08};

/* a < b, little endian, on public values. */
static bool less(const uint8_t a[32], const uint8_t b[32]) {
  for (uint32_t i = 32; i-- > 0;)
    if (a[i] != b[i]) return a[i] < b[i];
  return false;
}

/* What libsodium's decoding lets pass and RFC 8032 5.1.3 does not: y of p and above, and the sign of x = 0 (y = 1, -1).
 */
static bool canonical(const uint8_t point[POINT]) {
  uint8_t y[POINT], minus_one[POINT], prime[POINT];
  memset(prime, 0xff, POINT);
  prime[31] = 0x7f;
  memcpy(minus_one, prime, POINT);
  prime[0] = 0xed;
  minus_one[0] = 0xec;
  memcpy(y, point, POINT);
  y[31] &= 0x7f;
  if (!less(y, prime)) return false;
  bool flat = memcmp(y, neutral, POINT) == 0 || memcmp(y, minus_one, POINT) == 0;
  return !flat || point[31] >> 7 == 0;
}

/* 2 P; false if the bytes are no point. */
static bool twice(const uint8_t point[POINT], uint8_t doubled[POINT]) {
  return canonical(point) && crypto_core_ed25519_add(doubled, point, point) == 0;
}

/* 8 P from 2 P; false if that is the neutral point. */
static bool clear(const uint8_t doubled[POINT], uint8_t cleared[POINT]) {
  uint8_t fourfold[POINT];
  int failed = crypto_core_ed25519_add(fourfold, doubled, doubled);
  failed |= crypto_core_ed25519_add(cleared, fourfold, fourfold);
  assert(!failed);
  return memcmp(cleared, neutral, POINT) != 0;
}

/* k P for a point of prime order and k below 2^255; the library refuses the one product that is neutral. */
static void multiply(const uint8_t k[SCALAR], const uint8_t point[POINT], uint8_t product[POINT]) {
  if (sodium_memcmp(k, zero, SCALAR) == 0) {
    memcpy(product, neutral, POINT);
    return;
  }
  int failed = crypto_scalarmult_ed25519_noclamp(product, k, point);
  assert(!failed);
}

static void multiply_base(const uint8_t k[SCALAR], uint8_t product[POINT]) {
  if (sodium_memcmp(k, zero, SCALAR) == 0) {
    memcpy(product, neutral, POINT);
    return;
  }
  int failed = crypto_scalarmult_ed25519_base_noclamp(product, k);
  assert(!failed);
}

/* A point of prime order is half of twice itself. A part T of small order would come back as (L + 1) T, which is T only
 * for the neutral point: so the answer is exact whatever the library itself takes for a point of the main subgroup. */
static bool valid(const uint8_t point[POINT], uint8_t doubled[POINT]) {
  uint8_t back[POINT];
  if (!twice(point, doubled) || crypto_scalarmult_ed25519_noclamp(back, half, doubled) != 0) return false;
  return memcmp(back, point, POINT) == 0;
}

/* RFC 9381 5.4.1.1: the first counter whose hash is a point, times 8. By doublings, because the library's product
 * refuses points outside the main subgroup. 256 misses have chance 2^-256. */
static bool encode_to_curve(const uint8_t key[POINT], const void *input, size_t length, uint8_t h[POINT]) {
  const uint8_t front = 1;
  crypto_hash_sha512_state begun;
  crypto_hash_sha512_init(&begun);
  crypto_hash_sha512_update(&begun, &suite, 1);
  crypto_hash_sha512_update(&begun, &front, 1);
  crypto_hash_sha512_update(&begun, key, POINT);
  if (length) crypto_hash_sha512_update(&begun, input, length);
  for (uint32_t counter = 0; counter < 256; counter++) {
    const uint8_t back[2] = {(uint8_t)counter, 0};
    uint8_t digest[crypto_hash_sha512_BYTES], doubled[POINT];
    crypto_hash_sha512_state hash = begun;
    crypto_hash_sha512_update(&hash, back, sizeof back);
    crypto_hash_sha512_final(&hash, digest);
    if (twice(digest, doubled) && clear(doubled, h)) return true;
  }
  return false;
}

/* RFC 9381 5.4.3. */
static void challenge(const uint8_t *const points[5], uint8_t c[CHALLENGE]) {
  const uint8_t front[2] = {suite, 2}, back = 0;
  uint8_t digest[crypto_hash_sha512_BYTES];
  crypto_hash_sha512_state hash;
  crypto_hash_sha512_init(&hash);
  crypto_hash_sha512_update(&hash, front, sizeof front);
  for (uint32_t i = 0; i < 5; i++) crypto_hash_sha512_update(&hash, points[i], POINT);
  crypto_hash_sha512_update(&hash, &back, 1);
  crypto_hash_sha512_final(&hash, digest);
  memcpy(c, digest, CHALLENGE);
}

/* The output from 2 Gamma: RFC 9381 5.2, step 6. */
static void output_of(const uint8_t doubled[POINT], uint8_t output[VRF_OUTPUT_BYTES]) {
  uint8_t cleared[POINT];
  bool prime_order = clear(doubled, cleared);
  assert(prime_order);
  uint8_t text[2 + POINT + 1] = {suite, 3};
  memcpy(text + 2, cleared, POINT);
  crypto_hash_sha512(output, text, sizeof text);
}

/* RFC 9381 5.4.2.2, mod L. */
static void nonce(const struct sign_secret *secret, const uint8_t h[POINT], uint8_t k[SCALAR]) {
  uint8_t digest[crypto_hash_sha512_BYTES];
  crypto_hash_sha512_state hash;
  crypto_hash_sha512_init(&hash);
  crypto_hash_sha512_update(&hash, secret->prefix, sizeof secret->prefix);
  crypto_hash_sha512_update(&hash, h, POINT);
  crypto_hash_sha512_final(&hash, digest);
  crypto_core_ed25519_scalar_reduce(k, digest);
  sodium_memzero(digest, sizeof digest);
  sodium_memzero(&hash, sizeof hash);
}

/* s = k + c x mod L. */
static void respond(const struct sign_secret *secret, const uint8_t k[SCALAR], const uint8_t c[CHALLENGE],
                    uint8_t s[SCALAR]) {
  uint8_t wide[64] = {0}, reduced[SCALAR], product[SCALAR], factor[SCALAR] = {0};
  memcpy(wide, secret->scalar, SCALAR);
  memcpy(factor, c, CHALLENGE);
  crypto_core_ed25519_scalar_reduce(reduced, wide);
  crypto_core_ed25519_scalar_mul(product, factor, reduced);
  crypto_core_ed25519_scalar_add(s, product, k);
  sodium_memzero(wide, sizeof wide);
  sodium_memzero(reduced, sizeof reduced);
  sodium_memzero(product, sizeof product);
}

void vrf_prove(const struct sign_secret *secret, const void *input, size_t length, uint8_t proof[VRF_PROOF_BYTES]) {
  const uint8_t *key = secret->key + SIGN_SEED_BYTES;
  uint8_t h[POINT], k[SCALAR], u[POINT], v[POINT], made[VRF_PROOF_BYTES];
  bool found = encode_to_curve(key, input, length, h);
  assert(found);
  multiply(secret->scalar, h, made);
  nonce(secret, h, k);
  multiply_base(k, u);
  multiply(k, h, v);
  challenge((const uint8_t *[]){key, h, made, u, v}, made + POINT);
  respond(secret, k, made + POINT, made + POINT + CHALLENGE);
  sodium_memzero(k, sizeof k);
  memcpy(proof, made, sizeof made);
}

bool vrf_check(const struct sign_public *key, const void *input, size_t length, const uint8_t proof[VRF_PROOF_BYTES],
               uint8_t output[VRF_OUTPUT_BYTES]) {
  const uint8_t *gamma = proof, *s = proof + POINT + CHALLENGE;
  uint8_t c[SCALAR] = {0}, again[CHALLENGE], key_doubled[POINT], gamma_doubled[POINT];
  uint8_t h[POINT], left[POINT], right[POINT], u[POINT], v[POINT];
  memcpy(c, proof + POINT, CHALLENGE);
  if (!less(s, order) || !valid(key->bytes, key_doubled) || !valid(gamma, gamma_doubled)) return false;
  if (!encode_to_curve(key->bytes, input, length, h)) return false;
  multiply_base(s, left);
  multiply(c, key->bytes, right);
  if (crypto_core_ed25519_sub(u, left, right) != 0) return false;
  multiply(s, h, left);
  multiply(c, gamma, right);
  if (crypto_core_ed25519_sub(v, left, right) != 0) return false;
  challenge((const uint8_t *[]){key->bytes, h, gamma, u, v}, again);
  if (memcmp(c, again, CHALLENGE) != 0) return false;
  output_of(gamma_doubled, output);
  return true;
}

bool vrf_output(const uint8_t proof[VRF_PROOF_BYTES], uint8_t output[VRF_OUTPUT_BYTES]) {
  uint8_t doubled[POINT];
  if (!less(proof + POINT + CHALLENGE, order) || !valid(proof, doubled)) return false;
  output_of(doubled, output);
  return true;
}

bool vrf_key(const struct sign_public *key) {
  uint8_t doubled[POINT];
  return valid(key->bytes, doubled);
}
