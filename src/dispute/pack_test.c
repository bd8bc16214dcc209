/* A dispute that is put away after every move and taken out again goes on as if nothing had been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/pack.h"
#include "dispute/world/party.h"
#include "dispute/world/stubborn.h"
#include "dispute/world/tapes.h"

enum { STEPS = 3, KEPT_MAX = 16 };

/* The game after each move, as bytes. */
static struct {
  const struct dispute_frame *frame;
  uint32_t count;
  uint64_t tick[KEPT_MAX];
  size_t length[KEPT_MAX];
  uint8_t bytes[KEPT_MAX][PACK_BYTES_MAX];
} kept;

static void keep(void *context, const struct dispute *before, const struct move *m, uint64_t tick,
                 const struct dispute *after) {
  (void)context;
  (void)before;
  (void)m;
  if (after->awaits == DISPUTE_DECIDED) return;
  kept.tick[kept.count] = tick;
  kept.length[kept.count] = pack_dispute(after, kept.frame, kept.bytes[kept.count]);
  kept.count++;
}

static void assert_same_verdict(const struct dispute_verdict *a, const struct dispute_verdict *b) {
  assert_true(a->loser == b->loser && a->reason == b->reason && a->awaited == b->awaited);
  assert_true(a->has_step == b->has_step && a->has_leaf == b->has_leaf && a->has_element == b->has_element);
  assert_true(a->j == b->j && a->step == b->step && a->space == b->space && a->leaf == b->leaf);
  assert_true(a->record == b->record && a->padding == b->padding && a->element == b->element);
  assert_true(a->committed == b->committed && a->recomputed == b->recomputed && a->word == b->word);
  assert_true(a->operand.slot == b->operand.slot && a->operand.index == b->operand.index);
}

static void same_end(struct play *p, const struct play_result *whole) {
  p->see = NULL;
  for (uint32_t i = 0; i < kept.count; i++) {
    static struct dispute d;
    static uint8_t again[PACK_BYTES_MAX];
    struct play_result result;
    size_t length = kept.length[i];
    assert_true(pack_read(kept.bytes[i], length, kept.frame, &d));
    assert_int_equal(pack_dispute(&d, kept.frame, again), length);
    assert_memory_equal(again, kept.bytes[i], length);
    assert_false(pack_read(kept.bytes[i], length - 1, kept.frame, &d));
    assert_true(pack_read(kept.bytes[i], length, kept.frame, &d));
    play_on(p, &d, kept.tick[i], &result);
    assert_same_verdict(&result.verdict, &whole->verdict);
    assert_true(result.moves == whole->moves && result.bytes == whole->bytes);
  }
}

/* Whoever reads a row that was changed is told so, or has a game that goes on to some end: no assertion stops it. */
static uint32_t changed_rows(struct play *p) {
  enum { CHANGES = 150 };
  uint64_t seed = 7;
  uint32_t taken = 0;
  p->honest[0] = p->honest[1] = false;
  for (uint32_t n = 0; n < kept.count * CHANGES; n++) {
    static struct dispute d;
    static uint8_t bytes[PACK_BYTES_MAX];
    struct play_result result;
    uint32_t i = n / CHANGES, length = (uint32_t)kept.length[i];
    memcpy(bytes, kept.bytes[i], length);
    uint64_t x = example_next(&seed) >> 8;
    uint32_t at = (uint32_t)(x >> 24) % (x & 1 ? length : 160);
    if (x & 2) at = length - 1 - (uint32_t)(x >> 24) % 60;
    bytes[at] = (uint8_t)(x & 4 ? x >> 8 : bytes[at] ^ 1u << (x >> 8 & 7));
    if (!pack_read(bytes, length, kept.frame, &d)) continue;
    taken++;
    dispute_check(&d, kept.frame);
    play_on(p, &d, d.turn_tick, &result);
  }
  return taken;
}

static void from_any_move_on(void (*build)(struct built_tape *b), struct lie lie, uint32_t least) {
  static struct built_tape tape;
  static struct world w;
  static struct party honest, liar;
  const struct tape *tapes[1] = {&tape.tape};
  build(&tape);
  world_open(&w, tapes, 1, STEPS, 77);
  party_open(&honest, &w, NULL);
  party_open(&liar, &w, &honest);
  party_lie(&liar, &lie, 1);
  for (uint32_t liar_defends = 0; liar_defends < 2; liar_defends++) {
    struct dispute_frame frame;
    struct play_result whole;
    struct party *claimant = liar_defends ? &liar : &honest, *challenger = liar_defends ? &honest : &liar;
    world_frame(&w, 0, party_roots(claimant)[STEPS], &frame);
    struct play p = {.frame = &frame,
                     .evidence = {&challenger->evidence, &claimant->evidence},
                     .player = {liar_defends ? NULL : stubborn_challenger, liar_defends ? stubborn_claimant : NULL},
                     .honest = {liar_defends, !liar_defends},
                     .see = keep};
    kept.frame = &frame;
    kept.count = 0;
    play_whole(&p, &whole);
    assert_int_equal(whole.verdict.loser, liar_defends ? DISPUTE_CLAIMANT : DISPUTE_CHALLENGER);
    assert_true(kept.count >= least);
    same_end(&p, &whole);
    assert_true(changed_rows(&p) > 0);
  }
  party_shut(&liar);
  party_shut(&honest);
  world_shut(&w);
}

static void a_wide_value(void **state) {
  (void)state;
  from_any_move_on(wide_tape,
                   (struct lie){.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 70, .offset = 40, .mask = 1, .j = 2}, 8);
}

static void a_long_sum(void **state) {
  (void)state;
  from_any_move_on(long_tape,
                   (struct lie){.kind = LIE_BYTE, .space = TAPE_OUT, .leaf = 1, .offset = 8, .mask = 4, .j = 2}, 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_wide_value),
      cmocka_unit_test(a_long_sum),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
