#include "engine/solo/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/solo/state.h"

/* AT_ONCE: requests that are answered before it is looked whether a block has been written, some milliseconds. */
enum { AGAIN_MS = 1000, LONGEST_MS = 60000, AT_ONCE = 128 };

/*  REST --a block is made, or to be tried again--> ASKED --solo_write--> WRITTEN --what came of it is taken--> REST */
enum write_stage { REST = 0, ASKED = 1, WRITTEN = 2 };

/* Requests in order of arrival; last is where the next is hung. */
struct queue {
  struct loop_request *first, **last;
  uint32_t count;
};

struct loop {
  struct solo *solo;
  struct loop_watch watch;
  pthread_t thread, writer;
  pthread_mutex_t lock;
  pthread_cond_t wake, ask; /* ask: there is something to write */
  /* Under the lock: */
  struct queue waiting;
  enum write_stage write;
  bool stop, failed;
  /* The writer's while it is ASKED: what came of it. */
  enum solo_status status;
  struct why why;
  /* The thread's: */
  struct queue proofs; /* those that wait for the block to be written */
  bool writing;
  uint64_t last_ms, again_ms; /* when the last block was begun; when one that was not written is tried again */
  struct comet_span expected[AT_ONCE];
};

static void hang(struct queue *q, struct loop_request *r) {
  r->next = NULL;
  *q->last = r;
  q->last = &r->next;
  q->count++;
}

static struct loop_request *take_all(struct queue *q) {
  struct loop_request *all = q->first;
  *q = (struct queue){.last = &q->first};
  return all;
}

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

static void answer(struct loop *l, struct loop_request *r) {
  struct solo *s = l->solo;
  switch (r->kind) {
  case LOOP_TAKE: r->take = solo_take(s, r->bytes, r->length, &r->result); break;
  case LOOP_CHECK: solo_check(s, r->bytes, r->length, &r->result); break;
  case LOOP_PROVE:
    if (l->writing) {
      hang(&l->proofs, r);
      return;
    }
    r->unable = s->unwritten;
    if (!r->unable) answer_proof(s, r);
    break;
  case LOOP_POOL: answer_pool(s, r); break;
  }
  r->done(r);
}

/* Waits for a request, what came of a write, the time of the next block, or the end; takes all that waits. */
static struct loop_request *wait_for(struct loop *l, uint64_t ms) {
  struct timespec until;
  uint64_t until_ms = clock_ms(CLOCK_MONOTONIC) + (ms < LONGEST_MS ? ms : LONGEST_MS);
  until.tv_sec = (time_t)(until_ms / 1000);
  until.tv_nsec = (long)(until_ms % 1000) * 1000000;
  pthread_mutex_lock(&l->lock);
  while (ms && !l->waiting.first && !l->stop && l->write != WRITTEN &&
         pthread_cond_timedwait(&l->wake, &l->lock, &until) == 0)
    continue;
  struct loop_request *all = take_all(&l->waiting);
  l->waiting.count = l->proofs.count; /* they wait on */
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

static void answer_all(struct loop *l, struct loop_request *r) {
  while (r) {
    struct loop_request *next = r->next; /* done may free r */
    answer(l, r);
    r = next;
  }
}

/* The first of a list, up to AT_ONCE; returns the others. */
static struct loop_request *answer_some(struct loop *l, struct loop_request *first) {
  struct loop_request *last = first;
  if (!first) return NULL;
  for (uint32_t i = 1; i < AT_ONCE && last->next; i++) last = last->next;
  struct loop_request *others = last->next;
  last->next = NULL;
  expect_all(l, first);
  answer_all(l, first);
  return others;
}

/* How long until a block is due, and not sooner than LOOP_BLOCK_MS after the last one was begun. While one is written,
 * none is. */
static uint64_t wait_of(const struct loop *l) {
  uint64_t now_ms = clock_ms(CLOCK_MONOTONIC), since_ms = now_ms - l->last_ms;
  if (l->writing) return LONGEST_MS;
  if (l->solo->unwritten) return l->again_ms > now_ms ? l->again_ms - now_ms : 0;
  uint64_t ms = solo_wait_ms(l->solo, clock_ms(CLOCK_REALTIME));
  uint64_t least_ms = since_ms < LOOP_BLOCK_MS ? LOOP_BLOCK_MS - since_ms : 0;
  return ms > least_ms ? ms : least_ms;
}

/* The writer: one block after the other, as it is asked. */
static void *write_blocks(void *context) {
  struct loop *l = context;
  pthread_mutex_lock(&l->lock);
  for (;;) {
    while (l->write != ASKED && !l->failed) pthread_cond_wait(&l->ask, &l->lock);
    if (l->write != ASKED) break;
    pthread_mutex_unlock(&l->lock);
    if (l->watch.before_write) l->watch.before_write(l->watch.context);
    l->status = solo_write(l->solo, &l->why);
    pthread_mutex_lock(&l->lock);
    l->write = WRITTEN;
    pthread_cond_signal(&l->wake);
  }
  pthread_mutex_unlock(&l->lock);
  return NULL;
}

static void ask_writer(struct loop *l) {
  l->writing = true;
  pthread_mutex_lock(&l->lock);
  l->write = ASKED;
  pthread_cond_signal(&l->ask);
  pthread_mutex_unlock(&l->lock);
}

/* False when nothing was written, or not yet. */
static bool written(struct loop *l) {
  pthread_mutex_lock(&l->lock);
  bool is = l->write == WRITTEN;
  if (is) l->write = REST;
  pthread_mutex_unlock(&l->lock);
  return is;
}

/* Only now is the block one that may be told of; proofs are of it. */
static void take_written(struct loop *l) {
  l->writing = false;
  if (l->status == SOLO_OK) {
    solo_keep(l->solo);
    l->watch.block(l->watch.context, solo_head(l->solo));
  } else {
    l->again_ms = clock_ms(CLOCK_MONOTONIC) + AGAIN_MS;
    l->watch.trouble(l->watch.context, l->why.text);
  }
  answer_all(l, take_all(&l->proofs));
}

/* The block that is due, or once more the one that was not written. False when there can be none any more. */
static bool begin_block(struct loop *l) {
  struct why why = {""};
  uint64_t now_ms = clock_ms(CLOCK_MONOTONIC);
  if (l->solo->unwritten) {
    ask_writer(l);
    return true;
  }
  switch (solo_make(l->solo, clock_ms(CLOCK_REALTIME), &why)) {
  case SOLO_OK:
    l->last_ms = now_ms;
    ask_writer(l);
    solo_move_on(l->solo); /* while the disk works */
    return true;
  case SOLO_IDLE: return true;
  case SOLO_ERR_INPUT:
  case SOLO_ERR_STORE: break;
  }
  l->watch.trouble(l->watch.context, why.text);
  return false;
}

static void *live(void *context) {
  struct loop *l = context;
  uint64_t wait_ms = 0;
  l->last_ms = clock_ms(CLOCK_MONOTONIC) - LOOP_BLOCK_MS;
  while (!stopping(l)) {
    struct loop_request *first = wait_for(l, wait_ms);
    do {
      first = answer_some(l, first);
      if (written(l)) take_written(l);
    } while (first);
    if (wait_of(l) == 0 && !begin_block(l)) break;
    wait_ms = wait_of(l);
  }
  pthread_mutex_lock(&l->lock);
  while (l->write == ASKED) pthread_cond_wait(&l->wake, &l->lock);
  pthread_mutex_unlock(&l->lock);
  if (written(l)) take_written(l);
  pthread_mutex_lock(&l->lock);
  l->failed = true;
  pthread_cond_signal(&l->ask);
  pthread_mutex_unlock(&l->lock);
  return NULL;
}

static void forget(struct loop *l) {
  pthread_cond_destroy(&l->ask);
  pthread_cond_destroy(&l->wake);
  pthread_mutex_destroy(&l->lock);
  free(l);
}

/* The writer alone: the thread could not be had. */
static void end_writer(struct loop *l) {
  pthread_mutex_lock(&l->lock);
  l->failed = true;
  pthread_cond_signal(&l->ask);
  pthread_mutex_unlock(&l->lock);
  pthread_join(l->writer, NULL);
}

bool loop_start(struct loop **out, struct solo *s, const struct loop_watch *watch) {
  struct loop *l = calloc(1, sizeof *l);
  pthread_condattr_t attributes;
  assert(l);
  l->solo = s;
  l->watch = *watch;
  take_all(&l->waiting);
  take_all(&l->proofs);
  pthread_mutex_init(&l->lock, NULL);
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&l->wake, &attributes);
  pthread_cond_init(&l->ask, &attributes);
  pthread_condattr_destroy(&attributes);
  bool writer = pthread_create(&l->writer, NULL, write_blocks, l) == 0;
  if (!writer || pthread_create(&l->thread, NULL, live, l) != 0) {
    if (writer) end_writer(l);
    forget(l);
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
  pthread_join((*l)->writer, NULL);
  forget(*l);
  *l = NULL;
}

bool loop_ask(struct loop *l, struct loop_request *r) {
  pthread_mutex_lock(&l->lock);
  bool room = l->waiting.count < LOOP_REQUESTS_MAX && !l->failed;
  if (room) {
    hang(&l->waiting, r);
    if (!l->waiting.first->next) pthread_cond_signal(&l->wake); /* else it has been woken */
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
