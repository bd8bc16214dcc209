/* query: which blocks, transactions or events somebody wants, in the words of CometBFT. ENGINE 8.4.
 *
 *   tm.event = 'Tx' AND transaction.account = 'asy1...' AND tx.height >= 5
 *
 * Conditions are joined by AND; an operator is = < <= > >= CONTAINS EXISTS, a value text in single quotes or a whole
 * number. Dates are refused. Bytes come from a stranger: at most QUERY_TEXT_MAX characters and QUERY_CONDITIONS_MAX
 * conditions. No memory but the struct. Uses: nothing. */
#ifndef NET_RPC_QUERY_H
#define NET_RPC_QUERY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUERY_TEXT_MAX = 512, QUERY_CONDITIONS_MAX = 16, QUERY_NAME_MAX = 64 };

enum query_operator {
  QUERY_EQUAL,
  QUERY_LESS,
  QUERY_LESS_EQUAL,
  QUERY_MORE,
  QUERY_MORE_EQUAL,
  QUERY_CONTAINS,
  QUERY_EXISTS
};

struct query_condition {
  char name[QUERY_NAME_MAX + 1];
  enum query_operator operator;
  bool is_number;
  uint64_t number;
  char text[QUERY_TEXT_MAX + 1]; /* of a value in quotes */
};
struct query {
  uint32_t count;
  struct query_condition condition[QUERY_CONDITIONS_MAX];
};

/* query_read: false with words and where in `wrong` (of wrong_max bytes). */
bool query_read(const char *text, size_t length, struct query *out, char *wrong, size_t wrong_max);

/* query_holds: is the condition true of this value? A number is compared with a value that is one, text with text. */
bool query_holds(const struct query_condition *c, const char *value);

#endif
