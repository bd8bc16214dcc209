/* What the liar shows of its step: the values up to the lie are the honest ones, the lie is one element, and what
 * follows from it follows. */
#define _DEFAULT_SOURCE
#include "training/checkpoint/checkpoint.h"
#include "training/run/example.h"
#include "training/sabotage/place.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEP = 6 };

/* A job in the middle of its run: the state before STEP, and the honest step with all its values. */
struct world {
  struct example e;
  struct prepared p;
  uint32_t tape, step;
  size_t temps_bytes;
  uint8_t *before, *after, *temps;           /* honest */
  uint8_t *lied_after, *lied_temps, *second; /* the liar's; second: another execution of the same */
};

static uint8_t *blob(size_t bytes) {
  uint8_t *b = aligned_alloc(64, bytes);
  assert_non_null(b);
  return memset(b, 0, bytes);
}

static void steps_until(struct world *w, uint32_t end) {
  struct execute *x = NULL;
  for (uint32_t step = 0; step < end; step++) {
    if (step < 2) {
      execute_shut(x);
      assert_int_equal(
          prepare_execute(&w->p, step ? TAPE_OF_TRAIN : TAPE_OF_INIT, &(struct execute_options){0}, &x, NULL),
          TRAINING_OK);
    }
    execute_step(x, w->before, step, w->p.job.seed);
  }
  execute_shut(x);
}

static struct world *world_open(uint32_t step, const char *optimizer, const char *more) {
  struct world *w = calloc(1, sizeof *w);
  struct why why = {""};
  struct execute *x;
  assert_non_null(w);
  example_make(&w->e, optimizer, more);
  if (prepare_open(&w->p, example_path(&w->e, "job.yaml"), &(struct prepare_options){.threads = 1}, &why) !=
      TRAINING_OK)
    fail_msg("%s", why.text);
  w->step = step;
  w->tape = step ? TAPE_OF_TRAIN : TAPE_OF_INIT;
  w->temps_bytes = (size_t)w->p.lowered.tape[w->tape].temp_leaves * TAPE_LEAF_BYTES;
  w->before = blob(w->p.state_bytes), w->after = blob(w->p.state_bytes), w->lied_after = blob(w->p.state_bytes);
  w->temps = blob(w->temps_bytes + 64), w->lied_temps = blob(w->temps_bytes + 64),
  w->second = blob(w->temps_bytes + 64);
  steps_until(w, step);
  memcpy(w->after, w->before, w->p.state_bytes);
  assert_int_equal(prepare_execute(&w->p, w->tape, &(struct execute_options){.materialise = true}, &x, &why),
                   TRAINING_OK);
  execute_step(x, w->after, step, w->p.job.seed);
  memcpy(w->temps, execute_temps(x), w->temps_bytes);
  execute_shut(x);
  return w;
}

static void world_shut(struct world *w) {
  free(w->before), free(w->after), free(w->lied_after), free(w->temps), free(w->lied_temps), free(w->second);
  prepare_shut(&w->p);
  example_remove(&w->e);
  free(w);
}

/* Executed fast, with threads, and by the definition: the same values, state and padding included. */
static void lie(struct world *w, enum sabotage_kind kind) {
  struct sabotage s = {kind, w->step};
  struct why why = {""};
  struct pool *pool = pool_open(2);
  const struct execute_options o[] = {{0}, {.pool = pool}, {.backend = &backend_scalar}, {.plain = true}};
  uint8_t *state = blob(w->p.state_bytes);
  assert_int_equal(sabotage_check(&w->p, &s, &o[0], &why), TRAINING_OK);
  for (size_t i = 0; i < sizeof o / sizeof *o; i++) {
    memcpy(state, w->before, w->p.state_bytes);
    if (sabotage_step(&w->p, &s, &o[i], state, w->second, &why) != TRAINING_OK) fail_msg("%s", why.text);
    if (i == 0) memcpy(w->lied_after, state, w->p.state_bytes), memcpy(w->lied_temps, w->second, w->temps_bytes);
    assert_memory_equal(state, w->lied_after, w->p.state_bytes);
    assert_memory_equal(w->second, w->lied_temps, w->temps_bytes);
  }
  memcpy(state, w->before, w->p.state_bytes); /* nobody has to want the values */
  assert_int_equal(sabotage_step(&w->p, &s, &o[0], state, NULL, &why), TRAINING_OK);
  assert_memory_equal(state, w->lied_after, w->p.state_bytes);
  pool_shut(pool);
  free(state);
}

static uint32_t words_that_differ(const uint8_t *a, const uint8_t *b, uint64_t bytes) {
  uint32_t count = 0;
  for (uint64_t i = 0; i < bytes; i += 4) count += memcmp(a + i, b + i, 4) != 0;
  return count;
}

/* The record, from 0, that has the first value which is not the honest one. */
static uint32_t first_other_record(const struct world *w) {
  const struct tape *t = &w->p.lowered.tape[w->tape];
  for (uint32_t n = 0; n < t->records_count; n++) {
    const struct tape_record *r = &t->record[n];
    uint64_t at = r->first_leaf * TAPE_LEAF_BYTES, bytes = record_leaves(r) * TAPE_LEAF_BYTES;
    if (r->space == TAPE_TEMP && memcmp(w->temps + at, w->lied_temps + at, bytes) != 0) return n;
  }
  fail_msg("all values are the honest ones");
  return 0;
}

static uint32_t words_of_record(const struct world *w, uint32_t n) {
  const struct tape_record *r = &w->p.lowered.tape[w->tape].record[n];
  uint64_t at = r->first_leaf * TAPE_LEAF_BYTES;
  return words_that_differ(w->temps + at, w->lied_temps + at, record_leaves(r) * TAPE_LEAF_BYTES);
}

static const char adamw[] = "{name: adamw, lr: 1e-2, weight_decay: 0.01}";
static const char twenty[] = "updates: 20\ninterval: 4";

static void one_weight(void **state) {
  (void)state;
  for (uint32_t step = 0; step <= STEP; step += STEP) {
    struct world *w = world_open(step, adamw, twenty);
    lie(w, SABOTAGE_WEIGHT);
    assert_memory_equal(w->temps, w->lied_temps, w->temps_bytes);
    assert_int_equal(words_that_differ(w->after, w->lied_after, w->p.state_bytes), 1);
    assert_int_not_equal(memcmp(w->after + place_weight(&w->p, step), w->lied_after + place_weight(&w->p, step), 4), 0);
    uint32_t entry;
    uint64_t index;
    prepare_describe(&w->p, place_weight(&w->p, step), &entry, &index);
    assert_true(index < layout_entry_elements(&w->p.lowered.layout.entry[entry]));
    world_shut(w);
  }
}

static void no_step(void **state) {
  (void)state;
  struct world *w = world_open(STEP, adamw, twenty);
  lie(w, SABOTAGE_SKIP);
  assert_memory_equal(w->temps, w->lied_temps, w->temps_bytes);
  assert_memory_equal(w->before, w->lied_after, w->p.state_bytes);
  world_shut(w);
}

static void one_element_of_a_value(void **state) {
  (void)state;
  static const char *const optimizers[] = {adamw, "{name: sgd, lr: 1e-2}",
                                           "{name: sgd, lr: 1e-2, momentum: 0.9, nesterov: true}"};
  static const char *const more[] = {twenty, "updates: 20\nclip_norm: 1.0"};
  for (int i = 0; i < 6; i++) {
    struct world *w = world_open(STEP, optimizers[i % 3], more[i / 3]);
    uint32_t gradient = 0, index = 0;
    assert_true(place_gradient(&w->p, TAPE_OF_TRAIN, &gradient) && place_index(&w->p, TAPE_OF_TRAIN, &index));
    lie(w, SABOTAGE_GRADIENT);
    assert_int_equal(first_other_record(w), gradient);
    assert_int_equal(words_of_record(w, gradient), 1);
    assert_string_equal(w->p.lowered.origin[TAPE_OF_TRAIN][gradient].part, "backward");
    /* the norm and the weight follow, and the weight's moments; clipping makes all weights follow */
    static const uint32_t follow[] = {4, 2, 3};
    uint32_t others = words_that_differ(w->after, w->lied_after, w->p.state_bytes);
    assert_true(i < 3 ? others == follow[i] : others >= follow[i - 3]);
    assert_true(words_that_differ(w->temps, w->lied_temps, w->temps_bytes) > 1);
    lie(w, SABOTAGE_INDEX);
    assert_int_equal(first_other_record(w), index);
    assert_int_equal(words_of_record(w, index), 1);
    const struct tape_record *r = &w->p.lowered.tape[TAPE_OF_TRAIN].record[index];
    const int32_t *samples = (const int32_t *)(const void *)(w->lied_temps + r->first_leaf * TAPE_LEAF_BYTES);
    for (uint64_t j = 0; j < record_elements(r); j++) assert_in_range(samples[j], 0, w->p.train.samples - 1);
    world_shut(w);
  }
}

static uint32_t first_reader_of_data(const struct world *w, uint8_t number) {
  const struct tape *t = &w->p.lowered.tape[w->tape];
  for (uint32_t n = 0; n < t->records_count; n++)
    for (uint8_t o = 0; o < t->record[n].operands; o++)
      if (t->record[n].operand[o].space == TAPE_DATA && t->record[n].operand[o].data_number == number) return n;
  fail_msg("nobody reads it");
  return 0;
}

static void other_inputs_of_the_step(void **state) {
  (void)state;
  struct world *w = world_open(STEP, adamw, twenty);
  uint32_t index = 0;
  assert_true(place_index(&w->p, TAPE_OF_TRAIN, &index));
  lie(w, SABOTAGE_SEED);
  assert_int_equal(first_other_record(w), index);
  lie(w, SABOTAGE_STALE);
  assert_int_equal(first_other_record(w), index);
  lie(w, SABOTAGE_BACKDOOR); /* one of eight inputs of one sample */
  assert_int_equal(first_other_record(w), first_reader_of_data(w, DATA_TRAIN_INPUTS));
  assert_int_equal(words_of_record(w, first_other_record(w)), 1);
  lie(w, SABOTAGE_OPTIMIZER);
  uint32_t row = first_reader_of_data(w, DATA_SCHEDULE);
  assert_int_equal(first_other_record(w), row);
  assert_int_equal(words_of_record(w, row), 3);
  float rates[2];
  uint64_t at = w->p.lowered.tape[TAPE_OF_TRAIN].record[row].first_leaf * TAPE_LEAF_BYTES;
  memcpy(&rates[0], w->temps + at, 4), memcpy(&rates[1], w->lied_temps + at, 4);
  assert_true(rates[0] == prepare_rate(&w->p, STEP) && rates[1] == 2 * rates[0]);
  world_shut(w);
  w = world_open(0, adamw, twenty);
  lie(w, SABOTAGE_SEED);
  assert_memory_not_equal(w->after, w->lied_after, w->p.state_bytes);
  world_shut(w);
}

static void roots_of_other_states(void **state) {
  (void)state;
  struct world *w = world_open(STEP, adamw, twenty);
  struct sabotage s = {SABOTAGE_ROOT, STEP};
  struct why why;
  uint8_t root[MERKLE_BYTES], again[MERKLE_BYTES], honest[MERKLE_BYTES];
  assert_int_equal(checkpoint_root(NULL, w->after, w->p.state_bytes, honest, &why), TRAINING_OK);
  assert_int_equal(sabotage_root(&w->p, &s, NULL, w->after, w->lied_after, root, &why), TRAINING_OK);
  assert_int_equal(words_that_differ(w->after, w->lied_after, w->p.state_bytes), 1);
  assert_int_equal(checkpoint_root(NULL, w->lied_after, w->p.state_bytes, again, &why), TRAINING_OK);
  assert_memory_equal(root, again, MERKLE_BYTES);
  assert_memory_not_equal(root, honest, MERKLE_BYTES);
  assert_int_equal(sabotage_root(&w->p, &s, NULL, w->after, NULL, again, &why), TRAINING_OK);
  assert_memory_equal(root, again, MERKLE_BYTES);
  s.kind = SABOTAGE_PREIMAGE;
  assert_int_equal(sabotage_root(&w->p, &s, NULL, w->after, w->lied_after, again, &why), TRAINING_OK);
  assert_memory_equal(w->after, w->lied_after, w->p.state_bytes);
  assert_memory_not_equal(again, honest, MERKLE_BYTES);
  assert_memory_not_equal(again, root, MERKLE_BYTES);
  for (uint32_t n = 1; n <= w->p.intervals; n++) {
    assert_int_equal(sabotage_of_root(&w->p, &s, n), n == STEP / 4 + 1);
    assert_false(sabotage_of_root(&w->p, &(struct sabotage){SABOTAGE_WEIGHT, STEP}, n));
  }
  assert_false(sabotage_of_step(&s, STEP));
  assert_false(sabotage_of_step(&(struct sabotage){SABOTAGE_NONE, 0}, 0));
  world_shut(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_weight),
      cmocka_unit_test(no_step),
      cmocka_unit_test(one_element_of_a_value),
      cmocka_unit_test(other_inputs_of_the_step),
      cmocka_unit_test(roots_of_other_states),
  };
  return cmocka_run_group_tests_name("sabotage steps", tests, NULL, NULL);
}
