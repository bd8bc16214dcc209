/* The price of committing: wall clock of steps with a commit of the state at their end, beside the same steps without.
 *
 * Work that was put aside at a commit is done beside later steps, so windows of steps come in fours: two that end with
 * a commit, of which the second also bears what the first left to do, and two without, of which the second bears
 * nothing. The price is the second less the fourth. Every state is written to the disk, as in runs of up to 125
 * intervals; longer ones keep fewer. */
#define _XOPEN_SOURCE 700
#include "base/pages.h"
#include "cli/bench/job.h"
#include "commit/state/state.h"
#include "training/checkpoint/committer.h"
#include "training/file/machine.h"
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_STEPS = 5, ROUNDS_MIN = 5, ROUNDS_MAX = 40, INTERVALS_MAX = 2 * ROUNDS_MAX + 4 };
static const double window_seconds = 0.1, row_seconds = 20;

static struct bench_job job; /* large */

/* A folder as a run has it, for the committer. */
struct desk {
  char folder[FILE_PATH_MAX];
  struct committer *committer;
  uint32_t pushed;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  remove(path);
  return 0;
}

static void desk_shut(struct desk *d) {
  committer_shut(d->committer);
  if (d->folder[0]) nftw(d->folder, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

/* writes: every state goes to the disk; else the first one, and one in ten seconds. */
static enum outcome desk_open(struct desk *d, struct pool *pool, bool writes, struct why *why) {
  const char *tmp = getenv("TMPDIR");
  const struct prepared *p = &job.prepared;
  char path[FILE_PATH_MAX];
  memset(d, 0, sizeof *d);
  snprintf(d->folder, sizeof d->folder, "%s/assay-commit-XXXXXX", tmp ? tmp : "/tmp");
  if (!mkdtemp(d->folder)) {
    why_set(why, "cannot make a folder in %s (%s); TMPDIR names another place", tmp ? tmp : "/tmp", strerror(errno));
    d->folder[0] = 0;
    return OUTCOME_ENVIRONMENT;
  }
  enum training_status s = TRAINING_OK;
  for (int i = 0; i < 2 && s == TRAINING_OK; i++)
    s = file_join(path, d->folder, i ? "traces" : "checkpoints") ? file_folder(path, why) : TRAINING_ERR_INPUT;
  struct committer_options c = {.folder = d->folder,
                                .pool = pool,
                                .state_bytes = p->state_bytes,
                                .intervals = INTERVALS_MAX + 1,
                                .every = writes ? 1 : INTERVALS_MAX + 1,
                                .interval_steps = p->interval_steps,
                                .steps = INTERVALS_MAX * p->interval_steps,
                                .metrics_fd = -1};
  state_zero_root(p->state_leaves, c.start_root);
  if (s == TRAINING_OK && !(d->committer = committer_open(&c, why))) s = TRAINING_ERR_SYSTEM;
  if (s != TRAINING_OK) desk_shut(d);
  return (enum outcome)s;
}

/* The disk holds what the last two rounds wrote, not more. */
static void forget_old(const struct desk *d) {
  char path[FILE_PATH_MAX];
  for (uint32_t n = d->pushed > 6 ? d->pushed - 6 : 0; n && n + 4 < d->pushed; n++)
    if (checkpoint_path(path, d->folder, n)) remove(path);
}

static enum training_status window(struct bench_seat *seat, struct desk *d, uint32_t steps, bool commits,
                                   double *seconds, struct why *why) {
  enum training_status s = TRAINING_OK;
  double start = machine_seconds();
  for (uint32_t i = 0; i < steps && !bench_stopped(); i++) bench_seat_step(seat, &job);
  if (commits) s = committer_push(d->committer, ++d->pushed, seat->state, why);
  *seconds = machine_seconds() - start;
  return s;
}

struct price {
  double hashed, written, step; /* seconds of a commit whose state is only hashed, or written too; of a step */
};

static double print(const struct bench_row *row, const struct bench_options *o, const struct price *x) {
  const struct prepared *p = &job.prepared;
  uint32_t interval = p->interval_steps,
           every = checkpoint_every(p->intervals, p->state_bytes, checkpoint_budget(p->state_bytes));
  double cost = x->hashed + (x->written - x->hashed) / every, share = cost / (interval * x->step);
  if (o->json)
    output_json(json_pack("{s:s, s:s, s:f, s:I, s:f, s:f, s:f, s:I, s:I, s:b}", "name", "commit", "size", row->name,
                          "share", share, "interval_steps", (json_int_t)interval, "interval_ms",
                          interval * x->step * 1e3, "hashed_ms", x->hashed * 1e3, "written_ms", x->written * 1e3,
                          "written_every", (json_int_t)every, "state_bytes", (json_int_t)p->state_bytes, "same_bits",
                          1));
  else
    printf("commit %-12s every %3" PRIu32 " steps (%.1f ms): %.1f MB hashed %+.3f ms, written too (1 in %" PRIu32
           ") %+.3f ms: %.2f %%\n",
           row->name, interval, interval * x->step * 1e3, (double)p->state_bytes / 1e6, x->hashed * 1e3, every,
           x->written * 1e3, 100 * share);
  return share;
}

/* Four windows a round and kind, the kinds in turns; a price is the median of what the rounds say. Each round trains
 * from start_state (room for one) on: after many updates moments become subnormal, and steps another length. */
static enum outcome measure(struct bench_seat *seat, struct desk desk[2], uint8_t *start_state, struct price *out,
                            struct why *why) {
  double more[2][ROUNDS_MAX], without[2 * ROUNDS_MAX], with, warm = 0;
  enum training_status s = TRAINING_OK;
  for (int i = 0; i < 5 && s == TRAINING_OK; i++) /* every copy has been touched then */
    s = window(seat, &desk[i % 2], WARM_STEPS, i < 4, &warm, why);
  memcpy(start_state, seat->state, job.prepared.state_bytes);
  uint32_t first = seat->step;
  uint32_t steps = (uint32_t)(window_seconds * WARM_STEPS / warm) + 1, interval = job.prepared.interval_steps, r = 0;
  if (steps > interval && interval > 1) steps = interval;
  for (double start = machine_seconds(); r < ROUNDS_MAX && s == TRAINING_OK && !bench_stopped(); r++) {
    if (r >= ROUNDS_MIN && machine_seconds() - start > row_seconds) break;
    for (int kind = 0; kind < 2; kind++) {
      memcpy(seat->state, start_state, job.prepared.state_bytes);
      seat->step = first;
      double *last = &without[2 * r + (uint32_t)kind];
      for (int w = 0; w < 4 && s == TRAINING_OK; w++)
        s = window(seat, &desk[kind], steps, w < 2, w < 2 ? &with : last, why);
      more[kind][r] = with - *last;
    }
    forget_old(&desk[1]);
  }
  if (bench_stopped()) return OUTCOME_INTERRUPTED;
  if (s != TRAINING_OK) return (enum outcome)s;
  *out = (struct price){bench_median(more[0], r), bench_median(more[1], r), bench_median(without, 2 * r) / steps};
  return OUTCOME_DONE;
}

static enum outcome commit_of(const struct bench_row *row, const struct bench_options *o, struct pool *pool,
                              double *share, struct why *why) {
  enum outcome outcome = bench_job_open(&job, row, 60000, o, why);
  if (outcome != OUTCOME_DONE) return outcome;
  struct execute_options x = {.pool = pool};
  struct bench_seat seat = {0};
  struct desk desk[2] = {{{0}, NULL, 0}, {{0}, NULL, 0}};
  struct price price;
  uint8_t *start_state = pages_take(job.prepared.state_bytes);
  if (!start_state) outcome = OUTCOME_ENVIRONMENT, why_set(why, "no memory for a copy of the state");
  for (int i = 0; i < 2 && outcome == OUTCOME_DONE; i++) outcome = desk_open(&desk[i], pool, i == 1, why);
  if (outcome == OUTCOME_DONE) outcome = bench_seat_open(&seat, &job, &x, why);
  if (outcome == OUTCOME_DONE) outcome = measure(&seat, desk, start_state, &price, why);
  if (outcome == OUTCOME_DONE) *share = print(row, o, &price);
  bench_seat_shut(&seat);
  free(start_state);
  for (int i = 0; i < 2; i++) desk_shut(&desk[i]);
  bench_job_shut(&job);
  return outcome;
}

enum outcome bench_commit(const struct bench_options *o, struct why *why) {
  const struct bench_row *chosen[BENCH_ROWS];
  uint32_t n = bench_choose(o, chosen, why);
  if (n == 0) return OUTCOME_INPUT;
  struct pool *pool = pool_open(o->threads);
  double worst = 0, share = 0;
  enum outcome outcome = OUTCOME_DONE;
  for (uint32_t i = 0; i < n && outcome == OUTCOME_DONE; i++) {
    outcome = commit_of(chosen[i], o, pool, &share, why);
    if (share > worst) worst = share;
  }
  if (outcome == OUTCOME_DONE && o->json) output_json(json_pack("{s:{s:f}}", "summary", "worst_share", worst));
  if (pool) pool_shut(pool);
  return outcome;
}
