#include "training/run/spec.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "training/run/recipe_json.h"
#include "training/run/samples_json.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *hex_of(const uint8_t bytes[MERKLE_BYTES]) {
  char text[2 * MERKLE_BYTES + 1];
  hex_encode(bytes, MERKLE_BYTES, text);
  return json_string(text);
}

static json_t *wide_of(uint64_t x) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, x);
  return json_string(text);
}

/* The shortest text that reads back to the same float; nine digits always do. */
static json_t *float_of(float x) {
  char text[32];
  for (int digits = 1; digits <= 9; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)x);
    if (strtof(text, NULL) == x) break;
  }
  return json_string(text);
}

static json_t *options_of(const struct prepared *p) {
  const struct lower_options *o = &p->options;
  json_t *loss = recipe_loss_json(&o->loss, float_of);
  json_t *freeze = json_array();
  for (uint32_t i = 0; i < o->freeze_count; i++) json_array_append_new(freeze, json_string(o->freeze[i]));
  json_t *options =
      json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:b, s:b, s:I, s:I, s:o}", "init",
                o->init == INIT_MODEL ? "model" : "seed", "loss", loss, "optimizer",
                recipe_optimizer_json(&o->optimizer, float_of), "schedule",
                recipe_schedule_json(&o->schedule, float_of), "clip_norm", float_of(o->clip_norm), "dropout",
                o->dropout < 0 ? json_string("model") : float_of(o->dropout), "batch", (json_int_t)o->batch, "updates",
                (json_int_t)o->updates, "shuffle", o->shuffle, "drop_last", o->drop_last, "evaluate_batch",
                (json_int_t)o->evaluate_batch, "samples", (json_int_t)o->train.samples, "freeze", freeze);
  if (recipe_more(options, o, float_of) && samples_more(options, o, p->onnx.model.input, float_of)) return options;
  json_decref(options);
  return NULL;
}

static json_t *tapes_of(const struct prepared *p) {
  json_t *list = json_array();
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++)
    json_array_append_new(list, json_pack("{s:s, s:o}", "name", prepare_tape_name(t, p->lowered.accumulate), "root",
                                          hex_of(p->job.tape_root[t])));
  return list;
}

static json_t *data_of(const struct prepared *p) {
  json_t *list = json_array();
  for (uint32_t d = 0; d < p->job.data; d++) {
    const struct layout_entry *e = layout_data(&p->lowered.layout, (uint8_t)d);
    if (e)
      json_array_append_new(list, json_pack("{s:i, s:s, s:o, s:o}", "number", (int)d, "name", e->name, "root",
                                            hex_of(p->job.data_root[d]), "bytes", wide_of(p->data_bytes[d])));
  }
  return list;
}

/* [repeat, [[tape, repeat], ..]] for each section: PROTOCOL M3. */
static json_t *schedule_of(const struct job *j) {
  json_t *list = json_array();
  for (uint32_t s = 0; s < j->sections; s++) {
    json_t *entries = json_array();
    for (uint32_t e = 0; e < j->section[s].entries; e++)
      json_array_append_new(
          entries, json_pack("[i, I]", (int)j->section[s].entry[e].tape, (json_int_t)j->section[s].entry[e].repeat));
    json_array_append_new(list, json_pack("[I, o]", (json_int_t)j->section[s].repeat, entries));
  }
  return list;
}

static json_t *tasks_of(const struct job *j) {
  json_t *list = json_array();
  for (uint32_t t = 0; t < j->tasks; t++)
    json_array_append_new(list, json_pack("[I, i]", (json_int_t)j->task[t].steps, (int)j->task[t].interval_steps));
  return list;
}

static json_t *job_of(const struct prepared *p) {
  const struct job *j = &p->job;
  uint8_t model[SHA256_BYTES];
  sha256(p->onnx.file.bytes, p->onnx.file.length, model);
  json_t *seed = j->seed_mode ? json_null() : wide_of(j->seed);
  json_t *given =
      json_pack("{s:i, s:i, s:i, s:{s:s, s:o}, s:o, s:o}", "assay", 1, "canon", (int)j->canon, "lower", (int)j->lower,
                "model", "file", p->jobfile.model, "sha256", hex_of(model), "options", options_of(p), "seed", seed);
  json_t *roots = json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "layout_hash", hex_of(j->layout_hash), "tapes",
                            tapes_of(p), "data", data_of(p), "start_root", hex_of(j->start_root), "first_step",
                            (json_int_t)j->first_step, "schedule", schedule_of(j), "tasks", tasks_of(j));
  bool whole = given && roots && json_object_update(given, roots) == 0;
  json_decref(roots);
  if (whole) return given;
  json_decref(given);
  return NULL;
}

enum training_status spec_text(const struct prepared *p, char **text, size_t *length, struct why *why) {
  json_t *job = job_of(p);
  char *made = job ? json_dumps(job, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
  json_decref(job);
  if (!made) {
    why_set(why, "%s: not enough memory for the job as resolved, or a name in it that is not UTF-8", p->job_name);
    return TRAINING_ERR_SYSTEM;
  }
  *text = made;
  *length = strlen(made);
  return TRAINING_OK;
}
