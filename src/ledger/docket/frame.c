/* What both sides of a dispute know before it begins. PROTOCOL P1.1; the clocks are those of LEDGER 11.5. */
#include <assert.h>

#include "ledger/docket/docket.h"

enum { CLOCK_FACTOR = 4 };

static uint32_t ticks(const struct chain *c, const struct task_record *t, const struct job_record *j,
                      const struct parameters *p, uint32_t first, uint32_t steps) {
  uint64_t est = CLOCK_FACTOR * job_ticks(c, j, p, t->class, first, steps);
  assert(est < (uint64_t)1 << 31 && "a task's est is at most 2^17");
  return (uint32_t)est;
}

/* The tapes of the job; those that the interval runs with the clock of one step. */
static void put_tapes(const struct chain *c, const struct task_record *t, const struct job_record *j,
                      const struct parameters *p, struct dispute_frame *f) {
  f->tapes = j->job.tapes;
  for (uint8_t n = 0; n < j->job.tapes; n++) {
    struct posted_tape tape;
    bool found = job_tape_find(c, j->job.tape_root[n], &tape);
    assert(found && "a live job whose tape is gone");
    memcpy(f->tape[n].root, j->job.tape_root[n], MERKLE_BYTES);
    f->tape[n].records = tape.records;
    f->tape[n].temp_leaves = tape.temp_leaves;
  }
  for (uint16_t k = 0; k < f->steps; k++) {
    uint8_t n = job_tape(&j->job, f->first_step - j->job.first_step + k);
    f->step_tape[k] = n;
    if (f->tape[n].values_ticks == 0) f->tape[n].values_ticks = ticks(c, t, j, p, f->first_step + k, 1);
  }
}

static void put_data(const struct chain *c, const struct job_record *j, struct dispute_frame *f) {
  struct posted_table table;
  bool found = job_table_find(c, j->job.layout_hash, &table);
  assert(found && "a live job whose table is gone");
  f->state_leaves = table.state_leaves;
  f->data_count = j->job.data;
  for (uint32_t n = 0; n < j->job.data; n++) {
    f->data[n].leaves = table.data_leaves[n];
    memcpy(f->data[n].root, j->job.data_root[n], MERKLE_BYTES);
  }
}

bool docket_frame(const struct chain *c, const struct task_record *t, uint16_t interval, struct dispute_frame *out) {
  struct job_stored s;
  struct parameters p;
  struct why why;
  memset(out, 0, sizeof *out);
  if (interval == 0 || !audit_root(c, t, (uint16_t)(interval - 1), out->start_root) ||
      !audit_root(c, t, interval, out->end_root) || !job_find(c, t->id, &s))
    return false;
  const struct job_record *j = &s.record;
  chain_parameters(c, t->parameters, &p);
  job_root(&j->job, out->target.job_root);
  out->target.task = (uint32_t)(t->id[32] | t->id[33] << 8);
  out->target.interval = interval;
  out->steps = audit_steps(t, interval);
  out->first_step = t->first_step + (uint32_t)(interval - 1) * t->interval_steps;
  out->seed = j->seed;
  put_tapes(c, t, j, &p, out);
  put_data(c, j, out);
  out->window_ticks = p.turn;
  out->slack_ticks = p.slack;
  out->steps_ticks = ticks(c, t, j, &p, out->first_step, out->steps);
  bool good = dispute_frame_check(out, &why);
  assert(good && "a job was posted that cannot be disputed");
  return true;
}
