/* assay status: where a chain stands, and what it waits for. */
#include "cli/chain/words.h"
#include "cli/output.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The tasks that run: found first, looked at one after the other then. */
struct live {
  struct task_record *task;
  size_t count, room;
};

static bool note_task(void *context, const struct task_record *t) {
  struct live *l = context;
  if (l->count == l->room) {
    l->room = l->room ? 2 * l->room : 64;
    l->task = realloc(l->task, l->room * sizeof *l->task);
    assert(l->task && "memory for a list of tasks");
  }
  l->task[l->count++] = *t;
  return true;
}

/* With their people, disputes and clocks; those that ended in between are left out. */
static enum client_status look(struct view *v, struct live *l, struct why *why) {
  const uint32_t running = ~(UINT32_C(1) << TASK_SETTLED | UINT32_C(1) << TASK_CANCELLED);
  enum client_status status = view_tasks(v, running, note_task, l, why);
  size_t kept = 0;
  for (size_t i = 0; i < l->count && status == CLIENT_OK; i++) {
    uint8_t id[TASK_ID_BYTES];
    memcpy(id, l->task[i].id, sizeof id);
    status = view_task(v, id, &l->task[kept], why);
    if (status == CLIENT_OK) kept += !chain_task_over(&l->task[kept]);
    if (status == CLIENT_NONE) status = CLIENT_OK;
  }
  l->count = kept;
  return status;
}

static void print_tasks(const struct chain *c, const struct live *l) {
  struct parties names = {0};
  char id[CHAIN_ID_SHORT + 1], text[CHAIN_WORDS];
  for (size_t i = 0; i < l->count; i++) chain_parties(c, NULL, &l->task[i], &names);
  for (size_t i = 0; i < l->count; i++) {
    const struct task_record *t = &l->task[i];
    chain_short_text(t->id, id);
    chain_wait(c, &names, t, text);
    printf("task %s/%u\n  %s, attempt %u: waits for %s\n", id, chain_task_number(t->id), chain_task_state(t->state),
           t->attempt, text);
  }
  parties_print(&names);
  parties_shut(&names);
}

static json_t *tasks_json(const struct chain *c, const struct live *l) {
  json_t *list = json_array();
  for (size_t i = 0; i < l->count; i++) {
    const struct task_record *t = &l->task[i];
    json_array_append_new(list, json_pack("{s:o, s:s, s:i, s:o}", "task", reach_hex(t->id, TASK_ID_BYTES), "state",
                                          chain_task_state(t->state), "attempt", (int)t->attempt, "waits",
                                          chain_wait_json(c, t)));
  }
  return list;
}

/* How long ago the last block was made, by this machine's clock; clocks differ, so never less than 0. */
static double block_age(const struct reach *r) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  double age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)r->node.time_ms / 1000;
  return age > 0 ? age : 0;
}

static void print_head(const struct reach *r, const struct chain *c) {
  const struct chain_record *now = &c->now;
  char age[SHORT_TEXT];
  printf("%s (%s)\nheight %" PRIu64 ", %s ago; tick %" PRIu64 " of at least %u ms, epoch %" PRIu64
         "\ngas %u grain, receipts %" PRIu64 ", disputes %" PRIu64 "\n",
         r->node.chain_id, r->url, now->height, text_seconds(block_age(r), age), now->tick, c->parameters.tick_ms,
         now->epoch, now->gas_price, now->next_receipt, now->next_dispute);
  if (now->height < now->slow_until)
    printf("the chain stood still a while ago: its ticks may be slower until height %" PRIu64 "\n", now->slow_until);
}

static void print_json(const struct reach *r, const struct chain *c, json_t *waits) {
  output_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:i, s:f, s:I, s:I, s:o}", "chain", r->node.chain_id, "node",
                        r->url, "height", (json_int_t)c->now.height, "tick", (json_int_t)c->now.tick, "epoch",
                        (json_int_t)c->now.epoch, "tick_ms", (int)c->parameters.tick_ms, "gas_price",
                        (int)c->now.gas_price, "block_age_seconds", block_age(r), "receipts",
                        (json_int_t)c->now.next_receipt, "disputes", (json_int_t)c->now.next_dispute, "waits", waits));
}

static enum outcome run(const struct arguments *a) {
  struct reach reach;
  struct why why = {""};
  struct live live = {0};
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  const struct chain *c = view_chain(reach.view);
  enum client_status status = look(reach.view, &live, &why);
  if (status != CLIENT_OK) {
    outcome = reach_outcome(&reach, status, &why);
  } else if (arguments_given(a, "json")) {
    print_json(&reach, c, tasks_json(c, &live));
  } else {
    print_head(&reach, c);
    print_tasks(c, &live);
    if (!live.count)
      printf("no task runs; the chain waits for %s\n",
             c->now.awaited ? "the end of an epoch, when new stakes and keys count" : "somebody to send something");
  }
  free(live.task);
  reach_shut(&reach);
  return outcome;
}

const struct command command_status = {
    .name = "status",
    .usage = "[--node URL]",
    .summary = "says where a chain stands, and whom it waits for until when",
    .text =
        "Height, age and tick of the last block, and for every task that runs: its state, whom or what it waits for,\n"
        "and until when. Deadlines are ticks; the seconds are those of a chain whose blocks come in time. Addresses "
        "are\n"
        "cut as short as tells them apart, and stand in full below.\n"
        "Exit status: 0 done, 2 wrong URL or no node of ours, 3 no node answers, 130 stopped.",
    .option = {REACH_OPTION, {"json", 0, NULL, "one JSON object: chain, height, tick and more; waits, one a task"}},
    .more =
        "`waits` of --json is a list, one object a task that runs: `task`, `state`, `attempt`, and `waits` with `for`\n"
        "(words), `who` (addresses whose turn it is), `until_tick` or `until_height`, and `seconds`; null where there\n"
        "is none. Beside it: `chain`, `node`, `height`, `block_age_seconds`, `tick`, `tick_ms`, `epoch`, `gas_price`,\n"
        "`receipts`, `disputes`.\n",
    .operands_min = 0,
    .operands_max = 0,
    .run = run};
