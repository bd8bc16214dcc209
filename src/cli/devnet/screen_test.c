/* Lines that fit, words that wrap, and a picture drawn over the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/devnet/screen.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COLUMNS = 79, ROWS = 23 }; /* what is used of 80 by 24, which is what no terminal counts as */

static struct screen screen;
static char shown[1 << 16];

/* What was written since the last call. */
static const char *written(FILE *file, long *from) {
  long end = lseek(fileno(file), 0, SEEK_END);
  ssize_t n = pread(fileno(file), shown, (size_t)(end - *from), *from);
  assert_true(n >= 0);
  shown[n] = 0;
  *from = end;
  return shown;
}

static uint32_t columns(const char *text) {
  uint32_t n = 0;
  for (; *text; text++) n += (*text & 0xc0) != 0x80;
  return n;
}

static void lines_fit(void **state) {
  (void)state;
  char text[200], wide[400] = "";
  screen_begin(&screen, -1);
  memset(text, 'x', COLUMNS);
  text[COLUMNS] = 0;
  screen_line(&screen, "%s", text);
  assert_string_equal(screen.line[0], text);
  screen_line(&screen, "%sx", text);
  assert_int_equal(columns(screen.line[1]), COLUMNS);
  assert_memory_equal(screen.line[1], text, COLUMNS - 1);
  assert_string_equal(screen.line[1] + COLUMNS - 1, "…");
  for (int i = 0; i < COLUMNS; i++) strcat(wide, "é");
  screen_line(&screen, "%s", wide);
  assert_string_equal(screen.line[2], wide);
  screen_line(&screen, "a\033[2Jb\nc\x7f");
  assert_string_equal(screen.line[3], "a?[2Jb?c?");
}

static void rows_are_as_many_as_there_are(void **state) {
  (void)state;
  screen_begin(&screen, -1);
  for (uint32_t i = 0; i < ROWS; i++) {
    assert_int_equal(screen_room(&screen), ROWS - i);
    screen_line(&screen, "%u", i);
  }
  screen_line(&screen, "one too many");
  assert_int_equal(screen.count, ROWS);
}

static void words_wrap(void **state) {
  (void)state;
  char text[400] = "";
  for (int i = 0; i < 30; i++) strcat(text, i ? " seven77" : "seven77"); /* 239 columns */
  screen_begin(&screen, -1);
  screen_wrap(&screen, 9, 4, text);
  assert_int_equal(screen.count, 4); /* 9 words of 79 columns, then 9 of 4 + 71, then the rest */
  assert_int_equal(columns(screen.line[0]), 71 + 8);
  assert_int_equal(columns(screen.line[1]), 4 + 71);
  assert_memory_equal(screen.line[1], "    seven77", 11);
  assert_int_equal(columns(screen.line[3]), 4 + 15);
  screen_begin(&screen, -1);
  screen_wrap(&screen, 2, 4, text);
  assert_int_equal(screen.count, 2);
  assert_int_equal(columns(screen.line[1]), COLUMNS);
  assert_string_equal(screen.line[1] + COLUMNS - 1, "…");
  memset(text, 'x', 300);
  text[300] = 0;
  screen_begin(&screen, -1);
  screen_wrap(&screen, 3, 4, text); /* no place to break at */
  assert_int_equal(screen.count, 1);
  screen_begin(&screen, -1);
  screen_wrap(&screen, 3, 4, "short");
  assert_string_equal(screen.line[0], "short");
  assert_int_equal(screen.count, 1);
}

static void drawn_in_place(void **state) {
  (void)state;
  FILE *file = tmpfile();
  long from = 0;
  assert_non_null(file);
  memset(&screen, 0, sizeof screen);
  for (int again = 0; again < 2; again++) { /* the same again draws nothing */
    screen_begin(&screen, fileno(file));
    screen_line(&screen, "one");
    screen_line(&screen, "two");
    screen_draw(&screen);
    assert_string_equal(written(file, &from), again ? "" : "one\033[K\ntwo\033[K\n\033[J");
  }
  screen_begin(&screen, fileno(file));
  screen_line(&screen, "three");
  screen_draw(&screen);
  assert_string_equal(written(file, &from), "\r\033[2Athree\033[K\n\033[J");
  fclose(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lines_fit), cmocka_unit_test(rows_are_as_many_as_there_are),
                                     cmocka_unit_test(words_wrap), cmocka_unit_test(drawn_in_place)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
