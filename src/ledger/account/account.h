/* account: who owns what, and with which keys. LEDGER 2.2 to 2.5.
 *
 *   value: balance u64 | stake u64 x 5 | locked u64 x 5 | unbonding u8 (0 .. 8) | (role u8 | amount u64 | tick u64 |
 *   time u64) x unbonding | slots u8 (0 .. 8) | (key 32 | mask u16 | nonce u64 | until_tick u64) x slots
 *   key: MODULE_ACCOUNT | id 32
 *
 * Amounts are in grain. The functions on an account check first and change after; each moves money and makes none, but
 * for credit, debit and forfeit, whose other side is the caller's. Uses: record. */
#ifndef LEDGER_ACCOUNT_ACCOUNT_H
#define LEDGER_ACCOUNT_ACCOUNT_H
#include "ledger/record/stored.h"

/* LEDGER 2.3; wire values. */
enum account_role {
  ROLE_SOLVER = 0,
  ROLE_VERIFIER = 1,
  ROLE_WHISTLEBLOWER = 2,
  ROLE_STORER = 3,
  ROLE_VALIDATOR = 4,
  ROLES = 5
};
enum { ACCOUNT_ID_BYTES = 32, ACCOUNT_KEY_BYTES = 32 };
enum { ACCOUNT_UNBONDING_MAX = 8, ACCOUNT_SLOTS_MAX = 8, ACCOUNT_MASK_BITS = 10 };
enum { ACCOUNT_MASK_ALL = (1 << ACCOUNT_MASK_BITS) - 1 };
enum { ACCOUNT_BYTES_MAX = 88 + 1 + ACCOUNT_UNBONDING_MAX * 25 + 1 + ACCOUNT_SLOTS_MAX * 50 };

struct account {
  uint64_t balance;
  uint64_t stake[ROLES], locked[ROLES]; /* locked[r] <= stake[r] */
  uint8_t unbonding_count, slots_count;
  struct unbonding {
    uint8_t role;
    uint64_t amount, tick, time; /* not 0; returns to the balance when both are reached */
  } unbonding[ACCOUNT_UNBONDING_MAX];
  struct key_slot {
    uint8_t key[ACCOUNT_KEY_BYTES];
    uint16_t mask;
    uint64_t nonce, until_tick;
  } slot[ACCOUNT_SLOTS_MAX];
};

enum account_status {
  ACCOUNT_OK = 0,
  ACCOUNT_ERR_BALANCE, /* the balance is smaller */
  ACCOUNT_ERR_STAKE,   /* the free stake, or the lock, is smaller */
  ACCOUNT_ERR_RANGE,   /* the sum does not fit in 64 bits, or there is no such role, slot or mask */
  ACCOUNT_ERR_FULL,    /* the unbonding list is full */
};

extern const struct stored_kind account_kind;
struct map_key account_key(const uint8_t id[ACCOUNT_ID_BYTES]);

/* account_get reads an account, or gives an empty one and false. account_put writes it; an empty one (no money, no key)
 * is the same as none and is erased. */
bool account_get(const struct map *m, const uint8_t id[ACCOUNT_ID_BYTES], struct account *a);
void account_put(struct map *m, const uint8_t id[ACCOUNT_ID_BYTES], const struct account *a);

/* The balance. */
enum account_status account_credit(struct account *a, uint64_t amount);
enum account_status account_debit(struct account *a, uint64_t amount);

/* From the balance to a role's stake; from free stake to the unbonding list, to stay there until tick and time. An
 * amount of 0 is out of range. account_release returns to the balance what is due. */
enum account_status account_stake(struct account *a, uint8_t role, uint64_t amount);
enum account_status account_unbond(struct account *a, uint8_t role, uint64_t amount, uint64_t tick, uint64_t time);
enum account_status account_release(struct account *a, uint64_t tick, uint64_t time);

/* LEDGER 2.5: one grain of stake backs one obligation. account_lock takes free stake, account_unlock frees it again,
 * account_forfeit takes locked stake away for good. account_free is stake that is not locked, of a role that exists. */
uint64_t account_free(const struct account *a, uint8_t role);
enum account_status account_lock(struct account *a, uint8_t role, uint64_t amount);
enum account_status account_unlock(struct account *a, uint8_t role, uint64_t amount);
enum account_status account_forfeit(struct account *a, uint8_t role, uint64_t amount);

/* account_set_key replaces the key of a slot, or opens the next one. LEDGER 2.2: "A slot's nonce survives replacement
 * of its key and never falls." */
enum account_status account_set_key(struct account *a, uint8_t slot, const uint8_t key[ACCOUNT_KEY_BYTES],
                                    uint16_t mask, uint64_t until_tick);

/* All an account owns: balance, stakes, unbonding; false when that does not fit. account_sum adds it over all
 * accounts. */
bool account_total(const struct account *a, uint64_t *total);
bool account_sum(const struct map *m, uint64_t *sum);

#endif
