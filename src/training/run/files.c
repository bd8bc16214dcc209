#define _DEFAULT_SOURCE
#include "training/run/files.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "training/checkpoint/committer.h"
#include "training/run/recipe_json.h"
#include "training/run/samples_json.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const run_files[] = {"job.yaml",      "job.json",    "README.md",
                                        "metrics.jsonl", "model.onnx",  "model.safetensors",
                                        "resume.state",  "resume.json", SABOTAGE_MARK}; /* the mark goes last */
static const char *const run_folders[] = {"tapes", "traces", "checkpoints", "tensorboard"};
enum { FILES_COUNT = sizeof run_files / sizeof *run_files, FOLDERS_COUNT = sizeof run_folders / sizeof *run_folders };

static bool exists(const char *folder, const char *name) {
  char path[FILE_PATH_MAX];
  return file_join(path, folder, name) && access(path, F_OK) == 0;
}

bool files_present(const char *folder) { return exists(folder, "job.json"); }

/* Only names that a run makes; a stranger's file in the folder stays. */
static bool ours(const char *folder, const char *name) {
  static const char *const endings[][2] = {{"tapes", ".tape"},       {"tapes", ".names.json"},
                                           {"traces", ".bin"},       {"checkpoints", ".state"},
                                           {"checkpoints", ".part"}, {"tensorboard", ".assay"}};
  size_t length = strlen(name);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t n = strlen(endings[i][1]);
    if (strcmp(endings[i][0], folder) == 0 && length > n && strcmp(name + length - n, endings[i][1]) == 0) return true;
  }
  return false;
}

static void remove_earlier(const char *folder) {
  char path[FILE_PATH_MAX], file[FILE_PATH_MAX];
  for (int i = 0; i < FILES_COUNT; i++)
    if (file_join(path, folder, run_files[i])) unlink(path);
  for (int i = 0; i < FOLDERS_COUNT; i++) {
    DIR *dir = file_join(path, folder, run_folders[i]) ? opendir(path) : NULL;
    if (!dir) continue;
    for (struct dirent *e; (e = readdir(dir));)
      if (ours(run_folders[i], e->d_name) && file_join(file, path, e->d_name)) unlink(file);
    closedir(dir);
  }
}

static enum training_status write_text(const char *folder, const char *name, const void *bytes, size_t length,
                                       struct why *why) {
  char path[FILE_PATH_MAX];
  if (!file_join(path, folder, name)) {
    why_set(why, "%.200s...: the path is too long", folder);
    return TRAINING_ERR_INPUT;
  }
  return file_replace_soon(path, bytes, length, why);
}

static enum training_status write_json(const char *folder, const char *name, json_t *object, struct why *why) {
  char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
  enum training_status status = TRAINING_ERR_SYSTEM;
  if (text) {
    size_t length = strlen(text);
    text[length] = '\n'; /* in place of the terminating zero */
    status = write_text(folder, name, text, length + 1, why);
  } else {
    why_set(why, "not enough memory to write %s/%s", folder, name);
  }
  free(text);
  json_decref(object);
  return status;
}

/* One line of text for each record: which node of the model it comes from. */
static json_t *names_of(const struct lowered *l, uint32_t tape) {
  json_t *list = json_array();
  for (uint32_t r = 0; r < l->tape[tape].records_count; r++) {
    const struct lower_origin *o = &l->origin[tape][r];
    json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s}", "record", (int)r + 1, "node", o->node ? o->node : "",
                                          "op", o->op ? o->op : "", "part", o->part ? o->part : ""));
  }
  return list;
}

static enum training_status write_tapes(const struct prepared *p, const char *folder, struct why *why) {
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) {
    char name[64];
    size_t length = tape_bytes(&p->lowered.tape[t]);
    uint8_t *bytes = malloc(length);
    enum training_status status = TRAINING_ERR_SYSTEM;
    snprintf(name, sizeof name, "tapes/%s.tape", prepare_tape_name(t, p->lowered.accumulate));
    if (bytes && tape_write(&p->lowered.tape[t], bytes, length) == length)
      status = write_text(folder, name, bytes, length, why);
    else
      why_set(why, "not enough memory to write %s/%s", folder, name);
    free(bytes);
    snprintf(name, sizeof name, "tapes/%s.names.json", prepare_tape_name(t, p->lowered.accumulate));
    if (status == TRAINING_OK) status = write_json(folder, name, names_of(&p->lowered, t), why);
    if (status != TRAINING_OK) return status;
  }
  return TRAINING_OK;
}

static json_t *hex_of(const uint8_t bytes[MERKLE_BYTES]) {
  char text[2 * MERKLE_BYTES + 1];
  hex_encode(bytes, MERKLE_BYTES, text);
  return json_string(text);
}

static json_t *u64_of(uint64_t x) { /* beyond 2^63 JSON readers disagree, so it is a text everywhere */
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, x);
  return json_string(text);
}

static json_t *tapes_of(const struct prepared *p) {
  json_t *list = json_array();
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) {
    const struct tape_counts *c = &p->lowered.tape[t].counts;
    json_array_append_new(
        list, json_pack("{s:s, s:o, s:i, s:I, s:I, s:I}", "name", prepare_tape_name(t, p->lowered.accumulate), "root",
                        hex_of(p->job.tape_root[t]), "records", (int)p->lowered.tape[t].records_count, "dot_flops",
                        (json_int_t)c->dot_flops, "body_ops", (json_int_t)c->body_ops, "bytes", (json_int_t)c->bytes));
  }
  return list;
}

static json_t *data_of(const struct prepared *p) {
  json_t *list = json_array();
  for (uint32_t d = 0; d < DATA_COUNT; d++) {
    const struct layout_entry *e = layout_data(&p->lowered.layout, (uint8_t)d);
    if (e)
      json_array_append_new(list, json_pack("{s:i, s:s, s:o, s:I}", "number", (int)d, "name", e->name, "root",
                                            hex_of(p->job.data_root[d]), "bytes", (json_int_t)p->data_bytes[d]));
  }
  return list;
}

static json_t *traces_of(const struct prepared *p, const char *folder, bool finished) {
  json_t *list = json_array();
  struct trace *trace = malloc(sizeof *trace);
  for (uint32_t t = 0; trace && finished && t < p->job.tasks; t++) {
    uint8_t root[MERKLE_BYTES];
    if (committer_trace_read(folder, t, trace, NULL) != TRAINING_OK) break; /* a diverged run has fewer */
    trace_root(trace, root);
    json_array_append_new(list, json_pack("{s:o, s:i, s:i}", "root", hex_of(root), "intervals", (int)trace->intervals,
                                          "steps", (int)trace->steps));
  }
  free(trace);
  return list;
}

/* A float as the text that reads back to its bits. */
static json_t *real_of(float x) { return json_real((double)x); }

static json_t *options_of(const struct prepared *p) {
  const struct lower_options *o = &p->options;
  json_t *loss = recipe_loss_json(&o->loss, real_of);
  json_t *freeze = json_array();
  for (uint32_t i = 0; i < o->freeze_count; i++) json_array_append_new(freeze, json_string(o->freeze[i]));
  json_t *options =
      json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:b, s:b, s:i, s:i, s:i, s:o}", "init",
                o->init == INIT_MODEL ? "model" : "seed", "loss", loss, "optimizer",
                recipe_optimizer_json(&o->optimizer, real_of), "schedule", recipe_schedule_json(&o->schedule, real_of),
                "clip_norm", real_of(o->clip_norm), "dropout",
                o->dropout < 0 ? json_string("model") : real_of(o->dropout), "batch", (int)o->batch, "shuffle",
                o->shuffle, "drop_last", o->drop_last, "evaluate_every", (int)p->evaluate_every, "evaluate_batch",
                (int)o->evaluate_batch, "samples", (int)o->train.samples, "freeze", freeze);
  if (recipe_more(options, o, real_of) && samples_more(options, o, p->onnx.model.input, real_of)) return options;
  json_decref(options);
  return NULL;
}

/* The way from one folder to another, as "../../jobs". */
static bool way_to(const char *from, const char *to, char out[FILE_PATH_MAX]) {
  char *a = realpath(from, NULL), *b = realpath(to, NULL);
  size_t common = 0, n = 0;
  out[0] = 0;
  for (size_t i = 0; a && b; i++) { /* common: where both have the end of a folder's name */
    if ((!a[i] || a[i] == '/') && (!b[i] || b[i] == '/')) common = i;
    if (!a[i] || a[i] != b[i]) break;
  }
  for (const char *c = a ? a + common : ""; *c; c++)
    if (*c == '/' && c[1] && n < FILE_PATH_MAX) n += (size_t)snprintf(out + n, FILE_PATH_MAX - n, "../");
  const char *rest = !b ? "" : b[common] == '/' ? b + common + 1 : b + common;
  if (n < FILE_PATH_MAX) n += (size_t)snprintf(out + n, FILE_PATH_MAX - n, "%s", *rest ? rest : ".");
  bool good = a && b && n < FILE_PATH_MAX;
  free(a);
  free(b);
  return good;
}

/* NULL: not enough memory, or a name that is not UTF-8. */
/* The sabotage that the folder's mark tells of; a mark that nobody understands is told as it is. */
static void add_sabotage(json_t *job, const char *folder) {
  struct sabotage s;
  char text[SABOTAGE_TEXT_BYTES] = "unknown";
  if (sabotage_read(folder, &s, NULL) == TRAINING_OK) sabotage_print(&s, text);
  if (*text) json_object_set_new(job, "sabotage", json_string(text));
}

static json_t *job_of(const struct prepared *p, const char *folder, const struct run_result *result,
                      uint32_t steps_run) {
  char way[FILE_PATH_MAX] = "";
  uint8_t model_hash[SHA256_BYTES];
  const char *outcome = !result ? "open" : result->outcome == TRACE_DONE ? "done" : "diverged";
  uint32_t intervals_run = (uint32_t)(((uint64_t)steps_run + p->interval_steps - 1) / p->interval_steps);
  if (!way_to(folder, p->job_folder, way)) way[0] = 0;
  sha256(p->onnx.file.bytes, p->onnx.file.length, model_hash);
  json_t *job = json_pack("{s:i, s:s, s:o, s:o, s:i, s:i, s:o}", "assay", 1, "outcome", outcome, "job_root",
                          hex_of(p->job_root), "final_root", result ? hex_of(result->final_root) : json_null(), "canon",
                          (int)p->job.canon, "lower", (int)p->job.lower, "seed", u64_of(p->job.seed));
  json_t *more = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "updates", (int)p->updates, "steps", (int)p->steps,
                           "interval_steps", (int)p->interval_steps, "intervals", (int)p->intervals, "tasks",
                           (int)p->job.tasks, "steps_run", (int)steps_run, "intervals_run", (int)intervals_run);
  json_t *parts =
      json_pack("{s:o, s:o, s:o, s:o, s:o, s:{s:s, s:o}, s:{s:s, s:s}}", "layout_hash", hex_of(p->job.layout_hash),
                "tapes", tapes_of(p), "data", data_of(p), "traces", traces_of(p, folder, result != NULL), "options",
                options_of(p), "model", "file", p->jobfile.model, "sha256", hex_of(model_hash), "source", "from_here",
                way, "as_given", p->job_folder);
  if (job && more && parts) {
    json_object_update(job, more);
    json_object_update(job, parts);
    if (result && result->outcome == TRACE_DIVERGED)
      json_object_set_new(job, "diverged_step", json_integer(result->diverged_step));
    add_sabotage(job, folder);
  }
  bool whole = job && more && parts;
  json_decref(more);
  json_decref(parts);
  if (whole) return job;
  json_decref(job);
  return NULL;
}

enum training_status files_job(const struct prepared *p, const char *folder, const struct run_result *result,
                               uint32_t steps_run, struct why *why) {
  json_t *job = job_of(p, folder, result, steps_run);
  if (job) { /* it says what the folder holds, so all of that reaches the disk before it, and it before we go on */
    enum training_status status = file_sync(folder, why);
    if (status == TRAINING_OK) status = write_json(folder, "job.json", job, why);
    return status == TRAINING_OK ? file_sync(folder, why) : status;
  }
  why_set(why, "%s/job.json: not enough memory, or a name in the job that is not UTF-8", folder);
  return TRAINING_ERR_SYSTEM;
}

/* As a reader of the file would get it: numbers that have gone through their text. */
static json_t *read_back(json_t *object) {
  char *text = object ? json_dumps(object, JSON_ENSURE_ASCII) : NULL;
  json_t *again = text ? json_loads(text, 0, NULL) : NULL;
  free(text);
  json_decref(object);
  return again;
}

enum training_status files_job_check(const struct prepared *p, const char *folder, const struct folder_info *info,
                                     char field[64], struct why *why) {
  char path[FILE_PATH_MAX];
  bool finished = info->outcome != TRACE_OPEN;
  struct run_result result = {.outcome = info->outcome};
  memcpy(result.final_root, info->final_root, MERKLE_BYTES);
  json_t *now = read_back(job_of(p, folder, finished ? &result : NULL, finished ? info->steps_run : 0));
  json_t *then = file_join(path, folder, "job.json") ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;
  bool whole = now && then;
  const char *key;
  json_t *value;
  field[0] = 0;
  if (!whole) why_set(why, "%s/job.json could not be read again, or there is not enough memory for it", folder);
  json_object_foreach(then, key, value) {
    bool own = strcmp(key, "source") == 0 || (strcmp(key, "diverged_step") == 0 && json_is_integer(value));
    bool same = own ? json_object_get(now, key) != NULL : json_equal(value, json_object_get(now, key));
    if (whole && !same && !field[0]) snprintf(field, 64, "%s", key);
  }
  json_object_foreach(now, key, value) if (whole && !field[0] && !json_object_get(then, key))
      snprintf(field, 64, "%s", key);
  json_decref(now);
  json_decref(then);
  return whole ? TRAINING_OK : TRAINING_ERR_SYSTEM;
}

static enum training_status make_files(const struct prepared *p, const char *folder, struct why *why) {
  for (int i = 0; i < FOLDERS_COUNT; i++) {
    char path[FILE_PATH_MAX];
    if (!file_join(path, folder, run_folders[i])) {
      why_set(why, "%.200s...: the path is too long", folder);
      return TRAINING_ERR_INPUT;
    }
    enum training_status status = file_folder(path, why);
    if (status != TRAINING_OK) return status;
  }
  enum training_status status = write_text(folder, "job.yaml", p->text.bytes, p->text.length, why);
  if (status == TRAINING_OK) status = write_tapes(p, folder, why);
  if (status == TRAINING_OK) status = files_job(p, folder, NULL, 0, why);
  return status;
}

enum training_status files_begin(const struct prepared *p, const char *folder, bool force,
                                 const struct sabotage *sabotage, struct why *why) {
  if (force) remove_earlier(folder);
  for (int i = 0; i < FILES_COUNT; i++)
    if (exists(folder, run_files[i])) {
      why_set(
          why,
          "%s already holds %s; nothing was changed. Choose another folder with -o, go on with --resume, or replace "
          "what is there with --force",
          folder, run_files[i]);
      return TRAINING_ERR_INPUT;
    }
  enum training_status status = TRAINING_OK;
  if (sabotage->kind != SABOTAGE_NONE) status = sabotage_write(folder, sabotage, why);
  if (status == TRAINING_OK) status = make_files(p, folder, why);
  if (status != TRAINING_OK) remove_earlier(folder); /* half a beginning is nothing to go on from */
  return status;
}
