/* Runs that lie: each kind changes what is committed, from its interval on and not before, and the same way each time.
 */
#define _DEFAULT_SOURCE
#include "training/checkpoint/committer.h"
#include "training/data/data.h"
#include "training/run/example.h"
#include "training/run/folder.h"
#include "training/sabotage/sabotage.h"
#include "training/verify/verify.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* 31 steps in intervals of 4: 8 intervals, of which the 5th has the steps 16 to 19. */
static const char adamw[] = "{name: adamw, lr: 1e-2, weight_decay: 0.01}";
static const char thirty[] = "updates: 30\ninterval: 4\nevaluate: {every: 10 updates}";
enum { STEP = 17, INTERVAL = 5, INTERVALS = 8 };

static const enum sabotage_kind all[] = {SABOTAGE_WEIGHT, SABOTAGE_GRADIENT, SABOTAGE_INDEX,     SABOTAGE_SKIP,
                                         SABOTAGE_STALE,  SABOTAGE_SEED,     SABOTAGE_OPTIMIZER, SABOTAGE_BACKDOOR,
                                         SABOTAGE_ROOT,   SABOTAGE_PREIMAGE};
enum { ALL = sizeof all / sizeof *all };

static bool of_root(enum sabotage_kind kind) { return kind == SABOTAGE_ROOT || kind == SABOTAGE_PREIMAGE; }

static struct sabotage sabotage_named(const char *text) {
  struct sabotage s;
  struct why why = {""};
  if (sabotage_parse(text, &s, &why) != TRAINING_OK) fail_msg("%s: %s", text, why.text);
  return s;
}

static struct run_result trained(const struct example *e, const char *folder, struct run_options options) {
  struct run_result r;
  struct why why = {""};
  enum training_status status = example_train(e, folder, options, &r, &why);
  if (status != TRAINING_OK) fail_msg("%s: %d %s", folder, status, why.text);
  return r;
}

static void refused(const struct example *e, const char *folder, struct run_options options, const char *because) {
  struct run_result r;
  struct why why = {""};
  assert_int_equal(example_train(e, folder, options, &r, &why), TRAINING_ERR_INPUT);
  if (!strstr(why.text, because)) fail_msg("'%s' is not in '%s'", because, why.text);
}

struct roots {
  uint8_t at[INTERVALS + 1][MERKLE_BYTES];
};

static struct roots roots_of(const struct example *e, const char *folder) {
  struct roots roots;
  struct why why = {""};
  struct trace *t = malloc(sizeof *t);
  if (!t || committer_trace_read(example_path(e, folder), 0, t, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_int_equal(t->intervals, INTERVALS);
  memcpy(roots.at, t->roots, sizeof roots.at);
  free(t);
  return roots;
}

static void texts(void **state) {
  (void)state;
  static const char *const bad[][2] = {{"wieght@7", "did you mean 'weight'"},
                                       {"", "is no kind"},
                                       {"preimages@7", "'preimage'"},
                                       {"weight", "weight@7"},
                                       {"weight@", "which step"},
                                       {"weight@-1", "which step"},
                                       {"weight@7 ", "which step"},
                                       {"weight@07", "which step"},
                                       {"weight@4294967296", "which step"},
                                       {"Weight@7", "is no kind"},
                                       {"weight@99999999999", "which step"},
                                       {"weight@7@7", "which step"},
                                       {" weight@7", "did you mean 'weight'"},
                                       {"none@1", "is no kind"}};
  struct sabotage s = {SABOTAGE_SKIP, 3};
  char text[SABOTAGE_TEXT_BYTES];
  for (int k = 0; k < ALL; k++) {
    struct sabotage one = {all[k], k % 2 ? UINT32_MAX : 0};
    sabotage_print(&one, text);
    struct sabotage again = sabotage_named(text);
    assert_int_equal(again.kind, one.kind);
    assert_int_equal(again.step, one.step);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct why why = {""};
    assert_int_equal(sabotage_parse(bad[i][0], &s, &why), TRAINING_ERR_INPUT);
    if (!strstr(why.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], why.text);
    assert_int_equal(s.kind, SABOTAGE_SKIP); /* written only on success */
  }
  sabotage_print(&(struct sabotage){SABOTAGE_NONE, 9}, text);
  assert_string_equal(text, "");
}

static void lies_that_change_nothing(void **state) {
  (void)state;
  static const char *const never[][2] = {
      {"weight@31", "the steps 0 (init) to 30"}, {"gradient@0", "no gradient"}, {"index@0", "reads no sample"},
      {"backdoor@0", "reads no sample"},         {"stale@1", "from step 2 on"}, {"stale@0", "from step 2 on"},
      {"optimizer@0", "no learning rate"}};
  struct example e;
  example_make(&e, adamw, thirty);
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
    refused(&e, "run", (struct run_options){.sabotage = sabotage_named(never[i][0])}, never[i][1]);
    assert_int_not_equal(access(example_path(&e, "run"), F_OK), 0); /* refused before anything is made */
  }
  example_remove(&e);
  example_make(&e, "{name: sgd, lr: 0.0}", "updates: 30\ninterval: 4\nshuffle: false");
  refused(&e, "run", (struct run_options){.sabotage = {SABOTAGE_OPTIMIZER, 3}}, "learning rate of that step is 0");
  refused(&e, "run", (struct run_options){.sabotage = {SABOTAGE_SEED, 3}}, "draw nothing");
  trained(&e, "seeded", (struct run_options){.sabotage = {SABOTAGE_SEED, 0}}); /* the weights are drawn */
  example_remove(&e);
  /* what only the step itself can tell: all samples are one sample */
  static float x[200][8], y[200][2];
  struct why why;
  example_make(&e, adamw, thirty);
  assert_int_equal(data_save_npy(example_path(&e, "x.npy"), TAPE_F32, 2, (const uint32_t[]){200, 8}, x, &why), 0);
  assert_int_equal(data_save_npy(example_path(&e, "y.npy"), TAPE_F32, 2, (const uint32_t[]){200, 2}, y, &why), 0);
  refused(&e, "run", (struct run_options){.sabotage = {SABOTAGE_INDEX, 3}}, "index@3 changes nothing");
  example_remove(&e);
}

static void roots_are_others_from_the_interval_on(void **state) {
  (void)state;
  struct example e;
  struct roots found[ALL];
  example_make(&e, adamw, thirty);
  trained(&e, "honest", (struct run_options){.threads = 1});
  struct roots honest = roots_of(&e, "honest");
  for (int k = 0; k < ALL; k++) {
    struct run_options o = {.force = true, .sabotage = {all[k], STEP}, .threads = 1};
    struct run_result r = trained(&e, "lied", o);
    found[k] = roots_of(&e, "lied");
    assert_int_equal(r.sabotage.kind, all[k]);
    assert_memory_equal(r.final_root, found[k].at[INTERVALS], MERKLE_BYTES);
    for (int n = 0; n <= INTERVALS; n++) {
      bool same = memcmp(honest.at[n], found[k].at[n], MERKLE_BYTES) == 0;
      if (same != (of_root(all[k]) ? n != INTERVAL : n < INTERVAL))
        fail_msg("%s: root %d is %s", sabotage_meaning(all[k]), n, same ? "the honest one" : "another one");
    }
    for (int other = 0; other < k; other++)
      assert_memory_not_equal(found[other].at[INTERVAL], found[k].at[INTERVAL], MERKLE_BYTES);
    o.threads = 2;
    trained(&e, "lied", o);
    struct roots again = roots_of(&e, "lied");
    assert_memory_equal(&again, &found[k], sizeof again);
  }
  trained(&e, "lied", (struct run_options){.force = true}); /* and an honest run takes the mark away */
  struct roots again = roots_of(&e, "lied");
  assert_memory_equal(&again, &honest, sizeof again);
  assert_int_not_equal(access(example_path(&e, "lied/" SABOTAGE_MARK), F_OK), 0);
  example_remove(&e);
}

/* The first thing that verify finds wrong is the interval of the lie. */
static void differs(const struct example *e, const char *folder, uint32_t interval) {
  struct verify_options o = {.all = true, .threads = 1, .prepare = {.threads = 1}};
  struct verify_result r;
  struct why why = {""};
  assert_int_equal(verify_run(example_path(e, folder), &o, &r, &why), TRAINING_NO);
  assert_int_equal(r.finding[0].kind, VERIFY_DIFFER);
  assert_int_equal(r.finding[0].interval, interval);
  verify_shut(&r);
}

static void verify_names_the_interval(void **state) {
  (void)state;
  struct example e;
  example_make(&e, adamw, thirty);
  for (int k = 0; k < ALL; k++) {
    trained(&e, "run", (struct run_options){.force = true, .sabotage = {all[k], STEP}});
    differs(&e, "run", INTERVAL);
    trained(&e, "run", (struct run_options){.force = true, .sabotage = {all[k], 30}});
    differs(&e, "run", INTERVALS);
  }
  static const char *const init[] = {"weight@0", "skip@0", "seed@0", "root@0", "preimage@0"};
  for (int k = 0; k < 5; k++) {
    trained(&e, "run", (struct run_options){.force = true, .sabotage = sabotage_named(init[k])});
    differs(&e, "run", 1);
  }
  example_remove(&e);
}

/* Stopped before the lie, in its interval, at its end, and later; from the saved point and from a checkpoint. */
static void resumed_runs_lie_alike(void **state) {
  (void)state;
  static const uint32_t stops[] = {9, 16, 17, 19, 20, 26};
  struct example e;
  struct run_result r;
  struct why why;
  example_make(&e, adamw, thirty);
  for (int k = 0; k < ALL; k++) {
    struct sabotage s = {all[k], STEP};
    trained(&e, "whole", (struct run_options){.force = true, .sabotage = s});
    struct roots whole = roots_of(&e, "whole");
    for (size_t i = 0; i < 2 * sizeof stops / sizeof *stops; i++) {
      struct run_options stop = {.force = true, .sabotage = s, .stop_after_update = stops[i / 2]};
      assert_int_equal(example_train(&e, "cut", stop, &r, &why), TRAINING_INTERRUPTED);
      if (i % 2) unlink(example_path(&e, "cut/resume.state"));
      r = trained(&e, "cut", (struct run_options){.resume = true, .sabotage = i / 2 % 2 ? s : (struct sabotage){0}});
      struct roots cut = roots_of(&e, "cut");
      if (memcmp(&cut, &whole, sizeof cut) != 0)
        fail_msg("%s, stopped after update %u: other roots", sabotage_meaning(s.kind), (unsigned)stops[i / 2]);
      assert_int_equal(r.sabotage.kind, s.kind);
    }
  }
  example_remove(&e);
}

static void marks(void **state) {
  (void)state;
  struct example e;
  struct folder_info info;
  struct arena arena;
  struct run_result r;
  struct why why = {""};
  struct sabotage s = {SABOTAGE_WEIGHT, STEP}, other = {SABOTAGE_WEIGHT, STEP + 1}, read;
  assert_true(arena_open(&arena, 1 << 20));
  example_make(&e, adamw, thirty);
  assert_int_equal(example_train(&e, "lied", (struct run_options){.sabotage = s, .stop_after_update = 5}, &r, &why),
                   130);
  assert_int_equal(sabotage_read(example_path(&e, "lied"), &read, &why), TRAINING_OK);
  assert_true(read.kind == s.kind && read.step == s.step);
  assert_int_equal(folder_read(example_path(&e, "lied"), &arena, &info, &why), TRAINING_OK);
  assert_string_equal(info.sabotage, "weight@17");
  refused(&e, "lied", (struct run_options){.resume = true, .sabotage = other}, "weight@17");
  unlink(example_path(&e, "lied/" SABOTAGE_MARK)); /* job.json still says it, and so the mark comes back */
  assert_int_equal(folder_read(example_path(&e, "lied"), &arena, &info, &why), TRAINING_OK);
  assert_string_equal(info.sabotage, "weight@17");
  trained(&e, "lied", (struct run_options){.resume = true});
  assert_int_equal(sabotage_read(example_path(&e, "lied"), &read, &why), TRAINING_OK);
  assert_int_equal(read.kind, s.kind);
  refused(&e, "lied", (struct run_options){.resume = true, .sabotage = other}, "weight@17");
  size_t length;
  char *card = (char *)example_read(example_path(&e, "lied/README.md"), &length);
  assert_non_null(strstr(card, "lied on purpose"));
  free(card);
  /* two stories, and one that nobody understands */
  assert_int_equal(sabotage_write(example_path(&e, "lied"), &other, &why), TRAINING_OK);
  assert_int_equal(folder_read(example_path(&e, "lied"), &arena, &info, &why), TRAINING_ERR_INPUT);
  example_write(example_path(&e, "lied/" SABOTAGE_MARK), "boo", 3);
  assert_int_equal(folder_read(example_path(&e, "lied"), &arena, &info, &why), TRAINING_ERR_INPUT);
  /* an honest run does not begin to lie, whether it is finished or not; one that is marked is not taken for honest */
  assert_int_equal(example_train(&e, "honest", (struct run_options){.stop_after_update = 5}, &r, &why), 130);
  refused(&e, "honest", (struct run_options){.resume = true, .sabotage = s}, "honest run");
  r = trained(&e, "honest", (struct run_options){.resume = true});
  assert_int_equal(r.sabotage.kind, SABOTAGE_NONE);
  refused(&e, "honest", (struct run_options){.resume = true, .sabotage = s}, "honest run");
  assert_int_equal(folder_read(example_path(&e, "honest"), &arena, &info, &why), TRAINING_OK);
  assert_string_equal(info.sabotage, "");
  assert_int_equal(sabotage_write(example_path(&e, "honest"), &s, &why), TRAINING_OK);
  assert_int_equal(folder_read(example_path(&e, "honest"), &arena, &info, &why), TRAINING_OK);
  assert_string_equal(info.sabotage, "weight@17");
  /* a folder that claims what its job cannot do */
  assert_int_equal(example_train(&e, "odd", (struct run_options){.stop_after_update = 5}, &r, &why), 130);
  assert_int_equal(sabotage_write(example_path(&e, "odd"), &(struct sabotage){SABOTAGE_GRADIENT, 0}, &why), 0);
  refused(&e, "odd", (struct run_options){.resume = true}, "no gradient");
  arena_shut(&arena);
  example_remove(&e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts),
      cmocka_unit_test(lies_that_change_nothing),
      cmocka_unit_test(roots_are_others_from_the_interval_on),
      cmocka_unit_test(verify_names_the_interval),
      cmocka_unit_test(resumed_runs_lie_alike),
      cmocka_unit_test(marks),
  };
  return cmocka_run_group_tests_name("sabotage", tests, NULL, NULL);
}
