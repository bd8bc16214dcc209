/* ledger: the chain's state machine: blocks of transactions in, a state root, results and receipts out. Integers only.
 * LEDGER.
 *
 * A pure function of genesis and the list of blocks: no socket, file or clock. The engines (solo, CometBFT) drive it in
 * this order for every height:
 *
 *   ledger_begin -> ledger_deliver x transactions -> ledger_end -> (ledger_changes, written to disk) -> ledger_commit
 *
 * ledger_begin on a height that was begun and not committed takes that attempt back first. A fresh chain stands where
 * ledger_end has left it: what genesis made is written and committed as block 0 before height 1 begins. Call sign_open
 * first. Uses: everything in this room. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H
#include "ledger/chain/chain.h"
#include "ledger/transaction/transaction.h"

/* LEDGER 3.6, and the lengths at which a block is full and almost empty. */
enum { BLOCK_BYTES_MAX = 2 << 20, BLOCK_GAS_MAX = 10000000, GAS_PRICE_MAX = 1000000, TIMERS_MAX = 1000 };
enum { UNTIL_TICKS_MAX = 4096 };

struct ledger;

/* Genesis is the fixed-layout G of LEDGER 3.3 (ledger/genesis/genesis.h). load: NULL for a fresh chain, else gives
 * every record of the stored state, each once, false at the end; that they are what was stored is seen by
 * ledger_app_hash. sink is copied. Memory for what one call needs is taken here. False with why, and then *out is
 * untouched. */
typedef bool ledger_record(void *context, struct map_key *key, struct map_value *value);
bool ledger_open(struct ledger **out, const uint8_t *genesis, size_t length, ledger_record *load, void *context,
                 const struct chain_sink *sink, struct why *why);
void ledger_shut(struct ledger *l);

struct ledger_block {
  uint64_t height, time_ms;
  const uint8_t *proposer; /* account 32: whose VRF key made the beacon */
  const uint8_t *beacon;   /* the BEACON transaction */
  size_t beacon_length;
  uint64_t bytes, gas; /* of its own transactions, BEACON apart: bytes, and the sum of declared gas */
};

struct ledger_result {
  uint16_t code; /* enum chain_code */
  bool admitted; /* it may stand in a block: its charge and nonce are kept whatever the code */
  uint32_t gas_wanted, gas_used;
  struct why why; /* for people */
};

/* ledger_begin: LEDGER 1.4 (1) to (5). False if the block is none: not the next height, not later than the one before,
 * too large, or with a beacon that does not check; then nothing has changed but that an earlier attempt is gone. */
bool ledger_begin(struct ledger *l, const struct ledger_block *b, struct why *why);

/* ledger_deliver: 1.4 (6). A failed transaction keeps its charge and its nonce and takes back everything else. One that
 * is not admitted changes nothing. */
void ledger_deliver(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result);

/* ledger_end: 1.4 (7) to (9), and tells the sink what the block told. ledger_changes shows what is to be written. */
void ledger_end(struct ledger *l, uint8_t app_hash[32]);
bool ledger_changes(const struct ledger *l, map_show *show, void *context);
void ledger_commit(struct ledger *l);

/* ledger_check is for a mempool: would this transaction, on the present state and after those checked since, be allowed
 * into a block (form, key, time, nonce, price, funds for its gas, signature)? ledger_check_reset forgets those checked
 * since; call it after a commit, and check again what is left. ledger_try answers as ledger_check would and remembers
 * nothing. */
void ledger_check(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result);
void ledger_try(struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_result *result);
void ledger_check_reset(struct ledger *l);

/* ENGINE 7.9: signatures may be checked before a transaction's turn, in other threads. ledger_signers finds on the
 * present state whose keys must have signed it, also for one that is up to SIGNERS_AHEAD_MAX nonces behind others that
 * come first; false if nobody needs to look: it would not be let in whoever signed it, is longer than
 * TRANSACTION_BYTES_MAX, or is known to be well signed. ledger_signers_signed looks, from any thread, without the
 * ledger. ledger_signed remembers that it was true: a hint for these bytes and keys (ledger/hint.h), which changes no
 * answer. */
enum { SIGNERS_AHEAD_MAX = 511 };
struct ledger_signers {
  uint8_t mark[32], genesis[32], key[32], payer_key[32];
};
bool ledger_signers(const struct ledger *l, const uint8_t *bytes, size_t length, struct ledger_signers *out);
bool ledger_signers_signed(const struct ledger_signers *s, const uint8_t *bytes, size_t length);
void ledger_signed(struct ledger *l, const struct ledger_signers *s);

/* Reading, between a commit and the next begin. ledger_chain lends what queries look at. ledger_app_hash: of the last
 * ledger_end, or of what was loaded. ledger_wants_block: is a live timer or wait armed (LEDGER 1.5)?
 * ledger_wants_another: did the last block hold a transaction or run a timer, so that one more is due?
 * ledger_beacon_input: what the proposer's VRF proves for the next height; 0 if it does not fit. */
const struct chain *ledger_chain(const struct ledger *l);
void ledger_app_hash(const struct ledger *l, uint8_t hash[32]);
bool ledger_wants_block(const struct ledger *l);
bool ledger_wants_another(const struct ledger *l);
size_t ledger_beacon_input(const struct ledger *l, uint8_t *bytes, size_t bytes_max);

#endif
