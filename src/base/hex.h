/* hex: bytes as lowercase hexadecimal digits and back. Uses: nothing. */
#ifndef BASE_HEX_H
#define BASE_HEX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* hex_encode writes 2 * length digits and a terminating 0. */
void hex_encode(const uint8_t *bytes, size_t length, char *text);

/* hex_decode reads exactly 2 * length lowercase digits followed by the end of text; false otherwise. */
bool hex_decode(const char *text, uint8_t *bytes, size_t length);

#endif
