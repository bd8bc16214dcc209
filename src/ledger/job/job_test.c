/* Tapes and jobs: what is posted, what it costs by hand, every condition of a posting one by one, and their records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "commit/state/state.h"
#include "crypto/sha256.h"
#include "ledger/job/posted.h"
#include "ledger/job/table.h"
#include "ledger/task/world.h"
#include "tape/check/check.h"

static struct world w;
static struct world_post p;
static struct why why;

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

/* The example: 13 records, 9 temp leaves, 4 state leaves; counts as example.c works them out. */
static void test_tape(void **state) {
  (void)state;
  struct posted_tape t;
  struct posted_table l;
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  assert_true(job_tape_find(&w.c, w.tape_root, &t));
  assert_int_equal(t.records, 13);
  assert_int_equal(t.temp_leaves, 9);
  assert_int_equal(t.state_leaves, 4);
  assert_int_equal(t.bytes, w.tape_length);
  assert_int_equal(t.counts.dot_flops, 48);
  assert_int_equal(t.counts.body_ops, 1264);
  assert_int_equal(t.counts.bytes, 932);
  assert_int_equal(t.data[0], 1 | 1 << 2 | 1 << 5);
  assert_int_equal(t.use.until_tick, w.c.now.tick + 10000);
  assert_true(job_table_find(&w.c, w.table_hash, &l));
  assert_int_equal(l.state_leaves, 4);
  assert_int_equal(l.data_count, 6);
  assert_int_equal(l.data_leaves[0], 1);
  assert_int_equal(l.data_leaves[5], 3);
  struct map_value bytes = posted_table_bytes(&w.c, w.table_hash);
  assert_int_equal(bytes.length, w.table_length);
  assert_memory_equal(bytes.bytes, w.table, w.table_length);
}

static enum chain_code post_tapes(struct body_tape *b, uint64_t *gas) {
  world_begin(&w);
  return world_end(&w, job_tape_post(&w.c, b, &w.memory, gas, &why));
}

static struct body_tape example_body(void) {
  struct body_tape b = {.layout = w.table, .layout_length = w.table_length, .tapes = 1};
  b.tape[0] = w.tape;
  b.tape_length[0] = w.tape_length;
  return b;
}

/* LEDGER 7.3: "A known root again is a no-op that renews its entry" */
static void test_tape_again(void **state) {
  (void)state;
  struct body_tape b = example_body();
  struct posted_tape t;
  uint64_t gas = 0;
  size_t used = w.memory.used_bytes;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_OK);
  assert_int_equal(gas, 13 * 20);
  for (uint32_t i = 0; i < 9000; i++) w.c.now.tick++;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_OK);
  assert_int_equal(gas, 0);
  assert_int_equal(w.memory.used_bytes, used);
  for (uint32_t i = 0; i < 9999; i++) w.c.now.tick++;
  world_block(&w); /* tick 19,000 after the first: not yet */
  assert_true(job_tape_find(&w.c, w.tape_root, &t));
  world_block(&w);
  assert_false(job_tape_find(&w.c, w.tape_root, &t));
  struct map_key prefix = map_key(MODULE_TABLE, NULL, 0), key;
  assert_false(map_next(w.c.map, &prefix, NULL, &key, NULL)); /* nor the table, nor its bytes */
}

static void test_tape_refused(void **state) {
  (void)state;
  struct body_tape b = example_body();
  struct posted_tape t;
  uint8_t other[sizeof w.tape], table[sizeof w.table];
  uint64_t gas;
  size_t used = w.memory.used_bytes;
  /* the second tape is cut: the first is not stored either */
  b.tapes = 2;
  b.tape[1] = w.tape;
  b.tape_length[1] = w.tape_length - 1;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_MALFORMED);
  assert_false(job_tape_find(&w.c, w.tape_root, &t));
  /* a header that says another count is no program */
  struct example e = w.example;
  e.tape.layout.entry = e.entry;
  e.tape.record = e.record;
  e.tape.counts.bytes++;
  b = example_body();
  b.tape[0] = other;
  b.tape_length[0] = (uint32_t)tape_write(&e.tape, other, sizeof other);
  assert_int_equal(post_tapes(&b, &gas), CHAIN_TAPE);
  /* a table of which the tape's is no cut: a state entry has another name */
  memcpy(table, w.table, w.table_length);
  for (uint32_t i = 0; i + 5 < w.table_length; i++)
    if (memcmp(table + i, "count", 5) == 0) table[i] = 'k';
  b = example_body();
  b.layout = table;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_TAPE);
  /* the tape's own table lists data 0, 2, 5: a full one has to have them all */
  struct layout own = w.example.tape.layout;
  b.layout_length = (uint32_t)layout_encode(&own, table, sizeof table);
  assert_int_equal(post_tapes(&b, &gas), CHAIN_MALFORMED);
  b.layout_length = 3;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_MALFORMED);
  b.layout_length = 0;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_MALFORMED);
  assert_int_equal(w.memory.used_bytes, used);
  /* an arena that is too small is a refusal, not an end */
  struct arena small = arena_over(table, sizeof table);
  b = example_body();
  world_begin(&w);
  assert_int_equal(world_end(&w, job_tape_post(&w.c, &b, &small, &gas, &why)), CHAIN_LIMIT);
}

/* A tape belongs to every table it was posted with, and to no other. */
static void test_two_tables(void **state) {
  (void)state;
  uint8_t table[sizeof w.table], job[32];
  struct posted_table l;
  memcpy(table, w.table, w.table_length);
  for (uint32_t i = 0; i + 2 < w.table_length; i++)
    if (memcmp(table + i, "d1", 2) == 0) table[i] = 'e'; /* a data tensor that the tape does not read */
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  struct body_tape b = example_body();
  uint64_t gas;
  b.layout = table;
  world_body(&w, &p, 1, 40, 8);
  uint8_t hash[32];
  sha256(table, w.table_length, hash);
  p.body.layout_hash = hash;
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_UNKNOWN);
  assert_int_equal(post_tapes(&b, &gas), CHAIN_OK);
  assert_int_equal(gas, 0); /* the tape is known */
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  world_body(&w, &p, 1, 40, 8);
  assert_int_equal(world_post(&w, &p, 2, job, &why), CHAIN_OK);
  assert_true(job_table_find(&w.c, hash, &l));
  assert_int_equal(l.use.jobs, 1);
  /* without the record of the cut there is no job */
  struct posted_tape t;
  assert_true(job_tape_find(&w.c, w.tape_root, &t));
  assert_int_equal(t.use.jobs, 2);
  struct map_key key = posted_cut_key(w.table_hash, t.data);
  assert_true(map_erase(w.c.map, &key));
  assert_int_equal(world_post(&w, &p, 3, job, &why), CHAIN_TAPE);
}

/* The most records that a tape may have, and a table of as many entries as fit beside them: arena and gas suffice. */
static void test_largest(void **state) {
  (void)state;
  enum { STATES = 16000 };
  static struct tape_record record[TAPE_RECORDS_MAX];
  static struct layout_entry entry[STATES];
  static uint8_t table[TAPES_POSTED_BYTES_MAX], tape[TAPES_POSTED_BYTES_MAX];
  struct arena memory;
  uint64_t gas;
  for (uint32_t i = 0; i < STATES; i++) {
    entry[i] = (struct layout_entry){.dtype = TAPE_I32, .rank = 1, .dim = {1}};
    snprintf(entry[i].name, sizeof entry[i].name, i ? "%x" : "diverged", i);
  }
  for (uint32_t i = 0; i < TAPE_RECORDS_MAX; i++) {
    bool out = i < STATES;
    record[i] = example_record(TAPE_MAP, TAPE_I32, out ? TAPE_OUT : TAPE_TEMP, out ? i : i - STATES);
    example_dims(&record[i], 1, 0, (uint32_t[]){1});
    example_op(&record[i], 0x53, 0, 0, 0); /* step */
  }
  struct tape t = {.records_count = TAPE_RECORDS_MAX,
                   .temp_leaves = TAPE_RECORDS_MAX - STATES,
                   .state_leaves = STATES,
                   .layout = {.state_count = STATES, .entry = entry},
                   .record = record};
  layout_place(&t.layout);
  assert_true(tape_count(&t, &t.counts));
  struct body_tape b = {.layout = table, .tapes = 1};
  b.layout_length = (uint32_t)layout_encode(&t.layout, table, sizeof table);
  b.tape[0] = tape;
  b.tape_length[0] = (uint32_t)tape_write(&t, tape, sizeof tape);
  assert_true(b.layout_length && b.tape_length[0]);
  print_message("%u bytes of tape, %u of table\n", b.tape_length[0], b.layout_length);
  assert_true(b.layout_length + b.tape_length[0] <= TAPES_POSTED_BYTES_MAX);
  assert_true(arena_open(&memory, JOB_TAPE_MEMORY_BYTES));
  world_begin(&w);
  assert_int_equal(world_end(&w, job_tape_post(&w.c, &b, &memory, &gas, &why)), CHAIN_OK);
  assert_int_equal(gas, 20 * TAPE_RECORDS_MAX);
  arena_shut(&memory);
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

/* What posting takes, to the grain. 40 steps of 48 + 2 * 1264 + 466 = 3,042: work 121,680, at 10^13 grain per 10^9 F =
 * 1,216,800,000. N = 5, m' = 2: phi = ceil(1.25 F * 2 / 5) = 608,400,000; X = 24,336,000. */
static void test_post(void **state) {
  (void)state;
  uint8_t job[32], root[32];
  struct job_stored s;
  struct posted_tape t;
  const uint64_t escrow = UINT64_C(1216800000) + 3 * UINT64_C(608400000) + 24336000, before = world_balance(&w, 0);
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 2, 40, 8);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  assert_int_equal(before - world_balance(&w, 0), 2 * escrow + 5000 + 10000000);
  assert_int_equal(world_escrow(&w, job), 2 * escrow + 5000);
  assert_int_equal(w.c.now.burned, 5000000);
  assert_int_equal(w.c.now.validators_pool, 5000000);
  assert_true(job_find(&w.c, job, &s));
  assert_int_equal(s.record.state, JOB_LIVE);
  assert_int_equal(s.record.job.tasks, 2);
  assert_int_equal(s.row[1].steps, 40);
  state_zero_root(4, root);
  assert_memory_equal(s.record.last_root, root, 32);
  uint32_t leaf;
  assert_true(job_figure(&w.c, &s.record, &leaf));
  assert_int_equal(leaf, 3);
  assert_true(job_tape_find(&w.c, w.tape_root, &t));
  assert_int_equal(t.use.jobs, 1);
}

/* LEDGER 7.9. The seed is kept: the beacon may be forgotten. */
static void test_seed(void **state) {
  (void)state;
  uint8_t job[32], beacon[32], bytes[13 + 64], hash[32];
  struct job_stored s;
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 1, 40, 8);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  assert_true(job_find(&w.c, job, &s));
  assert_false(job_seed(&w.c, &s.record));
  world_block(&w);
  assert_true(job_seed(&w.c, &s.record));
  chain_beacon(&w.c, w.c.now.height, beacon);
  memcpy(bytes, "assay/seed/1", 13);
  memcpy(bytes + 13, job, 32);
  memcpy(bytes + 45, beacon, 32);
  sha256(bytes, sizeof bytes, hash);
  uint64_t seed = 0;
  for (uint32_t i = 0; i < 8; i++) seed |= (uint64_t)hash[i] << (8 * i);
  assert_int_equal(s.record.seed, seed);
  assert_int_equal(s.record.job.seed, 0); /* the job root says 0 for a drawn one: PROTOCOL M3.1 */
  assert_true(job_find(&w.c, job, &s));
  assert_true(s.record.seeded);
  p.body.seed_mode = 0;
  p.body.seed = 12;
  assert_int_equal(world_post(&w, &p, 2, job, &why), CHAIN_OK);
  assert_true(job_find(&w.c, job, &s));
  assert_true(job_seed(&w.c, &s.record));
  assert_int_equal(s.record.seed, 12);
  assert_int_equal(s.record.job.seed, 12);
}

/* Each condition of LEDGER 7.5 broken alone; `words` say that it was this one. */
static void refused(enum chain_code code, const char *words) {
  uint8_t job[32];
  struct job_stored s;
  assert_int_equal(world_post(&w, &p, 1, job, &why), code);
  if (!strstr(why.text, words)) fail_msg("\"%s\" instead of \"%s\"", why.text, words);
  assert_false(job_find(&w.c, job, &s));
  assert_int_equal(w.c.now.live, 0);
  world_body(&w, &p, 2, 40, 8);
}

static void test_refused(void **state) {
  (void)state;
  const uint64_t escrow = UINT64_C(1216800000) + 3 * UINT64_C(608400000) + 24336000;
  const uint8_t other[32] = {9};
  uint8_t job[32];
  world_body(&w, &p, 2, 40, 8);
  refused(CHAIN_UNKNOWN, "its layout table is not posted");
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  p.body.layout_hash = other;
  refused(CHAIN_UNKNOWN, "its layout table is not posted");
  p.body.tape_root = other;
  refused(CHAIN_UNKNOWN, "tape 0 is not posted");
  p.body.data = 5;
  refused(CHAIN_LIMIT, "5 data roots for a table of 6");
  p.body.canon = 2;
  refused(CHAIN_LIMIT, "canon 2");
  p.body.figure = 4; /* four state entries: 0 .. 3 */
  refused(CHAIN_LIMIT, "the figure is state entry 4");
  p.body.section[0].repeat = 3;
  refused(CHAIN_LIMIT, "the schedule has 120 steps (0: too many), the tasks 80");
  p.body.section[0].repeat = UINT32_MAX;
  refused(CHAIN_LIMIT, "the schedule has 0 steps");
  p.body.first_step = 0x7fffffff - 79;
  refused(CHAIN_LIMIT, "pass 2^31 - 1");
  p.body.level = 0;
  p.body.seats = 0;
  refused(CHAIN_LIMIT, "0 seats of 2 intervals");
  p.body.level = 4;
  p.body.draws = 0;
  refused(CHAIN_LIMIT, "3 seats of 0 intervals");
  p.body.seats = 2;
  refused(CHAIN_LIMIT, "level 2 has 3 seats of 2 intervals");
  p.body.level = 3;
  refused(CHAIN_LIMIT, "level 3 has 5 seats of 4 intervals");
  p.body.level = 1;
  refused(CHAIN_LIMIT, "level 1 has 1 seats of 2 intervals");
  p.row[1].time_class = 3;
  refused(CHAIN_LIMIT, "task 1: more than 256 intervals, no class 3");
  p.body.price = 8000000; /* 121,680 * .008 up */
  refused(CHAIN_LIMIT, "task 0 pays 974 grain, at least 1000000");
  p.body.params = 0;
  refused(CHAIN_LIMIT, "parameters of version 0: 1 are in force");
  p.body.params = 2;
  refused(CHAIN_LIMIT, "parameters of version 2: 1 are in force");
  p.body.price = UINT64_MAX;
  refused(CHAIN_FUNDS, "it costs");
  p.body.reserve = UINT64_MAX;
  refused(CHAIN_FUNDS, "it costs");
  p.body.reserve = world_balance(&w, 0) - 10000000 - 2 * escrow + 1;
  refused(CHAIN_FUNDS, "it costs");
  p.body.reserve = world_balance(&w, 0) - 10000000 - 2 * escrow;
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  assert_int_equal(world_balance(&w, 0), 0);
}

static void test_refused_size(void **state) {
  (void)state;
  struct job_stored s;
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 1, 257, 1); /* 257 intervals */
  uint8_t job[32];
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_LIMIT);
  world_body(&w, &p, 1, 256, 1);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  assert_true(job_find(&w.c, job, &s));
  /* est above 2^17, then memory above the class's, then table and tape above 900 KiB */
  struct posted_tape t, good;
  struct map_key key = map_key(MODULE_TAPE, w.tape_root, 32);
  assert_true(job_tape_find(&w.c, w.tape_root, &good));
  world_body(&w, &p, 1, 40, 8);
  p.body.price = 1;
  t = good;
  t.counts.dot_flops = (uint64_t)w.c.parameters.class[0].dot_flops * 3277; /* times 40: 131,080 ticks */
  stored_put(w.c.map, &posted_tape_kind, &key, &t);
  assert_int_equal(world_post(&w, &p, 2, job, &why), CHAIN_LIMIT);
  assert_non_null(strstr(why.text, "131082 ticks"));
  t = good;
  t.temp_leaves = (4096u << 8) - 8 + 1; /* class 0: 4,096 MiB are 2^20 leaves, 8 of them state */
  stored_put(w.c.map, &posted_tape_kind, &key, &t);
  assert_int_equal(world_post(&w, &p, 2, job, &why), CHAIN_LIMIT);
  assert_non_null(strstr(why.text, "4097 MiB"));
  world_body(&w, &p, 1, 40, 8);
  t = good;
  t.bytes = TAPES_POSTED_BYTES_MAX - w.table_length + 1;
  stored_put(w.c.map, &posted_tape_kind, &key, &t);
  assert_int_equal(world_post(&w, &p, 2, job, &why), CHAIN_LIMIT);
  t.bytes--;
  stored_put(w.c.map, &posted_tape_kind, &key, &t);
  assert_int_equal(world_post(&w, &p, 2, job, &why), CHAIN_OK);
  t = good;
  t.layout_hash[0] ^= 1; /* of another table */
  stored_put(w.c.map, &posted_tape_kind, &key, &t);
  assert_int_equal(world_post(&w, &p, 3, job, &why), CHAIN_TAPE);
}

/* The figure has to be a word of four bytes: a state entry of bytes shows none. */
static void test_figure(void **state) {
  (void)state;
  uint8_t table[64], hash[32], root[32] = {5};
  uint32_t dim[3] = {1, 5000, 1};
  struct layout_entry entry[3] = {{.name = "diverged", .dtype = TAPE_I32, .rank = 1},
                                  {.name = "bytes", .dtype = TAPE_U8, .rank = 1},
                                  {.name = "loss", .dtype = TAPE_F32, .rank = 1}};
  for (uint32_t i = 0; i < 3; i++) entry[i].dim[0] = dim[i];
  struct layout l = {.state_count = 3, .entry = entry};
  size_t length = layout_encode(&l, table, sizeof table);
  struct posted_table posted = {.bytes = (uint32_t)length, .state_leaves = 4, .state_count = 3};
  struct map_key key = map_key(MODULE_TABLE, NULL, 0), bytes_key;
  sha256(table, length, hash);
  map_key_bytes(&key, hash, 32);
  bytes_key = key;
  map_key_u8(&bytes_key, 0);
  stored_put(w.c.map, &posted_table_kind, &key, &posted);
  map_put(w.c.map, &bytes_key, table, length);
  struct posted_tape t = {.records = 1, .state_leaves = 4, .counts = {1000000, 0, 0}};
  assert_true(table_cut_hash(table, length, t.data, t.layout_hash));
  assert_memory_equal(t.layout_hash, hash, 32); /* without data the cut is the whole */
  key = map_key(MODULE_TAPE, root, 32);
  stored_put(w.c.map, &posted_tape_kind, &key, &t);
  key = posted_cut_key(hash, t.data);
  map_put(w.c.map, &key, t.layout_hash, 32);
  uint8_t job[32];
  uint32_t leaf;
  struct job_stored s;
  for (uint16_t figure = 0; figure < 5; figure++) {
    world_body(&w, &p, 1, 40, 8);
    p.body.layout_hash = hash;
    p.body.tape_root = root;
    p.body.data = 0;
    p.body.price = 1000000000;
    p.body.figure = figure == 4 ? POST_FIGURE_NONE : figure;
    bool good = figure != 1 && figure != 3;
    assert_int_equal(world_post(&w, &p, figure, job, &why), good ? CHAIN_OK : CHAIN_LIMIT);
    if (!good) continue;
    assert_true(job_find(&w.c, job, &s));
    assert_int_equal(job_figure(&w.c, &s.record, &leaf), figure != 4);
    if (figure != 4) assert_int_equal(leaf, figure ? 3 : 0); /* 5,000 bytes are two leaves */
  }
}

/* A job's record: written, read, and written to the same bytes; another state of each field it refuses. */
static void test_record(void **state) {
  (void)state;
  static uint8_t bytes[STORED_BYTES_MAX], again[STORED_BYTES_MAX];
  static struct job_stored s;
  uint8_t job[32];
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 1024, 1, 1);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  assert_true(job_find(&w.c, job, &s));
  size_t length = stored_encode(&job_kind, &s, bytes, sizeof bytes);
  assert_true(length > 1024 * POST_TASK_BYTES && length <= job_kind.value_bytes_max);
  assert_true(stored_decode(&job_kind, bytes, length, &s));
  assert_int_equal(stored_encode(&job_kind, &s, again, sizeof again), length);
  assert_memory_equal(bytes, again, length);
  assert_false(stored_decode(&job_kind, bytes, length - 1, &s));
  bytes[96] = 0; /* the state */
  assert_false(stored_decode(&job_kind, bytes, length, &s));
}

/* The longest a job can be still fits its kind. */
static void test_record_longest(void **state) {
  (void)state;
  static struct job_stored s;
  static uint8_t bytes[STORED_BYTES_MAX];
  struct job *b = &s.record.job;
  memset(&s, 0, sizeof s);
  s.record.state = JOB_LIVE;
  s.record.seeded = true;
  s.record.seats = s.record.draws = 1;
  b->tapes = JOB_TAPES_MAX;
  b->sections = JOB_SECTIONS_MAX;
  b->data = JOB_DATA_MAX;
  b->tasks = POST_TASKS_MAX;
  b->task = s.row;
  for (uint32_t i = 0; i < JOB_SECTIONS_MAX; i++) {
    b->section[i] = (struct job_section){.repeat = 1, .entries = JOB_ENTRIES_MAX};
    for (uint32_t n = 0; n < JOB_ENTRIES_MAX; n++) b->section[i].entry[n].repeat = 1;
  }
  for (uint32_t i = 0; i < POST_TASKS_MAX; i++) s.row[i] = (struct job_task){1, 1, 0};
  size_t length = stored_encode(&job_kind, &s, bytes, sizeof bytes);
  assert_int_equal(length, job_kind.value_bytes_max);
  assert_true(stored_decode(&job_kind, bytes, length, &s));
}

static void assert_hex(const uint8_t *bytes, size_t length, const char *hex) {
  for (size_t i = 0; i < length; i++) {
    char pair[3];
    snprintf(pair, sizeof pair, "%02x", bytes[i]);
    assert_memory_equal(pair, hex + 2 * i, 2);
  }
}

/* The known answers of LEDGER 7.8 and 7.9. */
static void test_known(void **state) {
  (void)state;
  uint8_t account[32], id[32], task[TASK_ID_BYTES], beacon[32];
  static struct job_stored s;
  memset(w.c.genesis, 2, 32);
  memset(account, 7, 32);
  memset(beacon, 5, 32);
  job_id(&w.c, account, 1, 5, id);
  assert_hex(id, 32, "c152686f115d7b05fdea33daff4e68e913ab81a3cfeb927a438422806948105f");
  job_task_id(id, 0x0203, task);
  assert_memory_equal(task, id, 32);
  assert_int_equal(task[32], 3);
  assert_int_equal(task[33], 2);
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 1, 40, 8);
  uint8_t job[32];
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  assert_true(job_find(&w.c, job, &s));
  memcpy(s.record.id, id, 32);
  chain_beacon_store(&w.c, s.record.posted_height + 1, beacon);
  assert_true(job_seed(&w.c, &s.record));
  assert_true(s.record.seed == UINT64_C(2086828577788720007));
}

/* A live job keeps its tape and its table; when it has ended, their time runs out. */
static void test_hold(void **state) {
  (void)state;
  uint8_t job[32];
  struct job_stored s;
  struct posted_tape t;
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 1, 40, 8);
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  uint8_t task[TASK_ID_BYTES];
  job_task_id(job, 0, task);
  struct task_record r = world_task(&w, task);
  timer_disarm(&w.c, r.armed, r.wait, TIMER_TASK, task, sizeof task); /* it stays live here for ever */
  w.c.now.tick += 10000;
  world_block(&w);
  assert_true(job_tape_find(&w.c, w.tape_root, &t));
  assert_int_equal(t.use.until_tick, w.c.now.tick + 10000);
  assert_true(job_find(&w.c, job, &s));
  job_end(&w.c, &s.record, JOB_DONE);
  assert_true(job_tape_find(&w.c, w.tape_root, &t));
  assert_int_equal(t.use.jobs, 0);
  w.c.now.tick += 10000;
  world_block(&w);
  assert_false(job_tape_find(&w.c, w.tape_root, &t));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(test_tape),        TEST(test_tape_again),     TEST(test_tape_refused),   TEST(test_cost),
      TEST(test_cost_limits), TEST(test_ticks_twin),     TEST(test_interval_ticks), TEST(test_post),
      TEST(test_seed),        TEST(test_refused),        TEST(test_refused_size),   TEST(test_record),
      TEST(test_known),       TEST(test_record_longest), TEST(test_hold),           TEST(test_figure),
      TEST(test_two_tables),  TEST(test_largest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
