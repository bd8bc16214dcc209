/* Data that are more than one array a file: texts and tokens. */
#include "training/jobfile/jobfile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/assay-formats-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r '%s'", folder);
  return system(command);
}

static void write_file(const char *name, const void *bytes, size_t length) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, length, f), length);
  fclose(f);
}

static struct data_set set; /* large */
static struct arena arena;

/* From the words of a job file to what the executor gets; set and arena are there until shut. */
static enum training_status open(const char *words, struct why *why) {
  struct data_spec spec;
  *why = (struct why){""};
  assert_true(arena_open(&arena, 1 << 20));
  enum training_status status = jobfile_read_data(words, &arena, &spec, why);
  if (status == TRAINING_OK) status = data_open(&spec, folder, NULL, &set, why);
  return status;
}

static void shut(void) {
  data_shut(&set);
  arena_shut(&arena);
}

static void opened(const char *words) {
  struct why why;
  if (open(words, &why) != TRAINING_OK) fail_msg("%s: %s", words, why.text);
}

static void refused(const char *words, const char *reason) {
  struct why why;
  enum training_status status = open(words, &why);
  if (status != TRAINING_ERR_INPUT || !strstr(why.text, reason))
    fail_msg("%s: %d '%s', not '%s'", words, status, why.text, reason);
  arena_shut(&arena);
}

static void texts_are_their_bytes(void **state) {
  (void)state;
  write_file("t.txt", "0123456789abcdefghij", 20);
  opened("{format: text, file: t.txt, context: 4}");
  assert_int_equal(set.text.tokens, 20);
  assert_int_equal(set.text.stride, 4);
  assert_int_equal(set.samples, 4); /* starts 0, 4, 8, 12: the one from 16 would want a byte 20 */
  assert_int_equal(set.input[0].dtype, TAPE_U8);
  assert_memory_equal(set.input[0].at, "0123456789abcdefghij", 20);
  assert_null(set.input[0].converted);
  shut();
  opened("{format: text, file: t.txt, context: 19, stride: 7}");
  assert_int_equal(set.samples, 1);
  shut();
  opened("{format: text, file: t.txt, context: 4, stride: 3, range: [0.333333, 0.9]}"); /* bytes 6 to 17 */
  assert_int_equal(set.text.tokens, 12);
  assert_int_equal(set.samples, 3); /* starts 0, 3, 6; the targets of the last end with byte 10 */
  assert_memory_equal(set.input[0].at, "6789abcdefgh", 12);
  struct why why;
  assert_int_equal(data_classes_check(&set, 104, -100, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "token 11 is 104; the model has 104 classes"));
  assert_int_equal(data_classes_check(&set, 105, -100, &why), TRAINING_OK);
  shut();
  refused("{format: text, file: t.txt, context: 20}",
          "20 of its 20 tokens are used, and one window takes 20 and one more");
  refused("{format: text, file: t.txt, context: 4, range: [0.5, 0.7]}", "4 of its 20 tokens");
  refused("{format: text, file: t.txt}", "needs 'file' and 'context'");
  refused("{format: text, file: t.txt, context: 0}", "whole number from 1");
  refused("{format: text, file: t.txt, context: 4, scale: 2}", "unknown key 'scale' in data of format text");
  refused("{format: text, file: none.txt, context: 4}", "none.txt: No such file");
  static const char *const ranges[] = {"[0.5]",  "[0, 0.5, 1]", "0.5",      "[0, 1.1]",   "[0, .5]", "[0, 0.1234567]",
                                       "[0, 2]", "[-1, 1]",     "[0, 1/2]", "[0, \"1\"]", "[0, 1e0]"};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    char words[128];
    snprintf(words, sizeof words, "{format: text, file: t.txt, context: 4, range: %s}", ranges[i]);
    refused(words, "line 1: range: ");
  }
  refused("{format: text, file: t.txt, context: 4, range: [0.5, 0.5]}", "the second number must be the larger one");
}

/* Two parts of one text share no byte and leave none out. */
static void ranges_meet(void **state) {
  (void)state;
  static uint8_t text[1009];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)i;
  write_file("prime.txt", text, sizeof text);
  for (uint32_t m = 100000; m < 1000000; m += 98765) {
    char words[128];
    snprintf(words, sizeof words, "{format: text, file: prime.txt, context: 2, range: [0, 0.%06u]}", m);
    opened(words);
    uint32_t first = set.text.tokens;
    assert_int_equal(first, 1009 * (uint64_t)m / 1000000);
    shut();
    snprintf(words, sizeof words, "{format: text, file: prime.txt, context: 2, range: [0.%06u, 1]}", m);
    opened(words);
    assert_int_equal(first + set.text.tokens, 1009);
    assert_memory_equal(set.input[0].at, text + first, set.text.tokens);
    shut();
  }
}

static void npy(const char *name, const char *type, const void *bytes, size_t length, const char *shape) {
  uint8_t whole[512] = "\x93NUMPY\x01";
  int n = snprintf((char *)whole + 10, 200, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
  for (; (10 + n) % 64; n++) whole[10 + n] = ' ';
  whole[8] = (uint8_t)n;
  memcpy(whole + 10 + n, bytes, length);
  write_file(name, whole, 10 + (size_t)n + length);
}

static void tokens_of_every_width(void **state) {
  (void)state;
  const uint16_t narrow[] = {1, 2, 300, 65535, 0, 7};
  const uint32_t wide[] = {1, 2, 300, 65535, 0, 2147483647};
  const int64_t long_ones[] = {1, 2, 300, 65535, 0, -2};
  npy("u2.npy", "<u2", narrow, sizeof narrow, "(6,)");
  npy("u4.npy", "<u4", wide, sizeof wide, "(6,)");
  npy("i8.npy", "<i8", long_ones, sizeof long_ones, "(6,)");
  npy("u1.npy", "|u1", "abcdef", 6, "(6,)");
  write_file("u2.bin", narrow, sizeof narrow);
  for (int i = 0; i < 2; i++) {
    opened(i ? "{format: tokens, file: u2.bin, dtype: uint16, context: 2}"
             : "{format: tokens, file: u2.npy, context: 2}");
    assert_int_equal(set.text.tokens, 6);
    assert_true(set.text.pairs);
    assert_int_equal(set.samples, 2);
    assert_int_equal(set.input[0].dtype, TAPE_U8);
    assert_memory_equal(set.input[0].at, narrow, sizeof narrow);
    assert_null(set.input[0].converted);
    struct why why;
    assert_int_equal(data_classes_check(&set, 65536, -100, &why), TRAINING_OK);
    assert_int_equal(data_classes_check(&set, 65535, -100, &why), TRAINING_ERR_INPUT);
    shut();
  }
  opened("{format: tokens, file: u4.npy, context: 5, range: [0, 1]}");
  assert_memory_equal(set.input[0].at, wide, sizeof wide);
  assert_null(set.input[0].converted);
  shut();
  opened("{format: tokens, file: i8.npy, context: 2, dtype: int64}");
  assert_memory_equal(set.input[0].at, ((const int32_t[]){1, 2, 300, 65535, 0, -2}), 24);
  assert_non_null(strstr(set.note, "tokens of int64, converted to int32"));
  shut();
  opened("{format: tokens, file: u1.npy, context: 2}");
  assert_false(set.text.pairs);
  shut();
  const uint32_t beyond[] = {1, 2, 2147483648u};
  const int64_t far[] = {1, 2, 1LL << 31};
  npy("beyond.npy", "<u4", beyond, sizeof beyond, "(3,)");
  npy("far.npy", "<i8", far, sizeof far, "(3,)");
  npy("big.npy", ">u2", narrow, sizeof narrow, "(6,)");
  npy("f4.npy", "<f4", wide, sizeof wide, "(6,)");
  npy("rows.npy", "<u2", narrow, sizeof narrow, "(2, 3)");
  refused("{format: tokens, file: beyond.npy, context: 2}", "token 2 is 2^31 or more");
  refused("{format: tokens, file: far.npy, context: 2}", "element 2 is 2147483648");
  refused("{format: tokens, file: big.npy, context: 2}", "big endian; np.save(f, x.astype('<u2'))");
  refused("{format: tokens, file: f4.npy, context: 2}", "tokens of type float32");
  refused("{format: tokens, file: rows.npy, context: 2}", "rank 2; tokens are one long array");
  refused("{format: tokens, file: u2.bin, context: 2}", "dtype: uint16");
  refused("{format: tokens, file: u2.bin, dtype: int64, context: 2}", "12 bytes are no whole number of int64");
  refused("{format: tokens, file: u2.npy, dtype: int64, context: 2}",
          "the job says dtype int64, the file holds uint16");
  refused("{format: tokens, file: u2.npy, dtype: float32, context: 2}", "'float32' is unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_their_bytes), cmocka_unit_test(ranges_meet),
                                     cmocka_unit_test(tokens_of_every_width)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
