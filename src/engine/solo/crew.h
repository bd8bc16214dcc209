/* crew: threads that do numbered tasks for one owner, for work that takes tens of microseconds a task. Who does a task,
 * and when, changes no answer. They sleep in between. Uses: threads. */
#ifndef ENGINE_SOLO_CREW_H
#define ENGINE_SOLO_CREW_H
#include <stdint.h>

enum { CREW_MAX = 64 };
struct crew;

/* crew_open starts `hands` threads beside the owner's own, at most CREW_MAX; fewer if the system gives no more, and
 * then also none: the owner does the work. */
struct crew *crew_open(uint32_t hands);
void crew_shut(struct crew **c);

/* crew_do calls task(context, i) for i in 0..count-1, each once, in the owner's thread and the others, and returns when
 * all are done. From one thread at a time. */
typedef void crew_task(void *context, uint32_t i);
void crew_do(struct crew *c, uint32_t count, crew_task *task, void *context);

#endif
