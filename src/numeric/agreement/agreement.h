/* agreement: do soft and reference give the same bits? Operands to ask with, and published answers to ask for.
 *
 * Shared by the tests, by the self-check that also runs on cross-compiled machines, and by the campaign; no part of
 * libassay. NUMERICS 4.2. Uses: canon, random, reference, soft. */
#ifndef NUMERIC_AGREEMENT_H
#define NUMERIC_AGREEMENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first operands on which the two differ. */
struct disagreement {
  uint8_t code;
  uint32_t operand[3], soft, reference;
};

/* Words at which something changes: ends of the subnormals, halves, powers of two, ends of i32, thresholds of the
 * functions, infinities, NaNs of several patterns; each with both signs. */
enum { BOUNDARY_COUNT = 108 };
uint32_t boundary_word(uint32_t index);

/* agreement_boundary asks with every combination of boundary words, arity 3 included; agreement_random with operands
 * start .. start + count - 1 of a sequence that seed names. Both return how many differ and write the first to *first
 * if there is one. Cost: about 50 ns an operand, 500 ns for functions. */
uint64_t agreement_boundary(uint8_t code, struct disagreement *first);
uint64_t agreement_random(uint8_t code, uint64_t seed, uint64_t start, uint64_t count, struct disagreement *first);

/* Three operands of that sequence: plain words, near exponents, subnormals, boundary words, short significands, sums
 * that cancel. */
void agreement_operands(uint8_t code, uint64_t seed, uint64_t index, uint32_t operand[3]);

/* soft_apply or reference_apply. */
typedef uint32_t oracle(uint8_t code, uint32_t a, uint32_t b, uint32_t c);

/* Reductions of NUMERICS 3 over count words: x[k] = u - 1/2 with u the uniform of rand(k, 0), step 0; dot's other
 * operand is that of rand(k, 1); isum's words are rand(k, 0). */
enum {
  REDUCTION_CHAIN,
  REDUCTION_LANES,
  REDUCTION_DOT,
  REDUCTION_FMIN,
  REDUCTION_FMAX,
  REDUCTION_ISUM,
  REDUCTIONS_COUNT
};
const char *reduction_name(uint32_t which);
uint32_t reduction_word(uint32_t which, uint32_t count, uint64_t seed, oracle *apply);

/* A line of the vector file: "op operands.. result", words in hexadecimal, '#' starts a comment. rand and perm have
 * seed (16 digits) and, for rand, step after their operands. vector_line checks it with both oracles; text has no
 * newline. */
enum vector_verdict { VECTOR_HOLDS, VECTOR_COMMENT, VECTOR_MALFORMED, VECTOR_SOFT_DIFFERS, VECTOR_REFERENCE_DIFFERS };
enum vector_verdict vector_line(const char *text);

#endif
