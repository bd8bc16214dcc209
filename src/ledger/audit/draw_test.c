/* Draws: known answers, what holds for every draw set, and that every interval has the same chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/sha256.h"
#include "ledger/audit/audit.h"

static struct task_record run_of(uint16_t n, uint16_t interval_steps, uint16_t last_steps, uint16_t draws) {
  struct task_record t = {.attempt = 1, .intervals_run = n, .interval_steps = interval_steps, .draws = draws};
  memset(t.id, 3, sizeof t.id);
  t.steps_run = (uint32_t)(n - 1) * interval_steps + last_steps;
  return t;
}

/* From the words of LEDGER 6.8 and 9.4, with Python's hashlib and struct. */
static void test_known(void **state) {
  (void)state;
  static const uint16_t ten[] = {1, 4, 6, 8}, sixteen[] = {2, 4, 6, 8, 10, 12, 14, 16};
  uint16_t set[TRACE_INTERVALS_MAX], interval[SEAT_DRAWS_MAX], inner[SEAT_DRAWS_MAX];
  uint8_t beacon[32], beta[64];
  memset(beacon, 5, sizeof beacon);
  memset(beta, 6, sizeof beta);
  for (uint16_t n = 1; n <= 3; n++) {
    struct task_record t = run_of(n, 4, 4, 2);
    assert_int_equal(audit_draw_set(&t, beacon, set), 1);
    assert_int_equal(set[0], 1);
  }
  struct task_record t = run_of(16, 4, 4, 2);
  assert_int_equal(audit_draw_set(&t, beacon, set), 8);
  assert_memory_equal(set, sixteen, sizeof sixteen);
  t = run_of(10, 4, 1, 4);
  assert_int_equal(audit_draw_set(&t, beacon, set), 4);
  assert_memory_equal(set, ten, sizeof ten);
  static const uint16_t four_inner[] = {1, 2, 3, 2};
  assert_int_equal(audit_draw(&t, set, 4, beta, false, interval, inner), 4);
  assert_memory_equal(interval, ten, sizeof ten);
  assert_memory_equal(inner, four_inner, sizeof four_inner);
  t.draws = 2;
  assert_int_equal(audit_draw(&t, set, 4, beta, false, interval, inner), 2);
  assert_int_equal(interval[0], 1);
  assert_int_equal(interval[1], 4);
  assert_int_equal(inner[0], 3);
  assert_int_equal(inner[1], 3);
  t = run_of(5, 4, 1, 2);
  static const uint16_t all[] = {1, 2, 3, 4, 5}, full_inner[] = {3, 0, 3, 0, 0};
  assert_int_equal(audit_draw(&t, NULL, 0, beta, true, interval, inner), 5);
  assert_memory_equal(interval, all, sizeof all);
  assert_memory_equal(inner, full_inner, sizeof full_inner);
}

static void test_seal(void **state) {
  (void)state;
  static const uint8_t known[32] = {0x85, 0x4c, 0x00, 0xce, 0xda, 0x82, 0x4c, 0x6c, 0x40, 0xca, 0x4b,
                                    0x53, 0xfb, 0xdc, 0xef, 0x51, 0xf7, 0x22, 0xe4, 0xdc, 0x20, 0x68,
                                    0x42, 0x78, 0x93, 0x03, 0xb6, 0x0f, 0x83, 0x02, 0x49, 0xed};
  uint8_t genesis[32], seat[SEAT_ID_BYTES], account[32], salt[32], ends[64], hash[32];
  memset(genesis, 2, sizeof genesis);
  memset(seat, 3, TASK_ID_BYTES);
  seat[34] = 1;
  seat[35] = 4;
  memset(account, 7, sizeof account);
  memset(salt, 8, sizeof salt);
  memset(ends, 9, 32);
  memset(ends + 32, 10, 32);
  audit_seal_hash(genesis, seat, account, salt, ends, 2, hash);
  assert_memory_equal(hash, known, sizeof hash);
}

static void number_beacon(uint32_t number, uint8_t beacon[32]) { sha256(&number, sizeof number, beacon); }

/* "The set never holds two neighbours"; and nothing more could be added; "Size >= ceil(N_c/3) always". */
static void test_sets(void **state) {
  (void)state;
  uint16_t set[TRACE_INTERVALS_MAX];
  uint8_t beacon[32];
  for (uint32_t k = 0; k < 3000; k++) {
    uint16_t n = (uint16_t)(1 + k % TRACE_INTERVALS_MAX);
    struct task_record t = run_of(n, 1, 1, 1);
    bool in[TRACE_INTERVALS_MAX + 1] = {false};
    number_beacon(k, beacon);
    uint16_t count = audit_draw_set(&t, beacon, set);
    assert_true(count >= (n + 2) / 3 && count >= 1);
    for (uint16_t i = 0; i < count; i++) {
      assert_true(set[i] >= 1 && set[i] <= n && (i == 0 || set[i] > set[i - 1]));
      in[set[i]] = true;
    }
    for (uint16_t i = 1; i <= n; i++) {
      bool before = in[i == 1 ? n : i - 1], after = in[i == n ? 1 : i + 1];
      if (n > 1) assert_true(in[i] ? !before && !after : before || after);
    }
  }
}

/* "about 0.432 N_c on average", "Every interval is in some seat's draw with the same chance m/N". Counts of 20,000
 * draws lie within five times their deviation. */
static void test_even(void **state) {
  (void)state;
  enum { N = 64, DRAWS = 20000, M = 2 };
  uint32_t drawn[N + 1] = {0}, sum = 0, inner_sum[4] = {0};
  uint16_t set[TRACE_INTERVALS_MAX], interval[SEAT_DRAWS_MAX], inner[SEAT_DRAWS_MAX];
  uint8_t beacon[32], beta[64];
  struct task_record t = run_of(N, 4, 4, M);
  for (uint32_t k = 0; k < DRAWS; k++) {
    number_beacon(k, beacon);
    number_beacon(k + 1000000, beta);
    memcpy(beta + 32, beacon, 32);
    uint16_t count = audit_draw_set(&t, beacon, set);
    sum += count;
    assert_int_equal(audit_draw(&t, set, count, beta, false, interval, inner), M);
    assert_true(interval[0] < interval[1]);
    for (uint32_t d = 0; d < M; d++) {
      assert_true(inner[d] >= 1 && inner[d] <= 3);
      drawn[interval[d]]++;
      inner_sum[inner[d]]++;
    }
  }
  assert_true(sum > DRAWS * N / 1000 * 430 && sum < DRAWS * N / 1000 * 435);
  for (uint32_t i = 1; i <= N; i++) assert_true(abs((int)drawn[i] - DRAWS * M / N) < 125); /* 5 * sqrt(625) */
  for (uint32_t i = 1; i <= 3; i++) assert_true(abs((int)inner_sum[i] - DRAWS * M / 3) < 475);
}

/* Of a run that ended early, and of a last interval that is short. */
static void test_steps(void **state) {
  (void)state;
  struct task_record t = run_of(3, 5, 2, 1);
  assert_int_equal(audit_steps(&t, 1), 5);
  assert_int_equal(audit_steps(&t, 2), 5);
  assert_int_equal(audit_steps(&t, 3), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known), cmocka_unit_test(test_seal),  cmocka_unit_test(test_sets),
      cmocka_unit_test(test_even),  cmocka_unit_test(test_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
