/* load: many connections that send transactions to a node as fast as its answers come, and one that watches its blocks.
 *
 * For benchmarks. It speaks the RPC of CometBFT 0.38 over HTTP/1.1 with connections that stay open, so it measures ours
 * and theirs alike. Each connection has one request in flight: broadcast_tx_sync of one transaction, or a JSON-RPC
 * batch of several. What is refused because the mempool is full is sent again after a pause. Counted is what stands in
 * blocks, not what was let in: a websocket tells when each block can be asked for, and after the measured time the
 * blocks are read and every transaction in them is looked up. One thread. Linux. Uses: base64, jansson. */
#ifndef NET_LOAD_LOAD_H
#define NET_LOAD_LOAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/why.h"

enum { LOAD_CONNECTIONS_MAX = 400, LOAD_BATCH_MAX = 10, LOAD_TRANSACTION_BYTES_MAX = 1024 };

struct load_options {
  uint16_t port; /* on 127.0.0.1 */
  pid_t node;    /* its process */
  uint32_t connections, batch;
  uint32_t warm_ms, measure_ms; /* load before what is counted, and while it is */
  const volatile int *stop;     /* set: ends early with false; NULL: never */

  /* give lends transaction `index` of a connection, at most LOAD_TRANSACTION_BYTES_MAX bytes, until the next call;
   * false behind the last. which says whose transaction stands in a block; false: nobody's here. */
  bool (*give)(void *context, uint32_t connection, uint32_t index, const uint8_t **bytes, size_t *length);
  bool (*which)(void *context, const uint8_t *bytes, size_t length, uint32_t *connection, uint32_t *index);
  void *context;
};

/* Seconds from one block of the measured time to another, the transactions of the blocks behind the first up to the
 * last, and how long each of those took from the send that let it in to its block being announced. */
struct load_figures {
  double seconds, per_second, median_s, p99_s;
  uint64_t committed, blocks;
  uint64_t full;                  /* sent in vain, because the mempool was full */
  double node_cpu_us, own_cpu_us; /* processor time for each of them, of the node and of the generator */
  bool ran_out;                   /* a connection had nothing left to send: the figures say too little */
};

/* load_run: false with why when the node cannot be reached, says something else than JSON-RPC, refuses a transaction
 * for another reason than room, or makes fewer than two blocks in the measured time. Takes warm_ms + measure_ms, and
 * the time to read the blocks. */
bool load_run(const struct load_options *o, struct load_figures *out, struct why *why);

/* load_height: the height of the last block, for whoever waits for a node to be up; false when nobody answers. */
bool load_height(uint16_t port, uint64_t *height);

#endif
