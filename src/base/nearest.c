#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

enum { LETTERS_MAX = 40 };

static uint32_t letters(const char *word) { return (uint32_t)strnlen(word, LETTERS_MAX); }

static uint32_t edits(const char *a, const char *b) {
  uint32_t d[LETTERS_MAX + 1][LETTERS_MAX + 1], m = letters(a), n = letters(b);
  for (uint32_t i = 0; i <= m; i++) d[i][0] = i;
  for (uint32_t j = 0; j <= n; j++) d[0][j] = j;
  for (uint32_t i = 1; i <= m; i++)
    for (uint32_t j = 1; j <= n; j++) {
      uint32_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
      if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  return d[m][n];
}

const char *nearest_word(const char *word, const char *const *known, uint32_t count, uint32_t edits_max) {
  const char *nearest = NULL;
  uint32_t least = edits_max < UINT32_MAX ? edits_max + 1 : UINT32_MAX;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t n = edits(word, known[i]);
    if (n < least) least = n, nearest = known[i];
  }
  return nearest;
}
