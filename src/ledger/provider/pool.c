/* Pools: snapshots of stake by role. LEDGER 5.4.
 *
 * Two stages of each: what was there at the last epoch's end, which waits, and what is in force: the smaller of two
 * ends one after the other, so it was there for a whole epoch. A stage is one record of totals and one for each place:
 *   MODULE_POOL | role u8 | stage u8                 count u32 | total u64
 *   MODULE_POOL | role u8 | stage u8 | index u32     account 32 | before u64 | stake u64, accounts ascending
 * `before` is the sum of the stakes at lower places, so both a grain and an account are found by halving. */
#include <assert.h>

#include "ledger/provider/provider.h"

enum pool_stage { STAGE_FORCE = 0, STAGE_WAITS = 1 };

struct pool {
  uint32_t count;
  uint64_t total;
};
struct place {
  uint8_t account[32];
  uint64_t before, stake;
};

static void put_pool(struct writer *w, const void *record) {
  const struct pool *p = record;
  put_u32(w, p->count);
  put_u64(w, p->total);
}
static bool take_pool(struct reader *r, void *record) {
  struct pool *p = record;
  p->count = take_u32(r);
  p->total = take_u64(r);
  return true;
}
static void put_place(struct writer *w, const void *record) {
  const struct place *p = record;
  put_bytes(w, p->account, 32);
  put_u64(w, p->before);
  put_u64(w, p->stake);
}
static bool take_place(struct reader *r, void *record) {
  struct place *p = record;
  take_hash(r, p->account);
  p->before = take_u64(r);
  p->stake = take_u64(r);
  return p->stake != 0;
}
static const struct stored_kind pool_kind = {"pool", sizeof(struct pool), 12, put_pool, take_pool};
static const struct stored_kind place_kind = {"place", sizeof(struct place), 48, put_place, take_place};

static struct map_key pool_key(uint8_t role, uint8_t stage) {
  struct map_key key = map_key(MODULE_POOL, &role, 1);
  map_key_u8(&key, stage);
  return key;
}

static struct map_key place_key(uint8_t role, uint8_t stage, uint32_t index) {
  struct map_key key = pool_key(role, stage);
  map_key_u32(&key, index);
  return key;
}

static struct pool pool_of(const struct chain *c, uint8_t role, uint8_t stage) {
  struct map_key key = pool_key(role, stage);
  struct pool p = {.count = 0};
  stored_get(c->map, &pool_kind, &key, &p);
  return p;
}

static struct place place_at(const struct chain *c, uint8_t role, uint8_t stage, uint32_t index) {
  struct map_key key = place_key(role, stage, index);
  struct place p;
  bool there = stored_get(c->map, &place_kind, &key, &p);
  assert(there);
  (void)there;
  return p;
}

uint32_t pool_count(const struct chain *c, uint8_t role) { return pool_of(c, role, STAGE_FORCE).count; }
uint64_t pool_total(const struct chain *c, uint8_t role) { return pool_of(c, role, STAGE_FORCE).total; }

static uint64_t weight_in(const struct chain *c, uint8_t role, uint8_t stage, const uint8_t account[32]) {
  uint32_t low = 0, high = pool_of(c, role, stage).count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    struct place p = place_at(c, role, stage, middle);
    int order = memcmp(account, p.account, 32);
    if (order == 0) return p.stake;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return 0;
}

uint64_t pool_weight(const struct chain *c, uint8_t role, const uint8_t account[32]) {
  return weight_in(c, role, STAGE_FORCE, account);
}

void pool_at(const struct chain *c, uint8_t role, uint64_t point, uint8_t account[32], uint64_t *weight) {
  struct pool pool = pool_of(c, role, STAGE_FORCE);
  assert(point < pool.total);
  uint32_t low = 0, high = pool.count; /* the last place with before <= point lies in low .. high - 1 */
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (place_at(c, role, STAGE_FORCE, middle).before <= point)
      low = middle;
    else
      high = middle;
  }
  struct place p = place_at(c, role, STAGE_FORCE, low);
  assert(p.before <= point && point - p.before < p.stake);
  memcpy(account, p.account, 32);
  *weight = p.stake;
}

/* What an account has for a role now: 0 if it does not want it, has no draw key, or too little. A key that waits is
 * enough to wait with it. */
static uint64_t offered(const struct chain *c, uint8_t role, uint8_t stage, const uint8_t account[32],
                        const struct provider *p) {
  static const uint8_t none[32];
  struct account a;
  bool key = memcmp(p->vrf, none, 32) != 0 || (stage == STAGE_WAITS && p->next_epoch);
  if (!(p->roles >> role & 1) || !key || !account_get(c->map, account, &a)) return 0;
  return a.stake[role] >= c->parameters.stake_min ? a.stake[role] : 0;
}

/* A record that says the same already is left alone: an epoch in which nothing happened dirties nothing. */
static void write(struct chain *c, const struct stored_kind *kind, const struct map_key *key, const void *record) {
  uint8_t bytes[64];
  size_t length = stored_encode(kind, record, bytes, sizeof bytes);
  struct map_value old;
  if (map_get(c->map, key, &old) && old.length == length && !memcmp(old.bytes, bytes, length)) return;
  map_put(c->map, key, bytes, length);
}

/* A pool being written, account after account. */
struct writing {
  uint8_t role, stage;
  struct pool pool;
  uint32_t old_count;
};

static struct writing begin(const struct chain *c, uint8_t role, uint8_t stage) {
  return (struct writing){.role = role, .stage = stage, .old_count = pool_of(c, role, stage).count};
}

static void add(struct chain *c, struct writing *w, const uint8_t account[32], uint64_t stake) {
  if (!stake) return;
  struct map_key key = place_key(w->role, w->stage, w->pool.count++);
  struct place p = {.before = w->pool.total, .stake = stake};
  memcpy(p.account, account, 32);
  w->pool.total += stake;
  write(c, &place_kind, &key, &p);
}

static void end(struct chain *c, const struct writing *w) {
  struct map_key key = pool_key(w->role, w->stage);
  write(c, &pool_kind, &key, &w->pool);
  for (uint32_t i = w->pool.count; i < w->old_count; i++) {
    key = place_key(w->role, w->stage, i);
    map_erase(c->map, &key);
  }
}

/* The walk over providers is in the order of accounts. In force first, from what waits still; then what waits. */
static void take_pools(struct chain *c, uint8_t role, uint8_t stage, bool at_once) {
  struct map_key prefix = map_key(MODULE_PROVIDER, NULL, 0), key;
  struct provider p;
  struct writing w = begin(c, role, stage);
  bool more = stored_next(c->map, &provider_kind, &prefix, NULL, &key, &p);
  while (more) {
    const uint8_t *account = key.bytes + 1;
    uint64_t stake = offered(c, role, stage, account, &p);
    if (stage == STAGE_FORCE && !at_once) {
      uint64_t before = weight_in(c, role, STAGE_WAITS, account);
      if (before < stake) stake = before;
    }
    add(c, &w, account, stake);
    more = stored_next(c->map, &provider_kind, &prefix, &key, &key, &p);
  }
  end(c, &w);
}

static void turn_keys(struct chain *c) {
  struct map_key prefix = map_key(MODULE_PROVIDER, NULL, 0), key;
  struct provider p;
  bool more = stored_next(c->map, &provider_kind, &prefix, NULL, &key, &p);
  while (more) {
    if (p.next_epoch && p.next_epoch <= c->now.epoch) {
      memcpy(p.vrf, p.next_vrf, 32);
      memset(p.next_vrf, 0, 32);
      p.next_epoch = 0;
      stored_put(c->map, &provider_kind, &key, &p);
    }
    more = stored_next(c->map, &provider_kind, &prefix, &key, &key, &p);
  }
}

void pool_turn(struct chain *c) {
  turn_keys(c);
  for (uint8_t role = 0; role < PROVIDER_WORK_ROLES; role++) {
    take_pools(c, role, STAGE_FORCE, false);
    take_pools(c, role, STAGE_WAITS, false);
  }
  if (c->now.awaited <= c->now.epoch) c->now.awaited = 0;
}

void pool_begin(struct chain *c) {
  for (uint8_t role = 0; role < PROVIDER_WORK_ROLES; role++) {
    take_pools(c, role, STAGE_FORCE, true);
    take_pools(c, role, STAGE_WAITS, true);
  }
}
