/* work: what the parts of verify share while one folder is checked. Internal to this folder. */
#ifndef TRAINING_VERIFY_WORK_H
#define TRAINING_VERIFY_WORK_H
#include "training/verify/verify.h"

/* What metrics.jsonl says of one update. line 0: nothing. */
struct work_metric {
  uint32_t line, evaluation_line;
  float loss, test_loss, test_accuracy;
  bool has_accuracy;
};

struct work {
  const char *folder;
  const struct verify_options *o;
  struct verify_result *r;
  struct folder_info info;
  struct arena arena;
  struct prepared *p;
  struct pool *pool;
  uint32_t intervals;            /* committed: roots[1..intervals] */
  uint8_t (*root)[MERKLE_BYTES]; /* roots[0] is the start; as the trace files say, sealed or not */
  uint8_t *trace_torn;           /* per task, enum work_trace */
  uint8_t *trace_named;          /* per task: the damaged root was found */
  uint8_t *checkpoint; /* per interval: 0 no file, 1 sound, 2 content does not give the root, 3 not of a state's size */
  struct work_metric *metric; /* [updates + 1] */
  bool metrics_there;
  uint8_t *last_good; /* the state of interval work_delivered, if it was computed with the committed root; else NULL */
};

/* STRANGE: holds together, but is not what job.json committed. TORN: does not, so its roots may be wrong. */
enum work_trace { TRACE_SOUND, TRACE_STRANGE, TRACE_TORN };
enum work_checkpoint { CHECKPOINT_NONE, CHECKPOINT_SOUND, CHECKPOINT_SUSPECT, CHECKPOINT_SHAPELESS };

/* work_find adds a finding, with its sentence; NULL when there is no room for another (the outcome still gets worse).
 */
__attribute__((format(printf, 5, 6))) struct verify_finding *work_find(struct work *w, enum verify_outcome kind,
                                                                       const char *file, uint32_t interval,
                                                                       const char *format, ...);

/* The stages. Each returns TRAINING_OK unless the work cannot go on; findings are no such reason. */
enum training_status work_tapes(struct work *w, struct why *why);
enum training_status work_traces(struct work *w, struct why *why);
enum training_status work_job(struct work *w, struct why *why); /* the rest of job.json */
enum training_status work_checkpoints(struct work *w, struct why *why);
enum training_status work_metrics(struct work *w, struct why *why);
enum training_status work_replay(struct work *w, struct why *why);
enum training_status work_models(struct work *w, struct why *why); /* model.onnx and model.safetensors */

/* The interval whose weights a finished run delivers: the last, of a diverged run the one before. 0: none. */
static inline uint32_t work_delivered(const struct work *w) {
  if (w->info.outcome == TRACE_OPEN || w->intervals != w->info.intervals_run) return 0;
  return w->info.outcome == TRACE_DONE || w->intervals == 0 ? w->intervals : w->intervals - 1;
}

#endif
