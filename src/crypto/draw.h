/* draw: what follows from a VRF output, in integers: who wins a race, who is eligible, which numbers a seat drew.
 * LEDGER 6.5, 6.6, 6.7.
 *
 * Consensus code: no float, no memory. Uses: sha256. */
#ifndef CRYPTO_DRAW_H
#define CRYPTO_DRAW_H
#include <stdbool.h>
#include <stdint.h>

enum { DRAW_OUTPUT_BYTES = 64, DRAW_ACCOUNT_BYTES = 32, DRAW_WEIGHT_BITS = 60 };

/* draw_score is L(u) = -log2((u + 1) / 2^64) in units of 2^-44, of the output's first 8 bytes u: 0 to 2^50. Never below
 * the true value, and above it by less than 2^-44 + 2^-62. */
uint64_t draw_score(const uint8_t output[DRAW_OUTPUT_BYTES]);

/* An entry of a race: 1 <= weight < 2^60. */
struct draw_entry {
  uint8_t output[DRAW_OUTPUT_BYTES];
  uint64_t weight;
  uint8_t account[DRAW_ACCOUNT_BYTES];
};

/* draw_before says whether a comes in before b: a strict order over entries that differ. Each of several entries is
 * first with chance weight / sum of weights, however a stake is split over accounts. */
bool draw_before(const struct draw_entry *a, const struct draw_entry *b);

/* draw_eligible is true with chance 1 - e^(-rate * weight / total), rate = rate_permille / 1000, so that about `rate`
 * holders are eligible of all. weight <= total, 1 <= total < 2^60. */
bool draw_eligible(const uint8_t output[DRAW_OUTPUT_BYTES], uint64_t weight, uint64_t total, uint16_t rate_permille);

/* draw_begin starts the words that an output expands to, draw_word is the next one, draw_below the next number from 0
 * to k - 1, each equally likely; k >= 1. draw_below takes at least one word, for k = 1 too. */
struct draw_stream {
  uint8_t output[DRAW_OUTPUT_BYTES];
  uint8_t block[32];
  uint32_t counter; /* blocks made */
  uint32_t used;    /* bytes taken from the last one */
};
void draw_begin(struct draw_stream *s, const uint8_t output[DRAW_OUTPUT_BYTES]);
uint64_t draw_word(struct draw_stream *s);
uint64_t draw_below(struct draw_stream *s, uint64_t k);

#endif
