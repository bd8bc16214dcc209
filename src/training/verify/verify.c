#define _DEFAULT_SOURCE
#include "training/verify/verify.h"
#include "base/hex.h"
#include "training/file/machine.h"
#include "training/verify/work.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct verify_finding *work_find(struct work *w, enum verify_outcome kind, const char *file, uint32_t interval,
                                 const char *format, ...) {
  struct verify_result *r = w->r;
  /* "differ" says more than "damaged": somebody committed to what the job does not give */
  if (kind == VERIFY_DIFFER || r->outcome == VERIFY_AGREE) r->outcome = kind;
  struct verify_finding *f = &r->finding[r->findings_count];
  if (r->findings_count < VERIFY_FINDINGS_MAX) {
    r->findings_count++;
  } else { /* many a small damage must not hide where the run differs */
    f--;
    if (kind != VERIFY_DIFFER || f->kind == VERIFY_DIFFER) return NULL;
  }
  *f = (struct verify_finding){.kind = kind, .interval = interval, .unit = ""};
  snprintf(f->file, sizeof f->file, "%s", file);
  va_list args;
  va_start(args, format);
  vsnprintf(f->text, sizeof f->text, format, args);
  va_end(args);
  return f;
}

/* job.json against the job prepared again. What does not fit here makes every later comparison meaningless. */
static enum training_status same_job(struct work *w, struct why *why) {
  const struct prepared *p = w->p;
  const struct folder_info *i = &w->info;
  uint64_t whole = (uint64_t)i->intervals_run * i->interval_steps;
  bool numbers = i->updates == p->updates && i->steps == p->steps && i->interval_steps == p->interval_steps &&
                 i->intervals == p->intervals && i->tasks == p->job.tasks && i->tapes == p->job.tapes;
  bool finished = i->outcome == TRACE_OPEN || i->steps_run == (whole < p->steps ? whole : p->steps);
  bool complete = i->outcome != TRACE_DONE || i->steps_run == p->steps;
  if (numbers && finished && complete && i->intervals_run <= p->intervals) return TRAINING_OK;
  why_set(why, "%s/job.json is damaged: its numbers of steps and intervals are not those of its job", w->folder);
  return TRAINING_ERR_INPUT;
}

static enum training_status same_root(struct work *w, struct why *why) {
  if (memcmp(w->p->job_root, w->info.job_root, MERKLE_BYTES) == 0 || w->r->outcome != VERIFY_AGREE) return TRAINING_OK;
  char now[2 * MERKLE_BYTES + 1], then[2 * MERKLE_BYTES + 1];
  hex_encode(w->p->job_root, MERKLE_BYTES, now);
  hex_encode(w->info.job_root, MERKLE_BYTES, then);
  why_set(why,
          "%s: job root %.16s... was committed, but job.yaml, model and data give %.16s...: one of them was changed",
          w->folder, then, now);
  return TRAINING_ERR_INPUT;
}

static enum training_status begin(struct work *w, const char *folder, const struct prepare_options *prepare,
                                  struct why *why) {
  char path[FILE_PATH_MAX];
  struct prepare_options here = *prepare;
  w->folder = folder;
  w->p = calloc(1, sizeof *w->p);
  if (!w->p || !arena_open(&w->arena, (size_t)64 << 20)) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = folder_read(folder, &w->arena, &w->info, why);
  if (status != TRAINING_OK) return status;
  if (!here.job_folder) here.job_folder = w->info.job_folder;
  if (!here.job_folder[0]) {
    why_set(why,
            "%s: the model and data that the run was made from are not where they were; name the job file's folder "
            "with --job-folder DIR",
            folder);
    return TRAINING_ERR_INPUT;
  }
  if (!file_join(path, folder, "job.yaml")) return TRAINING_ERR_INPUT;
  status = prepare_open(w->p, path, &here, why);
  if (status == TRAINING_OK) status = same_job(w, why);
  return status;
}

static void end(struct work *w) {
  if (w->pool) pool_shut(w->pool);
  if (w->p) prepare_shut(w->p);
  free(w->p);
  free(w->root);
  free(w->trace_torn);
  free(w->trace_named);
  free(w->checkpoint);
  free(w->metric);
  free(w->last_good);
  arena_shut(&w->arena);
}

static enum training_status open_pool(struct work *w, struct why *why) {
  w->pool = pool_open(w->o->threads ? w->o->threads : machine_threads());
  if (w->pool) return TRAINING_OK;
  why_set(why, "the system refuses more threads; try --threads 1");
  return TRAINING_ERR_SYSTEM;
}

static enum training_status draw_seed(struct work *w, struct why *why) {
  w->r->seed = w->o->seed;
  if (w->o->has_seed || getrandom(&w->r->seed, sizeof w->r->seed, 0) == sizeof w->r->seed) return TRAINING_OK;
  why_set(why, "the system gave no random bytes to draw intervals with: %s; name a --seed", strerror(errno));
  return TRAINING_ERR_SYSTEM;
}

static enum training_status answer(const struct verify_result *r, enum training_status status, struct why *why) {
  if (r->findings_count) why_set(why, "%s", r->finding[0].text);
  if (status != TRAINING_OK) return status;
  return r->outcome == VERIFY_DIFFER ? TRAINING_NO : r->outcome == VERIFY_DAMAGED ? TRAINING_ERR_INPUT : TRAINING_OK;
}

enum training_status verify_run(const char *folder, const struct verify_options *options, struct verify_result *result,
                                struct why *why) {
  struct work *w = calloc(1, sizeof *w);
  memset(result, 0, sizeof *result);
  if (!w) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  w->o = options;
  w->r = result;
  enum training_status status = draw_seed(w, why);
  if (status == TRAINING_OK) status = begin(w, folder, &options->prepare, why);
  if (status == TRAINING_OK) status = prepare_fits(w->p, &options->execute, why);
  if (status == TRAINING_OK) status = open_pool(w, why);
  if (status == TRAINING_OK) status = work_tapes(w, why);
  if (status == TRAINING_OK) status = same_root(w, why);
  if (status == TRAINING_OK) status = work_traces(w, why);
  if (status == TRAINING_OK) status = work_job(w, why);
  if (status == TRAINING_OK) status = work_checkpoints(w, why);
  if (status == TRAINING_OK) status = work_metrics(w, why);
  if (status == TRAINING_OK) status = work_replay(w, why);
  if (status == TRAINING_OK) status = work_models(w, why);
  end(w);
  free(w);
  return answer(result, status, why);
}

void verify_shut(struct verify_result *result) {
  free(result->checked);
  result->checked = NULL;
  result->checked_count = 0;
}

enum training_status verify_lowering(const char *folder, const struct prepare_options *options,
                                     struct verify_result *result, struct why *why) {
  static const struct verify_options none;
  struct work *w = calloc(1, sizeof *w);
  memset(result, 0, sizeof *result);
  if (!w) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  w->o = &none;
  w->r = result;
  enum training_status status = begin(w, folder, options, why);
  if (status == TRAINING_OK) status = work_tapes(w, why);
  end(w);
  free(w);
  return answer(result, status, why);
}
