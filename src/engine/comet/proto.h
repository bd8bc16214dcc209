/* proto: the few pieces of protobuf's wire format that blocks are made of, in one form each. ENGINE 1.1.
 *
 * Writing follows base/bytes.h: a writer that is full stays full. Reading is in ascending field order and as strict as
 * writing: a number that is 0, bytes that are empty and a varint with a needless byte do not stand in canonical bytes,
 * so whatever breaks a rule turns the reader's short_of on, and bytes_done at the end says whether all was right. That
 * is why every decoder here accepts one encoding for one meaning. Field numbers are 1 to 15. Uses: bytes. */
#ifndef ENGINE_COMET_PROTO_H
#define ENGINE_COMET_PROTO_H
#include "base/bytes.h"

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2 };
enum { PROTO_VARINT_MAX = 10 };

static inline uint8_t proto_tag(uint8_t field, enum proto_wire wire) { return (uint8_t)(field << 3 | wire); }

static inline size_t proto_varint_bytes(uint64_t x) {
  size_t n = 1;
  while (x >>= 7) n++;
  return n;
}

static inline void put_varint(struct writer *w, uint64_t x) {
  for (; x >= 128; x >>= 7) put_u8(w, (uint8_t)(x | 128));
  put_u8(w, (uint8_t)x);
}

/* proto_put_number and proto_put_bytes leave out 0 and nothing; proto_put_message writes an empty message too. A signed
 * number is given as its two's complement in 64 bits. */
static inline void proto_put_number(struct writer *w, uint8_t field, uint64_t x) {
  if (!x) return;
  put_u8(w, proto_tag(field, PROTO_VARINT));
  put_varint(w, x);
}
static inline void proto_put_fixed64(struct writer *w, uint8_t field, uint64_t x) {
  if (!x) return;
  put_u8(w, proto_tag(field, PROTO_FIXED64));
  put_u64(w, x);
}
static inline void proto_put_message(struct writer *w, uint8_t field, const void *bytes, size_t length) {
  put_u8(w, proto_tag(field, PROTO_BYTES));
  put_varint(w, length);
  put_bytes(w, bytes, length);
}
static inline void proto_put_bytes(struct writer *w, uint8_t field, const void *bytes, size_t length) {
  if (length) proto_put_message(w, field, bytes, length);
}

static inline uint64_t take_varint(struct reader *r) {
  uint64_t x = 0;
  for (int i = 0; i < PROTO_VARINT_MAX; i++) {
    uint8_t byte = take_u8(r);
    if (r->short_of || (i == PROTO_VARINT_MAX - 1 && byte > 1)) break;
    x |= (uint64_t)(byte & 127) << (7 * i);
    if (byte >= 128) continue;
    if (byte == 0 && i > 0) break; /* a needless byte */
    return x;
  }
  r->short_of = true;
  return 0;
}

/* proto_takes consumes the tag if the next field is this one. */
static inline bool proto_takes(struct reader *r, uint8_t field, enum proto_wire wire) {
  if (r->short_of || r->at == r->end || *r->at != proto_tag(field, wire)) return false;
  r->at++;
  return true;
}

static inline uint64_t proto_take_number(struct reader *r, uint8_t field) {
  if (!proto_takes(r, field, PROTO_VARINT)) return 0;
  uint64_t x = take_varint(r);
  if (!x) r->short_of = true;
  return x;
}

/* proto_take_span lends the bytes of a field that may stand here, also none; *there says whether it does. */
static inline struct reader proto_take_span(struct reader *r, uint8_t field, bool *there) {
  *there = proto_takes(r, field, PROTO_BYTES);
  if (!*there) return reader_over(NULL, 0);
  uint64_t length = take_varint(r);
  const uint8_t *at = length <= bytes_left(r) ? take_bytes(r, (size_t)length) : NULL;
  if (!at) {
    r->short_of = true;
    return (struct reader){.short_of = true};
  }
  return reader_over(at, (size_t)length);
}

/* proto_take_message: the field has to be there. */
static inline struct reader proto_take_message(struct reader *r, uint8_t field) {
  bool there;
  struct reader inner = proto_take_span(r, field, &there);
  if (!there) r->short_of = inner.short_of = true;
  return inner;
}

/* proto_take_bytes copies a field of exactly `length` bytes that has to be there. */
static inline void proto_take_bytes(struct reader *r, uint8_t field, void *bytes, size_t length) {
  struct reader inner = proto_take_message(r, field);
  if (r->short_of || bytes_left(&inner) != length) {
    r->short_of = true;
    return;
  }
  memcpy(bytes, inner.at, length);
}

/* proto_end: what was read inside has to be done, else the outside is wrong too. */
static inline void proto_end(struct reader *r, const struct reader *inner) {
  if (!bytes_done(inner)) r->short_of = true;
}

#endif
