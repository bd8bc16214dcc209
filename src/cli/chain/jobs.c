/* assay jobs: the jobs that a chain knows. */
#include "cli/amount.h"
#include "cli/chain/words.h"
#include "cli/output.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
  uint8_t id[32];
  struct job_record job;
};

struct list {
  struct job_stored job; /* large */
  struct row *row;
  size_t count, room;
  bool strange;
};

static bool note_job(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  struct list *l = context;
  if (key->length != 33 || !stored_decode(&job_kind, value, length, &l->job)) {
    l->strange = true;
    return false;
  }
  if (l->count == l->room) {
    l->room = l->room ? 2 * l->room : 64;
    l->row = realloc(l->row, l->room * sizeof *l->row);
    assert(l->row && "memory for a list of jobs");
  }
  struct row *row = &l->row[l->count++];
  memcpy(row->id, key->bytes + 1, 32);
  row->job = l->job.record; /* its table of tasks is not lent any further */
  row->job.job.task = NULL;
  return true;
}

/* The newest first; of one block in the order of their ids. */
static int newer(const void *a, const void *b) {
  const struct row *x = a, *y = b;
  if (x->job.posted_height != y->job.posted_height) return x->job.posted_height > y->job.posted_height ? -1 : 1;
  return memcmp(x->id, y->id, 32);
}

/* One line a job: digits that are enough to ask for it, and where it stands. */
static void print(struct list *l) {
  struct parties names = {0};
  char id[CHAIN_ID_SHORT + 1], who[PARTY_TEXT], left[AMOUNT_TEXT];
  for (size_t i = 0; i < l->count; i++) parties_add(&names, l->row[i].job.submitter, "submitter");
  for (size_t i = 0; i < l->count; i++) {
    const struct job_record *j = &l->row[i].job;
    chain_short_text(l->row[i].id, id);
    printf("%s  %-6s  task %u, %u in all; level %u, %u verifier%s; posted at height %" PRIu64 ", deadline tick %" PRIu64
           "; by %s, reserve left %s\n",
           id, chain_job_state(j->state), j->task, j->job.tasks, j->job.level, j->seats, j->seats == 1 ? "" : "s",
           j->posted_height, j->deadline, parties_name(&names, j->submitter, who), amount_write(j->reserve_left, left));
  }
  parties_print(&names);
  parties_shut(&names);
}

static json_t *job_json(const struct row *row) {
  const struct job_record *j = &row->job;
  return json_pack("{s:o, s:s, s:o, s:i, s:i, s:i, s:i, s:I, s:I, s:o, s:o}", "job", reach_hex(row->id, 32), "state",
                   chain_job_state(j->state), "submitter", reach_address(j->submitter), "task", (int)j->task, "tasks",
                   (int)j->job.tasks, "level", (int)j->job.level, "verifiers", (int)j->seats, "posted_height",
                   (json_int_t)j->posted_height, "deadline_tick", (json_int_t)j->deadline, "price",
                   reach_grain(j->price), "reserve_left", reach_grain(j->reserve_left));
}

static void print_json(const struct reach *r, const struct list *l) {
  json_t *jobs = json_array();
  for (size_t i = 0; i < l->count; i++) json_array_append_new(jobs, job_json(&l->row[i]));
  output_json(json_pack("{s:s, s:o}", "chain", r->node.chain_id, "jobs", jobs));
}

static enum outcome run(const struct arguments *a) {
  static struct list list;
  struct reach reach;
  struct why why = {""};
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  struct map_key prefix = map_key(MODULE_JOB, NULL, 0);
  enum client_status status = client_walk(reach.client, &prefix, NULL, UINT32_MAX, note_job, &list, NULL, &why);
  if (status == CLIENT_OK && list.strange) {
    why_set(&why, "%s gives a record of a job that is none", reach.url);
    status = CLIENT_STRANGE;
  }
  if (list.count) qsort(list.row, list.count, sizeof *list.row, newer);
  if (status != CLIENT_OK)
    outcome = reach_outcome(&reach, status, &why);
  else if (arguments_given(a, "json"))
    print_json(&reach, &list);
  else if (list.count)
    print(&list);
  else
    printf("no jobs on %s; one that is over is forgotten after a while, and assay why JOB still tells of it\n",
           reach.node.chain_id);
  free(list.row);
  reach_shut(&reach);
  return outcome;
}

const struct command command_jobs = {
    .name = "jobs",
    .usage = "[--node URL]",
    .summary = "lists the jobs that a chain knows",
    .text =
        "For every job, the newest first: its state (live, done, failed), which of its tasks runs, level and "
        "verifiers,\n"
        "deadline, who posted it, and what is left of its reserve. The digits at the start of the line are enough for\n"
        "assay task and assay why. What is over is forgotten after a while. In JSON amounts are grain, as text.\n"
        "Exit status: 0 done, 2 wrong URL or no node of ours, 3 no node answers, 130 stopped.",
    .option = {REACH_OPTION, {"json", 0, NULL, "one JSON object: chain, and jobs, a list"}},
    .more = "Each of `jobs` has: `job` (all 64 digits), `state`, `submitter`, `task`, `tasks`, `level`, `verifiers`,\n"
            "`posted_height`, `deadline_tick`, `price`, `reserve_left`.\n",
    .operands_min = 0,
    .operands_max = 0,
    .run = run};
