/* What steps cost, by hand and against a walk step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/job/posted.h"
#include "ledger/task/world.h"

static struct world w;

static int begin(void **state) {
  (void)state;
  world_open(&w, "test", NULL);
  world_block(&w);
  return 0;
}

static int end(void **state) {
  (void)state;
  world_shut(&w);
  return 0;
}

/* Fake tapes with round counts, so that every price below is done by hand. */
static void fake_tape(uint8_t number, uint64_t dot, uint64_t body, uint64_t bytes, uint32_t temp_leaves) {
  uint8_t root[32] = {number};
  struct posted_tape t = {.bytes = 100, .records = 1, .temp_leaves = temp_leaves, .state_leaves = 1000};
  struct map_key key = map_key(MODULE_TAPE, root, 32);
  t.counts = (struct tape_counts){dot, body, bytes};
  stored_put(w.c.map, &posted_tape_kind, &key, &t);
}

/* 2 x {tape 0 once, tape 1 three times} and 1 x {tape 1 twice}: steps 0 1 1 1 0 1 1 1 1 1. */
static struct job_stored fake_job(void) {
  static struct job_stored s;
  struct job *b = &s.record.job;
  memset(&s, 0, sizeof s);
  fake_tape(1, 1000000, 2000000, 3000000, 10);
  fake_tape(2, 4000000, 100000, 500001, 24);
  b->tapes = 2;
  b->tape_root[0][0] = 1;
  b->tape_root[1][0] = 2;
  b->sections = 2;
  b->section[0] = (struct job_section){.repeat = 2, .entries = 2, .entry = {{0, 1}, {1, 3}}};
  b->section[1] = (struct job_section){.repeat = 1, .entries = 1, .entry = {{1, 2}}};
  b->first_step = 70;
  b->tasks = 2;
  b->task = s.row;
  s.row[0] = (struct job_task){.steps = 6, .interval_steps = 2, .time_class = 0};
  s.row[1] = (struct job_task){.steps = 4, .interval_steps = 3, .time_class = 1};
  s.record.seats = 3;
  s.record.draws = 2;
  s.record.price = 1500;
  return s;
}

/* The example of LEDGER 7.4. "test": tick_ms 25, so class 0 does 500,000,000 dot flops, 25,000,000 body operations and
 * 100,000,000 bytes a tick, class 1 four times that. */
static void test_cost(void **state) {
  (void)state;
  struct job_stored s = fake_job();
  struct job_cost cost;
  s.record.job.task = s.row;
  /* Task 0: steps 0 1 1 1 0 1. dot 2 * 1,000,000 + 4 * 4,000,000 = 18,000,000; body 2 * 2,000,000 + 4 * 100,000 =
   * 4,400,000; bytes 2 * 3,000,000 + 4 * 500,001 = 8,000,004. Work 18,000,000 + 8,800,000 + 4,000,002 = 30,800,002.
   * F = ceil(30,800,002 * 1500 / 10^9) = ceil(46.2) = 47. N = 3, m' = min(2, 1) = 1. phi = ceil(1.25 * 47 / 3) =
   * ceil(19.58..) = 20. X = floor(.94) = 0. Bond 94 + 60. E = 47 + 60 + 0. est = 1 + 1 + 1. Memory 4,096 * (2,000 + 24)
   * = 8,290,304 bytes: 8 MiB. */
  assert_true(job_cost(&w.c, &s.record, &w.c.parameters, 0, &cost));
  assert_int_equal(cost.work, 30800002);
  assert_int_equal(cost.fee, 47);
  assert_int_equal(cost.intervals, 3);
  assert_int_equal(cost.draws, 1);
  assert_int_equal(cost.seat_fee, 20);
  assert_int_equal(cost.protocol_fee, 0);
  assert_int_equal(cost.bond, 154);
  assert_int_equal(cost.escrow, 107);
  assert_int_equal(cost.est, 3);
  assert_int_equal(cost.mem_mib, 8);
  /* Task 1: steps 1 1 1 1. dot 16,000,000; body 400,000; bytes 2,000,004: work 16,000,000 + 800,000 + 1,000,002 =
   * 17,800,002; at 10^9 grain per 10^9 work F is that. N = 2, m' = 1: phi = ceil(.625 F) = 11,125,001.25 up. X = 2 %.
   */
  s.record.price = 1000000000;
  assert_true(job_cost(&w.c, &s.record, &w.c.parameters, 1, &cost));
  assert_int_equal(cost.fee, 17800002);
  assert_int_equal(cost.intervals, 2);
  assert_int_equal(cost.seat_fee, 11125002);
  assert_int_equal(cost.protocol_fee, 356000);
  assert_int_equal(cost.escrow, 17800002 + 3 * 11125002 + 356000);
  assert_int_equal(cost.bond, 2 * 17800002 + 3 * 11125002);
  /* `full`: m' = min(m, N), phi = ceil(1.25 F). */
  s.record.job.level = 4;
  assert_true(job_cost(&w.c, &s.record, &w.c.parameters, 1, &cost));
  assert_int_equal(cost.draws, 2);
  assert_int_equal(cost.seat_fee, 22250003); /* 22,250,002.5 up */
}

static void test_cost_limits(void **state) {
  (void)state;
  struct job_stored s = fake_job();
  struct job_cost cost;
  s.record.job.task = s.row;
  s.record.price = UINT64_MAX;
  assert_false(job_cost(&w.c, &s.record, &w.c.parameters, 0, &cost));
  s.record.price = 1;
  s.row[0].time_class = 3; /* three classes: 0, 1, 2 */
  assert_false(job_cost(&w.c, &s.record, &w.c.parameters, 0, &cost));
  s.row[0].time_class = 0;
  fake_tape(1, UINT64_MAX / 2, 0, 0, 0); /* two steps of it fit in the sum, the others do not on top */
  assert_false(job_cost(&w.c, &s.record, &w.c.parameters, 0, &cost));
  fake_tape(1, 0, 0, 0, 0);
  fake_tape(2, 0, 0, 0, 0);
  assert_true(job_cost(&w.c, &s.record, &w.c.parameters, 0, &cost));
  assert_int_equal(cost.est, 1);
  assert_int_equal(cost.fee, 0);
  s.record.job.tape_root[1][0] = 9;
  assert_false(job_cost(&w.c, &s.record, &w.c.parameters, 0, &cost));
}

/* Ranges of steps against a walk step by step, over schedules drawn at random. */
static void test_ticks_twin(void **state) {
  (void)state;
  uint64_t seed = 7;
  for (uint32_t i = 0; i < 8; i++) fake_tape((uint8_t)(i + 1), 1u << (3 * i), 0, 0, 0);
  struct parameters rate = w.c.parameters;
  rate.class[0] = (struct parameter_class){1, 1, 1, 1};
  for (uint32_t round = 0; round < 300; round++) {
    struct job_stored s = {.record = {.job = {.tapes = 8, .tasks = 1}}};
    struct job *b = &s.record.job;
    b->sections = (uint8_t)(1 + example_next(&seed) % JOB_SECTIONS_MAX);
    b->first_step = (uint32_t)(example_next(&seed) % 1000);
    for (uint32_t k = 0; k < 8; k++) b->tape_root[k][0] = (uint8_t)(k + 1);
    for (uint32_t i = 0; i < b->sections; i++) {
      b->section[i].repeat = (uint32_t)(1 + example_next(&seed) % 4);
      b->section[i].entries = (uint8_t)(1 + example_next(&seed) % JOB_ENTRIES_MAX);
      for (uint32_t n = 0; n < b->section[i].entries; n++)
        b->section[i].entry[n] =
            (struct job_entry){(uint8_t)(example_next(&seed) % 8), (uint32_t)(1 + example_next(&seed) % 5)};
    }
    uint32_t length = job_steps(b), first = (uint32_t)(example_next(&seed) % length);
    uint32_t steps = (uint32_t)(1 + example_next(&seed) % (length - first));
    uint64_t sum = 0;
    for (uint32_t i = first; i < first + steps; i++) sum += UINT64_C(1) << (3 * job_tape(b, i));
    assert_int_equal(job_ticks(&w.c, &s.record, &rate, 0, b->first_step + first, steps), sum);
  }
}

static void test_interval_ticks(void **state) {
  (void)state;
  struct job_stored s = fake_job();
  struct parameters rate = w.c.parameters;
  s.record.job.task = s.row;
  rate.class[0] = (struct parameter_class){1000000, 1000000, 1000000, 1};
  /* Intervals of task 0: 01, 11, 01. 0 and 1: 5 dot, 2.1 body, 3.500001 bytes: 5 + 3 + 4 = 12. 1 and 1: 8 + 1 + 2. */
  assert_int_equal(job_interval_ticks(&w.c, &s.record, &rate, 0), 12);
  assert_int_equal(job_first_step(&s.record, 0), 70);
  assert_int_equal(job_first_step(&s.record, 1), 76);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(test_cost),
      TEST(test_cost_limits),
      TEST(test_ticks_twin),
      TEST(test_interval_ticks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
