/* tapes: programs that make a dispute long: many leaves, chained sums of more than 512 terms, every way to read.
 *
 * The example tape of tape/record/example.h has all opcodes in one leaf each; these have what it has not. For tests.
 * Uses: tape/record, tape/check. */
#ifndef DISPUTE_TAPES_H
#define DISPUTE_TAPES_H
#include "tape/record/example.h"

enum { TAPES_RECORDS_MAX = 512, TAPES_ENTRIES_MAX = 256 };

struct built_tape {
  struct tape tape; /* points into this struct */
  uint32_t temps;   /* temp leaves so far */
  struct layout_entry entry[TAPES_ENTRIES_MAX];
  struct tape_record record[TAPES_RECORDS_MAX];
};

/* wide_tape: 300 temp leaves, 130 of them one value, and 140 state leaves: both trees are shown from level 8 on. */
void wide_tape(struct built_tape *b);

/* long_tape: dot, folds, put and an indirect read over chunks of 512, some taps and indices out of range, u8 values,
 * values of two leaves, and records without any operand, where there is nothing to deny. */
void long_tape(struct built_tape *b);

/* tall_tape: a value and a state entry of TALL_LEAVES leaves whose rows are all alike, so that a test need not hold
 * them: grid[i, c] = c, then pick[e] = sum over k of grid[9000 e + 20 k, k] + tower[9000 e + 20 k + 1, k], then
 * tower'[i, c] = c + pick[0]. */
enum { TALL_LEAVES = 40000, TALL_COLUMNS = 1024, TALL_PICKS = 4, TALL_K = 600 };
void tall_tape(struct built_tape *b);

/* To build another: built_begin, built_entry (state entries first), built_record (a temp is placed behind the last
 * one), fill in the record, built_end, which counts, and checks. */
void built_begin(struct built_tape *b);
void built_entry(struct built_tape *b, bool data, uint8_t number, uint8_t dtype, uint32_t rows, uint32_t columns);
struct tape_record *built_temp(struct built_tape *b, const struct tape_record *r);
struct tape_record *built_out(struct built_tape *b, const struct tape_record *r, uint32_t entry);
bool built_end(struct built_tape *b, struct why *why);

#endif
