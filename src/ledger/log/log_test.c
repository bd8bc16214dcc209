/* The log against RFC 6962's definition by recursion, and Certificate Transparency's known roots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/log/log.h"

enum { LEAVES = 140 };

static uint8_t leaves[LEAVES][LOG_HASH_BYTES];

static int make_leaves(void **state) {
  (void)state;
  for (uint32_t i = 0; i < LEAVES; i++) log_leaf(&(uint8_t){(uint8_t)i}, 1, leaves[i]);
  return 0;
}

/* RFC 6962, 2.1: MTH(D[n]), k being the largest power of two smaller than n. */
static void twin_root(uint32_t first, uint32_t n, uint8_t root[LOG_HASH_BYTES]) {
  uint8_t message[1 + 2 * LOG_HASH_BYTES] = {1};
  uint32_t k = 1;
  if (n == 0) {
    sha256("", 0, root);
    return;
  }
  if (n == 1) {
    memcpy(root, leaves[first], LOG_HASH_BYTES);
    return;
  }
  while (2 * k < n) k *= 2;
  twin_root(first, k, message + 1);
  twin_root(first + k, n - k, message + 1 + LOG_HASH_BYTES);
  sha256(message, sizeof message, root);
}

/* RFC 6962, 2.1.1: PATH(m, D[n]). */
static uint32_t twin_path(uint32_t first, uint32_t n, uint32_t m, uint8_t (*path)[LOG_HASH_BYTES]) {
  uint32_t k = 1, count;
  if (n == 1) return 0;
  while (2 * k < n) k *= 2;
  if (m < k) {
    count = twin_path(first, k, m, path);
    twin_root(first + k, n - k, path[count]);
  } else {
    count = twin_path(first + k, n - k, m - k, path);
    twin_root(first, k, path[count]);
  }
  return count + 1;
}

static void roots(void **state) {
  (void)state;
  struct log l = {.size = 0};
  for (uint32_t n = 0; n <= LEAVES; n++) {
    uint8_t root[LOG_HASH_BYTES], twin[LOG_HASH_BYTES];
    assert_int_equal(l.size, n);
    log_root(&l, root);
    twin_root(0, n, twin);
    assert_memory_equal(root, twin, sizeof root);
    if (n < LEAVES) log_add(&l, leaves[n]);
  }
}

/* The eight leaves and the roots that the implementations of Certificate Transparency test with;
 * tests/ledger/map_test.py computes the first and the last of them too. */
static void known_roots(void **state) {
  (void)state;
  static const struct {
    const char *leaf, *root;
  } known[] = {
      {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
      {"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
      {"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
      {"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
      {"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
      {"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
      {"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
      {"606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
  };
  struct log l = {.size = 0};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint8_t bytes[16], leaf[LOG_HASH_BYTES], root[LOG_HASH_BYTES], expected[LOG_HASH_BYTES];
    size_t length = strlen(known[i].leaf) / 2;
    assert_true(hex_decode(known[i].leaf, bytes, length) && hex_decode(known[i].root, expected, sizeof expected));
    log_leaf(bytes, length, leaf);
    log_add(&l, leaf);
    log_root(&l, root);
    assert_memory_equal(root, expected, sizeof root);
  }
}

/* A store that keeps the full trees up to a level. */
struct kept {
  uint32_t size, level_max, reads;
  bool broken; /* leaf 0 is lost */
};

static bool read_kept(void *context, uint32_t level, uint64_t index, uint8_t hash[LOG_HASH_BYTES]) {
  struct kept *k = context;
  k->reads++;
  assert_true((index + 1) << level <= k->size); /* full trees of the log, nothing else, are asked for */
  if (level > k->level_max || (k->broken && index == 0)) return false;
  twin_root((uint32_t)(index << level), 1u << level, hash);
  return true;
}

static void paths(void **state) {
  (void)state;
  for (uint32_t size = 1; size <= LEAVES; size += size < 34 ? 1 : 7)
    for (uint32_t index = 0; index < size; index++)
      for (uint32_t level_max = 0; level_max < 9; level_max += 4) {
        uint8_t path[LOG_LEVELS_MAX][LOG_HASH_BYTES], twin[LOG_LEVELS_MAX][LOG_HASH_BYTES], root[LOG_HASH_BYTES];
        struct kept kept = {.size = size, .level_max = level_max};
        uint32_t count = 99;
        assert_true(log_path(size, index, read_kept, &kept, path, &count));
        assert_int_equal(count, twin_path(0, size, index, twin));
        assert_int_equal(count, log_path_count(size, index));
        assert_memory_equal(path, twin, count * LOG_HASH_BYTES);
        twin_root(0, size, root);
        assert_true(log_check(leaves[index], size, index, path, count, root));
      }
}

static void lost_leaf(void **state) {
  (void)state;
  uint8_t path[LOG_LEVELS_MAX][LOG_HASH_BYTES] = {{0}};
  struct kept kept = {.size = 5, .level_max = 0, .broken = true};
  uint32_t count = 99;
  assert_false(log_path(5, 1, read_kept, &kept, path, &count));
  assert_int_equal(count, 99);
}

/* Another index, size, leaf, root, length or any other byte of the path is refused. */
static void wrong_paths(void **state) {
  (void)state;
  for (uint32_t size = 1; size <= 20; size++)
    for (uint32_t index = 0; index < size; index++) {
      uint8_t path[LOG_LEVELS_MAX][LOG_HASH_BYTES] = {{0}}, root[LOG_HASH_BYTES], wrong[LOG_HASH_BYTES];
      uint32_t count = twin_path(0, size, index, path);
      twin_root(0, size, root);
      assert_true(log_check(leaves[index], size, index, path, count, root));
      for (uint32_t other = 0; other <= size; other++)
        if (other != index) assert_false(log_check(leaves[index], size, other, path, count, root));
      assert_false(log_check(leaves[index + 1], size, index, path, count, root));
      assert_false(log_check(leaves[index], size, index, path, count + 1, root));
      if (count) assert_false(log_check(leaves[index], size, index, path, count - 1, root));
      assert_false(log_check(leaves[index], 0, index, path, count, root));
      for (uint32_t byte = 0; byte < count * LOG_HASH_BYTES; byte++) {
        path[byte / LOG_HASH_BYTES][byte % LOG_HASH_BYTES] ^= 1u << byte % 8;
        assert_false(log_check(leaves[index], size, index, path, count, root));
        path[byte / LOG_HASH_BYTES][byte % LOG_HASH_BYTES] ^= 1u << byte % 8;
      }
      memcpy(wrong, root, sizeof wrong);
      wrong[size] ^= 1;
      assert_false(log_check(leaves[index], size, index, path, count, wrong));
    }
}

/* The widest log: sizes near 2^64 shift by no more than 63. */
static void widest(void **state) {
  (void)state;
  struct log l = {.size = UINT64_MAX - 1};
  uint8_t root[LOG_HASH_BYTES], bytes[LOG_FRONTIER_BYTES_MAX];
  log_root(&l, root);
  log_add(&l, leaves[0]);
  assert_true(l.size == UINT64_MAX);
  assert_int_equal(log_encode(&l, bytes), LOG_FRONTIER_BYTES_MAX);
  assert_true(log_decode(bytes, sizeof bytes, &l));
  assert_int_equal(log_path_count(UINT64_MAX, 0), 64);
  assert_int_equal(log_path_count(UINT64_MAX, UINT64_MAX - 1), 63);
}

/* The frontier of every size, in the map and out again; a byte more or less is refused. */
static void frontier(void **state) {
  (void)state;
  struct map *m = map_open();
  struct log l, again;
  for (uint32_t n = 0; n < LEAVES; n++) {
    uint8_t bytes[LOG_FRONTIER_BYTES_MAX + 1] = {0}, root[LOG_HASH_BYTES], twin[LOG_HASH_BYTES];
    log_load(m, &l);
    assert_int_equal(l.size, n);
    log_root(&l, root);
    twin_root(0, n, twin);
    assert_memory_equal(root, twin, sizeof root);
    size_t length = log_encode(&l, bytes);
    assert_int_equal(length, 8 + LOG_HASH_BYTES * (size_t)__builtin_popcount(n));
    assert_true(log_decode(bytes, length, &again));
    assert_false(log_decode(bytes, length + 1, &again));
    assert_false(log_decode(bytes, length - 1, &again));
    bytes[1] ^= 1; /* another size, another number of nodes */
    assert_false(log_decode(bytes, length, &again));
    log_add(&l, leaves[n]);
    log_store(m, &l);
  }
  map_shut(m);
}

/* LEDGER 17.2, computed with Python's hashlib: state root 32 bytes 11, log root 32 bytes 22, size 3. */
static void app_hash(void **state) {
  (void)state;
  uint8_t root[32], log[32], hash[32], expected[32];
  memset(root, 0x11, 32);
  memset(log, 0x22, 32);
  log_app_hash(root, log, 3, hash);
  assert_true(hex_decode("72d73c59eb73cc7d359bc278b77280565b9ac81acfbbe9a3808f3e736b10b719", expected, 32));
  assert_memory_equal(hash, expected, 32);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(roots),     cmocka_unit_test(known_roots), cmocka_unit_test(paths),
      cmocka_unit_test(lost_leaf), cmocka_unit_test(wrong_paths), cmocka_unit_test(widest),
      cmocka_unit_test(frontier),  cmocka_unit_test(app_hash),
  };
  return cmocka_run_group_tests(tests, make_leaves, NULL);
}
