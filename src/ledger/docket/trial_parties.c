/* What a solver and the seats of a trial say. */
#include <stdlib.h>
#include <string.h>

#include "commit/trace/trace.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"
#include "dispute/world/stubborn.h"
#include "ledger/docket/trial_world.h"

/* What the solver has. */

struct trial_interval *trial_run_of(struct trial *t, const struct task_record *task) {
  return task->attempt == 1 ? t->run : t->truth;
}

uint32_t trial_solver_of(const struct task_record *task) { return task->attempt == 1 ? 0 : 1; }

static void trace_of(struct trial *t, const struct task_record *task, struct trace *out) {
  const struct trial_interval *run = trial_run_of(t, task);
  memset(out, 0, sizeof *out);
  out->intervals = task->attempt == 1 ? t->ran : t->plan.intervals;
  out->interval_steps = t->plan.interval_steps;
  for (uint16_t i = 1; i <= out->intervals; i++) out->steps += run[i - 1].world.steps;
  out->outcome = trial_state(&run[out->intervals - 1].solver, run[out->intervals - 1].world.steps)[0] ? TRACE_DIVERGED
                                                                                                      : TRACE_DONE;
  if (t->plan.claims && t->plan.claims < TRIAL_STARTS_ELSEWHERE && task->attempt == 1)
    out->outcome = t->plan.claims == TRIAL_SAYS_DONE ? TRACE_DONE : TRACE_DIVERGED;
  memset(out->salt, 0x5a + task->attempt, sizeof out->salt);
  memcpy(out->roots[0], run[0].world.start_root, 32);
  for (uint16_t i = 1; i <= out->intervals; i++)
    memcpy(out->roots[i], run[i - 1].solver.roots[run[i - 1].world.steps], 32);
  if (t->plan.claims == TRIAL_STARTS_ELSEWHERE && task->attempt == 1) out->roots[0][0] ^= 1;
}

void trial_trace(struct trial *t, struct trace *out) {
  struct task_record task = trial_task(t);
  trace_of(t, &task, out);
}

static struct body_attempt at_of(const struct trial *t, const struct task_record *task, uint8_t seat) {
  return (struct body_attempt){.task = t->task, .attempt = task->attempt, .seat = seat};
}

void trial_offer(struct trial *t, const struct task_record *task) {
  uint8_t input[TASK_OFFER_BYTES], beacon[32], proof[VRF_BYTES], body[256];
  uint32_t who = trial_solver_of(task);
  if (t->offered == task->attempt || (t->plan.once && task->attempt > 1)) return;
  CHECK(chain_beacon(trial_chain(t), task->draw_height, beacon));
  task_offer_input(trial_chain(t)->genesis, task, beacon, input);
  vrf_prove(t->stage.vrf[who], input, sizeof input, proof);
  struct body_offer b = {.at = at_of(t, task, 0), .proof = proof};
  t->offered = task->attempt;
  /* Whoever held an attempt offers no other: from the third on nobody does. */
  enum chain_code code = trial_send(t, who, TRANSACTION_OFFER, body, body_offer_put(&b, body, sizeof body));
  CHECK(code == CHAIN_OK || task->attempt > 2);
}

void trial_commit(struct trial *t, const struct task_record *task) {
  uint8_t root[32], body[256];
  struct trace trace;
  if (trial_who(t, task->solver) != trial_solver_of(task)) return;
  trace_of(t, task, &trace);
  trace_root(&trace, root);
  struct body_commit b = {.at = at_of(t, task, 0), .trace_root = root, .outcome = trace.outcome, .steps = trace.steps};
  CHECK(!trial_send(t, trial_solver_of(task), TRANSACTION_COMMIT, body, body_commit_put(&b, body, sizeof body)));
}

enum chain_code trial_publish(struct trial *t, uint32_t who, uint16_t interval) {
  struct task_record task = trial_task(t);
  struct trace trace;
  uint8_t leaves[(TRACE_INTERVALS_MAX + 1) * 32], scratch[sizeof leaves], path[9 * 32], sigma[32], body[1024];
  trace_of(t, &task, &trace);
  uint16_t count = (uint16_t)(trace.intervals + 1);
  uint32_t leaf = interval - 1u;
  uint8_t number[4] = {(uint8_t)leaf, (uint8_t)(leaf >> 8), 0, 0};
  for (uint32_t i = 0; i < count; i++) trace_leaf(&trace, i, leaves + 32 * i);
  merkle_path(leaves, count, leaf, scratch, path);
  const struct sha256_part parts[] = {{trace.salt, 32}, {number, 4}};
  sha256_parts(parts, 2, sigma);
  struct publish_row row = {.interval = interval, .root = trace.roots[leaf], .sigma = sigma, .path = path};
  struct body_publish b = {.at = at_of(t, &task, 0), .count = 1, .height = (uint16_t)merkle_height(count)};
  return trial_send(t, who, TRANSACTION_PUBLISH, body, body_publish_put(&b, &row, body, sizeof body));
}

/* Each start in a transaction of its own, as they come: those that nobody asks for are refused. */
void trial_publish_all(struct trial *t, const struct task_record *task) {
  struct seat_record s;
  if (t->plan.no_publish && task->attempt == 1) return;
  for (uint8_t i = 0; i <= task->seats; i++) {
    if (!audit_seat(trial_chain(t), task, i, &s) || s.state != SEAT_TAKEN) continue;
    for (uint32_t k = 0; k < s.draws; k++) {
      enum chain_code code = trial_publish(t, trial_solver_of(task), s.interval[k]);
      bool elsewhere = t->plan.claims == TRIAL_STARTS_ELSEWHERE && s.interval[k] == 1;
      CHECK(code == CHAIN_OK || code == CHAIN_LIMIT || code == CHAIN_STATE || (elsewhere && code == CHAIN_PROOF));
    }
  }
}

/* What the seats have. */

struct trial_seat_plan trial_plan_of(const struct trial *t, const struct seat_record *s) {
  bool planned = s->id[TASK_ID_BYTES] == 1 && (s->round == 1 || t->plan.every_round);
  return planned ? t->plan.seat[s->id[TASK_ID_BYTES + 1]] : (struct trial_seat_plan){.no_take = 0};
}

static struct party *wrong_party(struct trial *t, struct trial_interval *run, uint16_t interval) {
  static const struct lie lie = {
      .kind = LIE_BYTE, .space = TAPE_OUT, .mask = 0x40, .j = 1, .leaf = 1, .offset = 6, .follow = true};
  struct party *p = &t->wrong[interval - 1];
  if (p->world) return p;
  party_open(p, &run[interval - 1].world, &run[interval - 1].honest);
  party_lie(p, &lie, 1);
  return p;
}

/* The party whose computation a seat shows for an interval. `full` seats start where the task does. */
static struct party *party_of(struct trial *t, const struct task_record *task, const struct seat_record *s,
                              uint16_t interval) {
  struct trial_interval *run = task->level == AUDIT_LEVEL_FULL ? t->truth : trial_run_of(t, task);
  struct trial_seat_plan plan = trial_plan_of(t, s);
  if (plan.wrong && interval == s->interval[0]) return wrong_party(t, trial_run_of(t, task), interval);
  if (plan.lazy) return &trial_run_of(t, task)[interval - 1].solver;
  return &run[interval - 1].honest;
}

struct sheet {
  uint8_t salt[32], ends[SHOW_ENDS_MAX * 32], probes[SHOW_ENDS_MAX * 32], hash[32];
};

static void fill_in(struct trial *t, const struct task_record *task, const struct seat_record *s, struct sheet *out) {
  memset(out, 0, sizeof *out);
  memset(out->salt, 0x11 + s->id[SEAT_ID_BYTES - 1], sizeof out->salt);
  for (uint32_t k = 0; k < s->draws; k++) {
    struct party *p = party_of(t, task, s, s->interval[k]);
    const uint8_t(*roots)[MERKLE_BYTES] = party_roots(p);
    memcpy(out->ends + 32 * k, roots[p->world->steps], 32);
    if (s->inner[k] && !s->own) memcpy(out->probes + 32 * k, roots[s->inner[k]], 32);
  }
  audit_seal_hash(trial_chain(t)->genesis, s->id, s->account, out->salt, out->ends, s->draws, out->hash);
}

static struct seat_record seat_at(const struct trial *t, const struct task_record *task, uint8_t seat) {
  struct seat_record s;
  CHECK(audit_seat(trial_chain(t), task, seat, &s));
  return s;
}

enum chain_code trial_take(struct trial *t, uint32_t who, uint8_t seat) {
  struct task_record task = trial_task(t);
  struct seat_record s = seat_at(t, &task, seat);
  struct attempt_record a;
  uint8_t input[AUDIT_TAKE_BYTES], proof[VRF_BYTES], body[256];
  CHECK(attempt_find(trial_chain(t), &task, &a));
  audit_take_input(trial_chain(t)->genesis, s.id, a.set_beacon, input);
  vrf_prove(t->stage.vrf[who], input, sizeof input, proof);
  struct body_take b = {.at = at_of(t, &task, seat), .proof = proof};
  return trial_send(t, who, TRANSACTION_TAKE, body, body_take_put(&b, body, sizeof body));
}

enum chain_code trial_seal(struct trial *t, uint32_t who, uint8_t seat) {
  static struct sheet sheet;
  struct task_record task = trial_task(t);
  struct seat_record s = seat_at(t, &task, seat);
  uint8_t body[256];
  fill_in(t, &task, &s, &sheet);
  struct body_seal b = {.at = at_of(t, &task, seat), .hash = sheet.hash};
  return trial_send(t, who, TRANSACTION_SEAL, body, body_seal_put(&b, body, sizeof body));
}

enum chain_code trial_show(struct trial *t, uint32_t who, uint8_t seat) {
  static struct sheet sheet;
  static uint8_t body[65536];
  struct task_record task = trial_task(t);
  struct seat_record s = seat_at(t, &task, seat);
  fill_in(t, &task, &s, &sheet);
  struct body_show b = {.at = at_of(t, &task, seat),
                        .salt = sheet.salt,
                        .ends = sheet.ends,
                        .probes = sheet.probes,
                        .ends_count = s.draws};
  return trial_send(t, who, TRANSACTION_SHOW, body, body_show_put(&b, body, sizeof body));
}

enum chain_code trial_fetch(struct trial *t, uint32_t who, uint8_t seat, uint8_t what, bool got) {
  struct task_record task = trial_task(t);
  uint8_t body[256];
  struct body_fetch b = {.at = at_of(t, &task, seat), .what = what, .got = got};
  return trial_send(t, who, TRANSACTION_FETCH, body, body_fetch_put(&b, body, sizeof body));
}

static void open_leaf(struct body_open *b, const struct party *p, uint32_t leaf, uint32_t leaves, uint8_t *path) {
  static uint8_t scratch[4096];
  uint16_t end = p->world->steps;
  b->leaf[b->leaves] = trial_state(p, end) + (size_t)leaf * TAPE_LEAF_BYTES;
  merkle_path(trial_hashes(p, end), leaves, leaf, scratch, path);
  b->path[b->leaves++] = path;
}

enum chain_code trial_open_trace(struct trial *t, uint32_t who) {
  static uint8_t body[65536];
  static struct trace trace;
  struct task_record task = trial_task(t);
  const struct trial_interval *run = trial_run_of(t, &task);
  uint8_t path[3][23 * 32];
  uint32_t leaves = t->tape.tape.state_leaves;
  trace_of(t, &task, &trace);
  uint16_t n = trace.intervals;
  struct body_open b = {.at = at_of(t, &task, 0),
                        .sigma = trace.salt,
                        .roots = trace.roots[0],
                        .roots_count = (uint16_t)(n + 1),
                        .height = (uint16_t)merkle_height(leaves)};
  open_leaf(&b, &run[n - 1].solver, 0, leaves, path[0]);
  if (trace.outcome == TRACE_DIVERGED && n >= 2) open_leaf(&b, &run[n - 2].solver, 0, leaves, path[1]);
  open_leaf(&b, &run[n - 1].solver, (uint32_t)t->tape.entry[TRIAL_FIGURE].first_leaf, leaves, path[2]);
  return trial_send(t, who, TRANSACTION_OPEN, body, body_open_put(&b, body, sizeof body));
}

/* Disputes. */

enum chain_code trial_move(struct trial *t, uint32_t who, uint64_t dispute, const struct move *m) {
  static uint8_t bytes[MOVE_BYTES_MAX], body[MOVE_BYTES_MAX + 16];
  struct body_move b = {.dispute = dispute, .move = bytes, .move_length = move_encode(m, bytes, sizeof bytes)};
  t->moves++;
  return trial_send(t, who, TRANSACTION_MOVE, body, body_move_put(&b, body, sizeof body));
}

/* One move of one dispute, if the side to move makes it; what is sent twice counts once. */
bool trial_play(struct trial *t, const struct task_record *task, const struct seat_record *s) {
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  struct move m;
  struct why why;
  CHECK(docket_find(trial_chain(t), s->dispute - 1, &r));
  if (!docket_dispute(trial_chain(t), &r, &f, &d)) return false;
  dispute_check(&d, &f);
  struct trial_seat_plan plan = trial_plan_of(t, s);
  bool claims = dispute_turn(&d) == DISPUTE_CLAIMANT, first = task->attempt == 1;
  if ((claims ? (first ? t->plan.silent_at : 0) : plan.silent_at) == d.awaits) return false;
  const struct evidence *e =
      claims ? &trial_run_of(t, task)[r.interval - 1].solver.evidence : &party_of(t, task, s, r.interval)->evidence;
  enum evidence_answer answer;
  if (claims)
    answer = (t->plan.stubborn && first ? stubborn_claimant(&d, &f, e, &m, &why) : claimant_next(&d, &f, e, &m, &why));
  else
    answer = plan.stubborn ? stubborn_challenger(&d, &f, e, &m, &why) : challenger_next(&d, &f, e, NULL, &m, &why);
  if (answer != ANSWER_MOVE) return false;
  uint32_t who = trial_who(t, claims ? r.claimant : r.challenger);
  if (trial_move(t, who, r.id, &m) != CHAIN_OK) return false;
  CHECK(trial_move(t, who, r.id, &m) == CHAIN_OK); /* LEDGER 11.4: again, without effect */
  t->again++;
  return true;
}
