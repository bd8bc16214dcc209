/* map: everything that consensus knows, as one ordered map from bytes to bytes under one root. LEDGER 17.1, 17.2, 17.4.
 *
 * Two crit-bit tries stand over one set of records. One is over the keys as they are: it finds a record and walks a
 * prefix in key order, which timers and pools need. The other is over SHA-256(key): it is the tree whose root enters
 * the app hash, and because hashes are spread evenly it stays about log2 n high whatever keys a stranger picks. One
 * trie could not be both: a tree over raw keys could be driven deep, and hashes have lost the order. Both have a shape
 * that follows from the set of keys, so neither needs balancing and neither remembers the order of insertions.
 *
 * Changes are kept in a journal until map_commit: a transaction that fails goes back to its mark, a block that is
 * called again to MAP_BLOCK. Single thread. Memory comes from the heap; without it the program stops, because a stopped
 * node is cheaper than a wrong one. No clock, file or pointer order enters an answer. Uses: sha256. */
#ifndef LEDGER_MAP_MAP_H
#define LEDGER_MAP_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/map/module.h"

enum { MAP_ID_BYTES_MAX = 128, MAP_KEY_BYTES_MAX = 1 + MAP_ID_BYTES_MAX };
enum { MAP_VALUE_BYTES_MAX = 1 << 20, MAP_ROOT_BYTES = 32 };

struct map;

struct map_key {
  uint8_t length, bytes[MAP_KEY_BYTES_MAX];
};

/* A value that the map lends. */
struct map_value {
  const uint8_t *bytes;
  uint32_t length;
};

struct map *map_open(void);
void map_shut(struct map *m);
size_t map_count(const struct map *m);

/* map_key is module || id. The others append to a key. Integers in keys are big endian, unlike everywhere else, so that
 * the order of keys is the order of numbers. A key that grows longer than MAP_KEY_BYTES_MAX stops the program: every
 * kind of key has its length. */
struct map_key map_key(uint8_t module, const void *id, size_t length);
void map_key_bytes(struct map_key *k, const void *bytes, size_t length);
void map_key_u8(struct map_key *k, uint8_t x);
void map_key_u16(struct map_key *k, uint16_t x);
void map_key_u32(struct map_key *k, uint32_t x);
void map_key_u64(struct map_key *k, uint64_t x);

/* map_get lends the value of a key until the map changes next; false when there is none. */
bool map_get(const struct map *m, const struct map_key *key, struct map_value *value);

/* map_put copies at most MAP_VALUE_BYTES_MAX bytes, which are none of the map's own; longer stops the program. A value
 * of no bytes is a value. map_erase returns false when there was none. */
void map_put(struct map *m, const struct map_key *key, const void *bytes, size_t length);
bool map_erase(struct map *m, const struct map_key *key);

/* map_next gives the first key that begins with `prefix` (of length 0: any key) and stands after `after` (NULL: the
 * very first), and lends its value (may be NULL). `after` need not be there, so a walk may erase what it is shown. key
 * may be after. */
bool map_next(const struct map *m, const struct map_key *prefix, const struct map_key *after, struct map_key *key,
              struct map_value *value);

/* LEDGER 17.4. map_mark is where the journal stands; map_undo takes back all that was changed since. Marks nest: one
 * that lies after the place gone back to is void. */
enum { MAP_BLOCK = 0 }; /* the mark of the last commit */
size_t map_mark(const struct map *m);
void map_undo(struct map *m, size_t mark);

/* map_changes shows each key whose value is not what it was at the last commit, in key order; value is NULL for one
 * that is gone. It stops with false when `show` does. map_commit forgets the journal. They are two, because what is
 * written in between may fail, and then the block must still be there to be written again or taken back. */
typedef bool map_show(void *context, const struct map_key *key, const struct map_value *value);
bool map_changes(const struct map *m, map_show *show, void *context);
void map_commit(struct map *m);

/* map_root is the state root of LEDGER 17.2. Only what changed since the last call is hashed again. */
void map_root(struct map *m, uint8_t root[MAP_ROOT_BYTES]);

/* map_prove fills in why key has its value, or has none, under map_root. See ledger/map/proof.h. */
struct map_proof;
void map_prove(struct map *m, const struct map_key *key, struct map_proof *proof);

#endif
