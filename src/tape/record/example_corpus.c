/* example_corpus FOLDER: writes the seeds of the fuzzers' corpora, FOLDER/record, FOLDER/layout and FOLDER/tape, which
 * exist. */
#include <stdio.h>
#include <stdlib.h>

#include "tape/record/example.h"

static void save(const char *folder, const char *kind, const char *name, const uint8_t *bytes, size_t length) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s/%s", folder, kind, name);
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(bytes, 1, length, f) != length || fclose(f)) {
    perror(path);
    exit(1);
  }
}

int main(int argc, char **argv) {
  static uint8_t bytes[1 << 16];
  struct example e;
  char name[64];
  uint64_t seed = 4;
  if (argc != 2) return fprintf(stderr, "usage: %s FOLDER\n", argv[0]), 2;
  example_tape(&e);
  for (uint32_t i = 0; i < EXAMPLE_RECORDS; i++) {
    snprintf(name, sizeof name, "example-%02u", i + 1);
    save(argv[1], "record", name, bytes, record_encode(&e.record[i], bytes, sizeof bytes));
  }
  for (uint32_t i = 0; i < 12; i++) {
    struct tape_record r;
    example_random(&r, &seed);
    snprintf(name, sizeof name, "random-%02u", i + 1);
    save(argv[1], "record", name, bytes, record_encode(&r, bytes, sizeof bytes));
  }
  save(argv[1], "layout", "example", bytes, layout_encode(&e.tape.layout, bytes, sizeof bytes));
  save(argv[1], "tape", "example", bytes, tape_write(&e.tape, bytes, sizeof bytes));
  e.tape.layout = (struct layout){.state_count = 1, .entry = e.entry};
  save(argv[1], "layout", "smallest", bytes, layout_encode(&e.tape.layout, bytes, sizeof bytes));
  e.record[0] = example_record(TAPE_MAP, TAPE_I32, TAPE_OUT, 0);
  example_dims(&e.record[0], 1, 0, (uint32_t[]){1});
  example_literal(&e.record[0], 0, true);
  e.tape.records_count = e.tape.state_leaves = 1;
  e.tape.temp_leaves = 0;
  e.tape.counts = (struct tape_counts){.bytes = 4};
  save(argv[1], "tape", "smallest", bytes, tape_write(&e.tape, bytes, sizeof bytes));
  return 0;
}
