/* rpc: heads, frames, arguments and queries against what the standards and CometBFT say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/rpc/http.h"
#include "net/rpc/query.h"
#include "net/rpc/question.h"

static enum http_status head(const char *text, struct http_head *h) { return http_read_head(text, strlen(text), h); }

static void test_heads(void **state) {
  struct http_head h;
  (void)state;
  assert_int_equal(head("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nrest", &h), HTTP_OK);
  assert_int_equal(h.bytes, 32);
  assert_int_equal(h.method, HTTP_GET);
  assert_memory_equal(h.target, "/a?b=c", h.target_length);
  assert_true(h.keep && !h.has_length && !h.upgrade);
  assert_int_equal(head("POST / HTTP/1.0\r\ncontent-length:  12 \r\n\r\n", &h), HTTP_OK);
  assert_true(h.has_length && h.body_length == 12 && !h.keep);
  assert_int_equal(head("GET / HTTP/1.1\r\nConnection: a, Close\r\n\r\n", &h), HTTP_OK);
  assert_false(h.keep);
  assert_int_equal(head("GET / HTTP/1.1\r\nHost", &h), HTTP_MORE);
  static const char *const bad[] = {"\r\n\r\n",
                                    "GET\r\n\r\n",
                                    "GET  HTTP/1.1\r\n\r\n",
                                    "GET x HTTP/1.1\r\n\r\n",
                                    "GET / HTTP/2\r\n\r\n",
                                    "GET / HTTP/1.1\n\n",
                                    "GET / HTTP/1.1\r\n folded\r\n\r\n",
                                    "GET / HTTP/1.1\r\nName : x\r\n\r\n",
                                    "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                                    "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                                    "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                                    "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(head(bad[i], &h), HTTP_BAD);
  static char endless[HTTP_HEAD_BYTES_MAX];
  memset(endless, 'a', sizeof endless);
  assert_int_equal(http_read_head(endless, sizeof endless, &h), HTTP_BAD);
  assert_int_equal(http_read_head(endless, sizeof endless - 1, &h), HTTP_MORE);
}

/* RFC 6455 1.3 and 5.7. */
static void test_websocket(void **state) {
  char accept[HTTP_ACCEPT_BYTES + 1];
  struct http_frame f;
  (void)state;
  http_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
  assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  uint8_t hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
  assert_int_equal(http_read_frame(hello, sizeof hello - 1, 100, &f), HTTP_MORE);
  assert_int_equal(http_read_frame(hello, sizeof hello, 4, &f), HTTP_BAD); /* longer than allowed */
  assert_int_equal(http_read_frame(hello, sizeof hello, 100, &f), HTTP_OK);
  assert_true(f.last && f.opcode == HTTP_TEXT && f.payload_length == 5 && f.bytes == sizeof hello);
  assert_memory_equal(f.payload, "Hello", 5);
  uint8_t bare[] = {0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}, reserved[] = {0xc1, 0x80, 0, 0, 0, 0},
          long_ping[] = {0x89, 0xfe, 0, 126, 0, 0, 0, 0}, cut_ping[] = {0x09, 0x80, 0, 0, 0, 0};
  assert_int_equal(http_read_frame(bare, sizeof bare, 100, &f), HTTP_BAD);
  assert_int_equal(http_read_frame(reserved, sizeof reserved, 100, &f), HTTP_BAD);
  assert_int_equal(http_read_frame(long_ping, sizeof long_ping, 200, &f), HTTP_BAD);
  assert_int_equal(http_read_frame(cut_ping, sizeof cut_ping, 100, &f), HTTP_BAD);
  uint8_t out[10];
  assert_int_equal(http_frame_head(HTTP_TEXT, 125, out), 2);
  assert_int_equal(http_frame_head(HTTP_TEXT, 256, out), 4);
  assert_memory_equal(out, "\x81\x7e\x01\x00", 4);
  assert_int_equal(http_frame_head(HTTP_BINARY, 65536, out), 10);
  assert_memory_equal(out, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

static void test_decode(void **state) {
  char text[] = "%22tx.height%3E0%22", bad[] = "%2", zero[] = "a%00";
  size_t n;
  (void)state;
  assert_true(http_decode(text, strlen(text), &n));
  assert_int_equal(n, 13);
  assert_memory_equal(text, "\"tx.height>0\"", n);
  assert_false(http_decode(bad, strlen(bad), &n));
  assert_false(http_decode(zero, strlen(zero), &n));
}

static bool matches(const char *text, const char *name, const char *value) {
  static struct query q;
  char wrong[128];
  assert_true(query_read(text, strlen(text), &q, wrong, sizeof wrong));
  for (uint32_t i = 0; i < q.count; i++)
    if (strcmp(q.condition[i].name, name) != 0 || !query_holds(&q.condition[i], value)) return false;
  return true;
}

static void test_queries(void **state) {
  static struct query q;
  char wrong[128];
  (void)state;
  assert_true(matches("tm.event='Tx'", "tm.event", "Tx"));
  assert_true(matches("tm.event = 'Tx'", "tm.event", "Tx"));
  assert_false(matches("tm.event='Tx'", "tm.event", "Ty"));
  assert_true(matches("h > 4 AND h<=10", "h", "10"));
  assert_false(matches("h > 4 AND h<10", "h", "10"));
  assert_false(matches("h>=5", "h", "4"));
  assert_false(matches("h>=5", "h", "five"));
  assert_true(matches("h=5", "h", "5"));
  assert_true(matches("a CONTAINS 'b c'", "a", "ab cd"));
  assert_true(matches("a EXISTS", "a", ""));
  assert_true(matches("a.AND = 'AND'", "a.AND", "AND"));
  static const char *const bad[] = {"",
                                    "a",
                                    "a=",
                                    "a=='b'",
                                    "=5",
                                    "a='b",
                                    "a=b",
                                    "a='b' OR c=1",
                                    "a='b' AND",
                                    "a<'b'",
                                    "a='b'c",
                                    "a=18446744073709551616",
                                    "a>TIME 2020",
                                    "a CONTAINS 5",
                                    "a=5 ANDb=6"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_false(query_read(bad[i], strlen(bad[i]), &q, wrong, sizeof wrong));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_heads), cmocka_unit_test(test_websocket),
                                     cmocka_unit_test(test_decode), cmocka_unit_test(test_queries)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
