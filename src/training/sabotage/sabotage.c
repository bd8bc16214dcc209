/* The words of a sabotage, what a job refuses of it, and the mark that it leaves. */
#define _DEFAULT_SOURCE
#include "training/sabotage/sabotage.h"
#include "base/nearest.h"
#include "training/file/machine.h"
#include "training/sabotage/place.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *name, *meaning;
} kinds[] = {
    [SABOTAGE_NONE] = {"", "an honest run"},
    [SABOTAGE_WEIGHT] = {"weight", "one weight of the state after the step was altered, and the run went on from it"},
    [SABOTAGE_GRADIENT] = {"gradient", "one element of a gradient was altered once it was computed"},
    [SABOTAGE_INDEX] = {"index", "one sample of the step's batch is another one"},
    [SABOTAGE_SKIP] = {"skip", "the step was not done"},
    [SABOTAGE_STALE] = {"stale", "the step was computed as the one before it"},
    [SABOTAGE_SEED] = {"seed", "the step drew from another seed"},
    [SABOTAGE_OPTIMIZER] = {"optimizer", "the step had twice the learning rate"},
    [SABOTAGE_BACKDOOR] = {"backdoor", "a sample of the step's batch had other inputs than the data"},
    [SABOTAGE_ROOT] = {"root", "the root committed at the end of the step's interval is that of another state"},
    [SABOTAGE_PREIMAGE] = {"preimage",
                           "the root committed at the end of the step's interval is one that nothing hashes to"},
};
enum { KINDS_COUNT = sizeof kinds / sizeof *kinds };

const char *sabotage_meaning(enum sabotage_kind kind) { return kinds[kind].meaning; }

static enum training_status no_such_kind(const char *word, struct why *why) {
  const char *names[KINDS_COUNT];
  char all[160] = "";
  uint32_t count = 0;
  size_t n = 0;
  for (int k = SABOTAGE_WEIGHT; k < KINDS_COUNT; k++) {
    names[count++] = kinds[k].name;
    n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", k > SABOTAGE_WEIGHT ? ", " : "", kinds[k].name);
  }
  why_set(why, "sabotage: '%.40s' is no kind; did you mean '%s'? There are %s", word,
          nearest_word(word, names, count, UINT32_MAX), all);
  return TRAINING_ERR_INPUT;
}

/* Digits alone, so that a step has one text. */
static bool parse_step(const char *text, uint32_t *step) {
  uint64_t x = 0;
  size_t digits = strspn(text, "0123456789");
  if (digits < 1 || digits > 10 || text[digits] || (text[0] == '0' && digits > 1)) return false;
  for (size_t i = 0; i < digits; i++) x = 10 * x + (uint64_t)(text[i] - '0');
  *step = (uint32_t)x;
  return x <= UINT32_MAX;
}

enum training_status sabotage_parse(const char *text, struct sabotage *out, struct why *why) {
  char word[41];
  size_t length = strcspn(text, "@");
  int kind = SABOTAGE_WEIGHT;
  uint32_t step;
  snprintf(word, sizeof word, "%.*s", length < sizeof word ? (int)length : (int)sizeof word - 1, text);
  while (kind < KINDS_COUNT && strcmp(kinds[kind].name, word) != 0) kind++;
  if (kind == KINDS_COUNT) return no_such_kind(word, why);
  if (text[length] != '@' || !parse_step(text + length + 1, &step)) {
    why_set(why, "sabotage: '%.60s' does not say in which step; write KIND@STEP, as in %s@7 (step 0 is init)", text,
            word);
    return TRAINING_ERR_INPUT;
  }
  *out = (struct sabotage){.kind = (enum sabotage_kind)kind, .step = step};
  return TRAINING_OK;
}

void sabotage_print(const struct sabotage *s, char text[SABOTAGE_TEXT_BYTES]) {
  text[0] = 0;
  if (s->kind != SABOTAGE_NONE) snprintf(text, SABOTAGE_TEXT_BYTES, "%s@%" PRIu32, kinds[s->kind].name, s->step);
}

/* Where. */

bool sabotage_of_step(const struct sabotage *s, uint32_t step) {
  return s->kind != SABOTAGE_NONE && s->kind != SABOTAGE_ROOT && s->kind != SABOTAGE_PREIMAGE && s->step == step;
}

uint32_t sabotage_interval(const struct prepared *p, const struct sabotage *s) {
  return s->step / p->interval_steps + 1;
}

bool sabotage_of_root(const struct prepared *p, const struct sabotage *s, uint32_t interval) {
  return (s->kind == SABOTAGE_ROOT || s->kind == SABOTAGE_PREIMAGE) && interval == sabotage_interval(p, s);
}

/* NULL: it would change something. */
static const char *why_useless(const struct prepared *p, const struct sabotage *s) {
  uint32_t record, tape = prepare_tape(p, s->step);
  switch (s->kind) {
  case SABOTAGE_NONE:
  case SABOTAGE_WEIGHT:
  case SABOTAGE_SKIP:
  case SABOTAGE_ROOT:
  case SABOTAGE_PREIMAGE: return NULL;
  case SABOTAGE_GRADIENT:
    if (s->step == 0) return "step 0 is init, which computes no gradient";
    return place_gradient(p, tape, &record) ? NULL : "no gradient of this job was found on its tape";
  case SABOTAGE_INDEX:
    if (s->step == 0) return "step 0 is init, which reads no sample";
    if (p->train.samples < 2) return "the data has a single sample, so there is no other one";
    return place_index(p, tape, &record) ? NULL : "the sample numbers of this job were not found on its tape";
  case SABOTAGE_BACKDOOR:
    if (s->step == 0) return "step 0 is init, which reads no sample";
    return place_index(p, tape, &record) ? NULL : "the sample numbers of this job were not found on its tape";
  case SABOTAGE_STALE:
    return s->step >= 2 ? NULL : "only an update with an update before it can be taken for that one: from step 2 on";
  case SABOTAGE_SEED:
    if (place_draws(p, tape)) return NULL;
    return s->step ? "updates of this job draw nothing from the seed (no shuffling, no dropout)"
                   : "step 0 of this job draws nothing from the seed (the weights are the model's)";
  case SABOTAGE_OPTIMIZER:
    if (s->step == 0) return "step 0 is init, which has no learning rate";
    if (!prepare_ends(p, s->step)) return "the step only adds up gradients, which takes no learning rate";
    return prepare_rate(p, prepare_ends(p, s->step)) != 0 ? NULL
                                                          : "the learning rate of that step is 0, and twice that too";
  }
  return NULL;
}

enum training_status sabotage_possible(const struct prepared *p, const struct sabotage *s, struct why *why) {
  char text[SABOTAGE_TEXT_BYTES];
  if (s->kind == SABOTAGE_NONE) return TRAINING_OK;
  sabotage_print(s, text);
  if (s->step >= p->steps) {
    why_set(why, "sabotage: %s: the job has the steps 0 (init) to %" PRIu32 "; name one of them", text, p->steps - 1);
    return TRAINING_ERR_INPUT;
  }
  const char *useless = why_useless(p, s);
  if (useless) {
    why_set(why, "sabotage: %s would change nothing: %s", text, useless);
    return TRAINING_ERR_INPUT;
  }
  return TRAINING_OK;
}

/* What the step needs beside the run: a plan that keeps all values, a copy of the state, maybe one of the data. */
static uint64_t bytes_beside(const struct prepared *p, const struct sabotage *s,
                             const struct execute_options *options) {
  struct execute_options keep = *options;
  keep.materialise = true;
  uint64_t bytes = p->state_bytes;
  if (sabotage_of_step(s, s->step)) bytes += execute_bytes(&p->lowered.tape[prepare_tape(p, s->step)], &keep);
  return s->kind == SABOTAGE_BACKDOOR ? bytes + p->data_bytes[DATA_TRAIN_INPUTS] : bytes;
}

enum training_status sabotage_check(const struct prepared *p, const struct sabotage *s,
                                    const struct execute_options *options, struct why *why) {
  char text[SABOTAGE_TEXT_BYTES];
  enum training_status status = sabotage_possible(p, s, why);
  if (status != TRAINING_OK || s->kind == SABOTAGE_NONE) return status;
  uint64_t run = prepare_memory(p, options) - p->arena.used_bytes, beside = bytes_beside(p, s, options);
  uint64_t left = machine_memory_available();
  if (beside <= left && run <= left - beside) return TRAINING_OK;
  sabotage_print(s, text);
  why_set(why,
          "sabotage: %s needs %" PRIu64 " MiB beside the run's %" PRIu64
          " MiB to keep all values of its step, this machine has %" PRIu64 " MiB left; lower the batch",
          text, beside >> 20, run >> 20, left >> 20);
  return TRAINING_ERR_SYSTEM;
}

/* The mark. */

static bool mark_path(char path[FILE_PATH_MAX], const char *folder, struct why *why) {
  if (file_join(path, folder, SABOTAGE_MARK)) return true;
  why_set(why, "%.200s...: the path is too long", folder);
  return false;
}

enum training_status sabotage_write(const char *folder, const struct sabotage *s, struct why *why) {
  char path[FILE_PATH_MAX], text[SABOTAGE_TEXT_BYTES], mark[640];
  if (!mark_path(path, folder, why)) return TRAINING_ERR_INPUT;
  sabotage_print(s, text);
  int n =
      snprintf(mark, sizeof mark,
               "%s\nThis run lied on purpose. Step %" PRIu32 ": %s.\nIt was made with `assay train --sabotage %s` "
               "for tests and demonstrations only: its roots are not those of the job, and its model is no result.\n",
               text, s->step, sabotage_meaning(s->kind), text);
  return file_replace(path, mark, (size_t)n, why);
}

enum training_status sabotage_read(const char *folder, struct sabotage *out, struct why *why) {
  enum { MARK_BYTES_MAX = 4096 };
  char path[FILE_PATH_MAX], text[64];
  struct file_bytes file;
  struct sabotage s;
  if (!mark_path(path, folder, why)) return TRAINING_ERR_INPUT;
  if (access(path, F_OK) != 0 && errno == ENOENT) {
    *out = (struct sabotage){SABOTAGE_NONE, 0};
    return TRAINING_OK;
  }
  enum training_status status = file_map(path, MARK_BYTES_MAX, &file, why);
  if (status != TRAINING_OK) return status;
  const uint8_t *end = memchr(file.bytes, '\n', file.length);
  size_t length = end ? (size_t)(end - file.bytes) : file.length;
  snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : (int)sizeof text - 1,
           (const char *)file.bytes);
  file_unmap(&file);
  status = sabotage_parse(text, &s, why);
  if (status == TRAINING_OK)
    *out = s;
  else
    why_before(why, "%s: ", path);
  return status;
}
