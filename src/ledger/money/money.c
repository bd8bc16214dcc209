#include "ledger/money/money.h"

#include <assert.h>

#include "base/checked.h"

static struct pocket with_id(uint8_t kind, const uint8_t *id, uint8_t length) {
  struct pocket p = {.kind = kind, .length = length};
  assert(length <= POCKET_ID_BYTES_MAX);
  memcpy(p.id, id, length);
  return p;
}

struct pocket pocket_balance(const uint8_t account[32]) {
  return with_id(POCKET_BALANCE, account, 32);
}

struct pocket pocket_stake(const uint8_t account[32], uint8_t role) {
  struct pocket p = with_id(POCKET_STAKE, account, 32);
  assert(role < ROLES);
  p.role = role;
  return p;
}

struct pocket pocket_escrow(const uint8_t job[32]) {
  return with_id(POCKET_ESCROW, job, 32);
}
struct pocket pocket_lock(const uint8_t *id, uint8_t length) {
  return with_id(POCKET_LOCK, id, length);
}
struct pocket pocket_of(enum pocket_kind kind) {
  return (struct pocket){.kind = (uint8_t)kind};
}

struct pocket pocket_gas_lock(const uint8_t seat[POCKET_SEAT_BYTES], const uint8_t account[32]) {
  struct pocket p = with_id(POCKET_LOCK, seat, POCKET_SEAT_BYTES);
  memcpy(p.id + POCKET_SEAT_BYTES, account, 32);
  p.length = POCKET_SEAT_BYTES + 32;
  return p;
}

/* Escrows and locks: MODULE_POCKET | kind u8 | id, amount u64; none when it is empty. */
static struct map_key pocket_key(const struct pocket *p) {
  struct map_key key = map_key(MODULE_POCKET, &p->kind, 1);
  map_key_bytes(&key, p->id, p->length);
  return key;
}

static void put_amount(struct writer *w, const void *record) { put_u64(w, *(const uint64_t *)record); }
static bool take_amount(struct reader *r, void *record) {
  uint64_t *amount = record;
  *amount = take_u64(r);
  return *amount != 0;
}
static const struct stored_kind amount_kind = {"pocket", sizeof(uint64_t), 8, put_amount, take_amount};

static uint64_t stored_amount_of(const struct chain *c, const struct pocket *p) {
  struct map_key key = pocket_key(p);
  uint64_t amount;
  return stored_get(c->map, &amount_kind, &key, &amount) ? amount : 0;
}

static void store_amount(struct chain *c, const struct pocket *p, uint64_t amount) {
  struct map_key key = pocket_key(p);
  if (amount)
    stored_put(c->map, &amount_kind, &key, &amount);
  else
    map_erase(c->map, &key);
}

/* The chain's own sums, which need no record. NULL for the others. */
static uint64_t *sum_of(struct chain *c, enum pocket_kind kind) {
  switch (kind) {
  case POCKET_VALIDATORS: return &c->now.validators_pool;
  case POCKET_BURNED: return &c->now.burned;
  case POCKET_SUBSIDY: return &c->now.subsidy_pool;
  case POCKET_TREASURY: return &c->now.treasury;
  case POCKET_QUARANTINE: return &c->now.quarantine;
  case POCKET_GAS: return &c->gas_held;
  case POCKET_BALANCE:
  case POCKET_STAKE:
  case POCKET_ESCROW:
  case POCKET_LOCK: return NULL;
  }
  assert(!"a pocket of no kind");
  return NULL;
}

uint64_t money_held(const struct chain *c, const struct pocket *p) {
  struct account a;
  if (p->kind == POCKET_BALANCE) return account_get(c->map, p->id, &a) ? a.balance : 0;
  if (p->kind == POCKET_STAKE) return account_get(c->map, p->id, &a) ? account_free(&a, p->role) : 0;
  if (p->kind == POCKET_ESCROW || p->kind == POCKET_LOCK) return stored_amount_of(c, p);
  return *sum_of((struct chain *)c, p->kind); /* looked at only */
}

static void take_from(struct chain *c, const struct pocket *p, uint64_t amount) {
  struct account a;
  if (p->kind == POCKET_BALANCE || p->kind == POCKET_STAKE) {
    account_get(c->map, p->id, &a);
    if (p->kind == POCKET_BALANCE)
      a.balance -= amount;
    else
      a.stake[p->role] -= amount;
    account_put(c->map, p->id, &a);
  } else if (p->kind == POCKET_ESCROW || p->kind == POCKET_LOCK) {
    store_amount(c, p, stored_amount_of(c, p) - amount);
  } else {
    *sum_of(c, p->kind) -= amount;
  }
}

/* Nothing overflows: all money together is below 2^60, and amount has just been taken from some of it. */
static void give_to(struct chain *c, const struct pocket *p, uint64_t amount) {
  struct account a;
  if (p->kind == POCKET_BALANCE || p->kind == POCKET_STAKE) {
    account_get(c->map, p->id, &a);
    if (p->kind == POCKET_BALANCE)
      a.balance += amount;
    else
      a.stake[p->role] += amount;
    account_put(c->map, p->id, &a);
  } else if (p->kind == POCKET_ESCROW || p->kind == POCKET_LOCK) {
    store_amount(c, p, stored_amount_of(c, p) + amount);
  } else {
    *sum_of(c, p->kind) += amount;
  }
}

bool money_flow(struct chain *c, struct payments *list, uint8_t row, const struct pocket *from, const struct pocket *to,
                uint64_t amount) {
  if (!amount) return true;
  if (money_held(c, from) < amount) return false;
  take_from(c, from, amount);
  give_to(c, to, amount);
  if (list) payments_add(list, &(struct payment){.row = row, .from = *from, .to = *to, .amount = amount});
  return true;
}

/* LEDGER 2.7: "half (floor) burns, the rest goes to the validators' pool". */
bool money_fees(struct chain *c, struct payments *list, uint8_t row, const struct pocket *from, uint64_t amount) {
  struct pocket burned = pocket_of(POCKET_BURNED), validators = pocket_of(POCKET_VALIDATORS);
  if (money_held(c, from) < amount) return false;
  money_flow(c, list, row, from, &burned, amount / 2);
  money_flow(c, list, row, from, &validators, amount - amount / 2);
  return true;
}

bool money_lock(struct chain *c, const uint8_t account[32], uint8_t role, uint64_t amount) {
  struct account a;
  account_get(c->map, account, &a);
  if (account_lock(&a, role, amount) != ACCOUNT_OK) return false;
  if (amount) account_put(c->map, account, &a);
  return true;
}

void money_unlock(struct chain *c, const uint8_t account[32], uint8_t role, uint64_t amount) {
  struct account a;
  account_get(c->map, account, &a);
  enum account_status status = account_unlock(&a, role, amount);
  assert(status == ACCOUNT_OK); /* a lock has an owner who knows how much it is */
  (void)status;
  if (amount) account_put(c->map, account, &a);
}

bool money_gas_lock(struct chain *c, struct payments *list, const uint8_t seat[POCKET_SEAT_BYTES],
                    const uint8_t account[32], uint64_t amount) {
  struct pocket from = pocket_balance(account), to = pocket_gas_lock(seat, account);
  return money_flow(c, list, ROW_LOCK, &from, &to, amount);
}

void money_gas_unlock(struct chain *c, struct payments *list, uint8_t row, const uint8_t seat[POCKET_SEAT_BYTES],
                      const uint8_t account[32]) {
  struct pocket from = pocket_gas_lock(seat, account), to = pocket_balance(account);
  money_flow(c, list, row, &from, &to, money_held(c, &from));
}

static bool amount_of(const void *record, uint64_t *amount) {
  *amount = *(const uint64_t *)record;
  return true;
}

uint64_t money_sum(const struct chain *c) {
  const uint64_t sums[] = {c->now.burned,   c->now.validators_pool, c->now.subsidy_pool,
                           c->now.treasury, c->now.quarantine,      c->gas_held};
  struct map_key prefix = map_key(MODULE_POCKET, NULL, 0);
  uint64_t accounts, pockets, sum;
  bool fits = account_sum(c->map, &accounts) && stored_sum(c->map, &amount_kind, &prefix, amount_of, &pockets) &&
              checked_add_u64(accounts, pockets, &sum);
  for (uint32_t i = 0; fits && i < sizeof sums / sizeof *sums; i++) fits = checked_add_u64(sum, sums[i], &sum);
  assert(fits);
  return sum;
}

uint64_t money_share(uint64_t amount, uint32_t permille) {
  unsigned __int128 share = (unsigned __int128)amount * permille / 1000;
  assert(share <= UINT64_MAX);
  return (uint64_t)share;
}
