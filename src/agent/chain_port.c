#include "agent/chain_port.h"

#include <string.h>

static enum client_status get(void *self, const struct map_key *key, uint8_t **value, size_t *length, uint64_t *height,
                              struct why *why) {
  return client_get(self, key, value, length, height, why);
}

static enum client_status walk(void *self, const struct map_key *prefix, const struct map_key *after, uint32_t most,
                               client_show *show, void *context, uint64_t *height, struct why *why) {
  return client_walk(self, prefix, after, most, show, context, height, why);
}

static enum client_status receipt(void *self, uint64_t number, uint8_t **bytes, size_t *length, uint8_t **payments,
                                  size_t *payments_length, struct why *why) {
  return client_receipt(self, number, bytes, length, payments, payments_length, why);
}

static enum client_status send(void *self, const uint8_t *bytes, size_t length, uint32_t *code, struct why *why) {
  return client_send(self, bytes, length, code, why);
}

static enum client_status result(void *self, const uint8_t id[32], struct client_result *out, struct why *why) {
  return client_result(self, id, out, why);
}

static enum client_status wait(void *self, uint64_t height, uint32_t ms, struct why *why) {
  return client_wait(self, height, ms, why);
}

static enum client_status content(void *self, const uint8_t hash[32], uint8_t **bytes, size_t *length,
                                  struct why *why) {
  return client_content(self, hash, bytes, length, why);
}

static enum client_status identity(void *self, uint8_t genesis_hash[32], struct why *why) {
  return client_genesis(self, genesis_hash, why);
}

struct chain_port chain_port_over(struct client *client, const uint8_t genesis[32]) {
  struct chain_port port = {.self = client,
                            .get = get,
                            .walk = walk,
                            .receipt = receipt,
                            .send = send,
                            .result = result,
                            .wait = wait,
                            .content = content,
                            .identity = identity};
  memcpy(port.genesis, genesis, sizeof port.genesis);
  return port;
}
