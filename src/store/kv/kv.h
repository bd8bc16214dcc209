/* kv: what a node finds again after any crash: state, blocks, receipts, and where a transaction is. ENGINE 6; LEDGER
 * 17.5.
 *
 * One LMDB environment a node folder. A block is one write transaction that is on the disk before kv_commit returns, so
 * a node that is killed, or a machine that loses power, starts again after the last committed block and no other. A
 * block is collected in a batch first and written in one go: a map that is too small or a disk that was full is then a
 * second try with the same batch.
 *
 * Threads: one writer; views (readers) in any thread, each used by one at a time. Several processes: the second is
 * refused. Uses: LMDB; ledger/map, ledger/log, sha256. */
#ifndef STORE_KV_H
#define STORE_KV_H
#include "base/why.h"
#include "ledger/ledger.h"
#include "store/status.h"

struct kv;
struct kv_batch;
struct kv_view;

struct kv_options {
  uint8_t chain[32];        /* genesis hash: a folder belongs to one chain */
  uint64_t map_bytes_first; /* address space to begin with; it doubles when it is full. 0: 256 MiB */
};

/* kv_open makes the folder (its parent exists) and the environment where there is none. ERR_INPUT: another chain,
 * another version, no environment, or in use by another process. kv_shut waits for nobody: all views are shut. */
enum store_status kv_open(const char *folder, const struct kv_options *options, struct kv **out, struct why *why);
void kv_shut(struct kv **kv);

/* Bytes of a view or a batch; lent. */
struct kv_span {
  const uint8_t *bytes;
  size_t length;
};

/* What the engine keeps of a block; the spans are whatever it encoded. hash names the block and may be looked up. */
struct kv_block {
  uint64_t height;
  uint8_t hash[32];
  struct kv_span block, commit, results;
};

/* The last committed block. records: state records; receipts: how many, that is, the next one's number. */
struct kv_head {
  uint64_t height, records, receipts;
  uint8_t app_hash[32];
};

/* A batch is filled in any order, written by kv_commit, and emptied by kv_batch_clear. Its memory is the heap's and
 * grows with a block; without memory the program stops. The first three have the forms of map_show and of chain_sink's
 * callbacks, with the batch as context. kv_batch_record: value NULL erases. Receipts come in order of number. Content
 * that is already kept is kept as it is. kv_batch_event says that transaction `index` of the block, or the block itself
 * (KV_BLOCK_ITSELF), told `name` = `value`. kv_batch_block comes once. */
#define KV_BLOCK_ITSELF UINT32_MAX
struct kv_batch *kv_batch_open(void);
void kv_batch_shut(struct kv_batch *b);
void kv_batch_clear(struct kv_batch *b);
bool kv_batch_record(void *batch, const struct map_key *key, const struct map_value *value);
void kv_batch_receipt(void *batch, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                      size_t payments_length);
void kv_batch_content(void *batch, const uint8_t hash[32], const uint8_t *bytes, size_t length);
void kv_batch_transaction(struct kv_batch *b, const uint8_t id[32], uint32_t index);
void kv_batch_event(struct kv_batch *b, const char *name, const char *value, uint32_t index);
void kv_batch_block(struct kv_batch *b, const struct kv_block *block);

/* kv_commit writes the batch and waits for the disk. Its block's height follows that of the head (any height if there
 * is none), its receipts follow those that are there; else the program stops. After an error the batch is untouched and
 * the store is where it was, as kv_view_head tells; ERR_SYSTEM and ERR_FULL may be tried again. The caller has no view
 * open. */
enum store_status kv_commit(struct kv *kv, const struct kv_batch *b, const uint8_t app_hash[32], struct why *why);

/* A view is the store as it was when it was opened, until it is shut; what it lends lives as long. Short ones: while a
 * view is open no space of its time is used again and the map cannot grow. A thread has one at a time. */
enum store_status kv_view_open(struct kv *kv, struct kv_view **out, struct why *why);
void kv_view_shut(struct kv_view **v);

/* STORE_NONE: there is none; ERR_SYSTEM: the disk does not answer. kv_view_head: none before the first block.
 * kv_view_next is map_next (ledger/map/map.h) on what is stored. */
enum store_status kv_view_head(struct kv_view *v, struct kv_head *out);
enum store_status kv_view_record(struct kv_view *v, const struct map_key *key, struct map_value *out);
enum store_status kv_view_next(struct kv_view *v, const struct map_key *prefix, const struct map_key *after,
                               struct map_key *key, struct map_value *value);
enum store_status kv_view_block(struct kv_view *v, uint64_t height, struct kv_block *out);
enum store_status kv_view_height(struct kv_view *v, const uint8_t block_hash[32], uint64_t *height);
enum store_status kv_view_transaction(struct kv_view *v, const uint8_t id[32], uint64_t *height, uint32_t *index);
enum store_status kv_view_receipt(struct kv_view *v, uint64_t number, struct kv_span *receipt,
                                  struct kv_span *payments);
enum store_status kv_view_content(struct kv_view *v, const uint8_t hash[32], struct kv_span *out);

/* kv_view_node is a log_read (ledger/log/log.h) with the view as context: every level is kept. */
bool kv_view_node(void *view, uint32_t level, uint64_t index, uint8_t hash[32]);

/* kv_view_event gives the first place at or behind *height, *index that told name = value; STORE_NONE behind the last.
 * Begin with 0, 0; to go on, add 1 to the index (a KV_BLOCK_ITSELF is a height's last). */
enum store_status kv_view_event(struct kv_view *v, const char *name, const char *value, uint64_t *height,
                                uint32_t *index);

/* kv_walk_next is a ledger_record (ledger/ledger.h): every state record in key order, with the walk as context; begin
 * with {.view = v}. It is false at the end and after trouble; kv_walk_end frees it and says which of the two. */
struct kv_walk {
  struct kv_view *view;
  void *cursor; /* private */
  enum store_status status;
};
bool kv_walk_next(void *walk, struct map_key *key, struct map_value *value);
enum store_status kv_walk_end(struct kv_walk *w);

#endif
