/* Whoever tells the truth wins: every dispute over jobs of 1 to 8 steps of the example tape, every single lie, both
 * seats. PROTOCOL P4 to P6. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/party.h"
#include "dispute/world/stubborn.h"
#include "tape/record/example.h"

enum { DISPUTES_AT_LEAST = 50000 };

static struct { uint64_t disputes, without, by_reason[4], by_moves[MOVE_NUMBER_MAX + 1]; } tally;

static struct example example;
static const struct tape *const tapes[1] = {&example.tape};

/* The claimant of the dispute that is played, for honest challengers to whom it serves its leaf hashes (P2.2). */
static struct party *serving;

static enum evidence_answer express_challenger(const struct dispute *d, const struct dispute_frame *f,
                                               const struct evidence *e, struct move *out, struct why *why) {
  struct challenger_hints hints;
  const struct evidence *theirs = &serving->evidence;
  if (d->awaits != MOVE_5) return challenger_next(d, f, e, NULL, out, why);
  if (!theirs->enter(theirs->context, d->j, why)) return ANSWER_ERROR;
  hints.temp_hashes = theirs->hashes(theirs->context, TAPE_TEMP, 0);
  hints.out_hashes = theirs->hashes(theirs->context, TAPE_OUT, 0);
  return challenger_next(d, f, e, &hints, out, why);
}

static struct play play_of(const struct dispute_frame *frame, struct party *honest, struct party *liar,
                           enum dispute_seat seat) {
  struct play p = {.frame = frame};
  p.evidence[seat] = &liar->evidence;
  p.evidence[!seat] = &honest->evidence;
  p.player[seat] = seat == DISPUTE_CLAIMANT ? stubborn_claimant : stubborn_challenger;
  p.honest[!seat] = true;
  serving = seat == DISPUTE_CLAIMANT ? liar : honest;
  return p;
}

static void count(const struct play_result *result, enum dispute_seat liar, const struct party *about) {
  tally.disputes++;
  tally.by_reason[result->verdict.reason]++;
  tally.by_moves[result->moves]++;
  if (result->verdict.loser == liar) return;
  char text[200];
  lie_text(&about->lie[0], text, sizeof text);
  fail_msg("%u steps: the honest %s loses at move %u; the lie: %s", about->world->steps,
           liar == DISPUTE_CLAIMANT ? "challenger" : "claimant", result->verdict.awaited, text);
}

/* Both seats of one lie: about the whole interval if the lie shows at its end, else about the state after the first of
 * its steps that shows it; if none does, there is nothing to claim. Every other honest challenger is served hashes. */
static void duel(const struct world *w, struct party *honest, struct party *liar) {
  struct dispute_frame frame;
  struct play_result result;
  uint16_t inner = 0, end = w->steps;
  if (memcmp(party_roots(liar)[end], party_roots(honest)[end], MERKLE_BYTES) == 0) {
    for (end = 1; end < w->steps; end++)
      if (memcmp(party_roots(liar)[end], party_roots(honest)[end], MERKLE_BYTES) != 0) break;
    inner = end;
  }
  if (inner < w->steps) {
    world_frame(w, inner, party_roots(liar)[end], &frame);
    struct play p = play_of(&frame, honest, liar, DISPUTE_CLAIMANT);
    if (tally.disputes % 2) p.player[DISPUTE_CHALLENGER] = express_challenger;
    play_whole(&p, &result);
    count(&result, DISPUTE_CLAIMANT, liar);
  } else
    tally.without++;
  world_frame(w, inner, party_roots(honest)[end], &frame);
  struct play p = play_of(&frame, honest, liar, DISPUTE_CHALLENGER);
  play_whole(&p, &result);
  count(&result, DISPUTE_CHALLENGER, liar);
}

static void single(const struct world *w, struct party *honest, struct party *liar, struct lie lie) {
  party_lie(liar, &lie, 1);
  duel(w, honest, liar);
}

/* Values from which nothing follows show in no root by themselves: one bit of a state beside them does. */
static void beside(const struct world *w, struct party *honest, struct party *liar, struct lie lie, uint16_t j) {
  struct lie lies[2] = {lie, {.kind = LIE_BYTE, .space = TAPE_OUT, .mask = 2, .j = j, .follow = true}};
  lies[1].leaf = 3;
  party_lie(liar, lies, 2);
  duel(w, honest, liar);
}

static void lie_about_bytes(const struct world *w, struct party *honest, struct party *liar, struct lie lie) {
  lie.follow = true;
  single(w, honest, liar, lie);
  lie.follow = false;
  if (lie.space == TAPE_TEMP)
    beside(w, honest, liar, lie, lie.j);
  else
    beside(w, honest, liar, lie, w->steps);
}

/* Each element of each value and state entry after step j: its lowest bit, and its highest; then bytes behind the end:
 * the first, one in the middle, the last, and in the job of one step every element there. */
static void every_element(const struct world *w, struct party *honest, struct party *liar, uint16_t j) {
  for (uint32_t n = 0; n < example.tape.records_count; n++) {
    const struct tape_record *r = &example.record[n];
    uint16_t end = (uint16_t)(4 * record_elements(r));
    struct lie lie = {.kind = LIE_BYTE, .space = r->space, .j = j, .leaf = (uint32_t)r->first_leaf};
    assert_int_equal(record_leaves(r), 1);
    for (uint16_t at = 0; at < end; at = (uint16_t)(at + 4))
      for (uint32_t high = 0; high < 2; high++) {
        lie.offset = (uint16_t)(at + 3 * high);
        lie.mask = high ? 0x80 : 0x01;
        lie_about_bytes(w, honest, liar, lie);
      }
    if (w->steps == 1) /* every element behind the end */
      for (uint16_t at = end; at < TAPE_LEAF_BYTES; at = (uint16_t)(at + 4)) {
        lie.offset = at;
        lie.mask = 0x10;
        lie_about_bytes(w, honest, liar, lie);
      }
    const uint16_t padding[3] = {end, (uint16_t)((end + TAPE_LEAF_BYTES) / 2), TAPE_LEAF_BYTES - 1};
    for (uint32_t i = 0; i < 3; i++) {
      lie.offset = padding[i];
      lie.mask = (uint8_t)(1 << i * 3);
      lie_about_bytes(w, honest, liar, lie);
    }
  }
}

static void every_root(const struct world *w, struct party *honest, struct party *liar, uint16_t j) {
  single(w, honest, liar, (struct lie){.kind = LIE_ROOT, .j = j});
  beside(w, honest, liar, (struct lie){.kind = LIE_ROOT, .j = j}, w->steps);
  for (uint32_t leaf = 0; leaf < example.tape.temp_leaves; leaf++)
    beside(w, honest, liar, (struct lie){.kind = LIE_HASH, .space = TAPE_TEMP, .leaf = leaf, .j = j}, j);
  for (uint32_t leaf = 0; leaf < example.tape.state_leaves; leaf++) {
    struct lie lie = {.kind = LIE_HASH, .space = TAPE_OUT, .leaf = leaf, .j = j};
    single(w, honest, liar, lie);
    beside(w, honest, liar, lie, w->steps);
  }
}

static void every_other_step(const struct world *w, struct party *honest, struct party *liar, uint16_t j) {
  for (uint16_t from = 1; from <= w->steps; from++)
    if (from != j) single(w, honest, liar, (struct lie){.kind = LIE_STALE, .j = j, .from = from});
  single(w, honest, liar, (struct lie){.kind = LIE_SKIP, .j = j});
  single(w, honest, liar, (struct lie){.kind = LIE_STEP, .j = j});
  single(w, honest, liar, (struct lie){.kind = LIE_SEED, .j = j});
}

/* Every element that the tape can read: 24 of x, 8 labels, the window of the blob. */
static void every_datum(const struct world *w, struct party *honest, struct party *liar) {
  static const struct { uint16_t number, leaf, bytes; } read[] = {{0, 0, 96}, {2, 0, 32}, {5, 1, 48}};
  for (uint32_t i = 0; i < 3; i++)
    for (uint16_t at = 0; at < read[i].bytes; at = (uint16_t)(at + 4))
      single(w, honest, liar,
             (struct lie){
                 .kind = LIE_DATA, .j = 1, .from = read[i].number, .leaf = read[i].leaf, .offset = at, .mask = 1});
}

static void report(void) {
  print_message("%" PRIu64 " disputes, each won by the honest side: %" PRIu64 " by proof, %" PRIu64
                " with nothing to deny, %" PRIu64 " by the clock; %" PRIu64 " lies that show in no root\n",
                tally.disputes, tally.by_reason[DISPUTE_BY_PROOF], tally.by_reason[DISPUTE_NOTHING_TO_DENY],
                tally.by_reason[DISPUTE_BY_CLOCK], tally.without);
  for (uint32_t n = 1; n <= MOVE_NUMBER_MAX; n++)
    if (tally.by_moves[n]) print_message("  %2u moves: %" PRIu64 "\n", n, tally.by_moves[n]);
}

static void every_single_lie(void **state) {
  (void)state;
  memset(&tally, 0, sizeof tally);
  for (uint16_t steps = 1; steps <= WORLD_STEPS_MAX; steps++) {
    struct world w;
    struct party honest, liar;
    world_open(&w, tapes, 1, steps, 100 + steps);
    party_open(&honest, &w, NULL);
    party_open(&liar, &w, &honest);
    for (uint16_t j = 1; j <= steps; j++) {
      every_element(&w, &honest, &liar, j);
      every_root(&w, &honest, &liar, j);
      every_other_step(&w, &honest, &liar, j);
    }
    every_datum(&w, &honest, &liar);
    party_shut(&liar);
    party_shut(&honest);
    world_shut(&w);
  }
  report();
  assert_true(tally.disputes > DISPUTES_AT_LEAST);
}

/* Either side falls silent at each move that it owes: it loses by the clock, at that move, whoever tells the truth. */
static void every_silence(void **state) {
  (void)state;
  static const struct lie lies[] = {
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = 2, .offset = 5, .mask = 1, .follow = true}, /* y: a dot */
      {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 1, .offset = 9, .mask = 4, .follow = true},  /* w' */
      {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 1, .offset = 77, .mask = 4, .follow = true}, /* behind its end */
      {.kind = LIE_SKIP},
      {.kind = LIE_SEED},
  };
  uint32_t silences = 0;
  for (uint16_t steps = 1; steps <= 3; steps++)
    for (uint16_t j = 1; j <= steps; j++)
      for (uint32_t i = 0; i < sizeof lies / sizeof *lies; i++)
        for (uint8_t seat = DISPUTE_CHALLENGER; seat <= DISPUTE_CLAIMANT; seat++) {
          struct world w;
          struct party honest, liar;
          struct dispute_frame frame;
          struct play_result result;
          struct lie lie = lies[i];
          world_open(&w, tapes, 1, steps, 200 + steps);
          party_open(&honest, &w, NULL);
          party_open(&liar, &w, &honest);
          lie.j = j;
          party_lie(&liar, &lie, 1);
          world_frame(&w, 0, party_roots(seat == DISPUTE_CLAIMANT ? &liar : &honest)[steps], &frame);
          struct play p = play_of(&frame, &honest, &liar, seat);
          play_whole(&p, &result);
          uint8_t last = result.verdict.reason == DISPUTE_BY_CLOCK ? result.verdict.awaited - 1 : MOVE_NUMBER_MAX;
          for (uint8_t number = MOVE_2; number <= last; number++) {
            p.silent_at = number;
            play_whole(&p, &result);
            if (result.verdict.awaited != number) continue; /* a move that this game does not have */
            silences++;
            assert_int_equal(result.verdict.reason, DISPUTE_BY_CLOCK);
            assert_int_equal(result.verdict.loser, move_by_claimant(number) ? DISPUTE_CLAIMANT : DISPUTE_CHALLENGER);
          }
          party_shut(&liar);
          party_shut(&honest);
          world_shut(&w);
        }
  print_message("%u silences, each lost by the side that was silent\n", silences);
  assert_true(silences > 200);
}

int main(void) {
  example_tape(&example);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_single_lie),
      cmocka_unit_test(every_silence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
