/* element: the rule of one output element, over an abstract reader of operands. TAPE 4, NUMERICS 3.
 *
 * The same code is the referee's judgement (with soft arithmetic and posted words) and the plain executor's definition
 * (with either arithmetic and memory). Integers only; no allocation. Uses: tape/record, numeric/{canon,random,soft}. */
#ifndef TAPE_ELEMENT_H
#define TAPE_ELEMENT_H
#include "tape/record/record.h"

/* Computes canon codes 00..43 on words: soft_apply or reference_apply. */
typedef uint32_t element_arithmetic(uint8_t code, uint32_t a, uint32_t b, uint32_t c);

/* Loads element `index` (row-major over the operand's extents) of operand slot o as a word: u8 zero-extended, NaN
 * canonical. Called only for indices in range. k: the position of the reduction that asks, 0 for an operand that does
 * not depend on k; a memory needs no k, words posted in a dispute are found by it. */
typedef uint32_t element_load(void *context, uint8_t o, uint32_t k, uint64_t index);

struct element_world {
  element_arithmetic *apply;
  element_load *load;
  void *context;
  uint32_t step;
  uint64_t seed;
};

/* element_value is the word of output element `index` (row-major over the out dims), as it is stored: u8 results are
 * masked to 8 bits, NaN is CANON_NAN. Cost: K bodies. `put` asks for every position of K. The record passed
 * record_check. */
uint32_t element_value(const struct tape_record *r, const struct element_world *w, uint64_t index);

/* element_chunk is the result of chunk c alone (before chunks are combined), and element_combine joins chunk results by
 * NUMERICS 3.2: what a dispute needs when K > 512. For map, chunk 0 is the value. */
uint32_t element_chunk(const struct tape_record *r, const struct element_world *w, uint64_t index, uint32_t c);
uint32_t element_combine(const struct tape_record *r, element_arithmetic *apply, const uint32_t *results,
                         uint32_t count);

/* element_address: where operand o reads for output `index` and k position `k` (ignored for operands that do not depend
 * on k). `words` are the operand words already loaded for this (index, k), by slot, for indirect axes; one that
 * is out of range has its fill (TAPE 4.5). Returns false when out of range. */
bool element_address(const struct tape_record *r, uint8_t o, uint64_t index, uint32_t k, const uint32_t *words,
                     uint64_t *address);

/* element_visit walks the operand words that chunk c of output `index` reads, in the order in which a dispute posts
 * them (PROTOCOL P2.4): the operands that do not depend on k, by slot; then for each k of the chunk the others, by
 * slot. visit is told the word's number n = 0, 1, .., its slot, k, and whether it is in range with its element there,
 * and returns the word, which later index maps may go through; for one out of range the fill takes its place. For map c
 * is 0. Returns the number of words: element_words. `put` visits the source of every k, also where the index does not
 * match. */
struct element_word {
  uint32_t n, k;
  uint8_t o;
  bool in_range;
  uint64_t index; /* in range: element of the operand, row-major over its extents */
};
typedef uint32_t element_see(void *context, const struct element_word *at);
uint32_t element_visit(const struct tape_record *r, uint64_t index, uint32_t c, element_see *visit, void *context);
uint32_t element_words(const struct tape_record *r, uint32_t c);

/* element_chunks: ceil(K / 512), 1 for map. */
uint32_t element_chunks(const struct tape_record *r);

#endif
