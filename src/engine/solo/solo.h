/* solo: the engine of one: lets transactions in, makes blocks of them, signs and keeps them. ENGINE 7; LEDGER 1.5.
 *
 * A chain of one validator with the blocks of CometBFT. Everything that is decided is decided here, and the time is
 * given by the caller, so a test plays a day of blocks in a second; the thread and the clock are in loop.h. A block is
 * made, written in one go, and only then told to anybody: a signature leaves the process after its block is on the
 * disk. Whoever kills it finds the chain after the last block that was written. Single thread, solo_write apart. Call
 * sign_open first.
 * Uses: ledger, store/kv, engine/comet, mempool, effects. */
#ifndef ENGINE_SOLO_SOLO_H
#define ENGINE_SOLO_SOLO_H
#include "crypto/sign.h"
#include "engine/comet/block.h"
#include "engine/solo/effects.h"
#include "engine/solo/mempool.h"
#include "ledger/ledger.h"
#include "ledger/map/proof.h"
#include "store/kv/kv.h"

/* Numbered as the program's exit codes. */
enum solo_status {
  SOLO_OK = 0,
  SOLO_IDLE = 1,      /* no block is due */
  SOLO_ERR_INPUT = 2, /* genesis, keys and store do not belong together, or the store is damaged */
  SOLO_ERR_STORE = 3  /* the disk did not take the block: solo_step may be called again, and writes that block */
};

enum { SOLO_APP_VERSION = 1, SOLO_POWER = 1 };
/* consensus_params: transactions of BLOCK_BYTES_MAX, and what a block has around them. */
enum { SOLO_BLOCK_BYTES_MAX = BLOCK_BYTES_MAX + (128 << 10) };

struct solo;

struct solo_options {
  struct kv *kv; /* of this chain; nobody else writes to it */
  const uint8_t *genesis;
  size_t genesis_length;
  const struct sign_secret *consensus, *vrf; /* of genesis's one validator; lent until solo_shut */
  uint32_t hands;                            /* threads beside the caller's that check signatures, at most CREW_MAX */
};

/* solo_open begins the chain in an empty store, or goes on where the store ends: the state is loaded and its root
 * compared with the store's (LEDGER 17.5). */
enum solo_status solo_open(struct solo **out, const struct solo_options *options, struct why *why);
void solo_shut(struct solo **s);

/* solo_take lets a transaction into the mempool. */
enum solo_take {
  SOLO_TAKEN = 0,
  SOLO_REFUSED = 1, /* by the ledger: result.code */
  SOLO_HERE = 2,    /* it waits already, or is in a block */
  SOLO_FULL = 3     /* the mempool; or this account's share of it: result.why */
};
enum solo_take solo_take(struct solo *s, const uint8_t *bytes, size_t length, struct ledger_result *result);

/* solo_expect checks the signatures of transactions that solo_take is going to be asked about, in several threads
 * (ENGINE 7.9). It changes no answer; of more than SOLO_EXPECT_MAX the rest is left to solo_take. */
enum { SOLO_EXPECT_MAX = 4096 };
void solo_expect(struct solo *s, const struct comet_span *transactions, uint32_t count);

/* solo_check is what solo_take would ask the ledger, and lets nothing in. */
void solo_check(struct solo *s, const uint8_t *bytes, size_t length, struct ledger_result *result);

/* solo_wait_ms: how long until a block is due at the clock's now_ms; 0 now, SOLO_NEVER without another transaction.
 * LEDGER 1.5. */
#define SOLO_NEVER UINT64_MAX
uint64_t solo_wait_ms(const struct solo *s, uint64_t now_ms);

/* solo_step makes the block that is due and keeps it: SOLO_OK, and then solo_head is that block's. After ERR_STORE the
 * next step writes the same block. */
enum solo_status solo_step(struct solo *s, uint64_t now_ms, struct why *why);

/* The same in pieces, so that others are let in while the disk works (ENGINE 7.10):
 *
 *   solo_make -> solo_write, as often as it takes -> solo_keep -> the next
 *             \-> solo_move_on, once, before solo_keep
 *
 * solo_make: SOLO_OK, and a block waits to be written; IDLE; ERR_INPUT. solo_move_on takes ledger and mempool behind
 * the block: what is let in from then on is let in on the new state. solo_write writes and waits for the disk; it may
 * run in another thread while this one calls solo_move_on, solo_take, solo_expect, solo_check or reads, solo_prove
 * apart. solo_keep, after a solo_write that was OK: solo_head is the block's. */
enum solo_status solo_make(struct solo *s, uint64_t now_ms, struct why *why);
void solo_move_on(struct solo *s);
enum solo_status solo_write(const struct solo *s, struct why *why);
void solo_keep(struct solo *s);

/* Reading. solo_head: the last block that was kept; height 0 before the first. solo_prove: why a key has its value, or
 * none, after that block (ledger/map/proof.h; proof has MAP_PROOF_BYTES_MAX bytes), with what binds the state to the
 * app hash; not between solo_make and solo_keep. */
struct solo_head {
  uint64_t height, time_ms;
  struct comet_block_id id;
  uint8_t app_hash[32]; /* after it: stands in the next header */
};
const struct solo_head *solo_head(const struct solo *s);
const struct mempool *solo_mempool(const struct solo *s);
struct solo_proof {
  uint8_t state_root[32], log_root[32];
  uint64_t log_size, height;
  size_t length;
  uint8_t bytes[MAP_PROOF_BYTES_MAX];
};
void solo_prove(struct solo *s, const struct map_key *key, struct solo_proof *out);

/* solo_receipt_name: the name of the event under which the store finds receipts of this kind by their task (68 hex
 * digits): its index is the receipt's place among those of its block. NULL: not kept so. */
const char *solo_receipt_name(uint8_t kind);

/* What does not change: of genesis and the keys. */
struct solo_chain {
  char chain_id[COMET_CHAIN_ID_MAX + 1];
  uint64_t genesis_ms;
  uint8_t genesis_hash[32], app_hash[32]; /* app_hash: of genesis, in block 1's header */
  struct comet_validator validator;
  uint8_t address[COMET_ADDRESS_BYTES];
};
const struct solo_chain *solo_chain(const struct solo *s);
void solo_account(const struct solo *s, uint8_t account[32]); /* the validator's */

#endif
