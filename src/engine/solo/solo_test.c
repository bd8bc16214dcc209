/* solo: blocks when they are due and no others, found again after the end, and never told before they are kept; the
 * mempool is fair and bounded. The clock is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/solo/example.h"

/* ENGINE 7.1: the first block at once, none without a reason, two for a transaction. */
static void test_when(void **state) {
  struct world *w = *state;
  assert_int_equal(solo_wait_ms(w->solo, w->now_ms), 0);
  assert_int_equal(world_settle(w), 1);
  assert_int_equal(solo_head(w->solo)->height, 1);
  assert_int_equal(solo_head(w->solo)->time_ms, w->now_ms - WORLD_START_MS); /* genesis time */
  assert_true(solo_wait_ms(w->solo, w->now_ms + 1000000) == SOLO_NEVER);
  assert_int_equal(world_send(w), SOLO_TAKEN);
  assert_int_equal(solo_wait_ms(w->solo, w->now_ms), 0);
  assert_int_equal(world_settle(w), 2);
  assert_true(solo_wait_ms(w->solo, w->now_ms) == SOLO_NEVER);
  /* Times rise by themselves when the clock stands, and when it goes back. */
  assert_int_equal(solo_head(w->solo)->time_ms, w->now_ms + 1);
  w->now_ms -= 3000;
  for (int i = 0; i < 5; i++) assert_int_equal(world_send(w), SOLO_TAKEN);
  assert_int_equal(world_settle(w), 2);
  assert_int_equal(solo_head(w->solo)->time_ms, w->now_ms + 3000 + 3);
}

/* ENGINE 7.9: what was expected is answered as what was not: good ones in order, a wrong signature, a nonce twice,
 * bytes that are nothing. */
static void test_expected(void **state) {
  enum { MANY = 40, BYTES = 256, WRONG = 20 };
  struct world *w = *state;
  static uint8_t bytes[MANY + 3][BYTES];
  struct comet_span span[MANY + 3];
  struct ledger_result r;
  world_settle(w);
  for (uint32_t i = 0; i < MANY; i++)
    span[i] = (struct comet_span){.bytes = bytes[i], .length = world_transfer(w, w->nonce + i, 1, bytes[i], BYTES)};
  bytes[WRONG][span[WRONG].length - 1] ^= 1; /* a bit of the signature */
  span[MANY] = (struct comet_span){.bytes = bytes[MANY], .length = world_transfer(w, w->nonce, 2, bytes[MANY], BYTES)};
  span[MANY + 1] = (struct comet_span){.bytes = bytes[MANY + 1], .length = 7};
  span[MANY + 2] = (struct comet_span){.bytes = bytes[MANY + 2], .length = 0};
  solo_expect(w->solo, span, MANY + 3);
  solo_expect(w->solo, span, 0);
  for (uint32_t i = 0; i < MANY + 3; i++) {
    enum solo_take take = solo_take(w->solo, span[i].bytes, span[i].length, &r);
    assert_int_equal(take, i < WRONG ? SOLO_TAKEN : SOLO_REFUSED);
    uint16_t code = i < WRONG ? CHAIN_OK : i == WRONG ? CHAIN_SIGNATURE : i <= MANY ? CHAIN_NONCE : CHAIN_MALFORMED;
    assert_int_equal(r.code, code);
  }
  w->nonce += WRONG;
  assert_int_equal(world_settle(w), 2);
  assert_int_equal(mempool_count(solo_mempool(w->solo)), 0);
}

static void test_again(void **state) {
  struct world *w = *state;
  world_settle(w);
  for (int i = 0; i < 3; i++) {
    world_send(w);
    w->now_ms += 10;
    assert_int_equal(solo_step(w->solo, w->now_ms, NULL), SOLO_OK);
    struct solo_head head = *solo_head(w->solo);
    world_shut(w); /* before the second block */
    world_open(w);
    assert_memory_equal(&head, solo_head(w->solo), sizeof head);
    assert_int_equal(world_settle(w), 1); /* the one more that was due */
    assert_int_equal(mempool_count(solo_mempool(w->solo)), 0);
  }
  uint8_t bytes[1024];
  struct ledger_result r;
  size_t length = world_transfer(w, 0, 1, bytes, sizeof bytes);
  assert_int_equal(solo_take(w->solo, bytes, length, &r), SOLO_HERE); /* it is in a block */
  length = world_transfer(w, 0, 2, bytes, sizeof bytes);
  assert_int_equal(solo_take(w->solo, bytes, length, &r), SOLO_REFUSED);
  assert_int_equal(r.code, CHAIN_NONCE);
}

/* The same seed, genesis and transactions at the same times give the same bytes. */
static void test_same(void **state) {
  struct world *a = *state, *b;
  void *second;
  assert_int_equal(world_begin(&second), 0);
  b = second;
  for (int i = 0; i < 4; i++) {
    assert_int_equal(world_settle(a), world_settle(b));
    assert_memory_equal(solo_head(a->solo), solo_head(b->solo), sizeof *solo_head(a->solo));
    world_send(a), world_send(b);
  }
  assert_int_equal(world_end(&second), 0);
}

static void test_check(void **state) {
  struct world *w = *state;
  uint8_t bytes[1024];
  struct ledger_result r;
  world_settle(w);
  size_t length = world_transfer(w, 0, 1, bytes, sizeof bytes);
  for (int i = 0; i < 3; i++) {
    solo_check(w->solo, bytes, length, &r);
    assert_int_equal(r.code, CHAIN_OK);
  }
  assert_int_equal(solo_take(w->solo, bytes, length, &r), SOLO_TAKEN);
  assert_int_equal(solo_take(w->solo, bytes, length, &r), SOLO_HERE);
  bytes[length - 1] ^= 1;
  assert_int_equal(solo_take(w->solo, bytes, length, &r), SOLO_REFUSED);
  assert_int_equal(solo_take(w->solo, bytes, 0, &r), SOLO_REFUSED);
  assert_int_equal(r.code, CHAIN_MALFORMED);
  /* One account's share is bounded, whatever it pays. */
  w->nonce = 1;
  enum solo_take take;
  while ((take = world_send(w)) == SOLO_TAKEN) assert_true(w->nonce < 2 * MEMPOOL_ACCOUNT_COUNT_MAX);
  assert_int_equal(take, SOLO_FULL);
  assert_int_equal(mempool_count(solo_mempool(w->solo)), MEMPOOL_ACCOUNT_COUNT_MAX);
  assert_int_equal(world_settle(w), 2); /* all of them in one block, and one more */
  assert_int_equal(mempool_count(solo_mempool(w->solo)), 0);
}

/* Entries made up: what is in them is not looked at. */
static struct mempool_entry entry(uint32_t owner, uint32_t number, uint32_t length, bool lane) {
  static uint8_t bytes[1 << 20];
  struct mempool_entry e = {.gas = 1000, .length = length, .lane = lane, .bytes = bytes};
  memcpy(e.id, &number, 4), memcpy(e.id + 28, &number, 4);
  memcpy(e.account, &owner, 4), memcpy(e.account + 28, &owner, 4);
  return e;
}

/* ENGINE 7.3. */
static void test_fair(void **state) {
  static struct mempool_entry picked[MEMPOOL_COUNT_MAX];
  struct mempool *m = mempool_open();
  uint32_t number = 0, seen[3] = {0};
  (void)state;
  for (uint32_t owner = 0; owner < 3; owner++)
    for (uint32_t i = 0; i < (owner ? 2u : 400u); i++) {
      struct mempool_entry e = entry(owner, number++, 100, false);
      assert_int_equal(mempool_room(m, &e), MEMPOOL_OK);
      mempool_add(m, &e);
      assert_int_equal(mempool_room(m, &e), MEMPOOL_HERE);
    }
  /* Room for ten: the two who have two each get them in. */
  uint32_t count = mempool_pick(m, 1000, 1000000, picked, MEMPOOL_COUNT_MAX);
  assert_int_equal(count, 10);
  for (uint32_t i = 0; i < count; i++) seen[picked[i].account[0]]++;
  assert_true(seen[1] == 2 && seen[2] == 2 && seen[0] == 6);
  for (uint32_t i = 0; i < count; i++) assert_true(mempool_remove(m, picked[i].id));
  assert_int_equal(mempool_count(m), 394);
  /* One of the lane goes first, behind however many. */
  struct mempool_entry move = entry(7, number++, 100, true);
  mempool_add(m, &move);
  assert_int_equal(mempool_pick(m, 1000, 1000000, picked, MEMPOOL_COUNT_MAX), 10);
  assert_memory_equal(picked[0].id, move.id, 32);
  assert_int_equal(mempool_pick(m, 1000, 2000, picked, MEMPOOL_COUNT_MAX), 2); /* gas is bounded too */
  mempool_shut(&m);
}

static void test_bounds(void **state) {
  struct mempool *m = mempool_open();
  uint32_t number = 0, owner = 0;
  (void)state;
  struct mempool_entry e;
  while (e = entry(owner, number, 1, false), mempool_room(m, &e) != MEMPOOL_FULL) {
    if (mempool_room(m, &e) == MEMPOOL_ACCOUNT_FULL) {
      assert_int_equal(number % MEMPOOL_ACCOUNT_COUNT_MAX, 0);
      owner++;
      continue;
    }
    mempool_add(m, &e);
    number++;
  }
  assert_int_equal(mempool_count(m), MEMPOOL_COUNT_MAX / 4 * 3); /* the rest is the lane's */
  while (e = entry(1000 + number, number, 1, true), mempool_room(m, &e) == MEMPOOL_OK) {
    mempool_add(m, &e);
    number++;
  }
  assert_int_equal(mempool_count(m), MEMPOOL_COUNT_MAX);
  for (uint32_t i = 0; i < number; i++) {
    e = entry(0, i, 1, false);
    assert_true(mempool_remove(m, e.id));
    assert_false(mempool_remove(m, e.id));
  }
  assert_int_equal(mempool_count(m), 0);
  assert_int_equal(mempool_bytes(m), 0);
  for (owner = 0, number = 0; e = entry(owner, number, 1 << 20, true), mempool_room(m, &e) == MEMPOOL_OK; number++) {
    mempool_add(m, &e);
    if (number % 8 == 7) owner++;
  }
  assert_int_equal(mempool_bytes(m), MEMPOOL_BYTES_MAX);
  mempool_shut(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_when, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_expected, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_again, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_same, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_check, world_begin, world_end),
                                     cmocka_unit_test(test_fair),
                                     cmocka_unit_test(test_bounds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
