/* assay quote: what a job will cost on this machine, before it runs. */
#include "training/run/quote.h"
#include "cli/command.h"
#include "cli/key/unlock.h"
#include "cli/output.h"
#include "cli/submit/submit.h"
#include "crypto/address.h"
#include "training/file/machine.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct prepared prepared; /* large */

static void print_text(const struct quote *q, const struct prepared *p, uint32_t threads) {
  char a[SHORT_TEXT], b[SHORT_TEXT], c[SHORT_TEXT], d[SHORT_TEXT];
  printf("work      %s operations, %s each of %" PRIu32 " updates\n", text_count((double)q->flops, a),
         text_count((double)q->flops_per_update, b), q->updates);
  printf("memory    %s: state %s, values of a step %s, data %s\n", text_bytes((double)q->memory_bytes, a),
         text_bytes((double)q->state_bytes, b), text_bytes((double)q->temp_bytes, c),
         text_bytes((double)q->data_bytes, d));
  printf("disk      %s for the checkpoints that are kept\n", text_bytes((double)q->checkpoint_bytes, a));
  printf("time      %s here on %" PRIu32 " thread%s: %s an update (%.1f GFLOP/s)", text_seconds(q->seconds, a), threads,
         threads == 1 ? "" : "s", text_seconds(q->seconds_per_update, b), q->gflops);
  if (p->evaluate_every) printf(", %s an evaluation", text_seconds(q->evaluation_seconds, c));
  printf("\ncommit    every %" PRIu32 " steps, %" PRIu32 " interval%s: %.2f %% of the training time (hashing %s/s)\n",
         q->interval_steps, q->intervals, q->intervals == 1 ? "" : "s", 100 * q->commit_share,
         text_bytes(q->hash_bytes_per_s, a));
  printf("samples   %" PRIu32 " for training, %" PRIu32 " for tests\n", p->train.samples, p->test.samples);
}

static enum outcome account_of(const struct arguments *a, uint8_t account[32]) {
  struct sign_public public;
  memset(account, 0, 32);
  if (!arguments_given(a, "key")) return OUTCOME_DONE; /* nobody's, who has nothing */
  enum outcome outcome = unlock_public(arguments_text(a, "key", ""), &public);
  if (outcome == OUTCOME_DONE) address_of_key(public.bytes, account);
  return outcome;
}

/* What a network asks for it: with --node. */
static enum outcome ask_network(const struct arguments *a) {
  struct submit_terms terms;
  struct submitter *s = NULL;
  struct submitter_quote q;
  struct reach reach;
  struct why why = {""};
  uint8_t account[32];
  enum outcome outcome = account_of(a, account);
  if (outcome == OUTCOME_DONE) outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = submit_terms(a, &reach, &terms);
  if (outcome == OUTCOME_DONE) {
    enum agent_status status = submitter_open_quote(&s, reach.view, account, &terms.options, &why);
    if (status == AGENT_OK) status = submitter_quote(s, &q, &why);
    if (status != AGENT_OK) complain("%s", why.text);
    outcome = status == AGENT_OK ? OUTCOME_DONE : status == AGENT_ERR_INPUT ? OUTCOME_INPUT : OUTCOME_ENVIRONMENT;
  }
  if (outcome == OUTCOME_DONE && arguments_given(a, "json"))
    output_json(submit_quote_json(&terms, &q, &reach));
  else if (outcome == OUTCOME_DONE)
    submit_quote_print(&terms, &q, &reach);
  submitter_shut(s);
  submit_terms_shut(&terms);
  reach_shut(&reach);
  return outcome;
}

/* Words that mean something to a network only. */
static bool for_network(const struct arguments *a) {
  static const char *const words[] = {"key",     "level",    "seats", "draws", "price",
                                      "reserve", "deadline", "class", "start", "own-seat"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (arguments_given(a, words[i])) {
      complain("--%s is for a network; name one with --node URL", words[i]);
      return true;
    }
  return false;
}

static enum outcome run(const struct arguments *a) {
  if (arguments_given(a, "node")) return ask_network(a);
  if (for_network(a)) return OUTCOME_INPUT;
  uint64_t threads = machine_threads();
  if (!arguments_number(a, "threads", 1, 256, &threads)) return OUTCOME_INPUT;
  struct prepare_options prepare = {.data_folder = arguments_text(a, "data", NULL), .threads = (uint32_t)threads};
  struct why why = {""};
  struct quote q = {0};
  enum training_status status = prepare_open(&prepared, a->operand[0], &prepare, &why);
  struct execute_options execute = {.pool = status == TRAINING_OK ? pool_open((uint32_t)threads) : NULL};
  if (status == TRAINING_OK) status = quote_job(&prepared, &execute, 1.0, &q, &why);
  if (status != TRAINING_OK) {
    complain("%s", why.text);
  } else if (arguments_given(a, "json")) {
    output_json(json_pack("{s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "flops",
                          (json_int_t)q.flops, "memory_bytes", (json_int_t)q.memory_bytes, "seconds", q.seconds,
                          "commit_share", q.commit_share, "flops_per_update", (json_int_t)q.flops_per_update,
                          "state_bytes", (json_int_t)q.state_bytes, "temp_bytes", (json_int_t)q.temp_bytes,
                          "data_bytes", (json_int_t)q.data_bytes, "checkpoint_bytes", (json_int_t)q.checkpoint_bytes,
                          "updates", (json_int_t)q.updates, "interval_steps", (json_int_t)q.interval_steps, "intervals",
                          (json_int_t)q.intervals, "seconds_per_update", q.seconds_per_update, "evaluation_seconds",
                          q.evaluation_seconds, "gflops", q.gflops));
  } else {
    print_text(&q, &prepared, (uint32_t)threads);
  }
  if (execute.pool) pool_shut(execute.pool);
  prepare_shut(&prepared);
  return (enum outcome)status;
}

const struct command command_quote = {
    .name = "quote",
    .usage = "JOB.yaml [--node URL] [--threads N] [--data DIR]",
    .summary = "says what a job will cost, here or on a network",
    .text = "Operations, memory, disk, time on this machine (a few real steps are timed) and the cost of committing.\n"
            "With --node: what a network asks for it, which parts that has and what of it comes back, how long it\n"
            "takes, what a cheat risks, how likely it is that wrong intervals go unseen, and what the same operations\n"
            "cost on rented machines.\n"
            "Exit status: 0, 2 bad job, model or data, or a job that the chain would refuse, 3 it does not fit into\n"
            "memory, or no node answers.",
    .option = {REACH_OPTION,
               {"key", 0, "DIR", "whose balance to tell: a folder of assay init, or a key file"},
               SUBMIT_TERMS,
               {"threads", 0, "N", "threads to compute with (all processors)"},
               {"data", 0, "DIR", "where named data sets lie (/usr/share/datasets)"},
               {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
