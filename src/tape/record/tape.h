/* tape: a program of one step: header, layout table, records; its file form and its root. TAPE 2, 4.8, 5.
 *
 * Uses: record, layout, crypto/merkle. */
#ifndef TAPE_TAPE_H
#define TAPE_TAPE_H
#include "base/arena.h"
#include "tape/record/layout.h"

/* What pricing and deadlines use, nothing else. TAPE 5.4 */
struct tape_counts {
  uint64_t dot_flops, body_ops, bytes;
};

struct tape {
  uint32_t records_count, temp_leaves, state_leaves;
  struct layout layout;
  struct tape_record *record; /* records_count of them, index n is leaf n + 1 of the tape tree */
  struct tape_counts counts;
};

/* The file form: "ASTAPE\0\1" | layout_bytes u32 | layout table | header record (80) | per record: length u16 | bytes.
 * tape_bytes is its exact length; tape_write returns the bytes written, 0 if they do not fit. tape_read decodes exactly
 * length bytes (at most TAPE_FILE_BYTES_MAX), taking memory from the arena; it checks encodings and single records, not
 * what tape_check checks. */
enum { TAPE_FILE_BYTES_MAX = 40 << 20 };
enum tape_status { TAPE_OK, TAPE_ERR_BYTES, TAPE_ERR_RULE, TAPE_ERR_MEMORY };
size_t tape_bytes(const struct tape *t);
size_t tape_write(const struct tape *t, uint8_t *bytes, size_t bytes_max);
enum tape_status tape_read(const uint8_t *bytes, size_t length, struct arena *arena, struct tape *out, struct why *why);

/* tape_header writes the 80 bytes of leaf 0. tape_root is the root of the tape's Merkle tree: leaf 0 the header, leaf n
 * the nth record. tape_layout_hash is the SHA-256 of the layout table. */
enum { TAPE_HEADER_BYTES = 80 };
void tape_header(const struct tape *t, uint8_t header[TAPE_HEADER_BYTES]);
void tape_root(const struct tape *t, uint8_t root[32]);
void tape_layout_hash(const struct tape *t, uint8_t hash[32]);

/* tape_path writes the siblings of leaf `leaf` (0: the header, n: the nth record) of the tape's tree, leaf upwards: as
 * many as the tree of records_count + 1 leaves is high. Cost: one tape_root. */
void tape_path(const struct tape *t, uint32_t leaf, uint8_t *path);

#endif
