/* Races, eligibility and expansion: exact values, and rates over seeded draws. tests/crypto/draw_test.py holds scores
 * and numbers against exact arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/draw.h"
#include "crypto/sha256.h"

static void put_word(uint8_t *bytes, uint64_t x) {
  for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(x >> (8 * i));
}

/* 64 bytes as a VRF would give for draw `n` of holder `i`. */
static void seeded(uint64_t n, uint64_t i, uint8_t output[DRAW_OUTPUT_BYTES]) {
  uint8_t text[17];
  put_word(text, n);
  put_word(text + 8, i);
  for (uint8_t part = 0; part < 2; part++) {
    text[16] = part;
    sha256(text, sizeof text, output + 32 * part);
  }
}

static uint64_t score(uint64_t u) {
  uint8_t output[DRAW_OUTPUT_BYTES] = {0};
  put_word(output, u);
  return draw_score(output);
}

static void scores_at_the_ends_and_at_powers_of_two(void **state) {
  (void)state;
  assert_int_equal(score(UINT64_MAX), 0);
  assert_int_equal(score(UINT64_MAX - 1), 1); /* 2^-63.5, rounded up */
  for (uint64_t k = 0; k < 64; k++) assert_int_equal(score(((uint64_t)1 << k) - 1), (64 - k) << 44);
  assert_int_equal(score(0), (uint64_t)1 << 50);
}

/* LEDGER 6.5 and 6.7. */
static void the_ledgers_examples(void **state) {
  (void)state;
  static const uint64_t words[] = {0x49b4e9b0dec6ba7c, 0x78cf25b09e41667d, 0xf2d2a26d120a0157, 0x6c50d7e9b5aad883,
                                   0x99e38dddcad0acc6};
  static const uint64_t numbers[] = {132, 125, 839, 19};
  assert_int_equal(score(2), 1098016951656515);
  assert_int_equal(score(10000000000000000000u), 15540342485438);
  uint8_t output[DRAW_OUTPUT_BYTES];
  struct draw_stream s;
  memset(output, 6, sizeof output);
  draw_begin(&s, output);
  for (size_t i = 0; i < 5; i++) assert_int_equal(draw_word(&s), words[i]);
  draw_begin(&s, output);
  for (size_t i = 0; i < 4; i++) assert_int_equal(draw_below(&s, 1000), numbers[i]);
}

static void a_smaller_u_never_has_a_smaller_score(void **state) {
  (void)state;
  for (uint64_t n = 0; n < 20000; n++) {
    uint8_t output[DRAW_OUTPUT_BYTES];
    seeded(n, 0, output);
    uint64_t u = 0, distance = (uint64_t)1 << output[8] % 60;
    for (int i = 0; i < 8; i++) u |= (uint64_t)output[i] << (8 * i);
    u >>= output[9] % 32;
    if (u > UINT64_MAX - distance) continue;
    assert_true(score(u + distance) <= score(u));
  }
}

static void entry_of(uint64_t n, uint64_t i, uint64_t weight, struct draw_entry *e) {
  seeded(n, i, e->output);
  e->weight = weight;
  memset(e->account, (int)i, sizeof e->account);
}

static void weights_one_to_four_win_by_their_weight(void **state) {
  (void)state;
  enum { RACES = 100000 };
  uint32_t wins[4] = {0};
  for (uint64_t n = 0; n < RACES; n++) {
    struct draw_entry e[4];
    uint32_t first = 0;
    for (uint32_t i = 0; i < 4; i++) entry_of(n, i, (i + 1) * 250000000000000000, &e[i]);
    for (uint32_t i = 1; i < 4; i++)
      if (draw_before(&e[i], &e[first])) first = i;
    wins[first]++;
  }
  for (uint32_t i = 0; i < 4; i++) { /* within four standard deviations, 155 at most */
    uint32_t expected = RACES / 10 * (i + 1);
    assert_in_range(wins[i], expected - 620, expected + 620);
  }
  print_message("weights 1:2:3:4 won %u %u %u %u of %u\n", wins[0], wins[1], wins[2], wins[3], RACES);
}

/* A stake of 4 against 6, whole and over a hundred accounts. */
static void splitting_a_stake_changes_nothing(void **state) {
  (void)state;
  enum { RACES = 20000, PARTS = 100 };
  uint32_t whole = 0, split = 0;
  for (uint64_t n = 0; n < RACES; n++) {
    struct draw_entry rival, mine, best;
    entry_of(n, 1000, 6000000, &rival);
    entry_of(n, 0, 4000000, &mine);
    whole += draw_before(&mine, &rival);
    entry_of(n, 1, 40000, &best);
    for (uint64_t i = 2; i <= PARTS; i++) {
      entry_of(n, i, 40000, &mine);
      if (draw_before(&mine, &best)) best = mine;
    }
    split += draw_before(&best, &rival);
  }
  print_message("4 against 6 won %u whole, %u over %u accounts, of %u\n", whole, split, PARTS, RACES);
  assert_in_range(whole, 8000 - 280, 8000 + 280); /* four standard deviations of 69 */
  assert_in_range(split, 8000 - 280, 8000 + 280);
}

static void ties_go_by_output_and_then_account(void **state) {
  (void)state;
  struct draw_entry a, b;
  entry_of(1, 1, 5, &a);
  b = a;
  assert_false(draw_before(&a, &b));
  b.account[31]++;
  assert_true(draw_before(&a, &b));
  assert_false(draw_before(&b, &a));
  b.output[63] = (uint8_t)(a.output[63] - 1); /* not among the bytes of u; a's ends in 0x00 or more */
  bool below = b.output[63] < a.output[63];
  assert_int_equal(draw_before(&b, &a), below);
  assert_int_equal(draw_before(&a, &b), !below);
  /* u of 2^64 - 1 scores 0 at any weight. */
  memset(a.output, 0xff, 8);
  memset(b.output, 0xff, 8);
  a.weight = 1;
  b.weight = ((uint64_t)1 << 60) - 1;
  assert_int_equal(draw_before(&b, &a), below);
  /* Equal quotients: half the score at half the weight. */
  memset(a.output, 0, sizeof a.output);
  memset(b.output, 0, sizeof b.output);
  put_word(a.output, ((uint64_t)1 << 60) - 1);
  put_word(b.output, ((uint64_t)1 << 62) - 1);
  a.weight = (uint64_t)1 << 59;
  b.weight = (uint64_t)1 << 58;
  assert_true(memcmp(b.output, a.output, sizeof a.output) > 0);
  assert_true(draw_before(&a, &b));
  b.weight++;
  assert_true(draw_before(&b, &a));
}

/* The largest operands: a product that wrapped would turn the answer round. */
static void nothing_wraps_at_the_limits(void **state) {
  (void)state;
  uint64_t most = ((uint64_t)1 << 60) - 1;
  struct draw_entry a, b;
  entry_of(1, 1, most, &a);
  entry_of(1, 2, 1, &b);
  memset(a.output, 0, sizeof a.output); /* the worst score */
  put_word(b.output, UINT64_MAX - 1);   /* the best but one */
  assert_true(draw_before(&b, &a) == (((uint64_t)1 << 50) > most));
  put_word(b.output, ((uint64_t)1 << 62) - 1); /* 2.0 at weight 1 against 64.0 at 2^60 */
  assert_true(draw_before(&a, &b));
  assert_false(draw_eligible(a.output, most, most, 44361)); /* 64 ln 2 = 44.36142 */
  assert_true(draw_eligible(a.output, most, most, 44362));
  assert_true(draw_eligible(a.output, most, most, UINT16_MAX));
  assert_false(draw_eligible(a.output, 1, most, UINT16_MAX));
  memset(a.output, 0xff, sizeof a.output);
  assert_true(draw_eligible(a.output, 1, most, 1));
  assert_false(draw_eligible(a.output, 0, most, UINT16_MAX));
  assert_false(draw_eligible(a.output, most, most, 0));
}

/* Holders of 1 % to 40 % at rate 1.7: each is eligible as often as 1 - e^(-1.7 share) says. */
static void eligible_at_the_rate_that_was_asked(void **state) {
  (void)state;
  enum { DRAWS = 40000 };
  static const struct {
    uint64_t weight;
    uint32_t expected; /* DRAWS (1 - e^(-1.7 weight / 1000)) */
  } holder[] = {{10, 674}, {100, 6253}, {190, 11041}, {300, 15980}, {400, 19735}};
  uint32_t count[5] = {0};
  for (uint64_t n = 0; n < DRAWS; n++)
    for (uint64_t i = 0; i < 5; i++) {
      uint8_t output[DRAW_OUTPUT_BYTES];
      seeded(n, i, output);
      count[i] += draw_eligible(output, holder[i].weight, 1000, 1700);
    }
  for (uint32_t i = 0; i < 5; i++) {
    print_message("share %u permille: %u of %u, expected %u\n", (unsigned)holder[i].weight, count[i], DRAWS,
                  holder[i].expected);
    assert_in_range(count[i], holder[i].expected - 400, holder[i].expected + 400); /* four times 100 at most */
  }
  assert_in_range(count[0], 674 - 104, 674 + 104);
}

static void words_are_the_hashes_in_order(void **state) {
  (void)state;
  uint8_t output[DRAW_OUTPUT_BYTES], text[15 + 64 + 4] = "assay/expand/1";
  struct draw_stream s;
  seeded(9, 9, output);
  memcpy(text + 15, output, sizeof output);
  draw_begin(&s, output);
  for (uint32_t block = 0; block < 300; block++) {
    uint8_t digest[SHA256_BYTES], word[8];
    text[79] = (uint8_t)block;
    text[80] = (uint8_t)(block >> 8);
    sha256(text, sizeof text, digest);
    for (uint32_t i = 0; i < 4; i++) {
      put_word(word, draw_word(&s));
      assert_memory_equal(word, digest + 8 * i, 8);
    }
  }
}

/* Of k = 2^63 + 1 almost every second word is refused; of 1 and powers of two none. */
static void numbers_below_k(void **state) {
  (void)state;
  uint8_t output[DRAW_OUTPUT_BYTES];
  struct draw_stream s, words;
  seeded(3, 3, output);
  static const uint64_t limits[] = {1, 2, 3, 6, 7, 64, 1000, ((uint64_t)1 << 63) + 1, (uint64_t)3 << 62, UINT64_MAX};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    uint64_t k = limits[i], most = UINT64_MAX - (UINT64_MAX % k + 1) % k;
    draw_begin(&s, output);
    draw_begin(&words, output);
    for (uint32_t n = 0; n < 200; n++) {
      uint64_t word = draw_word(&words);
      while (word > most) word = draw_word(&words);
      assert_int_equal(draw_below(&s, k), word % k);
    }
  }
  uint32_t count[7] = {0};
  draw_begin(&s, output);
  for (uint32_t n = 0; n < 70000; n++) count[draw_below(&s, 7)]++;
  for (uint32_t i = 0; i < 7; i++) assert_in_range(count[i], 10000 - 370, 10000 + 370);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scores_at_the_ends_and_at_powers_of_two),
      cmocka_unit_test(the_ledgers_examples),
      cmocka_unit_test(a_smaller_u_never_has_a_smaller_score),
      cmocka_unit_test(weights_one_to_four_win_by_their_weight),
      cmocka_unit_test(splitting_a_stake_changes_nothing),
      cmocka_unit_test(ties_go_by_output_and_then_account),
      cmocka_unit_test(nothing_wraps_at_the_limits),
      cmocka_unit_test(eligible_at_the_rate_that_was_asked),
      cmocka_unit_test(words_are_the_hashes_in_order),
      cmocka_unit_test(numbers_below_k),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
