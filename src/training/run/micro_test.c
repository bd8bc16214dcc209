/* Runs whose updates are several steps: files, interruptions anywhere, verification, lies in the middle of an update.
 */
#define _DEFAULT_SOURCE
#include "training/metrics/metrics.h"
#include "training/run/example.h"
#include "training/run/run.h"
#include "training/verify/verify.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MICRO = 4, UPDATES = 15, STEPS = 1 + UPDATES * MICRO, INTERVAL = 7 };
static const char adamw[] = "{name: adamw, lr: 1e-2}";
static const char job[] = "updates: 15\nmicro_batches: 4\ninterval: 7\nevaluate: {every: 5 updates}";

static void trained(const struct example *e, const char *name, struct run_options options, struct run_result *r) {
  struct why why = {""};
  enum training_status status = example_train(e, name, options, r, &why);
  if (status != TRAINING_OK) fail_msg("%s: %d %s", name, status, why.text);
}

static enum training_status verified(const struct example *e, const char *name, struct verify_result *r) {
  struct verify_options o = {
      .all = true, .threads = 1, .has_seed = true, .prepare = {.threads = 1, .job_folder = e->folder}};
  struct why why = {""};
  return verify_run(example_path(e, name), &o, r, &why);
}

static uint32_t read_metrics(const struct example *e, const char *name, struct metrics_line *lines, uint32_t max) {
  char path[64];
  size_t length;
  uint32_t n = 0;
  snprintf(path, sizeof path, "%s/metrics.jsonl", name);
  uint8_t *text = example_read(example_path(e, path), &length);
  for (char *at = (char *)text, *stop; (stop = strchr(at, '\n')); at = stop + 1) {
    assert_true(n < max);
    assert_int_equal(metrics_parse(at, (size_t)(stop - at), &lines[n], NULL), TRAINING_OK);
    lines[n++].samples_per_s = 0;
  }
  free(text);
  return n;
}

static void same_metrics(const struct example *e, const char *a, const char *b) {
  static struct metrics_line first[40], second[40];
  uint32_t n = read_metrics(e, a, first, 40), m = read_metrics(e, b, second, 40);
  assert_int_equal(n, m);
  for (uint32_t i = 0; i < n; i++) {
    assert_int_equal(first[i].step, second[i].step);
    assert_memory_equal(&first[i].loss, &second[i].loss, 4);
  }
}

/* Metrics and evaluations count updates, traces and checkpoints steps. */
static void updates_and_steps_are_told_apart(void **state) {
  (void)state;
  static struct metrics_line lines[40];
  struct example e;
  struct run_result r;
  struct verify_result v;
  example_make(&e, adamw, job);
  trained(&e, "a", (struct run_options){0}, &r);
  assert_int_equal(r.update, UPDATES);
  assert_int_equal(access(example_path(&e, "a/tapes/accumulate.tape"), F_OK), 0);
  uint32_t n = read_metrics(&e, "a", lines, 40);
  assert_int_equal(n, UPDATES + 3 + 1);
  for (uint32_t i = 0, update = 0; i < n; i++) {
    if (lines[i].kind == METRICS_EVALUATION) assert_int_equal(lines[i].update % 5, 0);
    if (lines[i].kind != METRICS_UPDATE) continue;
    assert_int_equal(lines[i].update, ++update);
    assert_int_equal(lines[i].step, update * MICRO);
  }
  assert_true(lines[n - 3].loss < lines[0].loss);
  assert_int_equal(verified(&e, "a", &v), TRAINING_OK);
  assert_int_equal(v.checked_count, (STEPS + INTERVAL - 1) / INTERVAL);
  assert_int_equal(v.metrics_checked, UPDATES + 3);
  verify_shut(&v);
  trained(&e, "b", (struct run_options){.threads = 1, .execute = {.plain = true}}, &r);
  same_metrics(&e, "a", "b");
  trained(&e, "c", (struct run_options){.one_plan = true}, &r);
  same_metrics(&e, "a", "c");
  example_remove(&e);
}

/* Ends the process, or asks for an end, after the step-th call. */
struct end {
  uint32_t steps, at;
  bool kill;
  volatile sig_atomic_t stop;
};

static void end_at(void *context, const struct run_progress *p) {
  struct end *k = context;
  if (p->kind != RUN_STEP && p->kind != RUN_UPDATE) return;
  if (++k->steps < k->at) return;
  if (k->kill) raise(SIGKILL);
  k->stop = 1;
}

static void killed(const struct example *e, const char *name, uint32_t at, bool resume) {
  pid_t child = fork();
  if (child == 0) {
    struct end k = {.at = at, .kill = true};
    struct run_result r;
    example_train(e, name, (struct run_options){.progress = end_at, .context = &k, .resume = resume}, &r, NULL);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
}

static void runs_go_on_from_the_middle_of_an_update(void **state) {
  (void)state;
  struct example e;
  struct run_result whole, r;
  example_make(&e, adamw, job);
  trained(&e, "whole", (struct run_options){0}, &whole);
  for (uint32_t at = 1; at < STEPS - 1; at += 3) {
    char name[32];
    struct end k = {.at = at};
    snprintf(name, sizeof name, "stop%u", at);
    struct run_options stop = {.progress = end_at, .context = &k, .stop = &k.stop};
    assert_int_equal(example_train(&e, name, stop, &r, NULL), TRAINING_INTERRUPTED);
    assert_int_equal(r.update, at / MICRO);
    struct verify_result v;
    assert_int_equal(verified(&e, name, &v), TRAINING_OK);
    assert_int_equal(v.checked_count, (at + 1) / INTERVAL);
    verify_shut(&v);
    trained(&e, name, (struct run_options){.resume = true}, &r);
    assert_memory_equal(r.final_root, whole.final_root, MERKLE_BYTES);
    same_metrics(&e, "whole", name);
  }
  for (uint32_t at = 10; at < STEPS - 1; at += 13) {
    char name[32];
    snprintf(name, sizeof name, "killed%u", at);
    killed(&e, name, at, false);
    if (at > 30) killed(&e, name, 2, true); /* and a second time */
    trained(&e, name, (struct run_options){.resume = true}, &r);
    assert_memory_equal(r.final_root, whole.final_root, MERKLE_BYTES);
    same_metrics(&e, "whole", name);
  }
  example_remove(&e);
}

/* Steps 29 to 32 are update 8: 29 only adds up, 32 makes the update. */
static void lies_in_any_step_are_found(void **state) {
  (void)state;
  static const enum sabotage_kind kinds[] = {SABOTAGE_WEIGHT, SABOTAGE_GRADIENT, SABOTAGE_INDEX,    SABOTAGE_SKIP,
                                             SABOTAGE_STALE,  SABOTAGE_SEED,     SABOTAGE_BACKDOOR, SABOTAGE_OPTIMIZER};
  struct example e;
  struct run_result r;
  struct verify_result v;
  example_make(&e, adamw, job);
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (uint32_t step = 29; step <= 32; step += 3) {
      struct run_options o = {.force = true, .sabotage = {kinds[k], step}, .threads = 1};
      struct why why = {""};
      if (kinds[k] == SABOTAGE_OPTIMIZER && step == 29) {
        assert_int_equal(example_train(&e, "no", o, &r, &why), TRAINING_ERR_INPUT);
        assert_non_null(strstr(why.text, "no learning rate"));
        continue;
      }
      trained(&e, "lie", o, &r);
      assert_int_equal(verified(&e, "lie", &v), TRAINING_NO);
      assert_true(v.findings_count > 0);
      assert_int_equal(v.finding[0].kind, VERIFY_DIFFER);
      assert_int_equal(v.finding[0].interval, step / INTERVAL + 1);
      verify_shut(&v);
    }
  example_remove(&e);
}

/* A job that goes on from a state begins with what is left of the update the state stands in. */
static void schedules_begin_anywhere(void **state) {
  (void)state;
  struct example e;
  struct why why = {""};
  struct prepared *p = calloc(1, sizeof *p), *q = calloc(1, sizeof *q);
  uint8_t root[MERKLE_BYTES] = {1};
  assert_true(p && q);
  example_make(&e, adamw, job);
  const struct prepare_options options = {.threads = 1};
  assert_int_equal(prepare_open(p, example_path(&e, "job.yaml"), &options, &why), TRAINING_OK);
  assert_int_equal(prepare_open(q, example_path(&e, "job.yaml"), &options, &why), TRAINING_OK);
  assert_int_equal(job_steps(&p->job), STEPS);
  for (uint32_t step = 0; step < STEPS; step++) {
    assert_int_equal(job_tape(&p->job, step), prepare_tape(p, step));
    assert_int_equal(prepare_ends(p, step), step % MICRO ? 0 : step / MICRO);
  }
  for (uint32_t first = 1; first < STEPS; first++) {
    uint64_t runs[LOWER_TAPES_MAX] = {0};
    if (prepare_start(q, root, first, &why) != TRAINING_OK) fail_msg("%s", why.text);
    assert_int_equal(job_steps(&q->job), STEPS - first);
    for (uint32_t step = first; step < STEPS; step++) {
      uint8_t tape = job_tape(&q->job, step - first);
      assert_int_equal(tape, prepare_tape(p, step));
      runs[tape]++;
    }
    for (uint32_t t = 0; t < p->lowered.tapes_count; t++)
      assert_int_equal(prepare_runs(q, t, first, STEPS - first), runs[t]);
  }
  assert_int_equal(prepare_start(q, root, STEPS, &why), TRAINING_ERR_INPUT);
  prepare_shut(p);
  prepare_shut(q);
  free(p);
  free(q);
  example_remove(&e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(updates_and_steps_are_told_apart), cmocka_unit_test(runs_go_on_from_the_middle_of_an_update),
      cmocka_unit_test(lies_in_any_step_are_found), cmocka_unit_test(schedules_begin_anywhere)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
