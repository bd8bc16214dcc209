#define _DEFAULT_SOURCE
#include "cli/dispute/runs.h"
#include "base/hex.h"
#include "training/file/machine.h"
#include <string.h>
#include <sys/stat.h>

static enum training_status check_folders(struct dispute_runs *r, struct why *why) {
  const char *mine = r->side[DISPUTE_CLAIMANT].folder, *theirs = r->side[DISPUTE_CHALLENGER].folder;
  struct stat a, b;
  if (stat(mine, &a) == 0 && stat(theirs, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
    why_set(why, "%s and %s are the same folder; a dispute is between two runs of one job", mine, theirs);
    return TRAINING_ERR_INPUT;
  }
  for (int s = DISPUTE_CLAIMANT; s >= 0; s--) {
    enum training_status status = folder_read(r->side[s].folder, &r->arena, &r->side[s].info, why);
    if (status != TRAINING_OK) return status;
  }
  return TRAINING_OK;
}

static enum training_status check_jobs(const struct dispute_runs *r, struct why *why) {
  const struct dispute_run *mine = &r->side[DISPUTE_CLAIMANT], *theirs = &r->side[DISPUTE_CHALLENGER];
  char first[2 * MERKLE_BYTES + 1], second[2 * MERKLE_BYTES + 1];
  hex_encode(mine->info.job_root, MERKLE_BYTES, first);
  hex_encode(theirs->info.job_root, MERKLE_BYTES, second);
  if (strcmp(first, second) != 0) {
    why_set(
        why,
        "%s and %s are runs of different jobs (job roots %.16s.. and %.16s..); only runs of one job can be disputed",
        mine->folder, theirs->folder, first, second);
    return TRAINING_ERR_INPUT;
  }
  for (int s = DISPUTE_CLAIMANT; s >= 0; s--)
    if (r->side[s].info.outcome == TRACE_OPEN) {
      why_set(why, "%s: the run is not finished, so it has committed to nothing yet; assay train --resume finishes it",
              r->side[s].folder);
      return TRAINING_ERR_INPUT;
    }
  return TRAINING_OK;
}

/* From the folder whose model and data are where they were, and then from the other one: whatever has the job root that
 * both committed to is the job, so neither side can stop a dispute by spoiling its job.yaml. */
static enum training_status open_job(struct dispute_runs *r, const struct prepare_options *options, struct why *why) {
  const struct dispute_run *mine = &r->side[DISPUTE_CLAIMANT], *theirs = &r->side[DISPUTE_CHALLENGER];
  const struct dispute_run *from = mine->info.job_folder[0] || !theirs->info.job_folder[0] ? mine : theirs;
  const struct dispute_run *other = from == mine ? theirs : mine;
  enum training_status status = folder_prepare(from->folder, &from->info, options, &r->prepared, why);
  struct why unheard = {""}; /* what is wrong with the first is what is told */
  if (status != TRAINING_OK &&
      folder_prepare(other->folder, &other->info, options, &r->prepared, &unheard) == TRAINING_OK)
    status = TRAINING_OK;
  if (status != TRAINING_OK) return status;
  r->pool = pool_open(options->threads ? options->threads : machine_threads());
  if (r->pool) return TRAINING_OK;
  why_set(why, "the system refuses more threads; try --threads 1");
  return TRAINING_ERR_SYSTEM;
}

enum training_status dispute_runs_open(struct dispute_runs *r, const char *claimant, const char *challenger,
                                       const struct prepare_options *options, struct why *why) {
  r->side[DISPUTE_CLAIMANT].folder = claimant;
  r->side[DISPUTE_CHALLENGER].folder = challenger;
  if (!arena_open(&r->arena, (size_t)64 << 20)) {
    why_set(why, "not enough memory");
    return TRAINING_ERR_SYSTEM;
  }
  enum training_status status = check_folders(r, why);
  if (status == TRAINING_OK) status = check_jobs(r, why);
  if (status == TRAINING_OK) status = open_job(r, options, why);
  for (int s = DISPUTE_CLAIMANT; s >= 0 && status == TRAINING_OK; s--)
    status = frame_roots_read(r->side[s].folder, &r->side[s].info, &r->prepared, &r->side[s].roots, why);
  return status;
}

void dispute_runs_shut(struct dispute_runs *r) {
  for (int s = 0; s < 2; s++) {
    witness_shut(r->side[s].witness);
    frame_roots_shut(&r->side[s].roots);
  }
  if (r->pool) pool_shut(r->pool);
  prepare_shut(&r->prepared);
  arena_shut(&r->arena);
}
