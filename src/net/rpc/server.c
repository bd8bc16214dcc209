/* Connections: bytes in until a request is whole, answers and events out as fast as they are read. */
#include "net/rpc/rpc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/rpc/inside.h"

enum { PIECE_BYTES = 64 << 10, DISCARD_BYTES_MAX = 8 << 20, TICK_MS = 200, URI_BYTES_MAX = 16384 };

uint64_t server_clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct rpc *rpc_of(struct lws *wsi) { return lws_context_user(lws_get_context(wsi)); }

/* Connections */

static void connection_begin(struct lws *wsi) {
  struct rpc *r = rpc_of(wsi);
  struct connection *c = calloc(1, sizeof *c);
  assert(c);
  c->wsi = wsi;
  c->rpc = r;
  c->since_ms = server_clock_ms();
  c->last = &c->first;
  c->after = r->connections;
  if (c->after) c->after->before = c;
  r->connections = c;
  r->node.connections = ++r->connections_count;
  lws_set_opaque_user_data(wsi, c);
}

static void forget_body(struct connection *c) {
  c->rpc->bodies_bytes -= c->body_size;
  free(c->body);
  c->body = NULL;
  c->body_length = c->body_size = 0;
}

static void forget_first(struct connection *c) {
  struct message *m = c->first;
  c->first = m->next;
  if (!c->first) c->last = &c->first;
  c->queued -= m->length;
  c->rpc->answers_bytes -= m->length;
  free(m);
}

static void connection_end(struct connection *c) {
  struct rpc *r = c->rpc;
  watch_shut(c);
  if (c->exchange) exchange_lost(c->exchange);
  forget_body(c);
  while (c->first) forget_first(c);
  *(c->before ? &c->before->after : &r->connections) = c->after;
  if (c->after) c->after->before = c->before;
  r->node.connections = --r->connections_count;
  lws_set_opaque_user_data(c->wsi, NULL);
  free(c);
}

static void cut(struct connection *c) {
  c->leave = true;
  lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

/* ENGINE 8.5: when all places are taken, the connection that is idle longest goes; one that is being answered, or that
 * subscribes, is not idle. False when there is none. */
static bool make_room(struct rpc *r) {
  struct connection *oldest = NULL;
  uint32_t leaving = 0;
  for (struct connection *c = r->connections; c; c = c->after) {
    leaving += c->leave;
    if (c->exchange || c->first || c->watches || c->leave) continue;
    if (!oldest || c->since_ms < oldest->since_ms) oldest = c;
  }
  if (r->connections_count - leaving < RPC_CONNECTIONS_MAX) return true;
  if (!oldest) return false;
  cut(oldest);
  return true;
}

/* Out */

static struct message *message_of(struct connection *c, const char *text, size_t length) {
  struct message *m = malloc(sizeof *m + LWS_PRE + length);
  assert(m);
  *m = (struct message){.length = length};
  memcpy(m->bytes + LWS_PRE, text, length);
  *c->last = m;
  c->last = &m->next;
  c->queued += length;
  c->rpc->answers_bytes += length;
  return m;
}

void server_answer(struct connection *c, int http_status, const char *type, char *text) {
  if (c->rpc->answers_bytes > RPC_ANSWERS_BYTES_MAX) {
    free(text);
    text = NULL;
    http_status = HTTP_STATUS_SERVICE_UNAVAILABLE;
    c->leave = true;
  }
  c->since_ms = server_clock_ms();
  if (c->websocket) {
    if (text) message_of(c, text, strlen(text));
    lws_rx_flow_control(c->wsi, 1);
  } else {
    c->http_status = http_status;
    c->type = text ? type : NULL;
    message_of(c, text ? text : "", text ? strlen(text) : 0);
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, RPC_IDLE_SECONDS);
  }
  free(text);
  lws_callback_on_writable(c->wsi);
}

bool server_event(struct connection *c, json_t *frame) {
  char *text = json_dumps(frame, JSON_COMPACT);
  assert(text);
  json_decref(frame);
  bool room =
      !c->leave && c->queued + strlen(text) <= RPC_QUEUE_BYTES_MAX && c->rpc->answers_bytes <= RPC_ANSWERS_BYTES_MAX;
  if (room) {
    message_of(c, text, strlen(text));
    lws_callback_on_writable(c->wsi);
  } else if (!c->leave) {
    cut(c); /* as CometBFT may: it has to catch up by height anyway */
  }
  free(text);
  return room;
}

/* Head and the first piece in one write. */
static int write_head(struct connection *c, struct message *m) {
  uint8_t buffer[LWS_PRE + 1024 + 8192], *start = buffer + LWS_PRE, *at = start, *end = buffer + LWS_PRE + 1024;
  size_t piece = m->length <= 8192 ? m->length : 0;
  const char *type = c->type ? c->type : "text/plain";
  if (lws_add_http_common_headers(c->wsi, (unsigned)c->http_status, type, m->length, &at, end) ||
      lws_finalize_http_header(c->wsi, &at, end))
    return -1;
  memcpy(at, m->bytes + LWS_PRE, piece);
  c->http_status = 0;
  m->sent = piece;
  bool whole = piece == m->length;
  size_t length = (size_t)(at - start) + piece;
  return lws_write(c->wsi, start, length, whole ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP_HEADERS) < (int)length ? -1 : 0;
}

static int write_piece(struct connection *c, struct message *m) {
  size_t left = m->length - m->sent, piece = left < PIECE_BYTES ? left : PIECE_BYTES;
  enum lws_write_protocol how = piece == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP;
  if (lws_write(c->wsi, m->bytes + LWS_PRE + m->sent, piece, how) < (int)piece) return -1;
  m->sent += piece;
  lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, RPC_IDLE_SECONDS);
  return 0;
}

static int http_writable(struct connection *c) {
  struct message *m = c->first;
  if (!m) return 0;
  if ((c->http_status ? write_head(c, m) : write_piece(c, m)) != 0) return -1;
  if (m->sent < m->length) {
    lws_callback_on_writable(c->wsi);
    return 0;
  }
  forget_first(c);
  c->discard = false;
  if (c->leave) return -1;
  return lws_http_transaction_completed(c->wsi) ? -1 : 0;
}

static int websocket_writable(struct connection *c) {
  struct message *m = c->first;
  if (!m) return 0;
  size_t left = m->length - m->sent, piece = left < PIECE_BYTES ? left : PIECE_BYTES;
  int how = lws_write_ws_flags(LWS_WRITE_TEXT, m->sent == 0, piece == left);
  /* What stood before a piece is overwritten by its frame's head, and has been sent. */
  if (lws_write(c->wsi, m->bytes + LWS_PRE + m->sent, piece, (enum lws_write_protocol)how) < (int)piece) return -1;
  m->sent += piece;
  if (m->sent == m->length) forget_first(c);
  if (c->first) lws_callback_on_writable(c->wsi);
  return 0;
}

/* In */

static bool body_add(struct connection *c, const void *bytes, size_t length) {
  if (c->body_length + length > RPC_REQUEST_BYTES_MAX) return false;
  if (c->body_length + length > c->body_size) {
    size_t size = c->body_size ? c->body_size : 2048;
    while (size < c->body_length + length) size *= 2;
    if (c->rpc->bodies_bytes + size - c->body_size > RPC_REQUESTS_BYTES_MAX) return false;
    c->rpc->bodies_bytes += size - c->body_size;
    c->body = realloc(c->body, size);
    assert(c->body);
    c->body_size = size;
  }
  memcpy(c->body + c->body_length, bytes, length);
  c->body_length += length;
  return true;
}

static void take_body(struct connection *c) {
  uint8_t *body = c->body;
  size_t length = c->body_length, size = c->body_size;
  c->body = NULL;
  c->body_length = c->body_size = 0;
  exchange_text(c, body ? body : (const uint8_t *)"", length);
  c->rpc->bodies_bytes -= size;
  free(body);
}

static char *copy(const char *text) {
  char *out = strdup(text);
  assert(out);
  return out;
}

static void too_large(struct connection *c) {
  server_answer(c, HTTP_STATUS_BAD_REQUEST, "application/json",
                copy("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request\",\"data\":"
                     "\"error reading request body: http: request body too large\"}}"));
}

/* What can be asked, for whoever looks with a browser. */
static void list_methods(struct connection *c) {
  char *text = malloc(16384), *at = text;
  assert(text);
  at += sprintf(at, "<html><body><br>Available endpoints:<br>");
  for (uint32_t i = 0; method_nth(i); i++) {
    at += sprintf(at, "<a href=\"/%s\">/%s", method_nth(i)->name, method_nth(i)->name);
    for (const char *const *n = method_nth(i)->names; *n; n++)
      at += sprintf(at, "%c%s=_", n == method_nth(i)->names ? '?' : '&', *n);
    at += sprintf(at, "</a><br>");
  }
  sprintf(at, "</body></html>");
  server_answer(c, 200, "text/html", text);
}

/* name=value of a URL, which the library has decoded. */
static json_t *arguments_of(struct lws *wsi) {
  static char pair[URI_BYTES_MAX];
  json_t *args = form_must(json_object());
  for (int i = 0;; i++) {
    int length = lws_hdr_copy_fragment(wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i);
    if (length < 0) return args;
    char *equal = memchr(pair, '=', (size_t)length);
    json_t *value = equal ? json_stringn(equal + 1, (size_t)(pair + length - equal - 1)) : NULL;
    if (!equal) continue;
    *equal = 0;
    if (json_object_set_new(args, pair, value ? value : json_integer(0)) != 0) continue; /* a name that is no text */
  }
}

static int begin_get(struct connection *c, const char *path) {
  if (strcmp(path, "/") == 0) return list_methods(c), 0;
  const char *name = *path == '/' ? path + 1 : path;
  if (!method_find(name)) {
    server_answer(c, HTTP_STATUS_NOT_FOUND, "text/plain; charset=utf-8", copy("404 page not found\n"));
    return 0;
  }
  exchange_uri(c, name, arguments_of(c->wsi));
  return 0;
}

static int begin_post(struct connection *c) {
  char text[24];
  int length = lws_hdr_copy(c->wsi, text, sizeof text, WSI_TOKEN_HTTP_CONTENT_LENGTH);
  unsigned long long bytes = length > 0 ? strtoull(text, NULL, 10) : 0;
  if (length <= 0) { /* bodies in chunks have no length */
    c->leave = true;
    server_answer(c, 411, "text/plain", copy("a request needs its length\n"));
    return 0;
  }
  c->discard = bytes > RPC_REQUEST_BYTES_MAX;
  if (bytes > DISCARD_BYTES_MAX) {
    c->leave = true;
    too_large(c);
  }
  return 0;
}

static int begin_request(struct connection *c, const char *path) {
  if (lws_hdr_total_length(c->wsi, WSI_TOKEN_POST_URI)) return begin_post(c);
  if (lws_hdr_total_length(c->wsi, WSI_TOKEN_GET_URI)) return begin_get(c, path);
  c->leave = true;
  server_answer(c, HTTP_STATUS_METHOD_NOT_ALLOWED, "text/plain", copy("GET and POST are what can be done\n"));
  return 0;
}

static int http_body(struct connection *c, const void *bytes, size_t length) {
  if (c->first || c->discard) return 0;
  if (body_add(c, bytes, length)) return 0;
  c->leave = true; /* memory of all requests together */
  forget_body(c);
  server_answer(c, HTTP_STATUS_SERVICE_UNAVAILABLE, "text/plain", copy("too many requests at once\n"));
  return 0;
}

static int http_body_end(struct connection *c) {
  if (c->first) return 0;
  if (c->discard)
    too_large(c);
  else
    take_body(c);
  return 0;
}

static int websocket_in(struct connection *c, const void *bytes, size_t length) {
  if (!body_add(c, bytes, length)) {
    lws_close_reason(c->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
    return -1;
  }
  if (!lws_is_final_fragment(c->wsi) || lws_remaining_packet_payload(c->wsi)) return 0;
  lws_rx_flow_control(c->wsi, 0); /* one question after the other */
  take_body(c);
  return 0;
}

/* A websocket stands at one place only. */
static int filter_websocket(struct lws *wsi) {
  char path[32];
  int length = lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
  return length > 0 && strcmp(path, "/websocket") == 0 ? 0 : -1;
}

static void woken(struct rpc *r) {
  pthread_mutex_lock(&r->lock);
  uint64_t latest = r->latest;
  pthread_mutex_unlock(&r->lock);
  exchange_done(r);
  exchange_blocks(r);
  watch_block(r, latest);
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length) {
  (void)user;
  if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) return woken(rpc_of(wsi)), 0;
  if (reason == LWS_CALLBACK_FILTER_NETWORK_CONNECTION) return make_room(rpc_of(wsi)) ? 0 : 1;
  if (reason == LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED) return connection_begin(wsi), 0;
  if (reason == LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION) return filter_websocket(wsi);
  struct connection *c = lws_get_opaque_user_data(wsi);
  if (!c) return 0;
  switch ((int)reason) {
  case LWS_CALLBACK_WSI_DESTROY: connection_end(c); return 0;
  case LWS_CALLBACK_HTTP: return begin_request(c, in);
  case LWS_CALLBACK_HTTP_BODY: return http_body(c, in, length);
  case LWS_CALLBACK_HTTP_BODY_COMPLETION: return http_body_end(c);
  case LWS_CALLBACK_HTTP_WRITEABLE: return http_writable(c);
  case LWS_CALLBACK_ESTABLISHED: c->websocket = true; return 0;
  case LWS_CALLBACK_RECEIVE: return websocket_in(c, in, length);
  case LWS_CALLBACK_SERVER_WRITEABLE: return websocket_writable(c);
  default: return 0; /* the library has a hundred reasons; these are ours */
  }
}

static const struct lws_protocols protocols[] = {{.name = "assay", .callback = serve}, {.name = NULL}};

/* The engine's thread */

static void block_kept(void *context, const struct solo_head *head) {
  struct rpc *r = context;
  pthread_mutex_lock(&r->lock);
  r->latest = head->height;
  pthread_mutex_unlock(&r->lock);
  lws_cancel_service(r->context);
}

static void trouble(void *context, const char *text) {
  struct rpc *r = context;
  r->say(text);
}

/* Opening, serving, shutting */

static bool listen_at(struct rpc *r, const struct rpc_options *o, struct why *why) {
  static const lws_retry_bo_t liveness = {.secs_since_valid_ping = 30, .secs_since_valid_hangup = 45};
  struct lws_context_creation_info info;
  memset(&info, 0, sizeof info);
  lws_set_log_level(0, NULL);
  info.port = o->port ? o->port : 0;
  info.iface = o->address;
  info.protocols = protocols;
  info.user = r;
  info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6;
  info.pt_serv_buf_size = PIECE_BYTES;
  info.max_http_header_data = URI_BYTES_MAX;
  info.timeout_secs = RPC_REQUEST_SECONDS;
  info.keepalive_timeout = RPC_IDLE_SECONDS;
  info.retry_and_idle_policy = &liveness;
  r->context = lws_create_context(&info);
  if (!r->context) return why_set(why, "no memory for connections"), false;
  r->vhost = lws_create_vhost(r->context, &info);
  if (!r->vhost) return why_set(why, "%s:%u cannot be listened at: is it in use?", o->address, o->port), false;
  snprintf(r->node.listen, sizeof r->node.listen, "tcp://%.40s:%u", o->address, rpc_port(r));
  return true;
}

uint16_t rpc_port(const struct rpc *r) { return (uint16_t)lws_get_vhost_listen_port(r->vhost); }

bool rpc_open(struct rpc **out, const struct rpc_options *o, struct why *why) {
  struct rpc *r = calloc(1, sizeof *r);
  assert(r);
  pthread_mutex_init(&r->lock, NULL);
  r->done_last = &r->done;
  r->say = o->say;
  r->node.chain = solo_chain(o->solo);
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

/* Whoever waits for a block, and the wish to stop, are looked at five times a second. */
static void *tick(void *context) {
  struct rpc *r = context;
  const struct timespec pause = {.tv_nsec = TICK_MS * 1000000L};
  for (bool ticking = true; ticking;) {
    nanosleep(&pause, NULL);
    lws_cancel_service(r->context);
    pthread_mutex_lock(&r->lock);
    ticking = r->ticking;
    pthread_mutex_unlock(&r->lock);
  }
  return NULL;
}

bool rpc_run(struct rpc *r, const volatile int *stop) {
  pthread_t thread;
  r->ticking = true;
  if (pthread_create(&thread, NULL, tick, r) != 0) return false;
  while (!*stop && !loop_failed(r->loop)) lws_service(r->context, 0);
  pthread_mutex_lock(&r->lock);
  r->ticking = false;
  pthread_mutex_unlock(&r->lock);
  pthread_join(thread, NULL);
  return !loop_failed(r->loop);
}

void rpc_shut(struct rpc **r) {
  if (!*r) return;
  loop_stop(&(*r)->loop);
  if ((*r)->context) lws_context_destroy((*r)->context);
  while ((*r)->exchanges) exchange_free((*r)->exchanges);
  pthread_mutex_destroy(&(*r)->lock);
  free((*r)->node.genesis_text);
  free(*r);
  *r = NULL;
}
