/* AVX2 with FMA: 16 registers of 8 floats. Compiled with these instructions, called only where they run. */
#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/vector/vector.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define VEC_LANES 8
#define WIDE 2 /* vectors side by side where operations are many, see map.inc */
#define vec_int __m256i
#define vec_real __m256
#define vec_mask __m256i /* all bits of a lane, or none */
VECTOR_INLINE vec_mask some(uint32_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* 6 x 16: 12 sums, 2 of b, 1 of a, 15 of 16 registers. Eight columns or fewer take one vector. */
#define DOT_NAME(x) wide_##x
#define DOT_ROWS 6
#define DOT_VECTORS 2
#define DOT_LANES 8
#define dot_vec __m256
#define dot_some __m256i
#define DOT_FIRST_LANES(n) some((uint32_t)(n))
#define DOT_ZERO() _mm256_setzero_ps()
#define DOT_LOAD(p) _mm256_loadu_ps(p)
#define DOT_LOAD_EDGE(p, real) _mm256_maskload_ps(p, real)
#define DOT_STORE(p, v) _mm256_storeu_ps(p, v)
#define DOT_STORE_EDGE(p, real, v) _mm256_maskstore_ps(p, real, v)
#define DOT_SPREAD(p) _mm256_broadcast_ss(p)
#define DOT_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define DOT_ADD(a, b) _mm256_add_ps(a, b)
#define DOT_NONE() _mm256_setzero_si256()
#define DOT_NANS(v, w) _mm256_castps_si256(_mm256_cmp_ps(v, w, _CMP_UNORD_Q))
#define DOT_OR(a, b) _mm256_or_si256(a, b)
#define DOT_AND(a, b) _mm256_and_si256(a, b)
#define DOT_ANY(m) (!_mm256_testz_si256(m, m))
#include "numeric/vector/dot.inc"

VECTOR_INLINE vec_real vec_as_real(vec_int x) { return _mm256_castsi256_ps(x); }
VECTOR_INLINE vec_int vec_as_int(vec_real x) { return _mm256_castps_si256(x); }
VECTOR_INLINE vec_int vec_spread(uint32_t x) { return _mm256_set1_epi32((int32_t)x); }
VECTOR_INLINE vec_int vec_count(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
VECTOR_INLINE vec_int vec_load(const uint32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
VECTOR_INLINE vec_int vec_load_part(const uint32_t *p, uint32_t n) {
  return _mm256_maskload_epi32((const int *)p, some(n));
}
VECTOR_INLINE void vec_store(uint32_t *p, vec_int x) { _mm256_storeu_si256((__m256i *)p, x); }
VECTOR_INLINE void vec_store_part(uint32_t *p, uint32_t n, vec_int x) { _mm256_maskstore_epi32((int *)p, some(n), x); }
VECTOR_INLINE void vec_store_far(uint32_t *p, vec_int x) { _mm256_stream_si256((__m256i *)p, x); } /* p: 32 bytes */
#define vec_settle() _mm_sfence()
VECTOR_INLINE vec_real vec_load_real(const float *p) { return _mm256_loadu_ps(p); }
VECTOR_INLINE vec_real vec_load_real_part(const float *p, uint32_t n) { return _mm256_maskload_ps(p, some(n)); }
VECTOR_INLINE void vec_store_real(float *p, vec_real x) { _mm256_storeu_ps(p, x); }
VECTOR_INLINE void vec_store_real_part(float *p, uint32_t n, vec_real x) { _mm256_maskstore_ps(p, some(n), x); }

VECTOR_INLINE vec_real vec_add(vec_real a, vec_real b) { return _mm256_add_ps(a, b); }
VECTOR_INLINE vec_real vec_sub(vec_real a, vec_real b) { return _mm256_sub_ps(a, b); }
VECTOR_INLINE vec_real vec_mul(vec_real a, vec_real b) { return _mm256_mul_ps(a, b); }
VECTOR_INLINE vec_real vec_div(vec_real a, vec_real b) { return _mm256_div_ps(a, b); }
VECTOR_INLINE vec_real vec_fma(vec_real a, vec_real b, vec_real c) { return _mm256_fmadd_ps(a, b, c); }
VECTOR_INLINE vec_real vec_sqrt(vec_real a) { return _mm256_sqrt_ps(a); }
VECTOR_INLINE vec_real vec_floor(vec_real a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
VECTOR_INLINE vec_real vec_ceil(vec_real a) { return _mm256_round_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
VECTOR_INLINE vec_real vec_rint(vec_real a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VECTOR_INLINE vec_real vec_trunc(vec_real a) { return _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
/* maxps gives its second operand where the two are zeros; the pair of both orders meets in the sign bit. */
VECTOR_INLINE vec_real vec_max_number(vec_real a, vec_real b) {
  return _mm256_and_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a));
}
VECTOR_INLINE vec_real vec_min_number(vec_real a, vec_real b) {
  return _mm256_or_ps(_mm256_min_ps(a, b), _mm256_min_ps(b, a));
}
VECTOR_INLINE vec_real vec_above(vec_real w, vec_real a) { return _mm256_max_ps(w, a); }
VECTOR_INLINE vec_real vec_below(vec_real w, vec_real a) { return _mm256_min_ps(w, a); }
VECTOR_INLINE vec_real vec_from_int(vec_int a) { return _mm256_cvtepi32_ps(a); }

VECTOR_INLINE vec_int vec_and(vec_int a, vec_int b) { return _mm256_and_si256(a, b); }
VECTOR_INLINE vec_int vec_or(vec_int a, vec_int b) { return _mm256_or_si256(a, b); }
VECTOR_INLINE vec_int vec_xor(vec_int a, vec_int b) { return _mm256_xor_si256(a, b); }
VECTOR_INLINE vec_int vec_iadd(vec_int a, vec_int b) { return _mm256_add_epi32(a, b); }
VECTOR_INLINE vec_int vec_isub(vec_int a, vec_int b) { return _mm256_sub_epi32(a, b); }
VECTOR_INLINE vec_int vec_imul(vec_int a, vec_int b) { return _mm256_mullo_epi32(a, b); }
VECTOR_INLINE vec_int vec_umulh(vec_int a, vec_int b) {
  vec_int even = _mm256_srli_epi64(_mm256_mul_epu32(a, b), 32);
  vec_int odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
  return _mm256_blend_epi32(even, odd, 0xaa);
}
VECTOR_INLINE vec_int vec_shl(vec_int a, vec_int n) { return _mm256_sllv_epi32(a, n); }
VECTOR_INLINE vec_int vec_shr(vec_int a, vec_int n) { return _mm256_srav_epi32(a, n); }
VECTOR_INLINE vec_int vec_ushr(vec_int a, vec_int n) { return _mm256_srlv_epi32(a, n); }
#define vec_shl_by(a, n) _mm256_slli_epi32(a, n)
#define vec_shr_by(a, n) _mm256_srai_epi32(a, n)

VECTOR_INLINE vec_mask vec_flt(vec_real a, vec_real b) { return vec_as_int(_mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
VECTOR_INLINE vec_mask vec_fle(vec_real a, vec_real b) { return vec_as_int(_mm256_cmp_ps(a, b, _CMP_LE_OQ)); }
VECTOR_INLINE vec_mask vec_feq(vec_real a, vec_real b) { return vec_as_int(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)); }
VECTOR_INLINE vec_mask vec_unordered(vec_real a, vec_real b) { return vec_as_int(_mm256_cmp_ps(a, b, _CMP_UNORD_Q)); }
VECTOR_INLINE vec_mask vec_ilt(vec_int a, vec_int b) { return _mm256_cmpgt_epi32(b, a); }
VECTOR_INLINE vec_mask vec_ult(vec_int a, vec_int b) { /* flipping the sign bits makes the order unsigned */
  const vec_int sign = _mm256_set1_epi32(INT32_MIN);
  return vec_ilt(vec_xor(a, sign), vec_xor(b, sign));
}
VECTOR_INLINE vec_mask vec_ieq(vec_int a, vec_int b) { return _mm256_cmpeq_epi32(a, b); }
VECTOR_INLINE vec_int vec_pick(vec_mask m, vec_int yes, vec_int no) { return _mm256_blendv_epi8(no, yes, m); }
VECTOR_INLINE vec_int vec_keep(vec_mask m, vec_int x) { return vec_and(m, x); } /* else 0 */
VECTOR_INLINE vec_int vec_bit(vec_mask m) { return _mm256_srli_epi32(m, 31); }
VECTOR_INLINE bool vec_all(vec_mask m) { return _mm256_movemask_epi8(m) == -1; }
VECTOR_INLINE bool vec_any(vec_int x) { return !_mm256_testz_si256(x, x); }
VECTOR_INLINE vec_int vec_to_int(vec_real a) { /* the instruction gives INT_MIN for all that does not fit */
  vec_int big = vec_as_int(_mm256_cmp_ps(a, _mm256_set1_ps(0x1p31f), _CMP_GE_OQ));
  vec_int x = vec_pick(big, _mm256_set1_epi32(INT32_MAX), _mm256_cvttps_epi32(a));
  return vec_and(x, vec_as_int(_mm256_cmp_ps(a, a, _CMP_ORD_Q)));
}

VECTOR_INLINE vec_int vec_widen(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
VECTOR_INLINE void vec_narrow(uint8_t *p, vec_int x) { /* the low byte of each word to the front of its half */
  const vec_int low = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1, -1,
                                       -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  x = _mm256_shuffle_epi8(x, low);
  _mm_storel_epi64((__m128i *)p, _mm_unpacklo_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
}
/* out[4 i + w] = word w of lane i: a 4 x 4 transpose in each half, then of the halves. */
VECTOR_INLINE void vec_store_by_four(uint32_t *out, vec_int w0, vec_int w1, vec_int w2, vec_int w3) {
  vec_int a = _mm256_unpacklo_epi32(w0, w1), b = _mm256_unpacklo_epi32(w2, w3);
  vec_int c = _mm256_unpackhi_epi32(w0, w1), d = _mm256_unpackhi_epi32(w2, w3);
  vec_int q0 = _mm256_unpacklo_epi64(a, b), q1 = _mm256_unpackhi_epi64(a, b); /* lanes 0, 4 and 1, 5 */
  vec_int q2 = _mm256_unpacklo_epi64(c, d), q3 = _mm256_unpackhi_epi64(c, d);
  vec_store(out, _mm256_permute2x128_si256(q0, q1, 0x20));
  vec_store(out + 8, _mm256_permute2x128_si256(q2, q3, 0x20));
  vec_store(out + 16, _mm256_permute2x128_si256(q0, q1, 0x31));
  vec_store(out + 24, _mm256_permute2x128_si256(q2, q3, 0x31));
}

/* Rows become columns: within halves by unpacking, then the halves. */
VECTOR_INLINE void vec_transpose(vec_real r[8]) {
  vec_real t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 4) {
    __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(r[i], r[i + 1]));
    __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps(r[i], r[i + 1]));
    __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(r[i + 2], r[i + 3]));
    __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(r[i + 2], r[i + 3]));
    t[i] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, c));
    t[i + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, c));
    t[i + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(b, d));
    t[i + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(b, d));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) { /* half h of t[i], t[i + 4] is row 4 h + i */
    r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
  }
}

#include "numeric/vector/map.inc"
#include "numeric/vector/fused.inc"
#include "numeric/vector/pack.inc"
#include "numeric/vector/random.inc"
#include "numeric/vector/reduce.inc"
#include "numeric/vector/window.inc"

const struct backend backend_avx2 = {.name = "avx2", .dot_rows = 6, .dot_cols = 16, .dot = wide_dot, VECTOR_TABLE};
