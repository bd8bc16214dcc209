/* table: the bytes of a layout table, without taking memory for its entries. TAPE 3.1, LEDGER 7.1.
 *
 * A table in the map was decoded once and is known to be one; what is asked of it later is one walk over its bytes. For
 * this folder. Uses: tape/record/layout. */
#ifndef LEDGER_TABLE_H
#define LEDGER_TABLE_H
#include "tape/record/layout.h"

/* table_cut_hash is the hash of the table cut to all state entries and those data entries whose bit is in `data`;
 * false if the table lacks one of them. */
bool table_cut_hash(const uint8_t *table, size_t length, const uint8_t data[32], uint8_t hash[32]);

/* table_state finds state entry n: its dtype and its first leaf. False if the table has no such entry. */
bool table_state(const uint8_t *table, size_t length, uint32_t n, uint8_t *dtype, uint64_t *first_leaf);

#endif
