/* text: words and integers appended to a line of the caller's, without a C library: what the judge writes with in a
 * browser too.
 *
 * A line that is full is cut; it ends with a zero byte whenever it has room for one. Uses: nothing. */
#ifndef DISPUTE_JUDGE_TEXT_H
#define DISPUTE_JUDGE_TEXT_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct text {
  char *start;
  size_t used, bytes_max; /* used < bytes_max: without the zero byte */
};

/* text_over begins an empty line; bytes_max may be 0, and then nothing is written. */
struct text text_over(char *start, size_t bytes_max);
void text_put(struct text *t, const char *words);
void text_unsigned(struct text *t, uint64_t x, uint32_t base, uint32_t digits_min); /* base 10 or 16, lower case */
void text_bytes(struct text *t, const uint8_t *bytes, size_t length);               /* two hex digits each */

/* text_format knows what our reasons are made of: %s %c %d %i %u %x %%, with l, ll, h, hh or z, and a width that begins
 * with 0. Anything else is a mistake of ours: assert. */
void text_format(struct text *t, const char *format, va_list list);

#endif
