/* soft_apply: one operation by number, and the integer operations, on unsigned words alone (a signed value's order is
 * that of its word with the top bit flipped). */
#include "numeric/soft/soft.h"

#include "numeric/soft/binary32.h"

#define TOP 0x80000000u

static uint32_t magnitude(uint32_t a) { return a & TOP ? 0 - a : a; }

/* Floor division: the quotient of magnitudes, one further from zero where the signs differ and something is left. */
static uint32_t floor_divide(uint32_t a, uint32_t b) {
  if (b == 0) return 0;
  uint32_t quotient = magnitude(a) / magnitude(b), rest = magnitude(a) % magnitude(b);
  if (!((a ^ b) & TOP)) return quotient; /* INT_MIN / -1 is 2^31, the word of INT_MIN */
  return 0 - quotient - (rest != 0);
}

static uint32_t floor_modulo(uint32_t a, uint32_t b) {
  if (b == 0) return 0;
  return a - floor_divide(a, b) * b;
}

static uint32_t shift_right(uint32_t a, uint32_t count) { return a & TOP ? ~(~a >> count) : a >> count; }

static uint32_t signed_less(uint32_t a, uint32_t b) { return (a ^ TOP) < (b ^ TOP); }

uint32_t soft_apply(uint8_t code, uint32_t a, uint32_t b, uint32_t c) {
  switch (code) {
  case CANON_ADD: return soft_add(a, b);
  case CANON_SUB: return soft_sub(a, b);
  case CANON_MUL: return soft_mul(a, b);
  case CANON_DIV: return soft_div(a, b);
  case CANON_FMA: return soft_fma(a, b, c);
  case CANON_SQRT: return soft_sqrt(a);
  case CANON_NEG: return soft_neg(a);
  case CANON_ABS: return soft_abs(a);
  case CANON_MIN: return soft_min(a, b);
  case CANON_MAX: return soft_max(a, b);
  case CANON_FLOOR: return soft_floor(a);
  case CANON_CEIL: return soft_ceil(a);
  case CANON_RINT: return soft_rint(a);
  case CANON_TRUNC: return soft_trunc(a);
  case CANON_EXP: return soft_exp(a);
  case CANON_LOG: return soft_log(a);
  case CANON_TANH: return soft_tanh(a);
  case CANON_ERF: return soft_erf(a);
  case CANON_SINPI: return soft_sinpi(a);
  case CANON_COSPI: return soft_cospi(a);
  case CANON_IADD: return a + b;
  case CANON_ISUB: return a - b;
  case CANON_IMUL: return a * b;
  case CANON_UMULH: return (uint32_t)((uint64_t)a * b >> 32);
  case CANON_IAND: return a & b;
  case CANON_IOR: return a | b;
  case CANON_IXOR: return a ^ b;
  case CANON_SHL: return a << (b & 31);
  case CANON_SHR: return shift_right(a, b & 31);
  case CANON_USHR: return a >> (b & 31);
  case CANON_IMIN: return signed_less(a, b) ? a : b;
  case CANON_IMAX: return signed_less(a, b) ? b : a;
  case CANON_IDIV: return floor_divide(a, b);
  case CANON_IMOD: return floor_modulo(a, b);
  case CANON_FLT: return soft_flt(a, b);
  case CANON_FLE: return soft_fle(a, b);
  case CANON_FEQ: return soft_feq(a, b);
  case CANON_ILT: return signed_less(a, b);
  case CANON_ULT: return a < b;
  case CANON_IEQ: return a == b;
  case CANON_SEL: return a != 0 ? b : c;
  case CANON_ITOF: return soft_itof(a);
  case CANON_FTOI: return soft_ftoi(a);
  case CANON_BITS:
  case CANON_UNBITS: return binary32_is_nan(a) ? CANON_NAN : a;
  default: return 0;
  }
}
