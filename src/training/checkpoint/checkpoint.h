/* checkpoint: states at interval ends as files, hashed and written beside the training steps.
 *
 * A checkpoint file is exactly a state blob (PROTOCOL M2.1), so its content root is the state root.
 * checkpoints/%06u.state is the state after interval %u (1, 2, ..); the all-zero start state has no file. Under a disk
 * budget every k-th is kept, always the first and the last; what is missing can be computed again. Uses: file, commit.
 */
#ifndef TRAINING_CHECKPOINT_H
#define TRAINING_CHECKPOINT_H
#include "crypto/merkle.h"
#include "tape/execute/pool/pool.h"
#include "training/file/file.h"

/* checkpoint_budget is the disk that checkpoints may take where nobody says: 1 GiB, and no more than 128 states, since
 * between two of those there is less to compute again than anybody would wait for. checkpoint_every: smallest k so that
 * about intervals / k + 3 states of state_bytes fit budget_bytes. checkpoint_kept: is interval n one of them? */
uint64_t checkpoint_budget(uint64_t state_bytes);
uint32_t checkpoint_every(uint32_t intervals, uint64_t state_bytes, uint64_t budget_bytes);
bool checkpoint_kept(uint32_t interval, uint32_t intervals, uint32_t every);

/* checkpoint_path writes FOLDER/checkpoints/%06u.state. */
bool checkpoint_path(char path[FILE_PATH_MAX], const char *folder, uint32_t interval);

/* checkpoint_leaves hashes the leaves of a blob of length bytes with all threads of the pool (NULL: this one): 32 bytes
 * each. checkpoint_root gives the root over them; ERR_SYSTEM when memory for the leaf hashes is refused. */
void checkpoint_leaves(struct pool *pool, const uint8_t *blob, uint64_t length, uint8_t *hashes);
enum training_status checkpoint_root(struct pool *pool, const uint8_t *blob, uint64_t length,
                                     uint8_t root[MERKLE_BYTES], struct why *why);

/* checkpoint_read reads a file of exactly state_bytes into state (64-byte aligned). Does not hash. */
enum training_status checkpoint_read(const char *path, uint64_t state_bytes, uint8_t *state, struct why *why);

/* checkpoint_list finds the interval numbers that have a file, ascending; *numbers lies on the heap. */
enum training_status checkpoint_list(const char *folder, uint32_t **numbers, uint32_t *count, struct why *why);

#endif
