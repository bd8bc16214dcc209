/* Timers and waits. LEDGER 1.3 to 1.5. A key is MODULE_TIMER | 0 wait, 1 timer | height or deadline u64 | kind u8 | id,
 * so that a walk over the module meets them in the order of LEDGER 1.4; the value is empty. */
#include <assert.h>

#include "ledger/chain/chain.h"

enum { WAIT = 0, TICK = 1, KIND_AT = 1 + 1 + 8, ID_AT = KIND_AT + 1 };

static struct map_key timer_key(uint8_t what, uint64_t due, uint8_t kind, const uint8_t *id, uint8_t length) {
  struct map_key key = map_key(MODULE_TIMER, NULL, 0);
  assert(length <= TIMER_ID_BYTES_MAX);
  map_key_u8(&key, what);
  map_key_u64(&key, due);
  map_key_u8(&key, kind);
  map_key_bytes(&key, id, length);
  return key;
}

static bool housekeeping(uint8_t kind) { return kind >= TIMER_PRUNE; }

static void arm(struct chain *c, uint8_t what, uint64_t due, uint8_t kind, const uint8_t *id, uint8_t length) {
  struct map_key key = timer_key(what, due, kind, id, length);
  struct map_value value;
  bool armed = map_get(c->map, &key, &value);
  assert(!armed);
  (void)armed;
  map_put(c->map, &key, NULL, 0);
  if (!housekeeping(kind)) c->now.live++;
}

void timer_arm(struct chain *c, uint64_t deadline, uint8_t kind, const uint8_t *id, uint8_t length) {
  arm(c, TICK, deadline, kind, id, length);
}

void timer_wait(struct chain *c, uint64_t height, uint8_t kind, const uint8_t *id, uint8_t length) {
  arm(c, WAIT, height, kind, id, length);
}

static void disarm(struct chain *c, const struct map_key *key, uint8_t kind) {
  bool armed = map_erase(c->map, key);
  assert(armed && (housekeeping(kind) || c->now.live > 0));
  (void)armed;
  if (!housekeeping(kind)) c->now.live--;
}

void timer_disarm(struct chain *c, uint64_t deadline_or_height, bool wait, uint8_t kind, const uint8_t *id,
                  uint8_t length) {
  struct map_key key = timer_key(wait ? WAIT : TICK, deadline_or_height, kind, id, length);
  disarm(c, &key, kind);
}

static uint64_t due_of(const struct map_key *key) {
  uint64_t due = 0;
  for (uint32_t i = 0; i < 8; i++) due = due << 8 | key->bytes[2 + i];
  return due;
}

/* The first of those that wait, or of those with a deadline, if it is due. */
static bool first_due(const struct chain *c, uint8_t what, struct map_key *key) {
  struct map_key prefix = map_key(MODULE_TIMER, &what, 1);
  if (!map_next(c->map, &prefix, NULL, key, NULL)) return false;
  return what == WAIT ? due_of(key) <= c->now.height : due_of(key) < c->now.tick;
}

bool timer_due(struct chain *c, struct timer *out) {
  struct map_key key;
  if (!first_due(c, WAIT, &key) && !first_due(c, TICK, &key)) return false;
  *out = (struct timer){.kind = key.bytes[KIND_AT], .length = (uint8_t)(key.length - ID_AT)};
  memcpy(out->id, key.bytes + ID_AT, out->length);
  disarm(c, &key, out->kind);
  return true;
}

bool timer_live(const struct chain *c) { return c->now.live > 0 || c->now.awaited > 0; }
