/* commit: who signed a block, and whether that is enough. ENGINE 3, 4.
 *
 * Validators stand in one order, by power and then by address, and a commit has a place for each of them. Every
 * signature is over a message of its own, because each has a time of its own. Integers and bytes only; no heap.
 * Uses: header, sign. */
#ifndef ENGINE_COMET_COMMIT_H
#define ENGINE_COMET_COMMIT_H
#include "base/why.h"
#include "crypto/sign.h"
#include "engine/comet/header.h"

enum { COMET_VALIDATORS_MAX = 10000 };
enum { COMET_SIGNATURE_BYTES_MAX = 109, COMET_VOTE_BYTES_MAX = 176 };

/* Wire values. */
enum comet_flag { COMET_ABSENT = 1, COMET_COMMIT = 2, COMET_NIL = 3 };

struct comet_validator {
  struct sign_public key;
  uint64_t power; /* 1 .. , all together at most COMET_POWER_MAX */
};
#define COMET_POWER_MAX ((uint64_t)(INT64_MAX / 8))

/* comet_address: the first 20 bytes of the key's SHA-256. */
void comet_address(const struct sign_public *key, uint8_t address[COMET_ADDRESS_BYTES]);

/* comet_validators_hash: false when they are none, too many, too powerful, out of order (power falling, then address
 * rising) or one stands there twice in a row. */
bool comet_validators_hash(const struct comet_validator *validators, uint32_t count, uint8_t hash[COMET_HASH_BYTES]);

struct comet_signature {
  uint8_t flag; /* enum comet_flag; absent: address and signature are zeros, time is COMET_TIME_NONE */
  uint8_t address[COMET_ADDRESS_BYTES];
  struct comet_time time;
  uint8_t signature[SIGN_BYTES];
};

/* height == 0: the commit before the first block, with no block and no signatures. */
struct comet_commit {
  uint64_t height;
  uint32_t round; /* at most INT32_MAX */
  struct comet_block_id block;
  uint32_t count;
  const struct comet_signature *signatures;
};

/* comet_vote_bytes is what is signed for a block, or for none where block is NULL; returns the length. */
size_t comet_vote_bytes(const char *chain_id, uint64_t height, uint32_t round, const struct comet_block_id *block,
                        const struct comet_time *time, uint8_t bytes[COMET_VOTE_BYTES_MAX]);

/* comet_sign fills in one validator's signature for a block. */
void comet_sign(const struct sign_secret *secret, const char *chain_id, uint64_t height, uint32_t round,
                const struct comet_block_id *block, const struct comet_time *time, struct comet_signature *out);

/* comet_commit_valid: the bounds and forms above. comet_commit_encode needs a valid commit and room for
 * comet_commit_bytes of it, which is what it returns. comet_commit_decode takes exactly what encode gives, with at most
 * signatures_max signatures, which it writes to the caller's array; out then points there. */
bool comet_commit_valid(const struct comet_commit *c);
size_t comet_commit_bytes(const struct comet_commit *c);
size_t comet_commit_encode(const struct comet_commit *c, uint8_t *bytes, size_t bytes_max);
bool comet_commit_decode(const uint8_t *bytes, size_t length, struct comet_signature *signatures,
                         uint32_t signatures_max, struct comet_commit *out);
void comet_commit_hash(const struct comet_commit *c, uint8_t hash[COMET_HASH_BYTES]);

/* comet_commit_check: is this header, under these validators, signed by more than two thirds of their power? A
 * signature that does not check counts as absent. The parts hash is not looked at: whoever has the block compares it.
 * Cost: an ed25519 check a signature. */
bool comet_commit_check(const struct comet_header *header, const struct comet_commit *commit,
                        const struct comet_validator *validators, uint32_t count, struct why *why);

#endif
