/* merkle: one tree for everything that is committed: fixed height, absent positions. PROTOCOL M1.
 *
 * leaf = SHA-256(00 || bytes), inner = SHA-256(01 || left || right), absent = 32 zero bytes and the inner node of two
 * absent nodes is absent. A tree of n leaves has height ceil(log2(max(1, n))). Level 0 are leaf hashes. Uses: sha256.
 */
#ifndef CRYPTO_MERKLE_H
#define CRYPTO_MERKLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MERKLE_BYTES = 32, MERKLE_HEIGHT_MAX = 32 };

uint32_t merkle_height(uint64_t leaves);
void merkle_leaf(const void *bytes, size_t length, uint8_t hash[MERKLE_BYTES]);
void merkle_leaves(const void *bytes, size_t length, size_t count, uint8_t *hashes); /* one behind the other */
void merkle_inner(const uint8_t left[MERKLE_BYTES], const uint8_t right[MERKLE_BYTES], uint8_t hash[MERKLE_BYTES]);

/* merkle_fold computes in place the nodes of each level from `count` leaf hashes (32 B each) and leaves the root in the
 * first 32 bytes. */
void merkle_fold(uint8_t *hashes, uint64_t count, uint8_t root[MERKLE_BYTES]);

/* merkle_path writes the merkle_height(count) siblings of leaf `index`, leaf upwards; needs scratch for count hashes.
 * merkle_climb gives the root that a leaf hash and a path lead to. */
void merkle_path(const uint8_t *hashes, uint64_t count, uint64_t index, uint8_t *scratch, uint8_t *path);
void merkle_climb(const uint8_t leaf[MERKLE_BYTES], uint64_t index, const uint8_t *path, uint32_t height,
                  uint8_t root[MERKLE_BYTES]);

/* merkle_add takes leaf hashes one after the other and merkle_end gives their root, for trees whose level 0 nobody
 * keeps: memory is one node a level. Start from a zeroed struct. */
struct merkle_builder {
  uint64_t count;
  uint8_t node[MERKLE_HEIGHT_MAX + 1][MERKLE_BYTES]; /* node[l]: the full subtree of height l where count has bit l */
};
void merkle_add(struct merkle_builder *b, const uint8_t leaf[MERKLE_BYTES]);
void merkle_end(const struct merkle_builder *b, uint8_t root[MERKLE_BYTES]);

/* merkle_node is node `index` of a level, from the tree's `count` leaf hashes: absent where its first leaf is. Cost:
 * 2^level inner hashes, no memory. merkle_absent says whether a node is the absent one. */
void merkle_node(const uint8_t *hashes, uint64_t count, uint32_t level, uint64_t index, uint8_t node[MERKLE_BYTES]);
bool merkle_absent(const uint8_t node[MERKLE_BYTES]);

/* merkle_same: are two nodes one? Leaks where they differ: for hashes, which are no secrets. */
static inline bool merkle_same(const uint8_t a[MERKLE_BYTES], const uint8_t b[MERKLE_BYTES]) {
  return memcmp(a, b, MERKLE_BYTES) == 0;
}

#endif
