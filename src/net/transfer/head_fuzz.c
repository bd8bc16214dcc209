/* The head of a request: whatever is read is within its bounds, reads the same again when it is written out plainly,
 * and its parts have one spelling. */
#include "base/hex.h"
#include "net/transfer/head.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void write_again(const struct head *h) {
  char text[HEAD_BYTES_MAX + 1];
  struct head again;
  int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n", h->method, h->path);
  if (h->has_length)
    n += snprintf(text + n, sizeof text - (size_t)n, "Content-Length: %" PRIu64 "\r\n", h->body_length);
  if (h->chunked) n += snprintf(text + n, sizeof text - (size_t)n, "Transfer-Encoding: x\r\n");
  if (*h->authorization) n += snprintf(text + n, sizeof text - (size_t)n, "Authorization: %s\r\n", h->authorization);
  if (*h->range) n += snprintf(text + n, sizeof text - (size_t)n, "Range: %s\r\n", h->range);
  n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
  assert(head_read(text, (size_t)n, &again));
  assert(strcmp(h->method, again.method) == 0 && strcmp(h->path, again.path) == 0);
  assert(h->has_length == again.has_length && h->body_length == again.body_length && h->chunked == again.chunked);
  assert(strcmp(h->authorization, again.authorization) == 0 && strcmp(h->range, again.range) == 0);
}

static void target_again(const char *path) {
  struct head_target t;
  char root[65], text[HEAD_PATH_MAX];
  if (!head_target(path, &t)) return;
  hex_encode(t.root, 32, root);
  if (t.what == HEAD_PIECE)
    snprintf(text, sizeof text, "/blobs/%s/%" PRIu32, root, t.piece);
  else
    snprintf(text, sizeof text, "/blobs/%s%s", root, t.what == HEAD_LIST ? "/leaves" : "");
  assert(strcmp(text, path) == 0);
}

static void signature_again(const char *header) {
  struct head_signature s;
  char account[65], key[65], signature[129], text[HEAD_VALUE_MAX];
  if (!head_signature(header, &s)) return;
  hex_encode(s.account, 32, account);
  hex_encode(s.key, 32, key);
  hex_encode(s.signature, 64, signature);
  snprintf(text, sizeof text, "Assay %s %s %" PRIu64 " %s", account, key, s.time_s, signature);
  assert(strcmp(text, header) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  struct head h;
  uint64_t first, last;
  if (!head_read((const char *)data, length, &h)) return 0;
  write_again(&h);
  target_again(h.path);
  signature_again(h.authorization);
  if (head_range(h.range, &first, &last)) assert(first <= last);
  return 0;
}
