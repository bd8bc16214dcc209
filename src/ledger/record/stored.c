#include "ledger/record/stored.h"

#include <assert.h>
#include <stdlib.h>

#include "base/checked.h"

size_t stored_encode(const struct stored_kind *kind, const void *record, uint8_t *bytes, size_t bytes_max) {
  struct writer w = writer_over(bytes, bytes_max);
  kind->put(&w, record);
  return w.full ? 0 : bytes_written(&w);
}

bool stored_decode(const struct stored_kind *kind, const uint8_t *bytes, size_t length, void *record) {
  struct reader r = reader_over(bytes, length);
  memset(record, 0, kind->record_bytes);
  return kind->take(&r, record) && bytes_done(&r);
}

bool stored_get(const struct map *m, const struct stored_kind *kind, const struct map_key *key, void *record) {
  struct map_value value;
  if (!map_get(m, key, &value)) return false;
  bool good = stored_decode(kind, value.bytes, value.length, record);
  assert(good && "a value of the map is not of its kind");
  return true;
}

void stored_put(struct map *m, const struct stored_kind *kind, const struct map_key *key, const void *record) {
  uint8_t bytes[STORED_BYTES_MAX];
  assert(kind->value_bytes_max <= sizeof bytes);
  size_t length = stored_encode(kind, record, bytes, kind->value_bytes_max);
  assert(length && "a record is longer than its kind allows");
  map_put(m, key, bytes, length);
}

bool stored_next(const struct map *m, const struct stored_kind *kind, const struct map_key *prefix,
                 const struct map_key *after, struct map_key *key, void *record) {
  struct map_key found;
  struct map_value value;
  if (!map_next(m, prefix, after, &found, &value)) return false;
  bool good = stored_decode(kind, value.bytes, value.length, record);
  assert(good && "a value of the map is not of its kind");
  *key = found;
  return true;
}

bool stored_sum(const struct map *m, const struct stored_kind *kind, const struct map_key *prefix,
                stored_amount *amount, uint64_t *sum) {
  void *record = malloc(kind->record_bytes);
  assert(record && "out of memory");
  struct map_key key;
  uint64_t total = 0, one;
  bool good = true, more = stored_next(m, kind, prefix, NULL, &key, record);
  for (; good && more; more = good && stored_next(m, kind, prefix, &key, &key, record))
    good = amount(record, &one) && checked_add_u64(total, one, &total);
  free(record);
  if (good) *sum = total;
  return good;
}
