/* assay why: what happened to a job or task, and what it waits for, from the chain's data alone. */
#include "cli/chain_words.h"
#include "cli/output.h"
#include "cli/why_words.h"
#include "crypto/address.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct story {
  const struct chain *c;
  uint8_t task[TASK_ID_BYTES];
  bool whole;     /* of a job: every task of it */
  json_t *events; /* NULL: print */
  json_t *waits;
  uint32_t told;
};

static bool concerns(const struct story *s, const uint8_t task[TASK_ID_BYTES]) {
  return memcmp(task, s->task, s->whole ? 32 : TASK_ID_BYTES) == 0;
}

static bool tell(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct story *s = context;
  char text[WHY_WORDS];
  struct payment p;
  size_t offset = 0;
  if (!concerns(s, r->task)) return true;
  s->told++;
  if (s->events) {
    json_array_append_new(s->events, why_receipt_json(r, payments, length));
    return true;
  }
  why_receipt(r, text);
  printf("height %" PRIu64 ", tick %" PRIu64 ", receipt %" PRIu64, r->height, r->tick, r->number);
  if (s->whole) printf(", task %u", chain_task_number(r->task));
  printf("\n  %s\n", text);
  while (payments_next(payments, length, &offset, &p)) {
    why_payment(&p, text);
    printf("    %s\n", text);
  }
  return true;
}

static bool tell_wait(void *context, const struct task_record *t) {
  struct story *s = context;
  char text[CHAIN_WORDS];
  if (!concerns(s, t->id)) return true;
  s->told++;
  if (chain_task_over(t)) return true;
  if (s->waits) {
    json_array_append_new(s->waits, json_pack("{s:o, s:s, s:i, s:o}", "task", reach_hex(t->id, TASK_ID_BYTES), "state",
                                              chain_task_state(t->state), "attempt", (int)t->attempt, "waits",
                                              chain_wait_json(s->c, t)));
    return true;
  }
  chain_wait(s->c, t, text);
  printf("now");
  if (s->whole) printf(", task %u", chain_task_number(t->id));
  printf(": %s, attempt %u: waits for %s\n", chain_task_state(t->state), t->attempt, text);
  return true;
}

static enum outcome run(const struct arguments *a) {
  struct story s = {0};
  struct reach reach;
  struct why why = {""};
  uint64_t from = 0;
  if (!chain_task_read(a->operand[0], s.task, &s.whole)) return OUTCOME_INPUT;
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  s.c = view_chain(reach.view);
  if (arguments_given(a, "json")) s.events = json_array(), s.waits = json_array();
  enum client_status status = view_receipts(reach.view, s.task, &from, tell, &s, &why);
  if (status == CLIENT_OK) status = view_tasks_of(reach.view, s.task, tell_wait, &s, &why);
  if (status == CLIENT_OK && !s.told) {
    why_set(&why, "there is no %s %.80s, and no receipt of one", s.whole ? "job" : "task", a->operand[0]);
    status = CLIENT_NONE;
  }
  if (status != CLIENT_OK)
    outcome = reach_outcome(&reach, status, &why);
  else if (s.events)
    output_json(json_pack("{s:s, s:O, s:O}", "id", a->operand[0], "events", s.events, "waits", s.waits));
  json_decref(s.events);
  json_decref(s.waits);
  reach_shut(&reach);
  return outcome;
}

const struct command command_why = {
    .name = "why",
    .usage = "ID [--node URL]",
    .summary = "explains what happened to a job or task: decisions, payments, waits",
    .text =
        "Reads the chain's receipts from the first on and tells those of the job or task in order: what was decided\n"
        "and why, every payment that followed, and what it waits for now. ID is a job's or a task's, or JOB/N.\n"
        "In JSON amounts are grain, as text.\n"
        "Exit status: 0 done, 1 there is no such job or task, 2 no id, wrong URL or no node of ours, 3 no node\n"
        "answers, 130 stopped.",
    .option = {REACH_OPTION, {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
