/* Blocks of a running CometBFT chain, and blocks drawn at random and hashed by CometBFT's own types
 * (vectors/README.md): every hash and every byte is computed again. */
#include <jansson.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "engine/comet/block.h"

enum { SIGNATURES = 32, TRANSACTIONS = 64, BYTES = 1 << 20 };

static json_t *load(const char *name) {
  char path[256];
  json_error_t error;
  snprintf(path, sizeof path, "comet/vectors/%s.json", name);
  json_t *root = json_load_file(path, 0, &error);
  if (!root) fail_msg("%s: %s", path, error.text);
  return root;
}

static const json_t *at(const json_t *j, const char *path) {
  char name[64];
  while (*path) {
    size_t n = strcspn(path, ".");
    snprintf(name, sizeof name, "%.*s", (int)n, path);
    j = json_object_get(j, name);
    if (!j) fail_msg("no %s", path);
    path += n + (path[n] == '.');
  }
  return j;
}

static const char *text(const json_t *j, const char *path) {
  const char *t = json_string_value(at(j, path));
  assert_non_null(t);
  return t;
}

static uint64_t number(const json_t *j, const char *path) {
  const json_t *x = at(j, path);
  if (json_is_integer(x)) return (uint64_t)json_integer_value(x);
  return (uint64_t)strtoll(text(j, path), NULL, 10);
}

/* Hexadecimal of either case; returns the length. */
static size_t hex(const json_t *j, const char *path, uint8_t *bytes, size_t bytes_max) {
  const char *t = text(j, path);
  size_t length;
  assert_int_equal(sodium_hex2bin(bytes, bytes_max, t, strlen(t), NULL, &length, NULL), 0);
  return length;
}

static size_t base64(const char *t, uint8_t *bytes, size_t bytes_max) {
  size_t length;
  assert_int_equal(
      sodium_base642bin(bytes, bytes_max, t, strlen(t), NULL, &length, NULL, sodium_base64_VARIANT_ORIGINAL), 0);
  return length;
}

static void hash_is(const json_t *j, const char *path, const uint8_t hash[32]) {
  uint8_t expected[32];
  assert_int_equal(hex(j, path, expected, 32), 32);
  assert_memory_equal(hash, expected, 32);
}

static struct comet_time time_of(const json_t *j, const char *path) {
  struct comet_time t;
  char again[COMET_TIME_TEXT_MAX + 1];
  assert_true(comet_time_read(text(j, path), strlen(text(j, path)), &t));
  comet_time_write(&t, again);
  assert_string_equal(again, text(j, path));
  return t;
}

static struct comet_block_id block_id_of(const json_t *j) {
  struct comet_block_id id = {.parts = (uint32_t)number(j, "parts.total")};
  hex(j, "hash", id.hash, 32);
  hex(j, "parts.hash", id.parts_hash, 32);
  return id;
}

static struct comet_header header_of(const json_t *j) {
  struct comet_header h = {.version_block = number(j, "version.block"),
                           .version_app = number(j, "version.app"),
                           .height = number(j, "height"),
                           .time = time_of(j, "time"),
                           .last = block_id_of(at(j, "last_block_id"))};
  strcpy(h.chain_id, text(j, "chain_id"));
  hex(j, "last_commit_hash", h.last_commit, 32);
  hex(j, "data_hash", h.data, 32);
  hex(j, "validators_hash", h.validators, 32);
  hex(j, "next_validators_hash", h.next_validators, 32);
  hex(j, "consensus_hash", h.params, 32);
  h.app_length = (uint8_t)hex(j, "app_hash", h.app, 32);
  hex(j, "last_results_hash", h.last_results, 32);
  hex(j, "evidence_hash", h.evidence, 32);
  assert_int_equal(hex(j, "proposer_address", h.proposer, 20), 20);
  return h;
}

static struct comet_commit commit_of(const json_t *j, struct comet_signature signatures[SIGNATURES]) {
  struct comet_commit c = {.height = number(j, "height"),
                           .round = (uint32_t)number(j, "round"),
                           .block = block_id_of(at(j, "block_id")),
                           .signatures = signatures};
  size_t i;
  json_t *one;
  json_array_foreach(at(j, "signatures"), i, one) {
    signatures[i] =
        (struct comet_signature){.flag = (uint8_t)number(one, "block_id_flag"), .time = time_of(one, "timestamp")};
    assert_int_equal(hex(one, "validator_address", signatures[i].address, 20), 20);
    assert_int_equal(base64(text(one, "signature"), signatures[i].signature, 64), 64);
    c.count++;
  }
  return c;
}

static uint32_t validators_of(const json_t *j, struct comet_validator validators[SIGNATURES]) {
  size_t i;
  json_t *one;
  json_array_foreach(j, i, one) {
    uint8_t address[20], expected[20];
    assert_int_equal(base64(text(one, "pub_key.value"), validators[i].key.bytes, 32), 32);
    validators[i].power = number(one, "voting_power");
    comet_address(&validators[i].key, address);
    hex(one, "address", expected, 20);
    assert_memory_equal(address, expected, 20);
  }
  return (uint32_t)json_array_size(j);
}

/* A block, its bytes, and where its parts lie. */
struct world {
  struct comet_block block;
  struct comet_span spans[TRANSACTIONS];
  struct comet_signature signatures[SIGNATURES];
  uint8_t transactions[1024], *bytes;
  size_t length;
};

static void world_encode(struct world *w) {
  w->length = comet_block_bytes(&w->block);
  w->bytes = malloc(w->length);
  assert_non_null(w->bytes);
  assert_int_equal(comet_block_encode(&w->block, w->bytes, w->length), w->length);
}

static void world_open(struct world *w, const json_t *block) {
  *w = (struct world){.block.header = header_of(at(block, "header"))};
  size_t i, used = 0;
  json_t *one;
  w->block.last = commit_of(at(block, "last_commit"), w->signatures);
  w->block.transactions = w->spans;
  json_array_foreach(at(block, "data.txs"), i, one) {
    size_t length = base64(json_string_value(one), w->transactions + used, sizeof w->transactions - used);
    w->spans[i] = (struct comet_span){w->transactions + used, length};
    used += length;
    w->block.count++;
  }
  world_encode(w);
}

/* Decodes, compares, encodes again, and cuts: every shorter piece and one byte more are no block. */
static void round_trip(const struct world *w, bool cut) {
  struct comet_span spans[TRANSACTIONS];
  struct comet_signature signatures[SIGNATURES];
  const struct comet_space space = {spans, TRANSACTIONS, signatures, SIGNATURES};
  struct comet_block b;
  uint8_t *again = malloc(w->length + 1);
  assert_non_null(again);
  assert_true(comet_block_decode(w->bytes, w->length, &space, &b));
  assert_true(comet_block_consistent(&b));
  assert_int_equal(b.count, w->block.count);
  assert_int_equal(b.last.count, w->block.last.count);
  assert_int_equal(comet_block_encode(&b, again, w->length), w->length);
  assert_memory_equal(again, w->bytes, w->length);
  again[w->length] = 0;
  assert_false(comet_block_decode(again, w->length + 1, &space, &b));
  for (size_t n = 0; cut && n < w->length; n++) assert_false(comet_block_decode(w->bytes, n, &space, &b));
  const struct comet_space small = {spans, w->block.count - 1, signatures, SIGNATURES},
                           few = {spans, TRANSACTIONS, signatures, w->block.last.count - 1};
  if (w->block.count) assert_false(comet_block_decode(w->bytes, w->length, &small, &b));
  if (w->block.last.count) assert_false(comet_block_decode(w->bytes, w->length, &few, &b));
  free(again);
}

static void leaves_round_trip(const struct comet_header *h) {
  uint8_t leaves[COMET_LEAVES_BYTES_MAX], hash[32], other[32];
  struct comet_header again;
  size_t length = comet_header_leaves(h, leaves);
  assert_true(comet_header_of_leaves(leaves, length, &again));
  comet_header_hash(h, hash);
  comet_header_hash(&again, other);
  assert_memory_equal(hash, other, 32);
  for (size_t n = 0; n < length; n++) assert_false(comet_header_of_leaves(leaves, n, &again));
  for (size_t i = 0; i < length * 8; i++) { /* any bit: another header or none */
    leaves[i / 8] ^= (uint8_t)(1 << i % 8);
    if (comet_header_of_leaves(leaves, length, &again)) {
      comet_header_hash(&again, other);
      assert_memory_not_equal(hash, other, 32);
    }
    leaves[i / 8] ^= (uint8_t)(1 << i % 8);
  }
}

static const char *const blocks[] = {"1", "2", "h", "h_plus_1"};

static json_t *load_of(const char *kind, const char *which) {
  char name[64];
  snprintf(name, sizeof name, "%s_%s", kind, which);
  return load(name);
}

static void blocks_of_a_chain(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++) {
    json_t *j = load_of("block", blocks[k]), *c = load_of("commit", blocks[k]), *v = load_of("validators", blocks[k]);
    struct comet_validator validators[SIGNATURES];
    struct comet_signature signatures[SIGNATURES];
    struct world w;
    struct why why;
    world_open(&w, at(j, "response.result.block"));
    struct comet_block_id id = comet_block_id(&w.block.header, w.bytes, w.length),
                          expected = block_id_of(at(j, "response.result.block_id"));
    assert_memory_equal(id.hash, expected.hash, 32);
    assert_true(comet_block_id_equal(&id, &expected));
    assert_true(comet_block_consistent(&w.block));
    round_trip(&w, true);
    leaves_round_trip(&w.block.header);

    uint32_t count = validators_of(at(v, "response.result.validators"), validators);
    struct comet_header header = header_of(at(c, "response.result.signed_header.header"));
    struct comet_commit commit = commit_of(at(c, "response.result.signed_header.commit"), signatures);
    assert_true(comet_block_id_equal(&commit.block, &id));
    if (!comet_commit_check(&header, &commit, validators, count, &why)) fail_msg("%s", why.text);

    uint8_t hash[32];
    json_t *p = load("consensus_params");
    comet_params_hash((int64_t)number(p, "response.result.consensus_params.block.max_bytes"),
                      (int64_t)number(p, "response.result.consensus_params.block.max_gas"), hash);
    assert_memory_equal(hash, w.block.header.params, 32);
    free(w.bytes);
    json_decref(p), json_decref(j), json_decref(c), json_decref(v);
  }
}

static void results_bound_by_the_next_header(void **state) {
  (void)state;
  json_t *r = load("block_results_h"), *next = load("block_h_plus_1"), *p = load("tx_prove"), *block = load("block_h");
  const json_t *one = json_array_get(at(r, "response.result.txs_results"), 0);
  uint8_t data[64], hash[32], leaf[32], root[32];
  struct comet_result result = {.code = (uint32_t)number(one, "code"),
                                .data = {data, base64(text(one, "data"), data, sizeof data)},
                                .gas_wanted = (int64_t)number(one, "gas_wanted"),
                                .gas_used = (int64_t)number(one, "gas_used")};
  comet_results_hash(&result, 1, hash);
  hash_is(next, "response.result.block.header.last_results_hash", hash);

  uint8_t transaction[64];
  size_t length = base64(text(p, "response.result.tx"), transaction, sizeof transaction);
  comet_transaction_leaf(transaction, length, leaf);
  base64(text(p, "response.result.proof.proof.leaf_hash"), hash, 32);
  assert_memory_equal(leaf, hash, 32);
  comet_tree((const uint8_t(*)[32]) & leaf, 1, root);
  hash_is(p, "response.result.proof.root_hash", root);
  json_decref(r), json_decref(next), json_decref(p), json_decref(block);
}

static void sizes_as_the_chain_tells_them(void **state) {
  (void)state;
  json_t *j = load("blockchain");
  size_t i;
  json_t *meta;
  json_array_foreach(at(j, "response.result.block_metas"), i, meta) {
    uint64_t height = number(meta, "header.height");
    struct comet_header h = header_of(at(meta, "header"));
    uint8_t hash[32];
    comet_header_hash(&h, hash);
    hash_is(meta, "block_id.hash", hash);
    if (height > 2) continue;
    json_t *b = load_of("block", blocks[height - 1]);
    struct world w;
    world_open(&w, at(b, "response.result.block"));
    assert_int_equal(w.length, number(meta, "block_size"));
    free(w.bytes);
    json_decref(b);
  }
  json_decref(j);
}

/* What CometBFT's types say of one block drawn at random. */
struct made {
  struct world w;
  struct comet_validator validators[SIGNATURES];
  uint32_t validators_count;
  uint8_t *transactions;
};

static void made_open(struct made *m, const json_t *j) {
  uint8_t bytes[8192];
  size_t i, used = 0, length = hex(j, "header", bytes, sizeof bytes);
  json_t *one;
  memset(m, 0, sizeof *m);
  assert_true(comet_header_decode(bytes, length, &m->w.block.header));
  length = hex(j, "commit", bytes, sizeof bytes);
  assert_true(comet_commit_decode(bytes, length, m->w.signatures, SIGNATURES, &m->w.block.last));
  m->transactions = malloc(BYTES);
  assert_non_null(m->transactions);
  json_array_foreach(at(j, "transactions"), i, one) {
    size_t n = (size_t)atoi(json_string_value(one));
    assert_true(used + n <= BYTES);
    m->w.spans[i] = (struct comet_span){m->transactions + used, n};
    for (size_t k = 0; k < n; k++) m->transactions[used++] = (uint8_t)(31 * i + 7 * k + (k >> 8));
    m->w.block.count++;
  }
  m->w.block.transactions = m->w.spans;
  world_encode(&m->w);
  json_array_foreach(at(j, "validators"), i, one) {
    hex(one, "key", m->validators[i].key.bytes, 32);
    m->validators[i].power = number(one, "power");
    m->validators_count++;
  }
}

static void made_results(const json_t *j, const struct comet_header *h) {
  struct comet_result results[TRANSACTIONS];
  uint8_t data[TRANSACTIONS][128], hash[32];
  uint32_t count = 0;
  size_t i;
  json_t *one;
  json_array_foreach(at(j, "results"), i, one) {
    size_t n = hex(one, "data", data[i], sizeof data[i]);
    results[count++] = (struct comet_result){(uint32_t)number(one, "code"),
                                             {data[i], n},
                                             (int64_t)number(one, "gas_wanted"),
                                             (int64_t)number(one, "gas_used")};
  }
  comet_results_hash(results, count, hash);
  hash_is(j, "results_hash", hash);
  assert_memory_equal(hash, h->last_results, 32);
  comet_params_hash((int64_t)number(j, "max_bytes"), (int64_t)number(j, "max_gas"), hash);
  hash_is(j, "params_hash", hash);
}

static void made_proofs(const json_t *j, const struct made *m) {
  uint8_t leaves[TRANSACTIONS][32], path[64][32];
  size_t i, k;
  json_t *one, *aunt;
  for (i = 0; i < m->w.block.count; i++) comet_transaction_leaf(m->w.spans[i].bytes, m->w.spans[i].length, leaves[i]);
  json_array_foreach(json_object_get(j, "proofs"), i, one) {
    uint32_t steps = comet_tree_path((const uint8_t(*)[32])leaves, m->w.block.count, i, path);
    hash_is(one, "leaf", leaves[i]);
    assert_int_equal(steps, json_array_size(at(one, "aunts")));
    json_array_foreach(at(one, "aunts"), k, aunt) {
      char expected[65];
      hex_encode(path[k], 32, expected);
      assert_string_equal(expected, json_string_value(aunt));
    }
  }
}

static void made_votes(const json_t *j, const struct made *m) {
  const struct comet_commit *c = &m->w.block.last;
  size_t i;
  json_t *one;
  json_array_foreach(at(j, "validators"), i, one) {
    uint8_t address[20], expected[COMET_VOTE_BYTES_MAX], bytes[COMET_VOTE_BYTES_MAX];
    comet_address(&m->validators[i].key, address);
    assert_int_equal(hex(one, "address", expected, 20), 20);
    assert_memory_equal(address, expected, 20);
    if (!json_object_get(one, "sign_bytes")) continue;
    const struct comet_signature *s = &c->signatures[i];
    size_t length = hex(one, "sign_bytes", expected, sizeof expected);
    assert_int_equal(comet_vote_bytes(m->w.block.header.chain_id, c->height, c->round,
                                      s->flag == COMET_COMMIT ? &c->block : NULL, &s->time, bytes),
                     length);
    assert_memory_equal(bytes, expected, length);
    assert_memory_equal(s->address, address, 20);
    assert_true(sign_check(&m->validators[i].key, bytes, length, s->signature));
  }
}

static void blocks_drawn_at_random(void **state) {
  (void)state;
  json_t *root = load("made"), *j;
  size_t i;
  json_array_foreach(root, i, j) {
    struct made m;
    uint8_t hash[32], commit[8192], expected[8192];
    made_open(&m, j);
    const struct comet_header *h = &m.w.block.header;
    assert_string_equal(h->chain_id, text(j, "chain_id"));
    comet_header_hash(h, hash);
    hash_is(j, "header_hash", hash);
    comet_commit_hash(&m.w.block.last, hash);
    hash_is(j, "commit_hash", hash);
    size_t length = comet_commit_encode(&m.w.block.last, commit, sizeof commit);
    assert_int_equal(length, hex(j, "commit", expected, sizeof expected));
    assert_memory_equal(commit, expected, length);
    comet_data_hash(m.w.spans, m.w.block.count, hash);
    hash_is(j, "data_hash", hash);
    assert_true(comet_validators_hash(m.validators, m.validators_count, hash));
    hash_is(j, "validators_hash", hash);
    assert_int_equal(m.w.length, number(j, "block_length"));
    struct comet_block_id id = comet_block_id(h, m.w.bytes, m.w.length);
    assert_int_equal(id.parts, number(j, "parts_total"));
    hash_is(j, "parts_hash", id.parts_hash);
    if (json_object_get(j, "block")) {
      uint8_t *whole = malloc(m.w.length);
      assert_int_equal(hex(j, "block", whole, m.w.length), m.w.length);
      assert_memory_equal(whole, m.w.bytes, m.w.length);
      free(whole);
    }
    round_trip(&m.w, m.w.length < 4000);
    leaves_round_trip(h);
    made_results(j, h);
    made_proofs(j, &m);
    made_votes(j, &m);
    free(m.w.bytes), free(m.transactions);
  }
  assert_true(i >= 8);
  json_decref(root);
}

static int setup(void **state) {
  (void)state;
  return sign_open(NULL) == SIGN_OK ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_of_a_chain),
      cmocka_unit_test(results_bound_by_the_next_header),
      cmocka_unit_test(sizes_as_the_chain_tells_them),
      cmocka_unit_test(blocks_drawn_at_random),
  };
  return cmocka_run_group_tests(tests, setup, NULL);
}
