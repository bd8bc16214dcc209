/* crew: every task once, whoever does it; all are done when crew_do returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/solo/crew.h"

enum { TASKS_MAX = 1000 };

/* Each task has a place of its own, so a thread sanitizer sees whether crew_do really waits. */
static void count_up(void *context, uint32_t i) {
  uint32_t *times = context;
  times[i]++;
}

static void each_task_once(uint32_t hands) {
  struct crew *c = crew_open(hands);
  uint32_t *times = calloc(TASKS_MAX, sizeof *times), expected = 0;
  static const uint32_t counts[] = {0, 1, 2, 3, 4, 5, 8, 9, 100, TASKS_MAX};
  assert_non_null(times);
  for (int round = 0; round < 50; round++)
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
      memset(times, 0, TASKS_MAX * sizeof *times);
      crew_do(c, counts[k], count_up, times);
      for (uint32_t i = 0; i < TASKS_MAX; i++) {
        expected = i < counts[k];
        assert_int_equal(times[i], expected);
      }
    }
  free(times);
  crew_shut(&c);
  assert_null(c);
  crew_shut(&c);
}

static void by_the_owner_alone(void **state) {
  (void)state;
  each_task_once(0);
}
static void with_one_more(void **state) {
  (void)state;
  each_task_once(1);
}
static void with_many(void **state) {
  (void)state;
  each_task_once(7);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(by_the_owner_alone), cmocka_unit_test(with_one_more),
                                     cmocka_unit_test(with_many)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
