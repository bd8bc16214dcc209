#include "net/load/load.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/load/inside.h"

enum {
  OUT_BYTES = WIRE_HEAD_BYTES + LOAD_BATCH_MAX * (128 + LOAD_TRANSACTION_BYTES_MAX * 4 / 3),
  IN_BYTES = 64 << 10,
  EVENTS = 64,
  PAUSE_LEAST_MS = 5, /* after "full", doubled each time */
  PAUSE_MOST_MS = 160,
  LAST_ANSWERS_S = 5,
  MOST_S = 90 /* without blocks */
};

/*  ready --ask--> asked --hear, all taken--> ready
 *    ^              \--hear, mempool full--> pausing --time--> ready
 *    out_of: nothing is left to send                                  */
struct sender {
  int socket;
  uint32_t next;  /* index of the first transaction that was not taken */
  uint32_t asked; /* how many are in flight, from next on; 0: none */
  double until;   /* pausing until then; 0: not */
  uint32_t pause_ms;
  bool out_of;
  char *in;
  size_t in_length;
  double *sent; /* when each was sent last; grows */
  uint32_t sent_size;
};

struct load {
  const struct load_options *o;
  struct sender *sender;
  struct load_watch watch;
  int epoll;
  struct load_figures figures;
  uint32_t blocks;                           /* announced while there was load */
  double from, until, node_cpu_s, own_cpu_s; /* of the measured time */
  char *out;
  struct why *why;
};

double load_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Processor time so far of a process with all its threads: fields 14 and 15 of /proc/PID/stat, behind a name in
 * brackets.
 */
static double cpu_s(pid_t process) {
  char path[64], text[1024];
  unsigned long long user = 0, system = 0;
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
  FILE *f = fopen(path, "r");
  size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
  if (f) fclose(f);
  text[n] = 0;
  const char *name_end = strrchr(text, ')');
  if (!name_end || sscanf(name_end + 1, " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &user, &system) != 2)
    return 0;
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static bool note_sent(struct sender *s, uint32_t count, double now) {
  if (s->next + count > s->sent_size) {
    uint32_t size = s->sent_size ? s->sent_size * 2 : 1024;
    double *grown = realloc(s->sent, size * sizeof *grown);
    if (!grown) return false;
    s->sent = grown;
    s->sent_size = size;
  }
  for (uint32_t i = 0; i < count; i++) s->sent[s->next + i] = now;
  return true;
}

/* Sends the next request. A request is small beside what a socket takes at once, and none is in flight. */
static bool ask(struct load *l, uint32_t c) {
  struct sender *s = &l->sender[c];
  struct wire_request r = wire_begin(l->out, OUT_BYTES, l->o->batch > 1);
  const uint8_t *bytes;
  const char *whole;
  size_t length;
  while (r.count < l->o->batch && l->o->give(l->o->context, c, s->next + r.count, &bytes, &length))
    wire_add(&r, bytes, length);
  if (!r.count) {
    s->out_of = l->figures.ran_out = true;
    return true;
  }
  if (!wire_end(&r, &whole, &length) || !note_sent(s, r.count, load_now()))
    return why_set(l->why, "no memory for a request"), false;
  s->asked = r.count;
  s->until = 0;
  ssize_t n = send(s->socket, whole, length, MSG_NOSIGNAL);
  if (n != (ssize_t)length) return why_set(l->why, "the node takes no request: %s", strerror(errno)), false;
  return true;
}

/* Which of the transactions in flight were taken. In a batch those behind a refused one are refused too, or stand in
 * the node already when they are sent again. */
static bool judge(struct load *l, struct sender *s, const struct wire_answer *answer) {
  struct wire_verdict v;
  size_t at = 0;
  uint32_t taken = 0;
  bool full = false, more;
  while ((more = wire_next_verdict(answer->body, answer->body_length, &at, &v)) && (v.code == 0 || v.there)) taken++;
  if (more) {
    full = v.full;
    if (!full)
      return why_set(l->why, "the node refuses a transaction: %.*s",
                     (int)(answer->body_length < 300 ? answer->body_length : 300), answer->body),
             false;
    l->figures.full++;
  } else if (taken != s->asked) {
    return why_set(l->why, "the node gave %u answers to %u transactions", taken, s->asked), false;
  }
  s->next += taken;
  s->asked = 0;
  s->pause_ms = !full                         ? 0
                : !s->pause_ms || taken       ? PAUSE_LEAST_MS
                : s->pause_ms < PAUSE_MOST_MS ? s->pause_ms * 2
                                              : s->pause_ms;
  s->until = full ? load_now() + s->pause_ms * 1e-3 : 0;
  return true;
}

/* True also when the answer is not whole yet; then s->asked is not 0. */
static bool hear(struct load *l, struct sender *s) {
  struct wire_answer answer;
  ssize_t n = recv(s->socket, s->in + s->in_length, IN_BYTES - s->in_length, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) return why_set(l->why, "the node closed a connection"), false;
  s->in_length += (size_t)n;
  switch (wire_answer(s->in, s->in_length, &answer)) {
  case WIRE_MORE: return s->in_length < IN_BYTES || (why_set(l->why, "an answer without end"), false);
  case WIRE_BAD: return why_set(l->why, "the node's answer is no HTTP"), false;
  case WIRE_WHOLE: break;
  }
  s->in_length = 0; /* nothing more was asked for */
  return judge(l, s, &answer);
}

static bool begin(struct load *l) {
  l->epoll = epoll_create1(EPOLL_CLOEXEC);
  l->sender = calloc(l->o->connections, sizeof *l->sender);
  l->out = malloc(OUT_BYTES);
  if (l->epoll < 0 || !l->sender || !l->out) return why_set(l->why, "no memory for connections"), false;
  if (!load_watch_open(&l->watch, l->o->port, l->why)) return false;
  struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
  bool good = epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->watch.socket, &e) == 0;
  for (uint32_t c = 0; good && c < l->o->connections; c++) {
    struct sender *s = &l->sender[c];
    s->socket = wire_connect(l->o->port);
    s->in = malloc(IN_BYTES);
    e = (struct epoll_event){.events = EPOLLIN, .data.u32 = c};
    good = s->in && s->socket >= 0 && epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->socket, &e) == 0;
    if (!good) why_set(l->why, "connection %u: %s", c, strerror(errno));
  }
  return good;
}

static void end(struct load *l) {
  for (uint32_t c = 0; l->sender && c < l->o->connections; c++) {
    struct sender *s = &l->sender[c];
    if (s->in && s->socket >= 0) close(s->socket);
    free(s->in);
    free(s->sent);
  }
  free(l->sender);
  free(l->out);
  load_watch_shut(&l->watch);
  if (l->epoll >= 0) close(l->epoll);
}

/* Handles what is there now, waiting at most wait_ms for it; `on`: whoever is ready asks again. */
static bool turn(struct load *l, int wait_ms, bool on) {
  struct epoll_event events[EVENTS];
  int n = epoll_wait(l->epoll, events, EVENTS, wait_ms);
  if (n < 0 && errno != EINTR) return why_set(l->why, "epoll: %s", strerror(errno)), false;
  for (int i = 0; i < n; i++) {
    uint32_t c = events[i].data.u32;
    if (c == UINT32_MAX) {
      if (!load_watch_take(&l->watch, l->why)) return false;
      continue;
    }
    struct sender *s = &l->sender[c];
    if (!s->asked) return why_set(l->why, "the node closed a connection, or said something unasked"), false;
    if (!hear(l, s)) return false;
    if (on && !s->asked && s->until == 0 && !ask(l, c)) return false;
  }
  return true;
}

/* Those whose pause is over. Returns milliseconds until the next is, at most `most`. */
static bool wake(struct load *l, double now, int most, int *wait_ms) {
  *wait_ms = most;
  for (uint32_t c = 0; c < l->o->connections; c++) {
    struct sender *s = &l->sender[c];
    if (s->until == 0) continue;
    double left = (s->until - now) * 1e3;
    if (left <= 0) {
      if (!ask(l, c)) return false;
    } else if (left < *wait_ms) {
      *wait_ms = (int)left + 1;
    }
  }
  return true;
}

static bool in_flight(const struct load *l) {
  for (uint32_t c = 0; c < l->o->connections; c++)
    if (l->sender[c].asked) return true;
  return false;
}

/* Two blocks to measure between, or so late that there will be none. */
static bool enough(const struct load *l, double from, double now) {
  const struct load_watch *w = &l->watch;
  return (w->count >= 2 && w->at[w->count - 2] >= from) || now > from + MOST_S;
}

/* Until `until`, or longer until there are blocks to measure between. */
static bool run(struct load *l, double from, double until) {
  for (uint32_t c = 0; c < l->o->connections; c++)
    if (!ask(l, c)) return false;
  for (double now; (now = load_now()) < until || !enough(l, from, now);) {
    int wait_ms;
    if (now >= from && l->from == 0) {
      l->from = now;
      l->node_cpu_s = -cpu_s(l->o->node);
      l->own_cpu_s = -cpu_s(getpid());
    }
    if (l->o->stop && *l->o->stop) return why_set(l->why, "stopped"), false;
    if (!wake(l, now, 20, &wait_ms) || !turn(l, wait_ms, true)) return false;
  }
  l->until = load_now();
  l->node_cpu_s += cpu_s(l->o->node);
  l->own_cpu_s += cpu_s(getpid());
  l->blocks = l->watch.count; /* what comes later came while nobody sent */
  for (double last = load_now() + LAST_ANSWERS_S; in_flight(l);) {
    if (load_now() > last) return why_set(l->why, "the node leaves a request without an answer"), false;
    if (!turn(l, 20, false)) return false;
  }
  return true;
}

/* Reading the blocks afterwards. */
struct tally {
  const struct load *l;
  double *latency;
  uint64_t count, size;
};

static void count(void *context, uint64_t height, const uint8_t *bytes, size_t length) {
  struct tally *t = context;
  const struct load *l = t->l;
  uint32_t c, index;
  if (!l->o->which(l->o->context, bytes, length, &c, &index)) return;
  if (c >= l->o->connections || index >= l->sender[c].sent_size) return;
  if (t->count == t->size) {
    t->size = t->size ? 2 * t->size : 65536;
    t->latency = realloc(t->latency, t->size * sizeof *t->latency);
    assert(t->latency);
  }
  t->latency[t->count++] = l->watch.at[height - l->watch.first_height] - l->sender[c].sent[index];
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static bool reckon(struct load *l, double from) {
  const struct load_watch *w = &l->watch;
  uint32_t first = 0, last = l->blocks;
  while (first < last && w->at[first] < from) first++;
  if (last < first + 2) return why_set(l->why, "fewer than two blocks in the measured time"), false;
  struct load_figures *f = &l->figures;
  struct tally t = {.l = l};
  bool good = load_blocks(l->o->port, w->first_height + first + 1, w->first_height + last - 1, count, &t, l->why);
  if (good && !t.count) good = (why_set(l->why, "no transaction in the blocks of the measured time"), false);
  if (good) {
    qsort(t.latency, t.count, sizeof *t.latency, ascending);
    f->seconds = w->at[last - 1] - w->at[first];
    f->committed = t.count;
    f->blocks = last - first - 1;
    f->per_second = (double)t.count / f->seconds;
    double transfers = f->per_second * (l->until - l->from);
    f->node_cpu_us = l->node_cpu_s / transfers * 1e6;
    f->own_cpu_us = l->own_cpu_s / transfers * 1e6;
    f->median_s = t.latency[t.count / 2];
    f->p99_s = t.latency[(t.count * 99) / 100];
  }
  free(t.latency);
  return good;
}

bool load_run(const struct load_options *o, struct load_figures *out, struct why *why) {
  assert(o->connections >= 1 && o->connections <= LOAD_CONNECTIONS_MAX && o->batch >= 1 && o->batch <= LOAD_BATCH_MAX);
  struct load l = {.o = o, .why = why, .watch.socket = -1};
  double start = load_now(), from = start + o->warm_ms * 1e-3, until = from + o->measure_ms * 1e-3;
  bool good = begin(&l) && run(&l, from, until) && reckon(&l, from);
  end(&l);
  if (good) *out = l.figures;
  return good;
}
