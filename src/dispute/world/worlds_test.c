/* Whoever tells the truth wins: every dispute over jobs of 1 to 8 steps of the example tape, every single lie, both
 * seats. PROTOCOL P4 to P6. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/duel.h"
#include "tape/record/example.h"

enum { DISPUTES_AT_LEAST = 50000 };

static struct { uint64_t disputes, without, by_reason[4], by_moves[MOVE_NUMBER_MAX + 1]; } tally;

static struct example example;
static const struct tape *const tapes[1] = {&example.tape};

static void count(enum duel_outcome outcome, const struct play_result *result, const struct duel *d) {
  if (outcome == DUEL_CANCELLED) {
    tally.without++;
    return;
  }
  tally.disputes++;
  tally.by_reason[result->verdict.reason]++;
  tally.by_moves[result->moves]++;
  if (outcome == DUEL_WON) return;
  char text[200];
  lie_text(&d->liar->lie[0], text, sizeof text);
  fail_msg("%u steps: the honest %s loses at move %u; the lie: %s", d->liar->world->steps,
           d->seat == DISPUTE_CLAIMANT ? "challenger" : "claimant", result->verdict.awaited, text);
}

/* Both seats of one lie. Every other honest challenger is served leaf hashes. */
static void duel(struct party *honest, struct party *liar) {
  struct play_result result;
  struct duel d = {.honest = honest, .liar = liar, .express = tally.disputes % 4 < 2};
  for (d.seat = DISPUTE_CHALLENGER; d.seat <= DISPUTE_CLAIMANT; d.seat++) count(duel_play(&d, &result), &result, &d);
}

static void single(struct party *honest, struct party *liar, struct lie lie) {
  party_lie(liar, &lie, 1);
  duel(honest, liar);
}

/* Values from which nothing follows show in no root by themselves: one bit of a state beside them does. */
static void beside(struct party *honest, struct party *liar, struct lie lie, uint16_t j) {
  struct lie lies[2] = {lie, {.kind = LIE_BYTE, .space = TAPE_OUT, .mask = 2, .j = j, .follow = true}};
  lies[1].leaf = 3;
  party_lie(liar, lies, 2);
  duel(honest, liar);
}

static void lie_about_bytes(const struct world *w, struct party *honest, struct party *liar, struct lie lie) {
  lie.follow = true;
  single(honest, liar, lie);
  lie.follow = false;
  if (lie.space == TAPE_TEMP)
    beside(honest, liar, lie, lie.j);
  else
    beside(honest, liar, lie, w->steps);
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
  single(honest, liar, (struct lie){.kind = LIE_ROOT, .j = j});
  beside(honest, liar, (struct lie){.kind = LIE_ROOT, .j = j}, w->steps);
  for (uint32_t leaf = 0; leaf < example.tape.temp_leaves; leaf++)
    beside(honest, liar, (struct lie){.kind = LIE_HASH, .space = TAPE_TEMP, .leaf = leaf, .j = j}, j);
  for (uint32_t leaf = 0; leaf < example.tape.state_leaves; leaf++) {
    struct lie lie = {.kind = LIE_HASH, .space = TAPE_OUT, .leaf = leaf, .j = j};
    single(honest, liar, lie);
    beside(honest, liar, lie, w->steps);
  }
}

static void every_other_step(const struct world *w, struct party *honest, struct party *liar, uint16_t j) {
  for (uint16_t from = 1; from <= w->steps; from++)
    if (from != j) single(honest, liar, (struct lie){.kind = LIE_STALE, .j = j, .from = from});
  single(honest, liar, (struct lie){.kind = LIE_SKIP, .j = j});
  single(honest, liar, (struct lie){.kind = LIE_STEP, .j = j});
  single(honest, liar, (struct lie){.kind = LIE_SEED, .j = j});
}

/* Every element that the tape can read: 24 of x, 8 labels, the window of the blob. */
static void every_datum(struct party *honest, struct party *liar) {
  static const struct { uint16_t number, leaf, bytes; } read[] = {{0, 0, 96}, {2, 0, 32}, {5, 1, 48}};
  for (uint32_t i = 0; i < 3; i++)
    for (uint16_t at = 0; at < read[i].bytes; at = (uint16_t)(at + 4))
      single(honest, liar,
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
    every_datum(&honest, &liar);
    party_shut(&liar);
    party_shut(&honest);
    world_shut(&w);
  }
  report();
  assert_true(tally.disputes > DISPUTES_AT_LEAST);
}

/* One dispute again and again, each time without another of its moves; returns how many of them it has. */
static uint32_t silences_of(struct duel *d) {
  uint32_t silences = 0;
  for (d->silent_at = MOVE_2; d->silent_at <= MOVE_15; d->silent_at++) {
    struct play_result result;
    enum duel_outcome outcome = duel_play(d, &result);
    if (outcome == DUEL_CANCELLED || result.verdict.awaited != d->silent_at) continue; /* no such move there */
    silences++;
    assert_int_equal(result.verdict.reason, DISPUTE_BY_CLOCK);
    assert_int_equal(result.verdict.loser, move_by_claimant(d->silent_at) ? DISPUTE_CLAIMANT : DISPUTE_CHALLENGER);
  }
  return silences;
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
  for (uint16_t steps = 1; steps <= 3; steps++) {
    struct world w;
    struct party honest, liar;
    world_open(&w, tapes, 1, steps, 200 + steps);
    party_open(&honest, &w, NULL);
    party_open(&liar, &w, &honest);
    for (uint32_t i = 0; i < steps * sizeof lies / sizeof *lies; i++) {
      struct lie lie = lies[i / steps];
      struct duel d = {.honest = &honest, .liar = &liar};
      lie.j = (uint16_t)(1 + i % steps);
      party_lie(&liar, &lie, 1);
      for (d.seat = DISPUTE_CHALLENGER; d.seat <= DISPUTE_CLAIMANT; d.seat++) silences += silences_of(&d);
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
