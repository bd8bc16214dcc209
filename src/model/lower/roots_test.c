/* Known answers: tape roots of `lower 1`. A change here is a change of the function, and needs a new LOWER_VERSION once
 * the first vectors are published. The roots hold under every compiler and option. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "crypto/sha256.h"
#include "model/lower/lower.h"

/* model | init | train | evaluate | schedule: the first 8 bytes of each tape's root, and of the SHA-256 of the schedule
 */
struct vector {
  const char *model, *expect;
  bool mse, adamw, seed;
};
static const struct vector vectors[] = {
#include "model/lower/vectors/lower1.inc"
};

static struct lower_options options_of(const struct vector *v) {
  struct lower_options o = {.init = v->seed ? INIT_SEED : INIT_MODEL,
                            .loss = {.name = v->mse ? LOSS_MSE : LOSS_CROSS_ENTROPY,
                                     .label_smoothing = v->seed ? 0.1f : 0,
                                     .ignore_index = -100},
                            .optimizer = {.lr = 0.01f, .momentum = 0.9f, .weight_decay = 0.001f, .nesterov = true},
                            .schedule = {.name = SCHEDULE_COSINE, .warmup = 7, .end = 0.1f},
                            .clip_norm = v->seed ? 1 : 0,
                            .dropout = -1,
                            .batch = 32,
                            .updates = 100,
                            .evaluate_batch = 64,
                            .shuffle = true,
                            .drop_last = true,
                            .train = {.samples = 1000,
                                      .input_dtype = TAPE_U8,
                                      .target_dtype = TAPE_U8,
                                      .input_rank = 2,
                                      .input_dim = {28, 28},
                                      .scale = 1.0f / 255}};
  if (v->adamw)
    o.optimizer = (struct optimizer_options){
        .name = OPTIMIZER_ADAMW, .lr = 0.001f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f, .weight_decay = 0.01f};
  if (v->mse) {
    struct sample_shape *s = &o.train;
    s->input_dtype = s->target_dtype = TAPE_F32;
    s->input_rank = s->target_rank = 1;
    s->input_dim[0] = 8;
    s->target_dim[0] = 2;
  }
  o.test = o.train;
  o.test.samples = 300;
  return o;
}

static void check(void **state) {
  char path[128], got[5 * 17 + 1];
  (void)state;
  for (size_t n = 0; n < sizeof vectors / sizeof vectors[0]; n++) {
    const struct vector *v = &vectors[n];
    struct lower_options o = options_of(v);
    struct arena arena;
    struct onnx_model model;
    struct lowered l;
    struct why why;
    uint8_t root[32];
    snprintf(path, sizeof path, "../../tests/models/%s.onnx", v->model);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s is not there", path);
    uint8_t *bytes = malloc(1 << 22);
    size_t length = fread(bytes, 1, 1 << 22, f);
    fclose(f);
    assert_true(arena_open(&arena, (size_t)1 << 28));
    if (onnx_decode(bytes, length, NULL, NULL, &arena, &model, &why) != ONNX_OK) fail_msg("%s: %s", path, why.text);
    if (lower_job(&model, &o, &arena, &l, &why) != LOWER_OK) fail_msg("%s: %s", path, why.text);
    for (uint32_t t = 0; t < 4; t++) {
      if (t < 3)
        tape_root(&l.tape[t], root);
      else
        sha256_parts(&(struct sha256_part){l.data[DATA_SCHEDULE], l.data_bytes[DATA_SCHEDULE]}, 1, root);
      hex_encode(root, 8, got + 17 * t);
      got[17 * t + 16] = t < 3 ? ' ' : 0;
    }
    if (strcmp(got, v->expect) != 0) fail_msg("%s lowers to\n  %s, not\n  %s", v->model, got, v->expect);
    free(bytes);
    arena_shut(&arena);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(check)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
