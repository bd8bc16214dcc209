/* Timers in their order, beacons that are kept, the record of the chain, and what is told at a block's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/chain/chain.h"

static uint64_t next_random(uint64_t *s) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*s += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static struct chain c;

static int open_chain(void **state) {
  (void)state;
  memset(&c, 0, sizeof c);
  c.map = map_open();
  c.out = outbox_open();
  return 0;
}

static int shut_chain(void **state) {
  (void)state;
  map_shut(c.map);
  outbox_shut(c.out);
  return 0;
}

static void due_when_it_says(void **state) {
  (void)state;
  static const uint8_t id[34] = {1}, other[34] = {2};
  struct timer t;
  timer_arm(&c, 10, TIMER_TASK, id, 34);
  timer_wait(&c, 7, TIMER_TASK, other, 34);
  assert_true(timer_live(&c));
  c.now.height = 6;
  c.now.tick = 10; /* in time still: LEDGER 1.3 */
  assert_false(timer_due(&c, &t));
  c.now.height = 7;
  assert_true(timer_due(&c, &t));
  assert_int_equal(t.kind, TIMER_TASK);
  assert_int_equal(t.length, 34);
  assert_memory_equal(t.id, other, 34);
  assert_false(timer_due(&c, &t));
  c.now.tick = 11;
  assert_true(timer_due(&c, &t));
  assert_memory_equal(t.id, id, 34);
  assert_false(timer_live(&c));
  timer_arm(&c, 5, TIMER_PRUNE, id, 34); /* housekeeping */
  assert_false(timer_live(&c));
  timer_disarm(&c, 5, false, TIMER_PRUNE, id, 34);
  timer_wait(&c, 5, TIMER_TASK, id, 34);
  timer_disarm(&c, 5, true, TIMER_TASK, id, 34);
  assert_false(timer_due(&c, &t));
  assert_false(timer_live(&c));
  c.now.awaited = 3; /* an epoch that somebody waits for */
  assert_true(timer_live(&c));
}

/* A slow twin: a list, sorted by (wait first, number, kind, id). */
struct armed {
  bool wait;
  uint64_t due;
  uint8_t kind, id[34];
};
static int before(const void *left, const void *right) {
  const struct armed *a = left, *b = right;
  if (a->wait != b->wait) return a->wait ? -1 : 1;
  if (a->due != b->due) return a->due < b->due ? -1 : 1;
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  return memcmp(a->id, b->id, 34);
}

static void in_order(void **state) {
  (void)state;
  enum { COUNT = 500 };
  static struct armed list[COUNT];
  uint64_t seed = 3;
  struct timer t;
  for (uint32_t i = 0; i < COUNT; i++) {
    struct armed *a = &list[i];
    a->wait = next_random(&seed) % 2;
    a->due = next_random(&seed) % 3 ? next_random(&seed) % 40 : 250 + next_random(&seed) % 20; /* over a byte's end */
    a->kind = next_random(&seed) % 2 ? TIMER_TASK : TIMER_PRUNE;
    a->id[0] = (uint8_t)next_random(&seed);
    a->id[33] = (uint8_t)i;
    a->id[32] = (uint8_t)(i >> 8);
    if (a->wait)
      timer_wait(&c, a->due, a->kind, a->id, 34);
    else
      timer_arm(&c, a->due, a->kind, a->id, 34);
  }
  qsort(list, COUNT, sizeof *list, before);
  c.now.height = c.now.tick = 300;
  for (uint32_t i = 0; i < COUNT; i++) {
    assert_true(timer_due(&c, &t));
    assert_int_equal(t.kind, list[i].kind);
    assert_memory_equal(t.id, list[i].id, 34);
  }
  assert_false(timer_due(&c, &t));
  assert_int_equal(c.now.live, 0);
}

static void beacons_are_kept(void **state) {
  (void)state;
  uint8_t beacon[32] = {0}, read[32];
  for (uint64_t h = 0; h < 40; h++) {
    beacon[0] = (uint8_t)h;
    chain_beacon_store(&c, h, beacon);
  }
  assert_true(chain_beacon(&c, 0, read));
  assert_int_equal(read[0], 0);
  assert_true(chain_beacon(&c, 39, read));
  assert_int_equal(read[0], 39);
  assert_false(chain_beacon(&c, 40, read));
  chain_beacon_store(&c, BEACONS_KEPT - 1, beacon);
  assert_true(chain_beacon(&c, 0, read));
  chain_beacon_store(&c, BEACONS_KEPT, beacon); /* the last 65,536 */
  assert_false(chain_beacon(&c, 0, read));
  assert_true(chain_beacon(&c, 1, read));
}

static void draw_delay(void **state) {
  (void)state;
  static const uint64_t delay[] = {2, 2, 2, 3, 3, 3, 4};
  for (c.validators = 0; c.validators < 7; c.validators++) assert_int_equal(chain_delay(&c), delay[c.validators]);
}

static void stored_and_loaded(void **state) {
  (void)state;
  struct chain again = {.map = c.map};
  struct parameters p, other;
  assert_false(chain_load(&again));
  assert_true(parameters_named("devnet", &p));
  chain_parameters_store(&c, &p);
  other = p;
  other.version = 2;
  other.turn = 77;
  chain_parameters_store(&c, &other);
  c.now = (struct chain_record){.height = 9, .tick = 8, .tick_height = 7, .tick_time_ms = 6, .slow_until = 5};
  c.now.last_time_ms = 4, c.now.epoch = 3, c.now.live = 2, c.now.awaited = 1;
  c.now.gas_price = 11, c.now.parameters = 2;
  c.now.next_dispute = 12, c.now.next_receipt = 13, c.now.minted = 14, c.now.burned = 15, c.now.validators_pool = 16;
  c.now.subsidy_pool = 17, c.now.treasury = 18, c.now.quarantine = 19;
  log_add(&c.log, (const uint8_t[32]){1});
  chain_store(&c);
  assert_true(chain_load(&again));
  assert_memory_equal(&again.now, &c.now, sizeof c.now);
  assert_int_equal(again.log.size, 1);
  assert_int_equal(again.parameters.turn, 77);
  chain_parameters(&c, 1, &p);
  assert_int_equal(p.turn, 50);
}

/* What is told, in words. */
static char said[512];
static void hear_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  (void)context;
  size_t at = strlen(said);
  snprintf(said + at, sizeof said - at, "receipt %u %.*s %.*s; ", (unsigned)number, (int)length, (const char *)bytes,
           (int)payments_length, payments ? (const char *)payments : "");
}
static void hear_content(void *context, const uint8_t hash[32], const uint8_t *bytes, size_t length) {
  (void)context;
  size_t at = strlen(said);
  snprintf(said + at, sizeof said - at, "content %u %.*s; ", hash[31], (int)length, (const char *)bytes);
}
static void hear_event(void *context, const char *kind, const uint8_t *task, const char *text) {
  (void)context;
  size_t at = strlen(said);
  snprintf(said + at, sizeof said - at, "%s %u %s; ", kind, task ? task[33] : 0u, text);
}

static void told_and_taken_back(void **state) {
  (void)state;
  const struct chain_sink sink = {.receipt = hear_receipt, .content = hear_content, .event = hear_event}, deaf = {0};
  static const uint8_t hash[32] = {[31] = 5}, task[34] = {[33] = 6};
  outbox_receipt(c.out, 1, (const uint8_t *)"one", 3, (const uint8_t *)"paid", 4);
  size_t mark = outbox_mark(c.out);
  outbox_receipt(c.out, 2, (const uint8_t *)"two", 3, NULL, 0);
  outbox_undo(c.out, mark);
  outbox_content(c.out, hash, (const uint8_t *)"tape", 4);
  outbox_event(c.out, "opened", task, "by %u", 7u);
  outbox_event(c.out, "block", NULL, "%s", "");
  said[0] = 0;
  outbox_tell(c.out, &deaf);
  outbox_tell(c.out, &sink);
  assert_string_equal(said, "receipt 1 one paid; content 5 tape; opened 6 by 7; block 0 ; ");
  outbox_undo(c.out, 0);
  said[0] = 0;
  outbox_tell(c.out, &sink);
  assert_string_equal(said, "");
  static uint8_t large[300000]; /* it grows */
  for (uint32_t i = 0; i < 10; i++) outbox_content(c.out, hash, large, sizeof large);
  outbox_tell(c.out, &deaf);
}

static void code_words(void **state) {
  (void)state;
  for (uint16_t code = CHAIN_OK; code <= CHAIN_NO_MOVE; code++) assert_non_null(chain_code_text(code));
  assert_null(chain_code_text(CHAIN_NO_MOVE + 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(due_when_it_says, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(in_order, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(beacons_are_kept, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(draw_delay, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(stored_and_loaded, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(told_and_taken_back, open_chain, shut_chain),
      cmocka_unit_test(code_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
