#include "ledger/genesis/genesis.h"

#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "crypto/address.h"
#include "crypto/draw.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"

static const char tag[] = "assay/genesis/1"; /* with its zero byte */
enum {
  ACCOUNT_ROW_BYTES = 32 + 8 + 8 * ROLES,
  PROVIDER_ROW_BYTES = 32 + 2 + 1 + 4 + 32 + 32 + 8 + 1 + 1, /* and its endpoint */
  VALIDATOR_ROW_BYTES = 32 + 32 + 32
};

static void put_account(struct writer *w, const struct genesis_account *a) {
  put_bytes(w, a->key, 32);
  put_u64(w, a->balance);
  for (uint32_t r = 0; r < ROLES; r++) put_u64(w, a->stake[r]);
}

static void put_provider(struct writer *w, const struct genesis_provider *p) {
  put_bytes(w, p->account, 32);
  put_u16(w, p->roles);
  put_u8(w, p->class);
  put_u32(w, p->mem_mib);
  put_bytes(w, p->vrf, 32);
  put_bytes(w, p->tls, 32);
  put_u64(w, p->ask);
  put_u8(w, p->available);
  put_u8(w, p->endpoint_length);
  put_bytes(w, p->endpoint, p->endpoint_length);
}

static void put_validator(struct writer *w, const struct genesis_validator *v) {
  put_bytes(w, v->account, 32);
  put_bytes(w, v->key, 32);
  put_bytes(w, v->vrf, 32);
}

static void take_into(struct reader *r, uint8_t *bytes, size_t length) {
  const uint8_t *at = take_bytes(r, length);
  if (at) memcpy(bytes, at, length);
}

static void take_account(struct reader *r, struct genesis_account *a) {
  take_into(r, a->key, 32);
  a->balance = take_u64(r);
  for (uint32_t i = 0; i < ROLES; i++) a->stake[i] = take_u64(r);
}

static bool take_provider(struct reader *r, struct genesis_provider *p) {
  take_into(r, p->account, 32);
  p->roles = take_u16(r);
  p->class = take_u8(r);
  p->mem_mib = take_u32(r);
  take_into(r, p->vrf, 32);
  take_into(r, p->tls, 32);
  p->ask = take_u64(r);
  p->available = take_flag(r);
  p->endpoint_length = (uint8_t)take_count(r, PROVIDER_ENDPOINT_MAX);
  take_into(r, p->endpoint, p->endpoint_length);
  for (uint32_t i = 0; i < p->endpoint_length; i++)
    if (p->endpoint[i] < 0x21 || p->endpoint[i] > 0x7e) return false;
  return !r->short_of;
}

static void take_validator(struct reader *r, struct genesis_validator *v) {
  take_into(r, v->account, 32);
  take_into(r, v->key, 32);
  take_into(r, v->vrf, 32);
}

/* Lists are taken one row at a time; a count is believed as far as bytes are there for it. */
static bool room_for(const struct reader *r, uint64_t count, size_t row_bytes) {
  return !r->short_of && count <= bytes_left(r) / row_bytes;
}

static bool take_lists(struct reader *r, struct arena *arena, struct genesis *g, struct why *why) {
  g->accounts = take_u32(r);
  if (!room_for(r, g->accounts, ACCOUNT_ROW_BYTES)) return why_set(why, "fewer bytes than accounts"), false;
  g->account = arena_take(arena, g->accounts, sizeof *g->account);
  if (!g->account) return why_set(why, "no memory for %u accounts", g->accounts), false;
  for (uint32_t i = 0; i < g->accounts; i++) take_account(r, &g->account[i]);
  g->providers = take_u32(r);
  if (!room_for(r, g->providers, PROVIDER_ROW_BYTES)) return why_set(why, "fewer bytes than providers"), false;
  g->provider = arena_take(arena, g->providers, sizeof *g->provider);
  if (!g->provider) return why_set(why, "no memory for %u providers", g->providers), false;
  for (uint32_t i = 0; i < g->providers; i++)
    if (!take_provider(r, &g->provider[i])) return why_set(why, "provider %u is none", i), false;
  g->validators = take_u16(r);
  if (!room_for(r, g->validators, VALIDATOR_ROW_BYTES)) return why_set(why, "fewer bytes than validators"), false;
  g->validator = arena_take(arena, g->validators, sizeof *g->validator);
  if (!g->validator) return why_set(why, "no memory for %u validators", g->validators), false;
  for (uint32_t i = 0; i < g->validators; i++) take_validator(r, &g->validator[i]);
  return true;
}

static bool take_name(struct reader *r, struct genesis *g, struct why *why) {
  uint32_t length = take_count(r, GENESIS_ID_MAX);
  const uint8_t *name = take_bytes(r, length);
  if (!name || !length) return why_set(why, "a chain id has 1 to %u letters", GENESIS_ID_MAX), false;
  for (uint32_t i = 0; i < length; i++) {
    uint8_t x = name[i];
    if (!((x >= 'a' && x <= 'z') || (x >= '0' && x <= '9') || x == '-'))
      return why_set(why, "a chain id has letters a to z, digits and hyphens only"), false;
  }
  memcpy(g->chain_id, name, length);
  return true;
}

static bool take_head(struct reader *r, struct genesis *g, struct why *why) {
  const uint8_t *head = take_bytes(r, sizeof tag);
  if (!head || memcmp(head, tag, sizeof tag) != 0) return why_set(why, "these bytes are no genesis"), false;
  if (!take_name(r, g, why)) return false;
  g->time_ms = take_u64(r);
  g->trust = take_u8(r);
  if (g->trust > 1) return why_set(why, "trust is 0, of an operator, or 1, of validators"), false;
  uint16_t length = take_u16(r);
  const uint8_t *parameters = take_bytes(r, length);
  if (!parameters) return why_set(why, "fewer bytes than a genesis has"), false;
  return parameters_decode(parameters, length, &g->parameters, why);
}

/* The account ids, in the order of the list, which has to be theirs. Found again by halving. */
static const uint8_t *find_account(const uint8_t (*id)[32], uint32_t count, const uint8_t account[32]) {
  uint32_t low = 0, high = count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = memcmp(account, id[middle], 32);
    if (order == 0) return id[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

static bool accounts_check(const struct genesis *g, uint8_t (*id)[32], struct why *why) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < g->accounts; i++) {
    const struct genesis_account *a = &g->account[i];
    bool fits = checked_add_u64(sum, a->balance, &sum);
    for (uint32_t r = 0; fits && r < ROLES; r++) fits = checked_add_u64(sum, a->stake[r], &sum);
    if (!fits || sum >> DRAW_WEIGHT_BITS) return why_set(why, "all money together is 2^60 grain or more"), false;
    address_of_key(a->key, id[i]);
    if (i && memcmp(id[i - 1], id[i], 32) >= 0)
      return why_set(why, "account %u does not come after the one before", i), false;
  }
  return true;
}

static bool draw_key(const uint8_t bytes[32]) {
  struct sign_public key;
  memcpy(key.bytes, bytes, 32);
  return vrf_key(&key);
}

static bool providers_check(const struct genesis *g, const uint8_t (*id)[32], struct why *why) {
  for (uint32_t i = 0; i < g->providers; i++) {
    const struct genesis_provider *p = &g->provider[i];
    if (i && memcmp(g->provider[i - 1].account, p->account, 32) >= 0)
      return why_set(why, "provider %u does not come after the one before", i), false;
    if (!find_account(id, g->accounts, p->account)) return why_set(why, "provider %u has no account", i), false;
    if (p->roles > PROVIDER_ROLES_ALL || p->class >= g->parameters.classes)
      return why_set(why, "provider %u has a role or class that there is not", i), false;
    if (!draw_key(p->vrf)) return why_set(why, "the draw key of provider %u is none", i), false;
  }
  return true;
}

static bool validators_check(const struct genesis *g, const uint8_t (*id)[32], struct why *why) {
  if (!g->validators || g->validators > GENESIS_VALIDATORS_MAX)
    return why_set(why, "a chain has 1 to %u validators", GENESIS_VALIDATORS_MAX), false;
  /* I13 of LEDGER 12.2: a full rotation of proposers fits in the turn of a dispute. */
  if (g->parameters.turn <= g->validators)
    return why_set(why, "a turn of %u ticks for %u validators", g->parameters.turn, g->validators), false;
  for (uint32_t i = 0; i < g->validators; i++) {
    const struct genesis_validator *v = &g->validator[i];
    if (i && memcmp(g->validator[i - 1].account, v->account, 32) >= 0)
      return why_set(why, "validator %u does not come after the one before", i), false;
    if (!find_account(id, g->accounts, v->account)) return why_set(why, "validator %u has no account", i), false;
    if (!draw_key(v->vrf)) return why_set(why, "the draw key of validator %u is none", i), false;
  }
  return true;
}

bool genesis_decode(const uint8_t *bytes, size_t length, struct arena *arena, struct genesis *out, struct why *why) {
  struct reader r = reader_over(bytes, length);
  struct genesis g;
  memset(&g, 0, sizeof g);
  if (length > GENESIS_BYTES_MAX) return why_set(why, "a genesis of %zu bytes", length), false;
  if (!take_head(&r, &g, why) || !take_lists(&r, arena, &g, why)) return false;
  if (!bytes_done(&r)) return why_set(why, "the genesis does not end where its fields end"), false;
  uint8_t(*id)[32] = arena_take(arena, g.accounts, 32);
  if (!id) return why_set(why, "no memory for %u account ids", g.accounts), false;
  const uint8_t(*known)[32] = (const uint8_t(*)[32])id;
  if (!accounts_check(&g, id, why) || !providers_check(&g, known, why) || !validators_check(&g, known, why))
    return false;
  *out = g;
  return true;
}

size_t genesis_encode(const struct genesis *g, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  uint8_t parameters[PARAMETERS_BYTES_MAX];
  size_t length = parameters_encode(&g->parameters, parameters);
  put_bytes(&w, tag, sizeof tag);
  put_u8(&w, (uint8_t)strlen(g->chain_id));
  put_bytes(&w, g->chain_id, strlen(g->chain_id));
  put_u64(&w, g->time_ms);
  put_u8(&w, g->trust);
  put_u16(&w, (uint16_t)length);
  put_bytes(&w, parameters, length);
  put_u32(&w, g->accounts);
  for (uint32_t i = 0; i < g->accounts; i++) put_account(&w, &g->account[i]);
  put_u32(&w, g->providers);
  for (uint32_t i = 0; i < g->providers; i++) put_provider(&w, &g->provider[i]);
  put_u16(&w, (uint16_t)g->validators);
  for (uint32_t i = 0; i < g->validators; i++) put_validator(&w, &g->validator[i]);
  return w.full ? 0 : bytes_written(&w);
}

static int by_id(const void *a, const void *b) {
  uint8_t left[32], right[32];
  address_of_key(((const struct genesis_account *)a)->key, left);
  address_of_key(((const struct genesis_account *)b)->key, right);
  return memcmp(left, right, 32);
}
static int by_provider(const void *a, const void *b) {
  return memcmp(((const struct genesis_provider *)a)->account, ((const struct genesis_provider *)b)->account, 32);
}
static int by_validator(const void *a, const void *b) {
  return memcmp(((const struct genesis_validator *)a)->account, ((const struct genesis_validator *)b)->account, 32);
}

void genesis_sort(struct genesis *g) {
  if (g->accounts) qsort(g->account, g->accounts, sizeof *g->account, by_id);
  if (g->providers) qsort(g->provider, g->providers, sizeof *g->provider, by_provider);
  if (g->validators) qsort(g->validator, g->validators, sizeof *g->validator, by_validator);
}

void genesis_hash(const uint8_t *bytes, size_t length, uint8_t hash[32]) { sha256(bytes, length, hash); }
