/* mempool: transactions that were let in and wait for a block. ENGINE 7.2, 7.3; LEDGER 3.6, 3.7.
 *
 * One queue an account, in the order of arrival, because nonces are in order; blocks take from the queues in turn, so
 * whoever sends a thousand waits behind his own and nobody else's. Everything is bounded, and a quarter of the room is
 * kept for the transactions by which tasks and disputes go on. Single thread. Memory is taken as it fills, up to the
 * bounds; without memory the program stops. Uses: ledger/transaction. */
#ifndef ENGINE_SOLO_MEMPOOL_H
#define ENGINE_SOLO_MEMPOOL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MEMPOOL_COUNT_MAX = 8192,
  MEMPOOL_BYTES_MAX = 64 << 20,
  MEMPOOL_ACCOUNT_COUNT_MAX = 512,
  MEMPOOL_ACCOUNT_BYTES_MAX = 8 << 20
};

enum mempool_status {
  MEMPOOL_OK = 0,
  MEMPOOL_HERE = 1,        /* it waits already */
  MEMPOOL_FULL = 2,        /* no room for anybody's */
  MEMPOOL_ACCOUNT_FULL = 3 /* no room for more of this account's */
};

struct mempool;
struct mempool *mempool_open(void);
void mempool_shut(struct mempool **m);

/* One that waits. Bytes are the pool's and live until it is removed. */
struct mempool_entry {
  uint8_t id[32], account[32];
  uint32_t gas, length;
  bool lane; /* LEDGER 3.7 */
  const uint8_t *bytes;
};

/* mempool_lane: is a transaction of this type one of those that a quarter is kept for? */
bool mempool_lane(uint8_t type);

/* mempool_room says whether e (its id, account, length and lane are read) would be taken; mempool_add copies it and its
 * bytes and is for what mempool_room takes. mempool_remove: false when it is not there. */
enum mempool_status mempool_room(const struct mempool *m, const struct mempool_entry *e);
void mempool_add(struct mempool *m, const struct mempool_entry *e);
bool mempool_remove(struct mempool *m, const uint8_t id[32]);
uint32_t mempool_count(const struct mempool *m);
size_t mempool_bytes(const struct mempool *m);

/* mempool_pick fills in up to `most` entries for a block of at most bytes_max and gas_max, an account's in order, and
 * removes none: first those of the lane up to a quarter of each limit, then one of each account in turn. Begins with
 * another account each time it is called. */
uint32_t mempool_pick(struct mempool *m, uint64_t bytes_max, uint64_t gas_max, struct mempool_entry *picked,
                      uint32_t most);

/* mempool_list gives up to `most` entries, each account's in order, from the account that is longest here. */
uint32_t mempool_list(const struct mempool *m, struct mempool_entry *list, uint32_t most);

#endif
