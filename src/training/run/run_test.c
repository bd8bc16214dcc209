#define _DEFAULT_SOURCE
#include "training/checkpoint/checkpoint.h"
#include "training/checkpoint/committer.h"
#include "training/metrics/metrics.h"
#include "training/run/example.h"
#include "training/run/run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char adamw[] = "{name: adamw, lr: 1e-2}";
static const char sixty[] = "updates: 60\ninterval: 7\nevaluate: {every: 20 updates}";

static void trained(const struct example *e, const char *name, struct run_options options, struct run_result *r) {
  struct why why = {""};
  enum training_status status = example_train(e, name, options, r, &why);
  if (status != TRAINING_OK) fail_msg("%s: %d %s", name, status, why.text);
}

/* Metrics without what time decides. */
static uint32_t read_metrics(const struct example *e, const char *name, struct metrics_line *lines, uint32_t max) {
  char path[128];
  size_t length;
  uint32_t n = 0;
  snprintf(path, sizeof path, "%s/metrics.jsonl", name);
  uint8_t *text = example_read(example_path(e, path), &length);
  for (char *at = (char *)text, *stop; (stop = strchr(at, '\n')); at = stop + 1) {
    struct why why = {""};
    assert_true(n < max);
    if (metrics_parse(at, (size_t)(stop - at), &lines[n], &why) != TRAINING_OK) fail_msg("%s", why.text);
    lines[n++].samples_per_s = 0;
  }
  free(text);
  return n;
}

static void same_metrics(const struct example *e, const char *a, const char *b) {
  static struct metrics_line first[200], second[200];
  uint32_t n = read_metrics(e, a, first, 200), m = read_metrics(e, b, second, 200);
  assert_int_equal(n, m);
  for (uint32_t i = 0; i < n; i++) {
    assert_int_equal(first[i].kind, second[i].kind);
    assert_int_equal(first[i].update, second[i].update);
    assert_memory_equal(&first[i].loss, &second[i].loss, 4);
    assert_memory_equal(&first[i].accuracy, &second[i].accuracy, 4);
    assert_memory_equal(first[i].final_root, second[i].final_root, MERKLE_BYTES);
  }
}

static bool there(const struct example *e, const char *name) { return access(example_path(e, name), F_OK) == 0; }

static void a_run_leaves_what_it_promises(void **state) {
  (void)state;
  static const char *const files[] = {"a/job.yaml",
                                      "a/job.json",
                                      "a/README.md",
                                      "a/metrics.jsonl",
                                      "a/model.onnx",
                                      "a/model.safetensors",
                                      "a/tapes/init.tape",
                                      "a/tapes/train.tape",
                                      "a/tapes/evaluate.tape",
                                      "a/tapes/train.names.json",
                                      "a/traces/0000.bin",
                                      "a/checkpoints/000001.state",
                                      "a/checkpoints/000009.state"};
  static struct metrics_line lines[200];
  struct example e;
  struct run_result r;
  example_make(&e, adamw, sixty);
  trained(&e, "a", (struct run_options){0}, &r);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (!there(&e, files[i])) fail_msg("%s is missing", files[i]);
  assert_false(there(&e, "a/resume.state"));
  assert_int_equal(r.outcome, TRACE_DONE);
  assert_int_equal(r.update, 60);
  uint32_t n = read_metrics(&e, "a", lines, 200);
  assert_int_equal(n, 60 + 3 + 1);
  assert_int_equal(lines[20].kind, METRICS_EVALUATION);
  assert_int_equal(lines[20].update, 20);
  assert_false(lines[20].has_accuracy);
  assert_int_equal(lines[n - 1].kind, METRICS_DONE);
  assert_memory_equal(lines[n - 1].final_root, r.final_root, MERKLE_BYTES);
  assert_true(lines[n - 3].loss < lines[0].loss / 2); /* it learns */
  struct trace trace;
  struct why why;
  assert_int_equal(committer_trace_read(example_path(&e, "a"), 0, &trace, &why), TRAINING_OK);
  assert_int_equal(trace.intervals, 9); /* 61 steps in intervals of 7 */
  assert_int_equal(trace.steps, 61);
  assert_int_equal(trace.outcome, TRACE_DONE);
  assert_memory_equal(trace.roots[9], r.final_root, MERKLE_BYTES);
  example_remove(&e);
}

static void threads_and_back_ends_do_not_show(void **state) {
  (void)state;
  struct example e;
  struct run_result first, r;
  example_make(&e, adamw, sixty);
  trained(&e, "one", (struct run_options){.threads = 1}, &first);
  trained(&e, "three", (struct run_options){.threads = 3}, &r);
  assert_memory_equal(r.final_root, first.final_root, MERKLE_BYTES);
  trained(&e, "scalar", (struct run_options){.execute = {.backend = &backend_scalar}}, &r);
  assert_memory_equal(r.final_root, first.final_root, MERKLE_BYTES);
  trained(&e, "plain", (struct run_options){.execute = {.plain = true}}, &r);
  assert_memory_equal(r.final_root, first.final_root, MERKLE_BYTES);
  same_metrics(&e, "one", "plain");
  example_remove(&e);
}

/* Stopped after every update in turn: first step of an interval, last one, before and after an evaluation. */
static void a_stopped_run_goes_on(void **state) {
  (void)state;
  struct example e;
  struct run_result whole, r;
  struct why why;
  example_make(&e, adamw, sixty);
  trained(&e, "whole", (struct run_options){0}, &whole);
  for (uint32_t stop = 1; stop < 60; stop += 1 + stop % 4) {
    char name[32];
    snprintf(name, sizeof name, "stop%u", stop);
    assert_int_equal(example_train(&e, name, (struct run_options){.stop_after_update = stop}, &r, &why),
                     TRAINING_INTERRUPTED);
    assert_int_equal(r.update, stop);
    assert_non_null(strstr(why.text, "--resume"));
    trained(&e, name, (struct run_options){.resume = true}, &r);
    if (memcmp(r.final_root, whole.final_root, MERKLE_BYTES) != 0)
      fail_msg("stopped after update %u, another root", stop);
    same_metrics(&e, "whole", name);
    trained(&e, name, (struct run_options){.resume = true}, &r); /* nothing left to do, and that is no error */
    assert_memory_equal(r.final_root, whole.final_root, MERKLE_BYTES);
  }
  example_remove(&e);
}

struct killer {
  uint32_t at;
};

static void kill_at(void *context, const struct run_progress *p) {
  const struct killer *k = context;
  if (p->kind == RUN_UPDATE && p->update == k->at) raise(SIGKILL);
}

static void killed(const struct example *e, const char *name, uint32_t at, bool resume) {
  pid_t child = fork();
  if (child == 0) {
    struct killer k = {at};
    struct run_result r;
    struct why why;
    example_train(e, name, (struct run_options){.progress = kill_at, .context = &k, .resume = resume}, &r, &why);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
}

static void a_killed_run_goes_on(void **state) {
  (void)state;
  struct example e;
  struct run_result whole, r;
  example_make(&e, adamw, sixty);
  trained(&e, "whole", (struct run_options){0}, &whole);
  for (uint32_t at = 1; at < 60; at += 9) {
    char name[32];
    snprintf(name, sizeof name, "killed%u", at);
    killed(&e, name, at, false);
    if (at > 30) killed(&e, name, at + 1, true); /* and a second time */
    trained(&e, name, (struct run_options){.resume = true}, &r);
    if (memcmp(r.final_root, whole.final_root, MERKLE_BYTES) != 0) fail_msg("killed at update %u, another root", at);
    same_metrics(&e, "whole", name);
  }
  example_remove(&e);
}

/* A damaged resume point or checkpoint is not believed: the run goes back to one that is sound. */
static void damaged_points_are_not_believed(void **state) {
  (void)state;
  static const char *const victims[] = {"d/resume.state", "d/checkpoints/000005.state", "d/traces/0000.bin",
                                        "d/metrics.jsonl", "d/resume.json"};
  struct example e;
  struct run_result whole, r;
  struct why why;
  example_make(&e, adamw, sixty);
  trained(&e, "whole", (struct run_options){0}, &whole);
  assert_int_equal(example_train(&e, "stopped", (struct run_options){.stop_after_update = 36}, &r, &why),
                   TRAINING_INTERRUPTED);
  for (size_t i = 0; i < sizeof victims / sizeof *victims; i++) {
    example_copy(&e, "stopped", "d");
    for (size_t j = 0; j <= i; j++) {
      size_t length;
      uint8_t *bytes = example_read(example_path(&e, victims[j]), &length);
      bytes[length / 2] ^= 1;
      example_write(example_path(&e, victims[j]), bytes, length);
      free(bytes);
    }
    trained(&e, "d", (struct run_options){.resume = true}, &r);
    if (memcmp(r.final_root, whole.final_root, MERKLE_BYTES) != 0) fail_msg("%s damaged, another root", victims[i]);
  }
  example_remove(&e);
}

static void nothing_is_overwritten(void **state) {
  (void)state;
  struct example e;
  struct run_result r;
  struct why why;
  size_t length;
  example_make(&e, adamw, sixty);
  trained(&e, "a", (struct run_options){0}, &r);
  uint8_t *before = example_read(example_path(&e, "a/metrics.jsonl"), &length);
  assert_int_equal(example_train(&e, "a", (struct run_options){0}, &r, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "--force"));
  size_t again;
  uint8_t *after = example_read(example_path(&e, "a/metrics.jsonl"), &again);
  assert_int_equal(length, again);
  assert_memory_equal(before, after, length);
  free(before);
  free(after);
  trained(&e, "a", (struct run_options){.force = true}, &r);
  /* a folder that belongs to another job is not gone on with */
  example_write(example_path(&e, "x2"), "", 0);
  FILE *f = fopen(example_path(&e, "job.yaml"), "a");
  fputs("clip_norm: 1.0\n", f);
  fclose(f);
  assert_int_equal(example_train(&e, "a", (struct run_options){.resume = true}, &r, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "another job"));
  /* a file where the folder should be */
  assert_int_equal(example_train(&e, "x2", (struct run_options){0}, &r, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "is a file"));
  assert_int_equal(example_train(&e, "no/such/parent", (struct run_options){0}, &r, &why), TRAINING_ERR_INPUT);
  example_remove(&e);
}

static void one_run_at_a_time(void **state) {
  (void)state;
  struct example e;
  struct run_result r;
  struct why why;
  int lock;
  example_make(&e, adamw, sixty);
  mkdir(example_path(&e, "a"), 0777);
  assert_int_equal(file_lock(example_path(&e, "a"), &lock, &why), TRAINING_OK);
  assert_int_equal(example_train(&e, "a", (struct run_options){0}, &r, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "another run"));
  file_unlock(lock);
  trained(&e, "a", (struct run_options){0}, &r);
  example_remove(&e);
}

/* Growing files hit a limit, as on a full disk; then there is room again. */
static void a_full_disk_keeps_the_last_good_state(void **state) {
  (void)state;
  struct example e;
  struct run_result whole, r;
  struct why why;
  struct rlimit before, small;
  example_make(&e, adamw, sixty);
  trained(&e, "whole", (struct run_options){0}, &whole);
  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  for (rlim_t room = 3000; room <= 60000; room *= 3) {
    char name[32];
    snprintf(name, sizeof name, "full%u", (unsigned)room);
    small = before;
    small.rlim_cur = room;
    setrlimit(RLIMIT_FSIZE, &small);
    enum training_status status = example_train(&e, name, (struct run_options){0}, &r, &why);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, TRAINING_ERR_SYSTEM);
    assert_non_null(strstr(why.text, "disk full"));
    trained(&e, name, (struct run_options){.resume = true}, &r);
    assert_memory_equal(r.final_root, whole.final_root, MERKLE_BYTES);
  }
  example_remove(&e);
}

static void a_diverged_run_names_its_step(void **state) {
  (void)state;
  struct example e;
  struct run_result r;
  struct why why;
  static struct metrics_line lines[200];
  struct trace trace;
  example_make(&e, "{name: sgd, lr: 20}", sixty);
  assert_int_equal(example_train(&e, "a", (struct run_options){0}, &r, &why), TRAINING_NO);
  assert_int_equal(r.outcome, TRACE_DIVERGED);
  assert_true(r.diverged_step > 0 && r.diverged_step < 60);
  assert_int_equal((r.update + 1) % 7, 0); /* the interval was finished */
  assert_true(r.update - r.diverged_step < 7);
  assert_int_equal(committer_trace_read(example_path(&e, "a"), 0, &trace, &why), TRAINING_OK);
  assert_int_equal(trace.outcome, TRACE_DIVERGED);
  assert_int_equal(trace.intervals, r.last_good_interval + 1);
  char name[64];
  snprintf(name, sizeof name, "a/checkpoints/%06u.state", r.last_good_interval);
  if (r.last_good_interval) assert_true(there(&e, name));
  uint32_t n = read_metrics(&e, "a", lines, 200);
  assert_int_equal(lines[n - 1].outcome, TRACE_DIVERGED);
  /* the same when it was stopped and went on in between */
  for (uint32_t stop = 1; stop < r.update; stop++) {
    struct run_result again;
    snprintf(name, sizeof name, "stop%u", stop);
    assert_int_equal(example_train(&e, name, (struct run_options){.stop_after_update = stop}, &again, &why),
                     TRAINING_INTERRUPTED);
    assert_int_equal(example_train(&e, name, (struct run_options){.resume = true}, &again, &why), TRAINING_NO);
    assert_memory_equal(again.final_root, r.final_root, MERKLE_BYTES);
    assert_int_equal(again.diverged_step, r.diverged_step);
  }
  example_remove(&e);
}

/* More than 256 intervals: several tasks, each with its own trace that begins where the one before ended. */
static void long_runs_have_several_traces(void **state) {
  (void)state;
  struct example e;
  struct run_result whole, r;
  struct why why;
  struct trace *t = calloc(2, sizeof *t);
  example_make(&e, adamw, "updates: 600\ninterval: 1\nevaluate: {every: 500 updates}");
  trained(&e, "a", (struct run_options){.checkpoint_bytes_max = 1 << 20}, &whole);
  for (uint32_t task = 0; task < 3; task++) {
    t[1] = t[0];
    assert_int_equal(committer_trace_read(example_path(&e, "a"), task, &t[0], &why), TRAINING_OK);
    assert_int_equal(t[0].intervals, task < 2 ? 256 : 601 - 512);
    if (task) assert_memory_equal(t[0].roots[0], t[1].roots[256], MERKLE_BYTES);
    if (task) assert_memory_equal(t[0].salt, t[1].salt, TRACE_SALT_BYTES);
  }
  assert_memory_equal(t[0].roots[t[0].intervals], whole.final_root, MERKLE_BYTES);
  for (uint32_t stop = 255; stop < 600; stop += 128) {
    char name[32];
    snprintf(name, sizeof name, "stop%u", stop);
    assert_int_equal(example_train(&e, name, (struct run_options){.stop_after_update = stop}, &r, &why),
                     TRAINING_INTERRUPTED);
    trained(&e, name, (struct run_options){.resume = true}, &r);
    assert_memory_equal(r.final_root, whole.final_root, MERKLE_BYTES);
  }
  free(t);
  example_remove(&e);
}

static void checkpoints_fit_their_budget(void **state) {
  (void)state;
  for (uint32_t intervals = 1; intervals < 3000; intervals += 1 + intervals / 7)
    for (uint64_t fit = 1; fit < 600; fit += 1 + fit / 3) {
      uint32_t every = checkpoint_every(intervals, 1000, fit * 1000), kept = 0;
      for (uint32_t n = 1; n <= intervals; n++) kept += checkpoint_kept(n, intervals, every);
      assert_true(kept <= (fit > 4 ? fit : 4));
      assert_true(checkpoint_kept(1, intervals, every) && checkpoint_kept(intervals, intervals, every));
      if (every > 1) assert_true(intervals / (every - 1) + 3 >= fit); /* and none is given away */
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_leaves_what_it_promises),
                                     cmocka_unit_test(threads_and_back_ends_do_not_show),
                                     cmocka_unit_test(a_stopped_run_goes_on),
                                     cmocka_unit_test(a_killed_run_goes_on),
                                     cmocka_unit_test(damaged_points_are_not_believed),
                                     cmocka_unit_test(nothing_is_overwritten),
                                     cmocka_unit_test(one_run_at_a_time),
                                     cmocka_unit_test(a_full_disk_keeps_the_last_good_state),
                                     cmocka_unit_test(a_diverged_run_names_its_step),
                                     cmocka_unit_test(long_runs_have_several_traces),
                                     cmocka_unit_test(checkpoints_fit_their_budget)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
