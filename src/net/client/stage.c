#include "net/client/stage.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 4 << 20 };

struct stage {
  int listener;
  pthread_t thread;
  stage_answer *answer;
  void *context;
  char url[40];
  atomic_uint count;
  atomic_bool over;
};

/* Reads a request with a Content-Length; false when the other side left. */
static int take_request(int socket, char *text, struct stage_request *out) {
  size_t got = 0, need = 0;
  char *body = NULL;
  for (;;) {
    if (!body && (body = strstr(text, "\r\n\r\n"))) {
      const char *length = strstr(text, "\r\nContent-Length:");
      *body = 0;
      body += 4;
      need = (size_t)(body - text) + (length && length < body ? strtoul(length + 17, NULL, 10) : 0);
      assert(need < REQUEST_MAX);
    }
    if (body && got >= need) break;
    ssize_t n = recv(socket, text + got, REQUEST_MAX - 1 - got, 0);
    if (n <= 0) return 0;
    got += (size_t)n;
    text[got] = 0;
  }
  out->head = text;
  out->body = body;
  out->body_length = got - (size_t)(body - text);
  return 1;
}

static void *serve(void *context) {
  struct stage *s = context;
  char *text = malloc(REQUEST_MAX);
  assert(text);
  while (!s->over) {
    int socket = accept(s->listener, NULL, NULL);
    if (socket < 0) continue;
    struct stage_request request = {.socket = socket};
    text[0] = 0;
    if (!s->over && take_request(socket, text, &request)) {
      request.number = ++s->count;
      s->answer(s->context, &request);
    }
    close(socket);
  }
  free(text);
  return NULL;
}

struct stage *stage_open(stage_answer *answer, void *context) {
  struct stage *s = calloc(1, sizeof *s);
  assert(s);
  s->answer = answer;
  s->context = context;
  s->listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int good = s->listener >= 0 && bind(s->listener, (struct sockaddr *)&at, sizeof at) == 0 &&
             listen(s->listener, 16) == 0 && getsockname(s->listener, (struct sockaddr *)&at, &length) == 0;
  assert(good);
  snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
  good = pthread_create(&s->thread, NULL, serve, s) == 0;
  assert(good);
  return s;
}

const char *stage_url(const struct stage *s) { return s->url; }
unsigned stage_count(const struct stage *s) { return s->count; }

void stage_shut(struct stage *s) {
  s->over = true;
  shutdown(s->listener, SHUT_RDWR); /* wakes accept */
  pthread_join(s->thread, NULL);
  close(s->listener);
  free(s);
}

int stage_write(int socket, const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t n = send(socket, at, length, MSG_NOSIGNAL);
    if (n <= 0) return 0;
    at += n;
    length -= (size_t)n;
  }
  return 1;
}

void stage_reply(int socket, int http, const char *body, size_t length) {
  char head[160];
  int n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   http, length);
  if (stage_write(socket, head, (size_t)n)) stage_write(socket, body, length);
}

static unsigned long id_of(const struct stage_request *request) {
  const char *id = strstr(request->body, "\"id\":");
  return id ? strtoul(id + 5, NULL, 10) : 0;
}

void stage_result(const struct stage_request *request, const char *json) {
  size_t room = strlen(json) + 80;
  char *text = malloc(room);
  assert(text);
  int n = snprintf(text, room, "{\"jsonrpc\":\"2.0\",\"id\":%lu,\"result\":%s}", id_of(request), json);
  stage_reply(request->socket, 200, text, (size_t)n);
  free(text);
}

void stage_error(const struct stage_request *request, int code, const char *data) {
  char text[600];
  int n = snprintf(
      text, sizeof text,
      "{\"jsonrpc\":\"2.0\",\"id\":%lu,\"error\":{\"code\":%d,\"message\":\"Internal error\",\"data\":\"%s\"}}",
      id_of(request), code, data);
  stage_reply(request->socket, 200, text, (size_t)n);
}
