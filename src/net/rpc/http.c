#include "net/rpc/http.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"

static bool blank(char c) { return c == ' ' || c == '\t'; }

/* A piece of text without its end. */
struct text {
  const char *at;
  size_t length;
};

static bool is(struct text t, const char *word) {
  return t.length == strlen(word) && strncasecmp(t.at, word, t.length) == 0;
}

/* One of a list with commas. */
static bool lists(struct text t, const char *word) {
  const char *end = t.at + t.length;
  while (t.at < end) {
    const char *comma = memchr(t.at, ',', (size_t)(end - t.at)), *stop = comma ? comma : end;
    struct text one = {t.at, (size_t)(stop - t.at)};
    while (one.length && blank(one.at[0])) one.at++, one.length--;
    while (one.length && blank(one.at[one.length - 1])) one.length--;
    if (is(one, word)) return true;
    t.at = stop + (comma ? 1 : 0);
    if (!comma) break;
  }
  return false;
}

static bool number(struct text t, uint64_t *out) {
  uint64_t x = 0;
  if (!t.length || t.length > 18) return false;
  for (size_t i = 0; i < t.length; i++) {
    if (t.at[i] < '0' || t.at[i] > '9') return false;
    x = x * 10 + (uint64_t)(t.at[i] - '0');
  }
  *out = x;
  return true;
}

/* "GET /status?x=1 HTTP/1.1" */
static bool read_first(struct text line, struct http_head *h) {
  const char *space = memchr(line.at, ' ', line.length);
  if (!space) return false;
  struct text method = {line.at, (size_t)(space - line.at)};
  h->method = method.length == 3 && !memcmp(method.at, "GET", 3)    ? HTTP_GET
              : method.length == 4 && !memcmp(method.at, "POST", 4) ? HTTP_POST
                                                                    : HTTP_OTHER;
  h->target = space + 1;
  const char *end = line.at + line.length, *second = memchr(h->target, ' ', (size_t)(end - h->target));
  if (!second || second == h->target || h->target[0] != '/') return false;
  h->target_length = (size_t)(second - h->target);
  struct text version = {second + 1, (size_t)(end - second - 1)};
  h->keep = is(version, "HTTP/1.1");
  return h->keep || is(version, "HTTP/1.0");
}

static bool read_field(struct text line, struct http_head *h) {
  const char *colon = memchr(line.at, ':', line.length);
  if (!colon || colon == line.at || blank(line.at[0]) || blank(colon[-1])) return false;
  struct text name = {line.at, (size_t)(colon - line.at)},
              value = {colon + 1, (size_t)(line.at + line.length - colon - 1)};
  while (value.length && blank(value.at[0])) value.at++, value.length--;
  while (value.length && blank(value.at[value.length - 1])) value.length--;
  if (is(name, "Content-Length")) {
    if (h->has_length) return false; /* two of them could be read in two ways */
    h->has_length = true;
    return number(value, &h->body_length);
  }
  if (is(name, "Transfer-Encoding")) h->chunked = true;
  if (is(name, "Expect")) h->expect = is(value, "100-continue");
  if (is(name, "Connection") && lists(value, "close")) h->keep = false;
  if (is(name, "Upgrade")) h->upgrade = lists(value, "websocket");
  if (is(name, "Sec-WebSocket-Key")) {
    if (!value.length || value.length > HTTP_KEY_MAX || h->key[0]) return false;
    memcpy(h->key, value.at, value.length);
  }
  return true;
}

enum http_status http_read_head(const char *text, size_t length, struct http_head *out) {
  struct http_head h = {0};
  size_t look = length < HTTP_HEAD_BYTES_MAX ? length : HTTP_HEAD_BYTES_MAX, start = 0;
  bool first = true;
  for (;;) {
    const char *end = memchr(text + start, '\n', look - start);
    if (!end) return length >= HTTP_HEAD_BYTES_MAX ? HTTP_BAD : HTTP_MORE;
    struct text line = {text + start, (size_t)(end - text) - start};
    start = (size_t)(end - text) + 1;
    if (!line.length || line.at[line.length - 1] != '\r') return HTTP_BAD;
    line.length--;
    for (size_t i = 0; i < line.length; i++)
      if (((uint8_t)line.at[i] < ' ' && line.at[i] != '\t') || line.at[i] == 127) return HTTP_BAD;
    if (!line.length && first) return HTTP_BAD;
    if (!line.length) break;
    if (!(first ? read_first(line, &h) : read_field(line, &h))) return HTTP_BAD;
    first = false;
  }
  if (h.chunked && h.has_length) return HTTP_BAD;
  h.bytes = start;
  *out = h;
  return HTTP_OK;
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool http_decode(char *text, size_t length, size_t *out) {
  size_t n = 0;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (c == '%') {
      if (length - i < 3 || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return false;
      c = (char)(digit(text[i + 1]) << 4 | digit(text[i + 2]));
      i += 2;
    }
    if (!c) return false;
    text[n++] = c;
  }
  *out = n;
  return true;
}

/* SHA-1 of one short message, for the one place where RFC 6455 wants it; nothing is secured by it. FIPS 180-4. */
static uint32_t turn(uint32_t x, int by) { return x << by | x >> (32 - by); }

static void sha1_block(const uint8_t *bytes, uint32_t h[5]) {
  uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 | (uint32_t)bytes[4 * i + 2] << 8 |
           bytes[4 * i + 3];
  for (int i = 16; i < 80; i++) w[i] = turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  for (int i = 0; i < 80; i++) {
    uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t next = turn(a, 5) + f + e + k[i / 20] + w[i];
    e = d, d = c, c = turn(b, 30), b = a, a = next;
  }
  h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

void http_accept(const char *key, char accept[HTTP_ACCEPT_BYTES + 1]) {
  static const char suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  uint8_t message[192] = {0}, hash[20];
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  size_t length = strlen(key) + sizeof suffix - 1, blocks = (length + 9 + 63) / 64;
  memcpy(message, key, strlen(key));
  memcpy(message + strlen(key), suffix, sizeof suffix - 1);
  message[length] = 0x80;
  message[64 * blocks - 2] = (uint8_t)(length * 8 >> 8);
  message[64 * blocks - 1] = (uint8_t)(length * 8);
  for (size_t i = 0; i < blocks; i++) sha1_block(message + 64 * i, h);
  for (int i = 0; i < 20; i++) hash[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
  base64_encode(hash, sizeof hash, accept);
}

enum http_status http_read_frame(uint8_t *bytes, size_t length, size_t most, struct http_frame *out) {
  if (length < 2) return HTTP_MORE;
  uint8_t opcode = bytes[0] & 15, small = bytes[1] & 127;
  bool last = bytes[0] & 0x80, control = opcode >= 8;
  size_t head = 2 + (small == 126 ? 2 : small == 127 ? 8 : 0) + 4;
  if (bytes[0] & 0x70 || !(bytes[1] & 0x80)) return HTTP_BAD;
  if ((opcode > 2 && opcode < 8) || opcode > 10 || (control && (!last || small > 125))) return HTTP_BAD;
  if (length < head) return HTTP_MORE;
  uint64_t payload = small;
  if (small >= 126) {
    payload = 0;
    for (size_t i = 2; i < head - 4; i++) payload = payload << 8 | bytes[i];
  }
  if (payload > most) return HTTP_BAD;
  if (length - head < payload) return HTTP_MORE;
  for (size_t i = 0; i < payload; i++) bytes[head + i] ^= bytes[head - 4 + i % 4];
  *out = (struct http_frame){.opcode = opcode,
                             .last = last,
                             .payload = bytes + head,
                             .payload_length = (size_t)payload,
                             .bytes = head + (size_t)payload};
  return HTTP_OK;
}

size_t http_frame_head(uint8_t opcode, size_t n, uint8_t head[10]) {
  head[0] = 0x80 | opcode;
  if (n < 126) {
    head[1] = (uint8_t)n;
    return 2;
  }
  size_t bytes = n < 65536 ? 2 : 8;
  head[1] = bytes == 2 ? 126 : 127;
  for (size_t i = 0; i < bytes; i++) head[2 + i] = (uint8_t)((uint64_t)n >> (8 * (bytes - 1 - i)));
  return 2 + bytes;
}
