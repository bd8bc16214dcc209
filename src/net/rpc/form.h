/* form: blocks and their parts as the JSON of CometBFT 0.38. ENGINE 8.2.
 *
 * 64-bit numbers are decimal strings and 32-bit ones numbers; hashes are upper-case hexadecimal, bytes base64, times
 * RFC 3339. What is made is the caller's. Without memory the program stops. Uses: jansson, base64, hex, engine/comet.
 */
#ifndef NET_RPC_FORM_H
#define NET_RPC_FORM_H
#include <jansson.h>

#include "engine/comet/block.h"
#include "engine/solo/effects.h"
#include "engine/solo/solo.h"

json_t *form_number(uint64_t x);                        /* "5" */
json_t *form_hash(const uint8_t *bytes, size_t length); /* "0AFF" */
json_t *form_bytes(const void *bytes, size_t length);   /* "Cv8=" */
json_t *form_text(const void *bytes, size_t length);    /* what is not UTF-8 in it becomes '?' */
json_t *form_time(const struct comet_time *t);
json_t *form_block_id(const struct comet_block_id *id);
json_t *form_header(const struct comet_header *h);
json_t *form_commit(const struct comet_commit *c);
json_t *form_block(const struct comet_block *b);
json_t *form_validator(const struct solo_chain *c, const char *power_name);
json_t *form_params(void);

/* form_tx_events: what a transaction tells, found again from its bytes; an array of {type, attributes}. form_event:
 * of one that a block told. form_result: of ExecTxResult; `whole` false leaves out what is 0 or empty, as events do.
 */
json_t *form_tx_events(const struct comet_span *transaction);
json_t *form_events(struct effects_reader *effects);
json_t *form_result(const struct effects_result *r, const struct comet_span *transaction, bool whole);

/* form_must gives back what it was given, which is there. */
json_t *form_must(json_t *j);

#endif
