#include "training/checkpoint/hasher.h"
#include "crypto/merkle.h"
#include "crypto/sha256.h"
#include "training/file/machine.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { LEAF_BYTES = 4096, BLOCKS_A_SLICE = 8 };

/* A group of leaves on its way. Who holds `busy` may touch the rest. */
struct slot {
  atomic_flag busy;
  bool open;
  uint64_t first;
  struct sha256_group group;
};

struct hasher {
  const uint8_t *blob;
  uint8_t *hashes;
  void (*ended)(void *);
  void *context;
  uint64_t leaves;
  _Atomic uint64_t next, done, nanoseconds; /* next: the first leaf of no group yet */
  uint32_t slots;
  struct slot slot[];
};

struct hasher *hasher_open(uint32_t threads) {
  struct hasher *h = calloc(1, sizeof *h + threads * sizeof h->slot[0]);
  if (!h) return NULL;
  h->slots = threads;
  for (uint32_t i = 0; i < threads; i++) atomic_flag_clear(&h->slot[i].busy);
  return h;
}

void hasher_shut(struct hasher *h) { free(h); }

void hasher_begin(struct hasher *h, const uint8_t *blob, uint64_t leaves, uint8_t *hashes, void (*ended)(void *),
                  void *context) {
  h->blob = blob;
  h->hashes = hashes;
  h->ended = ended;
  h->context = context;
  h->leaves = leaves;
  atomic_store(&h->next, 0);
  atomic_store(&h->done, 0);
}

static bool take_group(struct hasher *h, struct slot *s) {
  uint64_t lanes = sha256_lanes();
  if (atomic_load_explicit(&h->next, memory_order_relaxed) >= h->leaves) return false;
  s->first = atomic_fetch_add(&h->next, lanes);
  if (s->first >= h->leaves) return false;
  uint64_t count = h->leaves - s->first < lanes ? h->leaves - s->first : lanes;
  sha256_group_begin(&s->group, 0x00, h->blob + s->first * LEAF_BYTES, LEAF_BYTES, count);
  return s->open = true;
}

bool hasher_slice(void *hasher, uint32_t thread) {
  struct hasher *h = hasher;
  for (uint32_t i = 0; i < h->slots; i++) {
    struct slot *s = &h->slot[(thread + i) % h->slots];
    if (atomic_flag_test_and_set_explicit(&s->busy, memory_order_acquire)) continue;
    if (!s->open && !take_group(h, s)) {
      atomic_flag_clear_explicit(&s->busy, memory_order_release);
      continue;
    }
    double start = machine_seconds();
    uint64_t ended = 0, count = s->group.count;
    s->open = !sha256_group_go(&s->group, BLOCKS_A_SLICE, h->hashes + s->first * MERKLE_BYTES);
    if (!s->open) ended = count;
    atomic_flag_clear_explicit(&s->busy, memory_order_release);
    atomic_fetch_add(&h->nanoseconds, (uint64_t)((machine_seconds() - start) * 1e9));
    if (ended && atomic_fetch_add(&h->done, ended) + ended == h->leaves) h->ended(h->context);
    return true;
  }
  return atomic_load(&h->done) < h->leaves;
}

/* Where all groups are in other threads' hands, and one of those may have been set aside, this one does not spin on. */
void hasher_finish(struct hasher *h) {
  while (hasher_slice(h, 0))
    if (atomic_load(&h->next) >= h->leaves) sched_yield();
}

double hasher_seconds(const struct hasher *h) { return 1e-9 * (double)atomic_load(&h->nanoseconds); }
