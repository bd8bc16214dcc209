/* inside: what the parts of rpc share and nobody else sees: server.c (connections), exchange.c (requests and answers),
 * watch.c (subscriptions). Everything runs in the serving thread unless it says otherwise. */
#ifndef NET_RPC_INSIDE_H
#define NET_RPC_INSIDE_H
#include <pthread.h>

#include "net/rpc/method.h"
#include "net/rpc/query.h"
#include "net/rpc/rpc.h"

/* Bytes on their way out. */
struct message {
  struct message *next;
  size_t length, sent;
  uint8_t bytes[];
};

struct watch {
  struct query query;
  char *text;
  json_t *id;
};

/* What a connection waits for follows from what it has: an exchange (an answer to be made), messages (the other side to
 * read), or neither (a request). While there is either, HTTP reads nothing. */
struct connection {
  struct connection *before, *after;
  struct rpc *rpc;
  int socket;
  uint32_t place;                        /* in the array of poll; 0: not in it yet */
  uint64_t since_ms;                     /* the last request that was answered, or the beginning */
  uint64_t heard_ms;                     /* the last byte in or out */
  bool websocket, keep, pinged, went_on; /* went_on: was told to send its body */
  bool leave;                            /* after what is to be sent */
  bool parting; /* all is sent, and our side is closed: what still comes is thrown away for a moment */
  bool over;    /* to be closed now */
  uint8_t *in;
  size_t in_length, in_size;
  uint8_t *pieces; /* of a websocket's message that came in several frames */
  size_t pieces_length;
  struct exchange *exchange;
  struct message *first, **last;
  size_t queued;
  struct watch *watch[RPC_WATCHES_MAX];
  uint32_t watches;
};

/* A request of one or more questions; connection NULL when it is gone before the answer. */
struct exchange {
  struct exchange *before, *after;
  struct rpc *rpc;
  struct connection *connection;
  bool batch, uri, started;
  uint32_t count, open; /* open: not answered yet */
  uint64_t until_ms;    /* for those that wait for a block */
  json_t *answer[QUESTIONS_MAX];
  struct asked asked[];
};

struct rpc {
  struct node node;
  struct loop *loop;
  void (*say)(const char *text);
  int listening, wake[2];
  uint16_t port;
  struct connection *connections;
  struct exchange *exchanges;
  struct asked *parked; /* those that wait for a block */
  uint32_t connections_count, watchers_count;
  size_t bodies_bytes, answers_bytes;
  uint64_t told; /* the height whose events were sent */
  pthread_mutex_t lock;
  /* Under the lock, from the engine's thread: */
  struct asked *done, **done_last;
  uint64_t latest;
};

uint64_t server_clock_ms(void); /* monotonic */

/* exchange.c. exchange_text begins with a request's bytes, exchange_uri with a path and its arguments; the answer comes
 * by server_answer, at once or later. exchange_blocks looks after those that wait for a block; exchange_done takes what
 * the engine's thread has answered. exchange_lost: the connection goes. */
void exchange_text(struct connection *c, const uint8_t *bytes, size_t length);
void exchange_uri(struct connection *c, const char *method, json_t *args);
void exchange_done(struct rpc *r);
void exchange_blocks(struct rpc *r);
void exchange_lost(struct exchange *e);
void exchange_free(struct exchange *e);

/* server.c. server_answer gives the answer to a connection's exchange, `text` of the heap is taken (NULL: no answer);
 * server_event queues an event, false when the reader is too slow and is going to be cut off. */
void server_answer(struct connection *c, int http_status, const char *type, char *text);
bool server_event(struct connection *c, json_t *frame);
void server_wake(struct rpc *r); /* from any thread: something is to be looked at */

/* watch.c. watch_ask answers subscribe and its relatives with code and result or q->data. watch_block sends the events
 * of all heights up to `latest`. watch_shut forgets a connection's. */
bool watch_knows(const char *method);
enum question_code watch_ask(struct connection *c, struct question *q, json_t **result);
void watch_block(struct rpc *r, uint64_t latest);
void watch_shut(struct connection *c);

#endif
