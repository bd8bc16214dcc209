/* state: what a solo engine is made of. For the files beside this one: solo.c (open, mempool, reading), produce.c
 * (blocks). */
#ifndef ENGINE_SOLO_STATE_H
#define ENGINE_SOLO_STATE_H
#include "engine/solo/crew.h"
#include "engine/solo/solo.h"

enum { BEACON_BYTES_MAX = 512 };

/* A transaction whose signatures are checked before it is taken. */
struct expected {
  struct comet_span transaction;
  struct ledger_signers signers;
  bool good;
};

struct solo {
  struct ledger *ledger;
  struct kv *kv;
  struct kv_batch *batch;
  struct mempool *mempool;
  struct crew *crew;
  struct expected expected[SOLO_EXPECT_MAX];
  const struct sign_secret *consensus, *vrf;
  struct solo_chain chain;
  uint8_t account[32], validators_hash[32], params_hash[32];
  struct solo_head head;
  bool another; /* LEDGER 1.5: one more is due after head */
  /* What the next header and block carry of head: */
  uint8_t results_hash[32];
  struct comet_signature signature;
  struct comet_commit commit;
  /* The block that is being made; unwritten: it is made, ledger and mempool stand after it, and the store has not taken
   * it yet. While solo_write runs nobody changes batch and next. */
  bool unwritten;
  struct solo_head next;
  struct comet_signature next_signature;
  uint8_t next_results_hash[32];
  bool next_another;
  uint8_t beacon[BEACON_BYTES_MAX];
  size_t beacon_length;
  struct effects_writer effects;
  struct mempool_entry picked[MEMPOOL_COUNT_MAX];
  struct comet_span span[MEMPOOL_COUNT_MAX + 1];
  struct comet_result result[MEMPOOL_COUNT_MAX + 1];
  uint32_t picked_count, receipts; /* receipts: told by the block so far */
  uint8_t block[SOLO_BLOCK_BYTES_MAX];
  struct mempool_entry left[MEMPOOL_COUNT_MAX]; /* those checked again after a block */
};

/* produce makes a block of what waits, into batch and next. produce_move_on takes ledger and mempool behind it. */
enum solo_status produce(struct solo *s, uint64_t now_ms, struct why *why);
void produce_move_on(struct solo *s);

/* solo_state is what the ledger stands at, of which app_hash is. */
void solo_state(const struct solo *s, const uint8_t app_hash[32], struct effects_state *out);

#endif
