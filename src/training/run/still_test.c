/* A training step asks the system for no memory: everything was taken when the executor was opened. The linker turns
 * each call of malloc and its kin from our code into one of the functions here (CMakeLists.txt). */
#define _DEFAULT_SOURCE
#include "training/run/prepare.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static _Atomic uint32_t taken;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void **out, size_t alignment, size_t bytes);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t bytes) {
  taken++;
  return __real_malloc(bytes);
}
void *__wrap_calloc(size_t count, size_t bytes) {
  taken++;
  return __real_calloc(count, bytes);
}
void *__wrap_realloc(void *at, size_t bytes) {
  taken++;
  return __real_realloc(at, bytes);
}
void *__wrap_aligned_alloc(size_t alignment, size_t bytes) {
  taken++;
  return __real_aligned_alloc(alignment, bytes);
}
int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes) {
  taken++;
  return __real_posix_memalign(out, alignment, bytes);
}
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset) {
  taken++;
  return __real_mmap(at, bytes, protection, flags, fd, offset);
}

enum { SAMPLES = 64, PIXELS = 28 * 28 };

static void write_data(const char *folder) {
  static float picture[SAMPLES * PIXELS];
  static int32_t label[SAMPLES];
  char path[96];
  struct why why = {""};
  const uint32_t dim[4] = {SAMPLES, 1, 28, 28};
  for (uint32_t i = 0; i < SAMPLES * PIXELS; i++) picture[i] = (float)(i * 2654435761u >> 24) / 256;
  for (uint32_t i = 0; i < SAMPLES; i++) label[i] = (int32_t)(i % 10);
  snprintf(path, sizeof path, "%s/x.npy", folder);
  assert_int_equal(data_save_npy(path, TAPE_F32, 4, dim, picture, &why), TRAINING_OK);
  snprintf(path, sizeof path, "%s/y.npy", folder);
  assert_int_equal(data_save_npy(path, TAPE_I32, 1, dim, label, &why), TRAINING_OK);
}

/* LeNet: products, convolutions, pools, maps, folds, the optimizer; on one thread and on three. */
static void a_step_takes_no_memory(void **state) {
  (void)state;
  char folder[] = "/tmp/assay-still-XXXXXX", path[96];
  assert_non_null(mkdtemp(folder));
  write_data(folder);
  snprintf(path, sizeof path, "%s/job.yaml", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fprintf(f, "assay: 1\nmodel: " ASSAY_MODELS "/lenet.onnx\ninit: seed\n"
             "data:\n  train: {format: npy, inputs: x.npy, targets: y.npy}\n"
             "loss: cross_entropy\noptimizer: {name: adamw, lr: 1e-3}\nbatch: 16\nupdates: 100\nseed: 1\n");
  assert_int_equal(fclose(f), 0);
  struct prepared *p = calloc(1, sizeof *p);
  struct prepare_options options = {.threads = 1};
  struct why why = {""};
  if (prepare_open(p, path, &options, &why) != TRAINING_OK) fail_msg("%s", why.text);
  for (uint32_t threads = 1; threads <= 3; threads += 2) {
    struct pool *pool = pool_open(threads);
    struct execute_options execute = {.pool = pool};
    struct execute *x[2];
    uint8_t *blob = aligned_alloc(64, p->state_bytes);
    memset(blob, 0, p->state_bytes);
    uint32_t before = taken;
    for (uint32_t t = 0; t < 2; t++)
      if (prepare_execute(p, t, &execute, &x[t], &why) != TRAINING_OK) fail_msg("%s", why.text);
    assert_true(taken > before); /* they are counted */
    execute_step(x[0], blob, 0, p->job.seed);
    before = taken;
    for (uint32_t step = 1; step < 6; step++) execute_step(x[1], blob, step, p->job.seed);
    assert_int_equal(taken, before);
    for (uint32_t t = 0; t < 2; t++) execute_shut(x[t]);
    free(blob);
    pool_shut(pool);
  }
  prepare_shut(p);
  free(p);
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, i == 0 ? "x.npy" : i == 1 ? "y.npy" : "job.yaml");
    unlink(path);
  }
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_takes_no_memory)};
  return cmocka_run_group_tests_name("still", tests, NULL, NULL);
}
