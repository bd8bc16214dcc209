#include "crypto/bech32.h"

#include <string.h>

static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const uint32_t constant = 0x2bc830a3; /* BIP 350; 1 would be the older bech32 */

/* One more value into the remainder by the code's generator polynomial. */
static uint32_t step(uint32_t remainder, uint8_t value) {
  static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  uint32_t top = remainder >> 25;
  remainder = (remainder & 0x1ffffff) << 5 ^ value;
  for (uint32_t i = 0; i < 5; i++)
    if (top >> i & 1) remainder ^= generator[i];
  return remainder;
}

/* The prefix goes in as high bits, a zero, low bits. */
static uint32_t begin(const char *prefix, size_t length) {
  uint32_t remainder = 1;
  for (size_t i = 0; i < length; i++) remainder = step(remainder, (uint8_t)(prefix[i] >> 5));
  remainder = step(remainder, 0);
  for (size_t i = 0; i < length; i++) remainder = step(remainder, prefix[i] & 31);
  return remainder;
}

/* Printable, all of it, and one case: the small form into `lower`. */
static bool fold_case(const char *text, size_t length, char *lower) {
  bool small = false, capital = false;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (c < '!' || c > '~') return false;
    small |= c >= 'a' && c <= 'z';
    capital |= c >= 'A' && c <= 'Z';
    lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
  }
  return !(small && capital);
}

bool bech32_read(const char *text, size_t length, struct bech32 *out) {
  char lower[BECH32_TEXT_MAX];
  struct bech32 b = {.count = 0};
  if (length > BECH32_TEXT_MAX || !fold_case(text, length, lower)) return false;
  size_t prefix = length;
  while (prefix > 0 && lower[prefix - 1] != '1') prefix--;
  if (prefix < 2 || length - prefix < BECH32_CHECKSUM) return false; /* prefix counts the 1 */
  prefix--;
  uint32_t remainder = begin(lower, prefix);
  size_t values = length - prefix - 1 - BECH32_CHECKSUM;
  for (size_t i = 0; i < values + BECH32_CHECKSUM; i++) {
    const char *letter = memchr(letters, lower[prefix + 1 + i], sizeof letters - 1);
    if (!letter) return false;
    uint8_t value = (uint8_t)(letter - letters);
    remainder = step(remainder, value);
    if (i < values) b.values[i] = value;
  }
  if (remainder != constant) return false;
  memcpy(b.prefix, lower, prefix);
  b.count = (uint8_t)values;
  *out = b;
  return true;
}

size_t bech32_write(const struct bech32 *in, char text[BECH32_TEXT_MAX + 1]) {
  size_t prefix = strnlen(in->prefix, sizeof in->prefix), length = prefix + 1 + in->count + BECH32_CHECKSUM;
  if (prefix < 1 || length > BECH32_TEXT_MAX) return 0;
  for (size_t i = 0; i < prefix; i++) {
    char c = in->prefix[i];
    if (c < '!' || c > '~' || (c >= 'A' && c <= 'Z')) return 0;
  }
  for (size_t i = 0; i < in->count; i++)
    if (in->values[i] > 31) return 0;
  uint32_t remainder = begin(in->prefix, prefix);
  for (size_t i = 0; i < in->count; i++) remainder = step(remainder, in->values[i]);
  for (size_t i = 0; i < BECH32_CHECKSUM; i++) remainder = step(remainder, 0);
  remainder ^= constant;
  memcpy(text, in->prefix, prefix);
  char *at = text + prefix;
  *at++ = '1';
  for (size_t i = 0; i < in->count; i++) *at++ = letters[in->values[i]];
  for (uint32_t i = 0; i < BECH32_CHECKSUM; i++) *at++ = letters[remainder >> (25 - 5 * i) & 31];
  *at = 0;
  return length;
}
