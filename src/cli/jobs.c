/* assay jobs: the jobs that a chain knows. */
#include "base/hex.h"
#include "cli/amount.h"
#include "cli/chain_words.h"
#include "cli/output.h"
#include "crypto/address.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct list {
  struct job_stored job; /* large */
  json_t *json;          /* NULL: print */
  uint32_t count;
  bool strange;
};

static void print(const uint8_t id[32], const struct job_record *j) {
  char text[65], address[ADDRESS_TEXT_LENGTH + 1], reserve[AMOUNT_TEXT];
  hex_encode(id, 32, text);
  address_write(j->submitter, address);
  printf("job %s\n  %s at task %u, %u in all, level %u, %u verifier%s; posted at height %" PRIu64
         ", deadline tick %" PRIu64 "\n  by %s, reserve left %s\n",
         text, chain_job_state(j->state), j->task, j->job.tasks, j->job.level, j->seats, j->seats == 1 ? "" : "s",
         j->posted_height, j->deadline, address, amount_write(j->reserve_left, reserve));
}

static bool show(void *context, const struct map_key *key, const uint8_t *value, size_t length) {
  struct list *l = context;
  const struct job_record *j = &l->job.record;
  if (key->length != 33 || !stored_decode(&job_kind, value, length, &l->job)) {
    l->strange = true;
    return false;
  }
  const uint8_t *id = key->bytes + 1;
  l->count++;
  if (!l->json) {
    print(id, j);
    return true;
  }
  json_array_append_new(
      l->json, json_pack("{s:o, s:s, s:o, s:i, s:i, s:i, s:i, s:I, s:I, s:o, s:o}", "job", reach_hex(id, 32), "state",
                         chain_job_state(j->state), "submitter", reach_address(j->submitter), "task", (int)j->task,
                         "tasks", (int)j->job.tasks, "level", (int)j->job.level, "verifiers", (int)j->seats,
                         "posted_height", (json_int_t)j->posted_height, "deadline_tick", (json_int_t)j->deadline,
                         "price", reach_grain(j->price), "reserve_left", reach_grain(j->reserve_left)));
  return true;
}

static enum outcome run(const struct arguments *a) {
  static struct list list;
  struct reach reach;
  struct why why = {""};
  enum outcome outcome = reach_open(a, &reach);
  if (outcome != OUTCOME_DONE) return outcome;
  if (arguments_given(a, "json")) list.json = json_array();
  struct map_key prefix = map_key(MODULE_JOB, NULL, 0);
  enum client_status status = client_walk(reach.client, &prefix, NULL, UINT32_MAX, show, &list, NULL, &why);
  if (status == CLIENT_OK && list.strange) {
    why_set(&why, "%s gives a record of a job that is none", reach.url);
    status = CLIENT_STRANGE;
  }
  if (status != CLIENT_OK)
    outcome = reach_outcome(&reach, status, &why);
  else if (list.json)
    output_json(json_pack("{s:s, s:O}", "chain", reach.node.chain_id, "jobs", list.json));
  else if (!list.count)
    printf("no jobs on %s; one that is over is forgotten after a while, and assay why JOB still tells of it\n",
           reach.node.chain_id);
  json_decref(list.json);
  reach_shut(&reach);
  return outcome;
}

const struct command command_jobs = {
    .name = "jobs",
    .usage = "[--node URL]",
    .summary = "lists the jobs that a chain knows",
    .text =
        "For every job: its state, who posted it, which of its tasks runs, level and verifiers, deadline and what is\n"
        "left of its reserve. In JSON amounts are grain, as text.\n"
        "Exit status: 0 done, 2 wrong URL or no node of ours, 3 no node answers, 130 stopped.",
    .option = {REACH_OPTION, {"json", 0, NULL, "prints one JSON object"}},
    .operands_min = 0,
    .operands_max = 0,
    .run = run};
