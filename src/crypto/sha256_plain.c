/* SHA-256 in C, from FIPS 180-4: constants 4.2.2, functions 4.1.2, padding 5.1.1, initial hash 5.3.3, rounds 6.2.2. */
#include <string.h>

#include "crypto/sha256.h"
#include "crypto/sha256_words.h"

static uint32_t rotate(uint32_t x, uint32_t n) { return x >> n | x << (32 - n); }

static void rounds(uint32_t hash[8], const uint8_t block[64]) {
  uint32_t w[64], a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4], f = hash[5], g = hash[6],
                  h = hash[7];
  for (uint32_t t = 0; t < 16; t++) {
    const uint8_t *x = block + 4 * t;
    w[t] = (uint32_t)x[0] << 24 | (uint32_t)x[1] << 16 | (uint32_t)x[2] << 8 | x[3];
  }
  for (uint32_t t = 16; t < 64; t++) {
    uint32_t x = w[t - 15], y = w[t - 2];
    w[t] = w[t - 16] + (rotate(x, 7) ^ rotate(x, 18) ^ x >> 3) + w[t - 7] + (rotate(y, 17) ^ rotate(y, 19) ^ y >> 10);
  }
  for (uint32_t t = 0; t < 64; t++) {
    uint32_t one =
        h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + sha256_constant[t] + w[t];
    uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + one;
    d = c, c = b, b = a, a = one + two;
  }
  const uint32_t added[8] = {a, b, c, d, e, f, g, h};
  for (uint32_t i = 0; i < 8; i++) hash[i] += added[i];
}

void sha256_begin(struct sha256_stream *s) {
  memcpy(s->hash, sha256_initial, sizeof sha256_initial);
  s->length_bytes = 0;
}

void sha256_add(struct sha256_stream *s, const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  size_t held = s->length_bytes % 64;
  s->length_bytes += length;
  while (length) {
    size_t n = 64 - held < length ? 64 - held : length;
    memcpy(s->block + held, at, n);
    at += n;
    length -= n;
    held += n;
    if (held == 64) {
      rounds(s->hash, s->block);
      held = 0;
    }
  }
}

void sha256_end(struct sha256_stream *s, uint8_t digest[SHA256_BYTES]) {
  uint64_t bits = s->length_bytes * 8;
  uint8_t padding[72] = {0x80};
  size_t zeros = (119 - s->length_bytes % 64) % 64; /* so that the eight length bytes end a block */
  for (uint32_t i = 0; i < 8; i++) padding[1 + zeros + i] = (uint8_t)(bits >> (56 - 8 * i));
  sha256_add(s, padding, 1 + zeros + 8);
  for (uint32_t i = 0; i < SHA256_BYTES; i++) digest[i] = (uint8_t)(s->hash[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_parts(const struct sha256_part *parts, size_t count, uint8_t digest[SHA256_BYTES]) {
  struct sha256_stream s;
  sha256_begin(&s);
  for (size_t i = 0; i < count; i++) sha256_add(&s, parts[i].bytes, parts[i].length);
  sha256_end(&s, digest);
}

void sha256(const void *bytes, size_t length, uint8_t digest[SHA256_BYTES]) {
  sha256_parts(&(struct sha256_part){bytes, length}, 1, digest);
}
