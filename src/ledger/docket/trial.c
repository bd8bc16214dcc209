#include "ledger/docket/trial.h"

#include <stdlib.h>

#include "crypto/vrf.h"
#include "ledger/docket/trial_world.h"
#include "numeric/canon.h"

enum { BLOCK_MS = 25 };
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

/* Adds an amount to whom a pocket belongs to; pools, escrows and what is burned are nobody's. */
static void count_paid(struct trial *t, const struct pocket *p, int64_t amount) {
  const uint8_t *owner = p->id;
  if (p->kind == POCKET_LOCK) owner += POCKET_SEAT_BYTES;
  if (p->kind == POCKET_BALANCE || p->kind == POCKET_STAKE || p->kind == POCKET_LOCK)
    t->paid[trial_who(t, owner)] += amount;
}

static void take_receipt(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                         size_t payments_length) {
  struct trial *t = context;
  struct payment p;
  size_t at = 0;
  (void)number;
  CHECK(t->receipts < TRIAL_RECEIPTS_MAX && receipt_decode(bytes, length, &t->receipt[t->receipts]));
  t->receipts++;
  while (payments_next(payments, payments_length, &at, &p)) {
    count_paid(t, &p.from, -(int64_t)p.amount);
    count_paid(t, &p.to, (int64_t)p.amount);
  }
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

bool trial_clear(const struct trial *t) {
  const struct chain *c = trial_chain(t);
  struct map_key prefix = map_key(MODULE_POCKET, NULL, 0), key;
  struct account a;
  bool clear = !timer_live(c) && !map_next(c->map, &prefix, NULL, &key, NULL);
  for (uint32_t who = 0; who < STAGE_ACCOUNTS; who++) {
    account_get(c->map, t->stage.id[who], &a);
    for (uint32_t r = 0; r < ROLES; r++) clear = clear && a.locked[r] == 0;
    clear = clear && trial_gain(t, who) == t->paid[who];
  }
  return clear;
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
    struct trial_seat_plan plan = trial_plan_of(t, &s);
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
    if (state == TASK_JUDGE && s.dispute) trial_play(t, &task, &s);
  }
}

static void act(struct trial *t) {
  struct task_record task = trial_task(t);
  switch ((enum task_state)task.state) {
  case TASK_OPEN: trial_offer(t, &task); break;
  case TASK_WORK: trial_commit(t, &task); break;
  case TASK_PUBLISH: trial_publish_all(t, &task); break;
  case TASK_SHOW:
    if (!task.opened && !(t->plan.no_open && task.attempt == 1))
      t->open_code = trial_open_trace(t, trial_solver_of(&task));
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
