#include "crypto/draw.h"

#include <assert.h>
#include <string.h>

#include "crypto/sha256.h"

__extension__ typedef unsigned __int128 u128;

static uint64_t little(const uint8_t *bytes, uint32_t length) {
  uint64_t x = 0;
  for (uint32_t i = 0; i < length; i++) x |= (uint64_t)bytes[i] << (8 * i);
  return x;
}

/* LEDGER 6.5. v 2^z lies in [2^63, 2^64); squaring it 44 times shows the bits of its logarithm, the highest first. What
 * the products lose weighs less than 2^-62. */
uint64_t draw_score(const uint8_t output[DRAW_OUTPUT_BYTES]) {
  uint64_t v = little(output, 8) + 1, fraction = 0;
  if (v == 0) return 0;
  uint32_t zeros = (uint32_t)__builtin_clzll(v);
  uint64_t x = v << zeros;
  for (uint32_t bit = 0; bit < 44; bit++) {
    u128 square = (u128)x * x;
    uint64_t carry = (uint64_t)(square >> 127);
    fraction = fraction << 1 | carry;
    x = (uint64_t)(square >> (63 + carry));
  }
  return ((uint64_t)(zeros + 1) << 44) - fraction;
}

/* LEDGER 6.5: scores divided by weights, compared crosswise: 51 and 60 bits. */
bool draw_before(const struct draw_entry *a, const struct draw_entry *b) {
  assert(a->weight && b->weight && a->weight >> DRAW_WEIGHT_BITS == 0 && b->weight >> DRAW_WEIGHT_BITS == 0);
  u128 left = (u128)draw_score(a->output) * b->weight, right = (u128)draw_score(b->output) * a->weight;
  if (left != right) return left < right;
  int order = memcmp(a->output, b->output, DRAW_OUTPUT_BYTES);
  if (order == 0) order = memcmp(a->account, b->account, DRAW_ACCOUNT_BYTES);
  return order < 0;
}

/* LEDGER 6.6: -ln((u + 1) / 2^64) < rate * weight / total. Left is below 2^120, right below 2^121. */
bool draw_eligible(const uint8_t output[DRAW_OUTPUT_BYTES], uint64_t weight, uint64_t total, uint16_t rate_permille) {
  static const uint64_t log2_e = 25380159564675; /* 2^44 / ln 2 */
  assert(total && total >> DRAW_WEIGHT_BITS == 0 && weight <= total);
  u128 left = (u128)draw_score(output) * total * 1000;
  u128 right = (u128)weight * rate_permille * log2_e;
  return left < right;
}

void draw_begin(struct draw_stream *s, const uint8_t output[DRAW_OUTPUT_BYTES]) {
  memset(s, 0, sizeof *s);
  memcpy(s->output, output, DRAW_OUTPUT_BYTES);
  s->used = sizeof s->block;
}

/* LEDGER 6.7. */
uint64_t draw_word(struct draw_stream *s) {
  static const char tag[] = "assay/expand/1"; /* hashed with its 0 */
  if (s->used == sizeof s->block) {
    uint8_t text[sizeof tag + DRAW_OUTPUT_BYTES + 4];
    memcpy(text, tag, sizeof tag);
    memcpy(text + sizeof tag, s->output, DRAW_OUTPUT_BYTES);
    for (uint32_t i = 0; i < 4; i++) text[sizeof tag + DRAW_OUTPUT_BYTES + i] = (uint8_t)(s->counter >> (8 * i));
    sha256(text, sizeof text, s->block);
    s->counter++;
    s->used = 0;
  }
  s->used += 8;
  return little(s->block + s->used - 8, 8);
}

/* 2^64 mod k words at the top have no full set of remainders. At most every second word is refused. */
uint64_t draw_below(struct draw_stream *s, uint64_t k) {
  assert(k);
  uint64_t rest = -k % k; /* 2^64 mod k */
  for (;;) {
    uint64_t v = draw_word(s);
    if (rest == 0 || v < -rest) return v % k;
  }
}
