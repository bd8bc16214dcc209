#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/chain/why_account.h"
#include "cli/chain/why_words.h"
#include "cli/chain/words.h"
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
      why_receipt(&r, NULL, NULL, text);
      if (kind != RECEIPT_CANCELLED) holds(text, ann_text);
      bool plain =
          kind == RECEIPT_OPENED || kind == RECEIPT_POSTED || kind == RECEIPT_LOCKED; /* these need no reason */
      if (!plain) holds(text, receipt_reason_text(reason));
      r.kind = receipt_kind_text(kind + 1) ? kind + 1 : RECEIPT_OPENED;
      why_receipt(&r, NULL, NULL, next);
      assert_string_not_equal(text, next);
    }
}

static struct receipt proven(void) {
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
  return r;
}

static const struct tape_record dot = {
    .op = TAPE_DOT, .dtype = TAPE_F32, .out_rank = 2, .dim = {120, 120}, .operands = 2};

static void a_verdict_says_what_was_proven(void **state) {
  (void)state;
  char text[WHY_WORDS];
  struct receipt r = proven();
  why_receipt(&r, NULL, NULL, text);
  holds(text, "dispute 4 of seat 0 about interval 7 is lost by the solver asy1");
  holds(text, "in step 19, element 13879 of record 36 was committed as 3a8dc90b (0.00108173618), and computed again it "
              "is 3acdc90b (0.00157001743)");
  why_receipt(&r, &dot, NULL, text);
  holds(text, "element 13879 (115, 79) of record 36 (dot) was committed as 3a8dc90b (0.0010");
  struct tape_record whole = dot;
  whole.dtype = TAPE_I32;
  r.committed = 0xffffffff;
  why_receipt(&r, &whole, NULL, text);
  holds(text, "ffffffff (-1)");
  r.loser = DISPUTE_CHALLENGER;
  r.how = DISPUTE_BY_CLOCK;
  why_receipt(&r, NULL, NULL, text);
  holds(text, "lost by the verifier asy1");
  holds(text, "its clock ran out");
}

static void a_verdict_in_json(void **state) {
  (void)state;
  struct receipt r = proven();
  json_t *o = why_receipt_json(&r, &dot, NULL, 0), *v = json_object_get(o, "verdict");
  assert_string_equal(json_string_value(json_object_get(v, "opcode")), "dot");
  assert_string_equal(json_string_value(json_object_get(v, "committed")), "3a8dc90b");
  assert_true(json_real_value(json_object_get(v, "recomputed_value")) > 0.00157);
  assert_int_equal(json_integer_value(json_array_get(json_object_get(v, "coordinates"), 1)), 79);
  json_decref(o);
  r.committed = 0x7fc00000; /* no number */
  o = why_receipt_json(&r, NULL, NULL, 0);
  v = json_object_get(o, "verdict");
  assert_true(json_is_null(json_object_get(v, "committed_value")));
  assert_true(json_is_null(json_object_get(v, "opcode")));
  assert_int_equal(json_array_size(json_object_get(v, "coordinates")), 0);
  json_decref(o);
  r.how = DISPUTE_BY_CLOCK;
  o = why_receipt_json(&r, NULL, NULL, 0);
  assert_null(json_object_get(json_object_get(o, "verdict"), "element"));
  json_decref(o);
}

/* LEDGER 5.3, 8.2 rows 8 and 12: who is late, and who does not take a seat that was drawn; no own seat. */
static void strikes_are_told(void **state) {
  (void)state;
  char text[WHY_WORDS];
  for (uint16_t reason = 0; receipt_reason_text(reason); reason++)
    for (uint8_t kind = 1; receipt_kind_text(kind); kind++) {
      struct receipt r = {.kind = kind, .reason = reason, .attempt = 1, .seat = 1, .seats = 3};
      bool late = kind == RECEIPT_ATTEMPT && (reason == REASON_LATE || reason == REASON_REFUSED);
      bool untaken = kind == RECEIPT_SEAT && reason == REASON_NOT_TAKEN;
      memcpy(r.account, ann, 32);
      why_receipt(&r, NULL, NULL, text);
      assert_int_equal(why_strike(&r), late || untaken);
      assert_int_equal(strstr(text, "a strike") != NULL, late || untaken);
      r.seat = 3;
      assert_int_equal(why_strike(&r), late);
    }
}

static struct payment flow(uint8_t row, struct pocket from, struct pocket to, uint64_t amount) {
  return (struct payment){.row = row, .from = from, .to = to, .amount = amount};
}

static void payments_name_both_ends(void **state) {
  (void)state;
  static const uint8_t at[POCKET_SEAT_BYTES] = {3};
  char text[WHY_WORDS], want[WHY_WORDS];
  struct payment p = flow(ROW_SETTLED, pocket_escrow(job), pocket_balance(ann), 3500000000);
  why_payment(&p, NULL, text);
  snprintf(want, sizeof want, "3.5 ASY from the job's escrow to %s, for a settled task", ann_text);
  assert_string_equal(text, want);
  p = flow(ROW_SILENT, pocket_stake(bob, ROLE_SOLVER), pocket_of(POCKET_BURNED), 1);
  why_payment(&p, NULL, text);
  snprintf(want, sizeof want, "0.000000001 ASY of the solver stake of %s burned, for a fault by silence", bob_text);
  assert_string_equal(text, want);
  p = flow(ROW_SETTLED, pocket_gas_lock(at, bob), pocket_balance(bob), 5);
  why_payment(&p, NULL, text);
  snprintf(want, sizeof want, "0.000000005 ASY back to %s, set aside for gas and not used", bob_text);
  assert_string_equal(text, want);
  p = flow(ROW_LOCK, pocket_balance(bob), pocket_gas_lock(at, bob), 5);
  why_payment(&p, NULL, text);
  snprintf(want, sizeof want, "0.000000005 ASY of %s set aside for gas", bob_text);
  assert_string_equal(text, want);
  p = flow(ROW_SETTLED, pocket_gas_lock(at, bob), pocket_balance(ann), 5); /* another's is told as any flow */
  why_payment(&p, NULL, text);
  snprintf(want, sizeof want, "0.000000005 ASY from the gas lock of %s to %s, for a settled task", bob_text, ann_text);
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
  json_t *o = why_receipt_json(&r, NULL, list.bytes, list.used);
  json_t *payments = json_object_get(o, "payments");
  assert_int_equal(json_array_size(payments), 20);
  assert_string_equal(json_string_value(json_object_get(json_array_get(payments, 19), "amount")),
                      "18446744073709551595");
  assert_string_equal(json_string_value(json_object_get(json_array_get(payments, 0), "to")), bob_text);
  assert_true(json_is_null(json_object_get(o, "seat")));
  json_decref(o);
}

/* What everybody got and gave; what moves between one's own pockets is neither. */
static void parties_add_up(void **state) {
  (void)state;
  static const uint8_t at[POCKET_SEAT_BYTES] = {3};
  static struct payments list;
  struct parties names = {0};
  const struct payment moves[] = {
      flow(ROW_SETTLED, pocket_escrow(job), pocket_balance(ann), 700),
      flow(ROW_LOCK, pocket_balance(ann), pocket_gas_lock(at, ann), 50),
      flow(ROW_SEAT, pocket_stake(ann, ROLE_SOLVER), pocket_of(POCKET_BURNED), 30),
      flow(ROW_APPROVED, pocket_stake(ann, ROLE_SOLVER), pocket_balance(bob), UINT64_MAX - 5),
      flow(ROW_APPROVED, pocket_of(POCKET_SUBSIDY), pocket_balance(bob), 100),
  };
  struct receipt r = {.kind = RECEIPT_SETTLED, .reason = REASON_DONE, .seat = SEAT_NONE};
  memcpy(r.account, ann, 32);
  payments_begin(&list);
  for (size_t i = 0; i < sizeof moves / sizeof *moves; i++) payments_add(&list, &moves[i]);
  why_parties(&r, list.bytes, list.used, &names);
  assert_int_equal(names.count, 2);
  assert_string_equal(names.party[0].roles, "solver");
  assert_true(names.party[0].got == 700 && names.party[0].gave == UINT64_MAX); /* stays there rather than wrap */
  assert_true(names.party[1].got == UINT64_MAX && names.party[1].gave == 0);
  parties_shut(&names);
}

/* Names are as short as tells them apart, and whole where nobody was added. */
static void names_are_short_and_differ(void **state) {
  (void)state;
  struct parties names = {0};
  char one[PARTY_TEXT], other[PARTY_TEXT];
  uint8_t near[32];
  memcpy(near, ann, 32);
  assert_string_equal(parties_name(&names, ann, one), ann_text);
  assert_null(parties_add(&names, (const uint8_t[32]){0}, "nobody"));
  parties_add(&names, ann, "solver");
  parties_add(&names, ann, "verifier");
  parties_add(&names, ann, "solver");
  parties_add(&names, bob, "");
  assert_int_equal(names.count, 2);
  assert_string_equal(names.party[0].roles, "solver, verifier");
  parties_name(&names, ann, one);
  assert_int_equal(strlen(one), 14);
  assert_memory_equal(one, ann_text, 12);
  assert_string_equal(one + 12, "..");
  near[20] ^= 1; /* the first 32 letters of both are the same */
  parties_add(&names, near, "");
  parties_name(&names, ann, one);
  parties_name(&names, near, other);
  assert_string_not_equal(one, other);
  assert_true(strlen(one) > 30 && strlen(one) < ADDRESS_TEXT_LENGTH);
  assert_memory_equal(one, ann_text, strlen(one) - 2);
  near[20] ^= 1, near[31] ^= 1; /* the difference at the very end */
  parties_add(&names, near, "");
  parties_name(&names, ann, one);
  parties_name(&names, near, other);
  assert_string_not_equal(one, other);
  parties_shut(&names);
}

static void ids_there_and_back(void **state) {
  (void)state;
  uint8_t task[TASK_ID_BYTES];
  char text[CHAIN_ID_TEXT], slash[80];
  struct chain_id id;
  job_task_id(job, 515, task);
  chain_task_text(task, text);
  assert_true(chain_id_read(text, &id));
  assert_true(!id.whole && id.digits == JOB_DIGITS);
  assert_memory_equal(task, id.task, sizeof task);
  snprintf(slash, sizeof slash, "%.64s/515", text);
  assert_true(chain_id_read(slash, &id));
  assert_true(!id.whole && id.digits == JOB_DIGITS);
  assert_memory_equal(task, id.task, sizeof task);
  assert_int_equal(chain_task_number(id.task), 515);
  text[64] = 0;
  assert_true(chain_id_read(text, &id));
  assert_true(id.whole && id.digits == JOB_DIGITS);
  assert_int_equal(chain_task_number(id.task), 0);
  static const char *const bad[] = {"", "0", "/", "x", "/1x", "/65536", "/123456", "00", "/ 1", "/-1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(slash, sizeof slash, "%s%s", i == 0 ? "" : text, bad[i]);
    assert_false(chain_id_read(slash, &id));
  }
}

/* The first digits, 4 or more, an odd number of them too; each says which jobs begin so. */
static void first_digits_are_enough(void **state) {
  (void)state;
  static const uint8_t whole[32] = {0x12, 0x34, 0x56, 0x78}, other[32] = {0x12, 0x34, 0x5f, 0x78};
  struct chain_id id;
  assert_false(chain_id_read("123", &id));
  assert_false(chain_id_read("1234x", &id));
  assert_false(chain_id_read("ABCD", &id));
  assert_true(chain_id_read("1234", &id));
  assert_true(id.whole && id.digits == 4 && chain_id_begins(&id, whole) && chain_id_begins(&id, other));
  assert_true(chain_id_read("12345", &id));
  assert_true(id.digits == 5 && chain_id_begins(&id, whole) && chain_id_begins(&id, other));
  assert_true(chain_id_read("123456/7", &id));
  assert_true(!id.whole && chain_task_number(id.task) == 7);
  assert_true(chain_id_begins(&id, whole) && !chain_id_begins(&id, other));
  assert_true(chain_id_read("123400000", &id));
  assert_false(chain_id_begins(&id, whole));
}

/* Each state says something else to wait for, and until when; what is over waits for nothing. */
static void waits_say_until_when(void **state) {
  (void)state;
  struct chain c = {.now = {.tick = 100}, .parameters = {.tick_ms = 1000}, .map = map_open()};
  char text[CHAIN_WORDS], before[CHAIN_WORDS] = "";
  for (uint8_t s = TASK_WAIT; s <= TASK_CANCELLED; s++) {
    struct task_record t = {.state = s, .armed = 109, .disputes_open = 2};
    chain_wait(&c, NULL, &t, text);
    assert_string_not_equal(chain_task_state(s), "?");
    if (s >= TASK_SETTLED) {
      assert_string_equal(text, "nothing");
      continue;
    }
    assert_string_not_equal(text, before);
    strcpy(before, text);
    holds(text, "until tick 109, about 10 s from now");
    t.armed = 99;
    chain_wait(&c, NULL, &t, text);
    holds(text, "the next block decides");
    t.wait = true;
    chain_wait(&c, NULL, &t, text);
    holds(text, "of height 99");
  }
  assert_string_equal(chain_task_state(TASK_CANCELLED + 1), "?");
  map_shut(c.map);
}

/* Every wait names those whose turn it is: seats that have not answered, and not those that have. */
static void waits_name_whom(void **state) {
  (void)state;
  static struct seat_record s;
  struct chain c = {.now = {.tick = 100}, .parameters = {.tick_ms = 1000}, .map = map_open()};
  struct parties names = {0};
  struct task_record t = {.state = TASK_SEAL, .armed = 109, .attempt = 1, .seats = 2};
  char text[CHAIN_WORDS], ann_name[PARTY_TEXT], bob_name[PARTY_TEXT];
  job_task_id(job, 0, t.id);
  for (uint8_t n = 0; n < 2; n++) {
    s = (struct seat_record){.state = n ? SEAT_SEALED : SEAT_TAKEN};
    memcpy(s.id, t.id, TASK_ID_BYTES);
    s.id[TASK_ID_BYTES] = 1;
    s.id[TASK_ID_BYTES + 1] = n;
    memcpy(s.account, n ? bob : ann, 32);
    seat_store(&c, &s);
  }
  chain_parties(&c, NULL, &t, &names);
  assert_int_equal(names.count, 2);
  parties_name(&names, ann, ann_name);
  parties_name(&names, bob, bob_name);
  chain_wait(&c, &names, &t, text);
  holds(text, "the verifier asy1");
  holds(text, ann_name);
  assert_null(strstr(text, bob_name));
  t.state = TASK_SHOW;
  memcpy(t.solver, ann, 32);
  chain_wait(&c, &names, &t, text);
  holds(text, bob_name);
  holds(text, "to open its trace");
  holds(text, ann_name);
  json_t *o = chain_wait_json(&c, &t), *who = json_object_get(o, "who");
  assert_int_equal(json_array_size(who), 2);
  assert_string_equal(json_string_value(json_array_get(who, 0)), bob_text);
  assert_string_equal(json_string_value(json_array_get(who, 1)), ann_text);
  json_decref(o);
  parties_shut(&names);
  map_shut(c.map);
}

/* One thing after the other keeps work from an account, until nothing does. */
static void reasons_why_there_is_no_work(void **state) {
  (void)state;
  struct chain c = {.now = {.epoch = 4}, .parameters = {.stake_min = 100}};
  struct standing s = {.known = true};
  char text[REASONS_MAX][REASON_WORDS];
  assert_int_equal(account_reasons(&c, &s, text), 1);
  holds(text[0], "it offers no work");
  s.offers = true;
  s.provider = (struct provider){.roles = 1 << ROLE_SOLVER | 1 << ROLE_VERIFIER, .strikes = 3, .next_epoch = 5};
  assert_int_equal(account_reasons(&c, &s, text), 5);
  holds(text[0], "three strikes");
  holds(text[1], "from the end of epoch 5 on; now is epoch 4");
  holds(text[2], "assay wallet stake solver");
  holds(text[3], "assay wallet stake verifier");
  holds(text[4], "its balance is 0");
  s.provider.available = true;
  s.provider.vrf[0] = 1;
  s.account.balance = 1;
  s.account.stake[ROLE_SOLVER] = s.account.locked[ROLE_SOLVER] = 100;
  s.account.stake[ROLE_VERIFIER] = 99;
  assert_int_equal(account_reasons(&c, &s, text), 2);
  holds(text[0], "all of its stake as solver, 0.0000001 ASY, answers for tasks that it has");
  holds(text[1], "0.000000099 ASY staked as verifier, and 0.0000001 ASY is the least");
  s.account.locked[ROLE_SOLVER] = 99;
  s.account.stake[ROLE_VERIFIER] = 100;
  assert_int_equal(account_reasons(&c, &s, text), 0);
  s.provider.roles = 1 << ROLE_STORER; /* no stake is asked of it for draws */
  s.account.stake[ROLE_SOLVER] = s.account.stake[ROLE_VERIFIER] = 0;
  assert_int_equal(account_reasons(&c, &s, text), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_receipt_is_a_sentence),
      cmocka_unit_test(a_verdict_says_what_was_proven),
      cmocka_unit_test(a_verdict_in_json),
      cmocka_unit_test(strikes_are_told),
      cmocka_unit_test(payments_name_both_ends),
      cmocka_unit_test(json_has_every_payment),
      cmocka_unit_test(parties_add_up),
      cmocka_unit_test(names_are_short_and_differ),
      cmocka_unit_test(ids_there_and_back),
      cmocka_unit_test(first_digits_are_enough),
      cmocka_unit_test(waits_say_until_when),
      cmocka_unit_test(waits_name_whom),
      cmocka_unit_test(reasons_why_there_is_no_work),
  };
  return cmocka_run_group_tests(tests, begin, NULL);
}
