/* listen: a small HTTP/1.1 server for blobs and for who gives money away, one request a connection, one thread each.
 * TRANSFER 2.9.
 *
 * Written for its bounds: a connection has a deadline that a trickle of bytes does not move, one address has at most a
 * part of the places, and what is refused is not read to its end. Uses: serve, threads, sockets. */
#ifndef NET_TRANSFER_LISTEN_H
#define NET_TRANSFER_LISTEN_H
#include "net/transfer/serve.h"

enum { LISTEN_PLACES = 64, LISTEN_PLACES_ADDRESS = 16, LISTEN_HEAD_MS = 5000, LISTEN_BODY_MS = 10000 };

struct listen;

/* listen_open answers at address (a number, "127.0.0.1" or "::") and port, 0 for any that is free; the serve is lent
 * until listen_shut, which ends the connections that there are and waits for them. Call sign_open before. */
bool listen_open(struct listen **out, const char *address, uint16_t port, const struct serve *serve, struct why *why);

/* listen_open_for does the same for another kind of answers: `answer` writes exactly one, in a thread of its own, and
 * may take its time before e->answers. */
typedef void listen_answer(void *context, struct exchange *e);
bool listen_open_for(struct listen **out, const char *address, uint16_t port, listen_answer *answer, void *context,
                     struct why *why);
uint16_t listen_port(const struct listen *l);
void listen_shut(struct listen *l);

#endif
