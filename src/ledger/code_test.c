/* Every code that a transaction can come back with is reached on a chain that runs, by transactions alone; and a gas
 * lock pays for the moves of a side that has nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dispute/claimant/claimant.h"
#include "ledger/docket/trial.h"
#include "ledger/state.h"

enum { BLOCKS_MAX = 3000, BYTES_MAX = 1024 };

static struct trial t;
static uint32_t seen;

static void note(uint16_t code) {
  assert_non_null(chain_code_text(code));
  seen |= UINT32_C(1) << code;
}

static struct ledger_result raw(const struct transaction *x, uint32_t by) {
  uint8_t bytes[BYTES_MAX];
  struct ledger_result r;
  size_t length = stage_sign(&t.stage, by, x, bytes, sizeof bytes);
  assert_true(length);
  ledger_deliver(t.stage.ledger, bytes, length, &r);
  if (r.admitted) t.stage.nonce[by]++;
  return r;
}

static void envelope_codes(void) {
  uint8_t body[BYTES_MAX];
  struct ledger_result r;
  struct body_transfer b = {.to = t.stage.id[1], .amount = 1};
  size_t length = body_transfer_put(&b, body, sizeof body);
  ledger_deliver(t.stage.ledger, body, length, &r);
  note(r.code); /* MALFORMED */
  struct transaction good = stage_draft(&t.stage, 5, TRANSACTION_TRANSFER, body, length), x = good;
  note(raw(&x, 4).code); /* SIGNATURE */
  x.nonce++;
  note(raw(&x, 5).code); /* NONCE */
  x = good;
  x.until_tick = UINT64_MAX;
  note(raw(&x, 5).code); /* EXPIRED */
  x = good;
  x.gas = 10;
  note(raw(&x, 5).code);                                                    /* GAS */
  note(stage_transfer(&t.stage, 5, t.stage.id[1], UINT64_C(1) << 59).code); /* FUNDS */
  note(stage_transfer(&t.stage, 5, t.stage.id[1], 0).code);                 /* LIMIT */
  note(stage_transfer(&t.stage, 5, t.stage.id[1], 1).code);                 /* OK */
}

/* The job's tape beside a table in which the last state entry has another name. */
static uint16_t post_tape_with_another_table(void) {
  static uint8_t table[4096], tape[65536], body[80000];
  struct layout_entry entry[32];
  struct layout layout = t.tape.tape.layout;
  assert_true(layout.state_count >= 2 && layout.state_count + layout.data_count <= 32);
  memcpy(entry, layout.entry, (size_t)(layout.state_count + layout.data_count) * sizeof *entry);
  entry[layout.state_count - 1].name[0] ^= 1;
  layout.entry = entry;
  struct body_tape b = {.layout = table, .tapes = 1, .tape = {tape}};
  b.layout_length = (uint32_t)layout_encode(&layout, table, sizeof table);
  b.tape_length[0] = (uint32_t)tape_write(&t.tape.tape, tape, sizeof tape);
  return trial_send(&t, TRIAL_SUBMITTER, TRANSACTION_TAPE, body, body_tape_put(&b, body, sizeof body));
}

static void body_codes(void) {
  uint8_t body[BYTES_MAX];
  const uint8_t *vrf = sign_secret_public(t.stage.vrf[5]).bytes;
  uint8_t key[32], zeros[80] = {0};
  memcpy(key, vrf, sizeof key);
  struct body_provider p = {.roles = 1, .vrf_key = key, .vrf_proof = zeros, .tls_hash = zeros};
  note(trial_send(&t, 5, TRANSACTION_PROVIDER_SET, body, body_provider_put(&p, body, sizeof body))); /* PROOF */
  note(post_tape_with_another_table());                                                              /* TAPE */
  struct body_commit c = {.at = {.task = t.task, .attempt = 1}, .trace_root = zeros, .outcome = TRACE_DONE, .steps = 1};
  note(trial_send(&t, 0, TRANSACTION_COMMIT, body, body_commit_put(&c, body, sizeof body))); /* STATE: a second one */
  c.at.task = zeros;
  note(trial_send(&t, 0, TRANSACTION_COMMIT, body, body_commit_put(&c, body, sizeof body))); /* UNKNOWN */
}

/* trial_move declares as much gas as a lock has at first; the second move has to do with less. */
static uint16_t move(uint32_t who, uint64_t dispute, const struct move *m) {
  static uint8_t bytes[MOVE_BYTES_MAX], body[MOVE_BYTES_MAX + 16];
  struct body_move b = {.dispute = dispute, .move = bytes, .move_length = move_encode(m, bytes, sizeof bytes)};
  struct ledger_result r = stage_send(&t.stage, who, TRANSACTION_MOVE, body, body_move_put(&b, body, sizeof body));
  assert_true(r.admitted);
  return r.code;
}

/* Moves of the first dispute, paid by a solver that has nothing but its gas lock. */
static void move_codes(void) {
  struct docket_record r;
  struct dispute_frame f;
  struct dispute d;
  struct move m, other;
  struct why why;
  struct chain *c = &t.stage.ledger->chain;
  assert_true(docket_find(c, 0, &r) && docket_dispute(c, &r, &f, &d));
  assert_int_equal(claimant_next(&d, &f, &t.run[r.interval - 1].solver.evidence, &m, &why), ANSWER_MOVE);
  other = m;
  other.payload[other.length - 1] ^= 1;
  uint32_t solver = trial_who(&t, r.claimant);
  struct pocket balance = pocket_balance(r.claimant), burned = pocket_of(POCKET_BURNED);
  uint8_t seat[POCKET_SEAT_BYTES];
  memcpy(seat, r.seat, sizeof seat);
  seat[POCKET_SEAT_BYTES - 1] = SEAT_NONE;
  struct pocket lock = pocket_gas_lock(seat, r.claimant);
  uint64_t gas = money_held(c, &lock), sum = money_sum(c);
  assert_int_equal(gas, c->parameters.gas_lock * trial_task(&t).gas_price);
  assert_true(money_flow(c, NULL, ROW_GAS, &balance, &burned, money_held(c, &balance)));
  note(move(trial_who(&t, r.challenger), r.id, &m)); /* FORBIDDEN: not its turn */
  note(move(solver, r.id, &other));                  /* NO_MOVE */
  assert_true(money_held(c, &lock) < gas);
  assert_int_equal(money_held(c, &balance), 0);
  assert_int_equal(move(solver, r.id, &m), CHAIN_OK);
  assert_int_equal(money_sum(c), sum);
}

static void every_code(void **state) {
  (void)state;
  const struct trial_plan plan = {.intervals = 4,
                                  .interval_steps = 3,
                                  .seats = 1,
                                  .draws = 2,
                                  .diverges_at = UINT32_MAX,
                                  .seat = {{.wrong = true}}};
  trial_open(&t, &plan);
  assert_true(trial_until(&t, TASK_JUDGE, BLOCKS_MAX));
  stage_begin(&t.stage, 1);
  envelope_codes();
  body_codes();
  move_codes();
  stage_end(&t.stage);
  trial_shut(&t);
  for (uint16_t code = CHAIN_OK; chain_code_text(code); code++)
    if (!(seen >> code & 1)) fail_msg("%s was not reached", chain_code_text(code));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_code)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
