/* Receipts: the layout, the log they go into, and what they say to people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/sha256.h"
#include "ledger/receipt/receipt.h"

static struct receipt example(void) {
  struct receipt r = {.trust = 1,
                      .number = 2,
                      .height = 3,
                      .tick = 4,
                      .kind = RECEIPT_VERDICT,
                      .attempt = 1,
                      .seat = 5,
                      .reason = REASON_PROVEN,
                      .figure = 0x3f800000,
                      .outcome = 1,
                      .steps = 640,
                      .seed_mode = 1,
                      .level = 2,
                      .seats = 3,
                      .draws = 2,
                      .audited = 3,
                      .seed = 7,
                      .disputes = 1,
                      .claims = 2,
                      .parameters = 1,
                      .dispute = 9,
                      .interval = 10,
                      .record = 11,
                      .step = 12,
                      .element = 13,
                      .committed = 14,
                      .recomputed = 15,
                      .loser = 1,
                      .how = 2};
  memset(r.genesis, 0x11, 32);
  memset(r.task, 0x22, 34);
  memset(r.account, 0x33, 32);
  memset(r.spec_hash, 0x44, 32);
  memset(r.start_root, 0x55, 32);
  memset(r.final_root, 0x66, 32);
  memset(r.payments, 0x77, 32);
  return r;
}

/* LEDGER 17.3, places by hand. */
static void layout(void **state) {
  (void)state;
  struct receipt r = example(), again;
  uint8_t bytes[RECEIPT_BYTES];
  receipt_encode(&r, bytes);
  assert_int_equal(sizeof bytes, 320);
  assert_int_equal(bytes[32], 1); /* trust */
  assert_int_equal(bytes[33], 2); /* number */
  assert_int_equal(bytes[41], 3); /* height */
  assert_int_equal(bytes[49], 4); /* tick */
  assert_int_equal(bytes[57], 6); /* kind */
  assert_int_equal(bytes[92], 1); /* attempt */
  assert_int_equal(bytes[93], 5); /* seat */
  assert_int_equal(bytes[94], 8); /* reason */
  assert_int_equal(bytes[96], 0x33);
  assert_int_equal(bytes[227], 0x3f); /* figure */
  assert_int_equal(bytes[288], 0x77);
  assert_true(receipt_decode(bytes, sizeof bytes, &again));
  assert_memory_equal(&r, &again, sizeof r);
  assert_false(receipt_decode(bytes, sizeof bytes - 1, &again));
  bytes[32] = 2;
  assert_false(receipt_decode(bytes, sizeof bytes, &again));
  bytes[32] = 1;
  bytes[57] = RECEIPT_LOCKED + 1;
  assert_false(receipt_decode(bytes, sizeof bytes, &again));
}

static uint8_t told[RECEIPT_BYTES];
static uint64_t told_number;
static size_t told_payments;
static void take(void *context, uint64_t number, const uint8_t *bytes, size_t length, const uint8_t *payments,
                 size_t payments_length) {
  (void)context, (void)payments;
  assert_int_equal(length, RECEIPT_BYTES);
  memcpy(told, bytes, length);
  told_number = number;
  told_payments = payments_length;
}

static void appended(void **state) {
  (void)state;
  static struct chain c;
  static struct payments list;
  struct receipt r = {.kind = RECEIPT_SETTLED, .reason = REASON_DONE}, read;
  const struct chain_sink sink = {.receipt = take};
  uint8_t leaf[32], root[32], hash[32];
  c.map = map_open();
  c.out = outbox_open();
  c.trust = 1;
  c.now.height = 30;
  c.now.tick = 20;
  memset(c.genesis, 9, 32);
  struct pocket from = pocket_of(POCKET_TREASURY), to = pocket_balance(c.genesis);
  c.now.treasury = 10;
  payments_begin(&list);
  assert_true(money_flow(&c, &list, ROW_SETTLED, &from, &to, 10));
  receipt_append(&c, &(struct receipt){.kind = RECEIPT_OPENED}, NULL);
  receipt_append(&c, &r, &list);
  assert_int_equal(c.log.size, 2);
  outbox_tell(c.out, &sink);
  assert_int_equal(told_number, 1);
  assert_int_equal(told_payments, list.used);
  assert_true(receipt_decode(told, sizeof told, &read));
  assert_int_equal(read.height, 30);
  assert_int_equal(read.tick, 20);
  assert_int_equal(read.trust, 1);
  sha256(list.bytes, list.used, hash);
  assert_memory_equal(read.payments, hash, 32);
  struct log alone = {.size = 0};
  log_leaf(told, sizeof told, leaf);
  receipt_encode(&(struct receipt){.kind = RECEIPT_OPENED}, told); /* another one: another root */
  log_add(&alone, leaf);
  log_root(&c.log, root);
  log_root(&alone, hash);
  assert_memory_not_equal(root, hash, 32);
  outbox_shut(c.out);
  map_shut(c.map);
}

static void words(void **state) {
  (void)state;
  for (uint8_t k = RECEIPT_OPENED; k <= RECEIPT_LOCKED; k++) assert_non_null(receipt_kind_text(k));
  assert_null(receipt_kind_text(0));
  assert_null(receipt_kind_text(RECEIPT_LOCKED + 1));
  for (uint16_t r = REASON_NONE; r <= REASON_STALLED; r++) assert_true(strlen(receipt_reason_text(r)) > 8);
  assert_null(receipt_reason_text(REASON_STALLED + 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(layout), cmocka_unit_test(appended), cmocka_unit_test(words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
