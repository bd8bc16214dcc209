/* Phrases: written and read; every single mistake is found where it is, every pair of them is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/sha256.h"
#include "store/keys/phrase.h"

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void seed_of(uint32_t n, uint8_t seed[32]) { sha256(&n, sizeof n, seed); }

static void whole(const uint8_t seed[32], char text[4 * 20 + 1]) {
  *text = 0;
  for (uint32_t line = 0; line < PHRASE_LINES; line++) {
    phrase_write(seed, line, text + strlen(text));
    strcat(text, "\n");
  }
}

/* The example of ENGINE 9.4, worked out from its words by another program: the checks there by trying all 1,024. */
static void known_phrase(void **state) {
  (void)state;
  uint8_t seed[32];
  char text[81];
  for (uint8_t i = 0; i < 32; i++) seed[i] = i;
  whole(seed, text);
  assert_string_equal(text, "2001 081g 8186 0wb3\n"
                            "40j2 gb1g 6gw3 rgtp\n"
                            "2491 650n 2rbh g6mb\n"
                            "8t3c e1t7 gzt8 gr6b\n");
}

static void what_is_written_is_read(void **state) {
  (void)state;
  uint8_t seed[32], again[32];
  char text[81];
  for (uint32_t n = 0; n < 2000; n++) {
    struct why why;
    seed_of(n, seed);
    if (n < 2) memset(seed, n ? 0xff : 0, 32);
    whole(seed, text);
    if (!phrase_read(text, strlen(text), again, &why)) fail_msg("%s", why.text);
    assert_memory_equal(seed, again, 32);
  }
}

static bool line_is_read(const char *text, uint32_t line, struct why *why) {
  uint8_t values[PHRASE_VALUES];
  return phrase_read_line(text, strlen(text), line, values, why);
}

/* Where a character of a line stands in its text. */
static size_t at(int character) { return (size_t)(character + character / 4); }

static void a_mistake_is_found_where_it_is(void **state) {
  (void)state;
  uint8_t seed[32];
  char text[PHRASE_LINE_LENGTH + 1], expected[80];
  struct why why;
  for (uint32_t line = 0; line < PHRASE_LINES; line++) {
    seed_of(line, seed);
    phrase_write(seed, line, text);
    for (int c = 0; c < 16; c++)
      for (int v = 0; v < 32; v++) {
        char kept = text[at(c)];
        text[at(c)] = alphabet[v];
        bool read = line_is_read(text, line, &why);
        assert_int_equal(read, alphabet[v] == kept);
        snprintf(expected, sizeof expected, "line %d: a mistake, most likely in group %d, character %d", (int)line + 1,
                 c / 4 + 1, c % 4 + 1);
        if (!read) assert_string_equal(why.text, expected);
        text[at(c)] = kept;
      }
  }
}

static void two_mistakes_are_noticed(void **state) {
  (void)state;
  uint8_t seed[32];
  char text[PHRASE_LINE_LENGTH + 1];
  seed_of(7, seed);
  phrase_write(seed, 2, text);
  for (int a = 0; a < 16; a++)
    for (int b = a + 1; b < 16; b++)
      for (int v = 0; v < 32 * 32; v++) {
        char first = text[at(a)], second = text[at(b)];
        text[at(a)] = alphabet[v % 32], text[at(b)] = alphabet[v / 32];
        bool same = text[at(a)] == first && text[at(b)] == second;
        assert_int_equal(line_is_read(text, 2, NULL), same);
        text[at(a)] = first, text[at(b)] = second;
      }
}

static void lines_in_another_place(void **state) {
  (void)state;
  uint8_t seed[32];
  char text[PHRASE_LINE_LENGTH + 1], expected[80];
  struct why why;
  seed_of(3, seed);
  for (uint32_t line = 0; line < PHRASE_LINES; line++)
    for (uint32_t place = 0; place < PHRASE_LINES; place++) {
      phrase_write(seed, line, text);
      assert_int_equal(line_is_read(text, place, &why), line == place);
      snprintf(expected, sizeof expected, "line %d: this is line %d of a phrase", (int)place + 1, (int)line + 1);
      if (line != place) assert_string_equal(why.text, expected);
    }
}

/* 20 bits: of some thousand mixtures of two phrases, none passes here. */
static void lines_of_two_phrases(void **state) {
  (void)state;
  uint8_t seed[32], values[2][PHRASE_LINES][PHRASE_VALUES], mixed[PHRASE_LINES][PHRASE_VALUES], again[32];
  char text[PHRASE_LINE_LENGTH + 1];
  struct why why;
  for (uint32_t n = 0; n < 400; n++) {
    for (uint32_t which = 0; which < 2; which++)
      for (uint32_t line = 0; line < PHRASE_LINES; line++) {
        seed_of(2 * n + which, seed);
        phrase_write(seed, line, text);
        assert_true(phrase_read_line(text, strlen(text), line, values[which][line], NULL));
      }
    for (uint32_t mix = 0; mix < 16; mix++) {
      for (uint32_t line = 0; line < PHRASE_LINES; line++)
        memcpy(mixed[line], values[mix >> line & 1][line], PHRASE_VALUES);
      bool one = mix == 0 || mix == 15;
      assert_int_equal(phrase_join((const uint8_t(*)[PHRASE_VALUES])mixed, again, &why), one);
      if (!one) assert_non_null(strstr(why.text, "not of one phrase"));
    }
  }
  mixed[0][0] ^= 16; /* the version's bits come first */
  assert_false(phrase_join((const uint8_t(*)[PHRASE_VALUES])mixed, again, &why));
  assert_non_null(strstr(why.text, "version"));
}

static void as_people_type(void **state) {
  (void)state;
  uint8_t seed[32] = {0}, again[32];
  char text[81], typed[400] = "\r\n\n";
  struct why why;
  whole(seed, text); /* full of zeros, and of ones: version 1 */
  for (size_t i = 0; text[i]; i++) {
    char c = text[i];
    sprintf(typed + strlen(typed), "%c%s",
            c == '0'   ? "oO0"[i % 3]
            : c == '1' ? "lIi1L"[i % 5]
            : c >= 'a' ? c - 32
                       : c,
            c == '\n' ? " \t\r\n"
            : i % 3   ? ""
                      : "-");
  }
  if (!phrase_read(typed, strlen(typed), again, &why)) fail_msg("%s", why.text);
  assert_memory_equal(seed, again, 32);
}

static void wrong(const char *text, const char *says) {
  uint8_t seed[32] = {9};
  struct why why = {""};
  assert_false(phrase_read(text, strlen(text), seed, &why));
  if (!strstr(why.text, says)) fail_msg("\"%s\" does not say \"%s\"", why.text, says);
  assert_int_equal(seed[0], 9);
}

static void what_is_no_phrase(void **state) {
  (void)state;
  uint8_t seed[32];
  char text[81], other[200];
  seed_of(1, seed);
  whole(seed, text);
  wrong("", "0 lines");
  text[79] = 0;
  text[59] = 0; /* three lines */
  wrong(text, "3 lines");
  whole(seed, text);
  snprintf(other, sizeof other, "%s%s", text, text);
  wrong(other, "8 lines");
  snprintf(other, sizeof other, "u%s", text + 1);
  wrong(other, "line 1, group 1, character 1: no phrase has this character");
  snprintf(other, sizeof other, "%s", text + 1);
  wrong(other, "line 1 has 15 characters");
  snprintf(other, sizeof other, "0%s", text);
  wrong(other, "line 1 has 17 characters");
  for (int i = 0; i < 4; i++) text[i] = text[i] == '7' ? '8' : '7';
  wrong(text, "line 1: ");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_phrase),
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(a_mistake_is_found_where_it_is),
      cmocka_unit_test(two_mistakes_are_noticed),
      cmocka_unit_test(lines_in_another_place),
      cmocka_unit_test(lines_of_two_phrases),
      cmocka_unit_test(as_people_type),
      cmocka_unit_test(what_is_no_phrase),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
