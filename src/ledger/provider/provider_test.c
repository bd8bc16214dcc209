/* Providers: keys that are proven, keys and stakes that count after a whole epoch, pools that are drawn from by weight.
 * "test" has epochs of 20 ticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/vrf.h"
#include "ledger/provider/provider.h"
#include "ledger/stage.h"
#include "ledger/state.h"

static struct stage s;

static int open_stage(void **state) {
  (void)state;
  stage_open(&s);
  return 0;
}

static int shut_stage(void **state) {
  (void)state;
  stage_shut(&s);
  return 0;
}

static struct chain *chain_now(void) { return &s.ledger->chain; }
static uint64_t least(void) { return chain_now()->parameters.stake_min; }

/* To the block after which `ticks` ticks have passed. */
static void to_tick(uint64_t tick) {
  while (chain_now()->now.tick < tick) stage_blocks(&s, 1, 25);
}

static struct ledger_result set_provider(uint32_t who, uint32_t key, uint16_t roles) {
  static const uint8_t tls[32] = {8};
  uint8_t input[PROVIDER_REGISTRATION_BYTES], proof[VRF_PROOF_BYTES], vrf[32], body[512];
  memcpy(vrf, sign_secret_public(s.vrf[key]).bytes, 32);
  provider_registration(chain_now()->genesis, s.id[who], input);
  vrf_prove(s.vrf[key], input, sizeof input, proof);
  struct body_provider b = {.roles = roles,
                            .class = 1,
                            .available = 1,
                            .mem_mib = 100,
                            .vrf_key = vrf,
                            .vrf_proof = proof,
                            .tls_hash = tls,
                            .endpoint = (const uint8_t *)"10.0.0.1:7000",
                            .endpoint_length = 13,
                            .ask = 5};
  return stage_send(&s, who, TRANSACTION_PROVIDER_SET, body, body_provider_put(&b, body, sizeof body));
}

static void a_provider_is_set(void **state) {
  (void)state;
  struct provider p;
  uint8_t vrf[32];
  stage_begin(&s, 25);
  struct ledger_result r = set_provider(5, 5, PROVIDER_VERIFIER);
  assert_int_equal(r.code, CHAIN_OK);
  assert_true(r.gas_used > 1000 + 4500 + 2000);
  assert_true(provider_find(chain_now(), s.id[5], &p));
  assert_int_equal(p.roles, PROVIDER_VERIFIER);
  assert_int_equal(p.class, 1);
  assert_int_equal(p.endpoint_length, 13);
  assert_int_equal(p.ask, 5);
  assert_false(provider_key(chain_now(), s.id[5], vrf)); /* not yet */
  stage_end(&s);
  to_tick(20);
  assert_false(provider_key(chain_now(), s.id[5], vrf)); /* the epoch in which it came is not a whole one */
  to_tick(39);
  assert_false(provider_key(chain_now(), s.id[5], vrf));
  assert_true(ledger_wants_block(s.ledger));
  to_tick(40);
  assert_true(provider_key(chain_now(), s.id[5], vrf));
  assert_memory_equal(vrf, sign_secret_public(s.vrf[5]).bytes, 32);
  assert_false(ledger_wants_block(s.ledger));
}

static void what_is_no_provider(void **state) {
  (void)state;
  uint8_t body[512], proof[VRF_PROOF_BYTES] = {0}, vrf[32], tls[32] = {0};
  stage_begin(&s, 25);
  memcpy(vrf, sign_secret_public(s.vrf[5]).bytes, 32);
  struct body_provider b = {.roles = 1, .class = 3, .vrf_key = vrf, .vrf_proof = proof, .tls_hash = tls};
  size_t length = body_provider_put(&b, body, sizeof body);
  assert_int_equal(stage_send(&s, 5, TRANSACTION_PROVIDER_SET, body, length).code, CHAIN_LIMIT);
  b.class = 0;
  length = body_provider_put(&b, body, sizeof body);
  assert_int_equal(stage_send(&s, 5, TRANSACTION_PROVIDER_SET, body, length).code, CHAIN_PROOF);
  /* A proof that is another account's. */
  uint8_t input[PROVIDER_REGISTRATION_BYTES];
  provider_registration(chain_now()->genesis, s.id[6], input);
  vrf_prove(s.vrf[5], input, sizeof input, proof);
  length = body_provider_put(&b, body, sizeof body);
  assert_int_equal(stage_send(&s, 5, TRANSACTION_PROVIDER_SET, body, length).code, CHAIN_PROOF);
  assert_int_equal(stage_stake(&s, 5, ROLE_SOLVER, 0).code, CHAIN_LIMIT);
  assert_int_equal(stage_stake(&s, 5, ROLE_SOLVER, 2 * STAGE_BALANCE).code, CHAIN_FUNDS);
  stage_end(&s);
  assert_false(ledger_wants_block(s.ledger)); /* nobody waits for an epoch */
}

static void a_key_is_changed(void **state) {
  (void)state;
  uint8_t vrf[32];
  to_tick(5);
  stage_begin(&s, 25);
  assert_int_equal(set_provider(1, 6, PROVIDER_ROLES_ALL).code, CHAIN_OK);
  stage_end(&s);
  to_tick(39);
  assert_true(provider_key(chain_now(), s.id[1], vrf));
  assert_memory_equal(vrf, sign_secret_public(s.vrf[1]).bytes, 32);
  stage_begin(&s, 25);
  assert_int_equal(set_provider(1, 7, PROVIDER_ROLES_ALL).code, CHAIN_OK); /* another, before that one counts */
  stage_end(&s);                                                           /* tick 40 */
  assert_true(provider_key(chain_now(), s.id[1], vrf));
  assert_memory_equal(vrf, sign_secret_public(s.vrf[1]).bytes, 32);
  to_tick(59);
  stage_begin(&s, 25);
  stage_end(&s);
  assert_true(provider_key(chain_now(), s.id[1], vrf));
  assert_memory_equal(vrf, sign_secret_public(s.vrf[7]).bytes, 32);
  stage_begin(&s, 25);
  assert_int_equal(set_provider(1, 6, PROVIDER_ROLES_ALL).code, CHAIN_OK);
  assert_int_equal(set_provider(1, 7, PROVIDER_ROLES_ALL).code, CHAIN_OK); /* thinks better of it */
  stage_end(&s);
  to_tick(120);
  assert_true(provider_key(chain_now(), s.id[1], vrf));
  assert_memory_equal(vrf, sign_secret_public(s.vrf[7]).bytes, 32);
  assert_true(pool_weight(chain_now(), ROLE_SOLVER, s.id[1]) == 2 * least());
}

static void stake_counts_after_a_whole_epoch(void **state) {
  (void)state;
  struct chain *c = chain_now();
  assert_int_equal(pool_total(c, ROLE_VERIFIER), 10 * least());
  to_tick(3);
  stage_begin(&s, 25);
  assert_int_equal(stage_stake(&s, 1, ROLE_VERIFIER, 7).code, CHAIN_OK);
  assert_int_equal(stage_stake(&s, 5, ROLE_VERIFIER, least()).code, CHAIN_OK); /* no provider yet */
  assert_int_equal(set_provider(5, 5, PROVIDER_VERIFIER).code, CHAIN_OK);
  assert_int_equal(stage_stake(&s, 6, ROLE_VERIFIER, least() - 1).code, CHAIN_OK); /* a grain short */
  assert_int_equal(set_provider(6, 6, PROVIDER_VERIFIER).code, CHAIN_OK);
  assert_int_equal(stage_stake(&s, 7, ROLE_VERIFIER, least()).code, CHAIN_OK); /* wants another role */
  assert_int_equal(set_provider(7, 7, PROVIDER_SOLVER).code, CHAIN_OK);
  stage_end(&s);
  to_tick(39);
  assert_int_equal(pool_total(c, ROLE_VERIFIER), 10 * least());
  to_tick(40);
  assert_int_equal(pool_total(c, ROLE_VERIFIER), 11 * least() + 7);
  assert_int_equal(pool_count(c, ROLE_VERIFIER), 5);
  assert_int_equal(pool_weight(c, ROLE_VERIFIER, s.id[1]), 2 * least() + 7);
  assert_int_equal(pool_weight(c, ROLE_VERIFIER, s.id[5]), least());
  assert_int_equal(pool_weight(c, ROLE_VERIFIER, s.id[6]), 0);
  assert_int_equal(pool_weight(c, ROLE_VERIFIER, s.id[7]), 0);
  /* What goes is gone at the next end, and what came late is not there. */
  struct pocket from = pocket_stake(s.id[2], ROLE_VERIFIER), to = pocket_balance(s.id[2]);
  stage_begin(&s, 25);
  assert_true(money_flow(c, NULL, ROW_TRANSFER, &from, &to, 3 * least()));
  stage_end(&s);
  to_tick(59);
  assert_int_equal(pool_weight(c, ROLE_VERIFIER, s.id[2]), 3 * least());
  to_tick(60);
  assert_int_equal(pool_weight(c, ROLE_VERIFIER, s.id[2]), 0);
  assert_int_equal(pool_count(c, ROLE_VERIFIER), 4);
  assert_int_equal(pool_total(c, ROLE_VERIFIER), 8 * least() + 7);
  struct map_key prefix = map_key(MODULE_POOL, (const uint8_t[]){ROLE_VERIFIER, 0}, 2), key;
  uint32_t records = 0; /* the place that is free has no record */
  for (bool more = map_next(c->map, &prefix, NULL, &key, NULL); more; records++)
    more = map_next(c->map, &prefix, &key, &key, NULL);
  assert_int_equal(records, 1 + 4);
}

static void another_role(void **state) {
  (void)state;
  assert_false(ledger_wants_block(s.ledger));
  stage_begin(&s, 25);
  assert_int_equal(set_provider(3, 3, PROVIDER_SOLVER).code, CHAIN_OK); /* the key that it has */
  stage_end(&s);
  assert_true(ledger_wants_block(s.ledger));
  to_tick(20);
  assert_int_equal(pool_weight(chain_now(), ROLE_VERIFIER, s.id[3]), 0);
  assert_int_equal(pool_weight(chain_now(), ROLE_SOLVER, s.id[3]), 4 * least());
}

/* A draw by weight, against a slow twin: the list of accounts in order. */
static void every_grain_has_an_owner(void **state) {
  (void)state;
  struct chain *c = chain_now();
  uint32_t order[4] = {0, 1, 2, 3};
  for (uint32_t i = 0; i < 4; i++)
    for (uint32_t j = i + 1; j < 4; j++)
      if (memcmp(s.id[order[j]], s.id[order[i]], 32) < 0) {
        uint32_t x = order[i];
        order[i] = order[j];
        order[j] = x;
      }
  uint64_t at = 0, weight;
  uint8_t account[32];
  for (uint32_t i = 0; i < 4; i++) {
    uint64_t stake = (order[i] + 1) * least();
    const uint64_t points[] = {at, at + 1, at + stake / 2, at + stake - 1};
    for (uint32_t k = 0; k < 4; k++) {
      pool_at(c, ROLE_STORER, points[k], account, &weight);
      assert_memory_equal(account, s.id[order[i]], 32);
      assert_int_equal(weight, stake);
    }
    at += stake;
  }
  assert_int_equal(at, pool_total(c, ROLE_STORER));
}

static void three_strikes(void **state) {
  (void)state;
  struct chain *c = chain_now();
  struct provider p;
  stage_begin(&s, 25);
  for (uint8_t i = 1; i <= 5; i++) {
    provider_strike(c, s.id[2]);
    assert_true(provider_find(c, s.id[2], &p));
    assert_int_equal(p.strikes, i < 3 ? i : 3);
    assert_int_equal(p.available, i < 3);
  }
  provider_strike(c, s.id[7]); /* no provider: nothing to strike */
  assert_int_equal(set_provider(2, 2, PROVIDER_ROLES_ALL).code, CHAIN_OK);
  assert_true(provider_find(c, s.id[2], &p));
  assert_int_equal(p.strikes, 0);
  assert_true(p.available);
  stage_end(&s);
}

/* An epoch in which nothing happened changes no record but the chain's and the beacon's. */
static bool count_change(void *context, const struct map_key *key, const struct map_value *value) {
  uint32_t *pools = context;
  (void)value;
  *pools += key->bytes[0] == MODULE_POOL || key->bytes[0] == MODULE_PROVIDER;
  return true;
}
static void a_quiet_epoch(void **state) {
  (void)state;
  uint8_t hash[32];
  uint32_t pools = 0;
  to_tick(19);
  stage_begin(&s, 25);
  ledger_end(s.ledger, hash);
  assert_int_equal(chain_now()->now.epoch, 1);
  assert_true(ledger_changes(s.ledger, count_change, &pools));
  assert_int_equal(pools, 0);
  ledger_commit(s.ledger);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, open_stage, shut_stage)

int main(void) {
  const struct CMUnitTest tests[] = {
      UNIT(a_provider_is_set), UNIT(what_is_no_provider),
      UNIT(a_key_is_changed),  UNIT(stake_counts_after_a_whole_epoch),
      UNIT(another_role),      UNIT(every_grain_has_an_owner),
      UNIT(three_strikes),     UNIT(a_quiet_epoch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
