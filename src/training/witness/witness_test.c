#define _DEFAULT_SOURCE
#include "dispute/challenger/challenger.h"
#include "dispute/claimant/claimant.h"
#include "training/checkpoint/checkpoint.h"
#include "training/run/example.h"
#include "training/witness/witness.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char adamw[] = "{name: adamw, lr: 1e-2}";
enum { STEPS = 40, INTERVALS = 4 }; /* 121 steps: 40, 40, 40, 1 */
static const char long_job[] = "updates: 120\ninterval: 40\nevaluate: {every: 60 updates}";

/* One world for all tests: an honest run, and liars as they are asked for. */
static struct example world;
static struct prepared *prepared;

static void train(const char *name, enum sabotage_kind kind, uint32_t step) {
  struct why why = {""};
  struct run_result r;
  struct run_options options = {.threads = 1, .sabotage = {kind, step}};
  if (example_train(&world, name, options, &r, &why) != TRAINING_OK) fail_msg("%s: %s", name, why.text);
}

/* 30 updates of four micro-batches: 121 steps again, cut alike. */
static const char micro_job[] = "updates: 30\nmicro_batches: 4\ninterval: 40\nevaluate: {every: 15 updates}";

static int make_world_of(const char *job) {
  struct why why = {""};
  example_make(&world, adamw, job);
  train("honest", SABOTAGE_NONE, 0);
  prepared = calloc(1, sizeof *prepared);
  return prepared && prepare_open(prepared, example_path(&world, "job.yaml"), &(struct prepare_options){.threads = 1},
                                  &why) == TRAINING_OK
             ? 0
             : -1;
}

static int make_world(void **state) {
  (void)state;
  return make_world_of(long_job);
}

static int make_micro_world(void **state) {
  (void)state;
  return make_world_of(micro_job);
}

static int leave_world(void **state) {
  (void)state;
  prepare_shut(prepared);
  free(prepared);
  example_remove(&world);
  return 0;
}

/* A run's folder as a witness needs it. */
struct run {
  char folder[256];
  struct arena arena;
  struct folder_info info;
  struct frame_roots roots;
  struct witness *witness;
  struct evidence evidence;
};

static void open_run(struct run *r, const char *name) {
  struct why why = {""};
  memset(r, 0, sizeof *r);
  snprintf(r->folder, sizeof r->folder, "%s", example_path(&world, name));
  assert_true(arena_open(&r->arena, 1 << 20));
  if (folder_read(r->folder, &r->arena, &r->info, &why) != TRAINING_OK ||
      frame_roots_read(r->folder, &r->info, prepared, &r->roots, &why) != TRAINING_OK)
    fail_msg("%s", why.text);
}

static void shut_run(struct run *r) {
  witness_shut(r->witness);
  frame_roots_shut(&r->roots);
  arena_shut(&r->arena);
}

static void call_witness(struct run *r, uint32_t interval, struct witness_options options) {
  struct why why = {""};
  witness_shut(r->witness);
  if (witness_open(&r->witness, r->folder, &r->info, prepared, &r->roots, interval, &options, &why) != TRAINING_OK)
    fail_msg("%s", why.text);
  witness_evidence(r->witness, &r->evidence);
}

static void frame_of(const struct run *r, uint32_t interval, struct dispute_frame *f) {
  struct why why = {""};
  frame_fill(prepared, interval, r->roots.root[interval - 1], r->roots.root[interval], f);
  if (!dispute_frame_check(f, &why)) fail_msg("%s", why.text);
}

/* The whole game; the verdict is in *d. */
static void play(const struct dispute_frame *f, const struct evidence *claimant, const struct evidence *challenger,
                 struct dispute *d) {
  static struct move m;
  struct why why = {""};
  uint64_t tick = 0;
  challenger_open(f, &m);
  assert_int_equal(dispute_open(d, f, &m, tick, &why), DISPUTE_HEARD);
  while (d->awaits != DISPUTE_DECIDED) {
    bool mine = dispute_turn(d) == DISPUTE_CLAIMANT;
    enum evidence_answer answer =
        mine ? claimant_next(d, f, claimant, &m, &why) : challenger_next(d, f, challenger, NULL, &m, &why);
    assert_true(answer == ANSWER_MOVE || answer == ANSWER_NOTHING);
    if (answer == ANSWER_NOTHING)
      assert_true(dispute_expire(d, f, dispute_deadline(d, f) + 1));
    else if (dispute_hear(d, f, &m, ++tick, &why) != DISPUTE_HEARD)
      fail_msg("move %u: %s", m.number, why.text);
    dispute_check(d, f);
  }
}

static void frames_say_what_the_job_says(void **state) {
  (void)state;
  struct run r;
  struct dispute_frame f;
  open_run(&r, "honest");
  assert_int_equal(r.roots.intervals, INTERVALS);
  for (uint32_t i = 1; i <= INTERVALS; i++) {
    frame_of(&r, i, &f);
    assert_int_equal(f.first_step, (i - 1) * STEPS);
    assert_int_equal(f.steps, i < INTERVALS ? STEPS : 1);
    assert_int_equal(f.target.task, 0);
    assert_int_equal(f.target.interval, i);
    assert_int_equal(f.target.inner, 0);
    for (uint32_t j = 0; j < f.steps; j++)
      assert_int_equal(f.step_tape[j], i == 1 && j == 0 ? TAPE_OF_INIT : TAPE_OF_TRAIN);
  }
  assert_memory_equal(f.target.job_root, r.info.job_root, MERKLE_BYTES);
  assert_memory_equal(f.end_root, r.info.final_root, MERKLE_BYTES);
  assert_int_equal(f.seed, 7);
  assert_int_equal(f.tapes, 3);
  for (uint32_t t = 0; t < f.tapes; t++) assert_memory_equal(f.tape[t].root, r.info.tape_root[t], MERKLE_BYTES);
  /* 200 samples of 8 and of 2 numbers */
  assert_int_equal(f.data_count, 6);
  assert_int_equal(f.data[DATA_TRAIN_INPUTS].leaves, 2);
  assert_int_equal(f.data[DATA_TRAIN_TARGETS].leaves, 1);
  shut_run(&r);
}

/* Interval 257 is the first of task 1, and its start is what task 0 ended with. */
static void tasks_follow_each_other(void **state) {
  (void)state;
  struct example mine = world;
  struct prepared *before = prepared;
  struct run r;
  struct dispute_frame f;
  example_make(&world, "{name: sgd, lr: 1e-3}", "updates: 300\ninterval: 1\nevaluate: {every: 300 updates}");
  train("honest", SABOTAGE_NONE, 0);
  prepared = calloc(1, sizeof *prepared);
  assert_int_equal(
      prepare_open(prepared, example_path(&world, "job.yaml"), &(struct prepare_options){.threads = 1}, NULL),
      TRAINING_OK);
  open_run(&r, "honest");
  assert_int_equal(r.roots.intervals, 301);
  frame_of(&r, 257, &f);
  assert_int_equal(f.target.task, 1);
  assert_int_equal(f.target.interval, 1);
  assert_int_equal(f.first_step, 256);
  call_witness(&r, 257, (struct witness_options){0});
  uint8_t root[1][MERKLE_BYTES];
  assert_true(r.evidence.steps(r.evidence.context, 1, root, NULL));
  assert_memory_equal(root[0], r.roots.root[257], MERKLE_BYTES);
  shut_run(&r);
  /* the second trace must go on from the first */
  uint8_t *bytes;
  size_t length;
  struct why why = {""};
  bytes = example_read(example_path(&world, "honest/traces/0000.bin"), &length);
  example_write(example_path(&world, "honest/traces/0001.bin"), bytes, length);
  free(bytes);
  memset(&r, 0, sizeof r);
  assert_true(arena_open(&r.arena, 1 << 20));
  assert_int_equal(folder_read(example_path(&world, "honest"), &r.arena, &r.info, &why), TRAINING_OK);
  assert_int_equal(frame_roots_read(example_path(&world, "honest"), &r.info, prepared, &r.roots, &why),
                   TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "0001.bin"));
  arena_shut(&r.arena);
  prepare_shut(prepared);
  free(prepared);
  prepared = before;
  example_remove(&world);
  world = mine;
}

static void root_of(const struct evidence *e, uint8_t space, uint8_t number, uint32_t leaves,
                    uint8_t root[MERKLE_BYTES]) {
  const uint8_t *hashes = e->hashes(e->context, space, number);
  assert_non_null(hashes);
  merkle_node(hashes, leaves, merkle_height(leaves), 0, root);
  for (uint32_t i = 0; i < leaves; i++) { /* leaf and hash agree */
    uint8_t hash[MERKLE_BYTES];
    const uint8_t *leaf = e->leaf(e->context, space, number, i);
    assert_non_null(leaf);
    merkle_leaf(leaf, TAPE_LEAF_BYTES, hash);
    assert_memory_equal(hash, hashes + i * MERKLE_BYTES, MERKLE_BYTES);
  }
  assert_null(e->leaf(e->context, space, number, leaves));
}

/* Every step of every interval: its states hang together, and its values are those of the definition. */
static void evidence_is_what_the_job_computes(void **state) {
  (void)state;
  struct run fast, plain;
  open_run(&fast, "honest");
  open_run(&plain, "honest");
  for (uint32_t i = 1; i <= INTERVALS; i++) {
    struct dispute_frame f;
    uint8_t roots[STEPS][MERKLE_BYTES], root[MERKLE_BYTES], twin[MERKLE_BYTES];
    frame_of(&fast, i, &f);
    call_witness(&fast, i, (struct witness_options){.places = 3});
    call_witness(&plain, i, (struct witness_options){.execute = {.plain = true}});
    assert_null(fast.evidence.hashes(fast.evidence.context, TAPE_TEMP, 0)); /* nothing is entered yet */
    assert_true(fast.evidence.steps(fast.evidence.context, f.steps, roots, NULL));
    assert_memory_equal(roots[f.steps - 1], fast.roots.root[i], MERKLE_BYTES);
    for (uint16_t j = f.steps; j >= 1; j = (uint16_t)(j > 7 ? j - 7 : j - 1)) {
      uint32_t temps = f.tape[f.step_tape[j - 1]].temp_leaves;
      assert_true(fast.evidence.enter(fast.evidence.context, j, NULL));
      assert_true(plain.evidence.enter(plain.evidence.context, j, NULL));
      root_of(&fast.evidence, TAPE_IN, 0, f.state_leaves, root);
      assert_memory_equal(root, j == 1 ? fast.roots.root[i - 1] : roots[j - 2], MERKLE_BYTES);
      root_of(&fast.evidence, TAPE_OUT, 0, f.state_leaves, root);
      assert_memory_equal(root, roots[j - 1], MERKLE_BYTES);
      root_of(&fast.evidence, TAPE_TEMP, 0, temps, root);
      root_of(&plain.evidence, TAPE_TEMP, 0, temps, twin);
      assert_memory_equal(root, twin, MERKLE_BYTES);
    }
    for (uint8_t d = 0; d < f.data_count; d++) {
      if (!f.data[d].leaves) continue;
      root_of(&fast.evidence, TAPE_DATA, d, f.data[d].leaves, root);
      assert_memory_equal(root, f.data[d].root, MERKLE_BYTES);
    }
    assert_null(fast.evidence.hashes(fast.evidence.context, TAPE_DATA, 200));
  }
  shut_run(&fast);
  shut_run(&plain);
}

/* PROTOCOL P4.3: S steps with their roots and one step with all its values, for any number of challengers. */
static void one_execution_serves_all_challengers(void **state) {
  (void)state;
  static const enum sabotage_kind kinds[] = {SABOTAGE_WEIGHT, SABOTAGE_GRADIENT, SABOTAGE_OPTIMIZER, SABOTAGE_SEED};
  struct run honest, liar;
  struct dispute_frame f;
  struct dispute d;
  open_run(&honest, "honest");
  frame_of(&honest, 2, &f);
  call_witness(&honest, 2, (struct witness_options){0});
  const struct witness_counts *c = witness_counts(honest.witness);
  assert_int_equal(c->start_steps, 0); /* checkpoint 1 is there */
  for (uint32_t k = 0; k < 4; k++) {
    char name[32];
    snprintf(name, sizeof name, "liar%u", k);
    train(name, kinds[k], 70);
    open_run(&liar, name);
    assert_int_equal(challenger_interval((const uint8_t(*)[MERKLE_BYTES])honest.roots.root,
                                         (const uint8_t(*)[MERKLE_BYTES])liar.roots.root, INTERVALS),
                     2);
    call_witness(&liar, 2, (struct witness_options){0});
    play(&f, &honest.evidence, &liar.evidence, &d);
    assert_int_equal(d.verdict.loser, DISPUTE_CHALLENGER);
    assert_int_equal(d.verdict.step, 70);
    /* step 70 is the 31st of the interval; of 14 states kept, one of every 3 steps, the 30th is the nearest */
    assert_int_equal(c->interval_steps, STEPS);
    assert_int_equal(c->materialised, 1);
    assert_true(c->again_steps <= 2);
    /* and in the other seat */
    frame_of(&liar, 2, &f);
    play(&f, &liar.evidence, &honest.evidence, &d);
    assert_int_equal(d.verdict.loser, DISPUTE_CLAIMANT);
    assert_int_equal(d.verdict.step, 70);
    assert_int_equal(c->materialised, 1);
    frame_of(&honest, 2, &f);
    shut_run(&liar);
  }
  shut_run(&honest);
}

/* A sixteenth of the interval at most, wherever a challenger points; and fewer states kept are only slower. */
static void entering_costs_a_sixteenth(void **state) {
  (void)state;
  struct run r;
  uint8_t roots[STEPS][MERKLE_BYTES], again[STEPS][MERKLE_BYTES];
  open_run(&r, "honest");
  for (uint32_t places = 0; places <= 16; places += places < 2 ? 1 : 14) {
    uint32_t stride = places == 1 ? STEPS : places == 2 ? STEPS / 2 : 3;
    call_witness(&r, 3, (struct witness_options){.places = places});
    const struct witness_counts *c = witness_counts(r.witness);
    /* before the roots are asked for, too: then the way is longer, once */
    assert_true(r.evidence.enter(r.evidence.context, 5, NULL));
    assert_true(r.evidence.steps(r.evidence.context, STEPS, roots, NULL));
    assert_int_equal(c->interval_steps, STEPS);
    for (uint16_t j = STEPS; j >= 1; j--) {
      uint32_t before = c->again_steps;
      uint8_t root[MERKLE_BYTES];
      assert_true(r.evidence.enter(r.evidence.context, j, NULL));
      assert_int_equal(c->again_steps - before, (j - 1u) % stride);
      merkle_node(r.evidence.hashes(r.evidence.context, TAPE_OUT, 0), (uint32_t)prepared->state_leaves,
                  merkle_height(prepared->state_leaves), 0, root);
      assert_memory_equal(root, roots[j - 1], MERKLE_BYTES);
    }
    assert_int_equal(c->materialised, STEPS + 1);
    assert_true(r.evidence.steps(r.evidence.context, STEPS, again, NULL));
    assert_memory_equal(again, roots, sizeof roots);
    assert_int_equal(c->interval_steps, STEPS);
  }
  shut_run(&r);
}

/* Where the checkpoint is gone or damaged, the one before it will do, and in the end the start. */
static void starts_are_found_again(void **state) {
  (void)state;
  struct run r;
  example_copy(&world, "honest", "bare");
  open_run(&r, "bare");
  for (int32_t n = 2; n >= 0; n--) {
    call_witness(&r, 3, (struct witness_options){0});
    assert_int_equal(witness_counts(r.witness)->start_steps, (2 - (uint32_t)n) * STEPS);
    uint8_t roots[STEPS][MERKLE_BYTES];
    assert_true(r.evidence.steps(r.evidence.context, STEPS, roots, NULL));
    assert_memory_equal(roots[STEPS - 1], r.roots.root[3], MERKLE_BYTES);
    char name[64];
    snprintf(name, sizeof name, "bare/checkpoints/%06d.state", n);
    size_t length;
    if (n == 2) { /* damaged */
      uint8_t *bytes = example_read(example_path(&world, name), &length);
      bytes[5000] ^= 1;
      example_write(example_path(&world, name), bytes, length);
      free(bytes);
    } else if (n == 1) {
      assert_int_equal(unlink(example_path(&world, name)), 0);
    }
  }
  /* a start that nothing leads to is nobody's to show */
  struct witness *w;
  struct why why = {""};
  struct witness_options none = {0};
  r.roots.root[2][0] ^= 1;
  assert_int_equal(witness_open(&w, r.folder, &r.info, prepared, &r.roots, 3, &none, &why), TRAINING_ERR_INPUT);
  assert_null(w);
  assert_non_null(strstr(why.text, "interval 3"));
  shut_run(&r);
}

/* A root in the trace that the run did not compute: the witness shows what it computes, and the claimant says nothing.
 */
static void tampered_traces_are_not_defended(void **state) {
  (void)state;
  struct run r;
  struct dispute_frame f;
  static struct dispute d;
  open_run(&r, "honest");
  call_witness(&r, 2, (struct witness_options){0});
  frame_of(&r, 2, &f);
  f.end_root[7] ^= 1;
  play(&f, &r.evidence, &r.evidence, &d);
  assert_int_equal(d.verdict.loser, DISPUTE_CLAIMANT);
  assert_int_equal(d.verdict.reason, DISPUTE_BY_CLOCK);
  assert_int_equal(d.verdict.awaited, MOVE_2);
  shut_run(&r);
}

/* Every kind: the witness of a liar leads to what it committed to, and has no state only for a root that nothing hashes
 * to. */
static void liars_are_replayed(void **state) {
  (void)state;
  for (uint32_t kind = SABOTAGE_WEIGHT; kind <= SABOTAGE_PREIMAGE; kind++) {
    struct run liar, honest;
    struct dispute_frame f;
    static struct dispute d;
    uint8_t roots[STEPS][MERKLE_BYTES];
    uint32_t step = kind == SABOTAGE_OPTIMIZER ? 52 : 50; /* of four micro-batches the last has a learning rate */
    train("liar", (enum sabotage_kind)kind, step);
    open_run(&liar, "liar");
    open_run(&honest, "honest");
    call_witness(&liar, 2, (struct witness_options){0});
    call_witness(&honest, 2, (struct witness_options){0});
    assert_true(liar.evidence.steps(liar.evidence.context, STEPS, roots, NULL));
    assert_memory_equal(roots[STEPS - 1], liar.roots.root[2], MERKLE_BYTES);
    bool at_end = kind == SABOTAGE_ROOT || kind == SABOTAGE_PREIMAGE;
    frame_of(&liar, 2, &f);
    play(&f, &liar.evidence, &honest.evidence, &d);
    assert_int_equal(d.verdict.loser, DISPUTE_CLAIMANT);
    assert_int_equal(d.verdict.step, at_end ? 79 : step);
    assert_int_equal(d.verdict.has_element, kind != SABOTAGE_PREIMAGE);
    if (kind == SABOTAGE_PREIMAGE) assert_int_equal(d.verdict.awaited, MOVE_4);
    frame_of(&honest, 2, &f);
    play(&f, &honest.evidence, &liar.evidence, &d);
    assert_int_equal(d.verdict.loser, DISPUTE_CHALLENGER);
    shut_run(&liar);
    shut_run(&honest);
    char command[300];
    snprintf(command, sizeof command, "rm -r '%s'", example_path(&world, "liar"));
    assert_int_equal(system(command), 0);
  }
}

/* A folder's mark may say anything, and a challenger reads the folders of strangers. */
static void marks_that_no_job_can_have_are_refused(void **state) {
  (void)state;
  static const char *const bad[][2] = {{"optimizer@0", "no learning rate"}, {"gradient@0", "no gradient"},
                                       {"index@0", "reads no sample"},      {"backdoor@0", "reads no sample"},
                                       {"stale@0", "from step 2 on"},       {"weight@121", "0 (init) to 120"}};
  struct run r;
  open_run(&r, "honest");
  for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
    struct witness *w;
    struct witness_options none = {0};
    struct why why = {""};
    snprintf(r.info.sabotage, sizeof r.info.sabotage, "%s", bad[n][0]);
    assert_int_equal(witness_open(&w, r.folder, &r.info, prepared, &r.roots, 1, &none, &why), TRAINING_ERR_INPUT);
    assert_null(w);
    if (!strstr(why.text, bad[n][1]) || !strstr(why.text, r.folder)) fail_msg("%s: %s", bad[n][0], why.text);
  }
  shut_run(&r);
}

static void it_stops_when_asked(void **state) {
  (void)state;
  volatile sig_atomic_t stop = 0;
  struct run r;
  struct why why = {""};
  uint8_t roots[STEPS][MERKLE_BYTES];
  open_run(&r, "honest");
  call_witness(&r, 2, (struct witness_options){.stop = &stop});
  assert_int_equal(witness_status(r.witness), TRAINING_OK);
  stop = 1;
  assert_false(r.evidence.steps(r.evidence.context, STEPS, roots, &why));
  assert_int_equal(witness_status(r.witness), TRAINING_INTERRUPTED);
  assert_false(r.evidence.enter(r.evidence.context, 3, &why));
  stop = 0; /* and goes on */
  assert_true(r.evidence.steps(r.evidence.context, STEPS, roots, &why));
  assert_memory_equal(roots[STEPS - 1], r.roots.root[2], MERKLE_BYTES);
  shut_run(&r);
}

static void memory_is_looked_at_first(void **state) {
  (void)state;
  struct why why = {""};
  struct witness_options options = {0};
  assert_int_equal(witness_fits(prepared, 1, 2, &options, &why), TRAINING_OK);
  assert_int_equal(options.places, WITNESS_PLACES_MAX);
  assert_int_equal(witness_fits(prepared, 1, UINT32_MAX, &options, &why), TRAINING_ERR_SYSTEM);
  assert_non_null(strstr(why.text, "MiB"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_say_what_the_job_says),
      cmocka_unit_test(tasks_follow_each_other),
      cmocka_unit_test(evidence_is_what_the_job_computes),
      cmocka_unit_test(one_execution_serves_all_challengers),
      cmocka_unit_test(entering_costs_a_sixteenth),
      cmocka_unit_test(starts_are_found_again),
      cmocka_unit_test(tampered_traces_are_not_defended),
      cmocka_unit_test(liars_are_replayed),
      cmocka_unit_test(marks_that_no_job_can_have_are_refused),
      cmocka_unit_test(it_stops_when_asked),
      cmocka_unit_test(memory_is_looked_at_first),
  };
  const struct CMUnitTest micro[] = {
      cmocka_unit_test(evidence_is_what_the_job_computes),
      cmocka_unit_test(starts_are_found_again),
      cmocka_unit_test(liars_are_replayed),
  };
  int failed = cmocka_run_group_tests(tests, make_world, leave_world);
  return failed + cmocka_run_group_tests(micro, make_micro_world, leave_world);
}
