/* Who does what a transaction asks. */
#include <assert.h>

#include "ledger/docket/docket.h"
#include "ledger/provider/provider.h"
#include "ledger/state.h"

typedef enum chain_code handler(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why);

static enum chain_code run_transfer(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct body_transfer b;
  (void)gas;
  if (!body_transfer_take(t, &b, why)) return CHAIN_MALFORMED;
  struct pocket from = pocket_balance(t->account), to = pocket_balance(b.to);
  if (!b.amount) return why_set(why, "a transfer of nothing"), CHAIN_LIMIT;
  if (!money_flow(&l->chain, NULL, ROW_TRANSFER, &from, &to, b.amount))
    return why_set(why, "the balance is less than the amount"), CHAIN_FUNDS;
  return CHAIN_OK;
}

/* LEDGER 15.1: the root key alone gives keys. */
static enum chain_code run_key(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct body_key b;
  struct account a;
  (void)gas;
  if (!body_key_take(t, &b, why)) return CHAIN_MALFORMED;
  if (t->key_index != 0) return why_set(why, "key number %u gives no keys; key 0 does", t->key_index), CHAIN_FORBIDDEN;
  bool there = account_get(l->chain.map, t->account, &a);
  assert(there); /* its nonce went up a moment ago */
  (void)there;
  if (account_set_key(&a, b.index, b.key, b.mask, b.until_tick) != ACCOUNT_OK)
    return why_set(why, "key slots are opened in order; the next is %u", a.slots_count), CHAIN_LIMIT;
  account_put(l->chain.map, t->account, &a);
  return CHAIN_OK;
}

static enum chain_code run_tape(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct body_tape b;
  uint64_t records = 0;
  if (!body_tape_take(t, &b, why)) return CHAIN_MALFORMED;
  enum chain_code code = job_tape_post(&l->chain, &b, &l->memory, &records, why);
  arena_reset(&l->memory, 0);
  *gas += records;
  return code;
}

static enum chain_code run_post(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct chain *c = &l->chain;
  struct body_post b;
  struct job_stored job;
  uint8_t id[32];
  (void)gas;
  if (!body_post_take(t, &b, why)) return CHAIN_MALFORMED;
  job_id(c, t->account, t->key_index, t->nonce, id);
  enum chain_code code = job_post(c, id, t->account, &b, why);
  if (code != CHAIN_OK) return code;
  bool there = job_find(c, id, &job);
  assert(there);
  (void)there;
  task_begin(c, &job.record);
  return CHAIN_OK;
}

/* Those that are a body and one function. */
#define RUN(name, body, function)                                                                                      \
  static enum chain_code run_##name(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {   \
    struct body_##body b;                                                                                              \
    (void)gas;                                                                                                         \
    return body_##body##_take(t, &b, why) ? function(&l->chain, t->account, &b, why) : CHAIN_MALFORMED;                \
  }
RUN(stake, stake, provider_stake)
RUN(provider, provider, provider_set)
RUN(offer, offer, task_offer)
RUN(commit, commit, task_commit)
RUN(take, take, audit_take)
RUN(publish, publish, audit_publish)
RUN(seal, seal, audit_seal)
RUN(open, open, audit_open)
RUN(show, show, audit_show)
RUN(fetch, fetch, audit_fetch)

static enum chain_code run_move(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct body_move b;
  return body_move_take(t, &b, why) ? docket_move(&l->chain, t->account, &b, gas, why) : CHAIN_MALFORMED;
}

/* Whose gas lock (LEDGER 2.8): that of the seat which the body names, or that of the attempt's solver. */
typedef bool lock_finder(const struct chain *c, const struct transaction *t, uint8_t seat[POCKET_SEAT_BYTES]);

static bool seat_of(const struct body_attempt *at, uint8_t number, uint8_t seat[POCKET_SEAT_BYTES]) {
  memcpy(seat, at->task, TASK_ID_BYTES);
  seat[TASK_ID_BYTES] = at->attempt;
  seat[TASK_ID_BYTES + 1] = number;
  return true;
}

static bool lock_publish(const struct chain *c, const struct transaction *t, uint8_t seat[POCKET_SEAT_BYTES]) {
  struct body_publish b;
  (void)c;
  return body_publish_take(t, &b, NULL) && seat_of(&b.at, SEAT_NONE, seat);
}
static bool lock_open(const struct chain *c, const struct transaction *t, uint8_t seat[POCKET_SEAT_BYTES]) {
  struct body_open b;
  (void)c;
  return body_open_take(t, &b, NULL) && seat_of(&b.at, SEAT_NONE, seat);
}
static bool lock_show(const struct chain *c, const struct transaction *t, uint8_t seat[POCKET_SEAT_BYTES]) {
  struct body_show b;
  (void)c;
  return body_show_take(t, &b, NULL) && seat_of(&b.at, b.at.seat, seat);
}
static bool lock_fetch(const struct chain *c, const struct transaction *t, uint8_t seat[POCKET_SEAT_BYTES]) {
  struct body_fetch b;
  (void)c;
  return body_fetch_take(t, &b, NULL) && seat_of(&b.at, b.at.seat, seat);
}
static bool lock_move(const struct chain *c, const struct transaction *t, uint8_t seat[POCKET_SEAT_BYTES]) {
  struct body_move b;
  struct docket_record r;
  if (!body_move_take(t, &b, NULL) || !docket_find(c, b.dispute, &r)) return false;
  memcpy(seat, r.seat, POCKET_SEAT_BYTES);
  if (!memcmp(t->account, r.claimant, 32)) seat[POCKET_SEAT_BYTES - 1] = SEAT_NONE;
  return true;
}

/* What a type takes besides the sum of LEDGER 3.4, which bits of a key's mask it needs, and who does it. lock: where a
 * gas lock may pay. A part that is built later adds its types here. */
struct rule {
  uint32_t gas;
  uint16_t mask;
  handler *run;
  lock_finder *lock;
};

static const struct rule rules[] = {
    [TRANSACTION_TRANSFER] = {0, MASK_TRANSFER, run_transfer, NULL},
    [TRANSACTION_KEY_SET] = {0, MASK_KEYS, run_key, NULL},
    [TRANSACTION_PROVIDER_SET] = {GAS_VRF, MASK_KEYS, run_provider, NULL},
    [TRANSACTION_STAKE] = {0, MASK_TRANSFER, run_stake, NULL},
    [TRANSACTION_JOB_POST] = {0, MASK_JOBS, run_post, NULL},
    [TRANSACTION_OFFER] = {GAS_VRF, MASK_SOLVE, run_offer, NULL},
    [TRANSACTION_COMMIT] = {0, MASK_SOLVE, run_commit, NULL},
    [TRANSACTION_TAKE] = {GAS_VRF, MASK_VERIFY, run_take, NULL},
    [TRANSACTION_PUBLISH] = {0, MASK_SOLVE, run_publish, lock_publish},
    [TRANSACTION_SEAL] = {0, MASK_VERIFY, run_seal, NULL},
    [TRANSACTION_OPEN] = {GAS_OPEN, MASK_SOLVE, run_open, lock_open},
    [TRANSACTION_SHOW] = {0, MASK_VERIFY, run_show, lock_show},
    [TRANSACTION_MOVE] = {0, MASK_MOVES, run_move, lock_move},
    [TRANSACTION_TAPE] = {0, MASK_JOBS, run_tape, NULL},
    [TRANSACTION_FETCH] = {0, MASK_VERIFY, run_fetch, lock_fetch},
};

static const struct rule *rule_of(uint8_t type) {
  assert(type < sizeof rules / sizeof *rules && rules[type].run); /* decoded: a type that there is, and no BEACON */
  return &rules[type];
}

uint16_t apply_mask(uint8_t type) { return rule_of(type)->mask; }

uint64_t apply_gas(const struct transaction *t) {
  return GAS_TRANSACTION + GAS_SIGNATURE * (t->payer ? 2 : 1) + GAS_BYTE * (uint64_t)t->length + rule_of(t->type)->gas;
}

enum chain_code apply_run(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  return rule_of(t->type)->run(l, t, gas, why);
}

bool apply_lock(const struct chain *c, const struct transaction *t, struct pocket *out) {
  lock_finder *find = rule_of(t->type)->lock;
  uint8_t seat[POCKET_SEAT_BYTES];
  if (!find || !find(c, t, seat)) return false;
  *out = pocket_gas_lock(seat, t->account); /* none but this account's, so nobody else's can pay */
  return true;
}

static uint64_t number_of(const struct timer *t) {
  uint64_t x = 0;
  assert(t->length == 8);
  for (uint32_t i = 0; i < 8; i++) x = x << 8 | t->id[i];
  return x;
}

void apply_timer(struct ledger *l, const struct timer *t) {
  struct chain *c = &l->chain;
  switch ((enum timer_kind)t->kind) {
  case TIMER_TASK: task_due(c, t->id); return;
  case TIMER_DISPUTE: docket_due(c, number_of(t)); return;
  case TIMER_PRUNE: task_prune(c, t->id); return;
  case TIMER_TAPE: job_tape_due(c, t->id); return;
  case TIMER_UNBOND: /* later, with UNSTAKE */ break;
  }
  assert(!"a timer of no kind");
}
