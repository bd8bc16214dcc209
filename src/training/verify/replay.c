/* Intervals run again, and what comes out against what was committed. */
#include "training/checkpoint/checkpoint.h"
#include "training/run/plans.h"
#include "training/verify/work.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTRADICTIONS_MAX = 4 };

struct replay {
  struct work *w;
  struct execute_options execute;
  struct plans plans;
  uint8_t *state, *scratch, *other;
  uint32_t at;     /* interval whose end `state` is; UINT32_MAX: nothing sound */
  uint32_t broken; /* last interval that came out differently */
  uint8_t *wanted, *compared;
  uint32_t planned, done;
  /* metrics that contradict the interval being run: judged when its root is known */
  uint32_t contradictions, contradiction_update[CONTRADICTIONS_MAX], contradiction_line[CONTRADICTIONS_MAX];
  const char *contradiction[CONTRADICTIONS_MAX];
};

static bool same_bits(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

static void contradict(struct replay *r, uint32_t update, uint32_t line, const char *what) {
  if (r->contradictions == CONTRADICTIONS_MAX) return;
  r->contradiction_update[r->contradictions] = update;
  r->contradiction_line[r->contradictions] = line;
  r->contradiction[r->contradictions++] = what;
}

static uint32_t last_step(const struct replay *r, uint32_t update) {
  return update * lower_micro_batches(&r->w->p->options);
}

static void compare_evaluation(struct replay *r, uint32_t update) {
  const struct work_metric *m = &r->w->metric[update];
  struct evaluation e;
  prepare_evaluate(r->w->p, r->plans.x[TAPE_OF_EVALUATE], r->state, r->scratch, &e);
  bool classes = r->w->p->options.loss.name == LOSS_CROSS_ENTROPY;
  r->w->r->metrics_checked++;
  if (!same_bits(m->test_loss, e.loss))
    contradict(r, update, m->evaluation_line, "test_loss");
  else if (m->has_accuracy != classes || (classes && !same_bits(m->test_accuracy, e.accuracy)))
    contradict(r, update, m->evaluation_line, "test_accuracy");
}

static void compare_metrics(struct replay *r, uint32_t update) {
  struct work *w = r->w;
  const struct prepared *p = w->p;
  const struct work_metric *m = &w->metric[update];
  if (!w->metrics_there) return;
  if (m->line) {
    w->r->metrics_checked++;
    if (!same_bits(m->loss, prepare_loss(p, r->state))) contradict(r, update, m->line, "loss");
  }
  bool due = p->evaluate_every && (update % p->evaluate_every == 0 || update == p->updates) &&
             prepare_diverged(p, r->state) == 0;
  if (m->evaluation_line && due && r->plans.x[TAPE_OF_EVALUATE])
    compare_evaluation(r, update);
  else if (m->evaluation_line)
    contradict(r, update, m->evaluation_line, "an evaluation where none was due,");
  else if (due && m->line && w->info.outcome == TRACE_DIVERGED) /* of a run that is done, all are known to be there */
    contradict(r, update, m->line, "the evaluation that should follow");
}

/* From the end of interval r->at to the end of the next one. */
static enum training_status run_interval(struct replay *r, struct why *why) {
  const struct prepared *p = r->w->p;
  uint64_t first = (uint64_t)r->at * p->interval_steps, end = first + p->interval_steps;
  if (end > p->steps) end = p->steps;
  r->contradictions = 0;
  for (uint32_t step = (uint32_t)first; step < end; step++) {
    uint32_t tape = prepare_tape(p, step);
    struct execute *x;
    enum training_status status = plans_take(&r->plans, tape, &x, why);
    if (status != TRAINING_OK) return status;
    execute_step(x, r->state, step, p->job.seed);
    if (step == 0) {
      plans_drop(&r->plans, TAPE_OF_INIT); /* its memory is the first step's alone */
    } else if (prepare_ends(p, step)) {
      compare_metrics(r, prepare_ends(p, step));
    }
  }
  r->at++;
  return TRAINING_OK;
}

/* First byte in which the state differs from a checkpoint's file, as tensor and element. */
static bool name_difference(struct replay *r, uint32_t interval, struct verify_finding *f) {
  const struct prepared *p = r->w->p;
  char path[FILE_PATH_MAX];
  struct why reason;
  if (!checkpoint_path(path, r->w->folder, interval) ||
      checkpoint_read(path, p->state_bytes, r->other, &reason) != TRAINING_OK)
    return false;
  uint64_t at = 0;
  uint32_t entry;
  while (at < p->state_bytes && r->state[at] == r->other[at]) at++;
  if (at == p->state_bytes) return false;
  prepare_describe(p, at, &entry, &f->index);
  f->has_index = true;
  f->unit = "element";
  const struct layout *l = &p->lowered.layout;
  const char *name = entry < l->state_count ? l->entry[entry].name : "?";
  bool padding = entry < l->state_count && f->index >= layout_entry_elements(&l->entry[entry]);
  snprintf(f->tensor, sizeof f->tensor, "%s%s", name, padding ? " (padding)" : "");
  return true;
}

static void append_place(struct verify_finding *f) {
  size_t n = strlen(f->text);
  snprintf(f->text + n, sizeof f->text - n, ": tensor %s, element %" PRIu64, f->tensor, f->index);
}

static void report_differ(struct replay *r, uint32_t interval) {
  struct work *w = r->w;
  struct verify_finding *f =
      work_find(w, VERIFY_DIFFER, "", interval,
                "interval %" PRIu32 ": running it again does not give the committed root", interval);
  if (!f) return;
  if (r->contradictions) {
    f->has_step = true;
    f->step = last_step(r, r->contradiction_update[0]);
    size_t n = strlen(f->text);
    snprintf(f->text + n, sizeof f->text - n, ", nor the metrics of step %" PRIu32, f->step);
  }
  uint8_t state = w->checkpoint[interval];
  if ((state == CHECKPOINT_SOUND || state == CHECKPOINT_SUSPECT) && name_difference(r, interval, f)) {
    snprintf(f->file, sizeof f->file, "checkpoints/%06" PRIu32 ".state", interval);
    append_place(f);
  }
}

/* The root came out as committed: whatever says otherwise is damaged. */
static void report_damage(struct replay *r, uint32_t interval) {
  struct work *w = r->w;
  char name[48];
  if (w->checkpoint[interval] == CHECKPOINT_SUSPECT) {
    snprintf(name, sizeof name, "checkpoints/%06" PRIu32 ".state", interval);
    struct verify_finding *f =
        work_find(w, VERIFY_DAMAGED, name, interval,
                  "%s is damaged (running interval %" PRIu32 " again gives the committed root)", name, interval);
    if (f && name_difference(r, interval, f)) append_place(f);
  }
  for (uint32_t i = 0; i < r->contradictions; i++) {
    struct verify_finding *f =
        work_find(w, VERIFY_DAMAGED, "metrics.jsonl", interval,
                  "metrics.jsonl line %" PRIu32 ": %s of update %" PRIu32 " is not what the state gives",
                  r->contradiction_line[i], r->contradiction[i], r->contradiction_update[i]);
    if (!f) break;
    f->has_step = f->has_index = true;
    f->step = last_step(r, r->contradiction_update[i]);
    f->index = r->contradiction_line[i];
    f->unit = "line";
  }
}

/* A root that a torn trace file holds is no commitment: what was recomputed says whether it is the damaged one. */
static void report_torn(struct replay *r, uint32_t interval) {
  struct work *w = r->w;
  char name[32];
  uint32_t task = (interval - 1) / TRACE_INTERVALS_MAX;
  snprintf(name, sizeof name, "traces/%04" PRIu32 ".bin", task);
  for (uint32_t i = 0; i < w->r->findings_count && !w->trace_named[task]; i++) {
    struct verify_finding *f = &w->r->finding[i];
    if (strcmp(f->file, name) != 0 || f->has_index) continue;
    size_t n = strlen(f->text);
    f->has_index = true;
    f->index = interval;
    f->interval = interval;
    f->unit = "root";
    snprintf(f->text + n, sizeof f->text - n, "; the root after interval %" PRIu32 " is not what running it gives",
             interval);
    w->trace_named[task] = 1;
  }
}

static enum training_status judge(struct replay *r, struct why *why) {
  struct work *w = r->w;
  uint32_t interval = r->at;
  uint8_t root[MERKLE_BYTES];
  enum training_status status = checkpoint_root(w->pool, r->state, w->p->state_bytes, root, why);
  if (status != TRAINING_OK) return status;
  r->compared[interval] = 1;
  bool same = memcmp(root, w->root[interval], MERKLE_BYTES) == 0;
  bool torn = w->trace_torn[(interval - 1) / TRACE_INTERVALS_MAX] == TRACE_TORN;
  bool last = interval == w->info.intervals_run && w->info.outcome != TRACE_OPEN;
  if (same && last && (prepare_diverged(w->p, r->state) != 0) != (w->info.outcome == TRACE_DIVERGED))
    work_find(w, VERIFY_DIFFER, "", interval, "the outcome that was committed is not what the last state says");
  if (same) {
    report_damage(r, interval);
    if (interval == work_delivered(w) && !w->last_good && (w->last_good = malloc(w->p->state_bytes)))
      memcpy(w->last_good, r->state, w->p->state_bytes);
    return TRAINING_OK;
  }
  if (torn) {
    /* a checkpoint that was called suspect for a damaged root may be perfectly good */
    uint8_t found[MERKLE_BYTES];
    char path[FILE_PATH_MAX];
    report_torn(r, interval);
    if (w->checkpoint[interval] == CHECKPOINT_SUSPECT && checkpoint_path(path, w->folder, interval) &&
        checkpoint_read(path, w->p->state_bytes, r->other, NULL) == TRAINING_OK &&
        checkpoint_root(w->pool, r->other, w->p->state_bytes, found, why) == TRAINING_OK &&
        memcmp(found, root, MERKLE_BYTES) == 0)
      w->checkpoint[interval] = CHECKPOINT_SOUND;
    else if (w->checkpoint[interval] != CHECKPOINT_SUSPECT)
      return TRAINING_OK;
    report_damage(r, interval);
    return TRAINING_OK;
  }
  report_differ(r, interval);
  r->broken = interval;
  r->at = UINT32_MAX;
  return TRAINING_OK;
}

/* Brings r->at to the latest sound state before `interval`: where we are, a checkpoint, or the start. *nowhere: only
 * states before an interval that came out differently are left, and nobody has the state that was committed after it.
 */
static enum training_status rewind_to(struct replay *r, uint32_t interval, bool *nowhere, struct why *why) {
  struct work *w = r->w;
  char path[FILE_PATH_MAX];
  uint32_t base = 0;
  for (uint32_t n = 1; n < interval; n++)
    if (w->checkpoint[n] == CHECKPOINT_SOUND) base = n;
  bool here = r->at != UINT32_MAX && r->at < interval && r->at >= base;
  *nowhere = !here && base < r->broken && r->broken < interval;
  if (here || *nowhere) return TRAINING_OK;
  r->at = base;
  if (base && checkpoint_path(path, w->folder, base)) return checkpoint_read(path, w->p->state_bytes, r->state, why);
  memset(r->state, 0, w->p->state_bytes);
  return TRAINING_OK;
}

static enum training_status reach(struct replay *r, uint32_t interval, struct why *why) {
  struct work *w = r->w;
  bool nowhere;
  enum training_status status = rewind_to(r, interval, &nowhere, why);
  while (status == TRAINING_OK && !nowhere &&
         r->at < interval) { /* at is beyond every interval once one has differed */
    status = run_interval(r, why);
    w->r->re_executed++;
    if (status == TRAINING_OK) status = judge(r, why);
  }
  r->done++;
  if (w->o->progress) w->o->progress(w->o->context, interval, r->done, r->planned);
  return status;
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t next_random(uint64_t *seed) {
  uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Which intervals are run again: all, or a draw without repetition (Floyd's sampling), and whatever files put in doubt.
 */
static void choose(struct replay *r) {
  struct work *w = r->w;
  uint32_t n = w->intervals, count = w->o->intervals < n ? w->o->intervals : n;
  uint64_t seed = w->r->seed;
  if (w->o->all) memset(r->wanted + 1, 1, n);
  for (uint32_t j = n - count; j < n && !w->o->all; j++) {
    uint32_t pick = (uint32_t)(next_random(&seed) % (j + 1)) + 1;
    r->wanted[r->wanted[pick] ? j + 1 : pick] = 1;
  }
  for (uint32_t i = 1; i <= n; i++) {
    if (w->checkpoint[i] == CHECKPOINT_SUSPECT || w->checkpoint[i] == CHECKPOINT_SHAPELESS) r->wanted[i] = 1;
    r->planned += r->wanted[i];
  }
}

static enum training_status open_replay(struct replay *r, struct why *why) {
  struct work *w = r->w;
  uint64_t bytes = w->p->state_bytes;
  r->execute = w->o->execute;
  r->execute.pool = w->pool;
  plans_begin(&r->plans, w->p, &r->execute);
  r->at = UINT32_MAX;
  r->state = aligned_alloc(64, bytes);
  r->other = aligned_alloc(64, bytes);
  r->scratch = aligned_alloc(64, bytes);
  r->wanted = calloc((size_t)w->intervals + 2, 1);
  r->compared = calloc((size_t)w->intervals + 2, 1);
  if (!r->state || !r->other || !r->scratch || !r->wanted || !r->compared) {
    why_set(why, "not enough memory to verify");
    return TRAINING_ERR_SYSTEM;
  }
  struct execute *evaluate;
  return w->p->evaluate_every ? plans_take(&r->plans, TAPE_OF_EVALUATE, &evaluate, why) : TRAINING_OK;
}

static enum training_status list_compared(struct replay *r, struct why *why) {
  struct verify_result *result = r->w->r;
  result->checked = malloc(((size_t)r->w->intervals + 1) * sizeof *result->checked);
  if (!result->checked) {
    why_set(why, "not enough memory to verify");
    return TRAINING_ERR_SYSTEM;
  }
  for (uint32_t i = 1; i <= r->w->intervals; i++)
    if (r->compared[i]) result->checked[result->checked_count++] = i;
  return TRAINING_OK;
}

enum training_status work_replay(struct work *w, struct why *why) {
  struct replay r = {.w = w};
  enum training_status status = open_replay(&r, why);
  if (status == TRAINING_OK) choose(&r);
  for (uint32_t i = 1; i <= w->intervals && status == TRAINING_OK; i++)
    if (r.wanted[i]) status = reach(&r, i, why);
  if (status == TRAINING_OK) status = list_compared(&r, why);
  plans_shut(&r.plans);
  free(r.state);
  free(r.other);
  free(r.scratch);
  free(r.wanted);
  free(r.compared);
  return status;
}
