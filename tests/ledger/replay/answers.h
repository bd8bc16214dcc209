/* answers: what a list says was found of each signature and of each draw's proof, in the order of asking. Where the
 * library for them is not there (ASSAY_CORE) the ledger asks these (told.c); elsewhere it asks the library and nobody
 * listens (asked.c). The format stands in tests/ledger/campaign/list.h. */
#ifndef REPLAY_ANSWERS_H
#define REPLAY_ANSWERS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char *const answers_from; /* "the library" or "the list" */

/* answers_open: before everything else; false if the library does not start. answers_give lends those of the next
 * block. answers_done: were all of them asked for, and nothing else? */
bool answers_open(void);
void answers_give(const uint8_t *bytes, size_t length);
bool answers_done(void);
#endif
