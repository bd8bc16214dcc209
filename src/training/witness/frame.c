#include "training/witness/frame.h"
#include "commit/state/state.h"
#include "training/checkpoint/committer.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum training_status damaged(const char *folder, uint32_t task, const char *what, struct why *why) {
  why_set(why, "%s/traces/%04" PRIu32 ".bin is damaged: %s; assay verify says more", folder, task, what);
  return TRAINING_ERR_INPUT;
}

/* One task's roots behind those of the tasks before: roots[0] stands already, as the start or the last of those. */
static enum training_status read_task(const char *folder, const struct folder_info *info, const struct prepared *p,
                                      uint32_t task, struct trace *t, struct frame_roots *r, struct why *why) {
  uint32_t first = task * TRACE_INTERVALS_MAX, left = info->intervals_run - first;
  uint32_t intervals = left < TRACE_INTERVALS_MAX ? left : TRACE_INTERVALS_MAX;
  uint8_t outcome = intervals == left ? info->outcome : TRACE_DONE;
  uint32_t last = first + intervals, steps = frame_first_step(p, last) + frame_steps(p, last); /* M4.5 */
  uint8_t root[MERKLE_BYTES];
  enum training_status status = committer_trace_read(folder, task, t, why);
  if (status != TRAINING_OK) return status;
  if (t->outcome != outcome || t->intervals != intervals || t->interval_steps != info->interval_steps ||
      t->first_step != first * info->interval_steps || t->steps != steps - t->first_step)
    return damaged(folder, task, "its outcome, its steps or its intervals are not those of job.json", why);
  trace_root(t, root);
  if (memcmp(root, info->trace_root[task], MERKLE_BYTES) != 0)
    return damaged(folder, task, "its trace root is not the one committed in job.json", why);
  if (memcmp(t->roots[0], r->root[first], MERKLE_BYTES) != 0)
    return damaged(folder, task,
                   task ? "it does not begin where the task before ended" : "it does not begin with the job's start",
                   why);
  memcpy(r->root[first], t->roots, ((size_t)intervals + 1) * MERKLE_BYTES);
  r->intervals = first + intervals;
  return TRAINING_OK;
}

static enum training_status check_info(const char *folder, const struct folder_info *info, const struct prepared *p,
                                       struct why *why) {
  uint32_t tasks = (info->intervals_run + TRACE_INTERVALS_MAX - 1) / TRACE_INTERVALS_MAX;
  if (info->outcome == TRACE_OPEN) {
    why_set(
        why,
        "%s: the run is not finished, so it has committed to nothing yet; assay train with --resume goes on with it",
        folder);
    return TRAINING_ERR_INPUT;
  }
  bool numbers = info->steps == p->steps && info->interval_steps == p->interval_steps && info->tasks == p->job.tasks;
  bool whole = info->intervals_run == p->intervals || (info->outcome == TRACE_DIVERGED && info->intervals_run);
  if (numbers && whole && info->intervals_run <= p->intervals && info->traces == tasks) return TRAINING_OK;
  why_set(why, "%s/job.json is damaged: its numbers of steps and intervals are not those of its job", folder);
  return TRAINING_ERR_INPUT;
}

enum training_status frame_roots_read(const char *folder, const struct folder_info *info, const struct prepared *p,
                                      struct frame_roots *out, struct why *why) {
  struct frame_roots r = {0};
  enum training_status status = check_info(folder, info, p, why);
  if (status != TRAINING_OK) return status;
  struct trace *t = malloc(sizeof *t);
  r.root = calloc((size_t)info->intervals_run + 1, MERKLE_BYTES);
  if (!t || !r.root) {
    why_set(why, "not enough memory for the roots of %" PRIu32 " intervals", info->intervals_run);
    status = TRAINING_ERR_SYSTEM;
  }
  if (r.root) state_zero_root(p->state_leaves, r.root[0]);
  for (uint32_t task = 0; status == TRAINING_OK && task < info->traces; task++)
    status = read_task(folder, info, p, task, t, &r, why);
  if (status == TRAINING_OK && memcmp(r.root[r.intervals], info->final_root, MERKLE_BYTES) != 0) {
    why_set(why, "%s/job.json is damaged: its final_root is not the last root of the traces", folder);
    status = TRAINING_ERR_INPUT;
  }
  free(t);
  if (status == TRAINING_OK)
    *out = r;
  else
    frame_roots_shut(&r);
  return status;
}

void frame_roots_shut(struct frame_roots *r) {
  free(r->root);
  *r = (struct frame_roots){0};
}

uint32_t frame_first_step(const struct prepared *p, uint32_t interval) { return (interval - 1) * p->interval_steps; }

uint16_t frame_steps(const struct prepared *p, uint32_t interval) {
  uint32_t left = p->steps - frame_first_step(p, interval);
  return (uint16_t)(left < p->interval_steps ? left : p->interval_steps);
}

static void fill_tapes(const struct prepared *p, struct dispute_frame *out) {
  out->tapes = p->job.tapes;
  for (uint32_t t = 0; t < p->job.tapes; t++) {
    struct dispute_tape *d = &out->tape[t];
    memcpy(d->root, p->job.tape_root[t], MERKLE_BYTES);
    d->records = p->lowered.tape[t].records_count;
    d->temp_leaves = p->lowered.tape[t].temp_leaves;
  }
  for (uint32_t j = 0; j < out->steps; j++)
    out->step_tape[j] = job_tape(&p->job, out->first_step + j - p->job.first_step);
}

static void fill_data(const struct prepared *p, struct dispute_frame *out) {
  out->data_count = p->job.data;
  for (uint32_t d = 0; d < p->job.data; d++) {
    if (!p->data[d]) continue; /* a number that the job has no tensor of */
    memcpy(out->data[d].root, p->job.data_root[d], MERKLE_BYTES);
    out->data[d].leaves = (uint32_t)((p->data_bytes[d] + TAPE_LEAF_BYTES - 1) / TAPE_LEAF_BYTES);
  }
}

void frame_fill(const struct prepared *p, uint32_t interval, const uint8_t before[MERKLE_BYTES],
                const uint8_t after[MERKLE_BYTES], struct dispute_frame *out) {
  memset(out, 0, sizeof *out);
  memcpy(out->target.job_root, p->job_root, MERKLE_BYTES);
  out->target.task = (interval - 1) / TRACE_INTERVALS_MAX;
  out->target.interval = (uint16_t)((interval - 1) % TRACE_INTERVALS_MAX + 1);
  memcpy(out->start_root, before, MERKLE_BYTES);
  memcpy(out->end_root, after, MERKLE_BYTES);
  out->first_step = frame_first_step(p, interval);
  out->steps = frame_steps(p, interval);
  out->seed = p->job.seed;
  out->state_leaves = (uint32_t)p->state_leaves;
  fill_tapes(p, out);
  fill_data(p, out);
  out->window_ticks = DISPUTE_WINDOW_TICKS;
  out->slack_ticks = DISPUTE_SLACK_TICKS;
}
