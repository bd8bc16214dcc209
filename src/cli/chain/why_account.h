/* why_account: how an account stands with those who draw it: what it offers and has staked, and what keeps work from
 * it. From its records alone. Uses: ledger/provider. */
#ifndef CLI_WHY_ACCOUNT_H
#define CLI_WHY_ACCOUNT_H
#include "cli/chain/reach.h"
#include "ledger/provider/provider.h"

struct standing {
  struct account account;
  struct provider provider;
  bool known, offers; /* has a record; has a provider's */
};

/* account_look reads both records; an account without any is one with nothing. */
enum client_status account_look(struct view *v, const uint8_t account[32], struct standing *out, struct why *why);

/* account_reasons writes what keeps work from the account, most decisive first, one sentence each; at most REASONS_MAX,
 * returns how many. 0: nothing does. */
enum { REASONS_MAX = 6, REASON_WORDS = 240 };
uint32_t account_reasons(const struct chain *c, const struct standing *s, char text[REASONS_MAX][REASON_WORDS]);

/* account_print: balance, stakes, what it offers, and the reasons, for people; account_json: the same for scripts. */
void account_print(const struct chain *c, const struct standing *s);
json_t *account_json(const struct chain *c, const struct standing *s);

#endif
