#include "training/jobfile/literal.h"
#include <string.h>

/* A natural number below 2^(32 * WIDE_WORDS), little endian words. The largest that literals make is below 10^(40 + 99
 * + 139) < 2^924, and it is shifted left by less than that. */
enum { WIDE_WORDS = 64 };
struct wide {
  uint32_t word[WIDE_WORDS];
};

static void wide_multiply_add(struct wide *x, uint32_t factor, uint32_t more) {
  uint64_t carry = more;
  for (int i = 0; i < WIDE_WORDS; i++) {
    carry += (uint64_t)x->word[i] * factor;
    x->word[i] = (uint32_t)carry;
    carry >>= 32;
  }
}

static int wide_bits(const struct wide *x) {
  for (int i = WIDE_WORDS; i-- > 0;)
    if (x->word[i]) return 32 * i + 32 - __builtin_clz(x->word[i]);
  return 0;
}

static void wide_shift_left(struct wide *x, int bits) {
  int words = bits / 32, rest = bits % 32;
  for (int i = WIDE_WORDS; i-- > 0;) {
    uint64_t high = i >= words ? x->word[i - words] : 0, low = i > words ? x->word[i - words - 1] : 0;
    x->word[i] = (uint32_t)((high << 32 | low) >> (32 - rest));
  }
}

static int wide_compare(const struct wide *a, const struct wide *b) {
  for (int i = WIDE_WORDS; i-- > 0;)
    if (a->word[i] != b->word[i]) return a->word[i] < b->word[i] ? -1 : 1;
  return 0;
}

static void wide_subtract(struct wide *a, const struct wide *b) {
  uint64_t borrow = 0;
  for (int i = 0; i < WIDE_WORDS; i++) {
    uint64_t x = (uint64_t)a->word[i] - b->word[i] - borrow;
    a->word[i] = (uint32_t)x;
    borrow = x >> 63;
  }
}

/* digits * 10^exponent, digits in [0, 10^40), exponent in [-139, 99]. */
struct decimal {
  struct wide digits;
  int exponent;
  bool negative;
};

/* Reads one decimal and returns where it ends, NULL if there is none. */
static const char *decimal_read(const char *at, struct decimal *d) {
  memset(d, 0, sizeof *d);
  if (*at == '-' || *at == '+') d->negative = *at++ == '-';
  int digits = 0, written = 0;
  for (bool point = false;; at++) {
    if (*at == '.' && !point) {
      point = true;
      continue;
    }
    if (*at < '0' || *at > '9') break;
    if (++digits > LITERAL_DIGITS_MAX) return NULL;
    wide_multiply_add(&d->digits, 10, (uint32_t)(*at - '0'));
    d->exponent -= point;
  }
  if (digits == 0) return NULL;
  if (*at == 'e' || *at == 'E') {
    bool down = *++at == '-';
    if (*at == '-' || *at == '+') at++;
    const char *start = at;
    for (; *at >= '0' && *at <= '9'; at++)
      if ((written = 10 * written + (*at - '0')) > LITERAL_EXPONENT_MAX) return NULL;
    if (at == start) return NULL;
    d->exponent += down ? -written : written;
  }
  return at;
}

/* Rounds a / b to the nearest binary32, ties to even, by long division: q has 24 bits (fewer where the result is
 * subnormal), the remainder decides. False if that is infinity. */
static bool quotient(struct wide a, struct wide b, uint32_t *bits) {
  if (wide_bits(&a) == 0) {
    *bits = 0;
    return true;
  }
  /* scale so that 2^(e) * b <= a < 2^(e+1) * b; then e is the result's binary exponent */
  int e = wide_bits(&a) - wide_bits(&b);
  struct wide x = a, y = b;
  wide_shift_left(e > 0 ? &y : &x, e > 0 ? e : -e);
  if (wide_compare(&x, &y) < 0) {
    e--;
    wide_shift_left(&x, 1);
  }
  int digits = e >= -126 ? 24 : 24 - (-126 - e); /* bits of the significand that this exponent leaves */
  if (digits < 0) {
    *bits = 0;
    return true;
  }
  uint32_t q = 0;
  for (int i = 0; i < digits; i++) {
    q <<= 1;
    if (wide_compare(&x, &y) >= 0) {
      wide_subtract(&x, &y);
      q |= 1;
    }
    wide_shift_left(&x, 1);
  }
  /* x is now twice the remainder, in units of y */
  int half = wide_compare(&x, &y);
  if (half > 0 || (half == 0 && (q & 1))) q++;
  /* a carry out of q moves into the exponent field by itself */
  uint32_t field = e >= -126 ? (uint32_t)(e + 127) : 1;
  uint64_t all = digits == 24 ? ((uint64_t)(field - 1) << 23) + q : q;
  if (all >= 0x7f800000u) return false;
  *bits = (uint32_t)all;
  return true;
}

bool literal_f32(const char *text, uint32_t *bits) {
  struct decimal a, b = {.digits = {{1}}};
  if (strlen(text) > LITERAL_TEXT_MAX) return false;
  const char *at = decimal_read(text, &a);
  if (!at) return false;
  if (*at == '/') {
    at = decimal_read(at + 1, &b);
    if (!at || wide_bits(&b.digits) == 0) return false;
  }
  if (*at) return false;
  int exponent = a.exponent - b.exponent;
  for (; exponent > 0; exponent--) wide_multiply_add(&a.digits, 10, 0);
  for (; exponent < 0; exponent++) wide_multiply_add(&b.digits, 10, 0);
  uint32_t magnitude;
  if (!quotient(a.digits, b.digits, &magnitude)) return false;
  *bits = magnitude | (a.negative != b.negative ? 0x80000000u : 0);
  return true;
}
