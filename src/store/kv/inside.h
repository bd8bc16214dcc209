/* inside: what the parts of kv share and nobody else sees. */
#ifndef STORE_KV_INSIDE_H
#define STORE_KV_INSIDE_H
#include <lmdb.h>
#include <pthread.h>

#include "store/kv/kv.h"

/* ENGINE 6.2. Numbers in keys are big endian, so that LMDB's order of bytes is theirs. */
enum kv_table {
  KV_META,        /* "format", "head" */
  KV_STATE,       /* key of the map -> value */
  KV_BLOCK,       /* height u64 -> block */
  KV_COMMIT,      /* height u64 -> commit */
  KV_RESULTS,     /* height u64 -> hash 32 | results */
  KV_HASH,        /* block hash 32 -> height u64 */
  KV_TRANSACTION, /* id 32 -> height u64 | index u32 */
  KV_EVENT,       /* H(name 00 value) 32 | height u64 | index u32 -> nothing */
  KV_RECEIPT,     /* number u64 -> length of receipt u32 | receipt | payments */
  KV_NODE,        /* level u8 | index u64 -> hash 32 */
  KV_CONTENT,     /* hash 32 -> bytes */
  KV_TABLES
};

struct kv {
  char *path; /* of the environment */
  int lock;   /* held as long as the store is open */
  uint64_t map_bytes;
  uint8_t chain[32];
  MDB_env *env; /* NULL after trouble from which it could not be opened again */
  MDB_dbi table[KV_TABLES];
  pthread_rwlock_t views; /* read: a view is open; write: the environment is being resized or opened again */
};

struct kv_view {
  struct kv *kv;
  MDB_txn *txn;
};

/* kv_env_open opens the environment at kv->path, kv_env_close shuts it (also one that is not open); kv_tables_open
 * opens the tables, makes them in a new file, and says whether the file is another version's or another chain's. Errors
 * are LMDB's and the system's; kv_trouble puts one into words: what could not be done with the file. */
int kv_env_open(struct kv *kv);
void kv_env_close(struct kv *kv);
int kv_tables_open(struct kv *kv, bool *other_format, bool *other_chain);
bool kv_disk_full(int error);
enum store_status kv_trouble(const struct kv *kv, const char *what, int error, struct why *why);

/* One change of a batch, as it lies in its bytes: a struct kv_change, then key and value. */
struct kv_change {
  uint8_t table, erase;
  uint32_t key_length, value_length;
};

struct kv_batch {
  uint8_t *bytes;
  size_t used, size;
  uint64_t height, receipts_first, receipts_count;
  bool block;
};

/* kv_batch_next gives the changes one after the other: *at begins with 0; false at the end. */
bool kv_batch_next(const struct kv_batch *b, size_t *at, struct kv_change *change, const uint8_t **key,
                   const uint8_t **value);

/* A key that is a number, and back. */
void kv_big64(uint64_t x, uint8_t bytes[8]);
void kv_big32(uint32_t x, uint8_t bytes[4]);
uint64_t kv_of_big64(const uint8_t bytes[8]);
uint32_t kv_of_big32(const uint8_t bytes[4]);
void kv_event_key(const char *name, const char *value, uint8_t key[32]);

enum { KV_HEAD_BYTES = 8 + 8 + 8 + 32, KV_EVENT_KEY_BYTES = 32 + 8 + 4 };
enum store_status kv_head_read(MDB_txn *txn, const struct kv *kv, struct kv_head *out);

#endif
