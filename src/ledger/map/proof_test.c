/* Proofs: every key of small maps, present and absent, and that nothing else is proved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/map/proof.h"

enum { KEYS = 40 };

static struct map_key key_of(uint32_t i) {
  struct map_key key = map_key(5, NULL, 0);
  map_key_u32(&key, i);
  return key;
}

static struct map *map_of(uint32_t count) {
  struct map *m = map_open();
  for (uint32_t i = 0; i < count; i++) {
    struct map_key key = key_of(i);
    map_put(m, &key, &i, i % 3);
  }
  return m;
}

static size_t prove(struct map *m, const struct map_key *key, uint8_t bytes[MAP_PROOF_BYTES_MAX]) {
  static struct map_proof proof, again;
  map_prove(m, key, &proof);
  size_t length = map_proof_encode(&proof, bytes, MAP_PROOF_BYTES_MAX);
  assert_true(length > 0 && map_proof_decode(bytes, length, &again));
  assert_int_equal(map_proof_encode(&proof, bytes, length - 1), 0);
  return length;
}

/* Maps of 0 to 40 keys; of 80 keys the present ones and the absent ones are shown as they are and as nothing else. */
static void every_key(void **state) {
  (void)state;
  static uint8_t bytes[MAP_PROOF_BYTES_MAX + 1];
  for (uint32_t count = 0; count <= KEYS; count++) {
    struct map *m = map_of(count);
    uint8_t root[MAP_ROOT_BYTES], other_root[MAP_ROOT_BYTES] = {1};
    map_root(m, root);
    for (uint32_t i = 0; i < 2 * KEYS; i++) {
      struct map_key key = key_of(i), other = key_of(i + 1);
      struct map_value value, wrong = {(const uint8_t *)"wrong", 5};
      bool there = map_get(m, &key, &value);
      size_t length = prove(m, &key, bytes);
      assert_int_equal(there, i < count);
      assert_true(map_proof_check(root, &key, there ? &value : NULL, bytes, length));
      assert_false(map_proof_check(root, &key, there ? NULL : &wrong, bytes, length));
      assert_false(map_proof_check(root, &key, &wrong, bytes, length));
      assert_false(map_proof_check(other_root, &key, there ? &value : NULL, bytes, length));
      if (there) assert_false(map_proof_check(root, &other, &value, bytes, length));
      if (i + 1 < count) assert_false(map_proof_check(root, &other, NULL, bytes, length)); /* it is there */
    }
    map_shut(m);
  }
}

/* Each byte in turn is every other byte, and the proof is refused; so is a byte more or less. */
static void every_byte(void **state) {
  (void)state;
  static uint8_t bytes[MAP_PROOF_BYTES_MAX + 1];
  static const uint32_t counts[] = {0, 1, 2, 17};
  for (uint32_t c = 0; c < 4; c++) {
    struct map *m = map_of(counts[c]);
    uint8_t root[MAP_ROOT_BYTES];
    map_root(m, root);
    for (uint32_t i = 0; i < 34; i += 11) {
      struct map_key key = key_of(i);
      struct map_value value, *given = map_get(m, &key, &value) ? &value : NULL;
      memset(bytes, 0, sizeof bytes);
      size_t length = prove(m, &key, bytes);
      assert_true(map_proof_check(root, &key, given, bytes, length));
      assert_false(map_proof_check(root, &key, given, bytes, length + 1));
      assert_false(map_proof_check(root, &key, given, bytes, length - 1));
      for (size_t at = 0; at < length; at++)
        for (uint32_t flip = 1; flip < 256; flip++) {
          bytes[at] ^= (uint8_t)flip;
          assert_false(map_proof_check(root, &key, given, bytes, length));
          bytes[at] ^= (uint8_t)flip;
        }
    }
    map_shut(m);
  }
}

/* What only a forger would send: a leaf that is on another way, the key's own leaf as somebody else's, an inner node
 * given for a leaf. */
static void forged(void **state) {
  (void)state;
  static uint8_t bytes[MAP_PROOF_BYTES_MAX];
  static struct map_proof proof, way;
  struct map *m = map_of(KEYS);
  uint8_t root[MAP_ROOT_BYTES];
  uint32_t tried = 0;
  map_root(m, root);
  for (uint32_t i = 0; i < KEYS; i++) {
    struct map_key key = key_of(i), absent = key_of(i + KEYS);
    map_prove(m, &absent, &proof);
    assert_int_equal(proof.kind, MAP_PROOF_ABSENT);
    size_t length = map_proof_encode(&proof, bytes, sizeof bytes);
    for (uint32_t j = 0; j < KEYS; j++) {
      struct map_key there = key_of(j);
      assert_false(map_proof_check(root, &there, NULL, bytes, length));
      tried++;
    }
    /* One step less: the lowest inner node would have to be a leaf. */
    map_prove(m, &key, &way);
    way.steps--;
    length = map_proof_encode(&way, bytes, sizeof bytes);
    struct map_value value;
    assert_true(map_get(m, &key, &value));
    assert_false(map_proof_check(root, &key, &value, bytes, length));
  }
  assert_int_equal(tried, KEYS * KEYS);
  map_shut(m);
}

/* Steps out of order, twice, or more than a hash has bits are no proof at all. */
static void bits_rise(void **state) {
  (void)state;
  static uint8_t bytes[MAP_PROOF_BYTES_MAX + 33];
  static struct map_proof proof;
  proof = (struct map_proof){.kind = MAP_PROOF_PRESENT, .steps = MAP_PROOF_STEPS_MAX};
  for (uint32_t i = 0; i < MAP_PROOF_STEPS_MAX; i++) proof.bit[i] = (uint8_t)i;
  size_t length = map_proof_encode(&proof, bytes, sizeof bytes);
  assert_true(map_proof_decode(bytes, length, &proof));
  proof.bit[9] = 10;
  assert_false(map_proof_decode(bytes, map_proof_encode(&proof, bytes, sizeof bytes), &proof));
  proof.bit[10] = 9;
  assert_false(map_proof_decode(bytes, map_proof_encode(&proof, bytes, sizeof bytes), &proof));
  memset(bytes, 0, sizeof bytes);
  bytes[0] = MAP_PROOF_PRESENT;
  bytes[1] = 1;
  bytes[2] = 1; /* 257 steps */
  assert_false(map_proof_decode(bytes, 3 + 257 * 33, &proof));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key),
      cmocka_unit_test(every_byte),
      cmocka_unit_test(forged),
      cmocka_unit_test(bits_rise),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
