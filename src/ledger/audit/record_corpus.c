/* audit_corpus FOLDER: writes the seeds of record_fuzz to FOLDER: seats, attempts and disputes of a small task, as the
 * map has them after each block. */
#include <stdio.h>
#include <stdlib.h>

#include "ledger/docket/trial.h"

static struct trial t;
static const char *folder;

static void write_seed(const char *name, uint8_t number, const struct map_value *v) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  if (f && fputc(number, f) != EOF && fwrite(v->bytes, 1, v->length, f) == v->length && fclose(f) == 0) return;
  perror(path);
  exit(1);
}

/* One seed for each length that a kind of record has. */
static void write_kind(const char *name, uint8_t number, uint8_t module) {
  struct map_key prefix = map_key(module, NULL, 0), key;
  struct map_value v;
  char file[64];
  for (const struct map_key *after = NULL; map_next(trial_chain(&t)->map, &prefix, after, &key, &v); after = &key) {
    snprintf(file, sizeof file, "%s-%05u", name, v.length);
    write_seed(file, number, &v);
  }
}

int main(int argc, char **argv) {
  struct trial_plan plan = {.intervals = 6,
                            .interval_steps = 3,
                            .seats = 2,
                            .draws = 2,
                            .diverges_at = UINT32_MAX,
                            .stubborn = true,
                            .level = AUDIT_LEVEL_FULL,
                            .lie_interval = 3};
  plan.lie =
      (struct lie){.kind = LIE_BYTE, .space = TAPE_TEMP, .mask = 64, .j = 2, .leaf = 1, .offset = 6, .follow = true};
  if (argc != 2) return 2;
  folder = argv[1];
  trial_open(&t, &plan);
  while (trial_task(&t).attempt == 1) {
    trial_block(&t);
    write_kind("seat", 0, MODULE_SEAT);
    write_kind("attempt", 1, MODULE_TRACE);
    write_kind("dispute", 2, MODULE_DISPUTE);
  }
  trial_shut(&t);
  return 0;
}
