/* blob_port: states and data by root: put, asked for, fetched. LEDGER 19.
 *
 * A blob is leaves of 4,096 bytes under one root. One implementation keeps a shelf and talks to storers over HTTP
 * (blob_store.h); the other is in memory, for tests (agent/stage.h). Statuses are those of net/transfer. */
#ifndef AGENT_BLOB_PORT_H
#define AGENT_BLOB_PORT_H
#include "net/transfer/transfer.h"

struct blob_port {
  void *self;
  /* put: `length` bytes, padded with zeros to leaves, to here and to every storer; OK when one storer (or, where there
   * are none, this machine) has it. WRONG if root is not theirs. */
  enum transfer_status (*put)(void *self, const uint8_t root[32], const void *bytes, uint64_t length, struct why *why);
  /* get: leaves * 4,096 bytes into `bytes`, each leaf checked; NONE if nobody has it. */
  enum transfer_status (*get)(void *self, const uint8_t root[32], uint64_t leaves, uint8_t *bytes, struct why *why);
  /* has: is it on this machine, whole? */
  bool (*has)(void *self, const uint8_t root[32]);
};

#endif
