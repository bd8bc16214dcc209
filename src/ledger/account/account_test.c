/* Accounts: the layout by hand, each function at its edges, and random walks in which no grain is made or lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/account/account.h"

static uint64_t next_random(uint64_t *s) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*s += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static const uint8_t key_a[ACCOUNT_KEY_BYTES] = {0xaa}, key_b[ACCOUNT_KEY_BYTES] = {0xbb};

/* Every field holds another number. */
static struct account full_account(void) {
  struct account a = {.balance = 0x0102030405060708};
  for (uint32_t r = 0; r < ROLES; r++) a.stake[r] = 1000 + r;
  for (uint32_t r = 0; r < ROLES; r++) a.locked[r] = 100 + r;
  for (uint32_t i = 0; i < ACCOUNT_UNBONDING_MAX; i++)
    a.unbonding[a.unbonding_count++] =
        (struct unbonding){.role = (uint8_t)(i % ROLES), .amount = 1 + i, .tick = 50 + i, .time = 60 + i};
  for (uint32_t i = 0; i < ACCOUNT_SLOTS_MAX; i++) {
    struct key_slot *s = &a.slot[a.slots_count++];
    memset(s->key, (int)(0x80 + i), sizeof s->key);
    s->mask = (uint16_t)(i + 1);
    s->nonce = 70 + i;
    s->until_tick = 80 + i;
  }
  return a;
}

/* LEDGER 2.2, written down by hand. */
static void layout(void **state) {
  (void)state;
  static const uint8_t head[] = {8, 7, 6, 5, 4, 3, 2, 1, 0xe8, 3, 0, 0, 0, 0, 0, 0, 0xe9, 3};
  uint8_t bytes[ACCOUNT_BYTES_MAX];
  struct account a = full_account(), again;
  assert_int_equal(stored_encode(&account_kind, &a, bytes, sizeof bytes), sizeof bytes);
  assert_memory_equal(bytes, head, sizeof head);
  assert_int_equal(bytes[48], 100);   /* the first lock */
  assert_int_equal(bytes[88], 8);     /* unbonding */
  assert_int_equal(bytes[89], 0);     /* role */
  assert_int_equal(bytes[90], 1);     /* amount */
  assert_int_equal(bytes[98], 50);    /* tick */
  assert_int_equal(bytes[106], 60);   /* time */
  assert_int_equal(bytes[114], 1);    /* role of the next */
  assert_int_equal(bytes[289], 8);    /* slots */
  assert_int_equal(bytes[290], 0x80); /* key */
  assert_int_equal(bytes[322], 1);    /* mask */
  assert_int_equal(bytes[324], 70);   /* nonce */
  assert_int_equal(bytes[332], 80);   /* until_tick */
  assert_int_equal(bytes[340], 0x81);
  assert_true(stored_decode(&account_kind, bytes, sizeof bytes, &again));
  assert_memory_equal(&a, &again, sizeof a);
  assert_int_equal(stored_encode(&account_kind, &a, bytes, sizeof bytes - 1), 0);
}

/* One byte of a good record changed, and why it is none. */
static void refused(void **state) {
  (void)state;
  static const struct {
    uint32_t at;
    uint8_t to;
  } wrong[] = {{49, 0xff}, {88, 9}, {88, 7}, {89, ROLES}, {90, 0}, {289, 9}, {289, 7}, {323, 4}};
  uint8_t bytes[ACCOUNT_BYTES_MAX + 1] = {0};
  struct account a = full_account(), out;
  stored_encode(&account_kind, &a, bytes, ACCOUNT_BYTES_MAX);
  assert_false(stored_decode(&account_kind, bytes, ACCOUNT_BYTES_MAX - 1, &out));
  assert_false(stored_decode(&account_kind, bytes, ACCOUNT_BYTES_MAX + 1, &out));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    uint8_t was = bytes[wrong[i].at];
    bytes[wrong[i].at] = wrong[i].to;
    assert_false(stored_decode(&account_kind, bytes, ACCOUNT_BYTES_MAX, &out));
    bytes[wrong[i].at] = was;
  }
  a.balance = UINT64_MAX; /* the sum of its parts does not fit */
  size_t length = stored_encode(&account_kind, &a, bytes, ACCOUNT_BYTES_MAX);
  assert_false(stored_decode(&account_kind, bytes, length, &out));
  a = (struct account){.balance = 0}; /* an empty account is no record */
  length = stored_encode(&account_kind, &a, bytes, ACCOUNT_BYTES_MAX);
  assert_false(stored_decode(&account_kind, bytes, length, &out));
}

static void edges(void **state) {
  (void)state;
  struct account a = {.balance = 0}, before;
  assert_int_equal(account_credit(&a, 100), ACCOUNT_OK);
  assert_int_equal(account_credit(&a, UINT64_MAX - 99), ACCOUNT_ERR_RANGE);
  assert_int_equal(account_debit(&a, 101), ACCOUNT_ERR_BALANCE);
  assert_int_equal(account_stake(&a, ROLE_SOLVER, 101), ACCOUNT_ERR_BALANCE);
  assert_int_equal(account_stake(&a, ROLES, 1), ACCOUNT_ERR_RANGE);
  assert_int_equal(account_stake(&a, ROLE_SOLVER, 0), ACCOUNT_ERR_RANGE);
  assert_int_equal(a.balance, 100);
  assert_int_equal(account_stake(&a, ROLE_SOLVER, 60), ACCOUNT_OK);
  assert_int_equal(account_credit(&a, UINT64_MAX - 99), ACCOUNT_ERR_RANGE); /* stake counts */
  assert_int_equal(account_lock(&a, ROLE_SOLVER, 61), ACCOUNT_ERR_STAKE);
  assert_int_equal(account_lock(&a, ROLES, 0), ACCOUNT_ERR_RANGE);
  assert_int_equal(account_lock(&a, ROLE_VERIFIER, 1), ACCOUNT_ERR_STAKE);
  assert_int_equal(account_lock(&a, ROLE_SOLVER, 50), ACCOUNT_OK);
  assert_int_equal(account_free(&a, ROLE_SOLVER), 10);
  assert_int_equal(account_lock(&a, ROLE_SOLVER, 11), ACCOUNT_ERR_STAKE); /* one grain backs one obligation */
  assert_int_equal(account_unbond(&a, ROLE_SOLVER, 11, 1, 1), ACCOUNT_ERR_STAKE);
  assert_int_equal(account_unlock(&a, ROLE_SOLVER, 51), ACCOUNT_ERR_STAKE);
  assert_int_equal(account_forfeit(&a, ROLE_SOLVER, 51), ACCOUNT_ERR_STAKE);
  assert_int_equal(account_forfeit(&a, ROLE_SOLVER, 20), ACCOUNT_OK);
  assert_int_equal(account_unlock(&a, ROLE_SOLVER, 30), ACCOUNT_OK);
  assert_int_equal(a.stake[ROLE_SOLVER], 40);
  assert_int_equal(a.locked[ROLE_SOLVER], 0);
  for (uint32_t i = 0; i < ACCOUNT_UNBONDING_MAX; i++)
    assert_int_equal(account_unbond(&a, ROLE_SOLVER, 1 + i, 10 * i, 100 - 10 * i), ACCOUNT_OK);
  before = a;
  assert_int_equal(account_unbond(&a, ROLE_SOLVER, 1, 1, 1), ACCOUNT_ERR_FULL);
  assert_int_equal(account_release(&a, 0, 99), ACCOUNT_OK); /* ticks and time, both */
  assert_memory_equal(&a, &before, sizeof a);
  assert_int_equal(account_release(&a, 30, 80), ACCOUNT_OK); /* the third and the fourth */
  assert_int_equal(a.balance, 40 + 3 + 4);
  assert_int_equal(a.unbonding_count, 6);
  assert_int_equal(a.unbonding[2].amount, 5);
  assert_int_equal(account_release(&a, UINT64_MAX, UINT64_MAX), ACCOUNT_OK);
  assert_int_equal(a.balance, 40 + 36);
  assert_int_equal(a.unbonding_count, 0);
}

static void keys(void **state) {
  (void)state;
  struct account a = {.balance = 0};
  assert_int_equal(account_set_key(&a, 1, key_a, 1, 0), ACCOUNT_ERR_RANGE); /* slots open in order */
  assert_int_equal(account_set_key(&a, 0, key_a, 1 << ACCOUNT_MASK_BITS, 0), ACCOUNT_ERR_RANGE);
  assert_int_equal(account_set_key(&a, 0, key_a, 3, 9), ACCOUNT_OK);
  a.slot[0].nonce = 41;
  assert_int_equal(account_set_key(&a, 0, key_b, 5, 10), ACCOUNT_OK);
  assert_int_equal(a.slot[0].nonce, 41);
  assert_memory_equal(a.slot[0].key, key_b, sizeof key_b);
  for (uint8_t i = 1; i < ACCOUNT_SLOTS_MAX; i++) assert_int_equal(account_set_key(&a, i, key_a, 1, 0), ACCOUNT_OK);
  assert_int_equal(account_set_key(&a, ACCOUNT_SLOTS_MAX, key_a, 1, 0), ACCOUNT_ERR_RANGE);
}

/* An account without money and keys is no record; one that was never paid reads as empty. */
static void no_empty_records(void **state) {
  (void)state;
  struct map *m = map_open();
  uint8_t id[ACCOUNT_ID_BYTES] = {7};
  struct account a;
  memset(&a, 0xee, sizeof a);
  assert_false(account_get(m, id, &a));
  assert_int_equal(account_credit(&a, 5), ACCOUNT_OK);
  account_put(m, id, &a);
  assert_true(account_get(m, id, &a));
  assert_int_equal(a.balance, 5);
  account_debit(&a, 5);
  account_put(m, id, &a);
  assert_int_equal(map_count(m), 0);
  account_set_key(&a, 0, key_a, 1, 0);
  account_put(m, id, &a);
  assert_int_equal(map_count(m), 1); /* its nonce has to stay */
  map_shut(m);
}

/* LEDGER 2.4 over random calls, failed ones and undone ones too: what is in accounts and in the till is what was. */
static void money_is_conserved(void **state) {
  (void)state;
  enum { ACCOUNTS = 12 };
  const uint64_t supply = (uint64_t)1 << 60;
  struct map *m = map_open();
  uint64_t seed = 3, till = supply, sum, failed = 0, tick = 0;
  for (uint32_t call = 0; call < 60000; call++) {
    uint8_t id[ACCOUNT_ID_BYTES] = {(uint8_t)(next_random(&seed) % ACCOUNTS)};
    uint8_t role = (uint8_t)(next_random(&seed) % (ROLES + 1));
    uint64_t amount = next_random(&seed) >> (next_random(&seed) % 62), till_before = till;
    size_t mark = map_mark(m);
    struct account a;
    enum account_status status = ACCOUNT_OK;
    account_get(m, id, &a);
    struct account before = a;
    switch (next_random(&seed) % 8) {
    case 0:
    case 1:
      if (amount > till) amount = till;
      status = account_credit(&a, amount);
      if (status == ACCOUNT_OK) till -= amount;
      break;
    case 2:
      status = account_debit(&a, amount);
      if (status == ACCOUNT_OK) till += amount;
      break;
    case 3: status = account_stake(&a, role, amount); break;
    case 4: status = account_lock(&a, role, amount); break;
    case 5: status = account_unlock(&a, role, amount); break;
    case 6:
      status = account_forfeit(&a, role, amount);
      if (status == ACCOUNT_OK) till += amount;
      break;
    case 7:
      tick++;
      if (next_random(&seed) % 2)
        status = account_unbond(&a, role, amount, tick + next_random(&seed) % 50, tick);
      else
        status = account_release(&a, tick, tick);
      break;
    }
    if (status != ACCOUNT_OK) {
      assert_memory_equal(&a, &before, sizeof a);
      failed++;
    }
    account_put(m, id, &a);
    if (next_random(&seed) % 5 == 0) {
      map_undo(m, mark);
      till = till_before;
    }
    if (call % 16 == 0) {
      assert_true(account_sum(m, &sum));
      assert_true(sum + till == supply);
    }
    if (call % 100 == 0) map_commit(m);
  }
  assert_true(failed > 10000 && failed < 50000 && till < supply); /* the walk saw both */
  map_shut(m);
}

static void sum_that_does_not_fit(void **state) {
  (void)state;
  struct map *m = map_open();
  uint64_t sum = 9;
  for (uint8_t i = 0; i < 2; i++) {
    struct account a = {.balance = (uint64_t)1 << 63};
    account_put(m, (uint8_t[ACCOUNT_ID_BYTES]){i}, &a);
  }
  assert_false(account_sum(m, &sum));
  assert_int_equal(sum, 9);
  map_shut(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(layout),
      cmocka_unit_test(refused),
      cmocka_unit_test(edges),
      cmocka_unit_test(keys),
      cmocka_unit_test(no_empty_records),
      cmocka_unit_test(money_is_conserved),
      cmocka_unit_test(sum_that_does_not_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
