/* Times as text: known answers, every day of some centuries, and what is no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/comet/time.h"

static void is(int64_t seconds, int32_t nanos, const char *expected) {
  struct comet_time t = {seconds, nanos}, again;
  char text[COMET_TIME_TEXT_MAX + 1];
  comet_time_write(&t, text);
  assert_string_equal(text, expected);
  assert_true(comet_time_read(text, strlen(text), &again));
  assert_int_equal(again.seconds, seconds);
  assert_int_equal(again.nanos, nanos);
}

static void known_moments(void **state) {
  (void)state;
  is(0, 0, "1970-01-01T00:00:00Z");
  is(-62135596800, 0, "0001-01-01T00:00:00Z");
  is(253402300799, 999999999, "9999-12-31T23:59:59.999999999Z");
  is(951782400, 0, "2000-02-29T00:00:00Z");
  is(1234567890, 500000000, "2009-02-13T23:31:30.5Z");
  is(-1, 1, "1969-12-31T23:59:59.000000001Z");
  is(4107542400, 10, "2100-03-01T00:00:00.00000001Z");
}

/* Midnights follow each other as the calendar says. */
static void every_day(void **state) {
  (void)state;
  static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t seconds = -62135596800;
  for (int y = 1; y <= 2500; y++)
    for (int m = 1; m <= 12; m++) {
      int last = days[m - 1] + (m == 2 && (y % 400 == 0 || (y % 4 == 0 && y % 100)));
      for (int d = 1; d <= last; d++, seconds += 86400) {
        struct comet_time t = {seconds + 45296, 0};
        char text[COMET_TIME_TEXT_MAX + 1], expected[] = "0000-00-00T12:34:56Z";
        for (int i = 0, x = y; i < 4; i++, x /= 10) expected[3 - i] = (char)('0' + x % 10);
        expected[5] = (char)('0' + m / 10), expected[6] = (char)('0' + m % 10);
        expected[8] = (char)('0' + d / 10), expected[9] = (char)('0' + d % 10);
        comet_time_write(&t, text);
        if (strcmp(text, expected) != 0) fail_msg("%s, not %s", text, expected);
      }
    }
}

static void what_is_no_time(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "",
      "2026-11-21",
      "2026-11-21T15:01:05",
      "2026-11-21T15:01:05z",
      "2026-11-21T15:01:05.Z",
      "2026-11-21T15:01:05.10Z",
      "2026-11-21T15:01:05.0Z",
      "2026-11-21T15:01:05.1234567890Z",
      "2026-11-21T15:01:05+00:00",
      "2026-11-21 15:01:05Z",
      "2026-13-21T15:01:05Z",
      "2026-00-21T15:01:05Z",
      "2026-11-31T15:01:05Z",
      "2026-11-00T15:01:05Z",
      "2026-02-29T15:01:05Z",
      "2100-02-29T15:01:05Z",
      "2026-11-21T24:01:05Z",
      "2026-11-21T15:60:05Z",
      "2026-11-21T15:01:60Z",
      "0000-11-21T15:01:05Z",
      "2026-11-21T15:01:05ZZ",
      "+026-11-21T15:01:05Z",
      "2026-11-21T15:01:05.1x3Z",
  };
  struct comet_time t = {7, 7};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    if (comet_time_read(wrong[i], strlen(wrong[i]), &t)) fail_msg("read %s", wrong[i]);
  assert_int_equal(t.seconds, 7);
  assert_false(comet_time_read("2026-11-21T15:01:05Z", 19, &t));
  assert_true(comet_time_read("2026-11-21T15:01:05Z", 20, &t));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_moments),
      cmocka_unit_test(every_day),
      cmocka_unit_test(what_is_no_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
