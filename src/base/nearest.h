/* nearest: the known word that a mistyped one most likely means.
 *
 * Optimal string alignment: inserting, deleting and replacing a letter and swapping two neighbours take one edit each.
 * Words longer than 40 bytes are compared by their first 40. Uses: nothing. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H
#include <stdint.h>

/* nearest_word returns the known word that takes the fewest edits, the first of several, or NULL if that takes more
 * than edits_max (UINT32_MAX: any will do) or there is none. Cost: at most 1,600 steps a word. */
const char *nearest_word(const char *word, const char *const *known, uint32_t count, uint32_t edits_max);

#endif
