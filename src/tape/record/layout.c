#include "tape/record/layout.h"

#include <inttypes.h>

#include "base/bytes.h"

/* The encoding, TAPE 3.1: state_count (2) | data_count | zero, then the state entries, then the data entries, each
 * after its number; an entry is name_len | name | dtype | rank | dim (4) x rank. */
enum { DIM_MAX = 0x7fffffff };

static uint32_t entries_count(const struct layout *l) { return (uint32_t)l->state_count + l->data_count; }

uint64_t layout_entry_elements(const struct layout_entry *e) {
  uint64_t elements = 1;
  for (uint8_t d = 0; d < e->rank; d++) elements *= e->dim[d];
  return elements;
}

uint64_t layout_entry_leaves(const struct layout_entry *e) { return tape_leaves(e->dtype, layout_entry_elements(e)); }

uint64_t layout_state_leaves(const struct layout *l) {
  uint64_t leaves = 0;
  for (uint32_t i = 0; i < l->state_count; i++) leaves += layout_entry_leaves(&l->entry[i]);
  return leaves;
}

const struct layout_entry *layout_data(const struct layout *l, uint8_t number) {
  for (uint32_t i = l->state_count; i < entries_count(l); i++)
    if (l->entry[i].number == number) return &l->entry[i];
  return NULL;
}

void layout_place(struct layout *l) {
  uint64_t leaf = 0;
  for (uint32_t i = 0; i < entries_count(l); i++) {
    l->entry[i].first_leaf = i < l->state_count ? leaf : 0;
    leaf += layout_entry_leaves(&l->entry[i]);
  }
}

static size_t name_length(const struct layout_entry *e) {
  size_t length = 0;
  while (length < LAYOUT_NAME_MAX && e->name[length]) length++;
  return length;
}

size_t layout_bytes(const struct layout *l) {
  size_t bytes = LAYOUT_HEAD_BYTES + (size_t)l->data_count;
  for (uint32_t i = 0; i < entries_count(l); i++) bytes += 3 + name_length(&l->entry[i]) + 4u * l->entry[i].rank;
  return bytes;
}

size_t layout_head_encode(const struct layout *l, uint8_t bytes[LAYOUT_HEAD_BYTES]) {
  struct writer w = writer_over(bytes, LAYOUT_HEAD_BYTES);
  put_u16(&w, l->state_count);
  put_u8(&w, l->data_count);
  put_u8(&w, 0);
  return bytes_written(&w);
}

size_t layout_entry_encode(const struct layout *l, uint32_t i, uint8_t bytes[LAYOUT_ENTRY_BYTES_MAX]) {
  const struct layout_entry *e = &l->entry[i];
  struct writer w = writer_over(bytes, LAYOUT_ENTRY_BYTES_MAX);
  if (e->rank > TAPE_RANK_MAX) return 0;
  if (i >= l->state_count) put_u8(&w, e->number);
  put_u8(&w, (uint8_t)name_length(e));
  put_bytes(&w, e->name, name_length(e));
  put_u8(&w, e->dtype);
  put_u8(&w, e->rank);
  for (uint8_t d = 0; d < e->rank; d++) put_u32(&w, e->dim[d]);
  return bytes_written(&w);
}

size_t layout_encode(const struct layout *l, uint8_t *bytes, size_t bytes_max) {
  uint8_t piece[LAYOUT_ENTRY_BYTES_MAX];
  struct writer w = writer_over(bytes, bytes_max);
  put_bytes(&w, piece, layout_head_encode(l, piece));
  for (uint32_t i = 0; i < entries_count(l); i++) {
    size_t length = layout_entry_encode(l, i, piece);
    if (!length) return 0;
    put_bytes(&w, piece, length);
  }
  return w.full ? 0 : bytes_written(&w);
}

static bool entry_decode(struct reader *in, bool data, struct layout_entry *e, struct why *why) {
  *e = (struct layout_entry){0};
  if (data) e->number = take_u8(in);
  uint8_t length = take_u8(in);
  if (length < 1 || length > LAYOUT_NAME_MAX) {
    why_set(why, "a name has 1 to %d bytes, this one %u", LAYOUT_NAME_MAX, length);
    return false;
  }
  const uint8_t *name = take_bytes(in, length);
  for (uint8_t i = 0; name && i < length; i++) {
    if (name[i] < 0x20 || name[i] > 0x7e) {
      why_set(why, "a name holds the byte %02x: printable ASCII only", name[i]);
      return false;
    }
    e->name[i] = (char)name[i];
  }
  e->dtype = take_u8(in);
  e->rank = take_u8(in);
  if (e->dtype > TAPE_U8 || e->rank < 1 || e->rank > TAPE_RANK_MAX) {
    why_set(why, "%s: dtype %u (0 to 2), rank %u (1 to %d)", e->name, e->dtype, e->rank, TAPE_RANK_MAX);
    return false;
  }
  uint64_t elements = 1;
  for (uint8_t d = 0; d < e->rank; d++) {
    e->dim[d] = take_u32(in);
    elements *= e->dim[d]; /* cannot wrap: below 2^32 before, below 2^31 more */
    if (e->dim[d] < 1 || e->dim[d] > DIM_MAX || elements > UINT32_MAX) {
      why_set(why, "%s: dim %u is %" PRIu32 "; dims are 1 to 2^31 - 1 and elements below 2^32", e->name, d, e->dim[d]);
      return false;
    }
  }
  return true;
}

/* Names are sorted to find one that is there twice: pairs would be 2^31 comparisons for a stranger's table. The order
 * lives in first_leaf, which is derived afterwards, so no memory is taken. Heap sort: no input makes it slow. */
static int compare_names(const struct layout_entry *entry, uint64_t a, uint64_t b) {
  return memcmp(entry[a].name, entry[b].name, LAYOUT_NAME_MAX);
}

static void sift(struct layout_entry *entry, uint32_t root, uint32_t count) {
  for (uint32_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && compare_names(entry, entry[child].first_leaf, entry[child + 1].first_leaf) < 0) child++;
    uint64_t up = entry[child].first_leaf, down = entry[root].first_leaf;
    if (compare_names(entry, down, up) >= 0) return;
    entry[root].first_leaf = up;
    entry[child].first_leaf = down;
  }
}

static bool names_unique(struct layout_entry *entry, uint32_t count, struct why *why) {
  for (uint32_t i = 0; i < count; i++) entry[i].first_leaf = i;
  for (uint32_t i = count / 2; i-- > 0;) sift(entry, i, count);
  for (uint32_t n = count; n-- > 1;) {
    uint64_t last = entry[0].first_leaf;
    entry[0].first_leaf = entry[n].first_leaf;
    entry[n].first_leaf = last;
    sift(entry, 0, n);
  }
  for (uint32_t i = 1; i < count; i++)
    if (compare_names(entry, entry[i - 1].first_leaf, entry[i].first_leaf) == 0) {
      why_set(why, "two entries are called %s", entry[entry[i].first_leaf].name);
      return false;
    }
  return true;
}

static bool diverged_first(const struct layout_entry *e) {
  return strcmp(e->name, "diverged") == 0 && e->dtype == TAPE_I32 && e->rank == 1 && e->dim[0] == 1;
}

enum record_status layout_decode(const uint8_t *bytes, size_t length, struct layout_entry *entries, size_t entries_max,
                                 struct layout *out, struct why *why) {
  struct reader in = reader_over(bytes, length);
  struct layout l = {.entry = entries};
  l.state_count = take_u16(&in);
  l.data_count = take_u8(&in);
  uint8_t zero = take_u8(&in);
  if (in.short_of || zero || entries_count(&l) > entries_max) {
    why_set(why, "a layout table begins with its two counts and a zero, at most %zu entries here", entries_max);
    return RECORD_ERR_BYTES;
  }
  for (uint32_t i = 0; i < entries_count(&l); i++) {
    struct layout_entry *e = &entries[i];
    if (!entry_decode(&in, i >= l.state_count, e, why)) return RECORD_ERR_BYTES;
    if (i > l.state_count && e->number <= e[-1].number) {
      why_set(why, "%s: data numbers ascend", e->name);
      return RECORD_ERR_BYTES;
    }
    if (i >= l.state_count && e->number >= LAYOUT_DATA_MAX) {
      why_set(why, "%s: data numbers are 0 to %d", e->name, LAYOUT_DATA_MAX - 1);
      return RECORD_ERR_BYTES;
    }
  }
  if (!bytes_done(&in)) {
    why_set(why, "the layout table is %s", in.short_of ? "cut short" : "longer than its entries");
    return RECORD_ERR_BYTES;
  }
  if (!l.state_count || !diverged_first(&entries[0])) {
    why_set(why, "state entry 0 is diverged, i32 [1]");
    return RECORD_ERR_BYTES;
  }
  if (!names_unique(entries, entries_count(&l), why)) return RECORD_ERR_BYTES;
  layout_place(&l);
  if (layout_state_leaves(&l) > TAPE_LEAVES_MAX) {
    why_set(why, "the state has %" PRIu64 " leaves, at most 2^23", layout_state_leaves(&l));
    return RECORD_ERR_BYTES;
  }
  *out = l;
  return RECORD_OK;
}
