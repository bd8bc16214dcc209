/* assay wallet: what an account has, and what it sends. */
#include "agent/agent.h"
#include "base/hex.h"
#include "cli/amount.h"
#include "cli/chain/reach.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/stop.h"
#include "crypto/address.h"
#include "ledger/transaction/transaction.h"
#include "net/client/faucet.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { UNTIL_TICKS = 1024, POLL_MS = 500 };

static const char *const role_words[ROLES] = {"solver", "verifier", "whistleblower", "storer", "validator"};

/* The account that is asked about: an address, or that of --key. */
static enum outcome whose(const struct arguments *a, uint8_t account[32]) {
  struct sign_public key;
  struct why why = {""};
  const char *path = arguments_text(a, "key", NULL);
  if ((a->operands_count > 1) == (path != NULL)) {
    complain("wallet %s ADDRESS, or wallet %s --key FILE", a->operand[0], a->operand[0]);
    return OUTCOME_INPUT;
  }
  if (path) {
    enum outcome outcome = unlock_public(path, &key);
    if (outcome == OUTCOME_DONE) address_of_key(key.bytes, account);
    return outcome;
  }
  if (address_read(a->operand[1], strlen(a->operand[1]), account, &why)) return OUTCOME_DONE;
  complain("%s: %s", a->operand[1], why.text);
  return OUTCOME_INPUT;
}

static void print_account(const char *address, const struct account *c) {
  char one[AMOUNT_TEXT], two[AMOUNT_TEXT];
  printf("%s\nbalance        %s\n", address, amount_write(c->balance, one));
  for (int r = 0; r < ROLES; r++)
    if (c->stake[r])
      printf("stake          %s as %s, %s of it locked\n", amount_write(c->stake[r], one), role_words[r],
             amount_write(c->locked[r], two));
  for (int n = 0; n < c->unbonding_count; n++)
    printf("unbonding      %s from %s, back after tick %" PRIu64 "\n", amount_write(c->unbonding[n].amount, one),
           role_words[c->unbonding[n].role], c->unbonding[n].tick);
  if (!c->slots_count) printf("keys           none yet: it names its own when it first sends\n");
}

static void print_account_json(const char *address, const struct account *c) {
  json_t *stakes = json_object(), *unbonding = json_array();
  for (int r = 0; r < ROLES; r++)
    json_object_set_new(
        stakes, role_words[r],
        json_pack("{s:o, s:o}", "stake", reach_grain(c->stake[r]), "locked", reach_grain(c->locked[r])));
  for (int n = 0; n < c->unbonding_count; n++)
    json_array_append_new(unbonding,
                          json_pack("{s:s, s:o, s:I}", "role", role_words[c->unbonding[n].role], "amount",
                                    reach_grain(c->unbonding[n].amount), "tick", (json_int_t)c->unbonding[n].tick));
  output_json(json_pack("{s:s, s:o, s:o, s:o, s:i}", "address", address, "balance", reach_grain(c->balance), "stakes",
                        stakes, "unbonding", unbonding, "keys", (int)c->slots_count));
}

static enum outcome balance(const struct arguments *a) {
  uint8_t id[32];
  char address[ADDRESS_TEXT_LENGTH + 1];
  struct account account = {0};
  struct reach reach;
  struct why why = {""};
  enum outcome outcome = whose(a, id);
  if (outcome == OUTCOME_DONE) outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  address_write(id, address);
  enum client_status status = view_account(reach.view, id, &account, &why);
  if (status != CLIENT_OK && status != CLIENT_NONE) {
    outcome = reach_outcome(&reach, status, &why);
  } else if (arguments_given(a, "json")) {
    print_account_json(address, &account); /* without a record it has nothing */
  } else {
    print_account(address, &account);
  }
  reach_shut(&reach);
  return outcome;
}

/* Sending. */

struct order {
  uint8_t type, body[256], to[32];
  size_t length;
  uint64_t amount;
  char words[160]; /* "12 ASY to asy1..." */
};

static enum outcome read_send(const struct arguments *a, struct order *o) {
  struct why why = {""};
  char money[AMOUNT_TEXT];
  if (a->operands_count != 3) {
    complain("wallet send ADDRESS AMOUNT --key FILE");
    return OUTCOME_INPUT;
  }
  if (!address_read(a->operand[1], strlen(a->operand[1]), o->to, &why)) {
    complain("%s: %s", a->operand[1], why.text);
    return OUTCOME_INPUT;
  }
  if (!amount_read(a->operand[2], &o->amount, &why)) {
    complain("%s", why.text);
    return OUTCOME_INPUT;
  }
  struct body_transfer b = {.to = o->to, .amount = o->amount, .memo = o->to};
  o->type = TRANSACTION_TRANSFER;
  o->length = body_transfer_put(&b, o->body, sizeof o->body);
  snprintf(o->words, sizeof o->words, "%s to %s", amount_write(o->amount, money), a->operand[1]);
  return OUTCOME_DONE;
}

static enum outcome read_stake(const struct arguments *a, struct order *o) {
  struct why why = {""};
  char money[AMOUNT_TEXT];
  int role = 0;
  if (a->operands_count != 3) {
    complain("wallet stake ROLE AMOUNT --key FILE");
    return OUTCOME_INPUT;
  }
  while (role < ROLES && strcmp(a->operand[1], role_words[role]) != 0) role++;
  if (role == ROLES) { return arguments_unknown("role", a->operand[1], role_words, ROLES); }
  if (!amount_read(a->operand[2], &o->amount, &why)) {
    complain("%s", why.text);
    return OUTCOME_INPUT;
  }
  struct body_stake b = {.role = (uint8_t)role, .amount = o->amount};
  o->type = TRANSACTION_STAKE;
  o->length = body_stake_put(&b, o->body, sizeof o->body);
  snprintf(o->words, sizeof o->words, "%s as stake of a %s", amount_write(o->amount, money), role_words[role]);
  return OUTCOME_DONE;
}

struct signed_order {
  uint8_t bytes[1024], id[32];
  size_t length;
  uint64_t until_tick, fee;
  bool keyless; /* the account was only paid so far: LEDGER 2.2.1 */
};

static enum outcome sign_order(const struct reach *r, const struct sign_secret *key, const struct order *o,
                               struct signed_order *out) {
  const struct chain *c = view_chain(r->view);
  uint8_t account[32], message[1024], signature[SIGNATURE_BYTES];
  char has[AMOUNT_TEXT], needs[AMOUNT_TEXT], address[ADDRESS_TEXT_LENGTH + 1];
  struct account mine;
  struct why why = {""};
  address_of_key(sign_secret_public(key).bytes, account);
  address_write(account, address);
  enum client_status status = view_account(r->view, account, &mine, &why);
  if (status == CLIENT_NONE) {
    complain("%s has nothing on %s (%s)", address, r->node.chain_id, r->url);
    return OUTCOME_NO;
  }
  if (status != CLIENT_OK) return reach_outcome(r, status, &why);
  out->keyless = mine.slots_count == 0;
  struct transaction t = {.type = o->type,
                          .account = account,
                          .nonce = mine.slots_count ? mine.slot[0].nonce : 0,
                          .until_tick = c->now.tick + UNTIL_TICKS,
                          .gas = agent_gas(o->type, o->body, o->length),
                          .price = c->now.gas_price,
                          .body = o->body,
                          .body_length = (uint32_t)o->length};
  out->fee = (uint64_t)t.gas * t.price;
  if (mine.balance < out->fee || mine.balance - out->fee < o->amount) {
    complain("%s has %s; %s needs that and up to %s of gas", address, amount_write(mine.balance, has), o->words,
             amount_write(out->fee, needs));
    return OUTCOME_NO;
  }
  size_t length = transaction_sign_bytes(&t, r->port.genesis, message, sizeof message);
  assert(o->length && length);
  sign_make(key, message, length, signature);
  t.signature = signature;
  out->length = transaction_encode(&t, out->bytes, sizeof out->bytes);
  assert(out->length);
  transaction_id(out->bytes, out->length, out->id);
  out->until_tick = t.until_tick;
  return OUTCOME_DONE;
}

/* Sent once; whether an answer came or not, the chain says what became of it. NONE: not in a block yet. */
static enum client_status settle(struct reach *r, const struct signed_order *s, uint64_t seconds,
                                 struct client_result *result, struct why *why) {
  enum client_status status = client_send(r->client, s->bytes, s->length, NULL, why);
  if (status != CLIENT_OK && status != CLIENT_LOST) return status;
  status = CLIENT_NONE;
  for (uint64_t ms = 0; ms < seconds * 1000; ms += POLL_MS) {
    status = client_result(r->client, s->id, result, why);
    if (status != CLIENT_NONE) return status;
    client_wait(r->client, view_chain(r->view)->now.height + 1, POLL_MS, NULL);
    view_now(r->view, NULL);
  }
  return status;
}

static enum outcome tell(const struct arguments *a, const struct reach *r, const struct order *o,
                         const struct signed_order *s, const struct client_result *result) {
  char id[65], fee[AMOUNT_TEXT];
  hex_encode(s->id, 32, id);
  uint64_t paid = (uint64_t)result->gas_used * view_chain(r->view)->now.gas_price;
  if (arguments_given(a, "json"))
    output_json(json_pack("{s:s, s:I, s:i, s:s, s:I, s:o}", "transaction", id, "height", (json_int_t)result->height,
                          "code", (int)result->code, "log", result->log, "gas_used", (json_int_t)result->gas_used,
                          "amount", reach_grain(o->amount)));
  if (result->code) {
    const char *word = chain_code_text((uint16_t)result->code);
    complain("not done: %s (%s): the gas is paid, and nothing else has changed", result->log, word ? word : "?");
    return OUTCOME_NO;
  }
  if (!arguments_given(a, "json"))
    printf("done: %s\nblock %" PRIu64 ", transaction %s, about %s of gas\n", o->words, result->height, id,
           amount_write(paid, fee));
  return OUTCOME_DONE;
}

/* In a block, or why not. */
static enum outcome get_through(struct reach *r, const struct signed_order *s, uint64_t seconds,
                                struct client_result *result) {
  struct why why = {""};
  char id[65];
  hex_encode(s->id, 32, id);
  enum client_status status = settle(r, s, seconds, result, &why);
  if (status == CLIENT_OK) return OUTCOME_DONE;
  if (status == CLIENT_NONE || status == CLIENT_LOST || status == CLIENT_STOPPED) {
    complain("transaction %s is in no block that %s shows; it may still get into one until tick %" PRIu64
             ": look at the balance before you send again",
             id, r->url, s->until_tick);
    return status == CLIENT_STOPPED ? OUTCOME_INTERRUPTED : OUTCOME_ENVIRONMENT;
  }
  return reach_outcome(r, status, &why);
}

/* LEDGER 2.2.1: an account that was only paid so far says first which key it has. */
static enum outcome give_key(struct reach *r, const struct sign_secret *key, uint64_t seconds) {
  struct sign_public public = sign_secret_public(key);
  struct body_key b = {.index = 0, .key = public.bytes, .mask = ACCOUNT_MASK_ALL, .until_tick = UINT64_MAX};
  struct order o = {.type = TRANSACTION_KEY_SET, .words = "its first key"};
  struct signed_order s;
  struct client_result result = {0};
  o.length = body_key_put(&b, o.body, sizeof o.body);
  enum outcome outcome = sign_order(r, key, &o, &s);
  if (outcome == OUTCOME_DONE) outcome = get_through(r, &s, seconds, &result);
  if (outcome != OUTCOME_DONE || !result.code) return outcome;
  complain("the account did not get its key: %s", result.log);
  return OUTCOME_NO;
}

static enum outcome carry_out(const struct arguments *a, struct reach *r, const struct sign_secret *key,
                              const struct order *o, uint64_t seconds) {
  struct signed_order s;
  struct client_result result = {0};
  enum outcome outcome = sign_order(r, key, o, &s);
  if (outcome == OUTCOME_DONE && s.keyless) {
    outcome = give_key(r, key, seconds);
    if (outcome == OUTCOME_DONE) outcome = sign_order(r, key, o, &s);
  }
  if (outcome == OUTCOME_DONE) outcome = get_through(r, &s, seconds, &result);
  return outcome == OUTCOME_DONE ? tell(a, r, o, &s, &result) : outcome;
}

static enum outcome spend(const struct arguments *a, const struct order *o) {
  uint64_t seconds = 60;
  const char *path = arguments_text(a, "key", NULL);
  struct sign_secret *key = NULL;
  struct reach reach;
  if (!arguments_number(a, "wait", 1, 3600, &seconds)) return OUTCOME_INPUT;
  if (!path) {
    complain("--key FILE is missing: the key that signs; assay init makes one");
    return OUTCOME_INPUT;
  }
  if (!o->amount) {
    complain("an amount of 0 moves nothing");
    return OUTCOME_INPUT;
  }
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = unlock_key(a, path, &key);
  if (outcome == OUTCOME_DONE) outcome = carry_out(a, &reach, key, o, seconds);
  sign_secret_shut(&key);
  reach_shut(&reach);
  return outcome;
}

/* Asking. */

static enum outcome tell_gift(const struct arguments *a, const uint8_t account[32], const struct faucet_answer *gift) {
  char id[65], money[AMOUNT_TEXT], address[ADDRESS_TEXT_LENGTH + 1];
  hex_encode(gift->id, 32, id);
  address_write(account, address);
  if (arguments_given(a, "json"))
    output_json(json_pack("{s:s, s:o, s:s, s:I}", "account", address, "amount", reach_grain(gift->amount),
                          "transaction", id, "height", (json_int_t)gift->height));
  else
    printf("%s for %s\nblock %" PRIu64 ", transaction %s\n", amount_write(gift->amount, money), address, gift->height,
           id);
  return OUTCOME_DONE;
}

static enum outcome ask_faucet(const struct arguments *a, const struct reach *r, const uint8_t account[32],
                               uint32_t ms) {
  char url[CLIENT_URL_MAX];
  struct faucet_answer gift;
  struct why why = {""};
  enum client_status status = client_faucet(r->client, url, &why);
  if (status == CLIENT_NONE) {
    complain("%s names no faucet: its owner starts assay faucet, and the node with --faucet URL", r->url);
    return OUTCOME_NO;
  }
  if (status != CLIENT_OK) return reach_outcome(r, status, &why);
  status = faucet_ask(url, account, ms, stop_listen(""), &gift, &why);
  switch (status) {
  case CLIENT_OK: return tell_gift(a, account, &gift);
  case CLIENT_NONE:
  case CLIENT_REFUSED: complain("%s", why.text); return OUTCOME_NO;
  case CLIENT_STOPPED: complain("stopped; what was asked for may still come"); return OUTCOME_INTERRUPTED;
  case CLIENT_LOST: complain("no faucet answers: %s", why.text); return OUTCOME_ENVIRONMENT;
  case CLIENT_STRANGE: break;
  }
  complain("what answers is no faucet: %s", why.text);
  return OUTCOME_INPUT;
}

static enum outcome ask(const struct arguments *a) {
  uint8_t account[32];
  uint64_t seconds = 60;
  struct reach reach;
  if (!arguments_given(a, "key") && a->operands_count < 2) {
    complain("wallet ask --key FILE, or wallet ask ADDRESS");
    return OUTCOME_INPUT;
  }
  if (!arguments_number(a, "wait", 1, 3600, &seconds)) return OUTCOME_INPUT;
  enum outcome outcome = whose(a, account);
  if (outcome == OUTCOME_DONE) outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = ask_faucet(a, &reach, account, (uint32_t)seconds * 1000);
  reach_shut(&reach);
  return outcome;
}

static enum outcome run(const struct arguments *a) {
  struct order order = {0};
  const char *word = a->operand[0];
  if (strcmp(word, "balance") == 0) {
    if (a->operands_count <= 2) return balance(a);
    complain("wallet balance ADDRESS, or wallet balance --key FILE");
    return OUTCOME_INPUT;
  }
  if (strcmp(word, "ask") == 0 && a->operands_count <= 2) return ask(a);
  bool send = strcmp(word, "send") == 0;
  if (!send && strcmp(word, "stake") != 0) {
    static const char *const verbs[] = {"balance", "ask", "send", "stake"};
    return arguments_unknown("wallet", word, verbs, sizeof verbs / sizeof *verbs);
  }
  enum outcome outcome = send ? read_send(a, &order) : read_stake(a, &order);
  return outcome == OUTCOME_DONE ? spend(a, &order) : outcome;
}

const struct command command_wallet = {
    .name = "wallet",
    .usage = "balance [ADDRESS] | ask [ADDRESS] | send ADDRESS AMOUNT | stake ROLE AMOUNT [--key FILE]",
    .summary = "shows what an account has; asks for money, sends and stakes",
    .text =
        "Amounts are in ASY, exact to the grain, the 9th place. send and stake sign with the key, wait until the\n"
        "transaction is in a block, and say what became of it. Staked money answers for work as solver, verifier,\n"
        "whistleblower, storer or validator. ask has the faucet that the node names give some to the account. balance\n"
        "and ask need no password. In JSON amounts are grain, as text.\n"
        "Exit status: 0 done, 1 the chain says no (too little money, no such account), 2 bad words, key, password\n"
        "or node, 3 no node answers or no block has it yet, 130 stopped.",
    .option = {REACH_OPTION,
               {"key", 0, "FILE", "the key file, or the folder that init made"},
               UNLOCK_OPTIONS,
               {"wait", 0, "SECONDS", "for a block with the transaction (60)"},
               {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 1,
    .operands_max = 3,
    .run = run};
