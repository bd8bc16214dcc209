/* header: what a block says of itself, and the hash that everything signed stands on. ENGINE 2.
 *
 * Headers, commits and blocks have the bytes of CometBFT 0.38, so that a certificate is checked in one way whoever made
 * the block. A header's hash is the root of its fourteen fields' encodings; the tree is that of RFC 6962, as in
 * ledger/log/log.h. Integers and bytes only; no heap. Uses: proto, time, log, sha256. */
#ifndef ENGINE_COMET_HEADER_H
#define ENGINE_COMET_HEADER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/comet/time.h"

enum { COMET_HASH_BYTES = 32, COMET_ADDRESS_BYTES = 20, COMET_CHAIN_ID_MAX = 50 };
enum { COMET_HEADER_BYTES_MAX = 626, COMET_BLOCK_ID_BYTES_MAX = 76, COMET_PART_BYTES = 65536 };
enum { COMET_VERSION_BLOCK = 11 }; /* version.block of CometBFT 0.38 */

/* A block is named by its header's hash and by how its bytes fall into parts. parts == 0: no block (that before the
 * first), and both hashes are zeros. */
struct comet_block_id {
  uint8_t hash[COMET_HASH_BYTES];
  uint32_t parts;
  uint8_t parts_hash[COMET_HASH_BYTES];
};

struct comet_header {
  uint64_t version_block, version_app;
  char chain_id[COMET_CHAIN_ID_MAX + 1]; /* 1 .. 50 characters from '!' to '~' */
  uint64_t height;                       /* 1 .. INT64_MAX */
  struct comet_time time;
  struct comet_block_id last;
  uint8_t last_commit[COMET_HASH_BYTES], data[COMET_HASH_BYTES], validators[COMET_HASH_BYTES],
      next_validators[COMET_HASH_BYTES], params[COMET_HASH_BYTES];
  uint8_t app_length, app[COMET_HASH_BYTES]; /* the state after the block before; ours always has 32 bytes */
  uint8_t last_results[COMET_HASH_BYTES], evidence[COMET_HASH_BYTES];
  uint8_t proposer[COMET_ADDRESS_BYTES];
};

bool comet_block_id_equal(const struct comet_block_id *a, const struct comet_block_id *b);

/* comet_header_valid: the bounds above; chain_id's length may be asked with strlen. */
bool comet_header_valid(const struct comet_header *h);

/* comet_header_encode returns the length. The header is valid. comet_header_decode takes exactly what encode gives. */
size_t comet_header_encode(const struct comet_header *h, uint8_t bytes[COMET_HEADER_BYTES_MAX]);
bool comet_header_decode(const uint8_t *bytes, size_t length, struct comet_header *out);
void comet_header_hash(const struct comet_header *h, uint8_t hash[COMET_HASH_BYTES]);

/* comet_header_leaves gives the fourteen encodings one after the other, each with its length before it (u8), for
 * certificates; returns the length. comet_header_of_leaves is its reverse and takes nothing else. */
enum { COMET_LEAVES = 14, COMET_LEAVES_BYTES_MAX = COMET_HEADER_BYTES_MAX + 2 * COMET_LEAVES };
size_t comet_header_leaves(const struct comet_header *h, uint8_t bytes[COMET_LEAVES_BYTES_MAX]);
bool comet_header_of_leaves(const uint8_t *bytes, size_t length, struct comet_header *out);

/* comet_parts: the bytes of an encoded block in pieces of COMET_PART_BYTES, and the root over them. */
void comet_parts(const uint8_t *block, size_t length, uint32_t *parts, uint8_t hash[COMET_HASH_BYTES]);

/* comet_tree is the root over leaf hashes (SHA-256(00 || bytes)), comet_leaf one of them. comet_tree_path gives the
 * hashes beside the way from leaf `index` up, at most 64 of them, and returns their number. */
void comet_leaf(const void *bytes, size_t length, uint8_t leaf[COMET_HASH_BYTES]);
void comet_tree(const uint8_t (*leaves)[COMET_HASH_BYTES], size_t count, uint8_t root[COMET_HASH_BYTES]);
uint32_t comet_tree_path(const uint8_t (*leaves)[COMET_HASH_BYTES], size_t count, size_t index,
                         uint8_t path[64][COMET_HASH_BYTES]);

/* As a message inside others; comet_block_id_take reads the message in `field`, which has to be there. */
struct reader;
struct writer;
size_t comet_block_id_encode(const struct comet_block_id *id, uint8_t bytes[COMET_BLOCK_ID_BYTES_MAX]);
void comet_block_id_put(struct writer *w, uint8_t field, const struct comet_block_id *id);
struct comet_block_id comet_block_id_take(struct reader *r, uint8_t field);

#endif
