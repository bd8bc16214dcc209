#include "engine/solo/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/solo/state.h"

enum { AGAIN_MS = 1000, LONGEST_MS = 60000 };

struct loop {
  struct solo *solo;
  struct loop_watch watch;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  struct loop_request *first, **last; /* in order of arrival */
  uint32_t waiting;
  uint64_t last_ms;                              /* the thread's: when the last block was begun */
  struct comet_span expected[LOOP_REQUESTS_MAX]; /* the thread's */
  bool stop, failed;
};

static uint64_t clock_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void answer_proof(struct solo *s, struct loop_request *r) {
  struct map_value value;
  solo_prove(s, &r->key, r->proof);
  r->found = map_get(ledger_chain(s->ledger)->map, &r->key, &value);
  if (!r->found) return;
  r->value = malloc(value.length + 1);
  assert(r->value);
  r->value_length = value.length;
  if (value.length) memcpy(r->value, value.bytes, value.length);
}

static void answer_pool(const struct solo *s, struct loop_request *r) {
  struct mempool_entry list[LOOP_LIST_MAX];
  struct loop_pool *p = r->pool;
  p->count = mempool_count(solo_mempool(s));
  p->bytes = mempool_bytes(solo_mempool(s));
  p->listed = mempool_list(solo_mempool(s), list, p->listed < LOOP_LIST_MAX ? p->listed : LOOP_LIST_MAX);
  for (uint32_t i = 0; i < p->listed; i++) {
    p->listed_length[i] = list[i].length;
    p->listed_bytes[i] = malloc(list[i].length + 1);
    assert(p->listed_bytes[i]);
    memcpy(p->listed_bytes[i], list[i].bytes, list[i].length);
  }
}

static void answer(struct solo *s, struct loop_request *r) {
  switch (r->kind) {
  case LOOP_TAKE: r->take = solo_take(s, r->bytes, r->length, &r->result); break;
  case LOOP_CHECK: solo_check(s, r->bytes, r->length, &r->result); break;
  case LOOP_PROVE:
    r->unable = s->unwritten;
    if (!r->unable) answer_proof(s, r);
    break;
  case LOOP_POOL: answer_pool(s, r); break;
  }
  r->done(r);
}

/* Waits for a request, the time of the next block, or the end; takes all that waits. */
static struct loop_request *wait_for(struct loop *l, uint64_t ms) {
  struct timespec until;
  uint64_t until_ms = clock_ms(CLOCK_MONOTONIC) + (ms < LONGEST_MS ? ms : LONGEST_MS);
  until.tv_sec = (time_t)(until_ms / 1000);
  until.tv_nsec = (long)(until_ms % 1000) * 1000000;
  pthread_mutex_lock(&l->lock);
  while (ms && !l->first && !l->stop && pthread_cond_timedwait(&l->wake, &l->lock, &until) == 0) continue;
  struct loop_request *all = l->first;
  l->first = NULL;
  l->last = &l->first;
  l->waiting = 0;
  pthread_mutex_unlock(&l->lock);
  return all;
}

static bool stopping(struct loop *l) {
  pthread_mutex_lock(&l->lock);
  bool stop = l->stop;
  pthread_mutex_unlock(&l->lock);
  return stop;
}

/* The signatures of all that are to be let in at once, in several threads. */
static void expect_all(struct loop *l, const struct loop_request *first) {
  uint32_t count = 0;
  for (const struct loop_request *r = first; r; r = r->next)
    if (r->kind == LOOP_TAKE) l->expected[count++] = (struct comet_span){.bytes = r->bytes, .length = r->length};
  if (count > 1) solo_expect(l->solo, l->expected, count);
}

static void answer_all(struct solo *s, struct loop_request *r) {
  while (r) {
    struct loop_request *next = r->next; /* done may free r */
    answer(s, r);
    r = next;
  }
}

/* How long until a block is due, and not sooner than LOOP_BLOCK_MS after the last one was begun. */
static uint64_t wait_of(const struct loop *l) {
  uint64_t ms = solo_wait_ms(l->solo, clock_ms(CLOCK_REALTIME)), since_ms = clock_ms(CLOCK_MONOTONIC) - l->last_ms;
  uint64_t least_ms = since_ms < LOOP_BLOCK_MS ? LOOP_BLOCK_MS - since_ms : 0;
  return ms > least_ms ? ms : least_ms;
}

static void *live(void *context) {
  struct loop *l = context;
  uint64_t wait_ms = 0;
  l->last_ms = clock_ms(CLOCK_MONOTONIC) - LOOP_BLOCK_MS;
  while (!stopping(l)) {
    struct why why = {""};
    enum solo_status status = SOLO_IDLE;
    struct loop_request *first = wait_for(l, wait_ms);
    expect_all(l, first);
    answer_all(l->solo, first);
    if (wait_of(l) == 0) {
      uint64_t now_ms = clock_ms(CLOCK_MONOTONIC);
      status = solo_step(l->solo, clock_ms(CLOCK_REALTIME), &why);
      if (status == SOLO_OK) l->last_ms = now_ms;
    }
    if (status == SOLO_OK) l->watch.block(l->watch.context, solo_head(l->solo));
    if (status == SOLO_ERR_STORE || status == SOLO_ERR_INPUT) l->watch.trouble(l->watch.context, why.text);
    if (status == SOLO_ERR_INPUT) break;
    wait_ms = status == SOLO_ERR_STORE ? AGAIN_MS : wait_of(l);
  }
  pthread_mutex_lock(&l->lock);
  l->failed = true;
  pthread_mutex_unlock(&l->lock);
  return NULL;
}

bool loop_start(struct loop **out, struct solo *s, const struct loop_watch *watch) {
  struct loop *l = calloc(1, sizeof *l);
  pthread_condattr_t attributes;
  assert(l);
  l->solo = s;
  l->watch = *watch;
  l->last = &l->first;
  pthread_mutex_init(&l->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&l->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  if (pthread_create(&l->thread, NULL, live, l) != 0) {
    free(l);
    return false;
  }
  *out = l;
  return true;
}

void loop_stop(struct loop **l) {
  if (!*l) return;
  pthread_mutex_lock(&(*l)->lock);
  (*l)->stop = true;
  pthread_cond_signal(&(*l)->wake);
  pthread_mutex_unlock(&(*l)->lock);
  pthread_join((*l)->thread, NULL);
  pthread_cond_destroy(&(*l)->wake);
  pthread_mutex_destroy(&(*l)->lock);
  free(*l);
  *l = NULL;
}

bool loop_ask(struct loop *l, struct loop_request *r) {
  pthread_mutex_lock(&l->lock);
  bool room = l->waiting < LOOP_REQUESTS_MAX && !l->failed;
  if (room) {
    r->next = NULL;
    *l->last = r;
    l->last = &r->next;
    l->waiting++;
    pthread_cond_signal(&l->wake);
  }
  pthread_mutex_unlock(&l->lock);
  return room;
}

const struct solo_chain *loop_chain(const struct loop *l) { return solo_chain(l->solo); }
struct kv *loop_kv(const struct loop *l) {
  return l->solo->kv;
}

bool loop_failed(struct loop *l) {
  pthread_mutex_lock(&l->lock);
  bool failed = l->failed;
  pthread_mutex_unlock(&l->lock);
  return failed;
}
