/* Fast equals plain, bit for bit: temps, state and padding, under every option, thread count and back end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numeric/canon.h"
#include "numeric/reference/reference.h"
#include "numeric/soft/soft.h"
#include "tape/execute/plain.h"
#include "tape/execute/stage/stage_layers.h"
#include "tape/record/example.h"

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

/* Under ThreadSanitizer, which is fifty times slower, a quarter of the cases: what races does so in any of them, and
 * the bits are looked at in every other build. */
static uint32_t rounds(uint32_t n) {
#ifdef __SANITIZE_THREAD__
  return (n + 3) / 4;
#else
  return n;
#endif
}

/* Runs `steps` steps plain with both arithmetics, and fast under `options`. */
static void compare(struct stage *s, uint32_t steps, uint32_t variants, enum stage_content content, bool soft,
                    uint64_t seed) {
  size_t bytes = (size_t)s->tape.state_leaves * TAPE_LEAF_BYTES,
         temps_bytes = (size_t)s->tape.temp_leaves * TAPE_LEAF_BYTES;
  uint8_t *before = stage_blob(s, content), *plain = malloc(bytes + 1), *fast = aligned_alloc(64, bytes + 64);
  struct execute_options options = {.plain = !STAGE_SANITIZED, .materialise = true};
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
    for (uint32_t tries = v; !backend; tries++) backend = stage_backend(tries);
    struct execute_options o = {.backend = backend,
                                .pool = threads > 1 ? pools[threads] : NULL,
                                .materialise = v & 1,
                                .small_tasks = v % 3 != 2,
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
  for (uint64_t seed = 1; seed <= rounds(250); seed++) {
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

/* c[m, n] = sum of k, each operand stored either way round, with batches or without, either operand first. */
static void matrix_products(void **state) {
  (void)state;
  static const uint32_t m[] = {1, 2, 13, 14, 15, 29, 60}, n[] = {1, 3, 8, 9, 16, 31, 33, 70, 260},
                        k[] = {1, 5, 511, 512, 513, 1030};
  static struct stage s;
  uint64_t draw = 11;
  for (uint32_t i = 0; i < rounds(120); i++) {
    uint64_t pick = example_next(&draw);
    uint32_t rows = m[pick % 7], cols = n[pick / 7 % 9], depth = k[pick / 63 % 6], batch = 1 + pick / 400 % 3;
    if ((uint64_t)rows * cols * depth * batch > 1000000) continue; /* the definition takes its time */
    enum stage_content content = pick >> 40 & 1 ? STAGE_WILD : STAGE_PLAIN;
    stage_begin(&s, i);
    struct stage_value a = stage_data(&s, TAPE_F32, (uint64_t)batch * rows * depth, content);
    struct stage_value b = stage_data(&s, TAPE_F32, (uint64_t)batch * cols * depth, content);
    layer_product(&s, batch, rows, cols, depth, a, pick >> 41 & 1, b, pick >> 42 & 1, pick >> 43 & 1);
    stage_seal(&s);
    compare(&s, 1, 7, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* A convolution's three dots: padded, strided, dilated, narrow and wide. */
static void convolutions(void **state) {
  (void)state;
  static const struct layer_shape shape[] = {
      {2, 9, 8, 1, 6, 5, 5, 2, 1, 1},
      {3, 9, 9, 6, 16, 5, 5, 0, 1, 1},
      {2, 8, 7, 3, 10, 3, 3, 1, 1, 1},
      {2, 8, 8, 16, 33, 3, 3, 1, 1, 1},
      {2, 9, 8, 4, 8, 3, 3, 1, 2, 1},
      {1, 12, 11, 2, 5, 3, 2, 2, 3, 1},
      {2, 8, 8, 5, 7, 1, 1, 0, 2, 1},
      {2, 11, 10, 2, 4, 3, 3, 2, 1, 2},
      {9, 9, 9, 2, 3, 3, 3, 1, 1, 1},
      /* enough images for the input gradient to skip taps: unpadded, more than one chunk, strided */
      {9, 7, 7, 3, 4, 3, 3, 0, 1, 1},
      {9, 6, 6, 3, 70, 3, 3, 0, 1, 1},
      {10, 8, 8, 4, 8, 3, 3, 1, 2, 1},
      {17, 9, 8, 2, 5, 2, 3, 0, 2, 1},
  };
  static struct stage s;
  for (uint32_t i = 0; i < rounds(2 * sizeof shape / sizeof shape[0]); i++) {
    const struct layer_shape *l = &shape[i / 2];
    enum stage_content content = i % 2 ? STAGE_WILD : STAGE_PLAIN;
    stage_begin(&s, 100 + i);
    struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)l->n * l->h * l->w * l->ci, content);
    struct stage_value f = stage_data(&s, TAPE_F32, (uint64_t)l->kh * l->kw * l->ci * l->co, content);
    struct stage_value dy = stage_data(&s, TAPE_F32, (uint64_t)l->n * layer_out_h(l) * layer_out_w(l) * l->co, content);
    layer_forward(&s, l, x, f);
    layer_filter_gradient(&s, l, x, dy);
    layer_input_gradient(&s, l, dy, f);
    stage_seal(&s);
    compare(&s, 1, 9, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* A depthwise convolution's three dots: every index of the group is every channel. */
static void depthwise(struct stage *s, const struct layer_shape *l, struct stage_value x, struct stage_value f,
                      struct stage_value dy) {
  uint32_t oh = layer_out_h(l), ow = layer_out_w(l), c = l->ci;
  int32_t st = (int32_t)l->stride, di = (int32_t)l->dilation, pad = (int32_t)l->pad;
  struct tape_record y = {.op = TAPE_DOT, .reducer = TAPE_CHAIN, .out_rank = 5, .k_rank = 3};
  memcpy(y.dim, (uint32_t[]){l->n, oh, ow, c, 1, l->kh, l->kw, 1}, 8 * sizeof y.dim[0]);
  struct tape_record dw = y, dx = y;
  struct tape_operand *o = stage_operand(&y, x);
  stage_axis(o, l->n, 0, 0, 1, 0, 0);
  stage_axis(o, l->h, -pad, 1, st, 5, di);
  stage_axis(o, l->w, -pad, 2, st, 6, di);
  stage_axis(o, c, 0, 3, 1, 0, 0);
  o = stage_operand(&y, f);
  stage_axis(o, l->kh, 0, 5, 1, 0, 0);
  stage_axis(o, l->kw, 0, 6, 1, 0, 0);
  stage_axis(o, 1, 0, 7, 1, 0, 0);
  stage_axis(o, c, 0, 3, 1, 0, 0);
  stage_add(s, &y, NULL);
  memcpy(dw.dim, (uint32_t[]){l->kh, l->kw, 1, c, 1, l->n, oh, ow}, 8 * sizeof dw.dim[0]);
  o = stage_operand(&dw, x);
  stage_axis(o, l->n, 0, 5, 1, 0, 0);
  stage_axis(o, l->h, -pad, 0, di, 6, st);
  stage_axis(o, l->w, -pad, 1, di, 7, st);
  stage_axis(o, c, 0, 3, 1, 0, 0);
  o = stage_operand(&dw, dy);
  stage_axis(o, l->n, 0, 5, 1, 0, 0);
  stage_axis(o, oh, 0, 6, 1, 0, 0);
  stage_axis(o, ow, 0, 7, 1, 0, 0);
  stage_axis(o, c, 0, 3, 1, 0, 0);
  stage_add(s, &dw, NULL);
  memcpy(dx.dim, (uint32_t[]){l->n, l->h, l->w, c, 1, l->kh, l->kw, 1}, 8 * sizeof dx.dim[0]);
  o = stage_operand(&dx, dy);
  stage_axis(o, l->n, 0, 0, 1, 0, 0);
  stage_axis(o, oh, pad, 1, 1, 5, -di)->div = (uint16_t)l->stride;
  stage_axis(o, ow, pad, 2, 1, 6, -di)->div = (uint16_t)l->stride;
  stage_axis(o, c, 0, 3, 1, 0, 0);
  o = stage_operand(&dx, f);
  stage_axis(o, l->kh, 0, 5, 1, 0, 0);
  stage_axis(o, l->kw, 0, 6, 1, 0, 0);
  stage_axis(o, 1, 0, 7, 1, 0, 0);
  stage_axis(o, c, 0, 3, 1, 0, 0);
  stage_add(s, &dx, NULL);
}

static void depthwise_convolutions(void **state) {
  (void)state;
  static const struct layer_shape shape[] = {
      {9, 9, 8, 6, 6, 3, 3, 1, 1, 1},   {9, 9, 9, 17, 17, 3, 3, 1, 2, 1}, {5, 12, 11, 33, 33, 5, 5, 2, 1, 1},
      {3, 8, 8, 64, 64, 3, 2, 0, 3, 1}, {6, 11, 12, 4, 4, 3, 3, 4, 1, 2}, {7, 10, 10, 16, 16, 3, 3, 0, 1, 3},
      {2, 3, 4, 2, 2, 5, 5, 3, 2, 1},   {4, 40, 13, 3, 3, 1, 1, 0, 2, 1},
  };
  static struct stage s;
  for (uint32_t i = 0; i < rounds(2 * sizeof shape / sizeof shape[0]); i++) {
    const struct layer_shape *l = &shape[i / 2];
    enum stage_content content = i % 2 ? STAGE_WILD : STAGE_PLAIN;
    stage_begin(&s, 200 + i);
    struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)l->n * l->h * l->w * l->ci, content);
    struct stage_value f = stage_data(&s, TAPE_F32, (uint64_t)l->kh * l->kw * l->ci, content);
    struct stage_value dy = stage_data(&s, TAPE_F32, (uint64_t)l->n * layer_out_h(l) * layer_out_w(l) * l->ci, content);
    depthwise(&s, l, x, f, dy);
    stage_seal(&s);
    compare(&s, 1, 9, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* y[m] = sum over n of g[n, m], the rows of a bias gradient, chunks and all. */
static void column_sums(void **state) {
  (void)state;
  static const uint32_t n[] = {4, 511, 513, 1500}, m[] = {1, 6, 33, 700};
  static struct stage s;
  for (uint32_t i = 0; i < 16; i++) {
    stage_begin(&s, 50 + i);
    struct stage_value g = stage_data(&s, TAPE_F32, (uint64_t)n[i % 4] * m[i / 4], i % 3 ? STAGE_PLAIN : STAGE_WILD);
    struct tape_record r = {.op = TAPE_FOLD, .reducer = TAPE_CHAIN};
    r.out_rank = r.k_rank = 1;
    r.dim[0] = m[i / 4];
    r.dim[1] = n[i % 4];
    struct tape_operand *o = stage_operand(&r, g);
    stage_axis(o, n[i % 4], 0, 1, 1, 0, 0);
    stage_axis(o, m[i / 4], 0, 0, 1, 0, 0);
    stage_add(&s, &r, NULL);
    stage_seal(&s);
    compare(&s, 1, 7, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* y[m] = sum over (3, n) of g[3, n, m] h[n, 3, m]: what a batch norm's scale gets, the factors walking apart. */
static void column_products(void **state) {
  (void)state;
  static const uint32_t n[] = {2, 170, 171, 500}, m[] = {1, 6, 33, 700};
  static struct stage s;
  for (uint32_t i = 0; i < 32; i++) {
    uint32_t rows = n[i % 4], cols = m[i / 4 % 4];
    bool alike = i >= 16;
    stage_begin(&s, 90 + i);
    struct stage_value g = stage_data(&s, TAPE_F32, (uint64_t)3 * rows * cols, STAGE_PLAIN);
    struct stage_value h = stage_data(&s, TAPE_F32, (uint64_t)3 * rows * cols, i % 3 ? STAGE_PLAIN : STAGE_WILD);
    struct tape_record r = {.op = TAPE_DOT, .reducer = TAPE_CHAIN};
    r.out_rank = 1;
    r.k_rank = 2;
    r.dim[0] = cols;
    r.dim[1] = 3;
    r.dim[2] = rows;
    for (int o = 0; o < 2; o++) {
      struct tape_operand *at = stage_operand(&r, o ? h : g);
      bool turned = o && !alike;
      stage_axis(at, turned ? rows : 3, 0, turned ? 2 : 1, 1, 0, 0);
      stage_axis(at, turned ? 3 : rows, 0, turned ? 1 : 2, 1, 0, 0);
      stage_axis(at, cols, 0, 0, 1, 0, 0);
    }
    stage_add(&s, &r, NULL);
    stage_seal(&s);
    compare(&s, 1, 7, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* Max pooling: values, first taps (u8 and i32), and the gradient that reads both back through FLOOR axes. */
static void pools_of_windows(void **state) {
  (void)state;
  static const struct layer_shape shape[] = {{2, 8, 8, 6, 6, 2, 2, 0, 2, 1},
                                             {2, 7, 9, 32, 32, 2, 2, 0, 2, 1},
                                             {3, 9, 9, 5, 5, 3, 3, 0, 3, 1},
                                             {2, 8, 8, 16, 16, 3, 3, 1, 2, 1},
                                             {40, 4, 4, 3, 3, 2, 2, 0, 2, 1}};
  static struct stage s;
  for (uint32_t i = 0; i < rounds(4 * sizeof shape / sizeof shape[0]); i++) {
    const struct layer_shape *l = &shape[i / 4];
    stage_begin(&s, 200 + i);
    struct stage_value x =
        stage_data(&s, TAPE_F32, (uint64_t)l->n * l->h * l->w * l->ci, i & 1 ? STAGE_WILD : STAGE_PLAIN);
    struct stage_value dy =
        stage_data(&s, TAPE_F32, (uint64_t)l->n * layer_out_h(l) * layer_out_w(l) * l->ci, STAGE_PLAIN);
    struct stage_value max = layer_max(&s, l, x), first = layer_first(&s, l, x, max, i & 2 ? TAPE_I32 : TAPE_U8);
    if (l->kh == l->stride && l->pad == 0) layer_max_gradient(&s, l, first, dy, NULL);
    stage_seal(&s);
    compare(&s, 1, 7, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* AdamW over several steps: the state is rewritten in place, m and v while w' still needs them as they were. */
static void optimizer_steps(void **state) {
  (void)state;
  static const uint32_t size[] = {1, 511, 512, 513, 3000};
  static struct stage s;
  for (uint32_t i = 0; i < 5; i++) {
    stage_begin(&s, 300 + i);
    struct stage_value g = stage_data(&s, TAPE_F32, size[i], STAGE_WILD),
                       rates = stage_data(&s, TAPE_F32, 3, STAGE_PLAIN);
    struct stage_value w = stage_state(&s, TAPE_F32, 1, &size[i]), m = stage_state(&s, TAPE_F32, 1, &size[i]);
    struct stage_value v = stage_state(&s, TAPE_F32, 1, &size[i]);
    stage_state(&s, TAPE_F32, 1, &size[i]); /* handed on */
    layer_adamw(&s, size[i], w, m, v, g, rates);
    stage_seal(&s);
    compare(&s, 3, 9, STAGE_WILD, false, i);
    stage_end(&s);
  }
}

/* m = max, z = sum of exp(x - m), p = exp(x - m) / z along rows, with rows of NaN and infinities among them. */
static void softmax_rows(void **state) {
  (void)state;
  static const uint32_t rows[] = {1, 7, 40}, length[] = {10, 33, 128, 600, 1100};
  static struct stage s;
  for (uint32_t i = 0; i < 15; i++) {
    uint32_t n = rows[i % 3], k = length[i / 3], dim[2] = {n, k};
    stage_begin(&s, 500 + i);
    struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)n * k, i & 1 ? STAGE_WILD : STAGE_PLAIN);
    struct stage_value part[2] = {{0}};
    for (uint32_t step = 0; step < 3; step++) {
      struct tape_record r = {.op = step < 2 ? TAPE_FOLD : TAPE_MAP, .out_rank = step < 2 ? 1 : 2, .k_rank = step < 2};
      r.reducer = step == 0 ? TAPE_FMAX : step == 1 ? TAPE_LANES : TAPE_NONE;
      memcpy(r.dim, dim, sizeof dim);
      struct tape_operand *o = stage_operand(&r, x);
      stage_axis(o, n, 0, 0, 1, 0, 0);
      stage_axis(o, k, 0, 1, 1, 0, 0);
      for (uint32_t other = 0; other < step; other++) stage_axis(stage_operand(&r, part[other]), n, 0, 0, 1, 0, 0);
      if (step) {
        uint8_t e = example_op(&r, CANON_SUB, 0, 1, 0);
        e = example_op(&r, CANON_EXP, e, 0, 0);
        if (step == 2) example_op(&r, CANON_DIV, e, 2, 0);
      }
      struct stage_value v = stage_add(&s, &r, NULL);
      if (step < 2) part[step] = v;
    }
    stage_seal(&s);
    compare(&s, 1, 7, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* Gradients of a table: positions repeat within and across chunks, some lie outside. */
static void scattered_rows(void **state) {
  (void)state;
  static const uint32_t positions[] = {1, 300, 512, 1300}, width[] = {1, 5, 520};
  static struct stage s;
  for (uint32_t i = 0; i < 12; i++) {
    uint32_t t = positions[i % 4], d = width[i / 4], v = i % 2 ? 11 : 3;
    stage_begin(&s, 600 + i);
    struct stage_value at = stage_data(&s, TAPE_I32, t, STAGE_PLAIN);
    struct stage_value from = stage_data(&s, TAPE_F32, (uint64_t)t * d, i % 3 ? STAGE_PLAIN : STAGE_WILD);
    struct tape_record r = {.op = TAPE_PUT, .reducer = TAPE_CHAIN, .out_rank = 2, .k_rank = 1, .dim = {v, d, t}};
    stage_axis(stage_operand(&r, at), t, 0, 2, 1, 0, 0);
    struct tape_operand *o = stage_operand(&r, from);
    stage_axis(o, t, 0, 2, 1, 0, 0);
    stage_axis(o, d, 0, 1, 1, 0, 0);
    stage_add(&s, &r, NULL);
    stage_seal(&s);
    compare(&s, 1, 5, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* Padded layers on top of each other, one shape: values come and go in the same memory, and what was copied of one must
 * not pass for the next. Only the state is compared where memory is used again, so the last layer is written there. */
static void stacks_of_layers(void **state) {
  (void)state;
  static struct stage s;
  for (uint32_t i = 0; i < 4; i++) {
    const struct layer_shape l = {2 + i, 6, 7, 4, 4, 3, 3, 1, 1, 1};
    const uint32_t dim[] = {l.n, l.h, l.w, l.ci};
    uint64_t elements = (uint64_t)l.n * l.h * l.w * l.ci;
    stage_begin(&s, 400 + i);
    struct stage_value entry = stage_state(&s, TAPE_F32, 4, dim);
    struct stage_value x = stage_data(&s, TAPE_F32, elements, STAGE_PLAIN);
    struct stage_value f = stage_data(&s, TAPE_F32, 9 * 16, STAGE_PLAIN);
    for (int depth = 0; depth < 6; depth++) {
      struct tape_record relu = {.op = TAPE_MAP, .out_rank = 4};
      struct tape_operand *o = stage_operand(&relu, x);
      for (uint8_t d = 0; d < 4; d++) {
        relu.dim[d] = dim[d];
        stage_axis(o, dim[d], 0, d, 1, 0, 0);
      }
      uint8_t zero = example_literal(&relu, 0, false), negative = example_op(&relu, CANON_FLT, 0, zero, 0);
      example_op(&relu, CANON_SEL, negative, zero, 0);
      x = stage_add(&s, &relu, depth == 5 ? &entry : NULL);
      if (depth < 5) x = depth % 2 ? layer_input_gradient(&s, &l, x, f) : layer_forward(&s, &l, x, f);
    }
    stage_seal(&s);
    compare(&s, 2, 9, STAGE_PLAIN, false, i);
    stage_end(&s);
  }
}

/* Maps that feed each other and rewrite the state others read: forwards, backwards, shifted, broadcast. */
static void chains_of_maps(void **state) {
  (void)state;
  static const uint8_t codes[] = {CANON_ADD, CANON_SUB, CANON_MUL, CANON_DIV, CANON_FMA,
                                  CANON_MIN, CANON_MAX, CANON_EXP, CANON_NEG, CANON_SQRT};
  static struct stage s;
  for (uint64_t seed = 1; seed <= rounds(150); seed++) {
    uint64_t draw = seed;
    stage_begin(&s, seed);
    uint32_t dim[2] = {1 + (uint32_t)(example_next(&draw) >> 33) % 9, 1 + (uint32_t)(example_next(&draw) >> 33) % 160};
    struct stage_value value[20], entry[3];
    uint32_t values = 0;
    for (int i = 0; i < 3; i++) value[values++] = entry[i] = stage_state(&s, TAPE_F32, 2, dim);
    value[values++] = stage_data(&s, TAPE_F32, (uint64_t)dim[0] * dim[1], STAGE_WILD);
    for (uint32_t n = 0, out = 0; n < 8; n++) {
      struct tape_record r = {.op = TAPE_MAP, .out_rank = 2, .dim = {dim[0], dim[1]}};
      uint32_t operands = 1 + (uint32_t)(example_next(&draw) >> 33) % 3;
      for (uint32_t i = 0; i < operands; i++) {
        uint64_t pick = example_next(&draw) >> 20;
        struct tape_operand *o = stage_operand(&r, value[pick % values]);
        bool turned = pick / 64 % 5 == 0, shifted = pick / 320 % 5 == 0, row = pick / 1600 % 6 == 0;
        stage_axis(o, dim[0], shifted ? 1 : 0, 0, row ? 0 : 1, 0, 0);
        stage_axis(o, dim[1], turned ? (int32_t)dim[1] - 1 : 0, 1, turned ? -1 : 1, 0, 0);
      }
      for (uint32_t b = 0, ops = (uint32_t)(example_next(&draw) >> 33) % 4; b < ops; b++) {
        uint64_t pick = example_next(&draw) >> 20;
        uint8_t reg[3];
        for (int i = 0; i < 3; i++, pick /= 16)
          reg[i] = (uint8_t)(pick % 2 && b ? TAPE_REGISTER_BODY + pick / 2 % b : pick / 2 % operands);
        uint8_t code = codes[pick % sizeof codes], arity = canon_op(code)->arity;
        example_op(&r, code, reg[0], arity > 1 ? reg[1] : 0, arity > 2 ? reg[2] : 0);
      }
      bool writes = out < 3 && example_next(&draw) >> 40 & 1;
      struct stage_value v = stage_add(&s, &r, writes ? &entry[out] : NULL);
      if (writes)
        out++;
      else
        value[values++] = v;
    }
    stage_seal(&s);
    compare(&s, 2, 5, STAGE_WILD, false, seed);
    stage_end(&s);
  }
}

/* Maps that choose by coordinates: tensors put one behind the other along any dim, broadcast or cut, what was chosen
 * gone on with, and results that take the place of what they read. */
static void choices_by_coordinates(void **state) {
  (void)state;
  static struct stage s;
  for (uint64_t seed = 1; seed <= rounds(60); seed++) {
    uint64_t draw = seed;
#define DRAW(n) ((uint32_t)(example_next(&draw) >> 33) % (n))
    stage_begin(&s, seed);
    uint32_t dim[3] = {1 + DRAW(7), 1 + DRAW(5), DRAW(3) ? 400 + DRAW(1200) : 1 + DRAW(40)};
    uint64_t elements = (uint64_t)dim[0] * dim[1] * dim[2];
    struct stage_value entry[2], whole[6];
    uint32_t wholes = 0;
    for (int i = 0; i < 2; i++) whole[wholes++] = entry[i] = stage_state(&s, TAPE_F32, 3, dim);
    whole[wholes++] = stage_data(&s, TAPE_F32, elements, STAGE_WILD);
    struct stage_value plane = stage_data(&s, TAPE_F32, (uint64_t)dim[1] * dim[2], STAGE_WILD);
    for (uint32_t n = 0; n < 5; n++) {
      struct tape_record r = {.op = TAPE_MAP, .out_rank = 3, .dim = {dim[0], dim[1], dim[2]}};
      uint32_t operands = 2 + DRAW(4), by = DRAW(3);
      for (uint32_t i = 0; i < operands; i++) {
        uint32_t kind = DRAW(4), along = DRAW(3);
        struct tape_operand *o = stage_operand(&r, kind == 3 ? plane : whole[DRAW(wholes)]);
        for (uint32_t d = kind == 3; d < 3; d++) {
          bool moved = d == along && kind == 1, turned = d == along && kind == 2;
          int32_t offset = moved ? (int32_t)DRAW(2 * dim[d] + 1) - (int32_t)dim[d] : turned ? (int32_t)DRAW(dim[d]) : 0;
          stage_axis(o, dim[d], offset, (uint8_t)d, turned ? -1 : 1, 0, 0);
        }
      }
      uint8_t last = (uint8_t)(operands - 1);
      for (uint32_t i = 0; i + 1 < operands; i++) { /* this one at or before some place, or what came of the others */
        r.literal[r.literals] = DRAW(dim[by] + 1);
        r.literal_i32 |= (uint16_t)(1u << r.literals);
        uint8_t number = TAPE_REGISTER_LITERAL + r.literals++, base = (uint8_t)(TAPE_REGISTER_BODY + r.body_ops);
        if (DRAW(4) == 0) by = DRAW(3);
        example_op(&r, CANON_COORD, (uint8_t)by, 0, 0);
        example_op(&r, DRAW(2) ? CANON_ILT : CANON_IEQ, base, number, 0);
        uint8_t with = (uint8_t)i;
        if (DRAW(3) == 0) {
          example_op(&r, CANON_MUL, (uint8_t)i, last, 0);
          with = base + 2;
        }
        example_op(&r, CANON_SEL, base + 1, with, last);
        last = (uint8_t)(TAPE_REGISTER_BODY + r.body_ops - 1);
      }
      if (DRAW(2)) example_op(&r, CANON_ADD, last, 0, 0);
      struct stage_value v = stage_add(&s, &r, n > 2 ? &entry[n - 3] : NULL);
      if (n <= 2) whole[wholes++] = v;
    }
#undef DRAW
    stage_seal(&s);
    compare(&s, 2, 5, STAGE_WILD, false, seed);
    stage_end(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matrix_products),
      cmocka_unit_test(convolutions),
      cmocka_unit_test(column_sums),
      cmocka_unit_test(column_products),
      cmocka_unit_test(depthwise_convolutions),
      cmocka_unit_test(pools_of_windows),
      cmocka_unit_test(optimizer_steps),
      cmocka_unit_test(stacks_of_layers),
      cmocka_unit_test(softmax_rows),
      cmocka_unit_test(scattered_rows),
      cmocka_unit_test(chains_of_maps),
      cmocka_unit_test(random_records),
      cmocka_unit_test(choices_by_coordinates),
  };
  return cmocka_run_group_tests_name("execute", tests, open_pools, shut_pools);
}
