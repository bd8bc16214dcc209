/* dispute_runs: the two runs of a dispute, read and held to be finished runs of one job. Uses: training. */
#ifndef CLI_DISPUTE_RUNS_H
#define CLI_DISPUTE_RUNS_H
#include "training/witness/witness.h"

struct dispute_run {
  const char *folder;
  struct folder_info info;
  struct frame_roots roots;
  struct witness *witness; /* the caller's to open; dispute_runs_shut closes it */
  struct evidence evidence;
};

struct dispute_runs {
  struct arena arena;
  struct prepared prepared; /* one job root, so one preparation serves both */
  struct pool *pool;
  struct dispute_run side[2]; /* by seat */
};

/* dispute_runs_open fills a zeroed struct (it is large). ERR_INPUT: one folder twice, not a run, not finished,
 * different jobs, damaged traces, or a job whose files are not there. dispute_runs_shut in any case. */
enum training_status dispute_runs_open(struct dispute_runs *r, const char *claimant, const char *challenger,
                                       const struct prepare_options *options, struct why *why);
void dispute_runs_shut(struct dispute_runs *r);

#endif
