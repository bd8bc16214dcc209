/* ledger: the chain's state machine: blocks of transactions in, a state root, results and receipts out. Integers only.
 * LEDGER.
 *
 * A pure function of genesis and the list of blocks: no socket, file or clock. The engines (solo, CometBFT) drive it in
 * this order for every height (the sink hears from ledger_end):
 *
 *   ledger_begin -> ledger_deliver x transactions -> ledger_end -> (ledger_changes, written to disk) -> ledger_commit
 *
 * ledger_begin on a height that was begun and not committed takes that attempt back first. Uses: everything in this
 * room. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H
#include "ledger/chain/chain.h"
#include "ledger/transaction/transaction.h"

struct ledger;

/* Memory for one tape while it is checked comes from an arena that ledger_open takes. Genesis is the fixed-layout G of
 * LEDGER 3.3 (ledger/genesis/genesis.h). load: NULL for a fresh chain, else gives every record of the stored state in
 * key order, one a call, false at the end; the app hash is then computed again, and the caller compares ledger_app_hash
 * with the stored one. False with why. */
typedef bool ledger_record(void *context, struct map_key *key, struct map_value *value);
bool ledger_open(struct ledger **out, const uint8_t *genesis, size_t length, ledger_record *load, void *context,
                 const struct chain_sink *sink, struct why *why);
void ledger_shut(struct ledger *l);

struct ledger_block {
  uint64_t height, time_ms;
  const uint8_t *proposer; /* account 32: whose VRF key made the beacon */
  const uint8_t *beacon;   /* the BEACON transaction */
  size_t beacon_length;
  uint64_t bytes, gas; /* of its own transactions: bytes, and the sum of declared gas */
};

struct ledger_result {
  uint16_t code; /* enum chain_code */
  uint32_t gas_wanted, gas_used;
  struct why why; /* for people */
};

/* ledger_begin: LEDGER 1.4 (1) to (5). False if the beacon does not check: the block is none. */
bool ledger_begin(struct ledger *l, const struct ledger_block *b, struct why *why);

/* ledger_deliver: 1.4 (6). A failed transaction keeps its charge and its nonce and takes back everything else. */
void ledger_deliver(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result);

/* ledger_end: 1.4 (7) to (9). */
void ledger_end(struct ledger *l, uint8_t app_hash[32]);
bool ledger_changes(const struct ledger *l, map_show *show, void *context);
void ledger_commit(struct ledger *l);

/* ledger_check is for a mempool: would this transaction, on the state after the last commit and those checked since, be
 * allowed into a block (form, signature, nonce, funds for its gas)? ledger_check_reset forgets those checked since. */
void ledger_check(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result);
void ledger_check_reset(struct ledger *l);

/* Reading. ledger_chain lends what queries look at, between a commit and the next begin. ledger_wants_block:
 * LEDGER 1.5, is a live timer or wait armed? ledger_beacon_input: what the proposer's VRF proves for the next height
 * (LEDGER 6.1). */
const struct chain *ledger_chain(const struct ledger *l);
bool ledger_wants_block(const struct ledger *l);
size_t ledger_beacon_input(const struct ledger *l, uint8_t *bytes, size_t bytes_max);

#endif
