#include "net/rpc/method.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/transaction/transaction.h"

static const struct method table[] = {
    {"abci_info", {NULL}, give_abci_info, NULL},
    {"abci_query", {"path", "data", "height", "prove", NULL}, give_abci_query, give_abci_query_proved},
    {"block", {"height", NULL}, give_block, NULL},
    {"block_by_hash", {"hash", NULL}, give_block_by_hash, NULL},
    {"block_results", {"height", NULL}, give_block_results, NULL},
    {"block_search", {"query", "page", "per_page", "order_by", NULL}, give_block_search, NULL},
    {"blockchain", {"minHeight", "maxHeight", NULL}, give_blockchain, NULL},
    {"broadcast_evidence", {"evidence", NULL}, give_evidence, NULL},
    {"broadcast_tx_async", {"tx", NULL}, give_broadcast, give_broadcast_async_done},
    {"broadcast_tx_commit", {"tx", NULL}, give_broadcast, give_broadcast_commit_done},
    {"broadcast_tx_sync", {"tx", NULL}, give_broadcast, give_broadcast_sync_done},
    {"check_tx", {"tx", NULL}, give_check_tx, give_check_tx_done},
    {"commit", {"height", NULL}, give_commit, NULL},
    {"consensus_params", {"height", NULL}, give_consensus_params, NULL},
    {"consensus_state", {NULL}, give_consensus_state, NULL},
    {"dump_consensus_state", {NULL}, give_consensus_state, NULL},
    {"genesis", {NULL}, give_genesis, NULL},
    {"genesis_chunked", {"chunk", NULL}, give_genesis_chunked, NULL},
    {"header", {"height", NULL}, give_header, NULL},
    {"header_by_hash", {"hash", NULL}, give_header_by_hash, NULL},
    {"health", {NULL}, give_health, NULL},
    {"net_info", {NULL}, give_net_info, NULL},
    {"num_unconfirmed_txs", {NULL}, give_pool, give_pool_done},
    {"status", {NULL}, give_status, NULL},
    {"tx", {"hash", "prove", NULL}, give_tx, NULL},
    {"tx_search", {"query", "prove", "page", "per_page", "order_by", NULL}, give_tx_search, NULL},
    {"unconfirmed_txs", {"limit", NULL}, give_pool_list, give_pool_done},
    {"validators", {"height", "page", "per_page", NULL}, give_validators, NULL},
};

const struct method *method_nth(uint32_t n) { return n < sizeof table / sizeof *table ? &table[n] : NULL; }

const struct method *method_find(const char *name) {
  for (uint32_t i = 0; i < sizeof table / sizeof *table; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

const char *const *method_names(const char *name) {
  static const char *const query[] = {"query", NULL}, *const none[] = {NULL};
  const struct method *m = method_find(name);
  if (m) return m->names;
  if (strcmp(name, "subscribe") == 0 || strcmp(name, "unsubscribe") == 0) return query;
  return strcmp(name, "unsubscribe_all") == 0 ? none : NULL;
}

void asked_shut(struct asked *a) {
  question_shut(&a->question);
  json_decref(a->result);
  free(a->bytes);
  free(a->request.value);
  free(a->request.proof);
  for (uint32_t i = 0; a->pool && i < a->pool->listed; i++) free(a->pool->listed_bytes[i]);
  free(a->pool);
}

enum question_code give_fail(struct asked *a, enum question_code code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(a->question.data, sizeof a->question.data, format, arguments);
  va_end(arguments);
  return code;
}

/* One thread serves; as many transactions as a block has. */
static struct comet_span spans[MEMPOOL_COUNT_MAX + 1];

enum question_code stored_open(struct node *n, struct asked *a, struct stored *out) {
  struct why why;
  struct kv_head head;
  memset(out, 0, sizeof *out);
  if (kv_view_open(n->kv, &out->view, &why) != STORE_OK) return give_fail(a, QUESTION_INTERNAL, "%.200s", why.text);
  if (kv_view_head(out->view, &head) == STORE_OK) out->latest = head.height;
  return QUESTION_OK;
}

void stored_shut(struct stored *s) { kv_view_shut(&s->view); }

enum question_code stored_block(struct asked *a, struct stored *s, uint64_t height) {
  const struct comet_space space = {.transactions = spans,
                                    .transactions_max = MEMPOOL_COUNT_MAX + 1,
                                    .signatures = &s->last_signature,
                                    .signatures_max = 1};
  if (!height || kv_view_block(s->view, height, &s->kept) != STORE_OK ||
      !comet_block_decode(s->kept.block.bytes, s->kept.block.length, &space, &s->block) ||
      !comet_commit_decode(s->kept.commit.bytes, s->kept.commit.length, &s->signature, 1, &s->commit) ||
      !effects_open(s->kept.results.bytes, s->kept.results.length, &s->effects))
    return give_fail(a, QUESTION_INTERNAL, "block %llu cannot be read", (unsigned long long)height);
  return QUESTION_OK;
}

enum question_code stored_height(struct asked *a, const struct stored *s, uint64_t *height) {
  uint64_t x = s->latest;
  bool given;
  enum question_code code = question_number(&a->question, "height", INT64_MAX, &x, &given);
  if (code != QUESTION_OK) return code;
  if (!s->latest) return give_fail(a, QUESTION_INTERNAL, "there is no block yet");
  if (!x) return give_fail(a, QUESTION_INTERNAL, "height must be greater than 0, but got 0");
  if (x > s->latest)
    return give_fail(a, QUESTION_INTERNAL,
                     "height %llu must be less than or equal to the current blockchain height %llu",
                     (unsigned long long)x, (unsigned long long)s->latest);
  *height = x;
  return QUESTION_OK;
}
