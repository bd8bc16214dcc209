#include "ledger/map/trie.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

void trie_open(struct trie *t, trie_key_of *key_of, const void *owner) {
  *t = (struct trie){.free_first = TRIE_NONE, .top = TRIE_NONE, .key_of = key_of, .owner = owner};
}

void trie_shut(struct trie *t) {
  free(t->node);
  trie_open(t, t->key_of, t->owner);
}

static uint32_t node_take(struct trie *t) {
  uint32_t n = t->free_first;
  if (n != TRIE_NONE) {
    t->free_first = t->node[n].child[0];
    return n;
  }
  if (t->nodes_count == t->nodes_max) {
    uint32_t most = t->nodes_max ? t->nodes_max * 2 : 64;
    assert(most < TRIE_LEAF && "a trie of 2^31 nodes");
    t->node = realloc(t->node, most * sizeof *t->node);
    assert(t->node && "out of memory");
    t->nodes_max = most;
  }
  return t->nodes_count++;
}

static void node_give(struct trie *t, uint32_t n) {
  t->node[n].child[0] = t->free_first;
  t->free_first = n;
}

/* The first position in which two strings differ, TRIE_NONE if they are one. */
static uint32_t difference(struct trie_key a, struct trie_key b) {
  uint32_t both = a.length < b.length ? a.length : b.length, i = 0;
  while (i < both && a.bytes[i] == b.bytes[i]) i++;
  if (i < both) return 9 * i + 1 + (uint32_t)__builtin_clz((uint32_t)(a.bytes[i] ^ b.bytes[i]) << 24);
  return a.length == b.length ? TRIE_NONE : 9 * i;
}

/* The leaf that key's bits lead to. If key is in the set it is this one; if not, no leaf shares a longer beginning. */
static uint32_t nearest(const struct trie *t, struct trie_key key) {
  uint32_t link = t->top;
  while (!trie_is_leaf(link)) link = t->node[link].child[trie_bit(key, t->node[link].bit)];
  return link & ~TRIE_LEAF;
}

uint32_t trie_find(const struct trie *t, struct trie_key key) {
  if (t->top == TRIE_NONE) return TRIE_NONE;
  uint32_t leaf = nearest(t, key);
  return difference(key, t->key_of(t->owner, leaf)) == TRIE_NONE ? leaf : TRIE_NONE;
}

void trie_add(struct trie *t, uint32_t leaf) {
  struct trie_key key = t->key_of(t->owner, leaf);
  if (t->top == TRIE_NONE) {
    t->top = TRIE_LEAF | leaf;
    return;
  }
  uint32_t bit = difference(key, t->key_of(t->owner, nearest(t, key)));
  assert(bit != TRIE_NONE && "a key is added twice");
  uint32_t n = node_take(t), side = trie_bit(key, bit), *at = &t->top;
  while (!trie_is_leaf(*at) && t->node[*at].bit < bit) at = &t->node[*at].child[trie_bit(key, t->node[*at].bit)];
  t->node[n].child[side] = TRIE_LEAF | leaf;
  t->node[n].child[!side] = *at;
  t->node[n].bit = (uint16_t)bit;
  t->node[n].stale = 3;
  *at = n;
}

void trie_remove(struct trie *t, struct trie_key key) {
  uint32_t *at = &t->top, *above = NULL, side = 0;
  assert(t->top != TRIE_NONE);
  while (!trie_is_leaf(*at)) {
    above = at;
    side = trie_bit(key, t->node[*at].bit);
    at = &t->node[*at].child[side];
  }
  assert(difference(key, t->key_of(t->owner, *at & ~TRIE_LEAF)) == TRIE_NONE && "a key is removed that is not there");
  if (!above) {
    t->top = TRIE_NONE;
    return;
  }
  uint32_t n = *above;
  *above = t->node[n].child[!side];
  node_give(t, n);
}

void trie_touch(struct trie *t, struct trie_key key) {
  for (uint32_t link = t->top; !trie_is_leaf(link);) {
    struct trie_node *n = &t->node[link];
    uint32_t side = trie_bit(key, n->bit);
    n->stale |= (uint8_t)(1u << side);
    link = n->child[side];
  }
}

static uint32_t first_below(const struct trie *t, uint32_t link) {
  while (!trie_is_leaf(link)) link = t->node[link].child[0];
  return link & ~TRIE_LEAF;
}

uint32_t trie_next(const struct trie *t, struct trie_key key, bool or_at) {
  if (t->top == TRIE_NONE) return TRIE_NONE;
  uint32_t leaf = nearest(t, key), bit = difference(key, t->key_of(t->owner, leaf));
  if (bit == TRIE_NONE && or_at) return leaf;
  /* Everything below `link` shares key's beginning up to `bit`; `turn` is the nearest subtree to the right. */
  uint32_t link = t->top, turn = TRIE_NONE;
  while (!trie_is_leaf(link) && t->node[link].bit < bit) {
    uint32_t side = trie_bit(key, t->node[link].bit);
    if (!side) turn = t->node[link].child[1];
    link = t->node[link].child[side];
  }
  if (bit != TRIE_NONE && !trie_bit(key, bit)) return first_below(t, link);
  return turn == TRIE_NONE ? TRIE_NONE : first_below(t, turn);
}
