/* A chain of some hundred blocks beside its twin in memory, with a map that begins far too small; views; refusals. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/kv/example.h"

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/kv-test-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

static struct kv *opened(uint64_t map_bytes, uint8_t chain) {
  struct kv *kv = NULL;
  struct why why;
  if (kv_open(folder, &(struct kv_options){.chain = {chain}, .map_bytes_first = map_bytes}, &kv, &why) != STORE_OK)
    fail_msg("%s", why.text);
  return kv;
}

static void next_block(struct example *e, struct kv *kv, struct kv_batch *b) {
  uint8_t app_hash[32];
  struct why why;
  example_block(e, b, app_hash);
  if (kv_commit(kv, b, app_hash, &why) != STORE_OK) fail_msg("%s", why.text);
  example_committed(e);
}

static void same(struct example *e, struct kv *kv) {
  const char *wrong = example_check(e, kv);
  if (wrong) fail_msg("height %d: %s", (int)e->height, wrong);
}

/* 300 blocks of up to 12 records of 16 KiB: the map of 256 KiB grows to what is needed. */
static void as_the_twin_says(void **state) {
  (void)state;
  struct example e;
  struct kv_batch *b = kv_batch_open();
  struct kv *kv = opened(1 << 18, 1);
  example_open(&e, 16384);
  same(&e, kv);
  for (int h = 1; h <= 300; h++) {
    next_block(&e, kv, b);
    if (h % 10 == 0 || h < 20) same(&e, kv);
    if (h % 50 == 0) {
      kv_shut(&kv);
      assert_null(kv);
      kv = opened(h % 100 ? 0 : 1 << 18, 1); /* less than the file has is no trouble */
      same(&e, kv);
    }
  }
  kv_shut(&kv);
  kv_batch_shut(b);
  example_shut(&e);
}

/* Not only NULL and not NULL: a value of no bytes is a value. */
static void empty_values_and_erased_ones(void **state) {
  (void)state;
  struct kv *kv = opened(0, 1);
  struct kv_batch *b = kv_batch_open();
  struct map_key key = map_key(2, "key", 3), other = map_key(2, "key2", 4);
  struct map_value value = {NULL, 0}, found;
  struct kv_view *v;
  struct kv_head head;
  const uint8_t app_hash[32] = {9};
  kv_batch_record(b, &key, &value);
  kv_batch_record(b, &other, &value);
  kv_batch_block(b, &(struct kv_block){.height = 7}); /* a chain may begin anywhere */
  assert_int_equal(kv_commit(kv, b, app_hash, NULL), STORE_OK);
  assert_int_equal(kv_view_open(kv, &v, NULL), STORE_OK);
  assert_int_equal(kv_view_record(v, &key, &found), STORE_OK);
  assert_int_equal(found.length, 0);
  kv_view_shut(&v);
  kv_batch_clear(b);
  kv_batch_record(b, &key, NULL);
  kv_batch_block(b, &(struct kv_block){.height = 8});
  assert_int_equal(kv_commit(kv, b, app_hash, NULL), STORE_OK);
  assert_int_equal(kv_view_open(kv, &v, NULL), STORE_OK);
  assert_int_equal(kv_view_record(v, &key, &found), STORE_NONE);
  assert_int_equal(kv_view_record(v, &other, &found), STORE_OK);
  assert_int_equal(kv_view_head(v, &head), STORE_OK);
  assert_int_equal(head.records, 1);
  assert_int_equal(head.height, 8);
  kv_view_shut(&v);
  kv_shut(&kv);
  kv_batch_shut(b);
}

/* All places that told the same, in order. */
static void events_in_order(void **state) {
  (void)state;
  struct kv *kv = opened(0, 1);
  struct kv_batch *b = kv_batch_open();
  const uint8_t app_hash[32] = {0};
  for (uint64_t h = 1; h <= 5; h++) {
    kv_batch_clear(b);
    for (uint32_t i = 0; i < h; i++) kv_batch_event(b, "task", i % 2 ? "a" : "ab", i);
    kv_batch_event(b, "taska", "b", 0);
    kv_batch_event(b, "task", "a", KV_BLOCK_ITSELF);
    kv_batch_block(b, &(struct kv_block){.height = h, .hash = {(uint8_t)h}});
    assert_int_equal(kv_commit(kv, b, app_hash, NULL), STORE_OK);
  }
  struct kv_view *v;
  assert_int_equal(kv_view_open(kv, &v, NULL), STORE_OK);
  char found[256] = "";
  uint64_t height = 0;
  uint32_t index = 0;
  for (; kv_view_event(v, "task", "a", &height, &index) == STORE_OK; height += index++ == KV_BLOCK_ITSELF)
    sprintf(found + strlen(found), "%d.%d ", (int)height, (int)index);
  assert_string_equal(found, "1.-1 2.1 2.-1 3.1 3.-1 4.1 4.3 4.-1 5.1 5.3 5.-1 ");
  height = index = 0;
  assert_int_equal(kv_view_event(v, "tas", "ka", &height, &index), STORE_NONE);
  assert_int_equal(kv_view_event(v, "zz", "a", &height, &index), STORE_NONE);
  kv_view_shut(&v);
  kv_shut(&kv);
  kv_batch_shut(b);
}

struct writing {
  struct example e;
  struct kv *kv;
  struct kv_batch *b;
};

static void *write_ten(void *context) {
  struct writing *w = context;
  for (int i = 0; i < 10; i++) next_block(&w->e, w->kv, w->b);
  return NULL;
}

static void a_view_stays_what_it_was(void **state) {
  (void)state;
  struct writing w = {.kv = opened(0, 1), .b = kv_batch_open()};
  struct kv_view *v;
  struct kv_head head;
  pthread_t thread;
  example_open(&w.e, 100);
  write_ten(&w);
  assert_int_equal(kv_view_open(w.kv, &v, NULL), STORE_OK);
  assert_int_equal(pthread_create(&thread, NULL, write_ten, &w), 0);
  pthread_join(thread, NULL);
  assert_int_equal(kv_view_head(v, &head), STORE_OK);
  assert_int_equal(head.height, 10);
  kv_view_shut(&v);
  kv_view_shut(&v);
  same(&w.e, w.kv);
  assert_int_equal(w.e.height, 20);
  kv_shut(&w.kv);
  kv_batch_shut(w.b);
  example_shut(&w.e);
}

struct reading {
  struct kv *kv;
  bool stop;
};

static void *read_on(void *context) {
  struct reading *r = context;
  uint64_t last = 0;
  while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
    struct kv_view *v;
    struct kv_head head = {0};
    if (kv_view_open(r->kv, &v, NULL) != STORE_OK) return "a view that does not open";
    bool there = kv_view_head(v, &head) == STORE_OK;
    uint64_t records = 0;
    struct kv_walk walk = {.view = v};
    struct map_key key;
    struct map_value value;
    while (kv_walk_next(&walk, &key, &value)) records++;
    bool good = kv_walk_end(&walk) == STORE_OK && (!there || records == head.records) && head.height >= last;
    last = head.height;
    kv_view_shut(&v);
    if (!good) return "a view that is no block's end";
  }
  return NULL;
}

/* Readers that never stop, while the map grows under them. */
static void readers_beside_a_writer(void **state) {
  (void)state;
  struct example e;
  struct kv_batch *b = kv_batch_open();
  struct reading r = {.kv = opened(1 << 18, 1)};
  pthread_t threads[3];
  void *wrong;
  example_open(&e, 8000);
  for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, read_on, &r), 0);
  for (int h = 0; h < 100; h++) next_block(&e, r.kv, b);
  __atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], &wrong);
    if (wrong) fail_msg("%s", (char *)wrong);
  }
  same(&e, r.kv);
  kv_shut(&r.kv);
  kv_batch_shut(b);
  example_shut(&e);
}

static void refused(const char *where, uint8_t chain, enum store_status expected, const char *says) {
  struct kv *kv = NULL;
  struct why why = {""};
  assert_int_equal(kv_open(where, &(struct kv_options){.chain = {chain}}, &kv, &why), expected);
  assert_null(kv);
  if (!strstr(why.text, says)) fail_msg("\"%s\" does not say \"%s\"", why.text, says);
}

static void what_is_refused(void **state) {
  (void)state;
  char path[128];
  struct kv *kv = opened(0, 1);
  refused(folder, 1, STORE_ERR_INPUT, "another process");
  kv_shut(&kv);
  refused(folder, 2, STORE_ERR_INPUT, "another chain");
  snprintf(path, sizeof path, "%s/a/b", folder);
  refused(path, 1, STORE_ERR_INPUT, "No such file");
  snprintf(path, sizeof path, "%s/chain.mdb", folder);
  refused(path, 1, STORE_ERR_INPUT, "Not a directory");
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
  FILE *f = fopen(path, "wb");
  for (int i = 0; i < 20000; i++) fputc('x', f);
  fclose(f);
  refused(folder, 1, STORE_ERR_INPUT, "no chain's file, or damaged");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(as_the_twin_says),         TEST(empty_values_and_erased_ones), TEST(events_in_order),
      TEST(a_view_stays_what_it_was), TEST(readers_beside_a_writer),      TEST(what_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
