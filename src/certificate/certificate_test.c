/* certificate: what is right is taken, each thing that can be wrong is found and named, and on a chain of one no byte
 * can change. Sizes are those of LEDGER 18.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "certificate/stage.h"
#include "crypto/sha256.h"

static uint8_t bytes[CERTIFICATE_BYTES_MAX];
static struct stage stage;
static struct certificate read;

/* Which check fails; -1: it is no certificate at all. */
static int check_of(size_t length, const uint8_t *anchor) {
  struct why why = {""};
  if (!certificate_decode(bytes, length, &read, &why)) return assert_true(*why.text), -1;
  enum certificate_check check = certificate_verify(&read, anchor, &why);
  assert_int_equal(*why.text != 0, check != CERTIFICATE_TRUE);
  return (int)check;
}

static int check_stage(void) { return check_of(stage_write(&stage, bytes, sizeof bytes), NULL); }

static void assert_same_again(size_t length) {
  static uint8_t again[CERTIFICATE_BYTES_MAX];
  struct certificate_receipt rows[CERTIFICATE_RECEIPTS_MAX];
  size_t offset = 0;
  uint16_t count = 0;
  while (certificate_next(&read, &offset, &rows[count])) count++;
  assert_int_equal(count, read.receipts);
  struct comet_commit commit = {.height = read.header.height,
                                .round = read.round,
                                .block.parts = read.parts,
                                .count = read.validators,
                                .signatures = read.signature};
  comet_header_hash(&read.header, commit.block.hash);
  memcpy(commit.block.parts_hash, read.parts_hash, 32);
  const struct certificate_parts parts = {.header = &read.header,
                                          .commit = &commit,
                                          .validator = read.validator,
                                          .state_root = read.state_root,
                                          .log_size = read.log_size,
                                          .receipts = count,
                                          .receipt = rows,
                                          .job = read.job_bytes,
                                          .payments = read.payments,
                                          .layout = read.layout,
                                          .spec = read.spec};
  assert_int_equal(certificate_encode(&parts, again, sizeof again), length);
  assert_memory_equal(again, bytes, length);
}

static void test_right(void **state) {
  (void)state;
  static const uint16_t validators[] = {1, 4, 100}, tasks[] = {1, 2, 16};
  for (int v = 0; v < 3; v++)
    for (int t = 0; t < 3; t++) {
      stage_usual(&stage, validators[v], tasks[t]);
      size_t length = stage_write(&stage, bytes, sizeof bytes);
      assert_int_equal(check_of(length, NULL), CERTIFICATE_TRUE);
      assert_int_equal(check_of(length, read.header.validators), CERTIFICATE_TRUE);
      assert_int_equal(read.receipts, tasks[t] + 1);
      assert_int_equal(read.job.tasks, tasks[t]);
      assert_int_equal(certificate_intervals(&read), 34);
      assert_same_again(length);
      if (t == 0) print_message("%u validators: %zu bytes\n", validators[v], length);
    }
}

/* LEDGER 18.6: no byte of a chain of one's can change, be missing or be added. */
static void test_every_byte(void **state) {
  (void)state;
  stage_usual(&stage, 1, 2);
  size_t length = stage_write(&stage, bytes, sizeof bytes);
  assert_int_equal(check_of(length, NULL), CERTIFICATE_TRUE);
  for (size_t i = 0; i < length; i++)
    for (int bit = 0; bit < 8; bit++) {
      bytes[i] ^= (uint8_t)(1 << bit);
      if (check_of(length, NULL) == CERTIFICATE_TRUE) fail_msg("byte %zu, bit %d", i, bit);
      bytes[i] ^= (uint8_t)(1 << bit);
    }
  for (size_t i = 0; i < length; i++) assert_int_equal(check_of(i, NULL), -1);
  for (int more = 0; more < 256; more += 51) {
    bytes[length] = (uint8_t)more;
    assert_int_equal(check_of(length + 1, NULL), -1);
  }
}

static void test_signatures(void **state) {
  (void)state;
  static const struct {
    uint16_t validators, absent, nil;
    bool good;
  } cases[] = {{4, 1, 0, true},  {4, 0, 1, true},  {4, 2, 0, false},   {4, 1, 1, false},    {4, 0, 2, false},
               {1, 1, 0, false}, {3, 1, 0, false}, {100, 33, 0, true}, {100, 34, 0, false}, {100, 20, 14, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    stage_usual(&stage, cases[i].validators, 1);
    for (int v = 0; v < 100; v++) stage.power[v] = 7;
    stage.absent = cases[i].absent, stage.nil = cases[i].nil;
    assert_int_equal(check_stage(), cases[i].good ? CERTIFICATE_TRUE : CERTIFICATE_WRONG_SIGNATURES);
  }
  /* One with much power decides: 61 of 91 are more than two thirds, 60 of 90 are not. */
  for (uint64_t power = 60; power <= 61; power++) {
    stage_usual(&stage, 4, 1);
    for (int v = 0; v < 4; v++) stage.power[v] = v == 2 ? power : 10;
    stage.absent = 3;
    assert_int_equal(check_stage(), power == 61 ? CERTIFICATE_TRUE : CERTIFICATE_WRONG_SIGNATURES);
  }
}

static void test_anchor_and_order(void **state) {
  (void)state;
  uint8_t other[32] = {1};
  stage_usual(&stage, 4, 1);
  assert_int_equal(check_of(stage_write(&stage, bytes, sizeof bytes), other), CERTIFICATE_WRONG_ANCHOR);
  stage.twisted = true;
  assert_int_equal(check_stage(), CERTIFICATE_WRONG_SIGNATURES);
  stage_usual(&stage, 4, 1);
  stage.signed_chain = "another";
  assert_int_equal(check_stage(), CERTIFICATE_WRONG_SIGNATURES);
}

#define WRONG(check, change)                                                                                           \
  do {                                                                                                                 \
    stage_usual(&stage, 1, 3);                                                                                         \
    change;                                                                                                            \
    assert_int_equal(check_stage(), check);                                                                            \
  } while (0)

/* Receipts that are all in the log and do not tell what a certificate says. */
static void test_receipts(void **state) {
  (void)state;
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[3].kind = RECEIPT_OPENED);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[3].kind = RECEIPT_CANCELLED);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[1].kind = RECEIPT_FAULT);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[0].kind = RECEIPT_SETTLED);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[2].task[0] ^= 1); /* another job */
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[2].task[32] = 2); /* left out */
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[0].task[32] = 1);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[2].start_root[9] ^= 1);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[1].start_root[9] ^= 1);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[1].final_root[9] ^= 1);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[2].genesis[0] ^= 1);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[2].spec_hash[0] ^= 1);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[2].trust = 1);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[2].reason = REASON_DIVERGED); /* and yet it went on */
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.header.height++);
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.header.height--);
  WRONG(CERTIFICATE_TRUE, stage.row[3].reason = REASON_DIVERGED; stage.row[3].steps = 7; stage.row[3].outcome = 1);
  assert_int_equal(certificate_intervals(&read), 3);
}

/* A path that leads elsewhere: the first receipt's with the second's. */
static void test_swapped_path(void **state) {
  (void)state;
  struct certificate_receipt a, b;
  size_t offset = 0;
  stage_usual(&stage, 1, 1);
  size_t length = stage_write(&stage, bytes, sizeof bytes);
  assert_int_equal(check_of(length, NULL), CERTIFICATE_TRUE);
  assert_true(certificate_next(&read, &offset, &a) && certificate_next(&read, &offset, &b));
  uint8_t *at = bytes + (a.path[0] - bytes), kept[32];
  memcpy(kept, at, 32);
  memcpy(at, at + 32, 32);
  memcpy(at + 32, kept, 32);
  assert_int_equal(check_of(length, NULL), CERTIFICATE_WRONG_LOG);
}

static void test_job(void **state) {
  (void)state;
  WRONG(CERTIFICATE_WRONG_JOB, stage.row[0].final_root[0] ^= 1);
  WRONG(CERTIFICATE_WRONG_JOB, stage.row[3].level = 3);
  WRONG(CERTIFICATE_WRONG_JOB, stage.row[3].seed++);
  WRONG(CERTIFICATE_WRONG_JOB, stage.row[3].seed_mode = 1);
  WRONG(CERTIFICATE_WRONG_JOB, stage.row[3].steps = 101);
  /* What is not true may still be asked. */
  WRONG(CERTIFICATE_WRONG_RECEIPTS, stage.row[3].task[32] = 99);
  assert_int_equal(certificate_intervals(&read), 0);
  WRONG(CERTIFICATE_WRONG_PAYMENTS, stage.row[3].payments[0] ^= 1);
  WRONG(CERTIFICATE_WRONG_LAYOUT, stage.layout.length--);
  WRONG(CERTIFICATE_TRUE, stage.layout.length = 0);
  WRONG(CERTIFICATE_WRONG_SPEC, stage.spec.length--);
  WRONG(CERTIFICATE_TRUE, stage.spec.length = 0);
}

/* A spec that is added later: for whoever has the job's text. */
static void test_with(void **state) {
  (void)state;
  static uint8_t with[65536];
  struct why why;
  stage_usual(&stage, 1, 1);
  struct certificate_span spec = stage.spec;
  stage.spec.length = 0;
  size_t length = stage_write(&stage, bytes, sizeof bytes);
  assert_int_equal(check_of(length, NULL), CERTIFICATE_TRUE);
  size_t more = certificate_with(&read, bytes, length, spec, with, sizeof with);
  assert_int_equal(more, length + spec.length);
  assert_true(certificate_decode(with, more, &read, &why));
  assert_int_equal(certificate_verify(&read, NULL, &why), CERTIFICATE_TRUE);
  assert_memory_equal(read.spec.bytes, spec.bytes, spec.length);
  assert_int_equal(certificate_with(&read, with, more, spec, bytes, more - 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_right),      cmocka_unit_test(test_every_byte),
                                     cmocka_unit_test(test_signatures), cmocka_unit_test(test_anchor_and_order),
                                     cmocka_unit_test(test_receipts),   cmocka_unit_test(test_swapped_path),
                                     cmocka_unit_test(test_job),        cmocka_unit_test(test_with)};
  if (sign_open(NULL) != SIGN_OK) return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
