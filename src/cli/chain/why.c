/* assay why: what happened to a job or task, and what it waits for, from the chain's data alone. */
#include "cli/chain/why_account.h"
#include "cli/chain/why_words.h"
#include "cli/chain/words.h"
#include "cli/output.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One receipt with its payments. */
struct event {
  struct receipt r;
  uint8_t *payments;
  size_t length;
};

struct story {
  struct reach reach;
  struct chain_id id;
  uint8_t account[32]; /* of_account: whose story it is, instead of a job's */
  bool of_account;
  struct event *event;
  size_t count, room;
  struct task_record *task; /* those that the chain knows */
  size_t tasks, tasks_room;
  struct parties names;
  bool told;
};

static bool concerns(const struct story *s, const uint8_t task[TASK_ID_BYTES]) {
  return memcmp(task, s->id.task, s->id.whole ? 32 : TASK_ID_BYTES) == 0;
}

static void *grow(void *list, size_t count, size_t *room, size_t size) {
  if (count < *room) return list;
  *room = *room ? 2 * *room : 32;
  list = realloc(list, *room * size);
  assert(list && "memory for a story");
  return list;
}

/* Is a receipt about this account, or does a payment of it touch it? */
static bool touches(const struct story *s, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct payment p;
  size_t offset = 0;
  bool about = memcmp(r->account, s->account, 32) == 0;
  while (!about && payments_next(payments, length, &offset, &p)) about = why_touches(&p, s->account);
  return about;
}

/* The posting is told of the job's task 0, and belongs to the story of each. */
static bool hear(void *context, const struct receipt *r, const uint8_t *payments, size_t length) {
  struct story *s = context;
  bool of_it = s->of_account ? touches(s, r, payments, length) : concerns(s, r->task);
  if (!of_it && (s->of_account || r->kind != RECEIPT_POSTED)) return true;
  s->told = s->told || of_it;
  s->event = grow(s->event, s->count, &s->room, sizeof *s->event);
  struct event *e = &s->event[s->count++];
  *e = (struct event){.r = *r, .payments = malloc(length + 1), .length = length};
  assert(e->payments && "memory for a story");
  memcpy(e->payments, payments, length);
  return true;
}

static bool note_task(void *context, const struct task_record *t) {
  struct story *s = context;
  if (!concerns(s, t->id)) return true;
  s->told = true;
  s->task = grow(s->task, s->tasks, &s->tasks_room, sizeof *s->task);
  s->task[s->tasks++] = *t;
  return true;
}

/* Whose place the account of a receipt takes: the solver of the attempt before, or who had the seat; NULL: nobody's. */
static const uint8_t *replaced(const struct story *s, size_t n) {
  const struct receipt *r = &s->event[n].r;
  if (r->kind != RECEIPT_LOCKED) return NULL;
  for (size_t i = n; i-- > 0;) {
    const struct receipt *before = &s->event[i].r;
    if (memcmp(before->task, r->task, TASK_ID_BYTES) != 0 || before->seat != r->seat) continue;
    bool solver = r->seat == SEAT_NONE && before->kind == RECEIPT_LOCKED;
    bool seat = r->seat != SEAT_NONE && before->kind == RECEIPT_SEAT && before->attempt == r->attempt;
    if (solver || seat) return memcmp(before->account, r->account, 32) == 0 ? NULL : before->account;
  }
  return NULL;
}

/* The record that a verdict names, read from the tape of its step; false where the chain has forgotten job or tape. */
static bool record_of(struct story *s, const struct receipt *r, struct tape_record *out) {
  static struct job_stored job;
  struct why why = {""};
  struct arena memory;
  struct tape tape;
  uint8_t *bytes;
  size_t length;
  if (!why_element(r) || view_job(s->reach.view, r->task, &job, &why) != CLIENT_OK) return false;
  const struct job *j = &job.record.job;
  uint8_t n = r->step >= j->first_step ? job_tape(j, r->step - j->first_step) : JOB_TAPE_NONE;
  if (n >= j->tapes || view_tape(s->reach.view, j->tape_root[n], &bytes, &length, &why) != CLIENT_OK) return false;
  bool found = false;
  if (arena_open(&memory, JOB_TAPE_MEMORY_BYTES)) {
    found = tape_read(bytes, length, &memory, &tape, &why) == TAPE_OK && r->record <= tape.records_count;
    if (found) *out = tape.record[r->record - 1];
    arena_shut(&memory);
  }
  free(bytes);
  return found;
}

static void print_event(struct story *s, size_t n) {
  const struct event *e = &s->event[n];
  const uint8_t *before = replaced(s, n);
  struct tape_record record;
  struct payment p;
  size_t offset = 0;
  char text[WHY_WORDS], who[PARTY_TEXT], job[CHAIN_ID_SHORT + 1];
  why_receipt(&e->r, record_of(s, &e->r, &record) ? &record : NULL, &s->names, text);
  printf("height %" PRIu64 ", tick %" PRIu64 ", receipt %" PRIu64, e->r.height, e->r.tick, e->r.number);
  if (s->of_account) chain_short_text(e->r.task, job), printf(", job %s", job);
  if ((s->of_account || s->id.whole) && e->r.kind != RECEIPT_POSTED) printf(", task %u", chain_task_number(e->r.task));
  printf("\n  %s\n", text);
  if (before) printf("  it takes the place of %s\n", parties_name(&s->names, before, who));
  while (payments_next(e->payments, e->length, &offset, &p)) {
    if (s->of_account && !why_touches(&p, s->account)) continue;
    why_payment(&p, &s->names, text);
    printf("    %s\n", text);
  }
}

static void print(struct story *s) {
  const struct chain *c = view_chain(s->reach.view);
  char text[CHAIN_WORDS];
  for (size_t i = 0; i < s->count; i++)
    why_parties(&s->event[i].r, s->event[i].payments, s->event[i].length, &s->names);
  for (size_t i = 0; i < s->tasks; i++) chain_parties(c, NULL, &s->task[i], &s->names);
  for (size_t i = 0; i < s->count; i++) print_event(s, i);
  for (size_t i = 0; i < s->tasks; i++) {
    const struct task_record *t = &s->task[i];
    if (chain_task_over(t)) continue;
    chain_wait(c, &s->names, t, text);
    printf("now");
    if (s->id.whole) printf(", task %u", chain_task_number(t->id));
    printf(": %s, attempt %u: waits for %s\n", chain_task_state(t->state), t->attempt, text);
  }
  parties_print(&s->names);
}

static json_t *event_json(struct story *s, size_t n) {
  const struct event *e = &s->event[n];
  const uint8_t *before = replaced(s, n);
  struct tape_record record;
  json_t *o = why_receipt_json(&e->r, record_of(s, &e->r, &record) ? &record : NULL, e->payments, e->length);
  if (before) json_object_set_new(o, "replaces", reach_address(before));
  return o;
}

static void print_json(struct story *s) {
  const struct chain *c = view_chain(s->reach.view);
  json_t *events = json_array(), *waits = json_array();
  for (size_t i = 0; i < s->count; i++) json_array_append_new(events, event_json(s, i));
  for (size_t i = 0; i < s->tasks; i++) {
    const struct task_record *t = &s->task[i];
    if (!chain_task_over(t))
      json_array_append_new(waits, json_pack("{s:o, s:s, s:i, s:o}", "task", reach_hex(t->id, TASK_ID_BYTES), "state",
                                             chain_task_state(t->state), "attempt", (int)t->attempt, "waits",
                                             chain_wait_json(c, t)));
  }
  json_t *o = json_pack("{s:o, s:o, s:o}", "id", reach_hex(s->id.task, s->id.whole ? 32 : TASK_ID_BYTES), "events",
                        events, "waits", waits);
  output_json(o);
}

/* Everything that is told, into memory: names are short only when all are known. */
static enum client_status gather(struct story *s, const char *asked, struct why *why) {
  uint64_t from = 0;
  enum client_status status = view_receipts(s->reach.view, s->id.task, &from, hear, s, why);
  if (status == CLIENT_OK) status = view_tasks_of(s->reach.view, s->id.task, note_task, s, why);
  for (size_t i = 0; i < s->tasks && status == CLIENT_OK; i++) {
    uint8_t id[TASK_ID_BYTES];
    if (chain_task_over(&s->task[i])) continue;
    memcpy(id, s->task[i].id, sizeof id);
    status = view_task(s->reach.view, id, &s->task[i], why);
    if (status == CLIENT_NONE) status = CLIENT_OK; /* over and forgotten since */
  }
  if (status != CLIENT_OK || s->told) return status;
  why_set(why, "there is no %s %.80s, and no receipt of one", s->id.whole ? "job" : "task", asked);
  return CLIENT_NONE;
}

static enum outcome tell_job(const struct arguments *a, struct story *s) {
  struct why why = {""};
  enum outcome outcome = chain_id_find(&s->reach, true, &s->id);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = reach_outcome(&s->reach, gather(s, a->operand[0], &why), &why);
  if (outcome == OUTCOME_DONE && arguments_given(a, "json"))
    print_json(s);
  else if (outcome == OUTCOME_DONE)
    print(s);
  return outcome;
}

/* What others got and gave is none of this story. */
static void print_account(struct story *s, const struct standing *standing) {
  account_print(view_chain(s->reach.view), standing);
  for (size_t i = 0; i < s->count; i++)
    why_parties(&s->event[i].r, s->event[i].payments, s->event[i].length, &s->names);
  for (uint32_t i = 0; i < s->names.count; i++)
    if (memcmp(s->names.party[i].account, s->account, 32) != 0) s->names.party[i].got = s->names.party[i].gave = 0;
  if (s->count) printf("\n");
  for (size_t i = 0; i < s->count; i++) print_event(s, i);
  parties_print(&s->names);
}

static enum outcome tell_account(const struct arguments *a, struct story *s) {
  struct standing standing;
  struct why why = {""};
  uint64_t from = 0;
  enum client_status status = account_look(s->reach.view, s->account, &standing, &why);
  if (status == CLIENT_OK) status = view_receipts(s->reach.view, NULL, &from, hear, s, &why);
  if (status == CLIENT_OK && !standing.known && !s->told) {
    why_set(&why, "nobody has sent anything to %.80s yet, and no receipt names it", a->operand[0]);
    status = CLIENT_NONE;
  }
  if (status != CLIENT_OK) return reach_outcome(&s->reach, status, &why);
  if (!arguments_given(a, "json")) {
    print_account(s, &standing);
    return OUTCOME_DONE;
  }
  json_t *events = json_array(), *o = account_json(view_chain(s->reach.view), &standing);
  for (size_t i = 0; i < s->count; i++) json_array_append_new(events, event_json(s, i));
  json_object_set_new(o, "account", reach_address(s->account));
  json_object_set_new(o, "events", events);
  output_json(o);
  return OUTCOME_DONE;
}

static enum outcome run(const struct arguments *a) {
  static struct story s;
  struct why why = {""};
  const char *asked = a->operand[0];
  s.of_account = strncmp(asked, "asy1", 4) == 0;
  if (s.of_account && !address_read(asked, strlen(asked), s.account, &why)) {
    complain("%.100s: %s", asked, why.text);
    return OUTCOME_INPUT;
  }
  if (!s.of_account && !chain_id_read(asked, &s.id)) return OUTCOME_INPUT;
  enum outcome outcome = reach_open(a, &s.reach);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = s.of_account ? tell_account(a, &s) : tell_job(a, &s);
  for (size_t i = 0; i < s.count; i++) free(s.event[i].payments);
  free(s.event);
  free(s.task);
  parties_shut(&s.names);
  reach_shut(&s.reach);
  return outcome;
}

const struct command command_why = {
    .name = "why",
    .usage = "ID|ADDRESS [--node URL]",
    .summary = "explains what happened to a job, task or account: decisions, payments, waits",
    .text =
        "Reads the chain's receipts from the first on and tells those of the job or task in order: what was decided\n"
        "and why, who took whose place, every payment that followed, and what it waits for now; at the end who they\n"
        "are, and what each got and gave by these payments. Nobody is believed but the chain. ID is a job's or a\n"
        "task's, or JOB/N; of a job the first digits are enough while no other begins so. Of an account: what it "
        "offers\n"
        "and has staked, what keeps work from it, and every receipt that is about it or moved its money. In JSON\n"
        "amounts are grain, as text.\n"
        "Exit status: 0 done, 1 there is no such job, task or account, 2 no id, wrong URL or no node of ours, 3 no "
        "node\n"
        "answers, 130 stopped.",
    .option = {REACH_OPTION, {"json", 0, NULL, "one JSON object: id, events, waits"}},
    .more =
        "An event of --json has `receipt` (its number), `height`, `tick`, `kind` (posted, locked, opened, verdict,\n"
        "seat, attempt, fault, settled, cancelled), `task`, `attempt`, `seat` (null: none), `reason`, `account`, whom\n"
        "it is about, `text`, `strike`, and `payments`, a list of `row` (of the money table, LEDGER 14.1), `for`,\n"
        "`from`, `to`, `amount`. Where somebody takes another's place there is `replaces`. A verdict has `verdict`:\n"
        "`dispute`, `interval`, `loser`, `how`, and where an element was computed again `step`, `record`, `opcode`\n"
        "(null where the chain has forgotten the tape), `element`, `coordinates`, `committed` and `recomputed` in\n"
        "hexadecimal, `committed_value` and `recomputed_value`. `waits` are as those of `assay status`. Of an "
        "account:\n"
        "`account`, `balance`, `stakes`, `offers` (null: nothing, or `roles`, `class`, `memory_mib`, `available`,\n"
        "`strikes`), `reasons`, sentences why it gets no work, and `events`.\n",
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
