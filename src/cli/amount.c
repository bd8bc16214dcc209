#include "cli/amount.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint64_t GRAIN_PER_ASY = UINT64_C(1000000000);

static bool digits(const char *text, size_t length) { return length && strspn(text, "0123456789") >= length; }

bool amount_read(const char *text, uint64_t *grain, struct why *why) {
  size_t whole = strcspn(text, "."), places = text[whole] ? strlen(text + whole + 1) : 0;
  if (!digits(text, whole) || (text[whole] && !digits(text + whole + 1, places))) {
    why_set(why, "'%s' is no amount: write ASY as digits, like 12 or 0.5", text);
    return false;
  }
  if (places > AMOUNT_GRAIN_DIGITS) {
    why_set(why, "'%s' has %zu places: one ASY is 10^9 grain, so there are at most nine", text, places);
    return false;
  }
  uint64_t sum = 0;
  size_t count = whole + AMOUNT_GRAIN_DIGITS;
  for (size_t i = 0; i < count; i++) {
    char c = i < whole ? text[i] : i - whole < places ? text[i + 1] : '0';
    if (sum > (UINT64_MAX - (uint64_t)(c - '0')) / 10) {
      why_set(why, "'%s' is more ASY than there can be", text);
      return false;
    }
    sum = sum * 10 + (uint64_t)(c - '0');
  }
  *grain = sum;
  return true;
}

const char *amount_write(uint64_t grain, char out[AMOUNT_TEXT]) {
  char places[AMOUNT_GRAIN_DIGITS + 1];
  snprintf(places, sizeof places, "%09" PRIu64, grain % GRAIN_PER_ASY);
  for (size_t n = AMOUNT_GRAIN_DIGITS; n && places[n - 1] == '0'; n--) places[n - 1] = 0;
  snprintf(out, AMOUNT_TEXT, "%" PRIu64 "%s%s ASY", grain / GRAIN_PER_ASY, *places ? "." : "", places);
  return out;
}
