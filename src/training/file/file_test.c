#define _GNU_SOURCE
#include "training/file/file.h"
#include "training/file/machine.h"
#include <setjmp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/assay-file-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", folder);
  return system(command);
}

static const char *path_of(const char *name) {
  static char path[4][FILE_PATH_MAX];
  static unsigned turn;
  char *p = path[turn++ % 4];
  assert_true(file_join(p, folder, name));
  return p;
}

static void holds(const char *name, const char *text) {
  struct file_bytes f;
  struct why why = {""};
  if (file_map(path_of(name), 1 << 20, &f, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_int_equal(f.length, strlen(text));
  assert_memory_equal(f.bytes, text, f.length);
  file_unmap(&f);
  file_unmap(&f);
}

static void files_are_replaced_whole(void **state) {
  (void)state;
  struct why why;
  assert_int_equal(file_replace(path_of("a"), "first", 5, &why), TRAINING_OK);
  holds("a", "first");
  assert_int_equal(file_replace(path_of("a"), "", 0, &why), TRAINING_OK);
  holds("a", "");
  assert_int_equal(file_replace_soon(path_of("a"), "second", 6, &why), TRAINING_OK);
  holds("a", "second");
  assert_int_equal(file_sync(folder, &why), TRAINING_OK);
  /* no room: the old content stays, and nothing else is left behind */
  struct rlimit before, small;
  char *large = calloc(1, 100000);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 5000;
  setrlimit(RLIMIT_FSIZE, &small);
  assert_int_equal(file_replace(path_of("a"), large, 100000, &why), TRAINING_ERR_SYSTEM);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_non_null(strstr(why.text, "disk full"));
  holds("a", "second");
  assert_int_equal(access(path_of("a.part"), F_OK), -1);
  free(large);
  /* the same, asked beforehand: nothing is left behind, and what is there stays */
  char name[256];
  memset(name, 'n', sizeof name);
  name[253] = 0; /* 255 are allowed, and ".part" comes behind */
  assert_int_equal(file_replaceable(path_of("a"), &why), TRAINING_OK);
  holds("a", "second");
  assert_int_equal(file_replaceable(path_of("b"), &why), TRAINING_OK);
  assert_int_equal(access(path_of("b"), F_OK), -1);
  assert_int_equal(access(path_of("b.part"), F_OK), -1);
  assert_int_equal(file_replaceable(path_of("none/a"), &why), TRAINING_ERR_SYSTEM);
  assert_int_equal(file_replaceable(path_of("a/b"), &why), TRAINING_ERR_SYSTEM);
  assert_int_equal(file_replaceable(path_of(name), &why), TRAINING_ERR_SYSTEM);
  assert_non_null(strstr(why.text, "too long"));
  /* nowhere to write, and a folder in the way */
  assert_int_equal(file_replace(path_of("none/a"), "x", 1, &why), TRAINING_ERR_SYSTEM);
  assert_int_equal(mkdir(path_of("d"), 0777), 0);
  assert_int_equal(file_replace(path_of("d"), "x", 1, &why), TRAINING_ERR_SYSTEM);
  assert_int_equal(access(path_of("d.part"), F_OK), -1);
}

static void only_files_are_read(void **state) {
  (void)state;
  struct file_bytes f;
  struct why why;
  assert_int_equal(file_map(path_of("none"), 10, &f, &why), TRAINING_ERR_INPUT);
  assert_int_equal(file_map(folder, 10, &f, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "is a folder"));
  assert_int_equal(mkfifo(path_of("pipe"), 0666), 0);
  assert_int_equal(file_map(path_of("pipe"), 10, &f, &why), TRAINING_ERR_INPUT); /* and does not wait for a writer */
  assert_non_null(strstr(why.text, "not a regular file"));
  assert_int_equal(file_map("/dev/zero", 10, &f, &why), TRAINING_ERR_INPUT);
  assert_int_equal(file_replace(path_of("eleven"), "12345678901", 11, &why), TRAINING_OK);
  assert_int_equal(file_map(path_of("eleven"), 10, &f, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "11 bytes; at most 10"));
}

static void folders_and_paths(void **state) {
  (void)state;
  struct why why;
  char path[FILE_PATH_MAX], large[FILE_PATH_MAX + 10];
  assert_int_equal(file_folder(path_of("new"), &why), TRAINING_OK);
  assert_int_equal(file_folder(path_of("new"), &why), TRAINING_OK);
  assert_int_equal(file_replace(path_of("text"), "x", 1, &why), TRAINING_OK);
  assert_int_equal(file_folder(path_of("text"), &why), TRAINING_ERR_INPUT);
  assert_int_equal(file_folder(path_of("no/such"), &why), TRAINING_ERR_INPUT);
  assert_true(file_join(path, "a", "b"));
  assert_string_equal(path, "a/b");
  assert_true(file_join(path, "a/", "b"));
  assert_string_equal(path, "a/b");
  assert_true(file_join(path, ".", "b"));
  assert_string_equal(path, "b");
  assert_true(file_join(path, "a", "/b"));
  assert_string_equal(path, "/b");
  memset(large, 'x', sizeof large);
  large[sizeof large - 1] = 0;
  assert_false(file_join(path, "a", large));
  file_folder_of("a/b/c", path);
  assert_string_equal(path, "a/b");
  file_folder_of("c", path);
  assert_string_equal(path, ".");
  file_folder_of("/c", path);
  assert_string_equal(path, "/");
}

static void locks_exclude(void **state) {
  (void)state;
  struct why why;
  int first, second;
  assert_int_equal(file_lock(folder, &first, &why), TRAINING_OK);
  assert_int_equal(file_lock(folder, &second, &why), TRAINING_ERR_INPUT);
  file_unlock(first);
  assert_int_equal(file_lock(folder, &second, &why), TRAINING_OK);
  file_unlock(second);
}

static void machines_have_something(void **state) {
  (void)state;
  assert_true(machine_threads() >= 1 && machine_threads() <= 256);
  cpu_set_t before, one;
  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  assert_int_equal(machine_threads(), 1); /* no more threads than it may run at once */
  assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
  assert_true(machine_memory_available() > 1 << 20);
  double a = machine_seconds(), b = machine_seconds();
  assert_true(b >= a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(files_are_replaced_whole), cmocka_unit_test(only_files_are_read),
                                     cmocka_unit_test(folders_and_paths), cmocka_unit_test(locks_exclude),
                                     cmocka_unit_test(machines_have_something)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
