/* committer: turns states at interval ends into roots, checkpoints and traces, beside the training steps.
 *
 *   training thread             threads of its pool         background thread
 *   committer_push(n): copy -->  hash the copy in slices -->  roots[n] into the trace; when interval n is to be on
 *   with all threads; waits      where they would wait        the disk: the checkpoint, metrics, and the trace, in
 *   while both copies are        (hasher)                     this order, so that what a trace names is there
 *   still being worked on
 *
 * At the next push, or at the end, the training thread hashes itself what nobody had time for. A pool of one thread has
 * none: then the background thread hashes.
 *
 * A checkpoint is written when the plan keeps it, and otherwise at most every ten seconds, so that a crash costs little
 * work. At most once a second the disk is waited for and the trace written; checkpoints in between are renamed into
 * place at once and reach the disk when it likes, since whoever reads one compares its root, and at the latest before
 * the next trace. Checkpoints that the plan does not keep go when a later one is named by a trace. One failed write
 * stops all later ones: the last good state stays. Uses:
 * checkpoint, commit/trace, threads. */
#ifndef TRAINING_COMMITTER_H
#define TRAINING_COMMITTER_H
#include "commit/trace/trace.h"
#include "training/checkpoint/checkpoint.h"

struct committer;

struct committer_options {
  const char *folder;
  struct pool *pool; /* that runs the steps; NULL: one thread */
  uint64_t state_bytes;
  uint32_t intervals, every, interval_steps, steps; /* planned; every: checkpoint_every's */
  int metrics_fd;                                   /* flushed to the disk before a trace names what it holds */
  uint32_t first_interval;                          /* intervals that are committed already (a resumed run) */
  const struct trace *trace;                        /* of the task that goes on, or NULL: a new run */
  uint8_t start_root[MERKLE_BYTES];                 /* of the zero state; used by a new run */
};

/* committer_open draws a new salt unless a trace goes on, and starts the thread. NULL and a reason in why when memory,
 * randomness or a thread is refused. */
struct committer *committer_open(const struct committer_options *options, struct why *why);

/* committer_push, by the thread that runs the pool, takes the state after interval n = 1, 2, .. in order. Returns the
 * first error of the background work.
 */
enum training_status committer_push(struct committer *c, uint32_t interval, const uint8_t *state, struct why *why);

/* committer_forge: interval n, which is pushed next, is committed with this root in place of its state's (sabotage). */
void committer_forge(struct committer *c, uint32_t interval, const uint8_t root[MERKLE_BYTES]);

/* committer_finish waits until all is hashed. keep: these interval numbers get a checkpoint whatever the plan says (0:
 * none; the last two pushed ones can be asked for), others that the plan does not keep are removed; then the trace is
 * written with the outcome. */
enum training_status committer_finish(struct committer *c, uint8_t outcome, uint32_t keep, uint32_t keep_too,
                                      struct why *why);

/* After committer_finish: the root after the last interval, seconds of all threads' work and of waiting for it.
 * committer_state lends the copy of the last (0) or the last but one (1) state pushed, NULL if there was none. */
void committer_last_root(const struct committer *c, uint8_t root[MERKLE_BYTES]);
double committer_seconds(const struct committer *c);
const uint8_t *committer_state(const struct committer *c, uint32_t back);

void committer_shut(struct committer *c);

/* trace files: FOLDER/traces/%04u.bin */
bool committer_trace_path(char path[FILE_PATH_MAX], const char *folder, uint32_t task);
enum training_status committer_trace_read(const char *folder, uint32_t task, struct trace *out, struct why *why);

#endif
