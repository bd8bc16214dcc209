#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "net/load/inside.h"

enum { READ_BYTES = 64 << 10, ANSWER_BYTES_MAX = 256 << 20, PATIENCE_S = 20 };

static bool send_all(int s, const char *bytes, size_t length) {
  while (length) {
    ssize_t n = send(s, bytes, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    length -= (size_t)n;
  }
  return true;
}

/* Room for READ_BYTES and a 0 behind what is there. */
static bool grow(char **in, size_t *size, size_t length) {
  if (*size - length > READ_BYTES) return true;
  size_t more = *size ? *size * 2 : 4 * READ_BYTES;
  char *grown = more > ANSWER_BYTES_MAX ? NULL : realloc(*in, more);
  if (!grown) return false;
  *in = grown;
  *size = more;
  return true;
}

/* The answer to the upgrade; what comes with it stays. A question sent before it would be taken for a broken client. */
static bool upgraded(struct load_watch *w) {
  while (grow(&w->in, &w->size, w->length)) {
    ssize_t n = recv(w->socket, w->in + w->length, w->size - w->length - 1, 0);
    if (n <= 0) return false;
    w->length += (size_t)n;
    char *end = memmem(w->in, w->length, "\r\n\r\n", 4);
    if (!end) continue;
    size_t head = (size_t)(end - w->in) + 4;
    bool agreed = memmem(w->in, head, " 101 ", 5) != NULL;
    w->length -= head;
    memmove(w->in, w->in + head, w->length);
    return agreed;
  }
  return false;
}

bool load_watch_open(struct load_watch *w, uint16_t port, struct why *why) {
  static const char upgrade[] =
      "GET /websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  static const char ask[] =
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"subscribe\",\"params\":[\"tm.event='NewBlockHeader'\"]}";
  char frame[sizeof ask + 6];
  *w = (struct load_watch){.socket = wire_connect(port), .at = calloc(LOAD_BLOCKS_MAX, sizeof *w->at)};
  size_t n = wire_frame(1, ask, sizeof ask - 1, frame);
  bool open = w->socket >= 0 && w->at && send_all(w->socket, upgrade, sizeof upgrade - 1) && upgraded(w) &&
              send_all(w->socket, frame, n);
  if (!open) why_set(why, "no websocket at port %u", port);
  return open;
}

void load_watch_shut(struct load_watch *w) {
  if (w->socket >= 0) close(w->socket);
  free(w->in);
  free(w->at);
  *w = (struct load_watch){.socket = -1};
}

static bool note_height(struct load_watch *w, const char *text, size_t length, struct why *why) {
  static const char name[] = "\"height\"";
  const char *at = memmem(text, length, name, sizeof name - 1), *end = text + length;
  if (!at) {
    if (!memmem(text, length, "\"error\"", 7)) return true; /* the answer to the question itself */
    return why_set(why, "the node does not tell of blocks: %.200s", text), false;
  }
  for (at += sizeof name - 1; at < end && (*at < '0' || *at > '9');) at++;
  uint64_t height = 0;
  for (; at < end && *at >= '0' && *at <= '9'; at++) height = height * 10 + (uint64_t)(*at - '0');
  if (!w->count) w->first_height = height;
  if (height != w->first_height + w->count || w->count == LOAD_BLOCKS_MAX)
    return why_set(why, "the node told of block %" PRIu64 " out of turn", height), false;
  w->at[w->count++] = load_now();
  return true;
}

bool load_watch_take(struct load_watch *w, struct why *why) {
  if (!grow(&w->in, &w->size, w->length)) return why_set(why, "no memory for a block header"), false;
  ssize_t n = recv(w->socket, w->in + w->length, w->size - w->length - 1, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) return why_set(why, "the node closed its websocket"), false;
  w->length += (size_t)n;
  size_t used = 0;
  struct wire_frame f;
  enum wire_state state;
  while ((state = wire_read_frame(w->in + used, w->length - used, &f)) == WIRE_WHOLE) {
    char pong[131];
    if (f.opcode == 9 && f.payload_length < 126)
      send_all(w->socket, pong, wire_frame(10, f.payload, f.payload_length, pong));
    if (f.opcode == 1 && !note_height(w, f.payload, f.payload_length, why)) return false;
    used += f.bytes;
  }
  if (state == WIRE_BAD) return why_set(why, "the node's websocket sent no frame"), false;
  w->length -= used;
  memmove(w->in, w->in + used, w->length);
  return true;
}

/* One GET over a connection that stays open; the answer's JSON. */
struct asking {
  int socket;
  char *in;
  size_t size;
};

static json_t *ask(struct asking *a, const char *path) {
  char request[128];
  size_t length = 0;
  int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
  if (!send_all(a->socket, request, (size_t)n)) return NULL;
  for (;;) {
    struct wire_answer answer;
    if (!grow(&a->in, &a->size, length)) return NULL;
    ssize_t got = recv(a->socket, a->in + length, a->size - length - 1, 0);
    if (got <= 0) return NULL;
    length += (size_t)got;
    enum wire_state state = wire_answer(a->in, length, &answer);
    if (state == WIRE_BAD) return NULL;
    if (state == WIRE_WHOLE) return json_loadb(answer.body, answer.body_length, 0, NULL);
  }
}

static struct asking asking_open(uint16_t port) {
  struct asking a = {.socket = wire_connect(port)};
  struct timeval patience = {.tv_sec = PATIENCE_S};
  if (a.socket >= 0) setsockopt(a.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return a;
}

static void asking_shut(struct asking *a) {
  if (a->socket >= 0) close(a->socket);
  free(a->in);
}

static const json_t *inner(const json_t *j, const char *const *names) {
  for (; *names; names++) j = json_object_get(j, *names);
  return j;
}

bool load_blocks(uint16_t port, uint64_t first, uint64_t last, load_show *show, void *context, struct why *why) {
  static const char *const to_txs[] = {"result", "block", "data", "txs", NULL};
  struct asking a = asking_open(port);
  bool good = a.socket >= 0;
  for (uint64_t height = first; good && height <= last; height++) {
    char path[64];
    uint8_t bytes[LOAD_TRANSACTION_BYTES_MAX];
    snprintf(path, sizeof path, "/block?height=%" PRIu64, height);
    json_t *answer = ask(&a, path);
    const json_t *txs = answer ? inner(answer, to_txs) : NULL;
    good = txs != NULL;
    for (size_t i = 0; good && i < json_array_size(txs); i++) {
      const char *text = json_string_value(json_array_get(txs, i));
      size_t length;
      if (text && base64_decode(text, strlen(text), bytes, sizeof bytes, &length)) show(context, height, bytes, length);
    }
    json_decref(answer);
    if (!good) why_set(why, "block %" PRIu64 " cannot be read from the node", height);
  }
  if (a.socket < 0) why_set(why, "the node answers no more");
  asking_shut(&a);
  return good;
}

bool load_height(uint16_t port, uint64_t *height) {
  static const char *const to_height[] = {"result", "sync_info", "latest_block_height", NULL};
  struct asking a = asking_open(port);
  json_t *answer = a.socket < 0 ? NULL : ask(&a, "/status");
  const char *text = answer ? json_string_value(inner(answer, to_height)) : NULL;
  if (text) *height = strtoull(text, NULL, 10);
  bool there = text != NULL;
  json_decref(answer);
  asking_shut(&a);
  return there;
}
