/* Jobs: every condition of a posting one by one, what it takes, the seed, and the record. */
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

/* Row 1 is on the log: who paid what into which escrow, and what for. */
static void test_posted(void **state) {
  (void)state;
  uint8_t job[32], task[TASK_ID_BYTES], root[32];
  assert_int_equal(world_tape(&w, &why), CHAIN_OK);
  world_body(&w, &p, 2, 40, 8);
  p.body.spec_hash = w.table_hash; /* any */
  assert_int_equal(world_post(&w, &p, 1, job, &why), CHAIN_OK);
  uint64_t escrow = world_escrow(&w, job);
  p.body.reserve = UINT64_MAX / 2;
  assert_int_equal(world_post(&w, &p, 2, task, &why), CHAIN_FUNDS); /* not posted: not told */
  world_block(&w);
  assert_int_equal(w.receipts, 1);
  const struct receipt *r = &w.receipt[0];
  job_task_id(job, 0, task);
  state_zero_root(4, root);
  assert_int_equal(r->kind, RECEIPT_POSTED);
  assert_int_equal(r->reason, REASON_NONE);
  assert_memory_equal(r->task, task, sizeof task);
  assert_memory_equal(r->account, w.actor[0].account, 32);
  assert_memory_equal(r->spec_hash, w.table_hash, 32);
  assert_memory_equal(r->start_root, root, 32);
  struct job_stored stored;
  assert_true(job_find(&w.c, job, &stored));
  job_root(&stored.record.job, root);
  assert_memory_equal(r->final_root, root, 32);
  assert_int_equal(r->figure, stored.record.figure);
  assert_memory_equal(w.content, root, 32); /* LEDGER 18.8 */
  assert_int_equal(r->seat, SEAT_NONE);
  assert_int_equal(r->steps, 80);
  assert_int_equal(r->seed_mode, 1);
  assert_int_equal(r->level, 2);
  assert_int_equal(r->seats, 3);
  assert_int_equal(r->draws, 2);
  assert_int_equal(r->parameters, 1);
  const uint64_t amounts[] = {escrow, 5000000, 5000000};
  const uint8_t kinds[] = {POCKET_ESCROW, POCKET_BURNED, POCKET_VALIDATORS};
  assert_int_equal(w.payments, 3);
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(w.payment[i].row, ROW_POST);
    assert_int_equal(w.payment[i].from.kind, POCKET_BALANCE);
    assert_memory_equal(w.payment[i].from.id, w.actor[0].account, 32);
    assert_int_equal(w.payment[i].to.kind, kinds[i]);
    assert_int_equal(w.payment[i].amount, amounts[i]);
  }
  assert_memory_equal(w.payment[0].to.id, job, 32);
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

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(test_post),   TEST(test_posted), TEST(test_seed),           TEST(test_refused), TEST(test_refused_size),
      TEST(test_figure), TEST(test_record), TEST(test_record_longest), TEST(test_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
