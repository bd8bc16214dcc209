#define _GNU_SOURCE /* memmem */
#include "net/load/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"

int wire_connect(uint16_t port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s < 0) return -1;
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(s, (struct sockaddr *)&at, sizeof at) == 0) return s;
  close(s);
  return -1;
}

struct wire_request wire_begin(char *bytes, size_t size, bool batch) {
  struct wire_request r = {
      .bytes = bytes, .size = size, .used = WIRE_HEAD_BYTES, .batch = batch, .full = size <= WIRE_HEAD_BYTES};
  return r;
}

static void put(struct wire_request *r, const char *text) {
  size_t n = strlen(text);
  if (r->full || n >= r->size - r->used) {
    r->full = true;
    return;
  }
  memcpy(r->bytes + r->used, text, n);
  r->used += n;
}

void wire_add(struct wire_request *r, const uint8_t *transaction, size_t length) {
  char number[80];
  snprintf(number, sizeof number, "%s{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"broadcast_tx_sync\",",
           !r->batch   ? ""
           : !r->count ? "["
                       : ",",
           r->count);
  put(r, number);
  put(r, "\"params\":{\"tx\":\"");
  size_t letters = base64_length(length);
  if (r->full || letters + 1 >= r->size - r->used) {
    r->full = true;
    return;
  }
  base64_encode(transaction, length, r->bytes + r->used);
  r->used += letters;
  put(r, "\"}}");
  r->count++;
}

bool wire_end(struct wire_request *r, const char **whole, size_t *length) {
  char head[WIRE_HEAD_BYTES + 1];
  if (r->batch) put(r, "]");
  if (r->full) return false;
  int n =
      snprintf(head, sizeof head,
               "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               r->used - WIRE_HEAD_BYTES);
  if (n < 0 || n > WIRE_HEAD_BYTES) return false;
  char *start = r->bytes + WIRE_HEAD_BYTES - n;
  memcpy(start, head, (size_t)n);
  *whole = start;
  *length = r->used - WIRE_HEAD_BYTES + (size_t)n;
  return true;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Each chunk has its length in hexadecimal digits in a line before it; the last is empty. Joined in place only when
 * they are all there, because joining moves bytes. */
static enum wire_state chunks(char *text, size_t length, bool join, size_t *joined, size_t *taken) {
  *joined = 0;
  for (size_t at = 0;;) {
    const char *line = memchr(text + at, '\n', length - at);
    size_t n = 0, digits = 0;
    if (!line) return WIRE_MORE;
    for (int d; (d = digit_of(text[at + digits])) >= 0; digits++) n = n << 4 | (size_t)d;
    if (!digits || digits > 8) return WIRE_BAD;
    size_t from = (size_t)(line - text) + 1;
    if (length - from < n + 2) return WIRE_MORE;
    if (join) memmove(text + *joined, text + from, n);
    *joined += n;
    *taken = at = from + n + 2;
    if (!n) return WIRE_WHOLE;
  }
}

enum wire_state wire_answer(char *text, size_t length, struct wire_answer *out) {
  static const char length_name[] = "\r\ncontent-length:", chunked_name[] = "\r\ntransfer-encoding: chunked";
  char *end = memmem(text, length, "\r\n\r\n", 4);
  if (!end) return length > 16384 ? WIRE_BAD : WIRE_MORE;
  if (length < 12 || memcmp(text, "HTTP/1.1 ", 9) != 0) return WIRE_BAD;
  char *body = end + 4;
  size_t head = (size_t)(body - text), there = length - head;
  bool chunked = false, known = false;
  uint64_t n = 0;
  for (char *line = memchr(text, '\r', head); line && line < end;
       line = memchr(line + 2, '\r', (size_t)(body - line - 2))) {
    if (strncasecmp(line, length_name, sizeof length_name - 1) == 0) {
      n = strtoull(line + sizeof length_name - 1, NULL, 10);
      known = true;
    }
    if (strncasecmp(line, chunked_name, sizeof chunked_name - 1) == 0) chunked = true;
  }
  if (!chunked && !known) return WIRE_BAD;
  *out = (struct wire_answer){.body = body, .body_length = (size_t)n, .bytes = head + (size_t)n};
  if (!chunked) return there < n ? WIRE_MORE : WIRE_WHOLE;
  size_t taken = 0;
  enum wire_state state = chunks(body, there, false, &out->body_length, &taken);
  if (state == WIRE_WHOLE) chunks(body, there, true, &out->body_length, &taken);
  out->bytes = head + taken;
  return state;
}

bool wire_next_verdict(const char *body, size_t length, size_t *at, struct wire_verdict *out) {
  static const char name[] = "\"code\"";
  const char *found = *at < length ? memmem(body + *at, length - *at, name, sizeof name - 1) : NULL;
  if (!found) return false;
  const char *end = body + length, *digit = found + sizeof name - 1;
  while (digit < end && (*digit == ':' || *digit == ' ')) digit++;
  bool minus = digit < end && *digit == '-';
  int64_t code = 0;
  for (digit += minus; digit < end && *digit >= '0' && *digit <= '9' && code < 1000000; digit++)
    code = code * 10 + (*digit - '0');
  *out = (struct wire_verdict){.code = minus ? -code : code};
  if (minus) {
    const char *next = memmem(digit, (size_t)(end - digit), name, sizeof name - 1);
    size_t words = (size_t)((next ? next : end) - digit);
    out->there = memmem(digit, words, "already exists", 14) != NULL;
    out->full = memmem(digit, words, "mempool is full", 15) != NULL || memmem(digit, words, "too many", 8) != NULL;
  }
  *at = (size_t)(digit - body);
  return true;
}

enum wire_state wire_read_frame(const char *bytes, size_t length, struct wire_frame *out) {
  const uint8_t *b = (const uint8_t *)bytes;
  if (length < 2) return WIRE_MORE;
  uint64_t n = b[1] & 127;
  size_t head = n == 127 ? 10 : n == 126 ? 4 : 2;
  if (b[1] & 0x80) return WIRE_BAD; /* a server's has no mask */
  if (length < head) return WIRE_MORE;
  if (head > 2) n = 0;
  for (size_t i = 2; i < head; i++) n = n << 8 | b[i];
  if (n > (1u << 30)) return WIRE_BAD;
  if (length - head < n) return WIRE_MORE;
  *out = (struct wire_frame){
      .opcode = b[0] & 15, .payload = bytes + head, .payload_length = (size_t)n, .bytes = head + (size_t)n};
  return WIRE_WHOLE;
}

size_t wire_frame(uint8_t opcode, const char *payload, size_t n, char *out) {
  out[0] = (char)(0x80 | opcode);
  out[1] = (char)(0x80 | (n & 127));
  memset(out + 2, 0, 4); /* the mask: any will do */
  if (n) memcpy(out + 6, payload, n);
  return n + 6;
}
