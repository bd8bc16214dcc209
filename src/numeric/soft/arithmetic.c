/* add, sub, mul, div, fma, sqrt on raw words. Each takes its operands apart into sign and integer times a power of two,
 * forms the exact result (or one with a sticky lowest bit), and rounds once, in `rounded`. */
#include "numeric/soft/binary32.h"
#include "numeric/soft/soft.h"

/* (-1)^(sign >> 31) * m * 2^e */
struct number {
  uint32_t sign;
  int32_t e;
  uint64_t m;
};

static int leading_bit(uint64_t m) { return 63 - __builtin_clzll(m); }

/* m >> count for m below 2^62; a bit shifted out is remembered in bit 0. */
static uint64_t shift_sticky(uint64_t m, uint32_t count) {
  uint32_t up_to = count < 63 ? count : 63;
  return m >> up_to | ((m & ((UINT64_C(1) << up_to) - 1)) != 0);
}

/* A finite, non-zero word as a number with 2^23 <= m < 2^24. */
static struct number unpacked(uint32_t a) {
  struct number n = {a & BINARY32_SIGN, 0, a & BINARY32_FRACTION};
  uint32_t exponent = binary32_exponent(a);
  if (exponent == 0) {
    int up = BINARY32_FRACTION_BITS - leading_bit(n.m);
    n.m <<= up;
    n.e = 1 - up;
  } else {
    n.m |= BINARY32_HIDDEN;
    n.e = (int32_t)exponent;
  }
  n.e -= BINARY32_BIAS + BINARY32_FRACTION_BITS;
  return n;
}

/* The binary32 nearest to n, ties to even; n.m is not 0. A sticky bit 0 is exact enough when m has 26 bits or more. */
static uint32_t rounded(struct number n) {
  int up = 63 - leading_bit(n.m);
  uint64_t m = n.m << up;
  int32_t exponent = n.e - up + 63 + BINARY32_BIAS; /* biased, if normal */
  if (exponent >= BINARY32_EXPONENT_ALL) return n.sign | BINARY32_INFINITY;
  int32_t drop = 63 - BINARY32_FRACTION_BITS;
  if (exponent < 1) {
    drop += 1 - exponent;
    exponent = 1;
    if (drop > 64) return n.sign; /* less than half of the smallest subnormal */
  }
  uint64_t kept = drop == 64 ? 0 : m >> drop;
  uint64_t rest = drop == 64 ? m : m << (64 - drop), half = UINT64_C(1) << 63;
  kept += rest > half - (kept & 1);
  /* The hidden bit of kept adds 1 to the exponent field, as does a carry out of the fraction. A subnormal has none. */
  return n.sign | (((uint32_t)(exponent - 1) << BINARY32_FRACTION_BITS) + (uint32_t)kept);
}

/* x + y for non-zero x, y with 2^60 <= m < 2^62 and at least 14 zero bits at the right of m. A bit is lost to the
 * sticky bit only when the exponents differ by more than 14, and then the sum keeps 59 bits or more. Which of the two
 * is larger and whether signs differ makes no branch: in a dispute a liar picks the words, and could have every one of
 * them guessed wrong. */
static uint32_t sum(struct number x, struct number y) {
  bool swap = x.e < y.e;
  int32_t e = swap ? y.e : x.e, apart = swap ? y.e - x.e : x.e - y.e;
  uint64_t large = swap ? y.m : x.m, small = shift_sticky(swap ? x.m : y.m, (uint32_t)apart);
  uint32_t sign = swap ? y.sign : x.sign;
  uint64_t differ = 0 - (uint64_t)((x.sign ^ y.sign) >> 31);
  uint64_t m = large + ((small ^ differ) - differ);
  uint64_t below = 0 - (m >> 63); /* all ones: m is negative, the one of smaller exponent was the larger */
  struct number n = {sign ^ ((uint32_t)below & BINARY32_SIGN), e, (m ^ below) - below};
  return n.m ? rounded(n) : 0; /* x - x = +0 */
}

/* The same number with m from 2^p up, p = 60 or 61. */
static struct number raised(struct number n, int up) {
  n.m <<= up;
  n.e -= up;
  return n;
}

static struct number product(struct number a, struct number b) {
  struct number p = {a.sign ^ b.sign, a.e + b.e, a.m * b.m};
  return p;
}

/* fma with c = a sum's other operand; add is fma with b = 1, which is exact. */
uint32_t soft_fma(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t sign = (a ^ b) & BINARY32_SIGN;
  if (binary32_is_nan(a) || binary32_is_nan(b) || binary32_is_nan(c)) return CANON_NAN;
  if (binary32_is_infinite(a) || binary32_is_infinite(b)) {
    if (binary32_is_zero(a) || binary32_is_zero(b)) return CANON_NAN;
    uint32_t infinity = sign | BINARY32_INFINITY;
    return binary32_is_infinite(c) && c != infinity ? CANON_NAN : infinity;
  }
  if (binary32_is_infinite(c)) return c;
  if (binary32_is_zero(a) || binary32_is_zero(b)) {
    if (!binary32_is_zero(c)) return c;
    return c == sign ? c : 0; /* zeros of different sign add to +0 */
  }
  struct number p = product(unpacked(a), unpacked(b));
  if (binary32_is_zero(c)) return rounded(p);
  return sum(raised(p, 14), raised(unpacked(c), 38));
}

uint32_t soft_add(uint32_t a, uint32_t b) {
  if (binary32_is_nan(a) || binary32_is_nan(b)) return CANON_NAN;
  if (binary32_is_infinite(a)) return binary32_is_infinite(b) && a != b ? CANON_NAN : a;
  if (binary32_is_infinite(b)) return b;
  if (binary32_is_zero(a)) return binary32_is_zero(b) && a != b ? 0 : b;
  if (binary32_is_zero(b)) return a;
  return sum(raised(unpacked(a), 38), raised(unpacked(b), 38));
}

uint32_t soft_sub(uint32_t a, uint32_t b) { return soft_add(a, b ^ BINARY32_SIGN); }

uint32_t soft_mul(uint32_t a, uint32_t b) {
  uint32_t sign = (a ^ b) & BINARY32_SIGN;
  if (binary32_is_nan(a) || binary32_is_nan(b)) return CANON_NAN;
  if (binary32_is_infinite(a) || binary32_is_infinite(b))
    return binary32_is_zero(a) || binary32_is_zero(b) ? CANON_NAN : sign | BINARY32_INFINITY;
  if (binary32_is_zero(a) || binary32_is_zero(b)) return sign;
  return rounded(product(unpacked(a), unpacked(b)));
}

uint32_t soft_div(uint32_t a, uint32_t b) {
  uint32_t sign = (a ^ b) & BINARY32_SIGN;
  if (binary32_is_nan(a) || binary32_is_nan(b)) return CANON_NAN;
  if (binary32_is_infinite(a)) return binary32_is_infinite(b) ? CANON_NAN : sign | BINARY32_INFINITY;
  if (binary32_is_infinite(b)) return sign;
  if (binary32_is_zero(b)) return binary32_is_zero(a) ? CANON_NAN : sign | BINARY32_INFINITY;
  if (binary32_is_zero(a)) return sign;
  struct number x = unpacked(a), y = unpacked(b);
  uint64_t dividend = x.m << 40, quotient = dividend / y.m; /* 40 bits or more */
  struct number q = {sign, x.e - 40 - y.e, quotient | (dividend % y.m != 0)};
  return rounded(q);
}

uint32_t soft_sqrt(uint32_t a) {
  if (binary32_is_nan(a)) return CANON_NAN;
  if (binary32_is_zero(a)) return a;
  if (a & BINARY32_SIGN) return CANON_NAN;
  if (binary32_is_infinite(a)) return a;
  struct number n = unpacked(a);
  bool odd = n.e & 1;
  uint32_t up = odd ? 27 : 28; /* now e is even; 2^50 <= m < 2^51 if it was odd, else 2^51 <= m < 2^52 */
  n.m <<= up;
  n.e -= (int32_t)up;
  /* A chord of the root is at most 0.8 % off; Newton's step squares half of that: 3e-5, 4e-10, which is less than one
   * of 2^26. It never ends below the root by more than the two floors, so two steps of correction would do. */
  uint64_t root = odd ? (n.m >> 26) * 3394 / 4096 + 19651414 : (n.m >> 26) * 2399 / 4096 + 27791396;
  root = (root + n.m / root) / 2;
  root = (root + n.m / root) / 2;
  while (root * root > n.m) root--;
  while ((root + 1) * (root + 1) <= n.m) root++;
  struct number r = {0, n.e / 2 - 1, root << 1 | (root * root != n.m)}; /* 27 bits with the sticky one */
  return rounded(r);
}
