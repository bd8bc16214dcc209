/* The beacon of a height: what is proven, and whose proof counts. LEDGER 6.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/vrf.h"
#include "ledger/beacon/beacon.h"
#include "ledger/stage.h"

static void known(void **state) {
  (void)state;
  uint8_t genesis[32], beacon[32], other[32], beta[64] = {7};
  char text[65];
  assert_true(hex_decode("f798128ba8f84d4511f4f31228d93943f10c7ef88555b8f7cccca3d60303c736", genesis, 32));
  beacon_first(genesis, beacon);
  hex_encode(beacon, 32, text);
  assert_string_equal(text, "ffeb6487472515395aa10d6160b3318358574d19e3b59def804cf2674a30b7e1");
  beacon_next(beacon, beta, other);
  assert_memory_not_equal(other, beacon, 32);
  beta[63] = 1; /* every byte of the output counts */
  beacon_next(beacon, beta, genesis);
  assert_memory_not_equal(other, genesis, 32);
}

static void input(void **state) {
  (void)state;
  uint8_t genesis[32], before[32], bytes[BEACON_INPUT_BYTES];
  memset(genesis, 0x11, 32);
  memset(before, 0x22, 32);
  beacon_input(genesis, 0x0102030405060708, before, bytes);
  assert_memory_equal(bytes, "assay/vrf/block/1", 18);
  assert_memory_equal(bytes + 18, genesis, 32);
  assert_memory_equal(bytes + 50, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
  assert_memory_equal(bytes + 58, before, 32);
}

/* The BEACON of a height, by a draw key; its length. */
static size_t beacon_by(const struct stage *s, const struct sign_secret *vrf, uint64_t height, uint8_t bytes[256]) {
  const struct chain *c = ledger_chain(s->ledger);
  uint8_t in[BEACON_INPUT_BYTES], proof[VRF_PROOF_BYTES];
  beacon_input(c->genesis, height, c->beacon, in);
  vrf_prove(vrf, in, sizeof in, proof);
  struct transaction t = transaction_beacon(proof);
  return transaction_encode(&t, bytes, 256);
}

static void whose_proof(void **state) {
  (void)state;
  static struct stage s;
  struct why why;
  stage_open(&s);
  stage_blocks(&s, 3, 25);
  const struct chain *c = ledger_chain(s.ledger);
  uint8_t bytes[256], beacon[32], next[32];
  size_t length = beacon_by(&s, s.vrf[0], 4, bytes);
  assert_true(beacon_check(c, 4, s.id[0], bytes, length, beacon, &why));
  assert_false(beacon_check(c, 4, s.id[1], bytes, length, next, &why)); /* no validator */
  assert_false(beacon_check(c, 4, s.id[0], bytes, length - 1, next, &why));
  bytes[150] ^= 1; /* in the proof, or an envelope that is not zero */
  assert_false(beacon_check(c, 4, s.id[0], bytes, length, next, &why));
  length = beacon_by(&s, s.vrf[1], 4, bytes); /* another's key */
  assert_false(beacon_check(c, 4, s.id[0], bytes, length, next, &why));
  length = beacon_by(&s, s.vrf[0], 5, bytes); /* of another height */
  assert_false(beacon_check(c, 4, s.id[0], bytes, length, next, &why));
  stage_blocks(&s, 1, 25); /* the stage's block 4 has the same one: there is no other */
  assert_memory_equal(ledger_chain(s.ledger)->beacon, beacon, 32);
  stage_shut(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(known), cmocka_unit_test(input), cmocka_unit_test(whose_proof)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
