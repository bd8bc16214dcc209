/* base64: bytes as letters and back. RFC 4648, section 4, with padding. Uses: nothing. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* base64_length is the number of letters for length bytes; base64_encode writes them and a terminating 0. */
static inline size_t base64_length(size_t length) { return (length + 2) / 3 * 4; }
void base64_encode(const uint8_t *bytes, size_t length, char *text);

/* base64_decode reads exactly text_length letters into at most bytes_max bytes. One meaning, one encoding: false for
 * other characters, missing padding, bits after the last byte that are not 0, and more bytes than bytes_max. */
bool base64_decode(const char *text, size_t text_length, uint8_t *bytes, size_t bytes_max, size_t *length);

#endif
