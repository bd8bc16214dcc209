/* The state before block 1. */
#include <assert.h>

#include "crypto/address.h"
#include "ledger/genesis/genesis.h"

enum { EVERY_BIT = (1 << ACCOUNT_MASK_BITS) - 1 };

static void begin_account(struct chain *c, const struct genesis_account *g) {
  uint8_t id[32];
  struct account a = {.balance = g->balance};
  memcpy(a.stake, g->stake, sizeof a.stake);
  enum account_status status = account_set_key(&a, 0, g->key, EVERY_BIT, UINT64_MAX);
  assert(status == ACCOUNT_OK);
  (void)status;
  address_of_key(g->key, id);
  account_put(c->map, id, &a);
}

static void begin_provider(struct chain *c, const struct genesis_provider *g) {
  struct map_key key = map_key(MODULE_PROVIDER, g->account, 32);
  struct provider p = {.roles = g->roles,
                       .class = g->class,
                       .available = g->available,
                       .mem_mib = g->mem_mib,
                       .ask = g->ask,
                       .endpoint_length = g->endpoint_length};
  memcpy(p.vrf, g->vrf, 32);
  memcpy(p.tls, g->tls, 32);
  memcpy(p.endpoint, g->endpoint, g->endpoint_length);
  stored_put(c->map, &provider_kind, &key, &p);
}

/* MODULE_VALIDATOR | account 32:  consensus key 32 | draw key 32 */
static void begin_validator(struct chain *c, const struct genesis_validator *g) {
  struct map_key key = map_key(MODULE_VALIDATOR, g->account, 32);
  uint8_t value[64];
  memcpy(value, g->key, 32);
  memcpy(value + 32, g->vrf, 32);
  map_put(c->map, &key, value, sizeof value);
}

bool validator_key(const struct chain *c, const uint8_t account[32], uint8_t vrf[32]) {
  struct map_key key = map_key(MODULE_VALIDATOR, account, 32);
  struct map_value value;
  if (!map_get(c->map, &key, &value)) return false;
  assert(value.length == 64);
  memcpy(vrf, value.bytes + 32, 32);
  return true;
}

void genesis_begin(struct chain *c, const struct genesis *g, const uint8_t hash[32], const uint8_t beacon[32]) {
  memcpy(c->genesis, hash, 32);
  c->trust = g->trust;
  c->validators = g->validators;
  c->parameters = g->parameters;
  c->log = (struct log){.size = 0};
  c->gas_held = 0;
  c->now = (struct chain_record){.tick_time_ms = g->time_ms,
                                 .last_time_ms = g->time_ms,
                                 .gas_price = g->parameters.gas_floor,
                                 .parameters = g->parameters.version};
  chain_parameters_store(c, &g->parameters);
  for (uint32_t i = 0; i < g->accounts; i++) begin_account(c, &g->account[i]);
  for (uint32_t i = 0; i < g->providers; i++) begin_provider(c, &g->provider[i]);
  for (uint32_t i = 0; i < g->validators; i++) begin_validator(c, &g->validator[i]);
  memcpy(c->beacon, beacon, 32);
  chain_beacon_store(c, 0, beacon);
  pool_begin(c);
  chain_store(c);
}
