/* hasher: hashes a state that lies still, in slices that threads take when they would otherwise wait.
 *
 *   hasher_begin  --hasher_slice by any thread, any number at a time-->  all leaf hashes there: ended() is called once
 *
 * Leaves go in groups side by side (crypto/sha256); a group that a thread leaves is gone on with by whoever comes next,
 * so that no thread has to come back. Uses: checkpoint, crypto, threads. */
#ifndef TRAINING_HASHER_H
#define TRAINING_HASHER_H
#include <stdbool.h>
#include <stdint.h>

struct hasher;

/* hasher_open: for at most `threads` threads at a time; NULL when memory is refused. */
struct hasher *hasher_open(uint32_t threads);
void hasher_shut(struct hasher *h);

/* hasher_begin: blob holds `leaves` leaves of 4 KiB (at least one), hashes has room for 32 bytes each; both lie still
 * until the end. The last one has ended. ended(context) is called by the thread that hashed the last group. */
void hasher_begin(struct hasher *h, const uint8_t *blob, uint64_t leaves, uint8_t *hashes, void (*ended)(void *),
                  void *context);

/* hasher_slice is a pool_slice: about 2 us of work (a leaf at a time, 3 us, on processors that hash one by one). False:
 * every leaf is hashed. hasher_finish, by any number of threads, takes slices until then. */
bool hasher_slice(void *hasher, uint32_t thread);
void hasher_finish(struct hasher *h);

/* hasher_seconds: time spent in slices so far, of all threads together. */
double hasher_seconds(const struct hasher *h);

#endif
