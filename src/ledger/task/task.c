/* The states of a task and what their timers do. LEDGER 8.2. */
#include "ledger/task/task.h"

#include <assert.h>
#include <string.h>

#include "ledger/audit/audit.h"
#include "ledger/task/solver.h"

enum { LEVEL_FULL = 4 };

static const char *state_name(enum task_state state) {
  switch (state) {
  case TASK_WAIT: return "WAIT";
  case TASK_OPEN: return "OPEN";
  case TASK_WORK: return "WORK";
  case TASK_DRAW: return "DRAW";
  case TASK_TAKE: return "SEAT.take";
  case TASK_PUBLISH: return "SEAT.publish";
  case TASK_SEAL: return "SEAT.seal";
  case TASK_STALLED: return "STALLED";
  case TASK_SEALED: return "SEALED";
  case TASK_SHOW: return "SHOW";
  case TASK_CLAIM: return "CLAIM";
  case TASK_DISCLOSE: return "DISCLOSE";
  case TASK_JUDGE: return "JUDGE";
  case TASK_DELIVER: return "DELIVER";
  case TASK_SETTLED: return "SETTLED";
  case TASK_CANCELLED: return "CANCELLED";
  }
  return "?";
}

static bool ended(enum task_state state) { return state == TASK_SETTLED || state == TASK_CANCELLED; }

void task_enter(struct chain *c, struct task_record *t, enum task_state state, uint64_t armed, bool wait) {
  struct parameters p;
  uint8_t kind = ended(state) ? TIMER_PRUNE : TIMER_TASK;
  assert(!ended((enum task_state)t->state));
  if (t->armed) timer_disarm(c, t->armed, t->wait, TIMER_TASK, t->id, sizeof t->id);
  if (ended(state)) {
    chain_parameters(c, t->parameters, &p);
    armed = c->now.tick + p.keep_settled;
    wait = false;
  }
  t->state = (uint8_t)state;
  t->entered_tick = c->now.tick;
  t->armed = armed;
  t->wait = wait;
  if (wait)
    timer_wait(c, armed, kind, t->id, sizeof t->id);
  else if (armed)
    timer_arm(c, armed, kind, t->id, sizeof t->id);
  task_store(c, t);
  outbox_event(c->out, "task", t->id, "%s, attempt %u", state_name(state), t->attempt);
}

/* WAIT: until the beacon of h_open + d (LEDGER 6.2). For task 0 that of h_post + 1 is out before, since d >= 2. */
static void wait_for_beacon(struct chain *c, struct task_record *t) {
  t->draw_height = c->now.height + chain_delay(c);
  task_enter(c, t, TASK_WAIT, t->draw_height, true);
}

void task_begin(struct chain *c, const struct job_record *j) {
  const struct job_task *row = &j->job.task[j->task];
  struct parameters p;
  struct job_cost cost;
  chain_parameters(c, j->parameters, &p);
  bool priced = job_cost(c, j, &p, j->task, &cost);
  assert(priced && j->state == JOB_LIVE && "a live job without a price");
  struct task_record t = {.state = TASK_WAIT,
                          .attempt = 1,
                          .parameters = j->parameters,
                          .intervals = cost.intervals,
                          .draws = cost.draws,
                          .interval_steps = row->interval_steps,
                          .class = row->time_class,
                          .level = j->job.level,
                          .steps = row->steps,
                          .first_step = job_first_step(j, j->task),
                          .fee = cost.fee,
                          .seat_fee = cost.seat_fee,
                          .fine = cost.bond - j->seats * cost.seat_fee,
                          .est = cost.est,
                          .mem_mib = cost.mem_mib,
                          .gas_price = j->gas_price,
                          .protocol_fee = cost.protocol_fee,
                          .escrow_left = cost.escrow,
                          .seats = j->seats};
  t.est_seat = j->job.level == LEVEL_FULL ? cost.est : cost.draws * job_interval_ticks(c, j, &p, j->task);
  job_task_id(j->id, j->task, t.id);
  memcpy(t.start_root, j->last_root, sizeof t.start_root);
  wait_for_beacon(c, &t);
}

/* Row 2 or 3. */
static void waited(struct chain *c, struct task_record *t) {
  struct job_stored s;
  struct parameters p;
  bool known = job_find(c, t->id, &s);
  assert(known && s.record.state == JOB_LIVE);
  if (c->now.tick > s.record.deadline) { /* 7.11: "After `deadline` (tick) no attempt begins" */
    task_cancel(c, t, REASON_DEADLINE);
    return;
  }
  bool seeded = job_seed(c, &s.record);
  assert(seeded && "the beacon after posting is out before the first task opens");
  chain_parameters(c, t->parameters, &p);
  task_enter(c, t, TASK_OPEN, c->now.tick + p.window_offer, false);
}

void task_due(struct chain *c, const uint8_t id[TASK_ID_BYTES]) {
  struct task_record t;
  bool known = task_find(c, id, &t);
  assert(known && t.armed && "a timer of no task");
  t.armed = 0; /* what is due is armed no more */
  t.wait = false;
  switch ((enum task_state)t.state) {
  case TASK_WAIT: waited(c, &t); return;
  case TASK_OPEN: solver_choose(c, &t); return;
  case TASK_WORK: solver_late(c, &t); return;
  case TASK_DRAW:
  case TASK_TAKE:
  case TASK_PUBLISH:
  case TASK_SEAL:
  case TASK_STALLED:
  case TASK_SEALED:
  case TASK_SHOW:
  case TASK_DELIVER: audit_due(c, &t); return;
  case TASK_CLAIM:
  case TASK_DISCLOSE:
  case TASK_JUDGE:
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  assert(!"a timer in a state that has none");
}

/* What belongs to an attempt starts anew; what raises booked stays with the task (row 21). */
void task_next_attempt(struct chain *c, struct task_record *t) {
  assert(t->bond == 0 && "the solver's bond is settled first");
  if (t->attempt == TASK_ATTEMPTS_MAX) {
    task_cancel(c, t, REASON_ATTEMPTS);
    return;
  }
  struct task_record fresh = *t;
  memcpy(fresh.tried[t->attempt - 1], t->solver, sizeof t->solver);
  fresh.attempt++;
  fresh.round = fresh.stalled_epochs = 0;
  fresh.seal_height = 0;
  fresh.offers = 0;
  memset(fresh.offer, 0, sizeof fresh.offer);
  memset(fresh.solver, 0, sizeof fresh.solver);
  memset(fresh.trace_root, 0, sizeof fresh.trace_root);
  memset(fresh.final_root, 0, sizeof fresh.final_root);
  fresh.outcome = 0;
  fresh.steps_run = fresh.figure = fresh.seats_tried = 0;
  fresh.intervals_run = fresh.proven_interval = fresh.disputes_open = fresh.disputes_lost = 0;
  fresh.opened = fresh.proven = fresh.silent = false;
  fresh.proven_seat = 0;
  *t = fresh;
  wait_for_beacon(c, t);
}

/* The job goes with the last of its tasks' records, whichever that is: those of one tick are not in the order of their
 * numbers. */
void task_prune(struct chain *c, const uint8_t id[TASK_ID_BYTES]) {
  struct job_stored s;
  struct map_key key = map_key(MODULE_TASK, id, TASK_ID_BYTES), tasks = map_key(MODULE_TASK, id, 32), other;
  bool known = job_find(c, id, &s) && map_erase(c->map, &key);
  assert(known && "a timer of no task");
  audit_forget(c, id);
  if (s.record.state == JOB_LIVE || map_next(c->map, &tasks, NULL, &other, NULL)) return;
  key = map_key(MODULE_JOB, id, 32);
  map_erase(c->map, &key);
}
