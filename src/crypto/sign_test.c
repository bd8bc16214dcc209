/* Signatures against RFC 8032, against points of small order, and beside a library that checks with the cofactor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "crypto/sign.h"

/* sign.c a second time, with its library replaced by newer_verify below; the build renames its functions. */
enum sign_status newer_open(struct why *why);
bool newer_check(const struct sign_public *key, const void *message, size_t length,
                 const uint8_t signature[SIGN_BYTES]);
int newer_verify(const uint8_t *signature, const uint8_t *message, unsigned long long length, const uint8_t *key);

/* RFC 8032 7.1: tests 1, 2, 3 and SHA(abc). */
static const struct {
  const char *seed, *key, *message, *signature;
} known[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

/* The eight points of small order, in the order of their multiples of the second. */
static const char *const small_order[8] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
};

static void read_hex(const char *text, uint8_t *bytes, size_t length) { assert_true(hex_decode(text, bytes, length)); }

static void secret_of(uint8_t byte, struct sign_secret **secret) {
  uint8_t seed[SIGN_SEED_BYTES];
  memset(seed, byte, sizeof seed);
  assert_int_equal(sign_secret_open(seed, secret), SIGN_OK);
}

static void the_standards_examples(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    uint8_t seed[SIGN_SEED_BYTES], message[64], expected[SIGN_BYTES], signature[SIGN_BYTES];
    size_t length = strlen(known[i].message) / 2;
    struct sign_public key, right;
    struct sign_secret *secret;
    read_hex(known[i].seed, seed, sizeof seed);
    read_hex(known[i].key, right.bytes, sizeof right.bytes);
    read_hex(known[i].message, message, length);
    read_hex(known[i].signature, expected, sizeof expected);
    assert_int_equal(sign_secret_open(seed, &secret), SIGN_OK);
    key = sign_secret_public(secret);
    assert_memory_equal(key.bytes, right.bytes, sizeof key.bytes);
    assert_memory_equal(sign_secret_seed(secret), seed, sizeof seed);
    sign_make(secret, message, length, signature);
    assert_memory_equal(signature, expected, sizeof expected);
    assert_true(sign_check(&key, message, length, signature));
    sign_secret_shut(&secret);
    assert_null(secret);
    sign_secret_shut(&secret);
  }
}

static void one_wrong_bit_anywhere(void **state) {
  (void)state;
  struct sign_secret *secret;
  uint8_t message[5] = "hello", signature[SIGN_BYTES];
  secret_of(1, &secret);
  struct sign_public key = sign_secret_public(secret);
  sign_make(secret, message, sizeof message, signature);
  for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
    signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(sign_check(&key, message, sizeof message, signature));
    signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (size_t bit = 0; bit < 8 * sizeof key.bytes; bit++) {
    key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(sign_check(&key, message, sizeof message, signature));
    key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (size_t bit = 0; bit < 8 * sizeof message; bit++) {
    message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(sign_check(&key, message, sizeof message, signature));
    message[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_false(sign_check(&key, message, sizeof message - 1, signature));
  assert_true(sign_check(&key, message, sizeof message, signature));
  sign_secret_shut(&secret);
}

/* s and s + L give the same point; only the smaller is a signature. */
static void a_second_form_of_s_is_refused(void **state) {
  (void)state;
  static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                    0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  struct sign_secret *secret;
  uint8_t signature[SIGN_BYTES];
  secret_of(2, &secret);
  struct sign_public key = sign_secret_public(secret);
  sign_make(secret, "x", 1, signature);
  sodium_add(signature + 32, order, sizeof order);
  assert_false(sign_check(&key, "x", 1, signature));
  sign_secret_shut(&secret);
}

/* With a key of small order R = S B is a signature of one message in eight; with R of small order and S = h x likewise.
 */
static void small_order_is_refused(void **state) {
  (void)state;
  const uint8_t s[32] = {5};
  uint8_t signature[SIGN_BYTES];
  memcpy(signature + 32, s, sizeof s);
  crypto_scalarmult_ed25519_base_noclamp(signature, s);
  for (size_t i = 0; i < 8; i++) {
    struct sign_public key;
    read_hex(small_order[i], key.bytes, sizeof key.bytes);
    for (uint8_t message = 0; message < 64; message++) {
      assert_false(sign_check(&key, &message, 1, signature));
      assert_false(newer_check(&key, &message, 1, signature));
    }
  }
  struct sign_secret *secret;
  secret_of(3, &secret);
  struct sign_public key = sign_secret_public(secret);
  uint8_t x[64], h[64], scalar[32], reduced[32];
  crypto_hash_sha512(x, sign_secret_seed(secret), SIGN_SEED_BYTES);
  x[0] &= 248;
  x[31] = (uint8_t)((x[31] & 127) | 64);
  memset(x + 32, 0, 32);
  crypto_core_ed25519_scalar_reduce(scalar, x);
  for (size_t i = 0; i < 8; i++) {
    read_hex(small_order[i], signature, 32);
    crypto_hash_sha512_state hash;
    crypto_hash_sha512_init(&hash);
    crypto_hash_sha512_update(&hash, signature, 32);
    crypto_hash_sha512_update(&hash, key.bytes, 32);
    crypto_hash_sha512_final(&hash, h);
    crypto_core_ed25519_scalar_reduce(reduced, h);
    crypto_core_ed25519_scalar_mul(signature + 32, reduced, scalar);
    assert_false(sign_check(&key, "", 0, signature));
    assert_false(newer_check(&key, "", 0, signature));
  }
  sign_secret_shut(&secret);
}

/* What later sources of libsodium check, from its parts: 8 (S B - h A - R) is neutral. */
int newer_verify(const uint8_t *signature, const uint8_t *message, unsigned long long length, const uint8_t *key) {
  static const uint8_t neutral[32] = {1};
  uint8_t digest[64], h[32], s[32], part[32], sum[32] = {1}, a8[32], r8[32], sb[32];
  crypto_hash_sha512_state hash;
  crypto_hash_sha512_init(&hash);
  crypto_hash_sha512_update(&hash, signature, 32);
  crypto_hash_sha512_update(&hash, key, 32);
  crypto_hash_sha512_update(&hash, message, length);
  crypto_hash_sha512_final(&hash, digest);
  crypto_core_ed25519_scalar_reduce(h, digest);
  memcpy(s, signature + 32, 32);
  memcpy(a8, key, 32);
  memcpy(r8, signature, 32);
  for (int i = 0; i < 3; i++)
    if (crypto_core_ed25519_add(a8, a8, a8) || crypto_core_ed25519_add(r8, r8, r8)) return -1;
  if (memcmp(a8, neutral, 32) == 0 || memcmp(r8, neutral, 32) == 0) return -1;
  if (crypto_scalarmult_ed25519_base_noclamp(sb, s) || crypto_scalarmult_ed25519_noclamp(part, h, a8)) return -1;
  for (int i = 0; i < 3; i++) crypto_core_ed25519_add(sb, sb, sb);
  crypto_core_ed25519_sub(sum, sb, part);
  crypto_core_ed25519_sub(sum, sum, r8);
  return memcmp(sum, neutral, 32) == 0 ? 0 : -1;
}

/* Keys with a part of each small order, by whoever knows the secret of the rest. The library with the cofactor accepts
 * all of these; which ones we accept is the same beside either, and only those whose h takes the small part away. */
static void the_answer_is_the_same_beside_either_library(void **state) {
  (void)state;
  uint32_t accepted = 0;
  struct sign_secret *secret;
  secret_of(4, &secret);
  for (size_t i = 0; i < 8; i++)
    for (uint8_t message = 0; message < 32; message++) {
      uint8_t doctored[64], torsion[32], signature[SIGN_BYTES];
      struct sign_public key;
      read_hex(small_order[i], torsion, sizeof torsion);
      crypto_core_ed25519_add(key.bytes, sign_secret_public(secret).bytes, torsion);
      memcpy(doctored, sign_secret_seed(secret), 32);
      memcpy(doctored + 32, key.bytes, 32);
      crypto_sign_detached(signature, NULL, &message, 1, doctored);
      bool answer = sign_check(&key, &message, 1, signature);
      assert_int_equal(newer_check(&key, &message, 1, signature), answer);
      assert_int_equal(newer_verify(signature, &message, 1, key.bytes), 0);
      if (i == 0) assert_true(answer);
      accepted += answer;
    }
  assert_in_range(accepted, 32 + 20, 128); /* 32 + 16 + 2 x 8 + 4 x 4 = 80 expected */
  sign_secret_shut(&secret);
}

/* LEDGER 2.1.3 computed again with the other hash. */
static void keys_from_one_seed(void **state) {
  (void)state;
  struct sign_secret *parent, *child, *other;
  secret_of(7, &parent);
  for (uint32_t index = 0; index < 3; index++) {
    uint8_t text[12 + 32 + 1 + 3 + 4] = "assay/key/1", expected[32];
    memset(text + 12, 7, 32);
    memcpy(text + 44, "\3vrf", 4);
    text[48] = (uint8_t)index;
    sha256(text, sizeof text, expected);
    assert_int_equal(sign_secret_derive(parent, "vrf", index, &child), SIGN_OK);
    assert_memory_equal(sign_secret_seed(child), expected, sizeof expected);
    assert_int_equal(sign_secret_derive(parent, "vrg", index, &other), SIGN_OK);
    assert_memory_not_equal(sign_secret_seed(child), sign_secret_seed(other), 32);
    sign_secret_shut(&child);
    sign_secret_shut(&other);
  }
  sign_secret_shut(&parent);
}

static void random_keys_differ_and_work(void **state) {
  (void)state;
  struct sign_secret *one, *two;
  uint8_t signature[SIGN_BYTES];
  assert_int_equal(sign_secret_random(&one), SIGN_OK);
  assert_int_equal(sign_secret_random(&two), SIGN_OK);
  struct sign_public key = sign_secret_public(one), other = sign_secret_public(two);
  assert_memory_not_equal(key.bytes, other.bytes, sizeof key.bytes);
  sign_make(one, "", 0, signature);
  assert_true(sign_check(&key, "", 0, signature));
  assert_false(sign_check(&other, "", 0, signature));
  sign_secret_shut(&one);
  sign_secret_shut(&two);
}

static int open_both(void **state) {
  (void)state;
  return sign_open(NULL) == SIGN_OK && newer_open(NULL) == SIGN_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_standards_examples),
      cmocka_unit_test(one_wrong_bit_anywhere),
      cmocka_unit_test(a_second_form_of_s_is_refused),
      cmocka_unit_test(small_order_is_refused),
      cmocka_unit_test(the_answer_is_the_same_beside_either_library),
      cmocka_unit_test(keys_from_one_seed),
      cmocka_unit_test(random_keys_differ_and_work),
  };
  return cmocka_run_group_tests(tests, open_both, NULL);
}
