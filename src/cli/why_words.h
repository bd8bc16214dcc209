/* why_words: a receipt and its payments as sentences, from their bytes alone. Uses: ledger/receipt, ledger/money. */
#ifndef CLI_WHY_WORDS_H
#define CLI_WHY_WORDS_H
#include "cli/reach.h"
#include "ledger/receipt/receipt.h"

enum { WHY_WORDS = 700 };

/* why_receipt says what was decided and why; why_payment one flow: "3 ASY from .. to ..", or "3 ASY of .. burned", and
 * what for. */
void why_receipt(const struct receipt *r, char text[WHY_WORDS]);
void why_payment(const struct payment *p, char text[WHY_WORDS]);

/* The same for scripts; payments: row, for, from, to, amount in grain. */
json_t *why_receipt_json(const struct receipt *r, const uint8_t *payments, size_t length);

#endif
