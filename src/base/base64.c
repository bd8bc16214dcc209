#include "base/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *bytes, size_t length, char *text) {
  for (size_t i = 0; i < length; i += 3) {
    size_t left = length - i;
    uint32_t x = (uint32_t)bytes[i] << 16;
    if (left > 1) x |= (uint32_t)bytes[i + 1] << 8;
    if (left > 2) x |= bytes[i + 2];
    *text++ = letters[x >> 18];
    *text++ = letters[x >> 12 & 63];
    *text++ = left > 1 ? letters[x >> 6 & 63] : '=';
    *text++ = left > 2 ? letters[x & 63] : '=';
  }
  *text = 0;
}

/* 64 for what is no letter. */
static uint32_t value(char c) {
  if (c >= 'A' && c <= 'Z') return (uint32_t)(c - 'A');
  if (c >= 'a' && c <= 'z') return (uint32_t)(c - 'a') + 26;
  if (c >= '0' && c <= '9') return (uint32_t)(c - '0') + 52;
  return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool base64_decode(const char *text, size_t text_length, uint8_t *bytes, size_t bytes_max, size_t *length) {
  if (text_length % 4 != 0) return false;
  size_t padding = 0;
  while (padding < 2 && padding < text_length && text[text_length - 1 - padding] == '=') padding++;
  size_t total = text_length / 4 * 3 - padding;
  if (total > bytes_max) return false;
  for (size_t i = 0, at = 0; i < text_length; i += 4) {
    size_t here = i + 4 == text_length ? 4 - padding : 4;
    uint32_t x = 0;
    for (size_t k = 0; k < 4; k++) {
      uint32_t v = k < here ? value(text[i + k]) : 0;
      if (v > 63) return false;
      x = x << 6 | v;
    }
    if ((here == 2 && (x & 0xffff)) || (here == 3 && (x & 0xff))) return false;
    for (size_t k = 0; k + 1 < here; k++) bytes[at++] = (uint8_t)(x >> (16 - 8 * k));
  }
  *length = total;
  return true;
}
