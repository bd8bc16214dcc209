#define _DEFAULT_SOURCE
#include "base/hex.h"
#include "commit/state/state.h"
#include "training/checkpoint/checkpoint.h"
#include "training/checkpoint/committer.h"
#include "training/run/example.h"
#include "training/verify/verify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char adamw[] = "{name: adamw, lr: 1e-2}";
static const char short_job[] = "updates: 24\ninterval: 5\nevaluate: {every: 10 updates}"; /* 5 intervals, all kept */

static void trained(const struct example *e, const char *name) {
  struct why why = {""};
  struct run_result r;
  enum training_status status = example_train(e, name, (struct run_options){.threads = 1}, &r, &why);
  if (status != TRAINING_OK) fail_msg("%s: %d %s", name, status, why.text);
}

/* Verifies folder `name`; the caller shuts the result. */
static enum training_status verified(const struct example *e, const char *name, uint32_t intervals,
                                     struct verify_result *r, struct why *why) {
  struct verify_options o = {.all = intervals == 0,
                             .intervals = intervals,
                             .has_seed = true,
                             .seed = 5,
                             .threads = 1,
                             .prepare = {.threads = 1, .job_folder = e->folder}};
  *why = (struct why){""};
  return verify_run(example_path(e, name), &o, r, why);
}

static void agrees(const struct example *e, const char *name, uint32_t intervals) {
  struct verify_result r;
  struct why why;
  enum training_status status = verified(e, name, intervals, &r, &why);
  if (status != TRAINING_OK || r.findings_count) fail_msg("%s: %d %s", name, status, why.text);
  if (intervals == 0) assert_int_equal(r.checked_count, r.intervals_run);
  verify_shut(&r);
}

static void sound_runs_agree(void **state) {
  (void)state;
  struct example e;
  struct verify_result a, b;
  struct why why;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  agrees(&e, "run", 0);
  /* the same seed draws the same intervals, each once */
  for (uint32_t n = 1; n <= 7; n++) {
    assert_int_equal(verified(&e, "run", n, &a, &why), TRAINING_OK);
    assert_int_equal(verified(&e, "run", n, &b, &why), TRAINING_OK);
    assert_int_equal(a.checked_count, n < 5 ? n : 5);
    assert_int_equal(b.checked_count, a.checked_count);
    assert_memory_equal(a.checked, b.checked, a.checked_count * sizeof *a.checked);
    verify_shut(&a);
    verify_shut(&b);
  }
  /* without any checkpoint everything is computed from the start */
  example_copy(&e, "run", "bare");
  for (uint32_t n = 1; n <= 5; n++) {
    char name[64];
    snprintf(name, sizeof name, "bare/checkpoints/%06u.state", n);
    assert_int_equal(unlink(example_path(&e, name)), 0);
  }
  agrees(&e, "bare", 0);
  agrees(&e, "bare", 1);
  example_remove(&e);
}

static void unfinished_and_diverged_runs_agree(void **state) {
  (void)state;
  struct example e;
  struct run_result r;
  struct why why;
  example_make(&e, adamw, short_job);
  assert_int_equal(example_train(&e, "open", (struct run_options){.stop_after_update = 17}, &r, &why),
                   TRAINING_INTERRUPTED);
  agrees(&e, "open", 0);
  example_remove(&e);
  example_make(&e, "{name: sgd, lr: 20}", short_job);
  assert_int_equal(example_train(&e, "diverged", (struct run_options){0}, &r, &why), TRAINING_NO);
  agrees(&e, "diverged", 0);
  example_remove(&e);
}

/* Flips one bit of a copied folder's file, verifies, flips it back. */
static void flip(const struct example *e, const char *file, size_t at, uint8_t bit, uint32_t intervals,
                 struct verify_result *r) {
  char name[128];
  size_t length;
  struct why why;
  snprintf(name, sizeof name, "run/%s", file);
  uint8_t *bytes = example_read(example_path(e, name), &length);
  assert_true(at < length);
  bytes[at] ^= (uint8_t)(1u << bit);
  example_write(example_path(e, name), bytes, length);
  enum training_status status = verified(e, "run", intervals, r, &why);
  if (status != TRAINING_ERR_INPUT) fail_msg("%s byte %zu bit %u: %d %s", file, at, bit, status, why.text);
  bytes[at] ^= (uint8_t)(1u << bit);
  example_write(example_path(e, name), bytes, length);
  free(bytes);
}

static size_t length_of(const struct example *e, const char *name) {
  size_t length;
  free(example_read(example_path(e, name), &length));
  return length;
}

static const struct verify_finding *finding_for(const struct verify_result *r, const char *file) {
  for (uint32_t i = 0; i < r->findings_count; i++)
    if (strcmp(r->finding[i].file, file) == 0) return &r->finding[i];
  for (uint32_t i = 0; i < r->findings_count; i++) print_error("finding: %s\n", r->finding[i].text);
  fail_msg("%s is not named", file);
  return NULL;
}

/* One bit of every leaf of every checkpoint, though only one interval is drawn: file, tensor and element come out
 * right. */
static void every_leaf_of_every_checkpoint(void **state) {
  (void)state;
  struct example e;
  struct prepared *p = calloc(1, sizeof *p);
  struct prepare_options prepare = {.threads = 1};
  struct why why;
  uint64_t s = 9;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  assert_int_equal(prepare_open(p, example_path(&e, "job.yaml"), &prepare, &why), TRAINING_OK);
  for (uint32_t n = 1; n <= 5; n++)
    for (uint64_t leaf = n % 2; leaf < p->state_leaves; leaf += 2) {
      char file[64];
      struct verify_result r;
      uint32_t entry;
      uint64_t index;
      s = s * 6364136223846793005u + 1442695040888963407u;
      size_t at =
          leaf * TAPE_LEAF_BYTES + (s >> 33) % (leaf % 3 ? 64 : TAPE_LEAF_BYTES); /* the padding of small tensors too */
      snprintf(file, sizeof file, "checkpoints/%06u.state", n);
      flip(&e, file, at, s >> 60 & 7, 1, &r);
      const struct verify_finding *f = finding_for(&r, file);
      prepare_describe(p, at, &entry, &index);
      assert_int_equal(f->kind, VERIFY_DAMAGED);
      assert_int_equal(f->interval, n);
      assert_true(f->has_index);
      assert_int_equal(f->index, index);
      const char *name = p->lowered.layout.entry[entry].name;
      assert_memory_equal(f->tensor, name, strlen(name));
      assert_int_equal(r.outcome, VERIFY_DAMAGED);
      verify_shut(&r);
    }
  agrees(&e, "run", 0); /* nothing was left flipped */
  prepare_shut(p);
  free(p);
  example_remove(&e);
}

static void every_byte_of_the_trace(void **state) {
  (void)state;
  enum { ROOTS_AT = 8 + 12 + 4 + 1 + 32 };
  struct example e;
  struct verify_result r;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  size_t length = length_of(&e, "run/traces/0000.bin");
  assert_int_equal(length, ROOTS_AT + 7 * 32);
  for (size_t at = 0; at < length; at++) {
    flip(&e, "traces/0000.bin", at, at % 8, at % 3 ? 1 : 0, &r);
    const struct verify_finding *f = finding_for(&r, "traces/0000.bin");
    assert_int_equal(r.outcome, VERIFY_DAMAGED);
    /* roots[1..5]: which one is found, since the checkpoint beside it does not fit it */
    if (at >= ROOTS_AT + 32 && at < ROOTS_AT + 6 * 32) {
      assert_true(f->has_index);
      assert_int_equal(f->index, (at - ROOTS_AT) / 32);
    }
    for (uint32_t i = 0; i < r.findings_count; i++) /* the sound checkpoints are not accused */
      assert_null(strstr(r.finding[i].file, "checkpoints/"));
    verify_shut(&r);
  }
  example_remove(&e);
}

static void bytes_of_the_tapes(void **state) {
  (void)state;
  static const char *const tapes[] = {"tapes/init.tape", "tapes/train.tape", "tapes/evaluate.tape"};
  struct example e;
  struct verify_result r;
  struct why why;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  for (int t = 0; t < 3; t++) {
    char name[64];
    snprintf(name, sizeof name, "run/%s", tapes[t]);
    size_t length = length_of(&e, name);
    for (size_t at = 0; at < length; at += 1 + length / 150) {
      flip(&e, tapes[t], at, at % 8, 1, &r);
      const struct verify_finding *f = finding_for(&r, tapes[t]);
      assert_true(f->has_index);
      assert_int_equal(f->index, at);
      verify_shut(&r);
    }
    /* cut, and longer */
    size_t whole;
    uint8_t *bytes = example_read(example_path(&e, name), &whole);
    example_write(example_path(&e, name), bytes, whole - 1);
    assert_int_equal(verified(&e, "run", 1, &r, &why), TRAINING_ERR_INPUT);
    finding_for(&r, tapes[t]);
    verify_shut(&r);
    example_write(example_path(&e, name), bytes, whole + 1);
    assert_int_equal(verified(&e, "run", 1, &r, &why), TRAINING_ERR_INPUT);
    verify_shut(&r);
    unlink(example_path(&e, name));
    assert_int_equal(verified(&e, "run", 1, &r, &why), TRAINING_ERR_INPUT);
    finding_for(&r, tapes[t]);
    verify_shut(&r);
    example_write(example_path(&e, name), bytes, whole);
    free(bytes);
  }
  agrees(&e, "run", 1);
  struct prepare_options prepare = {.threads = 1, .job_folder = e.folder};
  assert_int_equal(verify_lowering(example_path(&e, "run"), &prepare, &r, &why), TRAINING_OK);
  verify_shut(&r);
  example_remove(&e);
}

/* Replaces line n (from 1) of metrics.jsonl; text NULL takes it out. */
static void change_line(const struct example *e, uint32_t n, const char *old, const char *new, bool drop) {
  size_t length;
  uint8_t *text = example_read(example_path(e, "whole/metrics.jsonl"), &length);
  char *out = malloc(length + 256), *to = out;
  uint32_t number = 1;
  for (char *at = (char *)text, *stop; (stop = strchr(at, '\n')); at = stop + 1, number++) {
    char *found = number == n && old ? strstr(at, old) : NULL;
    if (number == n && drop) continue;
    if (found && found < stop) {
      to += sprintf(to, "%.*s%s%.*s", (int)(found - at), at, new, (int)(stop + 1 - found - (ptrdiff_t)strlen(old)),
                    found + strlen(old));
    } else {
      to += sprintf(to, "%.*s", (int)(stop + 1 - at), at);
    }
  }
  example_write(example_path(e, "run/metrics.jsonl"), out, (size_t)(to - out));
  free(out);
  free(text);
}

static void metrics_contradict(const struct example *e, uint32_t line) {
  struct verify_result r;
  struct why why;
  enum training_status status = verified(e, "run", 0, &r, &why);
  if (status != TRAINING_ERR_INPUT) fail_msg("line %u: %d %s", line, status, why.text);
  const struct verify_finding *f = finding_for(&r, "metrics.jsonl");
  assert_int_equal(f->kind, VERIFY_DAMAGED);
  assert_string_equal(f->unit, "line");
  assert_int_equal(f->index, line);
  verify_shut(&r);
}

static void every_line_of_the_metrics(void **state) {
  (void)state;
  struct example e;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  example_copy(&e, "run", "whole");
  for (uint32_t line = 1; line <= 27; line++) { /* 24 updates, evaluations after 10, 20 and 24; then the last line */
    bool evaluation = line == 11 || line == 22 || line == 27;
    change_line(&e, line, evaluation ? "loss\": 0." : "loss\": ", evaluation ? "loss\": 0.1" : "loss\": 1", false);
    metrics_contradict(&e, line);
    if (line % 5) continue;
    change_line(&e, line, "\"update\": ", "\"update\": 1", false);
    metrics_contradict(&e, line);
    change_line(&e, line, ": ", " ", false);
    metrics_contradict(&e, line);
  }
  change_line(&e, 3, "\"lr\": 0.0", "\"lr\": 0.1", false);
  metrics_contradict(&e, 3);
  change_line(&e, 28, "\"done\"", "\"diverged\"", false); /* the outcome's; the key stands first */
  metrics_contradict(&e, 28);
  change_line(&e, 28, NULL, NULL, true);
  metrics_contradict(&e, 28);
  change_line(&e, 5, NULL, NULL, true);
  metrics_contradict(&e, 5);
  change_line(&e, 11, NULL, NULL, true); /* an evaluation that was due */
  metrics_contradict(&e, 10);
  change_line(&e, 0, NULL, NULL, false);
  agrees(&e, "run", 0);
  example_remove(&e);
}

/* Somebody commits to a state that the job does not give, and makes all files fit each other. */
static void forge(const struct example *e, uint32_t interval, size_t at) {
  char name[64], path[128], old_root[65], new_root[65], old_trace[65], new_trace[65];
  size_t length;
  uint8_t root[MERKLE_BYTES], bytes[TRACE_FILE_BYTES_MAX];
  struct trace trace;
  struct why why;
  snprintf(name, sizeof name, "run/checkpoints/%06u.state", interval);
  uint8_t *blob = example_read(example_path(e, name), &length);
  blob[at] ^= 1;
  example_write(example_path(e, name), blob, length);
  assert_int_equal(checkpoint_root(NULL, blob, length, root, &why), TRAINING_OK);
  free(blob);
  assert_int_equal(committer_trace_read(example_path(e, "run"), 0, &trace, &why), TRAINING_OK);
  hex_encode(trace.roots[interval], MERKLE_BYTES, old_root);
  hex_encode(root, MERKLE_BYTES, new_root);
  uint8_t sealed[MERKLE_BYTES];
  trace_root(&trace, sealed);
  hex_encode(sealed, MERKLE_BYTES, old_trace);
  memcpy(trace.roots[interval], root, MERKLE_BYTES);
  trace_root(&trace, sealed);
  hex_encode(sealed, MERKLE_BYTES, new_trace);
  length = trace_write(&trace, bytes, sizeof bytes);
  example_write(example_path(e, "run/traces/0000.bin"), bytes, length);
  static const char *const files[] = {"run/job.json", "run/metrics.jsonl"};
  for (int f = 0; f < 2; f++) {
    snprintf(path, sizeof path, "%s", example_path(e, files[f]));
    char *text = (char *)example_read(path, &length), *found;
    while ((found = strstr(text, old_root))) memcpy(found, new_root, 64);
    while ((found = strstr(text, old_trace))) memcpy(found, new_trace, 64);
    example_write(path, text, length);
    free(text);
  }
}

static void a_forged_run_differs(void **state) {
  (void)state;
  struct example e;
  struct verify_result r;
  struct why why;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  example_copy(&e, "run", "whole");
  for (uint32_t interval = 1; interval <= 5; interval++) {
    example_copy(&e, "whole", "run");
    forge(&e, interval, 4096 * 7 + 40);
    assert_int_equal(verified(&e, "run", 0, &r, &why), TRAINING_NO);
    assert_int_equal(r.outcome, VERIFY_DIFFER);
    const struct verify_finding *f = &r.finding[0];
    assert_int_equal(f->kind, VERIFY_DIFFER);
    assert_int_equal(f->interval, interval); /* the first one that is wrong */
    assert_true(f->has_index);
    assert_int_equal(f->index, 10);
    assert_true(f->tensor[0] != 0);
    verify_shut(&r);
  }
  example_remove(&e);
}

static void a_forged_trace_differs(void **state) {
  (void)state;
  struct example e;
  struct verify_result r;
  struct why why;
  struct trace trace;
  uint8_t bytes[TRACE_FILE_BYTES_MAX];
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  /* sealed again around another root, but job.json and the checkpoint were forgotten */
  assert_int_equal(committer_trace_read(example_path(&e, "run"), 0, &trace, &why), TRAINING_OK);
  trace.roots[3][0] ^= 1;
  size_t length = trace_write(&trace, bytes, sizeof bytes);
  example_write(example_path(&e, "run/traces/0000.bin"), bytes, length);
  assert_int_equal(verified(&e, "run", 0, &r, &why), TRAINING_NO);
  verify_shut(&r);
  example_remove(&e);
}

static void other_damage(void **state) {
  (void)state;
  static const char *const json[][2] = {{"\"outcome\": \"done\"", "\"outcome\": \"diverged\""},
                                        {"\"steps_run\": 25", "\"steps_run\": 24"},
                                        {"\"intervals_run\": 5", "\"intervals_run\": 4"},
                                        {"\"interval_steps\": 5", "\"interval_steps\": 6"},
                                        {"\"final_root\": \"", "\"final_root\": \"0"},
                                        {"\"job_root\": \"", "\"job_root\": \"f\", \"x\": \""},
                                        {"{", "["},
                                        {"\"updates\": 24", "\"updates\": -1"}};
  struct example e;
  struct verify_result r;
  struct why why;
  size_t length;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  char *whole = (char *)example_read(example_path(&e, "run/job.json"), &length);
  for (size_t i = 0; i < sizeof json / sizeof *json; i++) {
    char *text = malloc(length + 64), *found = strstr(whole, json[i][0]);
    assert_non_null(found);
    int n = sprintf(text, "%.*s%s%s", (int)(found - whole), whole, json[i][1], found + strlen(json[i][0]));
    example_write(example_path(&e, "run/job.json"), text, (size_t)n);
    enum training_status status = verified(&e, "run", 1, &r, &why);
    if (status != TRAINING_ERR_INPUT && status != TRAINING_NO) fail_msg("%s: %d %s", json[i][1], status, why.text);
    assert_true(why.text[0] != 0);
    verify_shut(&r);
    free(text);
  }
  example_write(example_path(&e, "run/job.json"), whole, length);
  agrees(&e, "run", 1);
  /* a checkpoint of another job, one of no interval, and one cut short */
  example_write(example_path(&e, "run/checkpoints/000003.state"), whole, length);
  assert_int_equal(verified(&e, "run", 1, &r, &why), TRAINING_ERR_INPUT);
  finding_for(&r, "checkpoints/000003.state");
  verify_shut(&r);
  example_write(example_path(&e, "run/checkpoints/000099.state"), whole, length);
  assert_int_equal(verified(&e, "run", 1, &r, &why), TRAINING_ERR_INPUT);
  finding_for(&r, "checkpoints/000099.state");
  verify_shut(&r);
  /* no run at all */
  assert_int_equal(verified(&e, "checkpoints", 1, &r, &why), TRAINING_ERR_INPUT);
  verify_shut(&r);
  free(whole);
  example_remove(&e);
}

/* The data a run was made from was changed since: nothing can be said about the run, and that is said. */
static void changed_data_is_noticed(void **state) {
  (void)state;
  struct example e;
  struct verify_result r;
  struct why why;
  size_t length;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  uint8_t *bytes = example_read(example_path(&e, "x.npy"), &length);
  bytes[length - 3] ^= 1;
  example_write(example_path(&e, "x.npy"), bytes, length);
  free(bytes);
  assert_int_equal(verified(&e, "run", 1, &r, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "one of them was changed"));
  verify_shut(&r);
  example_remove(&e);
}

/* The weights that others load, and what job.json repeats for readers, whatever intervals are drawn. */
static void what_a_run_delivers(void **state) {
  (void)state;
  static const char *const models[] = {"model.onnx", "model.safetensors"};
  static const char *const fields[] = {"\"canon\": ",    "\"seed\": \"", "\"layout_hash\": \"",
                                       "\"records\": ",  "\"bytes\": ",  "\"batch\": ",
                                       "\"sha256\": \"", "\"lr\": 0.0",  "\"number\": "};
  struct example e;
  struct verify_result r;
  struct why why;
  size_t length;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  for (int m = 0; m < 2; m++) {
    char name[64];
    snprintf(name, sizeof name, "run/%s", models[m]);
    length = length_of(&e, name);
    for (size_t at = 0; at < length; at += length / 9) {
      flip(&e, models[m], at, at % 8, 1, &r);
      const struct verify_finding *f = finding_for(&r, models[m]);
      assert_int_equal(f->kind, VERIFY_DAMAGED);
      assert_int_equal(f->index, at);
      verify_shut(&r);
    }
  }
  char *text = (char *)example_read(example_path(&e, "run/job.json"), &length);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    char *digit = strstr(text, fields[i]), before;
    assert_non_null(digit);
    digit += strlen(fields[i]);
    before = *digit;
    *digit = before == '7' ? '8' : '7';
    example_write(example_path(&e, "run/job.json"), text, length);
    if (verified(&e, "run", 1, &r, &why) != TRAINING_ERR_INPUT) fail_msg("%s: %s", fields[i], why.text);
    finding_for(&r, "job.json");
    verify_shut(&r);
    *digit = before;
  }
  example_write(example_path(&e, "run/job.json"), text, length);
  free(text);
  agrees(&e, "run", 1);
  unlink(example_path(&e, "run/model.onnx")); /* whoever has no use for a file may throw it away */
  agrees(&e, "run", 1);
  example_remove(&e);
}

/* More damage than there is room for does not push out the interval that differs. */
static void damage_hides_no_difference(void **state) {
  (void)state;
  struct example e;
  struct verify_result r;
  struct why why;
  size_t length;
  example_make(&e, adamw, short_job);
  trained(&e, "run");
  forge(&e, 4, 4096 * 7 + 40);
  char *text = (char *)example_read(example_path(&e, "run/metrics.jsonl"), &length);
  for (char *at = text; (at = strstr(at, "\"lr\": 0.0")); at++) at[8] = '1';
  example_write(example_path(&e, "run/metrics.jsonl"), text, length);
  free(text);
  assert_int_equal(verified(&e, "run", 0, &r, &why), TRAINING_NO);
  assert_int_equal(r.findings_count, VERIFY_FINDINGS_MAX);
  const struct verify_finding *f = finding_for(&r, "checkpoints/000004.state");
  assert_int_equal(f->kind, VERIFY_DIFFER);
  assert_int_equal(f->interval, 4);
  verify_shut(&r);
  example_remove(&e);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sound_runs_agree),
                                     cmocka_unit_test(unfinished_and_diverged_runs_agree),
                                     cmocka_unit_test(every_leaf_of_every_checkpoint),
                                     cmocka_unit_test(every_byte_of_the_trace),
                                     cmocka_unit_test(bytes_of_the_tapes),
                                     cmocka_unit_test(every_line_of_the_metrics),
                                     cmocka_unit_test(a_forged_run_differs),
                                     cmocka_unit_test(a_forged_trace_differs),
                                     cmocka_unit_test(other_damage),
                                     cmocka_unit_test(what_a_run_delivers),
                                     cmocka_unit_test(damage_hides_no_difference),
                                     cmocka_unit_test(changed_data_is_noticed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
