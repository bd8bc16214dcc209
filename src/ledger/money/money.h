/* money: every grain that moves, as a flow from one pocket to another, in a row of LEDGER 14.
 *
 * A flow takes from one pocket what it gives to the other, so no function can make or lose a grain; money_sum adds all
 * pockets and a test compares it with the supply after every transaction. The flows of one event are listed for its
 * receipt. Uses: chain, account. */
#ifndef LEDGER_MONEY_H
#define LEDGER_MONEY_H
#include "ledger/account/account.h"
#include "ledger/chain/chain.h"

enum pocket_kind {
  POCKET_BALANCE = 1, /* id: account */
  POCKET_STAKE = 2,   /* id: account; role */
  POCKET_ESCROW = 3,  /* id: job */
  POCKET_LOCK = 4,    /* id: a lock taken from a balance: gas locks (gamma), later claim bonds */
  POCKET_VALIDATORS = 5,
  POCKET_BURNED = 6,
  POCKET_SUBSIDY = 7,
  POCKET_TREASURY = 8,
  POCKET_QUARANTINE = 9,
  POCKET_GAS = 10 /* prepaid by the transaction that runs; empty between transactions */
};

enum { POCKET_ID_BYTES_MAX = 68 };
struct pocket {
  uint8_t kind, role, length; /* length of id */
  uint8_t id[POCKET_ID_BYTES_MAX];
};

struct pocket pocket_balance(const uint8_t account[32]);
struct pocket pocket_stake(const uint8_t account[32], uint8_t role);
struct pocket pocket_escrow(const uint8_t job[32]);
struct pocket pocket_lock(const uint8_t *id, uint8_t length);
struct pocket pocket_of(enum pocket_kind kind); /* those without an id */

/* The gas lock of LEDGER 2.8 that `account` holds in an attempt: seat is task 34 | attempt | seat, SEAT_NONE for its
 * solver. */
enum { POCKET_SEAT_BYTES = 36, SEAT_NONE = 255 };
struct pocket pocket_gas_lock(const uint8_t seat[POCKET_SEAT_BYTES], const uint8_t account[32]);

/* The flows of one event, in order, for its receipt: row u8 | from | to | amount u64 each; a pocket is kind u8 | id,
 * and for a stake its role u8. The id's length follows from the kind, except that POCKET_LOCK writes it before. Flows
 * of 0 are left out. `full`: one did not fit; the money has moved all the same. NULL where no receipt is made. */
enum { PAYMENTS_BYTES_MAX = 65536 };
struct payments {
  uint32_t count;
  size_t used;
  bool full;
  uint8_t bytes[PAYMENTS_BYTES_MAX];
};

/* Rows of LEDGER 14.1 as payments name them. */
enum money_row {
  ROW_POST = 1,
  ROW_LOCK = 2,
  ROW_CANCELLED = 3,
  ROW_LATE = 4,
  ROW_SEAT = 5, /* 5a to 5d */
  ROW_NEUTRAL = 6,
  ROW_SETTLED = 7,
  ROW_PROVEN = 8,
  ROW_SILENT = 9,
  ROW_APPROVED = 10,
  ROW_SEAT_LOST = 11,
  ROW_GAS = 18,
  ROW_TRANSFER = 19,
  ROW_SUBSIDY = 20,
  ROW_JOB_DONE = 25
};

void payments_begin(struct payments *list);

/* payments_next reads the flow at *offset and steps behind it; false at the end and where bytes are none. A list is
 * good exactly if the last step ends at its length. */
struct payment {
  uint8_t row;
  struct pocket from, to;
  uint64_t amount;
};
void payments_add(struct payments *list, const struct payment *p);
bool payments_next(const uint8_t *bytes, size_t length, size_t *offset, struct payment *out);

/* money_flow moves amount grains in a row of LEDGER 14; 0 is no flow. False if the pocket holds less: nothing moved.
 * Stake that is locked may flow away only after money_unlock. money_fees splits an amount by LEDGER 2.7: half burns,
 * the rest to the validators. */
bool money_flow(struct chain *c, struct payments *list, uint8_t row, const struct pocket *from, const struct pocket *to,
                uint64_t amount);
bool money_fees(struct chain *c, struct payments *list, uint8_t row, const struct pocket *from, uint64_t amount);
uint64_t money_held(const struct chain *c, const struct pocket *p);

/* money_lock sets stake of a role aside (LEDGER 2.5): false if less is free. money_unlock frees it again. */
bool money_lock(struct chain *c, const uint8_t account[32], uint8_t role, uint64_t amount);
void money_unlock(struct chain *c, const uint8_t account[32], uint8_t role, uint64_t amount);

/* The gas lock is taken from the balance together with a bond (row 2): amount is gas_lock of the parameters times the
 * task's gas price; false if the balance is short. What is left of it goes back when the bond ends, whichever way. */
bool money_gas_lock(struct chain *c, struct payments *list, const uint8_t seat[POCKET_SEAT_BYTES],
                    const uint8_t account[32], uint64_t amount);
void money_gas_unlock(struct chain *c, struct payments *list, uint8_t row, const uint8_t seat[POCKET_SEAT_BYTES],
                      const uint8_t account[32]);

/* money_sum: all grains there are, minted ones included: constant but for minting. Walks the map: for tests and epochs.
 */
uint64_t money_sum(const struct chain *c);

/* share: floor(amount * permille / 1000) in 128 bits. */
uint64_t money_share(uint64_t amount, uint32_t permille);

#endif
