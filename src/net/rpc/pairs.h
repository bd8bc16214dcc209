/* pairs: names and values that a block or transaction told, as queries look at them. ENGINE 8.4.
 *
 * What is indexed as well as what a subscription may ask for: tm.event, tx.hash, tx.height, block.height and the
 * attributes of events as type.key. Uses: method, query. */
#ifndef NET_RPC_PAIRS_H
#define NET_RPC_PAIRS_H
#include "net/rpc/method.h"
#include "net/rpc/query.h"

/* {"tx.height": ["5"], ..}, as events carry it. */
struct pairs {
  json_t *map;
};
void pairs_of_tx(const struct comet_span *transaction, uint64_t height, struct pairs *out);
void pairs_of_block(const struct stored *s, struct pairs *out);
void pairs_shut(struct pairs *p);

/* pairs_add adds a value, pairs_match says whether every condition holds of one of its name's values. */
void pairs_add(struct pairs *p, const char *name, const char *value);
bool pairs_match(const struct pairs *p, const struct query *q);

#endif
