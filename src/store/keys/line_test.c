/* Passwords typed at a terminal of the test's own, and read from files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/keys/keys.h"
#include "store/keys/line.h"

static int person, terminal; /* the two sides */

static int terminal_open(void **state) {
  (void)state;
  person = posix_openpt(O_RDWR | O_NOCTTY);
  if (person < 0 || grantpt(person) || unlockpt(person)) return -1;
  terminal = open(ptsname(person), O_RDWR | O_NOCTTY);
  return terminal < 0 ? -1 : 0;
}

static int terminal_shut(void **state) {
  (void)state;
  close(terminal);
  close(person);
  return 0;
}

/* What a person does: waits for each prompt, then types. Collects all that appears. */
struct typing {
  const char *const *lines; /* prompt, what is typed, prompt, ... NULL */
  char seen[4096];
};

static void look(struct typing *t, const char *until, int ms) {
  struct pollfd p = {.fd = person, .events = POLLIN};
  while (!(until && strstr(t->seen, until)) && poll(&p, 1, ms) > 0) {
    size_t used = strlen(t->seen);
    ssize_t n = read(person, t->seen + used, sizeof t->seen - 1 - used);
    if (n <= 0) return;
    t->seen[used + (size_t)n] = 0;
  }
}

static void *type(void *context) {
  struct typing *t = context;
  for (const char *const *l = t->lines; *l; l += 2) {
    look(t, l[0], 5000);
    char *prompt = strstr(t->seen, l[0]);
    if (!prompt) return "a prompt did not come";
    *prompt = '#'; /* the next may be the same */
    if (write(person, l[1], strlen(l[1])) < 0) return "the terminal takes nothing";
  }
  look(t, NULL, 200);
  return NULL;
}

static enum store_status asked(const char *const *lines, bool twice, bool shown, char text[SECRET_LINE_MAX + 1],
                               struct typing *t, struct why *why) {
  struct secret_line *line = NULL;
  struct termios before, after;
  pthread_t thread;
  void *wrong;
  *t = (struct typing){.lines = lines};
  tcgetattr(terminal, &before);
  assert_int_equal(pthread_create(&thread, NULL, type, t), 0);
  enum store_status status = twice ? secret_line_ask_new(terminal, "New: ", "Again: ", &line, why)
                                   : secret_line_ask(terminal, "Password: ", shown, &line, why);
  pthread_join(thread, &wrong);
  if (wrong) fail_msg("%s", (char *)wrong);
  tcgetattr(terminal, &after);
  assert_int_equal(before.c_lflag, after.c_lflag);
  assert_int_equal(status == STORE_OK, line != NULL);
  strcpy(text, line ? secret_line_text(line) : "");
  if (line) assert_int_equal(strlen(text), secret_line_length(line));
  secret_line_shut(&line);
  return status;
}

static void typed(const char *what, enum store_status expected, const char *text) {
  const char *const lines[] = {"Password: ", what, NULL};
  char read[SECRET_LINE_MAX + 1];
  struct typing t;
  struct why why = {""};
  assert_int_equal(asked(lines, false, false, read, &t, &why), expected);
  assert_string_equal(read, text);
  if (strlen(text) > 3 && strstr(t.seen, text)) fail_msg("it is seen: %s", t.seen);
}

static void typed_at_a_terminal(void **state) {
  (void)state;
  typed("correct horse\n", STORE_OK, "correct horse");
  typed("correct horse\r", STORE_OK, "correct horse");
  typed("corx\x7frect\x08t\n", STORE_OK, "correct");
  typed("wrong\x15right\n", STORE_OK, "right");
  typed("gr\xc3\xbc\x7fyn\n", STORE_OK, "gryn"); /* one character of two bytes */
  typed("\x7f\x7fy\n", STORE_OK, "y");
  typed("\n", STORE_ERR_INPUT, "");
  typed("\x04", STORE_NONE, "");
  typed("abc\x04", STORE_OK, "abc");
  typed("abc\x03", STORE_NONE, "");
  char *longest = malloc(SECRET_LINE_MAX + 3);
  memset(longest, 'x', SECRET_LINE_MAX + 1);
  strcpy(longest + SECRET_LINE_MAX + 1, "\n");
  typed(longest, STORE_ERR_INPUT, "");
  strcpy(longest + SECRET_LINE_MAX, "\n");
  const char *const lines[] = {"Password: ", longest, NULL};
  char read[SECRET_LINE_MAX + 1];
  struct typing t;
  assert_int_equal(asked(lines, false, false, read, &t, NULL), STORE_OK);
  assert_int_equal(strlen(read), SECRET_LINE_MAX);
  free(longest);
}

static void shown_when_wanted(void **state) {
  (void)state;
  const char *const lines[] = {"Password: ", "2rn5 kq8w\n", NULL};
  char read[SECRET_LINE_MAX + 1];
  struct typing t;
  assert_int_equal(asked(lines, false, true, read, &t, NULL), STORE_OK);
  assert_string_equal(read, "2rn5 kq8w");
  assert_non_null(strstr(t.seen, "2rn5 kq8w"));
}

static void twice_the_same(void **state) {
  (void)state;
  char read[SECRET_LINE_MAX + 1];
  struct typing t;
  struct why why;
  const char *const good[] = {"New: ", "long enough\n", "Again: ", "long enough\n", NULL};
  assert_int_equal(asked(good, true, false, read, &t, &why), STORE_OK);
  assert_string_equal(read, "long enough");
  const char *const at_last[] = {"New: ", "short\n",       "New: ",   "long enough\n", "Again: ", "long enouhg\n",
                                 "New: ", "long enough\n", "Again: ", "long enough\n", NULL};
  assert_int_equal(asked(at_last, true, false, read, &t, &why), STORE_OK);
  const char *const never[] = {"New: ", "short\n", "New: ", "short\n", "New: ", "short\n", NULL};
  assert_int_equal(asked(never, true, false, read, &t, &why), STORE_ERR_INPUT);
  assert_non_null(strstr(why.text, "at least 8"));
  const char *const stopped[] = {"New: ", "\x03", NULL};
  assert_int_equal(asked(stopped, true, false, read, &t, &why), STORE_NONE);
}

/* A signal while it waits: the terminal shows again, and the process ends by that signal. */
static void put_right_before_a_signal(void **state) {
  (void)state;
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
  for (int i = 0; i < 3; i++) {
    struct termios t;
    struct typing typing = {0};
    int status;
    pid_t child = fork();
    if (child == 0) {
      struct secret_line *line;
      secret_line_ask(terminal, "Password: ", false, &line, NULL);
      _exit(1);
    }
    look(&typing, "Password: ", 5000);
    tcgetattr(terminal, &t);
    assert_false(t.c_lflag & ECHO);
    kill(child, signals[i]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signals[i]);
    tcgetattr(terminal, &t);
    assert_true(t.c_lflag & ECHO);
    look(&typing, NULL, 50);
  }
}

static void no_terminal(void **state) {
  (void)state;
  struct secret_line *line = NULL;
  struct why why;
  int fd = open("/dev/null", O_RDWR);
  assert_int_equal(secret_line_ask(fd, "Password: ", false, &line, &why), STORE_ERR_INPUT);
  assert_null(line);
  close(fd);
}

static void from_a_file(void **state) {
  (void)state;
  char folder[] = "/tmp/line-test-XXXXXX", path[64], pipe_path[64];
  struct secret_line *line = NULL, *other = NULL;
  struct why why;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/password", folder);
  static const struct {
    const char *bytes;
    size_t length;
    enum store_status status;
    const char *text;
  } files[] = {{"secret\n", 7, STORE_OK, "secret"},     {"secret\r\nmore\n", 13, STORE_OK, "secret"},
               {"secret", 6, STORE_OK, "secret"},       {" sec ret \n", 10, STORE_OK, " sec ret "},
               {"", 0, STORE_ERR_INPUT, NULL},          {"\nsecret", 7, STORE_ERR_INPUT, NULL},
               {"se\0cret\n", 8, STORE_ERR_INPUT, NULL}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    FILE *f = fopen(path, "wb");
    fwrite(files[i].bytes, 1, files[i].length, f);
    fclose(f);
    chmod(path, 0600);
    assert_int_equal(secret_line_file(path, &line, &why), files[i].status);
    if (files[i].text) assert_string_equal(secret_line_text(line), files[i].text);
    secret_line_shut(&line);
  }
  chmod(path, 0604);
  assert_int_equal(secret_line_file(path, &line, &why), STORE_ERR_INPUT);
  assert_non_null(strstr(why.text, "chmod 600"));
  unlink(path);
  assert_int_equal(secret_line_file(path, &line, &why), STORE_ERR_INPUT);

  assert_int_equal(secret_line_random(&line, NULL), STORE_OK);
  assert_int_equal(secret_line_length(line), 64);
  assert_int_equal(secret_line_write(path, line, NULL), STORE_OK);
  assert_int_equal(secret_line_write(path, line, NULL), STORE_ERR_INPUT);
  assert_int_equal(secret_line_file(path, &other, NULL), STORE_OK);
  assert_true(secret_line_equal(line, other));
  secret_line_shut(&other);
  assert_int_equal(secret_line_random(&other, NULL), STORE_OK);
  assert_false(secret_line_equal(line, other));
  secret_line_shut(&line);
  secret_line_shut(&other);

  snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
  assert_int_equal(mkfifo(pipe_path, 0644), 0);
  int fd = open(pipe_path, O_RDWR);
  assert_int_equal(write(fd, "through\nrest", 12), 12);
  assert_int_equal(secret_line_file(pipe_path, &line, NULL), STORE_OK);
  assert_string_equal(secret_line_text(line), "through");
  char rest[5] = "";
  assert_int_equal(read(fd, rest, 4), 4); /* what is behind the line is still there */
  assert_string_equal(rest, "rest");
  secret_line_shut(&line);
  close(fd);
  unlink(pipe_path);
  unlink(path);
  rmdir(folder);
}

static int setup(void **state) {
  (void)state;
  return sign_open(NULL) == SIGN_OK ? 0 : -1;
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, terminal_open, terminal_shut)
  const struct CMUnitTest tests[] = {
      TEST(typed_at_a_terminal),       TEST(shown_when_wanted), TEST(twice_the_same),
      TEST(put_right_before_a_signal), TEST(no_terminal),       cmocka_unit_test(from_a_file),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
