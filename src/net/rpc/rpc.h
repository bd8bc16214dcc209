/* rpc: a node's door: CometBFT's RPC over HTTP and websockets, for clients written for CometBFT. ENGINE 8.
 *
 * One thread serves all connections; it reads the store, asks the engine's thread for the rest, and never waits for
 * either. Every bound below is on what strangers can make grow. Uses: http, jansson, method, engine/solo/loop. */
#ifndef NET_RPC_RPC_H
#define NET_RPC_RPC_H
#include "base/why.h"
#include "engine/solo/loop.h"

/* ENGINE 8.5. */
enum {
  RPC_CONNECTIONS_MAX = 480,         /* the one idle longest makes room for a new one */
  RPC_REQUEST_BYTES_MAX = 1500000,   /* a TAPE of 1,000,000 bytes in base64 and its frame */
  RPC_REQUESTS_BYTES_MAX = 64 << 20, /* of all that are being received */
  RPC_ANSWERS_BYTES_MAX = 256 << 20, /* of all that are being sent */
  RPC_ANSWER_BYTES_MAX = 32 << 20,   /* of one batch */
  RPC_QUEUE_BYTES_MAX = 8 << 20,     /* of events that a websocket has not read */
  RPC_WATCHERS_MAX = 100,            /* websockets that subscribe */
  RPC_WATCHES_MAX = 5,               /* subscriptions of one of them */
  RPC_REQUEST_SECONDS = 10,          /* for a request to arrive, and between two pieces of it */
  RPC_IDLE_SECONDS = 60              /* between two requests */
};

struct rpc;

struct rpc_options {
  struct solo *solo; /* rpc starts its loop and ends it */
  const uint8_t *genesis;
  size_t genesis_length;
  const char *address;           /* to listen at: "127.0.0.1" */
  uint16_t port;                 /* 0: any that is free; see rpc_port */
  const char *faucet;            /* TRANSFER 1.8; NULL: none */
  void (*say)(const char *text); /* troubles, for people; called in any thread */
};

/* rpc_open listens; false with why. rpc_run serves until *stop or until the engine has stopped for good: false then.
 * rpc_shut ends the engine's thread too. */
bool rpc_open(struct rpc **out, const struct rpc_options *options, struct why *why);
bool rpc_run(struct rpc *r, const volatile int *stop);
void rpc_shut(struct rpc **r);
uint16_t rpc_port(const struct rpc *r);

#endif
