/* map_bench [KEYS [TRANSACTIONS [RECORDS]]]: a block of transactions on a large map, and the root after it. Times are
 * the program's own processor time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ledger/map/map.h"

enum { ID_BYTES = 32, VALUE_BYTES = 100 };

static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t next_random(uint64_t *s) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (*s += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/* Ids look like account ids: the same number gives the same id. */
static struct map_key key_of(uint64_t number) {
  uint8_t id[ID_BYTES];
  for (size_t i = 0; i < ID_BYTES; i += 8) {
    uint64_t x = next_random(&number);
    memcpy(id + i, &x, 8);
  }
  return map_key(2, id, ID_BYTES);
}

static void put(struct map *m, uint64_t number, uint64_t *seed) {
  uint8_t value[VALUE_BYTES];
  struct map_key key = key_of(number);
  for (size_t i = 0; i + 8 <= VALUE_BYTES; i += 8) memcpy(value + i, &(uint64_t){next_random(seed)}, 8);
  memset(value + VALUE_BYTES / 8 * 8, 0, VALUE_BYTES % 8);
  map_put(m, &key, value, sizeof value);
}

int main(int argc, char **argv) {
  uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
  uint64_t transactions = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000;
  uint64_t records = argc > 3 ? strtoull(argv[3], NULL, 10) : 4, seed = 1;
  uint8_t before[MAP_ROOT_BYTES], root[MAP_ROOT_BYTES];
  struct map *m = map_open();
  double start = cpu_ms();
  for (uint64_t i = 0; i < keys; i++) put(m, i, &seed);
  map_commit(m);
  double loaded = cpu_ms();
  map_root(m, before);
  printf("map: %" PRIu64 " keys: put %.0f ms, root %.0f ms\n", keys, loaded - start, cpu_ms() - loaded);
  for (uint32_t block = 0; keys && block < 5; block++) {
    start = cpu_ms();
    for (uint64_t i = 0; i < transactions * records; i++) put(m, next_random(&seed) % keys, &seed);
    double changed = cpu_ms();
    map_root(m, root);
    double hashed = cpu_ms();
    map_undo(m, MAP_BLOCK);
    double undone = cpu_ms();
    map_root(m, root);
    printf("map: %" PRIu64 " transactions of %" PRIu64
           " records: put %.1f ms, root %.1f ms, undo %.1f ms, same root %s\n",
           transactions, records, changed - start, hashed - changed, undone - hashed,
           memcmp(root, before, sizeof root) ? "no" : "yes");
  }
  map_shut(m);
  return 0;
}
