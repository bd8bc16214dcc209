/* stage: a chain of one validator with a few accounts whose keys everybody knows. For tests, fuzzers and benchmarks. */
#ifndef LEDGER_STAGE_H
#define LEDGER_STAGE_H
#include "crypto/sign.h"
#include "ledger/genesis/genesis.h"
#include "ledger/ledger.h"

enum { STAGE_ACCOUNTS = 8, STAGE_BYTES_MAX = 8192 };
#define STAGE_BALANCE (UINT64_C(1000) * 1000000000) /* 1,000 ASY each */

struct stage {
  struct ledger *ledger;
  struct sign_secret *key[STAGE_ACCOUNTS], *vrf[STAGE_ACCOUNTS];
  uint8_t id[STAGE_ACCOUNTS][32];
  uint64_t nonce[STAGE_ACCOUNTS]; /* of slot 0, the next */
  uint8_t genesis[STAGE_BYTES_MAX];
  size_t genesis_length;
  uint64_t height, time_ms; /* of the block that runs, or ran last */
  uint8_t beacon[256];
  size_t beacon_length;
  struct stage_seen {
    uint32_t receipts, contents, events;
  } seen;
};

/* stage_genesis makes keys and a genesis by the "test" parameters; accounts 0 to 3 are providers of every role with
 * stake, account 0 the validator. stage_open begins the chain, stage_load goes on with what another has stored. */
void stage_genesis(struct stage *s);
void stage_open(struct stage *s);
bool stage_load(struct stage *s, ledger_record *load, void *context);
void stage_shut(struct stage *s);

/* stage_next makes the block after the last committed one, ms later; stage_begin begins it. bytes and gas: what it says
 * it holds. */
struct ledger_block stage_next(struct stage *s, uint64_t ms);
void stage_begin(struct stage *s, uint64_t ms);
void stage_end(struct stage *s); /* and commits */
void stage_blocks(struct stage *s, uint32_t count, uint64_t ms);

/* stage_write signs a transaction of account `who` with its next nonce and writes it; change fields of t before. */
struct transaction stage_draft(const struct stage *s, uint32_t who, uint8_t type, const uint8_t *body, size_t length);
size_t stage_sign(const struct stage *s, uint32_t who, const struct transaction *t, uint8_t *bytes, size_t bytes_max);

/* stage_send delivers a transaction; the nonce goes up if it was admitted. */
struct ledger_result stage_send(struct stage *s, uint32_t who, uint8_t type, const uint8_t *body, size_t length);
struct ledger_result stage_transfer(struct stage *s, uint32_t who, const uint8_t to[32], uint64_t amount);
struct ledger_result stage_stake(struct stage *s, uint32_t who, uint8_t role, uint64_t amount);

#endif
