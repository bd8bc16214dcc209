/* trie: a set of byte strings, found, walked in order and never balanced: a crit-bit trie.
 *
 * An inner node holds the position of the first bit in which the strings below it differ; n strings have n - 1 inner
 * nodes, whose shape follows from the set alone. So the same trie serves twice in ledger/map: over keys as they are,
 * for walks in key order, and over their hashes, where it is the tree of LEDGER 17.2. A string's bytes stay with the
 * owner, who numbers them (a leaf) and says which bytes a number stands for.
 *
 * A position p is bit p % 9 of byte p / 9: bit 0 says that the byte is there, bits 1 to 8 are the byte from its highest
 * bit down. So a string stands before all that it begins, and order is that of memcmp. Memory is taken from the
 * heap; when there is none the program stops. Uses: nothing. */
#ifndef LEDGER_MAP_TRIE_H
#define LEDGER_MAP_TRIE_H
#include <stdbool.h>
#include <stdint.h>

/* A link is an inner node's number, or a leaf's number with TRIE_LEAF set, or TRIE_NONE where nothing is. */
#define TRIE_LEAF UINT32_C(0x80000000)
#define TRIE_NONE UINT32_MAX

struct trie_key {
  const uint8_t *bytes;
  uint32_t length;
};
typedef struct trie_key trie_key_of(const void *owner, uint32_t leaf);

/* `stale` is the owner's mark: bit s is set for child s of a new node, and by trie_touch where a touched key lies
 * below that child; cleared by whoever has looked. */
struct trie_node {
  uint32_t child[2];
  uint16_t bit;
  uint8_t stale;
};

struct trie {
  struct trie_node *node;
  uint32_t nodes_max, nodes_count, free_first; /* free nodes are linked through child[0] */
  uint32_t top;
  trie_key_of *key_of;
  const void *owner;
};

void trie_open(struct trie *t, trie_key_of *key_of, const void *owner);
void trie_shut(struct trie *t);

static inline bool trie_is_leaf(uint32_t link) { return link & TRIE_LEAF; }

/* trie_bit is the bit of key at a position, 0 behind its end. */
static inline uint32_t trie_bit(struct trie_key key, uint32_t position) {
  uint32_t byte = position / 9, bit = position % 9;
  if (byte >= key.length) return 0;
  return bit == 0 ? 1 : key.bytes[byte] >> (8 - bit) & 1;
}

/* trie_find returns the leaf of key, or TRIE_NONE. */
uint32_t trie_find(const struct trie *t, struct trie_key key);

/* trie_add puts in a leaf whose key (that of key_of) is not there yet; trie_remove takes out the one with this key,
 * which is there. */
void trie_add(struct trie *t, uint32_t leaf);
void trie_remove(struct trie *t, struct trie_key key);

/* trie_touch marks the way to key as stale, at every inner node. */
void trie_touch(struct trie *t, struct trie_key key);

/* trie_next returns the first leaf after key in order, or at key if `or_at`; TRIE_NONE at the end. The key need not be
 * in the set, so a walk goes on from a key that was removed meanwhile. */
uint32_t trie_next(const struct trie *t, struct trie_key key, bool or_at);

#endif
