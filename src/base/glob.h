/* glob: names by a pattern. `*` stands for any text, also none, `?` for one byte, all else for itself. Uses: nothing.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H
#include <stdbool.h>

/* glob_matches: the whole name. Cost: at most the product of both lengths. */
bool glob_matches(const char *pattern, const char *name);

/* glob_is: has the pattern a `*` or `?` at all? */
bool glob_is(const char *pattern);

#endif
