/* Disputes over what is large: sums of many chunks, values of many leaves, trees that take two slabs. The same 15 moves
 * and 62 KiB bound them all. PROTOCOL P1, P7. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/stubborn.h"
#include "dispute/world/tall.h"

enum { MOVES_MOST = 15, BYTES_MOST = 62 << 10 };

static struct built_tape tape;

static struct { uint32_t disputes, moves, bytes, by_reason[4]; } tally;

/* Returns the moves made. */
static uint32_t play(const struct dispute_frame *frame, const struct evidence *claimant,
                     const struct evidence *challenger, enum dispute_seat liar, const char *what,
                     struct dispute_verdict *verdict) {
  struct play_result result;
  struct play p = {.frame = frame, .evidence = {challenger, claimant}};
  p.player[liar] = liar == DISPUTE_CLAIMANT ? stubborn_claimant : stubborn_challenger;
  p.honest[!liar] = true;
  play_whole(&p, &result);
  if (result.verdict.loser != liar)
    fail_msg("%s: the honest side loses at move %u, reason %u", what, result.verdict.awaited, result.verdict.reason);
  assert_true(result.moves <= MOVES_MOST && result.bytes <= BYTES_MOST);
  tally.disputes++;
  tally.by_reason[result.verdict.reason]++;
  if (result.moves > tally.moves) tally.moves = result.moves;
  if (result.bytes > tally.bytes) tally.bytes = result.bytes;
  if (verdict) *verdict = result.verdict;
  return result.moves;
}

static void report(const char *what) {
  print_message("%s: %u disputes, %u by proof, %u with nothing to deny, %u by the clock; at most %u moves, %u bytes\n",
                what, tally.disputes, tally.by_reason[DISPUTE_BY_PROOF], tally.by_reason[DISPUTE_NOTHING_TO_DENY],
                tally.by_reason[DISPUTE_BY_CLOCK], tally.moves, tally.bytes);
}

static void duel(const struct world *w, struct party *honest, struct party *liar) {
  struct dispute_frame frame;
  char text[200];
  lie_text(&liar->lie[0], text, sizeof text);
  for (uint16_t inner = 0; inner <= w->steps; inner++) {
    uint16_t end = inner ? inner : w->steps;
    bool shows = memcmp(party_roots(liar)[end], party_roots(honest)[end], MERKLE_BYTES) != 0;
    world_frame(w, inner, party_roots(honest)[end], &frame);
    play(&frame, &honest->evidence, &liar->evidence, DISPUTE_CHALLENGER, text, NULL);
    world_frame(w, inner, party_roots(liar)[end], &frame);
    if (shows) play(&frame, &liar->evidence, &honest->evidence, DISPUTE_CLAIMANT, text, NULL);
  }
}

/* One lie, alone and beside a bit of the state. */
static void lie_twice(const struct world *w, struct party *honest, struct party *liar, struct lie lie) {
  struct lie both[2] = {lie, {.kind = LIE_BYTE, .space = TAPE_OUT, .mask = 2, .j = lie.j, .follow = true}};
  for (uint32_t count = 1; count <= 2; count++) {
    party_lie(liar, both, count);
    duel(w, honest, liar);
  }
}

/* In the value of every record, or of each stride-th: its first and last byte, one in the middle, the first behind the
 * end. */
static void lie_in_every_record(const struct world *w, struct party *honest, struct party *liar, const struct tape *t,
                                uint32_t stride) {
  for (uint32_t n = 0; n < t->records_count; n += stride) {
    const struct tape_record *r = &t->record[n];
    uint64_t bytes = record_elements(r) * tape_dtype_bytes(r->dtype);
    const uint64_t places[] = {0, (bytes / 2) & ~(uint64_t)3, bytes - 1, bytes};
    for (uint32_t i = 0; i < 4; i++) {
      if (places[i] >= record_leaves(r) * TAPE_LEAF_BYTES) continue;
      struct lie lie = {.kind = LIE_BYTE,
                        .space = r->space,
                        .mask = 1,
                        .j = 1,
                        .leaf = (uint32_t)(r->first_leaf + places[i] / TAPE_LEAF_BYTES),
                        .offset = (uint16_t)(places[i] % TAPE_LEAF_BYTES)};
      for (uint32_t follow = 0; follow < 2; follow++) {
        lie.follow = follow;
        lie_twice(w, honest, liar, lie);
      }
    }
  }
}

static void open_world(struct world *w, struct party *honest, struct party *liar, uint16_t steps) {
  static const struct tape *const tapes[1] = {&tape.tape};
  memset(&tally, 0, sizeof tally);
  world_open(w, tapes, 1, steps, 400);
  party_open(honest, w, NULL);
  party_open(liar, w, honest);
}

static void shut_world(struct world *w, struct party *honest, struct party *liar) {
  party_shut(liar);
  party_shut(honest);
  world_shut(w);
}

static void sums_of_many_chunks(void **state) {
  (void)state;
  struct world w;
  struct party honest, liar;
  long_tape(&tape);
  open_world(&w, &honest, &liar, 2);
  lie_in_every_record(&w, &honest, &liar, &tape.tape, 1);
  for (uint16_t number = 0; number < 5; number++) {
    if (!w.data[number].leaves) continue;
    struct lie lie = {.kind = LIE_DATA, .j = 1, .from = number, .offset = 400, .mask = 1};
    if (number == 4) lie.offset = 4;
    lie_twice(&w, &honest, &liar, lie);
  }
  report("chunks");
  assert_true(tally.disputes > 400 && tally.by_reason[DISPUTE_NOTHING_TO_DENY]);
  shut_world(&w, &honest, &liar);
}

static void trees_with_one_slab(void **state) {
  (void)state;
  struct world w;
  struct party honest, liar;
  wide_tape(&tape);
  open_world(&w, &honest, &liar, 2);
  lie_in_every_record(&w, &honest, &liar, &tape.tape, 60);
  report("one slab");
  assert_true(tally.disputes > 50);
  shut_world(&w, &honest, &liar);
}

/* L = 16: every row of P2 is played. The wrong pick is denied by a stubborn claimant and proven, at both of its places;
 * the lie about a grid of coordinates has nothing to deny. */
static void trees_with_two_slabs(void **state) {
  (void)state;
  static const struct lie lies[] = {
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = TALL_LEAVES, .offset = 0, .mask = 4, .j = 1},
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = TALL_LEAVES, .offset = 1, .mask = 4, .j = 2},
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = 0, .offset = 0, .mask = 4, .j = 1},
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = 20 * 300, .offset = 4 * 300, .mask = 4, .j = 2},
      {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 1, .offset = 3, .mask = 0x80, .j = 1},
      {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 33333, .offset = 44, .mask = 1, .j = 2},
      {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = TALL_LEAVES, .offset = 4095, .mask = 1, .j = 2},
      {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 0, .offset = 4, .mask = 1, .j = 2},
  };
  struct tall honest, liar;
  struct dispute_frame frame;
  struct dispute_verdict verdict;
  uint32_t longest = 0;
  memset(&tally, 0, sizeof tally);
  tall_tape(&tape);
  tall_open(&honest, &tape, NULL);
  for (uint32_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    tall_open(&liar, &tape, &lies[i]);
    tall_frame(&honest, &tape, &frame);
    play(&frame, &honest.evidence, &liar.evidence, DISPUTE_CHALLENGER, "tall", NULL);
    tall_frame(&liar, &tape, &frame);
    if (memcmp(frame.end_root, honest.roots[TALL_STEPS], MERKLE_BYTES) != 0) {
      uint32_t moves = play(&frame, &liar.evidence, &honest.evidence, DISPUTE_CLAIMANT, "tall", &verdict);
      if (moves > longest) longest = moves;
      assert_int_equal(verdict.j, lies[i].j);
      assert_int_equal(verdict.space, lies[i].space);
      assert_int_equal(verdict.leaf, lies[i].leaf);
      assert_int_equal(verdict.element % TALL_COLUMNS, lies[i].offset / 4);
    }
    tall_shut(&liar);
  }
  report("two slabs");
  assert_int_equal(longest, MOVES_MOST);
  tall_shut(&honest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sums_of_many_chunks),
      cmocka_unit_test(trees_with_one_slab),
      cmocka_unit_test(trees_with_two_slabs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
