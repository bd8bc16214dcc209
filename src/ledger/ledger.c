#include "ledger/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "crypto/sha256.h"
#include "ledger/beacon/beacon.h"
#include "ledger/genesis/genesis.h"
#include "ledger/hint.h"
#include "ledger/job/job.h"
#include "ledger/provider/provider.h"
#include "ledger/state.h"

enum { JUMP_MS = 60000, SLOW_BLOCKS = 300, TICK_BLOCKS_MAX = 8 };

/* What the map's journal does not hold, as of now. */
static void remember(struct ledger *l) {
  l->now = l->chain.now;
  l->log = l->chain.log;
  l->parameters = l->chain.parameters;
  memcpy(l->beacon, l->chain.beacon, 32);
  memcpy(l->kept_hash, l->app_hash, 32);
}

static void go_back(struct ledger *l) {
  map_undo(l->chain.map, MAP_BLOCK);
  l->chain.now = l->now;
  l->chain.log = l->log;
  l->chain.parameters = l->parameters;
  l->chain.gas_held = 0;
  memcpy(l->chain.beacon, l->beacon, 32);
  memcpy(l->app_hash, l->kept_hash, 32);
}

static void take_app_hash(struct ledger *l) {
  uint8_t state[MAP_ROOT_BYTES], log[LOG_HASH_BYTES];
  map_root(l->chain.map, state);
  log_root(&l->chain.log, log);
  log_app_hash(state, log, l->chain.log.size, l->app_hash);
}

static uint64_t supply_of(const struct genesis *g) {
  uint64_t sum = 0; /* below 2^60: genesis_decode */
  for (uint32_t i = 0; i < g->accounts; i++) {
    sum += g->account[i].balance;
    for (uint32_t r = 0; r < ROLES; r++) sum += g->account[i].stake[r];
  }
  return sum;
}

static bool load_state(struct ledger *l, ledger_record *load, void *context, struct why *why) {
  struct map_key key;
  struct map_value value;
  while (load(context, &key, &value)) map_put(l->chain.map, &key, value.bytes, value.length);
  if (!chain_load(&l->chain)) return why_set(why, "the stored state has no chain in it"), false;
  if (!chain_beacon(&l->chain, l->chain.now.height, l->chain.beacon))
    return why_set(why, "the stored state lacks the beacon of its height"), false;
  return true;
}

static bool begin_state(struct ledger *l, const uint8_t *genesis, size_t length, ledger_record *load, void *context,
                        struct why *why) {
  struct genesis g;
  struct chain *c = &l->chain;
  uint8_t first[32];
  if (!genesis_decode(genesis, length, &l->memory, &g, why)) return false;
  genesis_hash(genesis, length, c->genesis);
  c->trust = g.trust;
  c->validators = g.validators;
  l->supply = supply_of(&g);
  if (load) {
    if (!load_state(l, load, context, why)) return false;
    map_commit(c->map);
    l->stage = STAGE_COMMITTED;
  } else {
    beacon_first(c->genesis, first);
    genesis_begin(c, &g, c->genesis, first);
    l->stage = STAGE_FRESH;
  }
  arena_reset(&l->memory, 0);
  take_app_hash(l);
  remember(l);
  return true;
}

bool ledger_open(struct ledger **out, const uint8_t *genesis, size_t length, ledger_record *load, void *context,
                 const struct chain_sink *sink, struct why *why) {
  struct ledger *l = calloc(1, sizeof *l);
  assert(l);
  if (!arena_open(&l->memory, JOB_TAPE_MEMORY_BYTES)) {
    free(l);
    return why_set(why, "no memory for a ledger"), false;
  }
  l->chain.map = map_open();
  l->chain.out = outbox_open();
  l->checked = map_open();
  l->hints = hints_open();
  l->sign_bytes = malloc(SIGN_BYTES_MAX);
  assert(l->sign_bytes);
  if (sink) l->sink = *sink;
  if (!begin_state(l, genesis, length, load, context, why)) {
    ledger_shut(l);
    return false;
  }
  *out = l;
  return true;
}

void ledger_shut(struct ledger *l) {
  if (!l) return;
  map_shut(l->chain.map);
  outbox_shut(l->chain.out);
  map_shut(l->checked);
  hints_shut(l->hints);
  arena_shut(&l->memory);
  free(l->sign_bytes);
  free(l);
}

/* LEDGER 1.2: fuller than 3/4 of a limit. */
static bool full(uint64_t bytes, uint64_t gas) {
  return bytes > BLOCK_BYTES_MAX / 4 * 3 || gas > BLOCK_GAS_MAX / 4 * 3;
}

/* LEDGER 1.1, 1.2. */
static void tick(struct chain *c, const struct ledger_block *b) {
  struct chain_record *n = &c->now;
  if (b->time_ms - n->last_time_ms > JUMP_MS && timer_live(c)) n->slow_until = b->height + SLOW_BLOCKS;
  n->height = b->height;
  n->last_time_ms = b->time_ms;
  bool slow = full(b->bytes, b->gas) || b->height <= n->slow_until;
  if (slow && b->height - n->tick_height < TICK_BLOCKS_MAX) return;
  if (b->time_ms - n->tick_time_ms < c->parameters.tick_ms) return;
  n->tick++;
  n->tick_height = b->height;
  n->tick_time_ms = b->time_ms;
}

static bool fits(const struct chain *c, const struct ledger_block *b, struct why *why) {
  uint64_t first_ms = c->now.last_time_ms, least_ms = c->now.height ? first_ms + 1 : first_ms;
  if (b->height != c->now.height + 1)
    return why_set(why, "height %" PRIu64 " after %" PRIu64, b->height, c->now.height), false;
  if (b->time_ms < least_ms)
    return why_set(why, "its time, %" PRIu64 " ms, is not after the last block's", b->time_ms), false;
  if (b->bytes > BLOCK_BYTES_MAX || b->gas > BLOCK_GAS_MAX)
    return why_set(why, "%" PRIu64 " bytes and %" PRIu64 " gas are more than a block has", b->bytes, b->gas), false;
  return true;
}

bool ledger_begin(struct ledger *l, const struct ledger_block *b, struct why *why) {
  struct chain *c = &l->chain;
  struct timer timer;
  uint8_t beacon[32];
  assert(l->stage != STAGE_FRESH); /* block 0 is written and committed first */
  if (l->stage != STAGE_COMMITTED) go_back(l);
  l->stage = STAGE_COMMITTED;
  outbox_undo(c->out, 0);
  if (!fits(c, b, why) || !beacon_check(c, b->height, b->proposer, b->beacon, b->beacon_length, beacon, why))
    return false;
  l->stage = STAGE_RUNS;
  l->bytes = b->bytes;
  l->gas = b->gas;
  l->transactions = l->timers = 0;
  memcpy(c->beacon, beacon, 32);
  chain_beacon_store(c, b->height, beacon);
  tick(c, b);
  /* LEDGER 1.4: "together at most 1,000, in order". */
  while (l->timers < TIMERS_MAX && timer_due(c, &timer)) {
    l->timers++;
    apply_timer(l, &timer);
  }
  return true;
}

/* LEDGER 3.6. */
static uint32_t next_price(const struct ledger *l) {
  uint32_t p = l->chain.now.gas_price, floor = l->chain.parameters.gas_floor;
  if (full(l->bytes, l->gas))
    p += p / 8 > 1 ? p / 8 : 1;
  else if (l->bytes < BLOCK_BYTES_MAX / 4 && l->gas < BLOCK_GAS_MAX / 4)
    p -= p / 9;
  if (p < floor) return floor;
  return p > GAS_PRICE_MAX ? GAS_PRICE_MAX : p;
}

/* LEDGER 1.6. A tick at a time: no epoch is stepped over. */
static void end_epoch(struct ledger *l) {
  struct chain *c = &l->chain;
  uint64_t ended = c->now.tick / c->parameters.epoch;
  if (ended <= c->now.epoch) return;
  c->now.epoch = ended;
  pool_turn(c);
  assert(money_sum(c) == l->supply + c->now.minted); /* LEDGER 2.4 */
}

void ledger_end(struct ledger *l, uint8_t app_hash[32]) {
  assert(l->stage == STAGE_RUNS);
  end_epoch(l);
  l->chain.now.gas_price = next_price(l);
  chain_store(&l->chain);
  take_app_hash(l);
  l->stage = STAGE_ENDED;
  outbox_tell(l->chain.out, &l->sink);
  memcpy(app_hash, l->app_hash, 32);
}

bool ledger_changes(const struct ledger *l, map_show *show, void *context) {
  return map_changes(l->chain.map, show, context);
}

void ledger_commit(struct ledger *l) {
  assert(l->stage == STAGE_ENDED || l->stage == STAGE_FRESH);
  map_commit(l->chain.map);
  outbox_undo(l->chain.out, 0);
  remember(l);
  l->stage = STAGE_COMMITTED;
}

const struct chain *ledger_chain(const struct ledger *l) { return &l->chain; }
void ledger_app_hash(const struct ledger *l, uint8_t hash[32]) { memcpy(hash, l->app_hash, 32); }
bool ledger_wants_block(const struct ledger *l) { return timer_live(&l->chain); }
bool ledger_wants_another(const struct ledger *l) { return l->transactions > 0 || l->timers > 0; }

size_t ledger_beacon_input(const struct ledger *l, uint8_t *bytes, size_t bytes_max) {
  if (bytes_max < BEACON_INPUT_BYTES) return 0;
  beacon_input(l->chain.genesis, l->chain.now.height + 1, l->chain.beacon, bytes);
  return BEACON_INPUT_BYTES;
}
