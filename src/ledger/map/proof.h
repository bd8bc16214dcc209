/* proof: that a key has a value under a state root, or that it has none. LEDGER 17.2.
 *
 * In a crit-bit trie the bits of k = SHA-256(key) at the inner nodes' positions lead to one leaf. If it is k's own, the
 * key is there; if it is another's, the key is absent, because its leaf could stand nowhere else. A proof is the way to
 * that leaf. One meaning, one encoding:
 *
 *   kind u8 (0 the map is empty, 1 present, 2 absent)
 *   1, 2: steps u16 <= 256 | (bit u8 | sibling 32) x steps, from the root down, bits strictly rising
 *   2:    k 32 | SHA-256(value) 32 of the leaf found instead
 *
 * Needs no map. Uses: sha256, bytes. */
#ifndef LEDGER_MAP_PROOF_H
#define LEDGER_MAP_PROOF_H
#include "ledger/map/map.h"

enum { MAP_PROOF_EMPTY = 0, MAP_PROOF_PRESENT = 1, MAP_PROOF_ABSENT = 2 };
enum { MAP_PROOF_STEPS_MAX = 256 };
enum { MAP_PROOF_BYTES_MAX = 1 + 2 + MAP_PROOF_STEPS_MAX * (1 + MAP_ROOT_BYTES) + 2 * MAP_ROOT_BYTES };

struct map_proof {
  uint8_t kind;
  uint16_t steps;
  uint8_t bit[MAP_PROOF_STEPS_MAX];
  uint8_t sibling[MAP_PROOF_STEPS_MAX][MAP_ROOT_BYTES];
  uint8_t other[MAP_ROOT_BYTES], other_value[MAP_ROOT_BYTES]; /* of MAP_PROOF_ABSENT */
};

/* map_proof_encode returns the bytes written, 0 when they do not fit. map_proof_decode takes exactly one proof. */
size_t map_proof_encode(const struct map_proof *p, uint8_t *bytes, size_t bytes_max);
bool map_proof_decode(const uint8_t *bytes, size_t length, struct map_proof *p);

/* map_proof_check says whether the encoded proof shows that under this root key has this value, or, if value is NULL,
 * none. */
bool map_proof_check(const uint8_t root[MAP_ROOT_BYTES], const struct map_key *key, const struct map_value *value,
                     const uint8_t *bytes, size_t length);

/* The nodes of the tree. LEDGER 17.2: leaf SHA-256(02 || k || SHA-256(value)), inner SHA-256(03 || bit u16 || left ||
 * right). map_leaf_hash may write over its inputs; map_inner_hash writes the head itself. */
struct map_inner {
  uint8_t head[3], child[2][MAP_ROOT_BYTES];
};
void map_leaf_hash(const uint8_t k[MAP_ROOT_BYTES], const uint8_t value[MAP_ROOT_BYTES], uint8_t hash[MAP_ROOT_BYTES]);
void map_inner_hash(uint8_t bit, struct map_inner *inner, uint8_t hash[MAP_ROOT_BYTES]);

#endif
