#define _DEFAULT_SOURCE
#include "training/checkpoint/committer.h"
#include "base/pages.h"
#include "training/checkpoint/hasher.h"
#include "training/file/machine.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { COPIES = 2, LEAF_BYTES = 4096, COPY_TASK_BYTES = 1 << 18, UNSETTLED_MAX = 64 };
static const double rolling_seconds = 10, settle_seconds = 1;

/* Interval n's copy lies in copy[n % 2]. The main thread fills it when interval n - 2 is done and interval n - 1 is
 * hashed, then raises `pushed`; whoever hashes its last leaves raises `hashed`; the background thread works on done + 1
 * .. hashed and raises `done`. trace, on_disk, unsettled belong to the background thread while done < pushed, and to
 * the main thread when they are equal. */
struct committer {
  struct committer_options o;
  uint8_t *copy[COPIES], *hashes[COPIES];
  struct hasher *hasher;
  uint64_t leaves;
  uint32_t first, pushed, hashed, done;
  bool stop, hashing; /* hashing: the background thread is in the hasher */
  enum training_status status;
  struct why why;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct trace trace;
  uint32_t forged_interval; /* 0: none */
  uint8_t forged_root[MERKLE_BYTES];
  uint32_t on_disk, before_on_disk;                   /* the last two checkpoints written, 0: none */
  uint32_t unsettled[UNSETTLED_MAX], unsettled_count; /* checkpoints that may not have reached the disk yet */
  double written_at, settled_at, seconds;
};

bool committer_trace_path(char path[FILE_PATH_MAX], const char *folder, uint32_t task) {
  char name[32];
  snprintf(name, sizeof name, "traces/%04" PRIu32 ".bin", task);
  return file_join(path, folder, name);
}

enum training_status committer_trace_read(const char *folder, uint32_t task, struct trace *out, struct why *why) {
  char path[FILE_PATH_MAX];
  struct file_bytes file;
  if (!committer_trace_path(path, folder, task)) return TRAINING_ERR_INPUT;
  enum training_status status = file_map(path, TRACE_FILE_BYTES_MAX, &file, why);
  if (status != TRAINING_OK) return status;
  if (trace_read(file.bytes, file.length, out, why) != TRACE_OK) {
    why_before(why, "%s: ", path);
    status = TRAINING_ERR_INPUT;
  } else if (out->task != task) {
    why_set(why, "%s: says that it belongs to task %" PRIu32, path, out->task);
    status = TRAINING_ERR_INPUT;
  }
  file_unmap(&file);
  return status;
}

static enum training_status write_trace(struct committer *c, uint8_t outcome, struct why *why) {
  char path[FILE_PATH_MAX];
  uint8_t bytes[TRACE_FILE_BYTES_MAX];
  c->trace.outcome = outcome;
  size_t length = trace_write(&c->trace, bytes, sizeof bytes);
  if (length == 0 || !committer_trace_path(path, c->o.folder, c->trace.task)) {
    why_set(why, "%s: the trace cannot be written", c->o.folder);
    return TRAINING_ERR_SYSTEM;
  }
  return file_replace(path, bytes, length, why);
}

/* What the trace is about to name, or lies before it, is on the disk: metrics and checkpoints. */
static enum training_status settle(struct committer *c, struct why *why) {
  char path[FILE_PATH_MAX];
  enum training_status status = TRAINING_OK;
  if (c->o.metrics_fd >= 0 && fdatasync(c->o.metrics_fd) != 0 && errno != EINVAL) {
    why_set(why, "%s/metrics.jsonl could not be written: %s", c->o.folder, strerror(errno));
    return TRAINING_ERR_SYSTEM;
  }
  for (uint32_t i = 0; i < c->unsettled_count && status == TRAINING_OK; i++)
    if (checkpoint_path(path, c->o.folder, c->unsettled[i])) status = file_settle(path, why);
  if (c->unsettled_count && status == TRAINING_OK) file_settle_names(path);
  c->unsettled_count = 0;
  c->settled_at = machine_seconds();
  return status;
}

static void remove_checkpoint(const struct committer *c, uint32_t interval) {
  char path[FILE_PATH_MAX];
  if (interval && !checkpoint_kept(interval, c->o.intervals, c->o.every) &&
      checkpoint_path(path, c->o.folder, interval))
    unlink(path);
}

static enum training_status write_checkpoint(struct committer *c, uint32_t interval, struct why *why) {
  char path[FILE_PATH_MAX];
  if (!checkpoint_path(path, c->o.folder, interval)) return TRAINING_ERR_INPUT;
  c->unsettled[c->unsettled_count++] = interval;
  return file_replace_past(path, c->copy[interval % COPIES], c->o.state_bytes, false, why);
}

/* The state, then metrics and what else the disk may not have yet, then the trace that names it; what it replaces goes
 * last. Within a second of the last time the state alone, which the plan keeps. */
static enum training_status write_interval(struct committer *c, uint32_t interval, bool kept, struct why *why) {
  bool soon = machine_seconds() - c->settled_at < settle_seconds && c->unsettled_count + 1 < UNSETTLED_MAX;
  enum training_status status = write_checkpoint(c, interval, why);
  if (status != TRAINING_OK || (kept && soon)) return status;
  status = settle(c, why);
  if (status == TRAINING_OK) status = write_trace(c, TRACE_OPEN, why);
  if (status != TRAINING_OK) return status;
  remove_checkpoint(c, c->before_on_disk);
  c->before_on_disk = c->on_disk;
  c->on_disk = interval;
  c->written_at = machine_seconds();
  return TRAINING_OK;
}

/* Puts the root of interval n where it belongs; a full task's trace is closed and the next one begins with its last
 * root. */
static enum training_status add_root(struct committer *c, uint32_t interval, const uint8_t root[MERKLE_BYTES],
                                     struct why *why) {
  struct trace *t = &c->trace;
  if (t->intervals == TRACE_INTERVALS_MAX) {
    enum training_status status = settle(c, why);
    if (status == TRAINING_OK) status = write_trace(c, TRACE_DONE, why);
    if (status != TRAINING_OK) return status;
    memcpy(t->roots[0], t->roots[TRACE_INTERVALS_MAX], MERKLE_BYTES);
    t->task++;
    t->first_step += t->steps;
    t->steps = 0;
    t->intervals = 0;
  }
  uint64_t end = (uint64_t)interval * c->o.interval_steps;
  t->steps = (uint32_t)((end < c->o.steps ? end : c->o.steps) - t->first_step);
  memcpy(t->roots[++t->intervals], root, MERKLE_BYTES);
  return TRAINING_OK;
}

static enum training_status commit_interval(struct committer *c, uint32_t interval, struct why *why) {
  uint8_t root[MERKLE_BYTES];
  merkle_fold(c->hashes[interval % COPIES], c->leaves, root);
  if (interval == c->forged_interval) memcpy(root, c->forged_root, MERKLE_BYTES);
  enum training_status status = add_root(c, interval, root, why);
  if (status != TRAINING_OK) return status;
  bool kept = checkpoint_kept(interval, c->o.intervals, c->o.every);
  bool due = kept || machine_seconds() - c->written_at > rolling_seconds;
  return due ? write_interval(c, interval, kept, why) : TRAINING_OK;
}

static void ended(void *context) {
  struct committer *c = context;
  pthread_mutex_lock(&c->lock);
  c->hashed = c->pushed;
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
}

/* Where the training thread is the only one there is nobody who waits, and the background thread hashes too. */
static bool hashes_alone(const struct committer *c) { return pool_threads(c->o.pool) == 1; }

static void *background(void *context) {
  struct committer *c = context;
  pthread_mutex_lock(&c->lock);
  for (;;) {
    while (!c->stop && c->done == (hashes_alone(c) ? c->pushed : c->hashed)) pthread_cond_wait(&c->changed, &c->lock);
    if (c->done == c->pushed) break;
    uint32_t interval = c->done + 1;
    bool work = c->status == TRAINING_OK;
    if (c->hashed < interval) {
      c->hashing = true;
      pthread_mutex_unlock(&c->lock);
      hasher_finish(c->hasher);
      pthread_mutex_lock(&c->lock);
      c->hashing = false;
      pthread_cond_broadcast(&c->changed);
      while (c->hashed < interval) pthread_cond_wait(&c->changed, &c->lock); /* its last leaves were another's */
    }
    pthread_mutex_unlock(&c->lock);
    double start = machine_seconds();
    struct why why = {""};
    enum training_status status = work ? commit_interval(c, interval, &why) : TRAINING_OK;
    double spent = machine_seconds() - start;
    pthread_mutex_lock(&c->lock);
    if (status != TRAINING_OK) c->status = status, c->why = why;
    c->seconds += spent;
    c->done = interval;
    pthread_cond_broadcast(&c->changed);
  }
  pthread_mutex_unlock(&c->lock);
  return NULL;
}

static void finish_task(void *hasher, uint32_t i, uint32_t thread) {
  (void)i, (void)thread;
  hasher_finish(hasher);
}

/* What nobody had time for. On return the last interval is hashed and nobody looks at the hasher any more. */
static void finish_hashing(struct committer *c) {
  if (c->pushed == c->first) return;
  pool_run(c->o.pool, pool_threads(c->o.pool), finish_task, c->hasher);
  pool_spare(c->o.pool, NULL, NULL);
  pthread_mutex_lock(&c->lock);
  while (c->hashed < c->pushed || c->hashing) pthread_cond_wait(&c->changed, &c->lock);
  pthread_mutex_unlock(&c->lock);
}

static enum training_status wait_until(struct committer *c, uint32_t interval, struct why *why) {
  double start = machine_seconds();
  finish_hashing(c);
  pthread_mutex_lock(&c->lock);
  while (c->done < interval && c->done < c->pushed) pthread_cond_wait(&c->changed, &c->lock);
  enum training_status status = c->status;
  if (status != TRAINING_OK) why_set(why, "%s", c->why.text);
  c->seconds += machine_seconds() - start;
  pthread_mutex_unlock(&c->lock);
  return status;
}

struct copying {
  uint8_t *to;
  const uint8_t *from;
  uint64_t bytes;
};

static void copy_some(void *context, uint32_t i, uint32_t thread) {
  const struct copying *c = context;
  uint64_t at = (uint64_t)i * COPY_TASK_BYTES, left = c->bytes - at;
  (void)thread;
  memcpy(c->to + at, c->from + at, left < COPY_TASK_BYTES ? left : COPY_TASK_BYTES);
}

enum training_status committer_push(struct committer *c, uint32_t interval, const uint8_t *state, struct why *why) {
  enum training_status status = wait_until(c, interval > COPIES ? interval - COPIES : 0, why);
  if (status != TRAINING_OK) return status;
  double start = machine_seconds();
  struct copying copying = {c->copy[interval % COPIES], state, c->o.state_bytes};
  pool_run(c->o.pool, (uint32_t)((copying.bytes + COPY_TASK_BYTES - 1) / COPY_TASK_BYTES), copy_some, &copying);
  pthread_mutex_lock(&c->lock);
  hasher_begin(c->hasher, copying.to, c->leaves, c->hashes[interval % COPIES], ended, c);
  c->pushed = interval;
  c->seconds += machine_seconds() - start;
  status = c->status;
  if (status != TRAINING_OK) why_set(why, "%s", c->why.text);
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
  pool_spare(c->o.pool, hasher_slice, c->hasher);
  return status;
}

void committer_forge(struct committer *c, uint32_t interval, const uint8_t root[MERKLE_BYTES]) {
  wait_until(c, c->pushed, NULL); /* the background thread reads it while it works; an error comes with the push */
  c->forged_interval = interval;
  memcpy(c->forged_root, root, MERKLE_BYTES);
}

static enum training_status keep_interval(struct committer *c, uint32_t interval, struct why *why) {
  char path[FILE_PATH_MAX];
  bool held = interval > c->first && interval <= c->pushed && interval + COPIES > c->pushed;
  if (!held || !checkpoint_path(path, c->o.folder, interval)) return TRAINING_OK;
  if (interval == c->on_disk || interval == c->before_on_disk || checkpoint_kept(interval, c->o.intervals, c->o.every))
    return TRAINING_OK;
  return file_replace(path, c->copy[interval % COPIES], c->o.state_bytes, why);
}

enum training_status committer_finish(struct committer *c, uint8_t outcome, uint32_t keep, uint32_t keep_too,
                                      struct why *why) {
  enum training_status status = wait_until(c, c->pushed, why);
  if (status == TRAINING_OK && keep) status = keep_interval(c, keep, why);
  if (status == TRAINING_OK && keep_too) status = keep_interval(c, keep_too, why);
  if (status == TRAINING_OK) status = settle(c, why);
  if (status == TRAINING_OK && (c->trace.steps || outcome == TRACE_OPEN)) status = write_trace(c, outcome, why);
  if (status != TRAINING_OK) return status;
  if (c->before_on_disk != keep && c->before_on_disk != keep_too) remove_checkpoint(c, c->before_on_disk);
  if (c->on_disk != keep && c->on_disk != keep_too) remove_checkpoint(c, c->on_disk);
  return TRAINING_OK;
}

void committer_last_root(const struct committer *c, uint8_t root[MERKLE_BYTES]) {
  memcpy(root, c->trace.roots[c->trace.intervals], MERKLE_BYTES);
}

double committer_seconds(const struct committer *c) { return c->seconds + hasher_seconds(c->hasher); }

const uint8_t *committer_state(const struct committer *c, uint32_t back) {
  bool there = back < COPIES && c->pushed > c->first + back;
  return there ? c->copy[(c->pushed - back) % COPIES] : NULL;
}

static bool begin(struct committer *c, struct why *why) {
  const struct committer_options *o = &c->o;
  if (o->trace) {
    c->trace = *o->trace;
  } else {
    c->trace = (struct trace){.interval_steps = (uint16_t)o->interval_steps};
    memcpy(c->trace.roots[0], o->start_root, MERKLE_BYTES);
    if (getrandom(c->trace.salt, TRACE_SALT_BYTES, 0) != TRACE_SALT_BYTES) {
      why_set(why, "the system gave no random bytes for the trace's salt: %s", strerror(errno));
      return false;
    }
  }
  c->first = c->pushed = c->hashed = c->done = c->on_disk = o->first_interval;
  c->written_at = machine_seconds();
  c->settled_at = c->written_at - settle_seconds; /* a run's first checkpoint is named at once */
  c->leaves = o->state_bytes / LEAF_BYTES;
  c->hasher = hasher_open(pool_threads(o->pool) + 1); /* the background thread too */
  bool good = c->hasher != NULL;
  for (int i = 0; i < COPIES; i++) {
    c->copy[i] = pages_take(o->state_bytes);
    c->hashes[i] = pages_take(c->leaves * MERKLE_BYTES);
    good = good && c->copy[i] && c->hashes[i];
  }
  if (!good) why_set(why, "not enough memory for two copies of the state (%" PRIu64 " bytes)", o->state_bytes);
  return good;
}

static void give_back(struct committer *c) {
  for (int i = 0; i < COPIES; i++) {
    free(c->copy[i]);
    free(c->hashes[i]);
  }
  hasher_shut(c->hasher);
  free(c);
}

struct committer *committer_open(const struct committer_options *options, struct why *why) {
  struct committer *c = calloc(1, sizeof *c);
  if (!c) {
    why_set(why, "not enough memory");
    return NULL;
  }
  c->o = *options;
  if (begin(c, why)) {
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    if (pthread_create(&c->thread, NULL, background, c) == 0) return c;
    why_set(why, "the system refuses another thread");
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
  }
  give_back(c);
  return NULL;
}

void committer_shut(struct committer *c) {
  if (!c) return;
  finish_hashing(c);
  pthread_mutex_lock(&c->lock);
  c->stop = true;
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
  pthread_join(c->thread, NULL);
  pthread_cond_destroy(&c->changed);
  pthread_mutex_destroy(&c->lock);
  give_back(c);
}
