/* literal: a decimal or a quotient of two decimals becomes an f32 once, correctly rounded. NUMERICS 6.1, 6.2.
 *
 *   literal  = decimal | decimal "/" decimal
 *   decimal  = ["-"|"+"] digits ["." digits] [("e"|"E") ["-"|"+"] digits]        or ["-"|"+"] "." digits ...
 *
 * The value is the exact rational, rounded to nearest even; a result that rounds to infinity is refused. No locale, no
 * libm, integers only. Uses: nothing. */
#ifndef TRAINING_LITERAL_H
#define TRAINING_LITERAL_H
#include <stdbool.h>
#include <stdint.h>

enum { LITERAL_TEXT_MAX = 96, LITERAL_DIGITS_MAX = 40, LITERAL_EXPONENT_MAX = 99 };

/* literal_f32 writes the bits; false if text is not a literal, has more than 96 characters, a decimal in it more than 40
 * digits or an exponent (as written) beyond 99, or the value overflows. */
bool literal_f32(const char *text, uint32_t *bits);

#endif
