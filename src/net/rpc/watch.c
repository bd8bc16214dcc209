/* Subscriptions: what a websocket wants to be told, and the telling, block by block. ENGINE 8.4. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/transaction/transaction.h"
#include "net/rpc/inside.h"
#include "net/rpc/pairs.h"

/* When the telling is further behind than this, the oldest blocks are left out: readers catch up by height. */
enum { BEHIND_MAX = 100 };

bool watch_knows(const char *method) {
  return strcmp(method, "subscribe") == 0 || strcmp(method, "unsubscribe") == 0 ||
         strcmp(method, "unsubscribe_all") == 0;
}

static void drop(struct connection *c, uint32_t i) {
  json_decref(c->watch[i]->id);
  free(c->watch[i]->text);
  free(c->watch[i]);
  c->watch[i] = c->watch[--c->watches];
  if (!c->watches) c->rpc->watchers_count--;
}

void watch_shut(struct connection *c) {
  while (c->watches) drop(c, 0);
}

static enum question_code fail(struct question *q, const char *words) {
  strncpy(q->data, words, sizeof q->data - 1);
  return QUESTION_INTERNAL;
}

static uint32_t find(const struct connection *c, const char *text) {
  uint32_t i = 0;
  while (i < c->watches && strcmp(c->watch[i]->text, text) != 0) i++;
  return i;
}

static enum question_code subscribe(struct connection *c, struct question *q, const char *text) {
  char wrong[128];
  struct watch *w;
  if (c->watches == RPC_WATCHES_MAX) return fail(q, "max_subscriptions_per_client 5 reached");
  if (!c->watches && c->rpc->watchers_count == RPC_WATCHERS_MAX) return fail(q, "max_subscription_clients 100 reached");
  if (find(c, text) < c->watches) return fail(q, "already subscribed");
  w = calloc(1, sizeof *w);
  assert(w);
  if (!query_read(text, strlen(text), &w->query, wrong, sizeof wrong)) {
    free(w);
    snprintf(q->data, sizeof q->data, "failed to parse query: %s", wrong);
    return QUESTION_INTERNAL;
  }
  w->text = strdup(text);
  assert(w->text);
  w->id = json_incref(q->id);
  if (!c->watches) c->rpc->watchers_count++;
  c->watch[c->watches++] = w;
  return QUESTION_OK;
}

enum question_code watch_ask(struct connection *c, struct question *q, json_t **result) {
  const char *text = "";
  enum question_code code = question_text(q, "query", &text);
  if (code != QUESTION_OK) return code;
  if (strcmp(q->method, "subscribe") == 0) {
    code = subscribe(c, q, text);
  } else if (strcmp(q->method, "unsubscribe") == 0) {
    uint32_t i = find(c, text);
    code = i < c->watches ? QUESTION_OK : fail(q, "subscription not found");
    if (code == QUESTION_OK) drop(c, i);
  } else {
    code = c->watches ? QUESTION_OK : fail(q, "subscription not found");
    watch_shut(c);
  }
  if (code == QUESTION_OK) *result = form_must(json_object());
  return code;
}

/* One event: its names and values, and its value, made when the first asks for it. */
struct event {
  const char *kind;
  struct pairs pairs;
  const struct stored *stored;
  uint32_t index; /* of a Tx */
  json_t *value;
};

static json_t *value_of(const struct event *e) {
  const struct stored *s = e->stored;
  struct effects_reader effects = s->effects;
  struct effects_result r = {0};
  if (strcmp(e->kind, "NewBlockHeader") == 0)
    return form_must(json_pack("{s:o}", "header", form_header(&s->block.header)));
  if (strcmp(e->kind, "NewBlockEvents") == 0)
    return form_must(json_pack("{s:o, s:o, s:o}", "height", form_number(s->kept.height), "events",
                               form_events(&effects), "num_txs", form_number(s->block.count)));
  if (strcmp(e->kind, "NewBlock") == 0)
    return form_must(json_pack("{s:o, s:o, s:{s:o, s:n, s:o}}", "block", form_block(&s->block), "block_id",
                               form_block_id(&s->commit.block), "result_finalize_block", "events",
                               form_events(&effects), "validator_updates", "app_hash",
                               form_bytes(effects.after.app_hash, 32)));
  const struct comet_span *tx = &s->block.transactions[e->index];
  for (uint32_t i = 0; i <= e->index; i++) effects_next_result(&effects, &r);
  json_t *inner = form_must(json_pack("{s:o, s:o, s:o}", "height", form_number(s->kept.height), "tx",
                                      form_bytes(tx->bytes, tx->length), "result", form_result(&r, tx, false)));
  if (e->index) json_object_set_new(inner, "index", json_integer(e->index));
  return form_must(json_pack("{s:o}", "TxResult", inner));
}

static json_t *frame_of(struct event *e, const struct watch *w) {
  char type[64];
  snprintf(type, sizeof type, "tendermint/event/%s", e->kind);
  if (!e->value) e->value = value_of(e);
  json_t *result = json_pack("{s:s, s:{s:s, s:O}, s:O}", "query", w->text, "data", "type", type, "value", e->value,
                             "events", e->pairs.map);
  return question_result(json_incref(w->id), form_must(result));
}

static void tell(struct rpc *r, struct event *e) {
  pairs_add(&e->pairs, "tm.event", e->kind);
  for (struct connection *c = r->connections; c; c = c->after)
    for (uint32_t i = 0; i < c->watches; i++)
      if (pairs_match(&e->pairs, &c->watch[i]->query) && !server_event(c, frame_of(e, c->watch[i]))) break;
  json_decref(e->value);
  pairs_shut(&e->pairs);
}

/* Does anybody want events of this kind? A block of thousands of transactions is not gone through for somebody who
 * follows headers. */
static bool wanted(const struct rpc *r, const char *kind) {
  for (const struct connection *c = r->connections; c; c = c->after)
    for (uint32_t i = 0; i < c->watches; i++) {
      const struct query *q = &c->watch[i]->query;
      bool others = false;
      for (uint32_t k = 0; k < q->count && !others; k++)
        others = strcmp(q->condition[k].name, "tm.event") == 0 && !query_holds(&q->condition[k], kind);
      if (!others) return true;
    }
  return false;
}

/* In CometBFT's order: the block, its header, its events, its transactions. */
static void tell_block(struct rpc *r, const struct stored *s) {
  struct event block = {.kind = "NewBlock", .stored = s}, header = {.kind = "NewBlockHeader", .stored = s},
               events = {.kind = "NewBlockEvents", .stored = s};
  if (wanted(r, block.kind)) {
    pairs_of_block(s, &block.pairs);
    tell(r, &block);
  }
  header.pairs.map = form_must(json_object());
  tell(r, &header);
  if (wanted(r, events.kind)) {
    pairs_of_block(s, &events.pairs);
    tell(r, &events);
  }
  bool each = wanted(r, "Tx");
  for (uint32_t i = 0; each && i < s->block.count; i++) {
    struct event tx = {.kind = "Tx", .stored = s, .index = i};
    pairs_of_tx(&s->block.transactions[i], s->kept.height, &tx.pairs);
    tell(r, &tx);
  }
}

void watch_block(struct rpc *r, uint64_t latest) {
  struct asked a = {0};
  struct stored s;
  if (latest > r->told + BEHIND_MAX) r->told = latest - BEHIND_MAX;
  while (r->told < latest) {
    r->told++;
    if (!r->watchers_count || stored_open(&r->node, &a, &s) != QUESTION_OK) continue;
    if (stored_block(&a, &s, r->told) == QUESTION_OK) tell_block(r, &s);
    stored_shut(&s);
  }
}
