/* Whose job it is, and with what money. */
#include "cli/amount.h"
#include "cli/key/identity.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "cli/submit/submit.h"
#include "crypto/address.h"
#include "net/client/faucet.h"

enum { FAUCET_MS = 60000 };

enum outcome submit_account(struct submission *s) {
  const char *named = arguments_text(s->arguments, "key", NULL);
  char folder[SUBMIT_PATH];
  struct why why = {""};
  enum outcome outcome;
  if (named) {
    outcome = unlock_key(s->arguments, named, &s->key);
  } else if (!file_join(folder, s->folder, "account")) {
    complain("%.200s..: the path is too long", s->folder);
    return OUTCOME_INPUT;
  } else if (identity_there(folder)) {
    outcome = unlock_outcome(identity_open(folder, &s->key, &why), &why);
  } else {
    outcome = unlock_outcome(identity_make(folder, &s->key, &why), &why);
    if (outcome == OUTCOME_DONE && !s->quiet) note("account  a key was made in %s; it owns what is left", folder);
  }
  if (outcome == OUTCOME_DONE) address_of_key(sign_secret_public(s->key).bytes, s->account);
  return outcome;
}

static enum outcome too_little(const struct submission *s, uint64_t has_grain, const struct submitter_quote *q) {
  char address[ADDRESS_TEXT_LENGTH + 1], has[AMOUNT_TEXT], needs[AMOUNT_TEXT];
  address_write(s->account, address);
  complain("%s has %s on %s, and the job wants %s: send it some (assay wallet send %s AMOUNT --key FILE), name a key "
           "that has more with --key, or offer less with --price or --level",
           address, amount_write(has_grain, has), s->reach.node.chain_id, amount_write(q->total, needs), address);
  return OUTCOME_NO;
}

enum outcome submit_means(struct submission *s, const struct submitter_quote *q) {
  char url[CLIENT_URL_MAX];
  if (q->balance >= q->total || client_faucet(s->reach.client, url, NULL) == CLIENT_OK) return OUTCOME_DONE;
  return too_little(s, q->balance, q);
}

enum outcome submit_money(struct submission *s, const struct submitter_quote *q) {
  char url[CLIENT_URL_MAX], given[AMOUNT_TEXT];
  struct faucet_answer gift;
  struct account account = {.balance = q->balance};
  struct why why = {""};
  if (q->balance >= q->total) return OUTCOME_DONE;
  enum client_status status = client_faucet(s->reach.client, url, &why);
  if (status == CLIENT_OK) status = faucet_ask(url, s->account, FAUCET_MS, stop_listen(""), &gift, &why);
  if (status == CLIENT_STOPPED) return complain("stopped; nothing was submitted"), OUTCOME_INTERRUPTED;
  if (status != CLIENT_OK) {
    complain("the faucet %s gives nothing: %s", url, why.text);
    return too_little(s, q->balance, q);
  }
  if (!s->quiet && !s->json) note("faucet   %s gave %s", url, amount_write(gift.amount, given));
  status = view_now(s->reach.view, &why);
  if (status == CLIENT_OK) status = view_account(s->reach.view, s->account, &account, &why);
  if (status != CLIENT_OK) return reach_outcome(&s->reach, status, &why);
  return account.balance >= q->total ? OUTCOME_DONE : too_little(s, account.balance, q);
}
