/* phrase: a seed as four lines of characters that a person can write down, and a typing mistake found where it is.
 * ENGINE 9.4.
 *
 *   2rn5 kq8w 04ty m9zv     four groups of four: 14 characters of the seed, 2 that check the line
 *
 * Any two wrong characters of a line are noticed, one is located, and so is a line that stands in another's place.
 * Buffers that hold what is here are the caller's, in protected memory; copies made inside are cleared. No message
 * repeats a character. Uses: libsodium (clearing), sha256. */
#ifndef STORE_KEYS_PHRASE_H
#define STORE_KEYS_PHRASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

enum { PHRASE_LINES = 4, PHRASE_LINE_LENGTH = 19, PHRASE_VALUES = 14, PHRASE_SEED_BYTES = 32 };

/* phrase_write writes line 0 to 3 and a final 0. */
void phrase_write(const uint8_t seed[PHRASE_SEED_BYTES], uint32_t line, char text[PHRASE_LINE_LENGTH + 1]);

/* phrase_read_line reads one line: capitals are small letters, o is 0, i and l are 1, blanks and hyphens are nothing.
 * False with where the mistake is, or probably is. phrase_join makes the seed of four lines that were read; false where
 * they are not of one phrase, or of another version. */
bool phrase_read_line(const char *text, size_t length, uint32_t line, uint8_t values[PHRASE_VALUES], struct why *why);
bool phrase_join(const uint8_t values[PHRASE_LINES][PHRASE_VALUES], uint8_t seed[PHRASE_SEED_BYTES], struct why *why);

/* phrase_read reads four lines with line ends between them, empty ones left out. */
bool phrase_read(const char *text, size_t length, uint8_t seed[PHRASE_SEED_BYTES], struct why *why);

#endif
