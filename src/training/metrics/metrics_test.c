#define _DEFAULT_SOURCE
#include "commit/trace/trace.h"
#include "events.pb-c.h"
#include "training/metrics/events.h"
#include "training/metrics/metrics.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void round_trip(const struct metrics_line *line) {
  char text[METRICS_LINE_MAX];
  struct metrics_line again;
  struct why why = {""};
  size_t length = metrics_print(line, text);
  assert_true(length > 0 && length < sizeof text && text[length - 1] == '\n');
  if (metrics_parse(text, length - 1, &again, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_int_equal(again.kind, line->kind);
  assert_int_equal(again.update, line->update);
  bool nan = line->loss != line->loss;
  assert_true(nan ? again.loss != again.loss : memcmp(&again.loss, &line->loss, 4) == 0);
  assert_memory_equal(&again.rate, &line->rate, 4);
  assert_memory_equal(again.final_root, line->final_root, MERKLE_BYTES);
}

/* Any bits come back, whole numbers, both zeros, subnormals and what JSON has no number for. */
static void floats_come_back(void **state) {
  (void)state;
  static const uint32_t corners[] = {0,          0x80000000, 1,          0x80000001, 0x007fffff,
                                     0x00800000, 0x3f800000, 0x4b800000, 0x7f7fffff, 0xff7fffff,
                                     0x7f800000, 0xff800000, 0x7fc00000, 0x3dcccccd};
  uint64_t s = 1;
  for (int i = 0; i < 20000; i++) {
    s = s * 6364136223846793005u + 1442695040888963407u;
    uint32_t bits = i < (int)(sizeof corners / sizeof *corners) ? corners[i] : (uint32_t)(s >> 32);
    struct metrics_line line = {.kind = METRICS_UPDATE, .update = 1, .step = 1, .samples_per_s = 100};
    memcpy(&line.loss, &bits, sizeof bits);
    round_trip(&line);
  }
}

static void every_shape_comes_back(void **state) {
  (void)state;
  struct metrics_line line = {.kind = METRICS_EVALUATION, .update = 469, .loss = 0.41f};
  round_trip(&line);
  line.has_accuracy = true;
  line.accuracy = 0.85f;
  round_trip(&line);
  struct metrics_line done = {.kind = METRICS_DONE, .outcome = TRACE_DIVERGED};
  memset(done.final_root, 0xab, MERKLE_BYTES);
  round_trip(&done);
}

static void strangers_are_refused(void **state) {
  (void)state;
  static const char *const lines[] = {
      "",
      "{}",
      "[]",
      "null",
      "{\"update\": 1}",
      "{\"update\": 1, \"test_loss\": \"high\"}",
      "{\"update\": 1, \"test_loss\": 1}",
      "{\"update\": -1, \"test_loss\": 1.0}",
      "{\"update\": 4294967296, \"test_loss\": 1.0}",
      "{\"update\": 1, \"test_loss\": 1.0, \"test_loss\": 2.0}",
      "{\"update\": 1, \"test_loss\": 1.0, \"note\": 1}",
      "{\"update\": 1, \"step\": 1, \"loss\": 1.0, \"lr\": 1.0}",
      "{\"update\": 1, \"step\": 1, \"loss\": 1.0, \"lr\": 1.0, \"samples_per_s\": 1.0} x",
      "{\"done\": false, \"outcome\": \"done\", \"final_root\": \"00\"}",
      "{\"done\": true, \"outcome\": \"done\", \"final_root\": \"00\"}"};
  struct metrics_line line;
  struct why why;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    if (metrics_parse(lines[i], strlen(lines[i]), &line, &why) == TRAINING_OK) fail_msg("accepted: %s", lines[i]);
    assert_int_equal(metrics_parse(lines[i], strlen(lines[i]), &line, &why), TRAINING_ERR_INPUT);
  }
}

/* RFC 3720, B.4. */
static void crc_known_answers(void **state) {
  (void)state;
  uint8_t bytes[32];
  memset(bytes, 0, sizeof bytes);
  assert_int_equal(events_crc32c(bytes, 32), 0x8a9136aa);
  memset(bytes, 0xff, sizeof bytes);
  assert_int_equal(events_crc32c(bytes, 32), 0x62a8ab43);
  for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
  assert_int_equal(events_crc32c(bytes, 32), 0x46dd794e);
  assert_int_equal(events_crc32c("123456789", 9), 0xe3069283);
}

static uint32_t masked(const uint8_t *bytes, size_t length) {
  uint32_t crc = events_crc32c(bytes, length);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static uint32_t u32_at(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Reads an event file as TensorBoard's record reader does; returns the scalars, and their steps summed. */
static uint32_t read_events(const char *path, int64_t *steps, float *last) {
  struct file_bytes file;
  struct why why;
  uint32_t scalars = 0, records = 0;
  *steps = 0;
  assert_int_equal(file_map(path, 1 << 20, &file, &why), TRAINING_OK);
  for (size_t at = 0; at < file.length; records++) {
    size_t length = u32_at(file.bytes + at);
    assert_int_equal(u32_at(file.bytes + at + 8), masked(file.bytes + at, 8));
    assert_true(at + 16 + length <= file.length);
    assert_int_equal(u32_at(file.bytes + at + 12 + length), masked(file.bytes + at + 12, length));
    Events__Event *e = events__event__unpack(NULL, length, file.bytes + at + 12);
    assert_non_null(e);
    if (records == 0) assert_string_equal(e->file_version, "brain.Event:2");
    if (e->summary) {
      assert_int_equal(e->summary->n_value, 1);
      assert_string_equal(e->summary->value[0]->tag, "train/loss");
      *last = e->summary->value[0]->simple_value;
      *steps += e->step;
      scalars++;
    }
    events__event__free_unpacked(e, NULL);
    at += 16 + length;
  }
  file_unmap(&file);
  return scalars;
}

static void events_are_records_and_can_be_continued(void **state) {
  (void)state;
  char folder[] = "/tmp/assay-events-XXXXXX", path[FILE_PATH_MAX];
  struct events *e = malloc(sizeof *e);
  struct why why;
  int64_t steps;
  float last;
  assert_non_null(mkdtemp(folder));
  assert_int_equal(events_open(e, folder, -1, &why), TRAINING_OK);
  for (int i = 1; i <= 2000; i++)
    assert_int_equal(events_scalar(e, 1e9 + i, i, "train/loss", 1.0f / (float)i, &why), TRAINING_OK);
  assert_int_equal(events_flush(e, &why), TRAINING_OK);
  snprintf(path, sizeof path, "%s", e->path);
  events_shut(e);
  assert_int_equal(read_events(path, &steps, &last), 2000);
  assert_int_equal(steps, 2000 * 2001 / 2);
  assert_true(last == 1.0f / 2000);
  /* goes on after step 1500 although the last record was cut short */
  struct stat st;
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(truncate(path, st.st_size - 3), 0);
  assert_int_equal(events_open(e, folder, 1500, &why), TRAINING_OK);
  assert_int_equal(events_scalar(e, 1e9, 1501, "train/loss", 7, &why), TRAINING_OK);
  assert_int_equal(events_flush(e, &why), TRAINING_OK);
  events_shut(e);
  assert_int_equal(read_events(path, &steps, &last), 1501);
  assert_int_equal(steps, 1501 * 1502 / 2);
  assert_true(last == 7);
  unlink(path);
  rmdir(folder);
  free(e);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(floats_come_back), cmocka_unit_test(every_shape_comes_back),
                                     cmocka_unit_test(strangers_are_refused), cmocka_unit_test(crc_known_answers),
                                     cmocka_unit_test(events_are_records_and_can_be_continued)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
