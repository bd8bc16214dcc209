/* layout: the tensors that a tape's step reads and rewrites, by name. TAPE 3.
 *
 * A table lists all state entries of the job and the data entries that the tape reads. Uses: record. */
#ifndef TAPE_LAYOUT_H
#define TAPE_LAYOUT_H
#include "tape/record/record.h"

enum { LAYOUT_NAME_MAX = 64, LAYOUT_ENTRIES_MAX = 65535, LAYOUT_DATA_MAX = 255 };

struct layout_entry {
  char name[LAYOUT_NAME_MAX + 1];
  uint8_t number; /* data entries: number of the tensor in the job, ascending */
  uint8_t dtype, rank;
  uint32_t dim[TAPE_RANK_MAX];
  uint64_t first_leaf; /* state: running sum; data: 0. Derived, not encoded. */
};

/* entry[0 .. state_count-1] are the state, entry[state_count .. state_count+data_count-1] the data. Entry 0 is
 * `diverged`. */
struct layout {
  uint16_t state_count;
  uint8_t data_count;
  struct layout_entry *entry; /* borrowed */
};

uint64_t layout_entry_elements(const struct layout_entry *e);
uint64_t layout_entry_leaves(const struct layout_entry *e);
uint64_t layout_state_leaves(const struct layout *l);

/* layout_data finds the data entry with this number, NULL if the table has none. */
const struct layout_entry *layout_data(const struct layout *l, uint8_t number);

/* layout_place fills every first_leaf. Call after building a table by hand. */
void layout_place(struct layout *l);

/* layout_encode writes the table's one encoding and returns its length, 0 if it does not fit. layout_bytes is that
 * length. */
size_t layout_bytes(const struct layout *l);
size_t layout_encode(const struct layout *l, uint8_t *bytes, size_t bytes_max);

/* The same in pieces, for those who hash a table without holding its encoding: the head, then each entry. 0 if a rank
 * is out of range. */
enum { LAYOUT_HEAD_BYTES = 4, LAYOUT_ENTRY_BYTES_MAX = 1 + 1 + LAYOUT_NAME_MAX + 2 + 4 * TAPE_RANK_MAX };
size_t layout_head_encode(const struct layout *l, uint8_t bytes[LAYOUT_HEAD_BYTES]);
size_t layout_entry_encode(const struct layout *l, uint32_t i, uint8_t bytes[LAYOUT_ENTRY_BYTES_MAX]);

/* layout_decode reads exactly length bytes into entries (room for entries_max) and sets out to them. Checks names
 * (1..64 printable ASCII bytes, unique), ranks, dims, limits, ascending data numbers, entry 0. RECORD_ERR_BYTES
 * otherwise. */
enum record_status layout_decode(const uint8_t *bytes, size_t length, struct layout_entry *entries, size_t entries_max,
                                 struct layout *out, struct why *why);

#endif
