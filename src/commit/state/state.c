#include "commit/state/state.h"

#include <string.h>

void state_leaf_hashes(const uint8_t *blob, uint64_t length, uint64_t first, uint64_t count, uint8_t *hashes) {
  uint64_t at = first * TAPE_LEAF_BYTES, full = (length - at) / TAPE_LEAF_BYTES;
  if (full > count) full = count;
  merkle_leaves(blob + at, TAPE_LEAF_BYTES, full, hashes);
  if (full == count) return;
  uint8_t last[TAPE_LEAF_BYTES] = {0};
  at += full * TAPE_LEAF_BYTES;
  memcpy(last, blob + at, length - at);
  merkle_leaf(last, sizeof last, hashes + full * MERKLE_BYTES);
}

void state_root(const uint8_t *blob, uint64_t length, uint8_t *hashes, uint8_t root[MERKLE_BYTES]) {
  uint64_t leaves = length / TAPE_LEAF_BYTES + (length % TAPE_LEAF_BYTES != 0);
  state_leaf_hashes(blob, length, 0, leaves, hashes);
  merkle_fold(hashes, leaves, root);
}

/* All full subtrees of one height are equal, so the right edge is all there is to compute. */
void state_zero_root(uint64_t leaves, uint8_t root[MERKLE_BYTES]) {
  static const uint8_t zeros[TAPE_LEAF_BYTES];
  struct merkle_builder tree = {.count = leaves};
  merkle_leaf(zeros, sizeof zeros, tree.node[0]);
  for (uint32_t level = 0; level < MERKLE_HEIGHT_MAX; level++)
    merkle_inner(tree.node[level], tree.node[level], tree.node[level + 1]);
  merkle_end(&tree, root);
}

bool state_padding_clean(const struct layout *l, const uint8_t *blob, uint32_t *entry) {
  for (uint32_t i = 0; i < l->state_count; i++) {
    const struct layout_entry *e = &l->entry[i];
    uint64_t end = (e->first_leaf + layout_entry_leaves(e)) * TAPE_LEAF_BYTES;
    uint8_t any = 0;
    for (uint64_t at = e->first_leaf * TAPE_LEAF_BYTES + layout_entry_elements(e) * tape_dtype_bytes(e->dtype);
         at < end; at++)
      any |= blob[at];
    if (any) {
      *entry = i;
      return false;
    }
  }
  return true;
}
