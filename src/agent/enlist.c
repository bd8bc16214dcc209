#include "agent/enlist.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/address.h"
#include "crypto/vrf.h"

static const char set_words[] = "enlist/set", stake_words[] = "enlist/stake";

void enlist_begin(struct enlist *e, struct agent *a, const struct enlist_options *options) {
  *e = (struct enlist){.a = a, .options = *options};
}

static void tell(struct enlist *e, const char *kind, const char *text) {
  if (strcmp(text, e->told) == 0) return;
  snprintf(e->told, sizeof e->told, "%s", text);
  agent_say(e->a, kind, NULL, "%s", text);
}

static uint16_t set_of(uint8_t role) { return (uint16_t)(1 << role); }

static struct sign_public draw_key(const struct enlist *e) { return sign_secret_public(agent_options(e->a)->vrf_key); }

/* The record says what this machine offers; a draw key that waits for its epoch is on its way. */
static bool same(const struct enlist *e, const struct provider *p) {
  const struct enlist_options *o = &e->options;
  struct sign_public key = draw_key(e);
  bool keyed = p->next_epoch ? !memcmp(p->next_vrf, key.bytes, 32) : !memcmp(p->vrf, key.bytes, 32);
  return keyed && p->available && p->roles == set_of(o->role) && p->class == o->class && p->mem_mib == o->mem_mib &&
         p->ask == o->ask && p->endpoint_length == strlen(o->endpoint) &&
         memcmp(p->endpoint, o->endpoint, p->endpoint_length) == 0;
}

/* What was sent is decided: true if it did what it asks. A node shows the state of a block before it finds what is in
 * it, so what is decided is in the state too. */
static bool decided(struct enlist *e, const struct agent_sent *sent, const char *words, const char *what) {
  char text[128];
  if (sent->where == SENT_WAITS) return false;
  agent_forget(e->a, words, NULL);
  if (sent->where == SENT_DONE && sent->code == CHAIN_OK) {
    e->waits = true;
    return true;
  }
  snprintf(text, sizeof text, "the chain did not take the %s: %s", what, chain_code_text((uint16_t)sent->code));
  tell(e, "trouble", text);
  e->refused = true;
  return false;
}

static enum agent_status set(struct enlist *e, const struct provider *p, bool found, struct why *why) {
  static const uint8_t tls[32] = {0};
  const struct enlist_options *o = &e->options;
  const struct chain *c = view_chain(agent_view(e->a));
  uint8_t input[PROVIDER_REGISTRATION_BYTES], proof[VRF_BYTES], body[512];
  struct sign_public key = draw_key(e);
  struct agent_sent sent = agent_sent(e->a, set_words);
  if (sent.where == SENT_WAITS) return AGENT_OK;
  if (sent.where) { /* of an earlier life, or just done */
    if (!decided(e, &sent, set_words, "provider record")) return AGENT_OK;
    e->known = true;
  }
  if (found && same(e, p)) return AGENT_OK;
  if (found && p->strikes >= PROVIDER_STRIKES_MAX)
    agent_say(e->a, "strikes", NULL, "three strikes made this provider unavailable; it begins anew");
  provider_registration(c->genesis, agent_account(e->a), input);
  vrf_prove(agent_options(e->a)->vrf_key, input, sizeof input, proof);
  struct body_provider b = {.roles = set_of(o->role),
                            .class = o->class,
                            .available = 1,
                            .mem_mib = o->mem_mib,
                            .vrf_key = key.bytes,
                            .vrf_proof = proof,
                            .tls_hash = tls,
                            .endpoint = (const uint8_t *)o->endpoint,
                            .endpoint_length = (uint8_t)strlen(o->endpoint),
                            .ask = o->ask};
  size_t length = body_provider_put(&b, body, sizeof body);
  enum agent_status status = agent_send(e->a, TRANSACTION_PROVIDER_SET, body, length, set_words, &sent, why);
  if (status == AGENT_OK) tell(e, "sent", found ? "a new provider record" : "the provider record");
  return status;
}

static void short_of(struct enlist *e, const struct account *account, uint64_t wanted) {
  static const char *const words[] = {"solver", "verifier", "whistleblower", "storer"};
  char text[WHY_MAX], address[ADDRESS_TEXT_LENGTH + 1];
  uint64_t has = account->stake[e->options.role];
  address_write(agent_account(e->a), address);
  snprintf(text, sizeof text,
           "%s has %" PRIu64 " grain of stake as %s and a balance of %" PRIu64 "; %" PRIu64
           " of stake are wanted. --stake ASY stakes out of the balance; assay wallet ask --key DIR fills it where the "
           "node names a faucet",
           address, has, words[e->options.role], account->balance, wanted);
  tell(e, "short", text);
}

/* LEDGER 5.3: less than stake_min counts for nothing. */
static enum agent_status stake(struct enlist *e, const struct account *account, struct why *why) {
  const struct chain *c = view_chain(agent_view(e->a));
  uint64_t has = account->stake[e->options.role], wanted = e->options.stake;
  uint8_t body[64];
  struct agent_sent sent = agent_sent(e->a, stake_words);
  if (sent.where == SENT_WAITS) return AGENT_OK;
  if (sent.where && !decided(e, &sent, stake_words, "stake")) return AGENT_OK;
  if (has >= wanted && has >= c->parameters.stake_min) {
    e->staked = true;
    return AGENT_OK;
  }
  struct body_stake b = {.role = e->options.role, .amount = wanted > has ? wanted - has : 0};
  size_t length = body_stake_put(&b, body, sizeof body);
  uint64_t gas = (uint64_t)agent_gas(TRANSACTION_STAKE, body, length) * c->now.gas_price;
  if (wanted < c->parameters.stake_min || account->balance < b.amount || account->balance - b.amount < gas) {
    short_of(e, account, wanted > c->parameters.stake_min ? wanted : c->parameters.stake_min);
    return AGENT_OK;
  }
  enum agent_status status = agent_send(e->a, TRANSACTION_STAKE, body, length, stake_words, &sent, why);
  if (status == AGENT_OK) agent_say(e->a, "sent", NULL, "%" PRIu64 " grain of stake", b.amount);
  return status;
}

enum agent_status enlist_turn(struct enlist *e, struct why *why) {
  struct view *v = agent_view(e->a);
  struct account account = {0};
  struct provider provider;
  if (e->over || e->refused) return AGENT_OK;
  enum client_status status = view_account(v, agent_account(e->a), &account, why);
  if (status == CLIENT_NONE) {
    short_of(e, &account, e->options.stake);
    return AGENT_OK;
  }
  bool read = status == CLIENT_OK;
  if (read) status = view_provider(v, agent_account(e->a), &provider, why);
  if (!read || (status != CLIENT_OK && status != CLIENT_NONE))
    return status == CLIENT_STOPPED ? AGENT_STOPPED : AGENT_LOST;
  bool found = status == CLIENT_OK;
  e->known = found;
  if (!found || !same(e, &provider) || agent_sent(e->a, set_words).where) return set(e, &provider, found, why);
  /* A storer is paid nothing yet and answers for nothing: its stake is its own affair. */
  if (!e->staked && (e->options.role != ROLE_STORER || e->options.stake)) return stake(e, &account, why);
  const struct chain_record *now = &view_chain(v)->now;
  uint64_t epoch = now->epoch, from = provider.next_epoch;
  /* Not an epoch that we count: who looks late would wait for one that nobody awaits, and that does not end. */
  if (e->waits && now->awaited > from) from = now->awaited;
  if (from > epoch || provider.next_epoch) {
    char text[128];
    snprintf(text, sizeof text, "key and stake count for draws once epoch %" PRIu64 " is over; %" PRIu64 " are", from,
             epoch);
    tell(e, "waits", text);
    return AGENT_OK;
  }
  e->waits = false;
  e->over = true;
  agent_say(e->a, "enlisted", NULL,
            "the chain knows this provider: class %u, %" PRIu32 " MiB, %" PRIu64 " grain staked", e->options.class,
            e->options.mem_mib, account.stake[e->options.role]);
  return AGENT_OK;
}
