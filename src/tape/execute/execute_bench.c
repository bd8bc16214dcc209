/* Times records of the usual layers, one or more threads: execute_bench [threads]. A line each: milliseconds a step,
 * GFLOP/s or nanoseconds an element. Bits are execute_test's business. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tape/execute/stage/stage_layers.h"

static struct pool *threads;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return ((double)t.tv_sec + 1e-9 * (double)t.tv_nsec) /
         pool_threads(threads); /* processor time: others may be at work here */
}

static bool free_order;

static void measure(struct stage *s, const char *name, double flops, double elements) {
  struct execute_options options = {
      .pool = threads, .free_order = free_order, .materialise = true}; /* nothing left out */
  struct execute *x;
  struct why why;
  stage_seal(s);
  if (execute_open(&x, &s->tape, (const void *const *)s->data, &options, &why) != EXECUTE_OK) {
    fprintf(stderr, "%s: %s\n", name, why.text);
    exit(1);
  }
  uint8_t *state = stage_blob(s, STAGE_PLAIN);
  double best = 1e9, start = now();
  for (uint32_t step = 0; step < 5 || now() - start < 0.3; step++) {
    double t = now();
    execute_step(x, state, step, 1);
    t = now() - t;
    if (step && t < best) best = t;
  }
  printf("%-44s %8.3f ms", name, best * 1e3);
  if (flops > 0) printf(" %7.1f GFLOP/s", flops / best * 1e-9);
  if (elements > 0) printf(" %7.3f ns/element", best / elements * 1e9);
  putchar('\n');
  execute_shut(x);
  free(state);
  stage_end(s);
}

static void product(uint32_t m, uint32_t n, uint32_t k, bool a_turned, bool b_turned) {
  static struct stage s;
  char name[80];
  stage_begin(&s, 1);
  struct stage_value a = stage_data(&s, TAPE_F32, (uint64_t)m * k, STAGE_PLAIN),
                     b = stage_data(&s, TAPE_F32, (uint64_t)n * k, STAGE_PLAIN);
  layer_product(&s, 1, m, n, k, a, a_turned, b, b_turned, false);
  snprintf(name, sizeof name, "gemm %u x %u x %u %c%c", m, n, k, a_turned ? 'T' : 'N', b_turned ? 'T' : 'N');
  measure(&s, name, 2.0 * m * n * k, 0);
}

static void convolution(struct layer_shape l) {
  static struct stage s;
  static const char *const part[] = {"forward", "filter gradient", "input gradient"};
  double flops = 2.0 * l.n * layer_out_h(&l) * layer_out_w(&l) * l.co * l.kh * l.kw * l.ci;
  for (int p = 0; p < 3; p++) {
    char name[80];
    stage_begin(&s, 2);
    struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)l.n * l.h * l.w * l.ci, STAGE_PLAIN);
    struct stage_value f = stage_data(&s, TAPE_F32, (uint64_t)l.kh * l.kw * l.ci * l.co, STAGE_PLAIN);
    struct stage_value dy =
        stage_data(&s, TAPE_F32, (uint64_t)l.n * layer_out_h(&l) * layer_out_w(&l) * l.co, STAGE_PLAIN);
    if (p == 0) layer_forward(&s, &l, x, f);
    if (p == 1) layer_filter_gradient(&s, &l, x, dy);
    if (p == 2) layer_input_gradient(&s, &l, dy, f);
    snprintf(name, sizeof name, "conv %ux%u %u>%u %ux%u pad %u %s", l.kh, l.kw, l.ci, l.co, l.h, l.w, l.pad, part[p]);
    measure(&s, name, flops, 0);
  }
}

static void pool_of(struct layer_shape l) {
  static struct stage s;
  char name[80];
  double elements = (double)l.n * l.h * l.w * l.ci;
  for (int back = 0; back < 2; back++) {
    stage_begin(&s, 3);
    struct stage_value x = stage_data(&s, TAPE_F32, (uint64_t)elements, STAGE_PLAIN);
    struct stage_value dy =
        stage_data(&s, TAPE_F32, (uint64_t)l.n * layer_out_h(&l) * layer_out_w(&l) * l.ci, STAGE_PLAIN);
    struct stage_value first =
        stage_data(&s, TAPE_U8, (uint64_t)l.n * layer_out_h(&l) * layer_out_w(&l) * l.ci, STAGE_PLAIN);
    if (back) {
      layer_max_gradient(&s, &l, first, dy, NULL);
    } else {
      struct stage_value max = layer_max(&s, &l, x);
      layer_first(&s, &l, x, max, TAPE_U8);
    }
    snprintf(name, sizeof name, "max pool %u, %ux%ux%u %s", l.kh, l.h, l.w, l.ci, back ? "gradient" : "and first");
    measure(&s, name, 0, elements);
  }
}

static void adamw(uint32_t elements) {
  static struct stage s;
  char name[80];
  stage_begin(&s, 4);
  struct stage_value g = stage_data(&s, TAPE_F32, elements, STAGE_PLAIN),
                     rates = stage_data(&s, TAPE_F32, 3, STAGE_PLAIN);
  struct stage_value w = stage_state(&s, TAPE_F32, 1, &elements), m = stage_state(&s, TAPE_F32, 1, &elements);
  struct stage_value v = stage_state(&s, TAPE_F32, 1, &elements);
  layer_adamw(&s, elements, w, m, v, g, rates);
  snprintf(name, sizeof name, "adamw %u", elements);
  measure(&s, name, 0, elements);
}

static void column(uint32_t n, uint32_t m) {
  static struct stage s;
  char name[80];
  stage_begin(&s, 5);
  struct stage_value g = stage_data(&s, TAPE_F32, (uint64_t)n * m, STAGE_PLAIN);
  struct tape_record r = {.op = TAPE_FOLD, .reducer = TAPE_CHAIN, .out_rank = 1, .k_rank = 1, .dim = {m, n}};
  struct tape_operand *o = stage_operand(&r, g);
  stage_axis(o, n, 0, 1, 1, 0, 0);
  stage_axis(o, m, 0, 0, 1, 0, 0);
  stage_add(&s, &r, NULL);
  snprintf(name, sizeof name, "column sums of %u x %u", n, m);
  measure(&s, name, 0, (double)n * m);
}

int main(int argc, char **argv) {
  uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
  free_order = argc > 2 && strcmp(argv[2], "free") == 0;
  if (count > 1 && !(threads = pool_open(count))) return 1;
  product(128, 512, 784, false, false);
  product(784, 512, 128, true, false);
  product(128, 256, 512, false, false);
  product(512, 256, 128, true, false);
  product(128, 512, 256, false, true);
  product(128, 10, 256, false, false);
  product(256, 10, 128, true, false);
  product(128, 256, 10, false, true);
  product(1024, 1024, 1024, false, false);
  convolution((struct layer_shape){128, 28, 28, 1, 6, 5, 5, 2, 1, 1});
  convolution((struct layer_shape){128, 14, 14, 6, 16, 5, 5, 0, 1, 1});
  convolution((struct layer_shape){128, 28, 28, 1, 32, 3, 3, 1, 1, 1});
  convolution((struct layer_shape){128, 14, 14, 32, 64, 3, 3, 1, 1, 1});
  pool_of((struct layer_shape){128, 28, 28, 6, 6, 2, 2, 0, 2, 1});
  pool_of((struct layer_shape){128, 10, 10, 16, 16, 2, 2, 0, 2, 1});
  pool_of((struct layer_shape){128, 28, 28, 32, 32, 2, 2, 0, 2, 1});
  adamw(784 * 512);
  column(128, 512);
  column(128 * 28 * 28, 6);
  column(128 * 28 * 28, 32);
  pool_shut(threads);
  return 0;
}
