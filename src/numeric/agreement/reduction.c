/* The reductions of NUMERICS 3 over words drawn by rand, as their sentences say: the makers and checkers of vectors. */
#include <string.h>

#include "numeric/agreement/agreement.h"
#include "numeric/canon.h"
#include "numeric/random.h"

static const char *const names[REDUCTIONS_COUNT] = {"chain", "lanes", "dot", "fmin", "fmax", "isum"};

const char *reduction_name(uint32_t index) { return names[index]; }

/* u - 1/2 for the uniform u of NUMERICS 2.2, or the word itself for isum. */
static uint32_t term(uint32_t which, uint32_t k, uint32_t s, uint64_t seed, oracle *apply) {
  uint32_t word = random_word(k, s, 0, seed);
  if (which == REDUCTION_ISUM) return word;
  uint32_t unit = apply(CANON_MUL, apply(CANON_ITOF, word >> 8, 0, 0), 0x33800000, 0);
  return apply(CANON_SUB, unit, 0x3f000000, 0);
}

static uint32_t lanes_chunk(uint32_t first, uint32_t length, uint64_t seed, oracle *apply) {
  uint32_t lane[CANON_LANES] = {0};
  for (uint32_t k = 0; k < length; k++)
    lane[k % CANON_LANES] =
        apply(CANON_ADD, lane[k % CANON_LANES], term(REDUCTION_LANES, first + k, 0, seed, apply), 0);
  for (uint32_t width = CANON_LANES / 2; width > 0; width /= 2)
    for (uint32_t j = 0; j < width; j++) lane[j] = apply(CANON_ADD, lane[j], lane[j + width], 0);
  return lane[0];
}

static uint32_t other_chunk(uint32_t which, uint32_t first, uint32_t length, uint64_t seed, oracle *apply) {
  uint32_t s = 0;
  for (uint32_t k = first; k < first + length; k++) {
    uint32_t x = term(which, k, 0, seed, apply);
    switch (which) {
    case REDUCTION_CHAIN: s = apply(CANON_ADD, s, x, 0); break;
    case REDUCTION_DOT: s = apply(CANON_FMA, x, term(which, k, 1, seed, apply), s); break;
    case REDUCTION_FMIN: s = k == first ? x : apply(CANON_MIN, s, x, 0); break;
    case REDUCTION_FMAX: s = k == first ? x : apply(CANON_MAX, s, x, 0); break;
    case REDUCTION_ISUM: s = apply(CANON_IADD, s, x, 0); break;
    }
  }
  return s;
}

uint32_t reduction_word(uint32_t which, uint32_t count, uint64_t seed, oracle *apply) {
  uint32_t total = 0;
  for (uint32_t first = 0; first < count; first += CANON_CHUNK) {
    uint32_t length = count - first < CANON_CHUNK ? count - first : CANON_CHUNK;
    uint32_t s = which == REDUCTION_LANES ? lanes_chunk(first, length, seed, apply)
                                          : other_chunk(which, first, length, seed, apply);
    if (which == REDUCTION_FMIN || which == REDUCTION_FMAX)
      total = first == 0 ? s : apply(which == REDUCTION_FMIN ? CANON_MIN : CANON_MAX, total, s, 0);
    else
      total = apply(which == REDUCTION_ISUM ? CANON_IADD : CANON_ADD, total, s, 0);
  }
  return total;
}
