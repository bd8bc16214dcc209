/* stage: a node that answers what a test wants: right, cut, slow, endless. For tests only. */
#ifndef NET_CLIENT_STAGE_H
#define NET_CLIENT_STAGE_H
#include <stddef.h>

struct stage;

/* answer gets a request, whose body ends with a 0, and may do to the socket what it likes; afterwards the connection is
 * closed. */
struct stage_request {
  int socket;
  unsigned number; /* from 1 */
  const char *head, *body;
  size_t body_length;
};
typedef void stage_answer(void *context, const struct stage_request *request);

/* stage_open listens on a port of its own at 127.0.0.1 and answers one connection after the other, on its thread. */
struct stage *stage_open(stage_answer *answer, void *context);
const char *stage_url(const struct stage *s);
unsigned stage_count(const struct stage *s);
void stage_shut(struct stage *s);

/* stage_write sends bytes as they are, and says 0 when the other side is gone. stage_reply sends a whole answer with a
 * length. stage_result wraps a JSON text into the answer to the request's id. */
int stage_write(int socket, const void *bytes, size_t length);
void stage_reply(int socket, int http, const char *body, size_t length);
void stage_result(const struct stage_request *request, const char *json);
void stage_error(const struct stage_request *request, int code, const char *data);

#endif
