/* inside: what the parts of rpc share and nobody else sees: server.c (connections), exchange.c (requests and answers),
 * watch.c (subscriptions). Everything runs in the serving thread unless it says otherwise. */
#ifndef NET_RPC_INSIDE_H
#define NET_RPC_INSIDE_H
#include <libwebsockets.h>
#include <pthread.h>

#include "net/rpc/method.h"
#include "net/rpc/query.h"
#include "net/rpc/rpc.h"

/* Text on its way out; LWS_PRE bytes stand before it. */
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

struct connection {
  struct connection *before, *after;
  struct lws *wsi;
  struct rpc *rpc;
  uint64_t since_ms; /* the last request that was answered, or the beginning */
  bool websocket, discard, leave;
  /* The request that is being received: */
  uint8_t *body;
  size_t body_length, body_size;
  struct exchange *exchange; /* the one that is being answered */
  /* The answer to it, and on websockets events too: */
  struct message *first, **last;
  size_t queued;
  int http_status; /* 0: head sent */
  const char *type;
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
  struct lws_context *context;
  struct lws_vhost *vhost;
  struct node node;
  struct loop *loop;
  void (*say)(const char *text);
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
  bool ticking;
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

/* watch.c. watch_ask answers subscribe and its relatives with code and result or q->data. watch_block sends the events
 * of all heights up to `latest`. watch_shut forgets a connection's. */
bool watch_knows(const char *method);
enum question_code watch_ask(struct connection *c, struct question *q, json_t **result);
void watch_block(struct rpc *r, uint64_t latest);
void watch_shut(struct connection *c);

#endif
