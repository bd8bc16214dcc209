#include "ledger/job/table.h"

#include "base/bytes.h"
#include "crypto/sha256.h"

/* Where the next entry lies, and what matters of it. */
struct row {
  const uint8_t *at;
  size_t length;
  uint8_t number, dtype;
  uint64_t leaves;
};

static bool row_take(struct reader *r, bool data, struct row *out) {
  struct row e = {.at = r->at};
  if (data) e.number = take_u8(r);
  take_bytes(r, take_u8(r));
  e.dtype = take_u8(r);
  uint8_t rank = take_u8(r);
  uint64_t elements = 1;
  for (uint8_t d = 0; d < rank; d++) elements *= take_u32(r);
  if (r->short_of) return false;
  e.leaves = tape_leaves(e.dtype, elements);
  e.length = (size_t)(r->at - e.at);
  *out = e;
  return true;
}

static bool has(const uint8_t data[32], uint8_t number) { return data[number / 8] >> number % 8 & 1; }

static uint32_t count(const uint8_t data[32]) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < 256; i++) n += has(data, (uint8_t)i);
  return n;
}

bool table_cut_hash(const uint8_t *table, size_t length, const uint8_t data[32], uint8_t hash[32]) {
  struct reader r = reader_over(table, length);
  struct sha256_stream s;
  uint32_t states = take_u16(&r), entries = states + take_u8(&r), wanted = count(data), found = 0;
  bool whole = take_u8(&r) == 0;
  const uint8_t head[LAYOUT_HEAD_BYTES] = {(uint8_t)states, (uint8_t)(states >> 8), (uint8_t)wanted, 0};
  struct row e;
  sha256_begin(&s);
  sha256_add(&s, head, sizeof head);
  for (uint32_t i = 0; whole && i < entries; i++) {
    whole = row_take(&r, i >= states, &e);
    if (!whole || (i >= states && !has(data, e.number))) continue;
    found += i >= states;
    sha256_add(&s, e.at, e.length);
  }
  uint8_t cut[32];
  sha256_end(&s, cut);
  if (!whole || !bytes_done(&r) || found != wanted) return false;
  memcpy(hash, cut, sizeof cut);
  return true;
}

bool table_state(const uint8_t *table, size_t length, uint32_t n, uint8_t *dtype, uint64_t *first_leaf) {
  struct reader r = reader_over(table, length);
  uint32_t states = take_u16(&r);
  uint64_t leaf = 0;
  struct row e = {.leaves = 0};
  take_u16(&r);
  if (n >= states) return false;
  for (uint32_t i = 0; i <= n; i++) {
    leaf += e.leaves;
    if (!row_take(&r, false, &e)) return false;
  }
  *dtype = e.dtype;
  *first_leaf = leaf;
  return true;
}
