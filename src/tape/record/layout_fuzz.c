/* Whatever decodes has one encoding and lies within the limits. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tape/record/layout.h"

enum { ENTRIES_MAX = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  static struct layout_entry entries[ENTRIES_MAX];
  struct layout l;
  if (layout_decode(data, length, entries, ENTRIES_MAX, &l, NULL) != RECORD_OK) return 0;
  uint8_t *again = malloc(length);
  assert(again && layout_bytes(&l) == length);
  assert(layout_encode(&l, again, length) == length && memcmp(data, again, length) == 0);
  assert(layout_state_leaves(&l) <= TAPE_LEAVES_MAX && layout_state_leaves(&l) >= l.state_count);
  free(again);
  return 0;
}
