/* chain: what every part of the ledger works on: the map, the block that is being made, and what happened in it.
 *
 * The clock of LEDGER 1: `tick` is what deadlines are in, `height` what beacons are of. A part never asks what time it
 * is. What is here and not in the map (now, log) is taken back with it by ledger.c when a transaction fails, and
 * written to it at the end of a block. Uses: map, log, parameter. */
#ifndef LEDGER_CHAIN_H
#define LEDGER_CHAIN_H
#include "ledger/chain/outbox.h"
#include "ledger/log/log.h"
#include "ledger/map/map.h"
#include "ledger/parameter/parameter.h"
#include "ledger/record/stored.h"

/* Why a transaction that is in a block did not do what it asked. Wire values (codes of results): only appended to. */
enum chain_code {
  CHAIN_OK = 0,
  CHAIN_MALFORMED = 1, /* not a transaction, or a body that decodes to nothing */
  CHAIN_SIGNATURE = 2,
  CHAIN_NONCE = 3,
  CHAIN_EXPIRED = 4,   /* until_tick is past, or too far away */
  CHAIN_FUNDS = 5,     /* balance, stake or free stake is short */
  CHAIN_GAS = 6,       /* gas used above what was declared, or a price below the floor */
  CHAIN_FORBIDDEN = 7, /* the sender may not: wrong key, role, seat */
  CHAIN_STATE = 8,     /* not in this state of the task, or a second time */
  CHAIN_UNKNOWN = 9,   /* names what is not there */
  CHAIN_LIMIT = 10,    /* a number is out of its bounds */
  CHAIN_PROOF = 11,    /* a proof, path or root that does not check */
  CHAIN_TAPE = 12,     /* tape_check refuses */
  CHAIN_NO_MOVE = 13   /* not a move */
};

/* "FUNDS"; NULL for a code that there is not. */
const char *chain_code_text(uint16_t code);

/* The record under MODULE_CHAIN: LEDGER 1.1 and the sums of 2.4. */
struct chain_record {
  uint64_t height, tick, tick_height, tick_time_ms, slow_until, last_time_ms;
  uint64_t epoch;                 /* how many have ended */
  uint64_t live;                  /* timers and waits that are armed and not housekeeping (1.5) */
  uint64_t awaited;               /* somebody waits for the end of this epoch number (5.4); 0: nobody */
  uint32_t gas_price, parameters; /* floor; current version */
  uint64_t next_dispute, next_receipt;
  uint64_t minted, burned, validators_pool, subsidy_pool, treasury, quarantine;
};
extern const struct stored_kind chain_kind;

struct chain {
  struct map *map;
  struct log log;
  struct outbox *out;  /* receipts, events and contents, until the block's end */
  uint8_t genesis[32]; /* genesis hash */
  uint8_t trust;       /* 0 operator, 1 BFT: a constant of genesis (17.3) */
  struct chain_record now;
  struct parameters parameters; /* of version now.parameters */
  uint8_t beacon[32];           /* of this height */
  uint32_t validators;          /* for the draw delay: d = validators / 3 + 2 */
  uint64_t gas_held;            /* a running transaction's prepaid gas: no other pocket has it */
};

/* chain_load reads now, log and parameters from the map; false when there is no chain in it. chain_store writes now and
 * log. */
bool chain_load(struct chain *c);
void chain_store(struct chain *c);

/* chain_parameters finds the version a task is judged by. A version that is not kept stops the program.
 * chain_parameters_store keeps p under its version. */
void chain_parameters(const struct chain *c, uint32_t version, struct parameters *out);
void chain_parameters_store(struct chain *c, const struct parameters *p);

/* Timers and waits: one entry each in the map, in the order in which they are due. `kind` says whose, id which. The end
 * of an epoch is none of them: it comes after the transactions (LEDGER 1.4). */
enum timer_kind {
  TIMER_TASK = 1,    /* id: task 34 */
  TIMER_DISPUTE = 2, /* id: dispute u64, big endian */
  /* housekeeping: */
  TIMER_PRUNE = 4, /* id: task 34, settled or cancelled */
  TIMER_TAPE = 5,  /* id: what u8 | hash of a table or tape 32 */
  TIMER_UNBOND = 6 /* id: account 32 */
};
enum { TIMER_ID_BYTES_MAX = 40 };

/* timer_arm: due in the first block with tick > deadline. timer_wait: due in the block of `height`. timer_disarm takes
 * either back; what is not armed is a mistake of ours. timer_due gives the first that is due now (waits before ticks)
 * and disarms it; false when there is none. timer_live: is any armed that is not housekeeping (LEDGER 1.5), or an epoch
 * awaited? */
struct timer {
  uint8_t kind, length;
  uint8_t id[TIMER_ID_BYTES_MAX];
};
void timer_arm(struct chain *c, uint64_t deadline, uint8_t kind, const uint8_t *id, uint8_t length);
void timer_wait(struct chain *c, uint64_t height, uint8_t kind, const uint8_t *id, uint8_t length);
void timer_disarm(struct chain *c, uint64_t deadline_or_height, bool wait, uint8_t kind, const uint8_t *id,
                  uint8_t length);
bool timer_due(struct chain *c, struct timer *out);
bool timer_live(const struct chain *c);

/* chain_beacon: beacon of a height that is still kept; false otherwise. chain_beacon_store keeps that of this height
 * and forgets the one 65,536 before. chain_delay: d of LEDGER 6.2. */
enum { BEACONS_KEPT = 65536 };
bool chain_beacon(const struct chain *c, uint64_t height, uint8_t beacon[32]);
void chain_beacon_store(struct chain *c, uint64_t height, const uint8_t beacon[32]);
uint64_t chain_delay(const struct chain *c);

#endif
