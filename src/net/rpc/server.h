/* server: one connection at a time; rpc.c has the loop over all of them. For those two only. */
#ifndef NET_RPC_SERVER_H
#define NET_RPC_SERVER_H
#include <errno.h>

#include "net/rpc/inside.h"

struct connection *connection_begin(struct rpc *r, int socket);
void connection_end(struct connection *c);

/* connection_ready: may the next request be read? connection_receive reads what there is, once; connection_take takes
 * one request from it, false when there is none; connection_send sends what can be sent; connection_age ends what is
 * silent for too long. Whatever ends a connection sets `over`. */
bool connection_ready(const struct connection *c);
void connection_receive(struct connection *c);
bool connection_take(struct connection *c);
void connection_send(struct connection *c);
void connection_age(struct connection *c, uint64_t now_ms);

static inline bool server_again(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

#endif
