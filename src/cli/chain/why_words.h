/* why_words: a receipt and its payments as sentences, from their bytes alone. Uses: ledger/receipt, ledger/money. */
#ifndef CLI_WHY_WORDS_H
#define CLI_WHY_WORDS_H
#include "cli/chain/parties.h"
#include "cli/chain/reach.h"
#include "ledger/receipt/receipt.h"
#include "tape/record/tape.h"

enum { WHY_WORDS = 900 };

/* why_receipt says what was decided and why; why_payment one flow: "3 ASY from .. to ..", or "3 ASY of .. burned", and
 * what for. names: how accounts are called, NULL: by their whole addresses. record: the record of the tape that a
 * verdict names, where it is known; else NULL, and the element's bits are shown as a float without coordinates. */
void why_receipt(const struct receipt *r, const struct tape_record *record, struct parties *names,
                 char text[WHY_WORDS]);
void why_payment(const struct payment *p, struct parties *names, char text[WHY_WORDS]);

/* why_strike: did this cost its account a strike (LEDGER 5.3)? why_element: does its verdict name an element? */
bool why_strike(const struct receipt *r);
bool why_element(const struct receipt *r);

/* why_touches: does a payment take from or give to this account? */
bool why_touches(const struct payment *p, const uint8_t account[32]);

/* why_parties adds those whom a receipt names, with what they got and gave by its payments: balance, stakes and gas
 * locks are all theirs, so that what goes from one of them to another counts as neither. */
void why_parties(const struct receipt *r, const uint8_t *payments, size_t length, struct parties *names);

/* The same for scripts; payments: row, for, from, to, amount in grain. */
json_t *why_receipt_json(const struct receipt *r, const struct tape_record *record, const uint8_t *payments,
                         size_t length);

#endif
