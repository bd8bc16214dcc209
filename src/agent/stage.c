#include "agent/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commit/state/state.h"
#include "crypto/sha256.h"

#define CHECK(x) ((x) ? (void)0 : abort())
enum { BLOCK_MS = 25, WAITING_MAX = 4096, LEAF = 4096 };

/* Bytes under a hash, or a number; the list only grows at its end. */
struct kept {
  uint8_t hash[32];
  uint8_t *bytes, *more;
  size_t length, more_length;
  struct client_result result;
};
struct list {
  struct kept *at;
  size_t count, room;
};

struct network {
  struct stage stage;
  struct list waiting, results, receipts, contents, blobs;
  uint32_t lose;
  bool silent, still;
};

static uint8_t *copy(const void *bytes, size_t length) {
  uint8_t *at = malloc(length ? length : 1);
  CHECK(at);
  if (length) memcpy(at, bytes, length);
  return at;
}

static struct kept *append(struct list *l, const uint8_t *hash, const void *bytes, size_t length) {
  if (l->count == l->room) {
    l->room = l->room ? 2 * l->room : 64;
    l->at = realloc(l->at, l->room * sizeof *l->at);
    CHECK(l->at);
  }
  struct kept *k = &l->at[l->count++];
  *k = (struct kept){.bytes = copy(bytes, length), .length = length};
  if (hash) memcpy(k->hash, hash, 32);
  return k;
}

static struct kept *find(const struct list *l, const uint8_t hash[32]) {
  for (size_t i = l->count; i-- > 0;)
    if (memcmp(l->at[i].hash, hash, 32) == 0) return &l->at[i];
  return NULL;
}

static void clear(struct list *l) {
  for (size_t i = 0; i < l->count; i++) {
    free(l->at[i].bytes);
    free(l->at[i].more);
  }
  l->count = 0;
}

static void take_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  struct network *n = context;
  CHECK(number == n->receipts.count);
  struct kept *k = append(&n->receipts, NULL, bytes, length);
  k->more = copy(payments, payments_length);
  k->more_length = payments_length;
}

static void take_content(void *context, const uint8_t hash[32], const uint8_t *bytes, size_t length) {
  struct network *n = context;
  if (!find(&n->contents, hash)) append(&n->contents, hash, bytes, length);
}

struct network *network_open(void) {
  struct network *n = calloc(1, sizeof *n);
  CHECK(n);
  stage_genesis(&n->stage);
  struct chain_sink sink = {.context = n, .receipt = take_receipt, .content = take_content};
  CHECK(ledger_open(&n->stage.ledger, n->stage.genesis, n->stage.genesis_length, NULL, NULL, &sink, NULL));
  ledger_commit(n->stage.ledger);
  return n;
}

void network_shut(struct network *n) {
  struct list *const lists[] = {&n->waiting, &n->results, &n->receipts, &n->contents, &n->blobs};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    clear(lists[i]);
    free(lists[i]->at);
  }
  stage_shut(&n->stage);
  free(n);
}

struct stage *network_stage(struct network *n) {
  return &n->stage;
}
void network_still(struct network *n, bool still) { n->still = still; }
void network_lose(struct network *n, uint32_t count) { n->lose = count; }
void network_silent(struct network *n, bool silent) { n->silent = silent; }
uint64_t network_receipts(const struct network *n) { return n->receipts.count; }

static const struct chain *chain_of(const struct network *n) { return ledger_chain(n->stage.ledger); }

/* Blocks. */

static void deliver(struct network *n, const struct kept *k) {
  struct ledger_result r;
  ledger_deliver(n->stage.ledger, k->bytes, k->length, &r);
  if (!r.admitted) return;
  struct kept *done = append(&n->results, k->hash, NULL, 0);
  done->result = (struct client_result){.height = n->stage.height, .code = r.code, .gas_used = r.gas_used};
  snprintf(done->result.log, sizeof done->result.log, "%.180s", r.why.text);
}

static void read_nonces(struct network *n) {
  for (uint32_t i = 0; i < STAGE_ACCOUNTS; i++) {
    struct account a;
    if (account_get(chain_of(n)->map, n->stage.id[i], &a) && a.slots_count) n->stage.nonce[i] = a.slot[0].nonce;
  }
}

void network_block(struct network *n) {
  stage_begin(&n->stage, BLOCK_MS);
  for (size_t i = 0; i < n->waiting.count; i++) deliver(n, &n->waiting.at[i]);
  clear(&n->waiting);
  stage_end(&n->stage);
  ledger_check_reset(n->stage.ledger);
  read_nonces(n);
}

void network_blocks(struct network *n, uint32_t count) {
  while (count--) network_block(n);
}

/* The port. */

static enum client_status silent(struct why *why) {
  why_set(why, "the node does not answer");
  return CLIENT_LOST;
}

static enum client_status get(void *self, const struct map_key *key, uint8_t **value, size_t *length, uint64_t *height,
                              struct why *why) {
  struct network *n = self;
  struct map_value v;
  if (n->silent) return silent(why);
  if (height) *height = chain_of(n)->now.height;
  if (!map_get(chain_of(n)->map, key, &v)) return why_set(why, "there is none"), CLIENT_NONE;
  *value = copy(v.bytes, v.length);
  *length = v.length;
  return CLIENT_OK;
}

static enum client_status walk(void *self, const struct map_key *prefix, const struct map_key *after, uint32_t most,
                               client_show *show, void *context, uint64_t *height, struct why *why) {
  struct network *n = self;
  struct map_key key;
  struct map_value v;
  if (n->silent) return silent(why);
  if (height) *height = chain_of(n)->now.height;
  for (; most-- && map_next(chain_of(n)->map, prefix, after, &key, &v); after = &key)
    if (!show(context, &key, v.bytes, v.length)) break;
  return CLIENT_OK;
}

static enum client_status receipt(void *self, uint64_t number, uint8_t **bytes, size_t *length, uint8_t **payments,
                                  size_t *payments_length, struct why *why) {
  struct network *n = self;
  if (n->silent) return silent(why);
  if (number >= n->receipts.count) return why_set(why, "there is no such receipt"), CLIENT_NONE;
  const struct kept *k = &n->receipts.at[number];
  *bytes = copy(k->bytes, k->length);
  *length = k->length;
  *payments = copy(k->more, k->more_length);
  *payments_length = k->more_length;
  return CLIENT_OK;
}

static enum client_status send(void *self, const uint8_t *bytes, size_t length, uint32_t *code, struct why *why) {
  struct network *n = self;
  struct ledger_result r;
  uint8_t id[32];
  if (n->silent) return silent(why);
  if (code) *code = 0;
  transaction_id(bytes, length, id);
  if (find(&n->waiting, id) || find(&n->results, id)) return CLIENT_OK;
  if (n->lose) return n->lose--, CLIENT_OK;
  CHECK(n->waiting.count < WAITING_MAX);
  ledger_check(n->stage.ledger, bytes, length, &r);
  if (code) *code = r.code;
  if (!r.admitted) {
    why_set(why, "%s", r.why.text);
    return CLIENT_REFUSED;
  }
  append(&n->waiting, id, bytes, length);
  return CLIENT_OK;
}

static enum client_status result(void *self, const uint8_t id[32], struct client_result *out, struct why *why) {
  struct network *n = self;
  if (n->silent) return silent(why);
  const struct kept *k = find(&n->results, id);
  if (!k) return why_set(why, "it is in no block"), CLIENT_NONE;
  *out = k->result;
  return CLIENT_OK;
}

static enum client_status wait(void *self, uint64_t height, uint32_t ms, struct why *why) {
  struct network *n = self;
  (void)ms;
  if (n->silent) return silent(why);
  while (!n->still && chain_of(n)->now.height < height) network_block(n);
  return chain_of(n)->now.height < height ? CLIENT_NONE : CLIENT_OK;
}

static enum client_status content(void *self, const uint8_t hash[32], uint8_t **bytes, size_t *length,
                                  struct why *why) {
  struct network *n = self;
  if (n->silent) return silent(why);
  const struct kept *k = find(&n->contents, hash);
  if (!k) return why_set(why, "the node does not keep it"), CLIENT_NONE;
  *bytes = copy(k->bytes, k->length);
  *length = k->length;
  return CLIENT_OK;
}

struct chain_port network_port(struct network *n) {
  struct chain_port port = {.self = n,
                            .get = get,
                            .walk = walk,
                            .receipt = receipt,
                            .send = send,
                            .result = result,
                            .wait = wait,
                            .content = content};
  memcpy(port.genesis, chain_of(n)->genesis, 32);
  return port;
}

/* Blobs. */

static enum transfer_status put(void *self, const uint8_t root[32], const void *bytes, uint64_t length,
                                struct why *why) {
  struct network *n = self;
  uint64_t leaves = (length + LEAF - 1) / LEAF;
  uint8_t is[32], *whole = calloc(leaves, LEAF), *hashes = malloc(leaves * 32);
  CHECK(leaves && whole && hashes);
  memcpy(whole, bytes, length);
  state_root(whole, leaves * LEAF, hashes, is);
  free(hashes);
  bool right = memcmp(is, root, 32) == 0;
  if (right && !find(&n->blobs, root)) append(&n->blobs, root, whole, leaves * LEAF);
  free(whole);
  if (!right) why_set(why, "these bytes are not the blob of that root");
  return right ? TRANSFER_OK : TRANSFER_WRONG;
}

static enum transfer_status fetch(void *self, const uint8_t root[32], uint64_t leaves, uint8_t *bytes,
                                  struct why *why) {
  struct network *n = self;
  const struct kept *k = find(&n->blobs, root);
  if (!k || k->length != leaves * LEAF) return why_set(why, "nobody has the blob"), TRANSFER_NONE;
  memcpy(bytes, k->bytes, k->length);
  return TRANSFER_OK;
}

static bool has(void *self, const uint8_t root[32]) {
  struct network *n = self;
  return find(&n->blobs, root) != NULL;
}

struct blob_port network_blobs(struct network *n) {
  return (struct blob_port){.self = n, .put = put, .get = fetch, .has = has};
}

bool network_blob_forget(struct network *n, const uint8_t root[32]) {
  struct kept *k = find(&n->blobs, root);
  if (!k) return false;
  free(k->bytes);
  *k = n->blobs.at[--n->blobs.count];
  return true;
}
