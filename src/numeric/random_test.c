/* Published answers of Philox, and the permutation against its two promises: a bijection, and -1 outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/random.h"

/* Random123 1.14, examples/kat_vectors, philox4x32 10 */
static void philox_gives_the_published_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], words[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    uint32_t words[4];
    random_philox(known[i].counter, (uint64_t)known[i].key[1] << 32 | known[i].key[0], words);
    assert_memory_equal(words, known[i].words, sizeof words);
  }
}

static void rand_is_a_word_of_its_counter(void **state) {
  (void)state;
  const uint64_t seed = 0x0123456789abcdef;
  for (uint32_t x = 0xfffffff0; x != 16; x++) {
    const uint32_t counter[4] = {x >> 2, 7, 42, 0};
    uint32_t words[4];
    random_philox(counter, seed, words);
    assert_int_equal(random_word(x, 42, 7, seed), words[x & 3]);
  }
}

static void perm_is_a_bijection(void **state) {
  (void)state;
  enum { N_MAX = 60000 };
  static uint8_t seen[N_MAX];
  static const int32_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 99, 100, 101, 255, 256, 257, 4096, N_MAX};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
      memset(seen, 0, sizeof seen);
      for (int32_t i = 0; i < sizes[s]; i++) {
        int32_t image = random_perm(epoch, sizes[s], i, 5);
        assert_in_range(image, 0, sizes[s] - 1);
        assert_int_equal(seen[image]++, 0);
      }
    }
}

static void perm_refuses_what_is_outside(void **state) {
  (void)state;
  assert_int_equal(random_perm(0, 10, 10, 1), -1);
  assert_int_equal(random_perm(0, 10, -1, 1), -1);
  assert_int_equal(random_perm(0, 10, INT32_MIN, 1), -1);
  assert_int_equal(random_perm(0, 1, 0, 1), 0);
  assert_in_range(random_perm(3, INT32_MAX, INT32_MAX - 1, 9), 0, INT32_MAX - 1);
}

/* Epochs, seeds and rounds reach the answer: no two orders of 0..99 are alike. */
static void perm_depends_on_epoch_and_seed(void **state) {
  (void)state;
  int32_t order[4][100];
  for (int32_t i = 0; i < 100; i++)
    for (uint32_t v = 0; v < 4; v++) order[v][i] = random_perm(v & 1, 100, i, v & 2 ? UINT64_C(1) << 32 : 1);
  for (int v = 0; v < 4; v++)
    for (int u = 0; u < v; u++) assert_memory_not_equal(order[v], order[u], sizeof order[v]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_gives_the_published_answers),
      cmocka_unit_test(rand_is_a_word_of_its_counter),
      cmocka_unit_test(perm_is_a_bijection),
      cmocka_unit_test(perm_refuses_what_is_outside),
      cmocka_unit_test(perm_depends_on_epoch_and_seed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
