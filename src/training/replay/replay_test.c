#define _DEFAULT_SOURCE
#include "training/checkpoint/checkpoint.h"
#include "training/checkpoint/committer.h"
#include "training/replay/replay.h"
#include "training/run/example.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WATCHED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WATCHED 1
#endif

enum { PICTURES = 64, STEPS_MAX = 64 };

/* A job as it comes from elsewhere: nothing in it points to a model or a folder. roots[n]: after interval n, as the run
 * committed to it. */
struct world {
  struct example example;
  struct arena arena;
  struct job job;
  struct tape tape[JOB_TAPES_MAX];
  struct replay_job replay;
  struct trace trace;
  uint32_t steps, interval_steps;
  uint64_t state_bytes;
  enum training_status trained;
};

static struct world world;

/* The job file of the example with another model, and pictures for it to learn. */
static void make_pictures(const char *model, const char *more) {
  static float x[PICTURES][784];
  static int32_t y[PICTURES];
  size_t length;
  char *text = (char *)example_read(example_path(&world.example, "job.yaml"), &length), job[2048];
  char *at = strstr(text, "model: "), *end = strstr(text, "regression.onnx");
  uint64_t seed = 3;
  for (uint32_t i = 0; i < PICTURES; i++) {
    y[i] = (int32_t)(i % 10);
    for (uint32_t j = 0; j < 784; j++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      x[i][j] = (float)(seed >> 40) * 0x1p-24f * (float)(j % 10 == i % 10);
    }
  }
  const uint32_t images[] = {PICTURES, 1, 28, 28}, labels[] = {PICTURES};
  assert_int_equal(data_save_npy(example_path(&world.example, "px.npy"), TAPE_F32, 4, images, x, NULL), TRAINING_OK);
  assert_int_equal(data_save_npy(example_path(&world.example, "py.npy"), TAPE_I32, 1, labels, y, NULL), TRAINING_OK);
  int n = snprintf(job, sizeof job,
                   "assay: 1\n%.*s%s.onnx\ndata:\n  train: {format: npy, inputs: px.npy, targets: py.npy}\n"
                   "loss: cross_entropy\noptimizer: {name: adamw, lr: 1e-3}\nbatch: 16\ninit: seed\nseed: 9\n%s\n",
                   (int)(end - at), at, model, more);
  example_write(example_path(&world.example, "job.yaml"), job, (size_t)n);
  free(text);
}

static const void *copied(const void *bytes, size_t length) {
  void *copy = arena_take(&world.arena, length, 1);
  assert_non_null(copy);
  return memcpy(copy, bytes, length);
}

/* Tapes from the folder's files, data as bytes; what prepared them is gone when this returns. */
static void take_job(void) {
  struct prepared *p = calloc(1, sizeof *p);
  struct why why = {""};
  assert_non_null(p);
  if (prepare_open(p, example_path(&world.example, "job.yaml"), &(struct prepare_options){.threads = 1}, &why) !=
      TRAINING_OK)
    fail_msg("%s", why.text);
  assert_true(arena_open(&world.arena, (size_t)64 << 20));
  world.job = p->job;
  world.job.task = copied(p->task, p->job.tasks * sizeof *p->task);
  world.steps = p->steps;
  world.interval_steps = p->interval_steps;
  world.state_bytes = p->state_bytes;
  world.replay = (struct replay_job){.job = &world.job, .seed = p->job.seed, .state_leaves = p->state_leaves};
  for (uint32_t t = 0; t < p->lowered.tapes_count; t++) {
    char name[64];
    size_t length;
    snprintf(name, sizeof name, "run/tapes/%s.tape", prepare_tape_name(t, p->lowered.accumulate));
    uint8_t *bytes = example_read(example_path(&world.example, name), &length);
    if (replay_tape(bytes, length, world.job.tape_root[t], &world.arena, &world.tape[t], &why) != TRAINING_OK)
      fail_msg("%s: %s", name, why.text);
    world.replay.tape[t] = &world.tape[t];
    free(bytes);
  }
  for (uint32_t d = 0; d < DATA_COUNT; d++) {
    world.replay.data_bytes[d] = p->data_bytes[d];
    if (p->data[d] && p->data_bytes[d]) world.replay.data[d] = copied(p->data[d], p->data_bytes[d]);
  }
  prepare_shut(p);
  free(p);
}

/* model NULL: the example's regression. */
static void make_world(const char *model, const char *optimizer, const char *more) {
  struct run_result result;
  struct why why = {""};
  memset(&world, 0, sizeof world);
  example_make(&world.example, optimizer, more);
  if (model) make_pictures(model, more);
  world.trained = example_train(&world.example, "run", (struct run_options){.threads = 1}, &result, &why);
  if (world.trained != TRAINING_OK && world.trained != TRAINING_NO) fail_msg("%s", why.text);
  take_job();
  assert_true(world.steps <= STEPS_MAX);
  assert_int_equal(committer_trace_read(example_path(&world.example, "run"), 0, &world.trace, &why), TRAINING_OK);
}

static void leave_world(void) {
  arena_shut(&world.arena);
  example_remove(&world.example);
}

static struct replay *open_replay(struct replay_options options) {
  struct replay *r;
  struct why why = {""};
  if (replay_open(&r, &world.replay, &options, &why) != TRAINING_OK) fail_msg("%s", why.text);
  return r;
}

static uint8_t *zero_state(void) {
  uint8_t *state = aligned_alloc(64, world.state_bytes);
  assert_non_null(state);
  return memset(state, 0, world.state_bytes);
}

static void run_steps(struct replay *r, uint32_t first, uint32_t count, uint8_t *state,
                      uint8_t (*roots)[MERKLE_BYTES]) {
  struct why why = {""};
  uint32_t done = UINT32_MAX;
  if (replay_steps(r, first, count, state, roots, &done, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_int_equal(done, count);
}

/* All at once, with a root after each step. */
static void compare_roots(struct replay *r) {
  static uint8_t roots[STEPS_MAX][MERKLE_BYTES];
  uint32_t end = world.trace.steps;
  uint8_t *state = zero_state(), root[MERKLE_BYTES];
  assert_int_equal(replay_root(r, state, root, NULL), TRAINING_OK);
  assert_memory_equal(root, world.trace.roots[0], MERKLE_BYTES);
  run_steps(r, 0, end, state, roots);
  for (uint32_t n = 1; n <= world.trace.intervals; n++) {
    uint32_t last = n * world.interval_steps < end ? n * world.interval_steps : end;
    assert_memory_equal(roots[last - 1], world.trace.roots[n], MERKLE_BYTES);
  }
  free(state);
}

/* One interval after the other, as an auditor does. */
static void compare_intervals(struct replay *r) {
  uint8_t *state = zero_state(), root[MERKLE_BYTES];
  for (uint32_t n = 0, first = 0; n < world.trace.intervals; n++) {
    uint32_t left = world.trace.steps - first, count = left < world.interval_steps ? left : world.interval_steps;
    run_steps(r, first, count, state, NULL);
    assert_int_equal(replay_root(r, state, root, NULL), TRAINING_OK);
    assert_memory_equal(root, world.trace.roots[n + 1], MERKLE_BYTES);
    first += count;
  }
  free(state);
}

static void tapes_and_data_are_enough(void **state) {
  (void)state;
  static const char *const models[] = {NULL, "mlp_small", "lenet_small"};
  static const uint32_t intervals[] = {1, 5, 30};
  struct pool *pool = pool_open(2);
  assert_non_null(pool);
  for (uint32_t m = 0; m < 3; m++)
    for (uint32_t i = 0; i < 3; i++) {
      char more[64];
      snprintf(more, sizeof more, "updates: 18\ninterval: %u", intervals[i]);
      make_world(models[m], "{name: adamw, lr: 1e-2}", more);
      for (uint32_t how = 0; how < (m == 0 ? 3 : 2); how++) {
        struct replay *r =
            open_replay((struct replay_options){.pool = how == 1 ? pool : NULL, .execute = {.plain = how == 2}});
        compare_roots(r);
        compare_intervals(r);
        assert_int_equal(replay_counts(r)->steps, 2 * world.steps);
        replay_shut(r);
      }
      leave_world();
    }
  pool_shut(pool);
}

/* The same steps as the tail of another job, whose first step has another number. */
static void steps_keep_their_numbers(void **state) {
  (void)state;
  uint8_t root[MERKLE_BYTES];
  make_world(NULL, "{name: adamw, lr: 1e-2}", "updates: 18\ninterval: 6");
  struct replay *r = open_replay((struct replay_options){0});
  uint8_t *blob = zero_state();
  run_steps(r, 0, 6, blob, NULL);
  replay_shut(r);
  world.job.first_step = 6;
  world.job.section[0] = (struct job_section){.repeat = 4, .entries = 1, .entry = {{TAPE_OF_TRAIN, 3}}};
  world.replay.tape[TAPE_OF_INIT] = NULL; /* nobody needs it here */
  r = open_replay((struct replay_options){0});
  run_steps(r, 6, 12, blob, NULL);
  assert_int_equal(replay_root(r, blob, root, NULL), TRAINING_OK);
  assert_memory_equal(root, world.trace.roots[3], MERKLE_BYTES);
  assert_int_equal(replay_steps(r, 5, 1, blob, NULL, NULL, NULL), TRAINING_ERR_INPUT);
  assert_int_equal(replay_steps(r, 17, 2, blob, NULL, NULL, NULL), TRAINING_ERR_INPUT);
  replay_shut(r);
  free(blob);
  leave_world();
}

static volatile sig_atomic_t stop;
static void stop_at(void *context, enum replay_work work, uint32_t done, uint32_t planned) {
  (void)planned;
  assert_true(work == REPLAY_STEPS || work == REPLAY_INTERVAL || work == REPLAY_VALUES);
  if (done == *(uint32_t *)context) stop = 1;
}

static void an_interruption_leaves_whole_steps(void **state) {
  (void)state;
  static uint8_t roots[STEPS_MAX][MERKLE_BYTES];
  make_world(NULL, "{name: adamw, lr: 1e-2}", "updates: 18\ninterval: 19");
  struct replay *r = open_replay((struct replay_options){0});
  uint8_t *blob = zero_state(), root[MERKLE_BYTES];
  run_steps(r, 0, 19, blob, roots);
  replay_shut(r);
  for (uint32_t at = 0; at < 19; at += 6) {
    struct why why = {""};
    uint32_t done = UINT32_MAX;
    r = open_replay((struct replay_options){.stop = &stop, .progress = stop_at, .context = &at});
    memset(blob, 0, world.state_bytes);
    assert_int_equal(replay_steps(r, 0, 19, blob, NULL, &done, &why), at < 19 ? TRAINING_INTERRUPTED : TRAINING_OK);
    assert_int_equal(done, at);
    assert_int_equal(replay_root(r, blob, root, NULL), TRAINING_OK);
    assert_memory_equal(root, at ? roots[at - 1] : world.trace.roots[0], MERKLE_BYTES);
    stop = 0;
    at += 100; /* no more stops */
    run_steps(r, done, 19 - done, blob, NULL);
    assert_int_equal(replay_root(r, blob, root, NULL), TRAINING_OK);
    assert_memory_equal(root, world.trace.roots[1], MERKLE_BYTES);
    at -= 100;
    replay_shut(r);
  }
  free(blob);
  leave_world();
}

static void root_of(const struct evidence *e, uint8_t space, uint8_t number, uint64_t leaves,
                    uint8_t root[MERKLE_BYTES]) {
  const uint8_t *hashes = e->hashes(e->context, space, number);
  assert_non_null(hashes);
  merkle_node(hashes, (uint32_t)leaves, merkle_height((uint32_t)leaves), 0, root);
  for (uint64_t i = 0; i < leaves; i++) {
    uint8_t hash[MERKLE_BYTES];
    const uint8_t *leaf = e->leaf(e->context, space, number, i);
    assert_non_null(leaf);
    merkle_leaf(leaf, TAPE_LEAF_BYTES, hash);
    assert_memory_equal(hash, hashes + i * MERKLE_BYTES, MERKLE_BYTES);
  }
  assert_null(e->leaf(e->context, space, number, leaves));
}

static void stand(struct replay *r, uint32_t first, uint16_t count, const uint8_t *start, struct evidence *e) {
  struct why why = {""};
  if (replay_evidence(r, first, count, start, e, &why) != TRAINING_OK) fail_msg("%s", why.text);
}

/* PROTOCOL P4.3. Two intervals by the same replay, step by step against all roots and against the definition. */
static void evidence_is_computed_once(void **state) {
  (void)state;
  enum { S = 20 };
  static uint8_t all[STEPS_MAX][MERKLE_BYTES], roots[S][MERKLE_BYTES];
  uint8_t root[MERKLE_BYTES], twin[MERKLE_BYTES];
  struct evidence e, plain;
  make_world(NULL, "{name: adamw, lr: 1e-2}", "updates: 39\ninterval: 20");
  for (uint32_t places = 0; places <= 3; places += 1) {
    struct replay *r = open_replay((struct replay_options){.places = places});
    struct replay *definition = open_replay((struct replay_options){.execute = {.plain = true}});
    uint8_t *blob = zero_state(), *start = zero_state();
    const uint8_t *data = NULL;
    uint32_t before = 0;
    run_steps(r, 0, 2 * S, blob, all);
    for (uint32_t first = 0; first <= S; first += S) {
      const struct replay_counts *c = replay_counts(r);
      uint32_t interval_steps = c->interval_steps, materialised = c->materialised;
      stand(r, first, S, start, &e);
      stand(definition, first, S, start, &plain);
      memset(start, 0xff, world.state_bytes); /* it was copied */
      assert_null(e.hashes(e.context, TAPE_TEMP, 0));
      for (uint32_t again = 0; again < 2; again++) {
        assert_true(e.steps(e.context, S, roots, NULL));
        assert_memory_equal(roots, all[first], sizeof roots);
        assert_int_equal(c->interval_steps, interval_steps + S);
      }
      for (uint16_t j = S; j >= 1; j--) {
        const struct tape *t = world.replay.tape[first == 0 && j == 1 ? TAPE_OF_INIT : TAPE_OF_TRAIN];
        before = c->again_steps;
        assert_true(e.enter(e.context, j, NULL) && e.enter(e.context, j, NULL));
        assert_int_equal(c->materialised, ++materialised);
        uint32_t stride = places ? (S + places - 1) / places : 2;
        assert_int_equal(c->again_steps - before, (j - 1u) % stride);
        assert_true(plain.enter(plain.context, j, NULL));
        root_of(&e, TAPE_IN, 0, world.replay.state_leaves, root);
        uint32_t step = first + j;
        assert_memory_equal(root, step == 1 ? world.trace.roots[0] : all[step - 2], MERKLE_BYTES);
        root_of(&e, TAPE_OUT, 0, world.replay.state_leaves, root);
        assert_memory_equal(root, all[step - 1], MERKLE_BYTES);
        root_of(&e, TAPE_TEMP, 0, t->temp_leaves, root);
        root_of(&plain, TAPE_TEMP, 0, t->temp_leaves, twin);
        assert_memory_equal(root, twin, MERKLE_BYTES);
      }
      root_of(&e, TAPE_DATA, DATA_TRAIN_INPUTS, 2, root); /* 200 samples of 8 numbers */
      assert_memory_equal(root, world.job.data_root[DATA_TRAIN_INPUTS], MERKLE_BYTES);
      assert_null(e.hashes(e.context, TAPE_DATA, 200));
      assert_null(e.hashes(e.context, TAPE_DATA, 255));
      assert_true(!data || data == e.hashes(e.context, TAPE_DATA, DATA_TRAIN_INPUTS)); /* hashed once for both */
      data = e.hashes(e.context, TAPE_DATA, DATA_TRAIN_INPUTS);
      /* steps in between take the values away, and nothing else */
      memset(start, 0, world.state_bytes);
      run_steps(r, 0, S, start, NULL);
      assert_null(e.hashes(e.context, TAPE_TEMP, 0));
      assert_null(e.leaf(e.context, TAPE_OUT, 0, 0));
      assert_true(e.enter(e.context, 1, NULL));
      assert_int_equal(c->materialised, materialised + 1);
      root_of(&e, TAPE_OUT, 0, world.replay.state_leaves, root);
      assert_memory_equal(root, all[first], MERKLE_BYTES);
    }
    assert_int_equal(replay_status(r), TRAINING_OK);
    replay_shut(r);
    replay_shut(definition);
    free(blob);
    free(start);
  }
  leave_world();
}

/* Intervals of other lengths by one replay, shorter and longer in turn. */
static void intervals_may_have_any_length(void **state) {
  (void)state;
  static const uint16_t length[] = {3, 40, 1, 17, 2};
  static uint8_t all[STEPS_MAX][MERKLE_BYTES], roots[STEPS_MAX][MERKLE_BYTES];
  struct evidence e;
  make_world(NULL, "{name: adamw, lr: 1e-2}", "updates: 39\ninterval: 40");
  struct replay *r = open_replay((struct replay_options){0});
  uint8_t *blob = zero_state();
  run_steps(r, 0, 40, blob, all);
  memset(blob, 0, world.state_bytes);
  for (size_t n = 0; n < sizeof length / sizeof *length; n++) {
    stand(r, 0, length[n], blob, &e);
    assert_true(e.enter(e.context, length[n], NULL));
    assert_true(e.steps(e.context, length[n], roots, NULL));
    assert_memory_equal(roots, all, (size_t)length[n] * MERKLE_BYTES);
  }
  stop = 1; /* and evidence stops when asked */
  replay_shut(r);
  r = open_replay((struct replay_options){.stop = &stop});
  stand(r, 0, 40, blob, &e);
  assert_false(e.steps(e.context, 40, roots, NULL));
  assert_int_equal(replay_status(r), TRAINING_INTERRUPTED);
  stop = 0;
  assert_true(e.steps(e.context, 40, roots, NULL));
  assert_memory_equal(roots, all, 40 * MERKLE_BYTES);
  replay_shut(r);
  free(blob);
  leave_world();
}

/* Outside, as its number in the job, is what a liar shows: its roots and its values follow from its lie. */
static bool lies_at_7(void *context, uint32_t step) {
  (void)context;
  return step == 7;
}
static enum training_status flip(void *context, uint32_t step, uint8_t *state, uint8_t *temps, struct why *why) {
  struct replay *honest = context;
  if (temps) memset(temps, 0x3f, (size_t)world.tape[TAPE_OF_TRAIN].temp_leaves * TAPE_LEAF_BYTES);
  enum training_status status = replay_steps(honest, step, 1, state, NULL, NULL, why);
  state[world.state_bytes - TAPE_LEAF_BYTES] ^= 1;
  return status;
}

static void a_lie_is_shown_as_it_was_told(void **state) {
  (void)state;
  static uint8_t truth[STEPS_MAX][MERKLE_BYTES], lied[STEPS_MAX][MERKLE_BYTES];
  struct evidence e;
  make_world(NULL, "{name: adamw, lr: 1e-2}", "updates: 18\ninterval: 19");
  struct replay *honest = open_replay((struct replay_options){0}), *liar = open_replay((struct replay_options){0});
  const struct replay_lies lies = {.context = honest, .of_step = lies_at_7, .step = flip};
  uint8_t *blob = zero_state(), root[MERKLE_BYTES];
  replay_sabotage(liar, &lies);
  run_steps(honest, 0, 19, blob, truth);
  memset(blob, 0, world.state_bytes);
  stand(liar, 0, 19, blob, &e);
  run_steps(liar, 0, 19, blob, lied);
  assert_memory_equal(lied, truth, 7 * MERKLE_BYTES);
  for (uint32_t n = 7; n < 19; n++) assert_memory_not_equal(lied[n], truth[n], MERKLE_BYTES);
  assert_true(e.enter(e.context, 8, NULL));
  assert_int_equal(e.leaf(e.context, TAPE_TEMP, 0, 0)[5], 0x3f);
  root_of(&e, TAPE_OUT, 0, world.replay.state_leaves, root);
  assert_memory_equal(root, lied[7], MERKLE_BYTES);
  assert_true(e.enter(e.context, 9, NULL));
  root_of(&e, TAPE_OUT, 0, world.replay.state_leaves, root);
  assert_memory_equal(root, lied[8], MERKLE_BYTES);
  replay_shut(honest);
  replay_shut(liar);
  free(blob);
  leave_world();
}

static void a_diverged_job_says_so(void **state) {
  (void)state;
  make_world(NULL, "{name: sgd, lr: 1e3}", "updates: 40\ninterval: 2");
  assert_int_equal(world.trained, TRAINING_NO);
  assert_int_equal(world.trace.outcome, TRACE_DIVERGED);
  assert_true(world.trace.intervals > 1 && world.trace.steps < world.steps);
  struct replay *r = open_replay((struct replay_options){0});
  compare_roots(r);
  uint8_t *blob = zero_state();
  assert_false(replay_diverged(blob));
  run_steps(r, 0, world.trace.steps - 2, blob, NULL);
  assert_false(replay_diverged(blob));
  run_steps(r, world.trace.steps - 2, 2, blob, NULL);
  assert_true(replay_diverged(blob));
  replay_shut(r);
  free(blob);
  leave_world();
}

/* A state from elsewhere may hold any NaN, also where the one before it in the same memory was sound (NUMERICS 1.3). */
static void states_from_elsewhere_are_looked_through(void **state) {
  (void)state;
  static const uint32_t strange = 0xffc00001u;
  make_world(NULL, "{name: sgd, lr: 1e-2}", "updates: 18\ninterval: 6\nfreeze: [1.weight]");
  struct replay *r = open_replay((struct replay_options){0});
  struct replay *definition = open_replay((struct replay_options){.execute = {.plain = true}});
  const struct layout *l = &world.tape[TAPE_OF_TRAIN].layout;
  uint8_t *blob = zero_state(), *twin = zero_state();
  uint32_t entry = 0;
  for (uint32_t i = 0; i < l->state_count; i++)
    if (strstr(l->entry[i].name, "1.weight")) entry = i;
  assert_true(entry > 0);
  run_steps(r, 0, 6, blob, NULL);
  memcpy(blob + l->entry[entry].first_leaf * TAPE_LEAF_BYTES, &strange, sizeof strange);
  memcpy(twin, blob, world.state_bytes);
  run_steps(r, 6, 1, blob, NULL);
  run_steps(definition, 6, 1, twin, NULL);
  assert_memory_equal(blob, twin, world.state_bytes);
  replay_shut(r);
  replay_shut(definition);
  free(blob);
  free(twin);
  leave_world();
}

/* Everything is said before a byte of the state is touched. */
static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  make_world(NULL, "{name: adamw, lr: 1e-2}", "updates: 18\ninterval: 6");
  struct replay *r = open_replay((struct replay_options){0});
  uint8_t *blob = zero_state(), *zeros = zero_state();
  const struct replay_job good = world.replay;
  struct evidence e;
  for (uint32_t n = 0; n < 7; n++) {
    struct why why = {""};
    uint32_t done = 9, first = n == 5 ? 19 : 0, count = n == 6 ? 20 : 19;
    world.replay = good;
    if (n == 0) world.replay.tape[TAPE_OF_TRAIN] = NULL;
    if (n == 1) world.replay.data[DATA_TRAIN_INPUTS] = NULL;
    if (n == 2) world.replay.data_bytes[DATA_TRAIN_TARGETS]--;
    if (n == 3) world.replay.state_leaves++;
    if (n == 4) world.job.section[0].entry[1].tape = JOB_TAPES_MAX - 1;
    assert_int_equal(replay_steps(r, first, count, blob, NULL, &done, &why), TRAINING_ERR_INPUT);
    assert_true(why.text[0] != 0);
    assert_int_equal(done, 0);
    assert_int_equal(replay_evidence(r, first, (uint16_t)count, blob, &e, &why), TRAINING_ERR_INPUT);
    assert_memory_equal(blob, zeros, world.state_bytes);
    world.job.section[0].entry[1].tape = TAPE_OF_TRAIN;
  }
  world.replay = good;
  assert_int_equal(replay_evidence(r, 0, 0, blob, &e, NULL), TRAINING_ERR_INPUT);
  assert_int_equal(replay_evidence(r, 0, 257, blob, &e, NULL), TRAINING_ERR_INPUT);
  world.replay.data[DATA_TEST_INPUTS] = NULL; /* which no step reads */
  world.replay.tape[TAPE_OF_EVALUATE] = NULL;
  run_steps(r, 0, 19, blob, NULL);
  replay_shut(r);
  free(blob);
  free(zeros);
  leave_world();
}

static void tapes_are_held_against_the_job(void **state) {
  (void)state;
  make_world(NULL, "{name: adamw, lr: 1e-2}", "updates: 2\ninterval: 6");
  size_t length, mark = arena_mark(&world.arena);
  uint8_t *bytes = example_read(example_path(&world.example, "run/tapes/train.tape"), &length);
  struct tape t = {.records_count = 77};
  struct why why = {""};
  const uint8_t *train = world.job.tape_root[TAPE_OF_TRAIN], *init = world.job.tape_root[TAPE_OF_INIT];
  assert_int_equal(replay_tape(bytes, length, init, &world.arena, &t, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "root"));
  assert_int_equal(replay_tape(bytes, length - 1, train, &world.arena, &t, &why), TRAINING_ERR_INPUT);
  bytes[length / 2] ^= 4;
  assert_int_equal(replay_tape(bytes, length, train, &world.arena, &t, &why), TRAINING_ERR_INPUT);
  bytes[length / 2] ^= 4;
  assert_int_equal(t.records_count, 77);
  assert_int_equal(arena_mark(&world.arena), mark);
  struct arena small;
  assert_true(arena_open(&small, 4096));
  assert_int_equal(replay_tape(bytes, length, train, &small, &t, &why), TRAINING_ERR_SYSTEM);
  arena_shut(&small);
  assert_int_equal(replay_tape(bytes, length, train, &world.arena, &t, &why), TRAINING_OK);
  assert_int_equal(t.records_count, world.tape[TAPE_OF_TRAIN].records_count);
  free(bytes);
  leave_world();
}

static uint64_t most_resident(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)usage.ru_maxrss << 10;
}

/* In a process of its own, whose high-water mark begins with what it has. 0: as replay_bytes said. */
static int within_bytes(uint32_t places) {
  struct replay_options options = {.places = places};
  uint64_t before = most_resident(), bytes = replay_bytes(&world.replay, &options, (uint16_t)world.steps);
  struct replay *r = open_replay(options);
  struct evidence e;
  uint8_t roots[STEPS_MAX][MERKLE_BYTES], *start = zero_state();
  uint64_t own = world.state_bytes; /* the caller's */
  stand(r, 0, (uint16_t)world.steps, start, &e);
  bool good = e.steps(e.context, (uint16_t)world.steps, roots, NULL) && e.enter(e.context, 9, NULL);
  for (uint8_t space = TAPE_TEMP; space <= TAPE_DATA; space++) good = good && e.hashes(e.context, space, 0);
  uint64_t taken = most_resident() - before, slack = (uint64_t)2 << 20; /* code, page tables */
  printf("[          ] places %u: replay_bytes %.1f MiB, taken %.1f MiB\n", places, (double)bytes / (1 << 20),
         (double)(taken - own) / (1 << 20));
  fflush(stdout);
  return !good ? 1 : taken > bytes + own + slack ? 2 : taken + slack < bytes / 2 ? 3 : 0;
}

static void memory_is_what_was_said(void **state) {
  (void)state;
#ifdef WATCHED
  skip();
#endif
  make_world("mlp", "{name: adamw, lr: 1e-2}", "updates: 18\ninterval: 19");
  for (uint32_t places = 0; places <= 2; places++) {
    int status = -1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(within_bytes(places));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
  }
  world.replay.state_leaves = (uint64_t)1 << 40;
  assert_true(replay_bytes(&world.replay, &(struct replay_options){0}, 19) == UINT64_MAX);
  leave_world();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tapes_and_data_are_enough),
      cmocka_unit_test(steps_keep_their_numbers),
      cmocka_unit_test(an_interruption_leaves_whole_steps),
      cmocka_unit_test(evidence_is_computed_once),
      cmocka_unit_test(intervals_may_have_any_length),
      cmocka_unit_test(a_lie_is_shown_as_it_was_told),
      cmocka_unit_test(a_diverged_job_says_so),
      cmocka_unit_test(states_from_elsewhere_are_looked_through),
      cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(tapes_are_held_against_the_job),
      cmocka_unit_test(memory_is_what_was_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
