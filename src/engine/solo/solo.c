#include "engine/solo/solo.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "engine/solo/state.h"
#include "ledger/genesis/genesis.h"
#include "ledger/receipt/receipt.h"

/* ENGINE 7.6: what certificates are made of is found by its task. */
const char *solo_receipt_name(uint8_t kind) {
  return kind == RECEIPT_POSTED ? "receipt.posted" : kind == RECEIPT_SETTLED ? "receipt.settled" : NULL;
}

static void take_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  struct solo *s = context;
  struct receipt r;
  char id[2 * TASK_ID_BYTES + 1];
  kv_batch_receipt(s->batch, number, bytes, length, payments, payments_length);
  uint32_t place = s->receipts++;
  const char *name = receipt_decode(bytes, length, &r) ? solo_receipt_name(r.kind) : NULL;
  if (!name) return;
  hex_encode(r.task, TASK_ID_BYTES, id);
  kv_batch_event(s->batch, name, id, place);
}
static void take_content(void *context, const uint8_t hash[32], const uint8_t *bytes, size_t length) {
  struct solo *s = context;
  kv_batch_content(s->batch, hash, bytes, length);
}
static void take_event(void *context, const char *kind, const uint8_t *task, const char *text) {
  struct solo *s = context;
  char id[2 * TASK_ID_BYTES + 1];
  effects_add_event(&s->effects, kind, task, text);
  if (!task) return;
  hex_encode(task, TASK_ID_BYTES, id);
  kv_batch_event(s->batch, "task.id", id, KV_BLOCK_ITSELF);
}

/* The one validator, whose keys we hold. Under solo the consensus key may be left open in genesis: zeros. */
static bool find_validator(struct solo *s, const struct genesis *g, struct why *why) {
  static const uint8_t open[32];
  struct sign_public vrf = sign_secret_public(s->vrf), consensus = sign_secret_public(s->consensus);
  if (g->validators != 1)
    return why_set(why, "genesis has %u validators; solo is a chain of one", g->validators), false;
  const struct genesis_validator *v = &g->validator[0];
  if (memcmp(v->vrf, vrf.bytes, 32) != 0) return why_set(why, "the draw key is not that of genesis's validator"), false;
  if (memcmp(v->key, open, 32) != 0 && memcmp(v->key, consensus.bytes, 32) != 0)
    return why_set(why, "the consensus key is not that of genesis's validator"), false;
  memcpy(s->account, v->account, 32);
  s->chain.validator = (struct comet_validator){.key = consensus, .power = SOLO_POWER};
  comet_address(&consensus, s->chain.address);
  return true;
}

static bool take_genesis(struct solo *s, const struct solo_options *o, struct why *why) {
  struct arena arena;
  struct genesis g;
  if (!arena_open(&arena, 64 << 20)) return why_set(why, "no memory to read a genesis"), false;
  bool good = genesis_decode(o->genesis, o->genesis_length, &arena, &g, why) && find_validator(s, &g, why);
  if (good) {
    memcpy(s->chain.chain_id, g.chain_id, strlen(g.chain_id) + 1);
    s->chain.genesis_ms = g.time_ms;
    genesis_hash(o->genesis, o->genesis_length, s->chain.genesis_hash);
    good = comet_validators_hash(&s->chain.validator, 1, s->validators_hash);
    comet_params_hash(SOLO_BLOCK_BYTES_MAX, BLOCK_GAS_MAX, s->params_hash);
    comet_results_hash(NULL, 0, s->results_hash);
  }
  arena_shut(&arena);
  return good;
}

void solo_state(const struct solo *s, const uint8_t app_hash[32], struct effects_state *out) {
  const struct chain *c = ledger_chain(s->ledger);
  memcpy(out->app_hash, app_hash, 32);
  map_root(c->map, out->state_root);
  out->log_size = c->log.size;
}

/* What genesis made is block 0 of the store: records, and a block of no bytes. */
static enum solo_status begin(struct solo *s, const struct solo_options *o, const struct chain_sink *sink,
                              struct why *why) {
  if (!ledger_open(&s->ledger, o->genesis, o->genesis_length, NULL, NULL, sink, why)) return SOLO_ERR_INPUT;
  ledger_app_hash(s->ledger, s->chain.app_hash);
  memcpy(s->head.app_hash, s->chain.app_hash, 32);
  effects_clear(&s->effects);
  struct effects_state after;
  solo_state(s, s->head.app_hash, &after);
  struct comet_span effects = effects_end(&s->effects, false, &after);
  bool shown = ledger_changes(s->ledger, kv_batch_record, s->batch);
  assert(shown);
  (void)shown;
  kv_batch_block(s->batch, &(struct kv_block){.results = {.bytes = effects.bytes, .length = effects.length}});
  if (kv_commit(s->kv, s->batch, s->head.app_hash, why) != STORE_OK) return SOLO_ERR_STORE;
  ledger_commit(s->ledger);
  kv_batch_clear(s->batch);
  return SOLO_OK;
}

/* The last block's header, commit and results, as the next block carries them. */
static bool take_block(struct solo *s, const struct kv_block *stored, struct why *why) {
  struct comet_block b;
  struct comet_commit c;
  struct effects_reader r;
  struct effects_result e;
  struct comet_signature last;
  const struct comet_space space = {
      .transactions = s->span, .transactions_max = MEMPOOL_COUNT_MAX + 1, .signatures = &last, .signatures_max = 1};
  if (!comet_block_decode(stored->block.bytes, stored->block.length, &space, &b) ||
      !comet_commit_decode(stored->commit.bytes, stored->commit.length, &s->signature, 1, &c) ||
      !effects_open(stored->results.bytes, stored->results.length, &r) || r.results_count != b.count ||
      memcmp(b.header.validators, s->validators_hash, 32) != 0)
    return why_set(why, "block %" PRIu64 " of the store is damaged, or another key signed it", stored->height), false;
  s->commit = c;
  s->head.id = c.block;
  s->head.time_ms = (uint64_t)b.header.time.seconds * 1000 + (uint64_t)b.header.time.nanos / 1000000;
  s->another = r.another;
  for (uint32_t i = 0; effects_next_result(&r, &e); i++)
    s->result[i] = (struct comet_result){.code = e.code, .gas_wanted = e.gas_wanted, .gas_used = e.gas_used};
  comet_results_hash(s->result, b.count, s->results_hash);
  return true;
}

static enum solo_status go_on(struct solo *s, const struct solo_options *o, const struct chain_sink *sink,
                              struct kv_view *view, const struct kv_head *head, struct why *why) {
  struct kv_walk walk = {.view = view};
  struct kv_block block;
  struct effects_reader first;
  uint8_t hash[32];
  bool opened = ledger_open(&s->ledger, o->genesis, o->genesis_length, kv_walk_next, &walk, sink, why);
  if (kv_walk_end(&walk) != STORE_OK) return why_set(why, "the store's records cannot be read"), SOLO_ERR_STORE;
  if (!opened) return SOLO_ERR_INPUT;
  ledger_app_hash(s->ledger, hash);
  /* LEDGER 17.5: "compare app_hash, refuse to run on a difference". */
  if (memcmp(hash, head->app_hash, 32) != 0 || ledger_chain(s->ledger)->now.height != head->height)
    return why_set(why, "the stored state is not that of block %" PRIu64 ": the store is damaged", head->height),
           SOLO_ERR_INPUT;
  if (kv_view_block(view, 0, &block) != STORE_OK || !effects_open(block.results.bytes, block.results.length, &first))
    return why_set(why, "the store has no block 0"), SOLO_ERR_INPUT;
  memcpy(s->chain.app_hash, first.after.app_hash, 32);
  memcpy(s->head.app_hash, hash, 32);
  s->head.height = head->height;
  if (!head->height) return SOLO_OK;
  if (kv_view_block(view, head->height, &block) != STORE_OK || !take_block(s, &block, why))
    return why_before(why, "the last block: "), SOLO_ERR_INPUT;
  return SOLO_OK;
}

enum solo_status solo_open(struct solo **out, const struct solo_options *o, struct why *why) {
  struct solo *s = calloc(1, sizeof *s);
  struct kv_view *view;
  struct kv_head head;
  assert(s);
  s->kv = o->kv;
  s->consensus = o->consensus;
  s->vrf = o->vrf;
  s->batch = kv_batch_open();
  s->mempool = mempool_open();
  s->crew = crew_open(o->hands < CREW_MAX ? o->hands : CREW_MAX);
  const struct chain_sink sink = {.context = s, .receipt = take_receipt, .content = take_content, .event = take_event};
  enum solo_status status = take_genesis(s, o, why) ? SOLO_OK : SOLO_ERR_INPUT;
  if (status == SOLO_OK && kv_view_open(s->kv, &view, why) != STORE_OK) status = SOLO_ERR_STORE;
  if (status == SOLO_OK) {
    enum store_status there = kv_view_head(view, &head);
    if (there == STORE_OK) status = go_on(s, o, &sink, view, &head, why);
    kv_view_shut(&view);
    if (there == STORE_NONE) status = begin(s, o, &sink, why);
    if (there != STORE_OK && there != STORE_NONE) status = SOLO_ERR_STORE;
  }
  if (status != SOLO_OK) {
    solo_shut(&s);
    return status;
  }
  *out = s;
  return SOLO_OK;
}

void solo_shut(struct solo **s) {
  if (!*s) return;
  crew_shut(&(*s)->crew);
  ledger_shut((*s)->ledger);
  kv_batch_shut((*s)->batch);
  mempool_shut(&(*s)->mempool);
  effects_free(&(*s)->effects);
  free(*s);
  *s = NULL;
}

/* One whose nonce is used up may stand in a block already: its sender asks twice, and is told so. */
static bool in_a_block(const struct solo *s, const uint8_t id[32]) {
  struct kv_view *view;
  uint64_t height;
  uint32_t index;
  for (uint32_t i = 0; s->unwritten && i < s->picked_count; i++)
    if (memcmp(s->picked[i].id, id, 32) == 0) return true;
  if (kv_view_open(s->kv, &view, NULL) != STORE_OK) return false;
  bool there = kv_view_transaction(view, id, &height, &index) == STORE_OK;
  kv_view_shut(&view);
  return there;
}

static enum solo_take refuse(struct ledger_result *result, enum chain_code code, const char *words) {
  memset(result, 0, sizeof *result);
  result->code = (uint16_t)code;
  why_set(&result->why, "%s", words);
  return code == CHAIN_OK ? SOLO_FULL : SOLO_REFUSED;
}

static void look(void *context, uint32_t i) {
  struct expected *e = &((struct expected *)context)[i];
  e->good = ledger_signers_signed(&e->signers, e->transaction.bytes, e->transaction.length);
}

void solo_expect(struct solo *s, const struct comet_span *transactions, uint32_t count) {
  uint32_t asked = 0;
  for (uint32_t i = 0; i < count && asked < SOLO_EXPECT_MAX; i++) {
    struct expected *e = &s->expected[asked];
    e->transaction = transactions[i];
    asked += ledger_signers(s->ledger, e->transaction.bytes, e->transaction.length, &e->signers);
  }
  crew_do(s->crew, asked, look, s->expected);
  for (uint32_t i = 0; i < asked; i++)
    if (s->expected[i].good) ledger_signed(s->ledger, &s->expected[i].signers);
}

/* Cheapest first: form, room, and only then the ledger with its signatures. */
enum solo_take solo_take(struct solo *s, const uint8_t *bytes, size_t length, struct ledger_result *result) {
  struct transaction t;
  struct why why;
  struct mempool_entry e = {.bytes = bytes, .length = (uint32_t)length};
  if (length > TRANSACTION_TAPE_BYTES_MAX) return refuse(result, CHAIN_MALFORMED, "longer than any transaction");
  if (!transaction_decode(bytes, length, &t, &why)) return refuse(result, CHAIN_MALFORMED, why.text);
  transaction_id(bytes, length, e.id);
  memcpy(e.account, t.account, 32);
  e.gas = t.gas;
  e.lane = mempool_lane(t.type);
  switch (mempool_room(s->mempool, &e)) {
  case MEMPOOL_OK: break;
  case MEMPOOL_HERE: return refuse(result, CHAIN_OK, "it waits already"), SOLO_HERE;
  case MEMPOOL_FULL: return refuse(result, CHAIN_OK, "mempool is full");
  case MEMPOOL_ACCOUNT_FULL: return refuse(result, CHAIN_OK, "mempool is full: this account's share of it");
  }
  ledger_check(s->ledger, bytes, length, result);
  if (!result->admitted) return result->code == CHAIN_NONCE && in_a_block(s, e.id) ? SOLO_HERE : SOLO_REFUSED;
  mempool_add(s->mempool, &e);
  return SOLO_TAKEN;
}

void solo_check(struct solo *s, const uint8_t *bytes, size_t length, struct ledger_result *result) {
  ledger_try(s->ledger, bytes, length, result);
}

uint64_t solo_wait_ms(const struct solo *s, uint64_t now_ms) {
  const struct chain *c = ledger_chain(s->ledger);
  if (s->unwritten || mempool_count(s->mempool) || s->another || !s->head.height) return 0;
  if (!ledger_wants_block(s->ledger)) return SOLO_NEVER;
  /* The next tick where a block can bring it; else, while the clock goes slowly (LEDGER 1.2), as long again. */
  uint64_t last_ms = c->now.last_time_ms, due_ms = c->now.tick_time_ms + c->parameters.tick_ms;
  if (due_ms <= last_ms) due_ms = last_ms + c->parameters.tick_ms;
  return due_ms > now_ms ? due_ms - now_ms : 0;
}

enum solo_status solo_step(struct solo *s, uint64_t now_ms, struct why *why) {
  enum solo_status status = SOLO_OK;
  if (!s->unwritten) {
    status = solo_make(s, now_ms, why);
    if (status != SOLO_OK) return status;
    solo_move_on(s);
  }
  status = solo_write(s, why);
  if (status == SOLO_OK) solo_keep(s);
  return status;
}

enum solo_status solo_make(struct solo *s, uint64_t now_ms, struct why *why) {
  assert(!s->unwritten);
  if (solo_wait_ms(s, now_ms)) return SOLO_IDLE;
  return produce(s, now_ms, why);
}

void solo_move_on(struct solo *s) {
  assert(s->unwritten);
  produce_move_on(s);
}

enum solo_status solo_write(const struct solo *s, struct why *why) {
  assert(s->unwritten);
  if (kv_commit(s->kv, s->batch, s->next.app_hash, why) == STORE_OK) return SOLO_OK;
  why_before(why, "block %" PRIu64 " is not on the disk: ", s->next.height);
  return SOLO_ERR_STORE;
}

void solo_keep(struct solo *s) {
  assert(s->unwritten);
  s->unwritten = false;
  s->head = s->next;
  s->another = s->next_another;
  s->signature = s->next_signature;
  s->commit =
      (struct comet_commit){.height = s->head.height, .block = s->head.id, .count = 1, .signatures = &s->signature};
  memcpy(s->results_hash, s->next_results_hash, 32);
}

const struct solo_head *solo_head(const struct solo *s) { return &s->head; }
const struct mempool *solo_mempool(const struct solo *s) { return s->mempool; }
const struct solo_chain *solo_chain(const struct solo *s) { return &s->chain; }
void solo_account(const struct solo *s, uint8_t account[32]) { memcpy(account, s->account, 32); }

void solo_prove(struct solo *s, const struct map_key *key, struct solo_proof *out) {
  struct map_proof proof;
  const struct chain *c = ledger_chain(s->ledger);
  assert(!s->unwritten); /* else the ledger stands behind head */
  map_root(c->map, out->state_root);
  log_root(&c->log, out->log_root);
  out->log_size = c->log.size;
  out->height = s->head.height;
  map_prove(c->map, key, &proof);
  out->length = map_proof_encode(&proof, out->bytes, sizeof out->bytes);
  assert(out->length);
}
