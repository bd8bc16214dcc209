#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/bench/job.h"
#include "base/pages.h"
#include "numeric/random.h"
#include "training/file/machine.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PICTURES = 6000, SIDE = 28, CLASSES = 10 };

/* The models lie in the source tree, two folders above the program's, in one of these. */
static bool look_for_model(const char *name, const char *models, char path[FILE_PATH_MAX]) {
  static const char *const places[] = {"tests/models", "examples/fashion"};
  char file[64], program[FILE_PATH_MAX];
  snprintf(file, sizeof file, "%s.onnx", name);
  if (models) return file_join(path, models, file) && access(path, R_OK) == 0;
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return false;
  program[length] = 0;
  for (int up = 0; up < 3; up++) {
    char *slash = strrchr(program, '/');
    if (slash) *slash = 0;
  }
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    char folder[FILE_PATH_MAX];
    if (file_join(folder, program, places[i]) && file_join(path, folder, file) && access(path, R_OK) == 0) return true;
  }
  return false;
}

/* The job lies in a folder of its own, so the path must not begin at ours. */
static bool find_model(const char *name, const char *models, char path[FILE_PATH_MAX]) {
  char found[FILE_PATH_MAX];
  char *whole = look_for_model(name, models, found) ? realpath(found, NULL) : NULL;
  bool fits = whole && strlen(whole) < FILE_PATH_MAX;
  if (fits) strcpy(path, whole);
  free(whole);
  return fits;
}

/* A scalar of YAML that nothing in the path can end: quoted, with each ' doubled. */
static void quote_path(const char *path, char quoted[2 * FILE_PATH_MAX + 3]) {
  *quoted++ = '\'';
  for (; *path; path++) {
    *quoted++ = *path;
    if (*path == '\'') *quoted++ = '\'';
  }
  strcpy(quoted, "'");
}

/* IDX files of noise, shaped and named like Fashion-MNIST. */
static enum outcome make_up_data(const char *folder, struct why *why) {
  char path[FILE_PATH_MAX], set[FILE_PATH_MAX];
  static uint8_t pictures[16 + PICTURES * SIDE * SIDE], labels[8 + PICTURES];
  static const uint8_t pictures_head[16] = {0, 0, 8,    3, 0, 0, PICTURES >> 8, PICTURES & 255, 0,
                                            0, 0, SIDE, 0, 0, 0, SIDE};
  static const uint8_t labels_head[8] = {0, 0, 8, 1, 0, 0, PICTURES >> 8, PICTURES & 255};
  memcpy(pictures, pictures_head, sizeof pictures_head);
  memcpy(labels, labels_head, sizeof labels_head);
  for (uint32_t i = 0; i < PICTURES * SIDE * SIDE; i++) pictures[16 + i] = (uint8_t)random_word(i, 0, 0, 1);
  for (uint32_t i = 0; i < PICTURES; i++) labels[8 + i] = (uint8_t)(random_word(i, 1, 0, 1) % CLASSES);
  static const char *const names[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"};
  file_join(set, folder, "fashion-mnist");
  enum training_status s = file_folder(set, why);
  for (int i = 0; i < 2 && s == TRAINING_OK; i++) {
    file_join(path, set, names[i]);
    s = file_replace(path, i ? labels : pictures, i ? sizeof labels : sizeof pictures, why);
  }
  return (enum outcome)s;
}

enum outcome bench_job_open(struct bench_job *b, const char *name, uint32_t updates, const struct bench_options *o,
                            struct why *why) {
  char model[FILE_PATH_MAX], quoted[2 * FILE_PATH_MAX + 3], text[2 * FILE_PATH_MAX + 512];
  const char *data = o->data ? o->data : "/usr/share/datasets", *tmp = getenv("TMPDIR");
  b->name = name;
  b->made_up = false;
  b->folder[0] = 0;
  if (o->job) {
    struct prepare_options options = {.data_folder = data, .threads = o->threads};
    return (enum outcome)prepare_open(&b->prepared, o->job, &options, why);
  }
  if (!find_model(name, o->models, model)) {
    if (o->models)
      why_set(why, "%s: no %s.onnx in this folder; --models names the one that holds it", o->models, name);
    else
      why_set(why, "found no %s.onnx; say where it lies with --models DIR", name);
    return OUTCOME_INPUT;
  }
  quote_path(model, quoted);
  if (snprintf(b->folder, sizeof b->folder, "%s/assay-bench-XXXXXX", tmp ? tmp : "/tmp") >= (int)sizeof b->folder ||
      !mkdtemp(b->folder)) {
    why_set(why, "cannot make a folder in %s (%s); TMPDIR names another place", tmp ? tmp : "/tmp", strerror(errno));
    b->folder[0] = 0;
    return OUTCOME_ENVIRONMENT;
  }
  char probe[FILE_PATH_MAX];
  file_join(probe, data, "fashion-mnist/train-images-idx3-ubyte.gz");
  b->made_up = access(probe, R_OK) != 0;
  enum outcome outcome = b->made_up ? make_up_data(b->folder, why) : OUTCOME_DONE;
  if (outcome == OUTCOME_DONE) {
    int length = snprintf(text, sizeof text,
                          "assay: 1\nmodel: %s\ninit: seed\ndata:\n  train: {dataset: fashion-mnist, split: train}\n"
                          "loss: cross_entropy\noptimizer: {name: adamw, lr: 1e-3, weight_decay: 0.01}\n"
                          "schedule: {name: constant}\nbatch: %d\nupdates: %" PRIu32 "\nshuffle: true\nseed: 1\n",
                          quoted, BENCH_BATCH, updates);
    snprintf(b->job_path, sizeof b->job_path, "%s/job.yaml", b->folder);
    outcome = (enum outcome)file_replace(b->job_path, text, (size_t)length, why);
  }
  struct prepare_options options = {.data_folder = b->made_up ? b->folder : data, .threads = o->threads};
  if (outcome == OUTCOME_DONE) outcome = (enum outcome)prepare_open(&b->prepared, b->job_path, &options, why);
  if (outcome != OUTCOME_DONE) bench_job_shut(b);
  return outcome;
}

void bench_job_shut(struct bench_job *b) {
  prepare_shut(&b->prepared);
  if (!b->folder[0]) return;
  static const char *const left[] = {"job.yaml", "fashion-mnist/train-images-idx3-ubyte.gz",
                                     "fashion-mnist/train-labels-idx1-ubyte.gz", "fashion-mnist"};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
    char path[FILE_PATH_MAX];
    if (file_join(path, b->folder, left[i])) remove(path);
  }
  rmdir(b->folder);
  b->folder[0] = 0;
}

enum outcome bench_seat_open(struct bench_seat *s, const struct bench_job *b, const struct execute_options *x,
                             struct why *why) {
  struct execute *init = NULL;
  *s = (struct bench_seat){0};
  enum training_status status = prepare_execute(&b->prepared, TAPE_OF_INIT, x, &init, why);
  if (status == TRAINING_OK) status = prepare_execute(&b->prepared, TAPE_OF_TRAIN, x, &s->train, why);
  if (status == TRAINING_OK && !(s->state = pages_take(b->prepared.state_bytes))) {
    why_set(why, "no memory for a state of %" PRIu64 " bytes", b->prepared.state_bytes);
    status = TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK) {
    memset(s->state, 0, b->prepared.state_bytes);
    execute_step(init, s->state, 0, b->prepared.job.seed);
    s->step = 1;
  }
  if (init) execute_shut(init);
  if (status != TRAINING_OK) bench_seat_shut(s);
  return (enum outcome)status;
}

void bench_seat_shut(struct bench_seat *s) {
  if (s->train) execute_shut(s->train);
  free(s->state);
  *s = (struct bench_seat){0};
}

double bench_seat_step(struct bench_seat *s, const struct bench_job *b) {
  double start = machine_seconds();
  execute_step(s->train, s->state, s->step++, b->prepared.job.seed);
  return machine_seconds() - start;
}
