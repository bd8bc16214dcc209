/* http: the heads of HTTP/1.1 requests and the frames of websockets, as far as a node needs them. RFC 9112, RFC 6455.
 *
 * Bytes come from a stranger and may stop anywhere, so every reader says whether it needs more. What two readers could
 * understand differently is refused. No memory. Uses: base64. */
#ifndef NET_RPC_HTTP_H
#define NET_RPC_HTTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_HEAD_BYTES_MAX = 16384, HTTP_KEY_MAX = 64, HTTP_ACCEPT_BYTES = 28 };

enum http_status { HTTP_OK = 0, HTTP_MORE = 1, HTTP_BAD = 2 };
enum http_method { HTTP_GET, HTTP_POST, HTTP_OTHER };

struct http_head {
  enum http_method method;
  size_t bytes;       /* with the empty line */
  const char *target; /* in the text: path, and arguments behind a '?' */
  size_t target_length;
  bool has_length, chunked, keep, upgrade, expect; /* keep: the connection may stay; upgrade: to a websocket */
  uint64_t body_length;
  char key[HTTP_KEY_MAX + 1]; /* Sec-WebSocket-Key */
};

/* http_read_head: BAD also when there is no end in HTTP_HEAD_BYTES_MAX. */
enum http_status http_read_head(const char *text, size_t length, struct http_head *out);

/* http_decode undoes %41 in place and returns the new length; false for a % that is none, or a 0. */
bool http_decode(char *text, size_t length, size_t *out);

/* http_accept answers a key: RFC 6455 4.2.2. */
void http_accept(const char *key, char accept[HTTP_ACCEPT_BYTES + 1]);

/* A frame from a client is masked. http_read_frame: BAD for a length above most, a control frame that is long or in
 * pieces, reserved bits, no mask. The payload of an OK frame is unmasked in place. */
enum http_opcode {
  HTTP_CONTINUATION = 0,
  HTTP_TEXT = 1,
  HTTP_BINARY = 2,
  HTTP_CLOSE = 8,
  HTTP_PING = 9,
  HTTP_PONG = 10
};
struct http_frame {
  uint8_t opcode;
  bool last;
  uint8_t *payload;
  size_t payload_length, bytes;
};
enum http_status http_read_frame(uint8_t *bytes, size_t length, size_t most, struct http_frame *out);

/* http_frame_head writes the head of a whole frame to a client; returns its length, at most 10. */
size_t http_frame_head(uint8_t opcode, size_t payload_length, uint8_t head[10]);

#endif
