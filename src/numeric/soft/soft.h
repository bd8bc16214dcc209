/* soft: canon 1 in integers only, what the referee computes with. NUMERICS 2, 3.
 *
 * Every function takes and gives raw binary32 or i32 bits; every NaN given is CANON_NAN, any NaN taken is one. Objects
 * of this folder hold no floating-point instruction (a test disassembles them). Uses: canon. */
#ifndef NUMERIC_SOFT_H
#define NUMERIC_SOFT_H
#include <stdint.h>

/* soft_apply computes codes 00..43 (arithmetic, functions, integers, comparisons, sel, conversions) on words; unused
 * arguments are ignored. Other codes depend on position and are the tape's business: the result is 0. */
uint32_t soft_apply(uint8_t code, uint32_t a, uint32_t b, uint32_t c);

/* The operations by name. Comparisons give 0 or 1, soft_ftoi and soft_itof take and give i32 bits. Source of the
 * semantics: IEEE 754-2019 5.4.1 (arithmetic), 5.3.1 (round to integral), 5.11 (comparison), 9.6 (minimum, maximum). */
uint32_t soft_add(uint32_t a, uint32_t b);
uint32_t soft_sub(uint32_t a, uint32_t b);
uint32_t soft_mul(uint32_t a, uint32_t b);
uint32_t soft_div(uint32_t a, uint32_t b);
uint32_t soft_fma(uint32_t a, uint32_t b, uint32_t c);
uint32_t soft_sqrt(uint32_t a);

uint32_t soft_neg(uint32_t a);
uint32_t soft_abs(uint32_t a);
uint32_t soft_max(uint32_t a, uint32_t b);
uint32_t soft_min(uint32_t a, uint32_t b);
uint32_t soft_floor(uint32_t a);
uint32_t soft_ceil(uint32_t a);
uint32_t soft_rint(uint32_t a);
uint32_t soft_trunc(uint32_t a);

uint32_t soft_flt(uint32_t a, uint32_t b);
uint32_t soft_fle(uint32_t a, uint32_t b);
uint32_t soft_feq(uint32_t a, uint32_t b);
uint32_t soft_itof(uint32_t a);
uint32_t soft_ftoi(uint32_t a);

/* NUMERICS 2.1, straight lines over the operations above. Cost: 20 to 40 of them. */
uint32_t soft_exp(uint32_t a);
uint32_t soft_log(uint32_t a);
uint32_t soft_tanh(uint32_t a);
uint32_t soft_erf(uint32_t a);
uint32_t soft_sinpi(uint32_t a);
uint32_t soft_cospi(uint32_t a);

#endif
