#include "engine/solo/crew.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { AT_ONCE = 4 }; /* tasks taken under one lock */

struct crew {
  pthread_mutex_t lock;
  pthread_cond_t wake, finished;
  pthread_t thread[CREW_MAX];
  uint32_t hands;
  /* Under the lock: the work at hand. */
  crew_task *task;
  void *context;
  uint32_t count, next, done;
  bool stop;
};

/* Takes tasks until none is left. Called and left with the lock held. */
static void work(struct crew *c) {
  while (c->next < c->count) {
    uint32_t first = c->next, last = c->count - first > AT_ONCE ? first + AT_ONCE : c->count;
    crew_task *task = c->task;
    void *context = c->context;
    c->next = last;
    pthread_mutex_unlock(&c->lock);
    for (uint32_t i = first; i < last; i++) task(context, i);
    pthread_mutex_lock(&c->lock);
    c->done += last - first; /* crew_do returns only after this */
    if (c->done == c->count) pthread_cond_signal(&c->finished);
  }
}

static void *live(void *context) {
  struct crew *c = context;
  pthread_mutex_lock(&c->lock);
  while (!c->stop) {
    work(c);
    if (!c->stop) pthread_cond_wait(&c->wake, &c->lock);
  }
  pthread_mutex_unlock(&c->lock);
  return NULL;
}

struct crew *crew_open(uint32_t hands) {
  struct crew *c = calloc(1, sizeof *c);
  assert(c && hands <= CREW_MAX);
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->wake, NULL);
  pthread_cond_init(&c->finished, NULL);
  while (c->hands < hands && pthread_create(&c->thread[c->hands], NULL, live, c) == 0) c->hands++;
  return c;
}

void crew_shut(struct crew **c) {
  if (!*c) return;
  pthread_mutex_lock(&(*c)->lock);
  (*c)->stop = true;
  pthread_cond_broadcast(&(*c)->wake);
  pthread_mutex_unlock(&(*c)->lock);
  for (uint32_t i = 0; i < (*c)->hands; i++) pthread_join((*c)->thread[i], NULL);
  pthread_cond_destroy(&(*c)->finished);
  pthread_cond_destroy(&(*c)->wake);
  pthread_mutex_destroy(&(*c)->lock);
  free(*c);
  *c = NULL;
}

void crew_do(struct crew *c, uint32_t count, crew_task *task, void *context) {
  pthread_mutex_lock(&c->lock);
  c->task = task;
  c->context = context;
  c->count = count;
  c->next = c->done = 0;
  if (count > AT_ONCE) pthread_cond_broadcast(&c->wake); /* else waking somebody takes longer than the work */
  work(c);
  while (c->done < count) pthread_cond_wait(&c->finished, &c->lock);
  c->count = c->next = c->done = 0;
  pthread_mutex_unlock(&c->lock);
}
