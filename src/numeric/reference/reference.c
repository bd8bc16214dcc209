/* The definition in plain C: the compiler's binary32 arithmetic, fmaf and sqrtf, and nothing else of libm. Each
 * operation is written from its sentence in NUMERICS 2 and shares no code with soft but functions.inc. */
#include "numeric/reference/reference.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "numeric/canon.h"

static float value(uint32_t word) {
  float f;
  memcpy(&f, &word, sizeof f);
  return f;
}

static uint32_t word(float f) {
  uint32_t w;
  memcpy(&w, &f, sizeof w);
  return w;
}

/* Every NaN result is CANON_NAN. NUMERICS 1.3 */
static uint32_t canonical(float f) { return f != f ? CANON_NAN : word(f); }

static float with_sign_of(float magnitude, float x) {
  return value((word(magnitude) & 0x7fffffffu) | (word(x) & 0x80000000u));
}

static float absolute(float x) { return value(word(x) & 0x7fffffffu); }

/* At 2^23 and above every value is an integer; below, adding 2^23 rounds to one. */
static float to_even(float x) {
  float a = absolute(x);
  if (!(a < 0x1p23f)) return x;
  float up = a + 0x1p23f;
  return with_sign_of(up - 0x1p23f, x);
}

static float down(float x) {
  float r = to_even(x);
  return r > x ? r - 1.0f : r;
}

/* -floor(-x) is -0 for x in (-1, 0), as it should be. */
static float up(float x) { return -down(-x); }

static float toward_zero(float x) { return with_sign_of(down(absolute(x)), x); }

static uint32_t minimum(float a, float b) {
  if (a != a || b != b) return CANON_NAN;
  if (a == b) return word(a) | word(b); /* equal words, or zeros of different sign: -0 */
  return word(a < b ? a : b);
}

static uint32_t maximum(float a, float b) {
  if (a != a || b != b) return CANON_NAN;
  if (a == b) return word(a) & word(b);
  return word(a > b ? a : b);
}

#define F_T float
#define I_T uint32_t
#define M_T int
#define F_INLINE static inline
#define F_CONST(w) value(w)
#define I_CONST(w) ((uint32_t)(w))
#define F_ADD(a, b) ((a) + (b))
#define F_SUB(a, b) ((a) - (b))
#define F_MUL(a, b) ((a) * (b))
#define F_DIV(a, b) ((a) / (b))
#define F_FMA(a, b, c) fmaf(a, b, c)
#define F_NEG(a) (-(a))
#define F_ABS(a) absolute(a)
#define F_RINT(a) to_even(a)
#define F_LT(a, b) ((a) < (b))
#define F_EQ(a, b) ((a) == (b))
#define F_SEL(m, a, b) ((m) ? (a) : (b))
#define F_ATLEAST(a, w) at_least(a, w)
#define F_ATMOST(a, w) at_most(a, w)
#define F_BITS(a) word(a)
#define F_UNBITS(i) value(i)
#define I_ADD(i, j) ((i) + (j))
#define I_SUB(i, j) ((i) - (j))
#define I_AND(i, j) ((i) & (j))
#define I_OR(i, j) ((i) | (j))
#define I_XOR(i, j) ((i) ^ (j))
#define I_SHL(i, n) ((i) << (n))
#define I_SHR(i, n) ((uint32_t)((int32_t)(i) >> (n)))
#define I_EQ(i, j) ((i) == (j))
#define I_TOF(i) ((float)(int32_t)(i))

static inline float at_least(float a, float w) { return a < w ? w : a; }

static inline float at_most(float a, float w) { return w < a ? w : a; }

#include "numeric/functions.inc"

static int32_t integer(float x) {
  if (x != x) return 0;
  if (x >= 0x1p31f) return INT32_MAX;
  if (x < -0x1p31f) return INT32_MIN;
  return (int32_t)x;
}

/* Floor division in 64 bits, where INT_MIN / -1 fits; the result keeps its low 32. */
static int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t floor_remainder(int64_t a, int64_t b) { return b == 0 ? 0 : a - floor_quotient(a, b) * b; }

static uint32_t apply_float(uint8_t code, float a, float b, float c) {
  switch (code) {
  case CANON_ADD: return canonical(a + b);
  case CANON_SUB: return canonical(a - b);
  case CANON_MUL: return canonical(a * b);
  case CANON_DIV: return canonical(a / b);
  case CANON_FMA: return canonical(fmaf(a, b, c));
  case CANON_SQRT: return canonical(sqrtf(a));
  case CANON_NEG: return canonical(-a);
  case CANON_ABS: return canonical(absolute(a));
  case CANON_MIN: return minimum(a, b);
  case CANON_MAX: return maximum(a, b);
  case CANON_FLOOR: return canonical(down(a));
  case CANON_CEIL: return canonical(up(a));
  case CANON_RINT: return canonical(to_even(a));
  case CANON_TRUNC: return canonical(toward_zero(a));
  case CANON_EXP: return canonical(function_exp(a));
  case CANON_LOG: return canonical(function_log(a));
  case CANON_TANH: return canonical(function_tanh(a));
  case CANON_ERF: return canonical(function_erf(a));
  case CANON_SINPI: return canonical(function_sinpi(a));
  case CANON_COSPI: return canonical(function_cospi(a));
  case CANON_FLT: return a < b;
  case CANON_FLE: return a <= b;
  case CANON_FEQ: return a == b;
  case CANON_FTOI: return (uint32_t)integer(a);
  default: return 0;
  }
}

static uint32_t apply_integer(uint8_t code, uint32_t a, uint32_t b, uint32_t c) {
  int32_t i = (int32_t)a, j = (int32_t)b;
  switch (code) {
  case CANON_IADD: return a + b;
  case CANON_ISUB: return a - b;
  case CANON_IMUL: return a * b;
  case CANON_UMULH: return (uint32_t)((uint64_t)a * b >> 32);
  case CANON_IAND: return a & b;
  case CANON_IOR: return a | b;
  case CANON_IXOR: return a ^ b;
  case CANON_SHL: return a << (b % 32);
  case CANON_SHR: return (uint32_t)(i >> (b % 32));
  case CANON_USHR: return a >> (b % 32);
  case CANON_IMIN: return (uint32_t)(i < j ? i : j);
  case CANON_IMAX: return (uint32_t)(i > j ? i : j);
  case CANON_IDIV: return (uint32_t)floor_quotient(i, j);
  case CANON_IMOD: return (uint32_t)floor_remainder(i, j);
  case CANON_ILT: return i < j;
  case CANON_ULT: return a < b;
  case CANON_IEQ: return a == b;
  case CANON_SEL: return a != 0 ? b : c;
  case CANON_ITOF: return word((float)i);
  case CANON_BITS:
  case CANON_UNBITS: return canonical(value(a));
  default: return 0;
  }
}

uint32_t reference_apply(uint8_t code, uint32_t a, uint32_t b, uint32_t c) {
  const struct canon_op *op = canon_op(code);
  if (!op || code > CANON_UNBITS) return 0;
  if (op->argument[0] == 'f' && code != CANON_BITS) return apply_float(code, value(a), value(b), value(c));
  return apply_integer(code, a, b, c);
}
