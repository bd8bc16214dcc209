/* Whole lives of tasks, through transactions: who is honest is paid, who is not pays, and every life ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/docket/trial.h"
#include "ledger/provider/provider.h"

enum { BLOCKS_MAX = 3000 };

static struct trial t;
static struct task_record begun; /* the task as it was posted: its prices */
static int64_t posting;

static struct trial_plan plan_of(uint16_t intervals, uint16_t interval_steps, uint8_t seats, uint8_t draws) {
  return (struct trial_plan){.intervals = intervals,
                             .interval_steps = interval_steps,
                             .seats = seats,
                             .draws = draws,
                             .diverges_at = UINT32_MAX};
}

static void play_life(const struct trial_plan *plan, enum task_state end) {
  trial_open(&t, plan);
  begun = trial_task(&t);
  posting = (int64_t)trial_chain(&t)->parameters.posting_fee;
  if (!trial_until(&t, end, BLOCKS_MAX)) fail_msg("the task stands in state %u", trial_task(&t).state);
  assert_true(trial_clear(&t));
}

static void play_until(enum task_state end) {
  if (!trial_until(&t, end, BLOCKS_MAX)) fail_msg("the task stands in state %u", trial_task(&t).state);
}

static int64_t gain(uint32_t who) { return trial_gain(&t, who); }

/* Who sat in a seat of an attempt: numbers of accounts, -1 for nobody. */
static int seat_of(uint8_t attempt, uint8_t number, struct seat_record *s) {
  struct task_record task = trial_task(&t);
  task.attempt = attempt;
  return audit_seat(trial_chain(&t), &task, number, s) ? (int)trial_who(&t, s->account) : -1;
}

/* Row 7: everybody did what was due. */
static void assert_all_paid(uint32_t solver, uint8_t good) {
  struct seat_record s;
  int64_t phi = (int64_t)(begun.seat_fee + trial_task(&t).raise), fee = (int64_t)begun.fee;
  for (uint8_t i = 0; i < begun.seats; i++) {
    int who = seat_of(1, i, &s);
    if (who >= 0 && audit_good(&s)) assert_int_equal(gain((uint32_t)who), phi);
  }
  assert_int_equal(gain(solver), fee);
  assert_int_equal(gain(TRIAL_SUBMITTER), -(fee + good * phi + (int64_t)begun.protocol_fee + posting));
  assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->audited, good);
}

static void test_honest(void **state) {
  (void)state;
  static const uint16_t shapes[][2] = {{6, 2}, {1, 3}, {2, 2}, {3, 1}, {12, 1}};
  for (uint32_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
    struct trial_plan plan = plan_of(shapes[k][0], shapes[k][1], 3, 2);
    play_life(&plan, TASK_SETTLED);
    assert_all_paid(0, 3);
    assert_int_equal(trial_count(&t, RECEIPT_OPENED, REASON_DONE), 1);
    assert_int_equal(trial_count(&t, RECEIPT_SETTLED, REASON_DONE), 1);
    assert_int_equal(trial_count(&t, RECEIPT_LOCKED, REASON_NONE), 1 + 3);
    assert_int_equal(t.receipts, 7);
    const struct receipt *opened = trial_receipt(&t, RECEIPT_OPENED);
    const struct party *last = &t.truth[plan.intervals - 1].honest;
    assert_memory_equal(opened->final_root, last->roots[plan.interval_steps], 32);
    const uint8_t *loss = last->state[plan.interval_steps] + t.tape.entry[TRIAL_FIGURE].first_leaf * TAPE_LEAF_BYTES;
    assert_memory_equal(&opened->figure, loss, 4);
    trial_shut(&t);
  }
}

/* LEDGER 9.13: seats run everything from the start; nothing is published before OPEN. */
static void test_full(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(4, 2, 2, 2);
  struct seat_record s;
  plan.level = AUDIT_LEVEL_FULL;
  plan.last_steps = 1;
  play_life(&plan, TASK_SETTLED);
  assert_all_paid(0, 2);
  seat_of(1, 0, &s);
  assert_int_equal(s.draws, 4);
  assert_int_equal(s.inner[3], 0);
  trial_shut(&t);
}

/* Row 7b: paid for the steps that were run, from the interval in which the state said so. */
static void test_diverged(void **state) {
  (void)state;
  for (uint32_t interval = 1; interval <= 3; interval++) {
    struct trial_plan plan = plan_of(6, 2, 3, 2);
    plan.diverges_at = TRIAL_FIRST_STEP + 2 * interval - 1;
    play_life(&plan, TASK_SETTLED);
    assert_int_equal(trial_count(&t, RECEIPT_SETTLED, REASON_DIVERGED), 1);
    assert_int_equal(gain(0), begun.fee * (2 * interval) / 12);
    trial_shut(&t);
  }
}

static void test_own_seat(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 2, 3, 2);
  struct seat_record s;
  plan.own = true;
  for (uint32_t k = 0; k < 4; k++) { /* it does all, or stops somewhere: it is neither paid nor fined */
    plan.seat[3] = (struct trial_seat_plan){.no_take = k == 1, .no_seal = k == 2, .no_show = k == 3};
    play_life(&plan, TASK_SETTLED);
    assert_all_paid(0, 3);
    assert_int_equal(seat_of(1, 3, &s), TRIAL_OWN);
    assert_true(s.own);
    assert_int_equal(s.state, k ? SEAT_VOID : SEAT_SHOWN);
    assert_int_equal(gain(TRIAL_OWN), 0);
    assert_int_equal(trial_count(&t, RECEIPT_LOCKED, REASON_NONE), 1 + 3 + (k != 1));
    assert_int_equal(trial_count(&t, RECEIPT_SEAT, k == 2 ? REASON_NO_SEAL : REASON_NO_SHOW), k >= 2);
    assert_int_equal(t.receipts, 7 + (k != 1) + (k >= 2)); /* its gas lock, and that it came back */
    trial_shut(&t);
  }
}

/* Rows 14 and 25: silence of the solver. The bond: phi to each seat that was there, the rest burns. */
static void test_silent_solver(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 2; k++) {
    struct trial_plan plan = plan_of(6, 2, 3, 2);
    plan.no_publish = k == 0;
    plan.no_open = k == 1;
    play_life(&plan, TASK_SETTLED); /* by account 1, in attempt 2 */
    assert_int_equal(trial_count(&t, RECEIPT_FAULT, k ? REASON_NO_OPEN : REASON_NO_PUBLISH), 1);
    assert_int_equal(gain(0), -(int64_t)(begun.fine + 3 * begun.seat_fee));
    int64_t sum = 0, phi = (int64_t)begun.seat_fee;
    for (uint32_t who = 1; who < TRIAL_SUBMITTER; who++) sum += gain(who);
    assert_int_equal(sum, 3 * phi + 3 * phi + (int64_t)begun.fee);
    assert_int_equal(gain(TRIAL_SUBMITTER), -((int64_t)begun.fee + 3 * phi + (int64_t)begun.protocol_fee + posting));
    trial_shut(&t);
  }
}

/* Rows 5a to 5d, each at seat 0 of round 1. */
static void test_silent_seat(void **state) {
  (void)state;
  struct audit_stakes a;
  static const uint16_t reasons[] = {REASON_NOT_TAKEN, REASON_NO_SEAL, REASON_NO_SHOW, REASON_NO_START};
  for (uint32_t k = 0; k < 4; k++) {
    struct trial_plan plan = plan_of(6, 2, 3, 2);
    plan.seat[0] =
        (struct trial_seat_plan){.no_take = k == 0, .no_seal = k == 1, .no_show = k == 2, .no_start = k == 3};
    trial_open(&t, &plan);
    begun = trial_task(&t);
    audit_stakes(trial_chain(&t), &begun, &a);
    posting = (int64_t)trial_chain(&t)->parameters.posting_fee;
    play_until(TASK_SETTLED);
    assert_true(trial_clear(&t));
    assert_non_null(trial_receipt(&t, RECEIPT_SEAT));
    uint32_t loser = trial_who(&t, trial_receipt(&t, RECEIPT_SEAT)->account);
    const uint64_t fines[] = {a.untaken, a.unsealed, a.forced_loss, a.no_start};
    assert_int_equal(gain(loser), -(int64_t)fines[k]);
    assert_int_equal(trial_count(&t, RECEIPT_SEAT, reasons[k]), 1);
    assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->audited, k == 0 ? 3 : 2);
    struct provider p;
    assert_true(provider_find(trial_chain(&t), t.stage.id[loser], &p));
    assert_int_equal(p.strikes, k == 0);
    trial_shut(&t);
  }
}

/* Row 12: who does not take a seat is followed by another, until there is nobody: "else go on with those taken". */
static void test_redraw(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 2, 3, 2);
  plan.seat[0].no_take = 9;
  play_life(&plan, TASK_SETTLED);
  assert_int_equal(trial_count(&t, RECEIPT_SEAT, REASON_NOT_TAKEN), 4); /* six verifiers, two of them sit */
  assert_all_paid(0, 2);
  trial_shut(&t);
}

/* LEDGER 6.9: B_v in free stake and gamma in the balance, or it is passed over. At most 64n tries. */
static void test_funds(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(1, 2, 5, 2);
  struct seat_record s;
  plan.price = UINT64_C(230000000000000); /* of the others account 1 alone has less than B_v */
  plan.drained = 3;
  play_life(&plan, TASK_SETTLED);
  struct audit_stakes a;
  audit_stakes(trial_chain(&t), &begun, &a);
  assert_true(a.bond > UINT64_C(200000000000) && a.bond < UINT64_C(300000000000));
  for (uint8_t i = 0; i < 5; i++) {
    int who = seat_of(1, i, &s);
    assert_true(i < 4 ? who == 2 || who >= 4 : who == -1);
  }
  assert_int_equal(trial_task(&t).seats_tried, 64 * 5);
  assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->audited, 4);
  trial_shut(&t);
}

/* At most 4n seats a round: the fifth and sixth verifier are not asked. */
static void test_draws(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 2, 1, 2);
  plan.seat[0].no_take = 9;
  trial_open(&t, &plan);
  play_until(TASK_STALLED);
  assert_int_equal(trial_count(&t, RECEIPT_SEAT, REASON_NOT_TAKEN), 4);
  trial_shut(&t);
}

/* LEDGER 9.13: by hand. m' = 2 of 4: phi = 1.25 F, phi_w = .625 F. One of 256: 16 phi_w is less than 2 phi. */
static void test_full_stakes(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(4, 2, 2, 2);
  struct audit_stakes a;
  plan.level = AUDIT_LEVEL_FULL;
  trial_open(&t, &plan);
  struct task_record task = trial_task(&t);
  uint64_t w = (task.fee * 1250 * 2 + 3999) / 4000;
  assert_int_equal(task.seat_fee, (task.fee * 1250 + 999) / 1000);
  audit_stakes(trial_chain(&t), &task, &a);
  assert_int_equal(a.bond, 16 * w);
  assert_int_equal(a.forced_loss, 8 * w);
  assert_int_equal(a.jackpot, 6 * w);
  assert_int_equal(a.unsealed, 2 * task.seat_fee);
  task.intervals = 256;
  task.draws = 1;
  audit_stakes(trial_chain(&t), &task, &a);
  assert_int_equal(a.bond, 2 * task.seat_fee);
  assert_int_equal(a.jackpot, 6 * ((task.fee * 1250 + 255999) / 256000));
  trial_shut(&t);
}

/* PROTOCOL M4.5: a run that starts elsewhere. If interval 1 is drawn, its start cannot be published; in `full` nothing
 * is, and the trace cannot be opened. */
static void test_elsewhere(void **state) {
  (void)state;
  for (uint32_t full = 0; full < 2; full++) {
    struct trial_plan plan = plan_of(1, 2, 3, 2);
    plan.claims = TRIAL_STARTS_ELSEWHERE;
    plan.level = full ? AUDIT_LEVEL_FULL : 0;
    play_life(&plan, TASK_SETTLED);
    assert_int_equal(trial_count(&t, RECEIPT_FAULT, full ? REASON_NO_OPEN : REASON_NO_PUBLISH), 1);
    trial_shut(&t);
  }
}

/* Rows 18 and 19: one seal of three is too few in rounds 1 and 2, and enough in round 3. */
static void test_rounds(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 2, 3, 2);
  plan.every_round = true;
  plan.seat[1].no_seal = plan.seat[2].no_seal = true;
  play_life(&plan, TASK_SETTLED);
  assert_int_equal(trial_task(&t).round, 3);
  assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->audited, 1);
  assert_int_equal(trial_count(&t, RECEIPT_SEAT, REASON_NO_SEAL), 5); /* six verifiers: five gaps were filled */
  trial_shut(&t);
}

/* Row 19: nobody could have the start, in three rounds, or until nobody is left to draw: neutral. The solver has its
 * bond again and the submitter its money. */
static void test_neutral(void **state) {
  (void)state;
  for (uint8_t seats = 2; seats <= 5; seats += 3) {
    struct trial_plan plan = plan_of(6, 2, seats, 2);
    plan.every_round = true;
    for (uint8_t i = 0; i < seats; i++) plan.seat[i].no_start = true;
    play_life(&plan, TASK_CANCELLED);
    assert_int_equal(trial_count(&t, RECEIPT_CANCELLED, REASON_NEUTRAL), 1);
    assert_int_equal(trial_count(&t, RECEIPT_SEAT, REASON_NO_START), 6); /* six verifiers, each once */
    assert_int_equal(gain(0), 0);
    assert_int_equal(gain(TRIAL_SUBMITTER), -posting);
    trial_shut(&t);
  }
}

/* Row 37, and votes that do not decide. */
static void test_deliver(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 4; k++) {
    struct trial_plan plan = plan_of(6, 2, 3, 2);
    plan.seat[0].votes_no = k == 1 || k == 2; /* two no: neutral; one no, nobody else: too; nobody: settled */
    plan.seat[1].votes_no = k == 1;
    plan.seat[1].no_vote = plan.seat[2].no_vote = k >= 2;
    plan.seat[0].no_vote = k == 3;
    bool neutral = k == 1 || k == 2;
    play_life(&plan, neutral ? TASK_CANCELLED : TASK_SETTLED);
    if (!neutral) {
      assert_all_paid(0, 3);
    } else {
      assert_int_equal(gain(0), 0);
      assert_int_equal(gain(TRIAL_SUBMITTER), -(3 * (int64_t)begun.seat_fee + posting));
    }
    trial_shut(&t);
  }
}

/* Rows 20 and 21 of 8.2: nobody takes a seat. Strikes make all unavailable, eight epochs later it is over. */
static void test_stalled(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 2, 3, 2);
  plan.idle_epochs = UINT32_MAX;
  play_life(&plan, TASK_CANCELLED);
  assert_int_equal(trial_count(&t, RECEIPT_CANCELLED, REASON_STALLED), 1);
  assert_int_equal(trial_task(&t).stalled_epochs, TASK_STALLED_EPOCHS_MAX);
  assert_int_equal(gain(0), 0);
  assert_int_equal(gain(TRIAL_SUBMITTER), -posting);
  trial_shut(&t);
}

/* Row 21 of the money: two epochs raise the fee, from X and then from the reserve. */
static void test_raise(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 2, 3, 2);
  plan.idle_epochs = 2;
  plan.reserve = UINT64_C(1000000000000) / 100;
  play_life(&plan, TASK_SETTLED);
  struct task_record end = trial_task(&t);
  assert_int_equal(end.raise, 2 * (begun.seat_fee / 4));
  int64_t paid = (int64_t)begun.fee, rho = (int64_t)end.raise, phi = (int64_t)begun.seat_fee;
  assert_true(3 * rho > (int64_t)begun.protocol_fee); /* X alone was not enough */
  assert_int_equal(gain(0), paid);
  assert_int_equal(gain(TRIAL_SUBMITTER), -(paid + 3 * (phi + rho) + posting));
  trial_shut(&t);
}

/* Everybody does nothing, in every attempt: a life ends. */
static void test_nothing(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 2, 3, 2);
  plan.once = plan.no_publish = true;
  play_life(&plan, TASK_CANCELLED);
  assert_int_equal(trial_count(&t, RECEIPT_CANCELLED, REASON_ATTEMPTS), 1);
  trial_shut(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_honest),      cmocka_unit_test(test_full),          cmocka_unit_test(test_diverged),
      cmocka_unit_test(test_own_seat),    cmocka_unit_test(test_silent_solver), cmocka_unit_test(test_silent_seat),
      cmocka_unit_test(test_redraw),      cmocka_unit_test(test_funds),         cmocka_unit_test(test_draws),
      cmocka_unit_test(test_full_stakes), cmocka_unit_test(test_elsewhere),     cmocka_unit_test(test_rounds),
      cmocka_unit_test(test_neutral),     cmocka_unit_test(test_deliver),       cmocka_unit_test(test_stalled),
      cmocka_unit_test(test_raise),       cmocka_unit_test(test_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
