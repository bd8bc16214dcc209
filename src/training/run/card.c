/* The model card: README.md of a run, for whoever is given the model. */
#define _DEFAULT_SOURCE
#include "base/hex.h"
#include "training/run/export.h"
#include "training/run/recipe_json.h"
#include "training/run/spec.h"
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char own_tail[] =
    "`job.yaml` is the job as it was given, `job.json` the same with every option resolved. Training is exact: the "
    "same job gives the same final root on every machine, and `assay verify` in the folder above this file computes "
    "any part of it again.";

static const char use[] =
    "## Use\n\n"
    "`model.onnx` is the network with its trained weights, to run: dropout is off, and batch norms use their running "
    "statistics. `model.safetensors` has the weights alone under the names and shapes of the ONNX file, which are "
    "those "
    "of the PyTorch module where the exporter kept them (`assay check model.onnx` says so):\n\n"
    "```python\n"
    "module.load_state_dict(safetensors.torch.load_file(\"model.safetensors\"), strict=False)\n"
    "```\n\n"
    "What a module has besides and an ONNX file has not: `num_batches_tracked` of batch norms, further names of a tied "
    "tensor, parameters that no output depends on.\n";

/* Numbers are texts in a resolved job, so that no program rounds them on its way. */
static bool bare(const char *text) {
  for (const char *c = text; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr("_.+-", *c)) return false;
  return *text != 0;
}

/* One line, as a job file would have it. */
static void write_value(FILE *f, const json_t *value) {
  size_t i;
  const char *key;
  json_t *item;
  if (json_is_object(value)) {
    fputc('{', f);
    json_object_foreach((json_t *)(uintptr_t)value, key, item) {
      if (item != json_object_iter_value(json_object_iter((json_t *)(uintptr_t)value))) fputs(", ", f);
      fprintf(f, "%s: ", key);
      write_value(f, item);
    }
    fputc('}', f);
  } else if (json_is_array(value)) {
    fputc('[', f);
    json_array_foreach(value, i, item) {
      if (i) fputs(", ", f);
      write_value(f, item);
    }
    fputc(']', f);
  } else if (json_is_string(value) && bare(json_string_value(value))) {
    fputs(json_string_value(value), f);
  } else {
    json_dumpf(value, f, JSON_ENCODE_ANY | JSON_COMPACT);
  }
}

/* The job as resolved, and the roots of its data: whoever has the same data can train the same model. */
static enum training_status write_job(FILE *f, const struct prepared *p, struct why *why) {
  char *text = NULL;
  size_t length, i;
  enum training_status status = spec_text(p, &text, &length, why);
  if (status != TRAINING_OK) return status;
  json_t *job = json_loadb(text, length, 0, NULL), *item;
  free(text);
  if (!job) {
    why_set(why, "not enough memory for the job as resolved");
    return TRAINING_ERR_SYSTEM;
  }
  const char *key;
  fputs("## The job\n\n```yaml\n", f);
  json_object_foreach(json_object_get(job, "options"), key, item) {
    fprintf(f, "%s: ", key);
    write_value(f, item);
    fputc('\n', f);
  }
  fputs("```\n\n| data | root |\n|---|---|\n", f);
  json_array_foreach(json_object_get(job, "data"), i, item) {
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *root = json_string_value(json_object_get(item, "root"));
    if (name && root) fprintf(f, "| %s | `%s` |\n", name, root);
  }
  fputc('\n', f);
  json_decref(job);
  return TRAINING_OK;
}

static void write_warnings(FILE *f, const struct run_result *r) {
  if (r->sabotage.kind != SABOTAGE_NONE) {
    char sabotage[SABOTAGE_TEXT_BYTES];
    sabotage_print(&r->sabotage, sabotage);
    fprintf(f,
            "**This run lied on purpose** (`--sabotage %s`): %s. It is for tests and demonstrations only; do not use "
            "the model.\n\n",
            sabotage, sabotage_meaning(r->sabotage.kind));
  }
  if (r->outcome == TRACE_DIVERGED) {
    fprintf(f, "**This run diverged**: after step %" PRIu32 " the loss or the gradient was no finite number. ",
            r->diverged_step);
    if (r->last_good_interval > 0)
      fprintf(f, "The weights here are those at the end of interval %" PRIu32 ", the last good state.\n\n",
              r->last_good_interval);
    else
      fprintf(f, "That was in the first interval, so there are no good weights to give.\n\n");
  }
}

static void write_table(FILE *f, const struct prepared *p, const struct run_result *r,
                        const struct export_words *words) {
  char job[2 * MERKLE_BYTES + 1], final[2 * MERKLE_BYTES + 1], seed[24];
  uint64_t trained = 0, others = 0;
  hex_encode(p->job_root, MERKLE_BYTES, job);
  hex_encode(r->final_root, MERKLE_BYTES, final);
  snprintf(seed, sizeof seed, "%" PRIu64, p->job.seed);
  for (uint32_t i = 0; i < p->lowered.parameters_count; i++) {
    const struct lower_parameter *q = &p->lowered.parameter[i];
    *(q->trains ? &trained : &others) += layout_entry_elements(&p->lowered.layout.entry[q->entry]);
  }
  const struct jobfile *j = &p->jobfile;
  fprintf(f, "| | |\n|---|---|\n| model | `%s`, %" PRIu64 " trained weights", j->model, trained);
  if (others) fprintf(f, ", %" PRIu64 " numbers in statistics and tensors that stay", others);
  fprintf(f, " |\n| trained on | `%s`, %" PRIu32 " samples |\n", data_name(&j->train), p->train.samples);
  fprintf(f, "| loss | %s |\n| optimizer | %s |\n", recipe_loss_title(&j->loss), recipe_optimizer_title(&j->optimizer));
  fprintf(f, "| batch, updates | %" PRIu32 ", %" PRIu32 " |\n| seed | %s |\n", j->batch, r->update,
          words && words->seed ? words->seed : seed);
  fprintf(f, "| last training loss | %.6g |\n", (double)r->loss);
  if (r->evaluation.count && r->evaluation.classes)
    fprintf(f, "| test loss, accuracy | %.6g, %.2f %% (%" PRIu32 " of %" PRIu32 ") |\n", (double)r->evaluation.loss,
            100 * (double)r->evaluation.accuracy, r->evaluation.correct, r->evaluation.count);
  else if (r->evaluation.count)
    fprintf(f, "| test loss | %.6g |\n", (double)r->evaluation.loss);
  if (!words || !words->rows) fprintf(f, "| job root | `%s` |\n", job);
  fprintf(f, "| final root | `%s` |\n%s\n", final, words && words->rows ? words->rows : "");
}

enum training_status export_card(const struct prepared *p, const struct run_result *r, const char *path,
                                 const struct export_words *words, struct why *why) {
  char *text = NULL;
  size_t length = 0;
  FILE *f = open_memstream(&text, &length);
  if (!f) {
    why_set(why, "not enough memory to write %s", path);
    return TRAINING_ERR_SYSTEM;
  }
  fprintf(f, "# A model trained with Assay\n\n");
  write_warnings(f, r);
  write_table(f, p, r, words);
  enum training_status status = write_job(f, p, why);
  fprintf(f, "%s\n\n%s", words && words->tail ? words->tail : own_tail, use);
  bool whole = !ferror(f);
  whole = fclose(f) == 0 && whole;
  if (status == TRAINING_OK && whole)
    status = file_replace(path, text, length, why);
  else if (status == TRAINING_OK) {
    why_set(why, "not enough memory to write %s", path);
    status = TRAINING_ERR_SYSTEM;
  }
  free(text);
  return status;
}
