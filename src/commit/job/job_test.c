/* Jobs: a known root, every field under it, the schedule against one written out step by step, and interval lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "commit/job/job.h"
#include "crypto/sha256.h"

static struct job_task tasks[2];

static struct job sample(void) {
  struct job j = {
      .canon = 1, .lower = 1, .seed = 0x1122334455667788, .first_step = 7, .level = 2, .tapes = 2, .sections = 2};
  memset(j.tape_root[0], 0x11, MERKLE_BYTES);
  memset(j.tape_root[1], 0x22, MERKLE_BYTES);
  j.section[0] = (struct job_section){.repeat = 1, .entries = 1, .entry = {{0, 1}}};
  j.section[1] = (struct job_section){.repeat = 10, .entries = 2, .entry = {{1, 4}, {0, 1}}};
  tasks[0] = (struct job_task){40, 16, 3};
  tasks[1] = (struct job_task){11, 16, 3};
  j.tasks = 2;
  j.task = tasks;
  memset(j.layout_hash, 0x33, MERKLE_BYTES);
  memset(j.start_root, 0x44, MERKLE_BYTES);
  j.data = 1;
  memset(j.data_root[0], 0x55, MERKLE_BYTES);
  return j;
}

/* Computed with Python's struct and hashlib from PROTOCOL M3.1. */
static void a_known_root(void **state) {
  (void)state;
  struct job j = sample();
  uint8_t root[MERKLE_BYTES];
  char text[2 * MERKLE_BYTES + 1];
  job_root(&j, root);
  hex_encode(root, sizeof root, text);
  assert_string_equal(text, "9821c003b271afaaf33c32d539f6df3a2b62c2e369ddd35e08d911d41086aa54");
  j.seed_mode = 1; /* from the beacon: the seed is written as 0 */
  job_root(&j, root);
  hex_encode(root, sizeof root, text);
  assert_string_equal(text, "fa4a8dc0115c83449838075dcbf0d5c2099100f22607bf85bc179d36ebedb8a4");
}

static void encoded(void **state) {
  (void)state;
  struct job j = sample();
  uint8_t bytes[512], root[MERKLE_BYTES], of_bytes[MERKLE_BYTES];
  size_t length = job_encode(&j, bytes, sizeof bytes);
  assert_memory_equal(bytes, "assay/job-root/1", 16);
  job_root(&j, root);
  sha256(bytes, length, of_bytes);
  assert_memory_equal(of_bytes, root, sizeof root);
  assert_int_equal(job_encode(&j, bytes, length), length);
  assert_int_equal(job_encode(&j, bytes, length - 1), 0);
}

#define FIELDS(X)                                                                                                      \
  X(j.canon++)                                                                                                         \
  X(j.lower++)                                                                                                         \
  X(j.seed_mode++)                                                                                                     \
  X(j.seed++)                                                                                                          \
  X(j.first_step++)                                                                                                    \
  X(j.level++)                                                                                                         \
  X(j.tapes--)                                                                                                         \
  X(j.sections--)                                                                                                      \
  X(j.tape_root[1][31]++)                                                                                              \
  X(j.section[0].repeat++)                                                                                             \
  X(j.section[1].entries--)                                                                                            \
  X(j.section[1].entry[1].tape++)                                                                                      \
  X(j.section[1].entry[0].repeat++)                                                                                    \
  X(j.tasks--)                                                                                                         \
  X(tasks[1].steps++)                                                                                                  \
  X(tasks[0].interval_steps++)                                                                                         \
  X(tasks[0].time_class++)                                                                                             \
  X(j.layout_hash[0]++)                                                                                                \
  X(j.start_root[0]++)                                                                                                 \
  X(j.data--)                                                                                                          \
  X(j.data_root[0][0]++)

static void every_field_is_under_the_root(void **state) {
  (void)state;
  uint8_t roots[32][MERKLE_BYTES];
  uint32_t count = 1;
  struct job j = sample();
  job_root(&j, roots[0]);
#define CHANGE(STATEMENT)                                                                                              \
  j = sample();                                                                                                        \
  STATEMENT;                                                                                                           \
  job_root(&j, roots[count++]);
  FIELDS(CHANGE)
  for (uint32_t a = 0; a < count; a++)
    for (uint32_t b = 0; b < a; b++) assert_memory_not_equal(roots[a], roots[b], MERKLE_BYTES);
}

static void a_schedule_is_what_it_unrolls_to(void **state) {
  (void)state;
  enum { STEPS_MAX = 4096 };
  static uint8_t unrolled[STEPS_MAX];
  uint32_t random = 1;
  for (int tries = 0; tries < 300; tries++) {
    struct job j = {.sections = (uint8_t)(1 + tries % 8)};
    uint32_t steps = 0;
    for (uint8_t s = 0; s < j.sections; s++) {
      random = random * 1664525 + 1013904223;
      j.section[s].repeat = random >> 30; /* 0 to 3: nothing at all is allowed */
      j.section[s].entries = (uint8_t)(1 + (random >> 27) % 8);
      for (uint8_t n = 0; n < j.section[s].entries; n++) {
        random = random * 1664525 + 1013904223;
        j.section[s].entry[n] = (struct job_entry){.tape = (uint8_t)(random >> 29), .repeat = (random >> 20) % 5};
      }
      for (uint32_t r = 0; r < j.section[s].repeat; r++)
        for (uint8_t n = 0; n < j.section[s].entries; n++)
          for (uint32_t i = 0; i < j.section[s].entry[n].repeat; i++) unrolled[steps++] = j.section[s].entry[n].tape;
    }
    assert_int_equal(job_steps(&j), steps);
    for (uint32_t i = 0; i < steps; i++) assert_int_equal(job_tape(&j, i), unrolled[i]);
    assert_int_equal(job_tape(&j, steps), JOB_TAPE_NONE);
    assert_int_equal(job_tape(&j, UINT32_MAX), JOB_TAPE_NONE);
  }
}

static void a_schedule_ends_at_2_to_31(void **state) {
  (void)state;
  struct job j = {.sections = 1, .section = {{.repeat = 1, .entries = 1, .entry = {{0, 0x7fffffff}}}}};
  assert_int_equal(job_steps(&j), 0x7fffffff);
  j.section[0].entry[0].repeat++;
  assert_int_equal(job_steps(&j), 0);
  j.section[0].entry[0].repeat = UINT32_MAX;
  j.section[0].repeat = UINT32_MAX;
  assert_int_equal(job_steps(&j), 0);
  j.section[0] = (struct job_section){.repeat = 65536, .entries = 1, .entry = {{0, 32767}}};
  j.section[1] = (struct job_section){.repeat = 1, .entries = 1, .entry = {{0, 65536}}};
  j.sections = 2;
  assert_int_equal(job_steps(&j), 0); /* 2^31 in two sections */
  j.section[1].entry[0].repeat--;
  assert_int_equal(job_steps(&j), 0x7fffffff);
}

/* An MLP 784-512-256-10 with Adam at batch 128: 535,818 parameters, three f32 each; forward and both backward products,
 * but no gradient of the images. 8,000 * 6,429,816 / 308,150,272 = 166.9. */
static void intervals_of_known_networks(void **state) {
  (void)state;
  assert_int_equal(job_interval(535818 * 12, 6ull * 128 * 535040 - 2ull * 128 * 401408), 167);
  assert_int_equal(job_interval(4, 1), 256);
  assert_int_equal(job_interval(4, 0), 256);
  assert_int_equal(job_interval(4, 32000), 1);
  assert_int_equal(job_interval(4, 31999), 2);
  assert_int_equal(job_interval(1, UINT64_MAX), 1);
  assert_int_equal(job_interval(0, 1), 1);
  assert_int_equal(job_interval(4ull << 32, 8000ull << 34), 1);
  assert_int_equal(job_interval(4ull << 32, 4000ull << 34), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_known_root),
      cmocka_unit_test(encoded),
      cmocka_unit_test(every_field_is_under_the_root),
      cmocka_unit_test(a_schedule_is_what_it_unrolls_to),
      cmocka_unit_test(a_schedule_ends_at_2_to_31),
      cmocka_unit_test(intervals_of_known_networks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
