/* What a node sends as JSON and as a page: the scan bounds what is parsed, fields are read exactly, and a page that is
 * taken is the only encoding of its rows. */
#include "base/base64.h"
#include "net/client/answer.h"
#include "net/client/call.h"
#include "net/client/page.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

/* The first byte says how long the prefix is, which follows. */
static void read_page(const uint8_t *data, size_t length) {
  struct map_key prefix = {0}, key;
  struct page page;
  if (length < 2 || data[0] > 3 || length < 1u + data[0]) return;
  prefix.length = data[0];
  memcpy(prefix.bytes, data + 1, prefix.length);
  data += 1 + prefix.length;
  length -= 1u + prefix.length;
  if (!page_read(data, length, 100, &prefix, (struct map_key){0}, &page)) return;
  uint8_t *again = malloc(length);
  assert(again && page.count <= 100);
  struct writer w = writer_over(again, length);
  put_u8(&w, page.more);
  put_u32(&w, page.count);
  for (uint32_t i = 0; i < page.count; i++) {
    const uint8_t *value;
    uint32_t n;
    bool whole = page_row(&page.rows, &key, &value, &n);
    assert(whole && memcmp(key.bytes, prefix.bytes, prefix.length) == 0);
    put_u8(&w, key.length);
    put_bytes(&w, key.bytes, key.length);
    put_u32(&w, n);
    put_bytes(&w, value, n);
  }
  assert(!w.full && w.at == w.end && memcmp(again, data, length) == 0);
  free(again);
}

static void read_fields(const json_t *value) {
  uint64_t height;
  uint32_t code;
  uint8_t *bytes, hash[32];
  size_t length;
  char text[64];
  if (answer_height(value, &height)) {
    snprintf(text, sizeof text, "%" PRIu64, height);
    assert(strcmp(text, json_string_value(value)) == 0);
  }
  if (answer_code(value, &code)) assert((json_int_t)code == json_integer_value(value));
  if (answer_bytes(value, 4096, &bytes, &length)) {
    char *again = malloc(base64_length(length) + 1);
    assert(again);
    base64_encode(bytes, length, again);
    assert(json_is_null(value) || strcmp(again, json_string_value(value)) == 0);
    free(again);
    free(bytes);
  }
  (void)answer_hash(value, hash);
  (void)answer_text(value, text, sizeof text);
  answer_words(value, text, sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  read_page(data, length);
  if (!call_scan(data, length)) return 0;
  json_t *root = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
  if (!root) return 0;
  const char *name;
  json_t *value;
  read_fields(root);
  json_object_foreach(root, name, value) read_fields(value);
  (void)answer_at(root, "response.value");
  json_decref(root);
  return 0;
}
