#include "ledger/hint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha256.h"

/* A mark has its set by its first bytes; in a set of four the oldest is pushed out. With as many marks as a mempool has
 * transactions, four in a thousand sets have more than four. */
enum { WAYS = 4, SETS = HINTS_MAX / WAYS };

struct hints {
  uint8_t mark[SETS][WAYS][HINT_BYTES];
  uint8_t next[SETS], used[SETS];
};

struct hints *hints_open(void) {
  struct hints *h = calloc(1, sizeof *h);
  assert(h);
  return h;
}

void hints_shut(struct hints *h) { free(h); }

void hint_of(const uint8_t id[32], const uint8_t key[32], const uint8_t *payer, uint8_t mark[HINT_BYTES]) {
  sha256_parts((struct sha256_part[]){{id, 32}, {key, 32}, {payer, payer ? 32 : 0}}, 3, mark);
}

static uint32_t set_of(const uint8_t mark[HINT_BYTES]) { return (uint32_t)(mark[0] | mark[1] << 8) % SETS; }

bool hints_has(const struct hints *h, const uint8_t mark[HINT_BYTES]) {
  uint32_t set = set_of(mark);
  for (uint32_t i = 0; i < h->used[set]; i++)
    if (memcmp(h->mark[set][i], mark, HINT_BYTES) == 0) return true;
  return false;
}

void hints_add(struct hints *h, const uint8_t mark[HINT_BYTES]) {
  uint32_t set = set_of(mark);
  if (hints_has(h, mark)) return;
  memcpy(h->mark[set][h->next[set]], mark, HINT_BYTES);
  h->next[set] = (uint8_t)((h->next[set] + 1) % WAYS);
  if (h->used[set] < WAYS) h->used[set]++;
}
