/* The files of a run, each read whole and held against what was committed. */
#define _DEFAULT_SOURCE
#include "commit/state/state.h"
#include "training/checkpoint/checkpoint.h"
#include "training/checkpoint/committer.h"
#include "training/metrics/metrics.h"
#include "training/run/export.h"
#include "training/run/files.h"
#include "training/verify/work.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum training_status no_memory(struct why *why) {
  why_set(why, "not enough memory to verify");
  return TRAINING_ERR_SYSTEM;
}

/* Tapes. */

/* The record that byte `at` of a tape file belongs to: 1.. as in the tape's tree, 0 before the first. */
static uint32_t record_at(const struct tape *t, uint64_t at) {
  uint64_t next = 8 + 4 + layout_bytes(&t->layout) + TAPE_HEADER_BYTES;
  uint32_t record = 0;
  while (record < t->records_count && at >= next) next += 2 + record_bytes(&t->record[record++]);
  return record;
}

static bool root_of_file(const struct file_bytes *file, uint8_t root[MERKLE_BYTES]) {
  struct arena arena;
  struct tape tape;
  if (!arena_open(&arena, (size_t)256 << 20)) return false;
  bool good = tape_read(file->bytes, file->length, &arena, &tape, NULL) == TAPE_OK;
  if (good) tape_root(&tape, root);
  arena_shut(&arena);
  return good;
}

static void compare_tape(struct work *w, uint32_t t, const char *name, const struct file_bytes *file,
                         const uint8_t *bytes, size_t length) {
  const struct tape *tape = &w->p->lowered.tape[t];
  uint8_t file_root[MERKLE_BYTES];
  bool committed_other = memcmp(w->info.tape_root[t], w->p->job.tape_root[t], MERKLE_BYTES) != 0;
  bool file_same = file->length == length && memcmp(file->bytes, bytes, length) == 0;
  if (!committed_other && file_same) return;
  if (committed_other && root_of_file(file, file_root) && memcmp(file_root, w->info.tape_root[t], MERKLE_BYTES) == 0) {
    work_find(w, VERIFY_DIFFER, name, 0,
              "%s is the tape that was committed, but the model and the job file lower to another one", name);
    return;
  }
  if (file_same) {
    work_find(w, VERIFY_DAMAGED, "job.json", 0,
              "job.json: the root of the %s tape is not that of %s, which is what the job lowers to",
              prepare_tape_name(t, w->p->lowered.accumulate), name);
    return;
  }
  uint64_t at = 0, common = file->length < length ? file->length : length;
  while (at < common && file->bytes[at] == bytes[at]) at++;
  uint32_t record = record_at(tape, at);
  const char *node = record ? w->p->lowered.origin[t][record - 1].node : "layout table or header";
  struct verify_finding *f = work_find(w, VERIFY_DAMAGED, name, 0,
                                       "%s is damaged at byte %" PRIu64 ", in record %" PRIu32
                                       " (%s); lowering the job again gives the committed root",
                                       name, at, record, node ? node : "");
  if (!f) return;
  snprintf(f->tensor, sizeof f->tensor, "%s", node ? node : "");
  f->has_index = true;
  f->index = at;
  f->unit = "byte";
}

enum training_status work_tapes(struct work *w, struct why *why) {
  for (uint32_t t = 0; t < w->p->lowered.tapes_count; t++) {
    char name[64], path[FILE_PATH_MAX];
    struct file_bytes file;
    struct why reason = {""};
    snprintf(name, sizeof name, "tapes/%s.tape", prepare_tape_name(t, w->p->lowered.accumulate));
    if (!file_join(path, w->folder, name)) return TRAINING_ERR_INPUT;
    w->r->files_checked++;
    if (file_map(path, TAPE_FILE_BYTES_MAX, &file, &reason) != TRAINING_OK) {
      work_find(w, VERIFY_DAMAGED, name, 0, "%s", reason.text);
      continue;
    }
    size_t length = tape_bytes(&w->p->lowered.tape[t]);
    uint8_t *bytes = malloc(length);
    bool good = bytes && tape_write(&w->p->lowered.tape[t], bytes, length) == length;
    if (good) compare_tape(w, t, name, &file, bytes, length);
    free(bytes);
    file_unmap(&file);
    if (!good) return no_memory(why);
  }
  return TRAINING_OK;
}

/* Traces. */

enum { TRACE_ROOTS_AT = 8 + 3 * 4 + 2 * 2 + 1 + TRACE_SALT_BYTES };

/* What the fields of task t's trace must be. */
static void expected_trace(const struct work *w, uint32_t t, struct trace *e) {
  const struct folder_info *i = &w->info;
  uint32_t task_steps = i->interval_steps * TRACE_INTERVALS_MAX;
  memset(e, 0, sizeof *e);
  e->task = t;
  e->first_step = t * task_steps;
  e->interval_steps = (uint16_t)i->interval_steps;
  uint32_t left = i->steps_run > e->first_step ? i->steps_run - e->first_step : 0;
  e->steps = left < task_steps ? left : task_steps;
  e->intervals = (uint16_t)((e->steps + i->interval_steps - 1) / i->interval_steps);
  bool last = i->outcome != TRACE_OPEN ? e->first_step + e->steps == i->steps_run : false;
  e->outcome = last ? i->outcome : TRACE_DONE;
}

static const char *wrong_field(const struct trace *t, const struct trace *e, bool open) {
  if (t->task != e->task) return "task";
  if (t->first_step != e->first_step) return "first_step";
  if (t->interval_steps != e->interval_steps) return "interval_steps";
  if (open) return t->outcome == TRACE_DIVERGED ? "outcome" : NULL;
  if (t->steps != e->steps || t->intervals != e->intervals) return "steps";
  return t->outcome != e->outcome ? "outcome" : NULL;
}

/* The roots of a file that does not hold together, where its length still fits; recomputation will say which is wrong.
 */
static bool loose_roots(const struct file_bytes *file, uint32_t intervals, uint8_t (*out)[MERKLE_BYTES]) {
  if (file->length != TRACE_ROOTS_AT + ((size_t)intervals + 2) * MERKLE_BYTES) return false;
  memcpy(out, file->bytes + TRACE_ROOTS_AT, ((size_t)intervals + 1) * MERKLE_BYTES);
  return true;
}

static void judge_trace(struct work *w, uint32_t t, const char *name, const struct file_bytes *file,
                        const struct trace *e) {
  struct trace *trace = malloc(sizeof *trace);
  struct why reason = {""};
  uint8_t root[MERKLE_BYTES], (*out)[MERKLE_BYTES] = w->root + (size_t)t * TRACE_INTERVALS_MAX, first[MERKLE_BYTES];
  bool open = w->info.outcome == TRACE_OPEN;
  memcpy(first, out[0], MERKLE_BYTES); /* the start, or where the task before ended */
  if (!trace || trace_read(file->bytes, file->length, trace, &reason) != TRACE_OK) {
    work_find(w, VERIFY_DAMAGED, name, 0, "%s is damaged: %s", name, reason.text);
    w->trace_torn[t] = TRACE_TORN;
    uint32_t intervals = open ? 0 : e->intervals;
    if (!loose_roots(file, intervals, out))
      w->intervals = t * TRACE_INTERVALS_MAX; /* nothing to compare with from here on */
    memcpy(out[0], first, MERKLE_BYTES);
    free(trace);
    return;
  }
  const char *field = wrong_field(trace, e, open);
  trace_root(trace, root);
  if (field) {
    work_find(w, VERIFY_DAMAGED, name, 0, "%s: its %s is not that of the job", name, field);
    w->trace_torn[t] = TRACE_STRANGE;
  } else if (!open && memcmp(root, w->info.trace_root[t], MERKLE_BYTES) != 0) {
    work_find(w, VERIFY_DAMAGED, name, 0, "%s: its trace root is not the one committed in job.json", name);
    w->trace_torn[t] = TRACE_STRANGE;
  }
  uint32_t intervals = trace->intervals;
  if (open) {
    uint32_t most = w->p->intervals - t * TRACE_INTERVALS_MAX; /* the file's own word, within the job */
    intervals = intervals < most ? intervals : most;
    w->intervals = t * TRACE_INTERVALS_MAX + intervals;
  } else if (intervals > e->intervals) {
    intervals = e->intervals;
  }
  memcpy(out, trace->roots, ((size_t)intervals + 1) * MERKLE_BYTES);
  if (memcmp(out[0], first, MERKLE_BYTES) != 0) {
    enum verify_outcome kind = w->trace_torn[t] ? VERIFY_DAMAGED : VERIFY_DIFFER;
    work_find(w, kind, name, 0, "%s: begins with a state that is not %s", name,
              t ? "the last one of the task before" : "all zero");
    memcpy(out[0], first, MERKLE_BYTES);
  }
  free(trace);
}

enum training_status work_traces(struct work *w, struct why *why) {
  const struct folder_info *i = &w->info;
  bool open = i->outcome == TRACE_OPEN;
  uint32_t most = open ? w->p->intervals : i->intervals_run;
  w->intervals = open ? 0 : most;
  w->root = calloc((size_t)most + TRACE_INTERVALS_MAX + 2, MERKLE_BYTES);
  w->trace_torn = calloc(i->tasks + 1u, 1);
  w->trace_named = calloc(i->tasks + 1u, 1);
  if (!w->root || !w->trace_torn || !w->trace_named) return no_memory(why);
  state_zero_root(w->p->state_leaves, w->root[0]);
  uint32_t tasks = (most + TRACE_INTERVALS_MAX - 1) / TRACE_INTERVALS_MAX;
  if (!open && i->traces != tasks) {
    why_set(why, "%s/job.json is damaged: %" PRIu32 " traces for %" PRIu32 " intervals", w->folder, i->traces,
            i->intervals_run);
    return TRAINING_ERR_INPUT;
  }
  for (uint32_t t = 0; t < (open ? i->traces : tasks); t++) {
    char name[32], path[FILE_PATH_MAX];
    struct file_bytes file;
    struct why reason = {""};
    struct trace expected;
    snprintf(name, sizeof name, "traces/%04" PRIu32 ".bin", t);
    w->r->files_checked++;
    if (!file_join(path, w->folder, name) || file_map(path, TRACE_FILE_BYTES_MAX, &file, &reason) != TRAINING_OK) {
      work_find(w, VERIFY_DAMAGED, name, 0, "%s", reason.text);
      if (w->intervals > t * TRACE_INTERVALS_MAX) w->intervals = t * TRACE_INTERVALS_MAX;
      break;
    }
    expected_trace(w, t, &expected);
    judge_trace(w, t, name, &file, &expected);
    file_unmap(&file);
    if (w->intervals < (t + 1) * TRACE_INTERVALS_MAX && w->intervals < most) break;
  }
  bool whole = !open && w->intervals == i->intervals_run && w->intervals &&
               !w->trace_torn[(w->intervals - 1) / TRACE_INTERVALS_MAX];
  if (whole && memcmp(w->root[w->intervals], i->final_root, MERKLE_BYTES) != 0)
    work_find(w, VERIFY_DAMAGED, "job.json", w->intervals, "job.json: final_root is not the last root of the trace");
  w->r->intervals_run = w->intervals;
  return TRAINING_OK;
}

/* Checkpoints. */

/* PROTOCOL M4.5, of a committed state. The traces commit to no outcome, so every state that is at hand is asked. */
static void judge_outcome(struct work *w, uint32_t interval, int32_t diverged) {
  if (w->info.outcome == TRACE_OPEN) return;
  bool wanted = w->info.outcome == TRACE_DIVERGED && interval == w->info.intervals_run;
  if ((diverged != 0) != wanted)
    work_find(w, VERIFY_DIFFER, "", interval,
              "the outcome that was committed is not what the state after interval %" PRIu32 " says", interval);
}

enum training_status work_checkpoints(struct work *w, struct why *why) {
  uint32_t *numbers = NULL, count = 0;
  uint64_t bytes = w->p->state_bytes;
  w->checkpoint = calloc((size_t)w->intervals + 1, 1);
  if (!w->checkpoint) return no_memory(why);
  enum training_status status = checkpoint_list(w->folder, &numbers, &count, why);
  for (uint32_t i = 0; i < count && status == TRAINING_OK; i++) {
    char path[FILE_PATH_MAX], name[48];
    struct file_bytes file;
    struct why reason = {""};
    uint8_t root[MERKLE_BYTES];
    uint32_t n = numbers[i];
    snprintf(name, sizeof name, "checkpoints/%06" PRIu32 ".state", n);
    if (n == 0 || n > w->intervals) {
      /* an open run may have written a state before its trace; a finished one has no business with it */
      bool expected =
          w->info.outcome == TRACE_OPEN || (w->intervals < w->info.intervals_run && n <= w->info.intervals_run);
      if (!expected || n == 0) work_find(w, VERIFY_DAMAGED, name, 0, "%s belongs to no interval of this run", name);
      continue;
    }
    w->r->files_checked++;
    if (!checkpoint_path(path, w->folder, n) || file_map(path, UINT64_MAX, &file, &reason) != TRAINING_OK) {
      work_find(w, VERIFY_DAMAGED, name, n, "%s", reason.text);
      continue;
    }
    if (file.length != bytes) {
      struct verify_finding *f = work_find(
          w, VERIFY_DAMAGED, name, n, "%s has %zu bytes, a state of this job has %" PRIu64, name, file.length, bytes);
      if (f) f->has_index = true, f->index = file.length, f->unit = "byte";
      w->checkpoint[n] = CHECKPOINT_SHAPELESS;
    } else {
      status = checkpoint_root(w->pool, file.bytes, file.length, root, why);
      w->checkpoint[n] = memcmp(root, w->root[n], MERKLE_BYTES) == 0 ? CHECKPOINT_SOUND : CHECKPOINT_SUSPECT;
      if (w->checkpoint[n] == CHECKPOINT_SOUND) judge_outcome(w, n, prepare_diverged(w->p, file.bytes));
    }
    file_unmap(&file);
  }
  free(numbers);
  return status;
}

/* Metrics. */

static bool same_bits(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

static void wrong_line(struct work *w, uint32_t line, const char *reason) {
  struct verify_finding *f =
      work_find(w, VERIFY_DAMAGED, "metrics.jsonl", 0, "metrics.jsonl line %" PRIu32 ": %s", line, reason);
  if (f) f->has_index = true, f->index = line, f->unit = "line";
}

/* Numbers, names and blanks as a run writes them: a digit that reads back to the same float is still another text. */
static bool same_text(const struct metrics_line *l, const char *at, size_t length) {
  char again[METRICS_LINE_MAX];
  return metrics_print(l, again) == length + 1 && memcmp(again, at, length) == 0;
}

/* One line against its place: updates come one by one, an evaluation after its update, the last line closes a finished
 * run. */
static void judge_line(struct work *w, uint32_t number, const struct metrics_line *l, uint32_t *updates, bool *done) {
  if (*done) {
    wrong_line(w, number, "stands behind the line that ends the run");
    return;
  }
  switch (l->kind) {
  case METRICS_UPDATE:
    if (l->update != *updates + 1 || l->update > w->p->updates ||
        l->step != l->update * lower_micro_batches(&w->p->options)) {
      wrong_line(w, number, "is not the update that follows the one before");
    } else {
      if (!same_bits(l->rate, prepare_rate(w->p, l->update))) wrong_line(w, number, "lr is not the schedule's");
      w->metric[l->update].line = number;
      w->metric[l->update].loss = l->loss;
    }
    if (l->update == *updates + 1 || (l->update > *updates && l->update <= w->p->updates)) *updates = l->update;
    break;
  case METRICS_EVALUATION:
    if (l->update != *updates || l->update == 0 || w->metric[l->update].evaluation_line) {
      wrong_line(w, number, "is no evaluation of the update before it");
      break;
    }
    w->metric[l->update].evaluation_line = number;
    w->metric[l->update].test_loss = l->loss;
    w->metric[l->update].test_accuracy = l->accuracy;
    w->metric[l->update].has_accuracy = l->has_accuracy;
    break;
  case METRICS_DONE:
    *done = true;
    if (w->info.outcome == TRACE_OPEN || l->outcome != w->info.outcome)
      wrong_line(w, number, "outcome is not that of job.json");
    if (memcmp(l->final_root, w->info.final_root, MERKLE_BYTES) != 0)
      wrong_line(w, number, "final_root is not that of job.json");
    break;
  }
}

enum training_status work_metrics(struct work *w, struct why *why) {
  char path[FILE_PATH_MAX];
  struct file_bytes file;
  struct why reason = {""};
  w->metric = calloc((size_t)w->p->updates + 2, sizeof *w->metric);
  if (!w->metric) return no_memory(why);
  w->r->files_checked++;
  if (!file_join(path, w->folder, "metrics.jsonl") || file_map(path, UINT32_MAX, &file, &reason) != TRAINING_OK) {
    work_find(w, VERIFY_DAMAGED, "metrics.jsonl", 0, "%s", reason.text);
    return TRAINING_OK;
  }
  w->metrics_there = true;
  bool finished = w->info.outcome != TRACE_OPEN, done = false;
  uint32_t number = 0, updates = 0;
  const char *at = (const char *)file.bytes, *end = at + file.length;
  while (at < end) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    struct metrics_line line;
    number++;
    if (!stop && !finished) break; /* a running job may be in the middle of a line */
    size_t length = (size_t)((stop ? stop : end) - at);
    if (!stop || metrics_parse(at, length, &line, &reason) != TRAINING_OK)
      wrong_line(w, number, stop ? reason.text : "is cut short");
    else {
      if (!same_text(&line, at, length)) wrong_line(w, number, "is not written as a run writes it");
      judge_line(w, number, &line, &updates, &done);
    }
    at += length + 1;
  }
  if (finished && !done) wrong_line(w, number + 1, "the line that ends the run is missing");
  if (finished && updates != prepare_updates(w->p, w->info.steps_run))
    wrong_line(w, number, "there are not as many updates as the run had");
  for (uint32_t u = 1; u <= updates && w->info.outcome == TRACE_DONE && w->p->evaluate_every; u++) {
    bool due = u % w->p->evaluate_every == 0 || u == w->p->updates;
    if (due && w->metric[u].line && !w->metric[u].evaluation_line)
      wrong_line(w, w->metric[u].line, "the evaluation that should follow is missing");
  }
  file_unmap(&file);
  return TRAINING_OK;
}

/* What else a run delivers. */

enum training_status work_job(struct work *w, struct why *why) {
  char field[64] = "";
  if (w->r->outcome != VERIFY_AGREE) return TRAINING_OK; /* it repeats what was found wrong already */
  enum training_status status = files_job_check(w->p, w->folder, &w->info, field, why);
  if (status == TRAINING_OK && field[0])
    work_find(w, VERIFY_DAMAGED, "job.json", 0, "job.json: its %s is not what the job and its traces give", field);
  return status;
}

static enum training_status judge_model(struct work *w, const uint8_t *state, enum export_form form, const char *name,
                                        struct why *why) {
  char path[FILE_PATH_MAX];
  bool same;
  uint64_t at;
  if (!file_join(path, w->folder, name) || access(path, F_OK) != 0) return TRAINING_OK; /* nobody needs to keep it */
  w->r->files_checked++;
  enum training_status status = export_same(w->p, state, form, path, &same, &at, why);
  if (status != TRAINING_OK || same) return status;
  struct verify_finding *f =
      work_find(w, VERIFY_DAMAGED, name, work_delivered(w),
                "%s is not what the state after interval %" PRIu32 " gives, from byte %" PRIu64 " on", name,
                work_delivered(w), at);
  if (f) f->has_index = true, f->index = at, f->unit = "byte";
  return TRAINING_OK;
}

enum training_status work_models(struct work *w, struct why *why) {
  uint32_t n = work_delivered(w);
  char path[FILE_PATH_MAX];
  if (n == 0) return TRAINING_OK;
  if (!w->last_good && w->checkpoint[n] == CHECKPOINT_SOUND && checkpoint_path(path, w->folder, n)) {
    w->last_good = malloc(w->p->state_bytes);
    if (!w->last_good) return no_memory(why);
    enum training_status status = checkpoint_read(path, w->p->state_bytes, w->last_good, why);
    if (status != TRAINING_OK) return status;
  }
  if (!w->last_good) return TRAINING_OK; /* the state is neither kept nor computed: --intervals all has it */
  enum training_status status = judge_model(w, w->last_good, EXPORT_ONNX, "model.onnx", why);
  if (status == TRAINING_OK) status = judge_model(w, w->last_good, EXPORT_SAFETENSORS, "model.safetensors", why);
  return status;
}
