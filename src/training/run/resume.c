#define _DEFAULT_SOURCE
#include "training/run/resume.h"
#include "base/hex.h"
#include "training/metrics/metrics.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Walks metrics.jsonl: how many updates it holds without a gap, and how many bytes belong to updates <= limit. */
static void scan_metrics(const char *folder, uint32_t limit, uint32_t *updates, uint64_t *bytes) {
  char path[FILE_PATH_MAX];
  struct file_bytes file;
  *updates = 0;
  *bytes = 0;
  if (!file_join(path, folder, "metrics.jsonl") || file_map(path, UINT32_MAX, &file, NULL) != TRAINING_OK) return;
  const char *at = (const char *)file.bytes, *end = at + file.length;
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    struct metrics_line line;
    if (!stop || metrics_parse(at, (size_t)(stop - at), &line, NULL) != TRAINING_OK) break;
    if (line.kind == METRICS_DONE || line.update > limit) break;
    if (line.kind == METRICS_UPDATE && line.update != *updates + 1) break;
    if (line.kind == METRICS_UPDATE) *updates = line.update;
    at = stop + 1;
    *bytes = (uint64_t)(at - (const char *)file.bytes);
  }
  file_unmap(&file);
}

/* The traces that are there and continue each other; returns the intervals they hold. */
static uint32_t load_traces(const struct prepared *p, const char *folder, struct trace **out, uint32_t *count) {
  struct trace *list = NULL;
  uint32_t n = 0, intervals = 0;
  for (; n < p->job.tasks; n++) {
    struct trace *larger = realloc(list, (n + 1) * sizeof *list);
    if (!larger) break;
    list = larger;
    struct trace *t = &list[n];
    if (committer_trace_read(folder, n, t, NULL) != TRAINING_OK) break;
    bool follows = n == 0 || (list[n - 1].intervals == TRACE_INTERVALS_MAX &&
                              memcmp(t->roots[0], list[n - 1].roots[TRACE_INTERVALS_MAX], MERKLE_BYTES) == 0);
    if (!follows || t->interval_steps != p->interval_steps ||
        t->first_step != n * TRACE_INTERVALS_MAX * p->interval_steps)
      break;
    intervals += t->intervals;
  }
  *out = list;
  *count = n;
  return intervals;
}

static const uint8_t *trace_root_of(const struct trace *traces, uint32_t count, uint32_t interval) {
  uint32_t task = interval ? (interval - 1) / TRACE_INTERVALS_MAX : 0,
           i = interval ? (interval - 1) % TRACE_INTERVALS_MAX + 1 : 0;
  return task < count && i <= traces[task].intervals ? traces[task].roots[i] : NULL;
}

static uint32_t steps_at(const struct prepared *p, uint32_t interval) {
  uint64_t steps = (uint64_t)interval * p->interval_steps;
  return steps < p->steps ? (uint32_t)steps : p->steps;
}

static bool sound(struct pool *pool, const struct prepared *p, const uint8_t *state, const uint8_t root[MERKLE_BYTES]) {
  uint8_t found[MERKLE_BYTES];
  return checkpoint_root(pool, state, p->state_bytes, found, NULL) == TRAINING_OK &&
         memcmp(found, root, MERKLE_BYTES) == 0;
}

struct saved {
  uint32_t steps, diverged_step;
  bool diverged;
  uint8_t root[MERKLE_BYTES];
};

static bool read_saved(const struct prepared *p, const char *folder, struct saved *out) {
  char path[FILE_PATH_MAX];
  json_error_t error;
  uint8_t job[MERKLE_BYTES];
  json_t *object = file_join(path, folder, "resume.json") ? json_load_file(path, 0, &error) : NULL;
  const char *job_text = json_string_value(json_object_get(object, "job_root"));
  const char *root_text = json_string_value(json_object_get(object, "root"));
  json_int_t steps = json_integer_value(json_object_get(object, "steps"));
  const json_t *diverged = json_object_get(object, "diverged_step");
  bool good = job_text && root_text && hex_decode(job_text, job, MERKLE_BYTES) &&
              hex_decode(root_text, out->root, MERKLE_BYTES) && memcmp(job, p->job_root, MERKLE_BYTES) == 0 &&
              steps > 0 && steps <= p->steps;
  if (good) {
    out->steps = (uint32_t)steps;
    out->diverged = json_is_integer(diverged);
    out->diverged_step = (uint32_t)json_integer_value(diverged);
  }
  json_decref(object);
  return good;
}

/* Step 0 makes no metrics, nor does a step that ends no update. */
static bool metrics_reach(const struct prepared *p, uint32_t updates, uint32_t steps) {
  return prepare_updates(p, steps) <= updates;
}

static bool take_saved(const struct prepared *p, const char *folder, struct pool *pool, uint32_t updates,
                       uint32_t intervals, uint8_t *state, struct resume_point *out) {
  char path[FILE_PATH_MAX];
  struct saved s;
  if (!read_saved(p, folder, &s) || !metrics_reach(p, updates, s.steps) || s.steps / p->interval_steps > intervals)
    return false;
  if (!file_join(path, folder, "resume.state") || checkpoint_read(path, p->state_bytes, state, NULL) != TRAINING_OK)
    return false;
  if (!sound(pool, p, state, s.root)) return false;
  out->steps = s.steps;
  out->intervals = s.steps / p->interval_steps;
  out->diverged = s.diverged;
  out->diverged_step = s.diverged_step;
  return true;
}

/* The latest checkpoint beyond `steps` done steps that the trace names. */
static bool take_checkpoint(const struct prepared *p, const char *folder, struct pool *pool, uint32_t updates,
                            uint32_t steps, const struct trace *traces, uint32_t traces_count, uint8_t *state,
                            struct resume_point *out) {
  char path[FILE_PATH_MAX];
  uint32_t *numbers = NULL, count = 0;
  bool found = false;
  if (checkpoint_list(folder, &numbers, &count, NULL) != TRAINING_OK) return false;
  while (count-- > 0 && !found) {
    uint32_t n = numbers[count];
    const uint8_t *root = n ? trace_root_of(traces, traces_count, n) : NULL;
    if (!root || steps_at(p, n) <= steps || !metrics_reach(p, updates, steps_at(p, n)) ||
        !checkpoint_path(path, folder, n))
      continue;
    found = checkpoint_read(path, p->state_bytes, state, NULL) == TRAINING_OK && sound(pool, p, state, root) &&
            prepare_diverged(p, state) == 0; /* from a diverged one there is no going on; its interval is run again */
    if (found) out->steps = steps_at(p, n), out->intervals = n;
  }
  free(numbers);
  return found;
}

/* A trace that goes on holds exactly the intervals before the point. */
static void cut_trace(const struct prepared *p, const struct trace *traces, uint32_t count, struct resume_point *out) {
  uint32_t task = out->intervals ? (out->intervals - 1) / TRACE_INTERVALS_MAX : 0;
  if (task >= count) return;
  out->has_trace = true;
  out->trace = traces[task];
  out->trace.outcome = TRACE_OPEN;
  out->trace.intervals = (uint16_t)(out->intervals - task * TRACE_INTERVALS_MAX);
  out->trace.steps = steps_at(p, out->intervals) - out->trace.first_step;
}

static void remove_beyond(const struct prepared *p, const char *folder, const struct resume_point *point) {
  char path[FILE_PATH_MAX];
  uint32_t *numbers = NULL, count = 0;
  if (checkpoint_list(folder, &numbers, &count, NULL) == TRAINING_OK)
    for (uint32_t i = 0; i < count; i++)
      if (numbers[i] > point->intervals && checkpoint_path(path, folder, numbers[i])) unlink(path);
  free(numbers);
  uint32_t task = point->has_trace ? point->trace.task + 1 : 0;
  for (; task < p->job.tasks && committer_trace_path(path, folder, task); task++)
    if (unlink(path) != 0) break;
}

enum training_status resume_find(const struct prepared *p, const char *folder, struct pool *pool, uint8_t *state,
                                 struct resume_point *out, struct why *why) {
  struct trace *traces;
  uint32_t traces_count, updates;
  uint64_t bytes;
  uint8_t *spare = aligned_alloc(64, p->state_bytes);
  if (!spare) {
    why_set(why, "not enough memory to look for a point to go on from");
    return TRAINING_ERR_SYSTEM;
  }
  *out = (struct resume_point){0};
  scan_metrics(folder, UINT32_MAX, &updates, &bytes);
  uint32_t intervals = load_traces(p, folder, &traces, &traces_count);
  bool found = take_saved(p, folder, pool, updates, intervals, state, out);
  if (take_checkpoint(p, folder, pool, updates, out->steps, traces, traces_count, spare, out)) {
    memcpy(state, spare, p->state_bytes);
    out->diverged = false;
    found = true;
  }
  if (found)
    cut_trace(p, traces, traces_count, out);
  else
    memset(state, 0, p->state_bytes);
  scan_metrics(folder, prepare_updates(p, out->steps), &updates, &out->metrics_bytes);
  remove_beyond(p, folder, out);
  free(spare);
  free(traces);
  return TRAINING_OK;
}

enum training_status resume_save(const struct prepared *p, const char *folder, struct pool *pool, const uint8_t *state,
                                 uint32_t steps, bool diverged, uint32_t diverged_step, struct why *why) {
  char path[FILE_PATH_MAX], text[512], job[2 * MERKLE_BYTES + 1], hex[2 * MERKLE_BYTES + 1], step[16];
  uint8_t root[MERKLE_BYTES];
  enum training_status status = checkpoint_root(pool, state, p->state_bytes, root, why);
  if (status != TRAINING_OK || !file_join(path, folder, "resume.state")) return status;
  status = file_replace(path, state, p->state_bytes, why);
  if (status != TRAINING_OK || !file_join(path, folder, "resume.json")) return status;
  hex_encode(p->job_root, MERKLE_BYTES, job);
  hex_encode(root, MERKLE_BYTES, hex);
  snprintf(step, sizeof step, "%" PRIu32, diverged_step);
  int n = snprintf(text, sizeof text,
                   "{\"job_root\": \"%s\", \"steps\": %" PRIu32 ", \"root\": \"%s\", \"diverged_step\": %s}\n", job,
                   steps, hex, diverged ? step : "null");
  return file_replace(path, text, (size_t)n, why);
}

void resume_forget(const char *folder) {
  char path[FILE_PATH_MAX];
  if (file_join(path, folder, "resume.json")) unlink(path);
  if (file_join(path, folder, "resume.state")) unlink(path);
}
