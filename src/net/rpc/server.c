/* Connections: bytes in until a request is whole, answers and events out as fast as they are read. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/rpc/http.h"
#include "net/rpc/server.h"

enum { READ_BYTES = 64 << 10, PING_MS = 30000, DEAF_MS = 75000, PART_MS = 1000, HEAD_MAX = 512 };

struct connection *connection_begin(struct rpc *r, int socket) {
  struct connection *c = calloc(1, sizeof *c);
  assert(c);
  c->socket = socket;
  c->rpc = r;
  c->since_ms = c->heard_ms = server_clock_ms();
  c->keep = true;
  c->last = &c->first;
  c->after = r->connections;
  if (c->after) c->after->before = c;
  r->connections = c;
  r->node.connections = ++r->connections_count;
  return c;
}

static void forget_in(struct connection *c) {
  c->rpc->bodies_bytes -= c->in_size + c->pieces_length;
  free(c->in);
  free(c->pieces);
  c->in = c->pieces = NULL;
  c->in_length = c->in_size = c->pieces_length = 0;
}

static void forget_first(struct connection *c) {
  struct message *m = c->first;
  c->first = m->next;
  if (!c->first) c->last = &c->first;
  c->queued -= m->length;
  c->rpc->answers_bytes -= m->length;
  free(m);
}

void connection_end(struct connection *c) {
  struct rpc *r = c->rpc;
  watch_shut(c);
  if (c->exchange) exchange_lost(c->exchange);
  forget_in(c);
  while (c->first) forget_first(c);
  *(c->before ? &c->before->after : &r->connections) = c->after;
  if (c->after) c->after->before = c->before;
  r->node.connections = --r->connections_count;
  close(c->socket);
  free(c);
}

/* Out */

static void add(struct connection *c, const void *head, size_t head_length, const char *text, size_t length) {
  struct message *m = malloc(sizeof *m + head_length + length);
  assert(m);
  *m = (struct message){.length = head_length + length};
  memcpy(m->bytes, head, head_length);
  if (length) memcpy(m->bytes + head_length, text, length);
  *c->last = m;
  c->last = &m->next;
  c->queued += m->length;
  c->rpc->answers_bytes += m->length;
}

static void add_frame(struct connection *c, uint8_t opcode, const char *text, size_t length) {
  uint8_t head[10];
  add(c, head, http_frame_head(opcode, length, head), text, length);
}

static const char *reason_of(int status) {
  switch (status) {
  case 200: return "OK";
  case 400: return "Bad Request";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 411: return "Length Required";
  case 503: return "Service Unavailable";
  default: return "Internal Server Error";
  }
}

static void add_answer(struct connection *c, int status, const char *type, const char *text) {
  char head[HEAD_MAX], kind[128] = "";
  size_t length = text ? strlen(text) : 0;
  if (text) snprintf(kind, sizeof kind, "Content-Type: %s\r\n", type);
  int n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\n%sContent-Length: %zu\r\nConnection: %s\r\n\r\n", status,
                   reason_of(status), kind, length, c->keep ? "keep-alive" : "close");
  assert(n > 0 && n < HEAD_MAX);
  add(c, head, (size_t)n, text, length);
  if (!c->keep) c->leave = true;
}

void server_answer(struct connection *c, int status, const char *type, char *text) {
  c->since_ms = c->heard_ms = server_clock_ms();
  bool room = c->rpc->answers_bytes <= RPC_ANSWERS_BYTES_MAX;
  if (c->websocket && !room) {
    c->over = true;
  } else if (c->websocket) {
    if (text) add_frame(c, HTTP_TEXT, text, strlen(text));
  } else if (room) {
    add_answer(c, status, type, text);
  } else {
    c->keep = false;
    add_answer(c, 503, "text/plain", "too many answers at once\n");
  }
  free(text);
}

bool server_event(struct connection *c, json_t *frame) {
  char *text = json_dumps(frame, JSON_COMPACT);
  assert(text);
  json_decref(frame);
  size_t length = strlen(text);
  /* A reader that is too slow is cut off, as CometBFT may do too: it has to catch up by height anyway. */
  bool room = c->queued + length <= RPC_QUEUE_BYTES_MAX && c->rpc->answers_bytes <= RPC_ANSWERS_BYTES_MAX;
  if (room)
    add_frame(c, HTTP_TEXT, text, length);
  else
    c->over = true;
  free(text);
  return room;
}

void connection_send(struct connection *c) {
  while (c->first) {
    struct message *m = c->first;
    ssize_t n = send(c->socket, m->bytes + m->sent, m->length - m->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      c->over = c->over || !server_again();
      return;
    }
    m->sent += (size_t)n;
    c->heard_ms = server_clock_ms();
    if (m->sent == m->length) forget_first(c);
  }
  if (!c->leave || c->parting) return;
  /* An answer that leaves while bytes come in would be lost with the connection. */
  c->parting = true;
  shutdown(c->socket, SHUT_WR);
}

/* In */

static void say(struct connection *c, int status, const char *type, const char *text) {
  char *own = strdup(text);
  assert(own);
  server_answer(c, status, type, own);
}

static void refuse(struct connection *c, int status, const char *text) {
  c->keep = false;
  say(c, status, "text/plain; charset=utf-8", text);
}

static void too_large(struct connection *c) {
  c->keep = false;
  say(c, 400, "application/json",
      "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request\",\"data\":"
      "\"error reading request body: http: request body too large\"}}");
}

/* What can be asked, for whoever looks with a browser. */
static void list_methods(struct connection *c) {
  char text[8192];
  size_t n = (size_t)snprintf(text, sizeof text, "<html><body><br>Available endpoints:<br>");
  for (uint32_t i = 0; method_nth(i); i++) {
    const struct method *m = method_nth(i);
    n += (size_t)snprintf(text + n, sizeof text - n, "<a href=\"/%s\">/%s", m->name, m->name);
    for (const char *const *name = m->names; *name; name++)
      n += (size_t)snprintf(text + n, sizeof text - n, "%c%s=_", name == m->names ? '?' : '&', *name);
    n += (size_t)snprintf(text + n, sizeof text - n, "</a><br>");
    assert(n < sizeof text);
  }
  snprintf(text + n, sizeof text - n, "</body></html>");
  say(c, 200, "text/html", text);
}

/* name=value & name=value, decoded; NULL when it cannot be. */
static json_t *arguments_of(char *text, size_t length) {
  json_t *args = form_must(json_object());
  char *end = text + length;
  while (text < end) {
    char *stop = memchr(text, '&', (size_t)(end - text)), *pair_end = stop ? stop : end;
    char *equal = memchr(text, '=', (size_t)(pair_end - text));
    if (equal) {
      size_t name, value;
      bool good = http_decode(text, (size_t)(equal - text), &name) &&
                  http_decode(equal + 1, (size_t)(pair_end - equal - 1), &value);
      json_t *j = good ? json_stringn(equal + 1, value) : NULL;
      text[good ? name : 0] = 0;
      if (!j || json_object_set_new(args, text, j) != 0) {
        json_decref(args);
        return NULL;
      }
    }
    text = pair_end + 1;
  }
  return args;
}

static void take_get(struct connection *c, const struct http_head *h) {
  char target[HTTP_HEAD_BYTES_MAX + 1];
  memcpy(target, h->target, h->target_length);
  target[h->target_length] = 0;
  char *question = memchr(target, '?', h->target_length), *end = target + h->target_length;
  if (question) *question = 0;
  if (strcmp(target, "/") == 0) {
    list_methods(c);
    return;
  }
  if (!method_find(target + 1)) {
    say(c, 404, "text/plain; charset=utf-8", "404 page not found\n");
    return;
  }
  json_t *args = question ? arguments_of(question + 1, (size_t)(end - question - 1)) : form_must(json_object());
  if (!args)
    refuse(c, 400, "arguments that cannot be read\n");
  else
    exchange_uri(c, target + 1, args);
}

static void take_upgrade(struct connection *c, const struct http_head *h) {
  char text[HEAD_MAX], accept[HTTP_ACCEPT_BYTES + 1];
  if (!h->key[0] || h->target_length != 10 || memcmp(h->target, "/websocket", 10) != 0) {
    refuse(c, 404, "404 page not found\n");
    return;
  }
  http_accept(h->key, accept);
  int n = snprintf(text, sizeof text,
                   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: %s\r\n\r\n",
                   accept);
  add(c, text, (size_t)n, NULL, 0);
  c->websocket = true;
}

static void drop(struct connection *c, size_t bytes) {
  c->in_length -= bytes;
  memmove(c->in, c->in + bytes, c->in_length);
  if (!c->in_length) { /* a connection that waits holds no memory but its own */
    c->rpc->bodies_bytes -= c->in_size;
    free(c->in);
    c->in = NULL;
    c->in_size = 0;
  }
}

static bool take_http(struct connection *c) {
  struct http_head h;
  switch (http_read_head((const char *)c->in, c->in_length, &h)) {
  case HTTP_OK: break;
  case HTTP_MORE: return false;
  case HTTP_BAD: refuse(c, 400, "not a request\n"); return true;
  }
  uint64_t body = h.has_length ? h.body_length : 0;
  bool whole = c->in_length - h.bytes >= body;
  c->keep = h.keep;
  if (body > RPC_REQUEST_BYTES_MAX) {
    too_large(c);
  } else if (h.chunked || (h.method == HTTP_POST && !h.has_length)) {
    refuse(c, 411, "a request needs its length\n");
  } else if (!whole) {
    if (h.expect && !c->went_on) add(c, "HTTP/1.1 100 Continue\r\n\r\n", 25, NULL, 0);
    c->went_on = h.expect;
    return false;
  } else if (h.method == HTTP_POST) {
    exchange_text(c, c->in + h.bytes, (size_t)body);
  } else if (h.method == HTTP_OTHER) {
    refuse(c, 405, "GET and POST are what can be done\n");
  } else if (h.upgrade) {
    take_upgrade(c, &h);
  } else {
    take_get(c, &h);
  }
  c->went_on = false;
  if (!c->leave) drop(c, h.bytes + (size_t)body);
  return true;
}

/* A message is one frame, or several. False: it is longer than any. */
static bool add_piece(struct connection *c, const struct http_frame *f) {
  size_t length = c->pieces_length + f->payload_length;
  if (length > RPC_REQUEST_BYTES_MAX || c->rpc->bodies_bytes + f->payload_length > RPC_REQUESTS_BYTES_MAX) return false;
  c->pieces = realloc(c->pieces, length + 1);
  assert(c->pieces);
  if (f->payload_length) memcpy(c->pieces + c->pieces_length, f->payload, f->payload_length);
  c->rpc->bodies_bytes += f->payload_length;
  c->pieces_length = length;
  return true;
}

static bool take_frame(struct connection *c) {
  struct http_frame f;
  switch (http_read_frame(c->in, c->in_length, RPC_REQUEST_BYTES_MAX, &f)) {
  case HTTP_OK: break;
  case HTTP_MORE: return false;
  case HTTP_BAD: c->over = true; return true;
  }
  if (f.opcode == HTTP_CLOSE) {
    add_frame(c, HTTP_CLOSE, (const char *)f.payload, f.payload_length);
    c->leave = true;
    return true;
  }
  if (f.opcode == HTTP_PING) add_frame(c, HTTP_PONG, (const char *)f.payload, f.payload_length);
  if (f.opcode < HTTP_CLOSE) {
    if (!add_piece(c, &f)) {
      c->over = true;
      return true;
    }
    if (f.last) {
      uint8_t *message = c->pieces;
      size_t length = c->pieces_length;
      c->pieces = NULL;
      c->pieces_length = 0;
      c->rpc->bodies_bytes -= length;
      exchange_text(c, message, length);
      free(message);
    }
  }
  drop(c, f.bytes);
  return true;
}

bool connection_ready(const struct connection *c) {
  return !c->exchange && !c->leave && !c->over && (c->websocket ? c->queued < RPC_QUEUE_BYTES_MAX : !c->first);
}

bool connection_take(struct connection *c) {
  if (!connection_ready(c) || !c->in_length) return false;
  return c->websocket ? take_frame(c) : take_http(c);
}

static bool in_room(struct connection *c) {
  enum { MOST = RPC_REQUEST_BYTES_MAX + HTTP_HEAD_BYTES_MAX + READ_BYTES };
  if (c->in_size - c->in_length >= READ_BYTES / 16) return true;
  size_t size = c->in_size ? c->in_size * 2 : READ_BYTES / 16;
  if (size > MOST) size = MOST;
  if (size == c->in_size || c->rpc->bodies_bytes + size - c->in_size > RPC_REQUESTS_BYTES_MAX) return false;
  c->rpc->bodies_bytes += size - c->in_size;
  c->in = realloc(c->in, size);
  assert(c->in);
  c->in_size = size;
  return true;
}

void connection_receive(struct connection *c) {
  uint8_t waste[4096];
  bool keep = !c->parting && in_room(c);
  if (!c->parting && !keep) { /* the memory of all requests together */
    c->over = true;
    return;
  }
  ssize_t n = recv(c->socket, keep ? c->in + c->in_length : waste, keep ? c->in_size - c->in_length : sizeof waste,
                   MSG_DONTWAIT);
  if (n == 0 || (n < 0 && !server_again())) c->over = true;
  if (n <= 0 || !keep) return;
  c->in_length += (size_t)n;
  c->heard_ms = server_clock_ms();
  c->pinged = false;
}

/* ENGINE 8.5. */
void connection_age(struct connection *c, uint64_t now_ms) {
  uint64_t silent_ms = now_ms > c->heard_ms ? now_ms - c->heard_ms : 0; /* heard since now_ms was read */
  if (c->parting) {
    c->over = c->over || silent_ms > PART_MS;
  } else if (c->websocket) {
    if (silent_ms > PING_MS && !c->pinged && !c->first) {
      uint64_t heard_ms = c->heard_ms;
      add_frame(c, HTTP_PING, NULL, 0);
      connection_send(c);
      c->heard_ms = heard_ms;
      c->pinged = true;
    }
    c->over = c->over || silent_ms > DEAF_MS;
  } else if (!c->exchange) {
    bool amid = c->in_length || c->first;
    c->over = c->over || silent_ms > 1000 * (uint64_t)(amid ? RPC_REQUEST_SECONDS : RPC_IDLE_SECONDS);
  }
}
