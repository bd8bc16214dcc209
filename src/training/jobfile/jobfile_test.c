#include "training/jobfile/jobfile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char good[] = "assay: 1\n"
                           "model: m.onnx\n"
                           "data:\n"
                           "  train: {format: idx, inputs: x.gz, targets: y.gz, scale: 1/255}\n"
                           "  test: {dataset: fashion-mnist}\n"
                           "loss: {name: cross_entropy, label_smoothing: 0.1, ignore_index: -1}\n"
                           "optimizer: {name: adamw, lr: 1e-3, betas: [0.8, 0.99], eps: 1e-7, weight_decay: 0}\n"
                           "schedule: {name: cosine, warmup: 100, end: 0.5}\n"
                           "batch: 128\n"
                           "epochs: 5\n"
                           "seed: 18446744073709551615\n"
                           "interval: 17\n"
                           "evaluate: {every: 200 updates}\n"
                           "batch_norm: onnx\n";

static enum training_status parse(const char *text, struct jobfile *j, struct arena *arena, struct why *why) {
  assert_true(arena_open(arena, 1 << 24));
  return jobfile_read((const uint8_t *)text, strlen(text), arena, j, why);
}

static void reads_every_key(void **state) {
  (void)state;
  struct jobfile j;
  struct arena arena;
  struct why why = {""};
  if (parse(good, &j, &arena, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_string_equal(j.model, "m.onnx");
  assert_int_equal(j.train.format, DATA_IDX);
  assert_string_equal(j.train.input[0].name, "x.gz");
  assert_true(j.train.scale == 0x1.010102p-8f);
  assert_true(j.has_test);
  assert_int_equal(j.test.split, DATA_SPLIT_TEST); /* by its place */
  assert_int_equal(j.loss.ignore_index, -1);
  assert_true(j.loss.label_smoothing == 0.1f);
  assert_int_equal(j.optimizer.name, OPTIMIZER_ADAMW);
  assert_true(j.optimizer.beta1 == 0.8f && j.optimizer.beta2 == 0.99f && j.optimizer.eps == 1e-7f);
  assert_true(j.optimizer.weight_decay == 0);
  assert_int_equal(j.schedule.name, SCHEDULE_COSINE);
  assert_int_equal(j.schedule.warmup, 100);
  assert_int_equal(j.epochs, 5);
  assert_true(j.seed == UINT64_MAX);
  assert_true(j.seed_given);
  assert_int_equal(j.level, 2);
  assert_int_equal(j.interval, 17);
  assert_int_equal(j.evaluate_every_updates, 200);
  assert_int_equal(j.evaluate_every_epochs, 0);
  assert_true(j.biased_variance);
  assert_true(j.shuffle && j.drop_last && j.dropout < 0 && j.clip_norm == 0);
  arena_shut(&arena);
}

static void reads_levels(void **state) {
  (void)state;
  static const char *const words[] = {"spot", "standard", "strong", "full"};
  for (uint8_t level = 1; level <= 4; level++) {
    struct jobfile j;
    struct arena arena;
    struct why why = {""};
    char text[2048];
    size_t head = (size_t)(strstr(good, "seed: ") - good); /* no seed and what follows it */
    snprintf(text, sizeof text, "%.*sverify: %s\n", (int)head, good, words[level - 1]);
    if (parse(text, &j, &arena, &why) != TRAINING_OK) fail_msg("%s", why.text);
    assert_int_equal(j.level, level);
    assert_false(j.seed_given);
    arena_shut(&arena);
  }
}

/* Replaces the one occurrence of `old` in the good job and expects a message that holds every one of the words. */
static void refused(const char *old, const char *new, const char *line, const char *word) {
  char text[4096];
  const char *at = strstr(good, old);
  assert_non_null(at);
  snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
  struct jobfile j;
  struct arena arena;
  struct why why = {""};
  enum training_status status = parse(text, &j, &arena, &why);
  if (status != TRAINING_ERR_INPUT || !strstr(why.text, line) || !strstr(why.text, word))
    fail_msg("'%s' gave %d: %s (wanted %s, %s)", new, status, why.text, line, word);
  arena_shut(&arena);
}

static void names_the_line_and_the_way_out(void **state) {
  (void)state;
  refused("batch: 128", "bacth: 128", "line 9:", "did you mean 'batch'");
  refused("batch: 128", "augment: {flip: horizontal}", "line 9:", "belongs to data.train");
  refused("batch: 128", "warmup: 5", "line 9:", "belongs to schedule");
  refused("optimizer: {name: adamw, lr: 1e-3", "optimizer: {name: adamw, learning_rate: 1e-3",
          "line 7:", "unknown key");
  refused("eps: 1e-7", "momentum: 0.9", "line 7:", "optimizer adamw");
  refused("adamw", "adagrad",
          "line 7:", "not supported by this version yet; it has sgd, adamw, adam, lion and rmsprop");
  refused("name: adamw", "name: lion", "line 7:", "unknown key 'eps' in optimizer lion");
  refused("eps: 1e-7", "groups: []", "line 7:", "a list is wanted");
  refused("eps: 1e-7", "groups: [{weight_decay: 0}]", "line 7:", "'match' is missing");
  refused("eps: 1e-7", "groups: [{match: ['*']}]", "line 7:", "lr, weight_decay, or both");
  refused("eps: 1e-7", "groups: [{match: ['*'], lr: -1}]", "line 7:", "outside");
  refused("eps: 1e-7", "decay: matrix", "line 7:", "did you mean 'matrices'");
  refused("adamw", "admaw", "line 7:", "did you mean 'adamw'");
  refused("cosine", "exponential", "line 8:", "constant, cosine, linear, step and one_cycle");
  refused("name: cosine", "name: step", "line 8:", "unknown key 'end'");
  refused("name: cosine, warmup: 100, end: 0.5", "name: step", "line 8:", "either 'every'");
  refused("name: cosine, warmup: 100, end: 0.5", "name: step, every: 3, milestones: [1]", "line 8:", "not both");
  refused("name: cosine, warmup: 100, end: 0.5", "name: step, milestones: [3, 3]",
          "line 8:", "3 does not come after 3");
  refused("name: cosine, warmup: 100, end: 0.5", "name: step, milestones: [0]", "line 8:", "whole number");
  refused("name: cosine, warmup: 100, end: 0.5", "name: step, milestones: [1 epoch, 400]", "line 8:", "in one");
  refused("name: cosine, warmup: 100, end: 0.5", "name: step, every: 3epochs", "line 8:", "whole number");
  refused("name: cosine, warmup: 100, end: 0.5", "name: step, every: 3 weeks", "line 8:", "3 epochs");
  refused("name: cosine, warmup: 100, end: 0.5", "name: constant, warmup: 99999999999", "line 8:", "whole number");
  refused("name: cosine, warmup: 100, end: 0.5", "name: one_cycle, pct_start: 2", "line 8:", "outside");
  refused("epochs: 5", "epochs: 5\nclip_norm: 1\nclip_value: 1", "line 12:", "not both");
  refused("epochs: 5", "epochs: 5\nema: 1", "line 11:", "ema");
  refused("cross_entropy", "huber", "line 6:", "unknown key 'label_smoothing' in loss huber");
  refused("cross_entropy", "cross_entrpy", "line 6:", "did you mean 'cross_entropy'");
  refused("cross_entropy", "ctc", "line 6:", "not supported by this version yet");
  refused("ignore_index: -1", "class_axis: 0", "line 6:", "0 is the batch");
  refused("{name: cross_entropy, ", "{output: loss, ", "line 6:", "label_smoothing");
  refused("batch: 128", "batch: 0", "line 9:", "whole number");
  refused("batch: 128", "batch: 1e2", "line 9:", "whole number");
  refused("batch: 128", "batch: '128'", "line 9:", "whole number");
  refused("batch: 128", "batch: 99999999999999999999", "line 9:", "whole number");
  refused("epochs: 5", "epochs: 5\nupdates: 7", "line 11:", "not both");
  refused("epochs: 5", "drop_last: true", "line 1:", "either 'epochs' or 'updates'");
  refused("epochs: 5", "epochs: 5\nclip_norm: 0", "line 11:", "none");
  refused("epochs: 5", "seed: 1", "line 11:", "given twice");
  refused("lr: 1e-3", "lr: fast", "line 7:", "'fast' is not a number");
  refused("lr: 1e-3", "lr: -1", "line 7:", "outside");
  refused("lr: 1e-3", "lr: .nan", "line 7:", "not a number");
  refused("betas: [0.8, 0.99]", "betas: [0.8]", "line 7:", "two numbers");
  refused("betas: [0.8, 0.99]", "betas: [0.8, 1.0]", "line 7:", "outside");
  refused("seed: 18446744073709551615", "seed: 18446744073709551616", "line 11:", "seed");
  refused("interval: 17", "interval: 257", "line 12:", "1 to 256");
  refused("every: 200 updates", "every: 200", "line 13:", "1 epoch");
  refused("every: 200 updates", "often: 1", "line 13:", "did you mean 'every'");
  refused("format: idx", "format: parquet", "line 4:", "is unknown");
  refused("format: idx, ", "", "line 4:", "either 'format'");
  refused("scale: 1/255", "scale: 1/0", "line 4:", "1/255");
  refused("scale: 1/255", "augment: {flip: sideways}", "line 4:", "none, horizontal, vertical and both");
  refused("scale: 1/255", "augment: {crop: -1}", "line 4:", "whole number");
  refused("scale: 1/255", "augment: {cutoff: 3}", "line 4:", "did you mean 'cutout'");
  refused("scale: 1/255", "normalize: {mean: 0.5}", "line 4:", "'std' is missing");
  refused("scale: 1/255", "normalize: {mean: [0.5, 1], std: 1}", "line 4:", "as many numbers");
  refused("scale: 1/255", "normalize: {mean: [], std: []}", "line 4:", "one for each channel");
  refused("scale: 1/255", "normalize: {mean: 1, std: 0}", "line 4:", "outside");
  refused("inputs: x.gz", "inputs: {}", "line 4:", "a file is wanted");
  refused("inputs: x.gz", "inputs: {a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9}", "line 4:", "at most 8");
  refused("targets: y.gz", "split: test", "line 4:", "split");
  refused("assay: 1", "assay: 2", "line 1:", "format 1");
  refused("loss: {name", "loss: {nmae", "line 6:", "name");
  refused("interval: 17", "micro_batches: 3", "line 12:", "3 do not divide a batch of 128");
  refused("interval: 17", "micro_batches: 0", "line 12:", "whole number");
  refused("interval: 17", "verify: strnog", "line 12:", "did you mean 'strong'");
  refused("interval: 17", "train: [a]\nfreeze: [b]", "line 12:", "not both");
  refused("model: m.onnx", "model: &a m.onnx", "line 2:", "anchors");
  refused("model: m.onnx", "model: *a", "line 2:", "aliases");
  refused("model: m.onnx", "freeze: [*.bias]", "line 2:", "in quotes");
  refused("model: m.onnx", "model: !!str m.onnx", "line 2:", "tags");
  refused("model: m.onnx", "model: [[[[[[[[[[[[m]]]]]]]]]]]]", "line 2:", "too deeply");
  refused("model: m.onnx", "model: \"a\\0b\"", "line 2:", "zero character");
  refused("model: m.onnx", "model: {a: b}", "line 2:", "a text");
  refused("model: m.onnx", "model: 'a", "line", "");
  refused("interval: 17", "---\n", "line", "second document");
}

static void refuses_absurd_files(void **state) {
  (void)state;
  struct jobfile j;
  struct arena arena;
  struct why why = {""};
  assert_int_equal(parse("", &j, &arena, &why), TRAINING_ERR_INPUT);
  arena_shut(&arena);
  assert_int_equal(parse("just words", &j, &arena, &why), TRAINING_ERR_INPUT);
  arena_shut(&arena);
  char *large = malloc(JOBFILE_BYTES_MAX + 2);
  memset(large, '#', JOBFILE_BYTES_MAX + 1);
  large[JOBFILE_BYTES_MAX + 1] = 0;
  assert_int_equal(parse(large, &j, &arena, &why), TRAINING_ERR_INPUT);
  free(large);
  arena_shut(&arena);
}

/* torch.optim's, and Lion's paper's. */
static void knows_the_defaults(void **state) {
  (void)state;
  static const struct {
    const char *name;
    float lr, beta1, beta2, eps, weight_decay, alpha;
  } wanted[] = {{"sgd", 1e-3f, 0, 0, 0, 0, 0},
                {"adamw", 1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 0},
                {"adam", 1e-3f, 0.9f, 0.999f, 1e-8f, 0, 0},
                {"lion", 1e-4f, 0.9f, 0.99f, 0, 0, 0},
                {"rmsprop", 1e-2f, 0, 0, 1e-8f, 0, 0.99f}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    char text[200];
    struct jobfile j;
    struct arena arena;
    struct why why = {""};
    snprintf(text, sizeof text,
             "{assay: 1, model: m, data: {train: {format: npy, inputs: a, targets: b}}, loss: mse, optimizer: %s, "
             "schedule: one_cycle, batch: 1, updates: 3}",
             wanted[i].name);
    if (parse(text, &j, &arena, &why) != TRAINING_OK) fail_msg("%s", why.text);
    const struct optimizer_options *o = &j.optimizer;
    assert_int_equal(o->name, i);
    assert_true(o->lr == wanted[i].lr && o->beta1 == wanted[i].beta1 && o->beta2 == wanted[i].beta2);
    assert_true(o->eps == wanted[i].eps && o->weight_decay == wanted[i].weight_decay && o->alpha == wanted[i].alpha);
    assert_true(o->momentum == 0 && !o->centered && !o->decay_matrices && !o->groups_count);
    assert_true(j.schedule.pct_start == 0.3f && j.schedule.div == 25 && j.schedule.final_div == 1e4f);
    assert_true(j.clip_value == 0 && j.ema == 0);
    arena_shut(&arena);
  }
}

static void reads_losses(void **state) {
  static const struct {
    const char *text;
    struct loss_options want;
  } cases[] = {{"cross_entropy", {.name = LOSS_CROSS_ENTROPY, .ignore_index = -100}},
               {"{name: cross_entropy, class_axis: -1, ignore_index: 7}",
                {.name = LOSS_CROSS_ENTROPY, .ignore_index = 7, .class_axis = -1}},
               {"l1", {.name = LOSS_L1, .ignore_index = -100}},
               {"huber", {.name = LOSS_HUBER, .ignore_index = -100, .delta = 1}},
               {"{name: huber, delta: 1/2}", {.name = LOSS_HUBER, .ignore_index = -100, .delta = 0.5f}},
               {"{name: smooth_l1, beta: 0}", {.name = LOSS_SMOOTH_L1, .ignore_index = -100}},
               {"bce_with_logits", {.name = LOSS_BCE_WITH_LOGITS, .ignore_index = -100}},
               {"{output: its_loss}", {.name = LOSS_OUTPUT, .ignore_index = -100, .output = "its_loss"}}};
  (void)state;
  for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
    char text[256];
    struct jobfile j;
    struct arena arena;
    struct why why = {""};
    const struct loss_options *want = &cases[n].want;
    snprintf(text, sizeof text,
             "{assay: 1, model: m, data: {train: {format: npy, inputs: a}}, loss: %s, optimizer: sgd, batch: 1, "
             "updates: 3}",
             cases[n].text);
    if (parse(text, &j, &arena, &why) != TRAINING_OK) fail_msg("%s: %s", cases[n].text, why.text);
    assert_int_equal(j.loss.name, want->name);
    assert_int_equal(j.loss.ignore_index, want->ignore_index);
    assert_int_equal(j.loss.class_axis, want->class_axis);
    assert_true(j.loss.delta == want->delta);
    if (want->output) assert_string_equal(j.loss.output, want->output);
    arena_shut(&arena);
  }
}

static void reads_groups_and_milestones(void **state) {
  (void)state;
  struct jobfile j;
  struct arena arena;
  struct why why = {""};
  const char *text = "{assay: 1, model: m, data: {train: {format: npy, inputs: a, targets: b}}, loss: mse, batch: 1, "
                     "updates: 3, ema: 0.99, clip_value: 0.5, schedule: {name: step, warmup: 1 epoch, milestones: [4 "
                     "epochs, 9 epochs], gamma: 0.5}, "
                     "optimizer: {name: adamw, decay: matrices, groups: [{match: [a.*, b], lr: 0.5}, {match: [c], "
                     "weight_decay: 0}]}}";
  if (parse(text, &j, &arena, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_true(j.ema == 0.99f && j.clip_value == 0.5f && j.optimizer.decay_matrices);
  assert_int_equal(j.optimizer.groups_count, 2);
  assert_int_equal(j.optimizer.group[0].match_count, 2);
  assert_string_equal(j.optimizer.group[0].match[0], "a.*");
  assert_true(j.optimizer.group[0].lr == 0.5f && j.optimizer.group[0].weight_decay < 0);
  assert_true(j.optimizer.group[1].lr < 0 && j.optimizer.group[1].weight_decay == 0);
  assert_int_equal(j.schedule.milestones_count, 2);
  assert_int_equal(j.schedule.milestone[1], 9);
  assert_true(j.schedule.gamma == 0.5f && j.schedule.every == 0 && j.schedule.warmup == 1);
  assert_true(j.schedule_epochs.warmup && j.schedule_epochs.milestones && !j.schedule_epochs.every);
  arena_shut(&arena);
}

static void optimizer_may_be_a_word(void **state) {
  (void)state;
  struct jobfile j;
  struct arena arena;
  struct why why = {""};
  const char *text =
      "{assay: 1, model: m, data: {train: {format: npy, inputs: {x: a.npy}, targets: b.npy}}, loss: mse, "
      "optimizer: sgd, batch: 1, updates: 3}";
  if (parse(text, &j, &arena, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_int_equal(j.optimizer.name, OPTIMIZER_SGD);
  assert_true(j.optimizer.lr == 1e-3f && j.optimizer.momentum == 0);
  assert_string_equal(j.train.input[0].input, "x");
  assert_string_equal(j.train.input[0].name, "a.npy");
  assert_int_equal(j.updates, 3);
  assert_int_equal(j.evaluate_every_epochs, 0); /* no test set */
  arena_shut(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads_every_key),
                                     cmocka_unit_test(reads_levels),
                                     cmocka_unit_test(names_the_line_and_the_way_out),
                                     cmocka_unit_test(refuses_absurd_files),
                                     cmocka_unit_test(knows_the_defaults),
                                     cmocka_unit_test(reads_losses),
                                     cmocka_unit_test(reads_groups_and_milestones),
                                     cmocka_unit_test(optimizer_may_be_a_word)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
