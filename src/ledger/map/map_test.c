/* The map against a slow obvious twin: a sorted array, whose root is computed from nothing each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/map/map.h"

enum { TWIN_MAX = 512, TWIN_VALUE_MAX = 48, MARKS_MAX = 8 };

struct pair {
  struct map_key key;
  uint8_t value[TWIN_VALUE_MAX];
  uint32_t length;
};
struct twin {
  struct pair pair[TWIN_MAX];
  uint32_t count;
};

static uint64_t next_random(uint64_t *s) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*s += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/* The twin. */

static int order(const struct map_key *a, const struct map_key *b) {
  for (uint32_t i = 0; i < a->length && i < b->length; i++)
    if (a->bytes[i] != b->bytes[i]) return a->bytes[i] < b->bytes[i] ? -1 : 1;
  return (a->length > b->length) - (a->length < b->length);
}

/* The place of key, or where it would stand. */
static uint32_t place(const struct twin *t, const struct map_key *key) {
  uint32_t i = 0;
  while (i < t->count && order(&t->pair[i].key, key) < 0) i++;
  return i;
}

static struct pair *twin_find(struct twin *t, const struct map_key *key) {
  uint32_t i = place(t, key);
  return i < t->count && order(&t->pair[i].key, key) == 0 ? &t->pair[i] : NULL;
}

static void twin_put(struct twin *t, const struct map_key *key, const uint8_t *value, uint32_t length) {
  uint32_t i = place(t, key);
  if (!twin_find(t, key)) {
    assert_true(t->count < TWIN_MAX);
    memmove(&t->pair[i + 1], &t->pair[i], (t->count++ - i) * sizeof t->pair[0]);
    t->pair[i].key = *key;
  }
  memcpy(t->pair[i].value, value, length);
  t->pair[i].length = length;
}

static bool twin_erase(struct twin *t, const struct map_key *key) {
  uint32_t i = place(t, key);
  if (!twin_find(t, key)) return false;
  memmove(&t->pair[i], &t->pair[i + 1], (--t->count - i) * sizeof t->pair[0]);
  return true;
}

struct twin_leaf {
  uint8_t k[32], value[32];
};

/* LEDGER 17.2 as it reads: split by the first bit in which the leaves differ. */
static void twin_node(struct twin_leaf *leaf, uint32_t count, uint32_t bit, uint8_t hash[32]) {
  uint8_t message[67];
  if (count == 1) {
    message[0] = 2;
    memcpy(message + 1, leaf->k, 32);
    memcpy(message + 33, leaf->value, 32);
    sha256(message, 65, hash);
    return;
  }
  struct twin_leaf *ones = malloc(count * sizeof *ones);
  assert_non_null(ones);
  uint32_t zeros_count = 0, ones_count = 0;
  for (uint32_t i = 0; i < count; i++)
    if (leaf[i].k[bit / 8] >> (7 - bit % 8) & 1)
      ones[ones_count++] = leaf[i];
    else
      leaf[zeros_count++] = leaf[i];
  memcpy(leaf + zeros_count, ones, ones_count * sizeof *ones);
  free(ones);
  if (zeros_count == 0 || ones_count == 0) {
    twin_node(leaf, count, bit + 1, hash);
    return;
  }
  message[0] = 3;
  message[1] = (uint8_t)bit;
  message[2] = (uint8_t)(bit >> 8);
  twin_node(leaf, zeros_count, bit + 1, message + 3);
  twin_node(leaf + zeros_count, ones_count, bit + 1, message + 35);
  sha256(message, 67, hash);
}

static void twin_root(const struct twin *t, uint8_t root[32]) {
  static struct twin_leaf leaf[TWIN_MAX];
  for (uint32_t i = 0; i < t->count; i++) {
    sha256(t->pair[i].key.bytes, t->pair[i].key.length, leaf[i].k);
    sha256(t->pair[i].value, t->pair[i].length, leaf[i].value);
  }
  memset(root, 0, 32);
  if (t->count) twin_node(leaf, t->count, 0, root);
}

/* Both. */

/* Short keys over a few letters: many begin others, and most exist already. */
static struct map_key random_key(uint64_t *seed) {
  static const uint8_t letters[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
  struct map_key key = map_key((uint8_t)(next_random(seed) % 2), NULL, 0);
  for (uint64_t n = next_random(seed) % 5; n; n--) map_key_u8(&key, letters[next_random(seed) % sizeof letters]);
  return key;
}

static void same_value(const struct pair *p, const struct map_value *v) {
  assert_int_equal(p->length, v->length);
  assert_memory_equal(p->value, v->bytes, p->length);
}

static void same_get(struct map *m, struct twin *t, uint64_t *seed) {
  struct map_key key = random_key(seed);
  struct map_value value;
  struct pair *p = twin_find(t, &key);
  bool there = map_get(m, &key, &value);
  assert_int_equal(there, p != NULL);
  if (there) same_value(p, &value);
}

static void same_next(struct map *m, const struct twin *t, uint64_t *seed) {
  struct map_key prefix = random_key(seed), after = random_key(seed), key;
  if (next_random(seed) % 2) prefix.length = (uint8_t)(next_random(seed) % 2); /* a module, or everything */
  bool from_start = next_random(seed) % 4 == 0;
  struct map_value value;
  uint32_t i = 0;
  for (; i < t->count; i++) {
    const struct map_key *k = &t->pair[i].key;
    if (!from_start && order(k, &after) <= 0) continue;
    if (k->length >= prefix.length && memcmp(k->bytes, prefix.bytes, prefix.length) == 0) break;
  }
  assert_int_equal(map_next(m, &prefix, from_start ? NULL : &after, &key, &value), i < t->count);
  if (i == t->count) return;
  assert_int_equal(order(&key, &t->pair[i].key), 0);
  same_value(&t->pair[i], &value);
}

static void same_root(struct map *m, const struct twin *t) {
  uint8_t root[MAP_ROOT_BYTES], twin[32];
  map_root(m, root);
  twin_root(t, twin);
  assert_memory_equal(root, twin, sizeof root);
  assert_int_equal(map_count(m), t->count);
}

static void change(struct map *m, struct twin *t, uint64_t *seed) {
  struct map_key key = random_key(seed);
  if (next_random(seed) % 3 == 0) {
    assert_int_equal(map_erase(m, &key), twin_erase(t, &key));
    return;
  }
  uint8_t value[TWIN_VALUE_MAX];
  uint32_t length = (uint32_t)(next_random(seed) % 4 * 16);
  memset(value, (int)(next_random(seed) % 3), sizeof value);
  map_put(m, &key, value, length);
  twin_put(t, &key, value, length);
}

/* The twin's changes: a merge of what was and what is. */
struct changes {
  const struct twin *before, *now;
  uint32_t i, j, stop_after;
};

static bool expect_change(void *context, const struct map_key *key, const struct map_value *value) {
  struct changes *c = context;
  const struct pair *old, *new;
  int side;
  for (;; c->i += side <= 0, c->j += side >= 0) {
    old = c->i < c->before->count ? &c->before->pair[c->i] : NULL;
    new = c->j < c->now->count ? &c->now->pair[c->j] : NULL;
    assert_true(old || new);
    side = !old ? 1 : !new ? -1 : order(&old->key, &new->key);
    if (side || old->length != new->length || memcmp(old->value, new->value, old->length) != 0) break;
  }
  assert_int_equal(order(key, side < 0 ? &old->key : &new->key), 0);
  assert_int_equal(value == NULL, side < 0);
  if (value) same_value(new, value);
  c->i += side <= 0;
  c->j += side >= 0;
  return c->stop_after == 0 || --c->stop_after > 0;
}

static bool count_change(void *context, const struct map_key *key, const struct map_value *value) {
  (void)key;
  (void)value;
  ++*(uint32_t *)context;
  return true;
}

static void same_changes(const struct map *m, const struct twin *before, const struct twin *now) {
  struct changes c = {.before = before, .now = now};
  uint32_t shown = 0;
  assert_true(map_changes(m, expect_change, &c));
  for (; c.i < before->count && c.j < now->count; c.i++, c.j++) {
    assert_int_equal(order(&before->pair[c.i].key, &now->pair[c.j].key), 0);
    assert_int_equal(before->pair[c.i].length, now->pair[c.j].length);
    assert_memory_equal(before->pair[c.i].value, now->pair[c.j].value, now->pair[c.j].length);
  }
  assert_true(c.i == before->count && c.j == now->count);
  assert_true(map_changes(m, count_change, &shown));
  if (shown > 1) {
    struct changes first = {.before = before, .now = now, .stop_after = 1};
    assert_false(map_changes(m, expect_change, &first));
  }
}

/* LEDGER 17.4: transactions in blocks; each may go back to any mark of its block, a block to the last commit. */
static void random_calls(void **state) {
  (void)state;
  static struct twin now, block, saved[MARKS_MAX];
  static struct map *m;
  size_t mark[MARKS_MAX];
  uint32_t marks = 0;
  uint64_t seed = 20261121;
  m = map_open();
  for (uint32_t call = 0; call < 120000; call++) {
    uint64_t what = next_random(&seed) % 200;
    if (what < 130) {
      change(m, &now, &seed);
    } else if (what < 150) {
      same_get(m, &now, &seed);
    } else if (what < 175) {
      same_next(m, &now, &seed);
    } else if (what < 185) {
      if (marks == MARKS_MAX) continue;
      mark[marks] = map_mark(m);
      saved[marks++] = now;
    } else if (what < 191) {
      if (!marks) continue;
      marks = (uint32_t)(next_random(&seed) % marks);
      map_undo(m, mark[marks]);
      now = saved[marks];
    } else if (what < 196) {
      same_root(m, &now);
    } else if (what < 197) {
      map_undo(m, MAP_BLOCK);
      now = block;
      marks = 0;
    } else if (what < 199) {
      same_changes(m, &block, &now);
      map_commit(m);
      block = now;
      marks = 0;
    } else {
      /* Down to few records, where the trie has its edges: none, one, two. */
      while (now.count > next_random(&seed) % 4) {
        struct map_key key = now.pair[next_random(&seed) % now.count].key;
        assert_true(map_erase(m, &key) && twin_erase(&now, &key));
      }
      same_root(m, &now);
    }
  }
  same_root(m, &now);
  map_shut(m);
}

/* The root of a set is the same whatever the order of insertions and whatever was there in between. */
static void order_independent(void **state) {
  (void)state;
  enum { KEYS = 300 };
  static struct map_key key[KEYS];
  uint8_t first[MAP_ROOT_BYTES] = {0}, root[MAP_ROOT_BYTES];
  uint64_t seed = 7;
  for (uint32_t i = 0; i < KEYS; i++) {
    key[i] = map_key(3, NULL, 0);
    map_key_u32(&key[i], i);
  }
  for (uint32_t round = 0; round < 20; round++) {
    struct map *m = map_open();
    for (uint32_t i = KEYS - 1; i > 0; i--) {
      uint32_t j = (uint32_t)(next_random(&seed) % (i + 1));
      struct map_key swap = key[i];
      key[i] = key[j];
      key[j] = swap;
    }
    for (uint32_t i = 0; i < KEYS; i++) {
      struct map_key extra = map_key(4, &i, sizeof i);
      map_put(m, &extra, "x", 1);
      map_put(m, &key[i], key[i].bytes, key[i].length);
      if (i % 7 == 0) map_root(m, root);
      if (round % 2) map_erase(m, &extra);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
      struct map_key extra = map_key(4, &i, sizeof i);
      map_erase(m, &extra);
    }
    map_root(m, root);
    if (round == 0) memcpy(first, root, sizeof root);
    assert_memory_equal(root, first, sizeof root);
    map_shut(m);
  }
}

/* Integers in keys: the order of keys is the order of numbers. */
static void numbers_in_order(void **state) {
  (void)state;
  static const uint64_t number[] = {0, 1, 255, 256, 65535, 65536, (uint64_t)1 << 32, UINT64_MAX};
  struct map *m = map_open();
  struct map_key key, prefix = map_key(9, NULL, 0), at;
  for (size_t i = sizeof number / sizeof *number; i-- > 0;) {
    key = prefix;
    map_key_u64(&key, number[i]);
    map_put(m, &key, NULL, 0);
  }
  bool more = map_next(m, &prefix, NULL, &at, NULL);
  for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
    key = prefix;
    map_key_u64(&key, number[i]);
    assert_true(more && order(&at, &key) == 0);
    assert_true(map_erase(m, &at)); /* a walk may take away what it is shown */
    more = map_next(m, &prefix, &at, &at, NULL);
  }
  assert_false(more);
  assert_int_equal(map_count(m), 0);
  map_shut(m);
}

/* The widest key and value, and an empty value, which is not no value. */
static void limits(void **state) {
  (void)state;
  static uint8_t long_value[MAP_VALUE_BYTES_MAX], id[MAP_ID_BYTES_MAX];
  struct map *m = map_open();
  struct map_key key = map_key(255, id, sizeof id), bare = map_key(255, NULL, 0);
  struct map_value value;
  memset(long_value, 0x5a, sizeof long_value);
  map_put(m, &key, long_value, sizeof long_value);
  map_put(m, &bare, NULL, 0);
  map_commit(m);
  assert_true(map_get(m, &key, &value));
  assert_int_equal(value.length, sizeof long_value);
  assert_memory_equal(value.bytes, long_value, sizeof long_value);
  assert_true(map_get(m, &bare, &value));
  assert_int_equal(value.length, 0);
  map_put(m, &bare, NULL, 0); /* as it was: no change */
  assert_int_equal(map_mark(m), 0);
  map_shut(m);
  map_shut(NULL);
}

/* Computed by tests/ledger/map_test.py --known: keys are module 1 and the bytes 0 .. n - 1, one each, values the same
 * byte three times. */
static void known_roots(void **state) {
  (void)state;
  static const struct {
    uint32_t count;
    const char *root;
  } known[] = {
#include "ledger/map/known.inc"
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    struct map *m = map_open();
    uint8_t root[MAP_ROOT_BYTES], expected[MAP_ROOT_BYTES];
    for (uint32_t n = 0; n < known[i].count; n++) {
      uint8_t value[3] = {(uint8_t)n, (uint8_t)n, (uint8_t)n};
      struct map_key key = map_key(1, value, 1);
      map_put(m, &key, value, sizeof value);
    }
    map_root(m, root);
    assert_true(hex_decode(known[i].root, expected, sizeof expected));
    assert_memory_equal(root, expected, sizeof root);
    map_shut(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_calls), cmocka_unit_test(order_independent), cmocka_unit_test(numbers_in_order),
      cmocka_unit_test(limits),       cmocka_unit_test(known_roots),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
