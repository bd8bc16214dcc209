/* Texts that people read: numbers with units, and records of a tape. */
#include "cli/output.h"
#include "cli/tape_text.h"
#include "numeric/canon.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void numbers_have_units(void **state) {
  (void)state;
  char t[SHORT_TEXT];
  static const struct {
    double x;
    const char *text;
  } bytes[] = {{0, "0 B"},         {999, "999 B"},      {1000, "1.00 kB"},  {4096, "4.10 kB"},  {123456, "123 kB"},
               {999499, "999 kB"}, {999501, "1.00 MB"}, {2.5e9, "2.50 GB"}, {1e20, "100000 PB"}},
    seconds[] = {{0.00123, "1.23 ms"}, {0.5, "500 ms"},       {1, "1 s"},          {42.25, "42.2 s"},
                 {99.9, "1 min 40 s"}, {3599, "59 min 59 s"}, {7260, "2 h 01 min"}};
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
    assert_string_equal(text_bytes(bytes[i].x, t), bytes[i].text);
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
    assert_string_equal(text_seconds(seconds[i].x, t), seconds[i].text);
  assert_string_equal(text_count(421642, t), "422 k");
}

/* relu(2*i1 + k0 - 1 read of a state tensor): every part of the text once. */
static void records_read_like_formulas(void **state) {
  (void)state;
  struct layout_entry entry[] = {{.name = "diverged", .dtype = TAPE_I32, .rank = 1, .dim = {1}},
                                 {.name = "weight", .dtype = TAPE_F32, .rank = 2, .dim = {3, 8}},
                                 {.name = "labels", .number = 4, .dtype = TAPE_U8, .rank = 1, .dim = {100}}};
  struct tape_record r[2] = {{.op = TAPE_FOLD,
                              .dtype = TAPE_F32,
                              .space = TAPE_TEMP,
                              .reducer = TAPE_FMAX,
                              .out_rank = 2,
                              .k_rank = 1,
                              .operands = 2,
                              .literals = 2,
                              .body_ops = 2,
                              .literal_i32 = 2,
                              .dim = {3, 4, 2}}};
  r[0].literal[0] = 0x3e800000; /* 0.25 */
  r[0].literal[1] = 7;
  r[0].operand[0] = (struct tape_operand){.space = TAPE_DATA, .dtype = TAPE_U8, .data_number = 4, .axes = 1};
  r[0].operand[0].axis[0] = (struct tape_axis){.extent = 100,
                                               .offset = 5,
                                               .div = 2,
                                               .mode = TAPE_FLOOR,
                                               .indirect = TAPE_INDIRECT_NONE,
                                               .terms = 1,
                                               .term = {{0, 3}}};
  r[0].operand[1] =
      (struct tape_operand){.space = TAPE_IN, .dtype = TAPE_F32, .axes = 2, .first_leaf = 1, .fill = 0xff800000};
  r[0].operand[1].axis[0] = (struct tape_axis){.extent = 3, .div = 1, .indirect = 0};
  r[0].operand[1].axis[1] = (struct tape_axis){
      .extent = 8, .offset = -1, .div = 1, .indirect = TAPE_INDIRECT_NONE, .terms = 2, .term = {{1, 2}, {2, 1}}};
  r[0].body[0] = (struct tape_body_op){CANON_MUL, 1, 12, 0};
  r[0].body[1] = (struct tape_body_op){CANON_MAX, 28, 1, 0};
  r[1] = (struct tape_record){.op = TAPE_MAP,
                              .dtype = TAPE_F32,
                              .space = TAPE_OUT,
                              .out_rank = 2,
                              .operands = 1,
                              .first_leaf = 1,
                              .dim = {3, 8}};
  r[1].operand[0] = (struct tape_operand){.space = TAPE_TEMP, .dtype = TAPE_F32, .axes = 1};
  r[1].operand[0].axis[0] = (struct tape_axis){.extent = 12, .div = 1, .indirect = TAPE_INDIRECT_NONE};
  struct tape t = {.records_count = 2, .record = r, .layout = {.state_count = 2, .data_count = 1, .entry = entry}};
  layout_place(&t.layout);

  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  assert_non_null(out);
  tape_text_record(out, &t, 0, "");
  tape_text_record(out, &t, 1, "optimizer");
  fclose(out);
  assert_string_equal(text, "  %1 = fold fmax f32 [3, 4] over k [2]\n"
                            "        x0 = data labels u8 [100] (floor((3*i0 + 5) / 2))\n"
                            "        x1 = in weight [3, 8] (x0, 2*i1 + k0 - 1) fill -inf\n"
                            "        r0 = mul(x1, 0.25)\n"
                            "        r1 = max(r0, x1)\n"
                            "  out weight = map f32 [3, 8]   record 2   ; optimizer\n"
                            "        x0 = %1 [12] (0)\n");
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_have_units),
                                     cmocka_unit_test(records_read_like_formulas)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
