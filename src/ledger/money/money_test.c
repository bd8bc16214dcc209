/* Flows between all kinds of pockets: what one loses the other has, and lists that say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/money/money.h"

static uint64_t next_random(uint64_t *s) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*s += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static struct chain c;
static struct payments list;
static const uint8_t ids[3][68] = {{1}, {2}, {3, 4}};

static int open_chain(void **state) {
  (void)state;
  memset(&c, 0, sizeof c);
  c.map = map_open();
  return 0;
}

static int shut_chain(void **state) {
  (void)state;
  map_shut(c.map);
  return 0;
}

/* Every kind of pocket, several of those with an id. */
static struct pocket pocket_number(uint64_t n) {
  const uint8_t *id = ids[n / 16 % 3];
  switch (n % 10) {
  case 0:
  case 1: return pocket_balance(id);
  case 2: return pocket_stake(id, (uint8_t)(n / 7 % ROLES));
  case 3: return pocket_escrow(id);
  case 4:
    return n / 3 % 2 ? pocket_gas_lock(id, ids[n / 5 % 3]) : pocket_lock(id, (uint8_t)(1 + n % POCKET_ID_BYTES_MAX));
  case 5: return pocket_of(POCKET_VALIDATORS);
  case 6: return pocket_of(POCKET_BURNED);
  case 7: return pocket_of(POCKET_SUBSIDY);
  case 8: return pocket_of(POCKET_TREASURY);
  default: return pocket_of(n % 3 ? POCKET_QUARANTINE : POCKET_GAS);
  }
}

static bool same(const struct pocket *a, const struct pocket *b) {
  return a->kind == b->kind && a->role == b->role && a->length == b->length && !memcmp(a->id, b->id, a->length);
}

static void what_one_loses_the_other_has(void **state) {
  (void)state;
  const uint64_t supply = 1000000;
  uint64_t seed = 1, moved = 0;
  c.now.treasury = supply;
  for (uint32_t i = 0; i < 30000; i++) {
    struct pocket from = pocket_number(next_random(&seed)), to = pocket_number(next_random(&seed));
    uint64_t has = money_held(&c, &from), gets = money_held(&c, &to), amount = next_random(&seed) % 3000;
    if (next_random(&seed) % 4 == 0) amount = has;
    bool flows = money_flow(&c, NULL, ROW_TRANSFER, &from, &to, amount);
    assert_int_equal(flows, amount <= has);
    if (flows && !same(&from, &to)) {
      moved += amount > 0;
      assert_int_equal(money_held(&c, &from), has - amount);
      assert_int_equal(money_held(&c, &to), gets + amount);
    } else {
      assert_int_equal(money_held(&c, &from), has);
    }
    assert_int_equal(money_sum(&c), supply);
  }
  assert_true(moved > 3000);
}

static void an_empty_pocket_has_no_record(void **state) {
  (void)state;
  struct pocket t = pocket_of(POCKET_TREASURY), e = pocket_escrow(ids[0]);
  c.now.treasury = 5;
  assert_true(money_flow(&c, NULL, ROW_POST, &t, &e, 5));
  assert_int_equal(map_count(c.map), 1);
  assert_true(money_flow(&c, NULL, ROW_POST, &e, &t, 5));
  assert_int_equal(map_count(c.map), 0);
}

static void locked_stake_stays(void **state) {
  (void)state;
  struct account a = {.balance = 100, .stake = {[ROLE_SOLVER] = 50}};
  account_put(c.map, ids[0], &a);
  struct pocket stake = pocket_stake(ids[0], ROLE_SOLVER), burned = pocket_of(POCKET_BURNED);
  assert_true(money_lock(&c, ids[0], ROLE_SOLVER, 30));
  assert_false(money_lock(&c, ids[0], ROLE_SOLVER, 21));
  assert_false(money_lock(&c, ids[0], ROLE_VERIFIER, 1));
  assert_false(money_lock(&c, ids[1], ROLE_SOLVER, 1)); /* nobody there, and nobody made */
  assert_true(money_lock(&c, ids[1], ROLE_SOLVER, 0));
  assert_int_equal(map_count(c.map), 1);
  assert_int_equal(money_held(&c, &stake), 20);
  assert_false(money_flow(&c, NULL, ROW_LATE, &stake, &burned, 21));
  money_unlock(&c, ids[0], ROLE_SOLVER, 10);
  assert_true(money_flow(&c, NULL, ROW_LATE, &stake, &burned, 30));
  assert_int_equal(money_sum(&c), 150);
}

static void fees_are_halved(void **state) {
  (void)state;
  struct pocket t = pocket_of(POCKET_TREASURY);
  c.now.treasury = 12;
  assert_true(money_fees(&c, NULL, ROW_POST, &t, 7));
  assert_int_equal(c.now.burned, 3);
  assert_int_equal(c.now.validators_pool, 4);
  assert_false(money_fees(&c, NULL, ROW_POST, &t, 6));
  assert_int_equal(c.now.treasury, 5);
  assert_true(money_fees(&c, NULL, ROW_POST, &t, 0));
}

static void gas_locks(void **state) {
  (void)state;
  struct account a = {.balance = 100};
  account_put(c.map, ids[0], &a);
  struct pocket lock = pocket_gas_lock(ids[2], ids[0]), others = pocket_gas_lock(ids[2], ids[1]);
  assert_false(money_gas_lock(&c, NULL, ids[2], ids[0], 101));
  assert_true(money_gas_lock(&c, NULL, ids[2], ids[0], 60));
  assert_int_equal(money_held(&c, &lock), 60);
  assert_int_equal(money_held(&c, &others), 0);
  assert_true(money_fees(&c, NULL, ROW_GAS, &lock, 10));
  money_gas_unlock(&c, NULL, ROW_SETTLED, ids[2], ids[0]);
  struct pocket balance = pocket_balance(ids[0]);
  assert_int_equal(money_held(&c, &balance), 90);
  money_gas_unlock(&c, NULL, ROW_SETTLED, ids[2], ids[0]); /* nothing left: nothing happens */
  assert_int_equal(money_sum(&c), 100);
}

static void lists_say_what_flowed(void **state) {
  (void)state;
  static struct payment said[400];
  uint64_t seed = 9;
  uint32_t count = 0;
  c.now.treasury = 1 << 30;
  payments_begin(&list);
  for (uint32_t i = 0; i < 400; i++) {
    struct payment p = {.row = (uint8_t)i, .from = pocket_of(POCKET_TREASURY), .to = pocket_number(next_random(&seed))};
    p.amount = next_random(&seed) % 1000;
    assert_true(money_flow(&c, &list, p.row, &p.from, &p.to, p.amount));
    if (p.amount) said[count++] = p;
  }
  assert_false(list.full);
  assert_int_equal(list.count, count);
  size_t at = 0;
  struct payment p;
  for (uint32_t i = 0; i < count; i++) {
    assert_true(payments_next(list.bytes, list.used, &at, &p));
    assert_int_equal(p.row, said[i].row);
    assert_int_equal(p.amount, said[i].amount);
    assert_true(same(&p.from, &said[i].from) && same(&p.to, &said[i].to));
  }
  assert_false(payments_next(list.bytes, list.used, &at, &p));
  assert_int_equal(at, list.used);
  for (size_t cut = 1; cut < 100; cut++) { /* a list that ends early is seen */
    size_t end = 0;
    while (payments_next(list.bytes, cut, &end, &p)) continue;
    if (end == cut) assert_true(cut > 10);
  }
}

static void a_full_list_has_no_holes(void **state) {
  (void)state;
  struct pocket t = pocket_of(POCKET_TREASURY), to = pocket_gas_lock(ids[0], ids[1]);
  struct payment p;
  size_t at = 0;
  uint32_t count = 0;
  c.now.treasury = 1000000;
  payments_begin(&list);
  for (uint32_t i = 0; i < 2000; i++) assert_true(money_flow(&c, &list, ROW_SEAT, &t, &to, 1));
  assert_true(list.full);
  size_t used = list.used;
  assert_true(PAYMENTS_BYTES_MAX - used >= 11);
  assert_true(money_flow(&c, &list, ROW_SEAT, &t, &t, 1)); /* short enough to fit: left out too */
  assert_int_equal(list.used, used);
  while (payments_next(list.bytes, list.used, &at, &p)) count++;
  assert_int_equal(at, list.used);
  assert_int_equal(count, list.count);
  assert_true(list.used <= PAYMENTS_BYTES_MAX);
  assert_int_equal(money_held(&c, &to), 2000);
}

static void shares(void **state) {
  (void)state;
  assert_int_equal(money_share(1999, 1), 1);
  assert_int_equal(money_share(UINT64_C(1) << 60, 1000), UINT64_C(1) << 60);
  assert_int_equal(money_share(UINT64_C(1) << 60, 1250), 5 * (UINT64_C(1) << 58));
  assert_int_equal(money_share(7, 500), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_one_loses_the_other_has, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(an_empty_pocket_has_no_record, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(locked_stake_stays, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(fees_are_halved, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(gas_locks, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(lists_say_what_flowed, open_chain, shut_chain),
      cmocka_unit_test_setup_teardown(a_full_list_has_no_holes, open_chain, shut_chain),
      cmocka_unit_test(shares),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
