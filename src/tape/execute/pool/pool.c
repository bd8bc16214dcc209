#include "tape/execute/pool/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/backend.h"

enum { THREADS_MAX = 256, LINE = 64, SPINS_BEFORE_SLEEP = 4000, SPINS_BEFORE_YIELD = 2000, SPINS_BEFORE_SPARE = 8 };

struct worker {
  struct pool *pool;
  pthread_t thread;
  uint32_t number;
};

/* `ticket` is the number of the region (high half) and its next task (low half; all ones: closed). A worker takes a
 * task by advancing the ticket it read; that succeeds only while the region is still the same and has tasks left, and
 * then the region cannot end before this task is done, so `count`, `task` and `context` read before it belong to it. A
 * worker that comes too late finds no task and nobody waits for it. */
struct pool {
  alignas(LINE) _Atomic uint64_t ticket;
  _Atomic uint32_t count;
  pool_task *_Atomic task;
  void *_Atomic context;
  alignas(LINE) _Atomic uint32_t done; /* on a line of its own: a thread that ends its task does not take the ticket
                                        * away from one that wants the next */
  alignas(LINE) _Atomic uint32_t sleepers;
  atomic_bool ends;
  pool_slice *_Atomic spare;
  void *_Atomic spare_context;
  _Atomic uint32_t spare_inside; /* threads that may be in the slice */
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  uint32_t threads;
  struct worker worker[]; /* threads - 1 */
};

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void demand_control_register(void) {
  if (backend_thread_check()) return;
  fputs("assay: something changed the floating-point control register of a thread; results would not be exact, so this "
        "process stops. Look for a library built with -ffast-math.\n",
        stderr);
  abort();
}

/* Runs tasks of the region that `seen` names until it has none left; returns the last ticket read. */
static uint64_t take_tasks(struct pool *p, uint64_t seen, uint32_t thread) {
  uint64_t region = seen >> 32;
  bool worked = false;
  while (seen >> 32 == region) {
    uint32_t i = (uint32_t)seen, count = atomic_load_explicit(&p->count, memory_order_acquire);
    pool_task *task = atomic_load_explicit(&p->task, memory_order_acquire);
    void *context = atomic_load_explicit(&p->context, memory_order_acquire);
    if (i >= count) break;
    if (!atomic_compare_exchange_weak_explicit(&p->ticket, &seen, seen + 1, memory_order_acq_rel, memory_order_acquire))
      continue;
    task(context, i, thread);
    worked = true;
    atomic_fetch_add_explicit(&p->done, 1, memory_order_release);
    seen = atomic_load_explicit(&p->ticket, memory_order_acquire);
  }
  if (worked) demand_control_register();
  return seen;
}

/* A slice of the spare work, if there is any. `spare_inside` is raised before `spare` is read again, so that who takes
 * the work back either sees this thread or is seen by it. */
static bool take_slice(struct pool *p, uint32_t thread) {
  if (!atomic_load_explicit(&p->spare, memory_order_relaxed)) return false;
  atomic_fetch_add(&p->spare_inside, 1);
  pool_slice *slice = atomic_load(&p->spare);
  bool more = slice && slice(atomic_load_explicit(&p->spare_context, memory_order_relaxed), thread);
  if (slice && !more) atomic_compare_exchange_strong(&p->spare, &slice, NULL);
  atomic_fetch_sub_explicit(&p->spare_inside, 1, memory_order_release);
  return more;
}

void pool_spare(struct pool *p, pool_slice *slice, void *context) {
  if (!p) return;
  atomic_store(&p->spare, NULL);
  while (atomic_load_explicit(&p->spare_inside, memory_order_acquire) != 0) sched_yield();
  atomic_store_explicit(&p->spare_context, context, memory_order_relaxed);
  atomic_store(&p->spare, slice);
}

static void *work(void *of) {
  struct worker *w = of;
  struct pool *p = w->pool;
  backend_thread_enter();
  uint64_t region = 0;
  for (uint32_t spins = 0;;) {
    uint64_t seen = atomic_load(&p->ticket);
    if (atomic_load(&p->ends)) break;
    if (seen >> 32 != region) {
      region = seen >> 32;
      take_tasks(p, seen, w->number);
      spins = 0;
    } else if (++spins >= SPINS_BEFORE_SPARE && take_slice(p, w->number)) {
      spins = SPINS_BEFORE_SPARE;
    } else if (spins < SPINS_BEFORE_SLEEP) {
      relax();
    } else {
      /* The pool's owner reads `sleepers` after it moved the ticket, and we read the ticket after we counted ourselves.
       */
      pthread_mutex_lock(&p->mutex);
      atomic_fetch_add(&p->sleepers, 1);
      while (atomic_load(&p->ticket) >> 32 == region && !atomic_load(&p->ends)) pthread_cond_wait(&p->wake, &p->mutex);
      atomic_fetch_sub(&p->sleepers, 1);
      pthread_mutex_unlock(&p->mutex);
      spins = 0;
    }
  }
  return NULL;
}

static void wake_all(struct pool *p) {
  if (atomic_load(&p->sleepers) == 0) return;
  pthread_mutex_lock(&p->mutex);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->mutex);
}

struct pool *pool_open(uint32_t threads) {
  if (threads < 1 || threads > THREADS_MAX) return NULL;
  size_t bytes = (sizeof(struct pool) + (threads - 1) * sizeof(struct worker) + LINE - 1) / LINE * LINE;
  struct pool *p = aligned_alloc(LINE, bytes);
  if (!p) return NULL;
  memset(p, 0, bytes);
  p->threads = 1;
  if (pthread_mutex_init(&p->mutex, NULL) != 0) {
    free(p);
    return NULL;
  }
  if (pthread_cond_init(&p->wake, NULL) != 0) {
    pthread_mutex_destroy(&p->mutex);
    free(p);
    return NULL;
  }
  for (uint32_t i = 0; i + 1 < threads; i++) {
    p->worker[i].pool = p;
    p->worker[i].number = i + 1;
    if (pthread_create(&p->worker[i].thread, NULL, work, &p->worker[i]) != 0) {
      pool_shut(p);
      return NULL;
    }
    p->threads++;
  }
  return p;
}

void pool_shut(struct pool *p) {
  if (!p) return;
  atomic_store(&p->ends, true);
  pthread_mutex_lock(&p->mutex);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->mutex);
  for (uint32_t i = 0; i + 1 < p->threads; i++) pthread_join(p->worker[i].thread, NULL);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->mutex);
  free(p);
}

uint32_t pool_threads(const struct pool *p) { return p ? p->threads : 1; }

void pool_wait(const _Atomic uint32_t *count, uint32_t least) {
  for (uint32_t spins = 0; atomic_load_explicit(count, memory_order_acquire) < least;)
    if (++spins < SPINS_BEFORE_YIELD)
      relax();
    else
      sched_yield();
}

void pool_run(struct pool *p, uint32_t count, pool_task *task, void *context) {
  if (!p || p->threads == 1 || count == 1) {
    for (uint32_t i = 0; i < count; i++) task(context, i, 0);
    return;
  }
  if (count == 0) return;
  /* Close first: a worker that still holds the last region's ticket must fail to advance it once it can see a new
   * count. A closed ticket has no task left under any count. */
  uint64_t region = (atomic_load_explicit(&p->ticket, memory_order_relaxed) >> 32) + 1;
  atomic_store(&p->ticket, (region & UINT32_MAX) << 32 | UINT32_MAX);
  atomic_store_explicit(&p->done, 0, memory_order_relaxed);
  atomic_store_explicit(&p->count, count, memory_order_release);
  atomic_store_explicit(&p->task, task, memory_order_release);
  atomic_store_explicit(&p->context, context, memory_order_release);
  uint64_t ticket = ((region + 1) & UINT32_MAX) << 32;
  atomic_store(&p->ticket, ticket);
  wake_all(p);
  take_tasks(p, ticket, 0);
  for (uint32_t spins = 0; atomic_load_explicit(&p->done, memory_order_acquire) != count;)
    if (++spins >= SPINS_BEFORE_SPARE && take_slice(p, 0))
      spins = SPINS_BEFORE_SPARE;
    else if (spins < SPINS_BEFORE_YIELD)
      relax();
    else
      sched_yield();
}
