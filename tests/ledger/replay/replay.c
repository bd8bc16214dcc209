/* replay: a recorded list of blocks once more: the same app hash at every height? LEDGER 17.7.
 *
 *   replay LIST [--heights] [--modules HEIGHT]
 *
 * --heights prints every app hash; --modules a hash over the records of each module, as of that height, to find where
 * two programs part. At the first height with another hash than the list's it prints both, those of the modules, and
 * ends. Exit status: 0 all are the same, 1 one is not, 2 the list is damaged, 3 memory or the library. */
#include "base/bytes.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/ledger.h"
#include "replay/answers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char magic[] = "assay/list/1"; /* with its 0 */

static uint8_t *read_whole(const char *path, size_t *length) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  size_t room = 1 << 20, used = 0, n;
  uint8_t *bytes = malloc(room);
  while (bytes && (n = fread(bytes + used, 1, room - used, f)) > 0) {
    used += n;
    if (used < room) continue;
    uint8_t *larger = realloc(bytes, room *= 2);
    if (!larger) free(bytes);
    bytes = larger;
  }
  fclose(f);
  *length = used;
  return bytes;
}

static void print_hash(const char *what, uint64_t number, const uint8_t hash[32]) {
  char text[65];
  hex_encode(hash, 32, text);
  printf("%s %" PRIu64 " %s\n", what, number, text);
}

/* H over the lengths, keys and values of a module, in key order. */
static void print_modules(const struct chain *c) {
  for (uint32_t module = 0; module < 256; module++) {
    struct map_key prefix = map_key((uint8_t)module, NULL, 0), key;
    struct map_value value;
    uint8_t hash[32] = {0};
    uint64_t records = 0;
    for (bool more = map_next(c->map, &prefix, NULL, &key, &value); more;
         more = map_next(c->map, &prefix, &key, &key, &value), records++) {
      uint8_t lengths[8];
      struct writer w = writer_over(lengths, sizeof lengths);
      put_u32(&w, key.length);
      put_u32(&w, value.length);
      const struct sha256_part parts[] = {
          {hash, sizeof hash}, {lengths, sizeof lengths}, {key.bytes, key.length}, {value.bytes, value.length}};
      sha256_parts(parts, 4, hash);
    }
    if (records) print_hash("module", module, hash);
  }
}

struct list_block {
  struct ledger_block block;
  const uint8_t *transactions, *answers, *app_hash;
  size_t transactions_length, answers_length;
};

static const uint8_t *take_part(struct reader *r, size_t *length) {
  *length = take_u32(r);
  return take_bytes(r, *length);
}

static bool take_block(struct reader *r, uint64_t height, struct list_block *out) {
  out->block = (struct ledger_block){.height = height, .time_ms = take_u64(r)};
  out->block.bytes = take_u64(r);
  out->block.gas = take_u64(r);
  out->block.proposer = take_bytes(r, 32);
  out->block.beacon = take_part(r, &out->block.beacon_length);
  out->transactions = take_part(r, &out->transactions_length);
  out->answers = take_part(r, &out->answers_length);
  out->app_hash = take_bytes(r, 32);
  return !r->short_of;
}

/* False, with words, for a block that this ledger does not take. */
static bool run_block(struct ledger *l, const struct list_block *b, uint64_t *count, uint8_t hash[32]) {
  struct why why = {""};
  struct ledger_result result;
  struct reader r = reader_over(b->transactions, b->transactions_length);
  answers_give(b->answers, b->answers_length);
  if (!ledger_begin(l, &b->block, &why)) return fprintf(stderr, "replay: block refused: %s\n", why.text), false;
  while (bytes_left(&r)) {
    size_t length;
    const uint8_t *bytes = take_part(&r, &length);
    if (r.short_of) return fprintf(stderr, "replay: a block ends within a transaction\n"), false;
    ledger_deliver(l, bytes, length, &result);
    if (!result.admitted) return fprintf(stderr, "replay: not admitted: %s\n", result.why.text), false;
    ++*count;
  }
  ledger_end(l, hash);
  ledger_commit(l);
  if (!answers_done()) return fprintf(stderr, "replay: other signatures are asked for than the list has\n"), false;
  return true;
}

static int run(struct ledger *l, struct reader *r, bool heights, uint64_t modules) {
  uint64_t height = 0, count = 0;
  uint8_t all[32] = {0}, hash[32];
  struct list_block b;
  while (bytes_left(r)) {
    if (!take_block(r, ++height, &b)) return fprintf(stderr, "replay: the list is damaged\n"), 2;
    bool ran = run_block(l, &b, &count, hash);
    if (ran && heights) print_hash("height", height, hash);
    if (ran && height == modules) print_modules(ledger_chain(l));
    if (!ran || memcmp(hash, b.app_hash, 32) != 0) {
      print_hash("the list has at height", height, b.app_hash);
      if (ran) print_hash("here it is at height", height, hash);
      print_modules(ledger_chain(l));
      return 1;
    }
    const struct sha256_part parts[] = {{all, sizeof all}, {hash, sizeof hash}};
    sha256_parts(parts, 2, all);
  }
  printf("%" PRIu64 " transactions, signatures judged by %s\n", count, answers_from);
  print_hash("heights", height, all);
  return 0;
}

int main(int argc, char **argv) {
  size_t length, genesis_length;
  struct ledger *l;
  struct why why = {""};
  bool heights = false;
  uint64_t modules = 0;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--heights") == 0)
      heights = true;
    else if (strcmp(argv[i], "--modules") == 0 && i + 1 < argc)
      modules = strtoull(argv[++i], NULL, 10);
    else
      argc = 0;
  }
  if (argc < 2) return fprintf(stderr, "usage: replay LIST [--heights] [--modules HEIGHT]\n"), 2;
  uint8_t *bytes = read_whole(argv[1], &length);
  if (!bytes) return fprintf(stderr, "replay: %s cannot be read\n", argv[1]), 2;
  if (!answers_open()) return fprintf(stderr, "replay: the library for signatures does not start\n"), 3;
  struct reader r = reader_over(bytes, length);
  const uint8_t *head = take_bytes(&r, sizeof magic), *genesis = take_part(&r, &genesis_length);
  if (!head || !genesis || memcmp(head, magic, sizeof magic) != 0)
    return fprintf(stderr, "replay: %s is no list\n", argv[1]), 2;
  if (!ledger_open(&l, genesis, genesis_length, NULL, NULL, NULL, &why))
    return fprintf(stderr, "replay: %s\n", why.text), 2;
  ledger_commit(l);
  int status = run(l, &r, heights, modules);
  ledger_shut(l);
  free(bytes);
  return status;
}
