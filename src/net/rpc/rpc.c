/* The serving thread: who may connect, who is ready, what the engine has to say. */
#include "net/rpc/rpc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/rpc/server.h"

enum { TICK_MS = 200, ACCEPTS_MAX = 32, FIRST = 2 };

uint64_t server_clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void server_wake(struct rpc *r) {
  if (write(r->wake[1], "", 1) < 0) return; /* full: it wakes anyway */
}

/* ENGINE 8.5: when all places are taken, the connection that is idle longest goes; one that is being answered, or that
 * subscribes, is not idle. False when there is none. */
static bool make_room(struct rpc *r) {
  struct connection *oldest = NULL;
  if (r->connections_count < RPC_CONNECTIONS_MAX) return true;
  for (struct connection *c = r->connections; c; c = c->after) {
    if (c->exchange || (c->first && !c->parting) || c->watches) continue;
    if (!oldest || c->since_ms < oldest->since_ms) oldest = c;
  }
  if (!oldest) return false;
  connection_end(oldest);
  return true;
}

static void take_connections(struct rpc *r) {
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int socket = accept(r->listening, NULL, NULL), on = 1;
    if (socket < 0) return;
    if (!make_room(r) || fcntl(socket, F_SETFD, FD_CLOEXEC) != 0) {
      close(socket);
      continue;
    }
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection_begin(r, socket);
  }
}

static void woken(struct rpc *r) {
  char bytes[256];
  while (read(r->wake[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes) continue;
}

/* What the engine's thread has said since. */
static void hear_engine(struct rpc *r) {
  pthread_mutex_lock(&r->lock);
  uint64_t latest = r->latest;
  pthread_mutex_unlock(&r->lock);
  exchange_done(r);
  exchange_blocks(r);
  watch_block(r, latest);
}

static nfds_t gather(struct rpc *r, struct pollfd *fds) {
  nfds_t count = FIRST;
  fds[0] = (struct pollfd){.fd = r->wake[0], .events = POLLIN};
  fds[1] = (struct pollfd){.fd = r->listening, .events = POLLIN};
  for (struct connection *c = r->connections; c; c = c->after) {
    short events = (short)((connection_ready(c) || c->parting ? POLLIN : 0) | (c->first ? POLLOUT : 0));
    c->place = events ? (uint32_t)count : 0; /* nothing to be done before the engine has answered */
    if (!events) continue;
    fds[count++] = (struct pollfd){.fd = c->socket, .events = events};
  }
  return count;
}

/* One request of each connection in turn, so none waits behind another's. True when one has more at hand. */
static bool serve_each(struct rpc *r, const struct pollfd *fds, bool look_at_age) {
  bool more = false;
  uint64_t now_ms = server_clock_ms();
  for (struct connection *c = r->connections, *next; c; c = next) {
    next = c->after;
    short ready = c->place ? fds[c->place].revents : 0;
    c->place = 0;
    if (ready & (POLLERR | POLLNVAL) || (ready & POLLHUP && !(ready & POLLIN))) c->over = true;
    if (ready & POLLIN) connection_receive(c);
    bool moved = !c->over && connection_take(c), waited = c->first != NULL;
    if (!c->over && c->first) connection_send(c);
    moved = moved || (waited && !c->first);
    if (look_at_age) connection_age(c, now_ms);
    more = more || (moved && connection_ready(c) && c->in_length);
    if (c->over) connection_end(c);
  }
  return more;
}

bool rpc_run(struct rpc *r, const volatile int *stop) {
  static struct pollfd fds[RPC_CONNECTIONS_MAX + ACCEPTS_MAX + FIRST];
  uint64_t looked_ms = 0;
  bool more = false;
  while (!*stop && !loop_failed(r->loop)) {
    nfds_t count = gather(r, fds);
    if (poll(fds, count, more ? 0 : TICK_MS) < 0 && errno != EINTR) break;
    uint64_t now_ms = server_clock_ms();
    bool tick = now_ms - looked_ms >= TICK_MS;
    if (fds[0].revents) woken(r);
    if (fds[0].revents || tick) hear_engine(r);
    more = serve_each(r, fds, tick);
    if (fds[1].revents) take_connections(r);
    if (tick) looked_ms = now_ms;
  }
  return !loop_failed(r->loop);
}

/* The engine's thread */

static void block_kept(void *context, const struct solo_head *head) {
  struct rpc *r = context;
  pthread_mutex_lock(&r->lock);
  r->latest = head->height;
  pthread_mutex_unlock(&r->lock);
  server_wake(r);
}

static void trouble(void *context, const char *text) {
  struct rpc *r = context;
  r->say(text);
}

/* Opening and shutting */

static bool set_up(int socket) {
  return fcntl(socket, F_SETFL, O_NONBLOCK) == 0 && fcntl(socket, F_SETFD, FD_CLOEXEC) == 0;
}

static bool listen_at(struct rpc *r, const struct rpc_options *o, struct why *why) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(o->port)};
  socklen_t length = sizeof at;
  int on = 1;
  if (inet_pton(AF_INET, o->address, &at.sin_addr) != 1)
    return why_set(why, "%s is no address such as 127.0.0.1", o->address), false;
  if (pipe(r->wake) != 0 || !set_up(r->wake[0]) || !set_up(r->wake[1]))
    return why_set(why, "no pipe: %s", strerror(errno)), false;
  r->listening = socket(AF_INET, SOCK_STREAM, 0);
  if (r->listening < 0 || !set_up(r->listening) ||
      setsockopt(r->listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(r->listening, (struct sockaddr *)&at, sizeof at) != 0 || listen(r->listening, 512) != 0 ||
      getsockname(r->listening, (struct sockaddr *)&at, &length) != 0)
    return why_set(why, "%s:%u cannot be listened at: %s", o->address, o->port, strerror(errno)), false;
  r->port = ntohs(at.sin_port);
  snprintf(r->node.listen, sizeof r->node.listen, "tcp://%.40s:%u", o->address, r->port);
  return true;
}

uint16_t rpc_port(const struct rpc *r) { return r->port; }

bool rpc_open(struct rpc **out, const struct rpc_options *o, struct why *why) {
  struct rpc *r = calloc(1, sizeof *r);
  assert(r);
  pthread_mutex_init(&r->lock, NULL);
  r->listening = r->wake[0] = r->wake[1] = -1;
  r->done_last = &r->done;
  r->say = o->say;
  r->node.chain = solo_chain(o->solo);
  r->node.faucet = o->faucet;
  r->told = solo_head(o->solo)->height;
  node_genesis(&r->node, o->genesis, o->genesis_length);
  const struct loop_watch watch = {.context = r, .block = block_kept, .trouble = trouble};
  bool open = listen_at(r, o, why);
  if (open && !loop_start(&r->loop, o->solo, &watch)) open = (why_set(why, "no thread for the engine"), false);
  if (!open) {
    rpc_shut(&r);
    return false;
  }
  r->node.loop = r->loop;
  r->node.kv = loop_kv(r->loop);
  *out = r;
  return true;
}

void rpc_shut(struct rpc **r) {
  if (!*r) return;
  loop_stop(&(*r)->loop);
  while ((*r)->connections) connection_end((*r)->connections);
  while ((*r)->exchanges) exchange_free((*r)->exchanges);
  const int files[] = {(*r)->listening, (*r)->wake[0], (*r)->wake[1]};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (files[i] >= 0) close(files[i]);
  pthread_mutex_destroy(&(*r)->lock);
  free((*r)->node.genesis_text);
  free(*r);
  *r = NULL;
}
