#include "ledger/docket/verdict.h"

#include <assert.h>

/* Takes all that is left of a seat's bond out of the lock: what is not paid away is the seat's own again. */
static uint64_t unlock_bond(struct chain *c, struct seat_record *s) {
  uint64_t bond = s->bond;
  money_unlock(c, s->account, ROLE_VERIFIER, bond);
  s->bond = 0;
  return bond;
}

static uint64_t pay(struct chain *c, struct payments *list, uint8_t row, const struct seat_record *s,
                    const struct pocket *to, uint64_t amount) {
  struct pocket from = pocket_stake(s->account, ROLE_VERIFIER);
  bool paid = money_flow(c, list, row, &from, to, amount);
  assert(paid && "a bond that is not in the stake");
  return amount;
}

/* "of the rest s/1000 -> quar, remainder -> seat": 4.6. */
static void punish_rest(struct chain *c, struct payments *list, uint8_t row, const struct seat_record *s,
                        const struct parameters *p, uint64_t rest) {
  struct pocket quarantine = pocket_of(POCKET_QUARANTINE);
  pay(c, list, row, s, &quarantine, money_share(rest, p->slash_permille));
}

/* Row 11: "B_v: J -> winner, of the rest s/1000 -> quar, remainder -> seat". LEDGER 14.2: "If less than J or L is left,
 * J or L is what is left." */
static void seat_loses(struct chain *c, struct payments *list, const struct task_record *t, struct seat_record *s) {
  struct audit_stakes stakes;
  struct parameters p;
  struct pocket winner = pocket_balance(t->solver);
  chain_parameters(c, t->parameters, &p);
  audit_stakes(c, t, &stakes);
  uint64_t bond = unlock_bond(c, s), jackpot = stakes.jackpot < bond ? stakes.jackpot : bond;
  pay(c, list, ROW_SEAT_LOST, s, &winner, jackpot);
  punish_rest(c, list, ROW_SEAT_LOST, s, &p, bond - jackpot);
  s->lost = true;
  seat_store(c, s);
}

/* Did the seat say of the interval that it is right? Never asked of the own seat (9.10). */
static bool approved(const struct chain *c, const struct task_record *t, const struct seat_record *s,
                     uint16_t interval) {
  uint8_t root[32];
  if (s->lost || s->state != SEAT_SHOWN || !audit_root(c, t, interval, root)) return false;
  for (uint32_t k = 0; k < s->draws; k++)
    if (s->interval[k] == interval) return memcmp(s->end[k], root, sizeof root) == 0;
  return false;
}

/* Row 10: "B_v: 1/4 -> finders of row 8, of the rest s/1000 -> quar, remainder -> seat". */
static void approver_pays(struct chain *c, const struct task_record *t, const struct parameters *p,
                          struct seat_record *s) {
  struct payments list;
  struct seat_record finder;
  uint8_t finders = 0;
  uint64_t paid = 0;
  payments_begin(&list);
  for (uint8_t i = 0; i <= t->seats; i++) finders += audit_seat(c, t, i, &finder) && audit_finder(c, t, &finder);
  assert(finders);
  uint64_t bond = unlock_bond(c, s), each = money_share(bond, p->finder) / finders;
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &finder) || !audit_finder(c, t, &finder)) continue;
    struct pocket to = pocket_balance(finder.account);
    paid += pay(c, &list, ROW_APPROVED, s, &to, each);
  }
  punish_rest(c, &list, ROW_APPROVED, s, p, bond - paid);
  s->lost = true;
  seat_store(c, s);
  audit_seat_receipt(c, t, s, RECEIPT_SEAT, REASON_APPROVED_WRONG, &list);
}

/* LEDGER 11.9, where an element was recomputed. A solver that falls silent proves nothing about the interval, and those
 * who approved it had no say in the dispute: 21.1, "no penalty enriches the one who could provoke it by silence". */
static void approvers_pay(struct chain *c, const struct task_record *t) {
  struct parameters p;
  struct seat_record s;
  chain_parameters(c, t->parameters, &p);
  for (uint8_t i = 0; i < t->seats; i++)
    if (audit_seat(c, t, i, &s) && approved(c, t, &s, t->proven_interval)) approver_pays(c, t, &p, &s);
}

/* LEDGER 11.11. */
static void tell(struct chain *c, const struct task_record *t, const struct docket_record *r,
                 const struct dispute_verdict *v, uint16_t reason, const struct payments *list) {
  struct job_stored j;
  struct receipt receipt;
  bool known = job_find(c, t->id, &j);
  assert(known);
  task_receipt(t, &j.record, RECEIPT_VERDICT, reason, &receipt);
  receipt.seat = r->seat[SEAT_ID_BYTES - 1];
  memcpy(receipt.account, v->loser == DISPUTE_CLAIMANT ? r->claimant : r->challenger, 32);
  receipt.dispute = r->id;
  receipt.interval = r->interval;
  receipt.loser = v->loser;
  receipt.how = v->reason;
  receipt.step = v->has_step ? v->step : 0;
  receipt.record = v->has_element ? v->record : 0;
  receipt.element = v->has_element ? v->element : 0;
  receipt.committed = v->has_element ? v->committed : 0;
  receipt.recomputed = v->has_element ? v->recomputed : 0;
  receipt_append(c, &receipt, list);
}

/* LEDGER 11.8: "the first decides the attempt". The rest is moot: task_fault closes it. */
static void solver_lost(struct chain *c, struct task_record *t, const struct docket_record *r,
                        const struct dispute_verdict *v, uint16_t reason) {
  t->proven = true;
  t->proven_interval = r->interval;
  t->proven_seat = r->seat[SEAT_ID_BYTES - 1];
  tell(c, t, r, v, reason, NULL);
  if (v->reason != DISPUTE_BY_CLOCK) approvers_pay(c, t);
  task_fault(c, t, reason);
}

static void seat_lost(struct chain *c, struct task_record *t, const struct docket_record *r,
                      const struct dispute_verdict *v, uint16_t reason) {
  struct payments list;
  struct seat_record s;
  bool found = seat_find(c, r->seat, &s);
  assert(found);
  payments_begin(&list);
  seat_loses(c, &list, t, &s);
  t->disputes_lost++;
  task_store(c, t);
  tell(c, t, r, v, reason, &list);
  if (t->disputes_open == 0) audit_judged(c, t);
}

void verdict_act(struct chain *c, struct task_record *t, const struct docket_record *r,
                 const struct dispute_verdict *v) {
  uint16_t reason = v->reason == DISPUTE_BY_CLOCK ? REASON_SILENT_DISPUTE : REASON_PROVEN;
  assert(t->state == TASK_JUDGE && t->disputes_open > 0);
  t->disputes_open--;
  if (v->loser == DISPUTE_CLAIMANT)
    solver_lost(c, t, r, v, reason);
  else
    seat_lost(c, t, r, v, reason);
}
