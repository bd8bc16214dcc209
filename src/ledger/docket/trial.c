#include "ledger/docket/trial.h"

#include <assert.h>
#include <stdlib.h>

#include "commit/trace/trace.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"
#include "dispute/world/stubborn.h"
#include "ledger/docket/trial_world.h"
#include "numeric/canon.h"

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x), abort()))

enum { BLOCK_MS = 25, JOB_SEED_BYTES = 8 };
#define ASY UINT64_C(1000000000)

const struct chain *trial_chain(const struct trial *t) { return ledger_chain(t->stage.ledger); }

struct task_record trial_task(const struct trial *t) {
  struct task_record task;
  CHECK(task_find(trial_chain(t), t->task, &task));
  return task;
}

uint32_t trial_who(const struct trial *t, const uint8_t account[32]) {
  uint32_t who = 0;
  while (who < STAGE_ACCOUNTS && memcmp(t->stage.id[who], account, 32) != 0) who++;
  CHECK(who < STAGE_ACCOUNTS);
  return who;
}

static void take_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  struct trial *t = context;
  struct payment p;
  size_t at = 0;
  (void)number;
  CHECK(t->receipts < TRIAL_RECEIPTS_MAX && receipt_decode(bytes, length, &t->receipt[t->receipts]));
  t->receipts++;
  while (payments_next(payments, payments_length, &at, &p)) continue;
  CHECK(at == payments_length);
}

const struct receipt *trial_receipt(const struct trial *t, uint8_t kind) {
  for (uint32_t i = 0; i < t->receipts; i++)
    if (t->receipt[i].kind == kind) return &t->receipt[i];
  return NULL;
}

uint32_t trial_count(const struct trial *t, uint8_t kind, uint16_t reason) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < t->receipts; i++) count += t->receipt[i].kind == kind && t->receipt[i].reason == reason;
  return count;
}

bool trial_clear(const struct trial *t) {
  const struct chain *c = trial_chain(t);
  struct map_key prefix = map_key(MODULE_POCKET, NULL, 0), key;
  struct account a;
  bool clear = !timer_live(c) && !map_next(c->map, &prefix, NULL, &key, NULL);
  for (uint32_t who = 0; who < STAGE_ACCOUNTS; who++) {
    account_get(c->map, t->stage.id[who], &a);
    for (uint32_t r = 0; r < ROLES; r++) clear = clear && a.locked[r] == 0;
  }
  return clear;
}

static uint64_t worth(const struct trial *t, uint32_t who) {
  struct account a;
  uint64_t sum = 0;
  account_get(trial_chain(t)->map, t->stage.id[who], &a);
  CHECK(account_total(&a, &sum));
  return sum;
}

int64_t trial_gain(const struct trial *t, uint32_t who) {
  return (int64_t)(worth(t, who) + t->gas[who]) - (int64_t)t->worth[who];
}

enum chain_code trial_send(struct trial *t, uint32_t who, uint8_t type, const uint8_t *body, size_t length) {
  static uint8_t bytes[TRANSACTION_TAPE_BYTES_MAX];
  struct ledger_result r;
  struct pocket balance = pocket_balance(t->stage.id[who]);
  CHECK(length);
  struct transaction x = stage_draft(&t->stage, who, type, body, length);
  x.gas = t->gas_limit;
  size_t whole = stage_sign(&t->stage, who, &x, bytes, sizeof bytes);
  CHECK(whole);
  ledger_deliver(t->stage.ledger, bytes, whole, &r);
  if (!r.admitted) { /* only whoever has talked away its last grain is not heard */
    CHECK(r.code == CHAIN_FUNDS && money_held(trial_chain(t), &balance) < x.gas);
    return (enum chain_code)r.code;
  }
  t->stage.nonce[who]++;
  t->gas[who] += (uint64_t)r.gas_used * x.price;
  if (getenv("TRIAL_TELL") && r.code) fprintf(stderr, "%s: %s\n", transaction_type_name(type), r.why.text);
  CHECK(money_sum(trial_chain(t)) == t->supply);
  return (enum chain_code)r.code;
}

/* Providers and the job. */

static void provide(struct trial *t, uint32_t who) {
  uint8_t input[PROVIDER_REGISTRATION_BYTES], proof[VRF_BYTES], tls[32] = {0}, body[512];
  struct sign_public key = sign_secret_public(t->stage.vrf[who]);
  provider_registration(trial_chain(t)->genesis, t->stage.id[who], input);
  vrf_prove(t->stage.vrf[who], input, sizeof input, proof);
  struct body_provider b = {.roles = PROVIDER_VERIFIER,
                            .available = 1,
                            .mem_mib = 4096,
                            .vrf_key = key.bytes,
                            .vrf_proof = proof,
                            .tls_hash = tls,
                            .endpoint = (const uint8_t *)""};
  CHECK(!trial_send(t, who, TRANSACTION_PROVIDER_SET, body, body_provider_put(&b, body, sizeof body)));
  struct body_stake s = {.role = ROLE_VERIFIER, .amount = 400 * ASY};
  CHECK(!trial_send(t, who, TRANSACTION_STAKE, body, body_stake_put(&s, body, sizeof body)));
}

void trial_drain(struct trial *t, uint32_t who) {
  enum { TRANSFER_GAS = 3000 }; /* what it takes is less: a few grains stay, no gas lock's worth */
  struct pocket p = pocket_balance(t->stage.id[who]);
  uint8_t body[256];
  uint32_t limit = t->gas_limit;
  struct body_transfer b = {.to = t->stage.id[TRIAL_SUBMITTER],
                            .amount = money_held(trial_chain(t), &p) -
                                      (uint64_t)TRANSFER_GAS * trial_chain(t)->now.gas_price};
  t->gas_limit = TRANSFER_GAS;
  CHECK(!trial_send(t, who, TRANSACTION_TRANSFER, body, body_transfer_put(&b, body, sizeof body)));
  t->gas_limit = limit;
}

static void post_tape(struct trial *t) {
  static uint8_t table[4096], tape[65536], body[80000];
  struct body_tape b = {.layout = table, .tapes = 1, .tape = {tape}};
  b.layout_length = (uint32_t)layout_encode(&t->tape.tape.layout, table, sizeof table);
  b.tape_length[0] = (uint32_t)tape_write(&t->tape.tape, tape, sizeof tape);
  CHECK(!trial_send(t, TRIAL_SUBMITTER, TRANSACTION_TAPE, body, body_tape_put(&b, body, sizeof body)));
}

static void post_job(struct trial *t) {
  const struct trial_plan *p = &t->plan;
  const struct world *w = &t->truth[0].world;
  uint8_t spec[32] = {1}, layout[32], none[32] = {0}, body[4096];
  uint32_t steps = 0;
  for (uint16_t i = 1; i <= p->intervals; i++) steps += trial_interval_steps(t, i);
  tape_layout_hash(&t->tape.tape, layout);
  struct job_task row = {.steps = steps, .interval_steps = p->interval_steps};
  struct body_post b = {.spec_hash = spec,
                        .layout_hash = layout,
                        .start_root = w->start_root,
                        .own_seat = p->own ? t->stage.id[TRIAL_OWN] : none,
                        .canon = CANON_VERSION,
                        .lower = 1,
                        .figure = TRIAL_FIGURE,
                        .tapes = 1,
                        .sections = 1,
                        .data = 1,
                        .tape_root = w->known[0].root,
                        .data_root = w->data[0].root,
                        .section = {{.repeat = 1, .entries = 1, .entry = {{0, steps}}}},
                        .first_step = w->first_step,
                        .params = 1,
                        .level = p->level,
                        .seats = p->seats,
                        .draws = p->draws,
                        .seed = w->seed,
                        .price = p->price ? p->price : UINT64_C(10000000000000),
                        .reserve = p->reserve,
                        .tasks = 1,
                        .deadline = trial_chain(t)->now.tick + 3000};
  job_id(trial_chain(t), t->stage.id[TRIAL_SUBMITTER], 0, t->stage.nonce[TRIAL_SUBMITTER], t->job);
  job_task_id(t->job, 0, t->task);
  CHECK(!trial_send(t, TRIAL_SUBMITTER, TRANSACTION_JOB_POST, body, body_post_put(&b, &row, body, sizeof body)));
}

void trial_open(struct trial *t, const struct trial_plan *plan) {
  memset(t, 0, sizeof *t);
  t->plan = *plan;
  t->gas_limit = 200000;
  trial_tape(&t->tape, plan->diverges_at);
  t->tapes[0] = &t->tape.tape;
  trial_run(t, t->truth, 0);
  trial_run(t, t->run, plan->lie_interval);
  for (t->ran = 1; t->ran < plan->intervals; t->ran++) {
    const struct trial_interval *v = &t->run[t->ran - 1];
    if (trial_state(&v->solver, v->world.steps)[0]) break;
  }
  if (plan->claims == TRIAL_SAYS_DONE) t->ran = plan->intervals;
  if (plan->claims == TRIAL_RUNS_ON) t->ran++;
  if (plan->claims == TRIAL_STOPS_EARLY) t->ran--;
  stage_genesis(&t->stage);
  struct chain_sink sink = {.context = t, .receipt = take_receipt};
  CHECK(ledger_open(&t->stage.ledger, t->stage.genesis, t->stage.genesis_length, NULL, NULL, &sink, NULL));
  ledger_commit(t->stage.ledger);
  t->supply = money_sum(trial_chain(t));
  stage_begin(&t->stage, BLOCK_MS);
  for (uint32_t who = 4; who < TRIAL_SUBMITTER; who++) provide(t, who);
  if (plan->drained) trial_drain(t, plan->drained);
  post_tape(t);
  stage_end(&t->stage);
  stage_blocks(&t->stage, 3 * trial_chain(t)->parameters.epoch, BLOCK_MS);
  CHECK(pool_count(trial_chain(t), ROLE_VERIFIER) == TRIAL_SUBMITTER);
  for (uint32_t who = 0; who < STAGE_ACCOUNTS; who++) {
    t->worth[who] = worth(t, who);
    t->gas[who] = 0;
  }
  stage_begin(&t->stage, BLOCK_MS);
  post_job(t);
  stage_end(&t->stage);
}

void trial_shut(struct trial *t) {
  for (uint16_t i = 0; i < TRIAL_INTERVALS_MAX; i++)
    if (t->wrong[i].world) party_shut(&t->wrong[i]);
  trial_run_shut(t, t->truth);
  trial_run_shut(t, t->run);
  stage_shut(&t->stage);
}

/* What the solver has. */

static struct trial_interval *run_of(struct trial *t, const struct task_record *task) {
  return task->attempt == 1 ? t->run : t->truth;
}

static uint32_t solver_of(const struct task_record *task) { return task->attempt == 1 ? 0 : 1; }

static void trace_of(struct trial *t, const struct task_record *task, struct trace *out) {
  const struct trial_interval *run = run_of(t, task);
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

static void offer(struct trial *t, const struct task_record *task) {
  uint8_t input[TASK_OFFER_BYTES], beacon[32], proof[VRF_BYTES], body[256];
  uint32_t who = solver_of(task);
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

static void commit(struct trial *t, const struct task_record *task) {
  uint8_t root[32], body[256];
  struct trace trace;
  if (trial_who(t, task->solver) != solver_of(task)) return;
  trace_of(t, task, &trace);
  trace_root(&trace, root);
  struct body_commit b = {.at = at_of(t, task, 0), .trace_root = root, .outcome = trace.outcome, .steps = trace.steps};
  CHECK(!trial_send(t, solver_of(task), TRANSACTION_COMMIT, body, body_commit_put(&b, body, sizeof body)));
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
static void publish(struct trial *t, const struct task_record *task) {
  struct seat_record s;
  if (t->plan.no_publish && task->attempt == 1) return;
  for (uint8_t i = 0; i <= task->seats; i++) {
    if (!audit_seat(trial_chain(t), task, i, &s) || s.state != SEAT_TAKEN) continue;
    for (uint32_t k = 0; k < s.draws; k++) {
      enum chain_code code = trial_publish(t, solver_of(task), s.interval[k]);
      bool elsewhere = t->plan.claims == TRIAL_STARTS_ELSEWHERE && s.interval[k] == 1;
      CHECK(code == CHAIN_OK || code == CHAIN_LIMIT || code == CHAIN_STATE || (elsewhere && code == CHAIN_PROOF));
    }
  }
}

/* What the seats have. */

static struct trial_seat_plan plan_of(const struct trial *t, const struct seat_record *s) {
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
  struct trial_interval *run = task->level == AUDIT_LEVEL_FULL ? t->truth : run_of(t, task);
  struct trial_seat_plan plan = plan_of(t, s);
  if (plan.wrong && interval == s->interval[0]) return wrong_party(t, run_of(t, task), interval);
  if (plan.lazy) return &run_of(t, task)[interval - 1].solver;
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
  const struct trial_interval *run = run_of(t, &task);
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
static bool play(struct trial *t, const struct task_record *task, const struct seat_record *s) {
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  struct move m;
  struct why why;
  CHECK(docket_find(trial_chain(t), s->dispute - 1, &r));
  if (!docket_dispute(trial_chain(t), &r, &f, &d)) return false;
  dispute_check(&d, &f);
  struct trial_seat_plan plan = plan_of(t, s);
  bool claims = dispute_turn(&d) == DISPUTE_CLAIMANT, first = task->attempt == 1;
  if ((claims ? (first ? t->plan.silent_at : 0) : plan.silent_at) == d.awaits) return false;
  const struct evidence *e =
      claims ? &run_of(t, task)[r.interval - 1].solver.evidence : &party_of(t, task, s, r.interval)->evidence;
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

/* How many let a seat go so far. */
static uint32_t untaken(const struct trial *t, uint8_t seat) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < t->receipts; i++)
    count += t->receipt[i].reason == REASON_NOT_TAKEN && t->receipt[i].seat == seat;
  return count;
}

/* One block of everybody's work. */

static void seats_act(struct trial *t, enum task_state state) {
  for (uint8_t i = 0; i < SEATS_MAX; i++) {
    struct task_record task = trial_task(t);
    struct seat_record s;
    if (task.state != state || !audit_seat(trial_chain(t), &task, i, &s)) continue;
    struct trial_seat_plan plan = plan_of(t, &s);
    uint32_t who = trial_who(t, s.account);
    if (state == TASK_TAKE && s.state == SEAT_DRAWN && plan.no_take <= untaken(t, i) &&
        task.stalled_epochs >= t->plan.idle_epochs)
      CHECK(!trial_take(t, who, i));
    if (state == TASK_SEAL && s.state == SEAT_TAKEN && plan.no_start)
      CHECK(!trial_fetch(t, who, i, FETCH_START, false));
    else if (state == TASK_SEAL && s.state == SEAT_TAKEN && !plan.no_seal)
      CHECK(!trial_seal(t, who, i));
    if (state == TASK_SHOW && s.state == SEAT_SEALED && !plan.no_show) CHECK(!trial_show(t, who, i));
    if (state == TASK_DELIVER && audit_good(&s) && !s.vote && !plan.no_vote)
      CHECK(!trial_fetch(t, who, i, FETCH_FINAL, !plan.votes_no));
    if (state == TASK_JUDGE && s.dispute) play(t, &task, &s);
  }
}

static void act(struct trial *t) {
  struct task_record task = trial_task(t);
  switch ((enum task_state)task.state) {
  case TASK_OPEN: offer(t, &task); break;
  case TASK_WORK: commit(t, &task); break;
  case TASK_PUBLISH: publish(t, &task); break;
  case TASK_SHOW:
    if (!task.opened && !(t->plan.no_open && task.attempt == 1)) t->open_code = trial_open_trace(t, solver_of(&task));
    seats_act(t, TASK_SHOW);
    break;
  case TASK_TAKE:
  case TASK_SEAL:
  case TASK_JUDGE:
  case TASK_DELIVER: seats_act(t, (enum task_state)task.state); break;
  case TASK_WAIT:
  case TASK_DRAW:
  case TASK_STALLED:
  case TASK_SEALED:
  case TASK_CLAIM:
  case TASK_DISCLOSE:
  case TASK_SETTLED:
  case TASK_CANCELLED: break;
  }
}

void trial_block(struct trial *t) {
  stage_begin(&t->stage, BLOCK_MS);
  CHECK(money_sum(trial_chain(t)) == t->supply);
  act(t);
  stage_end(&t->stage);
}

bool trial_until(struct trial *t, enum task_state state, uint32_t blocks) {
  while (trial_task(t).state != state && blocks--) trial_block(t);
  return trial_task(t).state == state;
}
