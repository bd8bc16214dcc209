#include "ledger/docket/docket.h"

#include <assert.h>

#include "crypto/sha256.h"
#include "dispute/challenger/challenger.h"
#include "ledger/docket/verdict.h"

enum { DOCKET_BYTES_MAX = SEAT_ID_BYTES + 64 + 2 + 8 + 1 + (MOVE_NUMBER_MAX + 1) * 32 + 4 + PACK_BYTES_MAX };

/* seat 36 | claimant 32 | challenger 32 | interval u16 | deadline u64 | turn u8 | heard 32 x 16 | length u32 | packed
 */
static void put_docket(struct writer *w, const void *record) {
  const struct docket_record *r = record;
  put_bytes(w, r->seat, SEAT_ID_BYTES);
  put_bytes(w, r->claimant, 32);
  put_bytes(w, r->challenger, 32);
  put_u16(w, r->interval);
  put_u64(w, r->deadline);
  put_u8(w, r->turn);
  put_bytes(w, r->heard, sizeof r->heard);
  put_u32(w, r->packed_length);
  put_bytes(w, r->packed, r->packed_length);
}

static bool take_docket(struct reader *from, void *record) {
  struct docket_record *r = record;
  const uint8_t *seat = take_bytes(from, SEAT_ID_BYTES);
  if (seat) memcpy(r->seat, seat, SEAT_ID_BYTES);
  take_hash(from, r->claimant);
  take_hash(from, r->challenger);
  r->interval = take_u16(from);
  r->deadline = take_u64(from);
  r->turn = (uint8_t)take_count(from, DISPUTE_CLAIMANT);
  for (uint32_t n = 0; n <= MOVE_NUMBER_MAX; n++) take_hash(from, r->heard[n]);
  r->packed_length = take_u32(from);
  if (r->packed_length > PACK_BYTES_MAX) return false;
  const uint8_t *packed = take_bytes(from, r->packed_length);
  if (packed) memcpy(r->packed, packed, r->packed_length);
  return r->interval > 0 && (r->deadline != 0) == (r->packed_length != 0);
}
const struct stored_kind docket_kind = {"dispute", sizeof(struct docket_record), DOCKET_BYTES_MAX, put_docket,
                                        take_docket};

static struct map_key docket_key(uint64_t id) {
  struct map_key key = map_key(MODULE_DISPUTE, NULL, 0);
  map_key_u64(&key, id);
  return key;
}

bool docket_find(const struct chain *c, uint64_t id, struct docket_record *out) {
  struct map_key key = docket_key(id);
  if (!stored_get(c->map, &docket_kind, &key, out)) return false;
  out->id = id;
  return true;
}

static void store(struct chain *c, const struct docket_record *r) {
  struct map_key key = docket_key(r->id);
  stored_put(c->map, &docket_kind, &key, r);
}

/* Timers are told apart by 8 bytes, the highest first, so that their order is that of numbers. */
static void timer_id(uint64_t id, uint8_t bytes[8]) {
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(id >> (56 - 8 * i));
}

static void disarm(struct chain *c, const struct docket_record *r) {
  uint8_t id[8];
  timer_id(r->id, id);
  timer_disarm(c, r->deadline, false, TIMER_DISPUTE, id, sizeof id);
}

/* Keeps a game that goes on: whose turn it is, until when. LEDGER 11.5: "One timer per dispute". */
static void keep(struct chain *c, struct docket_record *r, const struct dispute *d, const struct dispute_frame *f) {
  uint8_t id[8];
  timer_id(r->id, id);
  r->turn = (uint8_t)dispute_turn(d);
  r->deadline = dispute_deadline(d, f);
  r->packed_length = (uint32_t)pack_dispute(d, f, r->packed);
  timer_arm(c, r->deadline, TIMER_DISPUTE, id, sizeof id);
  store(c, r);
}

static void shut(struct chain *c, struct docket_record *r) {
  r->deadline = 0;
  r->packed_length = 0;
  store(c, r);
}

/* The task of a dispute: its attempt is the one that runs, else the dispute would be closed. */
static void task_of_dispute(const struct chain *c, const struct docket_record *r, struct task_record *t) {
  bool found = task_find(c, r->seat, t);
  assert(found && t->attempt == r->seat[TASK_ID_BYTES] && "a dispute of no attempt that runs");
}

bool docket_dispute(const struct chain *c, const struct docket_record *r, struct dispute_frame *frame,
                    struct dispute *out) {
  struct task_record t;
  if (r->packed_length == 0) return false;
  task_of_dispute(c, r, &t);
  bool framed = docket_frame(c, &t, r->interval, frame);
  bool read = framed && pack_read(r->packed, r->packed_length, frame, out);
  assert(read && "a stored dispute that is none");
  return read;
}

/* LEDGER 11.6: "STEPS is stored by (accused, interval), VALUES by (accused, interval, step)". The accused is the
 * attempt's solver. Step 0 stands for STEPS. */
static struct map_key answer_key(const struct docket_record *r, uint16_t step) {
  struct map_key key = map_key(MODULE_ANSWER, r->seat, TASK_ID_BYTES + 1);
  map_key_u16(&key, r->interval);
  map_key_u16(&key, step);
  return key;
}

/* Is the next move an answer that may lie there already? */
static bool answer_awaited(const struct dispute *d, uint16_t *step) {
  *step = d->awaits == MOVE_4 ? d->j : 0;
  return d->awaits == MOVE_2 || d->awaits == MOVE_4;
}

/* Takes up the answers that are stored; true if there was any. */
static bool recall(struct chain *c, struct docket_record *r, const struct dispute_frame *f, struct dispute *d) {
  struct map_value value;
  struct why why;
  uint16_t step;
  bool any = false;
  while (answer_awaited(d, &step)) {
    struct map_key key = answer_key(r, step);
    struct move m;
    if (!map_get(c->map, &key, &value)) break;
    bool read = move_decode(value.bytes, value.length, &m, &why);
    assert(read);
    sha256(value.bytes, value.length, r->heard[m.number]);
    enum dispute_status status = dispute_recall(d, f, &m, c->now.tick, &why);
    assert(status == DISPUTE_HEARD && "an answer to the same question");
    any = true;
  }
  return any;
}

/* An answer to one dispute is one to all: those that wait for it go on. */
static void share(struct chain *c, const struct docket_record *from, uint16_t step, const struct body_move *b) {
  struct map_key key = answer_key(from, step);
  struct task_record t;
  struct seat_record s;
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  map_put(c->map, &key, b->move, b->move_length);
  task_of_dispute(c, from, &t);
  for (uint8_t i = 0; i <= t.seats; i++) {
    if (!audit_seat(c, &t, i, &s) || s.dispute == 0 || s.dispute - 1 == from->id) continue;
    if (!docket_find(c, s.dispute - 1, &r) || r.interval != from->interval || !docket_dispute(c, &r, &f, &d)) continue;
    if (c->now.tick > r.deadline) continue; /* decided already: its timer waits for a block with room for it (1.4) */
    uint64_t armed = r.deadline;
    if (!recall(c, &r, &f, &d)) continue;
    r.deadline = armed;
    disarm(c, &r);
    keep(c, &r, &d, &f);
  }
}

void docket_open(struct chain *c, struct task_record *t, struct seat_record *s, uint16_t interval) {
  struct docket_record r = {.id = c->now.next_dispute++, .interval = interval};
  struct dispute_frame f;
  struct dispute d;
  struct move m;
  struct why why;
  memcpy(r.seat, s->id, SEAT_ID_BYTES);
  memcpy(r.claimant, t->solver, 32);
  memcpy(r.challenger, s->account, 32);
  bool framed = docket_frame(c, t, interval, &f);
  assert(framed);
  challenger_open(&f, &m); /* LEDGER 11.3: "The ledger itself makes move 1 from what it holds" */
  enum dispute_status status = dispute_open(&d, &f, &m, c->now.tick, &why);
  assert(status == DISPUTE_HEARD);
  recall(c, &r, &f, &d);
  keep(c, &r, &d, &f);
  s->mismatch = interval;
  s->dispute = r.id + 1;
  seat_store(c, s);
  t->disputes_open++;
  task_store(c, t);
  outbox_event(c->out, "dispute", t->id, "%llu: seat %u denies interval %u", (unsigned long long)r.id,
               s->id[SEAT_ID_BYTES - 1], interval);
}

/* Gas beside bytes and signature: LEDGER 3.4. */
static uint64_t gas_of(uint8_t kind) {
  switch ((enum move_kind)kind) {
  case MOVE_SLAB:
  case MOVE_VALUES: return 2000;
  case MOVE_CASE:
  case MOVE_OPERANDS: return 10000;
  case MOVE_PROOF: return 500;
  case MOVE_CHALLENGE:
  case MOVE_STEPS:
  case MOVE_STEP:
  case MOVE_NODE:
  case MOVE_LEAF:
  case MOVE_CHUNK:
  case MOVE_OPERAND:
  case MOVE_EXPRESS: return 0;
  }
  return 0;
}

static bool same_account(const uint8_t a[32], const uint8_t b[32]) { return memcmp(a, b, 32) == 0; }

/* LEDGER 11.4: "The side to move or its delegate sends it." And in time (1.3). */
static enum chain_code may_move(const struct chain *c, const struct docket_record *r, const uint8_t account[32],
                                struct why *why) {
  if (r->packed_length == 0) {
    why_set(why, "dispute %llu is closed", (unsigned long long)r->id);
    return CHAIN_STATE;
  }
  if (!same_account(account, r->turn == DISPUTE_CLAIMANT ? r->claimant : r->challenger)) {
    why_set(why, "the %s is to move", r->turn == DISPUTE_CLAIMANT ? "claimant" : "challenger");
    return CHAIN_FORBIDDEN;
  }
  if (c->now.tick > r->deadline) {
    why_set(why, "the clock ran out at tick %llu", (unsigned long long)r->deadline);
    return CHAIN_EXPIRED;
  }
  return CHAIN_OK;
}

/* A game after a move that was heard. */
static void go_on(struct chain *c, struct docket_record *r, const struct dispute_frame *f, struct dispute *d) {
  struct task_record t;
  if (d->awaits != DISPUTE_DECIDED) {
    recall(c, r, f, d);
    keep(c, r, d, f);
    return;
  }
  shut(c, r);
  task_of_dispute(c, r, &t);
  verdict_act(c, &t, r, &d->verdict);
}

enum chain_code docket_move(struct chain *c, const uint8_t account[32], const struct body_move *b, uint64_t *gas,
                            struct why *why) {
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  struct move m;
  uint8_t hash[32];
  uint16_t step;
  if (!docket_find(c, b->dispute, &r)) {
    why_set(why, "there is no dispute %llu", (unsigned long long)b->dispute);
    return CHAIN_UNKNOWN;
  }
  if (!move_decode(b->move, b->move_length, &m, why)) return CHAIN_NO_MOVE;
  *gas += gas_of(m.kind);
  sha256(b->move, b->move_length, hash);
  /* LEDGER 11.4: "The same (dispute, number) with the same bytes again
   * succeeds without effect" */
  bool party = same_account(account, move_by_claimant(m.number) ? r.claimant : r.challenger);
  if (party && memcmp(r.heard[m.number], hash, sizeof hash) == 0) return CHAIN_OK;
  enum chain_code code = may_move(c, &r, account, why);
  if (code != CHAIN_OK) return code;
  docket_dispute(c, &r, &f, &d);
  bool answers = answer_awaited(&d, &step);
  if (dispute_hear(&d, &f, &m, c->now.tick, why) != DISPUTE_HEARD) return CHAIN_NO_MOVE;
  memcpy(r.heard[m.number], hash, sizeof hash);
  disarm(c, &r);
  if (answers) share(c, &r, step, b);
  go_on(c, &r, &f, &d);
  return CHAIN_OK;
}

/* LEDGER 11.5: "At expiry the side to move loses." */
void docket_due(struct chain *c, uint64_t id) {
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  bool expired = docket_find(c, id, &r) && docket_dispute(c, &r, &f, &d) && dispute_expire(&d, &f, c->now.tick);
  assert(expired && "a clock that has not run out");
  go_on(c, &r, &f, &d);
}

void docket_close_all(struct chain *c, struct task_record *t) {
  struct seat_record s;
  struct docket_record r;
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &s) || s.dispute == 0) continue;
    if (!docket_find(c, s.dispute - 1, &r) || r.packed_length == 0) continue;
    disarm(c, &r);
    shut(c, &r);
    t->disputes_open--;
  }
}
