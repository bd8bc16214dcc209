/* A transaction that does everything there is to do, and then fails: all of it is gone. The five functions of apply.c
 * are this file's own here, so that a transaction can do what no type does at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ledger/receipt/receipt.h"
#include "ledger/stage.h"
#include "ledger/state.h"

static enum chain_code comes_back_with;
static bool spends_its_gas, lock_ends;
static struct pocket lock_of_it;
static uint64_t takes;
static uint8_t lock_seat[POCKET_SEAT_BYTES];

uint64_t apply_gas(const struct transaction *t) {
  (void)t;
  return 1000;
}
uint16_t apply_mask(uint8_t type) { return type ? MASK_TRANSFER : 0; }
bool apply_lock(const struct chain *c, const struct transaction *t, struct pocket *out) {
  (void)c, (void)t;
  *out = lock_of_it;
  return out->length > 0;
}
void apply_timer(struct ledger *l, const struct timer *timer) { (void)l, (void)timer; }

/* Every part of a chain is touched: map, money, sums, log, timers, outbox. */
enum chain_code apply_run(struct ledger *l, const struct transaction *t, uint64_t *gas, struct why *why) {
  struct chain *c = &l->chain;
  struct receipt r = {.kind = RECEIPT_SETTLED};
  struct pocket from = pocket_balance(t->account), escrow = pocket_escrow(t->account),
                burned = pocket_of(POCKET_BURNED);
  receipt_append(c, &r, NULL);
  outbox_event(c->out, "done", NULL, "%s", "everything");
  timer_arm(c, 1000000, TIMER_TASK, t->account, 32);
  c->now.next_dispute++;
  money_flow(c, NULL, ROW_POST, &from, &escrow, 5);
  if (spends_its_gas) money_flow(c, NULL, ROW_POST, &from, &burned, money_held(c, &from));
  if (lock_ends) money_gas_unlock(c, NULL, ROW_SETTLED, lock_seat, t->account);
  if (lock_ends && spends_its_gas) money_flow(c, NULL, ROW_POST, &from, &burned, money_held(c, &from));
  *gas += takes;
  why_set(why, "as it was told");
  return comes_back_with;
}

static struct stage s;

static int open_stage(void **state) {
  (void)state;
  stage_open(&s);
  stage_begin(&s, 25);
  comes_back_with = CHAIN_OK;
  spends_its_gas = lock_ends = false;
  lock_of_it = (struct pocket){.length = 0};
  takes = 0;
  return 0;
}

static int shut_stage(void **state) {
  (void)state;
  stage_end(&s);
  stage_shut(&s);
  return 0;
}

static struct ledger_result send(void) { return stage_transfer(&s, 6, s.id[7], 1); }

/* What is left of a failed transaction: charge and nonce, and nothing that was told. */
static void only_the_charge(struct ledger_result r, const struct chain_record *before, size_t records, size_t told) {
  const struct chain *c = ledger_chain(s.ledger);
  struct chain_record after = c->now;
  struct account a;
  assert_true(r.admitted);
  after.burned = before->burned;
  after.validators_pool = before->validators_pool;
  assert_memory_equal(before, &after, sizeof after);
  assert_int_equal(c->log.size, 0);
  assert_int_equal(map_count(c->map), records);
  assert_int_equal(outbox_mark(c->out), told);
  assert_true(account_get(c->map, s.id[6], &a));
  assert_int_equal(a.slot[0].nonce, 1);
  assert_int_equal(a.balance + r.gas_used, STAGE_BALANCE);
}

static void whatever_it_fails_with(void **state) {
  (void)state;
  const struct chain *c = ledger_chain(s.ledger);
  struct chain_record before = c->now;
  size_t records = map_count(c->map), told = outbox_mark(c->out);
  uint64_t sum = money_sum(c);
  comes_back_with = CHAIN_STATE;
  takes = 300;
  struct ledger_result r = send();
  assert_int_equal(r.code, CHAIN_STATE);
  assert_int_equal(r.gas_used, 1300); /* no records: they are gone */
  assert_string_equal(r.why.text, "as it was told");
  only_the_charge(r, &before, records, told);
  assert_int_equal(money_sum(c), sum);
}

static void it_takes_more_than_declared(void **state) {
  (void)state;
  const struct chain *c = ledger_chain(s.ledger);
  struct chain_record before = c->now;
  size_t records = map_count(c->map), told = outbox_mark(c->out);
  takes = 50000 - 1000 - 2 * 2000 + 1; /* a timer and an escrow are new */
  struct ledger_result r = send();
  assert_int_equal(r.code, CHAIN_GAS);
  assert_int_equal(r.gas_used, 50000);
  only_the_charge(r, &before, records, told);
}

static void it_takes_just_what_was_declared(void **state) {
  (void)state;
  const struct chain *c = ledger_chain(s.ledger);
  takes = 50000 - 1000 - 2 * 2000;
  struct ledger_result r = send();
  assert_int_equal(r.code, CHAIN_OK);
  assert_int_equal(r.gas_used, 50000);
  assert_int_equal(c->log.size, 1);
  assert_int_equal(c->now.live, 1);
  assert_int_equal(c->now.next_dispute, 1);
}

/* What is put aside for gas cannot be spent. */
static void it_spends_all_it_has(void **state) {
  (void)state;
  const struct chain *c = ledger_chain(s.ledger);
  uint64_t sum = money_sum(c);
  struct account a;
  spends_its_gas = true;
  struct ledger_result r = send();
  assert_int_equal(r.code, CHAIN_OK);
  assert_true(account_get(c->map, s.id[6], &a));
  assert_int_equal(a.balance, 50000 - r.gas_used);
  assert_int_equal(money_sum(c), sum);
}

/* A lock that ends in the transaction it pays for (LEDGER 2.8). */
static void with_a_lock(void) {
  struct chain *c = &s.ledger->chain;
  struct pocket balance = pocket_balance(s.id[6]), burned = pocket_of(POCKET_BURNED);
  assert_true(money_gas_lock(c, NULL, lock_seat, s.id[6], 60000));
  assert_true(money_flow(c, NULL, ROW_POST, &balance, &burned, money_held(c, &balance) - 5));
  lock_of_it = pocket_gas_lock(lock_seat, s.id[6]);
}

static void its_lock_ends(void **state) {
  (void)state;
  struct chain *c = &s.ledger->chain;
  uint64_t sum = money_sum(c);
  with_a_lock();
  lock_ends = true;
  struct ledger_result r = send();
  struct pocket balance = pocket_balance(s.id[6]);
  assert_int_equal(r.code, CHAIN_OK);
  assert_int_equal(money_held(c, &lock_of_it), 0);
  assert_int_equal(money_held(c, &balance), 60000 - r.gas_used);
  assert_int_equal(money_sum(c), sum);
}

static void its_lock_ends_and_is_spent(void **state) {
  (void)state;
  struct chain *c = &s.ledger->chain;
  uint64_t sum = money_sum(c);
  with_a_lock();
  lock_ends = spends_its_gas = true;
  struct ledger_result r = send();
  struct pocket balance = pocket_balance(s.id[6]);
  assert_int_equal(r.code, CHAIN_FUNDS); /* it is taken back, and pays all the same */
  assert_int_equal(money_held(c, &lock_of_it), 60000 - r.gas_used);
  assert_int_equal(money_held(c, &balance), 5);
  assert_int_equal(c->log.size, 0);
  assert_int_equal(money_sum(c), sum);
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, open_stage, shut_stage)

int main(void) {
  const struct CMUnitTest tests[] = {
      UNIT(whatever_it_fails_with),
      UNIT(it_takes_more_than_declared),
      UNIT(it_takes_just_what_was_declared),
      UNIT(it_spends_all_it_has),
      UNIT(its_lock_ends),
      UNIT(its_lock_ends_and_is_spent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
