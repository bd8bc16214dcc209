#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "store/kv/inside.h"

enum store_status kv_view_open(struct kv *kv, struct kv_view **out, struct why *why) {
  struct kv_view *v = calloc(1, sizeof *v);
  if (!v) {
    why_set(why, "no memory for a view of %s", kv->path);
    return STORE_ERR_SYSTEM;
  }
  v->kv = kv;
  pthread_rwlock_rdlock(&kv->views);
  int error = kv->env ? mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &v->txn) : MDB_PANIC;
  if (error) {
    pthread_rwlock_unlock(&kv->views);
    free(v);
    why_set(why, "%s could not be read: %s", kv->path, mdb_strerror(error));
    return STORE_ERR_SYSTEM;
  }
  *out = v;
  return STORE_OK;
}

void kv_view_shut(struct kv_view **v) {
  if (!*v) return;
  mdb_txn_abort((*v)->txn);
  pthread_rwlock_unlock(&(*v)->kv->views);
  free(*v);
  *v = NULL;
}

static enum store_status get(MDB_txn *txn, const struct kv *kv, enum kv_table table, const void *key, size_t length,
                             struct kv_span *out) {
  MDB_val k = {.mv_size = length, .mv_data = (void *)(uintptr_t)key}, value;
  int error = mdb_get(txn, kv->table[table], &k, &value);
  if (error) return error == MDB_NOTFOUND ? STORE_NONE : STORE_ERR_SYSTEM;
  *out = (struct kv_span){value.mv_data, value.mv_size};
  return STORE_OK;
}

static enum store_status view_get(struct kv_view *v, enum kv_table table, const void *key, size_t length,
                                  struct kv_span *out) {
  return get(v->txn, v->kv, table, key, length, out);
}

enum store_status kv_head_read(MDB_txn *txn, const struct kv *kv, struct kv_head *out) {
  struct kv_span span;
  enum store_status status = get(txn, kv, KV_META, "head", 4, &span);
  if (status != STORE_OK) return status;
  struct reader r = reader_over(span.bytes, span.length);
  struct kv_head head = {.height = take_u64(&r), .records = take_u64(&r), .receipts = take_u64(&r)};
  const uint8_t *hash = take_bytes(&r, 32);
  if (!bytes_done(&r)) return STORE_ERR_SYSTEM;
  memcpy(head.app_hash, hash, 32);
  *out = head;
  return STORE_OK;
}

enum store_status kv_view_head(struct kv_view *v, struct kv_head *out) { return kv_head_read(v->txn, v->kv, out); }

enum store_status kv_view_record(struct kv_view *v, const struct map_key *key, struct map_value *out) {
  struct kv_span span;
  enum store_status status = view_get(v, KV_STATE, key->bytes, key->length, &span);
  if (status == STORE_OK) *out = (struct map_value){span.bytes, (uint32_t)span.length};
  return status;
}

enum store_status kv_view_next(struct kv_view *v, const struct map_key *prefix, const struct map_key *after,
                               struct map_key *key, struct map_value *value) {
  struct map_key from = after ? *after : *prefix;
  MDB_val k = {.mv_size = from.length, .mv_data = from.bytes}, found;
  MDB_cursor *cursor;
  if (mdb_cursor_open(v->txn, v->kv->table[KV_STATE], &cursor)) return STORE_ERR_SYSTEM;
  int error = mdb_cursor_get(cursor, &k, &found, from.length ? MDB_SET_RANGE : MDB_FIRST);
  if (!error && after && k.mv_size == after->length && memcmp(k.mv_data, after->bytes, after->length) == 0)
    error = mdb_cursor_get(cursor, &k, &found, MDB_NEXT);
  mdb_cursor_close(cursor);
  if (error) return error == MDB_NOTFOUND ? STORE_NONE : STORE_ERR_SYSTEM;
  if (k.mv_size > MAP_KEY_BYTES_MAX || found.mv_size > MAP_VALUE_BYTES_MAX) return STORE_ERR_SYSTEM;
  if (k.mv_size < prefix->length || memcmp(k.mv_data, prefix->bytes, prefix->length) != 0) return STORE_NONE;
  key->length = (uint8_t)k.mv_size;
  memcpy(key->bytes, k.mv_data, k.mv_size);
  if (value) *value = (struct map_value){found.mv_data, (uint32_t)found.mv_size};
  return STORE_OK;
}

enum store_status kv_view_block(struct kv_view *v, uint64_t height, struct kv_block *out) {
  uint8_t key[8];
  struct kv_block b = {.height = height};
  struct kv_span results;
  kv_big64(height, key);
  enum store_status status = view_get(v, KV_BLOCK, key, 8, &b.block);
  if (status == STORE_OK) status = view_get(v, KV_COMMIT, key, 8, &b.commit);
  if (status == STORE_OK) status = view_get(v, KV_RESULTS, key, 8, &results);
  if (status != STORE_OK) return status;
  if (results.length < 32) return STORE_ERR_SYSTEM;
  memcpy(b.hash, results.bytes, 32);
  b.results = (struct kv_span){results.bytes + 32, results.length - 32};
  *out = b;
  return STORE_OK;
}

enum store_status kv_view_height(struct kv_view *v, const uint8_t block_hash[32], uint64_t *height) {
  struct kv_span span;
  enum store_status status = view_get(v, KV_HASH, block_hash, 32, &span);
  if (status != STORE_OK) return status;
  if (span.length != 8) return STORE_ERR_SYSTEM;
  *height = kv_of_big64(span.bytes);
  return STORE_OK;
}

enum store_status kv_view_transaction(struct kv_view *v, const uint8_t id[32], uint64_t *height, uint32_t *index) {
  struct kv_span span;
  enum store_status status = view_get(v, KV_TRANSACTION, id, 32, &span);
  if (status != STORE_OK) return status;
  if (span.length != 12) return STORE_ERR_SYSTEM;
  *height = kv_of_big64(span.bytes);
  *index = kv_of_big32(span.bytes + 8);
  return STORE_OK;
}

enum store_status kv_view_receipt(struct kv_view *v, uint64_t number, struct kv_span *receipt,
                                  struct kv_span *payments) {
  uint8_t key[8];
  struct kv_span span;
  kv_big64(number, key);
  enum store_status status = view_get(v, KV_RECEIPT, key, 8, &span);
  if (status != STORE_OK) return status;
  if (span.length < 4) return STORE_ERR_SYSTEM;
  size_t length = kv_of_big32(span.bytes);
  if (length > span.length - 4) return STORE_ERR_SYSTEM;
  *receipt = (struct kv_span){span.bytes + 4, length};
  *payments = (struct kv_span){span.bytes + 4 + length, span.length - 4 - length};
  return STORE_OK;
}

enum store_status kv_view_content(struct kv_view *v, const uint8_t hash[32], struct kv_span *out) {
  return view_get(v, KV_CONTENT, hash, 32, out);
}

bool kv_view_node(void *view, uint32_t level, uint64_t index, uint8_t hash[32]) {
  uint8_t key[9] = {(uint8_t)level};
  struct kv_span span;
  kv_big64(index, key + 1);
  if (level > UINT8_MAX || view_get(view, KV_NODE, key, sizeof key, &span) != STORE_OK || span.length != 32)
    return false;
  memcpy(hash, span.bytes, 32);
  return true;
}

enum store_status kv_view_event(struct kv_view *v, const char *name, const char *value, uint64_t *height,
                                uint32_t *index) {
  uint8_t key[KV_EVENT_KEY_BYTES];
  MDB_cursor *cursor;
  kv_event_key(name, value, key);
  kv_big64(*height, key + 32);
  kv_big32(*index, key + 40);
  MDB_val k = {.mv_size = sizeof key, .mv_data = key}, nothing;
  if (mdb_cursor_open(v->txn, v->kv->table[KV_EVENT], &cursor)) return STORE_ERR_SYSTEM;
  int error = mdb_cursor_get(cursor, &k, &nothing, MDB_SET_RANGE);
  mdb_cursor_close(cursor);
  if (error) return error == MDB_NOTFOUND ? STORE_NONE : STORE_ERR_SYSTEM;
  if (k.mv_size != sizeof key) return STORE_ERR_SYSTEM;
  if (memcmp(k.mv_data, key, 32) != 0) return STORE_NONE;
  *height = kv_of_big64((const uint8_t *)k.mv_data + 32);
  *index = kv_of_big32((const uint8_t *)k.mv_data + 40);
  return STORE_OK;
}

bool kv_walk_next(void *walk, struct map_key *key, struct map_value *value) {
  struct kv_walk *w = walk;
  MDB_val k, found;
  bool first = !w->cursor;
  if (w->status != STORE_OK) return false;
  if (first) {
    MDB_cursor *cursor;
    if (mdb_cursor_open(w->view->txn, w->view->kv->table[KV_STATE], &cursor)) {
      w->status = STORE_ERR_SYSTEM;
      return false;
    }
    w->cursor = cursor;
  }
  int error = mdb_cursor_get(w->cursor, &k, &found, first ? MDB_FIRST : MDB_NEXT);
  if (!error && (k.mv_size > MAP_KEY_BYTES_MAX || found.mv_size > MAP_VALUE_BYTES_MAX)) error = MDB_CORRUPTED;
  if (error) {
    w->status = error == MDB_NOTFOUND ? STORE_NONE : STORE_ERR_SYSTEM;
    return false;
  }
  key->length = (uint8_t)k.mv_size;
  memcpy(key->bytes, k.mv_data, k.mv_size);
  *value = (struct map_value){found.mv_data, (uint32_t)found.mv_size};
  return true;
}

enum store_status kv_walk_end(struct kv_walk *w) {
  if (w->cursor) mdb_cursor_close(w->cursor);
  w->cursor = NULL;
  return w->status == STORE_NONE ? STORE_OK : w->status;
}
