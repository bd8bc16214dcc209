/* The programs of functions.inc over integers. */
#include "numeric/soft/binary32.h"
#include "numeric/soft/soft.h"

#define F_T uint32_t
#define I_T uint32_t
#define M_T uint32_t
#define F_INLINE static inline
#define F_CONST(w) ((uint32_t)(w))
#define I_CONST(w) ((uint32_t)(w))
#define F_ADD(a, b) soft_add(a, b)
#define F_SUB(a, b) soft_sub(a, b)
#define F_MUL(a, b) soft_mul(a, b)
#define F_DIV(a, b) soft_div(a, b)
#define F_FMA(a, b, c) soft_fma(a, b, c)
#define F_NEG(a) soft_neg(a)
#define F_ABS(a) soft_abs(a)
#define F_RINT(a) soft_rint(a)
#define F_LT(a, b) soft_flt(a, b)
#define F_EQ(a, b) soft_feq(a, b)
#define F_SEL(m, a, b) ((m) ? (a) : (b))
#define F_ATLEAST(a, w) at_least(a, w)
#define F_ATMOST(a, w) at_most(a, w)
#define F_BITS(a) (a)
#define F_UNBITS(i) (i)
#define I_ADD(i, j) ((i) + (j))
#define I_SUB(i, j) ((i) - (j))
#define I_AND(i, j) ((i) & (j))
#define I_OR(i, j) ((i) | (j))
#define I_XOR(i, j) ((i) ^ (j))
#define I_SHL(i, n) ((i) << (n))
#define I_SHR(i, n) arithmetic_shift(i, n)
#define I_EQ(i, j) ((uint32_t)((i) == (j)))
#define I_TOF(i) soft_itof(i)

static inline uint32_t at_least(uint32_t a, uint32_t w) { return soft_flt(a, w) ? w : a; }

static inline uint32_t at_most(uint32_t a, uint32_t w) { return soft_flt(w, a) ? w : a; }

static inline uint32_t arithmetic_shift(uint32_t i, uint32_t n) { return i & BINARY32_SIGN ? ~(~i >> n) : i >> n; }

#include "numeric/functions.inc"

static uint32_t canonical(uint32_t a) { return binary32_is_nan(a) ? CANON_NAN : a; }

uint32_t soft_exp(uint32_t a) { return canonical(function_exp(a)); }

uint32_t soft_log(uint32_t a) { return canonical(function_log(a)); }

uint32_t soft_tanh(uint32_t a) { return canonical(function_tanh(a)); }

uint32_t soft_erf(uint32_t a) { return canonical(function_erf(a)); }

uint32_t soft_sinpi(uint32_t a) { return canonical(function_sinpi(a)); }

uint32_t soft_cospi(uint32_t a) { return canonical(function_cospi(a)); }
