/* job_corpus FOLDER: writes the seeds of job_fuzz to FOLDER: tape, table, jobs and tasks of a small chain. */
#include <stdio.h>
#include <stdlib.h>

#include "ledger/task/world.h"

static struct world w;
static const char *folder;

static void write_seed(const char *name, uint8_t number, const struct stored_kind *kind, const void *record) {
  static uint8_t bytes[1 + STORED_BYTES_MAX];
  char path[4096];
  bytes[0] = number;
  size_t length = 1 + stored_encode(kind, record, bytes + 1, sizeof bytes - 1);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  if (f && fwrite(bytes, 1, length, f) == length && fclose(f) == 0) return;
  perror(path);
  exit(1);
}

static void write_task(const char *name, const uint8_t *task) {
  struct task_record t = world_task(&w, task);
  write_seed(name, 3, &task_kind, &t);
}

static void write_job(const char *name, const uint8_t *job) {
  static struct job_stored s;
  if (job_find(&w.c, job, &s)) write_seed(name, 2, &job_kind, &s);
}

static void write_posted(void) {
  struct posted_tape tape;
  struct posted_table table;
  if (job_tape_find(&w.c, w.tape_root, &tape)) write_seed("tape", 0, &posted_tape_kind, &tape);
  if (job_table_find(&w.c, w.table_hash, &table)) write_seed("table", 1, &posted_table_kind, &table);
}

int main(int argc, char **argv) {
  static struct world_post p;
  uint8_t job[32], task[TASK_ID_BYTES];
  if (argc != 2) return fprintf(stderr, "usage: job_corpus FOLDER\n"), 2;
  folder = argv[1];
  world_open(&w, "test", NULL);
  world_block(&w);
  world_body(&w, &p, 3, 40, 8);
  if (world_tape(&w, NULL) != CHAIN_OK || world_post(&w, &p, 1, job, NULL) != CHAIN_OK) return 1;
  job_task_id(job, 0, task);
  write_posted();
  write_job("job-drawn", job);
  write_task("task-wait", task);
  world_until(&w, task, TASK_OPEN);
  write_job("job-seeded", job);
  for (uint32_t who = 1; who <= 3; who++) world_offer(&w, task, who, NULL);
  write_task("task-open", task);
  world_until(&w, task, TASK_WORK);
  world_until(&w, task, TASK_OPEN); /* it was late: the second attempt */
  world_offer(&w, task, 6, NULL);
  world_until(&w, task, TASK_WORK);
  world_commit(&w, task, 6, TRACE_DIVERGED, 16, NULL);
  write_task("task-draw", task);
  world_shut(&w);
  return 0;
}
