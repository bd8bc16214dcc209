/* tape_check: the small example is a program; each of rules (a) to (f) of TAPE 5.3 broken once is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "tape/check/check.h"
#include "tape/record/example.h"

static enum tape_status verdict(const struct tape *t, struct why *why) {
  static uint8_t memory[1 << 16];
  struct arena scratch = arena_over(memory, sizeof memory);
  enum tape_status status = tape_check(t, &scratch, why);
  assert_int_equal(scratch.used_bytes, 0);
  return status;
}

static void the_example_is_a_program(void **state) {
  (void)state;
  struct example e;
  struct why why = {""};
  example_tape(&e);
  if (verdict(&e.tape, &why) != TAPE_OK) fail_msg("%s", why.text);
}

static void counts_are_those_worked_out_by_hand(void **state) {
  (void)state;
  struct example e;
  struct tape_counts counts;
  example_tape(&e);
  assert_true(tape_count(&e.tape, &counts));
  assert_int_equal(counts.dot_flops, e.tape.counts.dot_flops);
  assert_int_equal(counts.body_ops, e.tape.counts.body_ops);
  assert_int_equal(counts.bytes, e.tape.counts.bytes);
}

/* The same value in two slots is one value; another window of the same tensor is another. */
static void a_value_counts_once_a_record(void **state) {
  (void)state;
  struct tape_record r = example_record(TAPE_MAP, TAPE_F32, TAPE_TEMP, 0);
  struct tape t = {.records_count = 1, .record = &r};
  struct tape_counts counts;
  example_dims(&r, 1, 0, (uint32_t[]){3});
  for (uint64_t leaf = 0; leaf < 2; leaf++)
    for (int twice = 0; twice < 2; twice++) example_axis(example_operand(&r, TAPE_IN, TAPE_F32, leaf), 10, 0);
  assert_true(tape_count(&t, &counts));
  assert_int_equal(counts.bytes, 4 * (3 + 10 + 10));
}

static void counts_beyond_64_bits_are_refused(void **state) {
  (void)state;
  enum { RECORDS = 1 << 6 };
  static struct tape_record record[RECORDS];
  struct tape t = {.records_count = RECORDS, .record = record};
  struct tape_counts counts;
  for (int i = 0; i < RECORDS; i++) { /* 2^32 elements * 2^20 positions * (95 + 1) > 2^58 each */
    record[i] = example_record(TAPE_FOLD, TAPE_F32, TAPE_TEMP, 0);
    example_dims(&record[i], 2, 1, (uint32_t[]){65535, 65536, 1 << 20});
    uint8_t one = example_literal(&record[i], 0x3f800000, false);
    for (int n = 0; n < 2; n++) example_op(&record[i], CANON_EXP, one, 0, 0);
    for (int n = 0; n < 31; n++) example_op(&record[i], CANON_ADD, one, one, 0);
  }
  assert_int_equal(record_check(&record[0], NULL), RECORD_OK);
  assert_false(tape_count(&t, &counts));
  t.records_count = 40;
  assert_true(tape_count(&t, &counts));
}

/* X(name, words of the reason, how the example is broken) */
#define BROKEN(X)                                                                                                      \
  X(record_rule, "record 3: dim 0 is 0", e->record[2].dim[0] = 0)                                                      \
  X(temp_later, "record 1: operand 0: no earlier record", read_temp(e, 0, 1))                                          \
  X(temp_itself, "record 1: operand 0: no earlier record", read_temp(e, 0, 0))                                         \
  X(temp_nowhere, "record 4: operand 0: no earlier record", e->record[3].operand[0].first_leaf = 77)                   \
  X(temp_dtype, "record 7: operand 0: the value at temp leaf 1 has another dtype",                                     \
    e->record[6].operand[0].first_leaf = 1)                                                                            \
  X(temp_size, "record 4: operand 0: the value at temp leaf 2 has another dtype, or 8 elements and not 10",            \
    e->record[3].operand[0].axis[1].extent = 5)                                                                        \
  X(state_nowhere, "record 3: operand 1: no state entry starts at leaf 9", e->record[2].operand[1].first_leaf = 9)     \
  X(state_dtype, "record 3: operand 1: state entry diverged has another dtype",                                        \
    e->record[2].operand[1].first_leaf = 0)                                                                            \
  X(state_size, "record 3: operand 1: state entry w has another dtype, or 12 elements and not 16",                     \
    e->record[2].operand[1].axis[0].extent = 4)                                                                        \
  X(data_number, "record 2: operand 1: the layout has no data tensor number 1",                                        \
    e->record[1].operand[1].data_number = 1)                                                                           \
  X(data_size, "record 2: operand 1: a window up to byte 108 of data tensor train/x, which has 96",                    \
    e->record[1].operand[1].axis[0].extent = 9)                                                                        \
  X(data_window, "record 12: operand 0: a window up to byte 12336 of data tensor initial, which has 12288",            \
    e->record[11].operand[0].first_leaf = 3)                                                                           \
  X(data_one_more, "record 12: operand 0: a window up to byte 12292 of data tensor initial, which has 12288",          \
    e->record[11].operand[0].first_leaf = 2, e->record[11].operand[0].axis[0].extent = 25,                             \
    e->record[11].operand[0].axis[1].extent = 41)                                                                      \
  X(temp_gap, "record 2: its value is at temp leaf 5, the next free one is 1", e->record[1].first_leaf = 5)            \
  X(temp_overlap, "record 2: its value is at temp leaf 0, the next free one is 1", e->record[1].first_leaf = 0)        \
  X(temp_total, "the header says 10 temp leaves, the records fill 9", e->tape.temp_leaves = 10)                        \
  X(out_nowhere, "record 13: no state entry starts at leaf 4", e->record[12].first_leaf = 4)                           \
  X(out_twice, "record 12: state entry w is written a second time", e->record[11].first_leaf = 1)                      \
  X(out_missing, "state entry count is not written", e->tape.records_count = 12)                                       \
  X(out_dtype, "record 13: state entry count has another dtype or shape", e->record[12].dtype = TAPE_U8)               \
  X(out_rank, "record 13: state entry count has another dtype or shape", add_dim(&e->record[12]))                      \
  X(out_shape, "record 12: state entry m has another dtype or shape", swap_dims(&e->record[11]))                       \
  X(indirect, "record 2: operand 1 axis 0: index from slot 1", e->record[1].operand[1].axis[0].indirect = 1)           \
  X(state_leaves, "the header says 5 state leaves, the layout has 4", e->tape.state_leaves = 5)                        \
  X(dot_flops, "the header counts 49 dot flops", e->tape.counts.dot_flops++)                                           \
  X(body_ops, "the header counts 48 dot flops, 1265 body operations", e->tape.counts.body_ops++)                       \
  X(bytes, "933 bytes; the records 48, 1264, 932", e->tape.counts.bytes++)                                             \
  X(too_many, "16384 records, at most 16383", e->tape.records_count = 16384)

static void read_temp(struct example *e, uint32_t record, uint64_t leaf) {
  struct tape_operand *x = example_operand(&e->record[record], TAPE_TEMP, TAPE_I32, leaf);
  example_axis(x, 2, 0);
}

static void add_dim(struct tape_record *r) {
  r->out_rank = 2;
  r->dim[2] = r->dim[1];
  r->dim[1] = 1;
  r->operand[0].axis[0].term[0].dim = 2;
}

static void swap_dims(struct tape_record *r) {
  r->dim[0] = 4;
  r->dim[1] = 3;
}

#define BREAK(NAME, REASON, ...)                                                                                       \
  static void break_##NAME(struct example *e) { __VA_ARGS__; }
BROKEN(BREAK)

#define ROW(NAME, REASON, ...) {#NAME, break_##NAME, REASON},
static const struct {
  const char *name;
  void (*change)(struct example *e);
  const char *reason;
} broken[] = {BROKEN(ROW)};

static void every_rule_has_its_reason(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    struct example e;
    struct why why = {""};
    example_tape(&e);
    broken[i].change(&e);
    if (verdict(&e.tape, &why) != TAPE_ERR_RULE) fail_msg("%s is accepted", broken[i].name);
    if (!strstr(why.text, broken[i].reason)) fail_msg("%s: %s", broken[i].name, why.text);
  }
}

static void without_memory_there_is_no_verdict(void **state) {
  (void)state;
  struct example e;
  uint8_t memory[64];
  struct arena scratch = arena_over(memory, sizeof memory);
  example_tape(&e);
  assert_int_equal(tape_check(&e.tape, &scratch, NULL), TAPE_ERR_MEMORY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_example_is_a_program),     cmocka_unit_test(counts_are_those_worked_out_by_hand),
      cmocka_unit_test(a_value_counts_once_a_record), cmocka_unit_test(counts_beyond_64_bits_are_refused),
      cmocka_unit_test(every_rule_has_its_reason),    cmocka_unit_test(without_memory_there_is_no_verdict),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
