#include "net/client/client.h"

#include "base/base64.h"
#include "base/bytes.h"
#include "base/hex.h"
#include "certificate/certificate.h"
#include "crypto/sha256.h"
#include "engine/comet/time.h"
#include "ledger/genesis/genesis.h"
#include "ledger/receipt/receipt.h"
#include "net/client/answer.h"
#include "net/client/call.h"
#include "net/client/page.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct client {
  struct call call;
};

/* TRANSFER 1.2 */
enum { QUERY_FOUND = 0, QUERY_NONE = 1 };

enum client_status client_open(struct client **out, const char *url, const volatile int *stop, struct why *why) {
  struct client *c = calloc(1, sizeof *c);
  assert(c && "memory for a client");
  if (!call_open(&c->call, url, stop, why)) {
    free(c);
    return CLIENT_REFUSED;
  }
  *out = c;
  return CLIENT_OK;
}

void client_shut(struct client *c) {
  if (!c) return;
  call_shut(&c->call);
  free(c);
}

void client_patience(struct client *c, struct client_patience patience) { c->call.patience = patience; }

static enum client_status strange(struct client *c, const char *what, struct why *why) {
  why_set(why, "%s: %s", c->call.url, what);
  return CLIENT_STRANGE;
}

/* Drops params, whatever comes of it. */
static enum client_status ask(struct client *c, const char *method, json_t *params, json_t **result,
                              struct call_error *error, struct why *why) {
  assert(params && "memory for a question");
  enum client_status status = call_ask(&c->call, method, params, result, error, why);
  json_decref(params);
  return status;
}

enum client_status client_node(struct client *c, struct client_node *out, struct why *why) {
  struct client_node node;
  struct call_error error;
  struct comet_time time;
  json_t *result;
  enum client_status status = ask(c, "status", json_object(), &result, &error, why);
  if (status != CLIENT_OK) return status;
  const json_t *moment = answer_at(result, "sync_info.latest_block_time");
  bool good = answer_text(answer_at(result, "node_info.network"), node.chain_id, sizeof node.chain_id) &&
              answer_height(answer_at(result, "sync_info.latest_block_height"), &node.height) &&
              json_is_string(moment) && comet_time_read(json_string_value(moment), json_string_length(moment), &time);
  /* Before the first block the hash is a text of no digits. */
  const json_t *hash = answer_at(result, "sync_info.latest_app_hash");
  memset(node.app_hash, 0, sizeof node.app_hash);
  if (!json_is_string(hash) || json_string_length(hash) != 0) good = good && answer_hash(hash, node.app_hash);
  json_decref(result);
  if (!good || time.seconds > INT64_MAX / 2000) return strange(c, "a status that is none", why);
  node.time_ms = time.seconds < 0 ? 0 : (uint64_t)time.seconds * 1000 + (uint64_t)time.nanos / 1000000;
  *out = node;
  return CLIENT_OK;
}

/* abci_query. With OK and NONE *height is written; with OK *value is the caller's. */
static enum client_status query(struct client *c, const char *path, const uint8_t *data, size_t length, uint8_t **value,
                                size_t *value_length, uint64_t *height, struct why *why) {
  char text[2 * 512 + 1], words[200];
  struct call_error error;
  json_t *result;
  assert(length <= 512);
  hex_encode(data, length, text);
  enum client_status status =
      ask(c, "abci_query", json_pack("{s:s, s:s, s:s, s:b}", "path", path, "data", text, "height", "0", "prove", 0),
          &result, &error, why);
  if (status != CLIENT_OK) return status;
  const json_t *response = json_object_get(result, "response");
  uint32_t code;
  uint64_t at;
  uint8_t *bytes = NULL;
  size_t count;
  bool good = answer_code(json_object_get(response, "code"), &code) &&
              answer_height(json_object_get(response, "height"), &at) &&
              answer_bytes(json_object_get(response, "value"), CLIENT_ANSWER_BYTES_MAX, &bytes, &count) &&
              (code == QUERY_FOUND || count == 0);
  answer_words(json_object_get(response, "log"), words, sizeof words);
  json_decref(result);
  if (!good) {
    free(bytes);
    return strange(c, "an answer to abci_query that is none", why);
  }
  if (code == QUERY_FOUND) {
    *value = bytes;
    *value_length = count;
    *height = at;
    return CLIENT_OK;
  }
  free(bytes);
  if (code == QUERY_NONE) *height = at;
  why_set(why, "%s: %s: %s", c->call.url, path, *words ? words : code == QUERY_NONE ? "there is none" : "refused");
  return code == QUERY_NONE ? CLIENT_NONE : CLIENT_REFUSED;
}

enum client_status client_get(struct client *c, const struct map_key *key, uint8_t **value, size_t *length,
                              uint64_t *height, struct why *why) {
  uint8_t *bytes = NULL;
  size_t count = 0;
  uint64_t at = 0;
  enum client_status status = query(c, "/key", key->bytes, key->length, &bytes, &count, &at, why);
  if (status == CLIENT_OK && count > MAP_VALUE_BYTES_MAX) {
    free(bytes);
    return strange(c, "a value longer than any", why);
  }
  if (height && (status == CLIENT_OK || status == CLIENT_NONE)) *height = at;
  if (status == CLIENT_OK) {
    *value = bytes;
    *length = count;
  }
  return status;
}

static size_t put_question(const struct map_key *prefix, const struct map_key *last, uint32_t most,
                           uint8_t bytes[512]) {
  struct writer w = writer_over(bytes, 512);
  put_u32(&w, most);
  put_u16(&w, prefix->length);
  put_bytes(&w, prefix->bytes, prefix->length);
  put_bytes(&w, last->bytes, last->length);
  assert(!w.full);
  return bytes_written(&w);
}

enum client_status client_walk(struct client *c, const struct map_key *prefix, const struct map_key *after,
                               uint32_t most, client_show *show, void *context, uint64_t *height, struct why *why) {
  struct map_key last = after ? *after : (struct map_key){0};
  bool first = true, more = true;
  while (most > 0 && more) {
    uint8_t question[512], *bytes;
    size_t length;
    uint64_t at;
    struct page page;
    enum client_status status =
        query(c, "/prefix", question, put_question(prefix, &last, most, question), &bytes, &length, &at, why);
    if (status == CLIENT_NONE) return strange(c, "no answer to /prefix, where there is always one", why);
    if (status != CLIENT_OK) return status;
    if (length > CLIENT_WALK_BYTES_MAX || !page_read(bytes, length, most, prefix, last, &page)) {
      free(bytes);
      return strange(c, "a page of keys that is none", why);
    }
    if (first && height) *height = at;
    first = false;
    more = page.more;
    for (uint32_t i = 0; i < page.count; i++) {
      const uint8_t *value;
      uint32_t n;
      bool whole = page_row(&page.rows, &last, &value, &n);
      assert(whole && "page_read saw it");
      most--;
      if (!show(context, &last, value, n)) {
        free(bytes);
        return CLIENT_OK;
      }
    }
    free(bytes);
  }
  return CLIENT_OK;
}

static uint8_t *copy(const uint8_t *bytes, size_t length) {
  uint8_t *out = malloc(length + 1);
  assert(out && "memory for an answer");
  if (length) memcpy(out, bytes, length);
  return out;
}

enum client_status client_receipt(struct client *c, uint64_t number, uint8_t **receipt, size_t *receipt_length,
                                  uint8_t **payments, size_t *payments_length, struct why *why) {
  uint8_t data[8], hash[32], *bytes;
  struct writer w = writer_over(data, sizeof data);
  put_u64(&w, number);
  size_t length;
  uint64_t height;
  enum client_status status = query(c, "/receipt", data, sizeof data, &bytes, &length, &height, why);
  if (status != CLIENT_OK) return status;
  struct receipt decoded;
  bool good = length >= RECEIPT_BYTES && length - RECEIPT_BYTES <= PAYMENTS_BYTES_MAX &&
              receipt_decode(bytes, RECEIPT_BYTES, &decoded) && decoded.number == number;
  if (good) sha256(bytes + RECEIPT_BYTES, length - RECEIPT_BYTES, hash);
  if (!good || memcmp(hash, decoded.payments, 32) != 0) {
    free(bytes);
    return strange(c, "a receipt that is none, or payments that it does not name", why);
  }
  *receipt = copy(bytes, RECEIPT_BYTES);
  *receipt_length = RECEIPT_BYTES;
  *payments = copy(bytes + RECEIPT_BYTES, length - RECEIPT_BYTES);
  *payments_length = length - RECEIPT_BYTES;
  free(bytes);
  return CLIENT_OK;
}

static enum client_status read_sent(struct client *c, const json_t *result, const uint8_t id[32], uint32_t *code,
                                    struct why *why) {
  uint8_t hash[32];
  uint32_t answered;
  if (!answer_code(json_object_get(result, "code"), &answered) || !answer_hash(json_object_get(result, "hash"), hash) ||
      memcmp(hash, id, 32) != 0)
    return strange(c, "an answer about another transaction", why);
  if (code) *code = answered;
  if (answered == 0) return CLIENT_OK;
  char words[200];
  answer_words(json_object_get(result, "log"), words, sizeof words);
  why_set(why, "%s: the transaction is refused: %s (code %" PRIu32 ")", c->call.url, *words ? words : "no reason given",
          answered);
  return CLIENT_REFUSED;
}

enum client_status client_content(struct client *c, const uint8_t hash[32], uint8_t **bytes, size_t *length,
                                  struct why *why) {
  uint64_t height;
  return query(c, "/content", hash, 32, bytes, length, &height, why);
}

enum client_status client_faucet(struct client *c, char url[CLIENT_URL_MAX], struct why *why) {
  uint64_t height;
  uint8_t *bytes;
  size_t length;
  enum client_status status = query(c, "/faucet", NULL, 0, &bytes, &length, &height, why);
  if (status != CLIENT_OK) return status;
  char text[CLIENT_URL_MAX] = "";
  bool good = length > 0 && length < sizeof text && !memchr(bytes, 0, length);
  if (good) memcpy(text, bytes, length);
  free(bytes);
  if (!good || !call_url(text)) return strange(c, "a faucet whose address is none", why);
  memcpy(url, text, sizeof text);
  return CLIENT_OK;
}

enum client_status client_genesis(struct client *c, uint8_t hash[32], struct why *why) {
  struct call_error error;
  json_t *result;
  uint8_t *bytes;
  size_t length;
  enum client_status status = ask(c, "genesis", json_object(), &result, &error, why);
  if (status != CLIENT_OK) return status;
  bool good = answer_bytes(answer_at(result, "genesis.app_state.assay"), CLIENT_ANSWER_BYTES_MAX, &bytes, &length);
  json_decref(result);
  if (good && length == 0) free(bytes);
  if (!good || length == 0) return strange(c, "a genesis that is none", why);
  genesis_hash(bytes, length, hash);
  free(bytes);
  return CLIENT_OK;
}

static bool is_asked(const struct certificate *c, const uint8_t *asked, size_t length) {
  struct reader r = reader_over(asked, length);
  if (length == 8) return c->settled.number == take_u64(&r);
  return (length == 32 || length == sizeof c->settled.task) && memcmp(c->settled.task, asked, length) == 0;
}

enum client_status client_certificate(struct client *c, const uint8_t *asked, size_t asked_length,
                                      const uint8_t genesis_hash[32], uint8_t **bytes, size_t *length,
                                      struct why *why) {
  static const char *const other = "a certificate of something else than was asked for";
  struct certificate *read = malloc(sizeof *read);
  uint8_t *found = NULL;
  uint64_t height;
  assert(read && "memory for a certificate");
  enum client_status status = query(c, "/certificate", asked, asked_length, &found, length, &height, why);
  bool good = status == CLIENT_OK && certificate_decode(found, *length, read, why);
  if (good && certificate_verify(read, NULL, why) != CERTIFICATE_TRUE) good = false;
  if (status == CLIENT_OK && !good) {
    why_before(why, "%s: a certificate that is none, or not true: ", c->call.url);
    status = CLIENT_STRANGE;
  } else if (good && (memcmp(read->settled.genesis, genesis_hash, 32) != 0 || !is_asked(read, asked, asked_length))) {
    status = strange(c, other, why);
  }
  free(read);
  if (status == CLIENT_OK)
    *bytes = found;
  else
    free(found);
  return status;
}

enum client_status client_send(struct client *c, const uint8_t *bytes, size_t length, uint32_t *code, struct why *why) {
  uint8_t id[32];
  struct call_error error;
  json_t *result;
  sha256(bytes, length, id);
  char *text = malloc(base64_length(length) + 1);
  assert(text && "memory for a transaction");
  base64_encode(bytes, length, text);
  json_t *params = json_pack("{s:s}", "tx", text);
  free(text);
  enum client_status status = ask(c, "broadcast_tx_sync", params, &result, &error, why);
  if (status == CLIENT_OK) {
    status = read_sent(c, result, id, code, why);
    json_decref(result);
    return status;
  }
  if (status != CLIENT_REFUSED) return status;
  if (code) *code = 0;
  return strstr(error.text, "already exists in cache") ? CLIENT_OK : CLIENT_REFUSED;
}

enum client_status client_result(struct client *c, const uint8_t id[32], struct client_result *out, struct why *why) {
  char text[45];
  struct call_error error;
  struct client_result found;
  json_t *result;
  base64_encode(id, 32, text);
  enum client_status status = ask(c, "tx", json_pack("{s:s, s:b}", "hash", text, "prove", 0), &result, &error, why);
  if (status == CLIENT_REFUSED && strstr(error.text, "not found")) return CLIENT_NONE;
  if (status != CLIENT_OK) return status;
  uint8_t hash[32], *bytes = NULL;
  size_t length;
  uint64_t gas;
  bool good = answer_hash(json_object_get(result, "hash"), hash) && memcmp(hash, id, 32) == 0 &&
              answer_height(json_object_get(result, "height"), &found.height) && found.height > 0 &&
              answer_code(answer_at(result, "tx_result.code"), &found.code) &&
              answer_height(answer_at(result, "tx_result.gas_used"), &gas) && gas <= UINT32_MAX &&
              answer_bytes(json_object_get(result, "tx"), CLIENT_ANSWER_BYTES_MAX, &bytes, &length);
  if (good) sha256(bytes, length, hash);
  free(bytes);
  good = good && memcmp(hash, id, 32) == 0;
  answer_words(answer_at(result, "tx_result.log"), found.log, sizeof found.log);
  json_decref(result);
  if (!good) return strange(c, "the result of another transaction", why);
  found.gas_used = (uint32_t)gas;
  *out = found;
  return CLIENT_OK;
}

enum client_status client_wait(struct client *c, uint64_t height, uint32_t ms, struct why *why) {
  uint64_t until = call_clock_ms() + ms;
  struct client_patience usual = c->call.patience;
  uint32_t pause_ms = 20;
  enum client_status status;
  for (;;) {
    struct client_node node;
    uint64_t now = call_clock_ms();
    uint32_t left = now < until ? (uint32_t)(until - now) : 0;
    c->call.patience.tries = 1;
    if (left + 1000 < usual.answer_ms) c->call.patience.answer_ms = left + 1000;
    status = client_node(c, &node, why);
    c->call.patience = usual;
    if (status == CLIENT_OK && node.height >= height) return CLIENT_OK;
    if (status != CLIENT_OK && status != CLIENT_LOST) return status;
    now = call_clock_ms();
    if (now >= until) {
      if (status == CLIENT_OK) why_set(why, "%s: still at height %" PRIu64, c->call.url, node.height);
      return status == CLIENT_OK ? CLIENT_NONE : CLIENT_LOST;
    }
    if (!call_pause(c->call.stop, pause_ms < until - now ? pause_ms : (uint32_t)(until - now))) {
      why_set(why, "stopped while waiting for height %" PRIu64, height);
      return CLIENT_STOPPED;
    }
    pause_ms = pause_ms < 250 ? pause_ms * 2 : 500;
  }
}
