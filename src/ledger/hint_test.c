/* hint: a mark speaks for its bytes and keys alone, and the ledger answers as it would without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ledger/hint.h"
#include "ledger/stage.h"
#include "ledger/state.h"

static void a_mark_is_of_bytes_and_keys(void **state) {
  (void)state;
  uint8_t a[32] = {1}, b[32] = {2}, mark[5][HINT_BYTES];
  hint_of(a, b, NULL, mark[0]);
  hint_of(b, a, NULL, mark[1]);
  hint_of(a, b, a, mark[2]);
  hint_of(a, b, b, mark[3]);
  hint_of(a, a, NULL, mark[4]);
  struct hints *h = hints_open();
  for (int i = 0; i < 5; i++) {
    for (int j = 0; j < 5; j++) assert_int_equal(hints_has(h, mark[j]), j < i);
    hints_add(h, mark[i]);
    hints_add(h, mark[i]);
  }
  hints_shut(h);
}

/* Many more than there is room for: the last ones are there, and as many as there are places at most. */
static void old_marks_are_pushed_out(void **state) {
  (void)state;
  enum { MANY = 4 * HINTS_MAX };
  struct hints *h = hints_open();
  uint8_t id[32] = {0}, mark[HINT_BYTES];
  uint32_t there = 0;
  for (uint32_t i = 0; i < MANY; i++) {
    memcpy(id, &i, sizeof i);
    hint_of(id, id, NULL, mark);
    hints_add(h, mark);
    assert_true(hints_has(h, mark));
  }
  for (uint32_t i = 0; i < MANY; i++) {
    memcpy(id, &i, sizeof i);
    hint_of(id, id, NULL, mark);
    there += hints_has(h, mark);
  }
  assert_true(there <= HINTS_MAX && there > HINTS_MAX / 4 * 3);
  hints_shut(h);
}

static struct stage s;
static uint8_t bytes[1024];
static size_t length;

static int begin(void **state) {
  (void)state;
  uint8_t body[64];
  stage_open(&s);
  stage_begin(&s, 25);
  struct body_transfer b = {.to = s.id[7], .amount = 1};
  struct transaction t = stage_draft(&s, 6, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body));
  length = stage_sign(&s, 6, &t, bytes, sizeof bytes);
  return length ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  stage_shut(&s);
  return 0;
}

static uint16_t try(void) {
  struct ledger_result r;
  ledger_try(s.ledger, bytes, length, &r);
  return r.code;
}

static void change_key(uint32_t key_of) {
  struct map *m = s.ledger->chain.map;
  struct account a;
  assert_true(account_get(m, s.id[6], &a));
  memcpy(a.slot[0].key, sign_secret_public(s.key[key_of]).bytes, 32);
  account_put(m, s.id[6], &a);
}

static void another_key_in_the_slot(void **state) {
  (void)state;
  struct ledger_signers x;
  assert_int_equal(try(), CHAIN_OK);
  assert_false(ledger_signers(s.ledger, bytes, length, &x)); /* known to be good */
  change_key(5);
  assert_true(ledger_signers(s.ledger, bytes, length, &x));
  assert_false(ledger_signers_signed(&x, bytes, length));
  assert_int_equal(try(), CHAIN_SIGNATURE);
  change_key(6);
  assert_int_equal(try(), CHAIN_OK);
}

static void other_bytes(void **state) {
  (void)state;
  struct ledger_signers x;
  assert_int_equal(try(), CHAIN_OK);
  bytes[length - 1] ^= 1; /* of the signature */
  assert_int_equal(try(), CHAIN_SIGNATURE);
  assert_true(ledger_signers(s.ledger, bytes, length, &x));
  assert_false(ledger_signers_signed(&x, bytes, length));
  /* That it is the mark which is believed: one that lies. */
  ledger_signed(s.ledger, &x);
  assert_int_equal(try(), CHAIN_OK);
}

static void looked_at_before_its_turn(void **state) {
  (void)state;
  struct ledger_signers x;
  assert_true(ledger_signers(s.ledger, bytes, length, &x));
  assert_true(ledger_signers_signed(&x, bytes, length));
  assert_true(ledger_signers(s.ledger, bytes, length, &x)); /* looking remembers nothing */
  ledger_signed(s.ledger, &x);
  assert_false(ledger_signers(s.ledger, bytes, length, &x));
  assert_int_equal(try(), CHAIN_OK);
}

/* A transfer with another nonce, gas and last tick. */
static bool asked_about(uint64_t ahead, uint32_t gas, uint64_t until) {
  uint8_t body[64];
  struct ledger_signers x;
  struct body_transfer b = {.to = s.id[7], .amount = 1};
  struct transaction t = stage_draft(&s, 6, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body));
  t.nonce += ahead;
  t.gas = gas;
  t.until_tick += until;
  length = stage_sign(&s, 6, &t, bytes, sizeof bytes);
  return ledger_signers(s.ledger, bytes, length, &x);
}

/* Whoever sends what would not be let in anyway makes nobody check a signature. */
static void what_nobody_looks_at(void **state) {
  (void)state;
  assert_true(asked_about(0, 50000, 0));
  assert_true(asked_about(SIGNERS_AHEAD_MAX, 50000, 0));
  assert_false(asked_about(SIGNERS_AHEAD_MAX + 1, 50000, 0));
  assert_false(asked_about(UINT64_MAX, 50000, 0)); /* the nonce before */
  assert_false(asked_about(0, BLOCK_GAS_MAX + 1, 0));
  assert_false(asked_about(0, 50000, UNTIL_TICKS_MAX));
  struct ledger_signers x;
  assert_false(ledger_signers(s.ledger, bytes, length - 1, &x));
  assert_false(ledger_signers(s.ledger, bytes, 0, &x));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_mark_is_of_bytes_and_keys),
                                     cmocka_unit_test(old_marks_are_pushed_out),
                                     cmocka_unit_test_setup_teardown(another_key_in_the_slot, begin, end),
                                     cmocka_unit_test_setup_teardown(other_bytes, begin, end),
                                     cmocka_unit_test_setup_teardown(looked_at_before_its_turn, begin, end),
                                     cmocka_unit_test_setup_teardown(what_nobody_looks_at, begin, end)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
