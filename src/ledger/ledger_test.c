/* The machine of blocks: what a transaction costs, what a failed one takes back, what a block called twice takes back,
 * clocks, prices, and that no grain is made or lost by any of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/vrf.h"
#include "ledger/job/job.h"
#include "ledger/money/money.h"
#include "ledger/receipt/receipt.h"
#include "ledger/stage.h"
#include "ledger/state.h"

static uint64_t next_random(uint64_t *s) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*s += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static const struct chain *chain_of(const struct stage *s) { return ledger_chain(s->ledger); }

static struct account account_of(const struct stage *s, uint32_t who) {
  struct account a;
  account_get(chain_of(s)->map, s->id[who], &a);
  return a;
}

static void app_hash(const struct stage *s, uint8_t hash[32]) { ledger_app_hash(s->ledger, hash); }

/* A transfer to a new account: 500 + 500 + 2 a byte, and 2,000 for the record. */
static void a_transfer_moves_and_pays(void **state) {
  (void)state;
  static struct stage s;
  static const uint8_t stranger[32] = {9};
  struct account a;
  stage_open(&s);
  uint64_t sum = money_sum(chain_of(&s));
  stage_begin(&s, 25);
  struct ledger_result r = stage_transfer(&s, 5, stranger, 70);
  assert_int_equal(r.code, CHAIN_OK);
  assert_true(r.admitted);
  assert_int_equal(r.gas_wanted, 50000);
  assert_int_equal(r.gas_used, 500 + 500 + 2 * (65 + 32 + 8 + 1 + 64) + 2000);
  assert_true(account_get(chain_of(&s)->map, stranger, &a));
  assert_int_equal(a.balance, 70);
  assert_int_equal(account_of(&s, 5).balance, STAGE_BALANCE - 70 - r.gas_used);
  assert_int_equal(chain_of(&s)->now.burned, r.gas_used / 2);
  assert_int_equal(chain_of(&s)->now.validators_pool, r.gas_used - r.gas_used / 2);
  r = stage_transfer(&s, 5, stranger, 1); /* the record is there */
  assert_int_equal(r.gas_used, 500 + 500 + 2 * (65 + 32 + 8 + 1 + 64));
  assert_int_equal(money_sum(chain_of(&s)), sum);
  stage_end(&s);
  assert_true(ledger_wants_another(s.ledger));
  stage_blocks(&s, 1, 25);
  assert_false(ledger_wants_another(s.ledger));
  stage_shut(&s);
}

static void a_failed_one_keeps_charge_and_nonce_only(void **state) {
  (void)state;
  static struct stage s;
  uint8_t proof[VRF_BYTES] = {1}, body[512];
  stage_open(&s);
  stage_begin(&s, 25);
  struct account before = account_of(&s, 6), after;
  uint64_t receipts = chain_of(&s)->now.next_receipt;
  struct ledger_result r = stage_transfer(&s, 6, s.id[1], STAGE_BALANCE); /* not with gas */
  after = account_of(&s, 6);
  assert_int_equal(r.code, CHAIN_FUNDS);
  assert_true(r.admitted);
  assert_int_equal(after.balance, before.balance - r.gas_used);
  assert_int_equal(after.slot[0].nonce, before.slot[0].nonce + 1);
  assert_int_equal(account_of(&s, 1).balance, STAGE_BALANCE);
  /* One that changes a lot before it turns out to be too dear: a record is made, and then gas is short. */
  static const uint8_t stranger[32] = {77};
  struct body_transfer b = {.to = stranger, .amount = 5};
  struct transaction t = stage_draft(&s, 6, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body));
  uint8_t bytes[512];
  t.gas = 3000;
  size_t length = stage_sign(&s, 6, &t, bytes, sizeof bytes);
  size_t records = map_count(chain_of(&s)->map);
  ledger_deliver(s.ledger, bytes, length, &r);
  s.nonce[6]++;
  assert_int_equal(r.code, CHAIN_GAS);
  assert_int_equal(r.gas_used, 3000); /* all that was declared, and no more */
  assert_int_equal(map_count(chain_of(&s)->map), records);
  assert_int_equal(account_of(&s, 6).balance, after.balance - 3000);
  after = account_of(&s, 6);
  /* A proof that does not check. */
  static const uint8_t tls[32];
  struct body_provider p = {
      .roles = 1, .vrf_key = sign_secret_public(s.vrf[6]).bytes, .vrf_proof = proof, .tls_hash = tls};
  uint8_t key[32];
  memcpy(key, sign_secret_public(s.vrf[6]).bytes, 32);
  p.vrf_key = key;
  r = stage_send(&s, 6, TRANSACTION_PROVIDER_SET, body, body_provider_put(&p, body, sizeof body));
  assert_int_equal(r.code, CHAIN_PROOF);
  assert_int_equal(account_of(&s, 6).balance, after.balance - r.gas_used);
  assert_int_equal(chain_of(&s)->now.next_receipt, receipts);
  stage_end(&s);
  stage_shut(&s);
}

/* Random transfers and stakes, some of which fail; drawn from the seed alone. */
static struct ledger_result random_act(struct stage *s, uint64_t *seed) {
  uint32_t who = (uint32_t)(next_random(seed) % STAGE_ACCOUNTS), what = (uint32_t)(next_random(seed) % 8);
  uint64_t amount = next_random(seed); /* one draw after the other: operands have no order */
  bool small = next_random(seed) % 8 != 0;
  amount >>= small ? 36 + next_random(seed) % 24 : 20;
  uint8_t stranger[32] = {0x55};
  stranger[1] = (uint8_t)(next_random(seed) % 16);
  if (what < 3) return stage_transfer(s, who, s->id[next_random(seed) % STAGE_ACCOUNTS], amount);
  if (what < 5) return stage_transfer(s, who, stranger, amount);
  return stage_stake(s, who, (uint8_t)(next_random(seed) % ROLES), amount);
}

static void random_blocks(struct stage *s, uint64_t seed, uint32_t blocks) {
  while (blocks--) {
    stage_begin(s, 1 + next_random(&seed) % 60);
    for (uint64_t n = next_random(&seed) % 6; n; n--) random_act(s, &seed);
    stage_end(s);
  }
}

static void no_grain_is_made_or_lost(void **state) {
  (void)state;
  static struct stage s;
  uint64_t seed = 20, failed = 0, done = 0;
  stage_open(&s);
  const uint64_t sum = money_sum(chain_of(&s));
  for (uint32_t i = 0; i < 22000; i++) {
    if (i % 40 == 0) stage_begin(&s, 25);
    struct ledger_result r = random_act(&s, &seed);
    r.code == CHAIN_OK ? done++ : failed++;
    assert_int_equal(money_sum(chain_of(&s)), sum);
    assert_int_equal(chain_of(&s)->gas_held, 0);
    if (i % 40 == 39) stage_end(&s);
  }
  print_message("%u done, %u failed\n", (unsigned)done, (unsigned)failed);
  assert_true(done > 8000 && failed > 1000);
  stage_shut(&s);
}

static void the_same_blocks_give_the_same_hash(void **state) {
  (void)state;
  static struct stage a, b;
  uint8_t left[32], right[32];
  stage_open(&a);
  stage_open(&b);
  for (uint32_t i = 0; i < 40; i++) {
    random_blocks(&a, 100 + i, 3);
    random_blocks(&b, 100 + i, 3);
    app_hash(&a, left);
    app_hash(&b, right);
    assert_memory_equal(left, right, 32);
  }
  random_blocks(&a, 1, 1);
  random_blocks(&b, 2, 1);
  app_hash(&a, left);
  app_hash(&b, right);
  assert_memory_not_equal(left, right, 32);
  stage_shut(&a);
  stage_shut(&b);
}

/* Known answers of our own: whatever compiles this says the same. The first two stand in docs/ledger.md. */
static void the_same_everywhere(void **state) {
  (void)state;
  static const uint8_t genesis[32] = {0xf7, 0x98, 0x12, 0x8b, 0xa8, 0xf8, 0x4d, 0x45, 0x11, 0xf4, 0xf3,
                                      0x12, 0x28, 0xd9, 0x39, 0x43, 0xf1, 0x0c, 0x7e, 0xf8, 0x85, 0x55,
                                      0xb8, 0xf7, 0xcc, 0xcc, 0xa3, 0xd6, 0x03, 0x03, 0xc7, 0x36};
  static const uint8_t beacon[32] = {0xff, 0xeb, 0x64, 0x87, 0x47, 0x25, 0x15, 0x39, 0x5a, 0xa1, 0x0d,
                                     0x61, 0x60, 0xb3, 0x31, 0x83, 0x58, 0x57, 0x4d, 0x19, 0xe3, 0xb5,
                                     0x9d, 0xef, 0x80, 0x4c, 0xf2, 0x67, 0x4a, 0x30, 0xb7, 0xe1};
  static const uint8_t first[32] = {0x91, 0x3c, 0x30, 0x7b, 0xab, 0x8e, 0xef, 0x90, 0x17, 0x02, 0xb2,
                                    0x3f, 0xc4, 0xbc, 0xd9, 0xdb, 0xa7, 0x34, 0xf3, 0xd7, 0x40, 0xb7,
                                    0xb5, 0x47, 0x11, 0x27, 0x2d, 0xd1, 0xa1, 0xf3, 0x2d, 0xde};
  static const uint8_t last[32] = {0xc8, 0xde, 0xe7, 0x0b, 0xb5, 0xc0, 0x49, 0x79, 0x4e, 0xc1, 0xf0,
                                   0x28, 0xd1, 0x27, 0x61, 0xb7, 0xae, 0x63, 0x6e, 0x63, 0xe1, 0x8a,
                                   0xe8, 0x1b, 0x55, 0x03, 0x03, 0x6a, 0x97, 0x15, 0xba, 0x30};
  static struct stage s;
  uint8_t hash[32];
  stage_open(&s);
  assert_memory_equal(chain_of(&s)->genesis, genesis, 32);
  assert_memory_equal(chain_of(&s)->beacon, beacon, 32);
  stage_begin(&s, 25);
  stage_transfer(&s, 1, s.id[2], 5);
  stage_end(&s);
  app_hash(&s, hash);
  assert_memory_equal(hash, first, 32);
  random_blocks(&s, 77, 100);
  app_hash(&s, hash);
  assert_memory_equal(hash, last, 32);
  stage_shut(&s);
}

/* LEDGER 1.4 (1): a block that was begun, and even ended, and begun again leaves no trace. */
static void a_block_called_twice_leaves_no_trace(void **state) {
  (void)state;
  static struct stage a, b;
  uint8_t left[32], right[32], hash[32];
  stage_open(&a);
  stage_open(&b);
  for (uint32_t i = 0; i < 30; i++) {
    uint64_t seed = 1000 + i, nonce[STAGE_ACCOUNTS];
    memcpy(nonce, a.nonce, sizeof nonce);
    stage_begin(&a, 300); /* another time, other transactions */
    for (uint32_t n = 0; n < i % 7; n++) random_act(&a, &seed);
    struct receipt r = {.kind = RECEIPT_SETTLED};
    if (i % 3) receipt_append(&a.ledger->chain, &r, NULL);
    if (i % 2) ledger_end(a.ledger, hash);
    memcpy(a.nonce, nonce, sizeof nonce);
    struct chain_record now = chain_of(&b)->now;
    a.height = now.height;
    /* The beacon's input is that of the last commit, so the block is made from b's side. */
    struct ledger_block block = stage_next(&b, 25);
    assert_true(ledger_begin(a.ledger, &block, NULL));
    assert_true(ledger_begin(b.ledger, &block, NULL));
    for (uint32_t who = 0; who < STAGE_ACCOUNTS; who++) {
      assert_int_equal(stage_transfer(&a, who, a.id[(who + i) % 8], i + 1).code, CHAIN_OK);
      assert_int_equal(stage_transfer(&b, who, b.id[(who + i) % 8], i + 1).code, CHAIN_OK);
    }
    ledger_end(a.ledger, left);
    ledger_end(b.ledger, right);
    assert_memory_equal(left, right, 32);
    ledger_commit(a.ledger);
    ledger_commit(b.ledger);
  }
  stage_shut(&a);
  stage_shut(&b);
}

static void what_is_no_block(void **state) {
  (void)state;
  static struct stage s;
  struct why why;
  uint8_t before[32], after[32], hash[32], input[256], same[256];
  stage_open(&s);
  app_hash(&s, before);
  size_t length = ledger_beacon_input(s.ledger, input, sizeof input);
  assert_int_equal(ledger_beacon_input(s.ledger, same, length - 1), 0);
  struct ledger_block good = stage_next(&s, 25), b = good;
  b.height = 2;
  assert_false(ledger_begin(s.ledger, &b, &why));
  b = good;
  b.bytes = BLOCK_BYTES_MAX + 1;
  assert_false(ledger_begin(s.ledger, &b, &why));
  b = good;
  b.gas = BLOCK_GAS_MAX + 1;
  assert_false(ledger_begin(s.ledger, &b, &why));
  b = good;
  b.proposer = s.id[1];
  assert_false(ledger_begin(s.ledger, &b, &why));
  b = good;
  b.time_ms = chain_of(&s)->now.last_time_ms - 1;
  assert_false(ledger_begin(s.ledger, &b, &why));
  for (uint32_t i = 0; i < good.beacon_length; i++) { /* any byte of the BEACON */
    s.beacon[i] ^= 4;
    assert_false(ledger_begin(s.ledger, &good, &why));
    s.beacon[i] ^= 4;
  }
  assert_true(ledger_begin(s.ledger, &good, &why));
  ledger_end(s.ledger, hash);
  /* An attempt that is taken back by a block that is none. */
  b = good;
  b.beacon_length--;
  assert_false(ledger_begin(s.ledger, &b, &why));
  app_hash(&s, after);
  assert_memory_equal(before, after, 32);
  assert_int_equal(chain_of(&s)->now.height, 0);
  assert_int_equal(ledger_beacon_input(s.ledger, same, sizeof same), length);
  assert_memory_equal(input, same, length);
  assert_true(ledger_begin(s.ledger, &good, &why));
  stage_end(&s);
  b = stage_next(&s, 0); /* no time has passed */
  assert_false(ledger_begin(s.ledger, &b, &why));
  stage_shut(&s);
}

/* LEDGER 1.1, 1.2 and 3.6, with tick_ms 25. */
static void begin_filled(struct stage *s, uint64_t ms, uint64_t bytes, uint64_t gas) {
  struct ledger_block b = stage_next(s, ms);
  b.bytes = bytes;
  b.gas = gas;
  assert_true(ledger_begin(s->ledger, &b, NULL));
  stage_end(s);
}

static void the_clock(void **state) {
  (void)state;
  static struct stage s;
  stage_open(&s);
  const struct chain_record *now = &chain_of(&s)->now;
  stage_blocks(&s, 3, 25);
  assert_int_equal(now->tick, 3);
  stage_blocks(&s, 1, 24); /* too soon */
  assert_int_equal(now->tick, 3);
  stage_blocks(&s, 1, 1);
  assert_int_equal(now->tick, 4);
  stage_blocks(&s, 1, 1000); /* one at most */
  assert_int_equal(now->tick, 5);
  uint64_t height = now->height;
  for (uint32_t i = 0; i < 7; i++) { /* full ones do not count, the eighth does */
    begin_filled(&s, 25, BLOCK_BYTES_MAX / 4 * 3 + 1, 0);
    assert_int_equal(now->tick, 5);
  }
  begin_filled(&s, 25, 0, BLOCK_GAS_MAX / 4 * 3 + 1);
  assert_int_equal(now->height, height + 8);
  assert_int_equal(now->tick, 6);
  for (uint32_t i = 0; i < 7; i++) begin_filled(&s, 25, BLOCK_BYTES_MAX, 0);
  begin_filled(&s, 0 + 1, BLOCK_BYTES_MAX, 0); /* eight, and time enough */
  assert_int_equal(now->tick, 7);
  for (uint32_t i = 0; i < 24; i++) begin_filled(&s, 1, BLOCK_BYTES_MAX, 0); /* eight blocks, and no time */
  assert_int_equal(now->tick, 7);
  begin_filled(&s, 1, BLOCK_BYTES_MAX, 0);
  assert_int_equal(now->tick, 8);
  begin_filled(&s, 25, BLOCK_BYTES_MAX / 4 * 3, BLOCK_GAS_MAX / 4 * 3); /* exactly three quarters is not full */
  assert_int_equal(now->tick, 9);
  stage_shut(&s);
}

/* LEDGER 1.2: "If header time is more than 60 s after last_time". Somebody waits for an
 * epoch here. */
static void a_chain_that_had_stopped_is_slow(void **state) {
  (void)state;
  static struct stage s;
  stage_open(&s);
  const struct chain_record *now = &chain_of(&s)->now;
  stage_blocks(&s, 1, 100000); /* nothing is armed */
  assert_int_equal(now->tick, 1);
  assert_int_equal(now->slow_until, 0);
  assert_false(ledger_wants_block(s.ledger));
  stage_begin(&s, 25);
  assert_int_equal(stage_stake(&s, 5, ROLE_SOLVER, 1000).code, CHAIN_OK);
  stage_end(&s);
  assert_true(ledger_wants_block(s.ledger));
  stage_blocks(&s, 1, 60000);
  assert_int_equal(now->slow_until, 0);
  assert_int_equal(now->tick, 3);
  stage_blocks(&s, 1, 60001);
  assert_int_equal(now->slow_until, now->height + 300);
  assert_int_equal(now->tick, 3);
  stage_blocks(&s, 300, 25);
  assert_int_equal(now->height, now->slow_until);
  assert_int_equal(now->tick, 3 + 301 / 8);
  stage_blocks(&s, 1, 25);
  assert_int_equal(now->tick, 3 + 301 / 8 + 1);
  stage_shut(&s);
}

/* LEDGER 1.4: "together at most 1,000, in order (tick or height, kind, id), the rest next block". Tapes that nobody
 * wants any more go, the first due first. */
static uint32_t tapes_left(const struct stage *s, uint32_t *last) {
  struct map_key prefix = map_key(MODULE_TAPE, NULL, 0), key;
  uint32_t count = 0;
  bool more = map_next(chain_of(s)->map, &prefix, NULL, &key, NULL);
  for (; more; count++) {
    *last = (uint32_t)key.bytes[1] << 8 | key.bytes[2];
    more = map_next(chain_of(s)->map, &prefix, &key, &key, NULL);
  }
  return count;
}

static void at_most_a_thousand_timers(void **state) {
  (void)state;
  static struct stage s;
  uint8_t id[POSTED_ID_BYTES] = {POSTED_TAPE};
  uint32_t last;
  const struct posted_tape tape = {.records = 1};
  stage_open(&s);
  stage_begin(&s, 25);
  struct chain *c = &s.ledger->chain;
  for (uint32_t i = 0; i < 2500; i++) { /* the higher its number, the earlier it is due: five at a tick */
    id[1] = (uint8_t)(i >> 8);
    id[2] = (uint8_t)i;
    struct map_key key = map_key(MODULE_TAPE, id + 1, 32);
    stored_put(c->map, &posted_tape_kind, &key, &tape);
    timer_arm(c, 600 - i / 5, TIMER_TAPE, id, sizeof id);
  }
  stage_end(&s);
  stage_blocks(&s, 98, 25);
  assert_int_equal(c->now.tick, 99);
  assert_int_equal(tapes_left(&s, &last), 2500);
  for (uint32_t i = 0; i < 2; i++) { /* those of tick 101 in that of 102 */
    stage_blocks(&s, 1, 25);
    assert_int_equal(tapes_left(&s, &last), 2500);
  }
  stage_blocks(&s, 1, 25);
  assert_int_equal(tapes_left(&s, &last), 2495);
  assert_true(ledger_wants_another(s.ledger));
  c->now.tick = 700; /* as if time had flown: all are due at once */
  c->now.tick_height = c->now.height;
  stage_blocks(&s, 1, 25);
  assert_int_equal(tapes_left(&s, &last), 1495);
  assert_int_equal(last, 1494);
  stage_blocks(&s, 1, 25);
  assert_int_equal(tapes_left(&s, &last), 495);
  stage_blocks(&s, 1, 25);
  assert_int_equal(tapes_left(&s, &last), 0);
  assert_true(ledger_wants_another(s.ledger));
  stage_blocks(&s, 1, 25);
  assert_false(ledger_wants_another(s.ledger));
  stage_shut(&s);
}

static void the_price(void **state) {
  (void)state;
  static struct stage s;
  stage_open(&s);
  const struct chain_record *now = &chain_of(&s)->now;
  uint32_t expected = 1;
  for (uint32_t i = 0; i < 150; i++) {
    begin_filled(&s, 25, BLOCK_BYTES_MAX, 0);
    expected += expected / 8 > 1 ? expected / 8 : 1;
    if (expected > 1000000) expected = 1000000;
    assert_int_equal(now->gas_price, expected);
  }
  assert_int_equal(expected, 1000000);
  begin_filled(&s, 25, BLOCK_BYTES_MAX / 2, 0); /* neither */
  begin_filled(&s, 25, 0, BLOCK_GAS_MAX / 4);
  assert_int_equal(now->gas_price, expected);
  for (uint32_t i = 0; i < 150; i++) {
    begin_filled(&s, 25, 0, 0);
    expected -= expected / 9;
    assert_int_equal(now->gas_price, expected);
  }
  assert_true(expected < 9);
  stage_shut(&s);
}

/* A store such as the engine's: another map. */
static bool keep(void *context, const struct map_key *key, const struct map_value *value) {
  struct map *store = context;
  if (value)
    map_put(store, key, value->bytes, value->length);
  else
    assert_true(map_erase(store, key));
  return true;
}

struct reading {
  struct map *store;
  struct map_key at;
  bool begun;
};
static bool read_next(void *context, struct map_key *key, struct map_value *value) {
  struct reading *r = context;
  const struct map_key everything = {.length = 0};
  if (!map_next(r->store, &everything, r->begun ? &r->at : NULL, key, value)) return false;
  r->at = *key;
  r->begun = true;
  return true;
}

static void what_was_stored_goes_on(void **state) {
  (void)state;
  static struct stage a, b;
  uint8_t left[32], right[32];
  uint64_t seed = 5;
  struct map *store = map_open();
  stage_genesis(&a);
  assert_true(ledger_open(&a.ledger, a.genesis, a.genesis_length, NULL, NULL, NULL, NULL));
  assert_true(ledger_changes(a.ledger, keep, store));
  ledger_commit(a.ledger);
  for (uint32_t i = 0; i < 60; i++) {
    stage_begin(&a, 25);
    for (uint32_t n = 0; n < 4; n++) random_act(&a, &seed);
    ledger_end(a.ledger, left);
    assert_true(ledger_changes(a.ledger, keep, store));
    ledger_commit(a.ledger);
  }
  struct reading reading = {.store = store};
  assert_true(stage_load(&b, read_next, &reading));
  app_hash(&b, right);
  assert_memory_equal(left, right, 32);
  assert_memory_equal(&chain_of(&a)->now, &chain_of(&b)->now, sizeof(struct chain_record));
  random_blocks(&a, 6, 60);
  random_blocks(&b, 6, 60);
  app_hash(&a, left);
  app_hash(&b, right);
  assert_memory_equal(left, right, 32);
  stage_shut(&a);
  stage_shut(&b);
  /* Nothing at all is no chain; and one byte more in the state is another hash. */
  struct map *none = map_open();
  struct reading of_none = {.store = none}, again = {.store = store};
  assert_false(stage_load(&b, read_next, &of_none));
  stage_shut(&b);
  struct map_key key = map_key(MODULE_ACCOUNT, "another account, of no one at all", 32);
  struct account rich = {.balance = 1};
  stored_put(store, &account_kind, &key, &rich);
  assert_true(stage_load(&b, read_next, &again));
  app_hash(&b, right);
  stage_shut(&b);
  map_shut(none);
  map_shut(store);
}

static void the_sink_hears_at_the_end(void **state) {
  (void)state;
  static struct stage s;
  struct ledger_block block;
  uint8_t hash[32];
  stage_open(&s);
  assert_int_equal(s.seen.receipts, 0);
  block = stage_next(&s, 25);
  assert_true(ledger_begin(s.ledger, &block, NULL));
  outbox_event(chain_of(&s)->out, "a test", NULL, "says %u", 1u);
  assert_true(ledger_begin(s.ledger, &block, NULL)); /* forgotten */
  ledger_end(s.ledger, hash);
  assert_int_equal(s.seen.events, 0);
  assert_true(ledger_begin(s.ledger, &block, NULL));
  outbox_event(chain_of(&s)->out, "a test", NULL, "says %u", 2u);
  ledger_end(s.ledger, hash);
  assert_int_equal(s.seen.events, 1);
  ledger_commit(s.ledger);
  stage_blocks(&s, 1, 25);
  assert_int_equal(s.seen.events, 1);
  stage_shut(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_transfer_moves_and_pays),
      cmocka_unit_test(a_failed_one_keeps_charge_and_nonce_only),
      cmocka_unit_test(no_grain_is_made_or_lost),
      cmocka_unit_test(the_same_blocks_give_the_same_hash),
      cmocka_unit_test(the_same_everywhere),
      cmocka_unit_test(a_block_called_twice_leaves_no_trace),
      cmocka_unit_test(what_is_no_block),
      cmocka_unit_test(the_clock),
      cmocka_unit_test(a_chain_that_had_stopped_is_slow),
      cmocka_unit_test(at_most_a_thousand_timers),
      cmocka_unit_test(the_price),
      cmocka_unit_test(what_was_stored_goes_on),
      cmocka_unit_test(the_sink_hears_at_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
