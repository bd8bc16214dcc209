#include "crypto/sign.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "crypto/secret.h"

static bool opened, cofactorless;

/* A key with a part of order 8, and a signature of the empty message by it, that satisfies the equation times 8 and not
 * the equation itself. libsodium 1.0.18 refuses it, its later sources do not. tests/crypto/vrf_test.py says
 * the same of it. */
static const uint8_t probe_key[SIGN_PUBLIC_BYTES] = {0x57, 0x5e, 0x6b, 0x25, 0x5b, 0xad, 0x88, 0x9f, 0x92, 0xac, 0x74,
                                                     0xa8, 0x82, 0x6e, 0x18, 0xce, 0xd2, 0x7b, 0x44, 0x7c, 0x0a, 0x55,
                                                     0x57, 0x95, 0x9a, 0xc0, 0x40, 0x56, 0x1d, 0xd5, 0x36, 0x4c};
static const uint8_t probe_signature[SIGN_BYTES] = {
    0xb8, 0x62, 0x40, 0x9f, 0xb5, 0xc4, 0xc4, 0x12, 0x3d, 0xf2, 0xab, 0xf7, 0x46, 0x2b, 0x88, 0xf0,
    0x41, 0xad, 0x36, 0xdd, 0x68, 0x64, 0xce, 0x87, 0x2f, 0xd5, 0x47, 0x2b, 0xe3, 0x63, 0xc5, 0xb1,
    0x7b, 0x44, 0xea, 0xb8, 0x6c, 0xc8, 0x27, 0x2b, 0x8c, 0xda, 0xbf, 0xc4, 0xb7, 0xa5, 0x8a, 0x5e,
    0x31, 0x9c, 0xda, 0xc5, 0xe3, 0xaa, 0xab, 0x07, 0x24, 0xdd, 0x81, 0x62, 0xec, 0xbf, 0xe3, 0x03};

enum sign_status sign_open(struct why *why) {
  if (opened) return SIGN_OK;
  if (sodium_init() < 0) {
    why_set(why, "libsodium does not start: this system gives it no random bytes");
    return SIGN_ERR_LIBRARY;
  }
  cofactorless = crypto_sign_verify_detached(probe_signature, (const uint8_t *)"", 0, probe_key) != 0;
  opened = true;
  return SIGN_OK;
}

static enum sign_status take_secret(struct sign_secret **secret) {
  assert(opened);
  *secret = sodium_malloc(sizeof **secret);
  return *secret ? SIGN_OK : SIGN_ERR_MEMORY;
}

/* From the seed, which is in place. */
static void fill_secret(struct sign_secret *s) {
  uint8_t seed[SIGN_SEED_BYTES], digest[crypto_hash_sha512_BYTES];
  memcpy(seed, s->key, sizeof seed);
  crypto_sign_seed_keypair(s->key + SIGN_SEED_BYTES, s->key, seed);
  crypto_hash_sha512(digest, seed, sizeof seed);
  memcpy(s->scalar, digest, 32);
  memcpy(s->prefix, digest + 32, 32);
  s->scalar[0] &= 248;
  s->scalar[31] = (uint8_t)((s->scalar[31] & 127) | 64);
  sodium_memzero(seed, sizeof seed);
  sodium_memzero(digest, sizeof digest);
  sodium_mprotect_readonly(s);
}

enum sign_status sign_secret_open(const uint8_t seed[SIGN_SEED_BYTES], struct sign_secret **secret) {
  struct sign_secret *s;
  enum sign_status status = take_secret(&s);
  if (status != SIGN_OK) return status;
  memcpy(s->key, seed, SIGN_SEED_BYTES);
  fill_secret(s);
  *secret = s;
  return SIGN_OK;
}

enum sign_status sign_secret_random(struct sign_secret **secret) {
  struct sign_secret *s;
  enum sign_status status = take_secret(&s);
  if (status != SIGN_OK) return status;
  randombytes_buf(s->key, SIGN_SEED_BYTES);
  fill_secret(s);
  *secret = s;
  return SIGN_OK;
}

void sign_secret_shut(struct sign_secret **secret) {
  sodium_free(*secret);
  *secret = NULL;
}

/* LEDGER 2.1.3. With libsodium's hash, which leaves nothing behind, and not with crypto/sha256, which need not care. */
enum sign_status sign_secret_derive(const struct sign_secret *parent, const char *label, uint32_t index,
                                    struct sign_secret **child) {
  static const char tag[] = "assay/key/1";
  size_t length = strlen(label);
  assert(length >= 1 && length <= SIGN_LABEL_MAX);
  struct sign_secret *s;
  enum sign_status status = take_secret(&s);
  if (status != SIGN_OK) return status;
  const uint8_t little[4] = {(uint8_t)index, (uint8_t)(index >> 8), (uint8_t)(index >> 16), (uint8_t)(index >> 24)};
  crypto_hash_sha256_state hash;
  crypto_hash_sha256_init(&hash);
  crypto_hash_sha256_update(&hash, (const uint8_t *)tag, sizeof tag); /* with its 0 */
  crypto_hash_sha256_update(&hash, parent->key, SIGN_SEED_BYTES);
  crypto_hash_sha256_update(&hash, &(uint8_t){(uint8_t)length}, 1);
  crypto_hash_sha256_update(&hash, (const uint8_t *)label, length);
  crypto_hash_sha256_update(&hash, little, sizeof little);
  crypto_hash_sha256_final(&hash, s->key);
  sodium_memzero(&hash, sizeof hash);
  fill_secret(s);
  *child = s;
  return SIGN_OK;
}

const uint8_t *sign_secret_seed(const struct sign_secret *secret) { return secret->key; }

struct sign_public sign_secret_public(const struct sign_secret *secret) {
  struct sign_public key;
  memcpy(key.bytes, secret->key + SIGN_SEED_BYTES, sizeof key.bytes);
  return key;
}

void sign_make(const struct sign_secret *secret, const void *message, size_t length, uint8_t signature[SIGN_BYTES]) {
  assert(opened);
  crypto_sign_detached(signature, NULL, message, length, secret->key);
}

/* Whether the bytes of S B - h A are R, which is what OpenSSL asks. An answer that memory decides would be another one
 * on each machine, so running out of it stops the program. */
static bool equation_holds(const struct sign_public *key, const void *message, size_t length,
                           const uint8_t *signature) {
  EVP_PKEY *point = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, sizeof key->bytes);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  assert(point && context);
  int ready = EVP_DigestVerifyInit(context, NULL, NULL, NULL, point);
  assert(ready == 1);
  bool holds = EVP_DigestVerify(context, signature, SIGN_BYTES, message, length) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(point);
  return holds;
}

bool sign_check(const struct sign_public *key, const void *message, size_t length,
                const uint8_t signature[SIGN_BYTES]) {
  assert(opened);
  if (crypto_sign_verify_detached(signature, message, length, key->bytes) != 0) return false;
  return cofactorless || equation_holds(key, message, length, signature);
}
