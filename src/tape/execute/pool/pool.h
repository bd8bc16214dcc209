/* pool: worker threads that run numbered tasks. Which thread runs a task, and when, cannot change a bit.
 *
 * A region ends when its tasks are done; it never waits for a thread that has not shown up. Uses: threads,
 * numeric/backend. */
#ifndef TAPE_POOL_H
#define TAPE_POOL_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pool;

/* pool_open starts threads - 1 workers (1..256 threads, the caller is one); NULL if the system refuses. Each sets the
 * floating-point control register on entry and checks it after every region. */
struct pool *pool_open(uint32_t threads);
void pool_shut(struct pool *p);
uint32_t pool_threads(const struct pool *p);

/* pool_run calls task(context, i, thread) for i in 0..count-1, each once, from the caller and the workers, thread in
 * 0..threads-1, and returns when all are done. p may be NULL: the caller does all, in order. Not re-entrant. */
typedef void pool_task(void *context, uint32_t i, uint32_t thread);
void pool_run(struct pool *p, uint32_t count, pool_task *task, void *context);

/* pool_wait, called by a task, returns when *count is at least `least`, and then sees what was written before that.
 * Only tasks of the same region with lower numbers may be waited for: they are done, or some thread is at them. */
void pool_wait(const _Atomic uint32_t *count, uint32_t least);

/* pool_spare gives the pool work for the moments in which a thread would wait: a worker for the next region, the caller
 * for the last tasks of one. They call slice(context, thread), several at a time, until one returns false: nothing is
 * left to begin. A slice takes a few microseconds, since a region may have begun meanwhile, and waits for nobody.
 * Called between regions by the thread that runs them; it takes back what was given before (slice NULL: and gives
 * nothing), and on return no thread is inside that any more. A pool of one thread never waits, and none has time. */
typedef bool pool_slice(void *context, uint32_t thread);
void pool_spare(struct pool *p, pool_slice *slice, void *context);

#endif
