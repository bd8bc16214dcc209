#include "ledger/map/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"
#include "ledger/map/proof.h"
#include "ledger/map/trie.h"

/* A record has one number from map_put to map_erase, and keeps it in the journal until nobody can want it back. */
struct record {
  uint8_t *key, *value;
  uint32_t value_length;
  uint8_t key_length;
  uint8_t hash[MAP_ROOT_BYTES]; /* of the key */
};

/* What a change did to a record. `old` is the value before REPLACED; an erased record is kept with its value. */
enum change_kind { CREATED, REPLACED, ERASED };
struct change {
  enum change_kind kind;
  uint32_t record, old_length;
  uint8_t *old;
};

struct map {
  struct record *record;
  uint32_t records_max, records_count, free_first; /* free ones are linked through value_length */
  uint32_t count;
  struct trie sorted, hashed;
  struct map_inner *inner; /* what each node of `hashed` is the hash of, but for its stale sides */
  uint32_t inner_max;
  struct due *due; /* by map_root alone */
  size_t due_max;
  struct change *journal;
  size_t journal_max, journal_count;
};

static void *got(void *memory) {
  assert(memory && "out of memory");
  return memory;
}

static uint8_t *copy_of(const void *bytes, size_t length) {
  uint8_t *copy = got(malloc(length ? length : 1));
  if (length) memcpy(copy, bytes, length);
  return copy;
}

static struct trie_key key_of(const void *owner, uint32_t leaf) {
  const struct record *r = &((const struct map *)owner)->record[leaf];
  return (struct trie_key){r->key, r->key_length};
}

static struct trie_key hash_of(const void *owner, uint32_t leaf) {
  return (struct trie_key){((const struct map *)owner)->record[leaf].hash, MAP_ROOT_BYTES};
}

static struct trie_key view(const struct map_key *k) { return (struct trie_key){k->bytes, k->length}; }

struct map *map_open(void) {
  struct map *m = got(calloc(1, sizeof *m));
  m->free_first = TRIE_NONE;
  trie_open(&m->sorted, key_of, m);
  trie_open(&m->hashed, hash_of, m);
  return m;
}

void map_shut(struct map *m) {
  if (!m) return;
  map_commit(m);
  for (uint32_t i = 0; i < m->records_count; i++) {
    free(m->record[i].key);
    free(m->record[i].value);
  }
  trie_shut(&m->sorted);
  trie_shut(&m->hashed);
  free(m->record);
  free(m->inner);
  free(m->due);
  free(m->journal);
  free(m);
}

size_t map_count(const struct map *m) { return m->count; }

/* Keys. */

struct map_key map_key(uint8_t module, const void *id, size_t length) {
  struct map_key k = {.length = 0};
  map_key_u8(&k, module);
  map_key_bytes(&k, id, length);
  return k;
}

void map_key_bytes(struct map_key *k, const void *bytes, size_t length) {
  assert(length <= (size_t)MAP_KEY_BYTES_MAX - k->length && "a key is too long");
  if (length) memcpy(k->bytes + k->length, bytes, length);
  k->length = (uint8_t)(k->length + length);
}

static void key_big(struct map_key *k, uint64_t x, size_t length) {
  uint8_t bytes[8];
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(x >> (8 * (length - 1 - i)));
  map_key_bytes(k, bytes, length);
}
void map_key_u8(struct map_key *k, uint8_t x) { key_big(k, x, 1); }
void map_key_u16(struct map_key *k, uint16_t x) { key_big(k, x, 2); }
void map_key_u32(struct map_key *k, uint32_t x) { key_big(k, x, 4); }
void map_key_u64(struct map_key *k, uint64_t x) { key_big(k, x, 8); }

/* Records. */

static uint32_t record_take(struct map *m) {
  uint32_t i = m->free_first;
  if (i != TRIE_NONE) {
    m->free_first = m->record[i].value_length;
    return i;
  }
  if (m->records_count == m->records_max) {
    uint32_t most = m->records_max ? m->records_max * 2 : 64;
    assert(most < TRIE_LEAF && "a map of 2^31 records");
    m->record = got(realloc(m->record, most * sizeof *m->record));
    m->records_max = most;
  }
  return m->records_count++;
}

static void record_give(struct map *m, uint32_t i) {
  free(m->record[i].key);
  free(m->record[i].value);
  m->record[i] = (struct record){.value_length = m->free_first};
  m->free_first = i;
}

/* Both tries take a record in or let it go; its key and hash stay as they are. The way to a place is touched while the
 * record stands there, so that the nodes above it are hashed again. */
static void link_record(struct map *m, uint32_t i) {
  trie_add(&m->sorted, i);
  trie_add(&m->hashed, i);
  trie_touch(&m->hashed, hash_of(m, i));
  m->count++;
}

static void unlink_record(struct map *m, uint32_t i) {
  trie_touch(&m->hashed, hash_of(m, i));
  trie_remove(&m->sorted, key_of(m, i));
  trie_remove(&m->hashed, hash_of(m, i));
  m->count--;
}

static void set_value(struct map *m, uint32_t i, uint8_t *value, uint32_t length) {
  struct record *r = &m->record[i];
  r->value = value;
  r->value_length = length;
  trie_touch(&m->hashed, hash_of(m, i));
}

static void note(struct map *m, struct change c) {
  if (m->journal_count == m->journal_max) {
    m->journal_max = m->journal_max ? m->journal_max * 2 : 64;
    m->journal = got(realloc(m->journal, m->journal_max * sizeof *m->journal));
  }
  m->journal[m->journal_count++] = c;
}

bool map_get(const struct map *m, const struct map_key *key, struct map_value *value) {
  uint32_t i = trie_find(&m->sorted, view(key));
  if (i == TRIE_NONE) return false;
  *value = (struct map_value){m->record[i].value, m->record[i].value_length};
  return true;
}

static void create(struct map *m, const struct map_key *key, const void *bytes, uint32_t length) {
  uint32_t i = record_take(m);
  m->record[i] = (struct record){.key = copy_of(key->bytes, key->length),
                                 .key_length = key->length,
                                 .value = copy_of(bytes, length),
                                 .value_length = length};
  sha256(key->bytes, key->length, m->record[i].hash);
  link_record(m, i);
  note(m, (struct change){.kind = CREATED, .record = i});
}

void map_put(struct map *m, const struct map_key *key, const void *bytes, size_t length) {
  assert(key->length >= 1 && key->length <= MAP_KEY_BYTES_MAX && "a key has a module");
  assert(length <= MAP_VALUE_BYTES_MAX && "a value is too long");
  uint32_t i = trie_find(&m->sorted, view(key));
  if (i == TRIE_NONE) {
    create(m, key, bytes, (uint32_t)length);
    return;
  }
  const struct record *r = &m->record[i];
  if (r->value_length == length && (!length || memcmp(r->value, bytes, length) == 0)) return;
  note(m, (struct change){.kind = REPLACED, .record = i, .old = r->value, .old_length = r->value_length});
  set_value(m, i, copy_of(bytes, length), (uint32_t)length);
}

bool map_erase(struct map *m, const struct map_key *key) {
  uint32_t i = trie_find(&m->sorted, view(key));
  if (i == TRIE_NONE) return false;
  unlink_record(m, i);
  note(m, (struct change){.kind = ERASED, .record = i});
  return true;
}

static void key_copy(const struct record *r, struct map_key *key) {
  key->length = r->key_length;
  memcpy(key->bytes, r->key, r->key_length);
}

bool map_next(const struct map *m, const struct map_key *prefix, const struct map_key *after, struct map_key *key,
              struct map_value *value) {
  /* A key before the prefix has the prefix's first record next. */
  bool from_prefix = !after;
  if (after) {
    uint32_t both = after->length < prefix->length ? after->length : prefix->length;
    int order = memcmp(after->bytes, prefix->bytes, both);
    from_prefix = order < 0 || (order == 0 && after->length < prefix->length);
  }
  uint32_t i = trie_next(&m->sorted, view(from_prefix ? prefix : after), from_prefix);
  if (i == TRIE_NONE) return false;
  const struct record *r = &m->record[i];
  if (r->key_length < prefix->length || memcmp(r->key, prefix->bytes, prefix->length) != 0) return false;
  if (value) *value = (struct map_value){r->value, r->value_length};
  key_copy(r, key);
  return true;
}

/* The journal. LEDGER 17.4. */

size_t map_mark(const struct map *m) { return m->journal_count; }

void map_undo(struct map *m, size_t mark) {
  assert(mark <= m->journal_count && "a mark from a journal that is gone");
  while (m->journal_count > mark) {
    struct change c = m->journal[--m->journal_count];
    switch (c.kind) {
    case CREATED:
      unlink_record(m, c.record);
      record_give(m, c.record);
      break;
    case REPLACED:
      free(m->record[c.record].value);
      set_value(m, c.record, c.old, c.old_length);
      break;
    case ERASED: link_record(m, c.record); break;
    }
  }
}

void map_commit(struct map *m) {
  for (size_t i = 0; i < m->journal_count; i++) switch (m->journal[i].kind) {
    case CREATED: break;
    case REPLACED: free(m->journal[i].old); break;
    case ERASED: record_give(m, m->journal[i].record); break;
    }
  m->journal_count = 0;
}

/* One change of a key for sorting: by key, then by when. */
struct touched {
  const struct record *record;
  size_t at;
};

static int key_order(const struct record *a, const struct record *b) {
  uint32_t both = a->key_length < b->key_length ? a->key_length : b->key_length;
  int order = memcmp(a->key, b->key, both);
  return order ? order : (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static int touched_order(const void *left, const void *right) {
  const struct touched *a = left, *b = right;
  int order = key_order(a->record, b->record);
  return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* Whether what was there before a key's first change is there now. */
static bool as_before(const struct change *first, const struct record *r, const struct map_value *now) {
  if (first->kind == CREATED || !now) return first->kind == CREATED && !now;
  bool replaced = first->kind == REPLACED;
  const uint8_t *old = replaced ? first->old : r->value;
  uint32_t length = replaced ? first->old_length : r->value_length;
  return length == now->length && (!length || memcmp(old, now->bytes, length) == 0);
}

bool map_changes(const struct map *m, map_show *show, void *context) {
  size_t count = m->journal_count;
  struct touched *all = got(malloc((count ? count : 1) * sizeof *all));
  bool shown = true;
  for (size_t i = 0; i < count; i++) all[i] = (struct touched){&m->record[m->journal[i].record], i};
  qsort(all, count, sizeof *all, touched_order);
  for (size_t i = 0; i < count && shown; i++) {
    struct map_key key;
    struct map_value value;
    if (i && key_order(all[i - 1].record, all[i].record) == 0) continue;
    key_copy(all[i].record, &key);
    const struct map_value *now = map_get(m, &key, &value) ? &value : NULL;
    if (!as_before(&m->journal[all[i].at], all[i].record, now)) shown = show(context, &key, now);
  }
  free(all);
  return shown;
}

/* The tree. LEDGER 17.2. */

static uint8_t hash_bit(uint16_t position) { return (uint8_t)(position / 9 * 8 + position % 9 - 1); }

static void leaf_hash(const struct map *m, uint32_t i, uint8_t hash[MAP_ROOT_BYTES]) {
  const struct record *r = &m->record[i];
  sha256(r->value, r->value_length, hash);
  map_leaf_hash(r->hash, hash, hash);
}

/* One hash that is due: of a link, for one side of the node `parent`, or for the root. bit is the link's, if a node. */
struct due {
  uint32_t link, parent;
  uint8_t side, bit;
};

/* On a large map fetching a message costs more than hashing it, unless it is asked for this many hashes before. */
enum { AHEAD = 8 };

static void fetch_message(const struct map *m, uint32_t link) {
  if (trie_is_leaf(link)) {
    __builtin_prefetch(&m->record[link & ~TRIE_LEAF]);
    return;
  }
  __builtin_prefetch(&m->inner[link]);
  __builtin_prefetch(m->inner[link].child[1]);
}

/* Lists what is stale below the top, parents before children, and returns how many. */
static size_t list_due(struct map *m) {
  size_t count = 0;
  m->due[count++] = (struct due){.link = m->hashed.top, .parent = TRIE_NONE};
  for (size_t i = 0; i < count; i++) {
    uint32_t link = m->due[i].link;
    if (i + AHEAD < count && !trie_is_leaf(m->due[i + AHEAD].link))
      __builtin_prefetch(&m->hashed.node[m->due[i + AHEAD].link]);
    if (trie_is_leaf(link)) continue;
    struct trie_node *n = &m->hashed.node[link];
    m->due[i].bit = hash_bit(n->bit);
    for (uint8_t side = 0; side < 2; side++)
      if (n->stale >> side & 1) m->due[count++] = (struct due){n->child[side], link, side, 0};
    n->stale = 0;
  }
  return count;
}

/* A node keeps the hashes of both its children, so a change reads the nodes above it and nothing beside them. */
void map_root(struct map *m, uint8_t root[MAP_ROOT_BYTES]) {
  memset(root, 0, MAP_ROOT_BYTES);
  if (m->hashed.top == TRIE_NONE) return;
  if (m->inner_max < m->hashed.nodes_max) {
    m->inner_max = m->hashed.nodes_max;
    m->inner = got(realloc(m->inner, m->inner_max * sizeof *m->inner));
  }
  if (m->due_max < 2 * (size_t)m->records_max) { /* all leaves and inner nodes */
    m->due_max = 2 * (size_t)m->records_max;
    m->due = got(realloc(m->due, m->due_max * sizeof *m->due));
  }
  for (size_t i = list_due(m); i-- > 0;) {
    const struct due *d = &m->due[i];
    uint8_t *hash = d->parent == TRIE_NONE ? root : m->inner[d->parent].child[d->side];
    if (i >= 2 * AHEAD) fetch_message(m, d[-2 * AHEAD].link);
    if (i >= AHEAD && trie_is_leaf(d[-AHEAD].link)) __builtin_prefetch(m->record[d[-AHEAD].link & ~TRIE_LEAF].value);
    if (trie_is_leaf(d->link))
      leaf_hash(m, d->link & ~TRIE_LEAF, hash);
    else
      map_inner_hash(d->bit, &m->inner[d->link], hash);
  }
}

void map_prove(struct map *m, const struct map_key *key, struct map_proof *proof) {
  uint8_t k[MAP_ROOT_BYTES], root[MAP_ROOT_BYTES];
  map_root(m, root); /* nothing is stale below */
  memset(proof, 0, sizeof *proof);
  if (m->hashed.top == TRIE_NONE) return;
  sha256(key->bytes, key->length, k);
  uint32_t link = m->hashed.top;
  while (!trie_is_leaf(link)) {
    const struct trie_node *n = &m->hashed.node[link];
    uint32_t side = trie_bit((struct trie_key){k, MAP_ROOT_BYTES}, n->bit);
    proof->bit[proof->steps] = hash_bit(n->bit);
    memcpy(proof->sibling[proof->steps++], m->inner[link].child[!side], MAP_ROOT_BYTES);
    link = n->child[side];
  }
  const struct record *r = &m->record[link & ~TRIE_LEAF];
  bool present = memcmp(r->hash, k, MAP_ROOT_BYTES) == 0;
  proof->kind = present ? MAP_PROOF_PRESENT : MAP_PROOF_ABSENT;
  if (present) return;
  memcpy(proof->other, r->hash, MAP_ROOT_BYTES);
  sha256(r->value, r->value_length, proof->other_value);
}
