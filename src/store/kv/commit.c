#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/merkle.h"
#include "store/kv/inside.h"

enum { PROBE_BYTES = 1 << 20 };

static int put(MDB_txn *txn, const struct kv *kv, enum kv_table table, const void *key, size_t key_length,
               const void *value, size_t length, unsigned flags) {
  MDB_val k = {.mv_size = key_length, .mv_data = (void *)(uintptr_t)key},
          v = {.mv_size = length, .mv_data = (void *)(uintptr_t)value};
  return mdb_put(txn, kv->table[table], &k, &v, flags);
}

static int put_node(MDB_txn *txn, const struct kv *kv, uint8_t level, uint64_t index, const uint8_t hash[32]) {
  uint8_t key[9] = {level};
  kv_big64(index, key + 1);
  return put(txn, kv, KV_NODE, key, sizeof key, hash, 32, 0);
}

/* The leaf of a receipt, and the roots of the full trees that it completes. */
static int put_nodes(MDB_txn *txn, const struct kv *kv, uint64_t number, const uint8_t *receipt, size_t length) {
  uint8_t node[32];
  log_leaf(receipt, length, node);
  int error = put_node(txn, kv, 0, number, node);
  for (uint8_t level = 0; !error && number & 1; level++) {
    uint8_t key[9] = {level};
    MDB_val k = {.mv_size = sizeof key, .mv_data = key}, left;
    kv_big64(number - 1, key + 1);
    error = mdb_get(txn, kv->table[KV_NODE], &k, &left);
    if (error) break;
    merkle_inner(left.mv_data, node, node);
    number >>= 1;
    error = put_node(txn, kv, (uint8_t)(level + 1), number, node);
  }
  return error;
}

static int apply(MDB_txn *txn, const struct kv *kv, const struct kv_batch *b, const struct kv_change *c,
                 const uint8_t *key, const uint8_t *value) {
  MDB_val k = {.mv_size = c->key_length, .mv_data = (void *)(uintptr_t)key};
  int error;
  switch ((enum kv_table)c->table) {
  case KV_STATE:
    if (!c->erase) break;
    error = mdb_del(txn, kv->table[KV_STATE], &k, NULL);
    return error == MDB_NOTFOUND ? 0 : error;
  case KV_BLOCK:
  case KV_COMMIT:
  case KV_RESULTS: return put(txn, kv, c->table, key, c->key_length, value, c->value_length, MDB_APPEND);
  case KV_RECEIPT:
    error = put(txn, kv, KV_RECEIPT, key, c->key_length, value, c->value_length, MDB_APPEND);
    return error ? error : put_nodes(txn, kv, kv_of_big64(key), value + 4, kv_of_big32(value));
  case KV_CONTENT:
    error = put(txn, kv, KV_CONTENT, key, c->key_length, value, c->value_length, MDB_NOOVERWRITE);
    return error == MDB_KEYEXIST ? 0 : error;
  case KV_TRANSACTION: {
    uint8_t where[12];
    memcpy(where, value, sizeof where);
    kv_big64(b->height, where);
    return put(txn, kv, KV_TRANSACTION, key, c->key_length, where, sizeof where, 0);
  }
  case KV_EVENT: {
    uint8_t where[KV_EVENT_KEY_BYTES];
    memcpy(where, key, sizeof where);
    kv_big64(b->height, where + 32);
    return put(txn, kv, KV_EVENT, where, sizeof where, NULL, 0, 0);
  }
  case KV_HASH: break;
  case KV_META:
  case KV_NODE:
  case KV_TABLES: assert(!"a change of what kv writes by itself");
  }
  return put(txn, kv, c->table, key, c->key_length, value, c->value_length, 0);
}

static int put_head(MDB_txn *txn, const struct kv *kv, const struct kv_head *head) {
  uint8_t bytes[KV_HEAD_BYTES];
  struct writer w = writer_over(bytes, sizeof bytes);
  MDB_stat state;
  int error = mdb_stat(txn, kv->table[KV_STATE], &state);
  if (error) return error;
  put_u64(&w, head->height);
  put_u64(&w, state.ms_entries);
  put_u64(&w, head->receipts);
  put_bytes(&w, head->app_hash, 32);
  return put(txn, kv, KV_META, "head", 4, bytes, sizeof bytes, 0);
}

/* One attempt. After an error the file is as before, unless the very last write is in doubt: see settle. */
static int write_batch(struct kv *kv, const struct kv_batch *b, const uint8_t app_hash[32]) {
  MDB_txn *txn;
  struct kv_head head = {0};
  int error = mdb_txn_begin(kv->env, NULL, 0, &txn);
  if (error) return error;
  enum store_status there = kv_head_read(txn, kv, &head);
  if (there != STORE_OK && there != STORE_NONE) error = MDB_CORRUPTED;
  if (there == STORE_OK) assert(b->height == head.height + 1 && "blocks in order of height");
  if (!error) assert((!b->receipts_count || b->receipts_first == head.receipts) && "receipts in order of number");
  struct kv_change c;
  const uint8_t *key, *value;
  for (size_t at = 0; !error && kv_batch_next(b, &at, &c, &key, &value);) error = apply(txn, kv, b, &c, key, value);
  head.height = b->height;
  head.receipts += b->receipts_count;
  memcpy(head.app_hash, app_hash, 32);
  if (!error) error = put_head(txn, kv, &head);
  if (error) {
    mdb_txn_abort(txn);
    return error;
  }
  return mdb_txn_commit(txn);
}

/* Twice the address space. No view is open then: LMDB moves the map. */
static int grow(struct kv *kv) {
  pthread_rwlock_wrlock(&kv->views);
  int error = mdb_env_set_mapsize(kv->env, kv->map_bytes * 2);
  if (!error) kv->map_bytes *= 2;
  pthread_rwlock_unlock(&kv->views);
  return error;
}

/* LMDB calls a write that the disk took half of an I/O error, which is what a full disk looks like at first. Writing
 * behind the file's end, where nothing of it lies, tells the two apart. */
static int probe(const struct kv *kv) {
  static const uint8_t zeros[1 << 16];
  struct stat st;
  int fd = open(kv->path, O_WRONLY | O_CLOEXEC), error = EIO;
  if (fd < 0) return error;
  if (fstat(fd, &st) == 0) {
    for (off_t at = st.st_size, end = at + PROBE_BYTES; at < end; at += (off_t)sizeof zeros)
      if (pwrite(fd, zeros, sizeof zeros, at) < 0) {
        error = kv_disk_full(errno) ? errno : EIO;
        break;
      }
    if (ftruncate(fd, st.st_size) != 0) error = EIO;
  }
  close(fd);
  return error;
}

/* After a write that failed, LMDB may not want to go on with the environment it has, and if the failure was in the last
 * write of all, the block may be there nevertheless. So the environment is opened again and asked; a block that turns
 * out to be there counts once the disk has said so. */
static bool settle(struct kv *kv, const struct kv_batch *b, const uint8_t app_hash[32]) {
  bool there = false, other_format = false, other_chain = false;
  pthread_rwlock_wrlock(&kv->views);
  kv_env_close(kv);
  int error = kv_env_open(kv);
  if (!error) error = kv_tables_open(kv, &other_format, &other_chain);
  MDB_txn *txn;
  if (!error) error = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn);
  if (!error) {
    struct kv_head head;
    there = kv_head_read(txn, kv, &head) == STORE_OK && head.height == b->height &&
            memcmp(head.app_hash, app_hash, 32) == 0;
    mdb_txn_abort(txn);
    if (there && (error = mdb_env_sync(kv->env, 1)) != 0) there = false;
  }
  if (error) kv_env_close(kv);
  pthread_rwlock_unlock(&kv->views);
  return there;
}

enum store_status kv_commit(struct kv *kv, const struct kv_batch *b, const uint8_t app_hash[32], struct why *why) {
  assert(b->block && "a batch has a block");
  int error = 0;
  if (!kv->env) { /* earlier trouble; perhaps it is over */
    if (settle(kv, b, app_hash)) return STORE_OK;
    if (!kv->env) {
      why_set(why, "%s could not be opened again after the disk failed; see to the disk and start again", kv->path);
      return STORE_ERR_SYSTEM;
    }
  }
  while ((error = write_batch(kv, b, app_hash)) == MDB_MAP_FULL)
    if ((error = grow(kv)) != 0) break;
  if (!error || settle(kv, b, app_hash)) return STORE_OK;
  if (error == EIO) error = probe(kv);
  enum store_status status = kv_trouble(kv, "written", error, why);
  why_before(why, "block %" PRIu64 ": ", b->height);
  return status;
}
