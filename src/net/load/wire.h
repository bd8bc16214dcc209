/* wire: what the load generator writes and reads: requests, answers, and frames of a websocket.
 *
 * Answers are looked at as little as possible, because whoever measures shares the processors with the measured. Bytes
 * come from a node that the benchmark itself has started; nothing is trusted all the same. Uses: base64. */
#ifndef NET_LOAD_WIRE_H
#define NET_LOAD_WIRE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* wire_connect: a socket to 127.0.0.1, without delay, or -1. */
int wire_connect(uint16_t port);

/* A request with `count` transactions, written piece by piece: wire_begin, wire_add for each, wire_end, which puts the
 * head in front and gives where the whole begins. bytes has WIRE_HEAD_BYTES in front of the body; false: no room. */
enum { WIRE_HEAD_BYTES = 160 };
struct wire_request {
  char *bytes;
  size_t size, used;
  uint32_t count;
  bool batch, full;
};
struct wire_request wire_begin(char *bytes, size_t size, bool batch);
void wire_add(struct wire_request *r, const uint8_t *transaction, size_t length);
bool wire_end(struct wire_request *r, const char **whole, size_t *length);

/* An answer: wire_answer says whether the bytes hold a whole one, with a length or in chunks, and where its body is;
 * chunks are joined in place. */
enum wire_state { WIRE_WHOLE = 0, WIRE_MORE = 1, WIRE_BAD = 2 };
struct wire_answer {
  char *body;
  size_t body_length, bytes; /* bytes: of the whole answer, as it came */
};
enum wire_state wire_answer(char *text, size_t length, struct wire_answer *out);

/* wire_next_verdict finds the next "code" at or behind *at in a body: 0 taken, above 0 the application's reason, below
 * 0 JSON-RPC's, and then `there` when its words say that the transaction was known before, `full` that there is no
 * room. False behind the last. */
struct wire_verdict {
  int64_t code;
  bool there, full;
};
bool wire_next_verdict(const char *body, size_t length, size_t *at, struct wire_verdict *out);

/* A websocket's frame from the server: as wire_answer. opcode 1 is text. wire_frame writes a masked one of at most 125
 * bytes to the server, and returns its length; out has payload_length + 6 bytes. */
struct wire_frame {
  uint8_t opcode;
  const char *payload;
  size_t payload_length, bytes;
};
enum wire_state wire_read_frame(const char *bytes, size_t length, struct wire_frame *out);
size_t wire_frame(uint8_t opcode, const char *payload, size_t payload_length, char *out);

#endif
