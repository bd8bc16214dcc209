/* The envelope of a transaction: one encoding, bounds one by one, what is signed. Bodies: body_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/transaction/example.h"

static uint8_t bytes[TRANSACTION_TAPE_BYTES_MAX + 64], again[TRANSACTION_TAPE_BYTES_MAX + 64];
static uint8_t body[TRANSACTION_TAPE_BYTES_MAX];

/* Offsets of LEDGER 3.1, by hand. */
enum {
  AT_VERSION = 0,
  AT_TYPE = 1,
  AT_FLAGS = 2,
  AT_ACCOUNT = 4,
  AT_KEY = 36,
  AT_NONCE = 37,
  AT_UNTIL = 45,
  AT_GAS = 53
};
enum { AT_PRICE = 57, AT_BODY_LENGTH = 61, AT_BODY = 65 };

static size_t draw(uint8_t type, uint64_t *seed) {
  static struct example e;
  example_draw(&e, type, seed);
  size_t length = example_put(&e, body, sizeof body);
  assert_true(length > 0);
  struct transaction t = example_envelope(type, body, length, seed);
  return transaction_encode(&t, bytes, sizeof bytes);
}

/* A STAKE, sponsored or not: 9 bytes of body. */
static size_t stake(bool sponsored) {
  struct transaction t;
  size_t length;
  for (uint64_t seed = 1;; seed++) {
    length = draw(TRANSACTION_STAKE, &seed);
    assert_true(transaction_decode(bytes, length, &t, NULL));
    if ((t.payer != NULL) == sponsored) return length;
  }
}

static bool decodes(size_t length) {
  struct transaction t;
  return transaction_decode(bytes, length, &t, NULL);
}

static void envelopes_come_back(void **state) {
  (void)state;
  uint64_t seed = 3;
  uint32_t sponsored = 0;
  for (uint32_t i = 0; i < 30000; i++) {
    uint8_t type = example_type[i % EXAMPLE_TYPES];
    struct transaction t;
    size_t length = draw(type, &seed);
    assert_true(length > 0 && transaction_decode(bytes, length, &t, NULL));
    assert_true(t.type == type && t.length == length && body_check(&t, NULL));
    assert_int_equal(transaction_encode(&t, again, sizeof again), length);
    assert_memory_equal(bytes, again, length);
    assert_int_equal(transaction_encode(&t, again, length - 1), 0);
    sponsored += t.payer != NULL;
  }
  assert_true(sponsored > 5000);
}

static void fields_lie_where_the_clause_says(void **state) {
  (void)state;
  struct transaction t;
  size_t length = stake(true);
  assert_int_equal(length, AT_BODY + 9 + 32 + 1 + 64 + 64);
  for (size_t i = AT_ACCOUNT; i < AT_BODY_LENGTH; i++) bytes[i] = i == AT_KEY ? 5 : (uint8_t)i;
  assert_true(transaction_decode(bytes, length, &t, NULL));
  assert_true(t.account == bytes + AT_ACCOUNT && t.key_index == 5 && t.nonce == 0x2c2b2a2928272625);
  assert_true(t.until_tick == 0x34333231302f2e2d && t.gas == 0x38373635 && t.price == 0x3c3b3a39);
  assert_true(t.body == bytes + AT_BODY && t.body_length == 9 && t.payer == bytes + AT_BODY + 9);
  assert_true(t.payer_signature == bytes + length - 128 && t.signature == bytes + length - 64);
  assert_int_equal(t.payer_key_index, bytes[AT_BODY + 9 + 32]);
}

static void a_cut_transaction_is_refused_at_every_byte(void **state) {
  (void)state;
  uint64_t seed = 5;
  for (uint32_t i = 0; i < EXAMPLE_TYPES; i++) {
    size_t length = draw(example_type[i], &seed);
    for (size_t cut = 0; cut < length; cut++)
      if (decodes(cut)) fail_msg("%s of %zu bytes cut to %zu", transaction_type_name(example_type[i]), length, cut);
    bytes[length] = 0;
    assert_false(decodes(length + 1));
  }
}

/* Every change of one byte is refused, or means something else and is the encoding of that. */
static void a_changed_byte_is_refused_or_is_another_transaction(void **state) {
  (void)state;
  static struct example e;
  uint64_t seed = 8;
  uint32_t refused = 0, taken = 0;
  for (uint32_t i = 0; i < EXAMPLE_TYPES; i++) {
    size_t length = draw(example_type[i], &seed), step = length > 20000 ? 7 : 1;
    for (size_t at = 0; at < length; at += step)
      for (uint32_t change = 1; change < 256; change = length < 500 ? change + 1 : change * 2) {
        struct transaction t;
        bytes[at] ^= (uint8_t)change;
        if (transaction_decode(bytes, length, &t, NULL) && example_take(&t, &e)) {
          taken++;
          assert_int_equal(transaction_encode(&t, again, sizeof again), length);
          assert_memory_equal(bytes, again, length);
          assert_int_equal(example_put(&e, again, sizeof again), t.body_length);
          assert_memory_equal(t.body, again, t.body_length);
        } else {
          refused++;
        }
        bytes[at] ^= (uint8_t)change;
      }
  }
  assert_true(refused > 5000 && taken > 100000);
}

static void the_envelope_is_bounded(void **state) {
  (void)state;
  size_t length = stake(true);
  for (uint32_t version = 0; version < 256; version++) {
    bytes[AT_VERSION] = (uint8_t)version;
    assert_int_equal(decodes(length), version == 1);
  }
  bytes[AT_VERSION] = 1;
  uint32_t known = 0;
  for (uint32_t type = 0; type < 256; type++) {
    bytes[AT_TYPE] = (uint8_t)type;
    bool is = false;
    for (uint32_t i = 0; i < EXAMPLE_TYPES; i++) is |= example_type[i] == type;
    assert_int_equal(decodes(length), is && type != TRANSACTION_BEACON);
    assert_int_equal(transaction_type_name((uint8_t)type) != NULL, is);
    known += is;
  }
  assert_int_equal(known, EXAMPLE_TYPES);
  bytes[AT_TYPE] = TRANSACTION_STAKE;
  for (uint32_t flags = 0; flags < 65536; flags++) {
    bytes[AT_FLAGS] = (uint8_t)flags;
    bytes[AT_FLAGS + 1] = (uint8_t)(flags >> 8);
    assert_int_equal(decodes(length), flags == TRANSACTION_SPONSORED);
  }
  bytes[AT_FLAGS] = TRANSACTION_SPONSORED;
  bytes[AT_FLAGS + 1] = 0;
  const size_t keys[] = {AT_KEY, AT_BODY + 9 + 32};
  for (uint32_t i = 0; i < 2; i++) {
    uint8_t before = bytes[keys[i]];
    for (uint32_t key = 0; key < 256; key++) {
      bytes[keys[i]] = (uint8_t)key;
      assert_int_equal(decodes(length), key < 8);
    }
    bytes[keys[i]] = before;
  }
  assert_true(decodes(length));
  memcpy(bytes + AT_BODY + 9, bytes + AT_ACCOUNT, 32);
  assert_false(decodes(length)); /* its own sponsor */
}

static void body_length_is_believed_only_if_it_fits(void **state) {
  (void)state;
  size_t length = stake(false);
  for (uint32_t i = 0; i < 32; i++) {
    for (uint32_t n = 0; n < 4; n++) bytes[AT_BODY_LENGTH + n] = n == i / 8 ? (uint8_t)(1u << i % 8) : 0;
    assert_false(decodes(length)); /* 9 is no power of two */
  }
  memset(bytes + AT_BODY_LENGTH, 0xff, 4);
  assert_false(decodes(length));
}

/* LEDGER 3.2: the longest ones, to the byte. */
static void lengths_are_bounded_by_type(void **state) {
  (void)state;
  static const struct {
    uint8_t type;
    size_t most;
  } row[] = {{TRANSACTION_MOVE, 65536}, {TRANSACTION_TAPE, 1000000}};
  for (uint32_t i = 0; i < 2; i++) {
    size_t length = stake(false);
    assert_true(decodes(length));
    bytes[AT_TYPE] = row[i].type;
    for (size_t n = row[i].most - 1; n <= row[i].most + 1; n++) {
      size_t body_length = n - AT_BODY - 64;
      for (uint32_t k = 0; k < 4; k++) bytes[AT_BODY_LENGTH + k] = (uint8_t)(body_length >> 8 * k);
      assert_int_equal(decodes(n), n <= row[i].most);
    }
  }
}

/* LEDGER 15.4 */
static void a_beacon_is_its_proof_and_nothing_else(void **state) {
  (void)state;
  uint8_t proof[VRF_BYTES];
  memset(proof, 0xab, sizeof proof);
  struct transaction t = transaction_beacon(proof), u;
  size_t length = transaction_encode(&t, bytes, sizeof bytes);
  assert_int_equal(length, AT_BODY + VRF_BYTES + 64);
  assert_true(transaction_decode(bytes, length, &u, NULL) && u.payer == NULL);
  for (size_t i = 0; i < length; i++)
    if (i >= AT_BODY && i < AT_BODY + VRF_BYTES)
      assert_int_equal(bytes[i], 0xab);
    else
      assert_int_equal(bytes[i], i == AT_VERSION ? 1 : i == AT_TYPE ? 30 : i == AT_BODY_LENGTH ? VRF_BYTES : 0);
  for (size_t i = 0; i < length; i++) {
    bytes[i] ^= 1;
    bool good = transaction_decode(bytes, length, &u, NULL) && body_check(&u, NULL);
    assert_int_equal(good, i >= AT_BODY && i < AT_BODY + VRF_BYTES);
    bytes[i] ^= 1;
  }
  t.payer = t.payer_signature = proof; /* nobody sponsors it */
  t.flags = TRANSACTION_SPONSORED;
  assert_int_equal(transaction_encode(&t, bytes, sizeof bytes), 0);
}

static void signers_sign_all_but_signatures(void **state) {
  (void)state;
  uint8_t genesis[32], text[2048], other[2048];
  memset(genesis, 0x5c, sizeof genesis);
  for (uint32_t sponsored = 0; sponsored < 2; sponsored++) {
    struct transaction t;
    size_t length = stake(sponsored), rest = length - 64 * (1 + sponsored);
    assert_true(transaction_decode(bytes, length, &t, NULL));
    assert_int_equal(transaction_sign_bytes(&t, genesis, text, sizeof text), 11 + 32 + rest);
    assert_memory_equal(text, "assay/tx/1\0", 11);
    assert_memory_equal(text + 11, genesis, 32);
    assert_memory_equal(text + 43, bytes, rest);
    assert_int_equal(transaction_sign_bytes(&t, genesis, other, 43 + rest - 1), 0);
    t.signature = t.payer_signature = NULL; /* what a signer has */
    assert_int_equal(transaction_sign_bytes(&t, genesis, other, 43 + rest), 43 + rest);
    assert_memory_equal(text, other, 43 + rest);
  }
}

static void an_envelope_that_would_be_refused_is_not_written(void **state) {
  (void)state;
  struct transaction t;
  size_t length = stake(true);
  assert_true(transaction_decode(bytes, length, &t, NULL));
  struct transaction wrong[5] = {t, t, t, t, t};
  wrong[0].flags = 0; /* a payer that the flags deny */
  wrong[1].payer = NULL;
  wrong[2].flags = 3;
  wrong[3].key_index = 8;
  wrong[4].type = 5;
  for (uint32_t i = 0; i < 5; i++) assert_int_equal(transaction_encode(&wrong[i], again, sizeof again), 0);
  assert_int_equal(transaction_encode(&t, again, sizeof again), length);
}

static void a_refused_transaction_writes_nothing(void **state) {
  (void)state;
  struct transaction t, before;
  size_t length = stake(false);
  memset(&t, 0x5a, sizeof t);
  before = t;
  bytes[AT_KEY] = 8;
  assert_false(transaction_decode(bytes, length, &t, NULL));
  assert_false(transaction_decode(bytes, length - 1, &t, NULL));
  assert_memory_equal(&t, &before, sizeof t);
}

static void the_id_is_the_hash_of_all_bytes(void **state) {
  (void)state;
  uint8_t id[TRANSACTION_ID_BYTES], hash[SHA256_BYTES];
  size_t length = stake(true);
  transaction_id(bytes, length, id);
  sha256(bytes, length, hash);
  assert_memory_equal(id, hash, sizeof id);
}

/* LEDGER 15.5; the digits were made by tests/ledger/transaction.py. */
static void the_clause_gives_a_vector(void **state) {
  (void)state;
  static const char *const hex[] = {
      "010400001111111111111111111111111111111111111111111111111111111111111111020700000000000000a00f00000000000020"
      "4e000001000000090000000100f2052a01000000"
      "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
      "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
      "6b5abf05ac6b287197926a105e7851b3a6c43b5bf3aa35e5c83215e718644b12",
      "b16bb62119e1265c1a72ecf91cb4bab16da16323f2c4fd42fc023ee79c613980"};
  uint8_t account[32], signature[64], genesis[32], hash[32], expected[138];
  char text[65];
  memset(account, 0x11, sizeof account);
  memset(signature, 0xee, sizeof signature);
  for (uint8_t i = 0; i < 32; i++) genesis[i] = i;
  struct body_stake b = {.role = 1, .amount = 5000000000};
  struct transaction t = {
      .type = TRANSACTION_STAKE, .account = account, .key_index = 2, .nonce = 7, .until_tick = 4000};
  t.gas = 20000;
  t.price = 1;
  t.body = body;
  t.body_length = (uint32_t)body_stake_put(&b, body, sizeof body);
  t.signature = signature;
  assert_true(hex_decode(hex[0], expected, sizeof expected));
  assert_int_equal(transaction_encode(&t, bytes, sizeof bytes), sizeof expected);
  assert_memory_equal(bytes, expected, sizeof expected);
  transaction_id(bytes, sizeof expected, hash);
  hex_encode(hash, 32, text);
  assert_string_equal(text, hex[1]);
  sha256(again, transaction_sign_bytes(&t, genesis, again, sizeof again), hash);
  hex_encode(hash, 32, text);
  assert_string_equal(text, hex[2]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(envelopes_come_back),
      cmocka_unit_test(fields_lie_where_the_clause_says),
      cmocka_unit_test(a_cut_transaction_is_refused_at_every_byte),
      cmocka_unit_test(a_changed_byte_is_refused_or_is_another_transaction),
      cmocka_unit_test(the_envelope_is_bounded),
      cmocka_unit_test(body_length_is_believed_only_if_it_fits),
      cmocka_unit_test(lengths_are_bounded_by_type),
      cmocka_unit_test(a_beacon_is_its_proof_and_nothing_else),
      cmocka_unit_test(signers_sign_all_but_signatures),
      cmocka_unit_test(an_envelope_that_would_be_refused_is_not_written),
      cmocka_unit_test(a_refused_transaction_writes_nothing),
      cmocka_unit_test(the_id_is_the_hash_of_all_bytes),
      cmocka_unit_test(the_clause_gives_a_vector),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
