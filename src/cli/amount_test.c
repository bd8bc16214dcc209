#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/amount.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void exact(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t grain;
  } good[] = {{"0", 0},
              {"1", 1000000000},
              {"0.5", 500000000},
              {"12.000000001", 12000000001},
              {"0.1", 100000000},
              {"007", 7000000000},
              {"18446744073.709551615", UINT64_MAX}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    uint64_t grain = 77;
    assert_true(amount_read(good[i].text, &grain, NULL));
    assert_int_equal(grain, good[i].grain);
  }
}

static void refused(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    ".",
                                    "1.",
                                    ".5",
                                    "1.2.3",
                                    "-1",
                                    "+1",
                                    "1e3",
                                    " 1",
                                    "1 ",
                                    "1,5",
                                    "0x1",
                                    "1ASY",
                                    "0.0000000001",
                                    "18446744073.709551616",
                                    "99999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint64_t grain = 77;
    struct why why = {""};
    if (amount_read(bad[i], &grain, &why)) fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(grain, 77);
    assert_true(*why.text);
  }
}

/* What is written is what was meant: every grain comes back. */
static void there_and_back(void **state) {
  (void)state;
  char text[AMOUNT_TEXT];
  assert_string_equal(amount_write(0, text), "0 ASY");
  assert_string_equal(amount_write(1, text), "0.000000001 ASY");
  assert_string_equal(amount_write(12500000000, text), "12.5 ASY");
  assert_string_equal(amount_write(UINT64_MAX, text), "18446744073.709551615 ASY");
  srand(3);
  for (int i = 0; i < 100000; i++) {
    uint64_t grain = ((uint64_t)rand() << 33 ^ (uint64_t)rand() << 11 ^ (uint64_t)rand()) >> (rand() % 64), back;
    amount_write(grain, text);
    *strchr(text, ' ') = 0;
    assert_true(amount_read(text, &back, NULL));
    assert_int_equal(back, grain);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact),
      cmocka_unit_test(refused),
      cmocka_unit_test(there_and_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
