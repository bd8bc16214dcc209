#include "dispute/judge/text.h"

#include <assert.h>
#include <stdbool.h>

struct text text_over(char *start, size_t bytes_max) {
  if (bytes_max) start[0] = 0;
  return (struct text){.start = start, .bytes_max = bytes_max};
}

static void put_char(struct text *t, char c) {
  if (t->used + 1 >= t->bytes_max) return;
  t->start[t->used++] = c;
  t->start[t->used] = 0;
}

void text_put(struct text *t, const char *words) {
  while (*words) put_char(t, *words++);
}

void text_unsigned(struct text *t, uint64_t x, uint32_t base, uint32_t digits_min) {
  char digit[64];
  uint32_t count = 0;
  for (; x || count < digits_min || !count; x /= base) digit[count++] = "0123456789abcdef"[x % base];
  while (count) put_char(t, digit[--count]);
}

void text_bytes(struct text *t, const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) text_unsigned(t, bytes[i], 16, 2);
}

static void put_signed(struct text *t, int64_t x, uint32_t digits_min) {
  if (x < 0) put_char(t, '-');
  text_unsigned(t, x < 0 ? 0 - (uint64_t)x : (uint64_t)x, 10, digits_min);
}

/* The length letters of a conversion as a rank: 0 int and less, 1 long, 2 long long, 3 size_t. Types below int come as
 * int, so h and hh need nothing but to be skipped. */
static const char *take_length(const char *at, uint32_t *rank) {
  *rank = 0;
  for (; *at == 'h'; at++) {}
  for (; *at == 'l'; at++) ++*rank;
  if (*at == 'z') *rank = 3, at++;
  assert(*rank <= 3);
  return at;
}

void text_format(struct text *t, const char *format, va_list list) {
  for (const char *at = format; *at; at++) {
    if (*at != '%') {
      put_char(t, *at);
      continue;
    }
    uint32_t width = 0, rank;
    at++;
    if (*at == '0')
      for (at++; *at >= '0' && *at <= '9' && width < 32; at++) width = 10 * width + (uint32_t)(*at - '0');
    assert(width <= 32);
    at = take_length(at, &rank);
    switch (*at) {
    case '%': put_char(t, '%'); break;
    case 's': text_put(t, va_arg(list, const char *)); break;
    case 'c': put_char(t, (char)va_arg(list, int)); break;
    case 'd':
    case 'i':
      put_signed(t, rank == 0 ? va_arg(list, int) : rank == 1 ? va_arg(list, long) : va_arg(list, long long), width);
      break;
    case 'u':
    case 'x':
      text_unsigned(t,
                    rank == 0   ? va_arg(list, unsigned)
                    : rank == 1 ? va_arg(list, unsigned long)
                    : rank == 2 ? va_arg(list, unsigned long long)
                                : va_arg(list, size_t),
                    *at == 'u' ? 10 : 16, width);
      break;
    default: assert(!"a conversion that text_format does not know"); return;
    }
  }
}
