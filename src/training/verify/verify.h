/* verify: re-executes intervals of a finished (or interrupted) run and compares what comes out with what was committed.
 *
 * Every file is read and hashed first, whatever is re-executed: tapes against job.json and against the lowering done
 * again, traces against their roots, every checkpoint against its root in the trace, the rest of job.json against the
 * job. Then intervals are run again from the nearest sound state before them, and model.onnx and model.safetensors,
 * where they are there, are held against the state they were made from. Three answers: agree    all of it fits damaged
 * recomputation gives the committed root, so the file that says otherwise is damaged (or a line of metrics.jsonl
 * contradicts the state): file, tensor and element are named differ   recomputation gives another root than was
 * committed Uses: prepare, folder, checkpoint, metrics. */
#ifndef TRAINING_VERIFY_H
#define TRAINING_VERIFY_H
#include "training/run/folder.h"

enum verify_outcome { VERIFY_AGREE = 0, VERIFY_DIFFER = 1, VERIFY_DAMAGED = 2 };

enum { VERIFY_FINDINGS_MAX = 16 };

/* Where something is wrong. */
struct verify_finding {
  enum verify_outcome kind;
  char file[256];  /* relative to the folder; "" when no single file */
  char tensor[80]; /* state entry, tape record's node, or "" */
  bool has_index, has_step;
  uint64_t index;    /* element of the tensor, byte of the file, or line of metrics.jsonl: `unit` says which */
  const char *unit;  /* "element", "byte", "line", "root" */
  uint32_t interval; /* 1..intervals; 0 when none */
  uint32_t step;
  char text[400]; /* the whole finding as a sentence */
};

struct verify_options {
  bool all;           /* every interval */
  uint32_t intervals; /* else how many, drawn with `seed` */
  bool has_seed;      /* false: seed drawn from the system and reported */
  uint64_t seed;
  uint32_t threads;
  struct execute_options execute; /* backend, plain; the pool is verify's own */
  struct prepare_options prepare;
  void (*progress)(void *context, uint32_t interval, uint32_t done,
                   uint32_t planned); /* NULL: silent; done intervals of planned */
  void *context;
};

struct verify_result {
  enum verify_outcome outcome; /* the worst of the findings: differ before damaged before agree */
  uint64_t seed;
  uint32_t intervals_run; /* committed by the run */
  uint32_t checked_count, re_executed;
  uint32_t *checked; /* interval numbers compared, ascending; released by verify_shut */
  uint32_t files_checked, metrics_checked;
  uint32_t findings_count;
  struct verify_finding finding[VERIFY_FINDINGS_MAX];
};

/* verify_run returns TRAINING_OK (agree), TRAINING_NO (differ), TRAINING_ERR_INPUT (damaged or unreadable; when not
 * even a finding could be made, why says so and findings_count is 0) or ERR_SYSTEM. result is always filled; call
 * verify_shut. */
enum training_status verify_run(const char *folder, const struct verify_options *options, struct verify_result *result,
                                struct why *why);
void verify_shut(struct verify_result *result);

/* verify_lowering redoes the lowering of a run's folder and compares tape roots: `assay lower --check`. */
enum training_status verify_lowering(const char *folder, const struct prepare_options *options,
                                     struct verify_result *result, struct why *why);

#endif
