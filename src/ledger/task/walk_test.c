/* Random walks over jobs and tasks: many jobs at once, posted, offered for, late, committed to, and ended in every way
 * there is. LEDGER 14.3: no grain is made or lost (the world asserts it after every call), the escrow of a job is
 * always what its tasks and its reserve add up to, and in the end every escrow and lock is empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/audit/audit.h"
#include "ledger/provider/provider.h"
#include "ledger/task/world.h"

enum { WALKS = 12, STEPS = 1500, JOBS_MAX = 40 };

static struct world w;
static struct world_post p;
static uint8_t jobs[JOBS_MAX][32];
static uint32_t posted, ends[TASK_CANCELLED + 1][REASON_STALLED + 1];
static uint64_t seed;

static uint32_t below(uint32_t n) { return (uint32_t)(example_next(&seed) >> 33) % n; }

static bool running(uint32_t i, struct job_stored *s, struct task_record *t) {
  uint8_t id[TASK_ID_BYTES];
  if (!job_find(&w.c, jobs[i], s) || s->record.state != JOB_LIVE) return false;
  job_task_id(jobs[i], s->record.task, id);
  assert_true(task_find(&w.c, id, t));
  return true;
}

static void post(void) {
  uint32_t interval = 1 + below(8), steps = 1 + below(30);
  world_body(&w, &p, (uint16_t)(1 + below(3)), steps, (uint16_t)interval);
  p.body.level = (uint8_t)(below(4) ? 0 : 4);
  p.body.seats = (uint8_t)(1 + below(4));
  p.body.draws = (uint8_t)(1 + below(4));
  p.body.price = 1000000000000 + example_next(&seed) % 9000000000000;
  p.body.reserve = below(100000000);
  p.body.deadline = w.c.now.tick + (below(4) ? 100000 : below(300));
  if (world_post(&w, &p, posted, jobs[posted], NULL) == CHAIN_OK) posted++;
}

/* One that is as the audit could have left it: void, sealed and silent, or shown. */
static void put_seat(const struct task_record *t, uint8_t number, uint16_t mismatch) {
  struct seat_record s = {.state = SEAT_VOID, .draws = 1, .interval = {1}};
  struct audit_stakes stakes;
  const uint8_t *account = w.actor[1 + below(7)].account;
  audit_stakes(&w.c, t, &stakes);
  memcpy(s.id, t->id, sizeof t->id);
  s.id[34] = t->attempt;
  s.id[35] = number;
  memcpy(s.account, account, 32);
  if ((mismatch || below(4)) && money_lock(&w.c, account, ROLE_VERIFIER, stakes.bond)) {
    assert_true(money_gas_lock(&w.c, NULL, s.id, account, 200000));
    s.bond = stakes.bond;
    s.state = SEAT_SHOWN;
    s.shown = true;
    s.mismatch = mismatch;
    s.end[0][0] = (uint8_t)below(2);
    s.lost = !mismatch && below(6) == 0;
  }
  seat_store(&w.c, &s);
}

static void finish(struct task_record *t) {
  struct seat_record s;
  bool proven = below(4) == 0;
  for (uint8_t i = 0; i < t->seats; i++) put_seat(t, i, proven && (i == 0 || below(2)));
  proven = proven && audit_seat(&w.c, t, 0, &s) && s.state == SEAT_SHOWN;
  t->opened = true;
  t->final_root[0] = (uint8_t)(1 + below(200));
  t->proven = proven;
  t->proven_interval = proven;
  t->silent = !proven;
  uint32_t how = below(6);
  if (proven || how == 0)
    task_fault(&w.c, t, proven ? REASON_PROVEN : REASON_NO_OPEN);
  else if (how == 1)
    task_cancel(&w.c, t, below(2) ? REASON_NEUTRAL : REASON_STALLED);
  else
    task_settle(&w.c, t);
}

static void move(uint32_t i) {
  struct job_stored s;
  struct task_record t;
  uint32_t who = 1 + below(7);
  if (!running(i, &s, &t)) return;
  if (t.state == TASK_OPEN) {
    world_offer(&w, t.id, who, NULL);
  } else if (t.state == TASK_WORK) {
    for (who = 1; who < WORLD_ACTORS && memcmp(t.solver, w.actor[who].account, 32) != 0; who++) {}
    if (who == 7) return; /* who is always late */
    bool diverged = below(3) == 0;
    uint32_t steps = diverged && t.intervals > 1 ? t.interval_steps * (1 + below(t.intervals - 1u)) : t.steps;
    enum chain_code code = world_commit(&w, t.id, who, diverged ? TRACE_DIVERGED : TRACE_DONE, steps, NULL);
    assert_true(code == CHAIN_OK || code == CHAIN_EXPIRED);
  } else if (t.state > TASK_WORK && below(3) == 0) {
    finish(&t);
  }
}

/* What a live job holds: the running task's share, the reserve, and E of those to come. */
static void check_escrow(uint32_t i) {
  struct job_stored s;
  struct task_record t;
  struct job_cost cost;
  struct parameters q;
  if (!running(i, &s, &t)) {
    assert_int_equal(world_escrow(&w, jobs[i]), 0);
    return;
  }
  uint64_t sum = t.escrow_left + s.record.reserve_left;
  chain_parameters(&w.c, t.parameters, &q);
  for (uint16_t n = (uint16_t)(s.record.task + 1); n < s.record.job.tasks; n++) {
    assert_true(job_cost(&w.c, &s.record, &q, n, &cost));
    sum += cost.escrow;
  }
  assert_int_equal(world_escrow(&w, jobs[i]), sum);
  assert_true((t.bond > 0) == (t.state >= TASK_WORK));
}

/* Whoever had three strikes is back: the audit's own draws, whose seats nobody takes here, would soon end the walk. */
static void clear_strikes(void) {
  for (uint32_t i = 1; i < WORLD_ACTORS; i++) {
    struct provider it;
    struct map_key key = map_key(MODULE_PROVIDER, w.actor[i].account, 32);
    assert_true(provider_find(&w.c, w.actor[i].account, &it));
    it.strikes = 0;
    it.available = true;
    stored_put(w.c.map, &provider_kind, &key, &it);
  }
}

static void count_ends(uint32_t from) {
  for (uint32_t i = from; i < w.receipts; i++) {
    const struct receipt *r = &w.receipt[i];
    if (r->kind == RECEIPT_SETTLED) ends[TASK_SETTLED][r->reason]++;
    if (r->kind == RECEIPT_CANCELLED) ends[TASK_CANCELLED][r->reason]++;
    if (r->kind == RECEIPT_FAULT || r->kind == RECEIPT_ATTEMPT) ends[TASK_WAIT][r->reason]++;
  }
  w.receipts = 0;
}

static void check_empty(void) {
  static const uint8_t gone[] = {MODULE_TASK,  MODULE_JOB,    MODULE_SEAT,  MODULE_DRAWN, MODULE_TRACE,
                                 MODULE_TIMER, MODULE_POCKET, MODULE_TABLE, MODULE_TAPE};
  struct map_key key;
  for (uint32_t i = 0; i < sizeof gone; i++) {
    struct map_key prefix = map_key(gone[i], NULL, 0);
    assert_false(map_next(w.c.map, &prefix, NULL, &key, NULL));
  }
  assert_int_equal(w.c.now.live, 0);
  for (uint32_t i = 0; i < WORLD_ACTORS; i++) {
    struct account a = world_account(&w, i);
    for (uint32_t r = 0; r < ROLES; r++) assert_int_equal(a.locked[r], 0);
  }
}

static bool any_live(void) {
  struct job_stored s;
  struct task_record t;
  for (uint32_t i = 0; i < posted; i++)
    if (running(i, &s, &t)) return true;
  return false;
}

static void walk(uint64_t number) {
  seed = number * 1000003;
  posted = 0;
  world_open(&w, "test", NULL);
  world_block(&w);
  assert_int_equal(world_tape(&w, NULL), CHAIN_OK);
  for (uint32_t n = 0; n < STEPS; n++) {
    uint32_t what = below(20);
    if (what == 0 && posted < JOBS_MAX) post();
    if (what == 1) clear_strikes();
    if (what < 6) world_block(&w);
    if (what >= 6 && posted) move(below(posted));
    assert_int_equal(money_sum(&w.c), w.supply);
    for (uint32_t i = 0; i < posted; i++) check_escrow(i);
    count_ends(0);
  }
  for (uint32_t i = 0; i < 20000 && any_live(); i++) {
    world_block(&w);
    count_ends(0);
  }
  assert_false(any_live());
  w.c.now.tick += 10000;
  for (uint32_t i = 0; i < 3; i++) world_block(&w);
  w.c.now.tick += 10000; /* the tape was kept by jobs until now */
  world_block(&w);
  check_empty();
  world_shut(&w);
}

static void test_walks(void **state) {
  (void)state;
  static const struct {
    uint8_t state;
    uint16_t reason;
  } wanted[] = {{TASK_SETTLED, REASON_DONE},      {TASK_SETTLED, REASON_DIVERGED},   {TASK_CANCELLED, REASON_NEUTRAL},
                {TASK_CANCELLED, REASON_STALLED}, {TASK_CANCELLED, REASON_ATTEMPTS}, {TASK_CANCELLED, REASON_DEADLINE},
                {TASK_WAIT, REASON_NO_OFFERS},    {TASK_WAIT, REASON_LATE},          {TASK_WAIT, REASON_PROVEN},
                {TASK_WAIT, REASON_NO_OPEN}};
  for (uint64_t n = 1; n <= WALKS; n++) walk(n);
  for (uint32_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    print_message("state %u, reason %u: %u times\n", wanted[i].state, wanted[i].reason,
                  ends[wanted[i].state][wanted[i].reason]);
    assert_true(ends[wanted[i].state][wanted[i].reason] > 0); /* each way is walked */
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_walks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
