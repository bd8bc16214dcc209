/* A block: picked, run, signed. ENGINE 7.1, 7.4. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "crypto/address.h"
#include "crypto/vrf.h"
#include "engine/solo/state.h"

/* How often what the ledger will not have in a block is left out and the rest tried again, before the block is made
 * without transactions. */
enum { TRIES_MAX = 8 };

static void make_beacon(struct solo *s) {
  uint8_t input[256], proof[VRF_PROOF_BYTES];
  size_t length = ledger_beacon_input(s->ledger, input, sizeof input);
  assert(length);
  vrf_prove(s->vrf, input, length, proof);
  struct transaction t = transaction_beacon(proof);
  s->beacon_length = transaction_encode(&t, s->beacon, sizeof s->beacon);
  assert(s->beacon_length);
}

static void add_result(struct solo *s, uint32_t index, const struct ledger_result *r) {
  s->result[index] = (struct comet_result){.code = r->code, .gas_wanted = r->gas_wanted, .gas_used = r->gas_used};
  effects_add_result(&s->effects, &(struct effects_result){
                                      .code = r->code,
                                      .gas_wanted = r->gas_wanted,
                                      .gas_used = r->gas_used,
                                      .log = {.bytes = (const uint8_t *)r->why.text, .length = strlen(r->why.text)}});
}

/* What the ledger does not admit after all is left out of picked; whether it waits on is decided by the check after the
 * block. */
static void run_picked(struct solo *s, uint32_t *admitted) {
  struct ledger_result r = {0};
  uint32_t kept = 0;
  add_result(s, 0, &r); /* the beacon's */
  for (uint32_t i = 0; i < s->picked_count; i++) {
    ledger_deliver(s->ledger, s->picked[i].bytes, s->picked[i].length, &r);
    if (!r.admitted) continue;
    add_result(s, 1 + kept, &r);
    s->picked[kept++] = s->picked[i];
  }
  *admitted = kept;
}

static struct ledger_block block_of(const struct solo *s) {
  struct ledger_block b = {.height = s->next.height,
                           .time_ms = s->next.time_ms,
                           .proposer = s->account,
                           .beacon = s->beacon,
                           .beacon_length = s->beacon_length};
  for (uint32_t i = 0; i < s->picked_count; i++) {
    b.bytes += s->picked[i].length;
    b.gas += s->picked[i].gas;
  }
  return b;
}

/* The ledger runs with exactly what stands in the block, so what it does not admit means another run without. */
static enum solo_status run(struct solo *s, struct why *why) {
  s->picked_count = mempool_pick(s->mempool, BLOCK_BYTES_MAX, BLOCK_GAS_MAX, s->picked, MEMPOOL_COUNT_MAX);
  for (uint32_t tries = 0;; tries++) {
    uint32_t admitted;
    if (tries == TRIES_MAX) s->picked_count = 0;
    struct ledger_block b = block_of(s);
    kv_batch_clear(s->batch);
    effects_clear(&s->effects);
    if (!ledger_begin(s->ledger, &b, why)) {
      why_before(why, "block %" PRIu64 ": ", b.height);
      return SOLO_ERR_INPUT;
    }
    run_picked(s, &admitted);
    if (admitted == s->picked_count) return SOLO_OK;
    s->picked_count = admitted;
  }
}

/* The block as CometBFT has it, its name, and the one signature. */
static size_t build(struct solo *s, struct comet_commit *commit) {
  uint32_t count = 1 + s->picked_count;
  s->span[0] = (struct comet_span){.bytes = s->beacon, .length = s->beacon_length};
  for (uint32_t i = 0; i < s->picked_count; i++)
    s->span[1 + i] = (struct comet_span){.bytes = s->picked[i].bytes, .length = s->picked[i].length};
  struct comet_block b = {.count = count, .transactions = s->span, .last = s->commit};
  struct comet_header *h = &b.header;
  h->version_block = COMET_VERSION_BLOCK;
  h->version_app = SOLO_APP_VERSION;
  memcpy(h->chain_id, s->chain.chain_id, sizeof h->chain_id);
  h->height = s->next.height;
  h->time = comet_time_of_ms(s->next.time_ms);
  memcpy(h->validators, s->validators_hash, 32);
  memcpy(h->next_validators, s->validators_hash, 32);
  memcpy(h->params, s->params_hash, 32);
  h->app_length = 32;
  memcpy(h->app, s->head.app_hash, 32);
  memcpy(h->last_results, s->results_hash, 32);
  memcpy(h->proposer, s->chain.address, COMET_ADDRESS_BYTES);
  comet_block_fill(&b);
  size_t length = comet_block_encode(&b, s->block, sizeof s->block);
  assert(length);
  s->next.id = comet_block_id(h, s->block, length);
  comet_sign(s->consensus, s->chain.chain_id, s->next.height, 0, &s->next.id, &h->time, &s->next_signature);
  *commit = (struct comet_commit){
      .height = s->next.height, .block = s->next.id, .count = 1, .signatures = &s->next_signature};
  return length;
}

/* What transactions are found by: ENGINE 7.6. */
static void index_transaction(struct solo *s, uint32_t index) {
  const struct mempool_entry *e = &s->picked[index - 1];
  struct transaction t;
  struct body_transfer transfer;
  char text[ADDRESS_TEXT_LENGTH + 1];
  kv_batch_transaction(s->batch, e->id, index);
  if (!transaction_decode(e->bytes, e->length, &t, NULL)) return;
  address_write(t.account, text);
  kv_batch_event(s->batch, "transaction.account", text, index);
  if (t.type != TRANSACTION_TRANSFER || !body_transfer_take(&t, &transfer, NULL)) return;
  address_write(transfer.to, text);
  kv_batch_event(s->batch, "transfer.to", text, index);
}

static void fill_batch(struct solo *s, size_t length, const struct comet_commit *commit) {
  uint8_t id[32], bytes[COMET_BLOCK_ID_BYTES_MAX + 2 * COMET_SIGNATURE_BYTES_MAX + 64];
  bool shown = ledger_changes(s->ledger, kv_batch_record, s->batch);
  assert(shown);
  (void)shown;
  transaction_id(s->beacon, s->beacon_length, id);
  kv_batch_transaction(s->batch, id, 0);
  for (uint32_t i = 0; i < s->picked_count; i++) index_transaction(s, 1 + i);
  size_t commit_length = comet_commit_encode(commit, bytes, sizeof bytes);
  assert(commit_length);
  struct effects_state after;
  solo_state(s, s->next.app_hash, &after);
  struct comet_span effects = effects_end(&s->effects, s->next_another, &after);
  struct kv_block block = {.height = s->next.height,
                           .block = {.bytes = s->block, .length = length},
                           .commit = {.bytes = bytes, .length = commit_length},
                           .results = {.bytes = effects.bytes, .length = effects.length}};
  memcpy(block.hash, s->next.id.hash, 32);
  kv_batch_block(s->batch, &block);
}

enum solo_status produce(struct solo *s, uint64_t now_ms, struct why *why) {
  struct comet_commit commit;
  s->next.height = s->head.height + 1;
  /* LEDGER 1.5: "Header time = max(clock, previous + 1 ms); block 1 has genesis time". */
  s->next.time_ms = s->chain.genesis_ms;
  if (s->head.height) s->next.time_ms = now_ms > s->head.time_ms ? now_ms : s->head.time_ms + 1;
  make_beacon(s);
  enum solo_status status = run(s, why);
  if (status != SOLO_OK) return status;
  s->receipts = 0;
  ledger_end(s->ledger, s->next.app_hash);
  s->next_another = ledger_wants_another(s->ledger);
  comet_results_hash(s->result, 1 + s->picked_count, s->next_results_hash);
  size_t length = build(s, &commit);
  fill_batch(s, length, &commit);
  s->unwritten = true;
  return SOLO_OK;
}

/* Those that wait and would not be let in any more leave; the others keep their places. */
static void check_again(struct solo *s) {
  struct ledger_result r;
  ledger_check_reset(s->ledger);
  uint32_t count = mempool_list(s->mempool, s->left, MEMPOOL_COUNT_MAX);
  for (uint32_t i = 0; i < count; i++) {
    ledger_check(s->ledger, s->left[i].bytes, s->left[i].length, &r);
    if (!r.admitted) mempool_remove(s->mempool, s->left[i].id);
  }
}

void produce_move_on(struct solo *s) {
  ledger_commit(s->ledger);
  for (uint32_t i = 0; i < s->picked_count; i++) {
    mempool_remove(s->mempool, s->picked[i].id); /* picked keeps ids: solo.c, in_a_block */
    s->picked[i].bytes = NULL;
  }
  check_again(s);
}
