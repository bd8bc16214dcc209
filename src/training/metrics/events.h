/* events: scalars for TensorBoard: an event file of TFRecords.
 *
 *   record: length u64 | masked crc32c of those 8 bytes u32 | an Event message (events.proto) | masked crc32c of it u32
 *   masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8        (TensorFlow's record_writer)
 *
 * Uses: file, protobuf-c. */
#ifndef TRAINING_EVENTS_H
#define TRAINING_EVENTS_H
#include "training/file/file.h"

struct events {
  int fd;
  char path[FILE_PATH_MAX];
  size_t used;
  uint8_t buffer[1 << 16];
};

/* events_open makes FOLDER (tensorboard/) and its one event file, or continues it: records of steps after `last_step`
 * and a record that a crash cut short are dropped first. */
enum training_status events_open(struct events *e, const char *folder, int64_t last_step, struct why *why);
enum training_status events_scalar(struct events *e, double wall_time, int64_t step, const char *tag, float value,
                                   struct why *why);
enum training_status events_flush(struct events *e, struct why *why);
void events_shut(struct events *e);

uint32_t events_crc32c(const void *bytes, size_t length); /* RFC 3720 B.4, Castagnoli */

#endif
