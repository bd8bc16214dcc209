/* A claimant answers once, however many challenge it: it runs the interval once and each step that is named once, and
 * what it answered is recalled. PROTOCOL P3.3, P4.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/party.h"
#include "dispute/world/stubborn.h"
#include "tape/record/example.h"

enum { STEPS = 8, CHALLENGERS = 5 };

static struct example example;
static struct world w;
static struct party honest, liars[CHALLENGERS];

/* STEPS is kept for the interval, VALUES for each step. */
static struct { struct move steps, values[STEPS + 1]; } kept;

static void keep(void *context, const struct dispute *before, const struct move *m, uint64_t tick,
                 const struct dispute *after) {
  (void)context;
  (void)before;
  (void)tick;
  if (m->number == MOVE_2) kept.steps = *m;
  if (m->number == MOVE_4) kept.values[after->j] = *m;
}

static int set_up(void **state) {
  (void)state;
  static const struct tape *const tapes[1] = {&example.tape};
  example_tape(&example);
  world_open(&w, tapes, 1, STEPS, 500);
  party_open(&honest, &w, NULL);
  for (uint32_t i = 0; i < CHALLENGERS; i++) party_open(&liars[i], &w, &honest);
  memset(&kept, 0, sizeof kept);
  assert_memory_not_equal(party_roots(&honest)[3], party_roots(&honest)[5], MERKLE_BYTES);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  for (uint32_t i = 0; i < CHALLENGERS; i++) party_shut(&liars[i]);
  party_shut(&honest);
  world_shut(&w);
  return 0;
}

/* At steps 3, 5, 3, 5, 3: an altered weight. */
static struct lie lie_of(uint32_t i) {
  return (struct lie){.kind = LIE_BYTE,
                      .space = TAPE_OUT,
                      .leaf = 1,
                      .offset = (uint16_t)(4 * i),
                      .mask = 1,
                      .j = i % 2 ? 5 : 3,
                      .follow = true};
}

static struct play_result challenge(uint32_t i, const struct move *steps, const struct move *values) {
  struct dispute_frame frame;
  struct play_result result;
  struct lie lie = lie_of(i);
  party_lie(&liars[i], &lie, 1);
  world_frame(&w, 0, party_roots(&honest)[STEPS], &frame);
  struct play p = {.frame = &frame,
                   .evidence = {&liars[i].evidence, &honest.evidence},
                   .player = {stubborn_challenger, NULL},
                   .honest = {false, true},
                   .steps = steps,
                   .values = values,
                   .see = keep};
  play_whole(&p, &result);
  assert_int_equal(result.verdict.loser, DISPUTE_CHALLENGER);
  assert_int_equal(result.verdict.j, lie.j);
  return result;
}

/* What it computes does not grow with the number of those who ask. */
static void one_claimant_answers_many(void **state) {
  (void)state;
  for (uint32_t round = 0; round < 2; round++)
    for (uint32_t i = 0; i < CHALLENGERS; i++) challenge(i, NULL, NULL);
  assert_int_equal(honest.executed, 1);
  assert_int_equal(honest.materialised, 2);
}

/* Nor does a challenger's own: the interval and one step, whatever the number of moves. */
static void a_challenger_computes_one_step(void **state) {
  (void)state;
  challenge(0, NULL, NULL);
  assert_int_equal(liars[0].executed, 1);
  assert_int_equal(liars[0].materialised, 1);
}

/* A recalled answer is no move, takes no time and no bytes; the rest of the game is the same. */
static void recalled_answers_make_the_game_shorter(void **state) {
  (void)state;
  struct play_result first = challenge(0, NULL, NULL), steps = challenge(2, &kept.steps, NULL),
                     both = challenge(4, &kept.steps, &kept.values[3]);
  assert_int_equal(steps.moves, first.moves - 1);
  assert_int_equal(both.moves, first.moves - 2);
  assert_int_equal(first.bytes - steps.bytes, kept.steps.length);
  assert_int_equal(steps.bytes - both.bytes, kept.values[3].length);
  assert_true(both.tick < steps.tick && steps.tick < first.tick);
  assert_int_equal(both.verdict.leaf, first.verdict.leaf);
}

/* Values stored for a step with another state after it do not hash up to this one's: not a move, and the claimant
 * answers itself. (Of steps with equal states after them only the one who stores can tell which is which.) */
static void what_does_not_fit_is_not_recalled(void **state) {
  (void)state;
  challenge(0, NULL, NULL);
  struct play_result plain = challenge(1, NULL, NULL), again = challenge(1, &kept.steps, &kept.values[3]);
  assert_int_equal(again.moves, plain.moves - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(one_claimant_answers_many, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_challenger_computes_one_step, set_up, tear_down),
      cmocka_unit_test_setup_teardown(recalled_answers_make_the_game_shorter, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_does_not_fit_is_not_recalled, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
