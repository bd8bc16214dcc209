/* amount: money as people write it, in ASY, and as the chain counts it, in grain. No rounding: what has no exact number
 * of grain is refused. Uses: nothing. */
#ifndef CLI_AMOUNT_H
#define CLI_AMOUNT_H
#include "base/why.h"
#include <stdbool.h>
#include <stdint.h>

enum { AMOUNT_GRAIN_DIGITS = 9, AMOUNT_TEXT = 32 };

/* amount_read takes digits, at most one point with digits on both sides, and at most nine places: "12", "0.000000001".
 * No sign, exponent, comma or unit. False with why, also for more grain than 64 bits hold. */
bool amount_read(const char *text, uint64_t *grain, struct why *why);

/* amount_write gives "12.5 ASY" without zeros at the end; out is also the result. */
const char *amount_write(uint64_t grain, char out[AMOUNT_TEXT]);

#endif
