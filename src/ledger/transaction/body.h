/* body: how every file that takes bodies apart and puts them together begins and ends. For the files of this folder. */
#ifndef LEDGER_BODY_H
#define LEDGER_BODY_H
#include "base/bytes.h"
#include "ledger/transaction/transaction.h"

/* body_begin is false for a transaction of another type. body_end: nothing missing, nothing left over. */
bool body_begin(const struct transaction *t, enum transaction_type type, struct reader *r, struct why *why);
bool body_end(const struct reader *r, const struct transaction *t, struct why *why);

/* body_written is the length of what was put, 0 if it did not fit or is no body of the type: take's rules are the only
 * ones there are, so nothing can be put that take would refuse. */
size_t body_written(const struct writer *w, enum transaction_type type);

#endif
