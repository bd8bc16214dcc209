/* example: a chain made up from its heights, for tests: what block h changes is a function of h alone, so whoever finds
 * a store can tell what has to be in it. The twin is a map and a log in memory. */
#ifndef STORE_KV_EXAMPLE_H
#define STORE_KV_EXAMPLE_H
#include "store/kv/kv.h"

struct example {
  struct map *map;
  struct log log;
  uint64_t height;
  uint32_t value_bytes_max; /* of a record */
};

void example_open(struct example *e, uint32_t value_bytes_max);
void example_shut(struct example *e);

/* example_block makes block `height + 1` in the twin and in the batch, which is cleared first. */
void example_block(struct example *e, struct kv_batch *b, uint8_t app_hash[32]);
void example_committed(struct example *e);

/* example_check says what differs between the store and the twin; NULL: nothing. */
const char *example_check(struct example *e, struct kv *kv);

#endif
