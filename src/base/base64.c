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

/* One more than the letter's value; 0 for what is no letter. */
static const uint8_t values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64};

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
      uint32_t v = k < here ? values[(uint8_t)text[i + k]] : 1;
      if (!v) return false;
      x = x << 6 | (v - 1);
    }
    if ((here == 2 && (x & 0xffff)) || (here == 3 && (x & 0xff))) return false;
    for (size_t k = 0; k + 1 < here; k++) bytes[at++] = (uint8_t)(x >> (16 - 8 * k));
  }
  *length = total;
  return true;
}
