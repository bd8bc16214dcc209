/* Every field of every move that a liar makes, changed: a move that is refused changes nothing, not one byte of the
 * game; one that is accepted does not help. PROTOCOL P1.4, P5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/world/party.h"
#include "dispute/world/stubborn.h"
#include "dispute/world/tapes.h"
#include "dispute/world/vary.h"

enum { VARIATIONS_AT_LEAST = 75000, ACCEPTED_AT_LEAST = 20000 };

static struct { uint32_t varied, refused, accepted; } tally;

/* One dispute whose liar's moves are varied. */
struct scene {
  struct play play;
  enum dispute_seat liar;
  const struct dispute *before;
  uint64_t tick;
  struct party *party, *honest;
};

static void try(void *context, const struct move *m, const char *what) {
  const struct scene *s = context;
  static struct dispute d; /* memcpy and memset reach its padding: compared as bytes */
  memcpy(&d, s->before, sizeof d);
  enum dispute_status status = dispute_hear(&d, s->play.frame, m, s->tick, NULL);
  if (status == DISPUTE_REFUSED) {
    tally.refused++;
    if (memcmp(&d, s->before, sizeof d) != 0) fail_msg("move %u, %s: refused, and the game changed", m->number, what);
    return;
  }
  assert_int_equal(status, DISPUTE_HEARD);
  tally.accepted++;
  struct play p = s->play;
  struct play_result result;
  p.offer = NULL;
  dispute_check(&d, p.frame);
  play_on(&p, &d, s->tick, &result);
  if (result.verdict.loser == s->liar) return;
  char text[200];
  lie_text(&s->party->lie[0], text, sizeof text);
  fail_msg("move %u, %s: the honest side loses at move %u, reason %u; the lie: %s", m->number, what,
           result.verdict.awaited, result.verdict.reason, text);
}

/* A claimant may show for its lie what is true: roots of the right steps, values that do not go with its root. */
static void show_the_truth(struct scene *s, const struct dispute *d) {
  struct move m;
  const struct evidence *e = &s->honest->evidence;
  if (d->awaits == MOVE_2) {
    move_begin(&m, MOVE_2, MOVE_STEPS);
    move_put_bytes(&m, party_roots(s->honest)[1], (size_t)s->play.frame->steps * MERKLE_BYTES);
  } else if (claimant_next(d, s->play.frame, e, &m, NULL) != ANSWER_MOVE)
    return;
  tally.varied++;
  try(s, &m, "the truth");
}

static void offer(void *context, const struct dispute *d, const struct move *m, uint64_t tick) {
  struct scene *s = context;
  if (dispute_turn(d) != s->liar) return;
  s->before = d;
  s->tick = tick;
  show_the_truth(s, d);
  vary_move(d, s->play.frame, s->play.evidence[s->liar], m, try, s, &tally.varied);
}

static void vary_dispute(const struct world *w, struct party *honest, struct party *liar, enum dispute_seat seat) {
  struct dispute_frame frame;
  struct play_result result;
  struct scene s = {.liar = seat, .party = liar, .honest = honest};
  world_frame(w, 0, party_roots(seat == DISPUTE_CLAIMANT ? liar : honest)[w->steps], &frame);
  if (seat == DISPUTE_CLAIMANT && memcmp(frame.end_root, party_roots(honest)[w->steps], MERKLE_BYTES) == 0) return;
  s.play = (struct play){.frame = &frame};
  s.play.evidence[seat] = &liar->evidence;
  s.play.evidence[!seat] = &honest->evidence;
  s.play.player[seat] = seat == DISPUTE_CLAIMANT ? stubborn_claimant : stubborn_challenger;
  s.play.honest[!seat] = true;
  s.play.offer = offer;
  s.play.context = &s;
  play_whole(&s.play, &result);
  assert_int_equal(result.verdict.loser, seat);
  if (seat == DISPUTE_CLAIMANT) return;
  /* And on the express way, to the claimant's leaf hashes. */
  struct challenger_hints hints;
  const struct evidence *e = &honest->evidence;
  assert_true(e->enter(e->context, liar->lie[0].j, NULL));
  hints.temp_hashes = e->hashes(e->context, TAPE_TEMP, 0);
  hints.out_hashes = e->hashes(e->context, TAPE_OUT, 0);
  s.play.hints = &hints;
  s.play.player[seat] = NULL;
  play_whole(&s.play, &result);
  assert_int_equal(result.verdict.loser, seat);
}

static void vary_lies(const struct tape *tape, uint16_t steps, const struct lie *lies, uint32_t count) {
  struct world w;
  struct party honest, liar;
  world_open(&w, &tape, 1, steps, 300 + steps);
  party_open(&honest, &w, NULL);
  party_open(&liar, &w, &honest);
  for (uint32_t i = 0; i < count; i++) {
    /* Beside it one bit of the state, so that there is a dispute at that step whatever follows. */
    struct lie both[2] = {lies[i], {.kind = LIE_BYTE, .space = TAPE_OUT, .mask = 2, .j = lies[i].j, .follow = true}};
    for (uint32_t two = 1; two <= 2; two++) {
      party_lie(&liar, both, two);
      vary_dispute(&w, &honest, &liar, DISPUTE_CHALLENGER);
      vary_dispute(&w, &honest, &liar, DISPUTE_CLAIMANT);
    }
  }
  party_shut(&liar);
  party_shut(&honest);
  world_shut(&w);
}

/* An element of every record of the example tape, and a byte behind its end. */
static void every_field_in_the_example(void **state) {
  (void)state;
  struct example e;
  example_tape(&e);
  struct lie lies[4 * EXAMPLE_RECORDS + 4];
  uint32_t count = 0;
  for (uint32_t n = 0; n < e.tape.records_count; n++) {
    const struct tape_record *r = &e.record[n];
    struct lie lie = {
        .kind = LIE_BYTE, .space = r->space, .leaf = (uint32_t)r->first_leaf, .mask = 1, .j = 2, .follow = true};
    lies[count++] = lie;
    lie.follow = false;
    lie.offset = (uint16_t)(4 * (record_elements(r) - 1));
    lies[count++] = lie;
    lie.offset = (uint16_t)(lie.offset + 4);
    lies[count++] = lie;
  }
  lies[count++] = (struct lie){.kind = LIE_HASH, .space = TAPE_TEMP, .leaf = 4, .j = 2};
  lies[count++] = (struct lie){.kind = LIE_SEED, .j = 1};
  lies[count++] = (struct lie){.kind = LIE_DATA, .j = 1, .from = 2, .offset = 4, .mask = 3};
  vary_lies(&e.tape, 3, lies, count);
}

/* Chunked sums: CHUNK and OPERANDS too. */
static void every_field_in_long_sums(void **state) {
  (void)state;
  static struct built_tape b;
  static struct lie lies[TAPES_RECORDS_MAX];
  uint32_t count = 0;
  long_tape(&b);
  for (uint32_t n = 0; n < b.tape.records_count; n++) {
    const struct tape_record *r = &b.record[n];
    if (r->space == TAPE_TEMP)
      lies[count++] = (struct lie){
          .kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = (uint32_t)r->first_leaf, .mask = 1, .j = 1, .follow = true};
  }
  vary_lies(&b.tape, 2, lies, count);
}

/* Slabs, of trees shown from level 8 on. */
static void every_field_in_wide_trees(void **state) {
  (void)state;
  static struct built_tape b;
  wide_tape(&b);
  const struct lie lies[] = {
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = 129, .offset = 8, .mask = 0x40, .j = 1, .follow = true},
      {.kind = LIE_BYTE, .space = TAPE_TEMP, .leaf = 258, .offset = 3, .mask = 0x40, .j = 1, .follow = true},
      {.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 139, .offset = 3, .mask = 0x40, .j = 1, .follow = true}};
  vary_lies(&b.tape, 1, lies, sizeof lies / sizeof *lies);
}

static void enough_was_varied(void **state) {
  (void)state;
  print_message("%u variations: %u were no moves, %u were and did not help\n", tally.varied, tally.refused,
                tally.accepted);
  assert_int_equal(tally.varied, tally.refused + tally.accepted);
  assert_true(tally.varied > VARIATIONS_AT_LEAST && tally.accepted > ACCEPTED_AT_LEAST);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_in_the_example),
      cmocka_unit_test(every_field_in_long_sums),
      cmocka_unit_test(every_field_in_wide_trees),
      cmocka_unit_test(enough_was_varied),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
