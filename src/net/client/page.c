#include "net/client/page.h"

#include <string.h>

bool page_row(struct reader *r, struct map_key *key, const uint8_t **value, uint32_t *length) {
  uint8_t n = take_u8(r);
  const uint8_t *bytes = take_bytes(r, n);
  if (!bytes || n == 0 || n > MAP_KEY_BYTES_MAX) return false;
  *key = (struct map_key){.length = n};
  memcpy(key->bytes, bytes, n);
  *length = take_u32(r);
  *value = take_bytes(r, *length);
  return *value && *length <= MAP_VALUE_BYTES_MAX;
}

static bool before(const struct map_key *a, const struct map_key *b) {
  int order = memcmp(a->bytes, b->bytes, a->length < b->length ? a->length : b->length);
  return order < 0 || (order == 0 && a->length < b->length);
}

bool page_read(const uint8_t *bytes, size_t length, uint32_t most, const struct map_key *prefix, struct map_key last,
               struct page *out) {
  struct reader r = reader_over(bytes, length);
  uint8_t more = take_u8(&r);
  uint32_t count = take_u32(&r);
  *out = (struct page){.rows = r, .count = count, .more = more == 1};
  if (r.short_of || more > 1 || count > most || (more && count == 0)) return false;
  for (uint32_t i = 0; i < count; i++) {
    struct map_key key;
    const uint8_t *value;
    uint32_t n;
    if (!page_row(&r, &key, &value, &n) || key.length < prefix->length || !before(&last, &key)) return false;
    if (memcmp(key.bytes, prefix->bytes, prefix->length) != 0) return false;
    last = key;
  }
  return bytes_done(&r);
}
