/* What the claimant says: the lowest wrong chunk, the first wrong word, and nothing that does not hash to what was
 * named. PROTOCOL P4.2, P5.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/duel.h"
#include "dispute/world/tapes.h"
#include "tape/element/element.h"

static struct built_tape tape;
static struct world w;
static struct party honest, liar;
static struct dispute_frame frame;

static int set_up(void **state) {
  (void)state;
  static const struct tape *const tapes[1] = {&tape.tape};
  long_tape(&tape);
  world_open(&w, tapes, 1, 2, 800);
  party_open(&honest, &w, NULL);
  party_open(&liar, &w, &honest);
  world_frame(&w, 0, party_roots(&honest)[2], &frame);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  party_shut(&liar);
  party_shut(&honest);
  world_shut(&w);
  return 0;
}

static const struct tape_record *record_with(uint8_t op, uint8_t reducer, uint32_t k_least) {
  for (uint32_t n = 0; n < tape.tape.records_count; n++)
    if (tape.record[n].op == op && tape.record[n].reducer == reducer && record_k(&tape.record[n]) >= k_least &&
        tape.record[n].operands)
      return &tape.record[n];
  fail_msg("no such record");
  return NULL;
}

/* The game as a case about element `index` of a record would leave it, with the honest side's own words or results. */
static void stand_at(struct dispute *d, uint8_t awaits, const struct tape_record *r, uint64_t index, uint16_t c) {
  const struct evidence *e = &honest.evidence;
  memset(d, 0, sizeof *d);
  assert_true(e->enter(e->context, 1, NULL));
  uint32_t size = tape_dtype_bytes(r->dtype), per_leaf = TAPE_LEAF_BYTES / size;
  uint32_t leaves = tape.tape.temp_leaves, height = merkle_height(leaves);
  static uint8_t scratch[64 * MERKLE_BYTES];
  const uint8_t *hashes = e->hashes(e->context, TAPE_TEMP, 0);
  d->awaits = awaits;
  d->moves = 8;
  d->j = 1;
  d->space = TAPE_TEMP;
  d->node = (uint32_t)(r->first_leaf + index / per_leaf);
  memcpy(d->node_hash, hashes + (size_t)d->node * MERKLE_BYTES, MERKLE_BYTES);
  merkle_path(hashes, leaves, d->node, scratch, d->path[0]);
  merkle_node(hashes, leaves, height, 0, d->values);
  memcpy(d->before, party_roots(&honest)[0], MERKLE_BYTES);
  memcpy(d->after, party_roots(&honest)[1], MERKLE_BYTES);
  d->element = (uint16_t)(index % per_leaf);
  d->record = (uint16_t)(r - tape.record + 1);
  d->record_length = (uint16_t)record_encode(r, d->record_bytes, sizeof d->record_bytes);
  d->index = index;
  d->recomputed = 1;
  d->chunk = c;
  if (awaits == MOVE_12)
    for (d->posted_count = 0; d->posted_count < element_chunks(r); d->posted_count++) {
      uint32_t x = evidence_chunk(e, r, w.first_step, w.seed, index, d->posted_count);
      for (uint32_t b = 0; b < 4; b++) d->posted[4 * d->posted_count + b] = (uint8_t)(x >> 8 * b);
    }
  else
    d->posted_count = evidence_words(e, r, index, c, d->posted);
}

static uint16_t named(const struct dispute *d) {
  struct move m;
  uint16_t n;
  assert_int_equal(claimant_next(d, &frame, &honest.evidence, &m, NULL), ANSWER_MOVE);
  assert_int_equal(m.number, d->awaits);
  assert_true(move_take_u16(&m, &n));
  return n;
}

static void names_the_lowest_wrong_chunk(void **state) {
  (void)state;
  static const uint16_t wrong[][2] = {{0, 2}, {1, 2}, {2, 2}, {2, 0}};
  struct dispute d;
  const struct tape_record *r = record_with(TAPE_DOT, TAPE_CHAIN, 1300);
  stand_at(&d, MOVE_12, r, 1, 0);
  assert_int_equal(d.posted_count, 3);
  assert_int_equal(named(&d), 0); /* none is wrong */
  for (uint32_t i = 0; i < 4; i++) {
    stand_at(&d, MOVE_12, r, 1, 0);
    d.posted[4 * wrong[i][0]] ^= 1;
    d.posted[4 * wrong[i][1] + 3] ^= 1;
    assert_int_equal(named(&d), wrong[i][0] < wrong[i][1] ? wrong[i][0] : wrong[i][1]);
  }
}

static void names_the_first_wrong_word(void **state) {
  (void)state;
  struct dispute d;
  const struct tape_record *r = record_with(TAPE_DOT, TAPE_CHAIN, 1300);
  for (uint16_t first = 0; first < 1024; first = (uint16_t)(first + 73)) {
    stand_at(&d, MOVE_14, r, 0, 1);
    assert_int_equal(d.posted_count, 1024);
    assert_int_equal(named(&d), 0);
    for (uint16_t later = first; later < 1024; later = (uint16_t)(later + 200)) d.posted[4 * later] ^= 1;
    assert_int_equal(named(&d), first);
  }
}

/* A false index, and behind it the true value at the false place: every word that follows is right where it says it
 * was read, and only the index is wrong. */
static void names_a_false_index_and_not_what_it_leads_to(void **state) {
  (void)state;
  struct dispute d;
  const struct evidence *e = &honest.evidence;
  const struct tape_record *r = record_with(TAPE_FOLD, TAPE_ISUM, 520);
  while (r->operands != 2 || r->operand[1].dtype != TAPE_U8) r++;
  for (uint32_t k = 5; k < 512; k += 101) {
    stand_at(&d, MOVE_14, r, 0, 0);
    uint32_t index = move_word(d.posted, 2 * k) + 1;
    uint32_t value = evidence_word(e, &r->operand[1], 10 * k + index);
    d.posted[8 * k] = (uint8_t)index;
    d.posted[8 * k + 4] = (uint8_t)value;
    d.posted[8 * k + 1] = d.posted[8 * k + 2] = d.posted[8 * k + 3] = 0;
    assert_int_equal(named(&d), 2 * k);
  }
}

/* Values that do not lead to what was committed: nothing to show, and the reason in words. */
static void shows_nothing_that_does_not_hash_up(void **state) {
  (void)state;
  struct move m;
  struct why why = {""};
  struct dispute d;
  struct lie lie = {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 1, .offset = 3, .mask = 0x40, .j = 1, .follow = true};
  party_lie(&liar, &lie, 1);
  challenger_open(&frame, &m);
  assert_int_equal(dispute_open(&d, &frame, &m, 0, NULL), DISPUTE_HEARD);
  assert_int_equal(claimant_next(&d, &frame, &liar.evidence, &m, &why), ANSWER_NOTHING);
  assert_string_equal(why.text, "its 2 steps do not end in the root that was committed");
  assert_int_equal(claimant_next(&d, &frame, &honest.evidence, &m, NULL), ANSWER_MOVE);
  assert_int_equal(dispute_hear(&d, &frame, &m, 1, NULL), DISPUTE_HEARD);
  assert_int_equal(claimant_next(&d, &frame, &honest.evidence, &m, NULL), ANSWER_WAIT);
  assert_int_equal(challenger_next(&d, &frame, &liar.evidence, NULL, &m, NULL), ANSWER_MOVE);
  assert_int_equal(dispute_hear(&d, &frame, &m, 2, NULL), DISPUTE_HEARD);
  assert_int_equal(claimant_next(&d, &frame, &liar.evidence, &m, &why), ANSWER_NOTHING);
  assert_string_equal(why.text, "its state after step 1 of the interval does not have the root that it showed");
  stand_at(&d, MOVE_10, &tape.record[0], 0, 0);
  d.node_hash[0] ^= 1; /* and the invariants with it */
  merkle_climb(d.node_hash, d.node, d.path[0], merkle_height(tape.tape.temp_leaves), d.values);
  assert_int_equal(claimant_next(&d, &frame, &honest.evidence, &m, &why), ANSWER_NOTHING);
  assert_string_equal(why.text, "leaf 0 does not have the hash that was named");
}

static bool no_steps(void *context, uint16_t steps, uint8_t (*roots)[MERKLE_BYTES], struct why *why) {
  (void)context;
  (void)steps;
  (void)roots;
  why_set(why, "no disk");
  return false;
}

static void evidence_that_cannot_be_read_is_an_error(void **state) {
  (void)state;
  struct move m;
  struct why why = {""};
  struct dispute d;
  struct evidence e = honest.evidence;
  e.steps = no_steps;
  challenger_open(&frame, &m);
  assert_int_equal(dispute_open(&d, &frame, &m, 0, NULL), DISPUTE_HEARD);
  assert_int_equal(claimant_next(&d, &frame, &e, &m, &why), ANSWER_ERROR);
  assert_string_equal(why.text, "no disk");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(names_the_lowest_wrong_chunk, set_up, tear_down),
      cmocka_unit_test_setup_teardown(names_the_first_wrong_word, set_up, tear_down),
      cmocka_unit_test_setup_teardown(names_a_false_index_and_not_what_it_leads_to, set_up, tear_down),
      cmocka_unit_test_setup_teardown(shows_nothing_that_does_not_hash_up, set_up, tear_down),
      cmocka_unit_test_setup_teardown(evidence_that_cannot_be_read_is_an_error, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
