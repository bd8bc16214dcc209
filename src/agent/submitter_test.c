#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/stage.h"
#include "agent/submitter.h"
#include "commit/state/state.h"
#include "commit/trace/trace.h"
#include "crypto/sha256.h"
#include "crypto/vrf.h"
#include "ledger/provider/provider.h"
#include "training/checkpoint/checkpoint.h"
#include "training/run/example.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Account 7 submits a small regression. A run of the same job, made by `assay train`'s own code, is what the scripted
 * solver (account 0) and the scripted seats say: so the model that comes back can be compared with that run's. */
enum { SUBMITTER = 7, TASK_TURNS = 2000 };
#define ASY UINT64_C(1000000000)

static struct network *net;
static struct chain_port port;
static struct blob_port blobs;
static struct example example;
static struct prepared *prepared;
static struct trace trace;
static uint8_t *final_state;
static struct submitter_options terms;
static char said[64][160], output[256], folder[256];
static uint32_t lines;
static bool deliver;

static void say(void *context, const char *kind, const uint8_t *task, const char *text) {
  (void)context, (void)task;
  if (getenv("TELL")) fprintf(stderr, "%s: %s\n", kind, text);
  snprintf(said[lines++ % 64], sizeof said[0], "%s: %.120s", kind, text);
}

static bool was_said(const char *words) {
  for (uint32_t i = 0; i < 64; i++)
    if (strstr(said[i], words)) return true;
  return false;
}

static int begin_with(const char *optimizer, const char *more) {
  struct why why = {{0}};
  struct run_result result;
  size_t length;
  example_make(&example, optimizer, more);
  prepared = calloc(1, sizeof *prepared);
  if (example_train(&example, "run", (struct run_options){.threads = 1}, &result, &why) != TRAINING_OK)
    fail_msg("%s", why.text);
  if (prepare_open(prepared, example_path(&example, "job.yaml"), &(struct prepare_options){.threads = 1}, &why) !=
      TRAINING_OK)
    fail_msg("%s", why.text);
  uint8_t *bytes = example_read(example_path(&example, "run/traces/0000.bin"), &length);
  assert_int_equal(trace_read(bytes, length, &trace, NULL), TRACE_OK);
  free(bytes);
  char path[FILE_PATH_MAX];
  final_state = aligned_alloc(64, prepared->state_bytes);
  assert_true(checkpoint_path(path, example_path(&example, "run"), trace.intervals));
  assert_int_equal(checkpoint_read(path, prepared->state_bytes, final_state, NULL), TRAINING_OK);
  net = network_open();
  port = network_port(net);
  blobs = network_blobs(net);
  network_still(net, true);
  network_blocks(net, 3);
  snprintf(output, sizeof output, "%s", example_path(&example, "out"));
  snprintf(folder, sizeof folder, "%s", example_path(&example, "agent"));
  terms = (struct submitter_options){.prepared = prepared, .seats = 1, .draws = 1, .price = ASY, .output = output};
  memset(said, 0, sizeof said);
  lines = 0;
  deliver = true;
  return 0;
}

static int begin(void **state) {
  (void)state;
  return begin_with("{name: sgd, lr: 0.05, momentum: 0.9}", "epochs: 2\ninterval: 6");
}

/* Updates of four steps, and what is delivered is an average. */
static int begin_micro(void **state) {
  (void)state;
  return begin_with("{name: lion, lr: 1e-3, groups: [{match: ['*.bias'], lr: 1e-4}]}",
                    "updates: 9\nmicro_batches: 4\ninterval: 6\nema: 0.9");
}

static int end(void **state) {
  (void)state;
  network_shut(net);
  free(final_state);
  prepare_shut(prepared);
  free(prepared);
  example_remove(&example);
  return 0;
}

static struct agent *open_agent(void) {
  struct agent_options o = {
      .folder = folder, .chain = &port, .blobs = &blobs, .key = network_stage(net)->key[SUBMITTER], .say = say};
  struct agent *a;
  struct why why = {{0}};
  if (agent_open(&a, &o, &why) != AGENT_OK) fail_msg("%s", why.text);
  return a;
}

static struct submitter *open_submitter(struct agent *a) {
  struct submitter *s;
  struct why why = {{0}};
  if (submitter_open(&s, a, &terms, &why) != AGENT_OK) fail_msg("%s", why.text);
  return s;
}

/* Everybody else. */

static const struct chain *chain(void) { return ledger_chain(network_stage(net)->ledger); }

static void send(uint32_t who, uint8_t type, const uint8_t *body, size_t length) {
  static uint8_t bytes[TRANSACTION_BYTES_MAX];
  struct stage *s = network_stage(net);
  struct transaction t = stage_draft(s, who, type, body, length);
  t.gas = 300000;
  size_t whole = stage_sign(s, who, &t, bytes, sizeof bytes);
  assert_true(whole);
  assert_int_equal(port.send(port.self, bytes, whole, NULL, NULL), CLIENT_OK);
}

static uint32_t who_is(const uint8_t account[32]) {
  uint32_t who = 0;
  while (memcmp(network_stage(net)->id[who], account, 32) != 0) who++;
  return who;
}

static struct body_attempt at_of(const struct task_record *t, uint8_t seat) {
  return (struct body_attempt){.task = t->id, .attempt = t->attempt, .seat = seat};
}

static void offer(const struct task_record *t) {
  uint8_t input[TASK_OFFER_BYTES], beacon[32], proof[VRF_BYTES], body[256];
  if (t->offers || !chain_beacon(chain(), t->draw_height, beacon)) return;
  task_offer_input(chain()->genesis, t, beacon, input);
  vrf_prove(network_stage(net)->vrf[0], input, sizeof input, proof);
  struct body_offer b = {.at = at_of(t, 0), .proof = proof};
  send(0, TRANSACTION_OFFER, body, body_offer_put(&b, body, sizeof body));
}

static void commit(const struct task_record *t) {
  uint8_t root[32], body[256];
  trace_root(&trace, root);
  struct body_commit b = {.at = at_of(t, 0), .trace_root = root, .outcome = trace.outcome, .steps = trace.steps};
  send(0, TRANSACTION_COMMIT, body, body_commit_put(&b, body, sizeof body));
}

static void publish(const struct task_record *t, const struct seat_record *s) {
  uint8_t leaves[(TRACE_INTERVALS_MAX + 1) * 32], scratch[sizeof leaves], path[9 * 32], sigma[32], body[1024];
  uint32_t leaf = s->interval[0] - 1u, count = trace.intervals + 1u;
  uint8_t number[4] = {(uint8_t)leaf, (uint8_t)(leaf >> 8), 0, 0};
  for (uint32_t i = 0; i < count; i++) trace_leaf(&trace, i, leaves + 32 * i);
  merkle_path(leaves, count, leaf, scratch, path);
  const struct sha256_part parts[] = {{trace.salt, 32}, {number, 4}};
  sha256_parts(parts, 2, sigma);
  struct publish_row row = {.interval = s->interval[0], .root = trace.roots[leaf], .sigma = sigma, .path = path};
  struct body_publish b = {.at = at_of(t, 0), .count = 1, .height = (uint16_t)merkle_height(count)};
  send(0, TRANSACTION_PUBLISH, body, body_publish_put(&b, &row, body, sizeof body));
}

static void open_trace(const struct task_record *t) {
  static uint8_t body[65536], path[2][23 * 32];
  uint32_t leaves = (uint32_t)prepared->state_leaves;
  const struct layout *l = &prepared->lowered.layout;
  uint32_t leaf[2] = {0, (uint32_t)l->entry[prepared->lowered.entry_loss].first_leaf};
  uint8_t *hashes = malloc(2 * 32 * (size_t)leaves);
  state_leaf_hashes(final_state, prepared->state_bytes, 0, leaves, hashes);
  struct body_open b = {.at = at_of(t, 0),
                        .sigma = trace.salt,
                        .roots = trace.roots[0],
                        .roots_count = (uint16_t)(trace.intervals + 1),
                        .height = (uint16_t)merkle_height(leaves),
                        .leaves = 2};
  for (int i = 0; i < 2; i++) {
    merkle_path(hashes, leaves, leaf[i], hashes + 32 * (size_t)leaves, path[i]);
    b.leaf[i] = final_state + (size_t)leaf[i] * TAPE_LEAF_BYTES;
    b.path[i] = path[i];
  }
  free(hashes);
  send(0, TRANSACTION_OPEN, body, body_open_put(&b, body, sizeof body));
}

static void seat_acts(const struct task_record *t, struct seat_record *s) {
  static uint8_t body[4096];
  uint32_t who = who_is(s->account);
  uint8_t salt[32] = {9}, probe[32] = {1}, hash[32], number = s->id[SEAT_ID_BYTES - 1];
  const uint8_t *ends = s->draws ? trace.roots[s->interval[0]] : NULL;
  if (t->state == TASK_TAKE && s->state == SEAT_DRAWN) {
    struct attempt_record a;
    uint8_t input[AUDIT_TAKE_BYTES], proof[VRF_BYTES];
    assert_true(attempt_find(chain(), t, &a));
    audit_take_input(chain()->genesis, s->id, a.set_beacon, input);
    vrf_prove(network_stage(net)->vrf[who], input, sizeof input, proof);
    struct body_take b = {.at = at_of(t, number), .proof = proof};
    send(who, TRANSACTION_TAKE, body, body_take_put(&b, body, sizeof body));
  } else if (t->state == TASK_PUBLISH) {
    publish(t, s);
  } else if (t->state == TASK_SEAL && s->state == SEAT_TAKEN) {
    audit_seal_hash(chain()->genesis, s->id, s->account, salt, ends, 1, hash);
    struct body_seal b = {.at = at_of(t, number), .hash = hash};
    send(who, TRANSACTION_SEAL, body, body_seal_put(&b, body, sizeof body));
  } else if (t->state == TASK_SHOW && s->state == SEAT_SEALED) {
    struct body_show b = {.at = at_of(t, number), .salt = salt, .ends = ends, .probes = probe, .ends_count = s->draws};
    send(who, TRANSACTION_SHOW, body, body_show_put(&b, body, sizeof body));
  } else if (t->state == TASK_DELIVER && !s->vote) {
    struct body_fetch b = {.at = at_of(t, number), .what = FETCH_FINAL, .got = 1};
    send(who, TRANSACTION_FETCH, body, body_fetch_put(&b, body, sizeof body));
  }
}

static void everybody_acts(void) {
  struct map_key prefix = map_key(MODULE_TASK, NULL, 0), key;
  struct task_record t;
  struct seat_record s;
  if (!stored_next(chain()->map, &task_kind, &prefix, NULL, &key, &t)) return;
  memcpy(t.id, key.bytes + 1, TASK_ID_BYTES);
  if (t.state == TASK_OPEN) offer(&t);
  if (t.state == TASK_WORK) commit(&t);
  if (t.state == TASK_SHOW && !t.opened) open_trace(&t);
  if (t.state == TASK_DELIVER && deliver)
    assert_int_equal(blobs.put(blobs.self, trace.roots[trace.intervals], final_state, prepared->state_bytes, NULL),
                     TRANSFER_OK);
  for (uint8_t i = 0; i < t.seats; i++)
    if (audit_seat(chain(), &t, i, &s)) seat_acts(&t, &s);
}

/* One turn of the submitter and a block; false when it has ended. */
static bool turn(struct agent *a, struct submitter *s) {
  bool more = true;
  struct why why = {{0}};
  enum agent_status status = agent_turn(a, submitter_turn, s, &more, &why);
  if (status != AGENT_OK) fail_msg("%s", why.text);
  everybody_acts();
  network_block(net);
  return more;
}

/* A price at which the task pays one ASY. */
static void set_price(struct agent *a) {
  struct submitter *s = open_submitter(a);
  struct submitter_quote q;
  struct why why = {{0}};
  if (submitter_quote(s, &q, &why) != AGENT_OK) fail_msg("%s", why.text);
  submitter_shut(s);
  terms.price = (uint64_t)((unsigned __int128)ASY * ASY / q.work);
}

static struct agent *fresh_agent(void) {
  struct agent *a = open_agent();
  set_price(a);
  agent_shut(a);
  unlink(example_path(&example, "agent/journal")); /* other terms are another folder's */
  return open_agent();
}

static void same_file(const char *one, const char *other) {
  size_t length, other_length;
  uint8_t *bytes = example_read(example_path(&example, one), &length),
          *others = example_read(example_path(&example, other), &other_length);
  assert_int_equal(length, other_length);
  assert_memory_equal(bytes, others, length);
  free(bytes);
  free(others);
}

static void the_model_comes_back(void **state) {
  (void)state;
  struct agent *a = fresh_agent();
  struct submitter *s = open_submitter(a);
  struct submitter_result r;
  uint32_t turns = 0;
  while (turn(a, s) && turns < TASK_TURNS) turns++;
  submitter_result(s, &r);
  assert_int_equal(r.stage, SUBMITTER_DONE);
  assert_memory_equal(r.final_root, trace.roots[trace.intervals], 32);
  assert_int_equal(r.outcome, TRACE_DONE);
  float loss = prepare_loss(prepared, final_state);
  assert_memory_equal(&r.figure, &loss, 4);
  same_file("out/model.onnx", "run/model.onnx");
  same_file("out/model.safetensors", "run/model.safetensors");
  assert_true(was_said("task 1 of 1, attempt 1, SEAL"));
  submitter_shut(s);
  /* The same command again finds it done. */
  s = open_submitter(a);
  submitter_result(s, &r);
  assert_int_equal(r.stage, SUBMITTER_DONE);
  submitter_shut(s);
  agent_shut(a);
}

static void the_quote_is_what_is_paid(void **state) {
  (void)state;
  struct agent *a = fresh_agent();
  struct submitter *s = open_submitter(a);
  struct submitter_quote q;
  struct why why = {{0}};
  if (submitter_quote(s, &q, &why) != AGENT_OK) fail_msg("%s", why.text);
  assert_int_equal(q.tasks, 1);
  assert_int_equal(q.intervals, trace.intervals);
  assert_true(q.fee > ASY - ASY / 100 && q.fee < ASY + ASY / 100);
  assert_int_equal(q.balance, STAGE_BALANCE);
  assert_int_equal(q.total, q.fee + q.seat_fees + q.protocol_fee + q.posting_fee + q.reserve + q.gas);
  assert_true(q.dispute_ticks > 0 && q.life_ticks > q.work_ticks);
  uint64_t paid = 0;
  for (uint32_t turns = 0; turns < TASK_TURNS && turn(a, s); turns++) {
    struct account account;
    account_get(chain()->map, network_stage(net)->id[SUBMITTER], &account);
    struct submitter_result r;
    submitter_result(s, &r);
    if (r.stage == SUBMITTER_WATCH) {
      paid = STAGE_BALANCE - account.balance;
      break;
    }
  }
  assert_true(paid > q.total - q.gas && paid <= q.total);
  submitter_shut(s);
  agent_shut(a);
}

/* Anybody may write into a record that he solves, and asks for a fortune. */
static void ask_for(uint32_t who, uint64_t ask) {
  struct stage *s = network_stage(net);
  uint8_t input[PROVIDER_REGISTRATION_BYTES], proof[VRF_BYTES], tls[32] = {0}, body[512];
  struct sign_public key = sign_secret_public(s->vrf[who]);
  provider_registration(port.genesis, s->id[who], input);
  vrf_prove(s->vrf[who], input, sizeof input, proof);
  struct body_provider b = {.roles = PROVIDER_SOLVER,
                            .available = 1,
                            .mem_mib = 4096,
                            .ask = ask,
                            .vrf_key = key.bytes,
                            .vrf_proof = proof,
                            .tls_hash = tls};
  send(who, TRANSACTION_PROVIDER_SET, body, body_provider_put(&b, body, sizeof body));
  network_block(net);
}

static void the_market_is_of_those_who_can_be_drawn(void **state) {
  (void)state;
  struct agent *a = fresh_agent();
  struct submitter_quote q;
  struct why why = {{0}};
  /* Half of them have no stake; of those that have, it is number 3 who has most of it: stage.h. */
  for (uint32_t who = 4; who < 8; who++) ask_for(who, 1000 * ASY);
  ask_for(3, 3 * ASY);
  ask_for(0, 9 * ASY);
  terms.price = 0;
  struct submitter *s = open_submitter(a);
  if (view_now(agent_view(a), &why) != CLIENT_OK || submitter_quote(s, &q, &why) != AGENT_OK) fail_msg("%s", why.text);
  assert_int_equal(q.solvers, 4);
  assert_int_equal(q.ask_middle, 3 * ASY); /* stakes 2, 3 ask nothing, 4 asks 3, 1 asks 9: 5 below of 10 */
  submitter_shut(s);
  agent_shut(a);
}

/* Begun again after every turn, with the state forgotten by this process: one job, posted once. */
static void killed_after_every_turn_it_posts_once(void **state) {
  (void)state;
  struct agent *a = fresh_agent();
  agent_shut(a);
  bool more = true;
  for (uint32_t turns = 0; turns < TASK_TURNS && more; turns++) {
    a = open_agent();
    struct submitter *s = open_submitter(a);
    more = turn(a, s);
    submitter_shut(s);
    agent_shut(a);
  }
  assert_false(more);
  same_file("out/model.onnx", "run/model.onnx");
  struct map_key prefix = map_key(MODULE_JOB, NULL, 0), key;
  uint32_t jobs = 0;
  for (const struct map_key *after = NULL; map_next(chain()->map, &prefix, after, &key, NULL); after = &key) jobs++;
  assert_int_equal(jobs, 1);
}

static void it_waits_for_the_final_state(void **state) {
  (void)state;
  struct agent *a = fresh_agent();
  struct submitter *s = open_submitter(a);
  struct submitter_result r = {.stage = 0};
  deliver = false;
  for (uint32_t turns = 0; turns < TASK_TURNS && r.stage != SUBMITTER_FETCH; turns++) {
    assert_true(turn(a, s));
    submitter_result(s, &r);
  }
  assert_int_equal(r.stage, SUBMITTER_FETCH);
  assert_true(turn(a, s));
  assert_true(was_said("the final state is not to be had yet"));
  uint32_t once = lines;
  assert_true(turn(a, s));
  assert_int_equal(lines, once); /* a wait is told when it begins, not in every turn */
  assert_int_equal(blobs.put(blobs.self, trace.roots[trace.intervals], final_state, prepared->state_bytes, NULL),
                   TRANSFER_OK);
  assert_false(turn(a, s));
  submitter_result(s, &r);
  assert_int_equal(r.stage, SUBMITTER_DONE);
  submitter_shut(s);
  agent_shut(a);
}

/* Refused before anything is sent: too dear, too cheap. */
static void what_the_chain_would_refuse_is_not_sent(void **state) {
  (void)state;
  struct agent *a = fresh_agent();
  uint64_t right = terms.price;
  for (int i = 0; i < 2; i++) {
    terms.price = i ? right * 100000 : 1;
    struct submitter *s;
    struct submitter_result r;
    agent_shut(a);
    unlink(example_path(&example, "agent/journal"));
    a = open_agent();
    s = open_submitter(a);
    assert_false(turn(a, s));
    submitter_result(s, &r);
    assert_int_equal(r.stage, SUBMITTER_FAILED);
    assert_true(was_said(i ? "there are" : "at least 1000000"));
    struct account account;
    account_get(chain()->map, network_stage(net)->id[SUBMITTER], &account);
    assert_int_equal(account.balance, STAGE_BALANCE);
    submitter_shut(s);
  }
  agent_shut(a);
}

/* Nobody offers: four attempts, or the deadline, and the money comes back. */
static void a_job_that_nobody_takes_is_cancelled(void **state) {
  (void)state;
  terms.deadline_ticks = 40;
  struct agent *a = fresh_agent();
  struct submitter *s = open_submitter(a);
  struct submitter_result r = {.stage = 0};
  bool more = true;
  struct why why;
  for (uint32_t turns = 0; turns < TASK_TURNS && more; turns++) {
    assert_int_equal(agent_turn(a, submitter_turn, s, &more, &why), AGENT_OK);
    network_block(net);
  }
  submitter_result(s, &r);
  assert_int_equal(r.stage, SUBMITTER_FAILED);
  assert_true(r.reason == REASON_DEADLINE || r.reason == REASON_ATTEMPTS);
  struct account account;
  account_get(chain()->map, network_stage(net)->id[SUBMITTER], &account);
  assert_true(account.balance > STAGE_BALANCE - ASY / 10);
  submitter_shut(s);
  s = open_submitter(a);
  submitter_result(s, &r);
  assert_int_equal(r.stage, SUBMITTER_FAILED);
  submitter_shut(s);
  agent_shut(a);
}

static void other_terms_are_another_folder(void **state) {
  (void)state;
  struct agent *a = fresh_agent();
  struct submitter *s = open_submitter(a);
  struct why why;
  submitter_shut(s);
  /* Nothing was sent: no terms are bound yet. */
  terms.price++;
  s = open_submitter(a);
  turn(a, s);
  submitter_shut(s);
  s = open_submitter(a);
  submitter_shut(s);
  terms.price++;
  assert_int_equal(submitter_open(&s, a, &terms, &why), AGENT_ERR_INPUT);
  assert_non_null(strstr(why.text, "use another one"));
  agent_shut(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_model_comes_back, begin, end),
      cmocka_unit_test_setup_teardown(the_quote_is_what_is_paid, begin, end),
      {"the_model_comes_back_from_micro_batches", the_model_comes_back, begin_micro, end, NULL},
      {"the_quote_of_micro_batches_is_what_is_paid", the_quote_is_what_is_paid, begin_micro, end, NULL},
      cmocka_unit_test_setup_teardown(the_market_is_of_those_who_can_be_drawn, begin, end),
      cmocka_unit_test_setup_teardown(killed_after_every_turn_it_posts_once, begin, end),
      cmocka_unit_test_setup_teardown(it_waits_for_the_final_state, begin, end),
      cmocka_unit_test_setup_teardown(what_the_chain_would_refuse_is_not_sent, begin, end),
      cmocka_unit_test_setup_teardown(a_job_that_nobody_takes_is_cancelled, begin, end),
      cmocka_unit_test_setup_teardown(other_terms_are_another_folder, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
