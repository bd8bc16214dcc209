#include "store/keys/phrase.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "crypto/sha256.h"

/* 32 characters without i, l, o and u: what is read wrongly by hand is not there, or is read as what was meant. */
static const char alphabet[33] = "0123456789abcdefghjkmnpqrstvwxyz";

/* A line is 16 characters, the last two of them checks. The line's number stands behind them without being written, so
 * that it is checked as well. */
enum { GROUP = 4, CHARACTERS = 16, LINE_PLACE = CHARACTERS, PLACES = 17, VERSION = 1, CHECK_BITS = 20 };
enum { BITS = 4 + 256 + CHECK_BITS };
_Static_assert(BITS == 5 * PHRASE_LINES * PHRASE_VALUES, "the phrase is full");

/* The field of 32 elements, x^5 + x^2 + 1; 2 generates it: its powers 0 to 30 are all but 0. */
static uint8_t multiply(uint8_t a, uint8_t b) {
  uint8_t product = 0;
  for (; b; b >>= 1) {
    if (b & 1) product ^= a;
    a = (uint8_t)(a << 1);
    if (a & 32) a ^= 37;
  }
  return product;
}

static uint8_t power(uint32_t exponent) {
  uint8_t x = 1;
  for (exponent %= 31; exponent > 0; exponent--) x = multiply(x, 2);
  return x;
}

static uint8_t invert(uint8_t a) { /* a^30, as a^31 = 1 */
  uint8_t x = 1;
  for (int i = 0; i < 30; i++) x = multiply(x, a);
  return x;
}

/* Sums of v[i] 2^i and of v[i] 4^i. Both are 0 in a good line: a code of distance 3. */
struct sums {
  uint8_t first, second;
};

static struct sums sums_of(const uint8_t v[PLACES]) {
  struct sums s = {0};
  for (uint32_t i = 0; i < PLACES; i++) {
    s.first ^= multiply(v[i], power(i));
    s.second ^= multiply(v[i], power(2 * i));
  }
  return s;
}

/* Solves for the two checks: a 2^14 + b 2^15 = first, a 2^28 + b 2^30 = second. */
static void put_checks(uint8_t v[PLACES]) {
  v[14] = v[15] = 0;
  struct sums s = sums_of(v);
  uint8_t inverse = invert(power(14 + 30) ^ power(15 + 28));
  v[14] = multiply(multiply(s.first, power(30)) ^ multiply(s.second, power(15)), inverse);
  v[15] = multiply(multiply(s.second, power(14)) ^ multiply(s.first, power(28)), inverse);
}

/* The bits of the whole: version, seed, check; bit n of bytes, the highest first. */
static uint8_t bit(const uint8_t *bytes, size_t n) { return bytes[n / 8] >> (7 - n % 8) & 1; }

static void check_of(const uint8_t seed[PHRASE_SEED_BYTES], uint8_t hash[SHA256_BYTES]) {
  sha256_parts((struct sha256_part[]){{"assay/seed/1", 13}, {seed, PHRASE_SEED_BYTES}}, 2, hash);
}

static uint8_t whole_bit(const uint8_t seed[PHRASE_SEED_BYTES], const uint8_t hash[SHA256_BYTES], size_t n) {
  if (n < 4) return VERSION >> (3 - n) & 1;
  return n < 4 + 256 ? bit(seed, n - 4) : bit(hash, n - 4 - 256);
}

void phrase_write(const uint8_t seed[PHRASE_SEED_BYTES], uint32_t line, char text[PHRASE_LINE_LENGTH + 1]) {
  uint8_t v[PLACES] = {0}, hash[SHA256_BYTES];
  assert(line < PHRASE_LINES);
  check_of(seed, hash);
  for (size_t i = 0; i < PHRASE_VALUES * 5; i++)
    v[i / 5] = (uint8_t)(v[i / 5] << 1 | whole_bit(seed, hash, line * PHRASE_VALUES * 5 + i));
  v[LINE_PLACE] = (uint8_t)(line + 1);
  put_checks(v);
  for (size_t i = 0; i < CHARACTERS; i++) {
    if (i && i % GROUP == 0) *text++ = ' ';
    *text++ = alphabet[v[i]];
  }
  *text = 0;
  sodium_memzero(v, sizeof v);
  sodium_memzero(hash, sizeof hash);
}

static int value_of(char c) {
  if (c >= 'A' && c <= 'Z') c = (char)(c + 32);
  if (c == 'o') c = '0';
  if (c == 'i' || c == 'l') c = '1';
  const char *at = c ? strchr(alphabet, c) : NULL;
  return at ? (int)(at - alphabet) : -1;
}

/* Says where a mistake is that the sums show: e at place p gives e 2^p and e 4^p, so their quotient names the place. */
static void locate(struct sums s, uint32_t line, struct why *why) {
  uint32_t place = PLACES;
  if (s.first && s.second)
    for (place = 0; place < PLACES && power(place) != multiply(s.second, invert(s.first)); place++) continue;
  if (place < CHARACTERS) {
    why_set(why, "line %" PRIu32 ": a mistake, most likely in group %" PRIu32 ", character %" PRIu32, line + 1,
            place / GROUP + 1, place % GROUP + 1);
    return;
  }
  uint32_t meant = LINE_PLACE == place ? (line + 1) ^ multiply(s.first, invert(power(LINE_PLACE))) : 0;
  if (meant >= 1 && meant <= PHRASE_LINES)
    why_set(why, "line %" PRIu32 ": this is line %" PRIu32 " of a phrase", line + 1, meant);
  else
    why_set(why, "line %" PRIu32 ": more than one mistake; compare it with what is written, character by character",
            line + 1);
}

static bool take_values(const char *text, size_t length, uint32_t line, uint8_t v[PLACES], struct why *why) {
  uint32_t count = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == ' ' || text[i] == '-' || text[i] == '\t' || text[i] == '\r') continue;
    int value = value_of(text[i]);
    if (value < 0) {
      why_set(why, "line %" PRIu32 ", group %" PRIu32 ", character %" PRIu32 ": no phrase has this character", line + 1,
              count / GROUP + 1, count % GROUP + 1);
      return false;
    }
    if (count < CHARACTERS) v[count] = (uint8_t)value;
    count++;
  }
  if (count != CHARACTERS) {
    why_set(why, "line %" PRIu32 " has %" PRIu32 " characters; a line has %d, in four groups of four", line + 1, count,
            CHARACTERS);
    return false;
  }
  return true;
}

bool phrase_read_line(const char *text, size_t length, uint32_t line, uint8_t values[PHRASE_VALUES], struct why *why) {
  uint8_t v[PLACES] = {0};
  assert(line < PHRASE_LINES);
  bool good = take_values(text, length, line, v, why);
  if (good) {
    v[LINE_PLACE] = (uint8_t)(line + 1);
    struct sums s = sums_of(v);
    good = !s.first && !s.second;
    if (good)
      memcpy(values, v, PHRASE_VALUES);
    else
      locate(s, line, why);
  }
  sodium_memzero(v, sizeof v);
  return good;
}

bool phrase_join(const uint8_t values[PHRASE_LINES][PHRASE_VALUES], uint8_t seed[PHRASE_SEED_BYTES], struct why *why) {
  uint8_t read[PHRASE_SEED_BYTES] = {0}, hash[SHA256_BYTES], version = 0;
  uint32_t check = 0, expected = 0;
  for (size_t n = 0; n < BITS; n++) {
    uint8_t value = values[n / 5 / PHRASE_VALUES][n / 5 % PHRASE_VALUES], b = value >> (4 - n % 5) & 1;
    if (n < 4)
      version = (uint8_t)(version << 1 | b);
    else if (n < 4 + 256)
      read[(n - 4) / 8] |= (uint8_t)(b << (7 - (n - 4) % 8));
    else
      check = check << 1 | b;
  }
  check_of(read, hash);
  for (size_t i = 0; i < CHECK_BITS; i++) expected = expected << 1 | bit(hash, i);
  bool good = version == VERSION && check == expected;
  if (version != VERSION)
    why_set(why, "a phrase of version %d; this program reads version %d", version, VERSION);
  else if (!good)
    why_set(why, "each line is right by itself, and they are not of one phrase");
  else
    memcpy(seed, read, sizeof read);
  sodium_memzero(read, sizeof read);
  sodium_memzero(hash, sizeof hash);
  return good;
}

static bool blank(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') return false;
  return true;
}

bool phrase_read(const char *text, size_t length, uint8_t seed[PHRASE_SEED_BYTES], struct why *why) {
  uint8_t values[PHRASE_LINES][PHRASE_VALUES] = {{0}};
  uint32_t lines = 0;
  bool good = true;
  for (size_t at = 0; good && at < length;) {
    const char *end = memchr(text + at, '\n', length - at);
    size_t line_length = end ? (size_t)(end - text) - at : length - at;
    if (!blank(text + at, line_length)) {
      if (lines < PHRASE_LINES) good = phrase_read_line(text + at, line_length, lines, values[lines], why);
      lines++;
    }
    at += line_length + 1;
  }
  if (good && lines != PHRASE_LINES) {
    why_set(why, "%" PRIu32 " lines; a phrase has %d", lines, PHRASE_LINES);
    good = false;
  }
  good = good && phrase_join((const uint8_t(*)[PHRASE_VALUES])values, seed, why);
  sodium_memzero(values, sizeof values);
  return good;
}
