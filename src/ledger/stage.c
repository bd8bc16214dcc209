#include "ledger/stage.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/address.h"
#include "crypto/vrf.h"

#define CHECK(x) ((x) ? (void)0 : abort())

static void take_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  struct stage_seen *seen = context;
  (void)number, (void)bytes, (void)length, (void)payments, (void)payments_length;
  seen->receipts++;
}
static void take_content(void *context, const uint8_t hash[32], const uint8_t *bytes, size_t length) {
  struct stage_seen *seen = context;
  (void)hash, (void)bytes, (void)length;
  seen->contents++;
}
static void take_event(void *context, const char *kind, const uint8_t *task, const char *text) {
  struct stage_seen *seen = context;
  (void)kind, (void)task, (void)text;
  seen->events++;
}

static void make_keys(struct stage *s) {
  uint8_t seed[SIGN_SEED_BYTES] = {0};
  CHECK(sign_open(NULL) == SIGN_OK);
  for (uint8_t i = 0; i < STAGE_ACCOUNTS; i++) {
    seed[0] = i;
    seed[1] = 0;
    CHECK(sign_secret_open(seed, &s->key[i]) == SIGN_OK);
    seed[1] = 1;
    CHECK(sign_secret_open(seed, &s->vrf[i]) == SIGN_OK);
    address_of_key(sign_secret_public(s->key[i]).bytes, s->id[i]);
  }
}

static struct genesis_provider provider_of(const struct stage *s, uint32_t who) {
  struct genesis_provider p = {.roles = PROVIDER_ROLES_ALL, .available = true, .mem_mib = 4096};
  memcpy(p.account, s->id[who], 32);
  memcpy(p.vrf, sign_secret_public(s->vrf[who]).bytes, 32);
  return p;
}

void stage_genesis(struct stage *s) {
  struct genesis_account account[STAGE_ACCOUNTS];
  struct genesis_provider provider[4];
  struct genesis_validator validator[1];
  struct genesis g = {.chain_id = "stage-1",
                      .time_ms = 1700000000000,
                      .accounts = STAGE_ACCOUNTS,
                      .providers = 4,
                      .validators = 1,
                      .account = account,
                      .provider = provider,
                      .validator = validator};
  memset(s, 0, sizeof *s);
  make_keys(s);
  CHECK(parameters_named("test", &g.parameters));
  for (uint32_t i = 0; i < STAGE_ACCOUNTS; i++) {
    account[i] = (struct genesis_account){.balance = STAGE_BALANCE};
    memcpy(account[i].key, sign_secret_public(s->key[i]).bytes, 32);
    for (uint32_t r = 0; i < 4 && r < 4; r++) account[i].stake[r] = (i + 1) * g.parameters.stake_min;
    if (i < 4) provider[i] = provider_of(s, i);
  }
  memset(validator, 0, sizeof validator);
  memcpy(validator[0].account, s->id[0], 32);
  memcpy(validator[0].vrf, sign_secret_public(s->vrf[0]).bytes, 32);
  genesis_sort(&g);
  s->genesis_length = genesis_encode(&g, s->genesis, sizeof s->genesis);
  CHECK(s->genesis_length);
  s->time_ms = g.time_ms;
}

static struct chain_sink sink_of(struct stage *s) {
  return (struct chain_sink){
      .context = &s->seen, .receipt = take_receipt, .content = take_content, .event = take_event};
}

void stage_open(struct stage *s) {
  stage_genesis(s);
  struct chain_sink sink = sink_of(s);
  CHECK(ledger_open(&s->ledger, s->genesis, s->genesis_length, NULL, NULL, &sink, NULL));
  ledger_commit(s->ledger);
}

bool stage_load(struct stage *s, ledger_record *load, void *context) {
  stage_genesis(s);
  struct chain_sink sink = sink_of(s);
  if (!ledger_open(&s->ledger, s->genesis, s->genesis_length, load, context, &sink, NULL)) return false;
  const struct chain *c = ledger_chain(s->ledger);
  s->height = c->now.height;
  s->time_ms = c->now.last_time_ms;
  for (uint32_t i = 0; i < STAGE_ACCOUNTS; i++) {
    struct account a;
    if (account_get(c->map, s->id[i], &a)) s->nonce[i] = a.slot[0].nonce;
  }
  return true;
}

void stage_shut(struct stage *s) {
  ledger_shut(s->ledger);
  s->ledger = NULL;
  for (uint32_t i = 0; i < STAGE_ACCOUNTS; i++) {
    sign_secret_shut(&s->key[i]);
    sign_secret_shut(&s->vrf[i]);
  }
}

struct ledger_block stage_next(struct stage *s, uint64_t ms) {
  uint8_t input[256], proof[VRF_PROOF_BYTES];
  size_t length = ledger_beacon_input(s->ledger, input, sizeof input);
  vrf_prove(s->vrf[0], input, length, proof);
  struct transaction t = transaction_beacon(proof);
  s->beacon_length = transaction_encode(&t, s->beacon, sizeof s->beacon);
  CHECK(s->beacon_length);
  const struct chain *c = ledger_chain(s->ledger);
  s->height = c->now.height + 1;
  s->time_ms = c->now.last_time_ms + ms;
  return (struct ledger_block){.height = s->height,
                               .time_ms = s->time_ms,
                               .proposer = s->id[0],
                               .beacon = s->beacon,
                               .beacon_length = s->beacon_length};
}

void stage_begin(struct stage *s, uint64_t ms) {
  struct ledger_block b = stage_next(s, ms);
  CHECK(ledger_begin(s->ledger, &b, NULL));
}

void stage_end(struct stage *s) {
  uint8_t hash[32];
  ledger_end(s->ledger, hash);
  ledger_commit(s->ledger);
}

void stage_blocks(struct stage *s, uint32_t count, uint64_t ms) {
  while (count--) {
    stage_begin(s, ms);
    stage_end(s);
  }
}

struct transaction stage_draft(const struct stage *s, uint32_t who, uint8_t type, const uint8_t *body, size_t length) {
  const struct chain *c = ledger_chain(s->ledger);
  return (struct transaction){.type = type,
                              .account = s->id[who],
                              .nonce = s->nonce[who],
                              .until_tick = c->now.tick + 100,
                              .gas = 50000,
                              .price = c->now.gas_price,
                              .body = body,
                              .body_length = (uint32_t)length};
}

size_t stage_sign(const struct stage *s, uint32_t who, const struct transaction *t, uint8_t *bytes, size_t bytes_max) {
  static uint8_t message[TRANSACTION_SIGN_DOMAIN_BYTES + TRANSACTION_TAPE_BYTES_MAX];
  uint8_t signature[SIGNATURE_BYTES];
  size_t length = transaction_sign_bytes(t, ledger_chain(s->ledger)->genesis, message, sizeof message);
  struct transaction whole = *t;
  CHECK(length);
  sign_make(s->key[who], message, length, signature);
  whole.signature = signature;
  return transaction_encode(&whole, bytes, bytes_max);
}

struct ledger_result stage_send(struct stage *s, uint32_t who, uint8_t type, const uint8_t *body, size_t length) {
  static uint8_t bytes[TRANSACTION_TAPE_BYTES_MAX];
  struct ledger_result result;
  struct transaction t = stage_draft(s, who, type, body, length);
  size_t whole = stage_sign(s, who, &t, bytes, sizeof bytes);
  CHECK(whole);
  ledger_deliver(s->ledger, bytes, whole, &result);
  if (result.admitted) s->nonce[who]++;
  return result;
}

struct ledger_result stage_transfer(struct stage *s, uint32_t who, const uint8_t to[32], uint64_t amount) {
  uint8_t body[256];
  struct body_transfer b = {.to = to, .amount = amount};
  return stage_send(s, who, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body));
}

struct ledger_result stage_stake(struct stage *s, uint32_t who, uint8_t role, uint64_t amount) {
  uint8_t body[16];
  struct body_stake b = {.role = role, .amount = amount};
  return stage_send(s, who, TRANSACTION_STAKE, body, body_stake_put(&b, body, sizeof body));
}
