/* The table: every row is well formed, names are unique, costs are those of TAPE 4.7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"

static void rows_are_well_formed(void **state) {
  (void)state;
  int rows = 0;
  for (int code = 0; code < 256; code++) {
    const struct canon_op *op = canon_op((uint8_t)code);
    if (!op) continue;
    rows++;
    assert_true(strchr("fit", op->result) && op->result);
    assert_int_equal(strnlen(op->argument, 3), op->arity);
    for (int i = 0; i < op->arity; i++) assert_non_null(strchr("fit", op->argument[i]));
    for (int other = 0; other < code; other++)
      if (canon_op((uint8_t)other)) assert_string_not_equal(canon_op((uint8_t)other)->name, op->name);
  }
  assert_int_equal(rows, 51);
}

static void codes_have_their_names(void **state) {
  (void)state;
  static const struct {
    uint8_t code;
    const char *name;
  } some[] = {{0x00, "add"},   {0x05, "sqrt"}, {0x09, "max"},  {0x0c, "rint"}, {0x13, "erf"},  {0x23, "umulh"},
              {0x29, "ushr"},  {0x2d, "imod"}, {0x32, "feq"},  {0x36, "sel"},  {0x41, "ftoi"}, {0x43, "unbits"},
              {0x50, "coord"}, {0x53, "step"}, {0x60, "rand"}, {0x61, "perm"}};
  for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
    assert_non_null(canon_op(some[i].code));
    assert_string_equal(canon_op(some[i].code)->name, some[i].name);
  }
  assert_null(canon_op(0x0e));
  assert_null(canon_op(0x16));
  assert_null(canon_op(0x37));
  assert_null(canon_op(0x44));
  assert_null(canon_op(0x62));
  assert_null(canon_op(0xff));
}

static void costs_are_those_of_the_tape(void **state) {
  (void)state;
  for (int code = 0; code < 256; code++) {
    const struct canon_op *op = canon_op((uint8_t)code);
    if (!op) continue;
    uint32_t cost = 1;
    if (code == CANON_DIV || code == CANON_SQRT) cost = 4;
    if ((code >= CANON_EXP && code <= CANON_COSPI) || code == CANON_RAND) cost = 32;
    if (code == CANON_PERM) cost = 256;
    assert_int_equal(op->cost, cost);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_well_formed),
      cmocka_unit_test(codes_have_their_names),
      cmocka_unit_test(costs_are_those_of_the_tape),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
