/* A process is killed at any moment, or at each single write; the disk is full at each single write, or does not
 * answer: the store is that after the last committed block, to the byte, and goes on. LMDB's calls to the system go
 * through the functions below, which count them and break off where a test says so. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/kv/example.h"

/* The call numbered `at` and those behind it (not with `once`) fail with `error_then`, or the process ends there if
 * that is 0. The first of them may take half of what it is given and say so, or all of it and say that it failed. */
static int calls, at = INT32_MAX, error_then;
static enum { TAKES_NOTHING, TAKES_HALF, TAKES_ALL } first;
static bool once;

static bool broken(void) {
  ++calls;
  if (once ? calls != at : calls < at) return false;
  if (!error_then) _exit(9);
  errno = error_then;
  return true;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t where) {
  if (!broken()) return syscall(SYS_pwrite64, fd, bytes, length, where);
  if (calls == at && first == TAKES_HALF) return syscall(SYS_pwrite64, fd, bytes, length / 2, where);
  if (calls == at && first == TAKES_ALL) syscall(SYS_pwrite64, fd, bytes, length, where);
  errno = error_then;
  return -1;
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t where) { return pwrite(fd, bytes, length, where); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return broken() ? -1 : syscall(SYS_writev, fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t where) {
  return broken() ? -1 : syscall(SYS_pwritev, fd, parts, count, where, 0);
}
int fdatasync(int fd) { return broken() ? -1 : (int)syscall(SYS_fdatasync, fd); }

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/kv-crash-XXXXXX");
  at = INT32_MAX;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

static enum store_status try_open(struct kv **kv, struct why *why) {
  return kv_open(folder, &(struct kv_options){.chain = {1}, .map_bytes_first = 1 << 20}, kv, why);
}

static struct kv *opened(void) {
  struct kv *kv = NULL;
  struct why why;
  if (try_open(&kv, &why) != STORE_OK) fail_msg("%s", why.text);
  return kv;
}

/* Makes the twin what it is at a height. */
static void forward(struct example *e, uint64_t height) {
  struct kv_batch *b = kv_batch_open();
  uint8_t app_hash[32];
  while (e->height < height) {
    example_block(e, b, app_hash);
    example_committed(e);
  }
  kv_batch_shut(b);
}

static uint64_t height_of(struct kv *kv) {
  struct kv_view *v;
  struct kv_head head = {0};
  assert_int_equal(kv_view_open(kv, &v, NULL), STORE_OK);
  kv_view_head(v, &head);
  kv_view_shut(&v);
  return head.height;
}

static void same(struct example *e, struct kv *kv) {
  const char *wrong = example_check(e, kv);
  if (wrong) fail_msg("height %d, call %d: %s", (int)e->height, at, wrong);
}

/* In a process of its own: goes on with the chain for `blocks` blocks and tells each height that was committed. */
static void go_on(struct example *e, int blocks, int tell) {
  struct kv *kv = NULL;
  struct kv_batch *b = kv_batch_open();
  uint8_t app_hash[32];
  if (try_open(&kv, NULL) != STORE_OK) _exit(1);
  for (int i = 0; i < blocks; i++) {
    example_block(e, b, app_hash);
    if (kv_commit(kv, b, app_hash, NULL) != STORE_OK) _exit(2);
    example_committed(e);
    if (write(tell, &e->height, sizeof e->height) != sizeof e->height) _exit(3);
  }
  _exit(0);
}

static uint64_t last_told(int fd, uint64_t before) {
  uint64_t height;
  while (read(fd, &height, sizeof height) == sizeof height) before = height;
  return before;
}

/* What was told is there; at most one block more is, which was committed and not told. */
static void found_again(struct example *e, uint64_t told) {
  struct kv *kv = opened();
  uint64_t height = height_of(kv);
  if (height != told && height != told + 1) fail_msg("told %d, found %d", (int)told, (int)height);
  forward(e, height);
  same(e, kv);
  kv_shut(&kv);
}

static void killed_at_any_moment(void **state) {
  (void)state;
  struct example e;
  uint64_t random = 1;
  example_open(&e, 3000);
  for (int round = 0; round < 60; round++) {
    int tell[2], status;
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    if (child == 0) go_on(&e, 1000, tell[1]);
    close(tell[1]);
    random = random * 6364136223846793005u + 1442695040888963407u;
    nanosleep(&(struct timespec){.tv_nsec = (long)(random >> 33) % 30000000}, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    uint64_t told = last_told(tell[0], e.height);
    close(tell[0]);
    found_again(&e, told);
  }
  assert_true(e.height > 20); /* else the killing was too quick to say anything */
  example_shut(&e);
}

/* Three blocks, broken off at the first call, at the second, and so on until they get through. */
static void ended_at_each_write(void **state) {
  (void)state;
  struct example e;
  int status = 1, n = 0;
  example_open(&e, 300);
  for (at = 1; status; at++, n++) {
    int tell[2];
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork();
    calls = 0;
    if (child == 0) go_on(&e, 3, tell[1]);
    close(tell[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
    uint64_t told = last_told(tell[0], e.height);
    close(tell[0]);
    int kept = at;
    at = INT32_MAX;
    found_again(&e, told);
    at = kept;
  }
  assert_true(n > 8 && e.height > 3); /* the calls are seen */
  example_shut(&e);
}

/* The n-th call and those behind it find no space; then there is some again, and the same batch goes through. */
static void fails_at_each_write(int error, enum store_status expected, const char *says) {
  struct example e;
  struct kv *kv = opened();
  struct kv_batch *b = kv_batch_open();
  enum store_status status = STORE_ERR_FULL;
  example_open(&e, 300);
  error_then = error;
  int n = 1;
  for (; status != STORE_OK; n++) {
    uint8_t app_hash[32];
    struct why why = {""};
    same(&e, kv);
    example_block(&e, b, app_hash);
    calls = 0, at = n;
    status = kv_commit(kv, b, app_hash, &why);
    at = INT32_MAX;
    if (status != STORE_OK) {
      if (status != expected || !strstr(why.text, says)) fail_msg("call %d: %d, \"%s\"", n, status, why.text);
      struct example before;
      example_open(&before, 300);
      forward(&before, e.height);
      same(&before, kv);
      example_shut(&before);
      assert_int_equal(kv_commit(kv, b, app_hash, &why), STORE_OK);
    }
    example_committed(&e);
    same(&e, kv);
    if (n % 2) {
      kv_shut(&kv);
      kv = opened();
    }
  }
  assert_true(n > 3);
  error_then = 0;
  kv_shut(&kv);
  kv_batch_shut(b);
  example_shut(&e);
}

static void full_at_each_write(void **state) {
  (void)state;
  fails_at_each_write(ENOSPC, STORE_ERR_FULL, "disk full: ");
}

static void full_in_the_middle_of_a_write(void **state) {
  (void)state;
  first = TAKES_HALF;
  fails_at_each_write(ENOSPC, STORE_ERR_FULL, "disk full: ");
  first = TAKES_NOTHING;
}

/* A write that arrived and was reported as failed. Perhaps the block is there, perhaps not, perhaps the store cannot
 * even be read; written again, it is there once. */
static void in_doubt_at_each_write(void **state) {
  (void)state;
  struct example e;
  struct kv *kv = opened();
  struct kv_batch *b = kv_batch_open();
  example_open(&e, 300);
  first = TAKES_ALL;
  error_then = EIO;
  int failures = 0;
  for (int n = 2; n < 60; n++) {
    uint8_t app_hash[32];
    struct why why = {""};
    example_block(&e, b, app_hash);
    calls = 0, at = n / 2, once = n % 2;
    enum store_status status = kv_commit(kv, b, app_hash, &why);
    at = INT32_MAX, once = false;
    if (status != STORE_OK) {
      failures++;
      if (kv_commit(kv, b, app_hash, &why) != STORE_OK) fail_msg("%s", why.text);
    }
    example_committed(&e);
    same(&e, kv);
  }
  assert_true(failures > 3);
  first = TAKES_NOTHING;
  error_then = 0;
  kv_shut(&kv);
  kv_batch_shut(b);
  example_shut(&e);
}

/* A folder that is new: full, or killed, at each write. Afterwards it is as if nothing had been tried. */
static void broken_off_while_it_is_made(void **state) {
  (void)state;
  for (int how = 0; how < 3; how++) {
    bool through = false;
    for (int n = 1; !through; n++) {
      struct kv *kv = NULL;
      struct why why;
      remove_folder(NULL);
      make_folder(NULL);
      first = how == 1 ? TAKES_HALF : TAKES_NOTHING;
      error_then = how < 2 ? ENOSPC : 0;
      calls = 0, at = n;
      pid_t child = how == 2 ? fork() : 0;
      if (child == 0) {
        enum store_status status = try_open(&kv, &why);
        if (how == 2) _exit(status == STORE_OK ? 0 : 1);
        through = status == STORE_OK;
        assert_true(through || status == STORE_ERR_FULL || (how == 1 && status == STORE_ERR_SYSTEM));
        kv_shut(&kv);
      } else {
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9));
        through = WEXITSTATUS(status) == 0;
      }
      at = INT32_MAX;
      kv = opened();
      assert_int_equal(height_of(kv), 0);
      kv_shut(&kv);
      assert_true(!through || n > 3); /* the calls are seen */
    }
  }
  first = TAKES_NOTHING;
  error_then = 0;
}

static void no_answer_at_each_write(void **state) {
  (void)state;
  fails_at_each_write(EIO, STORE_ERR_SYSTEM, "Input/output error");
}

/* The same from the kernel: a file may not become larger than this. */
static void full_by_a_limit(void **state) {
  (void)state;
  struct example e;
  struct kv *kv = opened();
  struct kv_batch *b = kv_batch_open();
  struct rlimit before, limit;
  struct why why = {""};
  uint8_t app_hash[32];
  enum store_status status = STORE_OK;
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  limit = before;
  limit.rlim_cur = 2 << 20;
  example_open(&e, 16000);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (;;) {
    example_block(&e, b, app_hash);
    status = kv_commit(kv, b, app_hash, &why);
    if (status != STORE_OK) break;
    example_committed(&e);
    assert_true(e.height < 1000);
  }
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(status, STORE_ERR_FULL);
  assert_non_null(strstr(why.text, "free some space"));
  assert_true(e.height > 5);
  assert_int_equal(height_of(kv), e.height);
  assert_int_equal(kv_commit(kv, b, app_hash, &why), STORE_OK);
  example_committed(&e);
  same(&e, kv);
  kv_shut(&kv);
  kv_batch_shut(b);
  example_shut(&e);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(killed_at_any_moment),          TEST(ended_at_each_write),     TEST(full_at_each_write),
      TEST(full_in_the_middle_of_a_write), TEST(no_answer_at_each_write), TEST(in_doubt_at_each_write),
      TEST(broken_off_while_it_is_made),   TEST(full_by_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
