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

uint32_t soft_add(uint32_t a, uint32_t b);
uint32_t soft_fma(uint32_t a, uint32_t b, uint32_t c);
uint32_t soft_max(uint32_t a, uint32_t b);
uint32_t soft_min(uint32_t a, uint32_t b);

#endif
