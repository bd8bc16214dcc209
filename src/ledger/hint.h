/* hint: transactions whose signatures were found good before. ENGINE 7.9.
 *
 * A signature is the dearest thing about most transactions, and each is asked about at least twice: when it is let in,
 * and in its block. A mark is a hash of the transaction's id and of the keys that it was checked with, so it cannot
 * speak for other bytes, nor for a key that has been put in the slot since: whoever finds one knows what checking again
 * would say. A mark that was pushed out costs time and changes no answer. Fixed memory, 1 MiB. Single thread. Uses:
 * sha256. */
#ifndef LEDGER_HINT_H
#define LEDGER_HINT_H
#include <stdbool.h>
#include <stdint.h>

enum { HINT_BYTES = 32, HINTS_MAX = 32768 };

struct hints;
struct hints *hints_open(void);
void hints_shut(struct hints *h);

/* hint_of: id is the transaction's; payer NULL where only its account signs. Keys have 32 bytes. */
void hint_of(const uint8_t id[32], const uint8_t key[32], const uint8_t *payer, uint8_t mark[HINT_BYTES]);

bool hints_has(const struct hints *h, const uint8_t mark[HINT_BYTES]);
void hints_add(struct hints *h, const uint8_t mark[HINT_BYTES]);

#endif
