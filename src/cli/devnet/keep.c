#include "cli/devnet/keep.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t keep_now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void keep_open(struct kept *k, const char *name, const char *log) {
  *k = (struct kept){.name = name, .reading = -1};
  snprintf(k->log, sizeof k->log, "%s", log);
  keep_word(k, "assay");
}

void keep_word(struct kept *k, const char *format, ...) {
  char word[KEEP_WORD];
  uint32_t n = 0;
  while (k->words[n]) n++;
  assert(n + 1 < KEEP_WORDS);
  va_list args;
  va_start(args, format);
  vsnprintf(word, sizeof word, format, args);
  va_end(args);
  k->words[n] = strdup(word);
  assert(k->words[n]);
}

static void forget(struct kept *k) {
  if (k->reading >= 0) close(k->reading);
  k->reading = -1;
  json_decref(k->ready);
  k->ready = NULL;
  k->line_length = 0;
}

void keep_shut(struct kept *k) {
  forget(k);
  for (uint32_t i = 0; i < KEEP_WORDS; i++) free(k->words[i]);
  memset(k->words, 0, sizeof k->words);
}

/* Starting. */

/* In the child, until it is another program: only what POSIX 2.4.3 allows. */
static void become(const struct kept *k, int log, pid_t keeper) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper) _exit(127); /* it died in between */
  setsid();
  int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
    _exit(127);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  execv("/proc/self/exe", k->words);
  _exit(127);
}

static void turn_log(const struct kept *k) {
  struct stat st;
  char old[KEEP_WORD + 8];
  if (stat(k->log, &st) != 0 || st.st_size < KEEP_LOG_BYTES) return;
  snprintf(old, sizeof old, "%s.old", k->log);
  rename(k->log, old);
}

bool keep_start(struct kept *k, struct why *why) {
  struct stat st;
  forget(k);
  turn_log(k);
  int log = open(k->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  k->reading = log < 0 ? -1 : open(k->log, O_RDONLY | O_CLOEXEC);
  if (k->reading < 0 || fstat(k->reading, &st) != 0) {
    why_set(why, "%s: cannot open it: %s", k->log, strerror(errno));
    if (log >= 0) close(log);
    return false;
  }
  k->read = (uint64_t)st.st_size;
  fflush(NULL);
  pid_t keeper = getpid(), pid = fork();
  if (pid == 0) become(k, log, keeper);
  close(log);
  if (pid < 0) {
    why_set(why, "no process for %s: %s", k->name, strerror(errno));
    return false;
  }
  k->pid = pid;
  k->state = KEEP_STARTING;
  k->started_ms = keep_now_ms();
  return true;
}

/* Hearing. */

static void take_line(struct kept *k, const char *line, size_t length, keep_hear *hear, void *context) {
  json_t *o = json_loadb(line, length, 0, NULL);
  if (json_is_object(o)) {
    const char *text = json_string_value(json_object_get(o, "text"));
    if (json_is_true(json_object_get(o, "ready")) || (!k->ready && json_object_get(o, "port"))) {
      json_decref(k->ready);
      k->ready = json_incref(o);
      k->state = KEEP_UP;
      k->was_up = true;
      k->said[0] = 0;
      hear(context, KEEP_READY, k);
    } else if (text) {
      const char *kind = json_string_value(json_object_get(o, "kind"));
      snprintf(k->kind, sizeof k->kind, "%s", kind ? kind : "");
      snprintf(k->said, sizeof k->said, "%s", text);
      hear(context, KEEP_SAID, k);
    }
  } else if (length) { /* a complaint */
    k->kind[0] = 0;
    snprintf(k->said, sizeof k->said, "%.*s", (int)(length < KEEP_TEXT ? length : KEEP_TEXT - 1), line);
    hear(context, KEEP_SAID, k);
  }
  json_decref(o);
}

static void listen_to(struct kept *k, keep_hear *hear, void *context) {
  for (ssize_t n; k->reading >= 0 && (n = pread(k->reading, k->line + k->line_length, sizeof k->line - k->line_length,
                                                (off_t)k->read)) > 0;) {
    k->read += (uint64_t)n;
    k->line_length += (size_t)n;
    char *end;
    while ((end = memchr(k->line, '\n', k->line_length))) {
      size_t length = (size_t)(end - k->line);
      take_line(k, k->line, length, hear, context);
      k->line_length -= length + 1;
      memmove(k->line, end + 1, k->line_length);
    }
    if (k->line_length == sizeof k->line) k->line_length = 0; /* no line of ours: its rest is heard as another */
  }
}

/* Has it ended? Says how in ->ended. */
static bool reaped(struct kept *k) {
  int status;
  if (k->pid <= 0) return true;
  pid_t n = waitpid(k->pid, &status, WNOHANG);
  if (n == 0 || (n < 0 && errno == EINTR)) return false;
  if (n > 0 && WIFSIGNALED(status))
    snprintf(k->ended, sizeof k->ended, "killed by signal %d", WTERMSIG(status));
  else
    snprintf(k->ended, sizeof k->ended, "exit status %d", n > 0 ? WEXITSTATUS(status) : -1);
  k->killed = n > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  k->pid = 0;
  return true;
}

static void plan_again(struct kept *k, uint64_t now) {
  bool steady = now - k->started_ms >= KEEP_STEADY_MS;
  k->pause_ms = steady || !k->pause_ms ? KEEP_PAUSE_MS : k->pause_ms * 2;
  if (k->pause_ms > KEEP_PAUSE_MAX_MS) k->pause_ms = KEEP_PAUSE_MAX_MS;
  k->again_ms = now + k->pause_ms;
}

void keep_look(struct kept *k, keep_hear *hear, void *context) {
  uint64_t now = keep_now_ms();
  if (k->state == KEEP_STARTING || k->state == KEEP_UP) {
    bool ended = reaped(k);
    listen_to(k, hear, context); /* after the look: whatever it said is in the log by then */
    if (!ended) return;
    k->state = KEEP_DOWN;
    k->deaths++;
    plan_again(k, now);
    hear(context, KEEP_DIED, k);
  } else if (k->state == KEEP_DOWN && k->again_ms && now >= k->again_ms && (!k->after || k->after->state == KEEP_UP)) {
    struct why why = {""};
    if (keep_start(k, &why)) {
      hear(context, KEEP_STARTED, k);
      return;
    }
    snprintf(k->ended, sizeof k->ended, "%.*s", KEEP_TEXT - 1, why.text);
    plan_again(k, now);
  }
}

/* Ending. */

void keep_end(struct kept *k) {
  if (k->pid > 0 && k->state != KEEP_ENDED) kill(k->pid, SIGTERM);
  k->state = KEEP_ENDED;
}

bool keep_gone(struct kept *k) { return reaped(k); }

void keep_kill(struct kept *k) {
  k->state = KEEP_ENDED;
  if (k->pid > 0) kill(k->pid, SIGKILL);
}
