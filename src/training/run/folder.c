#define _DEFAULT_SOURCE
#include "training/run/folder.h"
#include "base/hex.h"
#include "training/checkpoint/committer.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOB_JSON_BYTES_MAX = 64 << 20 };

static bool get_u32(const json_t *object, const char *key, uint32_t *out) {
  const json_t *value = json_object_get(object, key);
  json_int_t x = json_integer_value(value);
  if (!json_is_integer(value) || x < 0 || x > INT32_MAX) return false;
  *out = (uint32_t)x;
  return true;
}

static bool get_root(const json_t *object, const char *key, uint8_t root[MERKLE_BYTES]) {
  const char *text = json_string_value(json_object_get(object, key));
  return text && hex_decode(text, root, MERKLE_BYTES);
}

static bool get_roots(const json_t *list, uint32_t max, uint8_t (*roots)[MERKLE_BYTES], uint32_t *count) {
  if (!json_is_array(list) || json_array_size(list) > max) return false;
  *count = (uint32_t)json_array_size(list);
  for (uint32_t i = 0; i < *count; i++)
    if (!get_root(json_array_get(list, i), "root", roots[i])) return false;
  return true;
}

/* Where the job file lay: the way from this folder, or as it was named then, seen from where we are now. */
static void find_source(const json_t *job, const char *folder, struct folder_info *out) {
  const json_t *source = json_object_get(job, "source"), *model = json_object_get(job, "model");
  const char *way = json_string_value(json_object_get(source, "from_here"));
  const char *given = json_string_value(json_object_get(source, "as_given"));
  const char *file = json_string_value(json_object_get(model, "file"));
  char from_here[FILE_PATH_MAX], path[FILE_PATH_MAX];
  const char *places[] = {way && *way && file_join(from_here, folder, way) ? from_here : NULL, given};
  out->job_folder[0] = 0;
  for (int i = 0; i < 2 && file; i++)
    if (places[i] && *places[i] && file_join(path, places[i], file) && access(path, R_OK) == 0) {
      snprintf(out->job_folder, sizeof out->job_folder, "%s", places[i]);
      return;
    }
}

static bool read_fields(const json_t *job, struct arena *arena, struct folder_info *out) {
  const char *outcome = json_string_value(json_object_get(job, "outcome"));
  uint32_t version;
  if (!get_u32(job, "assay", &version) || version != 1 || !outcome || !get_root(job, "job_root", out->job_root))
    return false;
  out->outcome = strcmp(outcome, "done") == 0       ? TRACE_DONE
                 : strcmp(outcome, "diverged") == 0 ? TRACE_DIVERGED
                                                    : TRACE_OPEN;
  if (out->outcome == TRACE_OPEN && strcmp(outcome, "open") != 0) return false;
  if (out->outcome != TRACE_OPEN && !get_root(job, "final_root", out->final_root)) return false;
  if (!get_u32(job, "updates", &out->updates) || !get_u32(job, "steps", &out->steps) ||
      !get_u32(job, "interval_steps", &out->interval_steps) || !get_u32(job, "intervals", &out->intervals) ||
      !get_u32(job, "tasks", &out->tasks) || !get_u32(job, "steps_run", &out->steps_run) ||
      !get_u32(job, "intervals_run", &out->intervals_run))
    return false;
  if (out->tasks > JOB_TASKS_MAX || out->tasks == 0 || out->interval_steps == 0 || out->interval_steps > 256)
    return false;
  if (!get_roots(json_object_get(job, "tapes"), JOB_TAPES_MAX, out->tape_root, &out->tapes)) return false;
  out->trace_root = arena_take(arena, out->tasks, MERKLE_BYTES);
  return out->trace_root && get_roots(json_object_get(job, "traces"), out->tasks, out->trace_root, &out->traces);
}

/* A sabotaged run may lose the mark or the line in job.json, but not both unseen. */
static enum training_status read_sabotage(const char *folder, const json_t *job, struct folder_info *out,
                                          struct why *why) {
  const json_t *value = json_object_get(job, "sabotage");
  const char *text = json_string_value(value);
  struct sabotage told = {SABOTAGE_NONE, 0}, marked;
  enum training_status status = sabotage_read(folder, &marked, why);
  if (status == TRAINING_OK && value && (!text || sabotage_parse(text, &told, NULL) != TRAINING_OK)) {
    why_set(why, "%s/job.json is damaged: its sabotage is none", folder);
    status = TRAINING_ERR_INPUT;
  }
  if (status != TRAINING_OK) return status;
  if (value && marked.kind != SABOTAGE_NONE && (told.kind != marked.kind || told.step != marked.step)) {
    why_set(why, "%s is damaged: job.json and " SABOTAGE_MARK " tell of different sabotage", folder);
    return TRAINING_ERR_INPUT;
  }
  sabotage_print(value ? &told : &marked, out->sabotage);
  return TRAINING_OK;
}

enum training_status folder_read(const char *folder, struct arena *arena, struct folder_info *out, struct why *why) {
  char path[FILE_PATH_MAX];
  struct file_bytes file;
  if (!file_join(path, folder, "job.json")) {
    why_set(why, "%.200s...: the path is too long", folder);
    return TRAINING_ERR_INPUT;
  }
  enum training_status status = file_map(path, JOB_JSON_BYTES_MAX, &file, why);
  if (status != TRAINING_OK) {
    why_before(why, "%s is not the folder of a run: ", folder);
    return status;
  }
  json_error_t error = {.text = ""};
  memset(out, 0, sizeof *out);
  json_t *job = json_loadb((const char *)file.bytes, file.length, JSON_REJECT_DUPLICATES, &error);
  if (job && read_fields(job, arena, out)) {
    find_source(job, folder, out);
    status = read_sabotage(folder, job, out, why);
  } else {
    why_set(why, "%s is damaged: %s", path, job ? "a field is missing or out of its range" : error.text);
    status = TRAINING_ERR_INPUT;
  }
  json_decref(job);
  file_unmap(&file);
  if (status != TRAINING_OK || out->outcome != TRACE_OPEN) return status;
  while (out->traces < out->tasks && committer_trace_path(path, folder, out->traces) && access(path, F_OK) == 0)
    out->traces++;
  return TRAINING_OK;
}

enum training_status folder_prepare(const char *folder, const struct folder_info *info,
                                    const struct prepare_options *options, struct prepared *p, struct why *why) {
  char path[FILE_PATH_MAX];
  struct prepare_options here = *options;
  if (!here.job_folder) here.job_folder = info->job_folder;
  if (!here.job_folder[0]) {
    why_set(why,
            "%s: the model and data that the run was made from are not where they were; name the job file's folder "
            "with --job-folder DIR",
            folder);
    return TRAINING_ERR_INPUT;
  }
  if (!file_join(path, folder, "job.yaml")) {
    why_set(why, "%.200s...: the path is too long", folder);
    return TRAINING_ERR_INPUT;
  }
  enum training_status status = prepare_open(p, path, &here, why);
  if (status != TRAINING_OK) return status;
  if (memcmp(p->job_root, info->job_root, MERKLE_BYTES) == 0) return TRAINING_OK;
  char now[2 * MERKLE_BYTES + 1], then[2 * MERKLE_BYTES + 1];
  hex_encode(p->job_root, MERKLE_BYTES, now);
  hex_encode(info->job_root, MERKLE_BYTES, then);
  why_set(why,
          "%s: job root %.16s... was committed, but job.yaml, model and data give %.16s...: one of them was changed",
          folder, then, now);
  prepare_shut(p);
  return TRAINING_ERR_INPUT;
}

/* The root that the trace commits for the state after interval n >= 1. */
static enum training_status committed_root(const char *folder, uint32_t interval, uint8_t root[MERKLE_BYTES],
                                           struct why *why) {
  struct trace *trace = malloc(sizeof *trace);
  uint32_t task = (interval - 1) / TRACE_INTERVALS_MAX, i = (interval - 1) % TRACE_INTERVALS_MAX + 1;
  enum training_status status = TRAINING_ERR_SYSTEM;
  if (trace)
    status = committer_trace_read(folder, task, trace, why);
  else
    why_set(why, "not enough memory to read a trace");
  if (status == TRAINING_OK && i > trace->intervals) {
    why_set(why, "%s: the trace does not hold interval %" PRIu32, folder, interval);
    status = TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK) memcpy(root, trace->roots[i], MERKLE_BYTES);
  free(trace);
  return status;
}

static enum training_status read_last(const char *folder, const struct folder_info *info, const struct prepared *p,
                                      uint8_t **state, struct why *why) {
  char path[FILE_PATH_MAX];
  uint32_t *numbers = NULL, count = 0;
  uint8_t root[MERKLE_BYTES], committed[MERKLE_BYTES];
  enum training_status status = checkpoint_list(folder, &numbers, &count, why);
  if (status != TRAINING_OK) return status;
  uint32_t limit = info->outcome == TRACE_DIVERGED ? info->intervals_run - 1 : UINT32_MAX, last = 0;
  for (uint32_t i = 0; i < count; i++)
    if (numbers[i] >= 1 && numbers[i] <= limit) last = numbers[i];
  free(numbers);
  if (last == 0 || !checkpoint_path(path, folder, last)) {
    why_set(why, "%s holds no checkpoint with a good state", folder);
    return TRAINING_ERR_INPUT;
  }
  uint8_t *blob = aligned_alloc(64, p->state_bytes);
  if (!blob) {
    why_set(why, "not enough memory for the state (%" PRIu64 " bytes)", p->state_bytes);
    return TRAINING_ERR_SYSTEM;
  }
  status = checkpoint_read(path, p->state_bytes, blob, why);
  if (status == TRAINING_OK) status = committed_root(folder, last, committed, why);
  if (status == TRAINING_OK) status = checkpoint_root(NULL, blob, p->state_bytes, root, why);
  if (status == TRAINING_OK && memcmp(root, committed, MERKLE_BYTES) != 0) {
    why_set(why, "%s is damaged: its root is not the one in the trace; assay verify says where", path);
    status = TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK)
    *state = blob;
  else
    free(blob);
  return status;
}

enum training_status folder_last_state(const char *folder, const struct prepare_options *options, struct prepared *p,
                                       uint8_t **state, struct why *why) {
  struct arena arena;
  struct folder_info info;
  if (!arena_open(&arena, 64 << 20)) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = folder_read(folder, &arena, &info, why);
  if (status == TRAINING_OK) status = folder_prepare(folder, &info, options, p, why);
  arena_shut(&arena);
  if (status != TRAINING_OK) return status;
  status = read_last(folder, &info, p, state, why);
  if (status != TRAINING_OK) prepare_shut(p);
  return status;
}
