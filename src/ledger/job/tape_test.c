/* The registry of tables and tapes: what is kept, what is refused, when it is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/sha256.h"
#include "ledger/job/posted.h"
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
  assert_int_equal(post_tapes(&b, &gas), CHAIN_TAPE);
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
  assert_int_equal(post_tapes(&b, &gas), CHAIN_TAPE);
  b.layout_length = 3;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_TAPE);
  b.layout_length = 0;
  assert_int_equal(post_tapes(&b, &gas), CHAIN_TAPE);
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
      TEST(test_tape),       TEST(test_tape_again), TEST(test_tape_refused),
      TEST(test_two_tables), TEST(test_largest),    TEST(test_hold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
