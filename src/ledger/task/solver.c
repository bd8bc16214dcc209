#include "ledger/task/solver.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "crypto/draw.h"
#include "crypto/vrf.h"
#include "ledger/audit/audit.h"
#include "ledger/provider/provider.h"

#define REFUSE(code, ...) return why_set(why, __VA_ARGS__), code

enum chain_code task_of(const struct chain *c, const struct body_attempt *at, enum task_state state,
                        struct task_record *out, struct why *why) {
  struct task_record t;
  if (!task_find(c, at->task, &t)) REFUSE(CHAIN_UNKNOWN, "there is no such task");
  if (t.attempt != at->attempt || t.state != state)
    REFUSE(CHAIN_STATE, "the task is in attempt %u, state %u; this is for attempt %u, state %u", t.attempt, t.state,
           at->attempt, state);
  /* LEDGER 1.3: "A transaction is in time when tick <= deadline, whether or not the timer has run." */
  if (t.armed && !t.wait && c->now.tick > t.armed)
    REFUSE(CHAIN_EXPIRED, "tick %" PRIu64 ", the deadline was %" PRIu64, c->now.tick, t.armed);
  *out = t;
  return CHAIN_OK;
}

void task_offer_input(const uint8_t genesis[32], const struct task_record *t, const uint8_t beacon[32],
                      uint8_t bytes[TASK_OFFER_BYTES]) {
  static const char tag[] = "assay/vrf/offer/1"; /* with its 0 */
  struct writer w = writer_over(bytes, TASK_OFFER_BYTES);
  put_bytes(&w, tag, sizeof tag);
  put_bytes(&w, genesis, 32);
  put_bytes(&w, t->id, sizeof t->id);
  put_u8(&w, t->attempt);
  put_bytes(&w, beacon, 32);
  assert(!w.full && bytes_written(&w) == TASK_OFFER_BYTES);
}

static uint64_t bond_of(const struct task_record *t) { return t->fine + t->seats * t->seat_fee; }

static uint64_t gas_lock_of(const struct chain *c, const struct task_record *t) {
  struct parameters p;
  chain_parameters(c, t->parameters, &p);
  return (uint64_t)p.gas_lock * t->gas_price;
}

static void solver_seat(const struct task_record *t, uint8_t seat[POCKET_SEAT_BYTES]) {
  memcpy(seat, t->id, sizeof t->id);
  seat[TASK_ID_BYTES] = t->attempt;
  seat[TASK_ID_BYTES + 1] = SEAT_NONE;
}

/* Row 5: may this account offer at all? */
static enum chain_code may_offer(const struct chain *c, const struct task_record *t, const uint8_t account[32],
                                 struct why *why) {
  struct provider who;
  struct account a;
  if (!provider_find(c, account, &who) || !(who.roles & PROVIDER_SOLVER) || !who.available)
    REFUSE(CHAIN_FORBIDDEN, "no solver that is available");
  if (who.class < t->class || who.mem_mib < t->mem_mib)
    REFUSE(CHAIN_FORBIDDEN, "class %u with %" PRIu32 " MiB; the task wants %u and %" PRIu64, who.class, who.mem_mib,
           t->class, t->mem_mib);
  for (uint32_t i = 0; i + 1 < t->attempt; i++)
    if (memcmp(t->tried[i], account, 32) == 0) REFUSE(CHAIN_FORBIDDEN, "it held attempt %" PRIu32 " already", i + 1);
  for (uint32_t i = 0; i < t->offers; i++)
    if (memcmp(t->offer[i].account, account, 32) == 0) REFUSE(CHAIN_STATE, "it has offered");
  account_get(c->map, account, &a);
  if (account_free(&a, ROLE_SOLVER) < bond_of(t) || a.balance < gas_lock_of(c, t))
    REFUSE(CHAIN_FUNDS, "the bond is %" PRIu64 " grain of stake and %" PRIu64 " of balance", bond_of(t),
           gas_lock_of(c, t));
  return CHAIN_OK;
}

static struct draw_entry entry_of(const struct task_offer *o) {
  struct draw_entry e = {.weight = o->weight};
  memcpy(e.output, o->beta, sizeof e.output);
  memcpy(e.account, o->account, sizeof e.account);
  return e;
}

/* The best three, the best first (LEDGER 6.5). False if three are better. */
static bool place(struct task_record *t, const struct task_offer *offer) {
  struct draw_entry mine = entry_of(offer);
  uint8_t at = t->offers;
  for (; at > 0; at--) {
    struct draw_entry other = entry_of(&t->offer[at - 1]);
    if (!draw_before(&mine, &other)) break;
  }
  if (at == TASK_OFFERS_MAX) return false;
  if (t->offers < TASK_OFFERS_MAX) t->offers++;
  for (uint8_t i = (uint8_t)(t->offers - 1); i > at; i--) t->offer[i] = t->offer[i - 1];
  t->offer[at] = *offer;
  return true;
}

enum chain_code task_offer(struct chain *c, const uint8_t account[32], const struct body_offer *b, struct why *why) {
  struct task_record t;
  struct sign_public key;
  struct task_offer offer = {.weight = pool_weight(c, ROLE_SOLVER, account)};
  uint8_t beacon[32], input[TASK_OFFER_BYTES];
  enum chain_code code = task_of(c, &b->at, TASK_OPEN, &t, why);
  if (code == CHAIN_OK) code = may_offer(c, &t, account, why);
  if (code != CHAIN_OK) return code;
  if (!offer.weight || !provider_key(c, account, key.bytes))
    REFUSE(CHAIN_FORBIDDEN, "its key or stake does not count yet: one whole epoch first");
  if (!chain_beacon(c, t.draw_height, beacon)) REFUSE(CHAIN_STATE, "the beacon of this attempt is forgotten");
  task_offer_input(c->genesis, &t, beacon, input);
  if (!vrf_check(&key, input, sizeof input, b->proof, offer.beta)) REFUSE(CHAIN_PROOF, "no proof of this draw");
  memcpy(offer.account, account, sizeof offer.account);
  if (!place(&t, &offer)) REFUSE(CHAIN_LIMIT, "three offers are better");
  task_store(c, &t);
  return CHAIN_OK;
}

static void append(struct chain *c, const struct task_record *t, uint8_t kind, uint16_t reason,
                   const struct payments *list) {
  struct job_stored s;
  struct receipt r;
  bool known = job_find(c, t->id, &s);
  assert(known);
  task_receipt(t, &s.record, kind, reason, &r);
  receipt_append(c, &r, list);
}

/* Row 2 of the money. */
static bool bond_take(struct chain *c, struct task_record *t, const uint8_t account[32]) {
  uint8_t seat[POCKET_SEAT_BYTES];
  struct payments list;
  solver_seat(t, seat);
  payments_begin(&list);
  if (!money_lock(c, account, ROLE_SOLVER, bond_of(t))) return false;
  if (!money_gas_lock(c, &list, seat, account, gas_lock_of(c, t))) {
    money_unlock(c, account, ROLE_SOLVER, bond_of(t));
    return false;
  }
  t->bond = bond_of(t);
  memcpy(t->solver, account, sizeof t->solver);
  append(c, t, RECEIPT_LOCKED, REASON_NONE, &list);
  return true;
}

uint64_t solver_pay(struct chain *c, struct payments *list, uint8_t row, struct task_record *t, const struct pocket *to,
                    uint64_t amount) {
  struct pocket from = pocket_stake(t->solver, ROLE_SOLVER);
  if (amount > t->bond) amount = t->bond;
  money_unlock(c, t->solver, ROLE_SOLVER, amount);
  bool paid = money_flow(c, list, row, &from, to, amount);
  assert(paid && "a bond that is not there");
  t->bond -= amount;
  return amount;
}

void solver_free(struct chain *c, struct payments *list, uint8_t row, struct task_record *t) {
  uint8_t seat[POCKET_SEAT_BYTES];
  if (!t->bond && !memcmp(t->solver, (const uint8_t[32]){0}, sizeof t->solver)) return;
  solver_seat(t, seat);
  money_unlock(c, t->solver, ROLE_SOLVER, t->bond);
  money_gas_unlock(c, list, row, seat, t->solver);
  t->bond = 0;
}

/* Row 6: "best of the 3 that is still funded"; row 7: none. */
void solver_choose(struct chain *c, struct task_record *t) {
  struct parameters p;
  chain_parameters(c, t->parameters, &p);
  for (uint32_t i = 0; i < t->offers; i++)
    if (bond_take(c, t, t->offer[i].account)) {
      task_enter(c, t, TASK_WORK, c->now.tick + 4 * t->est + p.window_work, false);
      return;
    }
  append(c, t, RECEIPT_ATTEMPT, REASON_NO_OFFERS, NULL);
  task_next_attempt(c, t);
}

/* Row 8, 4b of the money: F / 4 burns, the rest returns. */
void solver_late(struct chain *c, struct task_record *t) {
  struct parameters p;
  struct payments list;
  struct pocket burned = pocket_of(POCKET_BURNED);
  chain_parameters(c, t->parameters, &p);
  payments_begin(&list);
  solver_pay(c, &list, ROW_LATE, t, &burned, t->fee / p.late_divisor);
  solver_free(c, &list, ROW_LATE, t);
  provider_strike(c, t->solver);
  append(c, t, RECEIPT_ATTEMPT, REASON_LATE, &list);
  task_next_attempt(c, t);
}

/* LEDGER 9.3 */
static bool steps_fit(const struct task_record *t, const struct body_commit *b) {
  if (b->outcome == TRACE_DONE) return b->steps == t->steps;
  return b->steps >= 1 && b->steps <= t->steps && (b->steps == t->steps || b->steps % t->interval_steps == 0);
}

/* Row 9. */
enum chain_code task_commit(struct chain *c, const uint8_t account[32], const struct body_commit *b, struct why *why) {
  struct task_record t;
  enum chain_code code = task_of(c, &b->at, TASK_WORK, &t, why);
  if (code != CHAIN_OK) return code;
  if (memcmp(t.solver, account, sizeof t.solver) != 0) REFUSE(CHAIN_FORBIDDEN, "another account solves this attempt");
  if (!steps_fit(&t, b))
    REFUSE(CHAIN_LIMIT, "outcome %u after %" PRIu32 " of %" PRIu32 " steps in intervals of %u", b->outcome, b->steps,
           t.steps, t.interval_steps);
  memcpy(t.trace_root, b->trace_root, sizeof t.trace_root);
  t.outcome = b->outcome;
  t.steps_run = b->steps;
  t.intervals_run = (uint16_t)((b->steps + t.interval_steps - 1) / t.interval_steps);
  t.draw_height = c->now.height + chain_delay(c);
  task_enter(c, &t, TASK_DRAW, t.draw_height, true);
  return CHAIN_OK;
}
