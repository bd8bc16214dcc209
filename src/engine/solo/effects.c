#include "engine/solo/effects.h"

#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"

enum { VERSION = 2, HEAD_BYTES = 1 + 1 + 32 + 32 + 8 + 4, TASK_BYTES = 34 };

static uint8_t *grow(struct effects_row *row, size_t more) {
  if (row->size - row->used < more) {
    size_t size = row->size ? row->size : 4096;
    while (size - row->used < more) size *= 2;
    row->bytes = realloc(row->bytes, size);
    assert(row->bytes);
    row->size = size;
  }
  uint8_t *at = row->bytes + row->used;
  row->used += more;
  return at;
}

void effects_clear(struct effects_writer *w) {
  w->results.used = w->events.used = w->whole.used = 0;
  w->results.count = w->events.count = w->whole.count = 0;
}

void effects_free(struct effects_writer *w) {
  free(w->results.bytes);
  free(w->events.bytes);
  free(w->whole.bytes);
  *w = (struct effects_writer){0};
}

void effects_add_result(struct effects_writer *w, const struct effects_result *r) {
  size_t log = r->log.length < EFFECTS_LOG_MAX ? r->log.length : EFFECTS_LOG_MAX, bytes = 2 + 4 + 4 + 2 + log;
  struct writer out = writer_over(grow(&w->results, bytes), bytes);
  put_u16(&out, r->code);
  put_u32(&out, r->gas_wanted);
  put_u32(&out, r->gas_used);
  put_u16(&out, (uint16_t)log);
  put_bytes(&out, r->log.bytes, log);
  assert(!out.full);
  w->results.count++;
}

void effects_add_event(struct effects_writer *w, const char *kind, const uint8_t *task, const char *text) {
  size_t k = strnlen(kind, EFFECTS_KIND_MAX), t = strnlen(text, EFFECTS_TEXT_MAX);
  size_t bytes = 1 + k + 1 + (task ? TASK_BYTES : 0) + 2 + t;
  struct writer out = writer_over(grow(&w->events, bytes), bytes);
  put_u8(&out, (uint8_t)k);
  put_bytes(&out, kind, k);
  put_u8(&out, task != NULL);
  if (task) put_bytes(&out, task, TASK_BYTES);
  put_u16(&out, (uint16_t)t);
  put_bytes(&out, text, t);
  assert(!out.full);
  w->events.count++;
}

struct comet_span effects_end(struct effects_writer *w, bool another, const struct effects_state *after) {
  size_t bytes = HEAD_BYTES + w->results.used + 4 + w->events.used;
  w->whole.used = 0;
  struct writer out = writer_over(grow(&w->whole, bytes), bytes);
  put_u8(&out, VERSION);
  put_u8(&out, another);
  put_bytes(&out, after->app_hash, 32);
  put_bytes(&out, after->state_root, 32);
  put_u64(&out, after->log_size);
  put_u32(&out, w->results.count);
  put_bytes(&out, w->results.bytes, w->results.used);
  put_u32(&out, w->events.count);
  put_bytes(&out, w->events.bytes, w->events.used);
  assert(!out.full);
  return (struct comet_span){.bytes = w->whole.bytes, .length = bytes};
}

static bool take_result(struct reader *r, struct effects_result *out) {
  out->code = take_u16(r);
  out->gas_wanted = take_u32(r);
  out->gas_used = take_u32(r);
  out->log.length = take_u16(r);
  out->log.bytes = take_bytes(r, out->log.length);
  return !r->short_of;
}

static bool take_event(struct reader *r, struct effects_event *out) {
  out->kind.length = take_u8(r);
  out->kind.bytes = take_bytes(r, out->kind.length);
  out->task = take_u8(r) ? take_bytes(r, TASK_BYTES) : NULL;
  out->text.length = take_u16(r);
  out->text.bytes = take_bytes(r, out->text.length);
  return !r->short_of;
}

bool effects_open(const uint8_t *bytes, size_t length, struct effects_reader *out) {
  struct reader r = reader_over(bytes, length);
  struct effects_reader o = {.end = bytes + length};
  struct effects_result result;
  struct effects_event event;
  bool right = take_u8(&r) == VERSION;
  o.another = take_u8(&r) != 0;
  const uint8_t *app_hash = take_bytes(&r, 32), *state_root = take_bytes(&r, 32);
  if (app_hash) memcpy(o.after.app_hash, app_hash, 32);
  if (state_root) memcpy(o.after.state_root, state_root, 32);
  o.after.log_size = take_u64(&r);
  o.results_left = o.results_count = take_u32(&r);
  o.result = r.at;
  for (uint32_t i = 0; i < o.results_count && !r.short_of; i++) take_result(&r, &result);
  o.events_left = o.events_count = take_u32(&r);
  o.event = r.at;
  for (uint32_t i = 0; i < o.events_count && !r.short_of; i++) take_event(&r, &event);
  if (!right || !bytes_done(&r)) return false;
  *out = o;
  return true;
}

bool effects_next_result(struct effects_reader *o, struct effects_result *out) {
  if (!o->results_left) return false;
  struct reader r = reader_over(o->result, (size_t)(o->end - o->result));
  bool whole = take_result(&r, out);
  assert(whole);
  (void)whole;
  o->result = r.at;
  o->results_left--;
  return true;
}

bool effects_next_event(struct effects_reader *o, struct effects_event *out) {
  if (!o->events_left) return false;
  struct reader r = reader_over(o->event, (size_t)(o->end - o->event));
  bool whole = take_event(&r, out);
  assert(whole);
  (void)whole;
  o->event = r.at;
  o->events_left--;
  return true;
}
