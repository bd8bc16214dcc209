/* state: the state blob and its root. PROTOCOL M2.
 *
 * Blob = the leaves of all state entries in layout order, padding zero; root = the Merkle root of those leaves. The
 * same for a data tensor (M2.4). Hashing may be spread over threads by the caller: leaf hashes are independent. Uses:
 * crypto, tape/record. */
#ifndef COMMIT_STATE_H
#define COMMIT_STATE_H
#include "crypto/merkle.h"
#include "tape/record/layout.h"

/* state_leaf_hashes writes the hashes of leaves first .. first+count-1 of a blob of length bytes; the last leaf is
 * padded with zeros. */
void state_leaf_hashes(const uint8_t *blob, uint64_t length, uint64_t first, uint64_t count, uint8_t *hashes);

/* state_root hashes a whole blob on this thread; hashes is scratch for ceil(length / 4096) * 32 bytes. */
void state_root(const uint8_t *blob, uint64_t length, uint8_t *hashes, uint8_t root[MERKLE_BYTES]);

/* state_zero_root is the root of the all-zero state of `leaves` leaves (M3, T2.2). */
void state_zero_root(uint64_t leaves, uint8_t root[MERKLE_BYTES]);

/* state_padding_clean says whether every padding byte is zero; else *entry names the entry. */
bool state_padding_clean(const struct layout *l, const uint8_t *blob, uint32_t *entry);

#endif
