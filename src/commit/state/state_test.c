/* The root of a state blob against a twin that builds the whole padded tree, and the all-zero state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "commit/state/state.h"

static bool is_absent(const uint8_t *node) {
  static const uint8_t zero[MERKLE_BYTES];
  return memcmp(node, zero, MERKLE_BYTES) == 0;
}

/* PROTOCOL M1, M2.1 word for word: leaves of 4,096 bytes padded with zeros, absent leaves up to a power of two. */
static void twin_root(const uint8_t *blob, uint64_t length, uint8_t root[MERKLE_BYTES]) {
  uint64_t leaves = (length + 4095) / 4096, width = 1;
  while (width < leaves) width *= 2;
  uint8_t *nodes = calloc(width, MERKLE_BYTES);
  assert_non_null(nodes);
  for (uint64_t i = 0; i < leaves; i++) {
    uint8_t leaf[4096] = {0};
    memcpy(leaf, blob + i * 4096, length - i * 4096 < 4096 ? length - i * 4096 : 4096);
    merkle_leaf(leaf, sizeof leaf, nodes + i * MERKLE_BYTES);
  }
  for (; width > 1; width /= 2)
    for (uint64_t i = 0; i < width; i += 2) {
      uint8_t *left = nodes + i * MERKLE_BYTES, *right = left + MERKLE_BYTES, *up = nodes + i / 2 * MERKLE_BYTES;
      if (is_absent(left) && is_absent(right))
        memset(up, 0, MERKLE_BYTES);
      else
        merkle_inner(left, right, up);
    }
  memcpy(root, nodes, MERKLE_BYTES);
  free(nodes);
}

static void a_blob_has_the_root_of_its_leaves(void **state) {
  (void)state;
  enum { BLOB_BYTES = 21 * 4096 };
  uint8_t *blob = malloc(BLOB_BYTES), hashes[21 * MERKLE_BYTES], expected[MERKLE_BYTES], root[MERKLE_BYTES];
  assert_non_null(blob);
  for (uint32_t i = 0; i < BLOB_BYTES; i++) blob[i] = (uint8_t)(i * 2654435761u >> 24);
  for (uint64_t length = 1; length <= BLOB_BYTES; length += 1 + length % 1511) {
    twin_root(blob, length, expected);
    state_root(blob, length, hashes, root);
    assert_memory_equal(root, expected, MERKLE_BYTES);
  }
  free(blob);
}

/* Leaf hashes may be computed in any pieces: that is how threads share them. */
static void leaf_hashes_are_independent(void **state) {
  (void)state;
  enum { LEAVES = 9, LENGTH = LEAVES * 4096 - 100 };
  static uint8_t blob[LENGTH], whole[LEAVES * MERKLE_BYTES], pieces[LEAVES * MERKLE_BYTES];
  for (uint32_t i = 0; i < LENGTH; i++) blob[i] = (uint8_t)(i / 7);
  state_leaf_hashes(blob, LENGTH, 0, LEAVES, whole);
  for (uint64_t first = LEAVES; first-- > 0;) state_leaf_hashes(blob, LENGTH, first, 1, pieces + first * MERKLE_BYTES);
  assert_memory_equal(whole, pieces, sizeof whole);
}

/* The three roots were computed with Python's hashlib from PROTOCOL M1. */
static void the_zero_state_has_a_known_root(void **state) {
  (void)state;
  static const struct {
    uint64_t leaves;
    const char *root;
  } known[] = {
      {1, "b587fa297299ce9c602e58292b51379402bf7b1074f6b18679c2fb871c917ca8"},
      {3, "7a0d4a3422279109554ebf58f707ac77e3e1669d7bf86e4618aff8a353da77a1"},
      {8193, "689c4c3e435a7223f5cee2a1320571a4fd404fa1ff9584ea94657eea3b2bf0df"},
  };
  static const uint8_t zeros[70 * 4096];
  uint8_t root[MERKLE_BYTES], expected[MERKLE_BYTES];
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    char text[2 * MERKLE_BYTES + 1];
    state_zero_root(known[i].leaves, root);
    hex_encode(root, MERKLE_BYTES, text);
    assert_string_equal(text, known[i].root);
  }
  for (uint64_t leaves = 1; leaves <= 70; leaves++) {
    twin_root(zeros, leaves * 4096, expected);
    state_zero_root(leaves, root);
    assert_memory_equal(root, expected, MERKLE_BYTES);
  }
}

static void padding_is_looked_at_byte_by_byte(void **state) {
  (void)state;
  static uint8_t blob[5 * 4096];
  struct layout_entry entry[] = {
      {.name = "diverged", .dtype = TAPE_I32, .rank = 1, .dim = {1}},
      {.name = "w", .dtype = TAPE_F32, .rank = 2, .dim = {5, 205}}, /* 1,025 elements, two leaves */
      {.name = "full", .dtype = TAPE_U8, .rank = 1, .dim = {4096}},
      {.name = "u", .dtype = TAPE_U8, .rank = 1, .dim = {4095}},
  };
  static const struct { uint32_t first, end; } used[] = {{0, 4}, {4096, 4096 + 4100}, {12288, 16384}, {16384, 20479}};
  struct layout l = {.state_count = 4, .entry = entry};
  layout_place(&l);
  assert_int_equal(layout_state_leaves(&l), 5);
  for (uint32_t at = 0; at < sizeof blob; at++) {
    uint32_t found = 99, owner = at < 4096 ? 0 : at < 12288 ? 1 : at < 16384 ? 2 : 3;
    bool inside = at >= used[owner].first && at < used[owner].end;
    blob[at] = 1;
    assert_int_equal(state_padding_clean(&l, blob, &found), inside);
    assert_int_equal(found, inside ? 99 : owner);
    blob[at] = 0;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_blob_has_the_root_of_its_leaves),
      cmocka_unit_test(leaf_hashes_are_independent),
      cmocka_unit_test(the_zero_state_has_a_known_root),
      cmocka_unit_test(padding_is_looked_at_byte_by_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
