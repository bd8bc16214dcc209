/* AVX-512 (F, VL, DQ, BW): 32 registers of 16 floats. Compiled with these instructions, called only where they run. */
#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/vector/vector.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

/* 14 x 32: 28 sums, 2 of b, 1 of a, 31 of 32 registers. */
#define DOT_NAME(x) wide_##x
#define DOT_ROWS 14
#define DOT_VECTORS 2
#define DOT_LANES 16
#define dot_vec __m512
#define dot_some __mmask16
#define DOT_FIRST_LANES(n) ((__mmask16)((1u << (n)) - 1))
#define DOT_ZERO() _mm512_setzero_ps()
#define DOT_LOAD(p) _mm512_loadu_ps(p)
#define DOT_LOAD_EDGE(p, real) _mm512_maskz_loadu_ps(real, p)
#define DOT_STORE(p, v) _mm512_storeu_ps(p, v)
#define DOT_STORE_EDGE(p, real, v) _mm512_mask_storeu_ps(p, real, v)
#define DOT_SPREAD(p) _mm512_set1_ps(*(p))
#define DOT_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define DOT_ADD(a, b) _mm512_add_ps(a, b)
#define DOT_NONE() ((__mmask16)0)
#define DOT_NANS(v, w) _mm512_cmp_ps_mask(v, w, _CMP_UNORD_Q)
#define DOT_OR(a, b) ((__mmask16)((a) | (b)))
#define DOT_AND(a, b) ((__mmask16)((a) & (b)))
#define DOT_ANY(m) ((m) != 0)
#include "numeric/vector/dot.inc"

/* 14 x 8 in half registers: narrow heads and convolutions with few channels, where wide lanes would idle. */
#define DOT_NAME(x) narrow_##x
#define DOT_ROWS 14
#define DOT_VECTORS 1
#define DOT_LANES 8
#define dot_vec __m256
#define dot_some __mmask8
#define DOT_FIRST_LANES(n) ((__mmask8)((1u << (n)) - 1))
#define DOT_ZERO() _mm256_setzero_ps()
#define DOT_LOAD(p) _mm256_loadu_ps(p)
#define DOT_LOAD_EDGE(p, real) _mm256_maskz_loadu_ps(real, p)
#define DOT_STORE(p, v) _mm256_storeu_ps(p, v)
#define DOT_STORE_EDGE(p, real, v) _mm256_mask_storeu_ps(p, real, v)
#define DOT_SPREAD(p) _mm256_set1_ps(*(p))
#define DOT_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define DOT_ADD(a, b) _mm256_add_ps(a, b)
#define DOT_NONE() ((__mmask8)0)
#define DOT_NANS(v, w) _mm256_cmp_ps_mask(v, w, _CMP_UNORD_Q)
#define DOT_OR(a, b) ((__mmask8)((a) | (b)))
#define DOT_AND(a, b) ((__mmask8)((a) & (b)))
#define DOT_ANY(m) ((m) != 0)
#include "numeric/vector/dot.inc"

#include "numeric/avx512/flat.inc"
#include "numeric/avx512/slim.inc"
#include "numeric/avx512/line.inc"
#include "numeric/avx512/patch.inc"

static bool avx512_dot(const struct dot_tile *t) {
  if (t->cols > 32) return flat_dot(t);
  bool (*slim)(const struct dot_tile *) = slim_of(t);
  return slim ? slim(t) : t->cols <= 8 ? narrow_dot(t) : wide_dot(t);
}

#define VEC_LANES 16
#define WIDE 2 /* vectors side by side where operations are many, see map.inc */
#define vec_int __m512i
#define vec_real __m512
#define vec_mask __mmask16
VECTOR_INLINE vec_mask some(uint32_t n) { return (vec_mask)((1u << n) - 1); }

VECTOR_INLINE vec_real vec_as_real(vec_int x) { return _mm512_castsi512_ps(x); }
VECTOR_INLINE vec_int vec_as_int(vec_real x) { return _mm512_castps_si512(x); }
VECTOR_INLINE vec_int vec_spread(uint32_t x) { return _mm512_set1_epi32((int32_t)x); }
VECTOR_INLINE vec_int vec_count(void) {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
VECTOR_INLINE vec_int vec_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
VECTOR_INLINE vec_int vec_load_part(const uint32_t *p, uint32_t n) { return _mm512_maskz_loadu_epi32(some(n), p); }
VECTOR_INLINE void vec_store(uint32_t *p, vec_int x) { _mm512_storeu_si512(p, x); }
VECTOR_INLINE void vec_store_part(uint32_t *p, uint32_t n, vec_int x) { _mm512_mask_storeu_epi32(p, some(n), x); }
VECTOR_INLINE void vec_store_far(uint32_t *p, vec_int x) { _mm512_stream_si512((__m512i *)p, x); } /* p: 64 bytes */
#define vec_settle() _mm_sfence()
VECTOR_INLINE vec_real vec_load_real(const float *p) { return _mm512_loadu_ps(p); }
VECTOR_INLINE vec_real vec_load_real_part(const float *p, uint32_t n) { return _mm512_maskz_loadu_ps(some(n), p); }
VECTOR_INLINE void vec_store_real(float *p, vec_real x) { _mm512_storeu_ps(p, x); }
VECTOR_INLINE void vec_store_real_part(float *p, uint32_t n, vec_real x) { _mm512_mask_storeu_ps(p, some(n), x); }

VECTOR_INLINE vec_real vec_add(vec_real a, vec_real b) { return _mm512_add_ps(a, b); }
VECTOR_INLINE vec_real vec_sub(vec_real a, vec_real b) { return _mm512_sub_ps(a, b); }
VECTOR_INLINE vec_real vec_mul(vec_real a, vec_real b) { return _mm512_mul_ps(a, b); }
VECTOR_INLINE vec_real vec_div(vec_real a, vec_real b) { return _mm512_div_ps(a, b); }
VECTOR_INLINE vec_real vec_fma(vec_real a, vec_real b, vec_real c) { return _mm512_fmadd_ps(a, b, c); }
VECTOR_INLINE vec_real vec_sqrt(vec_real a) { return _mm512_sqrt_ps(a); }
/* a * 2^n for integers n, rounded once */
#define vec_scale(a, n) _mm512_scalef_ps(a, n)
VECTOR_INLINE vec_real vec_floor(vec_real a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
VECTOR_INLINE vec_real vec_ceil(vec_real a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
VECTOR_INLINE vec_real vec_rint(vec_real a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VECTOR_INLINE vec_real vec_trunc(vec_real a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
/* maxps gives its second operand where the two are zeros; the pair of both orders meets in the sign bit. */
VECTOR_INLINE vec_real vec_max_number(vec_real a, vec_real b) {
  return _mm512_and_ps(_mm512_max_ps(a, b), _mm512_max_ps(b, a));
}
VECTOR_INLINE vec_real vec_min_number(vec_real a, vec_real b) {
  return _mm512_or_ps(_mm512_min_ps(a, b), _mm512_min_ps(b, a));
}
VECTOR_INLINE vec_real vec_above(vec_real w, vec_real a) { return _mm512_max_ps(w, a); }
VECTOR_INLINE vec_real vec_below(vec_real w, vec_real a) { return _mm512_min_ps(w, a); }
VECTOR_INLINE vec_real vec_from_int(vec_int a) { return _mm512_cvtepi32_ps(a); }
VECTOR_INLINE vec_int vec_to_int(vec_real a) { /* the instruction gives INT_MIN for all that does not fit */
  vec_int x = _mm512_cvttps_epi32(a);
  x = _mm512_mask_mov_epi32(x, _mm512_cmp_ps_mask(a, _mm512_set1_ps(0x1p31f), _CMP_GE_OQ),
                            _mm512_set1_epi32(INT32_MAX));
  return _mm512_maskz_mov_epi32(_mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), x);
}

VECTOR_INLINE vec_int vec_and(vec_int a, vec_int b) { return _mm512_and_si512(a, b); }
VECTOR_INLINE vec_int vec_or(vec_int a, vec_int b) { return _mm512_or_si512(a, b); }
VECTOR_INLINE vec_int vec_xor(vec_int a, vec_int b) { return _mm512_xor_si512(a, b); }
VECTOR_INLINE vec_int vec_iadd(vec_int a, vec_int b) { return _mm512_add_epi32(a, b); }
VECTOR_INLINE vec_int vec_isub(vec_int a, vec_int b) { return _mm512_sub_epi32(a, b); }
VECTOR_INLINE vec_int vec_imul(vec_int a, vec_int b) { return _mm512_mullo_epi32(a, b); }
VECTOR_INLINE vec_int vec_umulh(vec_int a, vec_int b) {
  vec_int even = _mm512_srli_epi64(_mm512_mul_epu32(a, b), 32);
  vec_int odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
  return _mm512_mask_mov_epi32(even, 0xaaaa, odd);
}
VECTOR_INLINE vec_int vec_shl(vec_int a, vec_int n) { return _mm512_sllv_epi32(a, n); }
VECTOR_INLINE vec_int vec_shr(vec_int a, vec_int n) { return _mm512_srav_epi32(a, n); }
VECTOR_INLINE vec_int vec_ushr(vec_int a, vec_int n) { return _mm512_srlv_epi32(a, n); }

#define vec_shl_by(a, n) _mm512_slli_epi32(a, n)
#define vec_shr_by(a, n) _mm512_srai_epi32(a, n)

VECTOR_INLINE vec_mask vec_flt(vec_real a, vec_real b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
VECTOR_INLINE vec_mask vec_fle(vec_real a, vec_real b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
VECTOR_INLINE vec_mask vec_feq(vec_real a, vec_real b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
VECTOR_INLINE vec_mask vec_unordered(vec_real a, vec_real b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
VECTOR_INLINE vec_mask vec_ilt(vec_int a, vec_int b) { return _mm512_cmplt_epi32_mask(a, b); }
VECTOR_INLINE vec_mask vec_ult(vec_int a, vec_int b) { return _mm512_cmplt_epu32_mask(a, b); }
VECTOR_INLINE vec_mask vec_ieq(vec_int a, vec_int b) { return _mm512_cmpeq_epi32_mask(a, b); }
VECTOR_INLINE vec_int vec_pick(vec_mask m, vec_int yes, vec_int no) { return _mm512_mask_mov_epi32(no, m, yes); }
VECTOR_INLINE vec_int vec_keep(vec_mask m, vec_int x) { return _mm512_maskz_mov_epi32(m, x); } /* else 0 */
VECTOR_INLINE vec_int vec_bit(vec_mask m) { return _mm512_maskz_set1_epi32(m, 1); }
VECTOR_INLINE bool vec_all(vec_mask m) { return m == 0xffff; }
VECTOR_INLINE bool vec_any(vec_int x) { return _mm512_test_epi32_mask(x, x) != 0; }
/* Lane j is lane j + w or j - w: the other one of a pair of halves, of w lanes each. */
VECTOR_INLINE vec_real vec_swap_lanes(vec_real x, int w) {
  switch (w) {
  case 8: return _mm512_shuffle_f32x4(x, x, 0x4e);
  case 4: return _mm512_shuffle_f32x4(x, x, 0xb1);
  case 2: return _mm512_permute_ps(x, 0x4e);
  default: return _mm512_permute_ps(x, 0xb1);
  }
}
#define vec_swap vec_swap_lanes
/* Lanes of a mask come to lie side by side, and go back to where they were; what does not fill the vector is 0. */
#define vec_squeeze(m, x) _mm512_maskz_compress_epi32(m, x)
#define vec_loosen(m, x) _mm512_maskz_expand_epi32(m, x)
#define vec_mask_not(m) ((vec_mask)~(m))
#define vec_mask_count(m) ((uint32_t)__builtin_popcount(m))
#define vec_store_some(p, m, x) _mm512_mask_storeu_epi32(p, m, x)
/* Every NaN the same one, in one instruction: quiet and signaling ones (classes 0 and 1) are what is there already. */
VECTOR_INLINE vec_int vec_canonical(vec_int x) {
  const __m512 nan = _mm512_castsi512_ps(_mm512_set1_epi32(CANON_NAN));
  return vec_as_int(_mm512_fixupimm_ps(nan, vec_as_real(x), _mm512_set1_epi32(0x11111100), 0));
}
#define VEC_CANONICAL vec_canonical
#define VEC_DIVIDES_SLOWLY

VECTOR_INLINE vec_int vec_widen(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
VECTOR_INLINE void vec_narrow(uint8_t *p, vec_int x) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(x)); }
/* out[4 i + w] = word w of lane i: a 4 x 4 transpose in each quarter, then of the quarters. */
VECTOR_INLINE void vec_store_by_four(uint32_t *out, vec_int w0, vec_int w1, vec_int w2, vec_int w3) {
  vec_int a = _mm512_unpacklo_epi32(w0, w1), b = _mm512_unpacklo_epi32(w2, w3);
  vec_int c = _mm512_unpackhi_epi32(w0, w1), d = _mm512_unpackhi_epi32(w2, w3);
  vec_int q0 = _mm512_unpacklo_epi64(a, b), q1 = _mm512_unpackhi_epi64(a, b); /* lanes 0, 4, 8, 12 and 1, 5, 9, 13 */
  vec_int q2 = _mm512_unpacklo_epi64(c, d), q3 = _mm512_unpackhi_epi64(c, d);
  vec_int e = _mm512_shuffle_i32x4(q0, q1, 0x44), f = _mm512_shuffle_i32x4(q2, q3, 0x44);
  vec_int g = _mm512_shuffle_i32x4(q0, q1, 0xee), h = _mm512_shuffle_i32x4(q2, q3, 0xee);
  vec_store(out, _mm512_shuffle_i32x4(e, f, 0x88));
  vec_store(out + 16, _mm512_shuffle_i32x4(e, f, 0xdd));
  vec_store(out + 32, _mm512_shuffle_i32x4(g, h, 0x88));
  vec_store(out + 48, _mm512_shuffle_i32x4(g, h, 0xdd));
}

/* Rows become columns: within quarters by unpacking, then the quarters. */
VECTOR_INLINE void vec_transpose(vec_real r[16]) {
  vec_real t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r[i], r[i + 1]));
    __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(r[i], r[i + 1]));
    __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r[i + 2], r[i + 3]));
    __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(r[i + 2], r[i + 3]));
    t[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    t[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    t[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    t[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) { /* quarter q of t[i], t[i + 4], .. is row 4 q + i */
    vec_real a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88), b = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
    vec_real c = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xdd), d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xdd);
    r[i] = _mm512_shuffle_f32x4(a, b, 0x88);
    r[i + 4] = _mm512_shuffle_f32x4(c, d, 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(a, b, 0xdd);
    r[i + 12] = _mm512_shuffle_f32x4(c, d, 0xdd);
  }
}

/* Up to eight rows as columns, half the work: `deep` places of `wide` floats, each `step` behind the one before. */
VECTOR_INLINE void turn_narrow(const vec_real r[8], uint32_t wide, uint32_t deep, float *to, ptrdiff_t step) {
  const __m512i front = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), back = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  const __mmask8 real = (__mmask8)((1u << wide) - 1);
  __m512d t[8];
  __m256 place[16];
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r[i], r[i + 1]));
    __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(r[i], r[i + 1]));
    __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r[i + 2], r[i + 3]));
    __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(r[i + 2], r[i + 3]));
    t[i] = _mm512_unpacklo_pd(a, c);
    t[i + 1] = _mm512_unpackhi_pd(a, c);
    t[i + 2] = _mm512_unpacklo_pd(b, d);
    t[i + 3] = _mm512_unpackhi_pd(b, d);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) { /* quarter q of t[i] and t[i + 4] is place 4 q + i */
    __m512 low = _mm512_castpd_ps(_mm512_permutex2var_pd(t[i], front, t[i + 4]));
    __m512 high = _mm512_castpd_ps(_mm512_permutex2var_pd(t[i], back, t[i + 4]));
    place[i] = _mm512_castps512_ps256(low);
    place[i + 4] = _mm512_extractf32x8_ps(low, 1);
    place[i + 8] = _mm512_castps512_ps256(high);
    place[i + 12] = _mm512_extractf32x8_ps(high, 1);
  }
  if (deep == 16) {
#pragma GCC unroll 16
    for (int p = 0; p < 16; p++) _mm256_mask_storeu_ps(to + p * step, real, place[p]);
  } else {
    for (uint32_t p = 0; p < deep; p++) _mm256_mask_storeu_ps(to + (ptrdiff_t)p * step, real, place[p]);
  }
}
#define VEC_TURN_NARROW turn_narrow

#include "numeric/vector/map.inc"
#include "numeric/vector/fused.inc"
#include "numeric/vector/pack.inc"
#include "numeric/vector/random.inc"
#include "numeric/vector/reduce.inc"
#include "numeric/vector/window.inc"

const struct backend backend_avx512 = {.name = "avx512",
                                       .dot_rows = 14,
                                       .dot_cols = 32,
                                       .slim_rows = SLIM_ROWS,
                                       .slim_cols = 16,
                                       .flat_cols = {0, 64, 64, 64, 64, 64, 64, 48, 48},
                                       .dot = avx512_dot,
                                       .line = line_dot,
                                       .patch = patch_dot,
                                       .patch_fits = patch_fits,
                                       .line_fits = line_fits,
                                       .line_rows = {LINE_ROWS, LINE_ROWS / 2},
                                       VECTOR_TABLE};
