/* provider: who offers work, with which draw key, and with what weight. LEDGER 5.
 *
 * Keys and stakes count for draws after one whole epoch, so they are fixed before any beacon they are scored on. Uses:
 * chain, money, transaction, vrf. */
#ifndef LEDGER_PROVIDER_H
#define LEDGER_PROVIDER_H
#include "ledger/money/money.h"
#include "ledger/transaction/transaction.h"

enum { PROVIDER_STRIKES_MAX = 3, PROVIDER_WORK_ROLES = 4 };

/*  roles u16 | class u8 | available u8 | strikes u8 | mem_mib u32 | vrf 32 | next_vrf 32 | next_epoch u64 | tls 32 |
 *  ask u64 | length u8 | endpoint                                        under MODULE_PROVIDER | account 32 */
struct provider {
  uint16_t roles; /* a set of enum provider_role; bit r is role r of LEDGER 2.3 */
  uint8_t class, strikes;
  bool available;
  uint32_t mem_mib;
  uint8_t vrf[32], next_vrf[32]; /* in force; from the end of epoch next_epoch on. Zeros: none */
  uint64_t next_epoch;           /* 0: no key waits */
  uint8_t tls[32];
  uint64_t ask;
  uint8_t endpoint_length;
  uint8_t endpoint[PROVIDER_ENDPOINT_MAX];
};
enum { PROVIDER_BYTES_MAX = 2 + 3 + 4 + 64 + 8 + 32 + 8 + 1 + PROVIDER_ENDPOINT_MAX };
extern const struct stored_kind provider_kind;

bool provider_find(const struct chain *c, const uint8_t account[32], struct provider *out);

/* provider_key: the draw key in force, false if there is none. What OFFER, TAKE and the like prove is checked under it.
 */
bool provider_key(const struct chain *c, const uint8_t account[32], uint8_t vrf[32]);

/* PROVIDER_SET and STAKE. provider_registration is what the proof of PROVIDER_SET proves: "assay/vrf/reg/1" 00 ||
 * genesis hash || account; it returns the length, PROVIDER_REGISTRATION_BYTES. */
enum { PROVIDER_REGISTRATION_BYTES = 16 + 32 + 32 };
void provider_registration(const uint8_t genesis[32], const uint8_t account[32],
                           uint8_t bytes[PROVIDER_REGISTRATION_BYTES]);
enum chain_code provider_set(struct chain *c, const uint8_t account[32], const struct body_provider *b,
                             struct why *why);
enum chain_code provider_stake(struct chain *c, const uint8_t account[32], const struct body_stake *b, struct why *why);

/* provider_strike: one more; the third makes it unavailable until it says PROVIDER_SET again. LEDGER 5.3 */
void provider_strike(struct chain *c, const uint8_t account[32]);

/* A pool is the snapshot of one work role that is in force: accounts in ascending order with the stake that was theirs
 * for a whole epoch, and prefix sums. pool_weight is 0 for an account that is not in it. pool_at gives whose the grain
 * number `point` is, 0 <= point < pool_total, in log2 n reads: a draw by weight. */
uint32_t pool_count(const struct chain *c, uint8_t role);
uint64_t pool_total(const struct chain *c, uint8_t role);
uint64_t pool_weight(const struct chain *c, uint8_t role, const uint8_t account[32]);
void pool_at(const struct chain *c, uint8_t role, uint64_t point, uint8_t account[32], uint64_t *weight);

/* pool_turn is the end of an epoch: keys that waited come into force, pools are taken anew, and now.awaited says
 * whether another end is waited for. pool_begin is genesis: what providers have holds at once. */
void pool_turn(struct chain *c);
void pool_begin(struct chain *c);

#endif
