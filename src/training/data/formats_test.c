/* Data that are not one array a file: texts, tokens, archives, tables; and data larger than the memory. */
#define _DEFAULT_SOURCE
#include "training/checkpoint/checkpoint.h"
#include "training/data/archive.h"
#include "training/jobfile/jobfile.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* A file of the fuzzers' corpus, as bytes; what NumPy and the safetensors library wrote. */
static size_t corpus(const char *name, uint8_t *bytes, size_t bytes_max) {
  char path[256];
  snprintf(path, sizeof path, "data/%s", name);
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s is not there", path);
  size_t length = fread(bytes, 1, bytes_max, f);
  assert_true(length < bytes_max);
  fclose(f);
  return length;
}

static uint8_t bytes[4096];

static void archives_hold_arrays_by_name(void **state) {
  (void)state;
  static const float six[] = {0, 1, 2, 3, 4, 5};
  static const char *const files[] = {"npz_corpus/stored", "npz_corpus/comment", "npz_corpus/zip64",
                                      "safetensors_corpus/f32"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    const char *words = i < 3 ? "{format: npz, file: a, inputs: x, targets: x.npy}"
                              : "{format: safetensors, file: a, inputs: x, targets: x}";
    write_file("a", bytes, corpus(files[i], bytes, sizeof bytes));
    opened(words);
    assert_int_equal(set.samples, 2);
    assert_int_equal(set.input[0].rank, 2);
    assert_int_equal(set.input[0].dtype, TAPE_F32);
    assert_memory_equal(set.input[0].at, six, sizeof six);
    assert_memory_equal(set.targets.at, six, sizeof six);
    assert_int_equal(set.from_targets[0], i == 3);
    shut();
  }
  write_file("a", bytes, corpus("npz_corpus/deflated", bytes, sizeof bytes));
  opened("{format: npz, file: a, inputs: x, targets: x, scale: 1/255}");
  assert_int_equal(set.input[0].bytes, 120);
  for (int i = 0; i < 120; i++) assert_int_equal(((const uint8_t *)set.input[0].at)[i], 0);
  shut();
  write_file("a", bytes, corpus("safetensors_corpus/i64", bytes, sizeof bytes));
  opened("{format: safetensors, file: a, inputs: {q: x}, targets: x}");
  assert_memory_equal(set.input[0].at, ((const int32_t[]){1, -2, 3}), 12);
  assert_non_null(strstr(set.note, "64-bit integers, read as int32"));
  shut();
  refused("{format: safetensors, file: a, inputs: z, targets: x}", "no tensor is called 'z'; there are x, y");
  refused("{format: safetensors, file: a, inputs: y, targets: x}", "a: y has 4 samples");
  refused("{format: npz, file: a, inputs: x, targets: x}", "no ZIP directory");
  size_t length = corpus("safetensors_corpus/bf16", bytes, sizeof bytes);
  memcpy(bytes + length - 4, "\x80\x3f\xc8\xc2", 4);
  write_file("a", bytes, length);
  opened("{format: safetensors, file: a, inputs: x, targets: x}");
  assert_memory_equal(set.input[0].at, ((const float[]){1, -100}), 8);
  shut();
  memcpy(strstr((char *)bytes + 8, "BF16"), "F8_E", 4);
  write_file("a", bytes, length);
  refused("{format: safetensors, file: a, inputs: x, targets: x}",
          "a: x: type F8_E is not read here; save it as float32");
  write_file("a", bytes, corpus("safetensors_corpus/scalar", bytes, sizeof bytes));
  refused("{format: safetensors, file: a, inputs: x, targets: x}", "no samples");
  write_file("a", bytes, corpus("safetensors_corpus/outside", bytes, sizeof bytes));
  refused("{format: safetensors, file: a, inputs: x, targets: x}", "cut short or damaged");
  write_file("a", bytes, corpus("npz_corpus/stored", bytes, sizeof bytes));
  refused("{format: npz, file: a, inputs: z, targets: x}", "no array is called 'z'; there are x, y");
  refused("{format: npz, inputs: z, targets: x}", "needs 'file'");
  write_file("a", bytes, corpus("npz_corpus/empty", bytes, sizeof bytes));
  refused("{format: npz, file: a, inputs: x, targets: x}", "a: x: the array has a dim of 0");
}

/* Whatever byte is altered or wherever it is cut: refused with a reason, or read as it was written. */
static void damaged_archives_are_never_other_data(void **state) {
  (void)state;
  static const char *const files[] = {"npz_corpus/stored", "npz_corpus/comment", "npz_corpus/zip64"};
  static const float six[] = {0, 1, 2, 3, 4, 5};
  uint32_t refusals = 0;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    size_t length = corpus(files[i], bytes, sizeof bytes);
    for (size_t at = 0; at < 2 * length; at++) {
      bool cut = at >= length;
      struct npz_member m;
      struct tensor_source s;
      struct why why = {""};
      uint8_t out[4096];
      bytes[cut ? 0 : at] ^= cut ? 0 : 0x41;
      if (npz_find(bytes, cut ? at - length : length, "x", &m, &why) == TRAINING_OK && m.length <= sizeof out &&
          npz_unpack(&m, out, &why) == TRAINING_OK) {
        assert_false(cut);
        assert_int_equal(npy_parse(out, m.length, &s, &why), TRAINING_OK);
        assert_memory_equal(s.at, six, sizeof six);
      } else {
        refusals++;
      }
      bytes[cut ? 0 : at] ^= cut ? 0 : 0x41;
    }
  }
  assert_true(refusals > 1000);
}

/* A member "x.npy" of `packed` deflated bytes, all of them 0, that announces `length`. */
static size_t announcing(uint8_t *out, uint32_t packed, uint32_t length) {
  static const uint8_t local[30] = {'P', 'K', 3, 4, 20, 0, 0, 0, 8, [26] = 5}, name[5] = "x.npy";
  uint8_t entry[46] = {'P', 'K', 1, 2, 20, 0, 20, 0, 0, 0, 8, [28] = 5}, end[22] = {'P', 'K', 5, 6, [8] = 1, [10] = 1};
  for (int n = 0; n < 4; n++) {
    entry[20 + n] = (uint8_t)(packed >> 8 * n);
    entry[24 + n] = (uint8_t)(length >> 8 * n);
    end[16 + n] = (uint8_t)((35 + packed) >> 8 * n);
  }
  end[12] = sizeof entry + sizeof name;
  memcpy(out, local, sizeof local);
  memcpy(out + 30, name, sizeof name);
  memcpy(out + 35 + packed, entry, sizeof entry);
  memcpy(out + 35 + packed + sizeof entry, name, sizeof name);
  memcpy(out + 35 + packed + sizeof entry + sizeof name, end, sizeof end);
  return 35 + packed + sizeof entry + sizeof name + sizeof end;
}

static void a_small_archive_does_not_ask_for_gigabytes(void **state) {
  (void)state;
  static uint8_t file[(9 << 20) + 256];
  struct npz_member m;
  struct why why = {""};
  size_t length = announcing(file, 2 << 20, 3u << 29);
  assert_int_equal(npz_find(file, length, "x", &m, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "store the array"));
  length = announcing(file, 9 << 20, 3u << 29);
  assert_int_equal(npz_find(file, length, "x", &m, &why), TRAINING_OK);
  length = announcing(file, 1 << 20, 1u << 30);
  assert_int_equal(npz_find(file, length, "x", &m, &why), TRAINING_OK);
}

static void table(const char *text) { write_file("t.csv", text, strlen(text)); }

static void tables_are_columns_by_name(void **state) {
  (void)state;
  table("a,\"b \"\"c\"\"\",label,unused\r\n1,2.5,0,x\r\n\"-3\", 1e-3 ,1,\"y,\n z\"\r\n+4,.5,2,");
  opened("{format: csv, file: t.csv, inputs: [a, 'b \"c\"'], targets: label}");
  assert_int_equal(set.samples, 3);
  assert_int_equal(set.input[0].rank, 2);
  assert_int_equal(set.input[0].dtype, TAPE_F32);
  assert_memory_equal(set.input[0].at, ((const float[]){1, 2.5f, -3, 1e-3f, 4, 0.5f}), 24);
  assert_int_equal(set.targets.rank, 1);
  assert_int_equal(set.targets.dtype, TAPE_I32);
  assert_memory_equal(set.targets.at, ((const int32_t[]){0, 1, 2}), 12);
  shut();
  table("a,y\n1.0,2.\n-3.00,0\n"); /* as programs write whole numbers that lie among floats */
  opened("{format: csv, file: t.csv, inputs: [a], targets: y}");
  assert_memory_equal(set.input[0].at, ((const int32_t[]){1, -3}), 8);
  assert_memory_equal(set.targets.at, ((const int32_t[]){2, 0}), 8);
  shut();
  table("\xef\xbb\xbfy;p;q\n1;2;3\n4;5;6\n");
  opened("{format: csv, file: t.csv, separator: ';', inputs: {u: '*', v: y, w: [q, q]}, targets: y}");
  assert_int_equal(set.input[0].dim[1], 2);
  assert_memory_equal(set.input[0].at, ((const int32_t[]){2, 3, 5, 6}), 16);
  assert_true(set.from_targets[1]);
  assert_memory_equal(set.input[2].at, ((const int32_t[]){3, 3, 6, 6}), 16);
  shut();
}

static void tables_name_line_and_column(void **state) {
  (void)state;
  static const struct {
    const char *text, *reason;
  } bad[] = {
      {"a,y\n1,2\n,3\n", "line 3, column 'a': the value is missing"},
      {"a,y\n1,2\n  ,3\n", "line 3, column 'a': the value is missing"},
      {"a,y\n1,cat\n", "line 2, column 'y': 'cat' is no number"},
      {"a,y\nnan,1\n", "line 2, column 'a': 'nan' is no number"},
      {"a,y\n1/3,1\n", "line 2, column 'a': '1/3' is no number"},
      {"a,y\n.,1\n", "line 2, column 'a': '.' is no number"},
      {"a,y\n1..0,1\n", "line 2, column 'a': '1..0' is no number"},
      {"a,y\n-,1\n", "line 2, column 'a': '-' is no number"},
      {"a,y\n1e40,1\n", "line 2, column 'a': '1e40' is no number"},
      {"a,y\n\"1\n2\",1\n3,4\n5,q\n", "line 5, column 'y': 'q'"},
      {"a,y\n1,2\n1,2,3\n", "line 3: 3 fields, the first line has 2"},
      {"a,y\n1,2\n\n3,4\n", "line 3: 1 fields"},
      {"a,y\n\"1,2\n", "line 2: a quote that does not end"},
      {"a,y\n\"1\"2,3\n", "line 2: a quote that does not end, or text behind one"},
      {"a,y\n", "rows below it"},
      {"", "rows below it"},
      {"a,a,y\n1,2,3\n", "two columns are called 'a'"},
      {"b,c\n1,2\n", "no column is called"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    table(bad[i].text);
    refused("{format: csv, file: t.csv, inputs: [a], targets: y}", bad[i].reason);
  }
  table("y\n1\n");
  refused("{format: csv, file: t.csv, inputs: '*', targets: y}", "no column is left");
  refused("{format: csv, file: t.csv, separator: ab, inputs: '*', targets: y}", "separator: one of");
  refused("{format: csv, file: t.csv, inputs: [], targets: y}", "names of columns");
  refused("{format: csv, file: t.csv, inputs: '*', targets: y, scale: 2}", "unknown key 'scale'");
}

/* Against the C library's strtof, which rounds once: short decimals, long ones, those in the middle of two floats. */
static void decimals_are_rounded_once(void **state) {
  (void)state;
  enum { ROWS = 30000 };
  char *text = malloc(ROWS * 48 + 16), *at = text;
  float *want = malloc(ROWS * sizeof *want);
  uint64_t random = 7;
  assert_true(text && want);
  at += sprintf(at, "x\n");
  for (int i = 0; i < ROWS; i++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    uint64_t r = random >> 20;
    char *start = at;
    if (i % 3 == 0)
      at += sprintf(at, "%s%llu.%llue%d", r & 1 ? "-" : "", (unsigned long long)(r % 1000000),
                    (unsigned long long)(r % 999983), (int)(r >> 9) % 60 - 30);
    else if (i % 3 == 1) /* the middle of two floats of 24 bits, in full, and a little off */
      at += sprintf(at, "%.1f%s", (double)((r % 8388608 + 8388608) * 2 + 1) / 2, i % 2 ? "" : "0000000001");
    else
      at += sprintf(at, "%.*g", (int)(r % 20) + 1, (double)(int64_t)random * 1e-12);
    *at = 0;
    want[i] = strtof(start, NULL);
    *at++ = '\n';
  }
  write_file("t.csv", text, (size_t)(at - text));
  opened("{format: csv, file: t.csv, inputs: x}");
  assert_int_equal(set.input[0].dtype, TAPE_F32);
  for (int i = 0; i < ROWS; i++)
    if (memcmp((const float *)set.input[0].at + i, &want[i], 4) != 0)
      fail_msg("row %d: %a, not %a", i, (double)((const float *)set.input[0].at)[i], (double)want[i]);
  shut();
  free(text);
  free(want);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LIMITED = 0 }; /* the sanitizers' own memory is beyond any limit */
#elif defined(__has_feature)
enum { LIMITED = !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)) };
#else
enum { LIMITED = 1 };
#endif

/* In a process that may take 24 MiB of memory of its own: files of 96 MiB are opened and hashed all the same. */
static void open_beyond_memory(void) {
  static const char *const words[] = {"{format: npy, inputs: large.npy, targets: large.npy}",
                                      "{format: text, file: large.npy, context: 4096}",
                                      "{format: tokens, file: large.bin, dtype: uint16, context: 4096}"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    struct why why;
    uint8_t root[MERKLE_BYTES];
    if (open(words[i], &why) != TRAINING_OK) _exit(10 + (int)i);
    if (set.input[0].converted || set.input[0].bytes < (96u << 20)) _exit(20 + (int)i);
    if (i == 0 && checkpoint_root(NULL, set.input[0].at, set.input[0].bytes, root, &why) != TRAINING_OK) _exit(30);
    shut();
  }
  /* what has to be converted is refused, with the reason */
  struct why why;
  if (open("{format: npy, inputs: wide.npy, targets: wide.npy}", &why) != TRAINING_ERR_SYSTEM) _exit(40);
  _exit(strstr(why.text, "not enough memory for its 100663296 bytes") ? 0 : 41);
}

static void sparse(const char *name, const char *type, uint32_t count, uint32_t width) {
  char path[256], shape[64];
  snprintf(shape, sizeof shape, "(%u, 4096)", count / 4096);
  npy(name, type, "", 0, shape);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  fseek(f, 0, SEEK_END);
  long head = ftell(f);
  fclose(f);
  assert_int_equal(truncate(path, head + (long)count * width), 0);
}

static void a_set_may_be_larger_than_the_memory(void **state) {
  (void)state;
  if (!LIMITED) skip();
  int status = 0;
  sparse("large.npy", "|u1", 96 << 20, 1);
  sparse("wide.npy", "<i8", 24 << 20, 8);
  char path[256];
  write_file("large.bin", "", 0);
  snprintf(path, sizeof path, "%s/large.bin", folder);
  assert_int_equal(truncate(path, 96 << 20), 0);
  pid_t child = fork();
  if (child == 0) {
    const struct rlimit limit = {24 << 20, 24 << 20};
    if (setrlimit(RLIMIT_DATA, &limit) != 0) _exit(50);
    open_beyond_memory();
  }
  assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_their_bytes),
      cmocka_unit_test(ranges_meet),
      cmocka_unit_test(tokens_of_every_width),
      cmocka_unit_test(archives_hold_arrays_by_name),
      cmocka_unit_test(damaged_archives_are_never_other_data),
      cmocka_unit_test(a_small_archive_does_not_ask_for_gigabytes),
      cmocka_unit_test(tables_are_columns_by_name),
      cmocka_unit_test(tables_name_line_and_column),
      cmocka_unit_test(decimals_are_rounded_once),
      cmocka_unit_test(a_set_may_be_larger_than_the_memory),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
