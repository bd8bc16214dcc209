#include "ledger/log/log.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/sha256.h"

void log_leaf(const void *receipt, size_t length, uint8_t hash[LOG_HASH_BYTES]) {
  static const uint8_t tag = 0x00;
  sha256_parts((struct sha256_part[]){{&tag, 1}, {receipt, length}}, 2, hash);
}

/* hash may be left or right. */
static void inner(const uint8_t left[LOG_HASH_BYTES], const uint8_t right[LOG_HASH_BYTES],
                  uint8_t hash[LOG_HASH_BYTES]) {
  uint8_t message[1 + 2 * LOG_HASH_BYTES] = {0x01};
  memcpy(message + 1, left, LOG_HASH_BYTES);
  memcpy(message + 1 + LOG_HASH_BYTES, right, LOG_HASH_BYTES);
  sha256(message, sizeof message, hash);
}

void log_add(struct log *l, const uint8_t leaf[LOG_HASH_BYTES]) {
  uint8_t node[LOG_HASH_BYTES];
  uint32_t level = 0;
  assert(l->size != UINT64_MAX && "a log of 2^64 - 1 receipts");
  memcpy(node, leaf, LOG_HASH_BYTES);
  for (; l->size >> level & 1; level++) inner(l->node[level], node, node);
  memcpy(l->node[level], node, LOG_HASH_BYTES);
  l->size++;
}

/* From the smallest tree up: all that is smaller lies to the right of a tree and hangs beside it. */
void log_root(const struct log *l, uint8_t root[LOG_HASH_BYTES]) {
  if (!l->size) {
    sha256("", 0, root);
    return;
  }
  uint32_t level = (uint32_t)__builtin_ctzll(l->size);
  uint8_t node[LOG_HASH_BYTES];
  memcpy(node, l->node[level], LOG_HASH_BYTES);
  while (++level < LOG_LEVELS_MAX)
    if (l->size >> level & 1) inner(l->node[level], node, node);
  memcpy(root, node, LOG_HASH_BYTES);
}

size_t log_encode(const struct log *l, uint8_t bytes[LOG_FRONTIER_BYTES_MAX]) {
  struct writer w = writer_over(bytes, LOG_FRONTIER_BYTES_MAX);
  put_u64(&w, l->size);
  for (uint32_t level = LOG_LEVELS_MAX; level-- > 0;)
    if (l->size >> level & 1) put_bytes(&w, l->node[level], LOG_HASH_BYTES);
  assert(!w.full);
  return bytes_written(&w);
}

bool log_decode(const uint8_t *bytes, size_t length, struct log *l) {
  struct reader r = reader_over(bytes, length);
  struct log read = {.size = take_u64(&r)};
  for (uint32_t level = LOG_LEVELS_MAX; level-- > 0;)
    if (read.size >> level & 1) {
      const uint8_t *node = take_bytes(&r, LOG_HASH_BYTES);
      if (node) memcpy(read.node[level], node, LOG_HASH_BYTES);
    }
  if (!bytes_done(&r)) return false;
  *l = read;
  return true;
}

void log_load(const struct map *m, struct log *l) {
  struct map_key key = map_key(MODULE_LOG, NULL, 0);
  struct map_value value;
  *l = (struct log){.size = 0};
  if (!map_get(m, &key, &value)) return;
  bool good = log_decode(value.bytes, value.length, l);
  assert(good && "the log's frontier in the map is none");
}

void log_store(struct map *m, const struct log *l) {
  uint8_t bytes[LOG_FRONTIER_BYTES_MAX];
  struct map_key key = map_key(MODULE_LOG, NULL, 0);
  map_put(m, &key, bytes, log_encode(l, bytes));
}

struct store {
  log_read *read;
  void *context;
};

static bool full_tree(struct store s, uint32_t level, uint64_t index, uint8_t hash[LOG_HASH_BYTES]) {
  uint8_t right[LOG_HASH_BYTES];
  if (s.read(s.context, level, index, hash)) return true;
  if (!level || !full_tree(s, level - 1, 2 * index, hash) || !full_tree(s, level - 1, 2 * index + 1, right))
    return false;
  inner(hash, right, hash);
  return true;
}

/* The root of the leaves from `first` to size, at most 2^level of them; first is a multiple of 2^level. The trees that
 * the count's bits name, as in a log of its own. */
static bool right_edge(struct store s, uint64_t first, uint64_t count, uint8_t hash[LOG_HASH_BYTES]) {
  struct log l = {.size = count};
  uint64_t at = first;
  for (uint32_t level = LOG_LEVELS_MAX; level-- > 0;) {
    if (!(count >> level & 1)) continue;
    if (!full_tree(s, level, at >> level, l.node[level])) return false;
    at += (uint64_t)1 << level;
  }
  log_root(&l, hash);
  return true;
}

/* At each level the leaf's tree is joined with the one beside it, unless that lies beyond the end: then the tree itself
 * is what the level above holds. */
static bool has_sibling(uint64_t size, uint64_t index, uint32_t level) {
  uint64_t beside = index >> level ^ 1;
  return beside <= (size - 1) >> level;
}

uint32_t log_path_count(uint64_t size, uint64_t index) {
  uint32_t count = 0;
  assert(index < size);
  for (uint32_t level = 0; level < LOG_LEVELS_MAX && (size - 1) >> level; level++)
    count += has_sibling(size, index, level);
  return count;
}

bool log_path(uint64_t size, uint64_t index, log_read *read, void *context,
              uint8_t path[LOG_LEVELS_MAX][LOG_HASH_BYTES], uint32_t *count) {
  struct store s = {read, context};
  uint8_t found[LOG_LEVELS_MAX][LOG_HASH_BYTES];
  uint32_t n = 0;
  assert(index < size);
  for (uint32_t level = 0; level < LOG_LEVELS_MAX && (size - 1) >> level; level++) {
    if (!has_sibling(size, index, level)) continue;
    uint64_t first = (index >> level ^ 1) << level, left = size - first, full = (uint64_t)1 << level;
    if (!right_edge(s, first, left < full ? left : full, found[n++])) return false;
  }
  memcpy(path, found, n * sizeof found[0]);
  *count = n;
  return true;
}

bool log_climb(const uint8_t leaf[LOG_HASH_BYTES], uint64_t size, uint64_t index, const uint8_t (*path)[LOG_HASH_BYTES],
               uint32_t count, uint8_t root[LOG_HASH_BYTES]) {
  uint8_t node[LOG_HASH_BYTES];
  if (index >= size || count != log_path_count(size, index)) return false;
  memcpy(node, leaf, LOG_HASH_BYTES);
  for (uint32_t level = 0, n = 0; level < LOG_LEVELS_MAX && (size - 1) >> level; level++) {
    if (!has_sibling(size, index, level)) continue;
    if (index >> level & 1)
      inner(path[n++], node, node);
    else
      inner(node, path[n++], node);
  }
  memcpy(root, node, LOG_HASH_BYTES);
  return true;
}

bool log_check(const uint8_t leaf[LOG_HASH_BYTES], uint64_t size, uint64_t index, const uint8_t (*path)[LOG_HASH_BYTES],
               uint32_t count, const uint8_t root[LOG_HASH_BYTES]) {
  uint8_t reached[LOG_HASH_BYTES];
  return log_climb(leaf, size, index, path, count, reached) && memcmp(reached, root, LOG_HASH_BYTES) == 0;
}

void log_app_hash(const uint8_t state_root[MAP_ROOT_BYTES], const uint8_t root[LOG_HASH_BYTES], uint64_t size,
                  uint8_t hash[LOG_HASH_BYTES]) {
  uint8_t state[LOG_HASH_BYTES], log[LOG_HASH_BYTES], bytes[LOG_HASH_BYTES + 8];
  struct writer w = writer_over(bytes, sizeof bytes);
  put_bytes(&w, root, LOG_HASH_BYTES);
  put_u64(&w, size);
  log_leaf(state_root, MAP_ROOT_BYTES, state);
  log_leaf(bytes, sizeof bytes, log);
  inner(state, log, hash);
}
