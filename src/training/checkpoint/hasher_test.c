/* What the hasher promises: every leaf hash as if alone, whoever takes the slices and whoever leaves them half done. */
#include "crypto/merkle.h"
#include "crypto/sha256.h"
#include "tape/execute/pool/pool.h"
#include "training/checkpoint/hasher.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LEAF = 4096, LEAVES = 83 };

static uint8_t blob[LEAVES * LEAF], expected[LEAVES * MERKLE_BYTES], hashes[LEAVES * MERKLE_BYTES];

static int make_blob(void **state) {
  (void)state;
  for (uint32_t i = 0; i < sizeof blob; i++) blob[i] = (uint8_t)(i * 2654435761u >> 24);
  for (uint32_t i = 0; i < LEAVES; i++) merkle_leaf(blob + i * LEAF, LEAF, expected + i * MERKLE_BYTES);
  return 0;
}

static void count_end(void *context) { atomic_fetch_add((_Atomic uint32_t *)context, 1); }

static void leaves_of_any_number_are_hashed(void **state) {
  (void)state;
  struct hasher *h = hasher_open(3);
  assert_non_null(h);
  for (uint64_t leaves = 1; leaves <= LEAVES; leaves++) {
    _Atomic uint32_t ends = 0;
    uint32_t slices = 0;
    memset(hashes, 0, sizeof hashes);
    hasher_begin(h, blob, leaves, hashes, count_end, &ends);
    while (hasher_slice(h, slices % 5)) slices++;
    assert_int_equal(ends, 1);
    assert_memory_equal(hashes, expected, leaves * MERKLE_BYTES);
    if (leaves < LEAVES) assert_int_equal(hashes[leaves * MERKLE_BYTES], 0);
    if (sha256_lanes() > 1 && leaves >= sha256_lanes()) assert_true(slices > leaves / sha256_lanes()); /* really cut */
    hasher_finish(h); /* nothing is left, and nobody hears of it again */
    assert_int_equal(ends, 1);
  }
  assert_true(hasher_seconds(h) > 0);
  hasher_shut(h);
}

struct visitor {
  struct hasher *h;
  uint32_t number;
};

/* Comes for a few slices and goes, in the middle of a group. */
static void *visit(void *context) {
  struct visitor *v = context;
  for (int i = 0; i < 7; i++) hasher_slice(v->h, v->number);
  return NULL;
}

static void threads_come_and_go(void **state) {
  (void)state;
  enum { THREADS = 4 };
  struct hasher *h = hasher_open(2); /* more come than it has room for */
  struct visitor visitor[THREADS];
  for (int round = 0; round < 40; round++) {
    _Atomic uint32_t ends = 0;
    pthread_t thread[THREADS];
    memset(hashes, 0, sizeof hashes);
    hasher_begin(h, blob, LEAVES, hashes, count_end, &ends);
    for (uint32_t i = 0; i < THREADS; i++) {
      visitor[i] = (struct visitor){h, i};
      assert_int_equal(pthread_create(&thread[i], NULL, visit, &visitor[i]), 0);
    }
    if (round % 2) hasher_finish(h);
    for (uint32_t i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    hasher_finish(h);
    assert_int_equal(ends, 1);
    assert_memory_equal(hashes, expected, sizeof expected);
  }
  hasher_shut(h);
}

static void work_a_little(void *context, uint32_t i, uint32_t thread) {
  volatile uint32_t *sink = context;
  (void)thread;
  for (uint32_t k = 0; k < 3000; k++) sink[i]++;
}

/* Nobody calls for the hashing: regions of other work end, and the state is hashed. */
static void a_pool_hashes_beside_its_regions(void **state) {
  (void)state;
  struct pool *pool = pool_open(3);
  struct hasher *h = hasher_open(3);
  for (int round = 0; round < 20; round++) {
    _Atomic uint32_t ends = 0;
    uint32_t sink[3] = {0};
    memset(hashes, 0, sizeof hashes);
    hasher_begin(h, blob, LEAVES, hashes, count_end, &ends);
    pool_spare(pool, hasher_slice, h);
    while (!ends) pool_run(pool, 3, work_a_little, sink);
    pool_spare(pool, NULL, NULL);
    assert_memory_equal(hashes, expected, sizeof expected);
  }
  hasher_shut(h);
  pool_shut(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(leaves_of_any_number_are_hashed),
      cmocka_unit_test(threads_come_and_go),
      cmocka_unit_test(a_pool_hashes_beside_its_regions),
  };
  return cmocka_run_group_tests_name("hasher", tests, make_blob, NULL);
}
