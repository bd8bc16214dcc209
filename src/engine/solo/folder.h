/* folder: what a node's folder holds, and how one is made. ENGINE 7.8.
 *
 *   genesis    the chain's genesis, binary (ledger/genesis/genesis.h)
 *   node.key   the node's seed: 64 hexadecimal digits and a line end, for its owner alone to read
 *   chain/     blocks and state (store/kv)
 *
 * The keys are derived from the seed: "consensus" signs blocks, "vrf" makes the beacon, "account" is the validator's
 * account. Uses: store/kv, ledger/genesis, sign. */
#ifndef ENGINE_SOLO_FOLDER_H
#define ENGINE_SOLO_FOLDER_H
#include "engine/solo/solo.h"
#include "ledger/genesis/genesis.h"

struct folder_keys {
  struct sign_secret *consensus, *vrf, *account;
};

/* folder_keys_of derives the three keys of a seed; false without protected memory. */
bool folder_keys_of(const uint8_t seed[SIGN_SEED_BYTES], struct folder_keys *out);
void folder_keys_shut(struct folder_keys *k);

/* folder_genesis fills in a chain of one validator, whose account has all the money: the named parameters, S0 of LEDGER
 * 2.4. account and validator are the caller's, one each. False when there are no such parameters. */
bool folder_genesis(const struct folder_keys *k, const char *parameters, const char *chain_id, uint64_t time_ms,
                    struct genesis_account *account, struct genesis_validator *validator, struct genesis *out);

/* folder_make makes the folder with a seed and a genesis; what is there already is never overwritten (ERR_INPUT). */
enum solo_status folder_make(const char *path, const uint8_t seed[SIGN_SEED_BYTES], const uint8_t *genesis,
                             size_t length, struct why *why);

/* folder_open reads genesis and keys and opens the store; folder_shut closes all. */
struct folder {
  uint8_t *genesis;
  size_t genesis_length;
  struct folder_keys keys;
  struct kv *kv;
};
enum solo_status folder_open(const char *path, struct folder *out, struct why *why);
void folder_shut(struct folder *f);

#endif
