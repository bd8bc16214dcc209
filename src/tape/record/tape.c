#include "tape/record/tape.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "crypto/merkle.h"
#include "crypto/sha256.h"
#include "numeric/canon.h"

enum { MAGIC_BYTES = 8, FORMAT = 1 };
static const uint8_t magic[MAGIC_BYTES] = {'A', 'S', 'T', 'A', 'P', 'E', 0, 1};
static const uint8_t header_magic[4] = {'A', 'S', 'T', 'P'};

size_t tape_bytes(const struct tape *t) {
  size_t bytes = MAGIC_BYTES + 4 + layout_bytes(&t->layout) + TAPE_HEADER_BYTES;
  for (uint32_t i = 0; i < t->records_count; i++) bytes += 2 + record_bytes(&t->record[i]);
  return bytes;
}

void tape_layout_hash(const struct tape *t, uint8_t hash[32]) {
  struct sha256_stream s;
  uint8_t piece[LAYOUT_ENTRY_BYTES_MAX];
  sha256_begin(&s);
  sha256_add(&s, piece, layout_head_encode(&t->layout, piece));
  for (uint32_t i = 0; i < (uint32_t)t->layout.state_count + t->layout.data_count; i++)
    sha256_add(&s, piece, layout_entry_encode(&t->layout, i, piece));
  sha256_end(&s, hash);
}

/* TAPE 4.8: "ASTP" | format (2) | canon (2) | records (4) | temp_leaves (4) | state_leaves (4) | data_count | zero (3)
 * | layout_hash (32) | dot_flops (8) | body_ops (8) | bytes (8) */
void tape_header(const struct tape *t, uint8_t header[TAPE_HEADER_BYTES]) {
  uint8_t hash[SHA256_BYTES];
  struct writer w = writer_over(header, TAPE_HEADER_BYTES);
  tape_layout_hash(t, hash);
  put_bytes(&w, header_magic, sizeof header_magic);
  put_u16(&w, FORMAT);
  put_u16(&w, CANON_VERSION);
  put_u32(&w, t->records_count);
  put_u32(&w, t->temp_leaves);
  put_u32(&w, t->state_leaves);
  put_u8(&w, t->layout.data_count);
  put_little(&w, 0, 3);
  put_bytes(&w, hash, sizeof hash);
  put_u64(&w, t->counts.dot_flops);
  put_u64(&w, t->counts.body_ops);
  put_u64(&w, t->counts.bytes);
}

static void leaf_hash(const struct tape *t, uint32_t leaf, uint8_t hash[MERKLE_BYTES]) {
  uint8_t bytes[TAPE_RECORD_BYTES_MAX];
  if (leaf == 0) {
    tape_header(t, bytes);
    merkle_leaf(bytes, TAPE_HEADER_BYTES, hash);
  } else
    merkle_leaf(bytes, record_encode(&t->record[leaf - 1], bytes, sizeof bytes), hash);
}

void tape_root(const struct tape *t, uint8_t root[32]) {
  struct merkle_builder tree = {0};
  uint8_t hash[MERKLE_BYTES];
  for (uint32_t leaf = 0; leaf <= t->records_count; leaf++) {
    leaf_hash(t, leaf, hash);
    merkle_add(&tree, hash);
  }
  merkle_end(&tree, root);
}

void tape_path(const struct tape *t, uint32_t leaf, uint8_t *path) {
  static const uint8_t absent[MERKLE_BYTES];
  uint32_t height = merkle_height((uint64_t)t->records_count + 1);
  for (uint32_t level = 0; level < height; level++, path += MERKLE_BYTES) {
    struct merkle_builder sibling = {0};
    uint8_t hash[MERKLE_BYTES];
    uint32_t first = (leaf >> level ^ 1) << level, end = first + (1u << level);
    for (uint32_t i = first; i < end && i <= t->records_count; i++) {
      leaf_hash(t, i, hash);
      merkle_add(&sibling, hash);
    }
    memset(path, 0, MERKLE_BYTES);
    if (!sibling.count) continue;
    merkle_end(&sibling, path);
    for (uint32_t l = merkle_height(sibling.count); l < level; l++) merkle_inner(path, absent, path);
  }
}

size_t tape_write(const struct tape *t, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  uint8_t header[TAPE_HEADER_BYTES], piece[TAPE_RECORD_BYTES_MAX];
  size_t length = layout_bytes(&t->layout);
  put_bytes(&w, magic, sizeof magic);
  put_u32(&w, (uint32_t)length);
  if (w.full || layout_encode(&t->layout, w.at, (size_t)(w.end - w.at)) != length) return 0;
  w.at += length;
  tape_header(t, header);
  put_bytes(&w, header, sizeof header);
  for (uint32_t i = 0; i < t->records_count; i++) {
    length = record_encode(&t->record[i], piece, sizeof piece);
    if (!length) return 0;
    put_u16(&w, (uint16_t)length);
    put_bytes(&w, piece, length);
  }
  return w.full ? 0 : bytes_written(&w);
}

static enum tape_status read_layout(struct reader *in, struct arena *arena, struct tape *t, struct why *why) {
  const uint8_t *start = take_bytes(in, MAGIC_BYTES);
  if (!start || memcmp(start, magic, sizeof magic) != 0) {
    why_set(why, "not a tape file: it begins with ASTAPE, 0, 1");
    return TAPE_ERR_BYTES;
  }
  uint32_t length = take_u32(in);
  const uint8_t *table = take_bytes(in, length);
  if (!table || length < LAYOUT_HEAD_BYTES) {
    why_set(why, "the tape file ends inside its layout table");
    return TAPE_ERR_BYTES;
  }
  size_t count = ((size_t)table[0] | (size_t)table[1] << 8) + table[2];
  if (count > length / 8) { /* an entry has at least 8 bytes: memory is never taken for entries that are not there */
    why_set(why, "a layout table of %" PRIu32 " bytes cannot hold %zu entries", length, count);
    return TAPE_ERR_BYTES;
  }
  struct layout_entry *entries = arena_take(arena, count, sizeof *entries);
  if (!entries) {
    why_set(why, "no memory for a layout of %zu entries", count);
    return TAPE_ERR_MEMORY;
  }
  if (layout_decode(table, length, entries, count, &t->layout, why) != RECORD_OK) {
    why_before(why, "layout: ");
    return TAPE_ERR_BYTES;
  }
  return TAPE_OK;
}

/* What the header repeats of the layout has to be equal here, because struct tape holds it once. */
static enum tape_status read_header(struct reader *in, struct tape *t, struct why *why) {
  const uint8_t *bytes = take_bytes(in, TAPE_HEADER_BYTES);
  uint8_t again[TAPE_HEADER_BYTES];
  if (!bytes) {
    why_set(why, "the tape file ends inside its header");
    return TAPE_ERR_BYTES;
  }
  struct reader h = reader_over(bytes, TAPE_HEADER_BYTES);
  take_little(&h, 8);
  t->records_count = take_u32(&h);
  t->temp_leaves = take_u32(&h);
  t->state_leaves = take_u32(&h);
  take_bytes(&h, 4 + SHA256_BYTES);
  t->counts.dot_flops = take_u64(&h);
  t->counts.body_ops = take_u64(&h);
  t->counts.bytes = take_u64(&h);
  tape_header(t, again);
  if (memcmp(bytes, again, sizeof again) != 0) {
    why_set(why, "the tape header is not format %d, canon %d, with this layout's data count and hash", FORMAT,
            CANON_VERSION);
    return TAPE_ERR_BYTES;
  }
  if (t->records_count > TAPE_RECORDS_MAX || t->records_count > bytes_left(in) / 2) {
    why_set(why, "%" PRIu32 " records, at most %d and as many as the file holds", t->records_count, TAPE_RECORDS_MAX);
    return TAPE_ERR_BYTES;
  }
  return TAPE_OK;
}

static enum tape_status read_records(struct reader *in, struct arena *arena, struct tape *t, struct why *why) {
  t->record = arena_take(arena, t->records_count, sizeof *t->record);
  if (!t->record) {
    why_set(why, "no memory for %" PRIu32 " records", t->records_count);
    return TAPE_ERR_MEMORY;
  }
  for (uint32_t i = 0; i < t->records_count; i++) {
    uint16_t length = take_u16(in);
    const uint8_t *bytes = take_bytes(in, length);
    if (!bytes) {
      why_set(why, "the tape file ends inside record %" PRIu32, i + 1);
      return TAPE_ERR_BYTES;
    }
    enum record_status status = record_decode(bytes, length, &t->record[i], why);
    if (status != RECORD_OK) {
      why_before(why, "record %" PRIu32 ": ", i + 1);
      return status == RECORD_ERR_RULE ? TAPE_ERR_RULE : TAPE_ERR_BYTES;
    }
  }
  if (!bytes_done(in)) {
    why_set(why, "the tape file is longer than its records");
    return TAPE_ERR_BYTES;
  }
  return TAPE_OK;
}

enum tape_status tape_read(const uint8_t *bytes, size_t length, struct arena *arena, struct tape *out,
                           struct why *why) {
  struct reader in = reader_over(bytes, length);
  struct tape t = {0};
  size_t mark = arena_mark(arena);
  if (length > TAPE_FILE_BYTES_MAX) {
    why_set(why, "a tape file has at most %d bytes, this one %zu", TAPE_FILE_BYTES_MAX, length);
    return TAPE_ERR_BYTES;
  }
  enum tape_status status = read_layout(&in, arena, &t, why);
  if (status == TAPE_OK) status = read_header(&in, &t, why);
  if (status == TAPE_OK) status = read_records(&in, arena, &t, why);
  if (status == TAPE_OK)
    *out = t;
  else
    arena_reset(arena, mark);
  return status;
}
