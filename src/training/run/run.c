#define _DEFAULT_SOURCE
#include "training/run/run.h"
#include "base/pages.h"
#include "commit/state/state.h"
#include "training/checkpoint/committer.h"
#include "training/file/machine.h"
#include "training/metrics/events.h"
#include "training/metrics/metrics.h"
#include "training/run/export.h"
#include "training/run/files.h"
#include "training/run/folder.h"
#include "training/run/plans.h"
#include "training/run/resume.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Everything a run holds while it lasts. */
struct training {
  struct prepared *p;
  const struct run_options *o;
  struct sabotage sabotage;
  struct run_result *result;
  struct pool *pool;
  struct execute_options execute;
  struct plans plans;
  struct execute *evaluate;
  uint8_t *state, *scratch;
  struct committer *committer;
  struct resume_point point;
  uint32_t step, intervals_run;
  bool diverged, wants_stop;
  int lock_fd, metrics_fd;
  char metrics_path[FILE_PATH_MAX];
  char lines[1 << 16];
  size_t lines_used;
  struct events *events;
  double started, last;
};

static void tell(struct training *t, int kind) {
  if (!t->o->progress) return;
  const struct prepared *p = t->p;
  double seconds = machine_seconds() - t->started;
  uint32_t update = prepare_updates(p, t->step), before = prepare_updates(p, t->point.steps);
  struct run_progress g = {.kind = kind,
                           .update = update,
                           .updates = p->updates,
                           .epoch = update ? (update - 1) / p->updates_per_epoch + 1 : 1,
                           .epochs = (p->updates - 1) / p->updates_per_epoch + 1,
                           .interval = t->intervals_run,
                           .intervals = p->intervals,
                           .loss = t->result->loss,
                           .rate = prepare_rate(p, update),
                           .evaluation = t->result->evaluation,
                           .seconds = seconds};
  if (update > before && seconds > 0) {
    double per_update = seconds / (update - before);
    g.seconds_left = per_update * (p->updates - update);
    g.samples_per_s = p->options.batch / per_update;
  }
  t->o->progress(t->o->context, &g);
}

/* Metrics. */

static enum training_status flush_metrics(struct training *t, struct why *why) {
  enum training_status status = file_append(t->metrics_fd, t->metrics_path, t->lines, t->lines_used, why);
  t->lines_used = 0;
  if (status == TRAINING_OK) status = events_flush(t->events, why);
  return status;
}

static enum training_status add_line(struct training *t, const struct metrics_line *line, struct why *why) {
  enum training_status status = TRAINING_OK;
  if (t->lines_used + METRICS_LINE_MAX > sizeof t->lines) status = flush_metrics(t, why);
  if (status == TRAINING_OK) t->lines_used += metrics_print(line, t->lines + t->lines_used);
  return status;
}

static double wall_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum training_status note_update(struct training *t, uint32_t update, struct why *why) {
  double now = machine_seconds(), speed = t->p->options.batch / fmax(now - t->last, 1e-9), wall = wall_time();
  t->last = now;
  t->result->loss = prepare_loss(t->p, t->state);
  struct metrics_line line = {.kind = METRICS_UPDATE,
                              .update = update,
                              .step = update * lower_micro_batches(&t->p->options),
                              .loss = t->result->loss,
                              .rate = prepare_rate(t->p, update),
                              .samples_per_s = speed};
  enum training_status status = add_line(t, &line, why);
  if (status == TRAINING_OK) status = events_scalar(t->events, wall, update, "train/loss", line.loss, why);
  if (status == TRAINING_OK) status = events_scalar(t->events, wall, update, "train/lr", line.rate, why);
  return status;
}

static bool evaluation_due(const struct prepared *p, uint32_t update) {
  return p->evaluate_every && update && (update % p->evaluate_every == 0 || update == p->updates);
}

/* `steps` steps of x, which runs the tape, began at `start`. */
static void note_profile(struct training *t, uint32_t tape, struct execute *x, uint32_t steps, double start) {
  struct run_profile *profile = t->o->profile;
  if (!profile || !profile->record[tape]) return;
  profile->seconds[tape] += machine_seconds() - start;
  profile->steps[tape] += steps;
  execute_profile(x, profile->record[tape]);
}

static enum training_status note_evaluation(struct training *t, uint32_t update, struct why *why) {
  struct evaluation *e = &t->result->evaluation;
  bool classes = t->p->options.loss.name == LOSS_CROSS_ENTROPY;
  double start = machine_seconds();
  prepare_evaluate(t->p, t->evaluate, t->state, t->scratch, e);
  note_profile(t, TAPE_OF_EVALUATE, t->evaluate, t->p->evaluate_steps, start);
  struct metrics_line line = {
      .kind = METRICS_EVALUATION, .update = update, .loss = e->loss, .has_accuracy = classes, .accuracy = e->accuracy};
  double wall = wall_time();
  enum training_status status = add_line(t, &line, why);
  if (status == TRAINING_OK) status = events_scalar(t->events, wall, update, "test/loss", e->loss, why);
  if (status == TRAINING_OK && classes)
    status = events_scalar(t->events, wall, update, "test/accuracy", e->accuracy, why);
  t->last = machine_seconds(); /* evaluating is no training time */
  return status;
}

/* The loop. */

static bool stop_wanted(const struct training *t) {
  const struct run_options *o = t->o;
  return (o->stop && *o->stop) || (o->stop_after_update && prepare_updates(t->p, t->step) >= o->stop_after_update);
}

static enum training_status end_interval(struct training *t, struct why *why) {
  enum training_status status = flush_metrics(t, why); /* before the trace can name what they belong to */
  if (status == TRAINING_OK && sabotage_of_root(t->p, &t->sabotage, t->intervals_run + 1)) {
    uint8_t root[MERKLE_BYTES];
    status = sabotage_root(t->p, &t->sabotage, t->pool, t->state, NULL, root, why);
    if (status == TRAINING_OK) committer_forge(t->committer, t->intervals_run + 1, root);
  }
  if (status != TRAINING_OK) return status;
  return committer_push(t->committer, ++t->intervals_run, t->state, why);
}

/* One step and all that follows from it. t->step counts the steps that are done. */
static enum training_status one_step(struct training *t, struct execute *x, struct why *why) {
  const struct prepared *p = t->p;
  uint32_t step = t->step, update = prepare_ends(p, step);
  enum training_status status = TRAINING_OK;
  if (sabotage_of_step(&t->sabotage, step)) {
    status = sabotage_step(p, &t->sabotage, &t->execute, t->state, NULL, why);
  } else {
    double start = machine_seconds();
    execute_step(x, t->state, step, p->job.seed);
    note_profile(t, prepare_tape(p, step), x, 1, start);
  }
  if (status != TRAINING_OK) return status;
  t->step = step + 1;
  if (update) status = note_update(t, update, why);
  if (!t->diverged && prepare_diverged(p, t->state) != 0) {
    t->diverged = true;
    t->result->diverged_step = step;
  }
  bool evaluated = status == TRAINING_OK && !t->diverged && evaluation_due(p, update);
  if (evaluated) status = note_evaluation(t, update, why);
  if (status == TRAINING_OK && (t->step % p->interval_steps == 0 || t->step == p->steps)) status = end_interval(t, why);
  if (status == TRAINING_OK && step) tell(t, update ? RUN_UPDATE : RUN_STEP);
  if (status == TRAINING_OK && evaluated) tell(t, RUN_EVALUATED);
  return status;
}

static enum training_status run_init(struct training *t, struct why *why) {
  struct execute *init;
  enum training_status status = prepare_execute(t->p, TAPE_OF_INIT, &t->execute, &init, why);
  if (status != TRAINING_OK) return status;
  status = one_step(t, init, why);
  execute_shut(init);
  return status;
}

static enum training_status loop(struct training *t, struct why *why) {
  const struct prepared *p = t->p;
  enum training_status status = t->step == 0 ? run_init(t, why) : TRAINING_OK;
  plans_begin(&t->plans, p, &t->execute);
  if (t->o->one_plan) t->plans.one = true;
  if (status == TRAINING_OK && p->evaluate_every) status = plans_take(&t->plans, TAPE_OF_EVALUATE, &t->evaluate, why);
  t->last = machine_seconds();
  while (status == TRAINING_OK && t->step < p->steps) {
    if (t->diverged && t->step % p->interval_steps == 0) break; /* the interval is whole; nothing good can follow */
    if (stop_wanted(t)) {
      t->wants_stop = true;
      break;
    }
    struct execute *x;
    status = plans_take(&t->plans, prepare_tape(p, t->step), &x, why);
    if (status == TRAINING_OK) status = one_step(t, x, why);
  }
  return status;
}

/* Opening and closing. */

/* A run that goes on lies as its folder says, and one that was honest so far does not begin to. */
static enum training_status same_sabotage(struct training *t, const struct folder_info *info, struct why *why) {
  char asked[SABOTAGE_TEXT_BYTES];
  sabotage_print(&t->sabotage, asked);
  if (t->sabotage.kind == SABOTAGE_NONE || strcmp(asked, info->sabotage) == 0)
    return *info->sabotage ? sabotage_parse(info->sabotage, &t->sabotage, why) : TRAINING_OK;
  if (*info->sabotage)
    why_set(why, "%s holds a run with --sabotage %s, which does not go on with %s; nothing was changed", t->o->folder,
            info->sabotage, asked);
  else
    why_set(why,
            "%s holds an honest run, which does not go on with --sabotage; nothing was changed. Choose another "
            "folder with -o",
            t->o->folder);
  return TRAINING_ERR_INPUT;
}

static enum training_status open_folder(struct training *t, bool *finished, struct why *why) {
  const char *folder = t->o->folder;
  struct arena arena;
  struct folder_info *info = calloc(1, sizeof *info);
  *finished = false;
  if (!t->o->resume || !files_present(folder)) {
    free(info);
    return files_begin(t->p, folder, t->o->force, &t->sabotage, why);
  }
  if (!info || !arena_open(&arena, 64 << 20)) {
    free(info);
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = folder_read(folder, &arena, info, why);
  if (status == TRAINING_OK && memcmp(info->job_root, t->p->job_root, MERKLE_BYTES) != 0) {
    why_set(why,
            "%s holds the run of another job (the job file, the model or the data changed since); nothing was changed",
            folder);
    status = TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK) status = same_sabotage(t, info, why);
  *finished = status == TRAINING_OK && info->outcome != TRACE_OPEN;
  if (*finished) {
    t->result->outcome = info->outcome;
    t->result->update = prepare_updates(t->p, info->steps_run);
    memcpy(t->result->final_root, info->final_root, MERKLE_BYTES);
  } else if (status == TRAINING_OK && t->sabotage.kind != SABOTAGE_NONE) { /* a folder may say anything */
    status = sabotage_check(t->p, &t->sabotage, &t->execute, why);
    if (status == TRAINING_OK) status = sabotage_write(folder, &t->sabotage, why);
  }
  arena_shut(&arena);
  free(info);
  return status;
}

static enum training_status open_metrics(struct training *t, struct why *why) {
  char folder[FILE_PATH_MAX];
  if (!file_join(t->metrics_path, t->o->folder, "metrics.jsonl") || !file_join(folder, t->o->folder, "tensorboard")) {
    why_set(why, "%.200s...: the path is too long", t->o->folder);
    return TRAINING_ERR_INPUT;
  }
  t->metrics_fd = open(t->metrics_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (t->metrics_fd < 0 || ftruncate(t->metrics_fd, (off_t)t->point.metrics_bytes) != 0) {
    why_set(why, "%s could not be written: %s", t->metrics_path, strerror(errno));
    return TRAINING_ERR_SYSTEM;
  }
  t->events = malloc(sizeof *t->events);
  if (!t->events) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  t->events->fd = -1;
  return events_open(t->events, folder, t->point.steps ? (int64_t)prepare_updates(t->p, t->point.steps) : -1, why);
}

static enum training_status open_memory(struct training *t, struct why *why) {
  uint64_t bytes = t->p->state_bytes;
  t->state = pages_take(bytes);
  t->scratch = t->p->evaluate_every ? pages_take(bytes) : NULL;
  if (!t->state || (t->p->evaluate_every && !t->scratch)) {
    why_set(why, "not enough memory for the state (%" PRIu64 " bytes)", bytes);
    return TRAINING_ERR_SYSTEM;
  }
  memset(t->state, 0, bytes);
  t->pool = pool_open(t->o->threads ? t->o->threads : machine_threads());
  if (!t->pool) {
    why_set(why, "the system refuses more threads; try --threads 1");
    return TRAINING_ERR_SYSTEM;
  }
  t->execute.pool = t->pool;
  return TRAINING_OK;
}

static enum training_status open_committer(struct training *t, struct why *why) {
  const struct prepared *p = t->p;
  uint64_t budget = t->o->checkpoint_bytes_max ? t->o->checkpoint_bytes_max : checkpoint_budget(p->state_bytes);
  struct committer_options c = {.folder = t->o->folder,
                                .pool = t->pool,
                                .state_bytes = p->state_bytes,
                                .intervals = p->intervals,
                                .every = checkpoint_every(p->intervals, p->state_bytes, budget),
                                .interval_steps = p->interval_steps,
                                .steps = p->steps,
                                .metrics_fd = t->metrics_fd,
                                .first_interval = t->point.intervals,
                                .trace = t->point.has_trace ? &t->point.trace : NULL};
  state_zero_root(p->state_leaves, c.start_root);
  t->committer = committer_open(&c, why);
  return t->committer ? TRAINING_OK : TRAINING_ERR_SYSTEM;
}

static enum training_status save_point(struct training *t, struct why *why) {
  tell(t, RUN_SAVING);
  enum training_status status = flush_metrics(t, why);
  if (status == TRAINING_OK && fdatasync(t->metrics_fd) != 0) {
    why_set(why, "%s could not be written: %s", t->metrics_path, strerror(errno));
    status = TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK) status = committer_finish(t->committer, TRACE_OPEN, t->intervals_run, 0, why);
  if (status == TRAINING_OK)
    status = resume_save(t->p, t->o->folder, t->pool, t->state, t->step, t->diverged, t->result->diverged_step, why);
  if (status != TRAINING_OK) return status;
  why_set(why,
          "stopped after update %" PRIu32 " of %" PRIu32 " and saved in %s; the same command with --resume goes on",
          prepare_updates(t->p, t->step), t->p->updates, t->o->folder);
  return TRAINING_INTERRUPTED;
}

/* The state whose weights are delivered: the last one, or the last good one. */
static const uint8_t *delivered(struct training *t) {
  if (!t->diverged) return t->state;
  if (t->intervals_run < 2) return NULL;
  const uint8_t *before = committer_state(t->committer, 1);
  char path[FILE_PATH_MAX];
  if (!before && checkpoint_path(path, t->o->folder, t->intervals_run - 1) &&
      checkpoint_read(path, t->p->state_bytes, t->state, NULL) == TRAINING_OK)
    before = t->state;
  return before;
}

static enum training_status deliver(struct training *t, struct why *why) {
  char path[FILE_PATH_MAX];
  const char *folder = t->o->folder;
  const uint8_t *state = delivered(t);
  enum training_status status = TRAINING_OK;
  if (state && file_join(path, folder, "model.onnx")) status = export_onnx(t->p, state, path, true, why);
  if (status == TRAINING_OK && state && file_join(path, folder, "model.safetensors"))
    status = export_safetensors(t->p, state, path, true, why);
  if (status == TRAINING_OK && file_join(path, folder, "README.md"))
    status = export_card(t->p, t->result, path, NULL, why);
  return status;
}

static enum training_status finish(struct training *t, struct why *why) {
  struct run_result *r = t->result;
  tell(t, RUN_SAVING);
  r->outcome = t->diverged ? TRACE_DIVERGED : TRACE_DONE;
  r->last_good_interval = t->diverged ? t->intervals_run - 1 : t->intervals_run;
  enum training_status status =
      committer_finish(t->committer, r->outcome, t->intervals_run, t->diverged ? t->intervals_run - 1 : 0, why);
  if (status != TRAINING_OK) return status;
  committer_last_root(t->committer, r->final_root);
  r->commit_seconds = committer_seconds(t->committer);
  r->seconds = machine_seconds() - t->started;
  uint32_t updates = prepare_updates(t->p, t->step) - prepare_updates(t->p, t->point.steps);
  r->samples_per_s = r->seconds > 0 ? (double)updates * t->p->options.batch / r->seconds : 0;
  status = deliver(t, why);
  struct metrics_line line = {.kind = METRICS_DONE, .outcome = r->outcome};
  memcpy(line.final_root, r->final_root, MERKLE_BYTES);
  if (status == TRAINING_OK) status = add_line(t, &line, why);
  if (status == TRAINING_OK) status = flush_metrics(t, why);
  if (status == TRAINING_OK && fdatasync(t->metrics_fd) != 0) {
    why_set(why, "%s could not be written: %s", t->metrics_path, strerror(errno));
    status = TRAINING_ERR_SYSTEM;
  }
  if (status == TRAINING_OK)
    status = files_job(t->p, t->o->folder, r, t->step, why); /* from here on the run is finished */
  if (status != TRAINING_OK) return status;
  resume_forget(t->o->folder);
  return t->diverged ? TRAINING_NO : TRAINING_OK;
}

static enum training_status run_locked(struct training *t, struct why *why) {
  bool finished;
  enum training_status status = open_folder(t, &finished, why);
  t->result->sabotage = t->sabotage;
  if (status != TRAINING_OK || finished)
    return status != TRAINING_OK ? status : t->result->outcome == TRACE_DONE ? TRAINING_OK : TRAINING_NO;
  status = open_memory(t, why);
  if (status == TRAINING_OK && t->o->resume)
    status = resume_find(t->p, t->o->folder, t->pool, t->state, &t->point, why);
  if (status == TRAINING_OK) status = open_metrics(t, why);
  if (status == TRAINING_OK) status = open_committer(t, why);
  if (status != TRAINING_OK) return status;
  t->step = t->point.steps;
  t->intervals_run = t->point.intervals;
  t->diverged = t->point.diverged;
  t->result->diverged_step = t->point.diverged_step;
  if (t->step > 1) t->result->loss = prepare_loss(t->p, t->state);
  t->started = machine_seconds();
  tell(t, t->step ? RUN_RESUMED : RUN_STARTED);
  status = loop(t, why);
  t->result->update = prepare_updates(t->p, t->step);
  if (status == TRAINING_OK) status = t->wants_stop ? save_point(t, why) : finish(t, why);
  if (status == TRAINING_ERR_SYSTEM)
    why_before(why, "stopped after update %" PRIu32 ", what was committed is kept (--resume goes on from there): ",
               t->result->update);
  return status;
}

enum training_status run_train(struct prepared *p, const struct run_options *options, struct run_result *out,
                               struct why *why) {
  struct training *t = calloc(1, sizeof *t);
  if (!t) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  memset(out, 0, sizeof *out);
  memcpy(out->job_root, p->job_root, MERKLE_BYTES);
  out->updates = p->updates;
  *t = (struct training){.p = p,
                         .o = options,
                         .sabotage = options->sabotage,
                         .result = out,
                         .execute = options->execute,
                         .lock_fd = -1,
                         .metrics_fd = -1};
  enum training_status status = prepare_fits(p, &options->execute, why);
  if (status == TRAINING_OK) status = sabotage_check(p, &options->sabotage, &options->execute, why);
  if (options->execute.free_order) {
    why_set(why, "a plan that sums in any order gives no bits to commit to");
    status = TRAINING_ERR_INPUT;
  }
  if (status == TRAINING_OK) status = file_folder(options->folder, why);
  if (status == TRAINING_OK) status = file_lock(options->folder, &t->lock_fd, why);
  if (status == TRAINING_OK) status = run_locked(t, why);
  committer_shut(t->committer);
  plans_shut(&t->plans);
  if (t->pool) pool_shut(t->pool);
  if (t->events) events_shut(t->events);
  free(t->events);
  if (t->metrics_fd >= 0) close(t->metrics_fd);
  file_unlock(t->lock_fd);
  free(t->state);
  free(t->scratch);
  free(t);
  return status;
}
