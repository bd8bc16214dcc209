/* Keys: the first one of an account that was only paid, and those that the root key gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/address.h"
#include "ledger/stage.h"

#include <string.h>

enum { BYTES_MAX = 1024, ALL = 0x3ff, PAYER = 5, GAS = 20000 };

static struct stage s;
static struct sign_secret *mine, *other;
static uint8_t account[32], mine_key[32], other_key[32];

static int begin(void **state) {
  (void)state;
  uint8_t seed[32] = {200};
  stage_open(&s);
  assert_int_equal(sign_secret_open(seed, &mine), SIGN_OK);
  seed[0]++;
  assert_int_equal(sign_secret_open(seed, &other), SIGN_OK);
  memcpy(mine_key, sign_secret_public(mine).bytes, 32);
  memcpy(other_key, sign_secret_public(other).bytes, 32);
  address_of_key(mine_key, account);
  stage_begin(&s, 25);
  return 0;
}

static int end(void **state) {
  (void)state;
  stage_end(&s);
  stage_shut(&s);
  sign_secret_shut(&mine);
  sign_secret_shut(&other);
  return 0;
}

static struct account read_account(void) {
  struct account a;
  account_get(ledger_chain(s.ledger)->map, account, &a);
  return a;
}

struct asked {
  uint8_t type, key_index;
  uint64_t nonce;
  const struct sign_secret *by;
  uint32_t gas;
};

static struct ledger_result send(const struct asked *q, const uint8_t *body, size_t length, bool check) {
  static uint8_t message[4096], bytes[BYTES_MAX];
  uint8_t signature[SIGNATURE_BYTES];
  const struct chain *c = ledger_chain(s.ledger);
  struct ledger_result r;
  assert_true(length);
  struct transaction t = {.type = q->type,
                          .account = account,
                          .key_index = q->key_index,
                          .nonce = q->nonce,
                          .until_tick = c->now.tick + 10,
                          .gas = q->gas ? q->gas : GAS,
                          .price = c->now.gas_price,
                          .body = body,
                          .body_length = (uint32_t)length};
  sign_make(q->by, message, transaction_sign_bytes(&t, c->genesis, message, sizeof message), signature);
  t.signature = signature;
  size_t whole = transaction_encode(&t, bytes, sizeof bytes);
  if (check)
    ledger_check(s.ledger, bytes, whole, &r);
  else
    ledger_deliver(s.ledger, bytes, whole, &r);
  return r;
}

static struct ledger_result set_key(struct asked q, uint8_t index, const uint8_t key[32], uint16_t mask) {
  uint8_t body[64];
  struct body_key b = {.index = index, .key = key, .mask = mask, .until_tick = UINT64_MAX};
  q.type = TRANSACTION_KEY_SET;
  return send(&q, body, body_key_put(&b, body, sizeof body), false);
}

static struct ledger_result transfer(struct asked q) {
  uint8_t body[64];
  struct body_transfer b = {.to = s.id[7], .amount = 1};
  q.type = TRANSACTION_TRANSFER;
  return send(&q, body, body_transfer_put(&b, body, sizeof body), false);
}

#define REFUSED(result, why_code)                                                                                      \
  do {                                                                                                                 \
    struct ledger_result refused = (result);                                                                           \
    assert_false(refused.admitted);                                                                                    \
    assert_int_equal(refused.code, why_code);                                                                          \
  } while (0)

/* LEDGER 2.2.1. */
static void the_first_key_is_the_one_that_the_id_names(void **state) {
  (void)state;
  const struct asked first = {.by = mine};
  REFUSED(set_key(first, 0, mine_key, ALL), CHAIN_SIGNATURE); /* nobody has paid yet: there is no account */
  assert_int_equal(stage_transfer(&s, PAYER, account, 1000000).code, CHAIN_OK);
  uint8_t before[32], after[32];
  map_root(ledger_chain(s.ledger)->map, before);
  REFUSED(transfer(first), CHAIN_SIGNATURE);
  REFUSED(set_key(first, 0, other_key, ALL), CHAIN_SIGNATURE);
  REFUSED(set_key((struct asked){.by = other}, 0, other_key, ALL), CHAIN_SIGNATURE);
  REFUSED(set_key((struct asked){.by = other}, 0, mine_key, ALL), CHAIN_SIGNATURE);
  REFUSED(set_key(first, 1, mine_key, ALL), CHAIN_SIGNATURE);
  REFUSED(set_key((struct asked){.by = mine, .nonce = 1}, 0, mine_key, ALL), CHAIN_NONCE);
  REFUSED(set_key((struct asked){.by = mine, .key_index = 1}, 0, mine_key, ALL), CHAIN_SIGNATURE);
  REFUSED(set_key((struct asked){.by = mine, .gas = 2000000}, 0, mine_key, ALL), CHAIN_FUNDS);
  map_root(ledger_chain(s.ledger)->map, after);
  assert_memory_equal(before, after, 32);

  assert_int_equal(set_key(first, 0, mine_key, ALL).code, CHAIN_OK);
  struct account a = read_account();
  assert_int_equal(a.slots_count, 1);
  assert_memory_equal(a.slot[0].key, mine_key, 32);
  assert_int_equal(a.slot[0].mask, ALL);
  assert_int_equal(a.slot[0].nonce, 1);
  assert_true(a.slot[0].until_tick == UINT64_MAX);
  REFUSED(set_key(first, 0, mine_key, ALL), CHAIN_NONCE);
  assert_int_equal(transfer((struct asked){.by = mine, .nonce = 1}).code, CHAIN_OK);
}

static void it_stays_when_the_gas_was_short(void **state) {
  (void)state;
  assert_int_equal(stage_transfer(&s, PAYER, account, 1000000).code, CHAIN_OK);
  struct ledger_result r = set_key((struct asked){.by = mine, .gas = 1000}, 0, mine_key, ALL);
  assert_true(r.admitted);
  assert_int_equal(r.code, CHAIN_GAS);
  struct account a = read_account();
  assert_int_equal(a.balance, 1000000 - 1000);
  assert_int_equal(a.slot[0].nonce, 1);
  assert_int_equal(transfer((struct asked){.by = mine, .nonce = 1}).code, CHAIN_OK);
}

/* LEDGER 15.1, 2.2: "A slot's nonce survives replacement of its key and never falls". */
static void the_root_key_gives_the_others(void **state) {
  (void)state;
  assert_int_equal(stage_transfer(&s, PAYER, account, 1000000).code, CHAIN_OK);
  assert_int_equal(set_key((struct asked){.by = mine}, 0, mine_key, ALL).code, CHAIN_OK);
  struct asked root = {.by = mine, .nonce = 1}, one = {.by = other, .key_index = 1};
  assert_int_equal(set_key(root, 2, other_key, ALL).code, CHAIN_LIMIT); /* slot 1 comes before */
  root.nonce++;
  assert_int_equal(set_key(root, 1, other_key, ALL).code, CHAIN_OK);
  assert_int_equal(transfer(one).code, CHAIN_OK);
  one.nonce++;
  assert_int_equal(set_key(one, 1, mine_key, ALL).code, CHAIN_FORBIDDEN); /* with every bit of the mask */
  one.nonce++;
  root.nonce++;
  assert_int_equal(set_key(root, 1, mine_key, 1).code, CHAIN_OK);
  assert_int_equal(read_account().slot[1].nonce, 2);
  REFUSED(transfer(one), CHAIN_SIGNATURE);
  one.by = mine;
  assert_int_equal(transfer(one).code, CHAIN_OK);
  /* The root key gives itself away, and goes on under the other key. */
  root.nonce++;
  assert_int_equal(set_key(root, 0, other_key, ALL).code, CHAIN_OK);
  root.nonce++;
  REFUSED(transfer(root), CHAIN_SIGNATURE);
  root.by = other;
  assert_int_equal(transfer(root).code, CHAIN_OK);
}

static void a_mempool_takes_it(void **state) {
  (void)state;
  uint8_t body[64];
  struct body_key b = {.index = 0, .key = mine_key, .mask = ALL, .until_tick = UINT64_MAX};
  struct asked q = {.type = TRANSACTION_KEY_SET, .by = mine};
  size_t length = body_key_put(&b, body, sizeof body);
  assert_int_equal(stage_transfer(&s, PAYER, account, 1000000).code, CHAIN_OK);
  stage_end(&s);
  struct ledger_result r = send(&q, body, length, true);
  assert_true(r.admitted);
  assert_int_equal(r.code, CHAIN_OK);
  assert_int_equal(send(&q, body, length, true).code, CHAIN_NONCE);
  ledger_check_reset(s.ledger);
  stage_begin(&s, 25);
  assert_int_equal(send(&q, body, length, false).code, CHAIN_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_first_key_is_the_one_that_the_id_names, begin, end),
      cmocka_unit_test_setup_teardown(it_stays_when_the_gas_was_short, begin, end),
      cmocka_unit_test_setup_teardown(the_root_key_gives_the_others, begin, end),
      cmocka_unit_test_setup_teardown(a_mempool_takes_it, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
