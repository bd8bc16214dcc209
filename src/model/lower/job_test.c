/* A job as a whole: which samples a step reads, dropout, seeds, freezing, what state and tapes hold, and every refusal
 * in words that name the place. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/lower/trial.h"
#include "numeric/random.h"
#include "tape/check/check.h"

static struct sketch s;
static float samples[4096], targets[4096], values[1 << 15];

/* y = Gemm(x, w, b): 3 inputs, 2 outputs. */
static void linear(void) {
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 0});
  sketch_weight(&s, "w", (int64_t[]){2, 3, 0}, 1);
  sketch_weight(&s, "b", (int64_t[]){2, 0}, 1);
  sketch_int(&s, sketch_node(&s, "Gemm", "x w b", "y"), "transB", 1);
  sketch_output(&s, "y");
  for (uint32_t n = 0; n < 4096; n++) samples[n] = sketch_draw(&s);
  for (uint32_t n = 0; n < 4096; n++) targets[n] = sketch_draw(&s);
}

static struct lower_options linear_options(uint32_t samples_count, uint32_t batch) {
  struct lower_options o = trial_defaults(batch);
  o.loss.name = LOSS_MSE;
  o.train = (struct sample_shape){
      .samples = samples_count, .input_rank = 1, .input_dim = {3}, .target_rank = 1, .target_dim = {2}, .scale = 1};
  return o;
}

static void open(struct trial *t, const struct lower_options *o, bool plain) {
  if (!trial_open(t, &s.model, o, (const void *[4]){samples, targets, samples, targets}, plain))
    fail_msg("%s", t->why.text);
}

static void test_order(void **state) {
  struct trial t;
  (void)state;
  linear();
  for (int shuffle = 0; shuffle < 2; shuffle++) {
    struct lower_options o = linear_options(11, 4); /* two batches an epoch, three samples left over */
    o.shuffle = shuffle;
    o.updates = 9;
    open(&t, &o, true);
    for (uint32_t u = 1; u <= 9; u++) {
      int32_t index[4];
      trial_train(&t, u);
      memcpy(index, execute_temps(t.run[TAPE_OF_TRAIN]), sizeof index);
      for (int32_t j = 0; j < 4; j++) {
        int32_t place = (int32_t)((u - 1) % 2 * 4) + j;
        assert_int_equal(index[j], shuffle ? random_perm((u - 1) / 2, 11, place, t.seed) : place);
      }
    }
    trial_shut(&t);
  }
}

/* z = Dropout(x p), p = 1: what is left is scaled by 1 / (1 - ratio), and the gradient passes where it was left. A
 * ratio that 1 - ratio loses leaves all. */
static void test_dropout(void **state) {
  struct trial t;
  (void)state;
  for (int job_ratio = 0; job_ratio < 3; job_ratio++) {
    static const double kept[] = {0.5, 0.25, 1};
    sketch_begin(&s, 2);
    sketch_input(&s, "x", (int64_t[]){-1, 64, 0});
    float *p = sketch_weight(&s, "p", (int64_t[]){16, 64, 0}, 1);
    float *ratio = sketch_weight(&s, "ratio", (int64_t[]){0}, 1);
    sketch_node(&s, "Mul", "x p", "a");
    sketch_node(&s, "Dropout", "a", "b"); /* stream 0 */
    sketch_node(&s, "Dropout", "b ratio", "y");
    sketch_output(&s, "y");
    ratio[0] = 0.25f;
    for (uint32_t n = 0; n < 1024; n++) {
      p[n] = 1;
      samples[n] = 1 + (float)n;
      targets[n] = 0;
    }
    struct lower_options o = trial_defaults(16);
    o.loss.name = LOSS_MSE;
    o.optimizer.momentum = 0.5f;
    o.dropout = job_ratio == 2 ? 0x1p-60f : job_ratio ? 0.75f : -1; /* ONNX's default is a half */
    o.train = (struct sample_shape){
        .samples = 16, .input_rank = 1, .input_dim = {64}, .target_rank = 1, .target_dim = {64}, .scale = 1};
    o.test = o.train;
    o.evaluate_batch = 16;
    open(&t, &o, true);
    trial_train(&t, 1);
    double keep[2] = {kept[job_ratio], job_ratio ? kept[job_ratio] : 0.75};
    assert_int_equal(trial_parameter(&t, "p", 1, values), 1024);
    uint32_t left = 0;
    for (uint32_t n = 0; n < 1024; n++) {
      bool stays = true;
      for (uint32_t d = 0; d < 2; d++) stays = stays && random_word(n, d, 1, t.seed) < keep[d] * 4294967296.0;
      double y = stays ? (1 + n) / keep[0] / keep[1] : 0; /* gradient of p: 2 y x / (keep keep) / 1024 */
      double want = 2 * y / 1024 / keep[0] / keep[1] * (1 + n);
      left += stays;
      if (fabs(values[n] - want) > 1e-6 * want) fail_msg("gradient %u is %g, not %g", n, (double)values[n], want);
    }
    assert_in_range(left, 1024 * keep[0] * keep[1] * 0.7, 1024 * keep[0] * keep[1] * 1.3);
    double loss = 0; /* nothing is dropped in evaluation; p has moved */
    trial_parameter(&t, "p", 0, values);
    for (uint32_t n = 0; n < 1024; n++) loss += pow((double)samples[n] * (double)values[n], 2) / 64;
    execute_step(t.run[TAPE_OF_EVALUATE], t.state, 0, t.seed);
    assert_true(fabs(trial_scalar(&t, t.l.entry_eval_loss) / loss - 1) < 1e-6);
    trial_shut(&t);
  }
}

static void test_diverged(void **state) {
  struct lower_options o = linear_options(8, 4);
  struct trial t;
  (void)state;
  linear();
  o.optimizer.lr = 1e30f;
  open(&t, &o, true);
  trial_train(&t, 1);
  assert_int_equal(trial_integer(&t, 0), 0); /* weights are lost, the loss was still finite */
  trial_train(&t, 2);
  assert_int_equal(trial_integer(&t, 0), 1);
  trial_shut(&t);
  samples[0] = INFINITY; /* stays diverged when later batches are sound */
  o.optimizer.lr = 0;
  open(&t, &o, true);
  for (uint32_t u = 1; u <= 4; u++) {
    trial_train(&t, u);
    assert_int_equal(trial_integer(&t, 0), 1);
  }
  trial_shut(&t);
}

/* Uniform in +-1/sqrt(fan_in) from a stream per tensor; biases with their layer's fan-in; moments zero. */
static void test_seed(void **state) {
  struct lower_options o = linear_options(8, 4);
  struct trial t;
  (void)state;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 0});
  sketch_weight(&s, "w", (int64_t[]){50, 3, 0}, 0);
  sketch_weight(&s, "b", (int64_t[]){50, 0}, 0);
  sketch_weight(&s, "scale", (int64_t[]){50, 0}, 0);
  sketch_weight(&s, "v", (int64_t[]){50, 2, 0}, 0);
  sketch_weight(&s, "c", (int64_t[]){2, 0}, 0);
  s.floats[200] = 7; /* scale[0] */
  sketch_int(&s, sketch_node(&s, "Gemm", "x w b", "h"), "transB", 1);
  sketch_node(&s, "Mul", "h scale", "g");
  sketch_node(&s, "MatMul", "g v", "m");
  sketch_node(&s, "Add", "m c", "y");
  sketch_output(&s, "y");
  o.init = INIT_SEED;
  o.optimizer.momentum = 0.9f;
  open(&t, &o, true);
  static const struct {
    const char *name;
    uint32_t rows, cols, fan_in, stream;
    bool turned;
  } p[] = {{"w", 50, 3, 3, 0, true}, {"b", 50, 1, 3, 1, false}, {"v", 50, 2, 50, 3, false}, {"c", 2, 1, 50, 4, false}};
  for (uint32_t n = 0; n < 4; n++) {
    float bound = 1 / sqrtf((float)p[n].fan_in);
    assert_int_equal(trial_parameter(&t, p[n].name, 0, values), p[n].rows * p[n].cols);
    for (uint32_t r = 0; r < p[n].rows; r++)
      for (uint32_t c = 0; c < p[n].cols; c++) {
        uint32_t place = p[n].turned ? c * p[n].rows + r : r * p[n].cols + c;
        float u = (float)(random_word(place, p[n].stream, 0, t.seed) >> 8) * 0x1p-24f;
        assert_true(values[r * p[n].cols + c] == fmaf(u, 2 * bound, -bound));
      }
    trial_parameter(&t, p[n].name, 1, values);
    for (uint32_t k = 0; k < p[n].rows * p[n].cols; k++) assert_true(values[k] == 0);
  }
  trial_parameter(&t, "scale", 0, values); /* no layer's weight: as in the model */
  assert_true(values[0] == 7);
  trial_shut(&t);
}

/* An embedding starts from normal numbers, a recurrent node's weights uniform in +-1/sqrt(hidden), also where they are
 * put together on the way to it. */
static void test_seed_of_sequences(void **state) {
  enum { ROWS = 400, WIDE = 4, HIDDEN = 9 };
  struct lower_options o = linear_options(8, 4);
  struct trial t;
  (void)state;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 0});
  sketch_weight(&s, "table", (int64_t[]){ROWS, WIDE, 0}, 1);
  sketch_weight(&s, "w", (int64_t[]){HIDDEN, WIDE, 0}, 0);
  sketch_weight(&s, "r", (int64_t[]){1, HIDDEN, HIDDEN, 0}, 0);
  sketch_weight(&s, "v", (int64_t[]){HIDDEN, 2, 0}, 0);
  sketch_integers(&s, "front", 1, (int64_t[]){0});
  sketch_integers(&s, "ids", 3, (int64_t[]){5, 0, 7});
  sketch_integers(&s, "flat", 2, (int64_t[]){3, HIDDEN});
  sketch_node(&s, "Gather", "table ids", "e");
  sketch_node(&s, "Unsqueeze", "e front", "steps");
  sketch_node(&s, "Unsqueeze", "w front", "packed");
  sketch_int(&s, sketch_node(&s, "RNN", "steps packed r", "y"), "hidden_size", HIDDEN);
  sketch_node(&s, "Reshape", "y flat", "h");
  sketch_node(&s, "MatMul", "x h", "m");
  sketch_node(&s, "MatMul", "m v", "z");
  sketch_output(&s, "z");
  o.init = INIT_SEED;
  open(&t, &o, true);
  double sum = 0, squares = 0;
  assert_int_equal(trial_parameter(&t, "table", 0, values), ROWS * WIDE);
  for (uint32_t k = 0; k < ROWS * WIDE; k++) {
    double u = ((random_word(k, 0, 0, t.seed) >> 8) + 1) * 0x1p-24;
    double v = (random_word(k, 0x80000000u, 0, t.seed) >> 8) * 0x1p-24;
    double z = sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
    assert_true(fabs((double)values[k] - z) < 2e-6);
    sum += z;
    squares += z * z;
  }
  assert_true(fabs(sum / (ROWS * WIDE)) < 0.1 && fabs(squares / (ROWS * WIDE) - 1) < 0.15);
  float bound = 1 / sqrtf(HIDDEN);
  for (uint32_t n = 0; n < 2; n++) {
    uint32_t rows = HIDDEN, cols = n ? HIDDEN : WIDE;
    assert_int_equal(trial_parameter(&t, n ? "r" : "w", 0, values), rows * cols);
    for (uint32_t row = 0; row < rows; row++)
      for (uint32_t c = 0; c < cols; c++) {
        uint32_t place = n ? c * rows + row : row * cols + c; /* R lies with its columns inside */
        float u = (float)(random_word(place, 1 + n, 0, t.seed) >> 8) * 0x1p-24f;
        assert_true(values[row * cols + c] == fmaf(u, 2 * bound, -bound));
      }
  }
  trial_shut(&t);
}

static void test_freeze(void **state) {
  struct lower_options o = linear_options(8, 4);
  struct trial t;
  (void)state;
  linear();
  o.freeze = (const char *const[]){"w"};
  o.freeze_count = 1;
  o.init = INIT_SEED; /* frozen weights keep the model's values all the same */
  o.optimizer = (struct optimizer_options){.name = OPTIMIZER_ADAMW, .lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.99f};
  open(&t, &o, true);
  trial_train(&t, 1);
  trial_train(&t, 2);
  assert_int_equal(t.l.parameters_count, 2);
  assert_false(t.l.parameter[0].trains);
  assert_true(t.l.parameter[1].trains);
  assert_int_equal(t.l.layout.state_count, 3 + 1 + 3);
  assert_string_equal(t.l.layout.entry[3].name, "w");
  assert_string_equal(t.l.layout.entry[4].name, "b");
  assert_string_equal(t.l.layout.entry[5].name, "b.m");
  assert_string_equal(t.l.layout.entry[6].name, "b.v");
  trial_parameter(&t, "w", 0, values);
  assert_memory_equal(values, s.floats, 6 * sizeof(float));
  trial_shut(&t);
}

/* One initializer in two places is one weight, and its gradients add up. */
static void test_tied(void **state) {
  struct lower_options o = linear_options(4, 4);
  struct trial t;
  (void)state;
  linear();
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, 3, 0});
  sketch_weight(&s, "w", (int64_t[]){3, 3, 0}, 1);
  sketch_weight(&s, "idle", (int64_t[]){3, 3, 0}, 1); /* nothing needs it */
  sketch_node(&s, "MatMul", "x w", "h");
  sketch_int(&s, sketch_node(&s, "Gemm", "h w", "y"), "transB", 1);
  sketch_node(&s, "Relu", "idle", "unread");
  sketch_output(&s, "y");
  o.train.target_dim[0] = 3;
  o.optimizer.momentum = 0.5f;
  open(&t, &o, true);
  assert_int_equal(t.l.parameters_count, 1);
  trial_train(&t, 1);
  trial_parameter(&t, "w", 1, values);
  for (uint32_t e = 0; e < 9; e++) {
    double loss[2];
    for (int side = 0; side < 2; side++) {
      double w[9], h[3];
      for (uint32_t n = 0; n < 9; n++) w[n] = (double)s.floats[n] + (n == e ? (side ? 1e-5 : -1e-5) : 0);
      loss[side] = 0;
      for (uint32_t r = 0; r < 4; r++) {
        for (uint32_t j = 0; j < 3; j++) {
          h[j] = 0;
          for (uint32_t k = 0; k < 3; k++) h[j] += (double)samples[3 * r + k] * w[3 * k + j];
        }
        for (uint32_t j = 0; j < 3; j++) {
          double d = -(double)targets[3 * r + j];
          for (uint32_t k = 0; k < 3; k++) d += h[k] * w[3 * j + k];
          loss[side] += d * d / 12;
        }
      }
    }
    double want = (loss[1] - loss[0]) / 2e-5;
    if (fabs(values[e] - want) > 1e-6) fail_msg("%u: %g, not %g", e, (double)values[e], want);
  }
  trial_shut(&t);
}

/* Names that a layout cannot hold: too long, not printable, and one that is another's moment. */
static void test_names(void **state) {
  struct lower_options o = linear_options(4, 4);
  static char names[4][80];
  struct trial t;
  (void)state;
  linear();
  sketch_begin(&s, 1);
  memset(names, 'n', sizeof names);
  for (int n = 0; n < 4; n++) names[n][79] = 0;
  strcpy(names[2], "k\xc3\xa4se");
  strcpy(names[3], "k__se.m");
  names[1][78] = '!';
  sketch_input(&s, "x", (int64_t[]){-1, 2, 0});
  for (int n = 0; n < 4; n++) sketch_weight(&s, names[n], (int64_t[]){2, 0}, 1);
  static const char *const nodes[] = {"x -", "a -", "b -", "c -"}, *const outs[] = {"a", "b", "c", "y"};
  for (int n = 0; n < 4; n++) sketch_node(&s, "Add", nodes[n], outs[n])->input[1] = names[n];
  sketch_output(&s, "y");
  o.train.input_dim[0] = 2;
  o.optimizer.momentum = 0.5f;
  open(&t, &o, true);
  assert_int_equal(t.l.layout.state_count, 3 + 8);
  for (uint32_t n = 0; n < 11; n++) {
    assert_in_range(strlen(t.l.layout.entry[n].name), 1, LAYOUT_NAME_MAX);
    for (uint32_t m = 0; m < n; m++) assert_string_not_equal(t.l.layout.entry[n].name, t.l.layout.entry[m].name);
  }
  assert_string_equal(t.l.layout.entry[7].name, "k__se");
  assert_string_equal(t.l.layout.entry[8].name, "k__se.m");
  assert_string_equal(t.l.layout.entry[9].name, "k__se.m~2");
  trial_shut(&t);
}

/* More than 2^20 terms: norm, loss and a gradient that is a sum over everything. */
static void test_long_reductions(void **state) {
  struct lower_options o = trial_defaults(2);
  struct trial t;
  enum { WIDE = 5 * 137219 }; /* 2 * WIDE > 2^20 */
  float *x = calloc(2 * WIDE, sizeof *x), *target = calloc(2 * WIDE, sizeof *target);
  double loss = 0, gradient = 0;
  (void)state;
  sketch_begin(&s, 1);
  sketch_input(&s, "x", (int64_t[]){-1, WIDE, 0});
  float *p = sketch_weight(&s, "p", (int64_t[]){1, 0}, 1);
  sketch_node(&s, "Mul", "x p", "y");
  sketch_output(&s, "y");
  for (uint32_t n = 0; n < 2 * WIDE; n++) {
    x[n] = sketch_draw(&s);
    double d = (double)x[n] * (double)p[0];
    loss += d * d / (2 * WIDE);
    gradient += 2 * d * (double)x[n] / (2 * WIDE);
  }
  o.loss.name = LOSS_MSE;
  o.train = (struct sample_shape){
      .samples = 2, .input_rank = 1, .input_dim = {WIDE}, .target_rank = 1, .target_dim = {WIDE}, .scale = 1};
  if (!trial_open(&t, &s.model, &o, (const void *[4]){x, target}, false)) fail_msg("%s", t.why.text);
  trial_train(&t, 1);
  assert_true(fabs(trial_scalar(&t, t.l.entry_loss) / loss - 1) < 1e-6);
  assert_true(fabs(trial_scalar(&t, t.l.entry_norm) / (gradient * gradient) - 1) < 1e-5);
  trial_shut(&t);
  free(x);
  free(target);
}

/* The parts that others rely on: counts, data entries, origins, and a tape that reads back from its file form. */
static void test_tapes(void **state) {
  struct lower_options o = linear_options(8, 4);
  struct trial t;
  (void)state;
  linear();
  o.test = o.train;
  open(&t, &o, true);
  assert_int_equal(t.l.tapes_count, 3);
  assert_int_equal(t.l.layout.data_count, DATA_TEST_TARGETS + 1);
  for (uint32_t n = 0; n <= DATA_TEST_TARGETS; n++)
    assert_int_equal(t.l.layout.entry[t.l.layout.state_count + n].number, n);
  assert_int_equal(t.l.tape[TAPE_OF_INIT].layout.data_count, 1);
  assert_int_equal(t.l.tape[TAPE_OF_TRAIN].layout.data_count, 3);
  assert_int_equal(t.l.tape[TAPE_OF_EVALUATE].layout.data_count, 2);
  assert_int_equal(t.l.data_bytes[DATA_SCHEDULE], 4 * 3 * sizeof(float));
  assert_int_equal(t.l.data_bytes[DATA_INITIAL], 2 * TAPE_LEAF_BYTES);
  for (uint32_t n = 0; n < 3; n++) {
    const struct tape *tape = &t.l.tape[n];
    struct tape again;
    size_t length = tape_bytes(tape);
    uint8_t *bytes = malloc(length), root[2][32];
    assert_int_equal(tape_write(tape, bytes, length), length);
    assert_int_equal(tape_read(bytes, length, &t.arena, &again, &t.why), TAPE_OK);
    assert_int_equal(tape_check(&again, &t.arena, &t.why), TAPE_OK);
    tape_root(tape, root[0]);
    tape_root(&again, root[1]);
    assert_memory_equal(root[0], root[1], 32);
    free(bytes);
    for (uint32_t r = 0; r < tape->records_count; r++) {
      assert_non_null(t.l.origin[n][r].node);
      assert_non_null(t.l.origin[n][r].op);
      assert_non_null(t.l.origin[n][r].part);
    }
  }
  trial_shut(&t);
}

static void refused(const struct lower_options *o, enum lower_status status, const char *words) {
  struct arena arena;
  struct lowered l, before;
  struct why why = {{0}};
  char copy[128];
  assert_true(arena_open(&arena, (size_t)1 << 28));
  memset(&l, 0x5a, sizeof l);
  before = l;
  enum lower_status got = lower_job(&s.model, o, &arena, &l, &why);
  if (got != status) fail_msg("status %d, not %d: %s", got, status, why.text);
  assert_memory_equal(&l, &before, sizeof l); /* outs are written only on success */
  strcpy(copy, words);
  for (char *word = strtok(copy, "|"); word; word = strtok(NULL, "|"))
    if (!strstr(why.text, word)) fail_msg("\"%s\" does not speak of \"%s\"", why.text, word);
  arena_shut(&arena);
}

static void test_refusals(void **state) {
  struct lower_options o = linear_options(10, 4), good = o;
  (void)state;
  linear();
  o.drop_last = false;
  refused(&o, LOWER_ERR_OPTION, "drop_last|10 samples|batch of 4");
  o = good;
  o.batch = 11;
  refused(&o, LOWER_ERR_OPTION, "11|10 samples");
  o = good;
  o.batch = 0;
  refused(&o, LOWER_ERR_OPTION, "batch");
  o = good;
  o.updates = 0;
  refused(&o, LOWER_ERR_OPTION, "no updates");
  o = good;
  o.train.input_dim[0] = 4;
  refused(&o, LOWER_ERR_SHAPE, "'x'|[4]");
  o = good;
  o.train.target_dim[0] = 3;
  refused(&o, LOWER_ERR_SHAPE, "mse|[4, 3]|[4, 2]");
  o = good;
  o.loss.name = LOSS_CROSS_ENTROPY;
  refused(&o, LOWER_ERR_OPTION, "cross_entropy|integers");
  o.train.target_dtype = TAPE_I32;
  refused(&o, LOWER_ERR_SHAPE, "cross_entropy|[4, 2]");
  o = good;
  o.freeze = (const char *const[]){"nothing"};
  o.freeze_count = 1;
  refused(&o, LOWER_ERR_OPTION, "freeze|'nothing'");
  o.freeze = (const char *const[]){"w", "b"};
  o.freeze_count = 2;
  refused(&o, LOWER_ERR_OPTION, "nothing trains");
  s.node[0].op = "FFT";
  s.node[0].name = "strange";
  refused(&good, LOWER_ERR_UNSUPPORTED, "node 0|'strange'|(FFT)|does not know");
  s.node[0].op = "Relu";
  refused(&good, LOWER_ERR_UNSUPPORTED, "node 0|'strange'|(Relu)|3 inputs");
  s.node[0].op = "Gemm";
  s.initializer[0].dim[1] = 2;
  s.initializer[0].count = 4;
  refused(&good, LOWER_ERR_SHAPE, "node 0|(Gemm)|[4, 3]|[2, 2]");
  linear();
  s.model.opset = 9;
  refused(&good, LOWER_ERR_UNSUPPORTED, "node 0|(Gemm)|opset");
}

/* Memory that runs out anywhere is a status, never a crash. */
static void test_memory(void **state) {
  struct lower_options o = linear_options(8, 4);
  struct lowered l;
  struct why why;
  size_t step = 997, size = 0;
  (void)state;
  linear();
  for (;; size += step) {
    void *memory = malloc(size + 1);
    struct arena arena = arena_over(memory, size);
    enum lower_status status = lower_job(&s.model, &o, &arena, &l, &why);
    free(memory);
    if (status == LOWER_OK) break;
    assert_int_equal(status, LOWER_ERR_MEMORY);
  }
  assert_true(size > 10 * step);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_order),
                                     cmocka_unit_test(test_dropout),
                                     cmocka_unit_test(test_diverged),
                                     cmocka_unit_test(test_seed),
                                     cmocka_unit_test(test_seed_of_sequences),
                                     cmocka_unit_test(test_freeze),
                                     cmocka_unit_test(test_tied),
                                     cmocka_unit_test(test_names),
                                     cmocka_unit_test(test_long_reductions),
                                     cmocka_unit_test(test_tapes),
                                     cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
