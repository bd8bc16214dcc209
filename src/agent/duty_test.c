/* What is due in each state, by the chain alone: every state, ours or another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/ability.h"
#include "agent/solver.h"
#include "agent/verifier.h"
#include "ledger/task/world.h"

static const uint8_t me[32] = {1}, other[32] = {2};
static struct chain chain;

static int begin(void **state) {
  (void)state;
  memset(&chain, 0, sizeof chain);
  chain.map = map_open();
  chain.now.tick = 10;
  return 0;
}

static int end(void **state) {
  (void)state;
  map_shut(chain.map);
  return 0;
}

static struct task_record task_in(uint8_t state, const uint8_t solver[32]) {
  struct task_record t = {.state = state, .attempt = 1, .seats = 2, .intervals_run = 9, .armed = 20, .entered_tick = 4};
  memcpy(t.solver, solver, 32);
  return t;
}

static struct seat_record seat_in(const struct task_record *t, uint8_t number, uint8_t state) {
  struct seat_record s = {.state = state, .draws = 2, .interval = {2, 5}, .inner = {1, 1}};
  memcpy(s.id, t->id, TASK_ID_BYTES);
  s.id[TASK_ID_BYTES] = t->attempt;
  s.id[TASK_ID_BYTES + 1] = number;
  memcpy(s.account, me, 32);
  return s;
}

static void put_dispute(uint64_t id, uint8_t turn, bool open) {
  static struct docket_record r;
  struct map_key key = map_key(MODULE_DISPUTE, NULL, 0);
  r = (struct docket_record){.interval = 2, .turn = turn, .deadline = open ? 99 : 0, .packed_length = open ? 1 : 0};
  map_key_u64(&key, id);
  stored_put(chain.map, &docket_kind, &key, &r);
}

static void test_solver_states(void **state) {
  (void)state;
  static const enum solver_duty due[TASK_CANCELLED + 1] = {[TASK_WAIT] = SOLVER_PREPARE,
                                                           [TASK_OPEN] = SOLVER_OFFER,
                                                           [TASK_WORK] = SOLVER_WORK,
                                                           [TASK_SHOW] = SOLVER_OPEN,
                                                           [TASK_DELIVER] = SOLVER_DELIVER};
  for (uint8_t k = TASK_WAIT; k <= TASK_CANCELLED; k++) {
    struct task_record mine = task_in(k, me), theirs = task_in(k, other);
    assert_int_equal(solver_due(&chain, me, &mine), due[k]);
    assert_int_equal(solver_due(&chain, me, &theirs), k == TASK_WAIT   ? SOLVER_PREPARE
                                                      : k == TASK_OPEN ? SOLVER_OFFER
                                                                       : SOLVER_REST);
  }
}

/* Row 5 of LEDGER 8.2: once an attempt, never after one that it held, and in time. */
static void test_offers(void **state) {
  (void)state;
  struct task_record t = task_in(TASK_OPEN, (const uint8_t[32]){0});
  t.attempt = 2;
  memcpy(t.tried[0], other, 32);
  assert_int_equal(solver_due(&chain, me, &t), SOLVER_OFFER);
  assert_int_equal(solver_due(&chain, other, &t), SOLVER_REST);
  t.offers = 1;
  memcpy(t.offer[0].account, me, 32);
  assert_int_equal(solver_due(&chain, me, &t), SOLVER_REST);
  t.offers = 0;
  t.armed = 9;
  assert_int_equal(solver_due(&chain, me, &t), SOLVER_REST);
}

static void test_opened(void **state) {
  (void)state;
  struct task_record t = task_in(TASK_SHOW, me);
  t.opened = true;
  assert_int_equal(solver_due(&chain, me, &t), SOLVER_REST);
}

/* LEDGER 9.5: the starts that seats drew, none of seats that have none, each until it is there. */
static void test_publish(void **state) {
  (void)state;
  struct task_record t = task_in(TASK_PUBLISH, me);
  bool wanted[TRACE_INTERVALS_MAX + 1];
  static const uint8_t states[] = {SEAT_DRAWN, SEAT_VOID, SEAT_TAKEN};
  for (uint32_t k = 0; k < 3; k++) {
    struct seat_record s = seat_in(&t, 1, states[k]);
    seat_store(&chain, &s);
    assert_int_equal(solver_due(&chain, me, &t), k == 2 ? SOLVER_PUBLISH : SOLVER_REST);
    assert_int_equal(solver_wanted(&chain, &t, wanted), k == 2 ? 2 : 0);
  }
  assert_true(wanted[2] && wanted[5] && !wanted[1]);
  for (uint16_t i = 2; i <= 5; i = (uint16_t)(i + 3)) {
    struct map_key key = map_key(MODULE_START, t.id, TASK_ID_BYTES);
    map_key_u8(&key, t.attempt);
    map_key_u16(&key, i);
    map_put(chain.map, &key, me, 32);
    assert_int_equal(solver_wanted(&chain, &t, wanted), i == 2 ? 1 : 0);
  }
  assert_int_equal(solver_due(&chain, me, &t), SOLVER_REST);
}

static void test_disputes(void **state) {
  (void)state;
  struct task_record t = task_in(TASK_JUDGE, me);
  struct seat_record s = seat_in(&t, 0, SEAT_SHOWN);
  assert_int_equal(verifier_due(&chain, &t, &s), VERIFIER_REST);
  s.dispute = 8;
  seat_store(&chain, &s);
  for (uint8_t turn = 0; turn <= DISPUTE_CLAIMANT; turn++)
    for (uint32_t open = 0; open < 2; open++) {
      put_dispute(7, turn, open);
      bool claims = turn == DISPUTE_CLAIMANT;
      assert_int_equal(solver_due(&chain, me, &t), open && claims ? SOLVER_MOVE : SOLVER_REST);
      assert_int_equal(verifier_due(&chain, &t, &s), open && !claims ? VERIFIER_MOVE : VERIFIER_REST);
    }
}

static void test_verifier_states(void **state) {
  (void)state;
  static const struct {
    uint8_t task, seat;
    enum verifier_duty duty;
  } due[] = {{TASK_TAKE, SEAT_DRAWN, VERIFIER_TAKE},
             {TASK_SEAL, SEAT_TAKEN, VERIFIER_SEAL},
             {TASK_SHOW, SEAT_SEALED, VERIFIER_SHOW},
             {TASK_DELIVER, SEAT_SHOWN, VERIFIER_VOTE}};
  for (uint8_t k = TASK_WAIT; k <= TASK_CANCELLED; k++)
    for (uint8_t seat = SEAT_DRAWN; seat <= SEAT_VOID; seat++) {
      struct task_record t = task_in(k, other);
      struct seat_record s = seat_in(&t, 0, seat);
      enum verifier_duty duty = VERIFIER_REST;
      for (uint32_t n = 0; n < sizeof due / sizeof due[0]; n++)
        if (due[n].task == k && due[n].seat == seat) duty = due[n].duty;
      assert_int_equal(verifier_due(&chain, &t, &s), duty);
    }
}

/* LEDGER 9.11: once, and neither the own seat nor one that lost has a voice. */
static void test_votes(void **state) {
  (void)state;
  struct task_record t = task_in(TASK_DELIVER, other);
  struct seat_record s = seat_in(&t, 0, SEAT_SHOWN);
  s.vote = 2;
  assert_int_equal(verifier_due(&chain, &t, &s), VERIFIER_REST);
  s.vote = 0;
  s.own = true;
  assert_int_equal(verifier_due(&chain, &t, &s), VERIFIER_REST);
  s.own = false;
  s.lost = true;
  assert_int_equal(verifier_due(&chain, &t, &s), VERIFIER_REST);
}

static void test_late(void **state) {
  (void)state;
  struct task_record t = task_in(TASK_SEAL, other); /* from tick 4 to 20: a quarter is 4 */
  chain.now.tick = 15;
  assert_false(verifier_late(&chain, &t));
  chain.now.tick = 16;
  assert_true(verifier_late(&chain, &t));
}

/* LEDGER 5.1: what a provider asks binds nobody but itself: it does not offer for less. */
static void test_price(void **state) {
  (void)state;
  static struct world w;
  static struct world_post p;
  struct why why = {""};
  struct provider mine;
  uint8_t job[32], id[TASK_ID_BYTES] = {0};
  world_open(&w, "test", NULL);
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 1, 8, 2);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  memcpy(id, job, sizeof job);
  struct task_record t = world_task(&w, id);
  const uint8_t *account = w.actor[3].account;
  struct map_key key = map_key(MODULE_PROVIDER, account, 32);
  assert_true(provider_find(&w.c, account, &mine));
  for (uint64_t more = 0; more < 2; more++) {
    mine.ask = p.body.price + more;
    stored_put(w.c.map, &provider_kind, &key, &mine);
    assert_int_equal(solver_can(&w.c, account, &t, &why), more == 0);
  }
  assert_non_null(strstr(why.text, "asks"));
  world_shut(&w);
}

/* States that are kept fit into what the disk may be used for, the last one among them. */
static void test_every(void **state) {
  (void)state;
  for (uint16_t intervals = 1; intervals <= 256; intervals++)
    for (uint64_t room = 1; room <= 300; room++) {
      uint16_t every = work_every(intervals, 1000, room * 1000 + 999);
      uint32_t kept = intervals / every + (intervals % every != 0);
      assert_true(every >= 1 && kept <= room);
      if (room > intervals) assert_int_equal(every, 1);
    }
}

/* Whether a machine is fast enough, in figures: a fifth of the window is kept. */
static void test_in_time(void **state) {
  (void)state;
  struct why why = {""};
  assert_true(ability_time(100, 800000, 1000, 100, &why)); /* 80 s of 100 */
  assert_false(ability_time(101, 800000, 1000, 100, &why));
  assert_non_null(strstr(why.text, "101 steps take about 80 s"));
  assert_non_null(strstr(why.text, "800000 us each"));
  assert_non_null(strstr(why.text, "1000 ticks"));
  assert_false(ability_time(UINT32_MAX, UINT64_MAX / 2, 1000, 100, &why)); /* no wrap */
  assert_true(ability_time(0, 0, 0, 0, &why));
  /* The windows of LEDGER 12.3 for test: 4 est + 120; a seat's are those of its draws. */
  struct parameters p;
  assert_true(parameters_named("test", &p));
  chain_parameters_store(&chain, &p);
  struct task_record t = {
      .parameters = p.version, .est = 7, .est_seat = 3, .steps = 50, .steps_run = 40, .draws = 2, .interval_steps = 6};
  struct ability_work w = ability_window(&chain, &t, false);
  assert_true(w.ticks == 4 * 7 + 120 && w.steps == 50);
  w = ability_window(&chain, &t, true);
  assert_true(w.ticks == 4 * 3 + 120 && w.steps == 12);
  t.draws = 9;
  assert_int_equal(ability_window(&chain, &t, true).steps, 40);
  t.draws = 2;
  t.level = AUDIT_LEVEL_FULL;
  assert_int_equal(ability_window(&chain, &t, true).steps, 40);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_solver_states, begin, end),
      cmocka_unit_test_setup_teardown(test_offers, begin, end),
      cmocka_unit_test_setup_teardown(test_opened, begin, end),
      cmocka_unit_test_setup_teardown(test_publish, begin, end),
      cmocka_unit_test_setup_teardown(test_disputes, begin, end),
      cmocka_unit_test_setup_teardown(test_verifier_states, begin, end),
      cmocka_unit_test_setup_teardown(test_votes, begin, end),
      cmocka_unit_test_setup_teardown(test_late, begin, end),
      cmocka_unit_test(test_price),
      cmocka_unit_test_setup_teardown(test_every, begin, end),
      cmocka_unit_test_setup_teardown(test_in_time, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
