/* wire: answers in every way they come, cut off anywhere; verdicts as both nodes write them; frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/load/wire.h"

/* Every beginning is not enough; the whole has this body, however much stands behind it. */
static void reads(const char *answer, const char *body) {
  size_t length = strlen(answer);
  struct wire_answer a;
  for (size_t n = 0; n <= length + 3; n++) {
    char *copy = malloc(length + 4);
    assert_non_null(copy);
    memcpy(copy, answer, length);
    memcpy(copy + length, "HTT", 3);
    enum wire_state state = wire_answer(copy, n, &a);
    assert_int_equal(state, n < length ? WIRE_MORE : WIRE_WHOLE);
    if (state == WIRE_WHOLE) {
      assert_int_equal(a.bytes, length);
      assert_int_equal(a.body_length, strlen(body));
      assert_memory_equal(a.body, body, a.body_length);
    }
    free(copy);
  }
}

static void an_answer_has_a_length_or_chunks(void **state) {
  (void)state;
  reads("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", "hello");
  reads("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "");
  reads("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1b\r\n, this is the second "
        "chunk.\r\n0\r\n\r\n",
        "hello, this is the second chunk.");
}

static void bad(const char *answer) {
  struct wire_answer a;
  char copy[256];
  memcpy(copy, answer, strlen(answer) + 1);
  assert_int_equal(wire_answer(copy, strlen(answer), &a), WIRE_BAD);
}

static void what_is_no_answer(void **state) {
  (void)state;
  bad("SMTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  bad("HTTP/1.1 200 OK\r\nX: y\r\n\r\n");
  bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
  bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n");
}

static void verdicts_stand_in_order(void **state) {
  (void)state;
  static const char body[] =
      "[{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"code\":0,\"data\":\"\",\"log\":\"\",\"codespace\":\"\"}},"
      "{\"result\": {\"code\": 3, \"log\":\"nonce\", \"codespace\":\"assay\"}},"
      "{\"error\":{\"code\":-32603,\"message\":\"Internal error\",\"data\":\"tx already exists in cache\"}},"
      "{\"error\":{\"code\":-32603,\"message\":\"Internal error\",\"data\":\"mempool is full: 5000\"}},"
      "{\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}]";
  static const struct wire_verdict expected[] = {
      {0, false, false}, {3, false, false}, {-32603, true, false}, {-32603, false, true}, {-32601, false, false}};
  struct wire_verdict v;
  size_t at = 0;
  for (size_t i = 0; i < 5; i++) {
    assert_true(wire_next_verdict(body, sizeof body - 1, &at, &v));
    assert_int_equal(v.code, expected[i].code);
    assert_int_equal(v.there, expected[i].there);
    assert_int_equal(v.full, expected[i].full);
  }
  assert_false(wire_next_verdict(body, sizeof body - 1, &at, &v));
}

static void a_request_says_its_length(void **state) {
  (void)state;
  char bytes[1024] = {0};
  const char *whole;
  size_t length;
  struct wire_request r = wire_begin(bytes, sizeof bytes, true);
  wire_add(&r, (const uint8_t *)"abc", 3);
  wire_add(&r, (const uint8_t *)"x", 1);
  assert_true(wire_end(&r, &whole, &length));
  static const char body[] =
      "[{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"broadcast_tx_sync\",\"params\":{\"tx\":\"YWJj\"}},"
      "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"broadcast_tx_sync\",\"params\":{\"tx\":\"eA==\"}}]";
  assert_memory_equal(whole, "POST / HTTP/1.1\r\n", 17);
  assert_memory_equal(whole + length - (sizeof body - 1), body, sizeof body - 1);
  char said[64];
  snprintf(said, sizeof said, "Content-Length: %zu\r\n\r\n[", sizeof body - 1);
  assert_non_null(strstr(whole, said));
  r = wire_begin(bytes, WIRE_HEAD_BYTES + 60, false);
  wire_add(&r, (const uint8_t *)"abc", 3);
  assert_false(wire_end(&r, &whole, &length)); /* no room */
}

static void frames_of_each_length(void **state) {
  (void)state;
  static char bytes[70000 + 10];
  const size_t lengths[] = {0, 1, 125, 126, 65535, 65536, 70000};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    size_t n = lengths[i], head = n < 126 ? 2 : n < 65536 ? 4 : 10;
    struct wire_frame f;
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (char)0x81;
    bytes[1] = (char)(head == 2 ? n : head == 4 ? 126 : 127);
    for (size_t k = 2, shift = 8 * (head - 2); k < head; k++) bytes[k] = (char)(n >> (shift -= 8));
    assert_int_equal(wire_read_frame(bytes, head + n, &f), WIRE_WHOLE);
    assert_int_equal(f.opcode, 1);
    assert_int_equal(f.payload_length, n);
    assert_int_equal(f.bytes, head + n);
    assert_int_equal(wire_read_frame(bytes, head + n - 1, &f), WIRE_MORE);
  }
  assert_int_equal(wire_read_frame("\x81\x80", 2, &(struct wire_frame){0}), WIRE_BAD); /* masked */
  char out[16];
  assert_int_equal(wire_frame(10, "ping", 4, out), 10);
  assert_memory_equal(out, "\x8a\x84\0\0\0\0ping", 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(an_answer_has_a_length_or_chunks),
                                     cmocka_unit_test(what_is_no_answer), cmocka_unit_test(verdicts_stand_in_order),
                                     cmocka_unit_test(a_request_says_its_length),
                                     cmocka_unit_test(frames_of_each_length)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
