#include "ledger/account/account.h"

#include <string.h>

#include "base/checked.h"

static void put(struct writer *w, const void *record) {
  const struct account *a = record;
  put_u64(w, a->balance);
  for (uint32_t r = 0; r < ROLES; r++) put_u64(w, a->stake[r]);
  for (uint32_t r = 0; r < ROLES; r++) put_u64(w, a->locked[r]);
  put_u8(w, a->unbonding_count);
  for (uint32_t i = 0; i < a->unbonding_count; i++) {
    const struct unbonding *u = &a->unbonding[i];
    put_u8(w, u->role);
    put_u64(w, u->amount);
    put_u64(w, u->tick);
    put_u64(w, u->time);
  }
  put_u8(w, a->slots_count);
  for (uint32_t i = 0; i < a->slots_count; i++) {
    const struct key_slot *s = &a->slot[i];
    put_bytes(w, s->key, sizeof s->key);
    put_u16(w, s->mask);
    put_u64(w, s->nonce);
    put_u64(w, s->until_tick);
  }
}

static bool empty(const struct account *a) {
  uint64_t total;
  return a->slots_count == 0 && account_total(a, &total) && total == 0;
}

static bool take(struct reader *r, void *record) {
  struct account *a = record;
  uint64_t total;
  a->balance = take_u64(r);
  for (uint32_t i = 0; i < ROLES; i++) a->stake[i] = take_u64(r);
  for (uint32_t i = 0; i < ROLES; i++) {
    a->locked[i] = take_u64(r);
    if (a->locked[i] > a->stake[i]) return false;
  }
  a->unbonding_count = (uint8_t)take_count(r, ACCOUNT_UNBONDING_MAX);
  for (uint32_t i = 0; i < a->unbonding_count; i++) {
    struct unbonding *u = &a->unbonding[i];
    u->role = take_u8(r);
    u->amount = take_u64(r);
    u->tick = take_u64(r);
    u->time = take_u64(r);
    if (u->role >= ROLES || !u->amount) return false;
  }
  a->slots_count = (uint8_t)take_count(r, ACCOUNT_SLOTS_MAX);
  for (uint32_t i = 0; i < a->slots_count; i++) {
    struct key_slot *s = &a->slot[i];
    take_hash(r, s->key);
    s->mask = take_u16(r);
    s->nonce = take_u64(r);
    s->until_tick = take_u64(r);
    if (s->mask >> ACCOUNT_MASK_BITS) return false;
  }
  return account_total(a, &total) && !empty(a);
}

const struct stored_kind account_kind = {"account", sizeof(struct account), ACCOUNT_BYTES_MAX, put, take};

struct map_key account_key(const uint8_t id[ACCOUNT_ID_BYTES]) {
  return map_key(MODULE_ACCOUNT, id, ACCOUNT_ID_BYTES);
}

bool account_get(const struct map *m, const uint8_t id[ACCOUNT_ID_BYTES], struct account *a) {
  struct map_key key = account_key(id);
  if (stored_get(m, &account_kind, &key, a)) return true;
  memset(a, 0, sizeof *a);
  return false;
}

void account_put(struct map *m, const uint8_t id[ACCOUNT_ID_BYTES], const struct account *a) {
  struct map_key key = account_key(id);
  if (empty(a))
    map_erase(m, &key);
  else
    stored_put(m, &account_kind, &key, a);
}

enum account_status account_credit(struct account *a, uint64_t amount) {
  uint64_t total;
  /* All an account owns fits in 64 bits, so its parts can be moved about without asking again. */
  if (!account_total(a, &total) || !checked_add_u64(total, amount, &total)) return ACCOUNT_ERR_RANGE;
  a->balance += amount;
  return ACCOUNT_OK;
}

enum account_status account_debit(struct account *a, uint64_t amount) {
  if (a->balance < amount) return ACCOUNT_ERR_BALANCE;
  a->balance -= amount;
  return ACCOUNT_OK;
}

enum account_status account_stake(struct account *a, uint8_t role, uint64_t amount) {
  uint64_t stake;
  if (role >= ROLES || !amount) return ACCOUNT_ERR_RANGE;
  if (a->balance < amount) return ACCOUNT_ERR_BALANCE;
  if (!checked_add_u64(a->stake[role], amount, &stake)) return ACCOUNT_ERR_RANGE;
  a->balance -= amount;
  a->stake[role] = stake;
  return ACCOUNT_OK;
}

uint64_t account_free(const struct account *a, uint8_t role) { return a->stake[role] - a->locked[role]; }

enum account_status account_unbond(struct account *a, uint8_t role, uint64_t amount, uint64_t tick, uint64_t time) {
  if (role >= ROLES || !amount) return ACCOUNT_ERR_RANGE;
  if (account_free(a, role) < amount) return ACCOUNT_ERR_STAKE;
  if (a->unbonding_count == ACCOUNT_UNBONDING_MAX) return ACCOUNT_ERR_FULL;
  a->stake[role] -= amount;
  a->unbonding[a->unbonding_count++] = (struct unbonding){.role = role, .amount = amount, .tick = tick, .time = time};
  return ACCOUNT_OK;
}

enum account_status account_release(struct account *a, uint64_t tick, uint64_t time) {
  uint64_t balance = a->balance;
  uint8_t kept = 0;
  for (uint32_t i = 0; i < a->unbonding_count; i++) {
    const struct unbonding *u = &a->unbonding[i];
    if (u->tick <= tick && u->time <= time && !checked_add_u64(balance, u->amount, &balance)) return ACCOUNT_ERR_RANGE;
  }
  a->balance = balance;
  for (uint32_t i = 0; i < a->unbonding_count; i++) {
    struct unbonding u = a->unbonding[i];
    if (u.tick > tick || u.time > time) a->unbonding[kept++] = u;
  }
  while (a->unbonding_count > kept) a->unbonding[--a->unbonding_count] = (struct unbonding){.role = 0};
  return ACCOUNT_OK;
}

enum account_status account_lock(struct account *a, uint8_t role, uint64_t amount) {
  if (role >= ROLES) return ACCOUNT_ERR_RANGE;
  if (account_free(a, role) < amount) return ACCOUNT_ERR_STAKE;
  a->locked[role] += amount;
  return ACCOUNT_OK;
}

enum account_status account_unlock(struct account *a, uint8_t role, uint64_t amount) {
  if (role >= ROLES) return ACCOUNT_ERR_RANGE;
  if (a->locked[role] < amount) return ACCOUNT_ERR_STAKE;
  a->locked[role] -= amount;
  return ACCOUNT_OK;
}

enum account_status account_forfeit(struct account *a, uint8_t role, uint64_t amount) {
  enum account_status status = account_unlock(a, role, amount);
  if (status == ACCOUNT_OK) a->stake[role] -= amount;
  return status;
}

enum account_status account_set_key(struct account *a, uint8_t slot, const uint8_t key[ACCOUNT_KEY_BYTES],
                                    uint16_t mask, uint64_t until_tick) {
  if (slot > a->slots_count || slot >= ACCOUNT_SLOTS_MAX || mask >> ACCOUNT_MASK_BITS) return ACCOUNT_ERR_RANGE;
  struct key_slot *s = &a->slot[slot];
  if (slot == a->slots_count) {
    s->nonce = 0;
    a->slots_count++;
  }
  memcpy(s->key, key, ACCOUNT_KEY_BYTES);
  s->mask = mask;
  s->until_tick = until_tick;
  return ACCOUNT_OK;
}

bool account_total(const struct account *a, uint64_t *total) {
  uint64_t sum = a->balance;
  for (uint32_t r = 0; r < ROLES; r++)
    if (!checked_add_u64(sum, a->stake[r], &sum)) return false;
  for (uint32_t i = 0; i < a->unbonding_count; i++)
    if (!checked_add_u64(sum, a->unbonding[i].amount, &sum)) return false;
  *total = sum;
  return true;
}

static bool owns(const void *record, uint64_t *amount) { return account_total(record, amount); }

bool account_sum(const struct map *m, uint64_t *sum) {
  struct map_key prefix = map_key(MODULE_ACCOUNT, NULL, 0);
  return stored_sum(m, &account_kind, &prefix, owns, sum);
}
