/* The power fails: what the disk was not told to keep is there in part, sector by sector, or not at all. What was
 * committed is there nevertheless.
 *
 * LMDB's writes go through the functions below into a second file, which is what the disk is sure of: a write to a file
 * that is open for synchronous writing at once, others when fdatasync returns. When the power fails, of those that
 * still wait each sector is drawn. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/kv/example.h"

enum { SECTOR = 512, WAITING_MAX = 4096, BLOCKS = 6, ROUNDS = 40 };

static struct waiting {
  off_t at;
  size_t length;
  uint8_t *bytes;
} waiting[WAITING_MAX];
static int waiting_count;
static int sure = -1;       /* the second file */
static struct stat watched; /* the first */
static int calls, power_until = INT32_MAX;
static bool power = true;
static uint64_t committed, committed_when_lost, seed = 1;

static uint64_t next_random(void) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return seed >> 33;
}

static bool is_watched(int fd) {
  struct stat st;
  return sure >= 0 && fstat(fd, &st) == 0 && st.st_ino == watched.st_ino && st.st_dev == watched.st_dev;
}

static void reach(const uint8_t *bytes, size_t length, off_t at) {
  if (syscall(SYS_pwrite64, sure, bytes, length, at) != (long)length) abort();
}

static void forget_waiting(void) {
  for (int i = 0; i < waiting_count; i++) free(waiting[i].bytes);
  waiting_count = 0;
}

static void lose_power(void) {
  power = false;
  committed_when_lost = committed;
  for (int i = 0; i < waiting_count; i++)
    for (size_t done = 0; done < waiting[i].length; done += SECTOR)
      if (next_random() & 1) {
        size_t left = waiting[i].length - done;
        reach(waiting[i].bytes + done, left < SECTOR ? left : SECTOR, waiting[i].at + (off_t)done);
      }
  forget_waiting();
}

/* Each call is a moment at which the power may fail: a write that comes then is one of those that wait. */
static void write_seen(int fd, const void *bytes, size_t length, off_t at) {
  if (!power || !is_watched(fd)) return;
  if (waiting_count == WAITING_MAX) abort();
  waiting[waiting_count] = (struct waiting){at, length, malloc(length)};
  memcpy(waiting[waiting_count++].bytes, bytes, length);
  if (++calls >= power_until) {
    lose_power();
  } else if (fcntl(fd, F_GETFL) & O_DSYNC) {
    reach(bytes, length, at);
    free(waiting[--waiting_count].bytes);
  }
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  write_seen(fd, bytes, length, at);
  return syscall(SYS_pwrite64, fd, bytes, length, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return pwrite(fd, bytes, length, at); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  ssize_t whole = 0;
  for (int i = 0; i < count; i++) {
    ssize_t n = pwrite(fd, parts[i].iov_base, parts[i].iov_len, at + whole);
    if (n < 0) return n;
    whole += n;
  }
  return whole;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  off_t at = lseek(fd, 0, SEEK_CUR);
  if (!is_watched(fd)) return syscall(SYS_writev, fd, parts, count);
  ssize_t whole = pwritev(fd, parts, count, at);
  if (whole > 0) lseek(fd, at + whole, SEEK_SET);
  return whole;
}
int fdatasync(int fd) {
  if (power && is_watched(fd)) {
    if (++calls >= power_until) {
      lose_power();
    } else {
      for (int i = 0; i < waiting_count; i++) reach(waiting[i].bytes, waiting[i].length, waiting[i].at);
      forget_waiting();
    }
  }
  return 0; /* nothing here waits for the real disk */
}
int fsync(int fd) { return fdatasync(fd); }

static char folder[64];

static void in_folder(char path[160], const char *name) { snprintf(path, 160, "%s/%s", folder, name); }

static struct kv *opened(const char *name) {
  char path[160];
  struct kv *kv = NULL;
  struct why why;
  in_folder(path, name);
  if (kv_open(path, &(struct kv_options){.map_bytes_first = 1 << 22}, &kv, &why) != STORE_OK) fail_msg("%s", why.text);
  return kv;
}

static void copy_file(const char *from, const char *to) {
  char command[400];
  snprintf(command, sizeof command, "cp %s/%s %s/%s", folder, from, folder, to);
  assert_int_equal(system(command), 0);
}

/* Some blocks; then the store is opened from what the disk was sure of. False when the power did not fail. */
static bool round_until(int call) {
  char path[160];
  struct example e, twin;
  struct kv_batch *b = kv_batch_open();
  uint8_t app_hash[32];
  strcpy(folder, "/tmp/kv-power-XXXXXX");
  assert_non_null(mkdtemp(folder));
  struct kv *kv = opened("first");
  in_folder(path, "second");
  assert_int_equal(mkdir(path, 0700), 0);
  copy_file("first/chain.mdb", "second/chain.mdb");
  in_folder(path, "first/chain.mdb");
  assert_int_equal(stat(path, &watched), 0);
  in_folder(path, "second/chain.mdb");
  sure = open(path, O_RDWR | O_CLOEXEC);
  calls = 0, power_until = call, power = true, committed = 0;
  example_open(&e, 2000);
  for (int i = 0; i < BLOCKS; i++) {
    example_block(&e, b, app_hash);
    assert_int_equal(kv_commit(kv, b, app_hash, NULL), STORE_OK);
    example_committed(&e);
    committed = e.height;
  }
  bool lost = !power;
  if (!lost) lose_power(); /* at the end: all of it was committed */
  close(sure);
  sure = -1;
  kv_shut(&kv);
  kv = opened("second");
  struct kv_view *v;
  struct kv_head head = {0};
  assert_int_equal(kv_view_open(kv, &v, NULL), STORE_OK);
  kv_view_head(v, &head);
  kv_view_shut(&v);
  if (head.height != committed_when_lost && head.height != committed_when_lost + 1)
    fail_msg("call %d: committed %d, found %d", call, (int)committed_when_lost, (int)head.height);
  example_open(&twin, 2000);
  while (twin.height < head.height) {
    example_block(&twin, b, app_hash);
    example_committed(&twin);
  }
  const char *wrong = example_check(&twin, kv);
  if (wrong) fail_msg("call %d, height %d: %s", call, (int)head.height, wrong);
  example_block(&twin, b, app_hash); /* and it goes on */
  assert_int_equal(kv_commit(kv, b, app_hash, NULL), STORE_OK);
  kv_shut(&kv);
  kv_batch_shut(b);
  example_shut(&e);
  example_shut(&twin);
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
  return lost;
}

static void power_lost_at_each_call(void **state) {
  (void)state;
  int call = 1;
  while (round_until(call)) call++;
  assert_true(call > 3 * BLOCKS); /* the calls are seen */
  for (int i = 0; i < ROUNDS; i++) round_until(1 + (int)(next_random() % (uint64_t)call));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(power_lost_at_each_call)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
