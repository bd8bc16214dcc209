/* Who does what a transaction asks. */
#include <assert.h>

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

static enum chain_code run_stake(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct body_stake b;
  (void)gas;
  return body_stake_take(t, &b, why) ? provider_stake(&l->chain, t->account, &b, why) : CHAIN_MALFORMED;
}

static enum chain_code run_provider(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct body_provider b;
  (void)gas;
  return body_provider_take(t, &b, why) ? provider_set(&l->chain, t->account, &b, why) : CHAIN_MALFORMED;
}

/* What a type takes besides 3.4's sum, which bits of a mask it needs, who does it, and whether a gas lock may pay. */
struct rule {
  uint32_t gas;
  uint16_t mask;
  bool lock;
  handler *run; /* NULL: not built yet, refused */
};

static const struct rule rules[] = {
    [TRANSACTION_TRANSFER] = {0, MASK_TRANSFER, false, run_transfer},
    [TRANSACTION_PROVIDER_SET] = {GAS_VRF, MASK_KEYS, false, run_provider},
    [TRANSACTION_STAKE] = {0, MASK_TRANSFER, false, run_stake},
    /* Jobs, tasks, audits and disputes: their parts come into this table as they are built. */
    [TRANSACTION_JOB_POST] = {0, MASK_JOBS, false, NULL},
    [TRANSACTION_OFFER] = {GAS_VRF, MASK_SOLVE, false, NULL},
    [TRANSACTION_COMMIT] = {0, MASK_SOLVE, false, NULL},
    [TRANSACTION_TAKE] = {GAS_VRF, MASK_VERIFY, false, NULL},
    [TRANSACTION_PUBLISH] = {0, MASK_SOLVE, true, NULL},
    [TRANSACTION_SEAL] = {0, MASK_VERIFY, false, NULL},
    [TRANSACTION_OPEN] = {GAS_OPEN, MASK_SOLVE, true, NULL},
    [TRANSACTION_SHOW] = {0, MASK_VERIFY, true, NULL},
    [TRANSACTION_MOVE] = {0, MASK_MOVES, true, NULL},
    [TRANSACTION_TAPE] = {0, MASK_JOBS, false, NULL},
    [TRANSACTION_FETCH] = {0, MASK_VERIFY, true, NULL},
};

static const struct rule *rule_of(uint8_t type) {
  assert(type < sizeof rules / sizeof *rules && rules[type].mask); /* decoded: a type that there is, and no BEACON */
  return &rules[type];
}

uint16_t apply_mask(uint8_t type) { return rule_of(type)->mask; }

uint64_t apply_gas(const struct transaction *t) {
  return GAS_TRANSACTION + GAS_SIGNATURE * (t->payer ? 2 : 1) + GAS_BYTE * (uint64_t)t->length + rule_of(t->type)->gas;
}

enum chain_code apply_run(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  handler *run = rule_of(t->type)->run;
  if (run) return run(l, t, gas, why);
  why_set(why, "%s is not built yet", transaction_type_name(t->type));
  return CHAIN_FORBIDDEN;
}

bool apply_lock(const struct chain *c, const struct transaction *t, struct pocket *out) {
  (void)c;
  (void)out;
  return rule_of(t->type)->lock && false; /* who has one is what tasks and audits know */
}

void apply_timer(struct ledger *l, const struct timer *timer) {
  (void)l;
  (void)timer;
  assert(!"a timer of a part that is not built yet");
}
