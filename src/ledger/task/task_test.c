/* The solver's part of a task: waiting, offers and their race, the bond, being late, committing. Every call and every
 * block of the world asserts that no grain was made or lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/draw.h"
#include "ledger/provider/provider.h"
#include "ledger/task/world.h"

static struct world w;
static struct world_post p;
static struct why why;
static uint8_t job[32], task[TASK_ID_BYTES];

enum { POSTING_FEE = 10000000, FEE = 1216800000, SEAT_FEE = 608400000 };
static const uint64_t bond = 2 * UINT64_C(1216800000) + 3 * UINT64_C(608400000);

static int begin(void **state) {
  (void)state;
  world_open(&w, "test", NULL);
  world_block(&w);
  world_body(&w, &p, 2, 40, 8);
  return 0;
}

static int end(void **state) {
  (void)state;
  world_shut(&w);
  return 0;
}

static void post(void) {
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  job_task_id(job, 0, task);
}

static void post_open(void) {
  post();
  world_until(&w, task, TASK_OPEN);
}

static void post_work(uint32_t who) {
  post_open();
  assert_int_equal(world_offer(&w, task, who, &why), CHAIN_OK);
  world_until(&w, task, TASK_WORK);
}

/* Rows 1 and 2: WAIT until the beacon of h_open + d, d = floor(0 / 3) + 2. */
static void test_wait(void **state) {
  (void)state;
  struct job_stored s;
  post();
  struct task_record t = world_task(&w, task);
  assert_int_equal(t.state, TASK_WAIT);
  assert_true(t.wait);
  assert_int_equal(t.armed, w.c.now.height + 2);
  assert_int_equal(t.attempt, 1);
  assert_int_equal(t.intervals, 5);
  assert_int_equal(t.draws, 2);
  assert_int_equal(t.fee, FEE);
  assert_int_equal(t.seat_fee, SEAT_FEE);
  assert_int_equal(t.fine, 2 * (uint64_t)FEE);
  assert_int_equal(t.est, 3);
  assert_int_equal(t.est_seat, 2 * 3); /* two intervals; each sum of three ceilings is at least 3 */
  assert_int_equal(w.c.now.live, 1);
  world_block(&w);
  assert_int_equal(world_task(&w, task).state, TASK_WAIT);
  world_block(&w);
  t = world_task(&w, task);
  assert_int_equal(t.state, TASK_OPEN);
  assert_false(t.wait);
  assert_int_equal(t.armed, w.c.now.tick + 5);
  assert_true(job_find(&w.c, job, &s) && s.record.seeded);
  assert_int_equal(w.c.now.live, 1);
}

/* Row 3: LEDGER 7.11, "After `deadline` (tick) no attempt begins". */
static void test_deadline(void **state) {
  (void)state;
  struct job_stored s;
  uint64_t before = world_balance(&w, 0);
  p.body.deadline = w.c.now.tick + 1;
  post();
  world_until(&w, task, TASK_CANCELLED);
  assert_int_equal(before - world_balance(&w, 0), POSTING_FEE);
  assert_int_equal(world_escrow(&w, job), 0);
  assert_true(job_find(&w.c, job, &s));
  assert_int_equal(s.record.state, JOB_FAILED);
  assert_int_equal(w.receipts, 2);
  assert_int_equal(w.receipt[0].kind, RECEIPT_POSTED);
  assert_int_equal(w.receipt[1].kind, RECEIPT_CANCELLED);
  assert_int_equal(w.receipt[1].reason, REASON_DEADLINE);
  assert_int_equal(w.payments, 2); /* the reserve, and the rest, in row 3 */
  assert_int_equal(w.payment[0].row, 3);
  assert_int_equal(w.payment[0].amount, 5000);
  assert_int_equal(w.c.now.live, 0);
}

/* A deadline that is now is not passed. */
static void test_deadline_edge(void **state) {
  (void)state;
  p.body.deadline = w.c.now.tick + 2;
  post();
  world_until(&w, task, TASK_OPEN);
}

static void change_provider(uint32_t who, void (*change)(struct provider *)) {
  struct provider it;
  struct map_key key = map_key(MODULE_PROVIDER, w.actor[who].account, 32);
  assert_true(provider_find(&w.c, w.actor[who].account, &it));
  change(&it);
  stored_put(w.c.map, &provider_kind, &key, &it);
}
static void make_unavailable(struct provider *it) { it->available = false; }
static void make_verifier(struct provider *it) { it->roles = PROVIDER_VERIFIER; }
static void make_slow(struct provider *it) { it->class = 1; }
static void make_small(struct provider *it) { it->mem_mib = 0; }
static void make_keyless(struct provider *it) { memset(it->vrf, 0, 32); }

/* Row 5, each guard alone. */
static void test_offer(void **state) {
  (void)state;
  struct body_offer b = {.at = {.task = task, .attempt = 1}};
  uint8_t proof[VRF_PROOF_BYTES] = {0};
  b.proof = proof;
  p.row[0].time_class = 2;
  post();
  assert_int_equal(world_offer(&w, task, 7, &why), CHAIN_STATE); /* WAIT */
  world_until(&w, task, TASK_OPEN);
  change_provider(1, make_unavailable);
  assert_int_equal(world_offer(&w, task, 1, &why), CHAIN_FORBIDDEN);
  change_provider(2, make_verifier);
  assert_int_equal(world_offer(&w, task, 2, &why), CHAIN_FORBIDDEN);
  change_provider(3, make_slow);
  assert_int_equal(world_offer(&w, task, 3, &why), CHAIN_FORBIDDEN);
  change_provider(4, make_small);
  assert_int_equal(world_offer(&w, task, 4, &why), CHAIN_FORBIDDEN);
  change_provider(5, make_keyless);
  assert_int_equal(world_offer(&w, task, 5, &why), CHAIN_FORBIDDEN);
  assert_int_equal(world_offer(&w, task, 0, &why), CHAIN_FORBIDDEN); /* no provider */
  assert_int_equal(task_offer(&w.c, w.actor[6].account, &b, &why), CHAIN_PROOF);
  b.at.attempt = 2;
  assert_int_equal(task_offer(&w.c, w.actor[6].account, &b, &why), CHAIN_STATE);
  uint8_t other[TASK_ID_BYTES];
  job_task_id(job, 1, other);
  b.at = (struct body_attempt){.task = other, .attempt = 1};
  assert_int_equal(task_offer(&w.c, w.actor[6].account, &b, &why), CHAIN_UNKNOWN); /* it has not begun */
  /* one grain of free stake short */
  uint64_t spare = 6000 * UINT64_C(1000000000) - bond;
  assert_true(money_lock(&w.c, w.actor[6].account, ROLE_SOLVER, spare + 1));
  assert_int_equal(world_offer(&w, task, 6, &why), CHAIN_FUNDS);
  money_unlock(&w.c, w.actor[6].account, ROLE_SOLVER, 1);
  /* one grain of balance short of the gas lock: 200,000 gas at 1 */
  struct pocket from = pocket_balance(w.actor[6].account), to = pocket_balance(w.actor[0].account);
  money_flow(&w.c, NULL, ROW_TRANSFER, &from, &to, world_balance(&w, 6) - 199999);
  assert_int_equal(world_offer(&w, task, 6, &why), CHAIN_FUNDS);
  money_flow(&w.c, NULL, ROW_TRANSFER, &to, &from, 1);
  assert_int_equal(world_offer(&w, task, 6, &why), CHAIN_OK);
  assert_int_equal(world_offer(&w, task, 6, &why), CHAIN_STATE); /* twice */
  assert_int_equal(world_task(&w, task).offers, 1);
  /* LEDGER 1.3: "A transaction is in time when tick <= deadline, whether or not the timer has run." */
  w.c.now.tick = world_task(&w, task).armed;
  assert_int_equal(world_offer(&w, task, 7, &why), CHAIN_OK);
  w.c.now.tick++;
  assert_int_equal(world_offer(&w, task, 7, &why), CHAIN_EXPIRED);
}

/* The best three of seven, in whatever order they come, and the first of them works. */
static void test_best(void **state) {
  (void)state;
  static const uint32_t orders[][7] = {{1, 2, 3, 4, 5, 6, 7}, {7, 6, 5, 4, 3, 2, 1}, {4, 1, 7, 2, 6, 3, 5}};
  struct task_record t, first = {.offers = 0};
  for (uint32_t n = 0; n < 3; n++) {
    if (n) begin(state);
    post_open();
    for (uint32_t i = 0; i < 7; i++) {
      enum chain_code code = world_offer(&w, task, orders[n][i], &why);
      assert_true(code == CHAIN_OK || (code == CHAIN_LIMIT && i >= 3));
    }
    t = world_task(&w, task);
    assert_int_equal(t.offers, 3);
    if (n == 0) first = t;
    assert_memory_equal(t.offer, first.offer, sizeof t.offer);
    world_until(&w, task, TASK_WORK);
    t = world_task(&w, task);
    assert_memory_equal(t.solver, first.offer[0].account, 32);
    assert_int_equal(t.bond, bond);
    assert_int_equal(t.armed, w.c.now.tick + 4 * 3 + 120);
    if (n < 2) end(state);
  }
}

/* A race against a twin that knows the rule: no other offer comes in before the winner. */
static void test_best_twin(void **state) {
  (void)state;
  post_open();
  struct draw_entry e[7], best;
  uint8_t beacon[32], input[TASK_OFFER_BYTES], proof[VRF_PROOF_BYTES];
  struct task_record t = world_task(&w, task);
  chain_beacon(&w.c, t.draw_height, beacon);
  task_offer_input(w.c.genesis, &t, beacon, input);
  for (uint32_t i = 0; i < 7; i++) {
    vrf_prove(w.actor[i + 1].vrf, input, sizeof input, proof);
    e[i].weight = (i + 1) * UINT64_C(1000000000000);
    memcpy(e[i].account, w.actor[i + 1].account, 32);
    assert_true(vrf_output(proof, e[i].output));
    if (!i || draw_before(&e[i], &best)) best = e[i];
    world_offer(&w, task, i + 1, &why);
  }
  assert_memory_equal(world_task(&w, task).offer[0].account, best.account, 32);
  assert_memory_equal(world_task(&w, task).offer[0].beta, best.output, 64);
}

/* LEDGER 6.5: equal scores and outputs are decided by the account. */
static void test_ties(void **state) {
  (void)state;
  for (uint32_t high = 0; high < 2; high++) {
    if (high) begin(state);
    post_open();
    assert_int_equal(world_offer(&w, task, 3, &why), CHAIN_OK);
    struct task_record t = world_task(&w, task);
    memset(t.offer[0].account, high ? 0xff : 0, 32); /* an entry like that of actor 3, of another account */
    task_store(&w.c, &t);
    assert_int_equal(world_offer(&w, task, 3, &why), CHAIN_OK);
    t = world_task(&w, task);
    assert_memory_equal(t.offer[high ? 0 : 1].account, w.actor[3].account, 32);
    if (!high) end(state);
  }
}

/* Stakes of 1 : 2 : 3 : 4 win about that often: 400 races, each of which is a draw of its own. Standard deviation at
 * most 9.8, so 35 is more than three of them. */
static void test_weights(void **state) {
  (void)state;
  enum { RACES = 400 };
  static uint8_t races[RACES][TASK_ID_BYTES];
  uint32_t wins[5] = {0};
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 1, 40, 8);
  p.body.price = 10000000000;
  for (uint32_t i = 0; i < RACES; i++) {
    assert_int_equal(world_post(&w, &p, i, job, &why), CHAIN_OK);
    job_task_id(job, 0, races[i]);
  }
  world_until(&w, races[0], TASK_OPEN);
  for (uint32_t i = 0; i < RACES; i++)
    for (uint32_t who = 1; who <= 4; who++) world_offer(&w, races[i], who, &why);
  world_until(&w, races[0], TASK_WORK);
  for (uint32_t i = 0; i < RACES; i++) {
    struct task_record t = world_task(&w, races[i]);
    assert_int_equal(t.state, TASK_WORK);
    for (uint32_t who = 1; who <= 4; who++) wins[who] += !memcmp(t.solver, w.actor[who].account, 32);
  }
  for (uint32_t who = 1; who <= 4; who++) assert_in_range(wins[who], who * RACES / 10 - 35, who * RACES / 10 + 35);
  assert_int_equal(wins[1] + wins[2] + wins[3] + wins[4], RACES);
}

/* Rows 6 and 2: who has lost its stake or its balance meanwhile is passed over. */
static void test_funded(void **state) {
  (void)state;
  post_open();
  for (uint32_t who = 1; who <= 3; who++) assert_int_equal(world_offer(&w, task, who, &why), CHAIN_OK);
  struct task_record t = world_task(&w, task);
  struct account a;
  account_get(w.c.map, t.offer[0].account, &a);
  assert_true(money_lock(&w.c, t.offer[0].account, ROLE_SOLVER, account_free(&a, ROLE_SOLVER)));
  struct pocket from = pocket_balance(t.offer[1].account), to = pocket_balance(w.actor[0].account);
  money_flow(&w.c, NULL, ROW_TRANSFER, &from, &to, money_held(&w.c, &from));
  world_until(&w, task, TASK_WORK);
  struct task_record now = world_task(&w, task);
  assert_memory_equal(now.solver, t.offer[2].account, 32);
  account_get(w.c.map, t.offer[1].account, &a);
  assert_int_equal(a.locked[ROLE_SOLVER], 0); /* the stake it had is not left locked */
  account_get(w.c.map, t.offer[2].account, &a);
  assert_int_equal(a.locked[ROLE_SOLVER], bond);
  assert_int_equal(a.balance, 100000 * UINT64_C(1000000000) - 200000);
}

static void test_unfunded(void **state) {
  (void)state;
  post_open();
  assert_int_equal(world_offer(&w, task, 1, &why), CHAIN_OK);
  struct pocket from = pocket_balance(w.actor[1].account), to = pocket_balance(w.actor[0].account);
  money_flow(&w.c, NULL, ROW_TRANSFER, &from, &to, money_held(&w.c, &from));
  world_until(&w, task, TASK_WAIT);
  assert_int_equal(world_task(&w, task).attempt, 2);
  assert_int_equal(w.receipts, 2); /* and none of a bond that was not taken */
  assert_int_equal(w.receipt[1].reason, REASON_NO_OFFERS);
}

/* Rows 7 and 3: four attempts without an offer, then everything goes back, and in its time the records go too. */
static void test_no_offers(void **state) {
  (void)state;
  struct job_stored s;
  struct task_record t;
  struct posted_tape tape;
  uint64_t before = world_balance(&w, 0);
  post();
  for (uint8_t attempt = 1; attempt <= 4; attempt++) {
    world_until(&w, task, TASK_OPEN);
    assert_int_equal(world_task(&w, task).attempt, attempt);
    world_until(&w, task, attempt < 4 ? TASK_WAIT : TASK_CANCELLED);
  }
  assert_int_equal(before - world_balance(&w, 0), POSTING_FEE);
  assert_int_equal(world_escrow(&w, job), 0);
  assert_int_equal(w.receipts, 6);
  for (uint32_t i = 1; i <= 4; i++) {
    assert_int_equal(w.receipt[i].kind, RECEIPT_ATTEMPT);
    assert_int_equal(w.receipt[i].reason, REASON_NO_OFFERS);
    assert_int_equal(w.receipt[i].attempt, i);
  }
  assert_int_equal(w.receipt[5].kind, RECEIPT_CANCELLED);
  assert_int_equal(w.receipt[5].reason, REASON_ATTEMPTS);
  assert_true(job_find(&w.c, job, &s));
  assert_int_equal(s.record.state, JOB_FAILED);
  assert_true(job_tape_find(&w.c, w.tape_root, &tape));
  assert_int_equal(tape.use.jobs, 0);
  assert_int_equal(w.c.now.live, 0);
  for (uint32_t i = 0; i < 10000; i++) w.c.now.tick++;
  world_block(&w);
  assert_false(task_find(&w.c, task, &t));
  assert_false(job_find(&w.c, job, &s));
}

/* Row 8, 4b of the money: F / 4 burns, the rest of the bond and the gas lock return; a strike; another solver then. */
static void test_late(void **state) {
  (void)state;
  struct provider who;
  uint64_t burned = w.c.now.burned;
  post_work(5);
  struct account a = world_account(&w, 5);
  assert_int_equal(a.locked[ROLE_SOLVER], bond);
  assert_int_equal(a.balance, 100000 * UINT64_C(1000000000) - 200000);
  world_until(&w, task, TASK_WAIT);
  a = world_account(&w, 5);
  assert_int_equal(a.locked[ROLE_SOLVER], 0);
  assert_int_equal(a.balance, 100000 * UINT64_C(1000000000));
  assert_int_equal(a.stake[ROLE_SOLVER], 5000 * UINT64_C(1000000000) - FEE / 4);
  assert_int_equal(w.c.now.burned - burned, FEE / 4 + POSTING_FEE / 2);
  assert_int_equal(w.receipts, 3);
  assert_int_equal(w.receipt[1].kind, RECEIPT_LOCKED);
  assert_int_equal(w.receipt[1].seat, SEAT_NONE);
  assert_memory_equal(w.receipt[1].account, w.actor[5].account, 32);
  assert_int_equal(w.receipt[2].reason, REASON_LATE);
  assert_memory_equal(w.receipt[2].account, w.actor[5].account, 32);
  assert_int_equal(w.payments, 2);
  assert_int_equal(w.payment[0].row, 4);
  assert_int_equal(w.payment[0].amount, FEE / 4);
  assert_int_equal(w.payment[1].amount, 200000);
  assert_true(provider_find(&w.c, w.actor[5].account, &who));
  assert_int_equal(who.strikes, 1);
  struct task_record t = world_task(&w, task);
  assert_int_equal(t.attempt, 2);
  assert_int_equal(t.bond, 0);
  assert_memory_equal(t.tried[0], w.actor[5].account, 32);
  /* "held no earlier attempt of this task" */
  world_until(&w, task, TASK_OPEN);
  assert_int_equal(world_offer(&w, task, 5, &why), CHAIN_FORBIDDEN);
  assert_int_equal(world_offer(&w, task, 4, &why), CHAIN_OK);
  world_until(&w, task, TASK_WORK);
}

/* LEDGER 5.3: "Three strikes set available = 0". */
static void test_strikes(void **state) {
  (void)state;
  struct provider who;
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(world_post(&w, &p, i, job, &why), CHAIN_OK);
    job_task_id(job, 0, task);
    world_until(&w, task, TASK_OPEN);
    assert_int_equal(world_offer(&w, task, 5, &why), CHAIN_OK);
    world_until(&w, task, TASK_WORK);
    world_until(&w, task, TASK_WAIT);
  }
  assert_true(provider_find(&w.c, w.actor[5].account, &who));
  assert_false(who.available);
}

/* Row 9, LEDGER 9.3. */
static void test_commit(void **state) {
  (void)state;
  post_work(2);
  assert_int_equal(world_commit(&w, task, 3, TRACE_DONE, 40, &why), CHAIN_FORBIDDEN);
  assert_int_equal(world_commit(&w, task, 2, TRACE_DONE, 39, &why), CHAIN_LIMIT);
  assert_int_equal(world_commit(&w, task, 2, TRACE_DONE, 41, &why), CHAIN_LIMIT);
  assert_int_equal(world_commit(&w, task, 2, TRACE_DIVERGED, 12, &why), CHAIN_LIMIT); /* an interval has 8 */
  assert_int_equal(world_commit(&w, task, 2, TRACE_DIVERGED, 48, &why), CHAIN_LIMIT);
  assert_int_equal(world_commit(&w, task, 2, TRACE_DIVERGED, 0, &why), CHAIN_LIMIT);
  assert_int_equal(world_task(&w, task).state, TASK_WORK);
  w.c.now.tick = world_task(&w, task).armed; /* the last tick at which it counts */
  assert_int_equal(world_commit(&w, task, 2, TRACE_DIVERGED, 16, &why), CHAIN_OK);
  struct task_record t = world_task(&w, task);
  assert_int_equal(t.state, TASK_DRAW);
  assert_true(t.wait);
  assert_int_equal(t.armed, w.c.now.height + 2);
  assert_int_equal(t.draw_height, t.armed);
  assert_int_equal(t.intervals_run, 2);
  assert_int_equal(t.steps_run, 16);
  assert_int_equal(world_commit(&w, task, 2, TRACE_DIVERGED, 16, &why), CHAIN_STATE);
}

static void test_commit_late(void **state) {
  (void)state;
  post_work(2);
  w.c.now.tick = world_task(&w, task).armed + 1;
  assert_int_equal(world_commit(&w, task, 2, TRACE_DONE, 40, &why), CHAIN_EXPIRED);
}

/* A short last interval: 42 steps are 5 of 8 and one of 2. */
static void test_commit_short(void **state) {
  (void)state;
  world_body(&w, &p, 1, 42, 8);
  post_work(2);
  assert_int_equal(world_task(&w, task).intervals, 6);
  assert_int_equal(world_commit(&w, task, 2, TRACE_DIVERGED, 42, &why), CHAIN_OK);
  assert_int_equal(world_task(&w, task).intervals_run, 6);
}

/* The record: in the fullest state it reaches here, the same bytes again; the attempt decides how many have tried. */
static void test_record(void **state) {
  (void)state;
  uint8_t bytes[4096], again[4096];
  struct task_record t, read;
  post_work(2);
  t = world_task(&w, task);
  t.attempt = 4;
  t.offers = 3;
  t.offer[1] = t.offer[2] = t.offer[0];
  size_t length = stored_encode(&task_kind, &t, bytes, sizeof bytes);
  assert_int_equal(length, task_kind.value_bytes_max);
  assert_true(stored_decode(&task_kind, bytes, length, &read));
  assert_int_equal(stored_encode(&task_kind, &read, again, sizeof again), length);
  assert_memory_equal(bytes, again, length);
  for (size_t i = 0; i < length; i++) assert_false(stored_decode(&task_kind, bytes, i, &read));
  bytes[0] = 17; /* no such state */
  assert_false(stored_decode(&task_kind, bytes, length, &read));
  bytes[0] = 3;
  bytes[1] = 5; /* no such attempt */
  assert_false(stored_decode(&task_kind, bytes, length, &read));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(test_wait),         TEST(test_deadline), TEST(test_deadline_edge), TEST(test_offer),  TEST(test_best),
      TEST(test_best_twin),    TEST(test_ties),     TEST(test_weights),       TEST(test_funded), TEST(test_unfunded),
      TEST(test_no_offers),    TEST(test_late),     TEST(test_strikes),       TEST(test_commit), TEST(test_commit_late),
      TEST(test_commit_short), TEST(test_record),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
