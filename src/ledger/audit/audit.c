/* From the draw of seats to the end of sealing: rows 10 to 22 of LEDGER 8.2. */
#include "ledger/audit/audit.h"

#include <assert.h>

#include "crypto/vrf.h"
#include "ledger/audit/seat.h"

/* The seat that a transaction speaks for. */
static enum chain_code seat_of(const struct chain *c, const struct body_attempt *at, const uint8_t account[32],
                               enum seat_state state, const struct task_record *t, struct seat_record *s,
                               struct why *why) {
  if (!audit_seat(c, t, at->seat, s)) {
    why_set(why, "nobody was drawn for seat %u", at->seat);
    return CHAIN_UNKNOWN;
  }
  if (memcmp(s->account, account, 32) != 0) {
    why_set(why, "seat %u is somebody else's", at->seat);
    return CHAIN_FORBIDDEN;
  }
  if (s->state != state) {
    why_set(why, "seat %u is not waiting for this", at->seat);
    return CHAIN_STATE;
  }
  return CHAIN_OK;
}

static void sealing_closed(struct chain *c, struct task_record *t, const struct terms *k);
static void stall(struct chain *c, struct task_record *t);

/* Is any seat, the own one too, in this state? */
static bool any_in(const struct chain *c, const struct task_record *t, enum seat_state state) {
  struct seat_record s;
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(c, t, i, &s) && s.state == state) return true;
  return false;
}

/* What sealing may take: LEDGER 8.1, W_seal = 4 est(seat) + 300. */
static void enter_seal(struct chain *c, struct task_record *t, const struct terms *k) {
  if (!any_in(c, t, SEAT_TAKEN)) {
    sealing_closed(c, t, k); /* everybody has answered */
    return;
  }
  task_enter(c, t, TASK_SEAL, c->now.tick + 4 * t->est_seat + k->parameters.window_seal, false);
}

uint64_t publish_ticks(const struct chain *c, const struct terms *k, uint32_t states) {
  struct posted_table table;
  bool found = job_table_find(c, k->job.record.job.layout_hash, &table);
  assert(found && "a live job whose table is gone");
  return k->parameters.window_publish +
         (uint64_t)states * table.state_leaves * TAPE_LEAF_BYTES / k->parameters.publish_rate;
}

/* Everybody that will take a seat in this round has. Row 13: "checked on entry: nothing missing goes to SEAT.seal at
 * once". LEDGER 9.13: "SEAT.take leads to SEAT.seal, rows 13 and 14 fall away". */
static void taking_closed(struct chain *c, struct task_record *t, const struct terms *k) {
  uint16_t missing = k->full ? 0 : starts_missing(c, t, k);
  if (missing)
    task_enter(c, t, TASK_PUBLISH, c->now.tick + publish_ticks(c, k, missing), false);
  else
    enter_seal(c, t, k);
}

void starts_complete(struct chain *c, struct task_record *t, const struct terms *k) { enter_seal(c, t, k); }

/* Draws for the seats that nobody holds; rows 10, 12, 18 and 20. */
static void fill(struct chain *c, struct task_record *t, const struct terms *k) {
  struct attempt_record a;
  bool found = attempt_find(c, t, &a);
  assert(found);
  if (pool_draw(c, t, k, &a) > 0)
    task_enter(c, t, TASK_TAKE, c->now.tick + k->parameters.window_take, false);
  else if (seats_in(c, t, SEAT_TAKEN) + seats_in(c, t, SEAT_SEALED) > 0)
    taking_closed(c, t, k); /* "else go on with those taken" */
  else if (a.no_start)
    task_cancel(c, t, REASON_NEUTRAL); /* row 19: to ask the same verifiers again would fine them again */
  else
    stall(c, t);
}

static void new_round(struct chain *c, struct task_record *t, uint8_t round) {
  struct attempt_record a;
  bool found = attempt_find(c, t, &a);
  assert(found);
  t->round = round;
  t->seats_tried = 0;
  a.drawn = 0;
  attempt_store(c, &a);
}

/* Row 10. */
static void draw_due(struct chain *c, struct task_record *t) {
  struct attempt_record a = {.drawn = 0};
  struct terms k;
  terms_read(c, t, &k);
  memcpy(a.id, t->id, TASK_ID_BYTES);
  a.id[TASK_ID_BYTES] = t->attempt;
  bool out = chain_beacon(c, t->draw_height, a.set_beacon);
  assert(out && "a wait ran before its beacon");
  memcpy(a.pool_beacon, a.set_beacon, 32);
  attempt_store(c, &a);
  new_round(c, t, 1);
  fill(c, t, &k);
}

/* Row 11. */
enum chain_code audit_take(struct chain *c, const uint8_t account[32], const struct body_take *b, struct why *why) {
  struct task_record t;
  struct seat_record s;
  struct terms k;
  struct attempt_record a;
  struct audit_stakes stakes;
  struct sign_public key;
  struct payments list;
  uint8_t input[AUDIT_TAKE_BYTES], beta[VRF_OUTPUT_BYTES];
  uint16_t set[TRACE_INTERVALS_MAX];
  enum chain_code code = task_of(c, &b->at, TASK_TAKE, &t, why);
  if (code == CHAIN_OK) code = seat_of(c, &b->at, account, SEAT_DRAWN, &t, &s, why);
  if (code != CHAIN_OK) return code;
  terms_read(c, &t, &k);
  attempt_find(c, &t, &a);
  audit_take_input(c->genesis, s.id, a.set_beacon, input);
  if (!provider_key(c, account, key.bytes) || !vrf_check(&key, input, sizeof input, b->proof, beta)) {
    why_set(why, "not the proof of this seat under the account's draw key");
    return CHAIN_PROOF;
  }
  audit_stakes(c, &t, &stakes);
  payments_begin(&list);
  if (!money_lock(c, account, ROLE_VERIFIER, stakes.bond) ||
      !money_gas_lock(c, &list, s.id, account, (uint64_t)k.parameters.gas_lock * t.gas_price)) {
    why_set(why, "a seat locks %llu grain of stake and its gas", (unsigned long long)stakes.bond);
    return CHAIN_FUNDS;
  }
  uint16_t count = audit_draw_set(&t, a.set_beacon, set);
  s.draws = audit_draw(&t, set, count, beta, k.full, s.interval, s.inner);
  s.bond = stakes.bond;
  s.state = SEAT_TAKEN;
  seat_store(c, &s);
  audit_seat_receipt(c, &t, &s, RECEIPT_LOCKED, REASON_NONE, &list);
  if (!any_in(c, &t, SEAT_DRAWN)) taking_closed(c, &t, &k);
  return CHAIN_OK;
}

/* Row 12: "untaken: strike, redraw". The own seat's place is lost, and nothing else. */
static void take_due(struct chain *c, struct task_record *t) {
  struct audit_stakes stakes;
  struct seat_record s;
  struct terms k;
  terms_read(c, t, &k);
  audit_stakes(c, t, &stakes);
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &s) || s.state != SEAT_DRAWN) continue;
    seat_void(c, t, &s, stakes.untaken, REASON_NOT_TAKEN);
    if (!s.own) provider_strike(c, s.account);
  }
  fill(c, t, &k);
}

/* Rows 15 and 17: all that took a seat have answered. */
static void maybe_sealed(struct chain *c, struct task_record *t) {
  struct terms k;
  if (any_in(c, t, SEAT_TAKEN)) return;
  terms_read(c, t, &k);
  sealing_closed(c, t, &k);
}

enum chain_code audit_seal(struct chain *c, const uint8_t account[32], const struct body_seal *b, struct why *why) {
  struct task_record t;
  struct seat_record s;
  enum chain_code code = task_of(c, &b->at, TASK_SEAL, &t, why);
  if (code == CHAIN_OK) code = seat_of(c, &b->at, account, SEAT_TAKEN, &t, &s, why);
  if (code != CHAIN_OK) return code;
  memcpy(s.seal, b->hash, 32);
  s.state = SEAT_SEALED;
  seat_store(c, &s);
  maybe_sealed(c, &t);
  return CHAIN_OK;
}

/* Row 16: the start could not be had. */
static enum chain_code fetch_start(struct chain *c, struct task_record *t, struct seat_record *s) {
  struct audit_stakes stakes;
  struct attempt_record a;
  audit_stakes(c, t, &stakes);
  attempt_find(c, t, &a);
  if (!s->own) a.no_start = true;
  attempt_store(c, &a);
  seat_void(c, t, s, stakes.no_start, REASON_NO_START);
  maybe_sealed(c, t);
  return CHAIN_OK;
}

enum chain_code audit_fetch(struct chain *c, const uint8_t account[32], const struct body_fetch *b, struct why *why) {
  struct task_record t;
  struct seat_record s;
  bool start = b->what == FETCH_START;
  enum chain_code code = task_of(c, &b->at, start ? TASK_SEAL : TASK_DELIVER, &t, why);
  if (code == CHAIN_OK) code = seat_of(c, &b->at, account, start ? SEAT_TAKEN : SEAT_SHOWN, &t, &s, why);
  if (code != CHAIN_OK) return code;
  if (!start) return deliver_vote(c, &t, &s, b->got, why);
  if (b->got) {
    why_set(why, "a start that was had needs no word");
    return CHAIN_STATE;
  }
  return fetch_start(c, &t, &s);
}

/* Row 21 of the money: n rho is booked against what is left of X, then of R, which joins the task's escrow. "rho up by
 * 25 % of phi+pi as far as X and R allow". */
static void raise_fee(struct chain *c, struct task_record *t, struct terms *k) {
  struct job_record *j = &k->job.record;
  uint64_t step = t->seat_fee / 4, most = (t->protocol_fee + j->reserve_left) / t->seats;
  if (step > most) step = most;
  uint64_t more = t->seats * step, fee = more < t->protocol_fee ? more : t->protocol_fee;
  t->raise += step;
  t->protocol_fee -= fee; /* its grains stay in the escrow, for the seats */
  t->escrow_left += more - fee;
  j->reserve_left -= more - fee;
  if (more > fee) job_store(c, j);
}

static void stall(struct chain *c, struct task_record *t) {
  struct terms k;
  terms_read(c, t, &k);
  task_enter(c, t, TASK_STALLED, c->now.tick + k.parameters.window_stalled, false);
}

/* Rows 20 and 21. The draw starts anew: with the beacon of this height, and nobody passed over because of what came
 * before. The draw set stays: a start that was published must not become a hidden end. */
static void stalled_due(struct chain *c, struct task_record *t) {
  struct attempt_record a;
  struct terms k;
  if (t->stalled_epochs == TASK_STALLED_EPOCHS_MAX) {
    task_cancel(c, t, REASON_STALLED);
    return;
  }
  t->stalled_epochs++;
  terms_read(c, t, &k);
  attempt_find(c, t, &a);
  raise_fee(c, t, &k);
  t->draw_height = c->now.height;
  bool out = chain_beacon(c, t->draw_height, a.pool_beacon);
  assert(out && "no beacon of this height");
  a.no_start = false;
  attempt_store(c, &a);
  drawn_forget(c, t);
  new_round(c, t, 1);
  fill(c, t, &k);
}

/* Rows 17 to 19, when nobody who took a seat is still to answer. */
static void sealing_closed(struct chain *c, struct task_record *t, const struct terms *k) {
  struct attempt_record a;
  uint8_t sealed = seats_in(c, t, SEAT_SEALED);
  attempt_find(c, t, &a);
  if (sealed >= (t->seats + 1) / 2 || (sealed >= 1 && t->round == TASK_ROUNDS_MAX)) {
    t->seal_height = c->now.height + chain_delay(c);
    task_enter(c, t, TASK_SEALED, t->seal_height, true);
  } else if (t->round < TASK_ROUNDS_MAX) {
    new_round(c, t, (uint8_t)(t->round + 1));
    fill(c, t, k);
  } else if (a.no_start) {
    task_cancel(c, t, REASON_NEUTRAL);
  } else {
    stall(c, t);
  }
}

/* Row 17: "silent seats lost". */
static void seal_due(struct chain *c, struct task_record *t) {
  struct audit_stakes stakes;
  struct seat_record s;
  struct terms k;
  terms_read(c, t, &k);
  audit_stakes(c, t, &stakes);
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(c, t, i, &s) && s.state == SEAT_TAKEN) seat_void(c, t, &s, stakes.unsealed, REASON_NO_SEAL);
  sealing_closed(c, t, &k);
}

void audit_due(struct chain *c, struct task_record *t) {
  switch ((enum task_state)t->state) {
  case TASK_DRAW: draw_due(c, t); return;
  case TASK_TAKE: take_due(c, t); return;
  case TASK_PUBLISH: /* row 14 */
    t->silent = true;
    task_fault(c, t, REASON_NO_PUBLISH);
    return;
  case TASK_SEAL: seal_due(c, t); return;
  case TASK_STALLED: stalled_due(c, t); return;
  case TASK_SEALED: show_begin(c, t); return; /* row 23 */
  case TASK_SHOW: show_due(c, t); return;
  case TASK_DELIVER: deliver_due(c, t); return;
  case TASK_WAIT:
  case TASK_OPEN:
  case TASK_WORK:
  case TASK_CLAIM:
  case TASK_DISCLOSE:
  case TASK_JUDGE:
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  assert(false && "the audit has no timer in this state");
}
