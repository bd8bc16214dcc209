/* What users write, sorted: options in any order and form, and mistakes answered with the way out. */
#include "cli/command.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <getopt.h>

static enum outcome nothing(const struct arguments *a) { return a->operands_count ? OUTCOME_DONE : OUTCOME_NO; }

static const struct command sample = {.name = "sample",
                                      .usage = "FILE",
                                      .summary = "",
                                      .text = "",
                                      .option = {{"output", 'o', "DIR", ""},
                                                 {"threads", 0, "N", ""},
                                                 {"input", 0, "NAME=FILE", ""},
                                                 {"json", 0, NULL, ""}},
                                      .operands_min = 1,
                                      .operands_max = 2,
                                      .run = nothing};

static bool parse(struct arguments *a, int argc, const char **argv) {
  char *copy[16] = {"sample"};
  for (int i = 0; i < argc; i++) copy[i + 1] = (char *)(uintptr_t)argv[i];
  optind = 0; /* glibc: start over */
  return arguments_parse(&sample, argc + 1, copy, a);
}
#define PARSE(a, ...)                                                                                                  \
  parse(a, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static void sorts_words(void **state) {
  (void)state;
  struct arguments a;
  assert_true(PARSE(&a, "--threads=3", "a", "-o", "out", "b", "--json", "--input", "x=1", "--input", "y=2"));
  assert_int_equal(a.operands_count, 2);
  assert_string_equal(a.operand[0], "a");
  assert_string_equal(a.operand[1], "b");
  assert_string_equal(arguments_text(&a, "output", ""), "out");
  assert_string_equal(arguments_nth(&a, "input", 0), "x=1");
  assert_string_equal(arguments_nth(&a, "input", 1), "y=2");
  assert_null(arguments_nth(&a, "input", 2));
  assert_true(arguments_given(&a, "json"));
  uint64_t threads = 0;
  assert_true(arguments_number(&a, "threads", 1, 8, &threads));
  assert_int_equal(threads, 3);
}

static void refuses_mistakes(void **state) {
  (void)state;
  struct arguments a;
  assert_false(PARSE(&a, "--thread-count", "3", "a"));
  assert_false(PARSE(&a, "a", "-o"));
  assert_false(PARSE(&a, "a", "b", "c"));
  assert_false(PARSE(&a, "--json"));
  assert_false(PARSE(&a, "a", "-z"));
  static const char *const bad[] = {"0", "9", "-1", " 3", "3x", "", "99999999999999999999", "+3"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint64_t threads = 77;
    assert_true(PARSE(&a, "a", "--threads", bad[i]));
    assert_false(arguments_number(&a, "threads", 1, 8, &threads));
    assert_int_equal(threads, 77);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sorts_words), cmocka_unit_test(refuses_mistakes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
