#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64], path[96];

static int begin(void **state) {
  (void)state;
  strcpy(folder, "/tmp/assay-journal-XXXXXX");
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/journal", folder);
  return 0;
}
static int end(void **state) {
  (void)state;
  char name[128];
  snprintf(name, sizeof name, "%s.new", path);
  unlink(name);
  unlink(path);
  return rmdir(folder);
}

static struct journal *open_it(void) {
  struct journal *j;
  struct why why = {{0}};
  enum journal_status status = journal_open(&j, path, &why);
  if (status != JOURNAL_OK) fail_msg("%s", why.text);
  return j;
}

static void check(const struct journal *j, const char *key, const char *value) {
  const uint8_t *bytes;
  size_t length;
  if (!value) {
    assert_false(journal_get(j, key, &bytes, &length));
    return;
  }
  assert_true(journal_get(j, key, &bytes, &length));
  assert_int_equal(length, strlen(value));
  assert_memory_equal(bytes, value, length);
}

static size_t file_length(void) {
  struct stat s;
  assert_int_equal(stat(path, &s), 0);
  return (size_t)s.st_size;
}

static uint8_t *file_read(size_t *length) {
  *length = file_length();
  uint8_t *bytes = malloc(*length + 1);
  FILE *f = fopen(path, "rb");
  assert_int_equal(fread(bytes, 1, *length, f), *length);
  fclose(f);
  return bytes;
}

static void file_write(const uint8_t *bytes, size_t length) {
  FILE *f = fopen(path, "wb");
  assert_int_equal(fwrite(bytes, 1, length, f), length);
  fclose(f);
}

static void what_was_put_is_there_again(void **state) {
  (void)state;
  struct journal *j = open_it();
  assert_int_equal(journal_put(j, "b", "two", 3, NULL), JOURNAL_OK);
  assert_int_equal(journal_put(j, "a", "one", 3, NULL), JOURNAL_OK);
  assert_int_equal(journal_put(j, "b", "", 0, NULL), JOURNAL_OK);
  assert_int_equal(journal_put(j, "c", "three", 5, NULL), JOURNAL_OK);
  assert_int_equal(journal_erase(j, "a", NULL), JOURNAL_OK);
  assert_int_equal(journal_erase(j, "nothing", NULL), JOURNAL_OK);
  for (int again = 0; again < 2; again++) {
    check(j, "a", NULL);
    check(j, "b", "");
    check(j, "c", "three");
    assert_string_equal(journal_next(j, "", NULL), "b");
    assert_string_equal(journal_next(j, "", "b"), "c");
    assert_string_equal(journal_next(j, "", "bb"), "c");
    assert_null(journal_next(j, "", "c"));
    assert_null(journal_next(j, "d", NULL));
    journal_shut(j);
    j = open_it();
  }
  journal_shut(j);
}

static void one_process_has_it(void **state) {
  (void)state;
  struct journal *j = open_it(), *other;
  struct why why;
  assert_int_equal(journal_open(&other, path, &why), JOURNAL_ERR_INPUT);
  assert_non_null(strstr(why.text, "another process"));
  journal_shut(j);
  journal_shut(open_it());
}

static void keys_and_values_have_bounds(void **state) {
  (void)state;
  struct journal *j = open_it();
  char key[JOURNAL_KEY_MAX + 2];
  memset(key, 'k', sizeof key);
  key[JOURNAL_KEY_MAX + 1] = 0;
  assert_int_equal(journal_put(j, key, "x", 1, NULL), JOURNAL_ERR_INPUT);
  key[JOURNAL_KEY_MAX] = 0;
  assert_int_equal(journal_put(j, key, "x", 1, NULL), JOURNAL_OK);
  assert_int_equal(journal_put(j, "", "x", 1, NULL), JOURNAL_ERR_INPUT);
  assert_int_equal(journal_put(j, "long", key, JOURNAL_VALUE_MAX + 1ul, NULL), JOURNAL_ERR_INPUT);
  journal_shut(j);
  j = open_it();
  check(j, key, "x");
  journal_shut(j);
}

/* Cut at every byte: what is whole is there, and the journal takes more. */
static void a_torn_tail_is_taken_away(void **state) {
  (void)state;
  struct journal *j = open_it();
  char value[8];
  size_t whole[4], length;
  whole[0] = file_length();
  for (int i = 1; i < 4; i++) {
    snprintf(value, sizeof value, "%d", i);
    assert_int_equal(journal_put(j, "k", value, 1, NULL), JOURNAL_OK);
    whole[i] = file_length();
  }
  journal_shut(j);
  uint8_t *bytes = file_read(&length);
  for (size_t cut = 0; cut <= length; cut++) {
    file_write(bytes, cut);
    j = open_it();
    int last = 0;
    for (int i = 1; i < 4; i++)
      if (whole[i] <= cut) last = i;
    snprintf(value, sizeof value, "%d", last);
    check(j, "k", last ? value : NULL);
    assert_int_equal(file_length(), cut < 8 ? 8 : whole[last]);
    assert_int_equal(journal_put(j, "k", "more", 4, NULL), JOURNAL_OK);
    journal_shut(j);
    j = open_it();
    check(j, "k", "more");
    journal_shut(j);
  }
  free(bytes);
}

/* Any byte changed: in the last record that is a torn tail; before it the journal does not open, or, where the damage
 * is of the kind that the last write may leave, it never shows a value that was not written. */
static void damage_in_the_middle_is_refused(void **state) {
  (void)state;
  struct journal *j = open_it(), *again;
  assert_int_equal(journal_put(j, "first", "one", 3, NULL), JOURNAL_OK);
  size_t middle = file_length(), length;
  assert_int_equal(journal_put(j, "second", "two", 3, NULL), JOURNAL_OK);
  journal_shut(j);
  uint8_t *bytes = file_read(&length);
  for (size_t i = 0; i < length; i++) {
    bytes[i] ^= 0x20;
    file_write(bytes, length);
    bytes[i] ^= 0x20;
    enum journal_status status = journal_open(&again, path, NULL);
    assert_int_equal(status, i < middle ? JOURNAL_ERR_INPUT : JOURNAL_OK);
    if (status != JOURNAL_OK) continue;
    check(again, "first", "one");
    check(again, "second", NULL);
    journal_shut(again);
  }
  free(bytes);
}

static void a_file_of_old_values_is_written_anew(void **state) {
  (void)state;
  struct journal *j = open_it();
  uint8_t *value = calloc(1, 1 << 20);
  for (int i = 0; i < 6; i++) assert_int_equal(journal_put(j, "big", value, 1 << 20, NULL), JOURNAL_OK);
  assert_int_equal(journal_put(j, "big", "small", 5, NULL), JOURNAL_OK);
  assert_int_equal(journal_put(j, "other", "one", 3, NULL), JOURNAL_OK);
  journal_shut(j);
  assert_true(file_length() > 6 << 20);
  for (int again = 0; again < 2; again++) {
    j = open_it();
    assert_true(file_length() < 200);
    check(j, "big", "small");
    check(j, "other", "one");
    journal_shut(j);
  }
  free(value);
}

/* A child writes numbers under two keys in turn and says each that was put; it is killed at a random moment. What it
 * said is there, and at most one more. */
static void a_kill_loses_nothing_that_was_promised(void **state) {
  (void)state;
  uint32_t said = 0;
  srand(7);
  for (int round = 0; round < 60; round++) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      struct journal *j;
      if (journal_open(&j, path, NULL) != JOURNAL_OK) _exit(1);
      for (uint32_t i = said + 1;; i++) {
        if (journal_put(j, i % 2 ? "odd" : "even", &i, sizeof i, NULL) != JOURNAL_OK) _exit(2);
        if (write(pipes[1], &i, sizeof i) != sizeof i) _exit(3);
      }
    }
    close(pipes[1]);
    struct timespec moment = {.tv_nsec = rand() % 4000 * 1000};
    nanosleep(&moment, NULL);
    kill(child, SIGKILL);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how));
    uint32_t i;
    while (read(pipes[0], &i, sizeof i) == sizeof i) said = i;
    close(pipes[0]);
    struct journal *j = open_it();
    const uint8_t *bytes;
    size_t length;
    uint32_t latest = 0;
    for (int k = 0; k < 2; k++)
      if (journal_get(j, k ? "odd" : "even", &bytes, &length)) {
        assert_int_equal(length, sizeof i);
        memcpy(&i, bytes, sizeof i);
        if (i > latest) latest = i;
      }
    journal_shut(j);
    assert_true(latest == said || latest == said + 1);
    said = latest;
  }
  assert_true(said > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_was_put_is_there_again, begin, end),
      cmocka_unit_test_setup_teardown(one_process_has_it, begin, end),
      cmocka_unit_test_setup_teardown(keys_and_values_have_bounds, begin, end),
      cmocka_unit_test_setup_teardown(a_torn_tail_is_taken_away, begin, end),
      cmocka_unit_test_setup_teardown(damage_in_the_middle_is_refused, begin, end),
      cmocka_unit_test_setup_teardown(a_file_of_old_values_is_written_anew, begin, end),
      cmocka_unit_test_setup_teardown(a_kill_loses_nothing_that_was_promised, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
