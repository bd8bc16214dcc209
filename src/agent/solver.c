#include "agent/solver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ability.h"
#include "commit/state/state.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"

/* Of a task the last state is kept, and one more is written before it goes. */
enum { STATES_LEAST = 2 };
enum { PUBLISH_ROWS = 96 }; /* in one transaction of at most 65,536 bytes */

struct solver {
  struct bench bench;
  struct solver_options options;
  struct agent *a;
  uint8_t refused[TASK_ID_BYTES + 1]; /* the attempt that it said no to last: once is enough */
};

/* OFFER. */

static struct body_attempt at_of(const struct task_record *t) {
  return (struct body_attempt){.task = t->id, .attempt = t->attempt};
}

static struct work_plan plan_of(const struct solver *s, const struct task_record *t) {
  struct work_plan plan = {.first_step = t->first_step,
                           .steps = t->steps,
                           .interval_steps = t->interval_steps,
                           .lie = s->options.lie.interval};
  memcpy(plan.start_root, t->start_root, 32);
  return plan;
}

static void refuse(struct solver *s, const struct task_record *t, const char *text) {
  uint8_t id[TASK_ID_BYTES + 1];
  memcpy(id, t->id, TASK_ID_BYTES);
  id[TASK_ID_BYTES] = t->attempt;
  if (memcmp(id, s->refused, sizeof id) == 0) return;
  memcpy(s->refused, id, sizeof id);
  agent_say(s->a, "refuse", t->id, "%s", text);
}

static bool refused(const struct solver *s, const struct task_record *t) {
  return memcmp(t->id, s->refused, TASK_ID_BYTES) == 0 && s->refused[TASK_ID_BYTES] == t->attempt;
}

/* LEDGER 19.1: who cannot fetch does not offer. So all there is to know is known before a grain is locked. */
static bool ready(struct solver *s, const struct task_record *t, struct why *why) {
  if (!solver_can(view_chain(agent_view(s->a)), agent_account(s->a), t, why)) {
    refuse(s, t, why->text);
    return false;
  }
  enum material_status status = bench_material(&s->bench, t, why);
  if (status == MATERIAL_OK) status = ability_check(&s->bench, t, false, STATES_LEAST, why);
  if (status == MATERIAL_OK) {
    uint8_t *state = material_state(s->bench.material);
    status = state ? material_start(s->bench.material, s->a, t->start_root, state, why) : MATERIAL_ERR_SYSTEM;
    free(state);
  }
  if (status == MATERIAL_NEVER)
    refuse(s, t, why->text);
  else if (t->state == TASK_OPEN)
    bench_tell(&s->bench, t, "no offer", status, why);
  return status == MATERIAL_OK;
}

/* The time for offers is short, and fetching the data may take all of it; so it is done while the task still waits. */
static bool prepare(struct solver *s, const struct task_record *t, struct why *why) {
  return (!s->options.enlist || s->options.enlist->over) && !refused(s, t) && ready(s, t, why);
}

static void offer(struct solver *s, const struct task_record *t, struct why *why) {
  const struct chain *c = view_chain(agent_view(s->a));
  uint8_t input[TASK_OFFER_BYTES], beacon[32], proof[VRF_BYTES], body[256];
  if (bench_sent(&s->bench, t, "offer", 0) || !prepare(s, t, why)) return;
  if (!chain_beacon(c, t->draw_height, beacon)) return;
  task_offer_input(c->genesis, t, beacon, input);
  vrf_prove(agent_options(s->a)->vrf_key, input, sizeof input, proof);
  struct body_offer b = {.at = at_of(t), .proof = proof};
  bench_send(&s->bench, t, TRANSACTION_OFFER, body, body_offer_put(&b, body, sizeof body), "offer", 0, why);
}

/* WORK. */

static void commit(struct solver *s, const struct task_record *t, struct why *why) {
  const struct trace *trace = work_trace(s->bench.work);
  uint8_t root[32], body[256];
  trace_root(trace, root);
  struct body_commit b = {.at = at_of(t), .trace_root = root, .outcome = trace->outcome, .steps = trace->steps};
  bench_send(&s->bench, t, TRANSACTION_COMMIT, body, body_commit_put(&b, body, sizeof body), "commit", 0, why);
}

static bool at_work(struct solver *s, const struct task_record *t, struct why *why) {
  struct work_plan plan = plan_of(s, t);
  enum material_status status = bench_work(&s->bench, t, &plan, why);
  bench_tell(&s->bench, t, "work", status, why);
  return status == MATERIAL_OK;
}

static void work(struct solver *s, const struct task_record *t, struct why *why) {
  uint64_t until = slice_ms() + s->options.slice_ms;
  bool done = false;
  if (s->options.lie.no_commit || bench_sent(&s->bench, t, "commit", 0) || !at_work(s, t, why)) return;
  do {
    enum material_status status = work_next(s->bench.work, until, &done, why);
    bench_tell(&s->bench, t, "work", status, why);
    if (status != MATERIAL_OK) return;
  } while (!done && slice_ms() < until);
  if (done)
    commit(s, t, why);
  else
    agent_busy(s->a);
}

/* PUBLISH. */

struct proof {
  struct publish_row row[PUBLISH_ROWS];
  uint8_t sigma[PUBLISH_ROWS][32], path[PUBLISH_ROWS][PUBLISH_HEIGHT_MAX * 32];
  uint8_t leaves[(TRACE_INTERVALS_MAX + 1) * 32], scratch[(TRACE_INTERVALS_MAX + 1) * 32];
  uint8_t body[TRANSACTION_BYTES_MAX];
};

static void put_row(struct proof *p, uint16_t n, const struct trace *trace, uint16_t interval) {
  uint32_t leaf = interval - 1u, count = trace->intervals + 1u;
  const uint8_t number[4] = {(uint8_t)leaf, (uint8_t)(leaf >> 8), 0, 0};
  const struct sha256_part parts[] = {{trace->salt, 32}, {number, 4}};
  sha256_parts(parts, 2, p->sigma[n]);
  merkle_path(p->leaves, count, leaf, p->scratch, p->path[n]);
  p->row[n] =
      (struct publish_row){.interval = interval, .root = trace->roots[leaf], .sigma = p->sigma[n], .path = p->path[n]};
}

/* The state after interval i goes where others find it. */
static bool give(struct solver *s, uint16_t i, struct why *why) {
  const struct blob_port *blobs = agent_options(s->a)->blobs;
  const struct material *m = s->bench.material;
  uint8_t *state = material_state(m);
  bool good = state && work_state(s->bench.work, i, state, why) == MATERIAL_OK &&
              blobs->put(blobs->self, work_trace(s->bench.work)->roots[i], state, m->state_leaves * TAPE_LEAF_BYTES,
                         why) == TRANSFER_OK;
  free(state);
  return good;
}

/* Whoever else has this key may have committed first, to a trace with a salt of its own: what this one would show does
 * not fit what is on the chain. The states do. */
static bool ours(struct solver *s, const struct task_record *t) {
  struct why why;
  uint8_t root[32];
  trace_root(work_trace(s->bench.work), root);
  if (memcmp(root, t->trace_root, 32) == 0) return true;
  why_set(&why, "the chain has another commitment of this account: this key is in use on another machine too. That one "
                "has to go on; stop this one");
  bench_tell(&s->bench, t, "conflict", MATERIAL_NEVER, &why);
  return false;
}

static void publish(struct solver *s, const struct task_record *t, struct why *why) {
  static struct proof p;
  bool wanted[TRACE_INTERVALS_MAX + 1];
  struct body_publish b = {.at = at_of(t)};
  uint64_t n = 0;
  if (s->options.lie.no_publish || !solver_wanted(view_chain(agent_view(s->a)), t, wanted)) return;
  while (!wanted[n]) n++;
  n |= (uint64_t)t->round << 32 | (uint64_t)t->stalled_epochs << 24;
  if (bench_sent(&s->bench, t, "publish", n) || !at_work(s, t, why) || !ours(s, t)) return;
  const struct trace *trace = work_trace(s->bench.work);
  b.height = (uint16_t)merkle_height(trace->intervals + 1u);
  for (uint32_t i = 0; i <= trace->intervals; i++) trace_leaf(trace, i, p.leaves + 32 * i);
  for (uint16_t i = 1; i <= trace->intervals && b.count < PUBLISH_ROWS; i++) {
    if (!wanted[i]) continue;
    if (i > 1 && !s->options.lie.no_starts && !give(s, (uint16_t)(i - 1), why)) return;
    put_row(&p, b.count++, trace, i);
  }
  bench_send(&s->bench, t, TRANSACTION_PUBLISH, p.body, body_publish_put(&b, p.row, p.body, sizeof p.body), "publish",
             n, why);
}

/* OPEN. */

struct opening {
  uint8_t *state, *hashes, *scratch;
  uint8_t leaf[OPEN_LEAVES_MAX][OPEN_LEAF_BYTES], path[OPEN_LEAVES_MAX][OPEN_HEIGHT_MAX * 32];
  uint8_t body[TRANSACTION_BYTES_MAX];
};

static bool put_leaf(struct solver *s, struct opening *o, struct body_open *b, uint16_t i, uint32_t leaf,
                     struct why *why) {
  uint64_t leaves = s->bench.material->state_leaves;
  if (work_state(s->bench.work, i, o->state, why) != MATERIAL_OK) return false;
  state_leaf_hashes(o->state, leaves * TAPE_LEAF_BYTES, 0, leaves, o->hashes);
  memcpy(o->leaf[b->leaves], o->state + (size_t)leaf * TAPE_LEAF_BYTES, TAPE_LEAF_BYTES);
  merkle_path(o->hashes, leaves, leaf, o->scratch, o->path[b->leaves]);
  b->leaf[b->leaves] = o->leaf[b->leaves];
  b->path[b->leaves] = o->path[b->leaves];
  b->leaves++;
  return true;
}

/* LEDGER 9.7: "leaf 0 of the last root always", of the root before for a run that diverged, "the figure's leaf". */
static void send_open(struct solver *s, const struct task_record *t, struct opening *o, struct why *why) {
  const struct trace *trace = work_trace(s->bench.work);
  uint16_t n = trace->intervals;
  uint16_t figure = s->bench.material->stored.record.figure;
  struct body_open b = {.at = at_of(t),
                        .sigma = trace->salt,
                        .roots = trace->roots[0],
                        .roots_count = (uint16_t)(n + 1),
                        .height = (uint16_t)merkle_height(s->bench.material->state_leaves)};
  if (!put_leaf(s, o, &b, n, 0, why)) return;
  if (trace->outcome == TRACE_DIVERGED && n >= 2 && !put_leaf(s, o, &b, (uint16_t)(n - 1), 0, why)) return;
  /* All tapes of a job have all state entries in their tables (LEDGER 7.5). */
  const struct layout_entry *entry = s->bench.material->tape[0].layout.entry;
  if (figure != POST_FIGURE_NONE && !put_leaf(s, o, &b, n, (uint32_t)entry[figure].first_leaf, why)) return;
  bench_send(&s->bench, t, TRANSACTION_OPEN, o->body, body_open_put(&b, o->body, sizeof o->body), "open", 0, why);
}

static void open_trace(struct solver *s, const struct task_record *t, struct why *why) {
  static struct opening o;
  if (s->options.lie.no_open || bench_sent(&s->bench, t, "open", 0) || !at_work(s, t, why) || !ours(s, t)) return;
  size_t leaves = s->bench.material->state_leaves;
  o.state = material_state(s->bench.material);
  o.hashes = malloc(leaves * 32);
  o.scratch = malloc(leaves * 32);
  if (o.state && o.hashes && o.scratch) send_open(s, t, &o, why);
  free(o.state);
  free(o.hashes);
  free(o.scratch);
}

/* JUDGE. */

static enum material_status start_of(void *context, const struct task_record *t, uint16_t interval, uint8_t *state,
                                     struct why *why) {
  struct solver *s = context;
  if (!at_work(s, t, why)) return MATERIAL_LATER;
  return work_state(s->bench.work, (uint16_t)(interval - 1), state, why);
}

static void move(struct solver *s, const struct task_record *t, struct why *why) {
  const struct chain *c = view_chain(agent_view(s->a));
  struct seat_record seat;
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(c, t, i, &seat) || !seat.dispute || !docket_find(c, seat.dispute - 1, &r)) continue;
    if (r.turn != DISPUTE_CLAIMANT || !docket_dispute(c, &r, &f, &d) || d.awaits == s->options.lie.silent_move)
      continue;
    bool lies = s->options.lie.interval == WORK_EVERY || s->options.lie.interval == r.interval;
    bench_move(&s->bench, t, r.id, lies, start_of, s, why);
  }
}

/* DELIVER. */

static void deliver(struct solver *s, const struct task_record *t, struct why *why) {
  char note[BENCH_ONCE_BYTES];
  const uint8_t *value;
  size_t length;
  bench_once(t, "deliver", 0, note);
  if (s->options.lie.no_deliver || journal_get(agent_journal(s->a), note, &value, &length) || !at_work(s, t, why))
    return;
  if (give(s, work_trace(s->bench.work)->intervals, why)) journal_put(agent_journal(s->a), note, "", 0, why);
}

/* A turn. */

enum {
  OF_SOLVERS = 1 << TASK_WAIT | 1 << TASK_OPEN | 1 << TASK_WORK | 1 << TASK_PUBLISH | 1 << TASK_SHOW | 1 << TASK_JUDGE |
               1 << TASK_DELIVER
};

static void act(struct solver *s, const struct task_record *t, enum solver_duty duty, struct why *why) {
  switch (duty) {
  case SOLVER_PREPARE: prepare(s, t, why); return;
  case SOLVER_OFFER: offer(s, t, why); return;
  case SOLVER_WORK: work(s, t, why); return;
  case SOLVER_PUBLISH: publish(s, t, why); return;
  case SOLVER_OPEN: open_trace(s, t, why); return;
  case SOLVER_MOVE: move(s, t, why); return;
  case SOLVER_DELIVER: deliver(s, t, why); return;
  case SOLVER_REST: return;
  }
}

/* What every solver may do about a task that nobody has yet. */
static bool for_all(enum solver_duty duty) { return duty == SOLVER_PREPARE || duty == SOLVER_OFFER; }

/* Whoever waits for another is served first; of what is to be run, what is due first. No offers beside work: a second
 * task would make both late. */
static void serve(struct solver *s, const struct bench_tasks *tasks, struct why *why) {
  struct view *v = agent_view(s->a);
  struct task_record t, next = {.armed = UINT64_MAX};
  bool works = false;
  for (uint32_t i = 0; i < tasks->count; i++) {
    if (view_task(v, tasks->id[i], &t, why) != CLIENT_OK) continue;
    enum solver_duty duty = solver_due(view_chain(v), agent_account(s->a), &t);
    if (duty == SOLVER_WORK && t.armed < next.armed) next = t;
    works = works || duty == SOLVER_WORK;
    if (duty != SOLVER_WORK && !for_all(duty)) act(s, &t, duty, why);
  }
  for (uint32_t i = 0; !works && i < tasks->count; i++) {
    if (view_task(v, tasks->id[i], &t, why) != CLIENT_OK) continue;
    enum solver_duty duty = solver_due(view_chain(v), agent_account(s->a), &t);
    if (for_all(duty)) act(s, &t, duty, why);
  }
  if (works) act(s, &next, SOLVER_WORK, why);
}

bool solver_turn(struct agent *a, void *solver, struct why *why) {
  struct solver *s = solver;
  struct bench_tasks *tasks = malloc(sizeof *tasks);
  struct why local = {""};
  (void)a;
  if (!why) why = &local;
  if (tasks && bench_list(&s->bench, OF_SOLVERS, tasks, why)) serve(s, tasks, why);
  free(tasks);
  bench_sweep(&s->bench);
  return true;
}

enum agent_status solver_open(struct solver **out, struct agent *a, const struct solver_options *options,
                              struct why *why) {
  struct solver *s = calloc(1, sizeof *s);
  *out = NULL;
  if (!agent_options(a)->vrf_key || !agent_options(a)->blobs) {
    why_set(why, "a solver needs a draw key and blob stores");
    free(s);
    return AGENT_ERR_INPUT;
  }
  if (!s) {
    why_set(why, "no memory");
    return AGENT_ERR_SYSTEM;
  }
  s->a = a;
  s->options = *options;
  bench_begin(&s->bench, a, &options->material, options->disk_bytes);
  *out = s;
  return AGENT_OK;
}

void solver_shut(struct solver *s) {
  if (!s) return;
  bench_end(&s->bench);
  free(s);
}
