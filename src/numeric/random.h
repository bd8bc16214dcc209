/* random: Philox4x32-10 at an index, and the keyed permutation over it. NUMERICS 2.2, 2.3 (Salmon et al., SC 2011).
 *
 * Integers only; linked by the referee. No state: every word can be drawn again by anyone. Uses: nothing. */
#ifndef NUMERIC_RANDOM_H
#define NUMERIC_RANDOM_H
#include <stdint.h>

/* random_philox writes the four words of a counter under key (low word, high word of seed). */
void random_philox(const uint32_t counter[4], uint64_t seed, uint32_t words[4]);

/* random_word is `rand x s`: word x & 3 of counter (x >> 2, step, s, 0). */
uint32_t random_word(uint32_t x, uint32_t s, uint32_t step, uint64_t seed);

/* random_perm is `perm e n i`: image of i under epoch e's permutation of 0..n-1, n >= 1; -1 if i is outside. */
int32_t random_perm(uint32_t e, int32_t n, int32_t i, uint64_t seed);

#endif
