#include "numeric/random.h"

enum { PHILOX_ROUNDS = 10, PERM_ROUNDS = 8, PERM_WALKS_MAX = 64 };

void random_philox(const uint32_t counter[4], uint64_t seed, uint32_t words[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    uint64_t p = (uint64_t)0xd2511f53u * c0, q = (uint64_t)0xcd9e8d57u * c2;
    uint32_t next0 = (uint32_t)(q >> 32) ^ c1 ^ k0, next2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
    c0 = next0;
    c1 = (uint32_t)q;
    c2 = next2;
    c3 = (uint32_t)p;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

uint32_t random_word(uint32_t x, uint32_t s, uint32_t step, uint64_t seed) {
  const uint32_t counter[4] = {x >> 2, step, s, 0};
  uint32_t words[4];
  random_philox(counter, seed, words);
  return words[x & 3];
}

/* F of NUMERICS 2.3: what one half adds to the other in round r. */
static uint32_t half_word(uint32_t half, uint32_t r, uint32_t e, uint64_t seed) {
  const uint32_t counter[4] = {half, r, e, 1};
  uint32_t words[4];
  random_philox(counter, seed, words);
  return words[0];
}

/* Smallest a with a * a >= n, for 1 <= n < 2^31. */
static uint32_t ceil_sqrt(uint32_t n) {
  uint32_t low = 1, high = 46341; /* 46341^2 > 2^31 */
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if ((uint64_t)middle * middle >= n)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

int32_t random_perm(uint32_t e, int32_t n, int32_t i, uint64_t seed) {
  if (i < 0 || i >= n) return -1;
  uint32_t count = (uint32_t)n, index = (uint32_t)i;
  uint32_t a = ceil_sqrt(count), b = (count + a - 1) / a;
  for (int walk = 0; walk < PERM_WALKS_MAX; walk++) {
    uint32_t left = index % a, right = index / a;
    for (uint32_t r = 0; r < PERM_ROUNDS; r++) {
      if (r % 2 == 0)
        left = (uint32_t)(((uint64_t)left + half_word(right, r, e, seed)) % a);
      else
        right = (uint32_t)(((uint64_t)right + half_word(left, r, e, seed)) % b);
    }
    index = left + a * right;
    if (index < count) return (int32_t)index;
  }
  return (int32_t)(index % count);
}
