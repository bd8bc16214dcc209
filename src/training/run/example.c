#define _DEFAULT_SOURCE
#include "training/run/example.h"
#include "training/data/data.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SAMPLES = 200, INPUTS = 8, OUTPUTS = 2 };

static void need(bool good, const char *what) {
  if (good) return;
  fprintf(stderr, "example: %s\n", what);
  abort();
}

const char *example_path(const struct example *e, const char *name) {
  static char path[4][256];
  static unsigned turn;
  char *p = path[turn++ % 4];
  snprintf(p, sizeof path[0], "%s/%s", e->folder, name);
  return p;
}

/* Something that two layers can learn: products and differences of the inputs. */
static void make_data(const struct example *e, const char *inputs, const char *targets, uint64_t seed) {
  static float x[SAMPLES][INPUTS], y[SAMPLES][OUTPUTS];
  struct why why;
  for (int i = 0; i < SAMPLES; i++) {
    for (int j = 0; j < INPUTS; j++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      x[i][j] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
    }
    y[i][0] = x[i][0] * x[i][1] + x[i][2];
    y[i][1] = x[i][3] - x[i][4] * x[i][5];
  }
  need(data_save_npy(example_path(e, inputs), TAPE_F32, 2, (const uint32_t[]){SAMPLES, INPUTS}, x, &why) == TRAINING_OK,
       why.text);
  need(data_save_npy(example_path(e, targets), TAPE_F32, 2, (const uint32_t[]){SAMPLES, OUTPUTS}, y, &why) ==
           TRAINING_OK,
       why.text);
}

void example_make(struct example *e, const char *optimizer, const char *more) {
  /* in memory where possible: these runs wait for the disk far more often than a real one */
  snprintf(e->folder, sizeof e->folder, "%s/assay-example-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  need(mkdtemp(e->folder) != NULL, "no folder in /tmp");
  make_data(e, "x.npy", "y.npy", 1);
  make_data(e, "tx.npy", "ty.npy", 2);
  FILE *f = fopen(example_path(e, "job.yaml"), "w");
  need(f != NULL, "no job file");
  fprintf(f,
          "assay: 1\nmodel: %s/regression.onnx\ndata:\n  train: {format: npy, inputs: x.npy, targets: y.npy}\n"
          "  test: {format: npy, inputs: tx.npy, targets: ty.npy}\nloss: mse\noptimizer: %s\nbatch: 16\ninit: "
          "seed\nseed: 7\n%s\n",
          ASSAY_MODELS, optimizer, more);
  need(fclose(f) == 0, "no job file");
}

void example_remove(struct example *e) {
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", e->folder);
  need(system(command) == 0, command);
}

void example_copy(const struct example *e, const char *from, const char *to) {
  char command[600];
  snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", example_path(e, to), example_path(e, from),
           example_path(e, to));
  need(system(command) == 0, command);
}

enum training_status example_train(const struct example *e, const char *name, struct run_options options,
                                   struct run_result *result, struct why *why) {
  struct prepared *p = calloc(1, sizeof *p);
  struct prepare_options prepare = {.threads = 1};
  char folder[256];
  need(p != NULL, "memory");
  snprintf(folder, sizeof folder, "%s/%s", e->folder, name);
  options.folder = folder;
  if (!options.threads) options.threads = 2;
  enum training_status status = prepare_open(p, example_path(e, "job.yaml"), &prepare, why);
  if (status == TRAINING_OK) status = run_train(p, &options, result, why);
  prepare_shut(p);
  free(p);
  return status;
}

uint8_t *example_read(const char *path, size_t *length) {
  struct file_bytes file;
  struct why why;
  need(file_map(path, UINT32_MAX, &file, &why) == TRAINING_OK, why.text);
  uint8_t *copy = malloc(file.length + 1);
  need(copy != NULL, "memory");
  memcpy(copy, file.bytes, file.length);
  copy[file.length] = 0;
  *length = file.length;
  file_unmap(&file);
  return copy;
}

void example_write(const char *path, const void *bytes, size_t length) {
  FILE *f = fopen(path, "wb");
  need(f != NULL && fwrite(bytes, 1, length, f) == length && fclose(f) == 0, path);
}
