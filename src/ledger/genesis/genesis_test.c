/* Genesis: one encoding, whatever is wrong is refused, and what a chain begins with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/sha256.h"
#include "ledger/beacon/beacon.h"
#include "ledger/stage.h"

static struct arena arena;

static bool decode(const uint8_t *bytes, size_t length, struct genesis *g) {
  struct why why = {.text = ""};
  arena_reset(&arena, 0);
  if (genesis_decode(bytes, length, &arena, g, &why)) return true;
  assert_true(why.text[0]);
  return false;
}

static void one_encoding(void **state) {
  (void)state;
  static struct stage s;
  static uint8_t again[STAGE_BYTES_MAX];
  struct genesis g;
  uint8_t hash[32], same[32];
  stage_genesis(&s);
  assert_true(decode(s.genesis, s.genesis_length, &g));
  assert_string_equal(g.chain_id, "stage-1");
  assert_int_equal(g.accounts, STAGE_ACCOUNTS);
  assert_int_equal(g.providers, 4);
  assert_int_equal(g.validators, 1);
  assert_int_equal(genesis_encode(&g, again, sizeof again), s.genesis_length);
  assert_memory_equal(again, s.genesis, s.genesis_length);
  assert_int_equal(genesis_encode(&g, again, s.genesis_length - 1), 0);
  genesis_hash(s.genesis, s.genesis_length, hash);
  sha256(s.genesis, s.genesis_length, same);
  assert_memory_equal(hash, same, 32);
  for (size_t i = 0; i < s.genesis_length; i++) assert_false(decode(s.genesis, i, &g));
  s.genesis[s.genesis_length] = 0;
  assert_false(decode(s.genesis, s.genesis_length + 1, &g));
  stage_shut(&s);
}

/* Each takes a good genesis and spoils one thing. */
static void swap_accounts(struct genesis *g) {
  struct genesis_account a = g->account[0];
  g->account[0] = g->account[1];
  g->account[1] = a;
}
static void same_account(struct genesis *g) { g->account[1] = g->account[0]; }
static void swap_providers(struct genesis *g) {
  struct genesis_provider p = g->provider[0];
  g->provider[0] = g->provider[1];
  g->provider[1] = p;
}
static void strange_provider(struct genesis *g) { memset(g->provider[3].account, 0xff, 32); }
static void strange_role(struct genesis *g) { g->provider[0].roles = 16; }
static void strange_class(struct genesis *g) { g->provider[0].class = g->parameters.classes; }
static void no_draw_key(struct genesis *g) { memset(g->provider[2].vrf, 0, 32); }
static void space_in_endpoint(struct genesis *g) {
  g->provider[0].endpoint_length = 1, g->provider[0].endpoint[0] = ' ';
}
static void no_validator(struct genesis *g) { g->validators = 0; }
static void strange_validator(struct genesis *g) { memset(g->validator[0].account, 0, 32); }
static void validator_without_key(struct genesis *g) { memset(g->validator[0].vrf, 2, 32); }
static void too_much_money(struct genesis *g) { g->account[0].balance = UINT64_C(1) << 60; }
static void money_wraps(struct genesis *g) { g->account[0].stake[4] = UINT64_MAX; }
static void long_name(struct genesis *g) { memset(g->chain_id, 'a', GENESIS_ID_MAX + 1); }
static void no_name(struct genesis *g) { g->chain_id[0] = 0; }
static void capital(struct genesis *g) { g->chain_id[0] = 'S'; }
static void trust(struct genesis *g) { g->trust = 2; }
static void short_turn(struct genesis *g) { g->parameters.turn = 1; }
static void baits(struct genesis *g) { g->parameters.forced_permille = 250; }

static void whatever_is_wrong(void **state) {
  (void)state;
  static void (*const spoil[])(struct genesis *) = {swap_accounts,
                                                    same_account,
                                                    swap_providers,
                                                    strange_provider,
                                                    strange_role,
                                                    strange_class,
                                                    no_draw_key,
                                                    space_in_endpoint,
                                                    no_validator,
                                                    strange_validator,
                                                    validator_without_key,
                                                    too_much_money,
                                                    money_wraps,
                                                    long_name,
                                                    no_name,
                                                    capital,
                                                    trust,
                                                    short_turn,
                                                    baits};
  static struct stage s;
  static uint8_t bytes[STAGE_BYTES_MAX];
  static struct genesis_account account[STAGE_ACCOUNTS];
  static struct genesis_provider provider[4];
  struct genesis g, none;
  stage_genesis(&s);
  for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
    char name[64];
    assert_true(decode(s.genesis, s.genesis_length, &g));
    memcpy(account, g.account, sizeof account);
    memcpy(provider, g.provider, sizeof provider);
    struct genesis_validator validator = g.validator[0];
    g.account = account, g.provider = provider, g.validator = &validator;
    memcpy(name, g.chain_id, sizeof g.chain_id);
    size_t same = genesis_encode(&g, bytes, sizeof bytes);
    assert_true(decode(bytes, same, &none));
    if (spoil[i] == long_name) { /* longer than the field: by hand */
      bytes[16] = GENESIS_ID_MAX + 1;
      assert_false(decode(bytes, same, &none));
      continue;
    }
    spoil[i](&g);
    size_t length = genesis_encode(&g, bytes, sizeof bytes);
    assert_true(length);
    if (decode(bytes, length, &none)) fail_msg("spoil %zu is taken", i);
    if (spoil[i] != swap_accounts) continue;
    genesis_sort(&g);
    length = genesis_encode(&g, bytes, sizeof bytes);
    assert_int_equal(length, same);
    assert_memory_equal(bytes, s.genesis, length);
  }
  stage_shut(&s);
}

static void what_a_chain_begins_with(void **state) {
  (void)state;
  static struct stage s;
  struct account a;
  struct provider p;
  struct parameters named, now;
  uint8_t beacon[32], first[32], vrf[32];
  stage_open(&s);
  const struct chain *c = ledger_chain(s.ledger);
  for (uint32_t i = 0; i < STAGE_ACCOUNTS; i++) {
    assert_true(account_get(c->map, s.id[i], &a));
    assert_int_equal(a.balance, STAGE_BALANCE);
    assert_int_equal(a.slots_count, 1);
    assert_int_equal(a.slot[0].mask, 0x3ff);
    assert_memory_equal(a.slot[0].key, sign_secret_public(s.key[i]).bytes, 32);
    assert_true(provider_find(c, s.id[i], &p) == (i < 4));
    for (uint8_t r = 0; r < PROVIDER_WORK_ROLES; r++)
      assert_int_equal(pool_weight(c, r, s.id[i]), i < 4 ? (i + 1) * c->parameters.stake_min : 0);
  }
  assert_true(validator_key(c, s.id[0], vrf));
  assert_memory_equal(vrf, sign_secret_public(s.vrf[0]).bytes, 32);
  assert_false(validator_key(c, s.id[1], vrf));
  beacon_first(c->genesis, first);
  assert_true(chain_beacon(c, 0, beacon));
  assert_memory_equal(beacon, first, 32);
  assert_true(parameters_named("test", &named));
  chain_parameters(c, 1, &now);
  assert_memory_equal(&named, &now, sizeof now);
  assert_int_equal(c->now.height, 0);
  assert_int_equal(c->now.tick, 0);
  assert_int_equal(c->log.size, 0);
  stage_shut(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_encoding),
      cmocka_unit_test(whatever_is_wrong),
      cmocka_unit_test(what_a_chain_begins_with),
  };
  if (!arena_open(&arena, 1 << 20)) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
