/* pack: a dispute between two moves as one row of bytes, for those who keep it with other records. PROTOCOL P2.9.
 *
 * Only what the next moves can ask for is in it: of `shown` the row that still counts, of `posted` what was posted.
 * Uses: dispute, base. */
#ifndef DISPUTE_PACK_H
#define DISPUTE_PACK_H
#include "dispute/dispute.h"

enum {
  PACK_FIXED_BYTES = 1 + 1 + 4 + 8 + 4 + 4 + 2 + 3 * 32 + 1 + 4 + 4 + 32 + MOVE_TREE_HEIGHT_MAX * 32 + 2 + 2 + 2 + 2 +
                     4 + 4 + 8 + 2 + 2 + 4 + 8 + 8 + 4,
  PACK_BYTES_MAX = PACK_FIXED_BYTES + 2 * MOVE_TOP_NODES_MAX * 32 + TAPE_RECORD_BYTES_MAX + 4 * MOVE_WORDS_MAX
};

/* pack_dispute writes a game that is not decided and returns the length; pack_read takes exactly that. False: bytes
 * that pack_dispute cannot have written for this frame; *out is then anything. What it takes can be played on: whatever
 * the next moves rest on leads to the claimant's roots. Cost: at most 511 hashes. */
size_t pack_dispute(const struct dispute *d, const struct dispute_frame *f, uint8_t bytes[PACK_BYTES_MAX]);
bool pack_read(const uint8_t *bytes, size_t length, const struct dispute_frame *f, struct dispute *out);

#endif
