/* bech32: text with a checksum that finds any four mistyped characters. BIP 173 and its successor BIP 350 (bech32m).
 *
 * A string is a prefix, a 1, values of 5 bits and six characters of checksum. Only bech32m is read and written. What
 * the values mean is the reader's: address.h has ours. Uses: nothing. */
#ifndef CRYPTO_BECH32_H
#define CRYPTO_BECH32_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BECH32_TEXT_MAX = 90, BECH32_CHECKSUM = 6, BECH32_PREFIX_MAX = 83, BECH32_VALUES_MAX = 82 };

struct bech32 {
  char prefix[BECH32_PREFIX_MAX + 1]; /* 1 .. characters from '!' to '~', none of them a capital */
  uint8_t values[BECH32_VALUES_MAX];  /* each below 32 */
  uint8_t count;
};

/* bech32_read reads a string in small letters or in capitals, not both, as BIP 173 wants; the prefix comes in small
 * ones. False if it is anything else than one correct string; then out is untouched. */
bool bech32_read(const char *text, size_t length, struct bech32 *out);

/* bech32_write writes small letters and a final 0, and returns the number of characters; 0 and nothing written if that
 * would be no string: a prefix that the comment above excludes, a value of 32 or more, more than 90 characters. */
size_t bech32_write(const struct bech32 *in, char text[BECH32_TEXT_MAX + 1]);

#endif
