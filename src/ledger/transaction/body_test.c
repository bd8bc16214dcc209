/* Bodies of every type: they come back as they went, and each field has its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "ledger/transaction/example.h"

enum { DRAWS = 12000, BODY_MAX = TRANSACTION_TAPE_BYTES_MAX };
static uint8_t bytes[BODY_MAX], again[BODY_MAX];
static struct example drawn, back;

static struct transaction around(uint8_t type, const uint8_t *body, size_t length) {
  return (struct transaction){.type = type, .body = body, .body_length = (uint32_t)length};
}

static bool taken(uint8_t type, size_t length) {
  struct transaction t = around(type, bytes, length);
  return body_check(&t, NULL);
}

static void bodies_of_every_type_come_back(void **state) {
  (void)state;
  uint64_t seed = 20;
  for (uint32_t k = 0; k < EXAMPLE_TYPES; k++)
    for (uint32_t i = 0; i < DRAWS; i++) {
      example_draw(&drawn, example_type[k], &seed);
      size_t length = example_put(&drawn, bytes, sizeof bytes);
      struct transaction t = around(example_type[k], bytes, length);
      if (!length || !example_take(&t, &back) || !example_equal(&drawn, &back))
        fail_msg("%s, draw %u", transaction_type_name(t.type), i);
      assert_int_equal(example_put(&back, again, sizeof again), length);
      assert_memory_equal(bytes, again, length);
      assert_int_equal(example_put(&drawn, again, length - 1), 0);
      t.body_length++; /* a byte left over */
      bytes[length] = 0;
      assert_false(body_check(&t, NULL));
    }
}

/* The height of paths follows from the length, so a cut PUBLISH or OPEN can be a good one with shorter paths. Nothing
 * else can, and nothing reads beyond the cut: the bytes lie in a block of their own. */
static void a_cut_body_is_refused_or_another_body(void **state) {
  (void)state;
  uint64_t seed = 21;
  for (uint32_t k = 0; k < EXAMPLE_TYPES; k++)
    for (uint32_t n = 0; n < 8; n++) {
      uint8_t type = example_type[k];
      example_draw(&drawn, type, &seed);
      size_t length = example_put(&drawn, bytes, sizeof bytes), step = 1 + length / 4000;
      for (size_t cut = 0; cut < length; cut += step) {
        uint8_t *block = malloc(cut ? cut : 1);
        memcpy(block, bytes, cut);
        struct transaction t = around(type, block, cut);
        if (example_take(&t, &back)) {
          assert_true(type == TRANSACTION_PUBLISH || type == TRANSACTION_OPEN);
          assert_int_equal(example_put(&back, again, sizeof again), cut);
          assert_memory_equal(block, again, cut);
        }
        free(block);
      }
    }
}

static void a_refused_body_writes_nothing(void **state) {
  (void)state;
  static struct example before;
  uint64_t seed = 22;
  for (uint32_t k = 0; k < EXAMPLE_TYPES; k++) {
    memset(&back, 0x5a, sizeof back);
    back.type = example_type[k];
    before = back;
    example_draw(&drawn, example_type[k], &seed);
    size_t length = example_put(&drawn, bytes, sizeof bytes);
    struct transaction t = around(example_type[k], bytes, length - 1);
    if (example_take(&t, &back)) fail_msg("%s", transaction_type_name(t.type));
    assert_memory_equal(&back, &before, sizeof back);
  }
}

static void a_body_belongs_to_its_type(void **state) {
  (void)state;
  uint64_t seed = 23;
  struct body_offer offer;
  struct body_stake stake;
  example_draw(&drawn, TRANSACTION_OFFER, &seed);
  size_t length = example_put(&drawn, bytes, sizeof bytes);
  struct transaction t = around(TRANSACTION_OFFER, bytes, length);
  assert_true(body_offer_take(&t, &offer, NULL));
  assert_false(body_stake_take(&t, &stake, NULL));
  for (uint32_t type = 0; type < 256; type++) {
    t.type = (uint8_t)type;
    assert_int_equal(body_check(&t, NULL), type == TRANSACTION_OFFER);
  }
}

/* One field of one byte or two: at `at`, good from least to most. All else stays as drawn. */
static void bounded(uint8_t type, size_t length, size_t at, size_t width, uint32_t least, uint32_t most) {
  uint8_t before[2];
  memcpy(before, bytes + at, width);
  assert_true(taken(type, length));
  for (uint32_t x = 0; x < 1u << 8 * width; x++) {
    for (size_t i = 0; i < width; i++) bytes[at + i] = (uint8_t)(x >> 8 * i);
    if (taken(type, length) != (x >= least && x <= most))
      fail_msg("%s: %u at %zu, bounds %u to %u", transaction_type_name(type), x, at, least, most);
  }
  memcpy(bytes + at, before, width);
}

static size_t draw(uint8_t type, uint64_t seed) {
  example_draw(&drawn, type, &seed);
  return example_put(&drawn, bytes, sizeof bytes);
}

static void attempts_and_seats_are_bounded(void **state) {
  (void)state;
  static const struct {
    uint8_t type;
    bool seated;
    size_t length; /* 0: it varies */
  } row[] = {{TRANSACTION_OFFER, false, 115}, {TRANSACTION_COMMIT, false, 72}, {TRANSACTION_TAKE, true, 116},
             {TRANSACTION_PUBLISH, false, 0}, {TRANSACTION_SEAL, true, 68},    {TRANSACTION_OPEN, false, 0},
             {TRANSACTION_SHOW, true, 0},     {TRANSACTION_FETCH, true, 38}};
  for (uint32_t i = 0; i < sizeof row / sizeof *row; i++) {
    size_t length = draw(row[i].type, i);
    if (row[i].length) assert_int_equal(length, row[i].length);
    bounded(row[i].type, length, 34, 1, 1, 4);
    if (row[i].seated) bounded(row[i].type, length, 35, 1, 0, 9);
  }
}

static void keys_are_bounded(void **state) {
  (void)state;
  struct body_key b = {.index = 7, .key = (const uint8_t[32]){3}, .mask = ACCOUNT_MASK_ALL, .until_tick = 9};
  size_t length = body_key_put(&b, bytes, sizeof bytes);
  assert_int_equal(length, 43);
  bounded(TRANSACTION_KEY_SET, length, 33, 2, 0, ACCOUNT_MASK_ALL);
  bounded(TRANSACTION_KEY_SET, length, 0, 1, 1, 7);
  b.index = 0;
  assert_int_equal(body_key_put(&b, bytes, sizeof bytes), 0); /* an end of the root key */
  b.until_tick = UINT64_MAX;
  assert_int_equal(body_key_put(&b, bytes, sizeof bytes), 43);
  bounded(TRANSACTION_KEY_SET, length, 33, 2, ACCOUNT_MASK_ALL, ACCOUNT_MASK_ALL);
}

static void small_bodies_are_bounded(void **state) {
  (void)state;
  size_t length = draw(TRANSACTION_STAKE, 1);
  bounded(TRANSACTION_STAKE, length, 0, 1, 0, 4);
  length = draw(TRANSACTION_COMMIT, 2);
  bounded(TRANSACTION_COMMIT, length, 67, 1, 0, 1);
  memset(bytes + 68, 0, 4);
  assert_false(taken(TRANSACTION_COMMIT, length)); /* no steps */
  bytes[71] = 1;
  assert_true(taken(TRANSACTION_COMMIT, length));
  length = draw(TRANSACTION_FETCH, 3);
  bounded(TRANSACTION_FETCH, length, 36, 1, 0, 1);
  bounded(TRANSACTION_FETCH, length, 37, 1, 0, 1);
  draw(TRANSACTION_TRANSFER, 4);
  for (uint32_t memo = 0; memo < 256; memo++) {
    bytes[40] = (uint8_t)memo;
    assert_int_equal(taken(TRANSACTION_TRANSFER, 41 + memo), memo <= 64);
  }
  length = draw(TRANSACTION_BEACON, 5);
  assert_int_equal(length, 80);
}

static void providers_are_bounded(void **state) {
  (void)state;
  enum { AT_ENDPOINT = 2 + 1 + 4 + 32 + 80 + 32 };
  size_t length = draw(TRANSACTION_PROVIDER_SET, 9);
  uint8_t endpoint = bytes[AT_ENDPOINT];
  assert_true(endpoint > 0);
  bounded(TRANSACTION_PROVIDER_SET, length, 0, 2, 0, 15);
  bounded(TRANSACTION_PROVIDER_SET, length, length - 1, 1, 0, 1);
  for (uint8_t i = 0; i < endpoint; i++) bounded(TRANSACTION_PROVIDER_SET, length, AT_ENDPOINT + 1u + i, 1, '!', '~');
  memset(bytes + AT_ENDPOINT, '.', 300);
  for (uint32_t n = 0; n < 256; n++) {
    bytes[AT_ENDPOINT] = (uint8_t)n;
    bytes[AT_ENDPOINT + 1 + n + 8] = 1; /* available */
    assert_int_equal(taken(TRANSACTION_PROVIDER_SET, AT_ENDPOINT + 1 + n + 9), n <= 96);
    bytes[AT_ENDPOINT + 1 + n + 8] = '.';
  }
}

/* A job of 2 tapes, one section of one entry, no data, one task. */
static size_t small_post(void) {
  size_t length = draw(TRANSACTION_JOB_POST, 31);
  assert_true(length > 0);
  struct body_post *p = &drawn.b.post;
  static uint8_t roots[255 * MERKLE_BYTES]; /* for as many as a count can say */
  p->tape_root = p->data_root = roots;
  p->tapes = 2;
  p->sections = 1;
  p->section[0] = (struct job_section){.repeat = 1, .entries = 1, .entry = {{.tape = 1, .repeat = 3}}};
  p->data = 0;
  p->seed_mode = 0;
  p->seed = 0;
  p->tasks = 1;
  drawn.task[0] = (struct job_task){.steps = 3, .interval_steps = 1, .time_class = 2};
  return example_put(&drawn, bytes, sizeof bytes);
}

static void jobs_are_bounded(void **state) {
  (void)state;
  enum { TAPES = 32 + 2 + 2 + 32, SECTION = TAPES + 1 + 64 + 1, ENTRY = SECTION + 5, DATA = ENTRY + 5 };
  enum { SEED_MODE = DATA + 1 + 32 + 4 + 2, TASK = SEED_MODE + 1 + 8 + 2, LEVEL = TASK + 7 };
  const uint8_t post = TRANSACTION_JOB_POST;
  size_t length = small_post();
  assert_int_equal(length, LEVEL + 3 + 8 + 8 + 32 + 4 + 8);
  bounded(post, length, LEVEL, 1, 0, 4);
  bounded(post, length, LEVEL + 1, 1, 0, 9);
  bounded(post, length, LEVEL + 2, 1, 0, 16);
  bounded(post, length, SEED_MODE, 1, 0, 1); /* the seed is 0 */
  bounded(post, length, TASK + 4, 2, 1, 256);
  bounded(post, length, ENTRY, 1, 0, 1); /* two tapes */
  bytes[SEED_MODE + 8] = 1;
  bounded(post, length, SEED_MODE, 1, 0, 0);
  bytes[SEED_MODE + 8] = 0;
  static const size_t positive[] = {TASK, SECTION, ENTRY + 1};
  for (uint32_t i = 0; i < 3; i++) { /* u32, at least 1 */
    uint8_t before = bytes[positive[i]];
    assert_true(taken(post, length));
    bytes[positive[i]] = 0;
    assert_false(taken(post, length));
    bytes[positive[i] + 3] = 0x80;
    assert_true(taken(post, length));
    bytes[positive[i] + 3] = 0;
    bytes[positive[i]] = before;
  }
}

/* Counts, with as many things as they say. */
static void lists_of_jobs_are_bounded(void **state) {
  (void)state;
  for (uint32_t n = 0; n < 256; n++) {
    small_post();
    drawn.b.post.tapes = (uint8_t)n;
    drawn.b.post.section[0].entry[0].tape = 0;
    assert_int_equal(example_put(&drawn, bytes, sizeof bytes) > 0, n >= 1 && n <= 8);
    drawn.b.post.tapes = 1;
    drawn.b.post.data = (uint8_t)n;
    assert_true(example_put(&drawn, bytes, sizeof bytes) > 0);
    for (uint32_t i = 1; i < JOB_SECTIONS_MAX; i++) drawn.b.post.section[i] = drawn.b.post.section[0];
    drawn.b.post.sections = (uint8_t)n;
    assert_int_equal(example_put(&drawn, bytes, sizeof bytes) > 0, n >= 1 && n <= 8);
    drawn.b.post.sections = 1;
    for (uint32_t i = 1; i < JOB_ENTRIES_MAX; i++) drawn.b.post.section[0].entry[i] = drawn.b.post.section[0].entry[0];
    drawn.b.post.section[0].entries = (uint8_t)n;
    assert_int_equal(example_put(&drawn, bytes, sizeof bytes) > 0, n >= 1 && n <= 8);
  }
  static struct job_task task[1100];
  small_post();
  for (uint32_t i = 0; i < 1100; i++) task[i] = drawn.task[0];
  for (uint32_t n = 0; n < 1100; n++) {
    drawn.b.post.tasks = (uint16_t)n;
    assert_int_equal(body_post_put(&drawn.b.post, task, bytes, sizeof bytes) > 0, n >= 1 && n <= 1024);
  }
}

/* The same, but from the bytes: nine sections and nine entries that are really there. */
static void nine_of_eight_are_refused(void **state) {
  (void)state;
  enum { SECTIONS = 32 + 2 + 2 + 32 + 1 + 64 };
  size_t length = small_post();
  for (uint8_t n = 1; n <= 10; n++) {
    memcpy(again, bytes, SECTIONS);
    struct writer w = writer_over(again + SECTIONS, sizeof again - SECTIONS);
    put_u8(&w, n);
    for (uint8_t i = 0; i < n; i++) put_bytes(&w, bytes + SECTIONS + 1, 10);
    put_bytes(&w, bytes + SECTIONS + 11, length - SECTIONS - 11);
    struct transaction t = around(TRANSACTION_JOB_POST, again, SECTIONS + bytes_written(&w));
    assert_int_equal(body_check(&t, NULL), n <= 8);
    w = writer_over(again + SECTIONS, sizeof again - SECTIONS);
    put_u8(&w, 1);
    put_u32(&w, 1);
    put_u8(&w, n);
    for (uint8_t i = 0; i < n; i++) put_bytes(&w, bytes + SECTIONS + 6, 5);
    put_bytes(&w, bytes + SECTIONS + 11, length - SECTIONS - 11);
    t.body_length = (uint32_t)(SECTIONS + bytes_written(&w));
    assert_int_equal(body_check(&t, NULL), n <= 8);
  }
}

static void starts_ascend(void **state) {
  (void)state;
  struct publish_row *row = drawn.row;
  for (uint64_t seed = 1; drawn.type != TRANSACTION_PUBLISH || drawn.b.publish.count < 3; seed++)
    draw(TRANSACTION_PUBLISH, seed);
  drawn.b.publish.count = 3;
  static const struct {
    uint16_t interval[3];
    bool good;
  } rows[] = {{{1, 2, 3}, true},      {{1, 2, 256}, true}, {{254, 255, 256}, true}, {{0, 1, 2}, false},
              {{1, 2, 257}, false},   {{1, 1, 2}, false},  {{2, 1, 3}, false},      {{1, 3, 2}, false},
              {{1, 2, 65535}, false}, {{5, 5, 5}, false}};
  for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    for (uint32_t n = 0; n < 3; n++) row[n].interval = rows[i].interval[n];
    assert_int_equal(example_put(&drawn, bytes, sizeof bytes) > 0, rows[i].good);
  }
}

static void path_heights_divide_exactly(void **state) {
  (void)state;
  static uint8_t path[40 * 32];
  for (uint64_t seed = 1;; seed++) {
    draw(TRANSACTION_PUBLISH, seed);
    if (drawn.b.publish.count == 2) break;
  }
  drawn.row[0].path = drawn.row[1].path = path;
  for (uint16_t height = 0; height < 20; height++) {
    drawn.b.publish.height = height;
    size_t length = example_put(&drawn, bytes, sizeof bytes);
    assert_int_equal(length > 0, height >= 1 && height <= 9);
    for (size_t more = 1; length && more < 64; more++) assert_false(taken(TRANSACTION_PUBLISH, length + more));
  }
  for (uint64_t seed = 1;; seed++) {
    draw(TRANSACTION_OPEN, seed);
    if (drawn.b.open.leaves == 3) break;
  }
  for (uint32_t i = 0; i < 3; i++) drawn.b.open.path[i] = path;
  for (uint16_t height = 0; height < 40; height++) {
    drawn.b.open.height = height;
    size_t length = example_put(&drawn, bytes, sizeof bytes);
    assert_int_equal(length > 0, height <= 23);
    for (size_t more = 1; length && more < 96; more++) assert_false(taken(TRANSACTION_OPEN, length + more));
  }
}

static void lists_of_an_audit_are_bounded(void **state) {
  (void)state;
  static uint8_t roots[300 * 32];
  static struct publish_row row[300];
  draw(TRANSACTION_OPEN, 40);
  drawn.b.open.roots = roots;
  for (uint16_t n = 0; n < 300; n++) {
    drawn.b.open.roots_count = n;
    assert_int_equal(example_put(&drawn, bytes, sizeof bytes) > 0, n >= 2 && n <= 257);
  }
  drawn.b.open.roots_count = 2;
  for (uint32_t n = 0; n < 256; n++) {
    drawn.b.open.leaves = (uint8_t)n;
    for (uint32_t i = 0; i < 3; i++) drawn.b.open.leaf[i] = drawn.b.open.path[i] = bytes + 60000;
    assert_int_equal(example_put(&drawn, again, sizeof again) > 0, n >= 1 && n <= 3);
  }
  draw(TRANSACTION_SHOW, 41);
  drawn.b.show.ends = drawn.b.show.probes = roots;
  for (uint16_t n = 0; n < 300; n++) {
    drawn.b.show.ends_count = n;
    assert_int_equal(example_put(&drawn, bytes, sizeof bytes) > 0, n >= 1 && n <= 256);
  }
  draw(TRANSACTION_PUBLISH, 42);
  for (uint16_t n = 0; n < 300; n++) {
    row[n] = (struct publish_row){.interval = (uint16_t)(n + 1), .root = roots, .sigma = roots, .path = roots};
    drawn.b.publish.count = n;
    assert_int_equal(body_publish_put(&drawn.b.publish, row, bytes, sizeof bytes) > 0, n >= 1 && n <= 256);
  }
}

static void tapes_are_bounded(void **state) {
  (void)state;
  static uint8_t tape[TAPES_POSTED_BYTES_MAX];
  struct body_tape b = {.layout = tape, .layout_length = 5, .tapes = 1, .tape = {tape}};
  b.tape_length[0] = TAPES_POSTED_BYTES_MAX - 5;
  size_t length = body_tape_put(&b, bytes, sizeof bytes);
  assert_true(length > 0 && length + TRANSACTION_HEAD_BYTES + TRANSACTION_SPONSOR_BYTES + 64 <= 1000000);
  b.layout_length = 6;
  assert_int_equal(body_tape_put(&b, bytes, sizeof bytes), 0);
  b.tape_length[0] = 0;
  assert_int_equal(body_tape_put(&b, bytes, sizeof bytes), 0);
  b.tape_length[0] = 1;
  assert_true(body_tape_put(&b, bytes, sizeof bytes) > 0);
  b.layout_length = 0;
  assert_int_equal(body_tape_put(&b, bytes, sizeof bytes), 0);
  b.layout_length = 1;
  for (uint32_t i = 0; i < 8; i++) {
    b.tape[i] = tape;
    b.tape_length[i] = 1;
  }
  for (uint32_t n = 0; n < 256; n++) {
    b.tapes = (uint8_t)n;
    assert_int_equal(body_tape_put(&b, bytes, sizeof bytes) > 0, n >= 1 && n <= 8);
    memset(bytes, 0, 2000); /* the same from the bytes */
    bytes[0] = 1;
    bytes[5] = (uint8_t)n;
    for (uint32_t i = 0; i < n; i++) bytes[6 + 5 * i] = 1;
    assert_int_equal(taken(TRANSACTION_TAPE, 6 + 5 * n), n >= 1 && n <= 8);
  }
}

static void a_move_is_one_of_the_game(void **state) {
  (void)state;
  struct body_move b;
  size_t length = 8 + 6; /* STEP 258 of dispute 1 */
  memcpy(bytes, (const uint8_t[]){1, 0, 0, 0, 0, 0, 0, 0, 3, MOVE_STEP, 2, 0, 2, 1}, length);
  struct transaction t = around(TRANSACTION_MOVE, bytes, length);
  assert_true(body_move_take(&t, &b, NULL));
  assert_true(b.dispute == 1 && b.move == bytes + 8 && b.move_length == 6);
  bounded(TRANSACTION_MOVE, length, 8, 1, 3, 3);
  bounded(TRANSACTION_MOVE, length, 9, 1, MOVE_STEP, MOVE_STEP);
  bounded(TRANSACTION_MOVE, length, 10, 2, 2, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bodies_of_every_type_come_back),
      cmocka_unit_test(a_cut_body_is_refused_or_another_body),
      cmocka_unit_test(a_refused_body_writes_nothing),
      cmocka_unit_test(a_body_belongs_to_its_type),
      cmocka_unit_test(attempts_and_seats_are_bounded),
      cmocka_unit_test(keys_are_bounded),
      cmocka_unit_test(small_bodies_are_bounded),
      cmocka_unit_test(providers_are_bounded),
      cmocka_unit_test(jobs_are_bounded),
      cmocka_unit_test(lists_of_jobs_are_bounded),
      cmocka_unit_test(nine_of_eight_are_refused),
      cmocka_unit_test(starts_ascend),
      cmocka_unit_test(path_heights_divide_exactly),
      cmocka_unit_test(lists_of_an_audit_are_bounded),
      cmocka_unit_test(tapes_are_bounded),
      cmocka_unit_test(a_move_is_one_of_the_game),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
