#include "net/transfer/listen.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* One connection: a place is taken while socket is not -1. */
struct place {
  struct listen *listen;
  int socket;
  uint8_t address[16];
  uint64_t deadline_ms;
  uint64_t left; /* of the body */
  size_t ahead, ahead_at;
  char head[HEAD_BYTES_MAX]; /* and what came behind it */
};

struct listen {
  listen_answer *answer;
  void *context;
  int socket;
  uint16_t port;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t left;
  atomic_bool over;
  uint32_t taken;
  struct place places[LISTEN_PLACES];
};

static uint64_t clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits until the socket is ready; false when the deadline is there first. */
static bool ready(const struct place *p, short events) {
  for (;;) {
    uint64_t now = clock_ms();
    if (now >= p->deadline_ms || p->listen->over) return false;
    struct pollfd one = {.fd = p->socket, .events = events};
    uint64_t left = p->deadline_ms - now;
    int n = poll(&one, 1, left < 1000 ? (int)left : 1000);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) return false;
  }
}

static size_t receive(const struct place *p, void *bytes, size_t length) {
  while (ready(p, POLLIN)) {
    ssize_t n = recv(p->socket, bytes, length, MSG_DONTWAIT);
    if (n >= 0) return (size_t)n;
    if (errno != EAGAIN && errno != EINTR) return 0;
  }
  return 0;
}

static size_t read_body(void *context, void *bytes, size_t length) {
  struct place *p = context;
  if (length > p->left) length = (size_t)p->left;
  if (length == 0) return 0;
  size_t n = p->ahead - p->ahead_at;
  if (n > 0) {
    if (n > length) n = length;
    memcpy(bytes, p->head + p->ahead_at, n);
    p->ahead_at += n;
  } else {
    n = receive(p, bytes, length);
  }
  p->left -= n;
  return n;
}

static bool write_all(void *context, const void *bytes, size_t length) {
  const struct place *p = context;
  const uint8_t *at = bytes;
  while (length > 0) {
    if (!ready(p, POLLOUT)) return false;
    ssize_t n = send(p->socket, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) return false;
    at += n;
    length -= (size_t)n;
  }
  return true;
}

static void give_time(void *context, uint64_t length) {
  struct place *p = context;
  p->deadline_ms = clock_ms() + LISTEN_BODY_MS + length / 64 * 1000 / 1024;
}

/* Reads up to the empty line; 0 when there is none in time or in HEAD_BYTES_MAX. */
static size_t read_head(struct place *p) {
  size_t got = 0;
  while (got < HEAD_BYTES_MAX) {
    size_t n = receive(p, p->head + got, HEAD_BYTES_MAX - got);
    if (n == 0) return 0;
    size_t from = got < 3 ? 0 : got - 3;
    got += n;
    for (size_t i = from; i + 4 <= got; i++) {
      if (memcmp(p->head + i, "\r\n\r\n", 4) != 0) continue;
      p->ahead = got;
      p->ahead_at = i + 4;
      return i + 4;
    }
  }
  return 0;
}

/* An answer that leaves while bytes come in would be lost with the connection, so some are still taken, but not for
 * long. */
static void part(struct place *p) {
  char bytes[4096];
  shutdown(p->socket, SHUT_WR);
  p->deadline_ms = clock_ms() + 1000;
  while (receive(p, bytes, sizeof bytes) > 0) {}
}

static void *converse(void *context) {
  struct place *p = context;
  struct listen *l = p->listen;
  p->deadline_ms = clock_ms() + LISTEN_HEAD_MS;
  p->ahead = p->ahead_at = 0;
  size_t head = read_head(p);
  struct exchange e = {.read = read_body, .write = write_all, .answers = give_time, .context = p};
  static const char bad[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  if (head > 0 && head_read(p->head, head, &e.head)) {
    p->left = e.head.chunked ? 0 : e.head.body_length;
    give_time(p, p->left);
    l->answer(l->context, &e);
  } else {
    write_all(p, bad, sizeof bad - 1);
  }
  part(p);
  pthread_mutex_lock(&l->mutex);
  close(p->socket);
  p->socket = -1;
  l->taken--;
  pthread_cond_broadcast(&l->left);
  pthread_mutex_unlock(&l->mutex);
  return NULL;
}

/* Who owns an address of IPv6 has 2^64 of them, so the first half counts. */
static void address_of(const struct sockaddr_storage *from, uint8_t address[16]) {
  memset(address, 0, 16);
  if (from->ss_family == AF_INET)
    memcpy(address, &((const struct sockaddr_in *)from)->sin_addr, 4);
  else {
    const uint8_t *bytes = ((const struct sockaddr_in6 *)from)->sin6_addr.s6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)from)->sin6_addr);
    memcpy(address, mapped ? bytes + 12 : bytes, mapped ? 4 : 8);
  }
}

/* A free place for an address that has not all of its own. Under the mutex. */
static struct place *place_for(struct listen *l, const uint8_t address[16]) {
  struct place *found = NULL;
  uint32_t same = 0;
  for (uint32_t i = 0; i < LISTEN_PLACES; i++) {
    if (l->places[i].socket < 0)
      found = &l->places[i];
    else
      same += memcmp(l->places[i].address, address, 16) == 0;
  }
  return same < LISTEN_PLACES_ADDRESS ? found : NULL;
}

static void welcome(struct listen *l, int socket, const struct sockaddr_storage *from) {
  static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  uint8_t address[16];
  address_of(from, address);
  pthread_mutex_lock(&l->mutex);
  struct place *p = place_for(l, address);
  bool begun = false;
  if (p) {
    pthread_attr_t attributes;
    pthread_t thread;
    p->socket = socket;
    memcpy(p->address, address, 16);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    begun = pthread_create(&thread, &attributes, converse, p) == 0;
    pthread_attr_destroy(&attributes);
    if (begun)
      l->taken++;
    else
      p->socket = -1;
  }
  pthread_mutex_unlock(&l->mutex);
  if (begun) return;
  (void)!send(socket, busy, sizeof busy - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  close(socket);
}

static void *accept_all(void *context) {
  struct listen *l = context;
  while (!l->over) {
    struct pollfd one = {.fd = l->socket, .events = POLLIN};
    if (poll(&one, 1, 100) <= 0) continue;
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    int socket = accept(l->socket, (struct sockaddr *)&from, &length);
    if (socket >= 0)
      welcome(l, socket, &from);
    else if (errno == EMFILE || errno == ENFILE)
      nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
  }
  return NULL;
}

static int bind_to(const char *address, uint16_t port, uint16_t *bound, struct why *why) {
  char number[8];
  struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found = NULL;
  snprintf(number, sizeof number, "%u", port);
  if (getaddrinfo(address, number, &want, &found) != 0) {
    why_set(why, "%.100s is no address to listen at: a number like 127.0.0.1 or ::", address);
    return -1;
  }
  int one = 1, s = socket(found->ai_family, SOCK_STREAM, 0);
  struct sockaddr_storage at;
  socklen_t length = sizeof at;
  if (s >= 0) {
    fcntl(s, F_SETFD, FD_CLOEXEC);
    fcntl(s, F_SETFL, O_NONBLOCK);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  }
  bool good = s >= 0 && bind(s, found->ai_addr, found->ai_addrlen) == 0 && listen(s, 128) == 0 &&
              getsockname(s, (struct sockaddr *)&at, &length) == 0;
  if (!good) {
    why_set(why, "cannot listen at %.100s port %u: %s", address, port, strerror(errno));
    if (s >= 0) close(s);
    s = -1;
  } else {
    *bound = ntohs(at.ss_family == AF_INET ? ((struct sockaddr_in *)&at)->sin_port
                                           : ((struct sockaddr_in6 *)&at)->sin6_port);
  }
  freeaddrinfo(found);
  return s;
}

static void serve_blobs(void *context, struct exchange *e) { serve_answer(context, e); }

bool listen_open(struct listen **out, const char *address, uint16_t port, const struct serve *serve, struct why *why) {
  return listen_open_for(out, address, port, serve_blobs, (void *)(uintptr_t)serve, why);
}

bool listen_open_for(struct listen **out, const char *address, uint16_t port, listen_answer *answer, void *context,
                     struct why *why) {
  struct listen *l = calloc(1, sizeof *l);
  assert(l && "memory for a server");
  l->answer = answer;
  l->context = context;
  l->socket = bind_to(address, port, &l->port, why);
  if (l->socket < 0) {
    free(l);
    return false;
  }
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->left, NULL);
  for (uint32_t i = 0; i < LISTEN_PLACES; i++) {
    l->places[i].listen = l;
    l->places[i].socket = -1;
  }
  bool begun = pthread_create(&l->thread, NULL, accept_all, l) == 0;
  assert(begun && "a thread for a server");
  *out = l;
  return true;
}

uint16_t listen_port(const struct listen *l) { return l->port; }

void listen_shut(struct listen *l) {
  if (!l) return;
  l->over = true;
  pthread_join(l->thread, NULL);
  pthread_mutex_lock(&l->mutex);
  for (uint32_t i = 0; i < LISTEN_PLACES; i++)
    if (l->places[i].socket >= 0) shutdown(l->places[i].socket, SHUT_RDWR);
  while (l->taken > 0) pthread_cond_wait(&l->left, &l->mutex);
  pthread_mutex_unlock(&l->mutex);
  close(l->socket);
  pthread_mutex_destroy(&l->mutex);
  pthread_cond_destroy(&l->left);
  free(l);
}
