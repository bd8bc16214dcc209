#include "ledger/chain/outbox.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* One after the other: kind u8 | number u64 | task there u8 | task or hash 34 | length u32 | second length u32 | bytes
 * | second bytes. An event's bytes are its kind with its 0, the second its text with its 0. */
enum outbox_kind { OUT_RECEIPT = 1, OUT_CONTENT = 2, OUT_EVENT = 3 };
enum { HEAD_BYTES = 1 + 8 + 1 + 34 + 4 + 4, EVENT_TEXT_MAX = 256 };

struct outbox {
  uint8_t *bytes;
  size_t used, size;
};

struct outbox *outbox_open(void) {
  struct outbox *o = calloc(1, sizeof *o);
  assert(o); /* a stopped node is cheaper than a wrong one */
  return o;
}

void outbox_shut(struct outbox *o) {
  if (!o) return;
  free(o->bytes);
  free(o);
}

static uint8_t *grow(struct outbox *o, size_t more) {
  if (o->size - o->used < more) {
    size_t size = o->size ? o->size : 4096;
    while (size - o->used < more) size *= 2;
    o->bytes = realloc(o->bytes, size);
    assert(o->bytes);
    o->size = size;
  }
  uint8_t *at = o->bytes + o->used;
  o->used += more;
  return at;
}

struct told {
  uint8_t kind, has_id, id[34];
  uint64_t number;
  const uint8_t *bytes, *second;
  uint32_t length, second_length;
};

static void add(struct outbox *o, const struct told *t) {
  assert(t->length <= UINT32_MAX / 4 && t->second_length <= UINT32_MAX / 4);
  size_t bytes = HEAD_BYTES + (size_t)t->length + t->second_length;
  struct writer w = writer_over(grow(o, bytes), bytes);
  put_u8(&w, t->kind);
  put_u64(&w, t->number);
  put_u8(&w, t->has_id);
  put_bytes(&w, t->id, sizeof t->id);
  put_u32(&w, t->length);
  put_u32(&w, t->second_length);
  put_bytes(&w, t->bytes, t->length);
  put_bytes(&w, t->second, t->second_length);
  assert(!w.full);
}

void outbox_receipt(struct outbox *o, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                    size_t payments_length) {
  add(o, &(struct told){.kind = OUT_RECEIPT,
                        .number = number,
                        .bytes = bytes,
                        .length = (uint32_t)length,
                        .second = payments,
                        .second_length = (uint32_t)payments_length});
}

void outbox_content(struct outbox *o, const uint8_t hash[32], const uint8_t *bytes, size_t length) {
  struct told t = {.kind = OUT_CONTENT, .has_id = 1, .bytes = bytes, .length = (uint32_t)length};
  memcpy(t.id, hash, 32);
  add(o, &t);
}

void outbox_event(struct outbox *o, const char *kind, const uint8_t *task, const char *format, ...) {
  char text[EVENT_TEXT_MAX];
  struct told t = {.kind = OUT_EVENT, .bytes = (const uint8_t *)kind, .length = (uint32_t)strlen(kind) + 1};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  t.second = (const uint8_t *)text;
  t.second_length = (uint32_t)strlen(text) + 1;
  if (task) {
    t.has_id = 1;
    memcpy(t.id, task, sizeof t.id);
  }
  add(o, &t);
}

size_t outbox_mark(const struct outbox *o) { return o->used; }

void outbox_undo(struct outbox *o, size_t mark) {
  assert(mark <= o->used);
  o->used = mark;
}

static struct told next(struct reader *r) {
  struct told t = {.kind = take_u8(r)};
  t.number = take_u64(r);
  t.has_id = take_u8(r);
  const uint8_t *id = take_bytes(r, sizeof t.id);
  if (id) memcpy(t.id, id, sizeof t.id);
  t.length = take_u32(r);
  t.second_length = take_u32(r);
  t.bytes = take_bytes(r, t.length);
  t.second = take_bytes(r, t.second_length);
  assert(!r->short_of);
  return t;
}

void outbox_tell(const struct outbox *o, const struct chain_sink *sink) {
  struct reader r = reader_over(o->bytes, o->used);
  while (bytes_left(&r)) {
    struct told t = next(&r);
    if (t.kind == OUT_RECEIPT && sink->receipt)
      sink->receipt(sink->context, t.number, t.bytes, t.length, t.second, t.second_length);
    if (t.kind == OUT_CONTENT && sink->content) sink->content(sink->context, t.id, t.bytes, t.length);
    if (t.kind == OUT_EVENT && sink->event)
      sink->event(sink->context, (const char *)t.bytes, t.has_id ? t.id : NULL, (const char *)t.second);
  }
}
