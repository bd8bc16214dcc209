/* How many times faster than the slowest way our step is, by kind of record: what a guard against slow-downs compares
 * with what it was (tests/peers/guard.py). The slowest way is the scalar back end on generic paths. Both sides run on
 * one thread, in turns, in this one process; each class of records counts with the fastest of its turns on either side,
 * since what else the machine does can only slow a turn down. So a ratio says little of the load and nothing of the
 * clock. */
#include "cli/bench/job.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  WARM_STEPS = 3,
  STEPS = 6,
  GUARD_ROUNDS = 5,
  CLASSES_MAX = 128
}; /* STEPS: of ours, beside one of the slow way */

/* Small enough that the slow way takes a tenth of a second, large enough that every kind of kernel has work. */
static const struct bench_row guarded[] = {{"mlp", "mlp", "tests/models/mlp.onnx", 32, 0},
                                           {"lenet", "lenet", "tests/models/lenet.onnx", 8, 0},
                                           {"resnet8", "resnet8", "examples/resnet/resnet.onnx", 2, 0},
                                           {"attention", "attention", "tests/models/attention.onnx", 2, 64}};

static struct bench_job job; /* large */

struct guard_class {
  const struct lower_origin *origin; /* NULL: the whole step */
  uint8_t op;                        /* enum tape_op */
  double seconds[2];                 /* of its fastest step, ours and the slow way's; 0: none yet */
};

struct guard {
  struct bench_seat seat[2];
  struct guard_class class[CLASSES_MAX];
  uint32_t classes, *class_of; /* one a record */
  double *record;
};

static bool same_operator(const struct lower_origin *a, const struct lower_origin *b) {
  return strcmp(a->op, b->op) == 0 && strcmp(a->part, b->part) == 0;
}

/* A class is all records of one kind that come from one operator in one part of the step. What does not fit into the
 * table counts in the whole step alone. */
static void make_classes(struct guard *g) {
  const struct lower_origin *origin = job.prepared.lowered.origin[TAPE_OF_TRAIN];
  const struct tape_record *record = job.prepared.lowered.tape[TAPE_OF_TRAIN].record;
  g->classes = 1;
  for (uint32_t r = 0; r < job.prepared.lowered.tape[TAPE_OF_TRAIN].records_count; r++) {
    uint32_t c = 1;
    while (c < g->classes && (g->class[c].op != record[r].op || !same_operator(g->class[c].origin, &origin[r]))) c++;
    if (c == g->classes && c < CLASSES_MAX)
      g->class[g->classes++] = (struct guard_class){.origin = &origin[r], .op = record[r].op};
    g->class_of[r] = c;
  }
}

static void keep_fastest(double *kept, double seconds) {
  if (*kept <= 0 || seconds < *kept) *kept = seconds;
}

static void take_turn(struct guard *g, uint32_t side) {
  uint32_t records = job.prepared.lowered.tape[TAPE_OF_TRAIN].records_count;
  double sum[CLASSES_MAX] = {0};
  memset(g->record, 0, records * sizeof *g->record);
  keep_fastest(&g->class[0].seconds[side], bench_seat_step(&g->seat[side], &job));
  execute_profile(g->seat[side].train, g->record);
  for (uint32_t r = 0; r < records; r++)
    if (g->class_of[r] < CLASSES_MAX) sum[g->class_of[r]] += g->record[r];
  for (uint32_t c = 1; c < g->classes; c++) keep_fastest(&g->class[c].seconds[side], sum[c]);
}

static void tell_class(const char *name, const struct guard_class *class, double whole, bool json) {
  const struct lower_origin *o = class->origin;
  double ours = class->seconds[0], slow = class->seconds[1];
  if (ours <= 0) return; /* booked elsewhere */
  char text[128];
  static const char *const kind[] = {[TAPE_MAP] = "map", [TAPE_DOT] = "dot", [TAPE_FOLD] = "fold", [TAPE_PUT] = "put"};
  if (o)
    snprintf(text, sizeof text, "%s %s %s", o->op, o->part, kind[class->op]);
  else
    snprintf(text, sizeof text, "step whole");
  if (json)
    output_json(json_pack("{s:s, s:s, s:o, s:f, s:f, s:f, s:f}", "name", "guard", "size", name, "class",
                          output_text(text), "ms", ours * 1e3, "slow_ms", slow * 1e3, "share", ours / whole, "ratio",
                          slow / ours));
  else
    printf("guard  %-10s %-36s %9.3f ms %5.1f %%  %8.1f times as fast as plain C\n", name, text, ours * 1e3,
           100 * ours / whole, slow / ours);
}

static enum outcome guard_with(struct guard *g, const struct bench_row *row, const struct bench_options *o,
                               struct why *why) {
  uint32_t records = job.prepared.lowered.tape[TAPE_OF_TRAIN].records_count;
  struct execute_options fast = {0}, slow = {.backend = &backend_scalar, .recognise_nothing = true};
  g->class_of = calloc(records, sizeof *g->class_of);
  g->record = calloc(records, sizeof *g->record);
  if (!g->class_of || !g->record) {
    why_set(why, "no memory for %" PRIu32 " records", records);
    return OUTCOME_ENVIRONMENT;
  }
  enum outcome outcome = bench_seat_open(&g->seat[0], &job, &fast, why);
  if (outcome == OUTCOME_DONE) outcome = bench_seat_open(&g->seat[1], &job, &slow, why);
  if (outcome != OUTCOME_DONE) return outcome;
  make_classes(g);
  for (uint32_t i = 0; i < WARM_STEPS; i++) bench_seat_step(&g->seat[0], &job);
  execute_profile(g->seat[0].train, g->record); /* starts the profile afresh */
  for (uint32_t round = 0; round < GUARD_ROUNDS; round++) {
    if (bench_stopped()) return OUTCOME_INTERRUPTED;
    for (uint32_t i = 0; i < STEPS; i++) take_turn(g, 0);
    take_turn(g, 1);
  }
  for (uint32_t c = 0; c < g->classes; c++) tell_class(row->name, &g->class[c], g -> class[0].seconds[0], o->json);
  return OUTCOME_DONE;
}

static enum outcome guard_of(const struct bench_row *row, const struct bench_options *o, struct why *why) {
  struct bench_options made_up = *o;
  made_up.made_up = true; /* reading Fashion-MNIST takes longer than the measurement */
  enum outcome outcome = bench_job_open(&job, row, WARM_STEPS + STEPS * GUARD_ROUNDS, &made_up, why);
  if (outcome != OUTCOME_DONE) return outcome;
  struct guard *g = calloc(1, sizeof *g);
  if (g) {
    outcome = guard_with(g, row, o, why);
    bench_seat_shut(&g->seat[0]);
    bench_seat_shut(&g->seat[1]);
    free(g->class_of);
    free(g->record);
  } else {
    outcome = OUTCOME_ENVIRONMENT;
    why_set(why, "not enough memory");
  }
  free(g);
  bench_job_shut(&job);
  return outcome;
}

enum outcome bench_guard(const struct bench_options *o, struct why *why) {
  enum outcome outcome = OUTCOME_DONE;
  bool known = !o->row;
  for (size_t i = 0; i < sizeof guarded / sizeof *guarded && outcome == OUTCOME_DONE; i++)
    if (!o->row || strcmp(o->row, guarded[i].name) == 0) {
      known = true;
      outcome = guard_of(&guarded[i], o, why);
    }
  if (!known) {
    why_set(why, "the guard has no network '%s'; --row takes mlp, lenet, resnet8 or attention", o->row);
    return OUTCOME_INPUT;
  }
  if (outcome == OUTCOME_DONE && o->json)
    output_json(json_pack("{s:{s:s, s:s}}", "summary", "backend", backend_best()->name, "compiler", __VERSION__));
  return outcome;
}
