/* assay status: where a chain stands, and what it waits for. */
#include "cli/chain_words.h"
#include "cli/output.h"
#include <inttypes.h>
#include <stdio.h>

struct list {
  const struct chain *c;
  json_t *json; /* NULL: print */
  uint32_t count;
};

static bool show(void *context, const struct task_record *t) {
  struct list *l = context;
  char id[CHAIN_ID_TEXT], text[CHAIN_WORDS];
  l->count++;
  chain_task_text(t->id, id);
  if (l->json) {
    json_array_append_new(l->json, json_pack("{s:s, s:s, s:i, s:o}", "task", id, "state", chain_task_state(t->state),
                                             "attempt", (int)t->attempt, "waits", chain_wait_json(l->c, t)));
    return true;
  }
  chain_wait(l->c, t, text);
  printf("task %s\n  %s, attempt %u: waits for %s\n", id, chain_task_state(t->state), t->attempt, text);
  return true;
}

static void print_head(const struct reach *r, const struct chain *c) {
  const struct chain_record *now = &c->now;
  printf("%s (%s)\nheight %" PRIu64 ", tick %" PRIu64 " of at least %u ms, epoch %" PRIu64
         "\ngas %u grain, receipts %" PRIu64 ", disputes %" PRIu64 "\n",
         r->node.chain_id, r->url, now->height, now->tick, c->parameters.tick_ms, now->epoch, now->gas_price,
         now->next_receipt, now->next_dispute);
  if (now->height < now->slow_until)
    printf("the chain stood still a while ago: its ticks may be slower until height %" PRIu64 "\n", now->slow_until);
}

static enum outcome run(const struct arguments *a) {
  const uint32_t live = ~(UINT32_C(1) << TASK_SETTLED | UINT32_C(1) << TASK_CANCELLED);
  struct reach reach;
  struct why why = {""};
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  const struct chain *c = view_chain(reach.view);
  struct list list = {.c = c, .json = arguments_given(a, "json") ? json_array() : NULL};
  if (!list.json) print_head(&reach, c);
  enum client_status status = view_tasks(reach.view, live, show, &list, &why);
  if (status != CLIENT_OK) {
    json_decref(list.json);
    outcome = reach_outcome(&reach, status, &why);
  } else if (list.json) {
    output_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:o}", "chain", reach.node.chain_id, "node",
                          reach.url, "height", (json_int_t)c->now.height, "tick", (json_int_t)c->now.tick, "epoch",
                          (json_int_t)c->now.epoch, "tick_ms", (int)c->parameters.tick_ms, "gas_price",
                          (int)c->now.gas_price, "receipts", (json_int_t)c->now.next_receipt, "disputes",
                          (json_int_t)c->now.next_dispute, "waits", list.json));
  } else if (!list.count) {
    printf("no task runs; the chain waits for %s\n",
           c->now.awaited ? "the end of an epoch, when new stakes and keys count" : "somebody to send something");
  }
  reach_shut(&reach);
  return outcome;
}

const struct command command_status = {
    .name = "status",
    .usage = "[--node URL]",
    .summary = "says where a chain stands, and whom it waits for until when",
    .text =
        "Height and tick of the last block, and for every task that runs: its state, whom or what it waits for, and\n"
        "until when. Deadlines are ticks; the seconds are those of a chain whose blocks come in time.\n"
        "Exit status: 0 done, 2 wrong URL or no node of ours, 3 no node answers, 130 stopped.",
    .option = {REACH_OPTION, {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 0,
    .operands_max = 0,
    .run = run};
