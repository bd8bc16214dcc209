/* Records as values of the map, by a kind of our own: one encoding, nothing left over, sums that do not wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger/record/stored.h"

enum { NOTES_MAX = 3 };
struct note {
  bool urgent;
  uint32_t count;
  uint64_t amount[NOTES_MAX]; /* none of 0 */
};

static void put(struct writer *w, const void *record) {
  const struct note *n = record;
  put_u8(w, n->urgent);
  put_u8(w, (uint8_t)n->count);
  for (uint32_t i = 0; i < n->count; i++) put_u64(w, n->amount[i]);
}

static bool take(struct reader *r, void *record) {
  struct note *n = record;
  n->urgent = take_flag(r);
  n->count = take_count(r, NOTES_MAX);
  for (uint32_t i = 0; i < n->count; i++)
    if (!(n->amount[i] = take_u64(r))) return false;
  return true;
}

static const struct stored_kind kind = {"note", sizeof(struct note), 2 + 8 * NOTES_MAX, put, take};

static bool first_amount(const void *record, uint64_t *amount) {
  *amount = ((const struct note *)record)->amount[0];
  return *amount != 13;
}

static void one_encoding(void **state) {
  (void)state;
  const struct note n = {.urgent = true, .count = 2, .amount = {5, 1 << 20}};
  struct note back;
  uint8_t bytes[40], least[18] = {1, 2, 5};
  least[12] = 16;
  assert_int_equal(stored_encode(&kind, &n, bytes, sizeof bytes), 18);
  assert_memory_equal(bytes, least, 18);
  assert_int_equal(stored_encode(&kind, &n, bytes, 17), 0);
  memset(&back, 0xee, sizeof back); /* what no field covers is zero again */
  assert_true(stored_decode(&kind, least, 18, &back));
  assert_int_equal(back.amount[1], 1 << 20);
  assert_int_equal(back.amount[2], 0);
  for (size_t cut = 0; cut < 18; cut++) assert_false(stored_decode(&kind, least, cut, &back));
  assert_false(stored_decode(&kind, (uint8_t[19]){1, 2, 5, [12] = 16}, 19, &back)); /* left over */
  assert_false(stored_decode(&kind, (uint8_t[2]){2, 0}, 2, &back));                 /* no flag */
  assert_false(stored_decode(&kind, (uint8_t[34]){0, 4, 1}, 34, &back));            /* too many */
  assert_false(stored_decode(&kind, (uint8_t[10]){0, 1}, 10, &back));               /* an amount of 0 */
}

static void in_the_map(void **state) {
  (void)state;
  struct map *m = map_open();
  struct map_key prefix = map_key(200, NULL, 0), key, other = map_key(201, "x", 1);
  struct note n = {.count = 1}, back;
  uint64_t sum = 99;
  assert_true(stored_sum(m, &kind, &prefix, first_amount, &sum));
  assert_int_equal(sum, 0);
  n.amount[0] = UINT64_MAX; /* of another prefix: not counted */
  stored_put(m, &kind, &other, &n);
  for (uint32_t i = 5; i > 0; i--) {
    key = map_key(200, NULL, 0);
    map_key_u32(&key, i);
    n.amount[0] = 100 * i;
    stored_put(m, &kind, &key, &n);
  }
  assert_true(stored_get(m, &kind, &key, &back));
  assert_int_equal(back.amount[0], 100);
  assert_true(stored_sum(m, &kind, &prefix, first_amount, &sum));
  assert_int_equal(sum, 1500);
  uint64_t at = 0; /* in key order, though written the other way round */
  for (bool more = stored_next(m, &kind, &prefix, NULL, &key, &back); more;
       more = stored_next(m, &kind, &prefix, &key, &key, &back)) {
    at += 100;
    assert_int_equal(back.amount[0], at);
  }
  assert_int_equal(at, 500);
  map_key_u8(&key, 1);
  assert_false(stored_get(m, &kind, &key, &back));
  n.amount[0] = UINT64_MAX - 1499;
  stored_put(m, &kind, &key, &n);
  assert_false(stored_sum(m, &kind, &prefix, first_amount, &sum)); /* one too many for 64 bits */
  n.amount[0]--;
  stored_put(m, &kind, &key, &n);
  assert_true(stored_sum(m, &kind, &prefix, first_amount, &sum));
  assert_true(sum == UINT64_MAX);
  n.amount[0] = 13;
  stored_put(m, &kind, &key, &n);
  assert_false(stored_sum(m, &kind, &prefix, first_amount, &sum)); /* its own amount does not fit */
  map_shut(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(one_encoding), cmocka_unit_test(in_the_map)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
