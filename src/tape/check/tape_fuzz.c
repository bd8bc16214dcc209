/* A stranger's tape file: whatever is read has one encoding, and tape_check survives it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tape/check/check.h"

enum { MEMORY_BYTES = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static uint8_t memory[MEMORY_BYTES];
  struct arena arena = arena_over(memory, sizeof memory);
  struct tape t;
  struct why why;
  if (tape_read(data, length, &arena, &t, &why) != TAPE_OK) return 0;
  uint8_t *again = malloc(length), root[32];
  assert(again && tape_bytes(&t) == length);
  assert(tape_write(&t, again, length) == length && memcmp(data, again, length) == 0);
  free(again);
  tape_root(&t, root);
  size_t used = arena.used_bytes;
  if (tape_check(&t, &arena, &why) == TAPE_OK) {
    struct tape_counts counts;
    assert(tape_count(&t, &counts) && counts.bytes == t.counts.bytes);
    assert(t.temp_leaves <= TAPE_LEAVES_MAX && t.state_leaves == layout_state_leaves(&t.layout));
  }
  assert(arena.used_bytes == used);
  return 0;
}
