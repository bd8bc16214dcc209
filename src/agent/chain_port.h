/* chain_port: all that an agent knows of a chain: questions to its committed state, and one way to send.
 *
 * One implementation asks a node (net/client, with its statuses and promises); the other is a chain in memory
 * (agent/stage.h), so that a test plays a whole network in one process without a socket. Blocking; one port, one
 * thread. Uses: net/client. */
#ifndef AGENT_CHAIN_PORT_H
#define AGENT_CHAIN_PORT_H
#include "net/client/client.h"

struct chain_port {
  void *self;
  uint8_t genesis[32]; /* genesis hash: what a signature names */

  /* As client_get, client_walk, client_receipt, client_send, client_result, client_wait. */
  enum client_status (*get)(void *self, const struct map_key *key, uint8_t **value, size_t *length, uint64_t *height,
                            struct why *why);
  enum client_status (*walk)(void *self, const struct map_key *prefix, const struct map_key *after, uint32_t most,
                             client_show *show, void *context, uint64_t *height, struct why *why);
  enum client_status (*receipt)(void *self, uint64_t number, uint8_t **receipt, size_t *receipt_length,
                                uint8_t **payments, size_t *payments_length, struct why *why);
  enum client_status (*send)(void *self, const uint8_t *bytes, size_t length, uint32_t *code, struct why *why);
  enum client_status (*result)(void *self, const uint8_t id[32], struct client_result *out, struct why *why);
  enum client_status (*wait)(void *self, uint64_t height, uint32_t ms, struct why *why);
  /* Bytes that the chain keeps beside its state, by hash: a tape under its root (LEDGER 7.2); heap, the caller frees.
   * The caller checks them. */
  enum client_status (*content)(void *self, const uint8_t hash[32], uint8_t **bytes, size_t *length, struct why *why);
  /* The hash of the genesis that answers now; NULL: there is only one. */
  enum client_status (*identity)(void *self, uint8_t genesis_hash[32], struct why *why);
};

/* chain_port_over asks a node through a client, which the caller shuts. */
struct chain_port chain_port_over(struct client *client, const uint8_t genesis[32]);

#endif
