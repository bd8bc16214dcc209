/* The clock, the order of moves, and frames from elsewhere. What the moves say is tested on whole small worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/dispute.h"

enum { WINDOW = 120, SLACK = 1800, STEPS_TICKS = 50, VALUES_TICKS = 7 };

static const uint8_t zeros[TAPE_LEAF_BYTES];

/* Two steps over a state of one leaf; roots are those of leaves that begin with 0, 1, 2. */
static void leaf_root(uint8_t first, uint8_t root[MERKLE_BYTES]) {
  uint8_t leaf[TAPE_LEAF_BYTES] = {first};
  merkle_leaf(leaf, sizeof leaf, root);
}

static struct dispute_frame frame(uint16_t steps) {
  struct dispute_frame f = {.target = {.task = 3, .interval = 9},
                            .first_step = 40,
                            .steps = steps,
                            .state_leaves = 1,
                            .tapes = 1,
                            .tape[0] = {.records = 1, .temp_leaves = 1, .values_ticks = VALUES_TICKS},
                            .window_ticks = WINDOW,
                            .slack_ticks = SLACK,
                            .steps_ticks = STEPS_TICKS};
  memset(f.target.job_root, 0x11, MERKLE_BYTES);
  leaf_root(0, f.start_root);
  leaf_root((uint8_t)steps, f.end_root);
  return f;
}

static struct move challenge_of(const struct dispute_frame *f) {
  struct move m;
  move_begin(&m, MOVE_OPEN, MOVE_CHALLENGE);
  move_put_bytes(&m, f->target.job_root, MERKLE_BYTES);
  move_put_u32(&m, f->target.task);
  move_put_u16(&m, f->target.interval);
  move_put_u16(&m, f->target.inner);
  return m;
}

static struct move steps_move(uint16_t steps) {
  struct move m;
  uint8_t root[MERKLE_BYTES];
  move_begin(&m, MOVE_2, MOVE_STEPS);
  for (uint16_t j = 1; j <= steps; j++) {
    leaf_root((uint8_t)j, root);
    move_put_bytes(&m, root, sizeof root);
  }
  return m;
}

static struct move step_move(uint16_t j) {
  struct move m;
  move_begin(&m, MOVE_3, MOVE_STEP);
  move_put_u16(&m, j);
  return m;
}

static struct move values_move(uint8_t after) {
  struct move m;
  uint8_t root[MERKLE_BYTES];
  move_begin(&m, MOVE_4, MOVE_VALUES);
  merkle_leaf(zeros, sizeof zeros, root);
  move_put_bytes(&m, root, sizeof root); /* V, and its only node */
  move_put_bytes(&m, root, sizeof root);
  leaf_root(after, root);
  move_put_bytes(&m, root, sizeof root);
  return m;
}

static void opened(struct dispute *d, const struct dispute_frame *f, uint64_t tick) {
  struct move m = challenge_of(f);
  assert_true(dispute_frame_check(f, NULL));
  assert_int_equal(dispute_open(d, f, &m, tick, NULL), DISPUTE_HEARD);
  dispute_check(d, f);
}

static void only_the_frames_own_target_opens(void **state) {
  (void)state;
  struct dispute_frame f = frame(2);
  static struct dispute d;
  for (uint32_t byte = 0; byte < MOVE_CHALLENGE_BYTES; byte++) {
    struct move m = challenge_of(&f);
    m.payload[byte] ^= 1;
    assert_int_equal(dispute_open(&d, &f, &m, 0, NULL), DISPUTE_REFUSED);
  }
  opened(&d, &f, 0);
  assert_int_equal(d.awaits, MOVE_2);
  f = frame(1);
  opened(&d, &f, 0);
  assert_int_equal(d.awaits, MOVE_4); /* P2: 2 and 3 fall away */
}

static void windows_and_slack(void **state) {
  (void)state;
  struct dispute_frame f = frame(2);
  static struct dispute d;
  struct move m = steps_move(2);
  opened(&d, &f, 1000);
  assert_int_equal(dispute_turn(&d), DISPUTE_CLAIMANT);
  assert_int_equal(dispute_deadline(&d, &f), 1000 + WINDOW + STEPS_TICKS + SLACK);
  /* within the window nothing is taken; beyond it, what exceeds it */
  assert_int_equal(dispute_hear(&d, &f, &m, 1000 + WINDOW + STEPS_TICKS + 100, NULL), DISPUTE_HEARD);
  assert_int_equal(d.slack_ticks[DISPUTE_CLAIMANT], SLACK - 100);
  assert_int_equal(d.slack_ticks[DISPUTE_CHALLENGER], SLACK);
  m = step_move(1);
  uint64_t now = d.turn_tick;
  assert_int_equal(dispute_deadline(&d, &f), now + WINDOW + SLACK);
  assert_int_equal(dispute_hear(&d, &f, &m, now - 1, NULL), DISPUTE_REFUSED); /* older than the last */
  assert_int_equal(dispute_hear(&d, &f, &m, now + WINDOW, NULL), DISPUTE_HEARD);
  assert_int_equal(d.slack_ticks[DISPUTE_CHALLENGER], SLACK);
  assert_int_equal(dispute_deadline(&d, &f), d.turn_tick + WINDOW + VALUES_TICKS + SLACK - 100);
  m = values_move(1);
  assert_int_equal(dispute_hear(&d, &f, &m, dispute_deadline(&d, &f), NULL), DISPUTE_HEARD); /* the last tick counts */
  assert_int_equal(d.slack_ticks[DISPUTE_CLAIMANT], 0);
  assert_int_equal(dispute_deadline(&d, &f), d.turn_tick + WINDOW + VALUES_TICKS + SLACK);
  dispute_check(&d, &f);
}

static void silence_loses(void **state) {
  (void)state;
  struct dispute_frame f = frame(2);
  static struct dispute d, before;
  struct move m = steps_move(2), late = step_move(2);
  opened(&d, &f, 0);
  before = d;
  assert_false(dispute_expire(&d, &f, dispute_deadline(&d, &f)));
  assert_memory_equal(&d, &before, sizeof d);
  assert_true(dispute_expire(&d, &f, dispute_deadline(&d, &f) + 1));
  assert_true(d.awaits == DISPUTE_DECIDED && d.verdict.loser == DISPUTE_CLAIMANT);
  assert_true(d.verdict.reason == DISPUTE_BY_CLOCK && d.verdict.awaited == MOVE_2 && !d.verdict.has_step);
  assert_int_equal(dispute_hear(&d, &f, &m, 5, NULL), DISPUTE_OVER);
  dispute_check(&d, &f);
  opened(&d, &f, 0);
  assert_int_equal(dispute_hear(&d, &f, &m, 0, NULL), DISPUTE_HEARD);
  assert_int_equal(dispute_hear(&d, &f, &late, dispute_deadline(&d, &f) + 1, NULL), DISPUTE_LATE);
  assert_true(d.awaits == DISPUTE_DECIDED && d.verdict.loser == DISPUTE_CHALLENGER && d.verdict.awaited == MOVE_3);
}

static void what_is_no_move_changes_nothing(void **state) {
  (void)state;
  struct dispute_frame f = frame(2);
  static struct dispute d, before;
  opened(&d, &f, 0);
  struct move moves[] = {steps_move(1), step_move(1), values_move(1), steps_move(2)};
  moves[3].payload[33] ^= 1; /* the end root */
  before = d;
  for (uint32_t i = 0; i < 4; i++) {
    assert_int_equal(dispute_hear(&d, &f, &moves[i], 3, NULL), DISPUTE_REFUSED);
    assert_memory_equal(&d, &before, sizeof d);
  }
  struct move steps = steps_move(2), step = step_move(3), values = values_move(1);
  assert_int_equal(dispute_hear(&d, &f, &steps, 3, NULL), DISPUTE_HEARD);
  assert_int_equal(dispute_hear(&d, &f, &step, 4, NULL), DISPUTE_REFUSED);
  step = step_move(0);
  assert_int_equal(dispute_hear(&d, &f, &step, 4, NULL), DISPUTE_REFUSED);
  step = step_move(2);
  assert_int_equal(dispute_hear(&d, &f, &step, 4, NULL), DISPUTE_HEARD);
  assert_int_equal(dispute_hear(&d, &f, &values, 4, NULL), DISPUTE_REFUSED); /* the nodes of S_1 */
  values = values_move(2);
  assert_int_equal(dispute_hear(&d, &f, &values, 4, NULL), DISPUTE_HEARD);
}

/* P3.3: a recalled answer is no move and, where it was there already, takes no time. */
static void recalled_answers_cost_nothing(void **state) {
  (void)state;
  struct dispute_frame f = frame(2);
  static struct dispute d;
  struct move steps = steps_move(2), step = step_move(1), values = values_move(1);
  opened(&d, &f, 10);
  assert_int_equal(dispute_recall(&d, &f, &steps, 10, NULL), DISPUTE_HEARD);
  assert_true(d.moves == 1 && d.bytes == MOVE_CHALLENGE_BYTES && d.turn_tick == 10);
  assert_int_equal(d.slack_ticks[DISPUTE_CLAIMANT], SLACK);
  assert_int_equal(dispute_recall(&d, &f, &step, 10, NULL), DISPUTE_REFUSED); /* no answer of the claimant */
  assert_int_equal(dispute_hear(&d, &f, &step, 11, NULL), DISPUTE_HEARD);
  assert_int_equal(dispute_recall(&d, &f, &values, 11, NULL), DISPUTE_HEARD);
  assert_true(d.moves == 2 && d.awaits == MOVE_5);
}

/* P3.3: one that was waited for takes the slack that a move would take, or a transcript, in which it stands like a
 * move, would be judged by other clocks than the game. */
static void a_late_recall_takes_slack_like_a_move(void **state) {
  (void)state;
  struct dispute_frame f = frame(2);
  static struct dispute recalled, heard;
  struct move steps = steps_move(2);
  for (uint64_t late = 0; late <= SLACK; late += SLACK / 4) {
    uint64_t tick = 10 + WINDOW + STEPS_TICKS + late;
    opened(&recalled, &f, 10);
    opened(&heard, &f, 10);
    assert_int_equal(dispute_recall(&recalled, &f, &steps, tick, NULL), DISPUTE_HEARD);
    assert_int_equal(dispute_hear(&heard, &f, &steps, tick, NULL), DISPUTE_HEARD);
    assert_int_equal(recalled.slack_ticks[DISPUTE_CLAIMANT], SLACK - late);
    assert_int_equal(heard.slack_ticks[DISPUTE_CLAIMANT], SLACK - late);
    assert_int_equal(recalled.turn_tick, heard.turn_tick);
  }
  opened(&recalled, &f, 10);
  assert_int_equal(dispute_recall(&recalled, &f, &steps, 1000000, NULL), DISPUTE_HEARD); /* nobody expired it */
  assert_int_equal(recalled.slack_ticks[DISPUTE_CLAIMANT], 0);
}

static void ticks_near_the_end_of_time(void **state) {
  (void)state;
  struct dispute_frame f = frame(2);
  static struct dispute d;
  opened(&d, &f, UINT64_MAX - 5);
  assert_true(dispute_deadline(&d, &f) == UINT64_MAX);
  assert_false(dispute_expire(&d, &f, UINT64_MAX));
}

static void frames_are_bounded(void **state) {
  (void)state;
  struct dispute_frame good = frame(2), f;
  assert_true(dispute_frame_check(&good, NULL));
#define REFUSED(change) (f = good, change, assert_false(dispute_frame_check(&f, NULL)))
  REFUSED(f.steps = 0);
  REFUSED(f.steps = 257);
  REFUSED(f.first_step = 0x7fffffff);
  REFUSED(f.target.inner = 1); /* not the last step */
  REFUSED(f.state_leaves = 0);
  REFUSED(f.state_leaves = TAPE_LEAVES_MAX + 1);
  REFUSED(f.tapes = 0);
  REFUSED(f.tapes = 9);
  REFUSED(f.tape[0].records = 0);
  REFUSED(f.tape[0].records = TAPE_RECORDS_MAX + 1);
  REFUSED(f.tape[0].temp_leaves = TAPE_LEAVES_MAX + 1);
  REFUSED(f.tape[0].values_ticks = 1u << 31);
  REFUSED(f.step_tape[1] = 1);
  REFUSED((f.data_count = 1, f.data[0].leaves = TAPE_LEAVES_MAX + 1));
  REFUSED(f.window_ticks = 1u << 31);
  REFUSED(f.slack_ticks = 1u << 31);
  REFUSED(f.steps_ticks = 1u << 31);
#undef REFUSED
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_the_frames_own_target_opens),
      cmocka_unit_test(windows_and_slack),
      cmocka_unit_test(silence_loses),
      cmocka_unit_test(what_is_no_move_changes_nothing),
      cmocka_unit_test(recalled_answers_cost_nothing),
      cmocka_unit_test(a_late_recall_takes_slack_like_a_move),
      cmocka_unit_test(ticks_near_the_end_of_time),
      cmocka_unit_test(frames_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
