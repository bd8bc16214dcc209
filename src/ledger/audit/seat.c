#include "ledger/audit/seat.h"

#include <assert.h>

#include "ledger/docket/docket.h"

enum {
  SEAT_BYTES_MAX = 32 + 1 + 1 + 1 + 1 + 1 + 8 + 8 + 2 + 32 + 2 + SEAT_DRAWS_MAX * 4 + 1 + SEAT_DRAWS_MAX * 32,
  ATTEMPT_BYTES_MAX = 32 + 32 + 2 + 1 + 2 + (TRACE_INTERVALS_MAX + 1) * 32
};

/* account 32 | state u8 | round u8 | own u8 | lost u8 | vote u8 | bond u64 | dispute u64 | mismatch u16 | seal 32 |
 * draws u16 | (interval u16 | inner u16) x draws | shown u8 | end 32 x draws, if shown */
static void put_seat(struct writer *w, const void *record) {
  const struct seat_record *s = record;
  put_bytes(w, s->account, 32);
  put_u8(w, s->state);
  put_u8(w, s->round);
  put_u8(w, s->own);
  put_u8(w, s->lost);
  put_u8(w, s->vote);
  put_u64(w, s->bond);
  put_u64(w, s->dispute);
  put_u16(w, s->mismatch);
  put_bytes(w, s->seal, 32);
  put_u16(w, s->draws);
  for (uint32_t k = 0; k < s->draws; k++) {
    put_u16(w, s->interval[k]);
    put_u16(w, s->inner[k]);
  }
  put_u8(w, s->shown);
  if (s->shown) put_bytes(w, s->end, (size_t)s->draws * 32);
}

static bool take_seat(struct reader *r, void *record) {
  struct seat_record *s = record;
  take_hash(r, s->account);
  s->state = take_u8(r);
  s->round = take_u8(r);
  s->own = take_flag(r);
  s->lost = take_flag(r);
  s->vote = take_u8(r);
  s->bond = take_u64(r);
  s->dispute = take_u64(r);
  s->mismatch = take_u16(r);
  take_hash(r, s->seal);
  s->draws = take_u16(r);
  if (s->state < SEAT_DRAWN || s->state > SEAT_VOID || s->vote > 2 || s->draws > SEAT_DRAWS_MAX) return false;
  for (uint32_t k = 0; k < s->draws; k++) {
    s->interval[k] = take_u16(r);
    s->inner[k] = take_u16(r);
    if (s->interval[k] == 0 || (k && s->interval[k] <= s->interval[k - 1])) return false;
  }
  s->shown = take_flag(r);
  for (uint32_t k = 0; s->shown && k < s->draws; k++) take_hash(r, s->end[k]);
  return true;
}
const struct stored_kind seat_kind = {"seat", sizeof(struct seat_record), SEAT_BYTES_MAX, put_seat, take_seat};

/* set_beacon 32 | pool_beacon 32 | drawn u16 | no_start u8 | roots u16 (0 .. 257) | root 32 x roots */
static void put_attempt(struct writer *w, const void *record) {
  const struct attempt_record *a = record;
  put_bytes(w, a->set_beacon, 32);
  put_bytes(w, a->pool_beacon, 32);
  put_u16(w, a->drawn);
  put_u8(w, a->no_start);
  put_u16(w, a->roots);
  put_bytes(w, a->root, (size_t)a->roots * 32);
}

static bool take_attempt(struct reader *r, void *record) {
  struct attempt_record *a = record;
  take_hash(r, a->set_beacon);
  take_hash(r, a->pool_beacon);
  a->drawn = take_u16(r);
  a->no_start = take_flag(r);
  a->roots = take_u16(r);
  if (a->roots == 1 || a->roots > TRACE_INTERVALS_MAX + 1) return false;
  for (uint32_t i = 0; i < a->roots; i++) take_hash(r, a->root[i]);
  return true;
}
const struct stored_kind attempt_kind = {"attempt", sizeof(struct attempt_record), ATTEMPT_BYTES_MAX, put_attempt,
                                         take_attempt};

bool seat_find(const struct chain *c, const uint8_t id[SEAT_ID_BYTES], struct seat_record *out) {
  struct map_key key = map_key(MODULE_SEAT, id, SEAT_ID_BYTES);
  if (!stored_get(c->map, &seat_kind, &key, out)) return false;
  memcpy(out->id, id, SEAT_ID_BYTES);
  return true;
}

void seat_store(struct chain *c, const struct seat_record *s) {
  struct map_key key = map_key(MODULE_SEAT, s->id, SEAT_ID_BYTES);
  stored_put(c->map, &seat_kind, &key, s);
}

/* Keys of an attempt begin alike: module | task | attempt. */
static struct map_key attempt_key(uint8_t module, const struct task_record *t) {
  struct map_key key = map_key(module, t->id, TASK_ID_BYTES);
  map_key_u8(&key, t->attempt);
  return key;
}

bool attempt_find(const struct chain *c, const struct task_record *t, struct attempt_record *out) {
  struct map_key key = attempt_key(MODULE_TRACE, t);
  if (!stored_get(c->map, &attempt_kind, &key, out)) return false;
  memcpy(out->id, key.bytes + 1, sizeof out->id);
  return true;
}

void attempt_store(struct chain *c, const struct attempt_record *a) {
  struct map_key key = map_key(MODULE_TRACE, a->id, sizeof a->id);
  stored_put(c->map, &attempt_kind, &key, a);
}

void terms_read(const struct chain *c, const struct task_record *t, struct terms *out) {
  bool found = job_find(c, t->id, &out->job);
  assert(found && "a task without its job");
  chain_parameters(c, t->parameters, &out->parameters);
  out->full = t->level == AUDIT_LEVEL_FULL;
}

void seat_id_of(const struct task_record *t, uint8_t number, uint8_t id[SEAT_ID_BYTES]) {
  memcpy(id, t->id, TASK_ID_BYTES);
  id[TASK_ID_BYTES] = t->attempt;
  id[TASK_ID_BYTES + 1] = number;
}

bool audit_seat(const struct chain *c, const struct task_record *t, uint8_t number, struct seat_record *out) {
  uint8_t id[SEAT_ID_BYTES];
  seat_id_of(t, number, id);
  return seat_find(c, id, out);
}

uint8_t seats_in(const struct chain *c, const struct task_record *t, enum seat_state state) {
  struct seat_record s;
  uint8_t count = 0;
  for (uint8_t i = 0; i < t->seats; i++) count += audit_seat(c, t, i, &s) && s.state == state;
  return count;
}

bool audit_good(const struct seat_record *s) {
  return !s->own && !s->lost && s->state != SEAT_DRAWN && s->state != SEAT_VOID;
}

/* The end root that a seat showed for an interval; NULL if it did not draw it. */
static const uint8_t *end_of(const struct seat_record *s, uint16_t interval) {
  for (uint32_t k = 0; s->shown && k < s->draws; k++)
    if (s->interval[k] == interval) return s->end[k];
  return NULL;
}

/* LEDGER 11.8: "the seats that disputed the same interval and sealed the same E_i". */
bool audit_finder(const struct chain *c, const struct task_record *t, const struct seat_record *s) {
  struct seat_record first;
  if (!t->proven || s->lost || s->state != SEAT_SHOWN || s->mismatch != t->proven_interval) return false;
  bool found = audit_seat(c, t, t->proven_seat, &first);
  const uint8_t *mine = end_of(s, t->proven_interval), *theirs = found ? end_of(&first, t->proven_interval) : NULL;
  return mine && theirs && memcmp(mine, theirs, 32) == 0;
}

/* What is left of a seat's locks goes back to its owner. */
static void give_back(struct chain *c, struct seat_record *s, struct payments *list, uint8_t row) {
  money_unlock(c, s->account, ROLE_VERIFIER, s->bond);
  money_gas_unlock(c, list, row, s->id, s->account);
  s->bond = 0;
}

/* LEDGER 14.2: "Locks of seats and claims return when the attempt ends, whichever way, unless a row took them." */
void audit_return(struct chain *c, struct task_record *t, struct payments *list, uint8_t row) {
  struct seat_record s;
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &s) || s.state == SEAT_DRAWN || s.state == SEAT_VOID) continue;
    give_back(c, &s, list, row);
    seat_store(c, &s);
  }
}

void audit_seat_receipt(struct chain *c, const struct task_record *t, const struct seat_record *s, uint8_t kind,
                        uint16_t reason, const struct payments *list) {
  struct job_stored j;
  struct receipt r;
  bool known = job_find(c, t->id, &j);
  assert(known);
  task_receipt(t, &j.record, kind, reason, &r);
  r.seat = s->id[SEAT_ID_BYTES - 1];
  memcpy(r.account, s->account, 32);
  receipt_append(c, &r, list);
}

void seat_void(struct chain *c, const struct task_record *t, struct seat_record *s, uint64_t fine, uint16_t reason) {
  struct payments list;
  struct account a;
  struct pocket from = pocket_stake(s->account, ROLE_VERIFIER), to = pocket_of(POCKET_BURNED);
  uint64_t most = s->bond;
  payments_begin(&list);
  account_get(c->map, s->account, &a);
  if (s->state == SEAT_DRAWN) most = account_free(&a, ROLE_VERIFIER); /* row 5a: "free stake: min(phi/4, it)" */
  if (s->own) fine = 0;
  give_back(c, s, &list, ROW_SEAT);
  bool paid = money_flow(c, &list, ROW_SEAT, &from, &to, fine < most ? fine : most);
  assert(paid && "a bond that is not in the stake");
  s->state = SEAT_VOID;
  seat_store(c, s);
  if (!s->own || list.count) audit_seat_receipt(c, t, s, RECEIPT_SEAT, reason, &list);
}

static struct map_key drawn_key(const struct task_record *t, const uint8_t account[32]) {
  struct map_key key = attempt_key(MODULE_DRAWN, t);
  map_key_bytes(&key, account, 32);
  return key;
}

bool drawn_find(const struct chain *c, const struct task_record *t, const uint8_t account[32]) {
  struct map_key key = drawn_key(t, account);
  struct map_value value;
  return map_get(c->map, &key, &value);
}

void drawn_store(struct chain *c, const struct task_record *t, const uint8_t account[32]) {
  struct map_key key = drawn_key(t, account);
  map_put(c->map, &key, "", 0);
}

static void erase_all(struct chain *c, const struct map_key *prefix) {
  struct map_key key;
  while (map_next(c->map, prefix, NULL, &key, NULL)) map_erase(c->map, &key);
}

void drawn_forget(struct chain *c, const struct task_record *t) {
  struct map_key prefix = attempt_key(MODULE_DRAWN, t);
  erase_all(c, &prefix);
}

static struct map_key start_key(const struct task_record *t, uint16_t interval) {
  struct map_key key = attempt_key(MODULE_START, t);
  map_key_u16(&key, interval);
  return key;
}

bool start_find(const struct chain *c, const struct task_record *t, uint16_t interval) {
  struct map_key key = start_key(t, interval);
  struct map_value value;
  return map_get(c->map, &key, &value);
}

void start_store(struct chain *c, const struct task_record *t, uint16_t interval, const uint8_t root[32]) {
  struct map_key key = start_key(t, interval);
  map_put(c->map, &key, root, 32);
}

void audit_forget(struct chain *c, const uint8_t task[TASK_ID_BYTES]) {
  static const uint8_t modules[] = {MODULE_SEAT, MODULE_DRAWN, MODULE_TRACE, MODULE_START, MODULE_ANSWER};
  struct map_key seats = map_key(MODULE_SEAT, task, TASK_ID_BYTES), key = seats;
  struct seat_record s;
  for (const struct map_key *after = NULL; stored_next(c->map, &seat_kind, &seats, after, &key, &s); after = &key) {
    if (s.dispute == 0) continue;
    struct map_key dispute = map_key(MODULE_DISPUTE, NULL, 0);
    map_key_u64(&dispute, s.dispute - 1);
    map_erase(c->map, &dispute);
  }
  for (size_t i = 0; i < sizeof modules; i++) {
    struct map_key prefix = map_key(modules[i], task, TASK_ID_BYTES);
    erase_all(c, &prefix);
  }
}

/* LEDGER 9.13: "phi_w = 1.25 F m'/N replaces phi in J, L, D, D_s, pi; B_v = max(16 phi_w, 2 phi)". Rounded up, as phi
 * is. */
void audit_stakes(const struct chain *c, const struct task_record *t, struct audit_stakes *out) {
  struct terms k;
  terms_read(c, t, &k);
  const struct parameters *p = &k.parameters;
  uint64_t phi = t->seat_fee, unit = phi;
  if (k.full) {
    unsigned __int128 whole = (unsigned __int128)t->fee * p->seat_share * t->draws,
                      parts = 1000u * (uint64_t)t->intervals;
    unit = (uint64_t)((whole + parts - 1) / parts);
  }
  *out = (struct audit_stakes){.bond = money_share(unit, p->seat_bond),
                               .forced_loss = money_share(unit, p->forced_loss),
                               .jackpot = money_share(unit, p->jackpot),
                               .unsealed = money_share(phi, p->unsealed),
                               .untaken = phi / p->untaken_divisor,
                               .no_start = phi};
  if (k.full && out->bond < 2 * phi) out->bond = 2 * phi;
}
