/* AArch64 NEON: 32 registers of 4 floats, part of every AArch64 machine. */
#include "numeric/canon.h"
#include "numeric/random.h"
#include "numeric/vector/vector.h"

#include <arm_neon.h>
#include <math.h>
#include <string.h>

#define VEC_LANES 4
#define WIDE 2 /* vectors side by side where operations are many, see map.inc */
#define vec_int uint32x4_t
#define vec_real float32x4_t
#define vec_mask uint32x4_t /* all bits of a lane, or none */

VECTOR_INLINE vec_mask some(uint32_t n) {
  const uint32_t count[4] = {0, 1, 2, 3};
  return vcltq_u32(vld1q_u32(count), vdupq_n_u32(n));
}

/* There is no masked load: an edge goes lane by lane, unless the vector is whole after all. */
VECTOR_INLINE vec_real load_edge(const float *p, vec_mask real) {
  if (vgetq_lane_u32(real, 3)) return vld1q_f32(p);
  vec_real x = vld1q_lane_f32(p, vdupq_n_f32(0.0f), 0);
  if (vgetq_lane_u32(real, 1)) x = vld1q_lane_f32(p + 1, x, 1);
  if (vgetq_lane_u32(real, 2)) x = vld1q_lane_f32(p + 2, x, 2);
  return x;
}
VECTOR_INLINE void store_edge(float *p, vec_mask real, vec_real x) {
  if (vgetq_lane_u32(real, 3)) {
    vst1q_f32(p, x);
    return;
  }
  vst1q_lane_f32(p, x, 0);
  if (vgetq_lane_u32(real, 1)) vst1q_lane_f32(p + 1, x, 1);
  if (vgetq_lane_u32(real, 2)) vst1q_lane_f32(p + 2, x, 2);
}

/* 14 x 8: 28 sums, 2 of b, 1 of a, 31 of 32 registers. */
#define DOT_NAME(x) wide_##x
#define DOT_ROWS 14
#define DOT_VECTORS 2
#define DOT_LANES 4
#define dot_vec float32x4_t
#define dot_some uint32x4_t
#define DOT_FIRST_LANES(n) some((uint32_t)(n))
#define DOT_ZERO() vdupq_n_f32(0.0f)
#define DOT_LOAD(p) vld1q_f32(p)
#define DOT_LOAD_EDGE(p, real) load_edge(p, real)
#define DOT_STORE(p, v) vst1q_f32(p, v)
#define DOT_STORE_EDGE(p, real, v) store_edge(p, real, v)
#define DOT_SPREAD(p) vld1q_dup_f32(p)
#define DOT_FMA(a, b, c) vfmaq_f32(c, a, b)
#define DOT_ADD(a, b) vaddq_f32(a, b)
#define DOT_NONE() vdupq_n_u32(0)
#define DOT_NANS(v, w) vmvnq_u32(vandq_u32(vceqq_f32(v, v), vceqq_f32(w, w)))
#define DOT_OR(a, b) vorrq_u32(a, b)
#define DOT_AND(a, b) vandq_u32(a, b)
#define DOT_ANY(m) (vmaxvq_u32(m) != 0)
#include "numeric/vector/dot.inc"

VECTOR_INLINE vec_real vec_as_real(vec_int x) { return vreinterpretq_f32_u32(x); }
VECTOR_INLINE vec_int vec_as_int(vec_real x) { return vreinterpretq_u32_f32(x); }
VECTOR_INLINE vec_int vec_spread(uint32_t x) { return vdupq_n_u32(x); }
VECTOR_INLINE vec_int vec_count(void) {
  const uint32_t count[4] = {0, 1, 2, 3};
  return vld1q_u32(count);
}
VECTOR_INLINE vec_int vec_load(const uint32_t *p) { return vld1q_u32(p); }
VECTOR_INLINE vec_int vec_load_part(const uint32_t *p, uint32_t n) {
  uint32_t words[4] = {0};
  memcpy(words, p, n * sizeof *words);
  return vld1q_u32(words);
}
VECTOR_INLINE void vec_store(uint32_t *p, vec_int x) { vst1q_u32(p, x); }
VECTOR_INLINE void vec_store_part(uint32_t *p, uint32_t n, vec_int x) {
  uint32_t words[4];
  vst1q_u32(words, x);
  memcpy(p, words, n * sizeof *words);
}
VECTOR_INLINE void vec_store_far(uint32_t *p, vec_int x) { vst1q_u32(p, x); } /* full lines are not fetched first */
#define vec_settle() ((void)0)
VECTOR_INLINE vec_real vec_load_real(const float *p) { return vld1q_f32(p); }
VECTOR_INLINE vec_real vec_load_real_part(const float *p, uint32_t n) {
  float reals[4] = {0.0f};
  memcpy(reals, p, n * sizeof *reals);
  return vld1q_f32(reals);
}
VECTOR_INLINE void vec_store_real(float *p, vec_real x) { vst1q_f32(p, x); }
VECTOR_INLINE void vec_store_real_part(float *p, uint32_t n, vec_real x) {
  float reals[4];
  vst1q_f32(reals, x);
  memcpy(p, reals, n * sizeof *reals);
}

VECTOR_INLINE vec_real vec_add(vec_real a, vec_real b) { return vaddq_f32(a, b); }
VECTOR_INLINE vec_real vec_sub(vec_real a, vec_real b) { return vsubq_f32(a, b); }
VECTOR_INLINE vec_real vec_mul(vec_real a, vec_real b) { return vmulq_f32(a, b); }
VECTOR_INLINE vec_real vec_div(vec_real a, vec_real b) { return vdivq_f32(a, b); }
VECTOR_INLINE vec_real vec_fma(vec_real a, vec_real b, vec_real c) { return vfmaq_f32(c, a, b); }
VECTOR_INLINE vec_real vec_sqrt(vec_real a) { return vsqrtq_f32(a); }
VECTOR_INLINE vec_real vec_floor(vec_real a) { return vrndmq_f32(a); }
VECTOR_INLINE vec_real vec_ceil(vec_real a) { return vrndpq_f32(a); }
VECTOR_INLINE vec_real vec_rint(vec_real a) { return vrndnq_f32(a); }
VECTOR_INLINE vec_real vec_trunc(vec_real a) { return vrndq_f32(a); }
/* fmax and fmin of this machine put -0 below +0 and give a NaN for a NaN: the canon's own rule. */
VECTOR_INLINE vec_real vec_max_number(vec_real a, vec_real b) { return vmaxq_f32(a, b); }
VECTOR_INLINE vec_real vec_min_number(vec_real a, vec_real b) { return vminq_f32(a, b); }
VECTOR_INLINE vec_real vec_above(vec_real w, vec_real a) { return vbslq_f32(vcltq_f32(a, w), w, a); }
VECTOR_INLINE vec_real vec_below(vec_real w, vec_real a) { return vbslq_f32(vcltq_f32(w, a), w, a); }
VECTOR_INLINE vec_real vec_from_int(vec_int a) { return vcvtq_f32_s32(vreinterpretq_s32_u32(a)); }
/* The conversion saturates and gives 0 for a NaN: the canon's own rule. */
VECTOR_INLINE vec_int vec_to_int(vec_real a) { return vreinterpretq_u32_s32(vcvtq_s32_f32(a)); }

VECTOR_INLINE vec_int vec_and(vec_int a, vec_int b) { return vandq_u32(a, b); }
VECTOR_INLINE vec_int vec_or(vec_int a, vec_int b) { return vorrq_u32(a, b); }
VECTOR_INLINE vec_int vec_xor(vec_int a, vec_int b) { return veorq_u32(a, b); }
VECTOR_INLINE vec_int vec_iadd(vec_int a, vec_int b) { return vaddq_u32(a, b); }
VECTOR_INLINE vec_int vec_isub(vec_int a, vec_int b) { return vsubq_u32(a, b); }
VECTOR_INLINE vec_int vec_imul(vec_int a, vec_int b) { return vmulq_u32(a, b); }
VECTOR_INLINE vec_int vec_umulh(vec_int a, vec_int b) {
  uint64x2_t low = vmull_u32(vget_low_u32(a), vget_low_u32(b)), high = vmull_high_u32(a, b);
  return vuzp2q_u32(vreinterpretq_u32_u64(low), vreinterpretq_u32_u64(high));
}
VECTOR_INLINE vec_int vec_shl(vec_int a, vec_int n) { return vshlq_u32(a, vreinterpretq_s32_u32(n)); }
VECTOR_INLINE vec_int vec_shr(vec_int a, vec_int n) { /* to the right is to the left by less than nothing */
  return vreinterpretq_u32_s32(vshlq_s32(vreinterpretq_s32_u32(a), vnegq_s32(vreinterpretq_s32_u32(n))));
}
VECTOR_INLINE vec_int vec_ushr(vec_int a, vec_int n) { return vshlq_u32(a, vnegq_s32(vreinterpretq_s32_u32(n))); }
#define vec_shl_by(a, n) vshlq_n_u32(a, n)
#define vec_shr_by(a, n) vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(a), n))

VECTOR_INLINE vec_mask vec_flt(vec_real a, vec_real b) { return vcltq_f32(a, b); }
VECTOR_INLINE vec_mask vec_fle(vec_real a, vec_real b) { return vcleq_f32(a, b); }
VECTOR_INLINE vec_mask vec_feq(vec_real a, vec_real b) { return vceqq_f32(a, b); }
VECTOR_INLINE vec_mask vec_unordered(vec_real a, vec_real b) {
  return vmvnq_u32(vandq_u32(vceqq_f32(a, a), vceqq_f32(b, b)));
}
VECTOR_INLINE vec_mask vec_ilt(vec_int a, vec_int b) {
  return vcltq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b));
}
VECTOR_INLINE vec_mask vec_ult(vec_int a, vec_int b) { return vcltq_u32(a, b); }
VECTOR_INLINE vec_mask vec_ieq(vec_int a, vec_int b) { return vceqq_u32(a, b); }
VECTOR_INLINE vec_int vec_pick(vec_mask m, vec_int yes, vec_int no) { return vbslq_u32(m, yes, no); }
VECTOR_INLINE vec_int vec_keep(vec_mask m, vec_int x) { return vec_and(m, x); } /* else 0 */
VECTOR_INLINE vec_int vec_bit(vec_mask m) { return vshrq_n_u32(m, 31); }
VECTOR_INLINE bool vec_all(vec_mask m) { return vminvq_u32(m) != 0; }
VECTOR_INLINE bool vec_any(vec_int x) { return vmaxvq_u32(x) != 0; }

VECTOR_INLINE vec_int vec_widen(const uint8_t *p) {
  const uint32_t words[4] = {p[0], p[1], p[2], p[3]};
  return vld1q_u32(words);
}
VECTOR_INLINE void vec_narrow(uint8_t *p, vec_int x) {
  uint16x4_t half = vmovn_u32(x);
  uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(half, half))), 0);
  memcpy(p, &bytes, sizeof bytes);
}
VECTOR_INLINE void vec_store_by_four(uint32_t *out, vec_int w0, vec_int w1, vec_int w2, vec_int w3) {
  vst4q_u32(out, ((uint32x4x4_t){{w0, w1, w2, w3}}));
}

/* Rows become columns. */
VECTOR_INLINE void vec_transpose(vec_real r[4]) {
  float32x4_t a = vzip1q_f32(r[0], r[2]), b = vzip2q_f32(r[0], r[2]);
  float32x4_t c = vzip1q_f32(r[1], r[3]), d = vzip2q_f32(r[1], r[3]);
  r[0] = vzip1q_f32(a, c);
  r[1] = vzip2q_f32(a, c);
  r[2] = vzip1q_f32(b, d);
  r[3] = vzip2q_f32(b, d);
}

#include "numeric/vector/map.inc"
#include "numeric/vector/fused.inc"
#include "numeric/vector/pack.inc"
#include "numeric/vector/random.inc"
#include "numeric/vector/reduce.inc"
#include "numeric/vector/window.inc"

const struct backend backend_neon = {.name = "neon", .dot_rows = 14, .dot_cols = 8, .dot = wide_dot, VECTOR_TABLE};
