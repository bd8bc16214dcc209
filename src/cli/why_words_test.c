#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/chain_words.h"
#include "cli/why_words.h"
#include "crypto/address.h"

#include <stdio.h>
#include <string.h>

static const uint8_t ann[32] = {1}, bob[32] = {2}, job[32] = {3};
static char ann_text[ADDRESS_TEXT_LENGTH + 1], bob_text[ADDRESS_TEXT_LENGTH + 1];

static int begin(void **state) {
  (void)state;
  address_write(ann, ann_text);
  address_write(bob, bob_text);
  return 0;
}

static void holds(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("'%s' does not say '%s'", text, part);
}

/* Every kind with every reason is a sentence about whom it is about. */
static void every_receipt_is_a_sentence(void **state) {
  (void)state;
  char text[WHY_WORDS], next[WHY_WORDS];
  for (uint8_t kind = RECEIPT_OPENED; receipt_kind_text(kind); kind++)
    for (uint16_t reason = 0; receipt_reason_text(reason); reason++) {
      struct receipt r = {.kind = kind, .reason = reason, .attempt = 2, .seat = 1};
      memcpy(r.account, ann, 32);
      why_receipt(&r, text);
      if (kind != RECEIPT_CANCELLED) holds(text, ann_text);
      bool plain =
          kind == RECEIPT_OPENED || kind == RECEIPT_POSTED || kind == RECEIPT_LOCKED; /* these need no reason */
      if (!plain) holds(text, receipt_reason_text(reason));
      r.kind = receipt_kind_text(kind + 1) ? kind + 1 : RECEIPT_OPENED;
      why_receipt(&r, next);
      assert_string_not_equal(text, next);
    }
}

static void a_verdict_says_what_was_proven(void **state) {
  (void)state;
  char text[WHY_WORDS];
  struct receipt r = {.kind = RECEIPT_VERDICT,
                      .reason = REASON_PROVEN,
                      .how = DISPUTE_BY_PROOF,
                      .loser = DISPUTE_CLAIMANT,
                      .dispute = 4,
                      .interval = 7,
                      .step = 19,
                      .record = 36,
                      .element = 13879,
                      .committed = 0x3a8dc90b,
                      .recomputed = 0x3acdc90b};
  memcpy(r.account, ann, 32);
  why_receipt(&r, text);
  holds(text, "dispute 4 of seat 0 about interval 7 is lost by the solver asy1");
  holds(text, "step 19, record 36, element 13879 was committed as 3a8dc90b, and computed again it is 3acdc90b");
  r.loser = DISPUTE_CHALLENGER;
  r.how = DISPUTE_BY_CLOCK;
  why_receipt(&r, text);
  holds(text, "lost by the verifier asy1");
  holds(text, "its clock ran out");
}

static struct payment flow(uint8_t row, struct pocket from, struct pocket to, uint64_t amount) {
  return (struct payment){.row = row, .from = from, .to = to, .amount = amount};
}

static void payments_name_both_ends(void **state) {
  (void)state;
  static const uint8_t at[POCKET_SEAT_BYTES] = {3};
  char text[WHY_WORDS], want[WHY_WORDS];
  struct payment p = flow(ROW_SETTLED, pocket_escrow(job), pocket_balance(ann), 3500000000);
  why_payment(&p, text);
  snprintf(want, sizeof want, "3.5 ASY from the job's escrow to %s, for a settled task", ann_text);
  assert_string_equal(text, want);
  p = flow(ROW_SILENT, pocket_stake(bob, ROLE_SOLVER), pocket_of(POCKET_BURNED), 1);
  why_payment(&p, text);
  snprintf(want, sizeof want, "0.000000001 ASY of the solver stake of %s burned, for a fault by silence", bob_text);
  assert_string_equal(text, want);
  p = flow(ROW_SETTLED, pocket_gas_lock(at, bob), pocket_balance(bob), 5);
  why_payment(&p, text);
  snprintf(want, sizeof want, "0.000000005 ASY from the gas lock of %s to %s, for a settled task", bob_text, bob_text);
  assert_string_equal(text, want);
}

static void json_has_every_payment(void **state) {
  (void)state;
  static struct payments list;
  payments_begin(&list);
  for (uint64_t n = 1; n <= 20; n++) {
    struct payment p = flow(ROW_PROVEN, pocket_stake(ann, ROLE_SOLVER), pocket_balance(bob), UINT64_MAX - n);
    payments_add(&list, &p);
  }
  struct receipt r = {.kind = RECEIPT_FAULT, .reason = REASON_PROVEN, .attempt = 1, .seat = 255, .number = 9};
  json_t *o = why_receipt_json(&r, list.bytes, list.used);
  json_t *payments = json_object_get(o, "payments");
  assert_int_equal(json_array_size(payments), 20);
  assert_string_equal(json_string_value(json_object_get(json_array_get(payments, 19), "amount")),
                      "18446744073709551595");
  assert_string_equal(json_string_value(json_object_get(json_array_get(payments, 0), "to")), bob_text);
  assert_true(json_is_null(json_object_get(o, "seat")));
  json_decref(o);
}

static void ids_there_and_back(void **state) {
  (void)state;
  uint8_t id[TASK_ID_BYTES], back[TASK_ID_BYTES];
  char text[CHAIN_ID_TEXT], slash[80];
  bool whole = true;
  job_task_id(job, 515, id);
  chain_task_text(id, text);
  assert_true(chain_task_read(text, back, &whole));
  assert_false(whole);
  assert_memory_equal(id, back, sizeof id);
  snprintf(slash, sizeof slash, "%.64s/515", text);
  memset(back, 0xff, sizeof back);
  assert_true(chain_task_read(slash, back, &whole));
  assert_false(whole);
  assert_memory_equal(id, back, sizeof id);
  assert_int_equal(chain_task_number(back), 515);
  text[64] = 0;
  assert_true(chain_task_read(text, back, &whole));
  assert_true(whole);
  static const char *const bad[] = {"", "0", "/", "x", "/1x", "/65536", "/123456", "00"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(slash, sizeof slash, "%s%s", i == 0 || i == 1 ? "" : text, bad[i]);
    assert_false(chain_task_read(slash, back, &whole));
  }
}

/* Each state says something else to wait for, and until when; what is over waits for nothing. */
static void waits_say_until_when(void **state) {
  (void)state;
  struct chain c = {.now = {.tick = 100}, .parameters = {.tick_ms = 1000}};
  char text[CHAIN_WORDS], before[CHAIN_WORDS] = "";
  for (uint8_t s = TASK_WAIT; s <= TASK_CANCELLED; s++) {
    struct task_record t = {.state = s, .armed = 109, .disputes_open = 2};
    chain_wait(&c, &t, text);
    assert_string_not_equal(chain_task_state(s), "?");
    if (s >= TASK_SETTLED) {
      assert_string_equal(text, "nothing");
      continue;
    }
    assert_string_not_equal(text, before);
    strcpy(before, text);
    if (s != TASK_JUDGE) holds(text, "until tick 109, about 10 s from now");
    t.armed = 99;
    chain_wait(&c, &t, text);
    if (s != TASK_JUDGE) holds(text, "the next block decides");
    t.wait = true;
    chain_wait(&c, &t, text);
    if (s != TASK_JUDGE) holds(text, "of height 99");
  }
  assert_string_equal(chain_task_state(TASK_CANCELLED + 1), "?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_receipt_is_a_sentence), cmocka_unit_test(a_verdict_says_what_was_proven),
      cmocka_unit_test(payments_name_both_ends),     cmocka_unit_test(json_has_every_payment),
      cmocka_unit_test(ids_there_and_back),          cmocka_unit_test(waits_say_until_when),
  };
  return cmocka_run_group_tests(tests, begin, NULL);
}
