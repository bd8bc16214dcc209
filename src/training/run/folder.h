/* folder: what a run's folder says about itself: job.json read back. Uses: file, commit, jansson. */
#ifndef TRAINING_FOLDER_H
#define TRAINING_FOLDER_H
#include "commit/job/job.h"
#include "commit/trace/trace.h"
#include "training/file/file.h"
#include "training/run/prepare.h"
#include "training/sabotage/sabotage.h"

struct folder_info {
  uint8_t outcome; /* enum trace_outcome; TRACE_OPEN: not finished */
  uint8_t job_root[MERKLE_BYTES], final_root[MERKLE_BYTES];
  uint32_t updates, steps, interval_steps, intervals, tapes, tasks, traces; /* planned; traces: files that are there */
  uint32_t steps_run, intervals_run;
  uint8_t tape_root[JOB_TAPES_MAX][MERKLE_BYTES];
  uint8_t (*trace_root)[MERKLE_BYTES]; /* tasks of them, in the arena; valid for finished runs */
  char
      sabotage[SABOTAGE_TEXT_BYTES]; /* "weight@7" of a run that lied on purpose: by job.json or by its mark; else "" */
  char job_folder[FILE_PATH_MAX];    /* where the job file's paths start, found again; "" if it is not there any more */
};

/* folder_read checks job.json field by field. ERR_INPUT when it is missing or damaged, or contradicts the mark of a
 * sabotage. */
enum training_status folder_read(const char *folder, struct arena *arena, struct folder_info *out, struct why *why);

/* folder_prepare prepares the job of a run's folder: DIR/job.yaml with paths relative to where the job file lay (or
 * options->job_folder). */
enum training_status folder_prepare(const char *folder, const struct folder_info *info,
                                    const struct prepare_options *options, struct prepared *p, struct why *why);

/* folder_last_state prepares the job and reads the last good checkpoint (of a diverged run: the one before), compared
 * with its root in the trace. *state lies on the heap. On error p is shut. */
enum training_status folder_last_state(const char *folder, const struct prepare_options *options, struct prepared *p,
                                       uint8_t **state, struct why *why);

#endif
