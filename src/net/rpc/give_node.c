/* The node itself: is it there, what chain is it of, what waits in its mempool. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "net/rpc/method.h"

/* cosmjs reads from the first two numbers which client it needs. */
#define NODE_VERSION "0.38.0-assay"

enum question_code give_health(struct node *n, struct asked *a) {
  (void)n;
  a->result = form_must(json_object());
  return QUESTION_OK;
}

static json_t *time_of(const struct comet_header *h) { return form_time(&h->time); }

static json_t *sync_info(struct asked *a, struct stored *s) {
  static const char *const words[2][4] = {
      {"latest_block_hash", "latest_app_hash", "latest_block_height", "latest_block_time"},
      {"earliest_block_hash", "earliest_app_hash", "earliest_block_height", "earliest_block_time"}};
  json_t *info = form_must(json_object());
  for (int i = 0; i < 2; i++) {
    uint64_t height = i ? 1 : s->latest;
    bool there = s->latest && stored_block(a, s, height) == QUESTION_OK;
    size_t length = there ? 32 : 0;
    struct comet_time none = COMET_TIME_NONE;
    json_object_set_new(info, words[i][0], form_hash(s->commit.block.hash, length));
    json_object_set_new(info, words[i][1], form_hash(s->block.header.app, length));
    json_object_set_new(info, words[i][2], form_number(there ? height : 0));
    json_object_set_new(info, words[i][3], there ? time_of(&s->block.header) : form_time(&none));
  }
  json_object_set_new(info, "catching_up", json_false());
  return info;
}

enum question_code give_status(struct node *n, struct asked *a) {
  struct stored s;
  enum question_code code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  json_t *versions = json_pack("{s:s, s:o, s:o}", "p2p", "8", "block", form_number(COMET_VERSION_BLOCK), "app",
                               form_number(SOLO_APP_VERSION));
  json_t *info = json_pack("{s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}}", "protocol_version", versions, "id",
                           n->id, "listen_addr", n->listen, "network", n->chain->chain_id, "version", NODE_VERSION,
                           "channels", "", "moniker", "assay", "other", "tx_index", "on", "rpc_address", n->listen);
  a->result = form_must(json_pack("{s:o, s:o, s:o}", "node_info", form_must(info), "sync_info", sync_info(a, &s),
                                  "validator_info", form_validator(n->chain, "voting_power")));
  stored_shut(&s);
  return QUESTION_OK;
}

/* A chain of one has no peers. */
enum question_code give_net_info(struct node *n, struct asked *a) {
  a->result =
      form_must(json_pack("{s:b, s:[s], s:s, s:[]}", "listening", 1, "listeners", n->listen, "n_peers", "0", "peers"));
  return QUESTION_OK;
}

/* There is one validator and no round but the one that makes the next block. */
enum question_code give_consensus_state(struct node *n, struct asked *a) {
  struct stored s;
  char step[48];
  enum question_code code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  snprintf(step, sizeof step, "%llu/0/1", (unsigned long long)s.latest + 1);
  struct comet_time start = COMET_TIME_NONE;
  if (s.latest && stored_block(a, &s, s.latest) == QUESTION_OK) start = s.block.header.time;
  a->result = form_must(json_pack("{s:{s:s, s:o, s:s, s:s, s:s, s:[], s:{s:o, s:i}}}", "round_state",
                                  "height/round/step", step, "start_time", form_time(&start), "proposal_block_hash", "",
                                  "locked_block_hash", "", "valid_block_hash", "", "height_vote_set", "proposer",
                                  "address", form_hash(n->chain->address, COMET_ADDRESS_BYTES), "index", 0));
  stored_shut(&s);
  return QUESTION_OK;
}

enum question_code give_evidence(struct node *n, struct asked *a) {
  (void)n;
  return give_fail(a, QUESTION_INTERNAL, "a chain of one validator takes no evidence");
}

void node_genesis(struct node *n, const uint8_t *genesis, size_t length) {
  struct comet_time time = comet_time_of_ms(n->chain->genesis_ms);
  json_t *validator = form_validator(n->chain, "power");
  json_object_set_new(validator, "name", json_string("solo"));
  json_t *j =
      form_must(json_pack("{s:o, s:s, s:s, s:o, s:[o], s:s, s:{s:o}}", "genesis_time", form_time(&time), "chain_id",
                          n->chain->chain_id, "initial_height", "1", "consensus_params", form_params(), "validators",
                          validator, "app_hash", "", "app_state", "assay", form_bytes(genesis, length)));
  n->genesis_text = json_dumps(j, JSON_COMPACT);
  assert(n->genesis_text);
  n->genesis_length = strlen(n->genesis_text);
  json_decref(j);
  hex_encode(n->chain->address, COMET_ADDRESS_BYTES, n->id);
}

enum question_code give_genesis(struct node *n, struct asked *a) {
  if (n->genesis_length > GENESIS_CHUNK_BYTES)
    return give_fail(a, QUESTION_INTERNAL, "genesis response is large, please use the genesis_chunked API instead");
  json_t *genesis = form_must(json_loadb(n->genesis_text, n->genesis_length, 0, NULL));
  a->result = form_must(json_pack("{s:o}", "genesis", genesis));
  return QUESTION_OK;
}

enum question_code give_genesis_chunked(struct node *n, struct asked *a) {
  uint64_t chunk = 0, total = (n->genesis_length + GENESIS_CHUNK_BYTES - 1) / GENESIS_CHUNK_BYTES;
  bool given;
  enum question_code code = question_number(&a->question, "chunk", UINT32_MAX, &chunk, &given);
  if (code != QUESTION_OK) return code;
  if (chunk >= total)
    return give_fail(a, QUESTION_INTERNAL, "there are %llu chunks, %llu is invalid", (unsigned long long)total - 1,
                     (unsigned long long)chunk);
  size_t from = (size_t)chunk * GENESIS_CHUNK_BYTES, length = n->genesis_length - from;
  if (length > GENESIS_CHUNK_BYTES) length = GENESIS_CHUNK_BYTES;
  a->result = form_must(json_pack("{s:o, s:o, s:o}", "chunk", form_number(chunk), "total", form_number(total), "data",
                                  form_bytes(n->genesis_text + from, length)));
  return QUESTION_OK;
}

enum question_code give_pool(struct node *n, struct asked *a) {
  (void)n;
  if (!a->pool) a->pool = calloc(1, sizeof *a->pool);
  assert(a->pool);
  a->request.kind = LOOP_POOL;
  a->request.pool = a->pool;
  return QUESTION_LATER;
}

enum question_code give_pool_list(struct node *n, struct asked *a) {
  uint64_t limit = 30;
  bool given;
  enum question_code code = question_number(&a->question, "limit", INT32_MAX, &limit, &given);
  if (code != QUESTION_OK) return code;
  a->pool = calloc(1, sizeof *a->pool);
  assert(a->pool);
  a->pool->listed = limit < LOOP_LIST_MAX ? (uint32_t)limit : LOOP_LIST_MAX;
  return give_pool(n, a);
}

enum question_code give_pool_done(struct node *n, struct asked *a) {
  (void)n;
  bool list = strcmp(a->method->name, "unconfirmed_txs") == 0;
  json_t *txs = list ? json_array() : json_null();
  for (uint32_t i = 0; i < a->pool->listed; i++)
    json_array_append_new(txs, form_bytes(a->pool->listed_bytes[i], a->pool->listed_length[i]));
  a->result = form_must(json_pack("{s:o, s:o, s:o, s:o}", "n_txs", form_number(list ? a->pool->listed : a->pool->count),
                                  "total", form_number(a->pool->count), "total_bytes", form_number(a->pool->bytes),
                                  "txs", txs));
  return QUESTION_OK;
}
