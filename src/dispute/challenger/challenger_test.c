/* What the challenger says: the first difference, V before the state, the lowest leaf and element; by slabs, or past
 * them where the claimant serves hashes that are its own. PROTOCOL P2.2, P4.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/duel.h"
#include "dispute/world/tapes.h"

static struct built_tape tape;
static struct world w;
static struct party honest, liar;
static struct dispute_frame frame;

static int set_up(void **state) {
  (void)state;
  static const struct tape *const tapes[1] = {&tape.tape};
  wide_tape(&tape);
  world_open(&w, tapes, 1, 2, 900);
  party_open(&honest, &w, NULL);
  party_open(&liar, &w, &honest);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  party_shut(&liar);
  party_shut(&honest);
  world_shut(&w);
  return 0;
}

/* Plays up to the move of this number, which is the challenger's; the liar is the claimant. */
static void play_up_to(struct dispute *d, uint8_t number) {
  struct move m;
  world_frame(&w, 0, party_roots(&liar)[2], &frame);
  challenger_open(&frame, &m);
  assert_int_equal(dispute_open(d, &frame, &m, 0, NULL), DISPUTE_HEARD);
  for (uint64_t tick = 1; d->awaits != number; tick++) {
    enum evidence_answer said = dispute_turn(d) == DISPUTE_CLAIMANT
                                    ? claimant_next(d, &frame, &liar.evidence, &m, NULL)
                                    : challenger_next(d, &frame, &honest.evidence, NULL, &m, NULL);
    assert_int_equal(said, ANSWER_MOVE);
    assert_int_equal(dispute_hear(d, &frame, &m, tick, NULL), DISPUTE_HEARD);
  }
}

static void lie(struct lie first, struct lie second) {
  struct lie lies[2] = {first, second};
  party_lie(&liar, lies, 2);
}

static struct lie at(uint8_t space, uint16_t j, uint32_t leaf, uint16_t offset) {
  return (struct lie){
      .kind = LIE_BYTE, .space = space, .j = j, .leaf = leaf, .offset = offset, .mask = 0x40, .follow = true};
}

static void finds_the_first_interval(void **state) {
  (void)state;
  uint8_t mine[5][MERKLE_BYTES] = {{1}, {2}, {3}, {4}, {5}}, theirs[5][MERKLE_BYTES];
  memcpy(theirs, mine, sizeof theirs);
  assert_int_equal(challenger_interval((const uint8_t(*)[MERKLE_BYTES])mine, (const uint8_t(*)[MERKLE_BYTES])theirs, 4),
                   0);
  for (uint32_t i = 4; i >= 1; i--) {
    theirs[i][31] ^= 1;
    assert_int_equal(
        challenger_interval((const uint8_t(*)[MERKLE_BYTES])mine, (const uint8_t(*)[MERKLE_BYTES])theirs, 4), i);
  }
}

static void names_the_first_step_and_values_before_the_state(void **state) {
  (void)state;
  struct dispute d;
  struct move m;
  struct move_node node;
  uint16_t j;
  lie(at(TAPE_OUT, 2, 3, 0), at(TAPE_OUT, 1, 7, 0));
  play_up_to(&d, MOVE_3);
  assert_int_equal(challenger_next(&d, &frame, &honest.evidence, NULL, &m, NULL), ANSWER_MOVE);
  assert_true(move_take_step(&m, &j) && j == 1);
  lie(at(TAPE_OUT, 1, 3, 0), at(TAPE_TEMP, 1, 299, 1));
  play_up_to(&d, MOVE_5);
  assert_int_equal(challenger_next(&d, &frame, &honest.evidence, NULL, &m, NULL), ANSWER_MOVE);
  assert_true(move_take_node(&m, &node) && node.space == TAPE_TEMP && node.index == 1);
}

static void names_the_lowest_leaf_and_element(void **state) {
  (void)state;
  struct dispute d;
  struct move m;
  struct move_case c;
  lie(at(TAPE_TEMP, 1, 17, 4 * 882 + 3), at(TAPE_TEMP, 1, 17, 4 * 102 + 2)); /* links 147 and 17 read them */
  play_up_to(&d, MOVE_11);
  assert_int_equal(d.node, 17);
  assert_int_equal(challenger_next(&d, &frame, &honest.evidence, NULL, &m, NULL), ANSWER_MOVE);
  assert_true(move_take_case(&m, merkle_height(tape.tape.records_count + 1), &c));
  assert_int_equal(c.element, 102);
  assert_int_equal(c.record, 1);
}

/* PROTOCOL P2.6: behind a value's end the rule is 0. The case posts nothing, and may post nothing. */
static void posts_nothing_behind_the_end(void **state) {
  (void)state;
  struct dispute d;
  struct move m, more;
  lie(at(TAPE_OUT, 1, 3, 4 * 9), at(TAPE_OUT, 1, 3, 4 * 9 + 3)); /* entry 3 has one element */
  play_up_to(&d, MOVE_11);
  assert_int_equal(challenger_next(&d, &frame, &honest.evidence, NULL, &m, NULL), ANSWER_MOVE);
  more = m;
  move_put_u32(&more, 0);
  assert_int_equal(dispute_hear(&d, &frame, &more, 100, NULL), DISPUTE_REFUSED);
  assert_int_equal(dispute_hear(&d, &frame, &m, 100, NULL), DISPUTE_HEARD);
  assert_int_equal(d.awaits, DISPUTE_DECIDED);
  assert_int_equal(d.verdict.reason, DISPUTE_NOTHING_TO_DENY);
  assert_true(d.verdict.padding && d.verdict.element == 9 && d.verdict.recomputed == 0);
}

/* Leaf hashes that the claimant serves shorten the game by both slabs; others are no help, and no harm. */
static void goes_past_the_slabs_where_hashes_are_served(void **state) {
  (void)state;
  struct dispute d;
  struct move m;
  struct move_express x;
  lie(at(TAPE_TEMP, 1, 290, 3), at(TAPE_TEMP, 1, 200, 1));
  play_up_to(&d, MOVE_5);
  const struct evidence *theirs = &liar.evidence, *mine = &honest.evidence;
  struct challenger_hints hints = {.temp_hashes = theirs->hashes(theirs->context, TAPE_TEMP, 0)};
  assert_int_equal(challenger_next(&d, &frame, mine, &hints, &m, NULL), ANSWER_MOVE);
  assert_int_equal(m.kind, MOVE_EXPRESS);
  uint32_t height = merkle_height(tape.tape.temp_leaves);
  assert_true(move_take_express(&m, height, merkle_height(tape.tape.state_leaves), &x));
  assert_int_equal(x.leaf, 200);
  assert_int_equal(dispute_hear(&d, &frame, &m, 100, NULL), DISPUTE_HEARD);
  assert_int_equal(d.awaits, MOVE_10);

  play_up_to(&d, MOVE_5);
  hints.temp_hashes = mine->hashes(mine->context, TAPE_TEMP, 0); /* not what the claimant showed */
  assert_int_equal(challenger_next(&d, &frame, mine, &hints, &m, NULL), ANSWER_MOVE);
  assert_int_equal(m.kind, MOVE_NODE);
  hints.temp_hashes = NULL;
  assert_int_equal(challenger_next(&d, &frame, mine, &hints, &m, NULL), ANSWER_MOVE);
  assert_int_equal(m.kind, MOVE_NODE);
}

/* Whoever agrees has nothing to say, and is told so; nor has one whose own values give what the claimant has. */
static void sees_no_difference_where_there_is_none(void **state) {
  (void)state;
  struct dispute d;
  struct move m;
  struct why why = {""};
  lie(at(TAPE_OUT, 1, 3, 0), at(TAPE_OUT, 2, 3, 0));
  play_up_to(&d, MOVE_3);
  assert_int_equal(challenger_next(&d, &frame, &liar.evidence, NULL, &m, &why), ANSWER_NOTHING);
  assert_string_equal(why.text, "all 2 steps have the roots that it has itself");
  play_up_to(&d, MOVE_5);
  assert_int_equal(challenger_next(&d, &frame, &liar.evidence, NULL, &m, &why), ANSWER_NOTHING);
  assert_string_equal(why.text, "values and state of step 1 are what it has itself");
  assert_int_equal(claimant_next(&d, &frame, &liar.evidence, &m, NULL), ANSWER_WAIT);
  play_up_to(&d, MOVE_7);
  assert_int_equal(challenger_next(&d, &frame, &liar.evidence, NULL, &m, &why), ANSWER_NOTHING);
  play_up_to(&d, MOVE_11);
  assert_int_equal(challenger_next(&d, &frame, &liar.evidence, NULL, &m, &why), ANSWER_NOTHING);
  assert_string_equal(why.text, "leaf 3 is what it has itself");
}

static const uint8_t *no_hashes(void *context, uint8_t space, uint8_t number) {
  (void)context;
  (void)space;
  (void)number;
  return NULL;
}

static void evidence_that_cannot_be_read_is_an_error(void **state) {
  (void)state;
  struct dispute d;
  struct move m;
  struct why why = {""};
  lie(at(TAPE_OUT, 1, 3, 0), at(TAPE_OUT, 2, 3, 0));
  play_up_to(&d, MOVE_5);
  struct evidence e = honest.evidence;
  e.hashes = no_hashes;
  assert_int_equal(challenger_next(&d, &frame, &e, NULL, &m, &why), ANSWER_ERROR);
  assert_string_equal(why.text, "the leaf hashes of the step's values are not there");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_first_interval),
      cmocka_unit_test_setup_teardown(names_the_first_step_and_values_before_the_state, set_up, tear_down),
      cmocka_unit_test_setup_teardown(names_the_lowest_leaf_and_element, set_up, tear_down),
      cmocka_unit_test_setup_teardown(posts_nothing_behind_the_end, set_up, tear_down),
      cmocka_unit_test_setup_teardown(goes_past_the_slabs_where_hashes_are_served, set_up, tear_down),
      cmocka_unit_test_setup_teardown(sees_no_difference_where_there_is_none, set_up, tear_down),
      cmocka_unit_test_setup_teardown(evidence_that_cannot_be_read_is_an_error, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
