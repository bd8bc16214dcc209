/* bytes: integers read from and written to a span, little endian, never past its end.
 *
 * A reader that runs short turns `short_of` on and yields zeros, so a decoder reads a whole structure and asks once at
 * the end: bytes_done says that nothing was missing and nothing is left over. A writer that is full turns `full` on and
 * writes nothing more. Uses: nothing. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
  const uint8_t *at, *end;
  bool short_of;
};

struct writer {
  uint8_t *start, *at, *end;
  bool full;
};

static inline struct reader reader_over(const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  return (struct reader){.at = at, .end = length ? at + length : at};
}

static inline size_t bytes_left(const struct reader *r) { return (size_t)(r->end - r->at); }
static inline bool bytes_done(const struct reader *r) { return !r->short_of && r->at == r->end; }

/* take_bytes lends length bytes of the span, or NULL when fewer are left. */
static inline const uint8_t *take_bytes(struct reader *r, size_t length) {
  if (r->short_of || length > bytes_left(r)) {
    r->short_of = true;
    return NULL;
  }
  const uint8_t *at = r->at;
  r->at += length;
  return at;
}

static inline uint64_t take_little(struct reader *r, size_t length) {
  const uint8_t *at = take_bytes(r, length);
  uint64_t x = 0;
  for (size_t i = 0; at && i < length; i++) x |= (uint64_t)at[i] << (8 * i);
  return x;
}
static inline uint8_t take_u8(struct reader *r) { return (uint8_t)take_little(r, 1); }
static inline uint16_t take_u16(struct reader *r) { return (uint16_t)take_little(r, 2); }
static inline uint32_t take_u32(struct reader *r) { return (uint32_t)take_little(r, 4); }
static inline uint64_t take_u64(struct reader *r) { return take_little(r, 8); }

static inline struct writer writer_over(void *bytes, size_t length) {
  uint8_t *at = bytes;
  return (struct writer){.start = at, .at = at, .end = at + length};
}

static inline size_t bytes_written(const struct writer *w) { return (size_t)(w->at - w->start); }

static inline void put_bytes(struct writer *w, const void *bytes, size_t length) {
  if (w->full || length > (size_t)(w->end - w->at)) {
    w->full = true;
    return;
  }
  if (length) memcpy(w->at, bytes, length);
  w->at += length;
}

static inline void put_little(struct writer *w, uint64_t x, size_t length) {
  uint8_t bytes[8];
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(x >> (8 * i));
  put_bytes(w, bytes, length);
}
static inline void put_u8(struct writer *w, uint8_t x) { put_little(w, x, 1); }
static inline void put_u16(struct writer *w, uint16_t x) { put_little(w, x, 2); }
static inline void put_u32(struct writer *w, uint32_t x) { put_little(w, x, 4); }
static inline void put_u64(struct writer *w, uint64_t x) { put_little(w, x, 8); }

#endif
