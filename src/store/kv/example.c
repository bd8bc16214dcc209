#include "store/kv/example.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "crypto/sha256.h"

enum { KEYS = 600, CHANGES = 12, BODY_MAX = 1 << 16 };

/* Number `n` of a height. */
static uint64_t drawn(uint64_t height, uint64_t n) {
  uint8_t hash[32];
  uint64_t x = 0, in[2] = {height, n};
  sha256(in, sizeof in, hash);
  memcpy(&x, hash, sizeof x);
  return x;
}

static const uint8_t *body(uint64_t height, uint64_t n, size_t length) {
  static uint8_t bytes[BODY_MAX];
  uint64_t first = drawn(height, n);
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(first >> (8 * (i % 8))) ^ (uint8_t)(i / 8 * 31);
  return bytes;
}

void example_open(struct example *e, uint32_t value_bytes_max) {
  *e = (struct example){.map = map_open(), .value_bytes_max = value_bytes_max};
}

void example_shut(struct example *e) { map_shut(e->map); }

static void change_state(struct example *e, uint64_t h) {
  for (uint64_t i = 0; i < CHANGES; i++) {
    uint64_t x = drawn(h, i);
    uint16_t id = (uint16_t)(x % KEYS);
    struct map_key key = map_key((uint8_t)(1 + id % 3), &id, 1 + id % 2);
    if (x >> 60 == 0)
      map_erase(e->map, &key);
    else
      map_put(e->map, &key, body(h, i, (x >> 32) % (e->value_bytes_max + 1)), (x >> 32) % (e->value_bytes_max + 1));
  }
}

static size_t receipt_of(uint64_t number, uint8_t bytes[64]) {
  size_t length = 1 + drawn(number, 1000) % 64;
  memcpy(bytes, body(number, 1001, length), length);
  return length;
}

static void block_hash(uint64_t h, uint8_t hash[32]) { sha256(&h, sizeof h, hash); }

void example_block(struct example *e, struct kv_batch *b, uint8_t app_hash[32]) {
  uint64_t h = e->height + 1, receipts = drawn(h, 100) % 4;
  uint8_t root[32], log[32], id[32], bytes[64], leaf[32];
  kv_batch_clear(b);
  change_state(e, h);
  map_changes(e->map, kv_batch_record, b);
  for (uint64_t i = 0; i < receipts; i++) {
    size_t length = receipt_of(e->log.size, bytes);
    kv_batch_receipt(b, e->log.size, bytes, length, bytes, length / 2);
    log_leaf(bytes, length, leaf);
    log_add(&e->log, leaf);
  }
  block_hash(h, id);
  kv_batch_transaction(b, id, (uint32_t)h % 7);
  kv_batch_event(b, "parity", h % 2 ? "odd" : "even", KV_BLOCK_ITSELF);
  kv_batch_event(b, "parity", h % 2 ? "odd" : "even", 1);
  kv_batch_content(b, id, (const uint8_t *)&h, sizeof h);
  struct kv_block block = {.height = h, .block = {(const uint8_t *)&h, 8}, .commit = {(const uint8_t *)&h, 3}};
  memcpy(block.hash, id, 32);
  kv_batch_block(b, &block);
  map_root(e->map, root);
  log_root(&e->log, log);
  log_app_hash(root, log, e->log.size, app_hash);
}

void example_committed(struct example *e) {
  map_commit(e->map);
  e->height++;
}

static const char *check_state(struct example *e, struct kv_view *v) {
  struct kv_walk walk = {.view = v};
  struct map_key any = {0}, key = {0}, found;
  struct map_value value, kept;
  bool more = map_next(e->map, &any, NULL, &key, &value);
  for (; kv_walk_next(&walk, &found, &kept); more = map_next(e->map, &any, &key, &key, &value)) {
    if (!more || found.length != key.length || memcmp(found.bytes, key.bytes, key.length) != 0 ||
        kept.length != value.length || (kept.length && memcmp(kept.bytes, value.bytes, kept.length) != 0)) {
      kv_walk_end(&walk);
      return "a record differs";
    }
    if (kv_view_record(v, &key, &kept) != STORE_OK || kept.length != value.length) return "a record is not found";
  }
  if (kv_walk_end(&walk) != STORE_OK) return "the walk stopped";
  return more ? "records are missing" : NULL;
}

static const char *check_receipts(struct example *e, struct kv_view *v) {
  uint8_t root[32], leaf[32], bytes[64], path[LOG_LEVELS_MAX][LOG_HASH_BYTES];
  uint32_t count;
  struct kv_span receipt, payments;
  log_root(&e->log, root);
  uint64_t step = e->log.size / 50 + 1;
  for (uint64_t n = 0; n < e->log.size; n += step) {
    size_t length = receipt_of(n, bytes);
    if (kv_view_receipt(v, n, &receipt, &payments) != STORE_OK) return "a receipt is missing";
    if (receipt.length != length || memcmp(receipt.bytes, bytes, length) != 0 || payments.length != length / 2 ||
        memcmp(payments.bytes, bytes, length / 2) != 0)
      return "a receipt differs";
    log_leaf(bytes, length, leaf);
    if (!log_path(e->log.size, n, kv_view_node, v, path, &count) ||
        !log_check(leaf, e->log.size, n, (const uint8_t(*)[LOG_HASH_BYTES])path, count, root))
      return "a receipt's path does not lead to the root";
  }
  return kv_view_receipt(v, e->log.size, &receipt, &payments) == STORE_NONE ? NULL : "a receipt too many";
}

static const char *check_block(struct kv_view *v, uint64_t h, bool there) {
  enum store_status expected = there ? STORE_OK : STORE_NONE;
  struct kv_block block;
  struct kv_span content;
  uint64_t height;
  uint32_t index;
  uint8_t id[32];
  block_hash(h, id);
  if (kv_view_block(v, h, &block) != expected || kv_view_height(v, id, &height) != expected ||
      kv_view_content(v, id, &content) != expected)
    return there ? "a block is missing" : "a block too many";
  if (there && (block.height != h || memcmp(block.hash, id, 32) != 0 || block.block.length != 8 ||
                memcmp(block.block.bytes, &h, 8) != 0 || block.commit.length != 3 || block.results.length != 0 ||
                height != h || content.length != 8 || memcmp(content.bytes, &h, 8) != 0))
    return "a block differs";
  if (kv_view_transaction(v, id, &height, &index) != expected || (there && (height != h || index != h % 7)))
    return "a transaction is elsewhere";
  uint64_t at = h;
  index = 0;
  const char *parity = h % 2 ? "odd" : "even";
  if (there && (kv_view_event(v, "parity", parity, &at, &index) != STORE_OK || at != h || index != 1))
    return "an event is missing";
  index++;
  if (there && (kv_view_event(v, "parity", parity, &at, &index) != STORE_OK || at != h || index != KV_BLOCK_ITSELF))
    return "a block's event is missing";
  return NULL;
}

static const char *check_all(struct example *e, struct kv_view *v) {
  struct kv_head head;
  uint8_t root[32], log[32], app_hash[32];
  const char *wrong;
  enum store_status status = kv_view_head(v, &head);
  if (status != (e->height ? STORE_OK : STORE_NONE)) return "no head, or one too early";
  if (status == STORE_OK) {
    map_root(e->map, root);
    log_root(&e->log, log);
    log_app_hash(root, log, e->log.size, app_hash);
    if (head.height != e->height || head.receipts != e->log.size || head.records != map_count(e->map) ||
        memcmp(head.app_hash, app_hash, 32) != 0)
      return "the head differs";
  }
  uint64_t step = e->height / 50 + 1;
  for (uint64_t h = e->height; h > 0; h = h > step ? h - step : 0)
    if ((wrong = check_block(v, h, true))) return wrong;
  if ((wrong = check_block(v, e->height + 1, false))) return wrong;
  if ((wrong = check_state(e, v))) return wrong;
  return check_receipts(e, v);
}

const char *example_check(struct example *e, struct kv *kv) {
  struct kv_view *v;
  static struct why why;
  if (kv_view_open(kv, &v, &why) != STORE_OK) return why.text;
  const char *wrong = check_all(e, v);
  kv_view_shut(&v);
  return wrong;
}
