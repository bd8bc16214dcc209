/* page: the rows that a node gives under a prefix. TRANSFER 1.4.
 *
 * All of them are read once before any is shown, so a page that is none shows nothing. Uses: base/bytes, ledger/map's
 * keys. */
#ifndef NET_CLIENT_PAGE_H
#define NET_CLIENT_PAGE_H
#include "base/bytes.h"
#include "ledger/map/map.h"

struct page {
  struct reader rows;
  uint32_t count;
  bool more;
};

/* page_read takes exactly one page of at most `most` rows, whose keys begin with prefix and ascend from behind last (of
 * length 0: from any). */
bool page_read(const uint8_t *bytes, size_t length, uint32_t most, const struct map_key *prefix, struct map_key last,
               struct page *out);

/* page_row reads the next row and lends its value; of a page that page_read took there are count. */
bool page_row(struct reader *r, struct map_key *key, const uint8_t **value, uint32_t *length);

#endif
