/* stored: typed records as values of the map. LEDGER 17.1.
 *
 * A value is a canonical record of fixed layout: fields in the order of the table in docs/ledger.md, integers little
 * endian, lists behind a u8 or u16 count, nothing padded, nothing optional, nothing left over. Two records are equal if
 * and only if their bytes are, so a root speaks about meaning. A module writes this once for each kind of record:
 *
 *   offset 0 count u8 (0 .. POOL_MAX) | (account 32 | stake u64, not 0) x count
 *
 *   static void put(struct writer *w, const void *record) {
 *     const struct pool *p = record;
 *     put_u8(w, p->count);
 *     for (uint32_t i = 0; i < p->count; i++) {
 *       put_bytes(w, p->seat[i].account, 32);
 *       put_u64(w, p->seat[i].stake);
 *     }
 *   }
 *   static bool take(struct reader *r, void *record) {
 *     struct pool *p = record;
 *     p->count = take_count(r, POOL_MAX);
 *     for (uint32_t i = 0; i < p->count; i++) {
 *       take_hash(r, p->seat[i].account);
 *       p->seat[i].stake = take_u64(r);
 *       if (p->seat[i].stake == 0) return false;
 *     }
 *     return true;
 *   }
 *   const struct stored_kind pool_kind = {"pool", sizeof(struct pool), POOL_BYTES_MAX, put, take};
 *
 * `take` says whether the fields' values may stand there; that bytes were enough and none are left over is asked by
 * whoever calls it, once. It is given a zeroed record, so that equal records are equal in memory too. A kind has one
 * prefix of keys, of which modules write a function (account_key). A fuzzer feeds bytes to stored_decode and compares
 * what stored_encode gives back; ledger/account is the example to copy. Values that are bytes and no fields, such as
 * tapes, go to the map directly. Uses: map, bytes. */
#ifndef LEDGER_RECORD_STORED_H
#define LEDGER_RECORD_STORED_H
#include "base/bytes.h"
#include "ledger/map/map.h"

enum { STORED_BYTES_MAX = 65536 }; /* of a record's value; lent from the stack while it is written */

struct stored_kind {
  const char *name;
  size_t record_bytes;    /* sizeof the record */
  size_t value_bytes_max; /* at most STORED_BYTES_MAX */
  void (*put)(struct writer *w, const void *record);
  bool (*take)(struct reader *r, void *record);
};

/* Reading with a check: what fails leaves the reader short, as a missing byte does. */
static inline uint32_t take_count(struct reader *r, uint32_t most) { /* u8 */
  uint32_t count = take_u8(r);
  if (count > most) r->short_of = true;
  return r->short_of ? 0 : count;
}
static inline bool take_flag(struct reader *r) { return take_count(r, 1) == 1; }
static inline void take_hash(struct reader *r, uint8_t hash[32]) {
  const uint8_t *at = take_bytes(r, 32);
  if (at) memcpy(hash, at, 32);
}

/* stored_encode returns the bytes written, 0 when they do not fit in bytes_max. stored_decode takes exactly one record;
 * false leaves `record` unspecified. */
size_t stored_encode(const struct stored_kind *kind, const void *record, uint8_t *bytes, size_t bytes_max);
bool stored_decode(const struct stored_kind *kind, const uint8_t *bytes, size_t length, void *record);

/* stored_get reads the record of a key, false when there is none. A value of the map that is no record of this kind
 * stops the program: it can only have come from a fault in it. stored_put writes one. */
bool stored_get(const struct map *m, const struct stored_kind *kind, const struct map_key *key, void *record);
void stored_put(struct map *m, const struct stored_kind *kind, const struct map_key *key, const void *record);

/* stored_next is map_next with the record read. */
bool stored_next(const struct map *m, const struct stored_kind *kind, const struct map_key *prefix,
                 const struct map_key *after, struct map_key *key, void *record);

/* stored_sum adds `amount` of every record under a prefix; false when an amount or the sum does not fit in 64 bits. The
 * ledger's money is the sum of such sums. LEDGER 2.4. */
typedef bool stored_amount(const void *record, uint64_t *amount);
bool stored_sum(const struct map *m, const struct stored_kind *kind, const struct map_key *prefix,
                stored_amount *amount, uint64_t *sum);

#endif
