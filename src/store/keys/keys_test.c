/* Key files: sealed and opened, every byte of them; what is on the disk after each way to fail. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hex.h"
#include "store/keys/keys.h"

static char folder[64], path[128];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/keys-test-XXXXXX");
  if (sign_open(NULL) != SIGN_OK || !mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/key", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

/* Through a pipe, as from another process. */
static struct secret_line *password(const char *text) {
  struct secret_line *line = NULL;
  int fd[2];
  assert_int_equal(pipe(fd), 0);
  assert_int_equal(write(fd[1], text, strlen(text)), strlen(text));
  close(fd[1]);
  assert_int_equal(secret_line_read(fd[0], &line, NULL), STORE_OK);
  close(fd[0]);
  return line;
}

static struct sign_secret *secret(uint8_t first) {
  uint8_t seed[32] = {first};
  struct sign_secret *s;
  assert_int_equal(sign_secret_open(seed, &s), SIGN_OK);
  return s;
}

static size_t file_read(const char *name, uint8_t bytes[256]) {
  FILE *f = fopen(name, "rb");
  if (!f) return 0;
  size_t length = fread(bytes, 1, 256, f);
  fclose(f);
  return length;
}

static void file_write(const char *name, const void *bytes, size_t length, mode_t mode) {
  FILE *f = fopen(name, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, length, f), length);
  fclose(f);
  chmod(name, mode);
}

static void opens(const char *with, uint8_t first) {
  struct secret_line *p = password(with);
  struct sign_secret *s = NULL;
  struct why why;
  if (keys_open(path, p, &s, &why) != STORE_OK) fail_msg("%s", why.text);
  uint8_t seed[32] = {first};
  assert_memory_equal(sign_secret_seed(s), seed, 32);
  sign_secret_shut(&s);
  secret_line_shut(&p);
}

static void does_not_open(const char *with, const char *says) {
  struct secret_line *p = password(with);
  struct sign_secret *s = NULL;
  struct why why = {""};
  assert_int_equal(keys_open(path, p, &s, &why), STORE_ERR_INPUT);
  assert_null(s);
  if (!strstr(why.text, says)) fail_msg("\"%s\" does not say \"%s\"", why.text, says);
  secret_line_shut(&p);
}

static void make(uint8_t first, const char *with) {
  struct secret_line *p = password(with);
  struct sign_secret *s = secret(first);
  struct why why;
  if (keys_create(path, s, p, KEYFILE_COST_MACHINE, &why) != STORE_OK) fail_msg("%s", why.text);
  sign_secret_shut(&s);
  secret_line_shut(&p);
}

static void made_and_opened(void **state) {
  (void)state;
  struct stat st;
  struct sign_public public, expected;
  struct sign_secret *s = secret(5);
  umask(0);
  make(5, "correct horse");
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0600);
  assert_int_equal(st.st_size, KEYFILE_BYTES);
  opens("correct horse", 5);
  opens("correct horse\nand what follows", 5);
  does_not_open("correct horsf", "wrong password");
  does_not_open("correct horse ", "wrong password");
  assert_int_equal(keys_public(path, &public, NULL), STORE_OK);
  expected = sign_secret_public(s);
  assert_memory_equal(&public, &expected, sizeof public);
  sign_secret_shut(&s);
  uint8_t bytes[256], part[256];
  char name[160];
  file_read(path, bytes);
  for (int i = 0; i + 4 <= KEYFILE_BYTES; i++) assert_memory_not_equal(bytes + i, "\5\0\0\0\0\0\0\0", 8); /* no seed */
  snprintf(name, sizeof name, "%s.part", path);
  assert_int_equal(file_read(name, part), 0);
}

static void any_other_byte(void **state) {
  (void)state;
  uint8_t bytes[256];
  make(6, "correct horse");
  assert_int_equal(file_read(path, bytes), KEYFILE_BYTES);
  struct secret_line *p = password("correct horse");
  for (int i = 0; i < KEYFILE_BYTES; i++) {
    struct sign_secret *s = NULL;
    bytes[i] ^= i == 13 ? 0x08 : 0x01; /* memory: not much more of it */
    assert_int_equal(keyfile_unseal(bytes, KEYFILE_BYTES, p, &s, NULL), STORE_ERR_INPUT);
    assert_null(s);
    bytes[i] ^= i == 13 ? 0x08 : 0x01;
  }
  struct keyfile_head head;
  for (size_t n = 0; n < KEYFILE_BYTES; n++) assert_false(keyfile_head_read(bytes, n, &head, NULL));
  assert_false(keyfile_head_read(bytes, KEYFILE_BYTES + 1, &head, NULL));
  assert_true(keyfile_head_read(bytes, KEYFILE_BYTES, &head, NULL));
  secret_line_shut(&p);
}

/* Files that would take the machine's memory or time. */
static void costs_are_bounded(void **state) {
  (void)state;
  static const struct {
    uint32_t passes, memory_kib;
    bool good;
  } costs[] = {{1, 8 << 10, true},
               {16, 1 << 20, true},
               {0, 8 << 10, false},
               {17, 8 << 10, false},
               {1, (8 << 10) - 1, false},
               {1, (1 << 20) + 1, false},
               {UINT32_MAX, UINT32_MAX, false}};
  uint8_t bytes[256];
  struct secret_line *p = password("correct horse");
  struct sign_secret *s = secret(1);
  make(7, "correct horse");
  file_read(path, bytes);
  for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
    struct keyfile_head head;
    for (int k = 0; k < 4; k++) {
      bytes[8 + k] = (uint8_t)(costs[i].passes >> (8 * k));
      bytes[12 + k] = (uint8_t)(costs[i].memory_kib >> (8 * k));
    }
    assert_int_equal(keyfile_head_read(bytes, KEYFILE_BYTES, &head, NULL), costs[i].good);
    uint8_t out[KEYFILE_BYTES];
    if (!costs[i].good)
      assert_int_equal(keyfile_seal(s, p, (struct keyfile_cost){costs[i].passes, costs[i].memory_kib}, out, NULL),
                       STORE_ERR_INPUT);
  }
  sign_secret_shut(&s);
  secret_line_shut(&p);
}

/* Written by version 1 once: seed 01 02 .. 20, password "pass phrase". */
static void an_old_file_is_read(void **state) {
  (void)state;
  static const char file[] =
      "4153594b0100010001000000002000003a1340ad2a2816a26193fecc04f365eed13727add0b82566f5112e3ccc3b8f61"
      "2cf1451b9709645779b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664f907f3e26c79b686"
      "8d4afd3e47eff6fb6e64457a4c44adcbdf041966ddee9a3cee74847ae221c18357dde9f2f1952022";
  uint8_t bytes[KEYFILE_BYTES], seed[32];
  for (uint8_t i = 0; i < 32; i++) seed[i] = i + 1;
  assert_true(hex_decode(file, bytes, sizeof bytes));
  struct secret_line *p = password("pass phrase");
  struct sign_secret *s = NULL;
  assert_int_equal(keyfile_unseal(bytes, sizeof bytes, p, &s, NULL), STORE_OK);
  assert_memory_equal(sign_secret_seed(s), seed, 32);
  sign_secret_shut(&s);
  secret_line_shut(&p);
}

static void never_over_another(void **state) {
  (void)state;
  uint8_t before[256], after[256];
  struct secret_line *p = password("correct horse");
  struct sign_secret *s = secret(9);
  struct why why = {""};
  make(8, "first");
  file_read(path, before);
  assert_int_equal(keys_create(path, s, p, KEYFILE_COST_MACHINE, &why), STORE_ERR_INPUT);
  assert_non_null(strstr(why.text, "never overwritten"));
  assert_int_equal(file_read(path, after), KEYFILE_BYTES);
  assert_memory_equal(before, after, KEYFILE_BYTES);
  unlink(path);
  assert_int_equal(symlink("elsewhere", path), 0); /* a link is there, although what it names is not */
  assert_int_equal(keys_create(path, s, p, KEYFILE_COST_MACHINE, &why), STORE_ERR_INPUT);
  unlink(path);
  char part[160], other[160];
  snprintf(part, sizeof part, "%s.part", path);
  snprintf(other, sizeof other, "%s/other", folder);
  file_write(other, "mine", 4, 0644);
  assert_int_equal(symlink(other, part), 0); /* what is left, or put there, is not written through */
  assert_int_equal(keys_create(path, s, p, KEYFILE_COST_MACHINE, &why), STORE_OK);
  assert_int_equal(file_read(other, after), 4);
  opens("correct horse", 9);
  snprintf(path, sizeof path, "%s/no/key", folder);
  assert_int_equal(keys_create(path, s, p, KEYFILE_COST_MACHINE, &why), STORE_ERR_INPUT);
  sign_secret_shut(&s);
  secret_line_shut(&p);
}

static void another_password(void **state) {
  (void)state;
  struct secret_line *old = password("old one"), *new = password("new one");
  struct stat st;
  make(3, "old one");
  assert_int_equal(keys_change(path, new, old, KEYFILE_COST_MACHINE, NULL), STORE_ERR_INPUT);
  opens("old one", 3);
  assert_int_equal(keys_change(path, old, new, KEYFILE_COST_MACHINE, NULL), STORE_OK);
  does_not_open("old one", "wrong password");
  opens("new one", 3);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0600);
  secret_line_shut(&old);
  secret_line_shut(&new);
}

static void what_is_no_key_file(void **state) {
  (void)state;
  uint8_t bytes[256];
  does_not_open("x", "No such file");
  file_write(path, "hello", 5, 0600);
  does_not_open("x", "no key file");
  file_write(path, "", 0, 0600);
  does_not_open("x", "no key file");
  unlink(path);
  make(1, "x");
  file_read(path, bytes);
  chmod(path, 0640);
  does_not_open("x", "chmod 600");
  chmod(path, 0400);
  opens("x", 1);
  chmod(path, 0600);
  file_write(path, bytes, KEYFILE_BYTES - 1, 0600);
  does_not_open("x", "136");
  file_write(path, bytes, KEYFILE_BYTES + 1, 0600);
  does_not_open("x", "136");
  snprintf(path, sizeof path, "%s", folder);
  does_not_open("x", "not a regular file");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(made_and_opened),    TEST(any_other_byte),   TEST(costs_are_bounded),   TEST(an_old_file_is_read),
      TEST(never_over_another), TEST(another_password), TEST(what_is_no_key_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
