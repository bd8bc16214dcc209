/* shelf: blobs in a folder, by root: what a storer keeps and what a reader has fetched. TRANSFER 2.1, 2.2, 2.8, 3.3.
 *
 * A blob comes in as its list of leaf hashes, then piece by piece, each leaf checked against the list before it touches
 * the disk. It has its name when all of it is there and not before. Several threads may use one shelf, also for the
 * same blob; one process has the folder. Memory: 128 bytes a blob, and what a struct piece holds for each piece that is
 * coming. Nothing here is a socket. Uses: commit/state, crypto. */
#ifndef NET_TRANSFER_SHELF_H
#define NET_TRANSFER_SHELF_H
#include "base/why.h"
#include "crypto/merkle.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  BLOB_LEAF_BYTES = 4096,
  BLOB_PIECE_LEAVES = 256,
  BLOB_PIECE_BYTES = BLOB_PIECE_LEAVES * BLOB_LEAF_BYTES,
  BLOB_LEAVES_MAX = 1 << 26,
  SHELF_BLOBS_MAX = 65536
};

enum shelf_status {
  SHELF_OK,
  SHELF_NONE,  /* there is no such blob, or no such upload */
  SHELF_WRONG, /* bytes that the root does not name */
  SHELF_ORDER, /* a piece ahead of the next one */
  SHELF_QUOTA, /* the shelf's or the account's quota is short */
  SHELF_DISK   /* the disk is full or fails; nothing half is left */
};

struct shelf;

/* 0 is no bound. */
struct shelf_limits {
  uint64_t bytes, account_bytes;
};

/* shelf_open makes the folder if it has to, locks it, and takes up what is there; files that belong to nothing are
 * removed. */
enum shelf_status shelf_open(struct shelf **out, const char *folder, struct shelf_limits limits, struct why *why);
void shelf_shut(struct shelf *s);

struct shelf_blob {
  uint8_t root[32], account[32];
  uint64_t leaves;
  uint32_t next, pieces; /* next == pieces: it is whole */
  int64_t grown_s;       /* when it last grew, seconds since 1970 */
};
bool shelf_find(struct shelf *s, const uint8_t root[32], struct shelf_blob *out);

/* shelf_walk shows every blob, whole or not, in order of root; show may use the shelf. used is what counts against the
 * quota. */
typedef bool shelf_show(void *context, const struct shelf_blob *blob);
void shelf_walk(struct shelf *s, shelf_show *show, void *context);
uint64_t shelf_used(struct shelf *s);

/* shelf_erase unlinks a blob, whole or not. shelf_expire erases uploads that have not grown since uploads_s and whole
 * blobs that became so before whole_s, and returns how many. */
enum shelf_status shelf_erase(struct shelf *s, const uint8_t root[32]);
uint32_t shelf_expire(struct shelf *s, int64_t uploads_s, int64_t whole_s);

/* A list that comes in, in any portions. begin reserves the room; end gives the list to the shelf if it is right. After
 * begin was OK, end or drop has to be called. A list that is known already is compared with the root all the same. */
struct shelf_list {
  struct shelf *shelf;
  uint8_t root[32], account[32], hash[32];
  uint64_t leaves;
  uint32_t held; /* bytes of hash that are there */
  int file;
  char name[64];
  struct merkle_builder builder;
};
enum shelf_status shelf_list_begin(struct shelf *s, const uint8_t root[32], uint64_t leaves, const uint8_t account[32],
                                   struct shelf_list *list, struct why *why);
enum shelf_status shelf_list_add(struct shelf_list *list, const void *bytes, size_t length, struct why *why);
enum shelf_status shelf_list_end(struct shelf_list *list, struct why *why);
void shelf_list_drop(struct shelf_list *list);

/* A piece that comes in, in any portions: add says SHELF_WRONG at the first leaf that is. `index` is a piece that is
 * there already (`known`) or the next one; keep writes it and sets *next. The struct is 1.1 MB: on the heap. */
struct shelf_piece {
  struct shelf *shelf;
  uint8_t root[32];
  uint32_t index, held, length; /* bytes there, and when it is whole */
  bool known;
  uint8_t hashes[BLOB_PIECE_LEAVES * 32];
  uint8_t bytes[BLOB_PIECE_BYTES];
};
enum shelf_status shelf_piece_begin(struct shelf *s, const uint8_t root[32], uint32_t index, struct shelf_piece *piece,
                                    struct why *why);
enum shelf_status shelf_piece_add(struct shelf_piece *piece, const void *bytes, size_t length, struct why *why);
enum shelf_status shelf_piece_keep(struct shelf_piece *piece, uint32_t *next, struct why *why);

/* shelf_put takes a whole blob from memory, `length` bytes, padded with zeros to leaves; root is what it hashes to. */
enum shelf_status shelf_put(struct shelf *s, const void *bytes, uint64_t length, const uint8_t account[32],
                            uint8_t root[32], struct why *why);

/* shelf_file opens a whole blob for reading, or its list, and says where its bytes begin and how many there are; -1 if
 * there is none. The caller closes it. shelf_path writes the name of a whole blob's file. */
int shelf_file(struct shelf *s, const uint8_t root[32], bool list, uint64_t *first, uint64_t *length);
void shelf_path(const struct shelf *s, const uint8_t root[32], char *path, size_t path_max);

#endif
