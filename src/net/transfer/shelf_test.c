/* What a shelf promises: only right bytes get a name, whole or not at all; quotas hold; a folder is taken up again in
 * whatever state a crash left it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "commit/state/state.h"
#include "net/transfer/shelf.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEAVES = 3 * BLOB_PIECE_LEAVES + 5, LENGTH = LEAVES * BLOB_LEAF_BYTES - 100 };

static const uint8_t alice[32] = {1}, bob[32] = {2};
static uint8_t *blob, *hashes;
static uint8_t blob_root[32];
static char folder[64];

static int set_up(void **state) {
  (void)state;
  uint64_t x = 88172645463325252u;
  uint8_t root[32];
  blob = calloc(LEAVES, BLOB_LEAF_BYTES);
  hashes = calloc(LEAVES, 64);
  for (size_t i = 0; i < LENGTH; i++) blob[i] = (uint8_t)((x ^= x << 13, x ^= x >> 7, x ^= x << 17) >> 32);
  state_root(blob, LENGTH, hashes, root);
  memcpy(blob_root, root, 32);
  state_leaf_hashes(blob, LENGTH, 0, LEAVES, hashes);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  free(blob);
  free(hashes);
  return 0;
}

static uint32_t files(void) {
  uint32_t count = 0;
  DIR *d = opendir(folder);
  for (struct dirent *e; (e = readdir(d));) count += e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0;
  closedir(d);
  return count;
}

static struct shelf *open_shelf(struct shelf_limits limits) {
  struct shelf *s;
  struct why why;
  assert_int_equal(shelf_open(&s, folder, limits, &why), SHELF_OK);
  return s;
}

static int fresh(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/shelf-XXXXXX");
  return mkdtemp(folder) ? 0 : 1;
}

static int gone(void **state) {
  (void)state;
  char command[100];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static enum shelf_status put_list(struct shelf *s, const uint8_t account[32], const uint8_t *bytes, uint64_t leaves) {
  struct shelf_list list;
  struct why why;
  enum shelf_status status = shelf_list_begin(s, blob_root, leaves, account, &list, &why);
  for (uint64_t at = 0; status == SHELF_OK && at < leaves * 32; at += 1000) {
    status = shelf_list_add(&list, bytes + at, leaves * 32 - at < 1000 ? leaves * 32 - at : 1000, &why);
    if (status != SHELF_OK) shelf_list_drop(&list);
  }
  return status == SHELF_OK ? shelf_list_end(&list, &why) : status;
}

static enum shelf_status put_piece(struct shelf *s, uint32_t index, const uint8_t *bytes, uint32_t *next) {
  struct why why;
  struct shelf_piece *piece = malloc(sizeof *piece);
  enum shelf_status status = shelf_piece_begin(s, blob_root, index, piece, &why);
  if (status == SHELF_OK) status = shelf_piece_add(piece, bytes, piece->length, &why);
  if (status == SHELF_OK) status = shelf_piece_keep(piece, next, &why);
  free(piece);
  return status;
}

static void expect_bytes(struct shelf *s) {
  uint64_t first, length;
  uint8_t *back = malloc((size_t)LEAVES * BLOB_LEAF_BYTES);
  int file = shelf_file(s, blob_root, false, &first, &length);
  assert_true(file >= 0);
  assert_int_equal(length, (uint64_t)LEAVES * BLOB_LEAF_BYTES);
  assert_int_equal(pread(file, back, length, (off_t)first), length);
  assert_memory_equal(back, blob, length);
  close(file);
  file = shelf_file(s, blob_root, true, &first, &length);
  assert_int_equal(length, LEAVES * 32);
  assert_int_equal(pread(file, back, length, (off_t)first), length);
  assert_memory_equal(back, hashes, length);
  close(file);
  free(back);
}

static void a_blob_comes_in_by_pieces_and_survives(void **state) {
  (void)state;
  struct shelf *s = open_shelf((struct shelf_limits){0});
  struct shelf_blob found;
  uint32_t next = 0;
  uint64_t first, length;
  assert_int_equal(put_piece(s, 0, blob, &next), SHELF_NONE);
  assert_int_equal(put_list(s, alice, hashes, LEAVES), SHELF_OK);
  assert_int_equal(put_piece(s, 1, blob + BLOB_PIECE_BYTES, &next), SHELF_ORDER);
  assert_int_equal(put_piece(s, 0, blob, &next), SHELF_OK);
  assert_int_equal(put_piece(s, 1, blob + BLOB_PIECE_BYTES, &next), SHELF_OK);
  assert_int_equal(next, 2);
  assert_int_equal(put_piece(s, 0, blob, &next), SHELF_OK); /* again is harmless */
  assert_int_equal(next, 2);
  assert_int_equal(shelf_file(s, blob_root, false, &first, &length), -1);
  shelf_shut(s);
  s = open_shelf((struct shelf_limits){0});
  assert_true(shelf_find(s, blob_root, &found));
  assert_int_equal(found.next, 2);
  assert_memory_equal(found.account, alice, 32);
  assert_int_equal(put_list(s, bob, hashes, LEAVES), SHELF_OK); /* who comes second, too */
  for (uint32_t i = 2; i < 4; i++)
    assert_int_equal(put_piece(s, i, blob + (size_t)i * BLOB_PIECE_BYTES, &next), SHELF_OK);
  assert_int_equal(next, 4);
  expect_bytes(s);
  assert_int_equal(files(), 2);
  shelf_shut(s);
  s = open_shelf((struct shelf_limits){0});
  expect_bytes(s);
  assert_int_equal(shelf_used(s), LEAVES * (BLOB_LEAF_BYTES + 32));
  /* Who reads it reads on. */
  int file = shelf_file(s, blob_root, false, &first, &length);
  assert_int_equal(shelf_erase(s, blob_root), SHELF_OK);
  assert_int_equal(shelf_erase(s, blob_root), SHELF_NONE);
  char byte;
  assert_int_equal(pread(file, &byte, 1, 4096), 1);
  close(file);
  assert_int_equal(files(), 0);
  shelf_shut(s);
}

static void wrong_bytes_are_refused_at_their_leaf(void **state) {
  (void)state;
  struct shelf *s = open_shelf((struct shelf_limits){0});
  struct why why;
  uint32_t next;
  for (uint32_t i = 0; i < LEAVES; i += 37) {
    hashes[i * 32 + i % 32] ^= 4;
    assert_int_equal(put_list(s, alice, hashes, LEAVES), SHELF_WRONG);
    hashes[i * 32 + i % 32] ^= 4;
  }
  assert_int_equal(put_list(s, alice, hashes, LEAVES - 1), SHELF_WRONG);
  assert_int_equal(put_list(s, alice, hashes, LEAVES + 1), SHELF_WRONG); /* the next hash is 0: of no leaf */
  assert_int_equal(put_list(s, alice, hashes, 0), SHELF_WRONG);
  assert_int_equal(files(), 0);
  assert_int_equal(put_list(s, alice, hashes, LEAVES), SHELF_OK);
  assert_int_equal(put_list(s, alice, hashes, LEAVES - 1), SHELF_WRONG);
  struct shelf_piece *piece = malloc(sizeof *piece);
  for (uint32_t leaf = 0; leaf < BLOB_PIECE_LEAVES; leaf += 5) {
    assert_int_equal(shelf_piece_begin(s, blob_root, 0, piece, &why), SHELF_OK);
    uint32_t at = leaf * BLOB_LEAF_BYTES + leaf * 16;
    blob[at] ^= 1;
    if (leaf) assert_int_equal(shelf_piece_add(piece, blob, leaf * BLOB_LEAF_BYTES, &why), SHELF_OK);
    assert_int_equal(shelf_piece_add(piece, blob + leaf * BLOB_LEAF_BYTES, BLOB_LEAF_BYTES - 1, &why), SHELF_OK);
    assert_int_equal(shelf_piece_keep(piece, &next, &why), SHELF_WRONG);
    assert_int_equal(shelf_piece_add(piece, blob + (leaf + 1) * BLOB_LEAF_BYTES - 1, 1, &why), SHELF_WRONG);
    blob[at] ^= 1;
  }
  free(piece);
  struct shelf_blob found;
  assert_true(shelf_find(s, blob_root, &found));
  assert_int_equal(found.next, 0);
  shelf_shut(s);
}

static void a_damaged_part_is_cut_where_it_is_wrong(void **state) {
  (void)state;
  for (uint32_t wrong = 0; wrong < 3; wrong++) {
    struct shelf *s = open_shelf((struct shelf_limits){0});
    uint32_t next;
    assert_int_equal(put_list(s, alice, hashes, LEAVES), SHELF_OK);
    for (uint32_t i = 0; i < 3; i++)
      assert_int_equal(put_piece(s, i, blob + (size_t)i * BLOB_PIECE_BYTES, &next), SHELF_OK);
    shelf_shut(s);
    char path[160], hex[65], *end = hex;
    for (size_t i = 0; i < 32; i++) end += sprintf(end, "%02x", blob_root[i]);
    snprintf(path, sizeof path, "%s/%s.part", folder, hex);
    int file = open(path, O_WRONLY);
    assert_int_equal(pwrite(file, "?", 1, (off_t)wrong * BLOB_PIECE_BYTES + 70000), 1);
    close(file);
    s = open_shelf((struct shelf_limits){0});
    assert_int_equal(put_piece(s, 3, blob + 3 * (size_t)BLOB_PIECE_BYTES, &next), SHELF_ORDER);
    for (uint32_t i = wrong; i < 4; i++) {
      assert_int_equal(put_piece(s, i, blob + (size_t)i * BLOB_PIECE_BYTES, &next), SHELF_OK);
      assert_int_equal(next, i + 1);
    }
    expect_bytes(s);
    assert_int_equal(shelf_erase(s, blob_root), SHELF_OK);
    shelf_shut(s);
  }
}

static void a_folder_is_tidied(void **state) {
  (void)state;
  static const char *const names[] = {"list.0",
                                      "list.77",
                                      "notes.txt",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.part",
                                      "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.leaves"};
  for (size_t i = 0; i < 6; i++) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(file, path, 100), 100);
    close(file);
  }
  struct shelf *s = open_shelf((struct shelf_limits){0});
  assert_int_equal(files(), 1); /* the notes are not ours */
  assert_int_equal(shelf_used(s), 0);
  if (fork() == 0) {
    struct shelf *second;
    struct why why;
    _exit(shelf_open(&second, folder, (struct shelf_limits){0}, &why) == SHELF_DISK ? 0 : 1);
  }
  int status;
  wait(&status);
  assert_int_equal(status, 0);
  shelf_shut(s);
}

static bool count_blobs(void *context, const struct shelf_blob *b) {
  (void)b;
  return ++*(uint32_t *)context < 100;
}

static void quotas_hold(void **state) {
  (void)state;
  const uint64_t cost = BLOB_LEAF_BYTES + 32;
  struct shelf *s = open_shelf((struct shelf_limits){.bytes = 10 * cost, .account_bytes = 6 * cost});
  struct why why = {""};
  uint8_t root[32];
  uint32_t count = 0;
  assert_int_equal(shelf_put(s, blob, 4 * BLOB_LEAF_BYTES, alice, root, &why), SHELF_OK);
  assert_int_equal(shelf_put(s, blob + 8192, 3 * BLOB_LEAF_BYTES, alice, root, &why), SHELF_QUOTA);
  assert_non_null(strstr(why.text, "quota of the account"));
  assert_int_equal(shelf_put(s, blob, 4 * BLOB_LEAF_BYTES, bob, root, &why), SHELF_OK); /* it is there */
  assert_int_equal(shelf_put(s, blob + 8192, 5 * BLOB_LEAF_BYTES, bob, root, &why), SHELF_OK);
  const uint8_t carol[32] = {3};
  assert_int_equal(shelf_put(s, blob + 4096, 2 * BLOB_LEAF_BYTES, carol, root, &why), SHELF_QUOTA);
  assert_non_null(strstr(why.text, "quota of this store"));
  assert_int_equal(shelf_put(s, blob + 4096, 1, carol, root, &why), SHELF_OK);
  assert_int_equal(shelf_used(s), 10 * cost);
  shelf_walk(s, count_blobs, &count);
  assert_int_equal(count, 3);
  /* What is announced counts. */
  assert_int_equal(shelf_erase(s, root), SHELF_OK);
  struct shelf_list list;
  assert_int_equal(shelf_list_begin(s, blob_root, 1, carol, &list, &why), SHELF_OK);
  assert_int_equal(shelf_put(s, blob + 4096, 1, carol, root, &why), SHELF_QUOTA);
  shelf_list_drop(&list);
  assert_int_equal(shelf_put(s, blob + 4096, 1, carol, root, &why), SHELF_OK);
  assert_int_equal(shelf_expire(s, INT64_MAX, 0), 0);
  assert_int_equal(shelf_expire(s, 0, INT64_MAX), 3);
  assert_int_equal(files(), 0);
  shelf_shut(s);
}

static void *put_all(void *context) {
  struct why why;
  uint8_t root[32];
  enum shelf_status status = shelf_put(context, blob, LENGTH, alice, root, &why);
  return (void *)(uintptr_t)(status != SHELF_OK || memcmp(root, blob_root, 32) != 0);
}

static void threads_that_put_one_blob_help_each_other(void **state) {
  (void)state;
  for (int round = 0; round < 5; round++) {
    struct shelf *s = open_shelf((struct shelf_limits){0});
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, put_all, s), 0);
    for (int i = 0; i < 4; i++) {
      void *failed;
      pthread_join(threads[i], &failed);
      assert_null(failed);
    }
    expect_bytes(s);
    assert_int_equal(files(), 2);
    shelf_erase(s, blob_root);
    shelf_shut(s);
  }
}

/* A limit on the size of files stands for a full disk. */
static void a_full_disk_leaves_nothing_half(void **state) {
  (void)state;
  if (fork() == 0) {
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){2500000, 2500000});
    struct shelf *s;
    struct why why = {""};
    uint8_t root[32];
    struct shelf_blob found;
    bool good = shelf_open(&s, folder, (struct shelf_limits){0}, &why) == SHELF_OK &&
                shelf_put(s, blob, LENGTH, alice, root, &why) == SHELF_DISK && strstr(why.text, "removed") &&
                !shelf_find(s, blob_root, &found) && shelf_used(s) == 0 &&
                shelf_put(s, blob, 2000000, alice, root, &why) == SHELF_OK;
    _exit(good ? 0 : 1);
  }
  int status;
  wait(&status);
  assert_int_equal(status, 0);
  assert_int_equal(files(), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_blob_comes_in_by_pieces_and_survives, fresh, gone),
      cmocka_unit_test_setup_teardown(wrong_bytes_are_refused_at_their_leaf, fresh, gone),
      cmocka_unit_test_setup_teardown(a_damaged_part_is_cut_where_it_is_wrong, fresh, gone),
      cmocka_unit_test_setup_teardown(a_folder_is_tidied, fresh, gone),
      cmocka_unit_test_setup_teardown(quotas_hold, fresh, gone),
      cmocka_unit_test_setup_teardown(threads_that_put_one_blob_help_each_other, fresh, gone),
      cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing_half, fresh, gone),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
