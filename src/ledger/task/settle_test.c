/* How attempts, tasks and jobs end: each row of LEDGER 14.1 that ends one, to the grain, with every lock empty after
 * it. The seats are put there as the audit leaves them; the audit itself has tests of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/audit/audit.h"
#include "ledger/task/world.h"

static struct world w;
static struct world_post p;
static struct why why;
static uint8_t job[32], task[TASK_ID_BYTES];

#define ASY UINT64_C(1000000000)
#define BALANCE (100000 * ASY)
#define F UINT64_C(1216800000)
#define PHI UINT64_C(608400000)
#define X UINT64_C(24336000)
#define E (F + 3 * PHI + X)
enum { POSTING_FEE = 10000000, RESERVE = 5000, SOLVER = 6, SEAT = 3 /* seats 0, 1, 2 are actors 3, 4, 5 */ };

static void few_slashed(struct parameters *q) { q->slash_permille = 200; }

static int begin_with(void (*change)(struct parameters *), uint16_t tasks) {
  world_open(&w, "test", change);
  world_block(&w);
  world_body(&w, &p, tasks, 40, 8);
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  job_task_id(job, 0, task);
  return 0;
}
static int begin_one(void **state) {
  (void)state;
  return begin_with(NULL, 1);
}
static int begin_three(void **state) {
  (void)state;
  return begin_with(NULL, 3);
}
static int begin_few(void **state) {
  (void)state;
  return begin_with(few_slashed, 1);
}

static int end(void **state) {
  (void)state;
  world_shut(&w);
  return 0;
}

static void put_seat(const struct task_record *t, uint8_t number, uint8_t state, uint16_t mismatch, uint8_t root) {
  struct audit_stakes stakes;
  struct seat_record s = {.state = state, .mismatch = mismatch, .draws = 2, .interval = {1, 3}, .shown = true};
  const uint8_t *account = w.actor[SEAT + number].account;
  audit_stakes(&w.c, t, &stakes);
  memcpy(s.id, t->id, sizeof t->id);
  s.id[34] = t->attempt;
  s.id[35] = number;
  memcpy(s.account, account, 32);
  memset(s.end[1], root, 32);
  if (state != SEAT_VOID) {
    s.bond = stakes.bond;
    assert_true(money_lock(&w.c, account, ROLE_VERIFIER, s.bond));
    assert_true(money_gas_lock(&w.c, NULL, s.id, account, 200000));
  }
  seat_store(&w.c, &s);
}

/* The running task of the job, committed by `solver`, opened, with three seats that showed, in DELIVER. */
static struct task_record ready(uint32_t solver, uint8_t outcome, uint32_t steps) {
  world_until(&w, task, TASK_OPEN);
  assert_int_equal(world_offer(&w, task, solver, &why), CHAIN_OK);
  world_until(&w, task, TASK_WORK);
  assert_int_equal(world_commit(&w, task, solver, outcome, steps, &why), CHAIN_OK);
  struct task_record t = world_task(&w, task);
  for (uint8_t i = 0; i < 3; i++) put_seat(&t, i, SEAT_SHOWN, 0, 1);
  t.opened = true;
  memset(t.final_root, 0x99, 32);
  t.figure = 0x3f800000;
  task_enter(&w.c, &t, TASK_DELIVER, w.c.now.tick + 50, false);
  return t;
}

/* Takes back what put_seat did, and puts the seat there in another way. */
static void change_seat(const struct task_record *t, uint8_t number, uint8_t state, uint16_t mismatch, uint8_t root) {
  struct seat_record s;
  assert_true(audit_seat(&w.c, t, number, &s));
  money_unlock(&w.c, s.account, ROLE_VERIFIER, s.bond);
  money_gas_unlock(&w.c, NULL, ROW_SEAT, s.id, s.account);
  put_seat(t, number, state, mismatch, root);
}

static void check_sum(void) { assert_int_equal(money_sum(&w.c), w.supply); }

static void check_unlocked(void) {
  struct pocket lock = pocket_of(POCKET_LOCK);
  struct map_key prefix = map_key(MODULE_POCKET, &lock.kind, 1), key;
  assert_false(map_next(w.c.map, &prefix, NULL, &key, NULL));
  for (uint32_t i = 0; i < WORLD_ACTORS; i++) {
    struct account a = world_account(&w, i);
    for (uint32_t r = 0; r < ROLES; r++) assert_int_equal(a.locked[r], 0);
  }
  check_sum();
}

static uint8_t job_state_now(void) {
  struct job_stored s;
  assert_true(job_find(&w.c, job, &s));
  return s.record.state;
}

static uint64_t stake(uint32_t actor, uint8_t role) { return world_account(&w, actor).stake[role]; }

/* Row 7 with all three seats: F, X, phi each; nothing is left of E. Row 25: R comes back. */
static void test_settle(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  uint64_t burned = w.c.now.burned, pool = w.c.now.validators_pool;
  task_settle(&w.c, &t);
  check_unlocked();
  assert_int_equal(world_balance(&w, SOLVER), BALANCE + F);
  for (uint32_t i = 0; i < 3; i++) assert_int_equal(world_balance(&w, SEAT + i), BALANCE + PHI);
  assert_int_equal(w.c.now.burned - burned, X / 2);
  assert_int_equal(w.c.now.validators_pool - pool, X / 2);
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE - E);
  assert_int_equal(world_escrow(&w, job), 0);
  assert_int_equal(job_state_now(), JOB_DONE);
  t = world_task(&w, task);
  assert_int_equal(t.state, TASK_SETTLED);
  assert_int_equal(t.escrow_left, 0);
  world_block(&w);
  const struct receipt *r = &w.receipt[w.receipts - 1];
  assert_int_equal(r->kind, RECEIPT_SETTLED);
  assert_int_equal(r->reason, REASON_DONE);
  assert_int_equal(r->audited, 3);
  assert_int_equal(r->figure, 0x3f800000);
  assert_memory_equal(r->account, w.actor[SOLVER].account, 32);
  assert_memory_equal(r->final_root, t.final_root, 32);
  assert_int_equal(r->steps, 40);
  assert_int_equal(t.receipt, r->number + 1);
  /* 7: solver, two halves of X, three seats, four gas locks; 25: the reserve */
  assert_int_equal(w.payments, 11);
  assert_int_equal(w.payment[0].row, 7);
  assert_int_equal(w.payment[10].row, 25);
  assert_int_equal(w.payment[10].amount, RESERVE);
}

/* A void seat and one that was proven wrong get nothing: their phi returns to the submitter. */
static void test_settle_bad_seats(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  struct seat_record s;
  change_seat(&t, 0, SEAT_VOID, 0, 1);
  assert_true(audit_seat(&w.c, &t, 2, &s));
  s.lost = true;
  seat_store(&w.c, &s);
  task_settle(&w.c, &t);
  check_unlocked();
  assert_int_equal(world_balance(&w, SEAT), BALANCE);
  assert_int_equal(world_balance(&w, SEAT + 1), BALANCE + PHI);
  assert_int_equal(world_balance(&w, SEAT + 2), BALANCE);
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE - E + 2 * PHI);
  world_block(&w);
  assert_int_equal(w.receipt[w.receipts - 1].audited, 1);
}

/* Three tasks: each starts where the one before ended, and the job's escrow shrinks by E each time. */
static void test_three_tasks(void **state) {
  (void)state;
  struct job_stored s;
  for (uint16_t i = 0; i < 3; i++) {
    job_task_id(job, i, task);
    struct task_record t = ready(SOLVER - i % 2 * 5, TRACE_DONE, 40); /* actor 6, 1, 6 */
    assert_int_equal(world_escrow(&w, job), (3 - i) * E + RESERVE);
    if (i) assert_int_equal(t.start_root[0], 0x99 + i - 1);
    memset(t.final_root, 0x99 + i, 32);
    task_settle(&w.c, &t);
    check_unlocked();
    assert_true(job_find(&w.c, job, &s));
    assert_int_equal(s.record.state, i < 2 ? JOB_LIVE : JOB_DONE);
    assert_int_equal(s.record.task, i < 2 ? i + 1 : 2);
  }
  assert_int_equal(world_escrow(&w, job), 0);
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE - 3 * E);
  assert_int_equal(w.c.now.live, 0);
  struct task_record t;
  w.c.now.tick += 10000;
  world_block(&w);
  world_block(&w);
  for (uint16_t i = 0; i < 3; i++) {
    struct seat_record seat;
    uint8_t id[SEAT_ID_BYTES] = {0};
    job_task_id(job, i, id);
    id[34] = 1;
    assert_false(task_find(&w.c, id, &t));
    assert_false(seat_find(&w.c, id, &seat));
  }
  assert_false(job_find(&w.c, job, &s));
}

/* Tasks 255 and 256 end in one tick, since blocks can be faster than ticks: their ids, little endian, are in the other
 * order, and the job is there for both. */
static void test_prune_order(void **state) {
  (void)state;
  struct job_stored s;
  struct task_record t, last;
  world_body(&w, &p, 300, 1, 1);
  p.body.deadline = w.c.now.tick + 100;
  assert_int_equal(world_post(&w, &p, 2, job, &why), CHAIN_OK);
  job_task_id(job, 0, task);
  t = world_task(&w, task);
  timer_disarm(&w.c, t.armed, t.wait, TIMER_TASK, task, sizeof task);
  struct map_key key = map_key(MODULE_TASK, task, sizeof task);
  map_erase(w.c.map, &key); /* as if 255 tasks had been settled and pruned */
  assert_true(job_find(&w.c, job, &s));
  s.record.task = 255;
  job_store(&w.c, &s.record);
  task_begin(&w.c, &s.record);
  job_task_id(job, 255, task);
  t = ready(SOLVER, TRACE_DONE, 1);
  w.c.now.tick += 100;
  task_settle(&w.c, &t);
  uint64_t tick = w.c.now.tick;
  job_task_id(job, 256, task);
  for (uint32_t i = 0; i < 2; i++) {
    w.c.now.tick = tick - 1;
    world_block(&w);
  }
  last = world_task(&w, task);
  assert_int_equal(last.state, TASK_CANCELLED);
  job_task_id(job, 255, task);
  assert_int_equal(world_task(&w, task).armed, last.armed);
  w.c.now.tick = last.armed;
  world_block(&w);
  assert_false(task_find(&w.c, task, &t));
  assert_false(job_find(&w.c, job, &s));
}

/* Step numbers go on from task to task. */
static void test_first_step(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  assert_int_equal(t.first_step, 0);
  task_settle(&w.c, &t);
  job_task_id(job, 1, task);
  assert_int_equal(world_task(&w, task).first_step, 40);
  assert_int_equal(world_task(&w, task).state, TASK_WAIT);
}

/* Row 7b: after 16 of 40 steps floor(F * 16 / 40); seats are paid in full; the job is DONE, E of later tasks comes back
 * in row 3 and R in row 25. */
static void test_diverged(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DIVERGED, 16), next;
  task_settle(&w.c, &t);
  check_unlocked();
  assert_int_equal(world_balance(&w, SOLVER), BALANCE + F * 16 / 40);
  assert_int_equal(world_balance(&w, SEAT + 1), BALANCE + PHI);
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE - E + (F - F * 16 / 40));
  assert_int_equal(world_escrow(&w, job), 0);
  assert_int_equal(job_state_now(), JOB_DONE);
  job_task_id(job, 1, task);
  assert_false(task_find(&w.c, task, &next));
  world_block(&w);
  assert_int_equal(w.receipt[w.receipts - 1].reason, REASON_DIVERGED);
  assert_int_equal(w.payment[w.payments - 2].row, 25);
  assert_int_equal(w.payment[w.payments - 2].amount, RESERVE);
  assert_int_equal(w.payment[w.payments - 1].row, 3);
  assert_int_equal(w.payment[w.payments - 1].amount, 2 * E);
}

/* Row 21 was booked: rho of X, then of R. Row 7 pays phi + rho and what is left of X. */
static void test_raised(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  struct job_stored s;
  uint64_t burned = w.c.now.burned, pool = w.c.now.validators_pool;
  t.raise = (X + 2001) / 3; /* 3 rho = X + 2,001: all of X, 2,001 of R */
  assert_int_equal(3 * t.raise, X + 2001);
  t.protocol_fee = 0;
  t.escrow_left += 2001;
  assert_true(job_find(&w.c, job, &s));
  s.record.reserve_left -= 2001;
  job_store(&w.c, &s.record);
  task_settle(&w.c, &t);
  check_unlocked();
  assert_int_equal(world_balance(&w, SEAT), BALANCE + PHI + t.raise);
  assert_int_equal(w.c.now.burned, burned);
  assert_int_equal(w.c.now.validators_pool, pool);
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE - E - 2001);
}

/* Row 20: at most half of what X burned, from what the pool has. */
static void test_subsidy(void **state) {
  (void)state;
  for (uint32_t poor = 0; poor < 2; poor++) {
    if (poor) begin_one(state);
    struct task_record t = ready(SOLVER, TRACE_DONE, 40);
    struct pocket from = pocket_balance(w.actor[7].account), to = pocket_of(POCKET_SUBSIDY);
    uint64_t held = poor ? 100 : ASY, each = poor ? 33 : X / 4 / 3;
    money_flow(&w.c, NULL, ROW_TRANSFER, &from, &to, held);
    task_settle(&w.c, &t);
    check_unlocked();
    assert_int_equal(world_balance(&w, SEAT + 2), BALANCE + PHI + each);
    assert_int_equal(w.c.now.subsidy_pool, held - 3 * each);
    if (!poor) end(state);
  }
}

/* Row 6b: nobody's fault. The seats that worked are paid, everything else goes back, and the job has failed. */
static void test_neutral(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  change_seat(&t, 2, SEAT_VOID, 0, 1);
  task_cancel(&w.c, &t, REASON_NEUTRAL);
  check_unlocked();
  assert_int_equal(world_balance(&w, SOLVER), BALANCE);
  assert_int_equal(stake(SOLVER, ROLE_SOLVER), SOLVER * 1000 * ASY);
  assert_int_equal(world_balance(&w, SEAT), BALANCE + PHI);
  assert_int_equal(world_balance(&w, SEAT + 2), BALANCE);
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE - 2 * PHI);
  assert_int_equal(job_state_now(), JOB_FAILED);
  world_block(&w);
  assert_int_equal(w.receipt[w.receipts - 1].kind, RECEIPT_CANCELLED);
  assert_int_equal(w.receipt[w.receipts - 1].reason, REASON_NEUTRAL);
  assert_int_equal(w.payment[0].row, 6);
}

/* Row 6a: nobody came to verify. */
static void test_stalled(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  for (uint8_t i = 0; i < 3; i++) change_seat(&t, i, SEAT_VOID, 0, 1);
  task_cancel(&w.c, &t, REASON_STALLED);
  check_unlocked();
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE);
  assert_int_equal(stake(SOLVER, ROLE_SOLVER), SOLVER * 1000 * ASY);
}

/* Row 9: the solver fell silent. Good seats have their phi from its bond, the rest of it burns; esc stays. */
static void test_silent(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  uint64_t burned = w.c.now.burned;
  change_seat(&t, 1, SEAT_VOID, 0, 1);
  t.silent = true;
  task_fault(&w.c, &t, REASON_NO_OPEN);
  check_unlocked();
  assert_int_equal(stake(SOLVER, ROLE_SOLVER), SOLVER * 1000 * ASY - 2 * F - 3 * PHI);
  assert_int_equal(world_balance(&w, SOLVER), BALANCE); /* with what was left of its gas lock */
  assert_int_equal(world_balance(&w, SEAT), BALANCE + PHI);
  assert_int_equal(world_balance(&w, SEAT + 1), BALANCE);
  assert_int_equal(w.c.now.burned - burned, 2 * F + PHI);
  assert_int_equal(world_escrow(&w, job), E + RESERVE);
  t = world_task(&w, task);
  assert_int_equal(t.state, TASK_WAIT);
  assert_int_equal(t.attempt, 2);
  assert_int_equal(t.escrow_left, E);
  assert_false(t.opened || t.silent);
  assert_int_equal(t.intervals_run, 0);
  world_block(&w);
  assert_int_equal(w.receipt[w.receipts - 1].kind, RECEIPT_FAULT);
  assert_int_equal(w.receipt[w.receipts - 1].reason, REASON_NO_OPEN);
  assert_int_equal(w.receipt[w.receipts - 1].attempt, 1);
}

/* Row 8. B_s = 2F: F/2 to the finders, F/2 to the submitter, phi to each good seat; of the rest s/1000 to the
 * quarantine, what remains to the solver. Seats 0 and 1 computed the same end of interval 3, seat 2 another one. */
static void test_proven(void **state) {
  (void)state;
  uint32_t permille = w.c.parameters.slash_permille;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  change_seat(&t, 0, SEAT_SHOWN, 3, 7);
  change_seat(&t, 1, SEAT_SHOWN, 3, 7);
  change_seat(&t, 2, SEAT_SHOWN, 3, 8);
  t.proven = true;
  t.proven_interval = 3;
  t.proven_seat = 1;
  uint64_t before = world_balance(&w, 0), rest = F, quarantined = rest * permille / 1000;
  task_fault(&w.c, &t, REASON_PROVEN);
  check_unlocked();
  assert_int_equal(world_balance(&w, SEAT), BALANCE + F / 4 + PHI);
  assert_int_equal(world_balance(&w, SEAT + 1), BALANCE + F / 4 + PHI);
  assert_int_equal(world_balance(&w, SEAT + 2), BALANCE + PHI); /* moot counts as honest: LEDGER 11.9 */
  assert_int_equal(world_balance(&w, 0), before + F / 2);
  assert_int_equal(w.c.now.quarantine, quarantined);
  assert_int_equal(stake(SOLVER, ROLE_SOLVER), SOLVER * 1000 * ASY - (2 * F + 3 * PHI) + (rest - quarantined));
  assert_int_equal(world_escrow(&w, job), E + RESERVE);
  assert_int_equal(world_task(&w, task).attempt, 2);
}

/* Three finders of F/2: what does not divide stays with the rest. */
static void test_proven_odd(void **state) {
  (void)state;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  t.fine -= 3; /* and the bond with it: B_s / 4 is then no multiple of 3 */
  struct account a;
  account_get(w.c.map, t.solver, &a);
  money_unlock(&w.c, t.solver, ROLE_SOLVER, 3);
  t.bond -= 3;
  for (uint8_t i = 0; i < 3; i++) change_seat(&t, i, SEAT_SHOWN, 3, 7);
  t.proven = true;
  t.proven_interval = 3;
  uint64_t share = (2 * F - 3) / 4, each = share / 3;
  assert_int_not_equal(share % 3, 0);
  task_fault(&w.c, &t, REASON_PROVEN);
  check_unlocked();
  for (uint32_t i = 0; i < 3; i++) assert_int_equal(world_balance(&w, SEAT + i), BALANCE + PHI + each);
  assert_int_equal(w.c.now.quarantine, 2 * F - 3 - 3 * each - share);
}

/* "burns when submitter and solver are one account" */
static void test_proven_own(void **state) {
  (void)state;
  struct job_stored s;
  struct task_record t = ready(SOLVER, TRACE_DONE, 40);
  assert_true(job_find(&w.c, job, &s));
  memcpy(s.record.submitter, w.actor[SOLVER].account, 32);
  job_store(&w.c, &s.record);
  change_seat(&t, 0, SEAT_SHOWN, 1, 7);
  t.proven = true;
  t.proven_interval = 1;
  uint64_t burned = w.c.now.burned;
  task_fault(&w.c, &t, REASON_PROVEN);
  check_unlocked();
  assert_int_equal(w.c.now.burned - burned, F / 2);
  assert_int_equal(world_balance(&w, SOLVER), BALANCE);
  assert_int_equal(world_balance(&w, SEAT), BALANCE + F / 2 + PHI);
}

/* Four faults: the fourth cancels, and the submitter has everything back but p. */
static void test_four_faults(void **state) {
  (void)state;
  static const uint32_t solvers[] = {6, 7, 1, 2};
  for (uint32_t i = 0; i < 4; i++) {
    struct task_record t = ready(solvers[i], TRACE_DONE, 40);
    assert_int_equal(t.attempt, i + 1);
    for (uint32_t k = 0; k < i; k++) assert_memory_equal(t.tried[k], w.actor[solvers[k]].account, 32);
    t.silent = true;
    task_fault(&w.c, &t, REASON_NO_PUBLISH);
    check_unlocked();
  }
  assert_int_equal(world_task(&w, task).state, TASK_CANCELLED);
  assert_int_equal(world_balance(&w, 0), BALANCE - POSTING_FEE);
  assert_int_equal(world_balance(&w, SEAT), BALANCE + 4 * PHI);
  assert_int_equal(job_state_now(), JOB_FAILED);
  world_block(&w);
  assert_int_equal(w.receipt[w.receipts - 1].reason, REASON_ATTEMPTS);
  assert_int_equal(w.receipt[w.receipts - 2].kind, RECEIPT_FAULT);
}

int main(void) {
#define TEST(name, begin) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(test_settle, begin_one),        TEST(test_settle_bad_seats, begin_one),
      TEST(test_three_tasks, begin_three), TEST(test_first_step, begin_three),
      TEST(test_diverged, begin_three),    TEST(test_raised, begin_one),
      TEST(test_subsidy, begin_one),       TEST(test_neutral, begin_one),
      TEST(test_stalled, begin_one),       TEST(test_silent, begin_one),
      TEST(test_proven, begin_one),        cmocka_unit_test_setup_teardown(test_proven, begin_few, end),
      TEST(test_proven_odd, begin_one),    TEST(test_proven_own, begin_one),
      TEST(test_four_faults, begin_one),   TEST(test_prune_order, begin_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
