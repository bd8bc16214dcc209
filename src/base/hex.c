#include "base/hex.h"

static const char digits[] = "0123456789abcdef";

void hex_encode(const uint8_t *bytes, size_t length, char *text) {
  for (size_t i = 0; i < length; i++) {
    *text++ = digits[bytes[i] >> 4];
    *text++ = digits[bytes[i] & 15];
  }
  *text = 0;
}

static int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool hex_decode(const char *text, uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    int high = digit_value(text[2 * i]), low = high < 0 ? -1 : digit_value(text[2 * i + 1]);
    if (low < 0) return false;
    bytes[i] = (uint8_t)(high << 4 | low);
  }
  return text[2 * length] == 0;
}
