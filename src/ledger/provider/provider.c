#include "ledger/provider/provider.h"

#include <assert.h>

#include "crypto/vrf.h"

_Static_assert((int)ROLE_VALIDATOR == PROVIDER_WORK_ROLES, "the work roles come first");

static void put(struct writer *w, const void *record) {
  const struct provider *p = record;
  put_u16(w, p->roles);
  put_u8(w, p->class);
  put_u8(w, p->available);
  put_u8(w, p->strikes);
  put_u32(w, p->mem_mib);
  put_bytes(w, p->vrf, 32);
  put_bytes(w, p->next_vrf, 32);
  put_u64(w, p->next_epoch);
  put_bytes(w, p->tls, 32);
  put_u64(w, p->ask);
  put_u8(w, p->endpoint_length);
  put_bytes(w, p->endpoint, p->endpoint_length);
}

static bool take(struct reader *r, void *record) {
  struct provider *p = record;
  p->roles = take_u16(r);
  p->class = take_u8(r);
  p->available = take_flag(r);
  p->strikes = (uint8_t)take_count(r, PROVIDER_STRIKES_MAX);
  p->mem_mib = take_u32(r);
  take_hash(r, p->vrf);
  take_hash(r, p->next_vrf);
  p->next_epoch = take_u64(r);
  take_hash(r, p->tls);
  p->ask = take_u64(r);
  p->endpoint_length = (uint8_t)take_count(r, PROVIDER_ENDPOINT_MAX);
  const uint8_t *endpoint = take_bytes(r, p->endpoint_length);
  if (endpoint) memcpy(p->endpoint, endpoint, p->endpoint_length);
  return p->roles <= PROVIDER_ROLES_ALL;
}

const struct stored_kind provider_kind = {"provider", sizeof(struct provider), PROVIDER_BYTES_MAX, put, take};

static struct map_key provider_key_of(const uint8_t account[32]) { return map_key(MODULE_PROVIDER, account, 32); }

bool provider_find(const struct chain *c, const uint8_t account[32], struct provider *out) {
  struct map_key key = provider_key_of(account);
  return stored_get(c->map, &provider_kind, &key, out);
}

static void store(struct chain *c, const uint8_t account[32], const struct provider *p) {
  struct map_key key = provider_key_of(account);
  stored_put(c->map, &provider_kind, &key, p);
}

bool provider_key(const struct chain *c, const uint8_t account[32], uint8_t vrf[32]) {
  static const uint8_t none[32];
  struct provider p;
  if (!provider_find(c, account, &p) || !memcmp(p.vrf, none, 32)) return false;
  memcpy(vrf, p.vrf, 32);
  return true;
}

void provider_registration(const uint8_t genesis[32], const uint8_t account[32],
                           uint8_t bytes[PROVIDER_REGISTRATION_BYTES]) {
  static const char tag[] = "assay/vrf/reg/1"; /* with its zero byte */
  _Static_assert(sizeof tag + 32 + 32 == PROVIDER_REGISTRATION_BYTES, "LEDGER 5.1, what is proven");
  memcpy(bytes, tag, sizeof tag);
  memcpy(bytes + sizeof tag, genesis, 32);
  memcpy(bytes + sizeof tag + 32, account, 32);
}

/* LEDGER 5.4: "Keys and stake count for draws after one whole epoch". The epoch that runs is number now.epoch + 1: the
 * next one is whole, and its end is the one waited for. */
static uint64_t counts_from(const struct chain *c) { return c->now.epoch + 2; }

static void await_epoch(struct chain *c) { c->now.awaited = counts_from(c); }

static void change_key(struct chain *c, struct provider *p, const uint8_t vrf[32]) {
  if (!memcmp(p->vrf, vrf, 32)) { /* the one in force again: nothing waits */
    p->next_epoch = 0;
    memset(p->next_vrf, 0, 32);
  } else if (!p->next_epoch || memcmp(p->next_vrf, vrf, 32) != 0) {
    memcpy(p->next_vrf, vrf, 32);
    p->next_epoch = counts_from(c);
    await_epoch(c);
  }
}

enum chain_code provider_set(struct chain *c, const uint8_t account[32], const struct body_provider *b,
                             struct why *why) {
  uint8_t input[PROVIDER_REGISTRATION_BYTES], output[VRF_OUTPUT_BYTES];
  struct sign_public key;
  struct provider p = {.roles = 0};
  if (b->class >= c->parameters.classes)
    return why_set(why, "there is no class %u; the last is %u", b->class, c->parameters.classes - 1), CHAIN_LIMIT;
  memcpy(key.bytes, b->vrf_key, 32);
  provider_registration(c->genesis, account, input);
  if (!vrf_check(&key, input, sizeof input, b->vrf_proof, output))
    return why_set(why, "the proof does not show that the account has this draw key"), CHAIN_PROOF;
  provider_find(c, account, &p);
  if (p.roles != b->roles) await_epoch(c);
  p.roles = b->roles;
  p.class = b->class;
  p.available = b->available;
  p.strikes = 0;
  p.mem_mib = b->mem_mib;
  change_key(c, &p, b->vrf_key);
  memcpy(p.tls, b->tls_hash, 32);
  p.ask = b->ask;
  p.endpoint_length = b->endpoint_length;
  memset(p.endpoint, 0, sizeof p.endpoint);
  memcpy(p.endpoint, b->endpoint, b->endpoint_length);
  store(c, account, &p);
  return CHAIN_OK;
}

enum chain_code provider_stake(struct chain *c, const uint8_t account[32], const struct body_stake *b,
                               struct why *why) {
  struct pocket from = pocket_balance(account), to = pocket_stake(account, b->role);
  if (!b->amount) return why_set(why, "a stake of nothing"), CHAIN_LIMIT;
  if (!money_flow(c, NULL, ROW_TRANSFER, &from, &to, b->amount))
    return why_set(why, "the balance is less than the stake"), CHAIN_FUNDS;
  if (b->role < PROVIDER_WORK_ROLES) await_epoch(c);
  return CHAIN_OK;
}

void provider_strike(struct chain *c, const uint8_t account[32]) {
  struct provider p;
  if (!provider_find(c, account, &p) || p.strikes == PROVIDER_STRIKES_MAX) return;
  if (++p.strikes == PROVIDER_STRIKES_MAX) p.available = false; /* LEDGER 5.3 */
  store(c, account, &p);
}
