#include "ledger/chain/chain.h"

#include <assert.h>

static const char *const codes[] = {
    [CHAIN_OK] = "OK",           [CHAIN_MALFORMED] = "MALFORMED", [CHAIN_SIGNATURE] = "SIGNATURE",
    [CHAIN_NONCE] = "NONCE",     [CHAIN_EXPIRED] = "EXPIRED",     [CHAIN_FUNDS] = "FUNDS",
    [CHAIN_GAS] = "GAS",         [CHAIN_FORBIDDEN] = "FORBIDDEN", [CHAIN_STATE] = "STATE",
    [CHAIN_UNKNOWN] = "UNKNOWN", [CHAIN_LIMIT] = "LIMIT",         [CHAIN_PROOF] = "PROOF",
    [CHAIN_TAPE] = "TAPE",       [CHAIN_NO_MOVE] = "NO_MOVE",
};

const char *chain_code_text(uint16_t code) { return code < sizeof codes / sizeof *codes ? codes[code] : NULL; }

/* The record: its fields in their order, each u64 but for gas_price and parameters. */
static void put(struct writer *w, const void *record) {
  const struct chain_record *n = record;
  put_u64(w, n->height);
  put_u64(w, n->tick);
  put_u64(w, n->tick_height);
  put_u64(w, n->tick_time_ms);
  put_u64(w, n->slow_until);
  put_u64(w, n->last_time_ms);
  put_u64(w, n->epoch);
  put_u64(w, n->live);
  put_u64(w, n->awaited);
  put_u32(w, n->gas_price);
  put_u32(w, n->parameters);
  put_u64(w, n->next_dispute);
  put_u64(w, n->next_receipt);
  put_u64(w, n->minted);
  put_u64(w, n->burned);
  put_u64(w, n->validators_pool);
  put_u64(w, n->subsidy_pool);
  put_u64(w, n->treasury);
  put_u64(w, n->quarantine);
}

static bool take(struct reader *r, void *record) {
  struct chain_record *n = record;
  n->height = take_u64(r);
  n->tick = take_u64(r);
  n->tick_height = take_u64(r);
  n->tick_time_ms = take_u64(r);
  n->slow_until = take_u64(r);
  n->last_time_ms = take_u64(r);
  n->epoch = take_u64(r);
  n->live = take_u64(r);
  n->awaited = take_u64(r);
  n->gas_price = take_u32(r);
  n->parameters = take_u32(r);
  n->next_dispute = take_u64(r);
  n->next_receipt = take_u64(r);
  n->minted = take_u64(r);
  n->burned = take_u64(r);
  n->validators_pool = take_u64(r);
  n->subsidy_pool = take_u64(r);
  n->treasury = take_u64(r);
  n->quarantine = take_u64(r);
  return n->tick_height <= n->height && n->gas_price && n->parameters;
}

enum { RECORD_BYTES = 17 * 8 + 2 * 4 };
const struct stored_kind chain_kind = {"chain", sizeof(struct chain_record), RECORD_BYTES, put, take};

bool chain_load(struct chain *c) {
  struct map_key key = map_key(MODULE_CHAIN, NULL, 0);
  if (!stored_get(c->map, &chain_kind, &key, &c->now)) return false;
  log_load(c->map, &c->log);
  chain_parameters(c, c->now.parameters, &c->parameters);
  return true;
}

void chain_store(struct chain *c) {
  struct map_key key = map_key(MODULE_CHAIN, NULL, 0);
  stored_put(c->map, &chain_kind, &key, &c->now);
  log_store(c->map, &c->log);
}

static struct map_key parameter_key(uint32_t version) {
  struct map_key key = map_key(MODULE_PARAMETER, NULL, 0);
  map_key_u32(&key, version);
  return key;
}

void chain_parameters(const struct chain *c, uint32_t version, struct parameters *out) {
  struct map_key key = parameter_key(version);
  struct map_value value;
  bool kept = map_get(c->map, &key, &value) && parameters_decode(value.bytes, value.length, out, NULL);
  assert(kept && out->version == version);
  (void)kept;
}

void chain_parameters_store(struct chain *c, const struct parameters *p) {
  struct map_key key = parameter_key(p->version);
  uint8_t bytes[PARAMETERS_BYTES_MAX];
  map_put(c->map, &key, bytes, parameters_encode(p, bytes));
}

static struct map_key beacon_key(uint64_t height) {
  struct map_key key = map_key(MODULE_BEACON, NULL, 0);
  map_key_u64(&key, height);
  return key;
}

bool chain_beacon(const struct chain *c, uint64_t height, uint8_t beacon[32]) {
  struct map_key key = beacon_key(height);
  struct map_value value;
  if (!map_get(c->map, &key, &value)) return false;
  assert(value.length == 32);
  memcpy(beacon, value.bytes, 32);
  return true;
}

/* LEDGER 6.2: "The last 65,536 beacons stay in state." */
void chain_beacon_store(struct chain *c, uint64_t height, const uint8_t beacon[32]) {
  struct map_key key = beacon_key(height);
  map_put(c->map, &key, beacon, 32);
  if (height < BEACONS_KEPT) return;
  key = beacon_key(height - BEACONS_KEPT);
  map_erase(c->map, &key);
}

uint64_t chain_delay(const struct chain *c) { return c->validators / 3 + 2; }
