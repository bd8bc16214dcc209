/* What submitters, solvers and verifiers of a walk send, and what they leave undone. */
#include "campaign/walk.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"
#include "dispute/world/stubborn.h"
#include "ledger/audit/seat.h"

#include <string.h>

struct solver_plan {
  uint16_t run;
  bool no_commit, no_publish, no_open, stubborn, garbled;
  uint8_t silent_at;
};

struct seat_plan {
  bool no_take, no_seal, no_show, no_vote, no_start, votes_no, wrong, lazy, stubborn;
  uint8_t silent_at;
};

/* The same questions about the same party give the same answers: a stream of its own, which depends on nothing else. */
struct stream {
  uint64_t seed;
};
static struct stream stream_of(const struct walk *w, const struct walk_job *j, uint32_t what) {
  struct stream s = {w->first_seed * 1000003 + j->number * UINT64_C(0x10000001b3) + what};
  example_next(&s.seed);
  return s;
}
static bool one_in(struct stream *s, uint32_t n) { return (uint32_t)(example_next(&s->seed) >> 33) % n == 0; }

static uint16_t task_last(const struct walk_job *j, const struct task_record *t) {
  return (uint16_t)(j->first[j->task] + t->intervals - 1);
}

/* Who lies does so in an interval of this task, and only in jobs that nobody has lied in with success. */
static uint16_t run_of(const struct walk *w, const struct walk_job *j, const struct task_record *t, struct stream *s) {
  const struct course *c = &w->course[j->course];
  uint16_t run = j->base;
  for (uint16_t r = 1; r < c->runs; r++)
    if (!j->base && one_in(s, 4) && c->lie_interval[r] >= j->first[j->task] && c->lie_interval[r] <= task_last(j, t))
      run = r;
  return run;
}

static struct solver_plan solver_plan(const struct walk *w, const struct walk_job *j, const struct task_record *t) {
  struct stream s = stream_of(w, j, j->task * 4096u + t->attempt);
  struct solver_plan p = {.run = run_of(w, j, t, &s)};
  p.no_commit = one_in(&s, 20);
  p.no_publish = one_in(&s, 20);
  p.no_open = one_in(&s, 20);
  p.stubborn = one_in(&s, 2);
  p.garbled = one_in(&s, 30);
  bool silent = one_in(&s, 5);
  p.silent_at = silent ? (uint8_t)(2 + example_next(&s.seed) % 14) : 0;
  return p;
}

static struct seat_plan seat_plan(const struct walk *w, const struct walk_job *j, const struct seat_record *r) {
  struct stream s =
      stream_of(w, j, j->task * 4096u + 64u * r->id[TASK_ID_BYTES] + 16u * r->round + r->id[TASK_ID_BYTES + 1] + 8);
  struct seat_plan p;
  p.no_take = one_in(&s, 12);
  p.no_seal = one_in(&s, 15);
  p.no_show = one_in(&s, 15);
  p.no_vote = one_in(&s, 5);
  struct stream lost = stream_of(w, j, 1 << 20); /* a job whose solvers let nobody have their starts */
  p.no_start = one_in(&s, 10) || one_in(&lost, 25);
  p.votes_no = one_in(&s, 5);
  p.wrong = one_in(&s, 8);
  p.lazy = one_in(&s, 6);
  p.stubborn = one_in(&s, 2);
  bool silent = one_in(&s, 5);
  p.silent_at = silent ? (uint8_t)(2 + example_next(&s.seed) % 14) : 0;
  return p;
}

/* Posting. */

uint16_t walk_tape(struct walk *w, uint32_t course) {
  static uint8_t table[4096], tape[65536], body[80000];
  const struct tape *it = &w->course[course].trial.tape.tape;
  struct body_tape b = {.layout = table, .tapes = 1, .tape = {tape}};
  b.layout_length = (uint32_t)layout_encode(&it->layout, table, sizeof table);
  b.tape_length[0] = (uint32_t)tape_write(it, tape, sizeof tape);
  return walk_send(w, WALK_SUBMITTERS, TRANSACTION_TAPE, body, body_tape_put(&b, body, sizeof body));
}

static void cut_tasks(struct walk *w, struct walk_job *j, struct job_task row[WALK_TASKS_MAX]) {
  const struct course *c = &w->course[j->course];
  uint16_t next = 1, wanted = (uint16_t)(1 + (walk_one_in(w, 2) ? walk_below(w, 3) : 0));
  for (j->tasks = 0; j->tasks < wanted && next <= c->intervals; j->tasks++) {
    uint16_t n = (uint16_t)(1 + walk_below(w, walk_one_in(w, 3) ? 3 : 8)), steps = c->trial.plan.interval_steps;
    if (next + n - 1 > c->intervals) n = (uint16_t)(c->intervals - next + 1);
    j->first[j->tasks] = next;
    row[j->tasks] = (struct job_task){.steps = (uint32_t)n * steps,
                                      .interval_steps = steps,
                                      .time_class = (uint8_t)(walk_one_in(w, 6) ? 1 + walk_below(w, 2) : 0)};
    next = (uint16_t)(next + n);
  }
}

/* Seats and how much a task pays: mostly a little, sometimes so much that not every stake is enough. */
static void draw_terms(struct walk *w, struct body_post *b) {
  static const uint8_t named[][2] = {{1, 2}, {3, 2}, {5, 4}};
  b->level = (uint8_t)walk_below(w, 5);
  b->seats = b->level == 0 || b->level == 4 ? (uint8_t)(1 + walk_below(w, 4)) : named[b->level - 1][0];
  b->draws = b->level == 0 || b->level == 4 ? (uint8_t)(1 + walk_below(w, 4)) : named[b->level - 1][1];
  b->price = UINT64_C(10000000000) * (1 + walk_below(w, 2000));
  if (walk_one_in(w, 12)) b->price *= 5 + walk_below(w, 60);
  b->reserve = walk_one_in(w, 2) ? 0 : walk_below(w, 2000000000);
  b->deadline = walk_chain(w)->now.tick + (walk_one_in(w, 10) ? walk_below(w, 40) : 100000);
}

bool walk_post(struct walk *w) {
  static uint8_t body[8192];
  static const uint8_t none[32];
  struct job_task row[WALK_TASKS_MAX];
  struct job_stored known;
  uint32_t at = 0, who = WALK_SUBMITTERS + walk_below(w, WALK_SOLVERS - WALK_SUBMITTERS);
  struct account a;
  while (at < WALK_JOBS && w->job[at].live) at++;
  if (at == WALK_JOBS) return false;
  if (walk_one_in(w, 40)) who = WALK_SOLVERS + walk_below(w, WALK_FRESH - WALK_SOLVERS); /* who may be its own solver */
  struct walk_job j = {.live = true, .number = (uint32_t)w->count.jobs, .course = walk_below(w, COURSES)};
  const struct course *c = &w->course[j.course];
  const struct world *first = &c->run[0][0].world;
  cut_tasks(w, &j, row);
  uint32_t steps = 0;
  for (uint16_t i = 0; i < j.tasks; i++) steps += row[i].steps;
  uint32_t own = WALK_VERIFIERS + walk_below(w, WALK_FRESH - WALK_VERIFIERS);
  struct body_post b = {.spec_hash = c->layout,
                        .layout_hash = c->layout,
                        .start_root = first->start_root,
                        .own_seat = walk_one_in(w, 4) ? w->account[own].id : none,
                        .canon = 1,
                        .lower = 1,
                        .figure = TRIAL_FIGURE,
                        .tapes = 1,
                        .sections = 1,
                        .data = 1,
                        .tape_root = first->known[0].root,
                        .data_root = first->data[0].root,
                        .section = {{.repeat = 1, .entries = 1, .entry = {{0, steps}}}},
                        .first_step = first->first_step,
                        .params = 1,
                        .seed = first->seed,
                        .tasks = j.tasks};
  draw_terms(w, &b);
  account_get(walk_chain(w)->map, w->account[who].id, &a);
  job_id(walk_chain(w), w->account[who].id, 0, a.slots_count ? a.slot[0].nonce : 0, j.id);
  size_t length = body_post_put(&b, row, body, sizeof body);
  CHECK(length);
  w->job[at] = j; /* it hears of itself at the end of the block */
  if (walk_send(w, who, TRANSACTION_JOB_POST, body, length) != CHAIN_OK || !job_find(walk_chain(w), j.id, &known)) {
    w->job[at].live = false;
    return false;
  }
  w->count.jobs++;
  return true;
}

/* Solvers. */

static struct body_attempt at_of(const struct task_record *t, uint8_t seat) {
  return (struct body_attempt){.task = t->id, .attempt = t->attempt, .seat = seat};
}

/* The draw key that is in force, as its owner has it. */
static const struct sign_secret *draw_key(const struct walk *w, uint32_t who) {
  uint8_t key[32];
  if (!provider_key(walk_chain(w), w->account[who].id, key)) return w->account[who].vrf[0];
  struct sign_public second = sign_secret_public(w->account[who].vrf[1]);
  return w->account[who].vrf[memcmp(second.bytes, key, 32) == 0];
}

static bool offer(struct walk *w, const struct task_record *t) {
  struct provider it;
  uint8_t input[TASK_OFFER_BYTES], beacon[32], proof[VRF_BYTES], body[256];
  uint32_t who = WALK_SOLVERS + walk_below(w, WALK_VERIFIERS - WALK_SOLVERS);
  if (walk_one_in(w, 20)) who = walk_below(w, WALK_FRESH);
  bool may = provider_find(walk_chain(w), w->account[who].id, &it) && it.available && it.class >= t->class;
  for (uint32_t i = 0; may && i + 1u < t->attempt; i++) may = memcmp(t->tried[i], w->account[who].id, 32) != 0;
  if (!may && !walk_one_in(w, 40)) return false;
  if (t->offers >= 2 || !chain_beacon(walk_chain(w), t->draw_height, beacon)) return false;
  for (uint8_t i = 0; i < t->offers; i++)
    if (memcmp(t->offer[i].account, w->account[who].id, 32) == 0) return false;
  task_offer_input(walk_chain(w)->genesis, t, beacon, input);
  vrf_prove(draw_key(w, who), input, sizeof input, proof);
  struct body_offer b = {.at = at_of(t, 0), .proof = proof};
  walk_send(w, who, TRANSACTION_OFFER, body, body_offer_put(&b, body, sizeof body));
  return true;
}

/* What a run says of a task: it ends with the interval after which the state says that it diverged. */
static void trace_of(const struct walk *w, const struct walk_job *j, const struct task_record *t, uint16_t r,
                     struct trace *out) {
  const struct course *c = &w->course[j->course];
  uint16_t first = j->first[j->task], last = first;
  while (last < task_last(j, t) && !course_diverged(c, r, last)) last++;
  memset(out, 0, sizeof *out);
  out->intervals = (uint16_t)(last - first + 1);
  out->interval_steps = t->interval_steps;
  out->steps = (uint32_t)out->intervals * t->interval_steps;
  out->outcome = course_diverged(c, r, last) ? TRACE_DIVERGED : TRACE_DONE;
  memset(out->salt, 0x5a + t->attempt, sizeof out->salt);
  memcpy(out->roots[0], c->run[r][first - 1].world.start_root, 32);
  for (uint16_t i = 1; i <= out->intervals; i++) {
    const struct trial_interval *v = &c->run[r][first + i - 2];
    memcpy(out->roots[i], v->solver.roots[v->world.steps], 32);
  }
}

static bool commit(struct walk *w, struct walk_job *j, const struct task_record *t) {
  static struct trace trace;
  uint8_t root[32], body[256];
  struct solver_plan p = solver_plan(w, j, t);
  if (p.no_commit) return false;
  trace_of(w, j, t, p.run, &trace);
  trace_root(&trace, root);
  struct body_commit b = {.at = at_of(t, 0), .trace_root = root, .outcome = trace.outcome, .steps = trace.steps};
  if (p.garbled) b.outcome = b.outcome == TRACE_DONE && b.steps == t->steps ? TRACE_DIVERGED : b.outcome;
  uint32_t who = walk_who(w, t->solver);
  if (walk_send(w, who, TRANSACTION_COMMIT, body, body_commit_put(&b, body, sizeof body)) == CHAIN_OK) j->run = p.run;
  return true;
}

static bool publish_one(struct walk *w, const struct walk_job *j, const struct task_record *t, uint16_t interval) {
  static struct trace trace;
  uint8_t leaves[(TRIAL_INTERVALS_MAX + 1) * 32], scratch[sizeof leaves], path[9 * 32], sigma[32], body[1024];
  uint32_t leaf = interval - 1u;
  uint8_t number[4] = {(uint8_t)leaf, (uint8_t)(leaf >> 8), 0, 0};
  trace_of(w, j, t, j->run, &trace);
  uint16_t count = (uint16_t)(trace.intervals + 1);
  for (uint32_t i = 0; i < count; i++) trace_leaf(&trace, i, leaves + 32 * i);
  merkle_path(leaves, count, leaf, scratch, path);
  const struct sha256_part parts[] = {{trace.salt, 32}, {number, 4}};
  sha256_parts(parts, 2, sigma);
  struct publish_row row = {.interval = interval, .root = trace.roots[leaf], .sigma = sigma, .path = path};
  struct body_publish b = {.at = at_of(t, 0), .count = 1, .height = (uint16_t)merkle_height(count)};
  walk_send(w, walk_who(w, t->solver), TRANSACTION_PUBLISH, body, body_publish_put(&b, &row, body, sizeof body));
  return true;
}

static bool publish(struct walk *w, const struct walk_job *j, const struct task_record *t) {
  struct seat_record s;
  if (solver_plan(w, j, t).no_publish) return false;
  for (uint8_t i = 0; i <= t->seats; i++) {
    if (!audit_seat(walk_chain(w), t, i, &s) || s.state != SEAT_TAKEN) continue;
    for (uint32_t k = 0; k < s.draws; k++)
      if (!start_find(walk_chain(w), t, s.interval[k])) return publish_one(w, j, t, s.interval[k]);
  }
  return false;
}

static void open_leaf(struct body_open *b, const struct party *p, uint32_t leaf, uint32_t leaves, uint8_t *path) {
  static uint8_t scratch[4096];
  uint16_t end = p->world->steps;
  b->leaf[b->leaves] = trial_state(p, end) + (size_t)leaf * TAPE_LEAF_BYTES;
  merkle_path(trial_hashes(p, end), leaves, leaf, scratch, path);
  b->path[b->leaves++] = path;
}

static bool open_trace(struct walk *w, const struct walk_job *j, const struct task_record *t) {
  static uint8_t body[65536];
  static struct trace trace;
  const struct course *c = &w->course[j->course];
  const struct trial_interval *run = &c->run[j->run][j->first[j->task] - 1];
  uint32_t leaves = c->trial.tape.tape.state_leaves;
  uint8_t path[3][23 * 32];
  if (solver_plan(w, j, t).no_open || solver_plan(w, j, t).garbled) return false;
  trace_of(w, j, t, j->run, &trace);
  uint16_t n = trace.intervals;
  struct body_open b = {.at = at_of(t, 0),
                        .sigma = trace.salt,
                        .roots = trace.roots[0],
                        .roots_count = (uint16_t)(n + 1),
                        .height = (uint16_t)merkle_height(leaves)};
  open_leaf(&b, &run[n - 1].solver, 0, leaves, path[0]);
  if (trace.outcome == TRACE_DIVERGED && n >= 2) open_leaf(&b, &run[n - 2].solver, 0, leaves, path[1]);
  open_leaf(&b, &run[n - 1].solver, (uint32_t)c->trial.tape.entry[TRIAL_FIGURE].first_leaf, leaves, path[2]);
  walk_send(w, walk_who(w, t->solver), TRANSACTION_OPEN, body, body_open_put(&b, body, sizeof body));
  return true;
}

/* Seats. */

static bool take(struct walk *w, const struct task_record *t, const struct seat_record *s) {
  struct attempt_record a;
  uint8_t input[AUDIT_TAKE_BYTES], proof[VRF_BYTES], body[256];
  uint32_t who = walk_who(w, s->account);
  CHECK(attempt_find(walk_chain(w), t, &a));
  audit_take_input(walk_chain(w)->genesis, s->id, a.set_beacon, input);
  vrf_prove(draw_key(w, who), input, sizeof input, proof);
  struct body_take b = {.at = at_of(t, s->id[TASK_ID_BYTES + 1]), .proof = proof};
  walk_send(w, who, TRANSACTION_TAKE, body, body_take_put(&b, body, sizeof body));
  return true;
}

/* The computation a seat shows for an interval of the task. `full` seats start where the task does. */
static struct party *party_of(struct walk *w, const struct walk_job *j, const struct task_record *t,
                              const struct seat_record *s, uint16_t interval) {
  struct course *c = &w->course[j->course];
  struct seat_plan p = seat_plan(w, j, s);
  uint16_t of_course = (uint16_t)(j->first[j->task] + interval - 1);
  uint16_t run = t->level == AUDIT_LEVEL_FULL ? j->base : j->run;
  if (p.wrong && interval == s->interval[0]) return course_wrong(c, j->run, of_course);
  if (p.lazy) return &c->run[j->run][of_course - 1].solver;
  return course_truth(c, run, of_course);
}

struct sheet {
  uint8_t salt[32], ends[SHOW_ENDS_MAX * 32], probes[SHOW_ENDS_MAX * 32], hash[32];
};

static void fill_in(struct walk *w, const struct walk_job *j, const struct task_record *t, const struct seat_record *s,
                    struct sheet *out) {
  memset(out, 0, sizeof *out);
  memset(out->salt, 0x11 + s->id[SEAT_ID_BYTES - 1], sizeof out->salt);
  for (uint32_t k = 0; k < s->draws; k++) {
    struct party *p = party_of(w, j, t, s, s->interval[k]);
    const uint8_t(*roots)[MERKLE_BYTES] = party_roots(p);
    memcpy(out->ends + 32 * k, roots[p->world->steps], 32);
    if (s->inner[k] && !s->own) memcpy(out->probes + 32 * k, roots[s->inner[k]], 32);
  }
  audit_seal_hash(walk_chain(w)->genesis, s->id, s->account, out->salt, out->ends, s->draws, out->hash);
}

static bool seal_or_show(struct walk *w, const struct walk_job *j, const struct task_record *t,
                         const struct seat_record *s) {
  static struct sheet sheet;
  static uint8_t body[65536];
  uint8_t seat = s->id[TASK_ID_BYTES + 1];
  uint32_t who = walk_who(w, s->account);
  fill_in(w, j, t, s, &sheet);
  if (s->state == SEAT_TAKEN) {
    struct body_seal b = {.at = at_of(t, seat), .hash = sheet.hash};
    walk_send(w, who, TRANSACTION_SEAL, body, body_seal_put(&b, body, sizeof body));
    return true;
  }
  struct body_show b = {
      .at = at_of(t, seat), .salt = sheet.salt, .ends = sheet.ends, .probes = sheet.probes, .ends_count = s->draws};
  walk_send(w, who, TRANSACTION_SHOW, body, body_show_put(&b, body, sizeof body));
  return true;
}

static bool fetch(struct walk *w, const struct task_record *t, const struct seat_record *s, uint8_t what, bool got) {
  uint8_t body[256];
  struct body_fetch b = {.at = at_of(t, s->id[TASK_ID_BYTES + 1]), .what = what, .got = got};
  walk_send(w, walk_who(w, s->account), TRANSACTION_FETCH, body, body_fetch_put(&b, body, sizeof body));
  return true;
}

/* One move of one dispute, if the side to move makes it; now and then twice, which counts once (LEDGER 11.4). */
static bool dispute(struct walk *w, struct walk_job *j, const struct task_record *t, const struct seat_record *s) {
  static uint8_t bytes[MOVE_BYTES_MAX], body[MOVE_BYTES_MAX + 16];
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  struct move m;
  struct why why;
  WALK_CHECK(w, docket_find(walk_chain(w), s->dispute - 1, &r));
  if (!docket_dispute(walk_chain(w), &r, &f, &d)) return false;
  dispute_check(&d, &f);
  if (j->gave_up[s->id[TASK_ID_BYTES + 1]] == s->dispute) return false; /* what it makes up is no move */
  struct seat_plan seat = seat_plan(w, j, s);
  struct solver_plan solver = solver_plan(w, j, t);
  bool claims = dispute_turn(&d) == DISPUTE_CLAIMANT;
  if ((claims ? solver.silent_at : seat.silent_at) == d.awaits) return false;
  const struct trial_interval *v = &w->course[j->course].run[j->run][j->first[j->task] + r.interval - 2];
  const struct evidence *e = claims ? &v->solver.evidence : &party_of(w, j, t, s, r.interval)->evidence;
  enum evidence_answer answer;
  if (claims)
    answer = solver.stubborn ? stubborn_claimant(&d, &f, e, &m, &why) : claimant_next(&d, &f, e, &m, &why);
  else
    answer = seat.stubborn ? stubborn_challenger(&d, &f, e, &m, &why) : challenger_next(&d, &f, e, NULL, &m, &why);
  if (answer != ANSWER_MOVE) return false;
  struct body_move b = {.dispute = r.id, .move = bytes, .move_length = move_encode(&m, bytes, sizeof bytes)};
  uint32_t who = walk_who(w, claims ? r.claimant : r.challenger);
  size_t length = body_move_put(&b, body, sizeof body);
  uint16_t code = walk_send(w, who, TRANSACTION_MOVE, body, length);
  if (code == CHAIN_NO_MOVE) j->gave_up[s->id[TASK_ID_BYTES + 1]] = s->dispute;
  if (code == CHAIN_OK && walk_one_in(w, 10)) {
    code = walk_send(w, who, TRANSACTION_MOVE, body, length);
    WALK_CHECK(w, code == CHAIN_OK || code == CHAIN_GAS || code == WALK_NOT_ADMITTED);
  }
  return true;
}

static bool seat_acts(struct walk *w, struct walk_job *j, const struct task_record *t, const struct seat_record *s) {
  struct seat_plan p = seat_plan(w, j, s);
  switch ((enum task_state)t->state) {
  case TASK_TAKE: return s->state == SEAT_DRAWN && !p.no_take && w->block.height >= w->idle_until && take(w, t, s);
  case TASK_SEAL:
    if (s->state != SEAT_TAKEN || p.no_seal) return false;
    return p.no_start ? fetch(w, t, s, FETCH_START, false) : seal_or_show(w, j, t, s);
  case TASK_SHOW: return s->state == SEAT_SEALED && !p.no_show && seal_or_show(w, j, t, s);
  case TASK_JUDGE: return s->dispute && dispute(w, j, t, s);
  case TASK_DELIVER: return audit_good(s) && !s->vote && !p.no_vote && fetch(w, t, s, FETCH_FINAL, !p.votes_no);
  case TASK_WAIT:
  case TASK_OPEN:
  case TASK_WORK:
  case TASK_DRAW:
  case TASK_PUBLISH:
  case TASK_STALLED:
  case TASK_SEALED:
  case TASK_CLAIM:
  case TASK_DISCLOSE:
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
  return false;
}

bool walk_act(struct walk *w, struct walk_job *j) {
  struct task_record t;
  struct job_stored job;
  struct seat_record s;
  uint8_t id[TASK_ID_BYTES];
  if (!job_find(walk_chain(w), j->id, &job) || job.record.state != JOB_LIVE || job.record.task != j->task) return false;
  job_task_id(j->id, j->task, id);
  if (!task_find(walk_chain(w), id, &t)) return false;
  if (t.state == TASK_OPEN) return offer(w, &t);
  if (t.state == TASK_WORK) return commit(w, j, &t);
  if (t.state == TASK_PUBLISH) return publish(w, j, &t);
  if (t.state == TASK_SHOW && !t.opened && walk_one_in(w, 3) && open_trace(w, j, &t)) return true;
  uint8_t from = (uint8_t)walk_below(w, t.seats + 1u);
  for (uint8_t i = 0; i <= t.seats; i++) {
    uint8_t seat = (uint8_t)((from + i) % (t.seats + 1u));
    if (audit_seat(walk_chain(w), &t, seat, &s) && seat_acts(w, j, &t, &s)) return true;
  }
  return false;
}
