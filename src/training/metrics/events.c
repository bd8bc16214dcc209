#define _DEFAULT_SOURCE
#include "training/metrics/events.h"
#include "base/bytes.h"
#include "events.pb-c.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { EVENT_BYTES_MAX = 1024, FRAME_BYTES = 16 };

uint32_t events_crc32c(const void *bytes, size_t length) {
  static uint32_t table[256]; /* entry 255 is made last and never 0, so it says that the table is ready */
  for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
    table[i] = c;
  }
  uint32_t crc = 0xffffffffu;
  for (const uint8_t *at = bytes; length--; at++) crc = crc >> 8 ^ table[(crc ^ *at) & 0xff];
  return ~crc;
}

static uint32_t masked(const void *bytes, size_t length) {
  uint32_t crc = events_crc32c(bytes, length);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

enum training_status events_flush(struct events *e, struct why *why) {
  enum training_status status = file_append(e->fd, e->path, e->buffer, e->used, why);
  e->used = 0;
  return status;
}

static enum training_status append_event(struct events *e, const Events__Event *event, struct why *why) {
  uint8_t message[EVENT_BYTES_MAX];
  size_t length = events__event__get_packed_size(event);
  if (length > sizeof message)
    return TRAINING_OK; /* a tag beyond any of ours: a chart without it is better than no run */
  events__event__pack(event, message);
  if (e->used + length + FRAME_BYTES > sizeof e->buffer) {
    enum training_status status = events_flush(e, why);
    if (status != TRAINING_OK) return status;
  }
  struct writer w = writer_over(e->buffer + e->used, sizeof e->buffer - e->used);
  put_u64(&w, length);
  put_u32(&w, masked(w.start, 8));
  put_bytes(&w, message, length);
  put_u32(&w, masked(message, length));
  e->used += bytes_written(&w);
  return TRAINING_OK;
}

enum training_status events_scalar(struct events *e, double wall_time, int64_t step, const char *tag, float value,
                                   struct why *why) {
  Events__Value v = EVENTS__VALUE__INIT;
  Events__Summary summary = EVENTS__SUMMARY__INIT;
  Events__Event event = EVENTS__EVENT__INIT;
  Events__Value *values[] = {&v};
  v.tag = (char *)(uintptr_t)tag;
  v.simple_value = value;
  summary.n_value = 1;
  summary.value = values;
  event.wall_time = wall_time;
  event.step = step;
  event.summary = &summary;
  return append_event(e, &event, why);
}

/* Bytes of the records up to last_step; what comes after, or is cut short or damaged, is not counted. */
static size_t sound_length(const struct file_bytes *file, int64_t last_step) {
  struct reader r = reader_over(file->bytes, file->length);
  for (;;) {
    size_t start = (size_t)(r.at - file->bytes);
    const uint8_t *head = take_bytes(&r, 12);
    if (!head) return start;
    struct reader h = reader_over(head, 12);
    uint64_t length = take_u64(&h);
    if (take_u32(&h) != masked(head, 8) || length > EVENT_BYTES_MAX) return start;
    const uint8_t *message = take_bytes(&r, length);
    uint32_t crc = take_u32(&r);
    if (!message || r.short_of || crc != masked(message, length)) return start;
    Events__Event *event = events__event__unpack(NULL, length, message);
    bool keep = event && event->step <= last_step;
    if (event) events__event__free_unpacked(event, NULL);
    if (!keep) return start;
  }
}

enum training_status events_open(struct events *e, const char *folder, int64_t last_step, struct why *why) {
  struct file_bytes before;
  size_t keep = 0;
  e->used = 0;
  e->fd = -1;
  enum training_status status = file_folder(folder, why);
  if (status != TRAINING_OK) return status;
  if (!file_join(e->path, folder, "events.out.tfevents.0000000000.assay")) {
    why_set(why, "%.200s...: the path is too long", folder);
    return TRAINING_ERR_INPUT;
  }
  if (last_step >= 0 && file_map(e->path, UINT32_MAX, &before, NULL) == TRAINING_OK) {
    keep = sound_length(&before, last_step);
    file_unmap(&before);
  }
  e->fd = open(e->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0666);
  if (e->fd < 0 || ftruncate(e->fd, (off_t)keep) != 0) {
    why_set(why, "%s could not be written: %s", e->path, strerror(errno));
    events_shut(e);
    return TRAINING_ERR_SYSTEM;
  }
  if (keep) return TRAINING_OK;
  Events__Event version = EVENTS__EVENT__INIT;
  version.file_version = (char *)(uintptr_t) "brain.Event:2";
  return append_event(e, &version, why);
}

void events_shut(struct events *e) {
  if (e->fd >= 0) close(e->fd);
  e->fd = -1;
}
