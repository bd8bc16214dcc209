/* Whose job it is, and with what money. */
#include "cli/amount.h"
#include "cli/identity.h"
#include "cli/output.h"
#include "cli/submit.h"
#include "cli/unlock.h"
#include "crypto/address.h"

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

enum outcome submit_money(struct submission *s, const struct submitter_quote *q) {
  char address[ADDRESS_TEXT_LENGTH + 1], has[AMOUNT_TEXT], needs[AMOUNT_TEXT];
  if (q->balance >= q->total) return OUTCOME_DONE;
  address_write(s->account, address);
  complain("%s has %s on %s, and the job wants %s: send it some (assay wallet send %s AMOUNT --key FILE), name a key "
           "that has more with --key, or offer less with --price or --level",
           address, amount_write(q->balance, has), s->reach.node.chain_id, amount_write(q->total, needs), address);
  return OUTCOME_NO;
}
