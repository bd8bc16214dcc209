#include "campaign/list.h"

#include <string.h>

static FILE *file;

bool list_to(const char *path) {
  file = fopen(path, "wb");
  return file != NULL;
}

static void put_number(uint64_t x, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) putc((int)(x >> 8 * i & 255), file);
}

static void put_part(const uint8_t *bytes, size_t length) {
  put_number(length, 4);
  fwrite(bytes, 1, length, file);
}

void list_begin(const struct walk *w) {
  if (!file) return;
  fwrite(LIST_MAGIC, 1, sizeof LIST_MAGIC, file);
  put_part(w->genesis, w->genesis_length);
}

void list_block(const struct walk *w) {
  if (!file) return;
  put_number(w->block.time_ms, 8);
  put_number(w->block.bytes, 8);
  put_number(w->block.gas, 8);
  fwrite(w->block.proposer, 1, 32, file);
  put_part(w->beacon, w->block.beacon_length);
  put_part(w->bytes, w->used);
  put_part(w->answers, w->answers_used);
  fwrite(w->app_hash, 1, 32, file);
}

bool list_end(void) {
  bool good = !file || (!ferror(file) && fclose(file) == 0);
  file = NULL;
  return good;
}
