#include "training/data/data.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static char folder[] = "/tmp/assay-data-XXXXXX";

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

static const char *path_of(const char *name) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const void *bytes, size_t length) {
  FILE *f = fopen(path_of(name), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, length, f), length);
  fclose(f);
}

static void write_gzip(const char *name, const void *bytes, size_t length) {
  gzFile f = gzopen(path_of(name), "wb9");
  assert_non_null(f);
  assert_int_equal(gzwrite(f, bytes, (unsigned)length), (int)length);
  gzclose(f);
}

static size_t idx_u8(uint8_t *out, uint32_t rank, const uint32_t *dim) {
  uint8_t *at = out;
  uint64_t elements = 1;
  *at++ = 0, *at++ = 0, *at++ = 8, *at++ = (uint8_t)rank;
  for (uint32_t d = 0; d < rank; d++, elements *= dim[d - 1])
    for (int b = 24; b >= 0; b -= 8) *at++ = (uint8_t)(dim[d] >> b);
  for (uint64_t i = 0; i < elements; i++) *at++ = (uint8_t)(i * 7 % 10);
  return (size_t)(at - out);
}

static const uint32_t image_dim[] = {6, 2, 3}, label_dim[] = {6};
static uint8_t images[64], labels[64];
static size_t images_length, labels_length;

static void idx_pair(void) {
  images_length = idx_u8(images, 3, image_dim);
  labels_length = idx_u8(labels, 1, label_dim);
  write_gzip("x.gz", images, images_length);
  write_file("x", images, images_length);
  write_file("y", labels, labels_length);
}

static enum training_status open_pair(const char *inputs, const char *targets, enum data_format format,
                                      struct data_set *set, struct why *why) {
  struct data_spec spec = {.format = format,
                           .input = {{.name = inputs}},
                           .inputs_count = 1,
                           .targets = {.name = targets},
                           .has_targets = true,
                           .line = 3};
  *why = (struct why){""};
  return data_open(&spec, folder, NULL, set, why);
}

static void plain_and_gzip_are_the_same(void **state) {
  (void)state;
  struct data_set plain, packed;
  struct why why;
  idx_pair();
  if (open_pair("x", "y", DATA_IDX, &plain, &why) != TRAINING_OK) fail_msg("%s", why.text);
  if (open_pair("x.gz", "y", DATA_IDX, &packed, &why) != TRAINING_OK) fail_msg("%s", why.text);
  assert_int_equal(plain.samples, 6);
  assert_int_equal(plain.input[0].rank, 3);
  assert_int_equal(plain.input[0].dtype, TAPE_U8);
  assert_int_equal(plain.input[0].bytes, 36);
  assert_memory_equal(plain.input[0].at, packed.input[0].at, 36);
  assert_memory_equal(plain.input[0].at, images + images_length - 36, 36);
  assert_true(plain.scale == 1);
  data_shut(&plain);
  data_shut(&packed);
}

static void damaged(const char *inputs, const char *targets, enum data_format format, const char *word) {
  struct data_set set;
  struct why why;
  enum training_status status = open_pair(inputs, targets, format, &set, &why);
  if (status != TRAINING_ERR_INPUT || !strstr(why.text, word))
    fail_msg("%s: %d %s (wanted: %s)", inputs, status, why.text, word);
}

static void damage_is_named(void **state) {
  (void)state;
  idx_pair();
  damaged("none", "y", DATA_IDX, "none: No such file");
  mkdir(path_of("folder"), 0777);
  damaged("folder", "y", DATA_IDX, "is a folder");
  write_file("cut", images, images_length - 1);
  damaged("cut", "y", DATA_IDX, "cut short");
  write_file("long", images, images_length + 1);
  damaged("long", "y", DATA_IDX, "longer than it says");
  write_file("head", images, 6);
  damaged("head", "y", DATA_IDX, "cut off");
  write_file("empty", "", 0);
  damaged("empty", "y", DATA_IDX, "not an IDX file");
  damaged("x", "x", DATA_NPY, "not a .npy file");
  uint32_t five[] = {5};
  uint8_t few[64];
  write_file("five", few, idx_u8(few, 1, five));
  damaged("x", "five", DATA_IDX, "x has 6 samples");
  /* gzip: cut, flipped, and a head that announces more than can be there */
  uint8_t packed[256];
  FILE *f = fopen(path_of("x.gz"), "rb");
  size_t length = fread(packed, 1, sizeof packed, f);
  fclose(f);
  write_file("cut.gz", packed, length - 9);
  damaged("cut.gz", "y", DATA_IDX, "cut short");
  packed[length - 6] ^= 1; /* in the checksum */
  write_file("bad.gz", packed, length);
  damaged("bad.gz", "y", DATA_IDX, "damaged gzip");
  packed[length - 6] ^= 1;
  packed[length] = 0;
  write_file("more.gz", packed, length + 1);
  damaged("more.gz", "y", DATA_IDX, "behind the end");
  uint8_t bomb[64];
  memcpy(bomb, images, images_length);
  bomb[4] = 0x10; /* 2^28 more samples */
  write_gzip("bomb.gz", bomb, images_length);
  damaged("bomb.gz", "y", DATA_IDX, "announces");
  bomb[4] = 0, bomb[7] = 5; /* one sample fewer than there are */
  write_gzip("less.gz", bomb, images_length);
  damaged("less.gz", "y", DATA_IDX, "unpacks to more");
}

static void labels_are_named_by_index(void **state) {
  (void)state;
  struct data_set set;
  struct why why;
  idx_pair();
  assert_int_equal(open_pair("x", "y", DATA_IDX, &set, &why), TRAINING_OK);
  assert_int_equal(data_classes_check(&set, 10, -100, &why), TRAINING_OK);
  assert_int_equal(data_classes_check(&set, 8, -100, &why), TRAINING_ERR_INPUT); /* labels 0 7 4 1 8 5 */
  assert_non_null(strstr(why.text, "label 4 is 8; the model has 8 classes, 0 to 7"));
  assert_int_equal(data_classes_check(&set, 8, 8, &why), TRAINING_OK);
  data_shut(&set);
}

static void npy(const char *name, const char *header, const void *bytes, size_t length) {
  uint8_t whole[512] = "\x93NUMPY\x01";
  size_t n = strlen(header);
  whole[8] = (uint8_t)n;
  memcpy(whole + 10, header, n);
  memcpy(whole + 10 + n, bytes, length);
  write_file(name, whole, 10 + n + length);
}

static void npy_forms_are_converted(void **state) {
  (void)state;
  struct data_part p;
  struct why why = {""};
  const int64_t wide[] = {1, -2, INT32_MAX};
  npy("i8.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", wide, sizeof wide);
  assert_int_equal(data_load_npy(path_of("i8.npy"), &p, &why), TRAINING_OK);
  assert_int_equal(p.dtype, TAPE_I32);
  assert_memory_equal(p.at, ((const int32_t[]){1, -2, INT32_MAX}), 12);
  data_part_shut(&p);
  const double exact[] = {0.1, -0.0, 1e300};
  npy("f8.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }", exact, sizeof exact);
  assert_int_equal(data_load_npy(path_of("f8.npy"), &p, &why), TRAINING_OK);
  assert_memory_equal(p.at, ((const float[]){0.1f, -0.0f, INFINITY}), 12);
  data_part_shut(&p);
  const uint16_t halves[] = {0x3c00, 0xc500, 0x0001, 0x83ff, 0x0400, 0x7bff, 0x8000, 0x2e66};
  npy("f2.npy", "{'descr': '<f2', 'fortran_order': False, 'shape': (8,), }", halves, sizeof halves);
  assert_int_equal(data_load_npy(path_of("f2.npy"), &p, &why), TRAINING_OK);
  assert_memory_equal(p.at, ((const float[]){1, -5, 0x1p-24f, -0x1.ff8p-15f, 0x1p-14f, 65504, -0.0f, 0x1.998p-4f}), 32);
  data_part_shut(&p);
  /* what is written is read in place */
  assert_int_equal(data_save_npy(path_of("w.npy"), TAPE_F32, 2, (const uint32_t[]){1, 2}, (const float[]){1, 2}, &why),
                   TRAINING_OK);
  assert_int_equal(data_load_npy(path_of("w.npy"), &p, &why), TRAINING_OK);
  assert_int_equal(p.rank, 2);
  assert_null(p.converted);
  assert_memory_equal(p.at, ((const float[]){1, 2}), 8);
  data_part_shut(&p);
}

static void npy_damage_is_named(void **state) {
  (void)state;
  const int64_t wide[] = {1, 1LL << 40, 0};
  const float with_nan[] = {1, NAN, INFINITY, 0};
  idx_pair();
  npy("y.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", "\1\2", 2);
  npy("big.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", wide, sizeof wide);
  damaged("big.npy", "y.npy", DATA_NPY, "element 1 is 1099511627776");
  npy("nan.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", with_nan, sizeof with_nan);
  damaged("nan.npy", "y.npy", DATA_NPY, "element [0, 1] is NaN");
  npy("fortran.npy", "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", with_nan, sizeof with_nan);
  damaged("fortran.npy", "y.npy", DATA_NPY, "np.ascontiguousarray");
  npy("object.npy", "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", with_nan, sizeof with_nan);
  damaged("object.npy", "y.npy", DATA_NPY, "'|O' is not read");
  npy("long.npy", "{'descr': '<f16', 'fortran_order': False, 'shape': (1, 1), }", with_nan, sizeof with_nan);
  damaged("long.npy", "y.npy", DATA_NPY, "astype(np.float32)");
  npy("huge.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647), }", with_nan,
      sizeof with_nan);
  damaged("huge.npy", "y.npy", DATA_NPY, "2^32");
  npy("zero.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }", with_nan, 0);
  damaged("zero.npy", "y.npy", DATA_NPY, "empty arrays");
  npy("twice.npy", "{'descr': '<f4', 'descr': '<f4', 'shape': (2, 2), }", with_nan, sizeof with_nan);
  damaged("twice.npy", "y.npy", DATA_NPY, "given twice");
  npy("fields.npy", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }", with_nan, sizeof with_nan);
  damaged("fields.npy", "y.npy", DATA_NPY, "structured");
  npy("scalar.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", with_nan, 4);
  damaged("scalar.npy", "y.npy", DATA_NPY, "no samples");
}

static void a_missing_set_names_its_package(void **state) {
  (void)state;
  struct data_spec spec = {.format = DATA_NAMED, .dataset = "fashion-mnist", .line = 3};
  struct data_set set;
  struct why why;
  assert_int_equal(data_open(&spec, ".", folder, &set, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "apt-get install dataset-fashion-mnist"));
  spec.dataset = "mnist";
  assert_int_equal(data_open(&spec, ".", folder, &set, &why), TRAINING_ERR_INPUT);
  assert_non_null(strstr(why.text, "fashion-mnist"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_and_gzip_are_the_same), cmocka_unit_test(damage_is_named),
      cmocka_unit_test(labels_are_named_by_index),   cmocka_unit_test(npy_forms_are_converted),
      cmocka_unit_test(npy_damage_is_named),         cmocka_unit_test(a_missing_set_names_its_package)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
