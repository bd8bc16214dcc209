/* assay bench: how fast, compared with what, and whether the bits are the reference's. */
#include "cli/bench/bench.h"
#include "base/nearest.h"
#include "cli/stop.h"
#include "dispute/referee/referee_bench.h"
#include "numeric/gemm/gemm_bench.h"
#include "tape/execute/conv/conv_bench.h"
#include "training/file/machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum outcome bench_gemm(const struct bench_options *o, struct why *why) {
  struct gemm_bench_options options = {
      .only = o->only, .peers = o->peers, .threads = o->threads_given ? o->threads : 1, .json = o->json};
  int status = gemm_bench(&options, stdout);
  if (status == OUTCOME_INPUT)
    why_set(why, "no shape has '%s' in its name, or more than %d threads", o->only ? o->only : "",
            GEMM_BENCH_THREADS_MAX);
  else if (status == OUTCOME_ENVIRONMENT)
    why_set(why, "no memory or threads for the products");
  return (enum outcome)status;
}

static enum outcome bench_conv(const struct bench_options *o, struct why *why) {
  struct conv_bench_options options = {
      .only = o->only, .peers = o->peers, .threads = o->threads_given ? o->threads : 1, .json = o->json};
  int status = conv_bench(&options, stdout);
  if (status == OUTCOME_INPUT)
    why_set(why, "no layer has '%s' in its name", o->only ? o->only : "");
  else if (status == OUTCOME_ENVIRONMENT)
    why_set(why, "no memory or threads for the convolutions");
  return (enum outcome)status;
}

static enum outcome bench_referee(const struct bench_options *o, struct why *why) {
  int status = referee_bench(o->only, o->json, stdout);
  if (status == OUTCOME_NO)
    why_set(why, "a message takes longer than a millisecond here");
  else if (status == OUTCOME_INPUT)
    why_set(why, "no message has '%s' in its name", o->only);
  return (enum outcome)status;
}

static const struct {
  const char *name;
  enum outcome (*run)(const struct bench_options *o, struct why *why);
} benches[] = {{"gemm", bench_gemm},   {"conv", bench_conv},   {"step", bench_step},       {"commit", bench_commit},
               {"exact", bench_exact}, {"guard", bench_guard}, {"referee", bench_referee}, {"ledger", bench_ledger}};
enum { BENCHES = sizeof benches / sizeof *benches };

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *x, uint32_t count) {
  qsort(x, count, sizeof *x, ascending);
  return count % 2 ? x[count / 2] : (x[count / 2 - 1] + x[count / 2]) / 2;
}

bool bench_stopped(void) {
  static const volatile sig_atomic_t *stop;
  if (!stop) stop = stop_listen("\nstopping after this step\n");
  return *stop;
}

static enum outcome run(const struct arguments *a) {
  uint64_t threads = machine_threads(), steps = 60, rounds = 3, seconds = 4;
  if (!arguments_number(a, "threads", 1, 256, &threads) || !arguments_number(a, "steps", 1, 1000000, &steps) ||
      !arguments_number(a, "rounds", 1, 99, &rounds) || !arguments_number(a, "seconds", 1, 60, &seconds))
    return OUTCOME_INPUT;
  struct bench_options o = {.row = arguments_text(a, "row", NULL),
                            .job = arguments_text(a, "job", NULL),
                            .models = arguments_text(a, "models", NULL),
                            .data = arguments_text(a, "data", NULL),
                            .only = arguments_text(a, "only", NULL),
                            .peers = arguments_text(a, "peers", NULL),
                            .threads = (uint32_t)threads,
                            .threads_given = arguments_given(a, "threads"),
                            .steps = (uint32_t)steps,
                            .folder = arguments_text(a, "folder", "."),
                            .rounds = (uint32_t)rounds,
                            .seconds = (uint32_t)seconds,
                            .json = arguments_given(a, "json"),
                            .quick = arguments_given(a, "quick"),
                            .profile = arguments_given(a, "profile")};
  const char *known[BENCHES];
  for (int i = 0; i < BENCHES; i++) {
    known[i] = benches[i].name;
    if (strcmp(a->operand[0], known[i]) != 0) continue;
    struct why why = {""};
    enum outcome outcome = benches[i].run(&o, &why);
    if (outcome != OUTCOME_DONE && *why.text) complain("%s", why.text);
    return outcome;
  }
  const char *near = nearest_word(a->operand[0], known, BENCHES, TYPO_EDITS);
  char all[128] = "";
  for (size_t i = 0, at = 0; i < BENCHES && at < sizeof all; i++)
    at += (size_t)snprintf(all + at, sizeof all - at, "%s%s", i ? ", " : "", known[i]);
  complain("there is no benchmark '%s'; %s%s%s", a->operand[0], near ? "did you mean '" : "there are ",
           near ? near : all, near ? "'?" : "");
  return OUTCOME_INPUT;
}

const struct command command_bench = {
    .name = "bench",
    .usage = "gemm|conv|step|commit|exact|guard|referee|ledger [--row NAME] [--steps N] [--threads N]",
    .summary =
        "measures this machine: products, steps, the price of committing and of exactness, the referee, the chain",
    .text =
        "conv     convolutions of LeNet and of residual networks, in all three directions, beside oneDNN\n"
        "step     one training step of each row, those of docs/performance.md: ms, samples/s, GFLOP/s, peak memory.\n"
        "         Rows: mlp-128, mlp-1024, lenet-128, lenet32-128, resnet8-128, resnet14-128, gpt-32, gpt10m-8\n"
        "commit   what committing at the default interval adds to the time of training: wall clock of steps with\n"
        "         commits less that of steps without, in turns\n"
        "exact    a row's step against the same engine allowed to add in any order\n"
        "guard    how much faster than plain C each operator of four small networks is, for tests/peers/guard.py\n"
        "referee  what the dearest legal message of each kind costs whoever hears it, against its bound, 1 ms\n"
        "ledger   signed transfers a second through a node with its disk and RPC, at 8, 64 and 200 connections, "
        "singly\n"
        "         and in batches of 10, beside cometbft with the kvstore inside it; and how soon they are final\n"
        "One line a measurement: size, figure, peer, ratio (above 1: ours is faster), same bits as the reference.\n"
        "Exit status: 0, 1 a bound or bits are missed, 2 a model is missing, 3 memory or disk.",
    .option = {{"row", 'r', "NAME", "a row, or a model for all its rows; without it all rows whose models are there"},
               {"job", 'j', "FILE", "step: the job in this file instead of a row"},
               {"steps", 0, "N", "training steps to time (60)"},
               {"threads", 0, "N", "threads to compute with (all processors; gemm, conv: 1)"},
               {"only", 0, "NAME",
                "gemm, conv: only shapes with this in the name; referee: messages; ledger: sizes, as 64x10"},
               {"peers", 0, "DIR", "gemm, conv, ledger: where the peer programs lie (where the build put them)"},
               {"models", 0, "DIR", "where the rows' models lie (build/peers/models and the source tree)"},
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets); made-up data where one is missing"},
               {"quick", 0, NULL, "leaves out the slow comparison with the reference's bits"},
               {"rounds", 0, "N", "ledger: runs of each side, in turns (3)"},
               {"seconds", 0, "N", "ledger: of each run that are counted, after one that is not (4)"},
               {"folder", 0, "DIR", "ledger: where the chains are made, on the disk to be measured (here)"},
               {"profile", 0, NULL, "step: also where the time went, by record and by operator"},
               {"json", 0, NULL, "one JSON object a line; the last is the summary"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
