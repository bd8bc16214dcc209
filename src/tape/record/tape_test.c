/* The tape file and the tape tree: what is written comes back, and whatever differs from the one encoding is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/merkle.h"
#include "crypto/sha256.h"
#include "tape/record/example.h"

enum { FILE_BYTES = 8192 };

static uint8_t file[FILE_BYTES], memory[1 << 18];

static size_t write_example(void) {
  struct example e;
  example_tape(&e);
  size_t length = tape_write(&e.tape, file, sizeof file);
  assert_int_equal(length, tape_bytes(&e.tape));
  assert_true(length > 0);
  assert_int_equal(tape_write(&e.tape, file, length - 1), 0);
  return tape_write(&e.tape, file, sizeof file);
}

static enum tape_status read_file(size_t length, struct tape *out, struct why *why) {
  struct arena arena = arena_over(memory, sizeof memory);
  enum tape_status status = tape_read(file, length, &arena, out, why);
  if (status != TAPE_OK) assert_int_equal(arena.used_bytes, 0);
  return status;
}

static void a_file_comes_back(void **state) {
  (void)state;
  static uint8_t again[FILE_BYTES];
  size_t length = write_example();
  struct tape t;
  struct why why = {""};
  if (read_file(length, &t, &why) != TAPE_OK) fail_msg("%s", why.text);
  assert_int_equal(t.records_count, EXAMPLE_RECORDS);
  assert_int_equal(t.temp_leaves, 9);
  assert_int_equal(t.state_leaves, 4);
  assert_string_equal(t.layout.entry[4].name, "train/x");
  assert_int_equal(tape_write(&t, again, sizeof again), length);
  assert_memory_equal(file, again, length);
}

/* The root from its definition: leaf 0 the header, leaf n the nth record, absent leaves up to 16. */
static void the_root_is_the_tree_of_header_and_records(void **state) {
  (void)state;
  struct example e;
  uint8_t hashes[EXAMPLE_RECORDS + 1][MERKLE_BYTES], bytes[TAPE_RECORD_BYTES_MAX], expected[32], root[32], table[512];
  example_tape(&e);
  tape_header(&e.tape, bytes);
  assert_memory_equal(bytes, "ASTP\1\0\1\0", 8);
  assert_int_equal(bytes[8], EXAMPLE_RECORDS);
  assert_int_equal(bytes[12], 9);
  assert_int_equal(bytes[16], 4);
  assert_int_equal(bytes[20], 3);
  sha256(table, layout_encode(&e.tape.layout, table, sizeof table), expected);
  assert_memory_equal(bytes + 24, expected, 32);
  tape_layout_hash(&e.tape, root);
  assert_memory_equal(root, expected, 32);
  assert_int_equal(bytes[56], 48);
  merkle_leaf(bytes, TAPE_HEADER_BYTES, hashes[0]);
  for (uint32_t i = 0; i < EXAMPLE_RECORDS; i++)
    merkle_leaf(bytes, record_encode(&e.record[i], bytes, sizeof bytes), hashes[i + 1]);
  merkle_fold(hashes[0], EXAMPLE_RECORDS + 1, expected);
  tape_root(&e.tape, root);
  assert_memory_equal(root, expected, 32);
  e.record[12].literal[0]++;
  tape_root(&e.tape, root);
  assert_memory_not_equal(root, expected, 32);
}

/* Trees of 1 to 14 leaves, each leaf of each: its path leads to the root, and to no other from another leaf. */
static void every_path_leads_to_the_root(void **state) {
  (void)state;
  struct example e;
  example_tape(&e);
  for (uint32_t records = 0; records <= EXAMPLE_RECORDS; records++) {
    uint8_t bytes[TAPE_RECORD_BYTES_MAX], leaf[MERKLE_BYTES], path[4 * MERKLE_BYTES], root[32], climbed[32];
    e.tape.records_count = records;
    tape_root(&e.tape, root);
    for (uint32_t i = 0; i <= records; i++) {
      size_t length = TAPE_HEADER_BYTES;
      tape_header(&e.tape, bytes);
      if (i) length = record_encode(&e.record[i - 1], bytes, sizeof bytes);
      merkle_leaf(bytes, length, leaf);
      tape_path(&e.tape, i, path);
      merkle_climb(leaf, i, path, merkle_height(records + 1), climbed);
      assert_memory_equal(climbed, root, 32);
      merkle_climb(leaf, i ^ 1, path, merkle_height(records + 1), climbed);
      assert_true(records == 0 || memcmp(climbed, root, 32) != 0);
    }
  }
}

/* TAPE 4.10, made there with Python's struct and hashlib. */
static void the_smallest_tape_has_a_known_root(void **state) {
  (void)state;
  struct layout_entry diverged = {.name = "diverged", .dtype = TAPE_I32, .rank = 1, .dim = {1}};
  struct tape_record r = example_record(TAPE_MAP, TAPE_I32, TAPE_OUT, 0);
  example_dims(&r, 1, 0, (uint32_t[]){1});
  example_literal(&r, 0, true);
  struct tape t = {.records_count = 1,
                   .state_leaves = 1,
                   .layout = {.state_count = 1, .entry = &diverged},
                   .record = &r,
                   .counts = {.bytes = 4}};
  uint8_t root[32];
  char text[65];
  tape_root(&t, root);
  hex_encode(root, sizeof root, text);
  assert_string_equal(text, "32682d7f62f1f7e4c8cf3311ceff5aa2d9eeed9937d037a135ac95bb69d30176");
}

static void cuts_and_additions_are_refused(void **state) {
  (void)state;
  size_t length = write_example();
  struct tape t;
  for (size_t cut = 0; cut < length; cut++) assert_int_equal(read_file(cut, &t, NULL), TAPE_ERR_BYTES);
  assert_int_equal(read_file(length + 1, &t, NULL), TAPE_ERR_BYTES);
}

/* Any changed byte is refused, or is another tape with another root: nothing in a file is ignored. */
static void every_byte_matters(void **state) {
  (void)state;
  static uint8_t again[FILE_BYTES];
  size_t length = write_example();
  struct tape t;
  uint8_t root[32], other[32];
  assert_int_equal(read_file(length, &t, NULL), TAPE_OK);
  tape_root(&t, root);
  uint32_t refused = 0;
  for (size_t i = 0; i < length; i++) {
    file[i] ^= 1;
    if (read_file(length, &t, NULL) == TAPE_OK) {
      assert_int_equal(tape_write(&t, again, sizeof again), length);
      assert_memory_equal(file, again, length);
      tape_root(&t, other);
      assert_memory_not_equal(root, other, 32);
    } else
      refused++;
    file[i] ^= 1;
  }
  assert_true(refused > length / 4 && refused < length);
}

static void faults_are_named(void **state) {
  (void)state;
  struct tape t;
  struct why why = {""};
  size_t length = write_example();
  size_t header = 12 + (size_t)(file[8] | file[9] << 8), first = header + TAPE_HEADER_BYTES + 2;
  const struct {
    size_t at;
    uint8_t value;
    enum tape_status status;
    const char *reason;
  } fault[] = {
      {7, 2, TAPE_ERR_BYTES, "not a tape file"},
      {11, 1, TAPE_ERR_BYTES, "ends inside its layout"},
      {13, 1, TAPE_ERR_BYTES, "cannot hold 263 entries"},
      {17, 'D', TAPE_ERR_BYTES, "layout: state entry 0"},
      {header, 'B', TAPE_ERR_BYTES, "tape header"},
      {header + 4, 2, TAPE_ERR_BYTES, "tape header is not format 1, canon 1"},
      {header + 6, 2, TAPE_ERR_BYTES, "tape header is not format 1, canon 1"},
      {header + 8, 12, TAPE_ERR_BYTES, "longer than its records"},
      {header + 8, 14, TAPE_ERR_BYTES, "ends inside record 14"},
      {header + 11, 1, TAPE_ERR_BYTES, "at most 16383"},
      {header + 20, 2, TAPE_ERR_BYTES, "tape header"},
      {header + 21, 1, TAPE_ERR_BYTES, "tape header"},
      {header + 24, file[header + 24] ^ 1, TAPE_ERR_BYTES, "tape header"},
      {first, 9, TAPE_ERR_RULE, "record 1: opcode 9"},
      {first + 11, 9, TAPE_ERR_BYTES, "record 1: bytes 11 to 15"},
  };
  for (size_t i = 0; i < sizeof fault / sizeof fault[0]; i++) {
    uint8_t was = file[fault[i].at];
    assert_int_not_equal(was, fault[i].value);
    file[fault[i].at] = fault[i].value;
    assert_int_equal(read_file(length, &t, &why), fault[i].status);
    if (!strstr(why.text, fault[i].reason)) fail_msg("%zu: %s", i, why.text);
    file[fault[i].at] = was;
  }
}

static void without_memory_nothing_is_read(void **state) {
  (void)state;
  size_t length = write_example();
  struct tape t;
  for (size_t size = 0; size < 4096; size += 512) {
    struct arena arena = arena_over(memory, size);
    assert_int_equal(tape_read(file, length, &arena, &t, NULL), TAPE_ERR_MEMORY);
    assert_int_equal(arena.used_bytes, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_path_leads_to_the_root),
      cmocka_unit_test(the_smallest_tape_has_a_known_root),
      cmocka_unit_test(a_file_comes_back),
      cmocka_unit_test(the_root_is_the_tree_of_header_and_records),
      cmocka_unit_test(cuts_and_additions_are_refused),
      cmocka_unit_test(every_byte_matters),
      cmocka_unit_test(faults_are_named),
      cmocka_unit_test(without_memory_nothing_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
