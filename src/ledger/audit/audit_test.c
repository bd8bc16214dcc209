/* What the audit refuses, transaction by transaction; and that a refused one leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/docket/trial.h"

enum { BLOCKS_MAX = 3000, SOLVER = 0 };

static struct trial t;

/* The task stands in `state`, because seat 0 does not do what is due there; a block has begun. */
static void stand_in(enum task_state state, bool full) {
  struct trial_plan plan = {.intervals = 6,
                            .interval_steps = 2,
                            .seats = 3,
                            .draws = 2,
                            .level = full ? AUDIT_LEVEL_FULL : 0,
                            .diverges_at = UINT32_MAX};
  plan.seat[0] = (struct trial_seat_plan){
      .no_take = state == TASK_TAKE, .no_seal = state == TASK_SEAL, .no_show = state == TASK_SHOW, .no_vote = true};
  plan.no_publish = state == TASK_PUBLISH;
  plan.no_open = state == TASK_SHOW;
  plan.seat[1].no_vote = plan.seat[2].no_vote = true;
  trial_open(&t, &plan);
  assert_true(trial_until(&t, state, BLOCKS_MAX));
  if (state == TASK_SEAL) trial_block(&t); /* the others seal */
  stage_begin(&t.stage, 25);
  assert_int_equal(trial_task(&t).state, state);
}

static void leave(void) {
  stage_end(&t.stage);
  assert_true(trial_until(&t, TASK_SETTLED, BLOCKS_MAX));
  assert_true(trial_clear(&t));
  trial_shut(&t);
}

static uint32_t sits(uint8_t seat) {
  struct task_record task = trial_task(&t);
  struct seat_record s;
  assert_true(audit_seat(trial_chain(&t), &task, seat, &s));
  return trial_who(&t, s.account);
}

static void test_take(void **state) {
  (void)state;
  stand_in(TASK_TAKE, false);
  uint32_t who = sits(0);
  uint8_t body[256], proof[VRF_BYTES] = {1};
  struct body_take b = {.at = {.task = t.task, .attempt = 1, .seat = 0}, .proof = proof};
  assert_int_equal(trial_take(&t, sits(1), 0), CHAIN_FORBIDDEN);
  assert_int_equal(trial_take(&t, SOLVER, 0), CHAIN_FORBIDDEN);
  assert_int_equal(trial_take(&t, sits(1), 1), CHAIN_STATE); /* it has it */
  size_t length = body_take_put(&b, body, sizeof body);
  assert_int_equal(trial_send(&t, who, TRANSACTION_TAKE, body, length), CHAIN_PROOF);
  b.at.attempt = 2;
  length = body_take_put(&b, body, sizeof body);
  assert_int_equal(trial_send(&t, who, TRANSACTION_TAKE, body, length), CHAIN_STATE);
  b.at.attempt = 1;
  b.at.seat = 7;
  length = body_take_put(&b, body, sizeof body);
  assert_int_equal(trial_send(&t, who, TRANSACTION_TAKE, body, length), CHAIN_UNKNOWN);
  assert_int_equal(trial_seal(&t, sits(1), 1), CHAIN_STATE); /* not yet */
  assert_int_equal(trial_publish(&t, SOLVER, 1), CHAIN_STATE);
  assert_int_equal(trial_take(&t, who, 0), CHAIN_OK);
  leave();
}

static uint16_t some_interval(bool drawn) {
  struct task_record task = trial_task(&t);
  struct seat_record s;
  bool in[TRIAL_INTERVALS_MAX + 1] = {false};
  for (uint8_t i = 0; i < 3; i++) {
    assert_true(audit_seat(trial_chain(&t), &task, i, &s));
    for (uint32_t k = 0; k < s.draws; k++) in[s.interval[k]] = true;
  }
  uint16_t i = 1;
  while (in[i] != drawn) i++;
  return i;
}

static void test_publish(void **state) {
  (void)state;
  stand_in(TASK_PUBLISH, false);
  uint16_t wanted = some_interval(true), other = some_interval(false);
  assert_int_equal(trial_publish(&t, 1, wanted), CHAIN_FORBIDDEN);
  assert_int_equal(trial_publish(&t, SOLVER, other), CHAIN_LIMIT); /* its state is nobody's business */
  assert_int_equal(trial_publish(&t, SOLVER, wanted), CHAIN_OK);
  assert_int_equal(trial_publish(&t, SOLVER, wanted), CHAIN_LIMIT); /* once */
  t.plan.no_publish = false;
  leave();
}

static void test_publish_proof(void **state) {
  (void)state;
  stand_in(TASK_PUBLISH, false);
  uint8_t body[1024], root[32] = {1}, sigma[32] = {2}, path[4 * 32] = {3};
  struct publish_row row = {.interval = some_interval(true), .root = root, .sigma = sigma, .path = path};
  struct body_publish b = {.at = {.task = t.task, .attempt = 1}, .count = 1};
  for (b.height = 2; b.height <= 4; b.height++)
    assert_int_equal(trial_send(&t, SOLVER, TRANSACTION_PUBLISH, body, body_publish_put(&b, &row, body, sizeof body)),
                     CHAIN_PROOF);
  t.plan.no_publish = false;
  leave();
}

static void test_seal(void **state) {
  (void)state;
  stand_in(TASK_SEAL, false);
  uint32_t who = sits(0);
  assert_int_equal(trial_seal(&t, sits(1), 0), CHAIN_FORBIDDEN);
  assert_int_equal(trial_seal(&t, sits(1), 1), CHAIN_STATE); /* LEDGER 8.5: "one SEAL" */
  assert_int_equal(trial_fetch(&t, sits(1), 1, FETCH_START, false), CHAIN_STATE);
  assert_int_equal(trial_fetch(&t, who, 0, FETCH_START, true), CHAIN_STATE);
  assert_int_equal(trial_fetch(&t, who, 0, FETCH_FINAL, true), CHAIN_STATE);
  assert_int_equal(trial_show(&t, sits(1), 1), CHAIN_STATE); /* blind until all have sealed */
  assert_int_equal(trial_open_trace(&t, SOLVER), CHAIN_STATE);
  assert_int_equal(trial_seal(&t, who, 0), CHAIN_OK);
  leave();
}

static struct body_open opening(struct trace *trace, uint8_t path[3][23 * 32]);

static void test_show(void **state) {
  (void)state;
  stand_in(TASK_SHOW, false);
  uint32_t who = sits(0);
  uint8_t body[4096], salt[32] = {1}, ends[96] = {2}, probes[96] = {0};
  struct body_show b = {
      .at = {.task = t.task, .attempt = 1, .seat = 0}, .salt = salt, .ends = ends, .probes = probes, .ends_count = 2};
  assert_int_equal(trial_show(&t, sits(1), 0), CHAIN_FORBIDDEN);
  assert_int_equal(trial_show(&t, sits(1), 1), CHAIN_STATE);
  for (b.ends_count = 1; b.ends_count <= 3; b.ends_count++)
    assert_int_equal(trial_send(&t, who, TRANSACTION_SHOW, body, body_show_put(&b, body, sizeof body)), CHAIN_PROOF);
  assert_int_equal(trial_publish(&t, SOLVER, 1), CHAIN_STATE);
  assert_int_equal(trial_open_trace(&t, who), CHAIN_FORBIDDEN);
  assert_int_equal(trial_open_trace(&t, SOLVER), CHAIN_OK);
  assert_int_equal(trial_open_trace(&t, SOLVER), CHAIN_STATE);
  assert_int_equal(trial_show(&t, who, 0), CHAIN_OK);
  leave();
}

/* OPEN with every part of it wrong, one at a time. */
static void test_open(void **state) {
  (void)state;
  static uint8_t body[65536], leaf[TAPE_LEAF_BYTES];
  static struct trace trace;
  uint8_t path[3][23 * 32];
  struct task_record task;
  stand_in(TASK_SHOW, false);
  task = trial_task(&t);
  for (uint32_t k = 0; k < 8; k++) {
    struct body_open b = opening(&trace, path);
    if (k == 0) trace.salt[3] ^= 1;
    if (k == 1) trace.roots[2][0] ^= 1;
    if (k == 2) b.roots_count--;
    if (k == 3) b.leaves--; /* the figure's */
    if (k == 4) path[0][5] ^= 1;
    if (k == 5) b.leaf[1] = b.leaf[0];
    if (k == 6) b.height = 3;
    if (k == 7) { /* the leaf says diverged */
      memcpy(leaf, b.leaf[0], sizeof leaf);
      leaf[0] = 1;
      b.leaf[0] = leaf;
    }
    enum chain_code code = trial_send(&t, SOLVER, TRANSACTION_OPEN, body, body_open_put(&b, body, sizeof body));
    assert_int_equal(code, k == 3 || k == 6 ? CHAIN_LIMIT : CHAIN_PROOF);
    struct task_record after = trial_task(&t);
    assert_memory_equal(&after, &task, sizeof task);
  }
  t.plan.no_open = false;
  leave();
}

static struct body_open opening(struct trace *trace, uint8_t path[3][23 * 32]) {
  static uint8_t scratch[64 * 32];
  const struct trial_interval *last = &t.run[5];
  const uint32_t at[2] = {0, (uint32_t)t.tape.entry[TRIAL_FIGURE].first_leaf};
  uint32_t leaves = t.tape.tape.state_leaves;
  trial_trace(&t, trace);
  struct body_open b = {.at = {.task = t.task, .attempt = 1},
                        .sigma = trace->salt,
                        .roots = trace->roots[0],
                        .roots_count = 7,
                        .leaves = 2,
                        .height = (uint16_t)merkle_height(leaves)};
  for (uint32_t i = 0; i < 2; i++) {
    b.leaf[i] = last->honest.state[2] + (size_t)at[i] * TAPE_LEAF_BYTES;
    b.path[i] = path[i];
    merkle_path(last->honest.hashes[2], leaves, at[i], scratch, path[i]);
  }
  return b;
}

static void test_fetch(void **state) {
  (void)state;
  stand_in(TASK_DELIVER, false);
  assert_int_equal(trial_fetch(&t, sits(1), 0, FETCH_FINAL, true), CHAIN_FORBIDDEN);
  assert_int_equal(trial_fetch(&t, sits(0), 0, FETCH_START, false), CHAIN_STATE);
  assert_int_equal(trial_fetch(&t, sits(0), 0, FETCH_FINAL, true), CHAIN_OK);
  assert_int_equal(trial_fetch(&t, sits(0), 0, FETCH_FINAL, true), CHAIN_STATE);
  assert_int_equal(trial_fetch(&t, sits(1), 1, FETCH_FINAL, true), CHAIN_OK); /* two of three: settled */
  assert_int_equal(trial_task(&t).state, TASK_SETTLED);
  assert_int_equal(trial_fetch(&t, sits(2), 2, FETCH_FINAL, true), CHAIN_STATE);
  leave();
}

/* LEDGER 9.7: a state that diverged is no end of a run that is `done`, and a run ends where it diverged. */
static void test_diverged(void **state) {
  (void)state;
  for (uint8_t claims = TRIAL_SAYS_DONE; claims <= TRIAL_STOPS_EARLY; claims++) {
    struct trial_plan plan = {.intervals = 6, .interval_steps = 2, .seats = 3, .draws = 2, .once = true};
    plan.diverges_at = TRIAL_FIRST_STEP + 5; /* in interval 3 */
    plan.claims = claims;
    trial_open(&t, &plan);
    assert_true(trial_until(&t, TASK_CANCELLED, BLOCKS_MAX));
    assert_int_equal(t.open_code, CHAIN_PROOF);
    assert_int_equal(trial_count(&t, RECEIPT_FAULT, REASON_NO_OPEN), 1);
    assert_true(trial_clear(&t));
    trial_shut(&t);
  }
}

/* A `full` task has no starts to publish before OPEN, and without baits none after. */
static void test_full(void **state) {
  (void)state;
  stand_in(TASK_SHOW, true);
  assert_int_equal(trial_publish(&t, SOLVER, 1), CHAIN_STATE);
  assert_int_equal(trial_open_trace(&t, SOLVER), CHAIN_OK);
  assert_int_equal(trial_publish(&t, SOLVER, 1), CHAIN_LIMIT);
  assert_int_equal(trial_show(&t, sits(0), 0), CHAIN_OK);
  leave();
}

/* The leaf before a diverged end is one of that state, not of another. */
static void test_forged_leaf(void **state) {
  (void)state;
  static uint8_t body[65536], scratch[64 * 32];
  static struct trace trace;
  struct trial_plan plan = {.intervals = 6, .interval_steps = 2, .seats = 3, .draws = 2, .once = true, .no_open = true};
  plan.diverges_at = TRIAL_FIRST_STEP + 5;
  plan.claims = TRIAL_RUNS_ON;
  trial_open(&t, &plan);
  assert_true(trial_until(&t, TASK_SHOW, BLOCKS_MAX));
  trial_trace(&t, &trace);
  assert_int_equal(trace.intervals, 4);
  uint32_t leaves = t.tape.tape.state_leaves, figure = (uint32_t)t.tape.entry[TRIAL_FIGURE].first_leaf;
  const uint32_t at[3] = {0, 0, figure};
  const struct party *of[3] = {&t.run[3].honest, &t.run[0].honest, &t.run[3].honest};
  uint8_t path[3][23 * 32];
  struct body_open b = {.at = {.task = t.task, .attempt = 1},
                        .sigma = trace.salt,
                        .roots = trace.roots[0],
                        .roots_count = 5,
                        .leaves = 3,
                        .height = (uint16_t)merkle_height(leaves)};
  for (uint32_t i = 0; i < 3; i++) {
    b.leaf[i] = of[i]->state[2] + (size_t)at[i] * TAPE_LEAF_BYTES;
    b.path[i] = path[i];
    merkle_path(of[i]->hashes[2], leaves, at[i], scratch, path[i]);
  }
  stage_begin(&t.stage, 25);
  assert_int_equal(trial_send(&t, SOLVER, TRANSACTION_OPEN, body, body_open_put(&b, body, sizeof body)), CHAIN_PROOF);
  stage_end(&t.stage);
  trial_shut(&t);
}

/* A seal over too few roots is opened by nothing. */
static void test_short_seal(void **state) {
  (void)state;
  uint8_t body[4096], salt[32] = {1}, ends[32] = {2}, probes[32] = {0}, hash[32];
  struct seat_record s;
  stand_in(TASK_SEAL, false);
  struct task_record task = trial_task(&t);
  uint32_t who = sits(0);
  assert_true(audit_seat(trial_chain(&t), &task, 0, &s) && s.draws == 2);
  audit_seal_hash(trial_chain(&t)->genesis, s.id, s.account, salt, ends, 1, hash);
  struct body_seal seal = {.at = {.task = t.task, .attempt = 1}, .hash = hash};
  assert_int_equal(trial_send(&t, who, TRANSACTION_SEAL, body, body_seal_put(&seal, body, sizeof body)), CHAIN_OK);
  stage_end(&t.stage);
  t.plan.seat[0].no_show = true;
  assert_true(trial_until(&t, TASK_SHOW, BLOCKS_MAX));
  stage_begin(&t.stage, 25);
  struct body_show show = {
      .at = {.task = t.task, .attempt = 1}, .salt = salt, .ends = ends, .probes = probes, .ends_count = 1};
  assert_int_equal(trial_send(&t, who, TRANSACTION_SHOW, body, body_show_put(&show, body, sizeof body)), CHAIN_PROOF);
  leave();
}

/* LEDGER 9.8: "P_i is 32 zero bytes where S = 1". */
static void test_no_probe(void **state) {
  (void)state;
  uint8_t body[4096], salt[32], probes[32] = {0};
  struct trial_plan plan = {
      .intervals = 1, .interval_steps = 1, .seats = 2, .draws = 1, .diverges_at = UINT32_MAX, .no_open = true};
  plan.seat[0].no_show = true;
  trial_open(&t, &plan);
  assert_true(trial_until(&t, TASK_SHOW, BLOCKS_MAX));
  stage_begin(&t.stage, 25);
  uint32_t who = sits(0);
  memset(salt, 0x11, sizeof salt);
  struct body_show show = {.at = {.task = t.task, .attempt = 1},
                           .salt = salt,
                           .ends = t.truth[0].honest.roots[1],
                           .probes = probes,
                           .ends_count = 1};
  probes[31] = 1;
  assert_int_equal(trial_send(&t, who, TRANSACTION_SHOW, body, body_show_put(&show, body, sizeof body)), CHAIN_PROOF);
  probes[31] = 0;
  assert_int_equal(trial_send(&t, who, TRANSACTION_SHOW, body, body_show_put(&show, body, sizeof body)), CHAIN_OK);
  t.plan.no_open = false;
  leave();
}

/* LEDGER 9.11: "more than half of them yes settles at once": half do not. */
static void test_half(void **state) {
  (void)state;
  struct trial_plan plan = {.intervals = 6, .interval_steps = 2, .seats = 2, .draws = 2, .diverges_at = UINT32_MAX};
  plan.seat[0].no_vote = plan.seat[1].no_vote = true;
  trial_open(&t, &plan);
  assert_true(trial_until(&t, TASK_DELIVER, BLOCKS_MAX));
  stage_begin(&t.stage, 25);
  assert_int_equal(trial_fetch(&t, sits(0), 0, FETCH_FINAL, true), CHAIN_OK);
  assert_int_equal(trial_task(&t).state, TASK_DELIVER);
  assert_int_equal(trial_fetch(&t, sits(1), 1, FETCH_FINAL, false), CHAIN_OK);
  assert_int_equal(trial_task(&t).state, TASK_DELIVER);
  leave(); /* at the timer: no does not outnumber yes */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_take),        cmocka_unit_test(test_publish),    cmocka_unit_test(test_publish_proof),
      cmocka_unit_test(test_seal),        cmocka_unit_test(test_show),       cmocka_unit_test(test_open),
      cmocka_unit_test(test_fetch),       cmocka_unit_test(test_full),       cmocka_unit_test(test_diverged),
      cmocka_unit_test(test_forged_leaf), cmocka_unit_test(test_short_seal), cmocka_unit_test(test_no_probe),
      cmocka_unit_test(test_half),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
