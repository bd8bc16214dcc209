/* log: the append-only tree of receipts. RFC 6962, section 2.1; LEDGER 17.3.
 *
 * Root of nothing: SHA-256 of no bytes. Leaf: SHA-256(00 || receipt). Inner: SHA-256(01 || left || right); left is the
 * largest full tree of 2^k leaves that leaves something to the right. Who appends needs the **frontier** alone, the
 * roots of the full trees that the size's bits name; it is a value of the map. Paths to old leaves need the old hashes,
 * which the store keeps and a callback reads. Uses: map, sha256, bytes. */
#ifndef LEDGER_LOG_LOG_H
#define LEDGER_LOG_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ledger/map/map.h"

enum { LOG_HASH_BYTES = 32, LOG_LEVELS_MAX = 64 };
enum { LOG_FRONTIER_BYTES_MAX = 8 + LOG_LEVELS_MAX * LOG_HASH_BYTES };

/* node[l] is the root of the full tree of 2^l leaves where size has bit l; the others are not looked at. */
struct log {
  uint64_t size;
  uint8_t node[LOG_LEVELS_MAX][LOG_HASH_BYTES];
};

void log_leaf(const void *receipt, size_t length, uint8_t hash[LOG_HASH_BYTES]);

/* log_add appends a leaf hash to a log, which starts zeroed; its number is the size before. log_root is the root of all
 * leaves. */
void log_add(struct log *l, const uint8_t leaf[LOG_HASH_BYTES]);
void log_root(const struct log *l, uint8_t root[LOG_HASH_BYTES]);

/* The frontier as bytes: size u64 | the nodes of its set bits, highest first. log_encode returns their number, at most
 * LOG_FRONTIER_BYTES_MAX; log_decode takes exactly one frontier. */
size_t log_encode(const struct log *l, uint8_t bytes[LOG_FRONTIER_BYTES_MAX]);
bool log_decode(const uint8_t *bytes, size_t length, struct log *l);

/* The frontier in the map: log_load gives an empty log where there is none, log_store writes it. A frontier in the map
 * that is none stops the program. Who keeps a struct log beside the map loads it again after map_undo. */
void log_load(const struct map *m, struct log *l);
void log_store(struct map *m, const struct log *l);

/* log_read gives the root of the full tree of 2^level leaves whose first leaf is index * 2^level; level 0 are the leaf
 * hashes. A store may answer false for a level above 0 that it does not keep: it is then computed from the level below.
 * False at level 0 is a failure. */
typedef bool log_read(void *context, uint32_t level, uint64_t index, uint8_t hash[LOG_HASH_BYTES]);

/* log_path is RFC 6962's PATH(index, D[size]): the siblings from the leaf up. index < size. False when `read` fails,
 * and then path and count are untouched. Cost: one read for each hash of the path, twice that on the right edge, if
 * every level is kept. */
bool log_path(uint64_t size, uint64_t index, log_read *read, void *context,
              uint8_t path[LOG_LEVELS_MAX][LOG_HASH_BYTES], uint32_t *count);

/* log_path_count is how many hashes that path has, index < size. log_climb gives the root that it leads to, which may
 * be written over the leaf; false if it is no path of such a leaf. log_check says whether it leads to this root. */
uint32_t log_path_count(uint64_t size, uint64_t index);
bool log_climb(const uint8_t leaf[LOG_HASH_BYTES], uint64_t size, uint64_t index, const uint8_t (*path)[LOG_HASH_BYTES],
               uint32_t count, uint8_t root[LOG_HASH_BYTES]);
bool log_check(const uint8_t leaf[LOG_HASH_BYTES], uint64_t size, uint64_t index, const uint8_t (*path)[LOG_HASH_BYTES],
               uint32_t count, const uint8_t root[LOG_HASH_BYTES]);

/* log_app_hash binds the whole state and how long its log is. LEDGER 17.2: SHA-256(01 || SHA-256(00 || state root) ||
 * SHA-256(00 || log root || log size u64)). */
void log_app_hash(const uint8_t state_root[MAP_ROOT_BYTES], const uint8_t root[LOG_HASH_BYTES], uint64_t size,
                  uint8_t hash[LOG_HASH_BYTES]);

#endif
