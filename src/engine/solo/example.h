/* example: a chain of one in a folder of its own, whose validator sends transfers, for tests alone. The clock is a
 * number. What does not work ends the program. Uses: folder, solo. */
#ifndef ENGINE_SOLO_EXAMPLE_H
#define ENGINE_SOLO_EXAMPLE_H
#include "engine/solo/folder.h"

enum { WORLD_START_MS = 5000 }; /* after genesis */

struct world {
  char folder[64], path[96]; /* of all, of the node */
  struct folder f;
  struct solo *solo;
  uint8_t account[32];
  uint64_t nonce, now_ms; /* nonce: of the next transfer that world_send sends */
};

/* For a cmocka test: *state is a new world; 0 when it worked. */
int world_begin(void **state);
int world_end(void **state);

/* The engine alone ends, and begins again with what the disk has. */
void world_shut(struct world *w);
void world_open(struct world *w);

/* world_transfer writes a transfer from the validator's account and returns its length. world_send lets the next one
 * in. world_settle makes the blocks that are due, and returns how many. */
size_t world_transfer(struct world *w, uint64_t nonce, uint64_t amount, uint8_t *bytes, size_t bytes_max);
enum solo_take world_send(struct world *w);
uint64_t world_settle(struct world *w);

#endif
