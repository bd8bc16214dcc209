/* How attempts, tasks and jobs end, and what flows then: the rows of LEDGER 14.1 in their order. */
#include <assert.h>
#include <string.h>

#include "ledger/audit/audit.h"
#include "ledger/docket/docket.h"
#include "ledger/task/solver.h"

/* Seats of the running attempt that a row pays, by account. */
struct payees {
  uint8_t count, account[SEATS_MAX][32];
};

/* LEDGER 14.1: "did all that was due up to that moment, not void, not proven wrong" */
static void find_good(const struct chain *c, const struct task_record *t, struct payees *out) {
  struct seat_record s;
  out->count = 0;
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(c, t, i, &s) && audit_good(&s)) memcpy(out->account[out->count++], s.account, 32);
}

static void find_finders(const struct chain *c, const struct task_record *t, struct payees *out) {
  struct seat_record s;
  out->count = 0;
  for (uint8_t i = 0; i <= t->seats; i++)
    if (audit_seat(c, t, i, &s) && audit_finder(c, t, &s)) memcpy(out->account[out->count++], s.account, 32);
  assert(out->count && "a fault that nobody proved");
}

void task_receipt(const struct task_record *t, const struct job_record *j, uint8_t kind, uint16_t reason,
                  struct receipt *out) {
  *out = (struct receipt){.kind = kind,
                          .attempt = t->attempt,
                          .seat = SEAT_NONE,
                          .reason = reason,
                          .figure = t->figure,
                          .outcome = t->outcome,
                          .steps = t->steps_run,
                          .seed_mode = j->job.seed_mode,
                          .seed = j->seed,
                          .level = t->level,
                          .seats = t->seats,
                          .draws = (uint8_t)t->draws,
                          .disputes = t->disputes_lost,
                          .parameters = t->parameters};
  memcpy(out->task, t->id, sizeof out->task);
  memcpy(out->account, t->solver, 32);
  memcpy(out->spec_hash, j->spec_hash, 32);
  memcpy(out->start_root, t->start_root, 32);
  memcpy(out->final_root, t->final_root, 32);
}

static void append(struct chain *c, struct task_record *t, const struct job_record *j, uint8_t kind, uint16_t reason,
                   uint8_t audited, const struct payments *list) {
  struct receipt r;
  task_receipt(t, j, kind, reason, &r);
  r.audited = audited;
  receipt_append(c, &r, list);
  if (kind == RECEIPT_SETTLED) t->receipt = r.number + 1;
}

static void job_of(const struct chain *c, const struct task_record *t, struct job_stored *s) {
  bool known = job_find(c, t->id, s);
  assert(known && s->record.state == JOB_LIVE && "a task that runs of a job that does not");
}

/* What a task pays comes from its share of the job's escrow. */
struct escrow {
  struct chain *c;
  struct payments *list;
  struct task_record *t;
  struct pocket pocket;
};

static void pay(const struct escrow *e, uint8_t row, const struct pocket *to, uint64_t amount) {
  assert(amount <= e->t->escrow_left);
  bool paid = money_flow(e->c, e->list, row, &e->pocket, to, amount);
  assert(paid && "an escrow that is not there");
  e->t->escrow_left -= amount;
}

static void pay_seats(const struct escrow *e, uint8_t row, const struct payees *good) {
  for (uint8_t i = 0; i < good->count; i++) {
    struct pocket seat = pocket_balance(good->account[i]);
    pay(e, row, &seat, e->t->seat_fee + e->t->raise);
  }
}

/* A part of the solver's bond, in equal shares; what does not divide stays with the rest. */
static void fine_shared(struct chain *c, struct payments *list, uint8_t row, struct task_record *t,
                        const struct payees *to, uint64_t each) {
  for (uint8_t i = 0; i < to->count; i++) {
    struct pocket pocket = pocket_balance(to->account[i]);
    solver_pay(c, list, row, t, &pocket, each);
  }
}

/* Row 8: finders, then the submitter, unless it is the solver. */
static void fine_proven(struct chain *c, struct payments *list, struct task_record *t, const struct job_record *j,
                        const struct parameters *p) {
  struct payees finders;
  struct pocket burned = pocket_of(POCKET_BURNED), submitter = pocket_balance(j->submitter);
  bool same = memcmp(j->submitter, t->solver, sizeof t->solver) == 0;
  find_finders(c, t, &finders);
  fine_shared(c, list, ROW_PROVEN, t, &finders, money_share(t->fine, p->finder) / finders.count);
  solver_pay(c, list, ROW_PROVEN, t, same ? &burned : &submitter, money_share(t->fine, p->compensation));
}

/* Rows 8 and 9; of row 8's rest s/1000 goes to the quarantine, what remains to the solver. */
void task_fault(struct chain *c, struct task_record *t, uint16_t reason) {
  struct job_stored s;
  struct parameters p;
  struct payments list;
  struct payees good;
  uint8_t row = t->proven ? ROW_PROVEN : ROW_SILENT;
  struct pocket to = pocket_of(t->proven ? POCKET_QUARANTINE : POCKET_BURNED);
  job_of(c, t, &s);
  chain_parameters(c, t->parameters, &p);
  payments_begin(&list);
  docket_close_all(c, t);
  find_good(c, t, &good);
  if (t->proven) fine_proven(c, &list, t, &s.record, &p);
  fine_shared(c, &list, row, t, &good, t->seat_fee);
  solver_pay(c, &list, row, t, &to, t->proven ? money_share(t->bond, p.slash_permille) : t->bond);
  solver_free(c, &list, row, t);
  audit_return(c, t, &list, row);
  append(c, t, &s.record, RECEIPT_FAULT, reason, good.count, &list);
  task_next_attempt(c, t);
}

/* LEDGER 14.1, row 20: to the good seats together at most half of what the protocol fee burned. */
static void subsidise(struct chain *c, struct payments *list, uint64_t fees, const struct payees *good) {
  struct pocket pool = pocket_of(POCKET_SUBSIDY);
  uint64_t most = fees / 2 / 2, held = money_held(c, &pool);
  if (most > held) most = held;
  for (uint8_t i = 0; i < good->count; i++) {
    struct pocket seat = pocket_balance(good->account[i]);
    bool paid = money_flow(c, list, ROW_SUBSIDY, &pool, &seat, most / good->count);
    assert(paid);
  }
}

/* What is left of a job's escrow goes back: of tasks that never began (row 3), of the reserve (row 25, or 3 too when
 * the job failed). */
static void refund(struct chain *c, struct payments *list, struct job_record *j, uint8_t reserve_row) {
  struct pocket escrow = pocket_escrow(j->id), submitter = pocket_balance(j->submitter);
  uint64_t held = money_held(c, &escrow);
  assert(held >= j->reserve_left);
  bool paid = money_flow(c, list, reserve_row, &escrow, &submitter, j->reserve_left) &&
              money_flow(c, list, ROW_CANCELLED, &escrow, &submitter, held - j->reserve_left);
  assert(paid);
  j->reserve_left = 0;
}

/* Row 36: "done: next task or job DONE; diverged: job DONE". True if there is a next task. */
static bool go_on(struct chain *c, struct payments *list, const struct task_record *t, struct job_record *j) {
  memcpy(j->last_root, t->final_root, sizeof j->last_root);
  if (t->outcome == TRACE_DONE && j->task + 1 < j->job.tasks) {
    j->task++;
    job_store(c, j);
    return true;
  }
  refund(c, list, j, ROW_JOB_DONE);
  job_end(c, j, JOB_DONE);
  return false;
}

/* Rows 7 and 7b: after t of T steps a diverged run earns floor(F t / T). */
static uint64_t fee_of(const struct task_record *t) {
  return t->outcome == TRACE_DONE ? t->fee : (uint64_t)((unsigned __int128)t->fee * t->steps_run / t->steps);
}

void task_settle(struct chain *c, struct task_record *t) {
  struct job_stored s;
  struct payments list;
  struct payees good;
  job_of(c, t, &s);
  payments_begin(&list);
  find_good(c, t, &good);
  struct escrow e = {c, &list, t, pocket_escrow(s.record.id)};
  struct pocket solver = pocket_balance(t->solver), submitter = pocket_balance(s.record.submitter);
  pay(&e, ROW_SETTLED, &solver, fee_of(t));
  bool paid = money_fees(c, &list, ROW_SETTLED, &e.pocket, t->protocol_fee);
  assert(paid && t->protocol_fee <= t->escrow_left);
  t->escrow_left -= t->protocol_fee;
  pay_seats(&e, ROW_SETTLED, &good);
  pay(&e, ROW_SETTLED, &submitter, t->escrow_left);
  subsidise(c, &list, t->protocol_fee, &good);
  solver_free(c, &list, ROW_SETTLED, t);
  audit_return(c, t, &list, ROW_SETTLED);
  bool more = go_on(c, &list, t, &s.record);
  append(c, t, &s.record, RECEIPT_SETTLED, t->outcome == TRACE_DONE ? REASON_DONE : REASON_DIVERGED, good.count, &list);
  task_enter(c, t, TASK_SETTLED, 0, false);
  if (more) task_begin(c, &s.record);
}

/* Row 6b pays the seats that worked; 6a, 6b and 3 give everything else back. */
void task_cancel(struct chain *c, struct task_record *t, uint16_t reason) {
  struct job_stored s;
  struct payments list;
  struct payees good;
  job_of(c, t, &s);
  payments_begin(&list);
  find_good(c, t, &good);
  struct escrow e = {c, &list, t, pocket_escrow(s.record.id)};
  uint8_t row = reason == REASON_NEUTRAL || reason == REASON_STALLED ? ROW_NEUTRAL : ROW_CANCELLED;
  if (reason == REASON_NEUTRAL) pay_seats(&e, row, &good);
  solver_free(c, &list, row, t);
  audit_return(c, t, &list, row);
  t->escrow_left = 0; /* the job's whole escrow goes, this task's share with it */
  refund(c, &list, &s.record, ROW_CANCELLED);
  job_end(c, &s.record, JOB_FAILED);
  append(c, t, &s.record, RECEIPT_CANCELLED, reason, good.count, &list);
  task_enter(c, t, TASK_CANCELLED, 0, false);
}
