/* A whole network in one process: solvers and verifiers over a chain in memory, honest or not, killed or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/solver.h"
#include "agent/stage.h"
#include "agent/verifier.h"
#include "commit/state/state.h"
#include "crypto/vrf.h"
#include "ledger/docket/trial_world.h"
#include "numeric/canon.h"

enum { SUBMITTER = 7, PEOPLE = 7, BLOCKS_MAX = 2500, RECEIPTS_MAX = 64, INTERVALS = 7, INTERVAL_STEPS = 3, STEPS = 20 };

struct person {
  struct agent *agent;
  struct solver *solver;
  struct verifier *verifier;
  struct solver_options solves;
  struct verifier_options audits;
  struct chain_port chain;
  struct blob_port blobs;
  struct agent_options options;
  char folder[64];
  uint8_t from_attempt; /* solves from this attempt on; 0: never */
};

static struct net {
  struct network *network;
  struct person who[PEOPLE];
  struct world world;
  struct built_tape tape;
  const struct tape *tapes[1];
  uint8_t job[32], task[TASK_ID_BYTES], truth[32];
  bool own, two;           /* of the job: account 6 sits for the submitter; two tasks */
  uint32_t calls, dies_at; /* calls of a port so far; the one at which the process ends, 0: none */
  jmp_buf death;
  uint32_t conflicts;               /* that somebody else has the same key was said */
  uint32_t deaths, failed, refused; /* failed: transactions that a block took and that did nothing */
} net;

static const struct chain *chain(void) { return ledger_chain(network_stage(net.network)->ledger); }

static struct task_record task(void) {
  struct task_record t;
  assert_true(task_find(chain(), net.task, &t));
  return t;
}

/* Every call of a port is a place to die at: before it is heard, or after. */

static struct chain_port real_chain;
static struct blob_port real_blobs;

static void live(void) {
  if (net.dies_at && ++net.calls >= net.dies_at) longjmp(net.death, 1);
}

static enum client_status mortal_send(void *self, const uint8_t *bytes, size_t length, uint32_t *code,
                                      struct why *why) {
  live();
  enum client_status status = real_chain.send(self, bytes, length, code, why);
  live();
  return status;
}

static enum client_status mortal_get(void *self, const struct map_key *key, uint8_t **value, size_t *length,
                                     uint64_t *height, struct why *why) {
  live();
  return real_chain.get(self, key, value, length, height, why);
}

static enum transfer_status mortal_put(void *self, const uint8_t root[32], const void *bytes, uint64_t length,
                                       struct why *why) {
  live();
  enum transfer_status status = real_blobs.put(self, root, bytes, length, why);
  live();
  return status;
}

static enum transfer_status mortal_fetch(void *self, const uint8_t root[32], uint64_t leaves, uint8_t *bytes,
                                         struct why *why) {
  live();
  return real_blobs.get(self, root, leaves, bytes, why);
}

/* People. */

static void say(void *context, const char *kind, const uint8_t *id, const char *text) {
  const struct person *p = context;
  (void)id;
  /* Of several disputes about one solver the first verdict closes the others, in the same block if need be. */
  net.failed += strcmp(kind, "failed") == 0 && !strstr(text, "is closed");
  net.refused += strcmp(kind, "refuse") == 0;
  net.conflicts += strstr(text, "in use on another machine") != NULL;
  if (getenv("ROLES_TELL")) fprintf(stderr, "  %ld %s: %s\n", (long)(p - net.who), kind, text);
}

static void wake(struct person *p) {
  struct why why = {""};
  uint32_t dies_at = net.dies_at;
  net.dies_at = 0;
  if (agent_open(&p->agent, &p->options, &why) != AGENT_OK) fail_msg("%s", why.text);
  assert_int_equal(solver_open(&p->solver, p->agent, &p->solves, &why), AGENT_OK);
  assert_int_equal(verifier_open(&p->verifier, p->agent, &p->audits, &why), AGENT_OK);
  net.dies_at = dies_at;
}

/* What a killed process holds is gone; nothing is written on this way. */
static void die(struct person *p) {
  solver_shut(p->solver);
  verifier_shut(p->verifier);
  agent_shut(p->agent);
}

static bool both(struct agent *a, void *context, struct why *why) {
  struct person *p = context;
  if (p->from_attempt && task().attempt >= p->from_attempt) solver_turn(a, p->solver, why);
  return verifier_turn(a, p->verifier, why);
}

static void turn(struct person *p) {
  bool more;
  struct why why = {""};
  if (setjmp(net.death)) {
    net.dies_at = 0;
    net.deaths++;
    die(p);
    wake(p);
    return;
  }
  assert_int_equal(agent_turn(p->agent, both, p, &more, &why), AGENT_OK);
}

/* What a killed process had, nobody gives back: a sanitizer would call it a leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }

/* The job. */

static enum chain_code send(uint32_t who, uint8_t type, const uint8_t *body, size_t length) {
  static uint8_t bytes[TRANSACTION_TAPE_BYTES_MAX];
  struct stage *s = network_stage(net.network);
  struct ledger_result r;
  struct transaction x = stage_draft(s, who, type, body, length);
  x.gas = 200000;
  size_t whole = stage_sign(s, who, &x, bytes, sizeof bytes);
  assert_true(whole);
  ledger_deliver(s->ledger, bytes, whole, &r);
  assert_true(r.admitted);
  s->nonce[who]++;
  return (enum chain_code)r.code;
}

static void provide(uint32_t who) {
  struct stage *s = network_stage(net.network);
  uint8_t input[PROVIDER_REGISTRATION_BYTES], proof[VRF_BYTES], tls[32] = {0}, body[512];
  struct sign_public key = sign_secret_public(s->vrf[who]);
  provider_registration(chain()->genesis, s->id[who], input);
  vrf_prove(s->vrf[who], input, sizeof input, proof);
  struct body_provider b = {.roles = PROVIDER_VERIFIER,
                            .available = 1,
                            .mem_mib = 4096,
                            .vrf_key = key.bytes,
                            .vrf_proof = proof,
                            .tls_hash = tls,
                            .endpoint = (const uint8_t *)""};
  assert_int_equal(send(who, TRANSACTION_PROVIDER_SET, body, body_provider_put(&b, body, sizeof body)), 0);
  struct body_stake stake = {.role = ROLE_VERIFIER, .amount = 400 * UINT64_C(1000000000)};
  assert_int_equal(send(who, TRANSACTION_STAKE, body, body_stake_put(&stake, body, sizeof body)), 0);
}

static void post_tape(void) {
  static uint8_t table[4096], tape[65536], body[80000];
  struct body_tape b = {.layout = table, .tapes = 1, .tape = {tape}};
  b.layout_length = (uint32_t)layout_encode(&net.tape.tape.layout, table, sizeof table);
  b.tape_length[0] = (uint32_t)tape_write(&net.tape.tape, tape, sizeof tape);
  assert_int_equal(send(SUBMITTER, TRANSACTION_TAPE, body, body_tape_put(&b, body, sizeof body)), 0);
}

static void post_job(uint8_t level) {
  const struct world *w = &net.world;
  struct stage *s = network_stage(net.network);
  uint8_t spec[32] = {1}, layout[32], none[32] = {0}, body[4096];
  tape_layout_hash(&net.tape.tape, layout);
  struct job_task row[2] = {{.steps = net.two ? 8 : STEPS, .interval_steps = INTERVAL_STEPS},
                            {.steps = STEPS - 8, .interval_steps = INTERVAL_STEPS}};
  struct body_post b = {.spec_hash = spec,
                        .layout_hash = layout,
                        .start_root = w->start_root,
                        .own_seat = net.own ? s->id[6] : none,
                        .canon = CANON_VERSION,
                        .lower = 1,
                        .figure = TRIAL_FIGURE,
                        .tapes = 1,
                        .sections = 1,
                        .data = 1,
                        .tape_root = w->known[0].root,
                        .data_root = w->data[0].root,
                        .section = {{.repeat = 1, .entries = 1, .entry = {{0, STEPS}}}},
                        .first_step = w->first_step,
                        .params = 1,
                        .level = level,
                        .seats = 3,
                        .draws = 2,
                        .seed = w->seed,
                        .price = UINT64_C(10000000000000),
                        .tasks = net.two ? 2 : 1,
                        .deadline = chain()->now.tick + 3000};
  job_id(chain(), s->id[SUBMITTER], 0, s->nonce[SUBMITTER], net.job);
  job_task_id(net.job, 0, net.task);
  assert_int_equal(send(SUBMITTER, TRANSACTION_JOB_POST, body, body_post_put(&b, row, body, sizeof body)), 0);
}

/* The tapes run plainly, as they are written, without any of this. `steps` of them, and the root of what comes. */
static void run_plainly(uint32_t steps, uint8_t root[32]) {
  struct execute *x;
  const void *data[JOB_DATA_MAX] = {net.world.data[0].bytes};
  size_t leaves = net.tape.tape.state_leaves;
  uint8_t *state = aligned_alloc(64, leaves * TAPE_LEAF_BYTES), *hashes = malloc(leaves * 32);
  struct execute_options o = {.plain = true};
  assert_true(state && hashes);
  memcpy(state, net.world.start, leaves * TAPE_LEAF_BYTES);
  assert_int_equal(execute_open(&x, &net.tape.tape, data, &o, NULL), EXECUTE_OK);
  for (uint32_t i = 0; i < steps; i++) execute_step(x, state, net.world.first_step + i, net.world.seed);
  execute_shut(x);
  state_root(state, leaves * TAPE_LEAF_BYTES, hashes, root);
  free(state);
  free(hashes);
}

static void begin(uint32_t diverges_at) {
  memset(&net, 0, sizeof net);
  net.network = network_open();
  struct stage *s = network_stage(net.network);
  trial_tape(&net.tape, diverges_at);
  net.tapes[0] = &net.tape.tape;
  world_open(&net.world, net.tapes, 1, 1, TRIAL_SEED);
  run_plainly(STEPS, net.truth);
  real_chain = network_port(net.network);
  real_blobs = network_blobs(net.network);
  for (uint32_t i = 0; i < PEOPLE; i++) {
    struct person *p = &net.who[i];
    p->chain = real_chain;
    p->blobs = real_blobs;
    p->chain.send = mortal_send;
    p->chain.get = mortal_get;
    p->blobs.put = mortal_put;
    p->blobs.get = mortal_fetch;
    strcpy(p->folder, "/tmp/assay-roles-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    p->options = (struct agent_options){.folder = p->folder,
                                        .chain = &p->chain,
                                        .blobs = &p->blobs,
                                        .key = s->key[i],
                                        .vrf_key = s->vrf[i],
                                        .threads = 1,
                                        .say = say,
                                        .context = p};
    p->solves.material.memory_bytes = p->audits.material.memory_bytes = UINT64_C(1) << 30;
    p->solves.disk_bytes = p->audits.disk_bytes = UINT64_C(1) << 30;
  }
  net.who[0].from_attempt = 1;
  net.who[1].from_attempt = 2;
}

static void post(uint8_t level) {
  struct stage *s = network_stage(net.network);
  const struct world *w = &net.world;
  for (uint32_t i = 0; i < PEOPLE; i++) wake(&net.who[i]);
  stage_begin(s, 25);
  for (uint32_t i = 4; i < PEOPLE; i++) provide(i);
  post_tape();
  stage_end(s);
  network_blocks(net.network, 3 * chain()->parameters.epoch);
  assert_int_equal(real_blobs.put(real_blobs.self, w->data[0].root, w->data[0].bytes,
                                  (uint64_t)w->data[0].leaves * TAPE_LEAF_BYTES, NULL),
                   TRANSFER_OK);
  assert_int_equal(real_blobs.put(real_blobs.self, w->start_root, w->start,
                                  (uint64_t)net.tape.tape.state_leaves * TAPE_LEAF_BYTES, NULL),
                   TRANSFER_OK);
  stage_begin(s, 25);
  post_job(level);
  stage_end(s);
}

static void end(void) {
  char command[128];
  for (uint32_t i = 0; i < PEOPLE; i++) {
    die(&net.who[i]);
    snprintf(command, sizeof command, "rm -r %s", net.who[i].folder);
    assert_int_equal(system(command), 0);
  }
  network_shut(net.network);
  world_shut(&net.world);
}

static void play(enum task_state state) {
  for (uint32_t i = 0; i < BLOCKS_MAX && task().state != state; i++) {
    for (uint32_t who = 0; who < PEOPLE; who++) turn(&net.who[who]);
    network_block(net.network);
  }
  struct task_record t = task();
  if (t.state != state) fail_msg("attempt %u, state %u", t.attempt, t.state);
}

/* How many receipts of a kind and reason; the last of them. */
static uint32_t receipts(uint8_t kind, uint16_t reason, struct receipt *last) {
  uint32_t count = 0;
  for (uint64_t n = 0; n < network_receipts(net.network); n++) {
    uint8_t *bytes, *payments;
    size_t length, payments_length;
    struct receipt r;
    assert_int_equal(real_chain.receipt(real_chain.self, n, &bytes, &length, &payments, &payments_length, NULL),
                     CLIENT_OK);
    assert_true(receipt_decode(bytes, length, &r));
    free(bytes);
    free(payments);
    if (r.kind != kind || r.reason != reason) continue;
    count++;
    if (last) *last = r;
  }
  return count;
}

static void assert_settled(uint8_t attempt, uint8_t audited) {
  struct receipt r;
  assert_int_equal(receipts(RECEIPT_SETTLED, REASON_DONE, &r), 1);
  assert_memory_equal(r.final_root, net.truth, 32);
  assert_int_equal(r.attempt, attempt);
  assert_int_equal(r.audited, audited);
}

/* Some turns later nobody keeps anything of a task that is over, but for what never came into a block. */
static void assert_swept(void) {
  for (uint32_t i = 0; i < 70; i++) {
    for (uint32_t who = 0; who < PEOPLE; who++) turn(&net.who[who]);
    network_block(net.network);
  }
  for (uint32_t who = 0; who < PEOPLE; who++) {
    DIR *folder = opendir(net.who[who].folder);
    assert_non_null(folder);
    for (const struct dirent *e; (e = readdir(folder));)
      if (e->d_name[0] != '.') assert_string_equal(e->d_name, "journal");
    closedir(folder);
    struct journal *j = agent_journal(net.who[who].agent);
    assert_null(journal_next(j, "tx/", NULL));
    assert_null(journal_next(j, "sheet/", NULL));
  }
}

static void test_honest(void **state) {
  (void)state;
  static const uint8_t levels[] = {0, AUDIT_LEVEL_FULL};
  for (uint32_t k = 0; k < 2; k++) {
    begin(UINT32_MAX);
    post(levels[k]);
    play(TASK_SETTLED);
    assert_settled(1, 3);
    assert_int_equal(receipts(RECEIPT_SEAT, REASON_NOT_TAKEN, NULL), 0);
    assert_swept();
    end();
  }
}

/* A turn is one step here, not one interval: who trains looks at the chain in between, where a dispute's clock may run.
 * And however long a turn is, what comes out is the same. */
static void test_slices(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 2; k++) {
    begin(UINT32_MAX);
    for (uint32_t i = 0; i < PEOPLE; i++)
      net.who[i].solves.slice_ms = net.who[i].audits.slice_ms = k ? 1000000 : 0; /* k: all of it in one turn */
    post(0);
    play(TASK_WORK);
    uint64_t from = chain()->now.height;
    play(TASK_DRAW);
    uint64_t blocks = chain()->now.height - from;
    if (k ? blocks > 4 : blocks < STEPS) fail_msg("%llu blocks for %d steps", (unsigned long long)blocks, STEPS);
    play(TASK_SETTLED);
    assert_settled(1, 3);
    end();
  }
}

static void test_diverged(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 2; k++) { /* in the first interval, and in the fourth */
    begin(3 + (k ? 10 : 1));
    run_plainly(k ? 12 : 3, net.truth);
    post(0);
    play(TASK_SETTLED);
    struct receipt r;
    assert_int_equal(receipts(RECEIPT_SETTLED, REASON_DIVERGED, &r), 1);
    assert_memory_equal(r.final_root, net.truth, 32);
    assert_int_equal(r.steps, k ? 12 : 3);
    end();
  }
}

/* Row 34: a lie that was found; the task goes to another, who is honest. */
static void assert_caught(uint16_t interval) {
  struct receipt r;
  assert_int_equal(receipts(RECEIPT_FAULT, REASON_PROVEN, NULL), 1);
  assert_true(receipts(RECEIPT_VERDICT, REASON_PROVEN, &r) >= 1);
  assert_int_equal(r.loser, DISPUTE_CLAIMANT);
  assert_int_not_equal(r.committed, r.recomputed);
  if (interval) assert_int_equal(r.interval, interval);
  assert_settled(2, 3);
}

static void test_lying_solver(void **state) {
  (void)state;
  static const uint16_t lies[] = {WORK_EVERY, 1, 4, INTERVALS};
  for (uint32_t k = 0; k < 4; k++) { /* one interval of many: only seats that run everything are sure to see it */
    begin(UINT32_MAX);
    net.who[0].solves.lie.interval = lies[k];
    post(k ? AUDIT_LEVEL_FULL : 0);
    play(TASK_SETTLED);
    assert_caught(k ? lies[k] : 0);
    end();
  }
}

static void test_silent_solver(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 5; k++) {
    struct solver_lie *lie;
    begin(UINT32_MAX);
    lie = &net.who[0].solves.lie;
    lie->no_commit = k == 0;
    lie->no_publish = k == 1;
    lie->no_open = k == 2;
    if (k >= 3) lie->interval = WORK_EVERY;
    if (k >= 3) lie->silent_move = k == 3 ? 2 : 10;
    post(0);
    play(TASK_SETTLED);
    static const uint16_t reasons[] = {REASON_LATE, REASON_NO_PUBLISH, REASON_NO_OPEN, REASON_SILENT_DISPUTE,
                                       REASON_SILENT_DISPUTE};
    assert_int_equal(receipts(k ? RECEIPT_FAULT : RECEIPT_ATTEMPT, reasons[k], NULL), 1);
    assert_settled(2, 3);
    end();
  }
}

/* LEDGER 9.11: nobody can have the final state, so it is nobody's fault. */
static void test_undelivered(void **state) {
  (void)state;
  begin(UINT32_MAX);
  net.who[0].solves.lie.no_deliver = true;
  post(0);
  play(TASK_CANCELLED);
  assert_int_equal(receipts(RECEIPT_CANCELLED, REASON_NEUTRAL, NULL), 1);
  end();
}

/* It sealed what is wrong, and makes the case that its own numbers give. */
static void test_lying_verifier(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 2; k++) {
    struct receipt r;
    begin(UINT32_MAX);
    for (uint32_t i = 1; i < PEOPLE; i++) net.who[i].audits.lie.wrong = i == 3 || i == 5;
    post(k ? AUDIT_LEVEL_FULL : 0);
    play(TASK_SETTLED);
    assert_int_equal(receipts(RECEIPT_FAULT, REASON_PROVEN, NULL), 0);
    assert_int_equal(receipts(RECEIPT_SETTLED, REASON_DONE, &r), 1);
    assert_memory_equal(r.final_root, net.truth, 32);
    assert_true(r.disputes > 0 && r.audited == 3 - r.disputes);
    end();
  }
}

/* Whoever was drawn first wakes up as somebody who says nothing from here on. */
static void hush_a_seat(uint32_t k) {
  struct task_record t = task();
  struct seat_record s;
  assert_true(audit_seat(chain(), &t, 0, &s));
  for (uint32_t i = 0; i < PEOPLE; i++) {
    struct person *p = &net.who[i];
    if (!agent_mine(p->agent, s.account)) continue;
    p->audits.lie.no_take = k == 0;
    p->audits.lie.no_seal = k == 1;
    p->audits.lie.no_show = k == 2;
    die(p);
    wake(p);
    return;
  }
  fail_msg("nobody has the seat");
}

static void test_silent_verifier(void **state) {
  (void)state;
  static const uint16_t reasons[] = {REASON_NOT_TAKEN, REASON_NO_SEAL, REASON_NO_SHOW};
  for (uint32_t k = 0; k < 4; k++) {
    struct receipt r;
    begin(UINT32_MAX);
    for (uint32_t i = 1; i < PEOPLE; i++) net.who[i].audits.lie.no_vote = k == 3;
    post(0);
    play(TASK_TAKE);
    if (k < 3) hush_a_seat(k);
    play(TASK_SETTLED);
    if (k < 3) assert_int_equal(receipts(RECEIPT_SEAT, reasons[k], NULL), 1);
    assert_int_equal(receipts(RECEIPT_SETTLED, REASON_DONE, &r), 1);
    assert_memory_equal(r.final_root, net.truth, 32);
    assert_int_equal(r.audited, k == 1 || k == 2 ? 2 : 3);
    end();
  }
}

/* One key on two machines, a solver's and a verifier's: numbers collide, and the later one cannot show what the earlier
 * one committed to. Both say so; nobody is late, so nobody loses stake. */
static void test_one_key_twice(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 2; k++) {
    struct stage *s;
    begin(UINT32_MAX);
    s = network_stage(net.network);
    uint32_t twin = k ? 5 : 2, of = k ? 4 : 0;
    net.who[twin].options.key = s->key[of];
    net.who[twin].options.vrf_key = s->vrf[of];
    net.who[twin].from_attempt = net.who[of].from_attempt;
    post(0);
    play(TASK_SETTLED);
    struct receipt r;
    assert_int_equal(receipts(RECEIPT_SETTLED, REASON_DONE, &r), 1);
    assert_memory_equal(r.final_root, net.truth, 32);
    assert_int_equal(r.attempt, 1);
    for (uint16_t reason = REASON_NONE; reason <= REASON_STALLED; reason++)
      if (reason != REASON_NOT_TAKEN)
        assert_int_equal(receipts(RECEIPT_SEAT, reason, NULL), 0); /* 5 may be drawn, and is nobody */
    assert_true(net.conflicts > 0);
    end();
  }
}

/* Before a grain is locked: memory, disk, stake. */
static void test_refuses(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 2; k++) {
    begin(UINT32_MAX);
    if (k)
      net.who[0].solves.disk_bytes = 1000;
    else
      net.who[0].solves.material.memory_bytes = 100000;
    post(0);
    play(TASK_SETTLED);               /* by account 1, when nobody offered for attempt 1 */
    assert_int_equal(net.refused, 2); /* once an attempt */
    assert_int_equal(receipts(RECEIPT_ATTEMPT, REASON_NO_OFFERS, NULL), 1);
    assert_settled(2, 3);
    end();
  }
}

/* The second task starts from what the first delivered. */
static void test_two_tasks(void **state) {
  (void)state;
  begin(UINT32_MAX);
  net.two = true;
  post(0);
  play(TASK_SETTLED);
  job_task_id(net.job, 1, net.task);
  play(TASK_SETTLED);
  struct receipt r;
  assert_int_equal(receipts(RECEIPT_SETTLED, REASON_DONE, &r), 2);
  assert_memory_equal(r.final_root, net.truth, 32);
  end();
}

/* LEDGER 9.10: the submitter's own verifier sees what others may miss. */
static void test_own_seat(void **state) {
  (void)state;
  for (uint32_t k = 0; k < 2; k++) {
    begin(UINT32_MAX);
    net.own = true;
    if (k) net.who[0].solves.lie.interval = WORK_EVERY;
    post(0);
    play(TASK_SETTLED);
    struct task_record t = task();
    struct seat_record s;
    assert_true(audit_seat(chain(), &t, t.seats, &s) && s.own && s.state == SEAT_SHOWN);
    assert_settled(k ? 2 : 1, 3);
    end();
  }
}

/* Row 16 of LEDGER 8.2: nobody can have the starts, and says so in time. */
static void test_no_starts(void **state) {
  (void)state;
  begin(UINT32_MAX);
  net.who[0].solves.lie.no_starts = true;
  post(0);
  for (uint32_t i = 0; i < BLOCKS_MAX && task().state < TASK_SETTLED; i++) {
    for (uint32_t who = 0; who < PEOPLE; who++) turn(&net.who[who]);
    network_block(net.network);
  }
  assert_true(task().state >= TASK_SETTLED);
  assert_true(receipts(RECEIPT_SEAT, REASON_NO_START, NULL) > 0);
  assert_int_equal(receipts(RECEIPT_SEAT, REASON_NO_SEAL, NULL), 0);
  end();
}

static uint64_t next(uint64_t *seed) {
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *seed >> 33;
}

/* Transactions that were taken and lost on their way, and a node that does not answer for a while. */
static void test_lost(void **state) {
  (void)state;
  uint64_t seed = 3;
  begin(UINT32_MAX);
  post(0);
  for (uint32_t i = 0; i < BLOCKS_MAX && task().state != TASK_SETTLED; i++) {
    if (next(&seed) % 3 == 0) network_lose(net.network, 1);
    network_silent(net.network, i % 16 == 7);
    for (uint32_t who = 0; who < PEOPLE; who++) {
      bool more;
      struct why why = {""};
      enum agent_status status = agent_turn(net.who[who].agent, both, &net.who[who], &more, &why);
      assert_int_equal(status, i % 16 == 7 ? AGENT_LOST : AGENT_OK);
    }
    network_silent(net.network, false);
    network_block(net.network);
  }
  assert_int_equal(task().state, TASK_SETTLED);
  /* An offer that was lost may come too late for its attempt (5 ticks here); nobody is late with anything that costs.
   */
  struct receipt r;
  assert_int_equal(receipts(RECEIPT_SETTLED, REASON_DONE, &r), 1);
  assert_memory_equal(r.final_root, net.truth, 32);
  for (uint16_t reason = REASON_NONE; reason <= REASON_STALLED; reason++) {
    assert_int_equal(receipts(RECEIPT_SEAT, reason, NULL), 0);
    assert_int_equal(receipts(RECEIPT_FAULT, reason, NULL), 0);
    if (reason != REASON_NO_OFFERS) assert_int_equal(receipts(RECEIPT_ATTEMPT, reason, NULL), 0);
  }
  end();
}

/* Somebody is killed again and again, between any two words with the world outside; nothing is done twice and nothing
 * is forgotten. Every state of an interval's end has to be had again. */
static void test_killed(void **state) {
  (void)state;
  uint64_t seed = 5;
  uint32_t deaths = 0;
  for (uint32_t k = 0; k < 8; k++) {
    bool lies = k % 3 == 2;
    begin(UINT32_MAX);
    if (lies) net.who[0].solves.lie.interval = WORK_EVERY;
    for (uint32_t i = 0; i < 2; i++)
      net.who[i].solves.disk_bytes = (k % 2 ? 2 : 100) * (uint64_t)net.tape.tape.state_leaves * TAPE_LEAF_BYTES;
    post(k % 4 == 3 ? AUDIT_LEVEL_FULL : 0);
    for (uint32_t i = 0; i < BLOCKS_MAX && task().state != TASK_SETTLED; i++) {
      for (uint32_t who = 0; who < PEOPLE; who++) {
        net.calls = 0;
        net.dies_at = next(&seed) % 3 ? 0 : (uint32_t)(1 + next(&seed) % 25);
        turn(&net.who[who]);
        net.dies_at = 0;
      }
      network_block(net.network);
    }
    assert_int_equal(task().state, TASK_SETTLED);
    if (lies)
      assert_caught(0);
    else
      assert_settled(1, 3);
    assert_int_equal(net.failed, 0);
    assert_int_equal(receipts(RECEIPT_SEAT, REASON_NO_SHOW, NULL), 0);
    deaths += net.deaths;
    end();
  }
  if (deaths < 100) fail_msg("%u deaths", deaths);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_key_twice),   cmocka_unit_test(test_honest),
      cmocka_unit_test(test_slices),          cmocka_unit_test(test_diverged),
      cmocka_unit_test(test_lying_solver),    cmocka_unit_test(test_silent_solver),
      cmocka_unit_test(test_undelivered),     cmocka_unit_test(test_lying_verifier),
      cmocka_unit_test(test_silent_verifier), cmocka_unit_test(test_refuses),
      cmocka_unit_test(test_two_tasks),       cmocka_unit_test(test_own_seat),
      cmocka_unit_test(test_no_starts),       cmocka_unit_test(test_lost),
      cmocka_unit_test(test_killed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
