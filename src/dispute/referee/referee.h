/* referee: what one element must be, from words that somebody posted. The chain's own judgement, in integers. PROTOCOL
 * P2.3 to P2.6.
 *
 * It sees one record, one index and at most 2,052 words; no tensor, no model, no data. Pure functions without memory;
 * their objects hold no floating-point instruction. Each takes at most a millisecond for any record that record_check
 * accepts (referee_bench). Uses: tape/{record,element}, numeric/{canon,soft}. */
#ifndef DISPUTE_REFEREE_H
#define DISPUTE_REFEREE_H
#include "base/why.h"
#include "tape/record/record.h"

enum { REFEREE_CHUNK = 512 };

/* What is computed: output element `index` of a record in one step of a job. */
struct referee_site {
  const struct tape_record *record;
  uint64_t index;
  uint32_t step; /* number of the step in the job */
  uint64_t seed;
};

/* referee_results combines the posted results of all chunks into *value (NUMERICS 3.2), as stored. False, with why: the
 * count is not that of the record's chunks; a result of an f32 reducer is a NaN other than 7fc00000. */
bool referee_results(const struct tape_record *r, const uint8_t *results, uint32_t count, uint32_t *value,
                     struct why *why);

/* referee_words recomputes chunk c (0 for map) from its posted operand words (P2.4) into *result: a chunk's result if
 * the record has several chunks, else the value as stored. *deniable: how many words are in range. False, with why:
 * wrong count; a word out of range that is not 0; a u8 word above 255; an f32 word that is a NaN other than 7fc00000.
 */
bool referee_words(const struct referee_site *s, uint32_t c, const uint8_t *words, uint32_t count, uint32_t *result,
                   uint32_t *deniable, struct why *why);

/* Where word n of chunk c was read, by the index words posted before it. */
struct referee_operand {
  uint8_t slot, space, dtype, number; /* number: of the data tensor */
  uint64_t index;                     /* element of the operand's value or window, row-major */
  uint64_t leaf;                      /* of the space, or of the data tensor */
  uint32_t offset;                    /* of the element in its leaf, bytes */
};

/* referee_locate finds it; false if there is no such word or it is out of range (P2.4). Cost: the walk up to it. */
bool referee_locate(const struct referee_site *s, uint32_t c, const uint8_t *words, uint32_t count, uint32_t n,
                    struct referee_operand *out);

/* referee_load is the word that an element is read as (NUMERICS 1.2, 1.3); referee_stored the raw bits at an element of
 * a leaf, zero-extended; at: byte offset in the leaf. */
uint32_t referee_load(uint8_t dtype, const uint8_t *at);
uint32_t referee_stored(uint8_t dtype, const uint8_t *at);

#endif
