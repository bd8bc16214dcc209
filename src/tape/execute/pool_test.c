/* What the pool promises: every task once, regions that end, workers that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/backend.h"
#include "tape/execute/pool.h"

enum { TASKS = 700 };
struct marks {
  uint32_t threads;
  unsigned char ran[TASKS];   /* written without atomics: the thread sanitizer sees whether a region's end orders it */
  _Atomic uint32_t strangers; /* thread numbers out of range */
};

static void mark(void *context, uint32_t i, uint32_t thread) {
  struct marks *m = context;
  m->ran[i]++;
  if (thread >= m->threads) atomic_fetch_add(&m->strangers, 1);
}

static void every_task_runs_once(void **state) {
  (void)state;
  for (uint32_t threads = 1; threads <= 4; threads++) {
    struct pool *p = pool_open(threads);
    assert_non_null(p);
    assert_int_equal(pool_threads(p), threads);
    static struct marks m;
    for (uint32_t region = 0; region < 3000; region++) {
      uint32_t count = region * 7919 % TASKS % (region % 5 ? 9 : TASKS);
      memset(m.ran, 0, sizeof m.ran);
      m.threads = threads;
      pool_run(p, count, mark, &m);
      for (uint32_t i = 0; i < TASKS; i++) assert_int_equal(m.ran[i], i < count);
    }
    assert_int_equal(m.strangers, 0);
    pool_shut(p);
  }
}

static void in_order(void *context, uint32_t i, uint32_t thread) {
  uint32_t *next = context;
  assert_int_equal(i, *next);
  assert_int_equal(thread, 0);
  ++*next;
}

static void no_pool_means_this_thread(void **state) {
  (void)state;
  uint32_t next = 0;
  pool_run(NULL, 17, in_order, &next);
  assert_int_equal(next, 17);
  assert_int_equal(pool_threads(NULL), 1);
  pool_shut(NULL);
}

static void absurd_sizes_are_refused(void **state) {
  (void)state;
  assert_null(pool_open(0));
  assert_null(pool_open(257));
}

static void idle_pools_shut(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) pool_shut(pool_open(3));
}

static void check_register(void *context, uint32_t i, uint32_t thread) {
  (void)i, (void)thread;
  if (!backend_thread_check()) atomic_fetch_add((_Atomic uint32_t *)context, 1);
}

static void workers_round_to_nearest(void **state) {
  (void)state;
  _Atomic uint32_t wrong = 0;
  struct pool *p = pool_open(3);
  backend_thread_enter();
  for (int i = 0; i < 100; i++) pool_run(p, 50, check_register, &wrong);
  assert_int_equal(wrong, 0);
  pool_shut(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_task_runs_once),     cmocka_unit_test(no_pool_means_this_thread),
      cmocka_unit_test(absurd_sizes_are_refused), cmocka_unit_test(idle_pools_shut),
      cmocka_unit_test(workers_round_to_nearest),
  };
  return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
