/* state: what a ledger is made of. For the files beside this one: ledger.c (blocks), admit.c and deliver.c
 * (transactions), apply.c (who does what). */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H
#include "base/arena.h"
#include "ledger/ledger.h"
#include "ledger/money/money.h"

/* Bits of a key's mask: LEDGER 2.3. */
enum key_mask {
  MASK_TRANSFER = 1 << 0,
  MASK_JOBS = 1 << 1,
  MASK_SOLVE = 1 << 2,
  MASK_VERIFY = 1 << 3,
  MASK_MOVES = 1 << 6,
  MASK_KEYS = 1 << 9
};

/* LEDGER 3.4. */
enum gas {
  GAS_TRANSACTION = 500,
  GAS_SIGNATURE = 500,
  GAS_BYTE = 2,
  GAS_VRF = 4500,
  GAS_RECORD = 2000,
  GAS_OPEN = 500
};

enum ledger_stage { STAGE_COMMITTED = 0, STAGE_RUNS = 1, STAGE_ENDED = 2, STAGE_FRESH = 3 };

struct ledger {
  struct chain chain;
  struct chain_sink sink;
  enum ledger_stage stage;
  /* As of the last commit: what the map's journal does not hold. */
  struct chain_record now;
  struct log log;
  struct parameters parameters;
  uint8_t beacon[32], kept_hash[32];
  uint8_t app_hash[32]; /* of the last ledger_end */
  uint64_t supply;      /* grains there were at genesis */
  /* Of the block that runs: */
  uint64_t bytes, gas;
  uint32_t transactions, timers;
  /* Those checked since ledger_check_reset: account | slot u8 -> next nonce u64; account -> grain promised u64. */
  struct map *checked;
  struct hints *hints;       /* signatures found good before */
  struct arena memory;       /* for one call */
  uint8_t *sign_bytes;       /* what is signed of one transaction */
  struct payments *payments; /* of one event */
};

enum { SIGN_BYTES_MAX = TRANSACTION_SIGN_DOMAIN_BYTES + TRANSACTION_TAPE_BYTES_MAX };

/* A transaction with everything that was found out when it was let in. */
struct admitted {
  struct transaction t;
  const uint8_t *payer; /* whose balance, or whose lock */
  bool from_lock;
  struct pocket lock;  /* the gas lock that may pay, where one may; length 0: none */
  uint64_t gas, price; /* declared; price of the block's floor or above */
};

/* admit: LEDGER 3.5, may it stand in a block? waiting: nonces and promises of `checked` count too. No change. */
enum chain_code admit(struct ledger *l, const uint8_t *bytes, size_t length, bool waiting, struct admitted *out,
                      struct why *why);

/* admit_first_key: LEDGER 2.2.1. Of an account that was paid and has no key: is this the KEY_SET that gives it the one
 * its id is the hash of? Then the account is given, with that key in slot 0. */
bool admit_first_key(const struct chain *c, const struct transaction *t, struct account *a);

/* apply_gas is the gas that follows from form and type alone (3.4). apply_run does what the transaction asks; *gas
 * grows by what the type adds. apply_lock finds the gas lock that may pay for it (2.8), false if none may. apply_timer
 * does what a timer is there for. */
uint64_t apply_gas(const struct transaction *t);
enum chain_code apply_run(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why);
bool apply_lock(const struct chain *c, const struct transaction *t, struct pocket *out);
uint16_t apply_mask(uint8_t type); /* bits of a key's mask that the type needs (2.3) */
void apply_timer(struct ledger *l, const struct timer *timer);

#endif
