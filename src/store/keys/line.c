#define _GNU_SOURCE /* ppoll */
#include "store/keys/line.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "store/keys/keeping.h"

struct secret_line {
  size_t length;
  char text[SECRET_LINE_MAX + 1];
};

const char *secret_line_text(const struct secret_line *line) { return line->text; }
size_t secret_line_length(const struct secret_line *line) { return line->length; }

bool secret_line_equal(const struct secret_line *a, const struct secret_line *b) {
  return a->length == b->length && sodium_memcmp(a->text, b->text, a->length) == 0;
}

void secret_line_shut(struct secret_line **line) {
  sodium_free(*line);
  *line = NULL;
}

static struct secret_line *line_open(struct why *why) {
  struct secret_line *line = sodium_malloc(sizeof *line);
  if (!line)
    why_set(why, "no protected memory (ulimit -l says how much there is)");
  else
    memset(line, 0, sizeof *line);
  return line;
}

/* Shuts the line unless all is well. */
static enum store_status line_done(struct secret_line *line, enum store_status status, struct secret_line **out,
                                   struct why *why) {
  if (status == STORE_OK && !line->length) {
    why_set(why, "an empty line; something is needed here");
    status = STORE_ERR_INPUT;
  }
  if (status == STORE_OK)
    *out = line;
  else
    secret_line_shut(&line);
  return status;
}

static enum store_status line_add(struct secret_line *line, char c, struct why *why) {
  if (line->length == SECRET_LINE_MAX) {
    why_set(why, "a line of more than %d bytes", SECRET_LINE_MAX);
    return STORE_ERR_INPUT;
  }
  line->text[line->length++] = c;
  return STORE_OK;
}

enum store_status secret_line_terminal(int *terminal, struct why *why) {
  int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    why_set(why, "there is no terminal to ask on; name a file that has the password in its first line");
    return STORE_ERR_INPUT;
  }
  *terminal = fd;
  return STORE_OK;
}

/* While the terminal does not show what is typed, a signal must not end the process before that is put right. They are
 * blocked but for the moments of waiting, where they interrupt it. */
static const int caught[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
enum { CAUGHT = sizeof caught / sizeof *caught };
static volatile sig_atomic_t came;

static void note(int number) { came = number; }

struct guard {
  struct termios terminal;
  struct sigaction before[CAUGHT];
  sigset_t mask;
};

static bool guard_open(struct guard *g, int terminal, bool shown, struct why *why) {
  struct sigaction action = {.sa_handler = note};
  sigset_t block;
  if (tcgetattr(terminal, &g->terminal) != 0) {
    why_set(why, "this is no terminal: %s", strerror(errno));
    return false;
  }
  came = 0;
  sigemptyset(&block);
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < CAUGHT; i++) sigaddset(&block, caught[i]);
  pthread_sigmask(SIG_BLOCK, &block, &g->mask);
  for (int i = 0; i < CAUGHT; i++) sigaction(caught[i], &action, &g->before[i]);
  if (shown) return true; /* the terminal itself shows and edits the line */
  struct termios quiet = g->terminal;
  quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  quiet.c_iflag |= ICRNL;
  quiet.c_cc[VMIN] = 1;
  quiet.c_cc[VTIME] = 0;
  while (tcsetattr(terminal, TCSAFLUSH, &quiet) != 0 && errno == EINTR) continue;
  return true;
}

static void guard_shut(struct guard *g, int terminal, bool shown) {
  while (!shown && tcsetattr(terminal, TCSAFLUSH, &g->terminal) != 0 && errno == EINTR) continue;
  for (int i = 0; i < CAUGHT; i++) sigaction(caught[i], &g->before[i], NULL);
  pthread_sigmask(SIG_SETMASK, &g->mask, NULL);
  if (came) raise(came);
}

/* The next byte that is typed; STORE_NONE at the end of the terminal or after a signal. */
static enum store_status typed(const struct guard *g, int terminal, char *c) {
  struct pollfd wait = {.fd = terminal, .events = POLLIN};
  int ready;
  do ready = ppoll(&wait, 1, NULL, &g->mask);
  while (ready < 0 && errno == EINTR && !came);
  return ready > 0 && read(terminal, c, 1) == 1 ? STORE_OK : STORE_NONE;
}

/* A character of UTF-8 is its first byte and those that begin with bits 10. */
static void take_back(struct secret_line *line) {
  while (line->length && (line->text[--line->length] & 0xc0) == 0x80) line->text[line->length] = 0;
  line->text[line->length] = 0;
}

static enum store_status type_line(const struct guard *g, int terminal, struct secret_line *line, struct why *why) {
  enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };
  for (;;) {
    char c;
    enum store_status status = typed(g, terminal, &c);
    if (status != STORE_OK || c == CTRL_C || (c == CTRL_D && !line->length)) {
      why_set(why, "stopped; nothing was read");
      return STORE_NONE;
    }
    if (c == '\n' || c == '\r' || c == CTRL_D) return STORE_OK;
    if (c == BACKSPACE || c == DELETE) {
      take_back(line);
    } else if (c == CTRL_U) {
      sodium_memzero(line->text, sizeof line->text);
      line->length = 0;
    } else if ((unsigned char)c >= ' ' || c == '\t') {
      status = line_add(line, c, why);
      if (status != STORE_OK) return status;
    }
  }
}

static void say(int terminal, const char *text) {
  for (size_t left = strlen(text); left;) {
    ssize_t n = write(terminal, text, left);
    if (n <= 0 && errno != EINTR) return;
    if (n > 0) text += n, left -= (size_t)n;
  }
}

enum store_status secret_line_ask(int terminal, const char *prompt, bool shown, struct secret_line **out,
                                  struct why *why) {
  struct guard guard;
  struct secret_line *line = line_open(why);
  if (!line) return STORE_ERR_SYSTEM;
  if (!guard_open(&guard, terminal, shown, why)) {
    secret_line_shut(&line);
    return STORE_ERR_INPUT;
  }
  say(terminal, prompt);
  enum store_status status = type_line(&guard, terminal, line, why);
  if (!shown) say(terminal, "\n");
  guard_shut(&guard, terminal, shown);
  return line_done(line, status, out, why);
}

enum store_status secret_line_ask_new(int terminal, const char *prompt, const char *again, struct secret_line **out,
                                      struct why *why) {
  enum { TRIES = 3 };
  for (int i = 0; i < TRIES; i++) {
    struct secret_line *first = NULL, *second = NULL;
    enum store_status status = secret_line_ask(terminal, prompt, false, &first, why);
    if (status == STORE_OK && first->length < SECRET_LINE_NEW_MIN) {
      why_set(why, "at least %d characters are needed", SECRET_LINE_NEW_MIN);
      status = STORE_ERR_INPUT;
    } else if (status == STORE_OK) {
      status = secret_line_ask(terminal, again, false, &second, why);
      if (status == STORE_OK && !secret_line_equal(first, second)) {
        why_set(why, "the two differ");
        status = STORE_ERR_INPUT;
      }
    }
    secret_line_shut(&second);
    if (status == STORE_OK) {
      *out = first;
      return STORE_OK;
    }
    secret_line_shut(&first);
    if (status != STORE_ERR_INPUT || i == TRIES - 1) return status;
    say(terminal, "Once more, please: at least 8 characters, twice the same.\n");
  }
  return STORE_ERR_INPUT;
}

enum store_status secret_line_read(int fd, struct secret_line **out, struct why *why) {
  struct secret_line *line = line_open(why);
  if (!line) return STORE_ERR_SYSTEM;
  enum store_status status = STORE_OK;
  while (status == STORE_OK) {
    char c;
    ssize_t n = read(fd, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      why_set(why, "the password could not be read: %s", strerror(errno));
      status = STORE_ERR_SYSTEM;
    }
    if (n <= 0 || c == '\n') break;
    if (!c) {
      why_set(why, "a line with a byte of 0 is no password");
      status = STORE_ERR_INPUT;
    } else {
      status = line_add(line, c, why);
    }
  }
  if (line->length && line->text[line->length - 1] == '\r') line->text[--line->length] = 0;
  return line_done(line, status, out, why);
}

enum store_status secret_line_file(const char *path, struct secret_line **out, struct why *why) {
  int fd;
  enum store_status status = keeping_open(path, true, &fd, why);
  if (status != STORE_OK) return status;
  status = secret_line_read(fd, out, why);
  close(fd);
  if (status != STORE_OK) why_before(why, "%s: ", path);
  return status;
}

enum store_status secret_line_random(struct secret_line **out, struct why *why) {
  unsigned char random[32];
  struct secret_line *line = line_open(why);
  if (!line) return STORE_ERR_SYSTEM;
  randombytes_buf(random, sizeof random);
  sodium_bin2hex(line->text, sizeof line->text, random, sizeof random);
  line->length = 2 * sizeof random;
  sodium_memzero(random, sizeof random);
  *out = line;
  return STORE_OK;
}

enum store_status secret_line_write(const char *path, const struct secret_line *line, struct why *why) {
  return keeping_write(path, line->text, line->length, false, why);
}
