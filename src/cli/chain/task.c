/* assay task: one task, its people, and whose turn it is. */
#include "cli/amount.h"
#include "cli/chain/words.h"
#include "cli/output.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct seat_record seat; /* large, both */
static struct docket_record docket;

static void print_seats(const struct chain *c, struct parties *names, const struct task_record *t) {
  char who[PARTY_TEXT], until[CHAIN_WORDS];
  for (uint32_t n = 0; n <= t->seats; n++) {
    if (!audit_seat(c, t, (uint8_t)n, &seat)) continue;
    printf("seat %" PRIu32 "      %s%s, %s", n, parties_name(names, seat.account, who),
           seat.own ? " (the submitter's own)" : "", chain_seat_state(seat.state));
    if (seat.mismatch) printf(", another state at the end of interval %u", seat.mismatch);
    printf("\n");
    if (!seat.dispute) continue;
    if (!chain_dispute(c, &seat, &docket)) {
      printf("            its dispute %" PRIu64 " is closed\n", seat.dispute - 1);
      continue;
    }
    chain_until(c, docket.deadline, until);
    printf("            dispute %" PRIu64 " about interval %u: the %s %s has to move %s\n", docket.id, docket.interval,
           docket.turn == DISPUTE_CLAIMANT ? "solver" : "verifier", parties_name(names, chain_to_move(&docket), who),
           until);
  }
}

static bool was_tried(const struct task_record *t, uint32_t n) {
  static const uint8_t nobody[32];
  return memcmp(t->tried[n], nobody, 32) != 0;
}

/* Who had the task before, attempt by attempt. */
static void print_tried(struct parties *names, const struct task_record *t) {
  char who[PARTY_TEXT];
  for (uint32_t n = 0; n + 1 < t->attempt && n < TASK_ATTEMPTS_MAX; n++)
    printf("attempt %u   %s: over\n", (unsigned)n + 1,
           was_tried(t, n) ? parties_name(names, t->tried[n], who) : "nobody offered");
}

static void print(const struct chain *c, const struct task_record *t, const struct job_record *j) {
  struct parties names = {0};
  char id[CHAIN_ID_TEXT], who[PARTY_TEXT], waits[CHAIN_WORDS], fee[AMOUNT_TEXT], seat_fee[AMOUNT_TEXT],
      left[AMOUNT_TEXT];
  chain_parties(c, j, t, &names);
  chain_task_text(t->id, id);
  chain_wait(c, &names, t, waits);
  printf("task        %s\n            task %u of its job, %u in all: %" PRIu32 " steps in %u intervals\n", id,
         chain_task_number(t->id), j->job.tasks, t->steps, t->intervals);
  print_tried(&names, t);
  printf("state       %s, attempt %u\nwaits for   %s\nsubmitter   %s\n", chain_task_state(t->state), t->attempt, waits,
         parties_name(&names, j->submitter, who));
  if (chain_has_solver(t))
    printf("solver      %s, bond %s\n", parties_name(&names, t->solver, who), amount_write(t->bond, left));
  print_seats(c, &names, t);
  printf("pays        %s to the solver, %s to each seat; %s of its escrow left\n", amount_write(t->fee, fee),
         amount_write(t->seat_fee, seat_fee), amount_write(t->escrow_left, left));
  if (t->receipt) printf("receipt     %" PRIu64 " settled it\n", t->receipt - 1);
  parties_print(&names);
  parties_shut(&names);
}

static json_t *seats_json(const struct chain *c, const struct task_record *t) {
  json_t *list = json_array();
  for (uint32_t n = 0; n <= t->seats; n++) {
    if (!audit_seat(c, t, (uint8_t)n, &seat)) continue;
    json_t *dispute = json_null();
    if (chain_dispute(c, &seat, &docket))
      dispute = json_pack("{s:I, s:b, s:i, s:s, s:o, s:I}", "number", (json_int_t)docket.id, "open", 1, "interval",
                          (int)docket.interval, "turn", docket.turn == DISPUTE_CLAIMANT ? "solver" : "verifier",
                          "account", reach_address(chain_to_move(&docket)), "until_tick", (json_int_t)docket.deadline);
    else if (seat.dispute)
      dispute = json_pack("{s:I, s:b}", "number", (json_int_t)(seat.dispute - 1), "open", 0);
    json_array_append_new(list, json_pack("{s:i, s:o, s:s, s:b, s:o, s:o}", "seat", (int)n, "account",
                                          reach_address(seat.account), "state", chain_seat_state(seat.state), "own",
                                          (int)seat.own, "bond", reach_grain(seat.bond), "dispute", dispute));
  }
  return list;
}

static void print_json(const struct chain *c, const struct task_record *t, const struct job_record *j) {
  json_t *o =
      json_pack("{s:o, s:o, s:i, s:s, s:i, s:o, s:o, s:o}", "task", reach_hex(t->id, TASK_ID_BYTES), "job",
                reach_hex(t->id, 32), "number", (int)chain_task_number(t->id), "state", chain_task_state(t->state),
                "attempt", (int)t->attempt, "waits", chain_wait_json(c, t), "submitter", reach_address(j->submitter),
                "solver", chain_has_solver(t) ? reach_address(t->solver) : json_null());
  json_t *tried = json_array();
  for (uint32_t n = 0; n + 1 < t->attempt && n < TASK_ATTEMPTS_MAX; n++)
    json_array_append_new(tried, was_tried(t, n) ? reach_address(t->tried[n]) : json_null());
  json_t *more = json_pack("{s:o, s:I, s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "tried", tried, "steps",
                           (json_int_t)t->steps, "intervals", (int)t->intervals, "steps_run", (json_int_t)t->steps_run,
                           "bond", reach_grain(t->bond), "fee", reach_grain(t->fee), "seat_fee",
                           reach_grain(t->seat_fee), "escrow_left", reach_grain(t->escrow_left), "seats",
                           seats_json(c, t), "final_root", t->opened ? reach_hex(t->final_root, 32) : json_null(),
                           "receipt", t->receipt ? json_integer((json_int_t)t->receipt - 1) : json_null());
  json_object_update(o, more);
  json_decref(more);
  output_json(o);
}

static enum outcome run(const struct arguments *a) {
  static struct job_stored job;
  struct task_record t;
  struct reach reach;
  struct why why = {""};
  struct chain_id id;
  uint8_t task[TASK_ID_BYTES];
  if (!chain_id_read(a->operand[0], &id)) return OUTCOME_INPUT;
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  outcome = chain_id_find(&reach, false, &id);
  if (outcome != OUTCOME_DONE) {
    reach_shut(&reach);
    return outcome;
  }
  memcpy(task, id.task, sizeof task);
  enum client_status status = view_job(reach.view, id.task, &job, &why);
  if (status == CLIENT_OK && id.whole) job_task_id(id.task, job.record.task, task); /* that runs, or ran last */
  if (status == CLIENT_OK) status = view_task(reach.view, task, &t, &why);
  if (status == CLIENT_NONE)
    why_set(&why, "there is no %s %.80s (what is over is forgotten after a while; assay why still tells of it)",
            id.whole ? "job" : "task", a->operand[0]);
  if (status != CLIENT_OK)
    outcome = reach_outcome(&reach, status, &why);
  else if (arguments_given(a, "json"))
    print_json(view_chain(reach.view), &t, &job.record);
  else
    print(view_chain(reach.view), &t, &job.record);
  reach_shut(&reach);
  return outcome;
}

const struct command command_task = {
    .name = "task",
    .usage = "ID [--node URL]",
    .summary = "shows a task: its state, its people, and whose turn it is",
    .text = "ID is that of a task, or JOB/N, or a job's, whose running task is meant; of a job the first digits are "
            "enough\n"
            "while no other begins so. Shows solver and seats, who had the task before, bonds and prices, open "
            "disputes and\n"
            "who has to move in them until when. In JSON amounts are grain, as text.\n"
            "Exit status: 0 done, 1 there is no such task, 2 no id, wrong URL or no node of ours, 3 no node answers,\n"
            "130 stopped.",
    .option = {REACH_OPTION, {"json", 0, NULL, "one JSON object: the task, its job, waits, seats"}},
    .more =
        "Keys of --json: `task`, `job`, `number`, `state`, `attempt`, `waits` (as of `assay status`), `submitter`,\n"
        "`solver`, `tried` (solvers of earlier attempts), `steps`, `intervals`, `steps_run`, `bond`, `fee`, "
        "`seat_fee`,\n"
        "`escrow_left`, `final_root`, `receipt`, and `seats`, a list of `seat`, `account`, `state`, `own`, `bond`, "
        "and\n"
        "`dispute`: null, or `number`, `open`, and while it is open `interval`, `turn`, `account`, `until_tick`.\n",
    .operands_min = 1,
    .operands_max = 1,
    .run = run};
