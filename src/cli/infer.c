/* assay infer: runs a graph once, arrays in, arrays out. */
#include "cli/command.h"
#include "cli/infer_array.h"
#include "cli/output.h"
#include "tape/check/check.h"
#include "tape/execute/execute.h"
#include "training/file/machine.h"
#include "training/file/onnx_file.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS_MAX = 16 };
/* Address space; pages cost nothing until touched. The second under a limit (ulimit -v). */
static const size_t ARENA_BYTES = (size_t)64 << 30, ARENA_LEAST_BYTES = (size_t)1 << 30;

/* All that one run holds; let go of in one place. */
struct inference {
  struct arena arena;
  struct onnx_file file;
  struct data_part part[INPUTS_MAX];
  bool loaded[INPUTS_MAX];
  struct infer_shape shape[INPUTS_MAX];
  const void *data[INPUTS_MAX + 1];
  struct lowered_infer lowered;
  struct pool *pool;
  struct execute *execute;
  uint8_t *state;
};

static enum outcome input_load(struct inference *f, const struct arguments *a, struct why *why) {
  const struct onnx_model *m = &f->file.model;
  if (m->inputs_count > INPUTS_MAX)
    return why_set(why, "the model has %" PRIu32 " inputs; at most %d are supported", m->inputs_count, INPUTS_MAX),
           OUTCOME_INPUT;
  for (uint32_t n = 0;; n++) {
    const char *word = arguments_nth(a, "input", n), *equals = word ? strchr(word, '=') : NULL;
    if (!word) break;
    uint32_t i = 0;
    while (equals && i < m->inputs_count &&
           !(strlen(m->input[i].name) == (size_t)(equals - word) &&
             memcmp(m->input[i].name, word, (size_t)(equals - word)) == 0))
      i++;
    if (!equals && m->inputs_count == 1)
      i = 0;
    else if (!equals)
      return why_set(why, "--input %s: write NAME=FILE.npy", word), OUTCOME_INPUT;
    if (i == m->inputs_count)
      return why_set(why, "--input %s: the model has no input of that name; its first is '%s'", word,
                     i ? m->input[0].name : ""),
             OUTCOME_INPUT;
    if (f->loaded[i]) return why_set(why, "input '%s' is given twice", m->input[i].name), OUTCOME_INPUT;
    enum training_status s = data_load_npy(equals ? equals + 1 : word, &f->part[i], why);
    if (s != TRAINING_OK) return (enum outcome)s;
    f->loaded[i] = true;
  }
  for (uint32_t i = 0; i < m->inputs_count; i++)
    if (!f->loaded[i])
      return why_set(why, "input '%s' is missing: --input %s=FILE.npy", m->input[i].name, m->input[i].name),
             OUTCOME_INPUT;
  return OUTCOME_DONE;
}

static enum outcome compute(struct inference *f, const char *model, uint32_t threads, struct why *why) {
  uint32_t inputs = f->file.model.inputs_count;
  switch (lower_infer(&f->file.model, f->shape, &f->arena, &f->lowered, why)) {
  case LOWER_OK: break;
  case LOWER_ERR_UNSUPPORTED:
  case LOWER_ERR_SHAPE:
  case LOWER_ERR_OPTION: return why_before(why, "%s: ", model), OUTCOME_INPUT;
  case LOWER_ERR_MEMORY: return why_before(why, "%s: ", model), OUTCOME_ENVIRONMENT;
  }
  const struct tape *t = &f->lowered.tape;
  if (tape_check(t, &f->arena, why) != TAPE_OK) return why_before(why, "%s: ", model), OUTCOME_INPUT;
  f->data[inputs] = f->lowered.weights;
  f->pool = pool_open(threads);
  struct execute_options options = {.pool = f->pool};
  if (execute_open(&f->execute, t, f->data, &options, why) != EXECUTE_OK) return OUTCOME_ENVIRONMENT;
  size_t bytes = (size_t)t->state_leaves * TAPE_LEAF_BYTES;
  f->state = aligned_alloc(64, bytes);
  if (!f->state) return why_set(why, "no memory for %zu bytes of results", bytes), OUTCOME_ENVIRONMENT;
  memset(f->state, 0, bytes);
  execute_step(f->execute, f->state, 0, 0);
  return OUTCOME_DONE;
}

/* A tensor's name as a file's: what a path or a shell could misread becomes '_'. */
static void output_path(char path[FILE_PATH_MAX], const char *folder, const char *name) {
  snprintf(path, FILE_PATH_MAX, "%s/", folder);
  size_t at = strlen(path), first = at;
  for (; *name && at + 5 < FILE_PATH_MAX; name++) {
    bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || (*name >= '0' && *name <= '9') ||
                 *name == '-' || *name == '_' || (*name == '.' && at > first);
    path[at++] = plain ? *name : '_';
  }
  strcpy(path + at, ".npy");
}

static enum outcome save(const struct inference *f, const char *folder, bool force, struct why *why) {
  const struct onnx_model *m = &f->file.model;
  char path[FILE_PATH_MAX];
  for (uint32_t n = 0; n < f->lowered.outputs_count && !force; n++) {
    output_path(path, folder, m->output[n].name);
    if (access(path, F_OK) == 0) return why_set(why, "%s exists; --force overwrites it", path), OUTCOME_INPUT;
  }
  enum outcome outcome = (enum outcome)file_folder(folder, why);
  for (uint32_t n = 0; n < f->lowered.outputs_count && outcome == OUTCOME_DONE; n++) {
    const struct layout_entry *e = &f->lowered.tape.layout.entry[1 + n];
    output_path(path, folder, m->output[n].name);
    outcome = infer_array_save(path, &f->lowered.output[n], e->dtype, f->state + e->first_leaf * TAPE_LEAF_BYTES, why);
    if (outcome == OUTCOME_DONE) printf("%s\n", path);
  }
  return outcome;
}

static void let_go(struct inference *f) {
  execute_shut(f->execute);
  if (f->pool) pool_shut(f->pool);
  free(f->state);
  for (uint32_t i = 0; i < INPUTS_MAX; i++)
    if (f->loaded[i]) data_part_shut(&f->part[i]);
  onnx_file_shut(&f->file);
  arena_shut(&f->arena);
}

static enum outcome run(const struct arguments *a) {
  static struct inference f; /* large */
  const char *folder = arguments_text(a, "output", NULL), *model = a->operand[0];
  uint64_t threads = machine_threads();
  if (!arguments_number(a, "threads", 1, 256, &threads)) return OUTCOME_INPUT;
  if (!folder || !*folder) {
    complain("where should the results go? Give a folder: -o DIR");
    return OUTCOME_INPUT;
  }
  if (!arena_open(&f.arena, ARENA_BYTES) && !arena_open(&f.arena, ARENA_LEAST_BYTES)) {
    complain("the system refuses address space for the model");
    return OUTCOME_ENVIRONMENT;
  }
  struct why why = {""};
  enum outcome outcome = (enum outcome)onnx_file_open(model, &f.arena, &f.file, &why);
  if (outcome == OUTCOME_DONE) {
    outcome = input_load(&f, a, &why);
    for (uint32_t i = 0; i < f.file.model.inputs_count && outcome == OUTCOME_DONE; i++)
      outcome = infer_array_take(&f.part[i], &f.file.model.input[i], &f.arena, &f.shape[i], &f.data[i], &why);
    if (outcome == OUTCOME_DONE) outcome = compute(&f, model, (uint32_t)threads, &why);
    if (outcome == OUTCOME_DONE) outcome = save(&f, folder, arguments_given(a, "force"), &why);
    let_go(&f);
  } else {
    arena_shut(&f.arena);
  }
  if (outcome != OUTCOME_DONE) complain("%s", why.text);
  return outcome;
}

const struct command command_infer = {
    .name = "infer",
    .usage = "MODEL.onnx --input NAME=x.npy ... -o DIR",
    .summary = "runs a model once: arrays in, arrays out",
    .text = "Writes one NAME.npy per output of the graph into DIR, in the type that the graph declares. Bytes that a\n"
            "file name cannot hold become '_'. An input of whole numbers takes any NumPy type whose values fit.\n"
            "Exit status: 0, 2 the model or an array cannot be read or they do not fit together, 3 disk or memory.",
    .option = {{"input", 'i', "NAME=FILE",
                "an array (.npy) for an input of the graph; NAME may be left out if there is one"},
               {"output", 'o', "DIR", "the folder for the results; made when missing"},
               {"force", 0, NULL, "overwrites results that are there"},
               {"threads", 0, "N", "threads to compute with (all processors)"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
