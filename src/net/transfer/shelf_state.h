/* What shelf.c and incoming.c share: the index of a shelf. Every field is looked at under the mutex, but folder. */
#ifndef NET_TRANSFER_SHELF_STATE_H
#define NET_TRANSFER_SHELF_STATE_H
#include "net/transfer/shelf.h"

#include <pthread.h>

enum { SHELF_FOLDER_MAX = 3900, SHELF_PATH_MAX = 4096, SHELF_HEAD_BYTES = 64 };

struct shelf_entry {
  struct shelf_blob blob;
  bool unsure; /* its part was there at start: hashed before it is gone on from */
  bool busy;   /* one thread is at its files */
};

struct shelf {
  char folder[SHELF_FOLDER_MAX];
  struct shelf_limits limits;
  pthread_mutex_t mutex;
  pthread_cond_t idle;         /* somebody is no longer busy */
  struct shelf_entry *entries; /* in order of root */
  uint32_t count, room;
  struct shelf_list **coming; /* lists that are announced */
  uint32_t coming_count, coming_room;
  uint64_t lists; /* for names of files */
  int lock;
};

uint32_t shelf_pieces(uint64_t leaves);
uint64_t shelf_cost(uint64_t leaves);

/* shelf_entry_of gives the entry of a root once nobody is busy with it, NULL when there is none. The pointer is good as
 * long as the mutex is held. */
struct shelf_entry *shelf_entry_of(struct shelf *s, const uint8_t root[32]);
void shelf_entry_add(struct shelf *s, const struct shelf_entry *entry);

/* shelf_entry_remove forgets it and unlinks its files. */
void shelf_entry_remove(struct shelf *s, struct shelf_entry *e);

/* shelf_name writes FOLDER/ROOT and an ending. */
void shelf_name(const struct shelf *s, const uint8_t root[32], const char *ending, char path[SHELF_PATH_MAX]);

/* shelf_sync makes names last. */
bool shelf_sync(const struct shelf *s);

/* shelf_read_list reads hashes first .. first + count - 1. */
bool shelf_read_list(const struct shelf *s, const uint8_t root[32], uint64_t first, uint32_t count, uint8_t *hashes);

/* shelf_write writes all of it, and says so. */
bool shelf_write(int file, const void *bytes, size_t length, uint64_t at);

#endif
