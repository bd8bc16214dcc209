#include "crypto/merkle.h"

#include <assert.h>
#include <string.h>

#include "crypto/sha256.h"

bool merkle_absent(const uint8_t node[MERKLE_BYTES]) {
  uint8_t any = 0;
  for (uint32_t i = 0; i < MERKLE_BYTES; i++) any |= node[i];
  return any == 0;
}

uint32_t merkle_height(uint64_t leaves) {
  uint32_t height = 0;
  while (height < 63 && leaves > (uint64_t)1 << height) height++;
  return height;
}

void merkle_leaf(const void *bytes, size_t length, uint8_t hash[MERKLE_BYTES]) {
  static const uint8_t tag = 0x00;
  sha256_parts((struct sha256_part[]){{&tag, 1}, {bytes, length}}, 2, hash);
}

void merkle_leaves(const void *bytes, size_t length, size_t count, uint8_t *hashes) {
  sha256_each(0x00, bytes, length, count, hashes);
}

/* Copied into one block first, so that hash may be left or right, and because one 65-byte update is quicker than three.
 */
void merkle_inner(const uint8_t left[MERKLE_BYTES], const uint8_t right[MERKLE_BYTES], uint8_t hash[MERKLE_BYTES]) {
  if (merkle_absent(left) && merkle_absent(right)) {
    memset(hash, 0, MERKLE_BYTES);
    return;
  }
  uint8_t message[1 + 2 * MERKLE_BYTES] = {0x01};
  memcpy(message + 1, left, MERKLE_BYTES);
  memcpy(message + 1 + MERKLE_BYTES, right, MERKLE_BYTES);
  sha256(message, sizeof message, hash);
}

static const uint8_t nothing[MERKLE_BYTES];

/* Joins `count` nodes into the ceil(count / 2) of the level above, in place. Two nodes that lie one behind the other
 * are the message of the one above, unless both are absent. */
static uint64_t level_up(uint8_t *nodes, uint64_t count) {
  uint64_t i = 0;
  while (i + 1 < count) {
    uint64_t end = i;
    while (end + 1 < count && !merkle_absent(nodes + end * MERKLE_BYTES)) end += 2;
    sha256_each(0x01, nodes + i * MERKLE_BYTES, 2 * MERKLE_BYTES, (end - i) / 2, nodes + i / 2 * MERKLE_BYTES);
    if (end + 1 < count)
      merkle_inner(nodes + end * MERKLE_BYTES, nodes + (end + 1) * MERKLE_BYTES, nodes + end / 2 * MERKLE_BYTES);
    i = end + 2;
  }
  if (count % 2) merkle_inner(nodes + (count - 1) * MERKLE_BYTES, nothing, nodes + count / 2 * MERKLE_BYTES);
  return (count + 1) / 2;
}

void merkle_fold(uint8_t *hashes, uint64_t count, uint8_t root[MERKLE_BYTES]) {
  for (uint64_t n = count; n > 1;) n = level_up(hashes, n);
  memmove(root, count ? hashes : nothing, MERKLE_BYTES);
}

void merkle_path(const uint8_t *hashes, uint64_t count, uint64_t index, uint8_t *scratch, uint8_t *path) {
  if (count) memcpy(scratch, hashes, count * MERKLE_BYTES);
  for (uint64_t n = count; n > 1; index /= 2, path += MERKLE_BYTES) {
    memcpy(path, (index ^ 1) < n ? scratch + (index ^ 1) * MERKLE_BYTES : nothing, MERKLE_BYTES);
    n = level_up(scratch, n);
  }
}

void merkle_climb(const uint8_t leaf[MERKLE_BYTES], uint64_t index, const uint8_t *path, uint32_t height,
                  uint8_t root[MERKLE_BYTES]) {
  uint8_t node[MERKLE_BYTES];
  memcpy(node, leaf, MERKLE_BYTES);
  for (uint32_t level = 0; level < height; level++, index /= 2, path += MERKLE_BYTES)
    merkle_inner(index & 1 ? path : node, index & 1 ? node : path, node);
  memcpy(root, node, MERKLE_BYTES);
}

void merkle_add(struct merkle_builder *b, const uint8_t leaf[MERKLE_BYTES]) {
  uint8_t node[MERKLE_BYTES];
  memcpy(node, leaf, MERKLE_BYTES);
  uint32_t level = 0;
  for (; b->count >> level & 1; level++) merkle_inner(b->node[level], node, node);
  assert(level <= MERKLE_HEIGHT_MAX);
  memcpy(b->node[level], node, MERKLE_BYTES);
  b->count++;
}

/* From the lowest level up, `node` is the subtree at the right edge: what is left over of count, then absent leaves. */
void merkle_end(const struct merkle_builder *b, uint8_t root[MERKLE_BYTES]) {
  uint8_t node[MERKLE_BYTES] = {0};
  uint32_t height = merkle_height(b->count);
  if (b->count == (uint64_t)1 << height)
    memcpy(node, b->node[height], MERKLE_BYTES);
  else
    for (uint32_t level = 0; level < height; level++)
      if (b->count >> level & 1)
        merkle_inner(b->node[level], node, node);
      else
        merkle_inner(node, nothing, node);
  memcpy(root, node, MERKLE_BYTES);
}

void merkle_node(const uint8_t *hashes, uint64_t count, uint32_t level, uint64_t index, uint8_t node[MERKLE_BYTES]) {
  uint64_t first = index << level, end = (index + 1) << level;
  struct merkle_builder b = {.count = 0};
  memset(node, 0, MERKLE_BYTES);
  if (first >= count) return;
  for (uint64_t i = first; i < end && i < count; i++) merkle_add(&b, hashes + i * MERKLE_BYTES);
  merkle_end(&b, node);
  for (uint32_t l = merkle_height(b.count); l < level; l++) merkle_inner(node, nothing, node);
}
