/* What a step reads: every input's words are compared with what a few loops over the data say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "model/lower/trial.h"
#include "numeric/random.h"

static struct sketch s;

/* One tape of a job, with all its temp values after a step. */
struct world {
  struct arena arena;
  struct lowered l;
  struct execute *run;
  const struct tape *tape;
  uint8_t *state;
  struct why why;
};

enum { SEED = 42 };

static void open(struct world *w, const struct lower_options *o, uint32_t tape, const void *const data[DATA_COUNT],
                 uint32_t step) {
  struct execute_options how = {.materialise = true};
  const void *all[DATA_COUNT];
  *w = (struct world){0};
  assert_true(arena_open(&w->arena, (size_t)1 << 28));
  if (lower_job(&s.model, o, &w->arena, &w->l, &w->why) != LOWER_OK) fail_msg("%s", w->why.text);
  for (int n = 0; n < DATA_COUNT; n++) all[n] = w->l.data[n] ? w->l.data[n] : data[n];
  w->tape = &w->l.tape[tape];
  if (execute_open(&w->run, w->tape, all, &how, &w->why) != EXECUTE_OK) fail_msg("%s", w->why.text);
  w->state = aligned_alloc(64, (size_t)w->tape->state_leaves * TAPE_LEAF_BYTES);
  assert_non_null(w->state);
  memset(w->state, 0, (size_t)w->tape->state_leaves * TAPE_LEAF_BYTES);
  execute_step(w->run, w->state, step, SEED);
}

static void shut(struct world *w) {
  execute_shut(w->run);
  free(w->state);
  arena_shut(&w->arena);
}

/* The result of the n-th record that reads data tensor `number`. */
static const void *reading(const struct world *w, uint8_t number, uint32_t n) {
  for (uint32_t r = 0; r < w->tape->records_count; r++)
    for (uint8_t p = 0; p < w->tape->record[r].operands; p++) {
      const struct tape_operand *o = &w->tape->record[r].operand[p];
      if (o->space != TAPE_DATA || o->data_number != number) continue;
      if (n-- == 0) return execute_temps(w->run) + w->tape->record[r].first_leaf * TAPE_LEAF_BYTES;
      break;
    }
  fail_msg("nothing reads tensor %u that often", number);
  return NULL;
}

/* The samples of a step: the first record. */
static const int32_t *sample_numbers(const struct world *w) {
  return (const int32_t *)(execute_temps(w->run) + w->tape->record[0].first_leaf * TAPE_LEAF_BYTES);
}

static const char *data_entry(const struct world *w, uint8_t number) {
  const struct layout_entry *e = layout_data(&w->l.layout, number);
  return e ? e->name : "none";
}

enum { N = 12, BATCH = 4 };
static float a[N][3], y[N][3];
static uint8_t b[N][3];

static void two_inputs(const char *second) {
  sketch_begin(&s, 1);
  sketch_input(&s, "a", (int64_t[]){-1, 3, 0});
  sketch_input(&s, second, (int64_t[]){-1, 3, 0});
  sketch_weight(&s, "p", (int64_t[]){1, 3, 0}, 1);
  char text[32];
  snprintf(text, sizeof text, "%s p", second);
  sketch_node(&s, "Mul", "a p", "ap");
  sketch_node(&s, "Mul", text, "bp");
  sketch_node(&s, "Add", "ap bp", "y");
  sketch_output(&s, "y");
  for (int i = 0; i < N; i++)
    for (int k = 0; k < 3; k++) {
      a[i][k] = (float)(10 * i + k);
      b[i][k] = (uint8_t)(200 - 3 * i + k);
      y[i][k] = (float)(i + 100 * k);
    }
}

static struct lower_options two_options(void) {
  struct lower_options o = trial_defaults(BATCH);
  o.loss.name = LOSS_MSE;
  o.shuffle = true;
  o.train = (struct sample_shape){.samples = N,
                                  .input_rank = 1,
                                  .input_dim = {3},
                                  .target_rank = 1,
                                  .target_dim = {3},
                                  .scale = 1,
                                  .more_count = 1,
                                  .more = {{.dtype = TAPE_U8, .rank = 1, .dim = {3}, .scale = 0.5f}}};
  return o;
}

static void inputs_are_fed_by_name(void **state) {
  (void)state;
  for (int tests = 0; tests < 2; tests++) {
    struct world w;
    struct lower_options o = two_options();
    two_inputs("b");
    if (tests) o.test = o.train, o.test.samples = 7;
    uint8_t number = tests ? 6 : 4;
    const void *data[DATA_COUNT] = {[0] = a, [1] = y, [4] = tests ? (const void *)a : b, [5] = y, [6] = b, [7] = b};
    open(&w, &o, TAPE_OF_TRAIN, data, 2);
    assert_string_equal(data_entry(&w, number), "train.b");
    assert_string_equal(data_entry(&w, 7), tests ? "test.b" : "none");
    assert_int_equal(w.l.layout.data_count, tests ? 8 : 5);
    const int32_t *index = sample_numbers(&w);
    const float *first = reading(&w, 0, 0), *second = reading(&w, number, 0);
    for (int j = 0; j < BATCH; j++) {
      assert_int_equal(index[j], random_perm(0, N, BATCH + j, SEED));
      for (int k = 0; k < 3; k++) {
        assert_true(first[3 * j + k] == a[index[j]][k]);
        assert_true(second[3 * j + k] == (float)b[index[j]][k] * 0.5f);
      }
    }
    shut(&w);
    if (!tests) continue;
    open(&w, &o, TAPE_OF_EVALUATE, data, 1); /* samples 4 to 6, and one beyond */
    second = reading(&w, 7, 0);
    for (int j = 0; j < BATCH; j++) {
      assert_int_equal(sample_numbers(&w)[j], j < 3 ? 4 + j : -1);
      for (int k = 0; k < 3; k++) assert_true(second[3 * j + k] == (j < 3 ? (float)b[4 + j][k] * 0.5f : 0));
    }
    shut(&w);
  }
}

static void targets_feed_an_input(void **state) {
  (void)state;
  struct world w;
  struct lower_options o = two_options();
  o.train.more[0] = (struct sample_input){.targets = true};
  two_inputs("train.targets");
  const void *data[DATA_COUNT] = {a, y};
  open(&w, &o, TAPE_OF_TRAIN, data, 1);
  assert_int_equal(w.l.layout.data_count, 4);
  const float *second = reading(&w, DATA_TRAIN_TARGETS, 0);
  for (int j = 0; j < BATCH; j++)
    for (int k = 0; k < 3; k++) assert_true(second[3 * j + k] == y[sample_numbers(&w)[j]][k]);
  shut(&w);
  o.train.more[0] = (struct sample_input){.dtype = TAPE_F32, .rank = 1, .dim = {3}};
  open(&w, &o, TAPE_OF_TRAIN, (const void *[DATA_COUNT]){a, y, NULL, NULL, b}, 1);
  assert_string_equal(data_entry(&w, 4), "train.train.targets");
  shut(&w);
  two_inputs("inputs"); /* a name that is taken */
  open(&w, &o, TAPE_OF_TRAIN, (const void *[DATA_COUNT]){a, y, NULL, NULL, b}, 1);
  assert_string_equal(data_entry(&w, 4), "train.inputs~2");
  shut(&w);
}

enum { TOKENS = 50, CONTEXT = 6, VOCABULARY = 5 };

/* Logits [batch, context, 5] of one weight a class: x as floats times the classes' weights. */
static void text_model(void) {
  sketch_begin(&s, 3);
  sketch_input(&s, "x", (int64_t[]){-1, CONTEXT, 0});
  sketch_weight(&s, "p", (int64_t[]){1, VOCABULARY, 0}, 1);
  sketch_integers(&s, "last", 1, (int64_t[]){-1});
  sketch_node(&s, "Unsqueeze", "x last", "x1");
  sketch_node(&s, "MatMul", "x1 p", "y");
  sketch_output(&s, "y");
}

static void windows_of_text(void **state) {
  (void)state;
  static uint8_t text[TOKENS], pairs[TOKENS][2];
  static int32_t words[TOKENS];
  text_model();
  for (int i = 0; i < TOKENS; i++) {
    words[i] = (i * i + 3 * i) % 7 + 300;
    text[i] = (uint8_t)(words[i] % 256);
    pairs[i][0] = (uint8_t)(words[i] % 256);
    pairs[i][1] = (uint8_t)(words[i] / 256);
  }
  for (int kind = 0; kind < 3; kind++)
    for (uint32_t stride = 2; stride < 12; stride += 4) {
      struct world w;
      uint32_t samples = (TOKENS - 1 - CONTEXT) / stride + 1;
      struct lower_options o = trial_defaults(3);
      o.train =
          (struct sample_shape){.samples = samples,
                                .input_dtype = kind == 2 ? TAPE_I32 : TAPE_U8,
                                .input_rank = 1,
                                .input_dim = {CONTEXT},
                                .scale = 1,
                                .text = {.tokens = TOKENS, .context = CONTEXT, .stride = stride, .pairs = kind == 1}};
      o.test = o.train;
      o.evaluate_batch = samples + 2;
      const void *all[] = {text, pairs, words}, *data[DATA_COUNT] = {[0] = all[kind], [4] = all[kind]};
      for (uint32_t tape = TAPE_OF_TRAIN; tape <= TAPE_OF_EVALUATE; tape++) {
        uint32_t batch = tape == TAPE_OF_TRAIN ? 3 : samples + 2;
        open(&w, &o, tape, data, tape == TAPE_OF_TRAIN);
        const int32_t *index = sample_numbers(&w);
        const float *x = reading(&w, tape == TAPE_OF_TRAIN ? 0 : 4, 0);
        const int32_t *t = reading(&w, tape == TAPE_OF_TRAIN ? 0 : 4, 1);
        for (uint32_t j = 0; j < batch; j++)
          for (uint32_t k = 0; k < CONTEXT; k++) {
            uint32_t at = (uint32_t)index[j] * stride + k, step = j * CONTEXT + k;
            int32_t now = index[j] < 0 ? 0 : kind ? words[at] : text[at];
            int32_t next = index[j] < 0 ? -100 : kind ? words[at + 1] : text[at + 1];
            if (x[step] != (float)now || t[step] != next)
              fail_msg("kind %d stride %u: sample %u, token %u: %g, %d, not %d, %d", kind, stride, j, k,
                       (double)x[step], t[step], now, next);
          }
        assert_int_equal(*(const uint8_t *)w.l.data[DATA_TRAIN_TARGETS], 0);
        shut(&w);
      }
    }
}

enum { CHANNELS = 2, ROWS = 5, COLUMNS = 4 };
static uint8_t picture[N][CHANNELS][ROWS][COLUMNS];
static const float mean_numbers[] = {0.25f, 0.5f}, std_numbers[] = {0.5f, 2};

static struct lower_options picture_options(bool channels_last) {
  sketch_begin(&s, 4);
  sketch_input(&s, "x", (int64_t[]){-1, CHANNELS, ROWS, COLUMNS, 0});
  sketch_weight(&s, "w", (int64_t[]){1, CHANNELS, ROWS, COLUMNS, 0}, 1);
  sketch_node(&s, channels_last ? "Conv" : "Mul", "x w", "y");
  sketch_output(&s, "y");
  for (uint32_t i = 0; i < sizeof picture; i++) (&picture[0][0][0][0])[i] = (uint8_t)(1 + 7 * i % 250);
  struct lower_options o = trial_defaults(BATCH);
  o.loss.name = LOSS_MSE;
  o.train = (struct sample_shape){.samples = N,
                                  .input_dtype = TAPE_U8,
                                  .input_rank = 3,
                                  .input_dim = {CHANNELS, ROWS, COLUMNS},
                                  .target_rank = 3,
                                  .target_dim = {CHANNELS, ROWS, COLUMNS},
                                  .scale = 1.0f / 256};
  if (channels_last) memcpy(o.train.target_dim, (uint32_t[]){1, 1, 1}, 12);
  return o;
}

static int32_t drawn(uint32_t j, int32_t stream, uint32_t n, uint32_t step) {
  return (int32_t)((uint64_t)random_word(j, (uint32_t)stream, step, SEED) * n >> 32);
}

/* The same in loops: mirrored, moved, normalised, cut. */
static float augmented(const struct lower_options *o, int32_t sample, uint32_t j, int c, int r, int k, uint32_t step) {
  const struct sample_augment *v = &o->train.augment;
  int crop = (int)v->crop, row = r, column = k;
  bool inside = true;
  if (v->flip_columns && random_word(j, 0xffffff00, step, SEED) < 0x80000000) column = COLUMNS - 1 - column;
  if (v->flip_rows && random_word(j, 0xffffff01, step, SEED) < 0x80000000) row = ROWS - 1 - row;
  if (crop) {
    row += drawn(j, -254, 2 * v->crop + 1, step) - crop;
    column += drawn(j, -253, 2 * v->crop + 1, step) - crop;
    inside = row >= 0 && row < ROWS && column >= 0 && column < COLUMNS;
  }
  if (v->cutout) {
    int top = drawn(j, -252, ROWS, step) - (int)v->cutout / 2,
        left = drawn(j, -251, COLUMNS, step) - (int)v->cutout / 2;
    if (r >= top && r < top + (int)v->cutout && k >= left && k < left + (int)v->cutout) inside = false;
  }
  if (!inside) return 0;
  float x = (float)picture[sample][c][row][column] * o->train.scale;
  return o->train.normalize.mean ? (x - mean_numbers[c]) / std_numbers[c] : x;
}

static void pictures_are_changed_as_said(void **state) {
  (void)state;
  static float targets[N][CHANNELS][ROWS][COLUMNS];
  struct onnx_tensor mean = {.type = ONNX_FLOAT, .rank = 1, .dim = {2}, .count = 2, .f32 = mean_numbers}, std = mean;
  std.f32 = std_numbers;
  uint32_t zeros = 0;
  for (uint32_t kind = 0; kind < 64; kind++) {
    struct world w;
    struct lower_options o = picture_options(kind >> 5);
    o.train.augment = (struct sample_augment){
        .flip_columns = kind & 1, .flip_rows = kind >> 1 & 1, .crop = kind >> 2 & 1, .cutout = kind & 8 ? 3 : 0};
    if (kind & 16) o.train.normalize = (struct sample_normalize){&mean, &std};
    for (uint32_t step = 1; step < 4; step++) {
      open(&w, &o, TAPE_OF_TRAIN, (const void *[DATA_COUNT]){picture, targets}, step);
      const float *x = reading(&w, 0, 0);
      for (uint32_t j = 0; j < BATCH; j++)
        for (int c = 0; c < CHANNELS; c++)
          for (int r = 0; r < ROWS; r++)
            for (int k = 0; k < COLUMNS; k++) {
              uint32_t inner =
                  kind >> 5 ? (uint32_t)((r * COLUMNS + k) * CHANNELS + c) : (uint32_t)((c * ROWS + r) * COLUMNS + k);
              float want = augmented(&o, sample_numbers(&w)[j], j, c, r, k, step);
              float got = x[j * CHANNELS * ROWS * COLUMNS + inner];
              zeros += want == 0;
              if (got != want)
                fail_msg("kind %u step %u sample %u (%d, %d, %d): %g, not %g", kind, step, j, c, r, k, (double)got,
                         (double)want);
            }
      shut(&w);
    }
  }
  assert_true(zeros > 1000); /* much was cut out or lies outside */
}

/* A table's columns have their own numbers; evaluation is normalised and never changed. */
static void tests_are_normalised_only(void **state) {
  (void)state;
  static float targets[N][CHANNELS][ROWS][COLUMNS];
  struct onnx_tensor one = {.type = ONNX_FLOAT, .rank = 1, .dim = {1}, .count = 1, .f32 = mean_numbers};
  struct lower_options o = picture_options(false);
  struct world w;
  o.train.normalize = (struct sample_normalize){&one, &one};
  o.test = o.train;
  o.test.augment = (struct sample_augment){.flip_columns = true, .crop = 2, .cutout = 5};
  open(&w, &o, TAPE_OF_EVALUATE, (const void *[DATA_COUNT]){[4] = picture, [5] = targets}, 0);
  const float *x = reading(&w, 4, 0);
  for (uint32_t i = 0; i < BATCH * CHANNELS * ROWS * COLUMNS; i++)
    assert_true(x[i] == ((float)(&picture[0][0][0][0])[i] / 256 - 0.25f) / 0.25f);
  shut(&w);
}

static void known(const struct lower_options *o, const char *train, const char *evaluate) {
  struct arena arena;
  struct lowered l;
  struct why why = {""};
  char got[2][17];
  assert_true(arena_open(&arena, (size_t)1 << 28));
  if (lower_job(&s.model, o, &arena, &l, &why) != LOWER_OK) fail_msg("%s", why.text);
  for (int t = 0; t < 2; t++) {
    uint8_t root[32];
    tape_root(&l.tape[t ? TAPE_OF_EVALUATE : TAPE_OF_TRAIN], root);
    hex_encode(root, 8, got[t]);
  }
  if (strcmp(got[0], train) != 0 || strcmp(got[1], evaluate) != 0)
    fail_msg("%s %s, not %s %s", got[0], got[1], train, evaluate);
  arena_shut(&arena);
}

/* Known answers: first bytes of the roots of `train` and `evaluate`. */
static void the_tapes_are_those_of_lower_1(void **state) {
  (void)state;
  struct onnx_tensor mean = {.type = ONNX_FLOAT, .rank = 1, .dim = {2}, .count = 2, .f32 = mean_numbers}, std = mean;
  struct lower_options o = two_options();
  two_inputs("b");
  o.test = o.train;
  known(&o, "971b0a4a7347d5a9", "b10c5e8dfcd71d35");
  o.train.more[0] = o.test.more[0] = (struct sample_input){.targets = true};
  known(&o, "7aeff1293125ad69", "f0d7a0f167cd76dc");
  text_model();
  o = trial_defaults(3);
  o.train = (struct sample_shape){.samples = 9,
                                  .input_dtype = TAPE_U8,
                                  .input_rank = 1,
                                  .input_dim = {CONTEXT},
                                  .scale = 0.5f,
                                  .text = {.tokens = 55, .context = CONTEXT, .stride = 6, .pairs = true}};
  o.test = o.train;
  known(&o, "704000ed8db66357", "02b14950fef82d0b");
  o.train.text.pairs = o.test.text.pairs = false;
  known(&o, "504fd8f8590ef54d", "9e439c3de80aa11b");
  std.f32 = std_numbers;
  for (int last = 0; last < 2; last++) {
    o = picture_options(last);
    o.train.normalize = (struct sample_normalize){&mean, &std};
    o.train.augment = (struct sample_augment){.flip_columns = true, .flip_rows = true, .crop = 2, .cutout = 3};
    o.test = o.train;
    known(&o, last ? "63c714d34cb6f383" : "79a0905ffe3fcc13", last ? "8b0d364a46a36d78" : "dd10275ab5532e11");
  }
}

static void refused(const struct lower_options *o, const char *reason) {
  struct arena arena;
  struct lowered l;
  struct why why = {""};
  assert_true(arena_open(&arena, (size_t)1 << 28));
  if (lower_job(&s.model, o, &arena, &l, &why) == LOWER_OK || !strstr(why.text, reason))
    fail_msg("wanted '%s', got '%s'", reason, why.text);
  arena_shut(&arena);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  struct lower_options o = two_options();
  two_inputs("b");
  o.train.more_count = 0;
  refused(&o, "the model has 2 inputs, and the data feed 1");
  o = two_options();
  o.train.more[0].dim[0] = 4;
  refused(&o, "input 'b'");
  o = two_options();
  o.train.augment.crop = 1;
  refused(&o, "no rows and columns");
  struct onnx_tensor five = {.type = ONNX_FLOAT, .rank = 1, .dim = {2}, .count = 2, .f32 = mean_numbers};
  o = two_options();
  o.train.normalize = (struct sample_normalize){&five, &five};
  refused(&o, "normalize: 2 and 2 numbers for 3 channels");
  text_model();
  o = trial_defaults(3);
  o.train = (struct sample_shape){.samples = 9,
                                  .input_dtype = TAPE_U8,
                                  .input_rank = 1,
                                  .input_dim = {CONTEXT},
                                  .text = {.tokens = 54, .context = CONTEXT, .stride = 6}};
  refused(&o, "fewer tokens than its windows");
  o.train.text.tokens = 55;
  o.train.augment.cutout = 1;
  refused(&o, "the samples are text");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inputs_are_fed_by_name),
      cmocka_unit_test(targets_feed_an_input),
      cmocka_unit_test(windows_of_text),
      cmocka_unit_test(pictures_are_changed_as_said),
      cmocka_unit_test(tests_are_normalised_only),
      cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(the_tapes_are_those_of_lower_1),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
