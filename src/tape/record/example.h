/* example: tapes and records for tests, built by hand or drawn at random. Not part of any program that ships.
 *
 * The small tape has every opcode, every space, an indirect read, both index modes, a window of a data tensor, rand and
 * perm; its values are one leaf each, so temp leaf n is the value of the nth temp record. Uses: tape/record. */
#ifndef TAPE_EXAMPLE_H
#define TAPE_EXAMPLE_H
#include "tape/record/tape.h"

enum { EXAMPLE_ENTRIES = 7, EXAMPLE_RECORDS = 13 };

struct example {
  struct tape tape; /* points into this struct */
  struct layout_entry entry[EXAMPLE_ENTRIES];
  struct tape_record record[EXAMPLE_RECORDS];
};

/* example_tape fills *e. The header's counts are those of TAPE 5.4, worked out by hand in example.c. */
void example_tape(struct example *e);

/* Pieces of a record, appended; example_literal and example_op return the register. */
struct tape_record example_record(uint8_t op, uint8_t dtype, uint8_t space, uint64_t first_leaf);
void example_dims(struct tape_record *r, uint8_t out_rank, uint8_t k_rank, const uint32_t *dim);
struct tape_operand *example_operand(struct tape_record *r, uint8_t space, uint8_t dtype, uint64_t first_leaf);
struct tape_axis *example_axis(struct tape_operand *x, uint32_t extent, int32_t offset);
void example_term(struct tape_axis *a, uint8_t dim, int32_t coef);
uint8_t example_literal(struct tape_record *r, uint32_t word, bool i32);
uint8_t example_op(struct tape_record *r, uint8_t code, uint8_t a, uint8_t b, uint8_t c);

/* example_random draws a record that passes record_check, with small dims (K up to about 1,500) and indices that miss
 * their extents now and then. The same seed gives the same record. */
void example_random(struct tape_record *r, uint64_t *seed);

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t example_next(uint64_t *seed);

#endif
