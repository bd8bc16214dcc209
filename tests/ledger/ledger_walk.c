/* ledger_walk SEED CALLS: the walk of map_test.py on the real map and log, a line of roots now and then. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/log/log.h"
#include "ledger/map/map.h"

static uint64_t seed;

static uint32_t draw(uint32_t most) { /* splitmix64, public domain algorithm by Sebastiano Vigna */
  uint64_t z = (seed += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (uint32_t)((z ^ (z >> 31)) % most);
}

static void put(struct map *m) {
  uint8_t value[70];
  struct map_key key = map_key((uint8_t)draw(3), NULL, 0);
  for (uint32_t n = draw(3); n; n--) map_key_u8(&key, (uint8_t)draw(256));
  uint32_t length = draw(70);
  uint8_t byte = (uint8_t)draw(256);
  for (uint32_t i = 0; i < length; i++) value[i] = byte;
  map_put(m, &key, value, length);
}

/* The drawn key of all, in key order: module after module. */
static void erase(struct map *m) {
  if (!map_count(m)) return;
  uint32_t skip = draw((uint32_t)map_count(m));
  for (uint32_t module = 0; module < 3; module++) {
    struct map_key prefix = map_key((uint8_t)module, NULL, 0), key;
    for (bool more = map_next(m, &prefix, NULL, &key, NULL); more; more = map_next(m, &prefix, &key, &key, NULL))
      if (skip-- == 0) {
        map_erase(m, &key);
        return;
      }
  }
}

static void print_hash(const uint8_t hash[32]) {
  putchar(' ');
  for (uint32_t i = 0; i < 32; i++) printf("%02x", hash[i]);
}

static void print(uint32_t call, struct map *m, const struct log *l) {
  uint8_t state[MAP_ROOT_BYTES], log[LOG_HASH_BYTES], app[LOG_HASH_BYTES];
  map_root(m, state);
  log_root(l, log);
  log_app_hash(state, log, l->size, app);
  printf("%" PRIu32 " %zu", call, map_count(m));
  print_hash(state);
  print_hash(log);
  print_hash(app);
  putchar('\n');
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: %s SEED CALLS\n", argv[0]), 2;
  seed = strtoull(argv[1], NULL, 10);
  uint32_t calls = (uint32_t)strtoul(argv[2], NULL, 10), marks = 0;
  size_t *mark = calloc(calls + 1, sizeof *mark);
  struct map *m = map_open();
  struct log l = {.size = 0};
  if (!mark) return 1;
  for (uint32_t call = 0; call < calls; call++) {
    uint32_t what = draw(100);
    if (what < 60) {
      put(m);
    } else if (what < 80) {
      erase(m);
    } else if (what < 85) {
      mark[marks++] = map_mark(m);
    } else if (what < 90) {
      if (marks) map_undo(m, mark[marks = draw(marks)]);
    } else if (what < 92) {
      map_undo(m, MAP_BLOCK);
      marks = 0;
    } else if (what < 94) {
      map_commit(m);
      marks = 0;
    } else if (what < 98) {
      uint8_t receipt[8], leaf[LOG_HASH_BYTES];
      for (uint32_t i = 0; i < 8; i++) receipt[i] = (uint8_t)((uint64_t)call >> (8 * i));
      log_leaf(receipt, sizeof receipt, leaf);
      log_add(&l, leaf);
    } else if (call % 4 == 0) {
      print(call, m, &l);
    }
  }
  map_shut(m);
  free(mark);
  return 0;
}
