/* Traces: known roots, the file form, and what a single opened start proves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "commit/trace/trace.h"
#include "crypto/sha256.h"

/* Salt bytes 0, 1, .. 31; root i is the byte i, 32 times. */
static struct trace sample(uint16_t intervals) {
  struct trace t = {.task = 2,
                    .first_step = 1000,
                    .steps = intervals * 10u - (intervals ? 3 : 0),
                    .interval_steps = 10,
                    .intervals = intervals,
                    .outcome = intervals ? TRACE_DONE : TRACE_OPEN};
  for (uint32_t i = 0; i < TRACE_SALT_BYTES; i++) t.salt[i] = (uint8_t)i;
  for (uint32_t i = 0; i <= intervals; i++) memset(t.roots[i], (int)(i & 255), MERKLE_BYTES);
  return t;
}

/* Computed with Python's hashlib from PROTOCOL M4.2. */
static void known_roots(void **state) {
  (void)state;
  uint8_t root[MERKLE_BYTES];
  char text[2 * MERKLE_BYTES + 1];
  struct trace t = sample(3);
  trace_root(&t, root);
  hex_encode(root, sizeof root, text);
  assert_string_equal(text, "5e838a10f130e8a6ba8f6691b78b377e79e6d317fde6a5a4a3bf9bde57fb7b6a");
  t = sample(256);
  trace_root(&t, root);
  hex_encode(root, sizeof root, text);
  assert_string_equal(text, "3c77d2697f06a8bb3d171be814b78091b2060083a0b2915c9ac403df72029073");
}

/* One start is shown with its salt and a path; nothing else of the trace is needed to check it. */
static void a_single_start_opens(void **state) {
  (void)state;
  enum { INTERVALS = 5, HEIGHT = 3 };
  struct trace t = sample(INTERVALS);
  uint8_t hashes[INTERVALS + 1][MERKLE_BYTES], scratch[INTERVALS + 1][MERKLE_BYTES], path[HEIGHT][MERKLE_BYTES];
  uint8_t expected[MERKLE_BYTES], root[MERKLE_BYTES], leaf[MERKLE_BYTES], message[64];
  trace_root(&t, expected);
  for (uint32_t i = 0; i <= INTERVALS; i++) trace_leaf(&t, i, hashes[i]);
  for (uint32_t i = 0; i <= INTERVALS; i++) {
    const uint8_t number[4] = {(uint8_t)i, 0, 0, 0};
    sha256_parts((struct sha256_part[]){{t.salt, 32}, {number, 4}}, 2, message); /* the salt of this start alone */
    memcpy(message + 32, t.roots[i], 32);
    merkle_leaf(message, sizeof message, leaf);
    merkle_path(hashes[0], INTERVALS + 1, i, scratch[0], path[0]);
    merkle_climb(leaf, i, path[0], HEIGHT, root);
    assert_memory_equal(root, expected, MERKLE_BYTES);
  }
}

static void a_file_comes_back(void **state) {
  (void)state;
  static uint8_t bytes[TRACE_FILE_BYTES_MAX], again[TRACE_FILE_BYTES_MAX];
  for (uint16_t intervals = 0; intervals <= TRACE_INTERVALS_MAX; intervals++) {
    struct trace t = sample(intervals), back;
    size_t length = trace_write(&t, bytes, sizeof bytes);
    assert_int_equal(length, 8 + 4 + 4 + 4 + 2 + 2 + 1 + 32 + 32 * (intervals + 1) + 32);
    assert_int_equal(trace_read(bytes, length, &back, NULL), TRACE_OK);
    assert_memory_equal(&t, &back, sizeof t);
    assert_int_equal(trace_write(&back, again, sizeof again), length);
    assert_memory_equal(bytes, again, length);
    assert_int_equal(trace_write(&t, again, length - 1), 0);
  }
}

static void cuts_and_additions_are_refused(void **state) {
  (void)state;
  uint8_t bytes[512] = {0};
  struct trace t = sample(4), out;
  size_t length = trace_write(&t, bytes, sizeof bytes);
  for (size_t cut = 0; cut < length; cut++) assert_int_equal(trace_read(bytes, cut, &out, NULL), TRACE_ERR_BYTES);
  assert_int_equal(trace_read(bytes, length + 1, &out, NULL), TRACE_ERR_BYTES);
}

/* From the salt on every bit is under the trace root. */
static void a_changed_bit_breaks_the_root(void **state) {
  (void)state;
  uint8_t bytes[512];
  struct trace t = sample(4), out;
  size_t length = trace_write(&t, bytes, sizeof bytes);
  for (size_t bit = 25 * 8; bit < length * 8; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    assert_int_equal(trace_read(bytes, length, &out, NULL), TRACE_ERR_ROOT);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
}

static void fields_out_of_bounds_are_refused(void **state) {
  (void)state;
  static const struct {
    uint32_t at;
    uint8_t value;
    const char *reason;
  } bad[] = {
      {0, 'B', "not a trace file"},
      {7, 2, "not a trace file"},
      {15, 0x80, "pass 2^31 - 1"},
      {16, 30, "4 intervals for 30 steps"},
      {16, 41, "4 intervals for 41 steps"},
      {19, 0x80, "pass 2^31 - 1"},
      {18, 1, "intervals for 65573 steps"},
      {20, 0, "interval_steps 0"},
      {21, 2, "interval_steps 522"},
      {22, 5, "5 intervals for 37 steps"},
      {24, 3, "outcome 3"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint8_t bytes[512];
    struct trace t = sample(4), out;
    struct why why = {""};
    size_t length = trace_write(&t, bytes, sizeof bytes);
    assert_int_not_equal(bytes[bad[i].at], bad[i].value);
    bytes[bad[i].at] = bad[i].value;
    assert_int_equal(trace_read(bytes, length, &out, &why), TRACE_ERR_BYTES);
    if (!strstr(why.text, bad[i].reason)) fail_msg("%zu: %s", i, why.text);
  }
  uint8_t bytes[512];
  struct trace t = sample(0);
  t.outcome = TRACE_DONE; /* a finished trace has a step */
  assert_int_equal(trace_write(&t, bytes, sizeof bytes), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_roots),
      cmocka_unit_test(a_single_start_opens),
      cmocka_unit_test(a_file_comes_back),
      cmocka_unit_test(cuts_and_additions_are_refused),
      cmocka_unit_test(a_changed_bit_breaks_the_root),
      cmocka_unit_test(fields_out_of_bounds_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
