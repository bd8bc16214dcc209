/* The state: abci_info and abci_query. TRANSFER 1. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "ledger/log/log.h"
#include "net/rpc/method.h"

/* TRANSFER 1.2. */
enum { FOUND = 0, NONE = 1, MALFORMED = 2, NO_PATH = 3 };
enum { PAGE_BYTES_MAX = 2 << 20 };

enum question_code give_abci_info(struct node *n, struct asked *a) {
  struct stored s;
  struct kv_head head = {0};
  enum question_code code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  kv_view_head(s.view, &head);
  a->result = form_must(json_pack("{s:{s:s, s:s, s:o, s:o, s:o}}", "response", "data", "assay", "version", "1",
                                  "app_version", form_number(SOLO_APP_VERSION), "last_block_height",
                                  form_number(head.height), "last_block_app_hash", form_bytes(head.app_hash, 32)));
  stored_shut(&s);
  return QUESTION_OK;
}

/* One answer; proof is taken, NULL for none. */
static enum question_code answer(struct asked *a, int code, const char *log, const void *key, size_t key_length,
                                 const void *value, size_t value_length, uint64_t height, json_t *proof) {
  a->result = form_must(
      json_pack("{s:{s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s}}", "response", "code", code, "log", log, "info", "",
                "index", "0", "key", key_length ? form_bytes(key, key_length) : json_null(), "value",
                value_length ? form_bytes(value, value_length) : json_null(), "proofOps", proof ? proof : json_null(),
                "height", form_number(height), "codespace", code ? "assay" : ""));
  return QUESTION_OK;
}

static enum question_code malformed(struct asked *a, const char *log, uint64_t height) {
  return answer(a, MALFORMED, log, NULL, 0, NULL, 0, height, NULL);
}

static bool take_key(const struct asked *a, struct map_key *key) {
  if (!a->length || a->length > MAP_KEY_BYTES_MAX) return false;
  key->length = (uint8_t)a->length;
  memcpy(key->bytes, a->bytes, a->length);
  return true;
}

static enum question_code read_key(struct asked *a, struct stored *s, uint64_t height) {
  struct map_key key;
  struct map_value value;
  if (!take_key(a, &key)) return malformed(a, "a key has 1 to 129 bytes", height);
  if (kv_view_record(s->view, &key, &value) != STORE_OK)
    return answer(a, NONE, "there is no such key", a->bytes, a->length, NULL, 0, height, NULL);
  return answer(a, FOUND, "", a->bytes, a->length, value.bytes, value.length, height, NULL);
}

/* TRANSFER 1.4. */
static enum question_code read_prefix(struct asked *a, struct stored *s, uint64_t height) {
  struct reader r = reader_over(a->bytes, a->length);
  uint32_t most = take_u32(&r), count = 0;
  uint16_t prefix_length = take_u16(&r);
  const uint8_t *prefix_bytes = take_bytes(&r, prefix_length);
  struct map_key prefix = {0}, after = {0}, key;
  struct map_value value;
  if (r.short_of || !most || prefix_length > MAP_KEY_BYTES_MAX || bytes_left(&r) > MAP_KEY_BYTES_MAX)
    return malformed(a, "not most, prefix and after", height);
  prefix.length = (uint8_t)prefix_length;
  if (prefix_length) memcpy(prefix.bytes, prefix_bytes, prefix_length);
  after.length = (uint8_t)bytes_left(&r);
  if (after.length) memcpy(after.bytes, r.at, after.length);
  if (after.length && (after.length < prefix.length || memcmp(after.bytes, prefix.bytes, prefix.length) != 0))
    return malformed(a, "after does not begin with the prefix", height);
  /* An answer ends before PAGE_BYTES_MAX, but for the first row. */
  size_t size = PAGE_BYTES_MAX + MAP_VALUE_BYTES_MAX + MAP_KEY_BYTES_MAX + 16;
  uint8_t *page = malloc(size);
  assert(page);
  struct writer w = writer_over(page + 5, size - 5);
  bool more = false;
  const struct map_key *from = after.length ? &after : NULL;
  while (kv_view_next(s->view, &prefix, from, &key, &value) == STORE_OK) {
    size_t row = 1 + key.length + 4 + value.length;
    more = count == most || (count && 5 + bytes_written(&w) + row >= PAGE_BYTES_MAX);
    if (more) break;
    put_u8(&w, key.length);
    put_bytes(&w, key.bytes, key.length);
    put_u32(&w, value.length);
    put_bytes(&w, value.bytes, value.length);
    count++;
    after = key;
    from = &after;
  }
  assert(!w.full);
  struct writer head = writer_over(page, 5);
  put_u8(&head, more);
  put_u32(&head, count);
  enum question_code code =
      answer(a, FOUND, "", prefix.bytes, prefix.length, page, 5 + bytes_written(&w), height, NULL);
  free(page);
  return code;
}

static bool take_number(const struct asked *a, uint64_t *number) {
  struct reader r = reader_over(a->bytes, a->length);
  *number = take_u64(&r);
  return bytes_done(&r);
}

/* TRANSFER 1.5. */
static enum question_code read_receipt(struct asked *a, struct stored *s, uint64_t height, json_t *proof) {
  uint64_t number;
  struct kv_span receipt, payments;
  if (!take_number(a, &number)) {
    json_decref(proof);
    return malformed(a, "a receipt's number has 8 bytes", height);
  }
  if (kv_view_receipt(s->view, number, &receipt, &payments) != STORE_OK) {
    json_decref(proof);
    return answer(a, NONE, "there is no such receipt", a->bytes, a->length, NULL, 0, height, NULL);
  }
  size_t length = receipt.length + payments.length;
  uint8_t *both = malloc(length + 1);
  assert(both);
  memcpy(both, receipt.bytes, receipt.length);
  if (payments.length) memcpy(both + receipt.length, payments.bytes, payments.length);
  enum question_code code = answer(a, FOUND, "", a->bytes, a->length, both, length, height, proof);
  free(both);
  return code;
}

/* TRANSFER 1.7. */
static enum question_code read_content(struct asked *a, struct stored *s, uint64_t height) {
  struct kv_span content;
  if (a->length != 32) return malformed(a, "a hash has 32 bytes", height);
  if (kv_view_content(s->view, a->bytes, &content) != STORE_OK)
    return answer(a, NONE, "nothing is kept under this hash", a->bytes, a->length, NULL, 0, height, NULL);
  return answer(a, FOUND, "", a->bytes, a->length, content.bytes, content.length, height, NULL);
}

/* TRANSFER 1.9. */
static enum question_code read_certificate(struct node *n, struct asked *a, struct stored *s, uint64_t height) {
  size_t length;
  if (a->length != 8 && a->length != 32 && a->length != 34)
    return malformed(a, "a receipt's number has 8 bytes, a job 32, a task 34", height);
  uint8_t *certificate = give_certificate(n, a, s, &length);
  if (!certificate)
    return answer(a, NONE, "no such receipt, job or task has been settled", a->bytes, a->length, NULL, 0, height, NULL);
  enum question_code code = answer(a, FOUND, "", a->bytes, a->length, certificate, length, height, NULL);
  free(certificate);
  return code;
}

/* TRANSFER 1.8. */
static enum question_code read_faucet(const struct node *n, struct asked *a, uint64_t height) {
  if (a->length) return malformed(a, "this question has no data", height);
  if (!n->faucet) return answer(a, NONE, "this node names no faucet", NULL, 0, NULL, 0, height, NULL);
  return answer(a, FOUND, "", NULL, 0, n->faucet, strlen(n->faucet), height, NULL);
}

enum question_code give_abci_query(struct node *n, struct asked *a) {
  const char *path = "";
  uint64_t height = 0;
  bool given, prove = false;
  struct stored s;
  struct question *q = &a->question;
  enum question_code code = question_text(q, "path", &path);
  if (code == QUESTION_OK) code = question_hex(q, "data", &a->bytes, &a->length);
  if (code == QUESTION_OK) code = question_number(q, "height", INT64_MAX, &height, &given);
  if (code == QUESTION_OK) code = question_bool(q, "prove", &prove);
  if (code == QUESTION_OK) code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  uint64_t number;
  bool key = strcmp(path, "/key") == 0, receipt = strcmp(path, "/receipt") == 0;
  if (height && height != s.latest) {
    code = malformed(a, "only the last block's state is kept: height 0, or that", s.latest);
  } else if (prove && key && take_key(a, &a->request.key)) {
    code = QUESTION_LATER;
  } else if (prove && receipt && take_number(a, &number)) {
    a->request.key = map_key(MODULE_LOG, NULL, 0);
    code = QUESTION_LATER;
  } else if (key) {
    code = read_key(a, &s, s.latest);
  } else if (receipt) {
    code = read_receipt(a, &s, s.latest, NULL);
  } else if (strcmp(path, "/prefix") == 0) {
    code = read_prefix(a, &s, s.latest);
  } else if (strcmp(path, "/content") == 0) {
    code = read_content(a, &s, s.latest);
  } else if (strcmp(path, "/certificate") == 0) {
    code = read_certificate(n, a, &s, s.latest);
  } else if (strcmp(path, "/faucet") == 0) {
    code = read_faucet(n, a, s.latest);
  } else {
    code = answer(a, NO_PATH, "there are /key, /prefix, /receipt, /content, /faucet and /certificate", NULL, 0, NULL, 0,
                  s.latest, NULL);
  }
  stored_shut(&s);
  if (code != QUESTION_LATER) return code;
  a->request.kind = LOOP_PROVE;
  a->request.proof = calloc(1, sizeof *a->request.proof);
  assert(a->request.proof);
  return code;
}

static json_t *op(const char *type, const void *key, size_t key_length, const void *data, size_t length) {
  return form_must(
      json_pack("{s:s, s:o, s:o}", "type", type, "key", form_bytes(key, key_length), "data", form_bytes(data, length)));
}

/* The last step: how the state root and the log's make the app hash (LEDGER 17.2). */
static json_t *app_op(const struct solo_proof *p) {
  uint8_t bytes[32 + 32 + 8];
  struct writer w = writer_over(bytes, sizeof bytes);
  put_bytes(&w, p->state_root, 32);
  put_bytes(&w, p->log_root, 32);
  put_u64(&w, p->log_size);
  return op("assay/app", "", 0, bytes, sizeof bytes);
}

/* RFC 6962's path under the log's root: index u64 | size u64 | hashes. */
static json_t *path_op(const struct asked *a, const struct stored *s, uint64_t number) {
  uint8_t path[LOG_LEVELS_MAX][LOG_HASH_BYTES], bytes[16 + LOG_LEVELS_MAX * LOG_HASH_BYTES];
  uint32_t count;
  const struct solo_proof *proof = a->request.proof;
  struct writer w = writer_over(bytes, sizeof bytes);
  if (!log_path(proof->log_size, number, kv_view_node, s->view, path, &count)) return NULL;
  put_u64(&w, number);
  put_u64(&w, proof->log_size);
  put_bytes(&w, path, (size_t)count * LOG_HASH_BYTES);
  return op("assay/receipt", a->bytes, a->length, bytes, bytes_written(&w));
}

enum question_code give_abci_query_proved(struct node *n, struct asked *a) {
  struct stored s;
  uint64_t number;
  const struct loop_request *r = &a->request;
  const struct solo_proof *proof = r->proof;
  if (r->unable) return give_fail(a, QUESTION_INTERNAL, "the disk does not take the last block: try again");
  if (r->key.length == a->length && memcmp(r->key.bytes, a->bytes, a->length) == 0) {
    json_t *ops = form_must(json_pack(
        "{s:[o, o]}", "ops", op("assay/state", a->bytes, a->length, proof->bytes, proof->length), app_op(proof)));
    return answer(a, r->found ? FOUND : NONE, r->found ? "" : "there is no such key", a->bytes, a->length, r->value,
                  r->value_length, proof->height, ops);
  }
  enum question_code code = stored_open(n, a, &s);
  if (code != QUESTION_OK) return code;
  json_t *path = take_number(a, &number) && number < proof->log_size ? path_op(a, &s, number) : NULL;
  json_t *ops = path ? form_must(json_pack("{s:[o, o]}", "ops", path, app_op(proof))) : NULL;
  code = read_receipt(a, &s, proof->height, ops);
  stored_shut(&s);
  return code;
}
