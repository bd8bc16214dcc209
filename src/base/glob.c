#include "base/glob.h"

#include <stddef.h>
#include <string.h>

/* After a mismatch the last `*` takes one byte more. */
bool glob_matches(const char *pattern, const char *name) {
  const char *star = NULL, *from = NULL;
  while (*name) {
    if (*pattern == '*') {
      star = ++pattern;
      from = name;
    } else if (*pattern == '?' || *pattern == *name) {
      pattern++;
      name++;
    } else if (star) {
      pattern = star;
      name = ++from;
    } else {
      return false;
    }
  }
  while (*pattern == '*') pattern++;
  return !*pattern;
}

bool glob_is(const char *pattern) { return pattern[strcspn(pattern, "*?")] != 0; }
