/* The chain of a walk: its genesis, its blocks, its transactions. */
#include "campaign/list.h"
#include "campaign/walk.h"
#include "crypto/address.h"
#include "crypto/vrf.h"
#include "ledger/genesis/genesis.h"

#include <inttypes.h>
#include <string.h>

enum { GAS = 250000, TIMES_SLOW = 40000 };
#define ASY UINT64_C(1000000000)

_Noreturn void walk_fail(const struct walk *w, const char *what) {
  fprintf(stderr, "seed %" PRIu64 ", height %" PRIu64 ", transaction %" PRIu64 ": %s\n", w->first_seed, w->block.height,
          w->count.delivered, what);
  abort();
}

uint32_t walk_below(struct walk *w, uint32_t n) { return (uint32_t)(example_next(&w->seed) >> 33) % n; }
bool walk_one_in(struct walk *w, uint32_t n) { return walk_below(w, n) == 0; }

const struct chain *walk_chain(const struct walk *w) { return ledger_chain(w->ledger); }

uint32_t walk_who(const struct walk *w, const uint8_t account[32]) {
  uint32_t who = 0;
  while (who < WALK_ACCOUNTS && memcmp(w->account[who].id, account, 32) != 0) who++;
  WALK_CHECK(w, who < WALK_ACCOUNTS);
  return who;
}

static void open_keys(struct walk_account *a, uint32_t who) {
  uint8_t seed[SIGN_SEED_BYTES] = {(uint8_t)who};
  CHECK(sign_secret_open(seed, &a->key) == SIGN_OK);
  for (uint8_t k = 0; k < 2; k++) {
    seed[1] = (uint8_t)(1 + k);
    CHECK(sign_secret_open(seed, &a->vrf[k]) == SIGN_OK);
  }
  address_of_key(sign_secret_public(a->key).bytes, a->id);
}

static void write_genesis(struct walk *w) {
  static struct genesis_account account[WALK_ACCOUNTS];
  static struct genesis_provider provider[WALK_ACCOUNTS];
  struct genesis_validator validator = {.account = {0}};
  struct genesis g = {.chain_id = "walk-1",
                      .time_ms = 1700000000000,
                      .validators = 1,
                      .account = account,
                      .provider = provider,
                      .validator = &validator};
  CHECK(parameters_named("test", &g.parameters));
  g.parameters.keep_settled = 300; /* so that records go while the walk lasts */
  g.parameters.keep_tapes = 500;
  for (uint32_t i = 0; i < WALK_FRESH; i++) {
    struct genesis_account *a = &account[g.accounts++];
    *a = (struct genesis_account){.balance = 200000 * ASY};
    memcpy(a->key, sign_secret_public(w->account[i].key).bytes, 32);
    bool solves = i >= WALK_SOLVERS && i < WALK_VERIFIERS, verifies = i >= WALK_VERIFIERS - 2;
    if (solves) a->stake[ROLE_SOLVER] = (600 + 100 * i) * ASY;
    if (verifies) a->stake[ROLE_VERIFIER] = (300 + 40 * i) * ASY;
    if (!solves && !verifies) continue;
    struct genesis_provider *p = &provider[g.providers++];
    *p = (struct genesis_provider){
        .roles = PROVIDER_SOLVER | PROVIDER_VERIFIER, .class = (uint8_t)(i % 3), .available = true, .mem_mib = 4096};
    memcpy(p->account, w->account[i].id, 32);
    memcpy(p->vrf, sign_secret_public(w->account[i].vrf[0]).bytes, 32);
  }
  memcpy(validator.account, w->account[0].id, 32);
  memcpy(validator.vrf, sign_secret_public(w->account[0].vrf[0]).bytes, 32);
  genesis_sort(&g);
  w->genesis_length = genesis_encode(&g, w->genesis, sizeof w->genesis);
  CHECK(w->genesis_length);
}

static void post_tapes(struct walk *w) {
  for (uint32_t n = 0; n < COURSES; n++) WALK_CHECK(w, walk_tape(w, n) == CHAIN_OK);
}

void walk_open(struct walk *w, uint64_t seed) {
  memset(w, 0, sizeof *w);
  w->seed = w->first_seed = seed;
  w->bytes = malloc(WALK_BLOCK_BYTES);
  w->answers = malloc(WALK_BLOCK_BYTES);
  w->seen = calloc(1, WALK_SEEN_BYTES);
  CHECK(w->bytes && w->answers && w->seen && sign_open(NULL) == SIGN_OK);
  for (uint32_t i = 0; i < WALK_ACCOUNTS; i++) open_keys(&w->account[i], i);
  for (uint32_t n = 0; n < COURSES; n++) course_open(&w->course[n], n);
  write_genesis(w);
  struct chain_sink sink = walk_sink(w);
  CHECK(ledger_open(&w->ledger, w->genesis, w->genesis_length, NULL, NULL, &sink, NULL));
  ledger_commit(w->ledger);
  w->supply = money_sum(walk_chain(w));
  for (uint32_t i = 0; i < WALK_ACCOUNTS; i++) {
    struct account a;
    uint64_t all = 0;
    if (account_get(walk_chain(w)->map, w->account[i].id, &a)) CHECK(account_total(&a, &all));
    w->account[i].explained = (int64_t)all;
  }
  list_begin(w);
  walk_block(w, post_tapes);
}

void walk_shut(struct walk *w) {
  ledger_shut(w->ledger);
  for (uint32_t n = 0; n < COURSES; n++) course_shut(&w->course[n]);
  for (uint32_t i = 0; i < WALK_ACCOUNTS; i++) {
    sign_secret_shut(&w->account[i].key);
    for (uint32_t k = 0; k < 2; k++) sign_secret_shut(&w->account[i].vrf[k]);
  }
  free(w->bytes);
  free(w->answers);
  free(w->seen);
}

/* Blocks. */

static void draw_block(struct walk *w) {
  const struct chain *c = walk_chain(w);
  uint8_t input[256], proof[VRF_PROOF_BYTES];
  size_t length = ledger_beacon_input(w->ledger, input, sizeof input);
  vrf_prove(w->account[0].vrf[0], input, length, proof);
  struct transaction t = transaction_beacon(proof);
  w->block = (struct ledger_block){.height = c->now.height + 1,
                                   .time_ms = c->now.last_time_ms + 25 + walk_below(w, 20),
                                   .proposer = w->account[0].id,
                                   .beacon = w->beacon};
  w->block.beacon_length = transaction_encode(&t, w->beacon, sizeof w->beacon);
  if (walk_one_in(w, 20)) w->block.time_ms = c->now.last_time_ms + 1; /* too early for a tick */
  if (walk_one_in(w, TIMES_SLOW)) w->block.time_ms += 61000;          /* the chain had stopped */
  w->block.gas = walk_one_in(w, 30) ? BLOCK_GAS_MAX - walk_below(w, 1000) : walk_below(w, BLOCK_GAS_MAX / 3);
}

static void deliver_again(struct walk *w) {
  uint8_t hash[32];
  struct ledger_result r;
  size_t answers = w->answers_used;
  w->telling_again = true;
  WALK_CHECK(w, ledger_begin(w->ledger, &w->block, NULL));
  for (size_t at = 0; at < w->used;) {
    uint32_t length;
    memcpy(&length, w->bytes + at, sizeof length);
    ledger_deliver(w->ledger, w->bytes + at + 4, length, &r);
    WALK_CHECK(w, r.admitted);
    at += 4 + length;
  }
  ledger_end(w->ledger, hash);
  WALK_CHECK(w, memcmp(hash, w->app_hash, 32) == 0);
  w->telling_again = false;
  w->answers_used = answers;
  w->count.again++;
}

void walk_block(struct walk *w, void (*act)(struct walk *w)) {
  draw_block(w);
  w->used = w->sent = 0;
  w->answers_used = 0;
  WALK_CHECK(w, ledger_begin(w->ledger, &w->block, NULL));
  WALK_CHECK(w, money_sum(walk_chain(w)) == w->supply);
  act(w);
  ledger_end(w->ledger, w->app_hash);
  if (walk_one_in(w, 64)) deliver_again(w);
  list_block(w);
  ledger_commit(w->ledger);
  w->count.blocks++;
  walk_check(w, w->count.blocks % 16 == 0);
}

/* Transactions. */

static size_t sign(struct walk *w, struct transaction *t, uint32_t who, uint32_t payer, uint8_t *bytes, size_t max) {
  static uint8_t message[TRANSACTION_SIGN_DOMAIN_BYTES + TRANSACTION_TAPE_BYTES_MAX];
  uint8_t signature[2][SIGNATURE_BYTES];
  if (payer != who) {
    t->flags = TRANSACTION_SPONSORED;
    t->payer = w->account[payer].id;
  }
  size_t length = transaction_sign_bytes(t, walk_chain(w)->genesis, message, sizeof message);
  CHECK(length);
  sign_make(w->account[who].key, message, length, signature[0]);
  if (payer != who) sign_make(w->account[payer].key, message, length, signature[1]);
  t->signature = signature[0];
  t->payer_signature = signature[1];
  return transaction_encode(t, bytes, max);
}

/* What a transaction moves that no receipt tells: LEDGER 14.5. */
static void explain(struct walk *w, uint32_t who, uint32_t payer, const struct transaction *t,
                    const struct ledger_result *r) {
  struct body_transfer b;
  w->account[payer].explained -= (int64_t)((uint64_t)r->gas_used * t->price);
  if (r->code != CHAIN_OK || t->type != TRANSACTION_TRANSFER) return;
  CHECK(body_transfer_take(t, &b, NULL));
  w->account[who].explained -= (int64_t)b.amount;
  w->account[walk_who(w, b.to)].explained += (int64_t)b.amount;
}

uint16_t walk_send(struct walk *w, uint32_t who, uint8_t type, const uint8_t *body, size_t length) {
  struct account a;
  struct ledger_result r;
  const struct chain *c = walk_chain(w);
  uint8_t *at = w->bytes + w->used + 4;
  bool there = account_get(c->map, w->account[who].id, &a);
  uint32_t payer = walk_one_in(w, 50) ? walk_below(w, WALK_FRESH) : who;
  /* One draw after the other: in a list of initial values the order would be the compiler's. */
  uint64_t until = c->now.tick + walk_below(w, UNTIL_TICKS_MAX);
  uint32_t gas = walk_one_in(w, 200) ? 500 + walk_below(w, 8000) : GAS;
  uint32_t price = c->now.gas_price + walk_one_in(w, 100);
  struct transaction t = {.type = type,
                          .account = w->account[who].id,
                          .nonce = there && a.slots_count ? a.slot[0].nonce : 0,
                          .until_tick = until,
                          .gas = gas,
                          .price = price,
                          .body = body,
                          .body_length = (uint32_t)length};
  if (a.balance < (uint64_t)t.gas * t.price) w->account[who].short_height = w->block.height;
  CHECK(length && w->used + TRANSACTION_TAPE_BYTES_MAX < WALK_BLOCK_BYTES);
  size_t whole = sign(w, &t, who, payer, at, TRANSACTION_TAPE_BYTES_MAX);
  CHECK(whole);
  size_t answers = w->answers_used;
  ledger_deliver(w->ledger, at, whole, &r);
  WALK_CHECK(w, money_sum(walk_chain(w)) == w->supply);
  if (!r.admitted) {
    w->count.refused++;
    w->answers_used = answers; /* it stands in no block */
    return WALK_NOT_ADMITTED;
  }
  uint32_t prefix = (uint32_t)whole;
  memcpy(w->bytes + w->used, &prefix, sizeof prefix);
  w->used += 4 + whole;
  w->sent++;
  w->count.delivered++;
  w->count.sponsored += payer != who;
  w->count.done[type] += r.code == CHAIN_OK;
  w->count.failed[type] += r.code != CHAIN_OK;
  if (getenv("WALK_TELL") && r.code) fprintf(stderr, "%s: %s\n", transaction_type_name(type), r.why.text);
  explain(w, who, payer, &t, &r);
  return r.code;
}
