/* Proofs against RFC 9381, one bit at a time, and against every point of small order. tests/crypto/vrf_test.py holds
 * them against a second implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/hex.h"
#include "crypto/vrf.h"

/* RFC 9381 B.3: examples 16, 17, 18. */
static const struct {
  const char *seed, *key, *input, *proof, *output;
} known[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d97"
     "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
     "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff"
     "66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3ed7f2fea45c92a465"
     "301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
     "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb"
     "5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c362d8628ee9f9ea3c0"
     "e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
     "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c45"
     "2118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f"},
};

static const char *const small_order[7] = {
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
};

static void read_hex(const char *text, uint8_t *bytes, size_t length) { assert_true(hex_decode(text, bytes, length)); }

static struct sign_secret *open_known(size_t i, struct sign_public *key) {
  uint8_t seed[SIGN_SEED_BYTES];
  struct sign_secret *secret;
  read_hex(known[i].seed, seed, sizeof seed);
  assert_int_equal(sign_secret_open(seed, &secret), SIGN_OK);
  *key = sign_secret_public(secret);
  return secret;
}

static void the_standards_examples(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    uint8_t right_key[32], input[2], right_proof[VRF_PROOF_BYTES], right_output[VRF_OUTPUT_BYTES];
    uint8_t proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES] = {0}, again[VRF_OUTPUT_BYTES] = {0};
    size_t length = strlen(known[i].input) / 2;
    struct sign_public key;
    struct sign_secret *secret = open_known(i, &key);
    read_hex(known[i].key, right_key, sizeof right_key);
    read_hex(known[i].input, input, length);
    read_hex(known[i].proof, right_proof, sizeof right_proof);
    read_hex(known[i].output, right_output, sizeof right_output);
    assert_memory_equal(key.bytes, right_key, sizeof right_key);
    vrf_prove(secret, input, length, proof);
    assert_memory_equal(proof, right_proof, sizeof proof);
    assert_true(vrf_check(&key, input, length, proof, output));
    assert_memory_equal(output, right_output, sizeof output);
    assert_true(vrf_output(proof, again));
    assert_memory_equal(again, right_output, sizeof again);
    assert_true(vrf_key(&key));
    sign_secret_shut(&secret);
  }
}

/* LEDGER 6.1.2. */
static void the_ledgers_example(void **state) {
  (void)state;
  uint8_t seed[SIGN_SEED_BYTES], input[17 + 32 + 34 + 2 + 32] = "assay/vrf/take/1", right_key[32];
  uint8_t proof[VRF_PROOF_BYTES], right_proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES], right[VRF_OUTPUT_BYTES];
  struct sign_secret *secret;
  memset(seed, 1, sizeof seed);
  memset(input + 17, 2, 32);
  memset(input + 49, 3, 34);
  input[83] = 1;
  input[84] = 4;
  memset(input + 85, 5, 32);
  read_hex("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c", right_key, sizeof right_key);
  read_hex("443d747d00860a38c539be430d962345033fb294cccc1d2872b106126350e3ec90dfd2dd1ca36b99"
           "e04c7814f15e9b0e5501180eb7992fc5ba0c5d883115a6265d34f4fe9d8becfa7f1b1305d0414a0f",
           right_proof, sizeof right_proof);
  read_hex("e333beb206b09ea0b29e73c1706dbd1a83919e20768a216b38279370b5bd4164"
           "0d4bb3fc9cbccca0051298697b46cc115e94dd4d58513c025d182e317fda6606",
           right, sizeof right);
  assert_int_equal(sign_secret_open(seed, &secret), SIGN_OK);
  struct sign_public key = sign_secret_public(secret);
  assert_memory_equal(key.bytes, right_key, sizeof right_key);
  vrf_prove(secret, input, sizeof input, proof);
  assert_memory_equal(proof, right_proof, sizeof proof);
  assert_true(vrf_check(&key, input, sizeof input, proof, output));
  assert_memory_equal(output, right, sizeof output);
  sign_secret_shut(&secret);
}

static void one_wrong_bit_anywhere(void **state) {
  (void)state;
  uint8_t input[40] = "an input", proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES], untouched[VRF_OUTPUT_BYTES];
  struct sign_public key;
  struct sign_secret *secret = open_known(0, &key);
  memset(output, 0xee, sizeof output);
  memset(untouched, 0xee, sizeof untouched);
  vrf_prove(secret, input, sizeof input, proof);
  for (size_t bit = 0; bit < 8 * sizeof proof; bit++) {
    proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(vrf_check(&key, input, sizeof input, proof, output));
    proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (size_t bit = 0; bit < 8 * sizeof key.bytes; bit++) {
    key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(vrf_check(&key, input, sizeof input, proof, output));
    key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (size_t bit = 0; bit < 8 * sizeof input; bit++) {
    input[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_false(vrf_check(&key, input, sizeof input, proof, output));
    input[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_false(vrf_check(&key, input, sizeof input - 1, proof, output));
  assert_memory_equal(output, untouched, sizeof output);
  assert_true(vrf_check(&key, input, sizeof input, proof, output));
  sign_secret_shut(&secret);
}

static void a_second_form_of_s_is_refused(void **state) {
  (void)state;
  static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                    0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  uint8_t proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES];
  struct sign_public key;
  struct sign_secret *secret = open_known(1, &key);
  vrf_prove(secret, "x", 1, proof);
  sodium_add(proof + 48, order, sizeof order);
  assert_false(vrf_check(&key, "x", 1, proof, output));
  assert_false(vrf_output(proof, output));
  sign_secret_shut(&secret);
}

/* A key or Gamma of small order, with a part of small order, off the curve, and in a second encoding. The part of order
 * 2 is the one that libsodium before 2026 does not see. */
static void only_points_of_prime_order(void **state) {
  (void)state;
  uint8_t proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES], off[32] = {2};
  struct sign_public key, other;
  struct sign_secret *secret = open_known(2, &key);
  vrf_prove(secret, "x", 1, proof);
  for (size_t i = 0; i < 7; i++) {
    uint8_t torsion[32], gamma[VRF_PROOF_BYTES];
    read_hex(small_order[i], torsion, sizeof torsion);
    memcpy(other.bytes, torsion, sizeof torsion);
    assert_false(vrf_key(&other));
    crypto_core_ed25519_add(other.bytes, key.bytes, torsion);
    assert_false(vrf_key(&other));
    memcpy(gamma, proof, sizeof gamma);
    memcpy(gamma, torsion, sizeof torsion);
    assert_false(vrf_output(gamma, output));
    crypto_core_ed25519_add(gamma, proof, torsion);
    assert_false(vrf_output(gamma, output));
    assert_false(vrf_check(&key, "x", 1, gamma, output));
  }
  memset(&other, 0, sizeof other);
  other.bytes[0] = 1;
  assert_false(vrf_key(&other)); /* the neutral point */
  memcpy(other.bytes, off, sizeof off);
  assert_false(vrf_key(&other));
  memset(other.bytes, 0xff, sizeof other.bytes);
  for (uint32_t low = 0xed; low <= 0xff; low++)
    for (uint32_t high = 0x7f; high <= 0xff; high += 0x80) {
      other.bytes[0] = (uint8_t)low;
      other.bytes[31] = (uint8_t)high;
      assert_false(vrf_key(&other)); /* y = p .. p + 18 */
    }
  assert_true(vrf_key(&key));
  sign_secret_shut(&secret);
}

/* vrf.c a second time, beside a library that multiplies any point of the curve and does not look for the subgroup; the
 * build renames its functions. libsodium before 2026 is between this one and today's: a part of order 2 passes. */
bool older_check(const struct sign_public *key, const void *input, size_t length, const uint8_t proof[VRF_PROOF_BYTES],
                 uint8_t output[VRF_OUTPUT_BYTES]);
bool older_output(const uint8_t proof[VRF_PROOF_BYTES], uint8_t output[VRF_OUTPUT_BYTES]);
bool older_key(const struct sign_public *key);
int older_product(uint8_t *product, const uint8_t *k, const uint8_t *point);

int older_product(uint8_t *product, const uint8_t *k, const uint8_t *point) {
  uint8_t sum[32] = {1};
  for (int bit = 254; bit >= 0; bit--) {
    if (crypto_core_ed25519_add(sum, sum, sum) != 0) return -1;
    if (k[bit / 8] >> bit % 8 & 1 && crypto_core_ed25519_add(sum, sum, point) != 0) return -1;
  }
  memcpy(product, sum, sizeof sum);
  return 0;
}

/* Proofs of "assay\0" by the secret key of seed 01 00 00 .. whose Gamma has a part of order 2 and 8, and whose
 * equations hold because c is a multiple of 8 (tests/crypto/vrf_test.py, proof_with). */
static void the_answer_is_the_same_beside_either_library(void **state) {
  (void)state;
  static const char *const doctored[2] = {
      "d9b3efa02e23322afea425e2c34934e7da0ac1dc17fa9abb76a40336b8ae107ac8567dcca5afc5b76f70c4ea9b4aeb65"
      "aeeccc4042f0e06de8975af522313f4ba84f30fbb5b1093bd8fd1703ef136209",
      "a8dc6853c55132f286f8d316ea70703ab0a88400c559f6dbbe41ef5404c907709073694944f58a8475447bd19f264802"
      "b7175fb2c8fc7eef7b7167e112847a30b19b32a34b57fef80fc6e2ba6001980d",
  };
  static const uint8_t seed[SIGN_SEED_BYTES] = {1}, input[6] = "assay";
  uint8_t proof[VRF_PROOF_BYTES], output[VRF_OUTPUT_BYTES], again[VRF_OUTPUT_BYTES];
  struct sign_secret *secret;
  assert_int_equal(sign_secret_open(seed, &secret), SIGN_OK);
  struct sign_public key = sign_secret_public(secret), other;
  vrf_prove(secret, input, sizeof input, proof);
  assert_true(vrf_check(&key, input, sizeof input, proof, output));
  assert_true(older_check(&key, input, sizeof input, proof, again));
  assert_memory_equal(output, again, sizeof output);
  for (size_t i = 0; i < 2; i++) {
    read_hex(doctored[i], proof, sizeof proof);
    assert_false(vrf_check(&key, input, sizeof input, proof, output));
    assert_false(older_check(&key, input, sizeof input, proof, output));
    assert_false(older_output(proof, output));
  }
  assert_true(older_key(&key));
  for (size_t i = 0; i < 7; i++) {
    uint8_t torsion[32];
    read_hex(small_order[i], torsion, sizeof torsion);
    memcpy(other.bytes, torsion, sizeof torsion);
    assert_false(older_key(&other));
    crypto_core_ed25519_add(other.bytes, key.bytes, torsion);
    assert_false(older_key(&other));
  }
  sign_secret_shut(&secret);
}

static int open_library(void **state) {
  (void)state;
  return sign_open(NULL) == SIGN_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_standards_examples),     cmocka_unit_test(the_ledgers_example),
      cmocka_unit_test(one_wrong_bit_anywhere),     cmocka_unit_test(a_second_form_of_s_is_refused),
      cmocka_unit_test(only_points_of_prime_order), cmocka_unit_test(the_answer_is_the_same_beside_either_library),
  };
  return cmocka_run_group_tests(tests, open_library, NULL);
}
