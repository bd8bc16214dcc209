/* Fast equals plain, bit for bit: temps, state and padding, under every option, thread count and back end. */
#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "numeric/canon.h"
#include "numeric/reference/reference.h"
#include "numeric/soft/soft.h"
#include "tape/execute/plain.h"
#include "tape/execute/stage.h"
#include "tape/record/example.h"

static const char *const backends[] = {"scalar", "avx2", "avx512", "neon"};
static struct pool *pools[5];

static int open_pools(void **state) {
  (void)state;
  for (uint32_t n = 2; n <= 4; n++)
    if (!(pools[n] = pool_open(n))) return -1;
  return 0;
}

static int shut_pools(void **state) {
  (void)state;
  for (uint32_t n = 2; n <= 4; n++) pool_shut(pools[n]);
  return 0;
}

static void differ(const struct stage *s, const char *what, const char *options, const uint8_t *a, const uint8_t *b,
                   size_t bytes, uint64_t seed) {
  size_t i = 0;
  while (i < bytes && a[i] == b[i]) i++;
  if (i == bytes) return;
  uint32_t words[2];
  memcpy(&words[0], a + i / 4 * 4, 4);
  memcpy(&words[1], b + i / 4 * 4, 4);
  for (uint32_t n = 0; n < s->tape.records_count; n++) {
    const struct tape_record *r = &s->record[n];
    bool here = (r->space == TAPE_TEMP) == (what[0] == 't') && i / TAPE_LEAF_BYTES >= r->first_leaf &&
                i / TAPE_LEAF_BYTES < r->first_leaf + record_leaves(r);
    if (here)
      fprintf(stderr, "record %u op %u reducer %u dtype %u dims %u+%u: %u %u %u %u %u\n", n, r->op, r->reducer,
              r->dtype, r->out_rank, r->k_rank, r->dim[0], r->dim[1], r->dim[2], r->dim[3], r->dim[4]);
  }
  fail_msg("%s differ at byte %zu (seed %llu, %s): plain %08x, fast %08x", what, i, (unsigned long long)seed, options,
           words[0], words[1]);
}

/* Runs `steps` steps plain with both arithmetics, and fast under `options`. */
static void compare(struct stage *s, uint32_t steps, uint32_t variants, enum stage_content content, bool soft,
                    uint64_t seed) {
  size_t bytes = (size_t)s->tape.state_leaves * TAPE_LEAF_BYTES,
         temps_bytes = (size_t)s->tape.temp_leaves * TAPE_LEAF_BYTES;
  uint8_t *before = stage_blob(s, content), *plain = malloc(bytes + 1), *fast = aligned_alloc(64, bytes + 64);
  struct execute_options options = {.plain = true};
  struct execute *x;
  struct why why;
  assert_int_equal(execute_open(&x, &s->tape, (const void *const *)s->data, &options, &why), EXECUTE_OK);
  uint8_t *state = aligned_alloc(64, bytes + 64);
  memcpy(state, before, bytes);
  for (uint32_t step = 0; step < steps; step++) execute_step(x, state, 5 + step, seed);
  memcpy(plain, state, bytes);
  if (soft && steps == 1) {
    uint8_t *temps = calloc(1, temps_bytes + 1);
    struct plain_memory memory = {before, fast, temps, (const void *const *)s->data};
    memset(fast, 0, bytes);
    for (uint32_t n = 0; n < s->tape.records_count; n++)
      plain_record(&s->record[n], &memory, soft_apply, 5, seed, NULL);
    differ(s, "temps", "soft", execute_temps(x), temps, temps_bytes, seed);
    differ(s, "state", "soft", plain, fast, bytes, seed);
    free(temps);
  }
  for (uint32_t v = 0; v < variants; v++) {
    uint64_t draw = seed * 31 + v;
    uint32_t threads = 1 + (uint32_t)(example_next(&draw) >> 40) % 4;
    const struct backend *backend = NULL;
    for (uint32_t tries = v; !backend; tries++) backend = backend_named(backends[tries % 4]);
    struct execute_options o = {.backend = backend,
                                .pool = threads > 1 ? pools[threads] : NULL,
                                .materialise = v & 1,
                                .recognise_nothing = (v >> 1) % 3 == 2};
    char name[100];
    snprintf(name, sizeof name, "%s, %u threads%s%s", backend->name, threads, o.materialise ? ", materialise" : "",
             o.recognise_nothing ? ", recognise nothing" : "");
    struct execute *y;
    assert_int_equal(execute_open(&y, &s->tape, (const void *const *)s->data, &o, &why), EXECUTE_OK);
    memcpy(fast, before, bytes);
    for (uint32_t step = 0; step < steps; step++) execute_step(y, fast, 5 + step, seed);
    if (o.materialise) differ(s, "temps", name, execute_temps(x), execute_temps(y), temps_bytes, seed);
    differ(s, "state", name, plain, fast, bytes, seed);
    execute_shut(y);
  }
  execute_shut(x);
  free(before), free(plain), free(fast), free(state);
}

/* Any record there is, its operands in data, state or temps of fitting sizes. */
static void random_records(void **state) {
  (void)state;
  static struct stage s;
  for (uint64_t seed = 1; seed <= 800; seed++) {
    uint64_t draw = seed;
    struct tape_record r;
    stage_begin(&s, seed);
    example_random(&r, &draw);
    for (uint8_t o = 0; o < r.operands; o++) {
      struct tape_operand *x = &r.operand[o];
      uint64_t elements = 1;
      for (uint8_t a = 0; a < x->axes; a++) elements *= x->axis[a].extent;
      uint32_t dim = (uint32_t)elements;
      struct stage_value v;
      if (x->space == TAPE_IN)
        v = stage_state(&s, x->dtype, 1, &dim);
      else
        v = stage_data(&s, x->dtype, elements, STAGE_WILD);
      if (x->space == TAPE_TEMP) {
        struct tape_record copy = {.op = TAPE_MAP, .dtype = x->dtype, .out_rank = 1, .dim = {dim}};
        stage_axis(stage_operand(&copy, v), dim, 0, 0, 1, 0, 0);
        v = stage_add(&s, &copy, NULL);
      }
      x->first_leaf = v.first_leaf;
      x->data_number = v.number;
    }
    struct stage_value to = {0};
    if (r.space == TAPE_OUT) to = stage_state(&s, r.dtype, r.out_rank, r.dim);
    stage_add(&s, &r, r.space == TAPE_OUT ? &to : NULL);
    stage_seal(&s);
    compare(&s, 1, 3, STAGE_WILD, seed % 4 == 0, seed);
    stage_end(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_records),
  };
  return cmocka_run_group_tests_name("execute", tests, open_pools, shut_pools);
}
