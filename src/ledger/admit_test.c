/* What may stand in a block, by whose key, and who pays for it; and the mempool's question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/audit/audit.h"
#include "ledger/stage.h"
#include "ledger/state.h"

enum { BYTES_MAX = 1024 };

/* A transfer of 1 from account 6 to account 7, to be changed. */
struct sent {
  struct transaction t;
  uint8_t body[256], bytes[BYTES_MAX];
};

static void draft(const struct stage *s, struct sent *x) {
  struct body_transfer b = {.to = s->id[7], .amount = 1};
  size_t length = body_transfer_put(&b, x->body, sizeof x->body);
  x->t = stage_draft(s, 6, TRANSACTION_TRANSFER, x->body, length);
}

static struct ledger_result deliver(struct stage *s, struct sent *x) {
  struct ledger_result r;
  size_t length = stage_sign(s, 6, &x->t, x->bytes, sizeof x->bytes);
  assert_true(length);
  ledger_deliver(s->ledger, x->bytes, length, &r);
  if (r.admitted) s->nonce[6]++;
  return r;
}

static uint16_t code_of(struct stage *s, struct sent *x) {
  struct ledger_result r = deliver(s, x);
  assert_true(r.admitted == (r.code == CHAIN_OK)); /* none of these gets in to fail there */
  return r.code;
}

/* The chain's state as a whole: what is not admitted leaves all of it. */
static void root_of(const struct stage *s, uint8_t root[32]) { map_root(ledger_chain(s->ledger)->map, root); }

static void change_slot(struct stage *s, uint32_t who, uint8_t slot, uint32_t key_of, uint16_t mask, uint64_t until) {
  struct map *m = s->ledger->chain.map;
  struct account a;
  account_get(m, s->id[who], &a);
  assert_int_equal(account_set_key(&a, slot, sign_secret_public(s->key[key_of]).bytes, mask, until), ACCOUNT_OK);
  account_put(m, s->id[who], &a);
}

static void what_is_not_let_in(void **state) {
  (void)state;
  static struct stage s;
  struct sent x;
  uint8_t before[32], after[32];
  stage_open(&s);
  stage_blocks(&s, 5000, 25); /* so that there are ticks to have passed */
  stage_begin(&s, 25);
  const struct chain *c = ledger_chain(s.ledger);
  root_of(&s, before);
  draft(&s, &x);
  x.t.nonce++;
  assert_int_equal(code_of(&s, &x), CHAIN_NONCE);
  draft(&s, &x);
  x.t.until_tick = c->now.tick - 1;
  assert_int_equal(code_of(&s, &x), CHAIN_EXPIRED);
  x.t.until_tick = c->now.tick + 4097;
  assert_int_equal(code_of(&s, &x), CHAIN_EXPIRED);
  draft(&s, &x);
  x.t.price = c->now.gas_price - 1;
  assert_int_equal(code_of(&s, &x), CHAIN_GAS);
  draft(&s, &x);
  x.t.gas = BLOCK_GAS_MAX + 1;
  assert_int_equal(code_of(&s, &x), CHAIN_GAS);
  draft(&s, &x);
  x.t.gas = BLOCK_GAS_MAX;
  x.t.price = GAS_PRICE_MAX; /* 10^13, and the account has 10^12 */
  assert_int_equal(code_of(&s, &x), CHAIN_FUNDS);
  draft(&s, &x);
  x.t.key_index = 1;
  assert_int_equal(code_of(&s, &x), CHAIN_SIGNATURE);
  draft(&s, &x);
  x.t.account = s.id[5]; /* signed by another */
  x.t.nonce = 0;
  assert_int_equal(code_of(&s, &x), CHAIN_SIGNATURE);
  root_of(&s, after);
  assert_memory_equal(before, after, 32);
  draft(&s, &x);
  x.t.until_tick = c->now.tick;
  assert_int_equal(code_of(&s, &x), CHAIN_OK);
  draft(&s, &x);
  x.t.until_tick = c->now.tick + 4096;
  assert_int_equal(code_of(&s, &x), CHAIN_OK);
  assert_int_equal(code_of(&s, &x), CHAIN_NONCE); /* the same again */
  stage_end(&s);
  stage_shut(&s);
}

/* No byte of a signed transaction can be another one. */
static void any_byte_changed(void **state) {
  (void)state;
  static struct stage s;
  struct sent x;
  struct ledger_result r;
  stage_open(&s);
  stage_begin(&s, 25);
  draft(&s, &x);
  size_t length = stage_sign(&s, 6, &x.t, x.bytes, sizeof x.bytes);
  for (size_t i = 0; i < length; i++) {
    x.bytes[i] ^= 1;
    ledger_deliver(s.ledger, x.bytes, length, &r);
    assert_false(r.admitted);
    assert_int_not_equal(r.code, CHAIN_OK);
    x.bytes[i] ^= 1;
  }
  ledger_deliver(s.ledger, x.bytes, length - 1, &r);
  assert_int_equal(r.code, CHAIN_MALFORMED);
  ledger_deliver(s.ledger, s.beacon, s.beacon_length, &r); /* its place is first */
  assert_int_equal(r.code, CHAIN_MALFORMED);
  ledger_deliver(s.ledger, x.bytes, length, &r);
  assert_int_equal(r.code, CHAIN_OK);
  stage_end(&s);
  stage_shut(&s);
}

static void keys_may_do_what_their_mask_says(void **state) {
  (void)state;
  static struct stage s;
  struct sent x;
  stage_open(&s);
  stage_begin(&s, 25);
  change_slot(&s, 6, 1, 6, 0x3fe, UINT64_MAX); /* all but transfers */
  draft(&s, &x);
  x.t.key_index = 1;
  assert_int_equal(code_of(&s, &x), CHAIN_FORBIDDEN);
  change_slot(&s, 6, 1, 6, 1, UINT64_MAX);
  assert_int_equal(code_of(&s, &x), CHAIN_OK);
  s.nonce[6]--; /* it was not that of slot 0 */
  assert_int_equal(code_of(&s, &x), CHAIN_NONCE);
  x.t.nonce = 1;
  change_slot(&s, 6, 1, 6, 1, ledger_chain(s.ledger)->now.tick - 1);
  assert_int_equal(code_of(&s, &x), CHAIN_EXPIRED);
  change_slot(&s, 6, 1, 5, 1, UINT64_MAX); /* another key in its place */
  assert_int_equal(code_of(&s, &x), CHAIN_SIGNATURE);
  stage_end(&s);
  stage_shut(&s);
}

/* Both sign, the payer pays, the account's nonce goes up. */
static void a_sponsor_pays(void **state) {
  (void)state;
  static struct stage s;
  static uint8_t message[4096];
  uint8_t own[SIGNATURE_BYTES], theirs[SIGNATURE_BYTES];
  struct sent x;
  struct ledger_result r;
  struct account before, after, payer;
  stage_open(&s);
  stage_begin(&s, 25);
  draft(&s, &x);
  x.t.flags = TRANSACTION_SPONSORED;
  x.t.payer = s.id[5];
  size_t length = transaction_sign_bytes(&x.t, ledger_chain(s.ledger)->genesis, message, sizeof message);
  sign_make(s.key[6], message, length, own);
  sign_make(s.key[6], message, length, theirs);
  x.t.signature = own;
  x.t.payer_signature = theirs; /* the account's once more */
  length = transaction_encode(&x.t, x.bytes, sizeof x.bytes);
  ledger_deliver(s.ledger, x.bytes, length, &r);
  assert_int_equal(r.code, CHAIN_SIGNATURE);
  size_t signed_length = transaction_sign_bytes(&x.t, ledger_chain(s.ledger)->genesis, message, sizeof message);
  sign_make(s.key[5], message, signed_length, theirs);
  length = transaction_encode(&x.t, x.bytes, sizeof x.bytes);
  account_get(ledger_chain(s.ledger)->map, s.id[6], &before);
  ledger_deliver(s.ledger, x.bytes, length, &r);
  assert_int_equal(r.code, CHAIN_OK);
  assert_int_equal(r.gas_used, 500 + 1000 + 2 * length);
  account_get(ledger_chain(s.ledger)->map, s.id[6], &after);
  account_get(ledger_chain(s.ledger)->map, s.id[5], &payer);
  assert_int_equal(after.balance, before.balance - 1);
  assert_int_equal(after.slot[0].nonce, before.slot[0].nonce + 1);
  assert_int_equal(payer.balance, STAGE_BALANCE - r.gas_used);
  assert_int_equal(payer.slot[0].nonce, 0);
  stage_end(&s);
  stage_shut(&s);
}

/* LEDGER 2.8. A seat without balance answers out of its gas lock; nobody else can. */
static void a_gas_lock_pays(void **state) {
  (void)state;
  static struct stage s;
  uint8_t seat[POCKET_SEAT_BYTES] = {3}, body[64];
  struct ledger_result r;
  stage_open(&s);
  stage_begin(&s, 25);
  struct chain *c = &s.ledger->chain;
  seat[34] = 1, seat[35] = 2;
  struct body_fetch b = {.at = {.task = seat, .attempt = 1, .seat = 2}, .what = FETCH_FINAL};
  size_t length = body_fetch_put(&b, body, sizeof body);
  uint64_t sum = money_sum(c);
  struct pocket lock = pocket_gas_lock(seat, s.id[6]), balance = pocket_balance(s.id[6]),
                other = pocket_balance(s.id[1]);
  assert_true(money_gas_lock(c, NULL, seat, s.id[6], 200000));
  assert_true(money_flow(c, NULL, ROW_TRANSFER, &balance, &other, money_held(c, &balance)));
  assert_int_equal(stage_transfer(&s, 6, s.id[1], 1).code, CHAIN_FUNDS); /* not for this */
  r = stage_send(&s, 6, TRANSACTION_FETCH, body, length);
  assert_true(r.admitted);
  assert_int_equal(r.code, CHAIN_UNKNOWN); /* there is no such task */
  assert_int_equal(money_held(c, &lock), 200000 - r.gas_used);
  assert_int_equal(money_held(c, &balance), 0);
  body[35] = 3; /* another seat's */
  assert_int_equal(stage_send(&s, 6, TRANSACTION_FETCH, body, length).code, CHAIN_FUNDS);
  body[35] = 2;
  assert_int_equal(money_sum(c), sum);
  /* Nor for a sponsor that has too little itself. */
  static uint8_t message[4096];
  uint8_t own[SIGNATURE_BYTES], theirs[SIGNATURE_BYTES], bytes[BYTES_MAX];
  struct transaction t = stage_draft(&s, 6, TRANSACTION_FETCH, body, length);
  struct pocket poor = pocket_balance(s.id[5]);
  assert_true(money_flow(c, NULL, ROW_TRANSFER, &poor, &other, money_held(c, &poor)));
  t.flags = TRANSACTION_SPONSORED;
  t.payer = s.id[5];
  size_t signed_length = transaction_sign_bytes(&t, c->genesis, message, sizeof message);
  sign_make(s.key[6], message, signed_length, own);
  sign_make(s.key[5], message, signed_length, theirs);
  t.signature = own;
  t.payer_signature = theirs;
  ledger_deliver(s.ledger, bytes, transaction_encode(&t, bytes, sizeof bytes), &r);
  assert_int_equal(r.code, CHAIN_FUNDS);
  for (uint32_t i = 0; i < 200; i++) stage_send(&s, 6, TRANSACTION_FETCH, body, length);
  assert_true(money_held(c, &lock) < 50000); /* less than the declared gas: no more is let in */
  assert_int_equal(stage_send(&s, 6, TRANSACTION_FETCH, body, length).code, CHAIN_FUNDS);
  money_gas_unlock(c, NULL, ROW_SETTLED, seat, s.id[6]);
  assert_int_equal(money_held(c, &lock), 0);
  assert_true(money_held(c, &balance) > 0);
  assert_int_equal(money_sum(c), sum);
  stage_end(&s);
  stage_shut(&s);
}

static struct ledger_result check(struct stage *s, struct sent *x) {
  struct ledger_result r;
  size_t length = stage_sign(s, 6, &x->t, x->bytes, sizeof x->bytes);
  ledger_check(s->ledger, x->bytes, length, &r);
  return r;
}

static void the_mempool_asks(void **state) {
  (void)state;
  static struct stage s;
  struct sent x;
  uint8_t before[32], after[32];
  stage_open(&s);
  root_of(&s, before);
  draft(&s, &x);
  assert_int_equal(check(&s, &x).code, CHAIN_OK);
  assert_int_equal(check(&s, &x).code, CHAIN_NONCE); /* it waits already */
  x.t.nonce = 1;
  assert_int_equal(check(&s, &x).code, CHAIN_OK);
  x.t.nonce = 2;
  x.t.gas = 500;
  assert_int_equal(check(&s, &x).code, CHAIN_GAS);
  x.t.gas = 5000000;
  x.t.price = 100000; /* half of what it has, each */
  assert_int_equal(check(&s, &x).code, CHAIN_OK);
  x.t.nonce = 3;
  assert_int_equal(check(&s, &x).code, CHAIN_FUNDS); /* the others are promised */
  ledger_check_reset(s.ledger);
  assert_int_equal(check(&s, &x).code, CHAIN_NONCE);
  x.t.nonce = 0;
  assert_int_equal(check(&s, &x).code, CHAIN_OK);
  root_of(&s, after);
  assert_memory_equal(before, after, 32); /* asking changes nothing */
  stage_shut(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_let_in),
      cmocka_unit_test(any_byte_changed),
      cmocka_unit_test(keys_may_do_what_their_mask_says),
      cmocka_unit_test(a_sponsor_pays),
      cmocka_unit_test(a_gas_lock_pays),
      cmocka_unit_test(the_mempool_asks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
