#define _GNU_SOURCE /* nftw, putenv */
/* The two nodes as processes. */
#include "cli/bench/sides.h"
#include "engine/solo/folder.h"
#include "net/load/load.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef BENCH_LEDGER_PEERS
#define BENCH_LEDGER_PEERS "."
#endif

enum { WORDS_MAX = 24, READY_MS = 30000, STOP_MS = 10000, STEP_MS = 20, LINE_BYTES = 1024 };

static void rest(void) { nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL); }

/* Starts words[0] with its words and settings. What it says on standard output comes by *out if that is wanted; all
 * else goes into the folder's `log`. It ends with us. */
static pid_t start(const struct side *s, const char *const *words, const char *const *settings, int *out) {
  char log[SIDES_PATH_BYTES + 8];
  int ends[2] = {-1, -1};
  snprintf(log, sizeof log, "%s/log", s->folder);
  if (out && pipe(ends) != 0) return -1;
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), none = open("/dev/null", O_RDONLY);
    if (file < 0 || none < 0) _exit(1);
    dup2(none, 0);
    dup2(out ? ends[1] : file, 1);
    dup2(file, 2);
    if (out) close(ends[0]);
    while (*settings) putenv((char *)(uintptr_t)*settings++);
    execv(words[0], (char *const *)(uintptr_t)words);
    _exit(127);
  }
  if (out) {
    close(ends[1]);
    *out = ends[0];
    if (child < 0) close(ends[0]);
  }
  return child;
}

/* A line within READY_MS; false when none came. */
static bool read_line(int in, char line[LINE_BYTES]) {
  size_t length = 0;
  struct pollfd p = {.fd = in, .events = POLLIN};
  while (length < LINE_BYTES - 1 && poll(&p, 1, READY_MS) == 1) {
    ssize_t n = read(in, line + length, LINE_BYTES - 1 - length);
    if (n <= 0) return false;
    length += (size_t)n;
    line[length] = 0;
    if (strchr(line, '\n')) return true;
  }
  return false;
}

/* The last line of the folder's log, for people. */
static void fail(const struct side *s, const char *what, struct why *why) {
  char path[SIDES_PATH_BYTES + 8], line[200] = "";
  snprintf(path, sizeof path, "%s/log", s->folder);
  FILE *f = fopen(path, "r");
  char text[200];
  while (f && fgets(text, sizeof text, f)) memcpy(line, text, sizeof line);
  if (f) fclose(f);
  line[strcspn(line, "\n")] = 0;
  why_set(why, "%s%s%s", what, *line ? ": " : "", line);
}

static bool make_folder(struct side *s, const char *place, struct why *why) {
  s->process = -1;
  int n = snprintf(s->folder, sizeof s->folder, "%s/bench-ledger-XXXXXX", place);
  if (n > 0 && (size_t)n < sizeof s->folder - 64 && mkdtemp(s->folder)) return true;
  s->folder[0] = 0;
  return why_set(why, "%s: no folder can be made there: %s", place, strerror(errno)), false;
}

static bool gone(struct side *s) {
  if (s->process > 0 && waitpid(s->process, NULL, WNOHANG) != s->process) return false;
  s->process = -1;
  return true;
}

static bool wait_for_block(struct side *s, const char *what, struct why *why) {
  uint64_t height = 0;
  for (int waited = 0; waited < READY_MS; waited += STEP_MS) {
    if (load_height(s->port, &height) && height) return true;
    if (gone(s)) break;
    rest();
  }
  fail(s, what, why);
  return false;
}

bool side_ours(struct side *s, const char *place, const struct transfers *t, struct why *why) {
  static const char *const no_settings[] = {NULL};
  char chain[SIDES_PATH_BYTES + 8], line[LINE_BYTES];
  const char *words[] = {"/proc/self/exe", "node", chain, "--port", "0", "--json", NULL};
  int out;
  if (!make_folder(s, place, why)) return false;
  snprintf(chain, sizeof chain, "%s/chain", s->folder);
  if (folder_make(chain, t->seed, t->genesis, t->genesis_length, why) != SOLO_OK) {
    side_stop(s);
    return false;
  }
  s->process = start(s, words, no_settings, &out);
  bool good = s->process > 0 && read_line(out, line);
  json_t *ready = good ? json_loads(line, 0, NULL) : NULL;
  s->port = (uint16_t)json_integer_value(json_object_get(ready, "port"));
  json_decref(ready);
  if (s->process > 0) close(out);
  if (!s->port)
    fail(s, "our node did not start", why);
  else
    good = wait_for_block(s, "our node makes no block", why);
  if (!s->port || !good) {
    side_stop(s);
    return false;
  }
  return true;
}

/* One that is free now. */
static uint16_t free_port(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int f = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool good =
      f >= 0 && bind(f, (struct sockaddr *)&at, sizeof at) == 0 && getsockname(f, (struct sockaddr *)&at, &length) == 0;
  if (f >= 0) close(f);
  return good ? ntohs(at.sin_port) : 0;
}

/* "fast" is what gave CometBFT its best figures here: the next block at once, and a deeper mempool. */
bool side_peer(struct side *s, const char *place, const char *program, bool fast, struct why *why) {
  static const char *const as_it_is[] = {NULL};
  static const char *const tuned[] = {"CMT_CONSENSUS_TIMEOUT_COMMIT=10ms", "CMT_CONSENSUS_SKIP_TIMEOUT_COMMIT=true",
                                      NULL};
  char rpc[64];
  if (!make_folder(s, place, why)) return false;
  const char *init[] = {program, "init", "--home", s->folder, NULL};
  const char *node[] = {program,
                        "node",
                        "--home",
                        s->folder,
                        "--proxy_app",
                        "kvstore",
                        "--rpc.laddr",
                        rpc,
                        "--p2p.laddr",
                        "tcp://127.0.0.1:0",
                        "--log_level",
                        "error",
                        "--rpc.pprof_laddr",
                        "",
                        NULL};
  int status = -1;
  pid_t child = start(s, init, as_it_is, NULL);
  bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
  if (good) {
    s->port = free_port();
    snprintf(rpc, sizeof rpc, "tcp://127.0.0.1:%u", s->port);
    s->process = start(s, node, fast ? tuned : as_it_is, NULL);
    good = s->port && s->process > 0 && wait_for_block(s, "cometbft does not start", why);
  } else {
    fail(s, "cometbft init does not work", why);
  }
  if (!good) side_stop(s);
  return good;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk) {
  (void)st;
  (void)kind;
  (void)walk;
  return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

void side_stop(struct side *s) {
  if (s->process > 0) kill(s->process, SIGTERM);
  for (int waited = 0; waited < STOP_MS && !gone(s); waited += STEP_MS) rest();
  if (s->process > 0) {
    kill(s->process, SIGKILL);
    waitpid(s->process, NULL, 0);
    s->process = -1;
  }
  if (s->folder[0]) nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  s->folder[0] = 0;
}

static bool runs(const char *folder, size_t length, char program[SIDES_PATH_BYTES]) {
  assert(program); /* the sanitizers' null checks make gcc see a path without */
  int n = snprintf(program, SIDES_PATH_BYTES, "%.*s/cometbft", (int)length, folder);
  return n > 0 && n < SIDES_PATH_BYTES && access(program, X_OK) == 0;
}

bool side_find(const char *folder, char program[SIDES_PATH_BYTES]) {
  if (folder) return runs(folder, strlen(folder), program);
  if (runs(BENCH_LEDGER_PEERS, strlen(BENCH_LEDGER_PEERS), program)) return true;
  for (const char *at = getenv("PATH"); at && *at;) {
    size_t length = strcspn(at, ":");
    if (length && runs(at, length, program)) return true;
    at += length + (at[length] == ':');
  }
  return false;
}
