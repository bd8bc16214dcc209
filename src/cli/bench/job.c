#include "cli/bench/job.h"
#include "base/pages.h"
#include "training/file/machine.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A scalar of YAML that nothing in the path can end: quoted, with each ' doubled. */
static void quote_path(const char *path, char quoted[2 * FILE_PATH_MAX + 3]) {
  *quoted++ = '\'';
  for (; *path; path++) {
    *quoted++ = *path;
    if (*path == '\'') *quoted++ = '\'';
  }
  strcpy(quoted, "'");
}

uint32_t bench_choose(const struct bench_options *o, const struct bench_row *chosen[BENCH_ROWS], struct why *why) {
  uint32_t named = rows_choose(o->row, chosen, why), n = 0;
  if (o->row) return named;
  for (uint32_t i = 0; i < named; i++) {
    char path[FILE_PATH_MAX];
    struct why missing = {""};
    if (rows_find(chosen[i], o->models, path, &missing))
      chosen[n++] = chosen[i];
    else
      note("left out: %s", missing.text);
  }
  if (n == 0) why_set(why, "no row's model is there");
  return n;
}

static enum outcome make_folder(struct bench_job *b, struct why *why) {
  const char *tmp = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
  if (snprintf(b->folder, sizeof b->folder, "%s/assay-bench-XXXXXX", tmp) < (int)sizeof b->folder && mkdtemp(b->folder))
    return OUTCOME_DONE;
  why_set(why, "cannot make a folder in %s (%s); TMPDIR names another place", tmp, strerror(errno));
  b->folder[0] = 0;
  return OUTCOME_ENVIRONMENT;
}

/* What the row trains on, found or made up; `words` is what the job file says of it. */
static enum outcome make_data(struct bench_job *b, const struct bench_row *row, bool made_up, const char **sets,
                              char words[128], struct why *why) {
  char path[FILE_PATH_MAX];
  enum training_status status = TRAINING_OK;
  if (row->context) {
    file_join(path, b->folder, "text");
    status = rows_text(path, &made_up, why);
    snprintf(words, 128, "{format: text, file: text, context: %" PRIu32 "}", row->context);
  } else {
    file_join(path, *sets, "fashion-mnist/train-images-idx3-ubyte.gz");
    made_up = made_up || access(path, R_OK) != 0;
    if (made_up) {
      status = rows_pictures(b->folder, why);
      *sets = b->folder;
    }
    snprintf(words, 128, "{dataset: fashion-mnist, split: train}");
  }
  b->data = made_up ? "made up" : row->context ? "licences" : "fashion-mnist";
  return (enum outcome)status;
}

enum outcome bench_job_open(struct bench_job *b, const struct bench_row *row, uint32_t updates,
                            const struct bench_options *o, struct why *why) {
  char model[FILE_PATH_MAX], quoted[2 * FILE_PATH_MAX + 3], text[2 * FILE_PATH_MAX + 512], words[128] = "";
  const char *sets = o->data ? o->data : "/usr/share/datasets";
  b->folder[0] = 0;
  if (bench_stopped()) return OUTCOME_INTERRUPTED; /* from here on Ctrl-C leaves no folder behind */
  if (!row) {
    struct prepare_options options = {.data_folder = sets, .threads = o->threads};
    b->name = o->job;
    b->data = "of the job";
    return (enum outcome)prepare_open(&b->prepared, o->job, &options, why);
  }
  b->name = row->name;
  if (!rows_find(row, o->models, model, why)) return OUTCOME_INPUT;
  quote_path(model, quoted);
  enum outcome outcome = make_folder(b, why);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = make_data(b, row, o->made_up, &sets, words, why);
  if (outcome == OUTCOME_DONE) {
    int length =
        snprintf(text, sizeof text,
                 "assay: 1\nmodel: %s\ninit: seed\ndata:\n  train: %s\n"
                 "loss: cross_entropy\noptimizer: {name: adamw, lr: 1e-3, weight_decay: 0.01}\n"
                 "schedule: {name: constant}\nbatch: %" PRIu32 "\nupdates: %" PRIu32 "\nshuffle: true\nseed: 1\n",
                 quoted, words, row->batch, updates);
    snprintf(b->job_path, sizeof b->job_path, "%s/job.yaml", b->folder);
    outcome = (enum outcome)file_replace(b->job_path, text, (size_t)length, why);
  }
  struct prepare_options options = {.data_folder = sets, .threads = o->threads};
  if (outcome == OUTCOME_DONE) outcome = (enum outcome)prepare_open(&b->prepared, b->job_path, &options, why);
  if (outcome != OUTCOME_DONE) bench_job_shut(b);
  return outcome;
}

void bench_job_shut(struct bench_job *b) {
  prepare_shut(&b->prepared);
  if (!b->folder[0]) return;
  static const char *const left[] = {"job.yaml", "text", "fashion-mnist/train-images-idx3-ubyte.gz",
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
