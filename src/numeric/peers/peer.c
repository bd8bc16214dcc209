#include "numeric/peers/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t peer_now_ns(int argc, char **argv) {
  struct timespec t;
  clock_gettime(argc > 1 && atoi(argv[1]) == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

float *peer_numbers(int64_t count, uint64_t seed) {
  float *x = aligned_alloc(64, ((size_t)count * sizeof *x + 63) / 64 * 64);
  if (!x) exit(3);
  for (int64_t i = 0; i < count; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    x[i] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
  }
  return x;
}

int peer_talk(int argc, char **argv, int64_t (*prepare)(const char *line), void (*run)(void)) {
  char line[256];
  int64_t runs = 0;
  while (fgets(line, sizeof line, stdin)) {
    int64_t start = peer_now_ns(argc, argv);
    if (strcmp(line, "time\n") == 0) {
      for (int64_t r = 0; r < runs; r++) run();
      printf("%" PRId64 "\n", peer_now_ns(argc, argv) - start);
    } else {
      runs = prepare(line);
      if (runs == 0) return 2;
      run();
      printf("ready\n");
    }
    fflush(stdout);
  }
  return 0;
}

static struct {
  struct peer_shape shape;
  peer_multiply *multiply;
  float *a, *b, *c;
} product;

static int64_t prepare_product(const char *line) {
  struct peer_shape *s = &product.shape;
  if (sscanf(line, "shape %" SCNd64 " %" SCNd64 " %" SCNd64 " %d %d %" SCNd64 " %" SCNd64, &s->m, &s->n, &s->k,
             &s->a_turned, &s->b_turned, &s->batch, &s->runs) != 7)
    return 0;
  free(product.a), free(product.b), free(product.c);
  product.a = peer_numbers(s->batch * s->m * s->k, 1);
  product.b = peer_numbers(s->batch * s->k * s->n, 2);
  product.c = peer_numbers(s->batch * s->m * s->n, 3);
  return s->runs;
}

static void run_product(void) {
  const struct peer_shape *s = &product.shape;
  for (int64_t x = 0; x < s->batch; x++)
    product.multiply(s, product.a + x * s->m * s->k, product.b + x * s->k * s->n, product.c + x * s->m * s->n);
}

int peer_main(int argc, char **argv, peer_multiply *multiply) {
  product.multiply = multiply;
  int status = peer_talk(argc, argv, prepare_product, run_product);
  free(product.a), free(product.b), free(product.c);
  return status;
}
