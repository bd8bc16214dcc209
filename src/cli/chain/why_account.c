#include "cli/chain/why_account.h"

#include "cli/amount.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const role_words[ROLES] = {"solver", "verifier", "whistleblower", "storer", "validator"};

enum client_status account_look(struct view *v, const uint8_t account[32], struct standing *out, struct why *why) {
  struct standing s = {.known = true, .offers = true};
  enum client_status status = view_account(v, account, &s.account, why);
  if (status == CLIENT_NONE) s.known = false, status = CLIENT_OK;
  if (status == CLIENT_OK) status = view_provider(v, account, &s.provider, why);
  if (status == CLIENT_NONE) s.offers = false, status = CLIENT_OK;
  if (status == CLIENT_OK) *out = s;
  return status;
}

/* Roles whose work is drawn by stake. */
static bool drawn(const struct standing *s, int role) { return role <= ROLE_VERIFIER && s->provider.roles >> role & 1; }

static bool has_key(const struct provider *p) {
  static const uint8_t none[32];
  return memcmp(p->vrf, none, sizeof none) != 0;
}

uint32_t account_reasons(const struct chain *c, const struct standing *s, char text[REASONS_MAX][REASON_WORDS]) {
  const struct provider *p = &s->provider;
  char has[AMOUNT_TEXT], least[AMOUNT_TEXT];
  uint32_t n = 0;
  if (!s->offers) {
    snprintf(text[n++], REASON_WORDS,
             "it offers no work: assay solve DIR, assay audit DIR or assay store DIR, run with its key, says what it "
             "offers");
    return n;
  }
  if (!p->available)
    snprintf(text[n++], REASON_WORDS, "%s",
             p->strikes == PROVIDER_STRIKES_MAX
                 ? "three strikes made it unavailable: its role begins anew when it is started again"
                 : "it has said that it is not available");
  if (!has_key(p))
    snprintf(text[n++], REASON_WORDS, "its draw key counts from the end of epoch %" PRIu64 " on; now is epoch %" PRIu64,
             p->next_epoch, c->now.epoch);
  for (int r = 0; r <= ROLE_VERIFIER; r++) {
    uint64_t stake = s->account.stake[r];
    if (!drawn(s, r)) continue;
    if (stake < c->parameters.stake_min)
      snprintf(text[n++], REASON_WORDS, "%s staked as %s, and %s is the least: assay wallet stake %s AMOUNT --key DIR",
               amount_write(stake, has), role_words[r], amount_write(c->parameters.stake_min, least), role_words[r]);
    else if (s->account.locked[r] == stake)
      snprintf(text[n++], REASON_WORDS, "all of its stake as %s, %s, answers for tasks that it has", role_words[r],
               amount_write(stake, has));
  }
  if (!s->account.balance)
    snprintf(text[n++], REASON_WORDS,
             "its balance is 0, and every transaction pays gas: assay wallet ask, or somebody "
             "sends it some");
  assert(n <= REASONS_MAX);
  return n;
}

static void print_offer(const struct provider *p) {
  printf("offers      ");
  const char *comma = "";
  for (int r = 0; r < ROLES; r++)
    if (p->roles >> r & 1) printf("%s%s", comma, role_words[r]), comma = ", ";
  printf("%s; class %u, %" PRIu32 " MiB, %savailable, %u strike%s of %u\n", *comma ? "" : "nothing", p->class,
         p->mem_mib, p->available ? "" : "not ", p->strikes, p->strikes == 1 ? "" : "s", PROVIDER_STRIKES_MAX);
}

void account_print(const struct chain *c, const struct standing *s) {
  char one[AMOUNT_TEXT], two[AMOUNT_TEXT], reason[REASONS_MAX][REASON_WORDS];
  uint32_t n = account_reasons(c, s, reason);
  printf("balance     %s\n", amount_write(s->account.balance, one));
  for (int r = 0; r < ROLES; r++)
    if (s->account.stake[r])
      printf("stake       %s as %s, %s of it locked\n", amount_write(s->account.stake[r], one), role_words[r],
             amount_write(s->account.locked[r], two));
  if (s->offers) print_offer(&s->provider);
  for (uint32_t i = 0; i < n; i++) printf("%s  %s\n", i ? "          " : "no work?  ", reason[i]);
  if (!n) printf("no work?    nothing keeps it away: draws are by stake, and only while there are tasks\n");
}

json_t *account_json(const struct chain *c, const struct standing *s) {
  char reason[REASONS_MAX][REASON_WORDS];
  uint32_t n = account_reasons(c, s, reason);
  json_t *stakes = json_object(), *reasons = json_array(), *offers = json_null();
  for (int r = 0; r < ROLES; r++) json_object_set_new(stakes, role_words[r], reach_grain(s->account.stake[r]));
  for (uint32_t i = 0; i < n; i++) json_array_append_new(reasons, json_string(reason[i]));
  if (s->offers) {
    const struct provider *p = &s->provider;
    json_t *roles = json_array();
    for (int r = 0; r < ROLES; r++)
      if (p->roles >> r & 1) json_array_append_new(roles, json_string(role_words[r]));
    offers = json_pack("{s:o, s:i, s:I, s:b, s:i}", "roles", roles, "class", (int)p->class, "memory_mib",
                       (json_int_t)p->mem_mib, "available", (int)p->available, "strikes", (int)p->strikes);
  }
  json_t *o = json_pack("{s:o, s:o, s:o, s:o}", "balance", reach_grain(s->account.balance), "stakes", stakes, "offers",
                        offers, "reasons", reasons);
  assert(o && "memory for an answer");
  return o;
}
