/* Sign operations, rounding to integers, comparisons, minimum and maximum, conversions: no arithmetic on significands.
 */
#include "numeric/soft/binary32.h"
#include "numeric/soft/soft.h"

static uint32_t canonical(uint32_t a) { return binary32_is_nan(a) ? CANON_NAN : a; }

uint32_t soft_neg(uint32_t a) { return canonical(a ^ BINARY32_SIGN); }

uint32_t soft_abs(uint32_t a) { return canonical(a & ~BINARY32_SIGN); }

/* An unsigned key that orders all words but NaNs as their values, -0 before +0. */
static uint32_t order(uint32_t a) { return a & BINARY32_SIGN ? ~a : a | BINARY32_SIGN; }

uint32_t soft_min(uint32_t a, uint32_t b) {
  if (binary32_is_nan(a) || binary32_is_nan(b)) return CANON_NAN;
  return order(a) < order(b) ? a : b;
}

uint32_t soft_max(uint32_t a, uint32_t b) {
  if (binary32_is_nan(a) || binary32_is_nan(b)) return CANON_NAN;
  return order(a) > order(b) ? a : b;
}

uint32_t soft_feq(uint32_t a, uint32_t b) {
  if (binary32_is_nan(a) || binary32_is_nan(b)) return 0;
  return a == b || (binary32_is_zero(a) && binary32_is_zero(b));
}

uint32_t soft_flt(uint32_t a, uint32_t b) {
  if (binary32_is_nan(a) || binary32_is_nan(b)) return 0;
  return order(a) < order(b) && !(binary32_is_zero(a) && binary32_is_zero(b));
}

uint32_t soft_fle(uint32_t a, uint32_t b) { return soft_flt(a, b) | soft_feq(a, b); }

/* Bits of the fraction that stand below 1 in a word of magnitude 1 or more: 23 for 1.0, 0 from 2^23 on. */
static uint32_t below_one(uint32_t a) {
  uint32_t exponent = binary32_exponent(a);
  uint32_t whole = exponent - BINARY32_BIAS;
  return whole >= BINARY32_FRACTION_BITS ? 0 : BINARY32_FRACTION_BITS - whole;
}

uint32_t soft_trunc(uint32_t a) {
  if (binary32_is_nan(a)) return CANON_NAN;
  if (binary32_exponent(a) < BINARY32_BIAS) return a & BINARY32_SIGN;
  return a & ~((UINT32_C(1) << below_one(a)) - 1);
}

/* One more in magnitude than an integer word below 2^23; a zero becomes 1. */
static uint32_t away(uint32_t integer) {
  if (binary32_is_zero(integer)) return integer | (uint32_t)BINARY32_BIAS << BINARY32_FRACTION_BITS;
  return integer + (UINT32_C(1) << below_one(integer)); /* a carry moves the exponent, which is what it should do */
}

uint32_t soft_floor(uint32_t a) {
  uint32_t t = soft_trunc(a);
  return t != a && !binary32_is_nan(a) && a & BINARY32_SIGN ? away(t) : t;
}

uint32_t soft_ceil(uint32_t a) {
  uint32_t t = soft_trunc(a);
  return t != a && !binary32_is_nan(a) && !(a & BINARY32_SIGN) ? away(t) : t;
}

uint32_t soft_rint(uint32_t a) {
  uint32_t t = soft_trunc(a);
  if (t == a || binary32_is_nan(a)) return t;
  uint32_t exponent = binary32_exponent(a), fraction = a & BINARY32_FRACTION;
  if (exponent < BINARY32_BIAS) /* below 1: up beyond 1/2, and 1/2 itself goes to the even 0 */
    return exponent == BINARY32_BIAS - 1 && fraction != 0 ? away(t) : t;
  uint32_t bits = below_one(a), rest = a & ((UINT32_C(1) << bits) - 1), half = UINT32_C(1) << (bits - 1);
  /* For 1 <= |a| < 2 the unit bit is the hidden one, which is set; below it the exponent's lowest bit stands, also set.
   */
  bool odd = (a >> bits & 1) != 0;
  return rest > half || (rest == half && odd) ? away(t) : t;
}

uint32_t soft_itof(uint32_t a) {
  if (a == 0) return 0;
  uint32_t sign = a & BINARY32_SIGN, magnitude = sign ? 0 - a : a;
  int up = __builtin_clz(magnitude);
  uint32_t m = magnitude << up; /* 2^31 <= m */
  uint32_t kept = m >> 8, rest = m & 0xff;
  if (rest > 0x80 || (rest == 0x80 && (kept & 1))) kept++;
  uint32_t exponent = (uint32_t)(BINARY32_BIAS + 31 - up);
  return sign | (((exponent - 1) << BINARY32_FRACTION_BITS) + kept);
}

uint32_t soft_ftoi(uint32_t a) {
  if (binary32_is_nan(a)) return 0;
  uint32_t exponent = binary32_exponent(a);
  if (exponent < BINARY32_BIAS) return 0;
  if (exponent >= BINARY32_BIAS + 31) return a & BINARY32_SIGN ? 0x80000000u : 0x7fffffffu;
  uint32_t m = (a & BINARY32_FRACTION) | BINARY32_HIDDEN, whole = exponent - BINARY32_BIAS;
  uint32_t magnitude =
      whole >= BINARY32_FRACTION_BITS ? m << (whole - BINARY32_FRACTION_BITS) : m >> (BINARY32_FRACTION_BITS - whole);
  return a & BINARY32_SIGN ? 0 - magnitude : magnitude;
}
