/* What a client promises: a right answer is read exactly, and whatever else a node sends gives the right status, soon,
 * within bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "ledger/genesis/genesis.h"
#include "ledger/receipt/receipt.h"
#include "net/client/call.h"
#include "net/client/client.h"
#include "net/client/stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct client_patience calm = {.tries = 2, .connect_ms = 5000, .answer_ms = 10000};
static const struct client_patience hasty = {.tries = 2, .connect_ms = 1000, .answer_ms = 1200};

static struct client *client_of(const struct stage *s) {
  struct client *c;
  struct why why;
  assert_int_equal(client_open(&c, stage_url(s), NULL, &why), CLIENT_OK);
  client_patience(c, calm);
  return c;
}

static void reply(const struct stage_request *r, int http, const char *text) {
  stage_reply(r->socket, http, text, strlen(text));
}

/* One answer to every question. */
static void give(void *context, const struct stage_request *r) { stage_result(r, context); }

static const char status_text[] =
    "{\"node_info\":{\"network\":\"devnet-1\"},\"sync_info\":{\"latest_app_hash\":"
    "\"5C3E9BD47BCE6D87BAE1A4E7665930BEC9B74176F98C34A48B4642D519DA84CE\",\"latest_block_height\":\"94\","
    "\"latest_block_time\":\"2026-11-21T15:01:09.825487165Z\"}}";

static void a_status_is_read(void **state) {
  (void)state;
  char text[sizeof status_text];
  memcpy(text, status_text, sizeof text);
  struct stage *s = stage_open(give, text);
  struct client *c = client_of(s);
  struct client_node node;
  struct why why;
  assert_int_equal(client_node(c, &node, &why), CLIENT_OK);
  assert_string_equal(node.chain_id, "devnet-1");
  assert_int_equal(node.height, 94);
  assert_int_equal(node.time_ms, 1795273269825);
  assert_int_equal(node.app_hash[0], 0x5c);
  assert_int_equal(node.app_hash[31], 0xce);
  assert_int_equal(client_wait(c, 94, 100, &why), CLIENT_OK);
  uint64_t before = call_clock_ms();
  assert_int_equal(client_wait(c, 95, 120, &why), CLIENT_NONE);
  assert_in_range(call_clock_ms() - before, 120, 5000);
  client_shut(c);
  stage_shut(s);
}

/* LEDGER 3.3: the name of the chain is the hash of its binary genesis, "sample" here. */
static void a_genesis_gives_its_hash(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum client_status status;
  } cases[] = {{"{\"genesis\":{\"app_state\":{\"assay\":\"c2FtcGxl\"}}}", CLIENT_OK},
               {"{\"genesis\":{\"app_state\":{\"assay\":null}}}", CLIENT_STRANGE},
               {"{\"genesis\":{\"app_state\":{}}}", CLIENT_STRANGE},
               {"{\"genesis\":{\"app_state\":\"c2FtcGxl\"}}", CLIENT_STRANGE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[80];
    uint8_t hash[32], expected_hash[32];
    struct why why;
    snprintf(text, sizeof text, "%s", cases[i].text);
    struct stage *s = stage_open(give, text);
    struct client *c = client_of(s);
    assert_int_equal(client_genesis(c, hash, &why), cases[i].status);
    genesis_hash((const uint8_t *)"sample", 6, expected_hash);
    if (cases[i].status == CLIENT_OK) assert_memory_equal(hash, expected_hash, 32);
    client_shut(c);
    stage_shut(s);
  }
}

/* Every single change of the status to another type or spelling is refused. */
static void a_status_of_other_types_is_strange(void **state) {
  (void)state;
  static const struct {
    const char *old, *other;
  } changes[] = {{"\"94\"", "94"},
                 {"\"94\"", "\"094\""},
                 {"\"94\"", "\"-1\""},
                 {"\"94\"", "\"9223372036854775808\""},
                 {"\"94\"", "\"9.4\""},
                 {"\"94\"", "\"\""},
                 {"\"94\"", "null"},
                 {"\"94\"", "[\"94\"]"},
                 {"5C3E", "5c3E"},
                 {"5C3E", "5C"},
                 {"5C3E", "5G3E"},
                 {"165Z", "165"},
                 {"2026-11", "2026-13"},
                 {"\"devnet-1\"", "17"},
                 {"\"devnet-1\"", "\"a\\n\""},
                 {"\"sync_info\"", "\"sync\""}};
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    char text[sizeof status_text + 64];
    const char *at = strstr(status_text, changes[i].old);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - status_text), status_text, changes[i].other,
             at + strlen(changes[i].old));
    struct stage *s = stage_open(give, text);
    struct client *c = client_of(s);
    struct client_node node = {.height = 7};
    struct why why;
    assert_int_equal(client_node(c, &node, &why), CLIENT_STRANGE);
    assert_int_equal(node.height, 7);
    client_shut(c);
    stage_shut(s);
  }
}

/* A state of four records, asked by the forms of TRANSFER 1.3, 1.4 and 1.5, with pages of two rows. */
static const struct {
  struct map_key key;
  const char *value;
} records[] = {{{2, {2, 1}}, "one"}, {{3, {2, 1, 0}}, ""}, {{2, {2, 9}}, "nine"}, {{2, {2, 10}}, "ten"}};

struct chain_answers {
  bool reversed; /* a node that gives keys out of order */
  unsigned page_rows;
};

static size_t answer_page(const struct chain_answers *a, const uint8_t *data, size_t length, uint8_t *out) {
  struct reader r = reader_over(data, length);
  uint32_t most = take_u32(&r), count = 0;
  uint16_t n = take_u16(&r);
  const uint8_t *prefix = take_bytes(&r, n);
  struct map_key after = {.length = (uint8_t)bytes_left(&r)};
  memcpy(after.bytes, r.at, after.length);
  struct writer w = writer_over(out, 4096);
  put_u8(&w, 0);
  put_u32(&w, 0);
  for (size_t i = 0; i < 4; i++) {
    size_t k = a->reversed ? 3 - i : i;
    const struct map_key *key = &records[k].key;
    if (memcmp(key->bytes, prefix, n) != 0) continue;
    if (after.length && memcmp(key->bytes, after.bytes, 2) < 0) continue;
    if (after.length && !memcmp(key->bytes, after.bytes, 2) && key->length <= after.length) continue;
    if (count == most || count == a->page_rows) {
      out[0] = 1;
      break;
    }
    put_u8(&w, key->length);
    put_bytes(&w, key->bytes, key->length);
    put_u32(&w, (uint32_t)strlen(records[k].value));
    put_bytes(&w, records[k].value, strlen(records[k].value));
    out[1] = (uint8_t)++count;
  }
  return bytes_written(&w);
}

static void answer_query(const struct stage_request *r, int code, const uint8_t *value, size_t length) {
  char text[16384], base[12288];
  base64_encode(value, length, base);
  snprintf(text, sizeof text,
           "{\"response\":{\"code\":%d,\"log\":\"l\",\"info\":\"\",\"index\":\"0\",\"key\":null,\"value\":%s%s%s,"
           "\"proofOps\":null,\"height\":\"41\",\"codespace\":\"\"}}",
           code, length ? "\"" : "", length ? base : "null", length ? "\"" : "");
  stage_result(r, text);
}

static void answer_chain(void *context, const struct stage_request *r) {
  json_t *root = json_loads(r->body, 0, NULL), *params = json_object_get(root, "params");
  const char *path = json_string_value(json_object_get(params, "path"));
  const char *hex = json_string_value(json_object_get(params, "data"));
  uint8_t data[512], out[8192];
  size_t length = strlen(hex) / 2;
  assert_true(hex_decode(hex, data, length));
  if (strcmp(path, "/key") == 0) {
    size_t i = 0;
    while (i < 4 && (records[i].key.length != length || memcmp(records[i].key.bytes, data, length) != 0)) i++;
    if (i == 4)
      answer_query(r, 1, NULL, 0);
    else
      answer_query(r, 0, (const uint8_t *)records[i].value, strlen(records[i].value));
  } else if (strcmp(path, "/prefix") == 0) {
    answer_query(r, 0, out, answer_page(context, data, length, out));
  } else if (strcmp(path, "/content") == 0) {
    assert_int_equal(length, 32);
    answer_query(r, data[0] == 7 ? 0 : 1, (const uint8_t *)"a tape", data[0] == 7 ? 6 : 0);
  } else if (strcmp(path, "/receipt") == 0) {
    struct receipt receipt = {.number = data[0] == 4 ? 4 : 3, .kind = RECEIPT_SETTLED};
    sha256("paid", 4, receipt.payments);
    receipt_encode(&receipt, out);
    memcpy(out + RECEIPT_BYTES, data[0] == 4 ? "pais" : "paid", 4);
    answer_query(r, data[0] == 9 ? 1 : 0, out, data[0] == 9 ? 0 : RECEIPT_BYTES + 4);
  }
  json_decref(root);
}

static void records_and_receipts_are_read(void **state) {
  (void)state;
  struct chain_answers answers = {.page_rows = 2};
  struct stage *s = stage_open(answer_chain, &answers);
  struct client *c = client_of(s);
  struct why why;
  uint8_t *value, *payments;
  size_t length, payments_length;
  uint64_t height = 0;
  assert_int_equal(client_get(c, &records[2].key, &value, &length, &height, &why), CLIENT_OK);
  assert_int_equal(height, 41);
  assert_int_equal(length, 4);
  assert_memory_equal(value, "nine", 4);
  free(value);
  assert_int_equal(client_get(c, &records[1].key, &value, &length, NULL, &why), CLIENT_OK);
  assert_int_equal(length, 0);
  free(value);
  height = 0;
  assert_int_equal(client_get(c, &(struct map_key){1, {7}}, &value, &length, &height, &why), CLIENT_NONE);
  assert_int_equal(height, 41);
  uint8_t *receipt, hash[32] = {7};
  assert_int_equal(client_content(c, hash, &value, &length, &why), CLIENT_OK);
  assert_int_equal(length, 6);
  assert_memory_equal(value, "a tape", 6);
  free(value);
  hash[0] = 8;
  assert_int_equal(client_content(c, hash, &value, &length, &why), CLIENT_NONE);
  assert_int_equal(client_receipt(c, 3, &receipt, &length, &payments, &payments_length, &why), CLIENT_OK);
  assert_int_equal(length, RECEIPT_BYTES);
  assert_int_equal(payments_length, 4);
  assert_memory_equal(payments, "paid", 4);
  free(receipt);
  free(payments);
  assert_int_equal(client_receipt(c, 9, &receipt, &length, &payments, &payments_length, &why), CLIENT_NONE);
  assert_int_equal(client_receipt(c, 5, &receipt, &length, &payments, &payments_length, &why), CLIENT_STRANGE);
  assert_int_equal(client_receipt(c, 4, &receipt, &length, &payments, &payments_length, &why), CLIENT_STRANGE);
  client_shut(c);
  stage_shut(s);
}

struct seen {
  unsigned count, stop_at;
};
static bool see(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  struct seen *seen = context;
  unsigned i = seen->count++;
  assert_int_equal(key->length, records[i].key.length);
  assert_memory_equal(key->bytes, records[i].key.bytes, key->length);
  assert_int_equal(length, strlen(records[i].value));
  assert_memory_equal(value, records[i].value, length);
  return seen->count != seen->stop_at;
}

static void a_walk_goes_page_by_page(void **state) {
  (void)state;
  struct chain_answers answers = {.page_rows = 2};
  struct stage *s = stage_open(answer_chain, &answers);
  struct client *c = client_of(s);
  const struct map_key prefix = {1, {2}};
  struct why why;
  struct seen seen = {0};
  uint64_t height;
  assert_int_equal(client_walk(c, &prefix, NULL, 100, see, &seen, &height, &why), CLIENT_OK);
  assert_int_equal(seen.count, 4);
  assert_int_equal(height, 41);
  assert_int_equal(stage_count(s), 2);
  seen = (struct seen){0};
  assert_int_equal(client_walk(c, &prefix, NULL, 3, see, &seen, NULL, &why), CLIENT_OK);
  assert_int_equal(seen.count, 3);
  seen = (struct seen){.stop_at = 2};
  assert_int_equal(client_walk(c, &prefix, NULL, 100, see, &seen, NULL, &why), CLIENT_OK);
  assert_int_equal(seen.count, 2);
  seen = (struct seen){.count = 2};
  assert_int_equal(client_walk(c, &prefix, &records[1].key, 100, see, &seen, NULL, &why), CLIENT_OK);
  assert_int_equal(seen.count, 4);
  /* Pages that repeat, leave the prefix or run backward show nothing. */
  answers.reversed = true;
  seen = (struct seen){0};
  assert_int_equal(client_walk(c, &prefix, NULL, 100, see, &seen, NULL, &why), CLIENT_STRANGE);
  assert_int_equal(seen.count, 0);
  client_shut(c);
  stage_shut(s);
}

static void answer_send(void *context, const struct stage_request *r) {
  const char *how = context;
  if (strcmp(how, "cache") == 0)
    stage_error(r, -32603, "tx already exists in cache");
  else if (strcmp(how, "full") == 0 && r->number == 1)
    stage_error(r, -32603, "mempool is full: number of txs 5000");
  else if (strcmp(how, "large") == 0)
    reply(r, 400,
          "{\"jsonrpc\":\"2.0\",\"id\":-1,\"error\":{\"code\":-32600,\"message\":\"Invalid Request\",\"data\":\"body "
          "too large\"}}");
  else if (strcmp(how, "unread") == 0)
    reply(r, 400,
          "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32600,\"message\":\"Invalid Request\",\"data\":\"too large\"}}");
  else if (strcmp(how, "busy") == 0)
    reply(r, 503, "");
  else {
    char text[300];
    snprintf(text, sizeof text,
             "{\"code\":%d,\"data\":\"\",\"log\":\"nonce 4 is used\",\"codespace\":\"\",\"hash\":\"%s\"}",
             strcmp(how, "refused") == 0 ? 7 : 0,
             strcmp(how, "other") == 0 ? "F5AAB0B05B22E9F7BDD0B9A2AD3AD4E7EA8F92B4F02F1A92F6D8E9CE56D62E1C"
                                       : "AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF");
    stage_result(r, text);
  }
}

static void a_transaction_is_sent(void **state) {
  (void)state;
  static const struct {
    const char *how;
    enum client_status status;
    uint32_t code;
    unsigned asked;
  } cases[] = {{"taken", CLIENT_OK, 0, 1},        {"cache", CLIENT_OK, 0, 1},      {"full", CLIENT_OK, 0, 2},
               {"refused", CLIENT_REFUSED, 7, 1}, {"large", CLIENT_REFUSED, 0, 1}, {"unread", CLIENT_REFUSED, 0, 1},
               {"other", CLIENT_STRANGE, 99, 1},  {"busy", CLIENT_LOST, 99, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char how[16];
    snprintf(how, sizeof how, "%s", cases[i].how);
    struct stage *s = stage_open(answer_send, how);
    struct client *c = client_of(s);
    struct why why = {""};
    uint32_t code = 99;
    assert_int_equal(client_send(c, (const uint8_t *)"sample", 6, &code, &why), cases[i].status);
    assert_int_equal(code, cases[i].code);
    assert_int_equal(stage_count(s), cases[i].asked);
    if (code == 7) assert_non_null(strstr(why.text, "nonce 4 is used"));
    client_shut(c);
    stage_shut(s);
  }
}

static void answer_tx(void *context, const struct stage_request *r) {
  const char *how = context;
  if (strcmp(how, "none") == 0) {
    stage_error(r, -32603, "tx (AF2B) not found");
    return;
  }
  char text[300];
  snprintf(
      text, sizeof text,
      "{\"hash\":\"AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF\",\"height\":\"%s\",\"index\":0,"
      "\"tx_result\":{\"code\":5,\"log\":\"L\",\"gas_used\":%s},\"tx\":\"%s\"}",
      strcmp(how, "zero") == 0 ? "0" : "46", strcmp(how, "gas") == 0 ? "903" : "\"903\"",
      strcmp(how, "other") == 0  ? "c2FtcGxm"
      : strcmp(how, "base") == 0 ? "c2FtcGxl="
                                 : "c2FtcGxl");
  stage_result(r, text);
}

static void a_result_is_read(void **state) {
  (void)state;
  static const struct {
    const char *how;
    enum client_status status;
  } cases[] = {{"good", CLIENT_OK},       {"none", CLIENT_NONE},    {"zero", CLIENT_STRANGE},
               {"other", CLIENT_STRANGE}, {"base", CLIENT_STRANGE}, {"gas", CLIENT_STRANGE}};
  uint8_t id[32];
  sha256("sample", 6, id);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char how[16];
    snprintf(how, sizeof how, "%s", cases[i].how);
    struct stage *s = stage_open(answer_tx, how);
    struct client *c = client_of(s);
    struct client_result result = {0};
    struct why why;
    assert_int_equal(client_result(c, id, &result, &why), cases[i].status);
    if (cases[i].status == CLIENT_OK) {
      assert_int_equal(result.height, 46);
      assert_int_equal(result.code, 5);
      assert_int_equal(result.gas_used, 903);
    } else {
      assert_int_equal(result.height, 0);
    }
    client_shut(c);
    stage_shut(s);
  }
}

/* Nodes that are broken, slow, or mean. */
static const char *const evils[] = {"cut",   "reset", "silent", "drip", "headers", "huge",   "stream", "deep", "many",
                                    "words", "noise", "twice",  "html", "move",    "number", "both",   "text", "empty"};
static const enum client_status expected[] = {
    CLIENT_LOST,    CLIENT_LOST,    CLIENT_LOST,    CLIENT_LOST,    CLIENT_STRANGE, CLIENT_STRANGE,
    CLIENT_STRANGE, CLIENT_STRANGE, CLIENT_STRANGE, CLIENT_LOST,    CLIENT_STRANGE, CLIENT_STRANGE,
    CLIENT_STRANGE, CLIENT_STRANGE, CLIENT_STRANGE, CLIENT_STRANGE, CLIENT_STRANGE, CLIENT_LOST};

static void fill(int socket, const char *head, const char *part, size_t parts) {
  size_t n = strlen(part);
  if (!stage_write(socket, head, strlen(head))) return;
  while (parts-- > 0 && stage_write(socket, part, n)) {}
}

static void be_evil(void *context, const struct stage_request *r) {
  const char *how = context;
  static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
  char text[600], block[65537];
  memset(block, 'a', 65536);
  block[65536] = 0;
  if (strcmp(how, "cut") == 0) {
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"resu");
    stage_write(r->socket, text, strlen(text));
  } else if (strcmp(how, "reset") == 0) {
    struct linger now = {.l_onoff = 1};
    setsockopt(r->socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  } else if (strcmp(how, "silent") == 0) {
    call_pause(NULL, 2000);
  } else if (strcmp(how, "drip") == 0) {
    for (int i = 0; i < 100 && stage_write(r->socket, i < 19 ? &head[i] : " ", 1); i++) call_pause(NULL, 30);
  } else if (strcmp(how, "headers") == 0) {
    fill(r->socket, "HTTP/1.1 200 OK\r\n", "X-Padding: 0123456789012345678901234567890123456789\r\n", 2000000);
  } else if (strcmp(how, "huge") == 0) {
    fill(r->socket, "HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n\"", block, 60000);
  } else if (strcmp(how, "stream") == 0) {
    fill(r->socket, head, block, 60000);
  } else if (strcmp(how, "deep") == 0) {
    fill(r->socket, head, "[", 100000);
  } else if (strcmp(how, "many") == 0) {
    for (size_t i = 0; i + 2 < sizeof block - 1; i += 3) memcpy(block + i, ",[]", 3);
    block[65535] = 0;
    fill(r->socket, "HTTP/1.1 200 OK\r\n\r\n[[]", block, 100);
  } else if (strcmp(how, "words") == 0) { /* the end is the end of the connection, and too early */
    fill(r->socket, head, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":\"", 1);
  } else if (strcmp(how, "noise") == 0) {
    fill(r->socket, "", "\x01\x02\x7f\r\n", 40);
  } else if (strcmp(how, "twice") == 0) {
    stage_result(r, "{\"a\":1,\"a\":1}");
  } else if (strcmp(how, "html") == 0) {
    reply(r, 404, "<html>no</html>");
  } else if (strcmp(how, "move") == 0) {
    snprintf(text, sizeof text, "HTTP/1.1 302 X\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n");
    stage_write(r->socket, text, strlen(text));
  } else if (strcmp(how, "number") == 0) {
    reply(r, 200, "{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{}}");
  } else if (strcmp(how, "both") == 0) {
    reply(r, 200, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{},\"error\":{\"code\":1,\"message\":\"m\"}}");
  } else if (strcmp(how, "text") == 0) {
    stage_result(r, "\"a text\"");
  } else {
    reply(r, 200, "");
  }
}

static long peak_kib(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return use.ru_maxrss;
}

static void no_node_hangs_or_swells_a_client(void **state) {
  (void)state;
  long before = peak_kib();
  for (size_t i = 0; i < sizeof evils / sizeof *evils; i++) {
    char how[16];
    snprintf(how, sizeof how, "%s", evils[i]);
    struct stage *s = stage_open(be_evil, how);
    struct client *c = client_of(s);
    client_patience(c, hasty);
    struct client_node node;
    struct why why = {""};
    uint64_t start = call_clock_ms();
    enum client_status status = client_node(c, &node, &why);
    uint64_t took = call_clock_ms() - start;
    if (status != expected[i]) print_message("%s: %d, %s\n", how, status, why.text);
    assert_int_equal(status, expected[i]);
    assert_true(why.text[0] != 0);
    assert_in_range(took, 0, 2 * hasty.answer_ms + 100 + 2000);
    assert_int_equal(stage_count(s), status == CLIENT_LOST ? 2 : 1);
    client_shut(c);
    stage_shut(s);
  }
  print_message("peak memory: %ld KiB more\n", peak_kib() - before);
  assert_in_range(peak_kib() - before, 0, 96 << 10);
}

static void a_node_that_comes_back_is_heard(void **state) {
  (void)state;
  char how[] = "full";
  struct stage *s = stage_open(answer_send, how);
  char url[64];
  snprintf(url, sizeof url, "%s", stage_url(s));
  struct client *c = client_of(s);
  struct why why;
  stage_shut(s);
  struct client_node node;
  assert_int_equal(client_node(c, &node, &why), CLIENT_LOST);
  assert_int_equal(client_wait(c, 1, 50, &why), CLIENT_LOST);
  client_shut(c);
  static const char *const bad[] = {"https://127.0.0.1:1", "127.0.0.1:26657",    "http://",
                                    "http://a/b",          "file:///etc/passwd", "http://a b:1",
                                    "http://user@host:1",  "http://h:99999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct client *none = NULL;
    assert_int_equal(client_open(&none, bad[i], NULL, &why), CLIENT_REFUSED);
    assert_null(none);
  }
}

static volatile int stop;
static void set_stop(int signal_number) {
  (void)signal_number;
  stop = 1;
}

/* The flag is set as a terminal's Ctrl-C would: by a signal, here from a child. */
static void a_stop_flag_ends_every_wait(void **state) {
  (void)state;
  static const char *const hows[] = {"silent", "drip", "reset"};
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = set_stop, .sa_flags = SA_RESTART}, NULL);
  for (size_t i = 0; i < 3; i++) {
    char how[16];
    snprintf(how, sizeof how, "%s", hows[i]);
    struct stage *s = stage_open(be_evil, how);
    struct client *c;
    struct client_node node;
    struct why why;
    stop = 0;
    assert_int_equal(client_open(&c, stage_url(s), &stop, &why), CLIENT_OK);
    client_patience(c, (struct client_patience){.tries = 50, .connect_ms = 5000, .answer_ms = 60000});
    uint64_t start = call_clock_ms();
    pid_t child = fork();
    if (child == 0) {
      call_pause(NULL, 150);
      kill(getppid(), SIGUSR1);
      _exit(0);
    }
    assert_int_equal(client_node(c, &node, &why), CLIENT_STOPPED);
    assert_in_range(call_clock_ms() - start, 140, 2000);
    assert_int_equal(waitpid(child, NULL, 0), child);
    client_shut(c);
    stage_shut(s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_status_is_read),
      cmocka_unit_test(a_genesis_gives_its_hash),
      cmocka_unit_test(a_status_of_other_types_is_strange),
      cmocka_unit_test(records_and_receipts_are_read),
      cmocka_unit_test(a_walk_goes_page_by_page),
      cmocka_unit_test(a_transaction_is_sent),
      cmocka_unit_test(a_result_is_read),
      cmocka_unit_test(no_node_hangs_or_swells_a_client),
      cmocka_unit_test(a_node_that_comes_back_is_heard),
      cmocka_unit_test(a_stop_flag_ends_every_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
