/* write: while a block is written others are let in behind it and nothing is told of it; a disk that does not take it
 * is asked again with the same block. ENGINE 7.4, 7.10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "engine/solo/example.h"
#include "engine/solo/loop.h"

enum { BYTES = 256, PATIENCE_S = 60, DISK_FULL = 64 << 10 };

/* A transfer of the world's account, and what is answered to it. */
struct sent {
  uint8_t bytes[BYTES];
  size_t length;
  struct ledger_result result;
};

static enum solo_take take(struct world *w, struct sent *s, uint64_t nonce) {
  s->length = world_transfer(w, nonce, 1, s->bytes, sizeof s->bytes);
  return solo_take(w->solo, s->bytes, s->length, &s->result);
}

/* In pieces: what is let in between is let in behind the block, which is not told of yet. */
static void test_pieces(void **state) {
  struct world *w = *state;
  struct sent first, second, late;
  world_settle(w);
  struct solo_head before = *solo_head(w->solo);
  assert_int_equal(take(w, &first, 0), SOLO_TAKEN);
  assert_int_equal(solo_make(w->solo, w->now_ms, NULL), SOLO_OK);
  assert_int_equal(take(w, &first, 0), SOLO_HERE); /* it waits still */
  solo_move_on(w->solo);
  assert_int_equal(mempool_count(solo_mempool(w->solo)), 0);
  assert_int_equal(take(w, &first, 0), SOLO_HERE); /* it is in the block */
  late.length = world_transfer(w, 0, 2, late.bytes, sizeof late.bytes);
  assert_int_equal(solo_take(w->solo, late.bytes, late.length, &late.result), SOLO_REFUSED);
  assert_int_equal(late.result.code, CHAIN_NONCE);
  solo_check(w->solo, late.bytes, late.length, &late.result);
  assert_int_equal(late.result.code, CHAIN_NONCE);
  assert_int_equal(take(w, &second, 1), SOLO_TAKEN);
  assert_memory_equal(&before, solo_head(w->solo), sizeof before);
  assert_int_equal(solo_write(w->solo, NULL), SOLO_OK);
  assert_memory_equal(&before, solo_head(w->solo), sizeof before);
  assert_int_equal(take(w, &first, 0), SOLO_HERE); /* in a block of the disk */
  solo_keep(w->solo);
  assert_int_equal(solo_head(w->solo)->height, before.height + 1);
  assert_int_equal(mempool_count(solo_mempool(w->solo)), 1);
  assert_int_equal(world_settle(w), 2);
  assert_int_equal(solo_head(w->solo)->height, before.height + 3);
  assert_int_equal(take(w, &second, 1), SOLO_HERE);
}

/* What was made and not written is gone with the process; what waited behind it is too, and may be sent again. */
static void test_gone(void **state) {
  struct world *w = *state;
  struct sent first, second;
  world_settle(w);
  struct solo_head before = *solo_head(w->solo);
  assert_int_equal(take(w, &first, 0), SOLO_TAKEN);
  assert_int_equal(solo_make(w->solo, w->now_ms, NULL), SOLO_OK);
  solo_move_on(w->solo);
  assert_int_equal(take(w, &second, 1), SOLO_TAKEN);
  world_shut(w);
  world_open(w);
  assert_memory_equal(&before, solo_head(w->solo), sizeof before);
  assert_int_equal(take(w, &second, 1), SOLO_REFUSED); /* first comes first */
  assert_int_equal(take(w, &first, 0), SOLO_TAKEN);
  assert_int_equal(take(w, &second, 1), SOLO_TAKEN);
  assert_int_equal(world_settle(w), 2);
}

/* The disk is full for a while. */
static void test_full_disk(void **state) {
  struct world *w = *state;
  struct sent first, second;
  struct rlimit room, none;
  struct why why;
  world_settle(w);
  struct solo_head before = *solo_head(w->solo);
  assert_int_equal(take(w, &first, 0), SOLO_TAKEN);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &room);
  none = (struct rlimit){DISK_FULL, room.rlim_max};
  assert_int_equal(solo_make(w->solo, w->now_ms, &why), SOLO_OK);
  solo_move_on(w->solo);
  setrlimit(RLIMIT_FSIZE, &none);
  enum solo_status status = solo_write(w->solo, &why), again = solo_step(w->solo, w->now_ms + 1000, &why);
  enum solo_take behind = take(w, &second, 1), same = take(w, &first, 0);
  setrlimit(RLIMIT_FSIZE, &room);
  assert_int_equal(status, SOLO_ERR_STORE);
  assert_non_null(strstr(why.text, "disk full"));
  assert_int_equal(again, SOLO_ERR_STORE);
  assert_int_equal(behind, SOLO_TAKEN);
  assert_int_equal(same, SOLO_HERE);
  assert_memory_equal(&before, solo_head(w->solo), sizeof before);
  assert_int_equal(solo_step(w->solo, w->now_ms + 2000, &why), SOLO_OK);
  assert_int_equal(solo_head(w->solo)->height, before.height + 1);
  assert_int_equal(solo_head(w->solo)->time_ms, w->now_ms); /* the block that was made then */
  assert_int_equal(world_settle(w), 2);
  struct solo_head after = *solo_head(w->solo);
  world_shut(w);
  world_open(w);
  assert_memory_equal(&after, solo_head(w->solo), sizeof after);
  assert_int_equal(take(w, &first, 0), SOLO_HERE);
  assert_int_equal(take(w, &second, 1), SOLO_HERE);
}

/* A loop with a disk that stands still when it is told to. */
struct disk {
  pthread_mutex_t lock;
  pthread_cond_t moved;
  bool stands, fails; /* stands: the next write waits; fails: the disk is full from now on */
  uint32_t writes;    /* begun */
  uint32_t troubles;  /* told */
  uint64_t told;      /* the last height that was told */
  struct rlimit room;
};

struct question {
  struct loop_request request;
  struct disk *disk;
  bool answered;
};

static void move(struct disk *d) { pthread_cond_broadcast(&d->moved); }

static void before_write(void *context) {
  struct disk *d = context;
  pthread_mutex_lock(&d->lock);
  d->writes++;
  move(d);
  while (d->stands) pthread_cond_wait(&d->moved, &d->lock);
  setrlimit(RLIMIT_FSIZE, d->fails ? &(struct rlimit){DISK_FULL, d->room.rlim_max} : &d->room);
  pthread_mutex_unlock(&d->lock);
}

static void block(void *context, const struct solo_head *head) {
  struct disk *d = context;
  pthread_mutex_lock(&d->lock);
  d->told = head->height;
  move(d);
  pthread_mutex_unlock(&d->lock);
}

static void trouble(void *context, const char *text) {
  struct disk *d = context;
  (void)text;
  pthread_mutex_lock(&d->lock);
  d->troubles++;
  move(d);
  pthread_mutex_unlock(&d->lock);
}

static void done(struct loop_request *r) {
  struct question *q = r->context;
  pthread_mutex_lock(&q->disk->lock);
  q->answered = true;
  move(q->disk);
  pthread_mutex_unlock(&q->disk->lock);
}

static void ask(struct loop *l, struct disk *d, struct question *q) {
  q->disk = d;
  q->answered = false;
  q->request.done = done;
  q->request.context = q;
  assert_true(loop_ask(l, &q->request));
}

/* Waits under the lock until a value has what is wanted; false after PATIENCE_S. */
#define AWAIT(d, condition)                                                                                            \
  do {                                                                                                                 \
    struct timespec until_;                                                                                            \
    int late_ = 0;                                                                                                     \
    clock_gettime(CLOCK_REALTIME, &until_);                                                                            \
    until_.tv_sec += PATIENCE_S;                                                                                       \
    pthread_mutex_lock(&(d)->lock);                                                                                    \
    while (!(condition) && !late_) late_ = pthread_cond_timedwait(&(d)->moved, &(d)->lock, &until_);                   \
    bool holds_ = (condition);                                                                                         \
    pthread_mutex_unlock(&(d)->lock);                                                                                  \
    assert_true(holds_);                                                                                               \
  } while (0)

static void set(struct disk *d, bool stands, bool fails) {
  pthread_mutex_lock(&d->lock);
  d->stands = stands;
  d->fails = fails;
  move(d);
  pthread_mutex_unlock(&d->lock);
}

static struct loop_request taking(struct world *w, struct sent *s, uint64_t nonce) {
  s->length = world_transfer(w, nonce, 1, s->bytes, sizeof s->bytes);
  return (struct loop_request){.kind = LOOP_TAKE, .bytes = s->bytes, .length = s->length};
}

/* Block 1 is on the disk, and a block with the first transfer is being written by a disk that stands. */
static struct loop *begin_to_write(struct world *w, struct disk *d, struct sent *first, struct question *q) {
  struct loop *l;
  const struct loop_watch watch = {.context = d, .block = block, .trouble = trouble, .before_write = before_write};
  pthread_mutex_init(&d->lock, NULL);
  pthread_cond_init(&d->moved, NULL);
  getrlimit(RLIMIT_FSIZE, &d->room);
  signal(SIGXFSZ, SIG_IGN);
  assert_true(loop_start(&l, w->solo, &watch));
  AWAIT(d, d->told == 1);
  set(d, true, false);
  q->request = taking(w, first, 0);
  ask(l, d, q);
  AWAIT(d, q->answered && d->writes == 2);
  assert_int_equal(q->request.take, SOLO_TAKEN);
  return l;
}

static void test_overlap(void **state) {
  struct world *w = *state;
  struct disk d = {0};
  struct sent first, second;
  struct solo_proof proof;
  struct question one = {0}, two = {0}, three = {0}, four = {0};
  struct loop *l = begin_to_write(w, &d, &first, &one);
  two.request = taking(w, &second, 1);
  ask(l, &d, &two);
  AWAIT(&d, two.answered);
  assert_int_equal(two.request.take, SOLO_TAKEN);
  three.request = (struct loop_request){.kind = LOOP_PROVE, .key = map_key(0, w->account, 32), .proof = &proof};
  ask(l, &d, &three);
  four.request = (struct loop_request){.kind = LOOP_CHECK, .bytes = second.bytes, .length = second.length};
  ask(l, &d, &four);
  AWAIT(&d, four.answered); /* so the proof has had its turn */
  pthread_mutex_lock(&d.lock);
  bool early = three.answered;
  uint64_t told = d.told;
  uint32_t writes = d.writes;
  pthread_mutex_unlock(&d.lock);
  assert_false(early);
  assert_int_equal(told, 1);
  assert_int_equal(writes, 2);
  set(&d, false, false);
  AWAIT(&d, three.answered && d.told == 4); /* the second transfer's block, and one more */
  assert_false(three.request.unable);
  assert_int_equal(proof.height, 2);
  free(three.request.value);
  loop_stop(&l);
}

/* The disk is full for a while; who asks for a proof is told so, who sends is let in, nothing is told of. */
static void test_trouble(void **state) {
  struct world *w = *state;
  struct disk d = {0};
  struct sent first, second;
  struct solo_proof proof;
  struct question one = {0}, two = {0}, three = {0};
  struct loop *l = begin_to_write(w, &d, &first, &one);
  three.request = (struct loop_request){.kind = LOOP_PROVE, .key = map_key(0, w->account, 32), .proof = &proof};
  ask(l, &d, &three);
  set(&d, false, true);
  AWAIT(&d, d.troubles >= 1 && three.answered);
  assert_true(three.request.unable);
  two.request = taking(w, &second, 1);
  ask(l, &d, &two);
  AWAIT(&d, two.answered && d.troubles >= 2);
  pthread_mutex_lock(&d.lock);
  uint64_t told = d.told;
  pthread_mutex_unlock(&d.lock);
  assert_int_equal(told, 1);
  assert_int_equal(two.request.take, SOLO_TAKEN);
  set(&d, false, false);
  AWAIT(&d, d.told == 4);
  loop_stop(&l);
}

/* Whoever stops it while a block is written waits for the disk: the block is kept and told. */
static void *let_go(void *context) {
  struct disk *d = context;
  nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* most of the time loop_stop is waiting by then */
  set(d, false, false);
  return NULL;
}
static void test_stop(void **state) {
  struct world *w = *state;
  struct disk d = {0};
  struct sent first;
  struct question one = {0};
  pthread_t thread;
  struct loop *l = begin_to_write(w, &d, &first, &one);
  assert_int_equal(pthread_create(&thread, NULL, let_go, &d), 0);
  loop_stop(&l);
  pthread_join(thread, NULL);
  assert_true(d.told >= 2);
  assert_int_equal(solo_head(w->solo)->height, d.told);
  world_shut(w);
  world_open(w);
  assert_int_equal(solo_head(w->solo)->height, d.told);
  assert_int_equal(take(w, &first, 0), SOLO_HERE);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_pieces, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_gone, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_full_disk, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_overlap, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_trouble, world_begin, world_end),
                                     cmocka_unit_test_setup_teardown(test_stop, world_begin, world_end)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
