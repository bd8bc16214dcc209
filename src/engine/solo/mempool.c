#include "engine/solo/mempool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"
#include "ledger/transaction/transaction.h"

enum { SLOTS = 16384, NONE = UINT32_MAX };
_Static_assert(SLOTS >= 2 * MEMPOOL_COUNT_MAX, "short chains");

/* Waiting transactions and accounts stand in two tables of fixed size, linked by place. next_free links the free. */
struct waiting {
  struct mempool_entry entry;
  uint32_t in_slot;       /* the next with the same hash */
  uint32_t before, after; /* in its account's queue */
  uint32_t owner;         /* place of its account */
};
struct owner {
  uint8_t account[32];
  uint32_t in_slot;
  uint32_t before, after; /* in the ring of accounts, oldest first */
  uint32_t first, last;   /* its queue */
  uint32_t count, picked; /* picked: the next to be taken while a block is picked */
  size_t bytes;
};

struct mempool {
  struct waiting waiting[MEMPOOL_COUNT_MAX];
  struct owner owner[MEMPOOL_COUNT_MAX];
  uint32_t id_slot[SLOTS], account_slot[SLOTS];
  uint32_t free_waiting, free_owner;
  uint32_t oldest, newest, turn; /* accounts; turn: who begins the next block */
  uint32_t count, others_count;  /* others: not of the lane */
  size_t bytes, others_bytes;
};

struct mempool *mempool_open(void) {
  struct mempool *m = calloc(1, sizeof *m);
  assert(m);
  memset(m->id_slot, 0xff, sizeof m->id_slot);
  memset(m->account_slot, 0xff, sizeof m->account_slot);
  for (uint32_t i = 0; i < MEMPOOL_COUNT_MAX; i++)
    m->waiting[i].in_slot = m->owner[i].in_slot = i + 1 < MEMPOOL_COUNT_MAX ? i + 1 : NONE;
  m->oldest = m->newest = m->turn = NONE;
  return m;
}

void mempool_shut(struct mempool **m) {
  if (!*m) return;
  for (uint32_t o = (*m)->oldest; o != NONE; o = (*m)->owner[o].after)
    for (uint32_t i = (*m)->owner[o].first; i != NONE; i = (*m)->waiting[i].after)
      free((void *)(uintptr_t)(*m)->waiting[i].entry.bytes);
  free(*m);
  *m = NULL;
}

/* LEDGER 3.7: "types 10 to 20 and 32". */
bool mempool_lane(uint8_t type) {
  return (type >= TRANSACTION_COMMIT && type <= TRANSACTION_MOVE) || type == TRANSACTION_FETCH;
}

/* Ids and accounts are hashes; their last bytes are as good as any. */
static uint32_t slot_of(const uint8_t hash[32]) { return (uint32_t)(hash[30] | (uint32_t)hash[31] << 8) % SLOTS; }

static uint32_t find_waiting(const struct mempool *m, const uint8_t id[32]) {
  uint32_t i = m->id_slot[slot_of(id)];
  while (i != NONE && memcmp(m->waiting[i].entry.id, id, 32) != 0) i = m->waiting[i].in_slot;
  return i;
}

static uint32_t find_owner(const struct mempool *m, const uint8_t account[32]) {
  uint32_t o = m->account_slot[slot_of(account)];
  while (o != NONE && memcmp(m->owner[o].account, account, 32) != 0) o = m->owner[o].in_slot;
  return o;
}

enum mempool_status mempool_room(const struct mempool *m, const struct mempool_entry *e) {
  if (find_waiting(m, e->id) != NONE) return MEMPOOL_HERE;
  if (m->count == MEMPOOL_COUNT_MAX || e->length > MEMPOOL_BYTES_MAX - m->bytes) return MEMPOOL_FULL;
  if (!e->lane &&
      (m->others_count >= MEMPOOL_COUNT_MAX / 4 * 3 || m->others_bytes + e->length > (size_t)MEMPOOL_BYTES_MAX / 4 * 3))
    return MEMPOOL_FULL;
  uint32_t o = find_owner(m, e->account);
  if (o == NONE) return MEMPOOL_OK;
  const struct owner *owner = &m->owner[o];
  if (owner->count == MEMPOOL_ACCOUNT_COUNT_MAX || owner->bytes + e->length > MEMPOOL_ACCOUNT_BYTES_MAX)
    return MEMPOOL_ACCOUNT_FULL;
  return MEMPOOL_OK;
}

static uint32_t owner_add(struct mempool *m, const uint8_t account[32]) {
  uint32_t o = m->free_owner, *slot = &m->account_slot[slot_of(account)];
  assert(o != NONE); /* there are as many as transactions */
  struct owner *owner = &m->owner[o];
  m->free_owner = owner->in_slot;
  *owner = (struct owner){.in_slot = *slot, .before = m->newest, .after = NONE, .first = NONE, .last = NONE};
  memcpy(owner->account, account, 32);
  *slot = o;
  if (m->newest != NONE) m->owner[m->newest].after = o;
  m->newest = o;
  if (m->oldest == NONE) m->oldest = o;
  return o;
}

static void owner_remove(struct mempool *m, uint32_t o) {
  struct owner *owner = &m->owner[o];
  uint32_t *link = &m->account_slot[slot_of(owner->account)];
  while (*link != o) link = &m->owner[*link].in_slot;
  *link = owner->in_slot;
  if (m->turn == o) m->turn = owner->after;
  *(owner->before == NONE ? &m->oldest : &m->owner[owner->before].after) = owner->after;
  *(owner->after == NONE ? &m->newest : &m->owner[owner->after].before) = owner->before;
  owner->in_slot = m->free_owner;
  m->free_owner = o;
}

void mempool_add(struct mempool *m, const struct mempool_entry *e) {
  assert(mempool_room(m, e) == MEMPOOL_OK);
  uint32_t i = m->free_waiting, o = find_owner(m, e->account), *slot = &m->id_slot[slot_of(e->id)];
  if (o == NONE) o = owner_add(m, e->account);
  struct waiting *w = &m->waiting[i];
  struct owner *owner = &m->owner[o];
  uint8_t *bytes = malloc(e->length ? e->length : 1);
  assert(bytes);
  if (e->length) memcpy(bytes, e->bytes, e->length);
  m->free_waiting = w->in_slot;
  *w = (struct waiting){.entry = *e, .in_slot = *slot, .before = owner->last, .after = NONE, .owner = o};
  w->entry.bytes = bytes;
  *slot = i;
  *(owner->last == NONE ? &owner->first : &m->waiting[owner->last].after) = i;
  owner->last = i;
  owner->count++;
  owner->bytes += e->length;
  m->count++;
  m->bytes += e->length;
  if (e->lane) return;
  m->others_count++;
  m->others_bytes += e->length;
}

bool mempool_remove(struct mempool *m, const uint8_t id[32]) {
  uint32_t i = find_waiting(m, id);
  if (i == NONE) return false;
  struct waiting *w = &m->waiting[i];
  struct owner *owner = &m->owner[w->owner];
  uint32_t *link = &m->id_slot[slot_of(id)];
  while (*link != i) link = &m->waiting[*link].in_slot;
  *link = w->in_slot;
  *(w->before == NONE ? &owner->first : &m->waiting[w->before].after) = w->after;
  *(w->after == NONE ? &owner->last : &m->waiting[w->after].before) = w->before;
  owner->count--;
  owner->bytes -= w->entry.length;
  m->count--;
  m->bytes -= w->entry.length;
  if (!w->entry.lane) {
    m->others_count--;
    m->others_bytes -= w->entry.length;
  }
  if (!owner->count) owner_remove(m, w->owner);
  free((void *)(uintptr_t)w->entry.bytes);
  w->in_slot = m->free_waiting;
  m->free_waiting = i;
  return true;
}

uint32_t mempool_count(const struct mempool *m) { return m->count; }
size_t mempool_bytes(const struct mempool *m) { return m->bytes; }

/* What a block still has room for. */
struct room {
  uint64_t bytes, gas;
  struct mempool_entry *picked;
  uint32_t count, most;
};

static bool take(struct room *r, const struct waiting *w) {
  if (r->count == r->most || w->entry.length > r->bytes || w->entry.gas > r->gas) return false;
  r->bytes -= w->entry.length;
  r->gas -= w->entry.gas;
  r->picked[r->count++] = w->entry;
  return true;
}

/* One of each account in turn until a whole round gives nothing. An account whose next does not fit is passed over. */
static void pick_rounds(struct mempool *m, bool lane_only, struct room *r) {
  bool any = true;
  while (any && r->count < r->most) {
    any = false;
    uint32_t o = m->turn;
    do {
      struct owner *owner = &m->owner[o];
      uint32_t i = owner->picked;
      if (i != NONE && (m->waiting[i].entry.lane || !lane_only) && take(r, &m->waiting[i])) {
        owner->picked = m->waiting[i].after;
        any = true;
      }
      o = owner->after == NONE ? m->oldest : owner->after;
    } while (o != m->turn);
  }
}

uint32_t mempool_pick(struct mempool *m, uint64_t bytes_max, uint64_t gas_max, struct mempool_entry *picked,
                      uint32_t most) {
  if (!m->count) return 0;
  m->turn = m->turn == NONE ? m->oldest : m->owner[m->turn].after;
  if (m->turn == NONE) m->turn = m->oldest;
  for (uint32_t o = m->oldest; o != NONE; o = m->owner[o].after) m->owner[o].picked = m->owner[o].first;
  struct room lane = {.bytes = bytes_max / 4, .gas = gas_max / 4, .picked = picked, .most = most};
  pick_rounds(m, true, &lane);
  struct room all = {.bytes = bytes_max - (bytes_max / 4 - lane.bytes),
                     .gas = gas_max - (gas_max / 4 - lane.gas),
                     .picked = picked,
                     .count = lane.count,
                     .most = most};
  pick_rounds(m, false, &all);
  return all.count;
}

uint32_t mempool_list(const struct mempool *m, struct mempool_entry *list, uint32_t most) {
  uint32_t count = 0;
  for (uint32_t o = m->oldest; o != NONE; o = m->owner[o].after)
    for (uint32_t i = m->owner[o].first; i != NONE && count < most; i = m->waiting[i].after)
      list[count++] = m->waiting[i].entry;
  return count;
}
