/* One transaction of a block: its charge, what it does, and the way back. LEDGER 3.4, 3.5. */
#include <assert.h>
#include <inttypes.h>

#include "ledger/state.h"

/* All that a failed transaction takes back. */
struct savepoint {
  struct chain_record now;
  struct log log;
  size_t map, out;
};

static struct savepoint save(const struct chain *c) {
  return (struct savepoint){.now = c->now, .log = c->log, .map = map_mark(c->map), .out = outbox_mark(c->out)};
}

static void go_back(struct chain *c, const struct savepoint *s) {
  map_undo(c->map, s->map);
  outbox_undo(c->out, s->out);
  c->now = s->now;
  c->log = s->log;
}

/* The first key of an account that was only paid is there from now on, whatever else fails: it has the nonce. */
static void advance_nonce(struct chain *c, const struct transaction *t) {
  struct account a;
  bool there = admit_first_key(c, t, &a) || account_get(c->map, t->account, &a);
  assert(there && t->key_index < a.slots_count);
  (void)there;
  a.slot[t->key_index].nonce++;
  account_put(c->map, t->account, &a);
}

/* The whole declared gas is put aside first, so that what the transaction does cannot spend it. */
static void prepay(struct chain *c, const struct admitted *a) {
  struct pocket from = pocket_balance(a->payer), to = pocket_of(POCKET_GAS);
  bool paid = money_flow(c, NULL, ROW_GAS, &from, &to, a->gas * a->price);
  assert(paid); /* admitted a moment ago */
  (void)paid;
}

static void settle_prepaid(struct chain *c, const struct admitted *a, uint64_t charge) {
  struct pocket held = pocket_of(POCKET_GAS), to = pocket_balance(a->payer);
  bool paid =
      money_fees(c, NULL, ROW_GAS, &held, charge) && money_flow(c, NULL, ROW_GAS, &held, &to, money_held(c, &held));
  assert(paid && c->gas_held == 0);
  (void)paid;
}

/* A gas lock stays whole while the transaction runs. It may end in it: its owner has it back then, and pays. */
static bool pay_from_lock(struct chain *c, const struct admitted *a, uint64_t charge) {
  struct pocket balance = pocket_balance(a->payer);
  return money_fees(c, NULL, ROW_GAS, &a->lock, charge) || money_fees(c, NULL, ROW_GAS, &balance, charge);
}

static void settle_lock(struct chain *c, const struct admitted *a, uint64_t charge, const struct savepoint *s,
                        struct ledger_result *result) {
  if (pay_from_lock(c, a, charge)) return;
  go_back(c, s);
  result->code = CHAIN_FUNDS;
  why_set(&result->why, "what it does leaves its own gas unpaid");
  bool paid = pay_from_lock(c, a, charge);
  assert(paid);
  (void)paid;
}

/* LEDGER 3.4: "2,000 for each record by which the state has grown". */
static uint64_t record_gas(const struct chain *c, size_t count_before) {
  size_t count = map_count(c->map);
  return count > count_before ? (uint64_t)(count - count_before) * GAS_RECORD : 0;
}

static void run(struct ledger *l, const struct admitted *a, struct ledger_result *result) {
  struct chain *c = &l->chain;
  advance_nonce(c, &a->t);
  if (!a->from_lock) prepay(c, a);
  struct savepoint s = save(c);
  size_t count = map_count(c->map);
  uint64_t used = apply_gas(&a->t);
  if (used > a->gas) {
    result->code = CHAIN_GAS;
  } else {
    result->code = apply_run(l, &a->t, &used, &result->why);
    if (result->code == CHAIN_OK) used += record_gas(c, count);
    if (result->code == CHAIN_OK && used > a->gas) result->code = CHAIN_GAS;
  }
  if (result->code == CHAIN_GAS)
    why_set(&result->why, "it takes %" PRIu64 " gas; %" PRIu64 " were declared", used, a->gas);
  if (result->code != CHAIN_OK) go_back(c, &s);
  if (used > a->gas) used = a->gas;
  result->gas_used = (uint32_t)used;
  if (a->from_lock)
    settle_lock(c, a, used * a->price, &s, result);
  else
    settle_prepaid(c, a, used * a->price);
}

void ledger_deliver(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result) {
  struct admitted a;
  assert(l->stage == STAGE_RUNS);
  memset(result, 0, sizeof *result);
  result->code = admit(l, bytes, length, false, &a, &result->why);
  if (result->code != CHAIN_OK) return;
  result->admitted = true;
  result->gas_wanted = a.t.gas;
  l->transactions++;
  run(l, &a, result);
}
