#include "training/run/prepare.h"
#include "base/glob.h"
#include "base/nearest.h"
#include "crypto/sha256.h"
#include "tape/check/check.h"
#include "training/checkpoint/checkpoint.h"
#include "training/file/machine.h"
#include "training/jobfile/yaml.h"
#include "training/run/fit.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is the name one of those, or matched by a pattern among them? */
static bool named(const char *const *asked, uint32_t count, const char *name) {
  for (uint32_t i = 0; i < count; i++)
    if (glob_matches(asked[i], name)) return true;
  return false;
}

static bool found(const char *asked, const char *const *names, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (glob_matches(asked, names[i])) return true;
  return false;
}

/* A running mean or variance of a batch norm: it moves with the batches, whatever trains. */
static bool is_statistic(const struct onnx_model *m, const char *name) {
  for (uint32_t n = 0; n < m->nodes_count; n++)
    for (uint32_t i = 3; i < m->node[n].inputs_count && strcmp(m->node[n].op, "BatchNormalization") == 0; i++)
      if (strcmp(m->node[n].input[i], name) == 0) return true;
  return false;
}

/* `train: [names]` becomes the list of everything else that could train; a name that the model lacks, and a pattern
 * that none of its names matches, is an error. */
static enum training_status fill_freeze(struct prepared *p, struct why *why) {
  const struct onnx_model *m = &p->onnx.model;
  const struct jobfile *j = &p->jobfile;
  const char **all = arena_take(&p->arena, m->initializers_count + 1, sizeof *all);
  const char **frozen = arena_take(&p->arena, m->initializers_count + 1, sizeof *frozen);
  const char *const *asked = j->train_only ? j->train_only : j->freeze;
  uint32_t count = 0, asked_count = j->train_only ? j->train_only_count : j->freeze_count;
  if (!all || !frozen) {
    why_set(why, "not enough memory for the model's names");
    return TRAINING_ERR_SYSTEM;
  }
  for (uint32_t i = 0; i < m->initializers_count; i++) all[i] = m->initializer[i].name;
  for (uint32_t i = 0; i < asked_count; i++)
    if (!found(asked[i], all, m->initializers_count)) {
      const char *nearest = nearest_word(asked[i], all, m->initializers_count, UINT32_MAX);
      why_set(why, "%s: %s: the model has no tensor %s'%s'; did you mean '%s'?", p->job_name,
              j->train_only ? "train" : "freeze", glob_is(asked[i]) ? "that matches " : "", asked[i],
              nearest ? nearest : "");
      return TRAINING_ERR_INPUT;
    }
  for (uint32_t i = 0; i < m->initializers_count; i++)
    if (m->initializer[i].type == ONNX_FLOAT && named(asked, asked_count, all[i]) != (j->train_only != NULL) &&
        !(j->train_only && is_statistic(m, all[i])))
      frozen[count++] = all[i];
  p->options.freeze = frozen;
  p->options.freeze_count = asked_count ? count : 0;
  return TRAINING_OK;
}

enum { EVALUATION_BATCH = 250 };

/* The batch that an exporter wrote into the file; 0: any. */
static uint32_t fixed_batch(const struct prepared *p) {
  const struct onnx_value *input = &p->onnx.model.input[0];
  return input->rank && input->dim[0] > 0 && input->dim[0] <= INT32_MAX ? (uint32_t)input->dim[0] : 0;
}

static bool as_updates(const struct prepared *p, bool epochs, uint32_t *count) {
  uint64_t updates = (uint64_t)*count * (epochs ? p->updates_per_epoch : 1);
  *count = (uint32_t)updates;
  return updates <= INT32_MAX;
}

/* Epochs of the schedule become updates, now that the data are known. */
static enum training_status count_schedule(struct prepared *p, struct why *why) {
  const struct schedule_epochs *epochs = &p->jobfile.schedule_epochs;
  struct schedule_options *s = &p->options.schedule;
  bool fits = as_updates(p, epochs->warmup, &s->warmup) && as_updates(p, epochs->every, &s->every);
  if (epochs->milestones) {
    uint32_t *milestone = arena_take(&p->arena, s->milestones_count, sizeof *milestone);
    if (!milestone) {
      why_set(why, "not enough memory for the schedule");
      return TRAINING_ERR_SYSTEM;
    }
    for (uint32_t n = 0; n < s->milestones_count; n++) {
      milestone[n] = s->milestone[n];
      fits = fits && as_updates(p, true, &milestone[n]);
    }
    s->milestone = milestone;
  }
  if (fits) return TRAINING_OK;
  why_set(why, "%s: schedule: its epochs are more than 2^31 updates", p->job_name);
  return TRAINING_ERR_INPUT;
}

static enum training_status fill_options(struct prepared *p, struct why *why) {
  struct jobfile *j = &p->jobfile;
  if (!j->batch) { /* evaluate's choice; no job file has it */
    uint32_t fixed = fixed_batch(p), batch = fixed ? fixed : EVALUATION_BATCH;
    j->batch = batch < p->train.samples ? batch : p->train.samples;
  }
  struct lower_options *o = &p->options;
  uint32_t samples = p->train.samples;
  uint64_t per_epoch = j->drop_last ? samples / j->batch : ((uint64_t)samples + j->batch - 1) / j->batch;
  if (per_epoch == 0) {
    why_set(why, "%s: batch: %" PRIu32 " samples an update, but %s has only %" PRIu32 "; lower the batch", p->job_name,
            j->batch, p->train.input[0].path, samples);
    return TRAINING_ERR_INPUT;
  }
  uint64_t updates = j->updates ? j->updates : per_epoch * j->epochs;
  o->micro_batches = j->micro_batches;
  if (updates > (INT32_MAX - 1) / lower_micro_batches(o)) {
    why_set(why, "%" PRIu64 " updates%s; a job has fewer than 2^31 steps", updates,
            lower_micro_batches(o) > 1 ? ", each of several micro-batches" : "");
    return TRAINING_ERR_INPUT;
  }
  p->updates = (uint32_t)updates;
  p->updates_per_epoch = (uint32_t)per_epoch;
  uint64_t every = j->evaluate_every_updates + per_epoch * j->evaluate_every_epochs;
  p->evaluate_every = every > UINT32_MAX ? UINT32_MAX : (uint32_t)every;
  o->init = j->init, o->loss = j->loss, o->optimizer = j->optimizer, o->schedule = j->schedule;
  o->clip_norm = j->clip_norm, o->clip_value = j->clip_value, o->ema = j->ema, o->dropout = j->dropout;
  o->biased_variance = j->biased_variance;
  o->batch = j->batch, o->updates = p->updates, o->shuffle = j->shuffle, o->drop_last = j->drop_last;
  if (p->test.samples) { /* a pure function of the job, because the sum of losses depends on it */
    uint32_t batch = lower_step_batch(o);
    o->evaluate_batch = batch < p->test.samples ? batch : p->test.samples;
    p->evaluate_steps = (uint32_t)(((uint64_t)p->test.samples + o->evaluate_batch - 1) / o->evaluate_batch);
  }
  enum training_status status = count_schedule(p, why);
  return status == TRAINING_OK ? fill_freeze(p, why) : status;
}

static enum training_status lower_tapes(struct prepared *p, struct why *why) {
  enum lower_status lowered = lower_job(&p->onnx.model, &p->options, &p->arena, &p->lowered, why);
  switch (lowered) {
  case LOWER_OK: break;
  case LOWER_ERR_SHAPE:
    if (fixed_batch(p) && fixed_batch(p) != lower_step_batch(&p->options)) {
      struct why reason = *why;
      why_set(why,
              "%s: exported for batches of %" PRIu32 ", and the job's are of %" PRIu32
              ": export it with a dynamic batch (dynamic_shapes or dynamic_axes of torch.onnx.export), or set batch: "
              "%" PRIu32 ". In detail: %s",
              p->jobfile.model, fixed_batch(p), lower_step_batch(&p->options), fixed_batch(p), reason.text);
      return TRAINING_ERR_INPUT;
    } /* fall through */
  case LOWER_ERR_UNSUPPORTED: why_before(why, "%s: ", p->jobfile.model); return TRAINING_ERR_INPUT;
  case LOWER_ERR_OPTION: why_before(why, "%s: ", p->job_name); return TRAINING_ERR_INPUT;
  case LOWER_ERR_MEMORY: return TRAINING_ERR_SYSTEM;
  }
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) {
    enum tape_status checked = tape_check(&p->lowered.tape[t], &p->arena, why);
    if (checked == TAPE_OK) continue;
    why_before(why, "%s: the lowering made a %s tape that does not check, which is a fault of this program: ",
               p->jobfile.model, prepare_tape_name(t, p->lowered.accumulate));
    return checked == TAPE_ERR_MEMORY ? TRAINING_ERR_SYSTEM : TRAINING_ERR_INPUT;
  }
  p->state_leaves = layout_state_leaves(&p->lowered.layout);
  p->state_bytes = p->state_leaves * TAPE_LEAF_BYTES;
  return TRAINING_OK;
}

static enum training_status hash_data(struct prepared *p, uint32_t threads, struct why *why) {
  enum training_status status = TRAINING_OK;
  struct pool *pool = pool_open(threads ? threads : machine_threads());
  for (uint32_t d = 0; d < DATA_COUNT && status == TRAINING_OK; d++) {
    if (!p->data[d]) continue;
    p->job.data = (uint8_t)(d + 1);
    status = checkpoint_root(pool, p->data[d], p->data_bytes[d], p->job.data_root[d], why);
  }
  if (pool) pool_shut(pool);
  return status;
}

static enum training_status cut_tasks(struct prepared *p, struct why *why) {
  const struct layout *l = &p->lowered.layout;
  uint64_t element_bytes = 0;
  for (uint32_t e = 0; e < l->state_count; e++)
    element_bytes += layout_entry_elements(&l->entry[e]) * tape_dtype_bytes(l->entry[e].dtype);
  p->steps = p->updates * lower_micro_batches(&p->options) + 1 - p->job.first_step;
  uint32_t interval = p->jobfile.interval;
  if (!interval) interval = job_interval(element_bytes, p->lowered.tape[TAPE_OF_TRAIN].counts.dot_flops);
  uint32_t task_steps = interval * TRACE_INTERVALS_MAX;
  uint64_t tasks = ((uint64_t)p->steps + task_steps - 1) / task_steps;
  if (tasks > JOB_TASKS_MAX) {
    why_set(why,
            "%" PRIu32 " steps in intervals of %" PRIu32 " make %" PRIu64
            " tasks, at most %d are possible; set a longer interval",
            p->steps, interval, tasks, JOB_TASKS_MAX);
    return TRAINING_ERR_INPUT;
  }
  p->task = arena_take(&p->arena, tasks, sizeof *p->task);
  if (!p->task) {
    why_set(why, "not enough memory for %" PRIu64 " tasks", tasks);
    return TRAINING_ERR_SYSTEM;
  }
  for (uint32_t t = 0; t < tasks; t++) {
    uint32_t left = p->steps - t * task_steps;
    p->task[t] =
        (struct job_task){.steps = left < task_steps ? left : task_steps, .interval_steps = (uint16_t)interval};
  }
  p->interval_steps = interval;
  p->intervals = (uint32_t)(((uint64_t)p->steps + interval - 1) / interval);
  p->job.tasks = (uint16_t)tasks;
  p->job.task = p->task;
  return TRAINING_OK;
}

/* One pass: `more` micro-batches that accumulate, and the one that makes the update. */
static void add_updates(struct prepared *p, uint32_t repeat, uint32_t more) {
  struct job_section *s = &p->job.section[p->job.sections++];
  *s = (struct job_section){.repeat = repeat};
  if (more) s->entry[s->entries++] = (struct job_entry){(uint8_t)p->lowered.accumulate, more};
  s->entry[s->entries++] = (struct job_entry){TAPE_OF_TRAIN, 1};
}

/* lower.md 1.3, 7.15; from a state there is nothing to initialize, and the update that it stands in is finished first.
 */
static void schedule(struct prepared *p) {
  struct job *j = &p->job;
  uint32_t micro = lower_micro_batches(&p->options), done = j->first_step ? j->first_step - 1 : 0;
  j->sections = 1;
  if (micro == 1) {
    j->section[0] =
        (struct job_section){.repeat = 1, .entries = 2, .entry = {{TAPE_OF_INIT, 1}, {TAPE_OF_TRAIN, p->updates}}};
    if (j->first_step)
      j->section[0] = (struct job_section){.repeat = 1, .entries = 1, .entry = {{TAPE_OF_TRAIN, p->steps}}};
    return;
  }
  j->section[0] = (struct job_section){.repeat = 1, .entries = 1, .entry = {{TAPE_OF_INIT, 1}}};
  if (j->first_step) j->sections = 0;
  if (done % micro) add_updates(p, 1, micro - done % micro - 1);
  uint32_t left = p->updates - done / micro - (done % micro != 0);
  if (left) add_updates(p, left, micro - 1);
}

static enum training_status commit_job(struct prepared *p, struct why *why) {
  struct job *j = &p->job;
  j->canon = CANON_VERSION;
  j->lower = LOWER_VERSION;
  j->seed = p->jobfile.seed;
  j->tapes = (uint8_t)p->lowered.tapes_count;
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) tape_root(&p->lowered.tape[t], j->tape_root[t]);
  schedule(p);
  size_t length = layout_bytes(&p->lowered.layout);
  size_t mark = arena_mark(&p->arena);
  uint8_t *table = arena_take(&p->arena, length, 1);
  if (!table || layout_encode(&p->lowered.layout, table, length) != length) {
    why_set(why, "not enough memory for the layout table");
    return TRAINING_ERR_SYSTEM;
  }
  sha256(table, length, j->layout_hash);
  arena_reset(&p->arena, mark);
  job_root(j, p->job_root);
  return TRAINING_OK;
}

enum training_status prepare_jobfile(struct prepared *p, const struct prepare_options *options, struct why *why) {
  char path[FILE_PATH_MAX];
  if (!file_join(path, p->job_folder, p->jobfile.model)) {
    why_set(why, "model: the path is too long");
    return TRAINING_ERR_INPUT;
  }
  enum training_status status = onnx_file_open(path, &p->arena, &p->onnx, why);
  if (status == TRAINING_OK) status = fit_open(p, options, why);
  if (status == TRAINING_OK) status = fill_options(p, why);
  if (status == TRAINING_OK) status = lower_tapes(p, why);
  if (status == TRAINING_OK) status = fit_place(p, why);
  if (status == TRAINING_OK) status = cut_tasks(p, why);
  if (status == TRAINING_OK) status = hash_data(p, options->threads, why);
  if (status == TRAINING_OK) status = commit_job(p, why);
  return status;
}

void prepare_seed(struct prepared *p, uint8_t mode, uint64_t seed) {
  p->job.seed_mode = mode;
  p->job.seed = mode ? 0 : seed;
  job_root(&p->job, p->job_root);
}

enum training_status prepare_start(struct prepared *p, const uint8_t root[MERKLE_BYTES], uint32_t first_step,
                                   struct why *why) {
  if (first_step == 0 || prepare_updates(p, first_step) >= p->updates) {
    why_set(why, "%s: %" PRIu32 " updates, and the state comes after %" PRIu32 ": nothing is left to train",
            p->job_name, p->updates, prepare_updates(p, first_step));
    return TRAINING_ERR_INPUT;
  }
  uint8_t mode = p->job.seed_mode;
  uint64_t seed = p->job.seed;
  p->job.first_step = first_step;
  memcpy(p->job.start_root, root, MERKLE_BYTES);
  enum training_status status = cut_tasks(p, why);
  if (status == TRAINING_OK) status = commit_job(p, why);
  if (status == TRAINING_OK) prepare_seed(p, mode, seed);
  return status;
}

bool prepare_begin(struct prepared *p) {
  memset(p, 0, sizeof *p);
  /* address space, not memory: pages count when they are touched */
  return arena_open(&p->arena, (size_t)16 << 30) || arena_open(&p->arena, (size_t)2 << 30);
}

enum training_status prepare_open(struct prepared *p, const char *job_path, const struct prepare_options *options,
                                  struct why *why) {
  if (!prepare_begin(p)) {
    why_set(why, "not enough address space to read a job (ulimit -v?)");
    return TRAINING_ERR_SYSTEM;
  }
  /* the caller's text may be gone before p is */
  p->job_name = arena_text(&p->arena, job_path, strlen(job_path));
  bool far = options->job_folder && strlen(options->job_folder) >= sizeof p->job_folder;
  if (!p->job_name || far) {
    why_set(why, "%.200s...: the path is too long", far ? options->job_folder : job_path);
    prepare_shut(p);
    return TRAINING_ERR_INPUT;
  }
  if (options->job_folder)
    memcpy(p->job_folder, options->job_folder, strlen(options->job_folder) + 1);
  else
    file_folder_of(job_path, p->job_folder);
  enum training_status status = file_map(job_path, JOBFILE_BYTES_MAX, &p->text, why);
  if (status == TRAINING_OK) {
    status = jobfile_read(p->text.bytes, p->text.length, &p->arena, &p->jobfile, why);
    if (status != TRAINING_OK) why_before(why, "%s: ", job_path);
  }
  if (status == TRAINING_OK) status = prepare_jobfile(p, options, why);
  if (status != TRAINING_OK) prepare_shut(p);
  return status;
}

void prepare_shut(struct prepared *p) {
  data_shut(&p->train);
  data_shut(&p->test);
  onnx_file_shut(&p->onnx);
  file_unmap(&p->text);
  arena_shut(&p->arena);
}
