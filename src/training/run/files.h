/* files: what a run puts into its folder besides states: job.yaml, job.json, tapes, names. Uses: prepare, file,
 * jansson. */
#ifndef TRAINING_FILES_H
#define TRAINING_FILES_H
#include "training/run/folder.h"
#include "training/run/run.h"

/* files_begin makes the folder and its parts, refuses one that holds an earlier run (force: removes that run's files),
 * and writes the mark of a sabotage first, then job.yaml, tapes and job.json (outcome open). */
enum training_status files_begin(const struct prepared *p, const char *folder, bool force,
                                 const struct sabotage *sabotage, struct why *why);

/* files_job writes job.json. result NULL: the run is open. intervals_run, the traces and the mark of a sabotage are
 * read from the folder. */
enum training_status files_job(const struct prepared *p, const char *folder, const struct run_result *result,
                               uint32_t steps_run, struct why *why);

/* files_job_check compares what job.json repeats of the job, the tapes, the data and the traces with what they give
 * now; only where the job file lay, and at which step a run diverged, is its own word. field: the first that is other,
 * "" if none. */
enum training_status files_job_check(const struct prepared *p, const char *folder, const struct folder_info *info,
                                     char field[64], struct why *why);

/* files_present says whether the folder holds a run's job.json. */
bool files_present(const char *folder);

#endif
