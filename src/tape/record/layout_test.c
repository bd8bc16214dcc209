/* The layout table: its bytes, its placement, and what makes a stranger's table no table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "tape/record/layout.h"

/* By hand from TAPE 3.1: state diverged i32 [1] and "ab" f32 [1, 1025], then data number 3, "x" u8 [4097]. */
static const char golden[] = "02000100"
                             "086469766572676564010101000000"
                             "02616200020100000001040000"
                             "030178020101100000";
enum { GOLDEN_BYTES = (sizeof golden - 1) / 2, ENTRIES = 3 };

static enum record_status decode(const uint8_t *bytes, size_t length, struct layout *out, struct why *why) {
  static struct layout_entry entries[ENTRIES];
  return layout_decode(bytes, length, entries, ENTRIES, out, why);
}

static void a_table_is_its_bytes(void **state) {
  (void)state;
  uint8_t bytes[GOLDEN_BYTES], again[GOLDEN_BYTES];
  struct layout l;
  assert_true(hex_decode(golden, bytes, sizeof bytes));
  assert_int_equal(decode(bytes, sizeof bytes, &l, NULL), RECORD_OK);
  assert_int_equal(l.state_count, 2);
  assert_int_equal(l.data_count, 1);
  assert_string_equal(l.entry[1].name, "ab");
  assert_int_equal(l.entry[1].dim[1], 1025);
  assert_int_equal(l.entry[1].first_leaf, 1);
  assert_int_equal(layout_entry_leaves(&l.entry[1]), 2);
  assert_int_equal(layout_state_leaves(&l), 3);
  assert_int_equal(l.entry[2].first_leaf, 0);
  assert_int_equal(layout_entry_leaves(&l.entry[2]), 2);
  assert_ptr_equal(layout_data(&l, 3), &l.entry[2]);
  assert_null(layout_data(&l, 2));
  assert_int_equal(layout_bytes(&l), GOLDEN_BYTES);
  assert_int_equal(layout_encode(&l, again, sizeof again), GOLDEN_BYTES);
  assert_memory_equal(bytes, again, GOLDEN_BYTES);
  assert_int_equal(layout_encode(&l, again, sizeof again - 1), 0);
}

static void cuts_and_additions_are_refused(void **state) {
  (void)state;
  uint8_t bytes[GOLDEN_BYTES + 1] = {0};
  struct layout l;
  hex_decode(golden, bytes, GOLDEN_BYTES);
  for (size_t length = 0; length < GOLDEN_BYTES; length++)
    assert_int_equal(decode(bytes, length, &l, NULL), RECORD_ERR_BYTES);
  assert_int_equal(decode(bytes, GOLDEN_BYTES + 1, &l, NULL), RECORD_ERR_BYTES);
}

static void a_changed_byte_has_its_reason(void **state) {
  (void)state;
  static const struct {
    uint32_t at;
    uint8_t value;
    const char *reason;
  } bad[] = {

      {0, 3, "at most 3 entries"},
      {3, 1, "two counts and a zero"},
      {4, 0, "1 to 64 bytes"},
      {4, 65, "1 to 64 bytes"},
      {5, 'D', "diverged"},
      {5, 0x1f, "the byte 1f"},
      {5, 0x7f, "the byte 7f"},
      {13, 0, "diverged"},
      {13, 3, "dtype 3"},
      {14, 0, "rank 0"},
      {14, 7, "rank 7"},
      {15, 0, "diverged: dim 0"},
      {15, 2, "state entry 0 is"},
      {18, 0x80, "diverged: dim 0 is 2147483649"},
      {27, 0x80, "ab: dim 0"},
      {32, 255, "x: data numbers"},
      {36, 0, "x: dtype 2 (0 to 2), rank 0"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    uint8_t bytes[GOLDEN_BYTES];
    struct layout l;
    struct why why = {""};
    hex_decode(golden, bytes, sizeof bytes);
    if (bytes[bad[i].at] == bad[i].value) fail_msg("%zu changes nothing", i);
    bytes[bad[i].at] = bad[i].value;
    if (decode(bytes, sizeof bytes, &l, &why) != RECORD_ERR_BYTES) fail_msg("%zu is accepted", i);
    if (!strstr(why.text, bad[i].reason)) fail_msg("%zu: %s", i, why.text);
  }
}

static void a_table_without_state_is_refused(void **state) {
  (void)state;
  const uint8_t bytes[LAYOUT_HEAD_BYTES] = {0};
  struct layout l;
  struct why why = {""};
  assert_int_equal(decode(bytes, sizeof bytes, &l, &why), RECORD_ERR_BYTES);
  assert_string_equal(why.text, "state entry 0 is diverged, i32 [1]");
}

static void named(struct layout_entry *e, const char *name, uint8_t dtype, uint32_t dim) {
  *e = (struct layout_entry){.dtype = dtype, .rank = 1, .dim = {dim}};
  snprintf(e->name, sizeof e->name, "%s", name);
}

static enum record_status again(const struct layout *l, struct layout_entry *entries, struct why *why) {
  size_t length = layout_bytes(l);
  uint8_t *bytes = malloc(length);
  struct layout out;
  assert_non_null(bytes);
  assert_int_equal(layout_encode(l, bytes, length), length);
  enum record_status status = layout_decode(bytes, length, entries, (size_t)l->state_count + l->data_count, &out, why);
  free(bytes);
  return status;
}

static void data_numbers_ascend(void **state) {
  (void)state;
  struct layout_entry entry[3], entries[3];
  struct layout l = {.state_count = 1, .data_count = 2, .entry = entry};
  struct why why;
  named(&entry[0], "diverged", TAPE_I32, 1);
  named(&entry[1], "a", TAPE_F32, 1);
  named(&entry[2], "b", TAPE_F32, 1);
  for (uint8_t first = 0; first < 3; first++)
    for (uint8_t second = 0; second < 3; second++) {
      entry[1].number = first;
      entry[2].number = second;
      assert_int_equal(again(&l, entries, &why), first < second ? RECORD_OK : RECORD_ERR_BYTES);
    }
}

/* 3,000 names in an order that is neither sorted nor reversed: unique they pass, with any one of them twice they do
 * not. */
static void a_name_twice_is_found_wherever_it_is(void **state) {
  (void)state;
  enum { MANY = 3000 };
  static struct layout_entry entry[MANY], entries[MANY];
  struct layout l = {.state_count = MANY, .entry = entry};
  struct why why;
  char name[16];
  named(&entry[0], "diverged", TAPE_I32, 1);
  for (uint32_t i = 1; i < MANY; i++) {
    snprintf(name, sizeof name, "p%u", i * 1237 % 3001);
    named(&entry[i], name, TAPE_F32, 1);
  }
  assert_int_equal(again(&l, entries, &why), RECORD_OK);
  for (uint32_t i = 0; i < MANY; i++) assert_int_equal(entries[i].first_leaf, i);
  for (uint32_t i = 1; i < MANY; i += 97) {
    struct layout_entry keep = entry[i];
    named(&entry[i], entry[MANY - i].name, TAPE_F32, 1);
    assert_int_equal(again(&l, entries, &why), MANY - i == i ? RECORD_OK : RECORD_ERR_BYTES);
    entry[i] = keep;
  }
  memset(entry[5].name, 'n', LAYOUT_NAME_MAX); /* the longest names, different in the last byte alone */
  memset(entry[6].name, 'n', LAYOUT_NAME_MAX);
  entry[6].name[LAYOUT_NAME_MAX - 1] = 'm';
  assert_int_equal(again(&l, entries, &why), RECORD_OK);
  entry[6].name[LAYOUT_NAME_MAX - 1] = 'n';
  assert_int_equal(again(&l, entries, &why), RECORD_ERR_BYTES);
}

static void a_state_beyond_2_to_23_leaves_is_refused(void **state) {
  (void)state;
  struct layout_entry entry[4], entries[4];
  struct layout l = {.state_count = 4, .entry = entry};
  struct why why;
  named(&entry[0], "diverged", TAPE_I32, 1);
  named(&entry[1], "a", TAPE_F32, 0x7fffffff); /* 2^21 leaves */
  named(&entry[2], "b", TAPE_F32, 0x7fffffff);
  named(&entry[3], "c", TAPE_F32, 0x7fffffff);
  assert_int_equal(again(&l, entries, &why), RECORD_OK); /* 3 * 2^21 + 1 */
  for (uint32_t i = 1; i < 4; i++) {
    entry[i].rank = 2;
    entry[i].dim[1] = 2; /* 2^22 leaves */
  }
  assert_int_equal(again(&l, entries, &why), RECORD_ERR_BYTES);
  assert_string_equal(why.text, "the state has 12582913 leaves, at most 2^23");
  entry[1].dim[1] = 3; /* more than 2^32 elements */
  assert_int_equal(again(&l, entries, &why), RECORD_ERR_BYTES);
  assert_non_null(strstr(why.text, "elements below 2^32"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_is_its_bytes),
      cmocka_unit_test(cuts_and_additions_are_refused),
      cmocka_unit_test(a_changed_byte_has_its_reason),
      cmocka_unit_test(a_table_without_state_is_refused),
      cmocka_unit_test(data_numbers_ascend),
      cmocka_unit_test(a_name_twice_is_found_wherever_it_is),
      cmocka_unit_test(a_state_beyond_2_to_23_leaves_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
