/* Disputes on the chain: whoever tells the truth wins, silence loses, and the money follows the verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/docket/trial.h"

enum { BLOCKS_MAX = 3000 };

static struct trial t;
static struct task_record begun;
static struct audit_stakes stakes;
static int64_t posting, phi, fee;

static const struct lie in_w = {
    .kind = LIE_BYTE, .space = TAPE_OUT, .mask = 0x40, .j = 2, .leaf = 1, .offset = 6, .follow = true};

static struct trial_plan plan_of(uint16_t intervals, uint16_t interval_steps, uint8_t seats) {
  return (struct trial_plan){.intervals = intervals,
                             .interval_steps = interval_steps,
                             .seats = seats,
                             .draws = 2,
                             .diverges_at = UINT32_MAX,
                             .lie = in_w};
}

static void begin(const struct trial_plan *plan) {
  trial_open(&t, plan);
  begun = trial_task(&t);
  audit_stakes(trial_chain(&t), &begun, &stakes);
  posting = (int64_t)trial_chain(&t)->parameters.posting_fee;
  phi = (int64_t)begun.seat_fee;
  fee = (int64_t)begun.fee;
}

static void run(enum task_state end) {
  if (!trial_until(&t, end, BLOCKS_MAX)) fail_msg("the task stands in state %u", trial_task(&t).state);
  assert_true(trial_clear(&t));
}

static uint32_t who_sat(uint8_t attempt, uint8_t number, struct seat_record *s) {
  struct task_record task = trial_task(&t);
  task.attempt = attempt;
  assert_true(audit_seat(trial_chain(&t), &task, number, s));
  return trial_who(&t, s->account);
}

/* What an account gained in attempt 1: all, but for its parts in attempt 2, where everybody is honest. */
static int64_t gain_of_first(uint32_t who) {
  struct seat_record s;
  int64_t gain = trial_gain(&t, who) - (who == 1 ? fee : 0); /* account 1 solves attempt 2 */
  for (uint8_t i = 0; i < begun.seats; i++)
    if (who_sat(2, i, &s) == who) gain -= phi;
  return gain;
}

/* Row 8 for the solver and the submitter. */
static void assert_solver_fined(void) {
  int64_t fine = (int64_t)begun.fine, settled = fee + begun.seats * phi + (int64_t)begun.protocol_fee;
  assert_int_equal(gain_of_first(0), -(fine + begun.seats * phi));
  assert_int_equal(trial_gain(&t, TRIAL_SUBMITTER), fine / 4 - settled - posting);
}

/* All seats drew the only interval, all find the lie, one shows it. */
static void test_lie(void **state) {
  (void)state;
  static const struct lie lies[] = {
      {.kind = LIE_BYTE, .space = TAPE_OUT, .mask = 0x40, .j = 2, .leaf = 1, .offset = 6, .follow = true},
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .mask = 0x40, .j = 1, .leaf = 1, .offset = 303, .follow = true},
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .mask = 0x01, .j = 3, .leaf = 2, .offset = 0, .follow = true},
      {.kind = LIE_BYTE, .space = TAPE_OUT, .mask = 1, .j = 3, .leaf = 3, .offset = 4095, .follow = true},
      {.kind = LIE_SKIP, .j = 2},
      {.kind = LIE_HASH, .space = TAPE_OUT, .j = 3, .leaf = 2},
      {.kind = LIE_DATA, .mask = 0x20, .j = 1, .leaf = 0, .offset = 7},
  };
  for (uint32_t k = 0; k < sizeof lies / sizeof lies[0]; k++)
    for (uint32_t stubborn = 0; stubborn < 2; stubborn++) {
      struct trial_plan plan = plan_of(1, 3, 3);
      plan.lie_interval = 1;
      plan.lie = lies[k];
      plan.stubborn = stubborn;
      begin(&plan);
      run(TASK_SETTLED);
      assert_solver_fined();
      struct seat_record s;
      int64_t share = (int64_t)begun.fine / 4 / 3;
      for (uint8_t i = 0; i < 3; i++) {
        uint32_t who = who_sat(1, i, &s);
        assert_int_equal(s.mismatch, 1);
        assert_int_equal(gain_of_first(who), share + phi);
      }
      const struct receipt *verdict = trial_receipt(&t, RECEIPT_VERDICT);
      assert_non_null(verdict);
      assert_int_equal(verdict->loser, DISPUTE_CLAIMANT);
      assert_memory_equal(verdict->account, t.stage.id[0], 32);
      assert_int_equal(trial_count(&t, RECEIPT_FAULT, verdict->reason), 1);
      if (lies[k].kind != LIE_HASH && stubborn) assert_int_equal(verdict->reason, REASON_PROVEN);
      trial_shut(&t);
    }
}

/* Row 10: two seats say what the solver says; the third finds out and takes a quarter of what each had at stake. */
static void test_approvers(void **state) {
  (void)state;
  for (uint32_t own = 0; own < 2; own++) { /* the finder may be the own seat, which is paid nothing else */
    struct trial_plan plan = plan_of(1, 3, 2);
    struct seat_record s;
    plan.lie_interval = 1;
    plan.stubborn = true;
    plan.own = own;
    plan.seat[0].lazy = true;
    plan.seat[1].lazy = own;
    begin(&plan);
    run(TASK_SETTLED);
    assert_solver_fined();
    assert_int_equal(trial_receipt(&t, RECEIPT_VERDICT)->reason, REASON_PROVEN);
    int64_t bond = (int64_t)stakes.bond, lazies = own ? 2 : 1;
    for (uint8_t i = 0; i < 2; i++) {
      uint32_t who = who_sat(1, i, &s);
      assert_int_equal(gain_of_first(who), i < lazies ? -bond : (int64_t)begun.fine / 4 + phi + bond / 4);
    }
    if (own) assert_int_equal(trial_gain(&t, TRIAL_OWN), (int64_t)begun.fine / 4 + 2 * (bond / 4));
    assert_int_equal(trial_count(&t, RECEIPT_SEAT, REASON_APPROVED_WRONG), lazies);
    trial_shut(&t);
  }
}

/* Two finders share; the own seat has approved, and pays nothing for it (9.10). */
static void test_finders(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(1, 3, 3);
  struct seat_record s;
  plan.lie_interval = 1;
  plan.stubborn = plan.own = true;
  plan.seat[0].lazy = plan.seat[3].lazy = true;
  begin(&plan);
  run(TASK_SETTLED);
  assert_solver_fined();
  int64_t bond = (int64_t)stakes.bond;
  assert_int_equal(gain_of_first(who_sat(1, 0, &s)), -bond);
  for (uint8_t i = 1; i < 3; i++)
    assert_int_equal(gain_of_first(who_sat(1, i, &s)), (int64_t)begun.fine / 4 / 2 + phi + bond / 4 / 2);
  assert_int_equal(trial_gain(&t, TRIAL_OWN), 0);
  assert_int_equal(trial_count(&t, RECEIPT_SEAT, REASON_APPROVED_WRONG), 1);
  trial_shut(&t);
}

/* JUDGE lasts until the last dispute is decided. */
static void test_two_wrong_seats(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 3, 3);
  struct seat_record s;
  plan.seat[0] = (struct trial_seat_plan){.wrong = true, .silent_at = MOVE_3};
  plan.seat[1] = (struct trial_seat_plan){.wrong = true, .silent_at = MOVE_11};
  begin(&plan);
  run(TASK_SETTLED);
  for (uint8_t i = 0; i < 2; i++) {
    assert_int_equal(trial_gain(&t, who_sat(1, i, &s)), -(int64_t)stakes.bond);
    assert_true(s.lost);
  }
  assert_int_equal(trial_gain(&t, 0), fee + 2 * (int64_t)stakes.jackpot);
  assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->disputes, 2);
  assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->audited, 1);
  trial_shut(&t);
}

/* PROTOCOL P1.1: what a frame says, field by field, against the world that the task was made of. */
static void test_frame(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 3, 3);
  struct dispute_frame f, world;
  struct job_stored job;
  struct task_record task;
  uint8_t root[32];
  plan.last_steps = 1;
  begin(&plan);
  task = trial_task(&t);
  assert_false(docket_frame(trial_chain(&t), &task, 1, &f)); /* nothing is opened */
  run(TASK_SETTLED);
  task = trial_task(&t);
  assert_true(job_find(trial_chain(&t), t.job, &job));
  job_root(&job.record.job, root);
  for (uint16_t i = 1; i <= 6; i++) {
    const struct trial_interval *v = &t.truth[i - 1];
    assert_true(docket_frame(trial_chain(&t), &task, i, &f));
    world_frame(&v->world, 0, v->honest.roots[v->world.steps], &world);
    assert_memory_equal(f.target.job_root, root, 32);
    assert_int_equal(f.target.task, 0);
    assert_int_equal(f.target.interval, i);
    assert_int_equal(f.target.inner, 0);
    assert_memory_equal(f.start_root, world.start_root, 32);
    assert_memory_equal(f.end_root, world.end_root, 32);
    assert_int_equal(f.first_step, TRIAL_FIRST_STEP + 3 * (i - 1));
    assert_int_equal(f.first_step, world.first_step);
    assert_int_equal(f.steps, i == 6 ? 1 : 3);
    assert_int_equal(f.seed, world.seed);
    assert_int_equal(f.state_leaves, world.state_leaves);
    assert_int_equal(f.tapes, 1);
    assert_memory_equal(f.tape[0].root, world.tape[0].root, 32);
    assert_int_equal(f.tape[0].records, world.tape[0].records);
    assert_int_equal(f.tape[0].temp_leaves, world.tape[0].temp_leaves);
    assert_int_equal(f.tape[0].values_ticks, 4 * 3); /* 4 est: a step takes one tick by each of its three counts */
    assert_int_equal(f.steps_ticks, 4 * 3);
    assert_memory_equal(f.step_tape, world.step_tape, f.steps);
    assert_int_equal(f.data_count, 1);
    assert_int_equal(f.data[0].leaves, world.data[0].leaves);
    assert_memory_equal(f.data[0].root, world.data[0].root, 32);
    assert_int_equal(f.window_ticks, 20); /* the "test" parameters */
    assert_int_equal(f.slack_ticks, 40);
  }
  assert_false(docket_frame(trial_chain(&t), &task, 0, &f));
  assert_false(docket_frame(trial_chain(&t), &task, 7, &f));
  trial_shut(&t);
}

/* LEDGER 11.5: a liar that falls silent at any of its moves loses at once when its clock has run out. Nothing is proven
 * about the interval then: who approved it keeps its bond, but is no finder. */
static void test_silent_claimant(void **state) {
  (void)state;
  uint32_t silent = 0;
  for (uint8_t number = MOVE_2; number <= MOVE_14; number += 2) {
    struct trial_plan plan = plan_of(1, 3, 2);
    struct seat_record s;
    plan.lie_interval = 1;
    plan.stubborn = true;
    plan.silent_at = number;
    plan.seat[0].lazy = true;
    begin(&plan);
    run(TASK_SETTLED);
    assert_solver_fined();
    if (trial_receipt(&t, RECEIPT_VERDICT)->reason == REASON_SILENT_DISPUTE) {
      silent++;
      assert_int_equal(trial_count(&t, RECEIPT_SEAT, REASON_APPROVED_WRONG), 0);
      assert_int_equal(gain_of_first(who_sat(1, 0, &s)), phi);
      assert_int_equal(gain_of_first(who_sat(1, 1, &s)), (int64_t)begun.fine / 4 + phi);
    }
    trial_shut(&t);
  }
  assert_true(silent >= 4);
}

/* Row 11: a seat whose end root is wrong loses, whether it plays on, gives in, or falls silent. The task settles. */
static void test_wrong_seat(void **state) {
  (void)state;
  uint32_t proven = 0;
  for (uint8_t number = 1; number <= MOVE_15; number += 2)
    for (uint32_t stubborn = 0; stubborn < 2; stubborn++) {
      struct trial_plan plan = plan_of(6, 3, 3);
      struct seat_record s;
      plan.seat[1] = (struct trial_seat_plan){.wrong = true, .stubborn = stubborn, .silent_at = number};
      begin(&plan);
      run(TASK_SETTLED);
      uint32_t loser = who_sat(1, 1, &s);
      assert_true(s.lost);
      assert_int_equal(trial_gain(&t, loser), -(int64_t)stakes.bond);
      assert_int_equal(trial_gain(&t, 0), fee + (int64_t)stakes.jackpot);
      assert_int_equal(trial_gain(&t, TRIAL_SUBMITTER), -(fee + 2 * phi + (int64_t)begun.protocol_fee + posting));
      assert_int_equal(trial_gain(&t, who_sat(1, 0, &s)), phi);
      assert_int_equal(trial_chain(&t)->now.quarantine, stakes.bond - stakes.jackpot);
      const struct receipt *verdict = trial_receipt(&t, RECEIPT_VERDICT);
      assert_int_equal(verdict->loser, DISPUTE_CHALLENGER);
      assert_memory_equal(verdict->account, t.stage.id[loser], 32);
      assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->disputes, 1);
      assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->audited, 2);
      proven += verdict->reason == REASON_PROVEN;
      trial_shut(&t);
    }
  assert_int_equal(proven, 0); /* a challenge that is false ends in silence: there is nothing that it could prove */
}

/* The own seat challenges and loses like any other. */
static void test_wrong_own_seat(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 3, 3);
  plan.own = true;
  plan.seat[3].wrong = true;
  begin(&plan);
  run(TASK_SETTLED);
  assert_int_equal(trial_gain(&t, TRIAL_OWN), -(int64_t)stakes.bond);
  assert_int_equal(trial_gain(&t, 0), fee + (int64_t)stakes.jackpot);
  assert_int_equal(trial_receipt(&t, RECEIPT_SETTLED)->audited, 3);
  trial_shut(&t);
}

/* LEDGER 11.8: who disputed the same interval with another end root found nothing, though it is not proven wrong. */
static void test_other_root(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(1, 3, 3);
  struct seat_record s;
  plan.lie_interval = 1;
  plan.stubborn = true;
  plan.seat[1] = (struct trial_seat_plan){.wrong = true, .silent_at = MOVE_3};
  begin(&plan);
  run(TASK_SETTLED);
  assert_solver_fined();
  for (uint8_t i = 0; i < 3; i++) {
    uint32_t who = who_sat(1, i, &s);
    assert_int_equal(s.mismatch, 1);
    assert_int_equal(gain_of_first(who), phi + (i == 1 ? 0 : (int64_t)begun.fine / 4 / 2));
  }
  trial_shut(&t);
}

/* Two seats that drew one interval, which is the second of one of them: 0xff if there are none. */
static uint8_t second_of(uint8_t *other, uint16_t *interval) {
  struct seat_record a, b;
  for (uint8_t i = 0; i < 3; i++)
    for (uint8_t k = 0; k < 3; k++) {
      who_sat(1, i, &a);
      who_sat(1, k, &b);
      if (i == k || (b.interval[0] != a.interval[1] && b.interval[1] != a.interval[1])) continue;
      *other = k;
      *interval = a.interval[1];
      return i;
    }
  return 0xff;
}

/* A seat that is wrong about an earlier interval disputes that one: it is no finder of a lie in a later one, though it
 * has the right root of it; nor is it proven wrong. */
static void test_other_interval(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(6, 3, 3);
  struct seat_record s;
  uint8_t other = 0;
  uint16_t interval = 0;
  begin(&plan); /* an honest life first, to learn the draws: they do not depend on what is committed to */
  run(TASK_SETTLED);
  uint8_t wrong = second_of(&other, &interval);
  trial_shut(&t);
  assert_true(wrong < 3);
  plan.lie_interval = interval;
  plan.stubborn = true;
  plan.seat[wrong] = (struct trial_seat_plan){.wrong = true, .silent_at = MOVE_3};
  begin(&plan);
  run(TASK_SETTLED);
  assert_solver_fined();
  uint32_t who = who_sat(1, wrong, &s);
  assert_true(s.mismatch == s.interval[0] && s.mismatch < interval);
  assert_int_equal(gain_of_first(who), phi);
  assert_true(gain_of_first(who_sat(1, other, &s)) > phi);
  assert_int_equal(trial_receipt(&t, RECEIPT_VERDICT)->interval, interval);
  trial_shut(&t);
}

/* A lie in any one interval of six, everything else going on from it: found exactly if a seat drew it. In `full`,
 * always. */
static void test_any_interval(void **state) {
  (void)state;
  for (uint32_t full = 0; full < 2; full++)
    for (uint16_t i = 1; i <= 6; i++) {
      struct trial_plan plan = plan_of(6, 2, 2);
      struct seat_record s;
      bool drawn = full;
      plan.lie_interval = i;
      plan.lie.j = 1;
      plan.level = full ? AUDIT_LEVEL_FULL : 0;
      begin(&plan);
      run(TASK_SETTLED);
      for (uint8_t n = 0; n < 2; n++) {
        who_sat(1, n, &s);
        for (uint32_t k = 0; k < s.draws; k++) drawn = drawn || s.interval[k] == i;
      }
      assert_int_equal(trial_task(&t).attempt, drawn ? 2 : 1);
      if (drawn) assert_int_equal(trial_receipt(&t, RECEIPT_VERDICT)->interval, i);
      if (drawn) assert_solver_fined();
      trial_shut(&t);
    }
}

/* LEDGER 2.8: whoever has a gas lock and nothing else can speak to the end. */
static void test_gas_lock(void **state) {
  (void)state;
  for (uint32_t lies = 0; lies < 2; lies++) {
    struct trial_plan plan = plan_of(1, 3, 1);
    struct seat_record s;
    plan.stubborn = plan.seat[0].stubborn = true;
    plan.lie_interval = lies;
    plan.seat[0].wrong = !lies;
    begin(&plan);
    assert_true(trial_until(&t, TASK_SEALED, BLOCKS_MAX));
    uint32_t seat = who_sat(1, 0, &s);
    stage_begin(&t.stage, 25);
    trial_drain(&t, 0);
    trial_drain(&t, seat);
    stage_end(&t.stage);
    t.gas_limit = 50000;
    for (uint32_t blocks = 0; !trial_receipt(&t, RECEIPT_VERDICT); blocks++) {
      uint8_t id[SEAT_ID_BYTES]; /* of the honest side: the other may talk until its lock is empty */
      memcpy(id, s.id, sizeof id);
      if (!lies) id[SEAT_ID_BYTES - 1] = SEAT_NONE;
      struct pocket lock = pocket_gas_lock(id, lies ? s.account : t.stage.id[0]);
      assert_true(blocks < 100 && money_held(trial_chain(&t), &lock) > 60000);
      trial_block(&t);
    }
    const struct receipt *verdict = trial_receipt(&t, RECEIPT_VERDICT);
    assert_int_equal(verdict->loser, lies ? DISPUTE_CLAIMANT : DISPUTE_CHALLENGER);
    trial_shut(&t);
  }
}

static uint32_t records_of(const struct chain *c) {
  uint32_t count = 0;
  for (uint8_t module = MODULE_SEAT; module <= MODULE_ANSWER; module++) {
    struct map_key prefix = map_key(module, NULL, 0), key;
    for (const struct map_key *after = NULL; map_next(c->map, &prefix, after, &key, NULL); after = &key) count++;
  }
  return count;
}

/* What a task leaves in the map goes with it: seats, starts, traces, disputes and answers of all attempts. */
static void test_forget(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(1, 3, 3);
  plan.lie_interval = 1;
  begin(&plan);
  assert_int_equal(records_of(trial_chain(&t)), 0);
  run(TASK_SETTLED);
  assert_true(records_of(trial_chain(&t)) > 15);
  stage_begin(&t.stage, 25);
  audit_forget((struct chain *)trial_chain(&t), t.task); /* as task_prune does, 10,000 ticks later */
  assert_int_equal(records_of(trial_chain(&t)), 0);
  trial_shut(&t);
}

static struct docket_record dispute_of(uint8_t number) {
  struct task_record task = trial_task(&t);
  struct seat_record s;
  struct docket_record r;
  assert_true(audit_seat(trial_chain(&t), &task, number, &s) && s.dispute > 0);
  assert_true(docket_find(trial_chain(&t), s.dispute - 1, &r));
  return r;
}

static struct dispute game_of(const struct docket_record *r, struct dispute_frame *f) {
  struct dispute d;
  assert_true(docket_dispute(trial_chain(&t), r, f, &d));
  return d;
}

/* LEDGER 11.6: one STEPS and one VALUES for three disputes; the frames are one. */
static void test_shared(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(1, 3, 3);
  struct dispute_frame f[3];
  struct dispute d[3];
  struct docket_record r[3];
  struct why why;
  struct move m;
  plan.lie_interval = 1;
  plan.silent_at = MOVE_2; /* by the solver: this test moves */
  begin(&plan);
  assert_true(trial_until(&t, TASK_JUDGE, BLOCKS_MAX));
  for (uint8_t i = 0; i < 3; i++) {
    r[i] = dispute_of(i);
    d[i] = game_of(&r[i], &f[i]);
    assert_int_equal(d[i].awaits, MOVE_2);
    assert_memory_equal(&f[i], &f[0], sizeof f[0]);
  }
  stage_begin(&t.stage, 25);
  assert_int_equal(claimant_next(&d[1], &f[1], &t.run[0].solver.evidence, &m, &why), ANSWER_MOVE);
  assert_int_equal(trial_move(&t, 0, r[1].id, &m), CHAIN_OK);
  for (uint8_t i = 0; i < 3; i++) {
    r[i] = dispute_of(i);
    d[i] = game_of(&r[i], &f[i]);
    assert_int_equal(d[i].awaits, MOVE_3);
    assert_int_equal(d[i].moves, i == 1 ? 2 : 1);
    assert_int_equal(trial_move(&t, 0, r[i].id, &m), CHAIN_OK); /* again, in all */
  }
  /* Two name the same step: its values are shown once. */
  for (uint8_t i = 0; i < 2; i++) {
    assert_int_equal(challenger_next(&d[i], &f[i], &t.run[0].honest.evidence, NULL, &m, &why), ANSWER_MOVE);
    assert_int_equal(trial_move(&t, trial_who(&t, r[i].challenger), r[i].id, &m), CHAIN_OK);
  }
  r[0] = dispute_of(0);
  d[0] = game_of(&r[0], &f[0]);
  assert_int_equal(d[0].awaits, MOVE_4);
  assert_int_equal(claimant_next(&d[0], &f[0], &t.run[0].solver.evidence, &m, &why), ANSWER_MOVE);
  assert_int_equal(trial_move(&t, 0, r[0].id, &m), CHAIN_OK);
  for (uint8_t i = 0; i < 3; i++) {
    r[i] = dispute_of(i);
    d[i] = game_of(&r[i], &f[i]);
    assert_int_equal(d[i].awaits, i == 2 ? MOVE_3 : MOVE_5);
  }
  /* and recalled by the one that names it later */
  assert_int_equal(challenger_next(&d[2], &f[2], &t.run[0].honest.evidence, NULL, &m, &why), ANSWER_MOVE);
  assert_int_equal(trial_move(&t, trial_who(&t, r[2].challenger), r[2].id, &m), CHAIN_OK);
  r[2] = dispute_of(2);
  d[2] = game_of(&r[2], &f[2]);
  assert_int_equal(d[2].awaits, MOVE_5);
  stage_end(&t.stage);
  run(TASK_SETTLED);
  assert_solver_fined();
  trial_shut(&t);
}

/* LEDGER 11.4: what is no move changes nothing, and the clock runs. */
static void test_no_move(void **state) {
  (void)state;
  struct trial_plan plan = plan_of(1, 3, 3);
  struct dispute_frame f;
  struct docket_record r, after;
  struct why why;
  struct move m, other;
  plan.lie_interval = 1;
  plan.silent_at = MOVE_2;
  begin(&plan);
  assert_true(trial_until(&t, TASK_JUDGE, BLOCKS_MAX));
  r = dispute_of(0);
  struct dispute d = game_of(&r, &f);
  assert_int_equal(claimant_next(&d, &f, &t.run[0].solver.evidence, &m, &why), ANSWER_MOVE);
  uint32_t challenger = trial_who(&t, r.challenger);
  stage_begin(&t.stage, 25);
  challenger_open(&f, &other);
  assert_int_equal(trial_move(&t, challenger, r.id, &other), CHAIN_FORBIDDEN); /* it is not its turn */
  assert_int_equal(trial_move(&t, 0, r.id, &other), CHAIN_NO_MOVE);            /* the ledger has made it */
  assert_int_equal(trial_move(&t, challenger, r.id, &m), CHAIN_FORBIDDEN);
  assert_int_equal(trial_move(&t, TRIAL_SUBMITTER, r.id, &m), CHAIN_FORBIDDEN);
  assert_int_equal(trial_move(&t, 0, r.id + 77, &m), CHAIN_UNKNOWN);
  other = m;
  other.payload[other.length - 1] ^= 1; /* not the end root */
  assert_int_equal(trial_move(&t, 0, r.id, &other), CHAIN_NO_MOVE);
  after = dispute_of(0);
  assert_memory_equal(&after, &r, sizeof r);
  assert_int_equal(trial_move(&t, 0, r.id, &m), CHAIN_OK);
  assert_int_equal(trial_move(&t, challenger, r.id, &m), CHAIN_NO_MOVE);
  stage_end(&t.stage);
  run(TASK_SETTLED);
  stage_begin(&t.stage, 25);
  assert_int_equal(trial_move(&t, 0, r.id, &m), CHAIN_OK); /* the same again, in a dispute that is closed */
  m.payload[0] ^= 1;
  assert_int_equal(trial_move(&t, 0, r.id, &m), CHAIN_STATE);
  stage_end(&t.stage);
  trial_shut(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_lie),
      cmocka_unit_test(test_approvers),
      cmocka_unit_test(test_silent_claimant),
      cmocka_unit_test(test_wrong_seat),
      cmocka_unit_test(test_wrong_own_seat),
      cmocka_unit_test(test_other_root),
      cmocka_unit_test(test_other_interval),
      cmocka_unit_test(test_any_interval),
      cmocka_unit_test(test_finders),
      cmocka_unit_test(test_two_wrong_seats),
      cmocka_unit_test(test_frame),
      cmocka_unit_test(test_gas_lock),
      cmocka_unit_test(test_forget),
      cmocka_unit_test(test_shared),
      cmocka_unit_test(test_no_move),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
