/* stage: a network in one process: a chain of one validator whose port, blob store and blocks are function calls.
 *
 * Transactions that are sent wait, and network_block makes a block of those the ledger lets in. Any number of
 * agents share one network. Faults: transactions may be lost on their way, and the node may not answer. For tests.
 * Uses: ledger/stage. */
#ifndef AGENT_STAGE_H
#define AGENT_STAGE_H
#include "agent/blob_port.h"
#include "agent/chain_port.h"
#include "ledger/stage.h"

struct network;

/* network_open begins the chain of ledger/stage.h: 8 accounts with keys, 0 to 3 providers of every role. */
struct network *network_open(void);
void network_shut(struct network *n);
struct stage *network_stage(struct network *n);

/* network_port answers from the last block; its wait makes a block of 25 ms of the chain's time if the height is not
 * reached (`still`: it does not, for networks that are driven from outside). network_blobs is one store that everybody
 * shares. */
struct chain_port network_port(struct network *n);
struct blob_port network_blobs(struct network *n);
void network_still(struct network *n, bool still);

/* network_block makes a block with all that waits. network_blocks: count of them. */
void network_block(struct network *n);
void network_blocks(struct network *n, uint32_t count);

/* Faults: the next `count` transactions are taken and lost; the node does not answer while lost. network_blob_forget
 * takes a blob away. */
void network_lose(struct network *n, uint32_t count);
void network_silent(struct network *n, bool silent);
bool network_blob_forget(struct network *n, const uint8_t root[32]);

/* What came out: receipts, in order. */
uint64_t network_receipts(const struct network *n);

#endif
