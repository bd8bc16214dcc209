/* Heads and frames from a stranger: whatever comes, they are read the same way however the bytes were cut. */
#include <stdlib.h>
#include <string.h>

#include "net/rpc/http.h"

#define CHECK(x) ((x) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void heads(const uint8_t *data, size_t length) {
  struct http_head whole, cut;
  enum http_status status = http_read_head((const char *)data, length, &whole);
  if (status != HTTP_OK) return;
  CHECK(whole.bytes <= length && whole.bytes <= HTTP_HEAD_BYTES_MAX);
  CHECK(whole.target >= (const char *)data && whole.target + whole.target_length <= (const char *)data + whole.bytes);
  CHECK(!memchr(whole.target, '\n', whole.target_length) && strlen(whole.key) <= HTTP_KEY_MAX);
  CHECK(http_read_head((const char *)data, whole.bytes, &cut) == HTTP_OK && cut.bytes == whole.bytes);
  CHECK(cut.body_length == whole.body_length && cut.method == whole.method && !(whole.chunked && whole.has_length));
  for (size_t n = 0; n < whole.bytes; n++) CHECK(http_read_head((const char *)data, n, &cut) == HTTP_MORE);
}

static void frames(const uint8_t *data, size_t length) {
  struct http_frame f;
  uint8_t *copy = malloc(length + 1), head[10];
  CHECK(copy);
  if (length) memcpy(copy, data, length);
  if (http_read_frame(copy, length, 1000, &f) == HTTP_OK) {
    CHECK(f.bytes <= length && f.payload_length <= 1000 && f.payload + f.payload_length == copy + f.bytes);
    CHECK(f.opcode < 8 || (f.last && f.payload_length < 126));
    size_t n = http_frame_head(f.opcode, f.payload_length, head);
    CHECK(n >= 2 && n <= 10 && (head[0] & 15) == f.opcode);
  }
  free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  if (length > 4096) return 0;
  heads(data, length);
  frames(data, length);
  char *text = malloc(length + 1);
  size_t n = 0;
  CHECK(text);
  if (length) memcpy(text, data, length);
  if (http_decode(text, length, &n)) CHECK(n <= length && !memchr(text, 0, n));
  free(text);
  return 0;
}
