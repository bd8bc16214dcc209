/* list: a recorded list of blocks, to be replayed by other programs: genesis, each block's transactions and app hash.
 *
 *   "assay/list/1" 00 | genesis u32 length | bytes
 *   | blocks x { time_ms u64 | bytes u64 | gas u64 | proposer 32 | u32 length | beacon | u32 length | transactions, u32
 *     length before each | u32 length | answers | app hash 32 }
 *
 * answers: what was found of each signature (01, or 00) and each draw's proof (03 and the output 64, or 02), in the
 * order of asking, for a machine that has no library for them (tests/ledger/answers.c). */
#ifndef CAMPAIGN_LIST_H
#define CAMPAIGN_LIST_H
#include "campaign/walk.h"

#define LIST_MAGIC "assay/list/1" /* with its 0 */

/* list_to names the file that walk_open begins and walk_block goes on with; without it nothing is written. list_end
 * closes it: false if the disk did not take all. */
bool list_to(const char *path);
void list_begin(const struct walk *w);
void list_block(const struct walk *w);
bool list_end(void);
#endif
