/* binary32: the fields of a raw binary32 word, for the files of this folder. IEEE 754-2019 3.4. */
#ifndef NUMERIC_SOFT_BINARY32_H
#define NUMERIC_SOFT_BINARY32_H
#include "numeric/canon.h"

#include <stdbool.h>

#define BINARY32_SIGN 0x80000000u
#define BINARY32_INFINITY 0x7f800000u
#define BINARY32_HIDDEN 0x00800000u
#define BINARY32_FRACTION 0x007fffffu
enum { BINARY32_BIAS = 127, BINARY32_FRACTION_BITS = 23, BINARY32_EXPONENT_ALL = 255 };

static inline bool binary32_is_nan(uint32_t a) { return (a & ~BINARY32_SIGN) > BINARY32_INFINITY; }
static inline bool binary32_is_infinite(uint32_t a) { return (a & ~BINARY32_SIGN) == BINARY32_INFINITY; }
static inline bool binary32_is_zero(uint32_t a) { return (a & ~BINARY32_SIGN) == 0; }
static inline uint32_t binary32_exponent(uint32_t a) { return a >> BINARY32_FRACTION_BITS & BINARY32_EXPONENT_ALL; }

#endif
