/* What the pool promises: every task once, regions that end, workers that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/backend.h"
#include "tape/execute/pool/pool.h"

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

enum { SLICES = 5000 };
struct spare {
  _Atomic uint32_t next, inside;
  unsigned char ran[SLICES]; /* without atomics, as above */
};

static bool spare_slice(void *context, uint32_t thread) {
  struct spare *s = context;
  (void)thread;
  atomic_fetch_add(&s->inside, 1);
  uint32_t i = atomic_fetch_add(&s->next, 1);
  if (i < SLICES) s->ran[i]++;
  atomic_fetch_sub(&s->inside, 1);
  return i < SLICES;
}

static void slow(void *context, uint32_t i, uint32_t thread) {
  volatile uint32_t *sink = context;
  (void)thread;
  for (uint32_t k = 0; k < (i ? 100 : 20000); k++) sink[i]++;
}

/* Who waits takes slices, each is taken once, and what was taken back is entered by nobody. */
static void waiting_threads_take_spare_work(void **state) {
  (void)state;
  for (uint32_t threads = 2; threads <= 4; threads++) {
    struct pool *p = pool_open(threads);
    uint32_t sink[4] = {0};
    static struct spare s;
    memset(&s, 0, sizeof s);
    pool_spare(p, spare_slice, &s);
    while (s.next < SLICES) pool_run(p, 4, slow, sink);
    pool_spare(p, NULL, NULL);
    assert_int_equal(s.inside, 0);
    for (uint32_t i = 0; i < SLICES; i++) assert_int_equal(s.ran[i], 1);
    for (uint32_t again = 0; again < 200; again++) { /* taken back in the middle */
      memset(&s, 0, sizeof s);
      pool_spare(p, spare_slice, &s);
      pool_run(p, 4, slow, sink);
      pool_spare(p, NULL, NULL);
      uint32_t begun = s.next < SLICES ? s.next : SLICES;
      for (uint32_t i = 0; i < SLICES; i++) assert_int_equal(s.ran[i], i < begun);
      pool_run(p, 4, slow, sink);
      assert_true(s.inside == 0 && (s.next == begun || begun == SLICES));
    }
    pool_shut(p);
  }
  struct spare none = {0};
  uint32_t sink[4] = {0};
  struct pool *one = pool_open(1);
  pool_spare(one, spare_slice, &none);
  pool_run(one, 4, slow, sink);
  pool_spare(NULL, spare_slice, &none);
  assert_int_equal(none.next, 0);
  pool_shut(one);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_task_runs_once),     cmocka_unit_test(no_pool_means_this_thread),
      cmocka_unit_test(absurd_sizes_are_refused), cmocka_unit_test(idle_pools_shut),
      cmocka_unit_test(workers_round_to_nearest), cmocka_unit_test(waiting_threads_take_spare_work),
  };
  return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
