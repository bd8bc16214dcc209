/* Who signed, and whether that is enough: small councils, every set of signers, and what has to be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/comet/block.h"

/* Seven validators of different power sign a block; what is not enough and what is not theirs is refused. */
struct council {
  struct comet_header header;
  struct comet_commit commit;
  struct comet_signature signatures[7];
  struct comet_validator validators[7];
  struct sign_secret *secrets[7];
};

static void council_open(struct council *c) {
  uint8_t seed[32] = {0};
  uint64_t power[7] = {30, 20, 20, 10, 10, 6, 3}; /* 99: two thirds are 66 */
  memset(c, 0, sizeof *c);
  for (int i = 0; i < 7; i++) {
    do { /* equal powers stand by address */
      seed[0]++;
      sign_secret_shut(&c->secrets[i]);
      assert_int_equal(sign_secret_open(seed, &c->secrets[i]), SIGN_OK);
      c->validators[i] = (struct comet_validator){sign_secret_public(c->secrets[i]), power[i]};
    } while (!comet_validators_hash(c->validators, (uint32_t)i + 1, c->header.validators));
  }
  strcpy(c->header.chain_id, "council-1");
  c->header.version_block = COMET_VERSION_BLOCK;
  c->header.height = 1;
  c->header.time = comet_time_of_ms(1795000000123);
  c->commit = (struct comet_commit){.height = 1, .count = 7, .signatures = c->signatures};
  c->commit.block.parts = 1;
  comet_header_hash(&c->header, c->commit.block.hash);
  for (int i = 0; i < 7; i++)
    comet_sign(c->secrets[i], c->header.chain_id, 1, 0, &c->commit.block, &c->header.time, &c->signatures[i]);
}

static bool agreed(const struct council *c) {
  struct why why;
  return comet_commit_check(&c->header, &c->commit, c->validators, 7, &why);
}

static void absent(struct comet_signature *s) {
  *s = (struct comet_signature){.flag = COMET_ABSENT, .time = COMET_TIME_NONE};
}

static void two_thirds_and_no_less(void **state) {
  (void)state;
  struct council c, kept;
  council_open(&c);
  kept = c;
  assert_true(agreed(&c));
  for (uint32_t set = 0; set < 128; set++) {
    uint64_t power = 0;
    memcpy(c.signatures, kept.signatures, sizeof c.signatures);
    for (int i = 0; i < 7; i++) {
      if (set >> i & 1)
        power += c.validators[i].power;
      else if (i % 3 == 0)
        absent(&c.signatures[i]);
      else if (i % 3 == 1)
        c.signatures[i].signature[5] ^= 1;
      else
        c.signatures[i].flag = COMET_NIL;
    }
    assert_int_equal(agreed(&c), power > 66);
  }
  for (int i = 0; i < 7; i++) sign_secret_shut(&c.secrets[i]);
}

static void what_is_not_signed(void **state) {
  (void)state;
  struct council kept, c;
  council_open(&kept);
#define REFUSED(change)                                                                                                \
  do {                                                                                                                 \
    c = kept;                                                                                                          \
    c.commit.signatures = c.signatures;                                                                                \
    assert_true(agreed(&c));                                                                                           \
    change;                                                                                                            \
    assert_false(agreed(&c));                                                                                          \
  } while (0)
  REFUSED(c.header.app_length = 32);
  REFUSED(c.header.height = 2);
  REFUSED(c.header.height = c.commit.height = 2);
  REFUSED(c.header.height = c.commit.height = 0);
  REFUSED(c.commit.round = 1);
  REFUSED(c.commit.block.parts = 2);
  REFUSED(c.commit.block.parts_hash[7]++);
  REFUSED(c.commit.block.hash[0]++);
  REFUSED(c.commit.count = 6);
  REFUSED(c.validators[2].power++);
  REFUSED(c.header.chain_id[0]++);
  REFUSED(c.header.chain_id[0] = 0);
  REFUSED(for (int i = 0; i < 7; i++) c.signatures[i].time.nanos++);
  REFUSED(for (int i = 0; i < 7; i++) c.signatures[i].address[0]++);
  REFUSED(struct comet_signature s = c.signatures[0]; c.signatures[0] = c.signatures[1]; c.signatures[1] = s);
#undef REFUSED
  for (int i = 0; i < 7; i++) sign_secret_shut(&kept.secrets[i]);
}

/* An evidence entry, an order of fields, a last commit that is not there. */
static void blocks_that_are_none(void **state) {
  (void)state;
  struct council c;
  struct comet_signature signatures[1];
  const struct comet_space space = {.signatures = signatures, .signatures_max = 1};
  uint8_t bytes[1024], other[1024];
  council_open(&c);
  struct comet_block b = {.header = c.header}, out;
  comet_block_fill(&b);
  size_t length = comet_block_encode(&b, bytes, sizeof bytes), tail = 2 + 2 + 4; /* evidence; last commit 1a 02 12 00 */
  assert_true(comet_block_decode(bytes, length, &space, &out));
  assert_true(comet_block_consistent(&out));
  assert_memory_equal(bytes + length - tail, ((uint8_t[]){0x1a, 0x00, 0x22, 0x04, 0x1a, 0x02, 0x12, 0x00}), tail);
  memcpy(other, bytes, length);
  memcpy(other + length - tail, (uint8_t[]){0x1a, 0x02, 0x0a, 0x00, 0x22, 0x04, 0x1a, 0x02, 0x12, 0x00}, tail + 2);
  assert_false(comet_block_decode(other, length + 2, &space, &out));
  assert_false(comet_block_decode(bytes, length - 6, &space, &out));
  for (int i = 0; i < 7; i++) sign_secret_shut(&c.secrets[i]);
}

static void sets_that_are_none(void **state) {
  (void)state;
  struct council c;
  uint8_t hash[32];
  council_open(&c);
  struct comet_validator v[7];
  memcpy(v, c.validators, sizeof v);
  assert_true(comet_validators_hash(v, 7, hash));
  assert_false(comet_validators_hash(v, 0, hash));
  v[1] = c.validators[2], v[2] = c.validators[1];
  assert_false(comet_validators_hash(v, 7, hash));
  v[1] = v[2];
  assert_false(comet_validators_hash(v, 7, hash));
  memcpy(v, c.validators, sizeof v);
  v[6].power = 0;
  assert_false(comet_validators_hash(v, 7, hash));
  v[0].power = COMET_POWER_MAX;
  assert_true(comet_validators_hash(v, 1, hash));
  assert_false(comet_validators_hash(v, 2, hash));
  for (int i = 0; i < 7; i++) sign_secret_shut(&c.secrets[i]);
}

/* Other encodings of the same numbers are no headers. */
static void one_encoding(void **state) {
  (void)state;
  struct council c;
  struct comet_header out;
  uint8_t bytes[COMET_HEADER_BYTES_MAX], other[COMET_HEADER_BYTES_MAX + 8];
  council_open(&c);
  size_t length = comet_header_encode(&c.header, bytes);
  assert_true(comet_header_decode(bytes, length, &out));
  assert_memory_equal(bytes, ((uint8_t[]){0x0a, 0x02, 0x08, 0x0b, 0x12, 0x09}), 6);
  memcpy(other, bytes, length);
  /* version.block = 11 as two bytes; version.app = 0 written out; an unknown field */
  static const uint8_t versions[][6] = {
      {0x0a, 0x03, 0x08, 0x8b, 0x00}, {0x0a, 0x04, 0x08, 0x0b, 0x10, 0x00}, {0x0a, 0x04, 0x08, 0x0b, 0x18, 0x01}};
  static const size_t lengths[] = {5, 6, 6};
  for (int i = 0; i < 3; i++) {
    memcpy(other, versions[i], lengths[i]);
    memcpy(other + lengths[i], bytes + 4, length - 4);
    assert_false(comet_header_decode(other, length - 4 + lengths[i], &out));
  }
  memcpy(other, bytes, length);
  assert_true(comet_header_decode(other, length, &out));
  for (int i = 0; i < 7; i++) sign_secret_shut(&c.secrets[i]);
}

static int setup(void **state) {
  (void)state;
  return sign_open(NULL) == SIGN_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(two_thirds_and_no_less), cmocka_unit_test(what_is_not_signed),
      cmocka_unit_test(sets_that_are_none),     cmocka_unit_test(one_encoding),
      cmocka_unit_test(blocks_that_are_none),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
