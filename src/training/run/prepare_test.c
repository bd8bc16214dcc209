#define _DEFAULT_SOURCE
#include "base/hex.h"
#include "training/checkpoint/checkpoint.h"
#include "training/run/bundle.h"
#include "training/run/evaluate.h"
#include "training/run/example.h"
#include "training/run/export.h"
#include "training/run/prepare.h"
#include "training/run/quote.h"
#include "training/run/spec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char adamw[] = "{name: adamw, lr: 1e-2}";

static enum training_status prepared(const struct example *e, struct prepared *p, struct why *why) {
  struct prepare_options options = {.threads = 1};
  *why = (struct why){""};
  return prepare_open(p, example_path(e, "job.yaml"), &options, why);
}

/* The same job gives the same root; whatever decides a result changes it, and what cannot decide one does not. */
static void the_root_is_of_all_that_decides(void **state) {
  (void)state;
  static const struct {
    const char *optimizer, *more;
    bool same;
  } jobs[] = {{"{name: adamw, lr: 1e-2}", "updates: 24", true},
              {"{lr: 0.01, name: adamw}", "updates: 24\nverify: standard\nmicro_batches: 1", true},
              {"{name: adamw, lr: 1.0001e-2}", "updates: 24", false},
              {"{name: sgd, lr: 1e-2}", "updates: 24", false},
              {"{name: adamw, lr: 1e-2}", "updates: 25", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\nshuffle: false", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\ninterval: 3", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\nclip_norm: 1", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\nfreeze: [1.weight]", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\nclip_value: 1", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\nema: 0.9", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\nmicro_batches: 2", false},
              {"{name: adam, lr: 1e-2, weight_decay: 0.01}", "updates: 24", false},
              {"{name: adamw, lr: 1e-2, decay: matrices}", "updates: 24", false},
              {"{name: adamw, lr: 1e-2, decay: all}", "updates: 24", true},
              {"{name: adamw, lr: 1e-2, groups: [{match: ['1.*'], lr: 1e-3}]}", "updates: 24", false},
              {"{name: adamw, lr: 1e-2}", "updates: 24\nschedule: cosine", false}};
  struct prepared *p = calloc(1, sizeof *p);
  uint8_t first[MERKLE_BYTES];
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    struct example e;
    struct why why;
    example_make(&e, jobs[i].optimizer, jobs[i].more);
    if (prepared(&e, p, &why) != TRAINING_OK) fail_msg("%s", why.text);
    if (i == 0) memcpy(first, p->job_root, MERKLE_BYTES);
    if ((memcmp(first, p->job_root, MERKLE_BYTES) == 0) != jobs[i].same) fail_msg("job %zu", i);
    prepare_shut(p);
    example_remove(&e);
  }
  free(p);
}

/* 200 samples, 16 an update: an epoch has 12 updates. Names may be patterns. */
static void words_that_mean_the_same_are_the_same_job(void **state) {
  (void)state;
  static const char *const jobs[][2] = {
      {"schedule: {name: step, warmup: 1 epoch, every: 2 epochs}",
       "schedule: {name: step, warmup: 12, every: 24 updates}"},
      {"freeze: ['1.*', '5.b?as']", "train: ['3.*', 5.weight]"},
      {"schedule: {name: step, milestones: [1 epoch, 3 epochs]}", "schedule: {name: step, milestones: [12, 36]}"}};
  struct prepared *p = calloc(1, sizeof *p);
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    uint8_t root[2][MERKLE_BYTES];
    for (int k = 0; k < 2; k++) {
      struct example e;
      struct why why;
      char more[160];
      snprintf(more, sizeof more, "epochs: 5\n%s", jobs[i][k]);
      example_make(&e, adamw, more);
      if (prepared(&e, p, &why) != TRAINING_OK) fail_msg("%s", why.text);
      memcpy(root[k], p->job_root, MERKLE_BYTES);
      prepare_shut(p);
      example_remove(&e);
    }
    assert_memory_equal(root[0], root[1], MERKLE_BYTES);
  }
  free(p);
}

static void write_zeros(const struct example *e, const char *name, const char *shape, size_t count) {
  FILE *f = fopen(example_path(e, name), "wb");
  char header[119], text[112];
  snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
  snprintf(header, sizeof header, "%-117s\n", text);
  assert_non_null(f);
  assert_int_equal(fwrite("\x93NUMPY\x01\x00v\x00", 1, 10, f) + fwrite(header, 1, 118, f), 128);
  for (float zero = 0; count--;) assert_int_equal(fwrite(&zero, 4, 1, f), 1);
  assert_int_equal(fclose(f), 0);
}

/* A list of what trains leaves a batch norm's running statistics running, as they are no tensor that could train;
 * naming them in freeze stops them. */
static void a_list_of_weights_stops_no_statistic(void **state) {
  (void)state;
  static const char *const more[] = {"", "train: [first, deep*, '*.s', '*.b', up, mix, last]", "freeze: [bn.m]"};
  uint8_t root[3][MERKLE_BYTES];
  struct prepared *p = calloc(1, sizeof *p);
  struct example e;
  example_make(&e, adamw, "epochs: 5");
  write_zeros(&e, "images.npy", "16, 28, 28", (size_t)16 * 28 * 28);
  write_zeros(&e, "rows.npy", "16, 10", (size_t)16 * 10);
  for (int i = 0; i < 3; i++) {
    struct why why;
    FILE *f = fopen(example_path(&e, "job.yaml"), "w");
    assert_non_null(f);
    fprintf(f,
            "assay: 1\nmodel: %s/norms.onnx\ndata: {train: {format: npy, inputs: images.npy, targets: rows.npy}}\n"
            "loss: mse\noptimizer: %s\nbatch: 8\nupdates: 4\n%s\n",
            ASSAY_MODELS, adamw, more[i]);
    assert_int_equal(fclose(f), 0);
    if (prepared(&e, p, &why) != TRAINING_OK) fail_msg("%s", why.text);
    memcpy(root[i], p->job_root, MERKLE_BYTES);
    prepare_shut(p);
  }
  assert_memory_equal(root[0], root[1], MERKLE_BYTES);
  assert_memory_not_equal(root[0], root[2], MERKLE_BYTES);
  example_remove(&e);
  free(p);
}

static void mistakes_are_named(void **state) {
  (void)state;
  static const struct {
    const char *more, *word;
  } jobs[] = {
      {"updates: 24\nfreeze: [1.wieght]", "did you mean '1.weight'"},
      {"updates: 24\ntrain: [nothing]", "no tensor 'nothing'"},
      {"updates: 24\nfreeze: ['7.*']", "no tensor that matches '7.*'"},
      {"epochs: 3\nupdates: 2", "either"},
      {"updates: 2147483647", "whole number"},
      {"updates: 200000000\nmicro_batches: 16", "fewer than 2^31 steps"},
      {"updates: 24\nschedule: {name: step, every: 2000000000 epochs}", "more than 2^31 updates"},
  };
  struct prepared *p = calloc(1, sizeof *p);
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    struct example e;
    struct why why;
    example_make(&e, adamw, jobs[i].more);
    assert_int_equal(prepared(&e, p, &why), TRAINING_ERR_INPUT);
    if (!strstr(why.text, jobs[i].word)) fail_msg("'%s' for %s", why.text, jobs[i].more);
    example_remove(&e);
  }
  free(p);
}

static void change_job(const struct example *e, const char *old, const char *new) {
  size_t length;
  char *text = (char *)example_read(example_path(e, "job.yaml"), &length), *found = strstr(text, old);
  char *out = malloc(length + 512);
  assert_non_null(found);
  int n = sprintf(out, "%.*s%s%s", (int)(found - text), text, new, found + strlen(old));
  example_write(example_path(e, "job.yaml"), out, (size_t)n);
  free(out);
  free(text);
}

static void data_that_does_not_fit_the_model(void **state) {
  (void)state;
  static const struct {
    const char *old, *new, *word;
  } changes[] = {
      {"inputs: x.npy", "inputs: y.npy", "samples of 2 (2 elements), but the model's input 'input' takes 8"},
      {"inputs: x.npy", "inputs: {image: x.npy}", "no input 'image'; its input is 'input'"},
      {"inputs: x.npy", "inputs: none.npy", "none.npy: No such file"},
      {"batch: 16", "batch: 201", "has only 200"},
      {"inputs: x.npy, targets: y.npy}\n  test", "inputs: x.npy, targets: y.npy, scale: 2}\n  test", "scale is for u8"},
      {"regression.onnx", "nothing.onnx", "nothing.onnx: No such file"},
      {"loss: mse", "loss: cross_entropy", "holds floats; cross_entropy takes integer classes"},
      {"regression.onnx", "../models", "is a folder"}};
  struct prepared *p = calloc(1, sizeof *p);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    struct example e;
    struct why why;
    example_make(&e, adamw, "updates: 24");
    change_job(&e, changes[i].old, changes[i].new);
    assert_int_equal(prepared(&e, p, &why), TRAINING_ERR_INPUT);
    if (!strstr(why.text, changes[i].word)) fail_msg("'%s' for %s", why.text, changes[i].new);
    example_remove(&e);
  }
  free(p);
}

static void what_does_not_fit_is_refused_before_it_starts(void **state) {
  (void)state;
  struct example e;
  struct why why;
  struct prepared *p = calloc(1, sizeof *p);
  struct execute_options options = {0};
  example_make(&e, adamw, "updates: 24");
  assert_int_equal(prepared(&e, p, &why), TRAINING_OK);
  assert_int_equal(prepare_fits(p, &options, &why), TRAINING_OK);
  p->state_bytes = (uint64_t)1 << 50; /* as a very large model would have */
  assert_int_equal(prepare_fits(p, &options, &why), TRAINING_ERR_SYSTEM);
  assert_non_null(strstr(why.text, "does not fit in memory"));
  struct run_options run = {.folder = example_path(&e, "run")};
  struct run_result r;
  assert_int_equal(run_train(p, &run, &r, &why), TRAINING_ERR_SYSTEM);
  assert_int_equal(access(example_path(&e, "run"), F_OK), -1); /* not even a folder */
  prepare_shut(p);
  free(p);
  example_remove(&e);
}

/* Weights go out, and come in again as the initial ones of another job, bit for bit; and they evaluate to the same
 * loss. */
static void exported_weights_are_the_state(void **state) {
  (void)state;
  struct example e;
  struct run_result r;
  struct why why;
  struct onnx_file *f = calloc(1, sizeof *f);
  struct arena arena;
  struct evaluation a, b;
  char data[256];
  struct prepare_options options = {.threads = 1};
  struct execute_options execute = {0};
  example_make(&e, adamw, "updates: 40");
  assert_int_equal(example_train(&e, "run", (struct run_options){0}, &r, &why), TRAINING_OK);
  options.job_folder = e.folder;
  assert_int_equal(evaluate_folder(example_path(&e, "run"), NULL, &options, &execute, &a, &why), TRAINING_OK);
  options.job_folder = NULL;
  snprintf(data, sizeof data, "{format: npy, inputs: %s/tx.npy, targets: %s/ty.npy}", e.folder, e.folder);
  if (evaluate_model(example_path(&e, "run/model.onnx"), data, LOSS_MSE, &options, &execute, &b, &why) != TRAINING_OK)
    fail_msg("%s", why.text);
  assert_int_equal(a.count, b.count);
  assert_true(a.loss > 0 && b.loss / a.loss > 0.9999f &&
              b.loss / a.loss < 1.0001f); /* another batch, another order of sums */
  /* safetensors: header length, JSON, then the weights in the header's order */
  size_t length, header = 0;
  uint8_t *bytes = example_read(example_path(&e, "run/model.safetensors"), &length);
  for (int i = 0; i < 8; i++) header |= (size_t)bytes[i] << 8 * i;
  assert_int_equal(header % 8, 0);
  assert_int_equal(length, 8 + header + 4 * 450);
  assert_true(arena_open(&arena, 1 << 24));
  assert_int_equal(onnx_file_open(example_path(&e, "run/model.onnx"), &arena, f, &why), TRAINING_OK);
  uint32_t found = 0;
  for (uint32_t i = 0; i < f->model.initializers_count; i++) {
    const struct onnx_tensor *t = &f->model.initializer[i];
    char quoted[80];
    bytes[8 + header - 1] = 0; /* a space or the last brace: strstr stays in the header */
    snprintf(quoted, sizeof quoted, "\"%s\":{", t->name);
    char *at = strstr((char *)bytes + 8, quoted), *offsets = at ? strstr(at, "\"data_offsets\":[") : NULL;
    if (!offsets) continue;
    size_t from = strtoul(offsets + 16, NULL, 10);
    assert_memory_equal(bytes + 8 + header + from, t->f32, t->count * 4);
    found++;
  }
  assert_int_equal(found, 6);
  free(bytes);
  onnx_file_shut(f);
  arena_shut(&arena);
  free(f);
  example_remove(&e);
}

static void a_quote_counts_what_the_tapes_say(void **state) {
  (void)state;
  struct example e;
  struct why why;
  struct quote q;
  struct prepared *p = calloc(1, sizeof *p);
  struct execute_options options = {0};
  example_make(&e, adamw, "updates: 24\ninterval: 5\nevaluate: {every: 10 updates}");
  assert_int_equal(prepared(&e, p, &why), TRAINING_OK);
  if (quote_job(p, &options, 0.01, &q, &why) != TRAINING_OK) fail_msg("%s", why.text);
  const struct tape *t = p->lowered.tape;
  uint64_t update = t[TAPE_OF_TRAIN].counts.dot_flops + t[TAPE_OF_TRAIN].counts.body_ops;
  uint64_t evaluation = t[TAPE_OF_EVALUATE].counts.dot_flops + t[TAPE_OF_EVALUATE].counts.body_ops;
  assert_int_equal(q.flops_per_update, update);
  assert_int_equal(q.flops, t[TAPE_OF_INIT].counts.body_ops + 24 * update +
                                3 * 13 * evaluation); /* 200 samples in batches of 16 */
  assert_int_equal(q.intervals, 5);
  assert_int_equal(q.checkpoint_bytes, 5 * p->state_bytes);
  assert_true(q.seconds > 0 && q.commit_share > 0 && q.memory_bytes > 3 * p->state_bytes);
  prepare_shut(p);
  free(p);
  example_remove(&e);
}

static void a_quote_counts_micro_batches(void **state) {
  (void)state;
  struct example e;
  struct why why;
  struct quote q;
  struct prepared *p = calloc(1, sizeof *p);
  struct execute_options options = {0};
  example_make(&e, adamw, "updates: 24\ninterval: 5\nmicro_batches: 4\nevaluate: {every: 10 updates}");
  assert_int_equal(prepared(&e, p, &why), TRAINING_OK);
  if (quote_job(p, &options, 0.01, &q, &why) != TRAINING_OK) fail_msg("%s", why.text);
  const struct tape *t = p->lowered.tape, *parts = &t[p->lowered.accumulate];
  uint64_t update = t[TAPE_OF_TRAIN].counts.dot_flops + t[TAPE_OF_TRAIN].counts.body_ops +
                    3 * (parts->counts.dot_flops + parts->counts.body_ops);
  uint64_t evaluation = t[TAPE_OF_EVALUATE].counts.dot_flops + t[TAPE_OF_EVALUATE].counts.body_ops;
  assert_int_equal(q.flops_per_update, update);
  assert_int_equal(q.flops, t[TAPE_OF_INIT].counts.body_ops + 24 * update + 3 * 50 * evaluation); /* batches of 4 */
  assert_int_equal(q.steps, 97);
  assert_int_equal(q.intervals, 20);
  prepare_shut(p);
  free(p);
  example_remove(&e);
}

static void groups_without_tensors_are_refused(void **state) {
  (void)state;
  static const char *const optimizers[] = {"{name: adamw, groups: [{match: ['9.*'], lr: 1}]}",
                                           "{name: adamw, groups: [{match: ['*'], lr: 1}, {match: ['1.*'], lr: 1}]}"};
  struct prepared *p = calloc(1, sizeof *p);
  for (int i = 0; i < 2; i++) {
    struct example e;
    struct why why;
    example_make(&e, optimizers[i], "updates: 24");
    assert_int_equal(prepared(&e, p, &why), TRAINING_ERR_INPUT);
    if (!strstr(why.text, i ? "group 2 ('1.*') has no tensor" : "group 1 ('9.*') has no tensor"))
      fail_msg("%s", why.text);
    example_remove(&e);
  }
  free(p);
}

/* Whoever prepares a run's folder puts the path together on its own stack. */
static void the_name_is_kept(void **state) {
  (void)state;
  struct example e;
  struct why why = {""};
  char path[FILE_PATH_MAX];
  struct prepared *p = calloc(1, sizeof *p);
  example_make(&e, adamw, "updates: 4");
  snprintf(path, sizeof path, "%s", example_path(&e, "job.yaml"));
  assert_int_equal(prepare_open(p, path, &(struct prepare_options){.threads = 1}, &why), TRAINING_OK);
  memset(path, 0, sizeof path);
  assert_string_equal(p->job_name, example_path(&e, "job.yaml"));
  prepare_shut(p);
  /* a folder for the job's paths that cannot be one is not exchanged for another, and nobody has to ask why */
  char *far = malloc(2 * FILE_PATH_MAX);
  memset(far, 'x', 2 * FILE_PATH_MAX);
  far[2 * FILE_PATH_MAX - 1] = 0;
  struct prepare_options options = {.threads = 1, .job_folder = far};
  assert_int_equal(prepare_open(p, example_path(&e, "job.yaml"), &options, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "too long"));
  free(far);
  assert_int_equal(unlink(example_path(&e, "x.npy")), 0);
  assert_int_equal(prepare_open(p, example_path(&e, "job.yaml"), &(struct prepare_options){.threads = 1}, NULL),
                   TRAINING_ERR_INPUT);
  free(p);
  example_remove(&e);
}

/* LEDGER 15.3: the text is the same for the same job, and other for another; no word of terms or paths is in it. */
/* Every word of a recipe is in the text, and in job.json of a run. */
static void a_recipe_as_text(void **state) {
  (void)state;
  static const struct {
    const char *optimizer, *more, *words[7];
  } jobs[] = {
      {"{name: rmsprop, alpha: 0.9, momentum: 0.5, centered: true, decay: matrices}",
       "ema: 0.9\nmicro_batches: 4\nclip_value: 0.5\nschedule: {name: one_cycle, pct_start: 0.2, anneal_strategy: "
       "linear}",
       {"\"name\":\"rmsprop\"", "\"alpha\":\"0.9\"", "\"centered\":true", "\"decay\":\"matrices\"", "\"ema\":\"0.9\"",
        "\"micro_batches\":4", "\"anneal_strategy\":\"linear\",\"div_factor\":\"25\",\"final_div_factor\":\"1e+04\""}},
      {"{name: lion, groups: [{match: ['*.bias', '1.*'], lr: 0.5}, {match: ['3.*'], weight_decay: 0}]}",
       "schedule: {name: step, milestones: [4, 9], gamma: 0.5}",
       {"\"name\":\"lion\"", "\"lr\":\"0.0001\"", "{\"lr\":\"0.5\",\"match\":[\"*.bias\",\"1.*\"]}",
        "{\"match\":[\"3.*\"],\"weight_decay\":\"0\"}", "\"milestones\":[4,9]", "\"gamma\":\"0.5\"",
        "\"betas\":[\"0.9\",\"0.99\"]"}},
      {"{name: adam, weight_decay: 0.25}",
       "schedule: {name: linear, warmup: 2, start: 0.5, end: 0.25}",
       {"\"name\":\"adam\"", "\"weight_decay\":\"0.25\"", "\"warmup\":2", "\"start\":\"0.5\"", "\"end\":\"0.25\"",
        "\"linear\"", "adam"}}};
  struct prepared *p = calloc(1, sizeof *p);
  for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
    struct example e;
    struct why why;
    char more[300], *text;
    size_t length;
    snprintf(more, sizeof more, "updates: 24\n%s", jobs[i].more);
    example_make(&e, jobs[i].optimizer, more);
    if (prepared(&e, p, &why) != TRAINING_OK) fail_msg("%s", why.text);
    assert_int_equal(spec_text(p, &text, &length, &why), TRAINING_OK);
    for (int k = 0; k < 7; k++)
      if (!strstr(text, jobs[i].words[k])) fail_msg("%s is not in %s", jobs[i].words[k], text);
    free(text);
    prepare_shut(p);
    example_remove(&e);
  }
  free(p);
}

static void a_job_as_text(void **state) {
  (void)state;
  static const char *const more[] = {"updates: 24", "updates: 24\nverify: full", "updates: 25"};
  struct prepared *p = calloc(1, sizeof *p);
  char *text[3], *drawn;
  size_t length;
  struct why why;
  for (int i = 0; i < 3; i++) {
    struct example e;
    example_make(&e, "{name: adamw, lr: 3e-4, betas: [0.9, 0.999]}", more[i]);
    if (prepared(&e, p, &why) != TRAINING_OK) fail_msg("%s", why.text);
    assert_int_equal(spec_text(p, &text[i], &length, &why), TRAINING_OK);
    assert_int_equal(length, strlen(text[i]));
    assert_null(strstr(text[i], e.folder));
    if (i == 0) {
      prepare_seed(p, 1, 0);
      assert_int_equal(spec_text(p, &drawn, &length, &why), TRAINING_OK);
      assert_non_null(strstr(drawn, "\"seed\":null"));
      free(drawn);
    }
    prepare_shut(p);
    example_remove(&e);
  }
  assert_string_equal(text[0], text[1]);
  assert_string_not_equal(text[0], text[2]);
  assert_true(text[0][0] == '{' && text[0][strlen(text[0]) - 1] == '}' && !strchr(text[0], '\n'));
  assert_non_null(strstr(text[0], "\"lr\":\"0.0003\""));
  assert_non_null(strstr(text[0], "\"betas\":[\"0.9\",\"0.999\"]"));
  assert_non_null(strstr(text[0], "\"seed\":\"7\""));
  for (const char *c = text[0]; *c; c++) assert_true(*c >= ' ' && *c < 0x7f);
  for (int i = 0; i < 3; i++) free(text[i]);
  free(p);
}

/* From a state: init is not run again, the steps are numbered on, and what is left is what is cut. */
static void a_job_from_a_state(void **state) {
  (void)state;
  struct example e;
  struct why why;
  struct prepared *p = calloc(1, sizeof *p);
  uint8_t start[MERKLE_BYTES] = {9}, root[MERKLE_BYTES];
  example_make(&e, adamw, "updates: 24\ninterval: 5");
  if (prepared(&e, p, &why) != TRAINING_OK) fail_msg("%s", why.text);
  memcpy(root, p->job_root, sizeof root);
  assert_int_equal(p->job.section[0].entries, 2);
  assert_int_equal(prepare_start(p, start, 11, &why), TRAINING_OK);
  assert_int_equal(p->job.first_step, 11);
  assert_int_equal(p->steps, 14);
  assert_int_equal(p->intervals, 3);
  assert_int_equal(p->task[0].steps, 14);
  assert_int_equal(p->job.section[0].entries, 1);
  assert_int_equal(p->job.section[0].entry[0].tape, TAPE_OF_TRAIN);
  assert_int_equal(job_steps(&p->job), 14);
  assert_int_equal(p->job.seed, 7);
  assert_memory_equal(p->job.start_root, start, sizeof start);
  assert_memory_not_equal(p->job_root, root, sizeof root);
  assert_int_equal(prepare_start(p, start, 25, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "nothing is left"));
  assert_int_equal(prepare_start(p, start, 0, &why), TRAINING_ERR_INPUT);
  assert_int_equal(prepare_start(p, start, 24, &why), TRAINING_OK);
  assert_int_equal(p->steps, 1);
  prepare_shut(p);
  free(p);
  example_remove(&e);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_root_is_of_all_that_decides),
                                     cmocka_unit_test(a_list_of_weights_stops_no_statistic),
                                     cmocka_unit_test(mistakes_are_named),
                                     cmocka_unit_test(words_that_mean_the_same_are_the_same_job),
                                     cmocka_unit_test(data_that_does_not_fit_the_model),
                                     cmocka_unit_test(what_does_not_fit_is_refused_before_it_starts),
                                     cmocka_unit_test(exported_weights_are_the_state),
                                     cmocka_unit_test(the_name_is_kept),
                                     cmocka_unit_test(a_job_as_text),
                                     cmocka_unit_test(a_recipe_as_text),
                                     cmocka_unit_test(a_job_from_a_state),
                                     cmocka_unit_test(a_quote_counts_what_the_tapes_say),
                                     cmocka_unit_test(a_quote_counts_micro_batches),
                                     cmocka_unit_test(groups_without_tensors_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
