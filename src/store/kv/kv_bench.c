/* kv_bench [FOLDER]: how long a block takes to be on the disk, beside a state of 200,000 records.
 *
 * Prints a line each for blocks of 10, 100 and 1,000 changed records and as many transactions: the median, the 95th of
 * a hundred and the worst of 100 blocks, fsync included. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/sha256.h"
#include "store/kv/kv.h"

enum { STATE = 200000, VALUE_BYTES = 160, BLOCKS = 100, STEP = 20000 };

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Record n of the state: an account by its hash. */
static void record(struct kv_batch *b, uint64_t n, uint64_t height) {
  uint8_t id[32], bytes[VALUE_BYTES] = {0};
  sha256(&n, sizeof n, id);
  struct map_key key = map_key(2, id, sizeof id);
  memcpy(bytes, &height, sizeof height);
  kv_batch_record(b, &key, &(struct map_value){bytes, VALUE_BYTES});
}

static void commit(struct kv *kv, struct kv_batch *b, uint64_t height) {
  static uint8_t block[20000];
  struct why why;
  const uint8_t app_hash[32] = {0};
  struct kv_block k = {.height = height, .block = {block, sizeof block}, .commit = {block, 180}};
  memcpy(k.hash, &height, sizeof height);
  kv_batch_block(b, &k);
  if (kv_commit(kv, b, app_hash, &why) != STORE_OK) {
    fprintf(stderr, "%s\n", why.text);
    exit(3);
  }
  kv_batch_clear(b);
}

static void measure(struct kv *kv, struct kv_batch *b, uint32_t changed, uint64_t *height) {
  uint64_t random = changed;
  double times[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) {
    uint8_t id[32];
    for (uint32_t k = 0; k < changed; k++) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      record(b, (random >> 33) % STATE, *height + 1);
      sha256(&random, sizeof random, id);
      kv_batch_transaction(b, id, k);
    }
    double start = seconds();
    commit(kv, b, ++*height);
    times[i] = seconds() - start;
  }
  qsort(times, BLOCKS, sizeof *times, by_size);
  printf("commit of %" PRIu32
         " changed records and transactions, %d records kept, synced: median %.2f ms, 95 of 100 in "
         "%.2f ms, worst %.2f ms\n",
         changed, STATE, times[BLOCKS / 2] * 1e3, times[BLOCKS * 95 / 100 - 1] * 1e3, times[BLOCKS - 1] * 1e3);
}

int main(int argc, char **argv) {
  char folder[4096];
  struct kv *kv;
  struct why why;
  struct kv_batch *b = kv_batch_open();
  uint64_t height = 0;
  snprintf(folder, sizeof folder, "%s/kv-bench-XXXXXX", argc > 1 ? argv[1] : ".");
  if (!mkdtemp(folder)) return perror(folder), 3;
  if (kv_open(folder, &(struct kv_options){.map_bytes_first = 0}, &kv, &why) != STORE_OK)
    return fprintf(stderr, "%s\n", why.text), 3;
  for (uint64_t n = 0; n < STATE; n++) {
    record(b, n, 0);
    if (n % STEP == STEP - 1) commit(kv, b, ++height);
  }
  for (uint32_t changed = 10; changed <= 1000; changed *= 10) measure(kv, b, changed, &height);
  kv_shut(&kv);
  kv_batch_shut(b);
  char path[4200];
  static const char *const files[] = {"chain.mdb", "chain.mdb-lock", "chain.lock"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    unlink(path);
  }
  return rmdir(folder) ? 3 : 0;
}
