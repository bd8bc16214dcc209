/* Sixteen messages side by side, one in each 32-bit lane of AVX-512 registers: rounds and schedule as FIPS 180-4 6.2.2
 * has them, every line for all sixteen. A processor's SHA instructions wait for themselves (four cycles for two rounds
 * of one message), so that one message after the other gives half of this. */
#include <string.h>

#include "crypto/sha256.h"
#include "crypto/sha256_words.h"

static void one_by_one(uint8_t tag, const uint8_t *bytes, size_t length, size_t count, uint8_t *digests) {
  for (size_t i = 0; i < count; i++)
    sha256_parts((struct sha256_part[]){{&tag, 1}, {bytes + i * length, length}}, 2, digests + i * SHA256_BYTES);
}

#if defined(__x86_64__) && !defined(SHA256_ONE_BY_ONE)
#include <immintrin.h>

#define VECTOR __attribute__((target("avx512f,avx512bw")))

enum { LANES = SHA256_LANES_MAX, BLOCK = 64, WORTH_LANES = 8 }; /* fewer than WORTH_LANES are quicker one by one */

VECTOR static inline __m512i add(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
VECTOR static inline __m512i xor3(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }

/* FIPS 180-4 4.1.2 */
VECTOR static inline __m512i choose(__m512i e, __m512i f, __m512i g) {
  return _mm512_ternarylogic_epi32(e, f, g, 0xca);
}
VECTOR static inline __m512i majority(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0xe8);
}
VECTOR static inline __m512i sum_0(__m512i a) {
  return xor3(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13), _mm512_ror_epi32(a, 22));
}
VECTOR static inline __m512i sum_1(__m512i e) {
  return xor3(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11), _mm512_ror_epi32(e, 25));
}
VECTOR static inline __m512i sigma_0(__m512i w) {
  return xor3(_mm512_ror_epi32(w, 7), _mm512_ror_epi32(w, 18), _mm512_srli_epi32(w, 3));
}
VECTOR static inline __m512i sigma_1(__m512i w) {
  return xor3(_mm512_ror_epi32(w, 17), _mm512_ror_epi32(w, 19), _mm512_srli_epi32(w, 10));
}

VECTOR static inline __m512i swap_bytes(__m512i x) {
  return _mm512_shuffle_epi8(x, _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203));
}

/* Row i of sixteen words becomes word i of all sixteen. */
VECTOR static inline void transpose(__m512i r[LANES]) {
  __m512i t[LANES], u[LANES];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 2; k++) {
      u[4 * i + 2 * k] = _mm512_unpacklo_epi64(t[4 * i + k], t[4 * i + 2 + k]);
      u[4 * i + 2 * k + 1] = _mm512_unpackhi_epi64(t[4 * i + k], t[4 * i + 2 + k]);
    }
  for (int k = 0; k < 4; k++) {
    __m512i a = _mm512_shuffle_i32x4(u[k], u[4 + k], 0x88), b = _mm512_shuffle_i32x4(u[k], u[4 + k], 0xdd);
    __m512i c = _mm512_shuffle_i32x4(u[8 + k], u[12 + k], 0x88), d = _mm512_shuffle_i32x4(u[8 + k], u[12 + k], 0xdd);
    r[k] = _mm512_shuffle_i32x4(a, c, 0x88);
    r[4 + k] = _mm512_shuffle_i32x4(b, d, 0x88);
    r[8 + k] = _mm512_shuffle_i32x4(a, c, 0xdd);
    r[12 + k] = _mm512_shuffle_i32x4(b, d, 0xdd);
  }
}

VECTOR static void rounds(__m512i hash[8], const uint8_t *const at[LANES]) {
  __m512i w[LANES], a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4], f = hash[5], g = hash[6],
                    h = hash[7];
  for (int i = 0; i < LANES; i++) w[i] = _mm512_loadu_si512(at[i]);
  transpose(w);
  for (int i = 0; i < LANES; i++) w[i] = swap_bytes(w[i]);
  for (int t = 0; t < 64; t += LANES)
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
      if (t) w[i] = add(add(sigma_1(w[(i + 14) % LANES]), w[(i + 9) % LANES]), add(sigma_0(w[(i + 1) % LANES]), w[i]));
      __m512i one =
          add(add(add(h, w[i]), _mm512_set1_epi32((int)sha256_constant[t + i])), add(sum_1(e), choose(e, f, g)));
      __m512i two = add(sum_0(a), majority(a, b, c));
      h = g, g = f, f = e, e = add(d, one);
      d = c, c = b, b = a, a = add(one, two);
    }
  const __m512i added[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; i++) hash[i] = add(hash[i], added[i]);
}

/* A block that is not all message: from the tag on, or what is left of it and FIPS 180-4 5.1.1. */
static void edge_block(const struct sha256_group *g, size_t block, const uint8_t *message, uint8_t out[BLOCK]) {
  size_t all = 1 + g->length, begin = block * BLOCK, from = begin ? begin : 1;
  size_t end = begin + BLOCK < all ? begin + BLOCK : all;
  memset(out, 0, BLOCK);
  if (begin == 0) out[0] = g->tag;
  if (end > from) memcpy(out + (from - begin), message + from - 1, end - from);
  if (all >= begin && all < begin + BLOCK) out[all - begin] = 0x80;
  if (block + 1 == g->blocks)
    for (int k = 0; k < 8; k++) out[BLOCK - 1 - k] = (uint8_t)((uint64_t)all * 8 >> 8 * k);
}

VECTOR static void go_sixteen(struct sha256_group *g, size_t end) {
  uint8_t edge[LANES][BLOCK];
  const uint8_t *at[LANES], *bytes = g->bytes;
  __m512i hash[8];
  for (int i = 0; i < 8; i++) hash[i] = _mm512_loadu_si512(g->hash[i]);
  for (; g->block < end; g->block++) {
    bool inside = g->block > 0 && (g->block + 1) * BLOCK <= 1 + g->length;
    for (size_t i = 0; i < LANES; i++) {
      const uint8_t *message = bytes + (i < g->count ? i : g->count - 1) * g->length; /* lanes without one repeat */
      at[i] = inside ? message + g->block * BLOCK - 1 : edge[i];
      if (!inside) edge_block(g, g->block, message, edge[i]);
    }
    rounds(hash, at);
  }
  for (int i = 0; i < 8; i++) _mm512_storeu_si512(g->hash[i], hash[i]);
}

VECTOR static void digests_of(const struct sha256_group *g, uint8_t *digests) {
  __m512i hash[LANES];
  for (int i = 0; i < LANES; i++) hash[i] = _mm512_loadu_si512(g->hash[i % 8]);
  transpose(hash);
  for (size_t i = 0; i < g->count; i++)
    _mm256_storeu_si256((__m256i *)(void *)(digests + i * SHA256_BYTES), _mm512_castsi512_si256(swap_bytes(hash[i])));
}

uint32_t sha256_lanes(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") ? LANES : 1;
}

static bool go(struct sha256_group *g, size_t blocks, uint8_t *digests) {
  go_sixteen(g, blocks < g->blocks - g->block ? g->block + blocks : g->blocks);
  if (g->block < g->blocks) return false;
  digests_of(g, digests);
  return true;
}

#else
enum { LANES = SHA256_LANES_MAX, BLOCK = 64, WORTH_LANES = LANES + 1 };
uint32_t sha256_lanes(void) { return 1; }
static bool go(struct sha256_group *g, size_t blocks, uint8_t *digests) {
  (void)blocks;
  one_by_one(g->tag, g->bytes, g->length, g->count, digests);
  return true;
}
#endif

void sha256_group_begin(struct sha256_group *g, uint8_t tag, const void *bytes, size_t length, size_t count) {
  *g = (struct sha256_group){.bytes = bytes, .length = length, .count = count, .tag = tag};
  g->blocks = (1 + length + 1 + 8 + BLOCK - 1) / BLOCK;
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < LANES; k++) g->hash[i][k] = sha256_initial[i];
}

bool sha256_group_go(struct sha256_group *g, size_t blocks, uint8_t *digests) {
  if (g->count >= WORTH_LANES && sha256_lanes() == LANES) return go(g, blocks, digests);
  one_by_one(g->tag, g->bytes, g->length, g->count, digests);
  return true;
}

void sha256_each(uint8_t tag, const void *bytes, size_t length, size_t count, uint8_t *digests) {
  const uint8_t *at = bytes;
  size_t lanes = sha256_lanes();
  while (count) {
    struct sha256_group g;
    size_t n = count < lanes ? count : lanes;
    if (lanes == 1) n = count;
    sha256_group_begin(&g, tag, at, length, n);
    sha256_group_go(&g, SIZE_MAX, digests);
    at += n * length;
    digests += n * SHA256_BYTES;
    count -= n;
  }
}
