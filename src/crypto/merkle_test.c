/* The tree against a slow obvious twin that pads with absent leaves and walks recursively. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/merkle.h"
#include "crypto/sha256.h"

enum { COUNT_MAX = 70, HEIGHT_MAX = 7 };

static uint8_t leaves[COUNT_MAX][MERKLE_BYTES];

static int make_leaves(void **state) {
  (void)state;
  for (uint8_t i = 0; i < COUNT_MAX; i++) merkle_leaf(&i, 1, leaves[i]);
  return 0;
}

static bool all_zero(const uint8_t *node) {
  static const uint8_t zero[MERKLE_BYTES];
  return memcmp(node, zero, MERKLE_BYTES) == 0;
}

/* The node of `level` at `index` in a tree of `count` leaves, straight from PROTOCOL M1. */
static void twin_node(uint32_t level, uint64_t index, uint64_t count, uint8_t node[MERKLE_BYTES]) {
  uint8_t both[1 + 2 * MERKLE_BYTES] = {1};
  if (level == 0) {
    if (index < count)
      memcpy(node, leaves[index], MERKLE_BYTES);
    else
      memset(node, 0, MERKLE_BYTES);
    return;
  }
  twin_node(level - 1, 2 * index, count, both + 1);
  twin_node(level - 1, 2 * index + 1, count, both + 1 + MERKLE_BYTES);
  if (all_zero(both + 1) && all_zero(both + 1 + MERKLE_BYTES))
    memset(node, 0, MERKLE_BYTES);
  else
    sha256(both, sizeof both, node);
}

static uint32_t twin_height(uint64_t count) {
  uint32_t height = 0;
  for (uint64_t width = 1; width < count; width *= 2) height++;
  return height;
}

/* Computed with Python's hashlib from the definition, leaves being the single bytes 0, 1, 2, ... */
static void known_roots(void **state) {
  (void)state;
  static const struct {
    uint64_t count;
    const char *root;
  } known[] = {
      {0, "0000000000000000000000000000000000000000000000000000000000000000"},
      {1, "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"},
      {2, "a20bf9a7cc2dc8a08f5f415a71b19f6ac427bab54d24eec868b5d3103449953a"},
      {3, "fd5115d5f5dadb69e54a181704266b885fe1d67071f8a19fd36f1378f8404e7e"},
      {5, "51aafadef3ba66537074dae8a331f6d254246dc800607c28cd5cb7b5e4dadbaa"},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    uint8_t hashes[COUNT_MAX][MERKLE_BYTES], root[MERKLE_BYTES];
    char text[2 * MERKLE_BYTES + 1];
    memcpy(hashes, leaves, sizeof hashes);
    merkle_fold(hashes[0], known[i].count, root);
    hex_encode(root, MERKLE_BYTES, text);
    assert_string_equal(text, known[i].root);
  }
}

static void heights(void **state) {
  (void)state;
  for (uint64_t count = 0; count < 1000; count++) assert_int_equal(merkle_height(count), twin_height(count));
  assert_int_equal(merkle_height(1 << 23), 23);
  assert_int_equal(merkle_height((1 << 23) + 1), 24);
}

static void every_count_every_leaf(void **state) {
  (void)state;
  for (uint64_t count = 0; count <= COUNT_MAX; count++) {
    uint8_t expected[MERKLE_BYTES], root[MERKLE_BYTES], scratch[COUNT_MAX][MERKLE_BYTES];
    uint8_t path[HEIGHT_MAX][MERKLE_BYTES], sibling[MERKLE_BYTES];
    uint32_t height = merkle_height(count);
    struct merkle_builder builder = {0};
    twin_node(height, 0, count, expected);
    memcpy(scratch, leaves, sizeof scratch);
    merkle_fold(scratch[0], count, root);
    assert_memory_equal(root, expected, MERKLE_BYTES);
    if (count) assert_memory_equal(scratch[0], expected, MERKLE_BYTES);
    for (uint64_t i = 0; i < count; i++) merkle_add(&builder, leaves[i]);
    merkle_end(&builder, root);
    assert_memory_equal(root, expected, MERKLE_BYTES);
    for (uint64_t i = 0; i < count; i++) {
      merkle_path(leaves[0], count, i, scratch[0], path[0]);
      for (uint32_t level = 0; level < height; level++) {
        twin_node(level, (i >> level) ^ 1, count, sibling);
        assert_memory_equal(path[level], sibling, MERKLE_BYTES);
      }
      merkle_climb(leaves[i], i, path[0], height, root);
      assert_memory_equal(root, expected, MERKLE_BYTES);
    }
  }
}

/* Absent leaves anywhere: of each pair the left, the right, both or none. */
static void absent_leaves_lie_between_others(void **state) {
  (void)state;
  for (uint32_t pattern = 0; pattern < 64; pattern++) {
    uint8_t kept[COUNT_MAX][MERKLE_BYTES], scratch[COUNT_MAX][MERKLE_BYTES];
    uint8_t expected[MERKLE_BYTES], root[MERKLE_BYTES];
    memcpy(kept, leaves, sizeof kept);
    for (uint32_t i = 0; i < COUNT_MAX; i++)
      if (pattern >> i % 4 & 1 || (pattern >> 4 & 1 && i % 32 > 5) || (pattern >> 5 & 1 && i / 16 == 2))
        memset(leaves[i], 0, MERKLE_BYTES);
    for (uint64_t count = COUNT_MAX - 8; count <= COUNT_MAX; count++) {
      twin_node(merkle_height(count), 0, count, expected);
      memcpy(scratch, leaves, sizeof scratch);
      merkle_fold(scratch[0], count, root);
      assert_memory_equal(root, expected, MERKLE_BYTES);
    }
    memcpy(leaves, kept, sizeof kept);
  }
}

/* One bit anywhere, in the leaf, the path or the position, leads elsewhere. */
static void a_false_path_misses_the_root(void **state) {
  (void)state;
  enum { COUNT = 11, INDEX = 6, HEIGHT = 4 };
  uint8_t scratch[COUNT_MAX][MERKLE_BYTES], path[HEIGHT][MERKLE_BYTES], expected[MERKLE_BYTES], root[MERKLE_BYTES];
  twin_node(HEIGHT, 0, COUNT, expected);
  merkle_path(leaves[0], COUNT, INDEX, scratch[0], path[0]);
  for (uint32_t bit = 0; bit < HEIGHT * MERKLE_BYTES * 8; bit++) {
    path[bit / 8 / MERKLE_BYTES][bit / 8 % MERKLE_BYTES] ^= (uint8_t)(1u << bit % 8);
    merkle_climb(leaves[INDEX], INDEX, path[0], HEIGHT, root);
    assert_memory_not_equal(root, expected, MERKLE_BYTES);
    path[bit / 8 / MERKLE_BYTES][bit / 8 % MERKLE_BYTES] ^= (uint8_t)(1u << bit % 8);
  }
  for (uint64_t index = 0; index < 1 << HEIGHT; index++) {
    merkle_climb(leaves[INDEX], index, path[0], HEIGHT, root);
    assert_int_equal(memcmp(root, expected, MERKLE_BYTES) == 0, index == INDEX);
  }
  merkle_climb(leaves[INDEX + 1], INDEX, path[0], HEIGHT, root);
  assert_memory_not_equal(root, expected, MERKLE_BYTES);
}

static void every_node_equals_the_twin(void **state) {
  (void)state;
  for (uint64_t count = 0; count <= COUNT_MAX; count++)
    for (uint32_t level = 0; level <= HEIGHT_MAX; level++)
      for (uint64_t index = 0; index << level < COUNT_MAX + 3; index++) {
        uint8_t node[MERKLE_BYTES], twin[MERKLE_BYTES];
        merkle_node(leaves[0], count, level, index, node);
        twin_node(level, index, count, twin);
        assert_memory_equal(node, twin, MERKLE_BYTES);
        assert_int_equal(merkle_absent(node), index << level >= count);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_node_equals_the_twin),
      cmocka_unit_test(known_roots),
      cmocka_unit_test(heights),
      cmocka_unit_test(every_count_every_leaf),
      cmocka_unit_test(absent_leaves_lie_between_others),
      cmocka_unit_test(a_false_path_misses_the_root),
  };
  return cmocka_run_group_tests(tests, make_leaves, NULL);
}
