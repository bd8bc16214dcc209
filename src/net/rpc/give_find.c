/* Finding: a transaction by its hash, transactions and blocks by a query. ENGINE 8.4. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/transaction/transaction.h"
#include "net/rpc/method.h"
#include "net/rpc/pairs.h"
#include "net/rpc/query.h"

static json_t *proof_json(const struct comet_block *b, uint32_t index) {
  uint8_t path[64][COMET_HASH_BYTES];
  uint8_t(*leaves)[COMET_HASH_BYTES] = malloc((size_t)b->count * COMET_HASH_BYTES);
  assert(leaves);
  for (uint32_t i = 0; i < b->count; i++)
    comet_transaction_leaf(b->transactions[i].bytes, b->transactions[i].length, leaves[i]);
  uint32_t count = comet_tree_path((const uint8_t(*)[COMET_HASH_BYTES])leaves, b->count, index, path);
  json_t *aunts = form_must(json_array());
  for (uint32_t i = 0; i < count; i++) json_array_append_new(aunts, form_bytes(path[i], COMET_HASH_BYTES));
  json_t *proof = json_pack("{s:o, s:o, s:o, s:o}", "total", form_number(b->count), "index", form_number(index),
                            "leaf_hash", form_bytes(leaves[index], COMET_HASH_BYTES), "aunts", aunts);
  free(leaves);
  const struct comet_span *tx = &b->transactions[index];
  return form_must(json_pack("{s:o, s:o, s:o}", "root_hash", form_hash(b->header.data, 32), "data",
                             form_bytes(tx->bytes, tx->length), "proof", form_must(proof)));
}

json_t *tx_json(const struct stored *s, uint32_t index, bool prove) {
  struct effects_reader effects = s->effects;
  struct effects_result r = {0};
  const struct comet_span *tx = &s->block.transactions[index];
  uint8_t id[32];
  for (uint32_t i = 0; i <= index; i++) effects_next_result(&effects, &r);
  transaction_id(tx->bytes, tx->length, id);
  json_t *j = form_must(json_pack("{s:o, s:o, s:I, s:o, s:o}", "hash", form_hash(id, 32), "height",
                                  form_number(s->kept.height), "index", (json_int_t)index, "tx_result",
                                  form_result(&r, tx, true), "tx", form_bytes(tx->bytes, tx->length)));
  if (prove) json_object_set_new(j, "proof", proof_json(&s->block, index));
  return j;
}

enum question_code give_tx(struct node *n, struct asked *a) {
  struct stored s;
  bool prove = false;
  uint64_t height;
  uint32_t index;
  enum question_code code = question_bytes(&a->question, "hash", &a->bytes, &a->length);
  if (code == QUESTION_OK) code = question_bool(&a->question, "prove", &prove);
  if (code == QUESTION_OK) code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  if (a->length != 32 || kv_view_transaction(s.view, a->bytes, &height, &index) != STORE_OK) {
    json_t *hash = form_hash(a->bytes, a->length < 32 ? a->length : 32);
    code = give_fail(a, QUESTION_INTERNAL, "tx (%s) not found", json_string_value(hash));
    json_decref(hash);
  }
  if (code == QUESTION_OK) code = stored_block(a, &s, height);
  if (code == QUESTION_OK && index >= s.block.count) code = give_fail(a, QUESTION_INTERNAL, "the index is damaged");
  if (code == QUESTION_OK) a->result = tx_json(&s, index, prove);
  stored_shut(&s);
  return code;
}

/* A search: places that match, in order; only those of the page are made into JSON. */
struct place {
  uint64_t height;
  uint32_t index;
};
struct search {
  struct query query;
  uint64_t page, per_page;
  bool prove, newest_first, blocks;
  struct place *found;
  uint32_t count;
};

static enum question_code read_search(struct asked *a, bool blocks, struct search *out) {
  const char *text = "", *order = "";
  char wrong[128];
  bool given;
  struct search s = {.page = 1, .per_page = 30, .blocks = blocks};
  struct question *q = &a->question;
  enum question_code code = question_text(q, "query", &text);
  if (code == QUESTION_OK) code = question_number(q, "page", INT32_MAX, &s.page, &given);
  if (code == QUESTION_OK) code = question_number(q, "per_page", INT32_MAX, &s.per_page, &given);
  if (code == QUESTION_OK) code = question_text(q, "order_by", &order);
  if (code == QUESTION_OK && !blocks) code = question_bool(q, "prove", &s.prove);
  if (code != QUESTION_OK) return code;
  if (!query_read(text, strlen(text), &s.query, wrong, sizeof wrong))
    return give_fail(a, QUESTION_INTERNAL, "%s", wrong);
  s.newest_first = strcmp(order, "desc") == 0;
  if (*order && !s.newest_first && strcmp(order, "asc") != 0)
    return give_fail(a, QUESTION_INTERNAL, "expected order_by to be either `asc` or `desc` or empty");
  if (!s.per_page) s.per_page = 30;
  if (s.per_page > SEARCH_PAGE_MAX) s.per_page = SEARCH_PAGE_MAX;
  *out = s;
  return QUESTION_OK;
}

/* What may be asked for: what is indexed. */
static bool known_name(const char *name, bool blocks) {
  static const char *const tx[] = {"tx.hash", "tx.height", "transaction.account", "transfer.to", NULL};
  static const char *const block[] = {"block.height", "task.id", NULL};
  for (const char *const *n = blocks ? block : tx; *n; n++)
    if (strcmp(*n, name) == 0) return true;
  return false;
}

static const struct query_condition *indexed(const struct query *q) {
  for (uint32_t i = 0; i < q->count; i++) {
    const struct query_condition *c = &q->condition[i];
    if (c->operator== QUERY_EQUAL && !c->is_number && strcmp(c->name, "tx.height") != 0 &&
        strcmp(c->name, "block.height") != 0)
      return c;
  }
  return NULL;
}

/* Whether one place matches all conditions; its block is in st. */
static bool matches(const struct search *s, const struct stored *st, uint32_t index) {
  struct pairs pairs;
  if (s->blocks)
    pairs_of_block(st, &pairs);
  else
    pairs_of_tx(&st->block.transactions[index], st->kept.height, &pairs);
  bool all = pairs_match(&pairs, &s->query);
  pairs_shut(&pairs);
  return all;
}

static bool add(struct search *s, uint64_t height, uint32_t index) {
  if (s->count == SEARCH_FOUND_MAX) return false;
  s->found[s->count++] = (struct place){.height = height, .index = index};
  return true;
}

static enum question_code too_many(struct asked *a) {
  return give_fail(a, QUESTION_INTERNAL, "more than %u to look at: narrow the query with a range of heights",
                   SEARCH_FOUND_MAX);
}

/* The heights that the query leaves. */
static void range_of(const struct query *q, const char *name, uint64_t *first, uint64_t *last) {
  for (uint32_t i = 0; i < q->count; i++) {
    const struct query_condition *c = &q->condition[i];
    if (strcmp(c->name, name) != 0 || !c->is_number) continue;
    uint64_t x = c->number;
    if ((c->operator== QUERY_EQUAL || c->operator== QUERY_MORE_EQUAL) && x > *first) *first = x;
    if (c->operator== QUERY_MORE && x >= * first) *first = x == UINT64_MAX ? x : x + 1;
    if ((c->operator== QUERY_EQUAL || c->operator== QUERY_LESS_EQUAL) && x < *last) *last = x;
    if (c->operator== QUERY_LESS && x <= * last) *last = x ? x - 1 : 0;
  }
}

/* Whether the range says all that is asked. */
static bool heights_only(const struct query *q, const char *name) {
  for (uint32_t i = 0; i < q->count; i++)
    if (strcmp(q->condition[i].name, name) != 0 || !q->condition[i].is_number) return false;
  return true;
}

static enum question_code by_height(struct asked *a, struct search *s, struct stored *st) {
  uint64_t first = 1, last = st->latest;
  const char *name = s->blocks ? "block.height" : "tx.height";
  bool all = heights_only(&s->query, name);
  range_of(&s->query, name, &first, &last);
  if (first <= last && last - first >= SEARCH_FOUND_MAX) return too_many(a);
  for (uint64_t h = first; h <= last; h++) {
    enum question_code code = stored_block(a, st, h);
    if (code != QUESTION_OK) return code;
    uint32_t count = s->blocks ? 1 : st->block.count;
    for (uint32_t i = 0; i < count; i++)
      if ((all || matches(s, st, i)) && !add(s, h, i)) return too_many(a);
  }
  return QUESTION_OK;
}

static enum question_code by_index(struct asked *a, struct search *s, struct stored *st,
                                   const struct query_condition *c) {
  uint64_t height = 0;
  uint32_t index = 0, looked = 0;
  while (kv_view_event(st->view, c->name, c->text, &height, &index) == STORE_OK) {
    if (++looked > SEARCH_FOUND_MAX) return too_many(a);
    enum question_code code = height == st->kept.height && st->block.count ? QUESTION_OK : stored_block(a, st, height);
    if (code != QUESTION_OK) return code;
    if ((s->blocks || index < st->block.count) && matches(s, st, index) && !add(s, height, index)) return too_many(a);
    if (s->blocks || index == UINT32_MAX)
      height++, index = 0;
    else
      index++;
  }
  return QUESTION_OK;
}

static enum question_code by_hash(struct asked *a, struct search *s, struct stored *st, const char *text) {
  uint8_t *id = NULL;
  size_t length = 0;
  struct place p;
  struct question q = {.args = json_pack("{s:s}", "hash", text)};
  enum question_code code = question_hex(&q, "hash", &id, &length);
  json_decref(q.args);
  bool there =
      code == QUESTION_OK && length == 32 && kv_view_transaction(st->view, id, &p.height, &p.index) == STORE_OK;
  free(id);
  if (!there) return QUESTION_OK;
  code = stored_block(a, st, p.height);
  if (code == QUESTION_OK && matches(s, st, p.index)) add(s, p.height, p.index);
  return code;
}

static enum question_code look(struct asked *a, struct search *s, struct stored *st) {
  for (uint32_t i = 0; i < s->query.count; i++)
    if (!known_name(s->query.condition[i].name, s->blocks))
      return give_fail(a, QUESTION_INTERNAL, "%s is not indexed; what is: %s", s->query.condition[i].name,
                       s->blocks ? "block.height, task.id" : "tx.hash, tx.height, transaction.account, transfer.to");
  const struct query_condition *c = indexed(&s->query);
  if (!c) return by_height(a, s, st);
  if (strcmp(c->name, "tx.hash") == 0) return by_hash(a, s, st, c->text);
  return by_index(a, s, st, c);
}

static enum question_code page_json(struct asked *a, const struct search *s, struct stored *st, json_t *page) {
  uint64_t pages = (s->count + s->per_page - 1) / s->per_page, first = (s->page - 1) * s->per_page;
  if (!pages) pages = 1;
  if (!s->page || s->page > pages)
    return give_fail(a, QUESTION_INTERNAL, "page should be within [1, %llu] range, given %llu",
                     (unsigned long long)pages, (unsigned long long)s->page);
  for (uint64_t i = first; i < first + s->per_page && i < s->count; i++) {
    const struct place *p = &s->found[s->newest_first ? s->count - 1 - i : i];
    enum question_code code = stored_block(a, st, p->height);
    if (code != QUESTION_OK) return code;
    json_t *j = s->blocks ? json_pack("{s:o, s:o}", "block_id", form_block_id(&st->commit.block), "block",
                                      form_block(&st->block))
                          : tx_json(st, p->index, s->prove);
    json_array_append_new(page, form_must(j));
  }
  return QUESTION_OK;
}

static enum question_code search(struct node *n, struct asked *a, bool blocks) {
  static struct search s; /* large; one thread serves */
  struct stored st;
  enum question_code code = read_search(a, blocks, &s);
  if (code == QUESTION_OK) code = stored_open(n, a, &st);
  if (code != QUESTION_OK) return code;
  json_t *page = form_must(json_array());
  s.found = malloc(SEARCH_FOUND_MAX * sizeof *s.found);
  assert(s.found);
  code = look(a, &s, &st);
  if (code == QUESTION_OK) code = page_json(a, &s, &st, page);
  if (code == QUESTION_OK)
    a->result =
        form_must(json_pack("{s:O, s:o}", blocks ? "blocks" : "txs", page, "total_count", form_number(s.count)));
  json_decref(page);
  free(s.found);
  stored_shut(&st);
  return code;
}

enum question_code give_tx_search(struct node *n, struct asked *a) { return search(n, a, false); }
enum question_code give_block_search(struct node *n, struct asked *a) { return search(n, a, true); }
