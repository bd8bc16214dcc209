/* question: JSON-RPC 2.0 in CometBFT's manner: what was asked, in one form whether by POST, GET or websocket.
 * ENGINE 8.1.
 *
 * Bytes come from a stranger. Text is read by jansson within the bounds of the body; what is in it is checked here.
 * Uses: jansson, base64, hex. */
#ifndef NET_RPC_QUESTION_H
#define NET_RPC_QUESTION_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUESTIONS_MAX = 10, QUESTION_PARAMS_MAX = 5 };

/* Wire values. QUESTION_OK and QUESTION_LATER are never on the wire. */
enum question_code {
  QUESTION_OK = 0,
  QUESTION_LATER = 1, /* the answer comes later */
  QUESTION_PARSE = -32700,
  QUESTION_REQUEST = -32600,
  QUESTION_METHOD = -32601,
  QUESTION_PARAMS = -32602,
  QUESTION_INTERNAL = -32603
};

/* One question. id NULL: nobody waits for an answer. args: names and values; from_uri: they are texts as in a URL. */
struct question {
  json_t *id, *args;
  const char *method; /* in text */
  char *text;
  bool from_uri;
  char data[256]; /* of an error */
};
void question_shut(struct question *q);

/* question_of_json reads one member of a batch, or the one question. QUESTION_OK, or the error that is to be answered,
 * with q->data; q->id is there if it could be read. `parameters` gives a method's names, for arguments that stand in a
 * row: NULL-ended; NULL itself for a method that there is not. */
typedef const char *const *question_names(const char *method);
enum question_code question_of_json(json_t *json, question_names *names, struct question *q);

/* question_result and question_error make the answer; both take what they are given. id NULL: left out. */
json_t *question_result(json_t *id, json_t *result);
json_t *question_error(json_t *id, enum question_code code, const char *data);

/* Arguments. Each leaves *out as it was when the argument is absent or null, and says QUESTION_PARAMS with q->data when
 * it is not of its kind. A number is a decimal string, as CometBFT wants it; bytes are base64 (GET: 0x and digits, or
 * text in quotes), hex are digits (GET: 0x before them). *bytes is heap, the caller frees. */
enum question_code question_number(struct question *q, const char *name, uint64_t max, uint64_t *out, bool *given);
enum question_code question_bool(struct question *q, const char *name, bool *out);
enum question_code question_text(struct question *q, const char *name, const char **out);
enum question_code question_bytes(struct question *q, const char *name, uint8_t **bytes, size_t *length);
enum question_code question_hex(struct question *q, const char *name, uint8_t **bytes, size_t *length);

#endif
