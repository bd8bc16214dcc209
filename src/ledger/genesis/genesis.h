/* genesis: what a chain begins with, as one row of bytes whose hash is its name. LEDGER 3.3.
 *
 *   "assay/genesis/1" 00 | length u8 (1..32) | chain id (a-z 0-9 -) | time_ms u64 | trust u8 (0 operator, 1 BFT)
 *   | length u16 | parameters
 *   | accounts u32 x {key 32 | balance u64 | stake u64 x 5}                        by account id
 *   | providers u32 x {account 32 | roles u16 | class u8 | mem_mib u32 | vrf 32 | tls 32 | ask u64 | available u8 |
 *     length u8 | endpoint}                                                          by account id
 *   | validators u16 x {account 32 | consensus key 32 | vrf 32}                      by account id
 *
 * Lists ascend strictly, so one genesis has one encoding. Providers and validators are accounts of the list. The sum of
 * all money is below 2^60. Uses: chain, provider, account, parameter, address. */
#ifndef LEDGER_GENESIS_H
#define LEDGER_GENESIS_H
#include "base/arena.h"
#include "ledger/account/account.h"
#include "ledger/parameter/parameter.h"
#include "ledger/provider/provider.h"

enum { GENESIS_ID_MAX = 32, GENESIS_BYTES_MAX = 16 << 20, GENESIS_VALIDATORS_MAX = 100 };

struct genesis_account {
  uint8_t key[32]; /* slot 0, with every bit of the mask */
  uint64_t balance, stake[ROLES];
};
struct genesis_provider {
  uint8_t account[32];
  uint16_t roles;
  uint8_t class;
  bool available;
  uint32_t mem_mib;
  uint8_t vrf[32], tls[32];
  uint64_t ask;
  uint8_t endpoint_length;
  uint8_t endpoint[PROVIDER_ENDPOINT_MAX];
};
struct genesis_validator {
  uint8_t account[32], key[32], vrf[32]; /* key: of consensus; zeros under solo */
};
struct genesis {
  char chain_id[GENESIS_ID_MAX + 1];
  uint64_t time_ms;
  uint8_t trust;
  struct parameters parameters; /* version 1 */
  uint32_t accounts, providers, validators;
  struct genesis_account *account;
  struct genesis_provider *provider;
  struct genesis_validator *validator;
};

/* genesis_decode takes exactly length bytes, its lists from the arena; false with why, also for what no chain could
 * begin with. genesis_encode writes what is there, good or not; 0 if it does not fit. genesis_sort puts the three lists
 * of g in order. Call sign_open before genesis_decode. */
bool genesis_decode(const uint8_t *bytes, size_t length, struct arena *arena, struct genesis *out, struct why *why);
size_t genesis_encode(const struct genesis *g, uint8_t *bytes, size_t bytes_max);
void genesis_sort(struct genesis *g);
void genesis_hash(const uint8_t *bytes, size_t length, uint8_t hash[32]);

/* genesis_begin writes the state before block 1 into an empty map: accounts, providers, pools in force, beacon(0),
 * which is given. c has map and out; everything else of it is filled in. */
void genesis_begin(struct chain *c, const struct genesis *g, const uint8_t hash[32], const uint8_t beacon[32]);

/* validator_key: the draw key of a validator's account; false if it is none. */
bool validator_key(const struct chain *c, const uint8_t account[32], uint8_t vrf[32]);

#endif
